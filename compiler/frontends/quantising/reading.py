"""Who reads what in a foreign model, and which sums end in a step and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.frontends.model import BatchNorm, Fire, Flat, FloatLayer, FloatModel, Pool, Scale, Step
from compiler.networks.layers import Conv2d, Shape


@dataclass(frozen=True)
class Readers:
    """The layers that read each map, by name."""

    model: FloatModel
    of: Mapping[str, tuple[FloatLayer, ...]]
    steps: bool

    def decides(self, name: str, shape: Shape) -> bool:
        """Whether all that becomes of a map, on a single way, is a step: then its sums can have thresholds.

        Parameters
        ----------
        name : str
        shape : (C, H, W)
            Of the map.
        """
        area = 1
        for layer in self.way(name):
            match layer:
                case Step() | Fire():
                    return uniform(layer, area)
                case Scale() | BatchNorm():
                    if not uniform(layer, area):
                        return False
                case Pool() if layer.rule == "max" and area == 1 and not self.steps:
                    shape = pooled_shape(layer, shape)
                case Flat() if area == 1:
                    area = shape[1] * shape[2]
                case Flat():
                    pass
                case _:
                    return False
        return False

    def answers(self, name: str) -> bool:
        """Whether all that becomes of a map, on a single way without a step, is the answer."""
        last = self.model.layers[-1].name
        return name == last or any(
            layer.name == last and not isinstance(layer, Step | Fire) for layer in self.way(name)
        )

    def way(self, name: str) -> list[FloatLayer]:
        """The layers that follow a map, as long as each is the only one that reads the one before."""
        found = []
        while len(self.of.get(name, ())) == 1:
            (layer,) = self.of[name]
            found.append(layer)
            name = layer.name
        return found


def readers_of(model: FloatModel, steps: bool) -> Readers:
    """The readers of each map; whether a frame is shown for several steps says what a maximum may become."""
    found: dict[str, list[FloatLayer]] = {}
    for layer in model.layers:
        for source in dict.fromkeys(layer.sources):
            found.setdefault(source, []).append(layer)
    return Readers(model, {name: tuple(layers) for name, layers in found.items()}, steps)


def parameters(layer: FloatLayer) -> Sequence[np.ndarray]:
    """What a layer has by channel."""
    match layer:
        case Scale():
            return layer.factor, layer.shift
        case BatchNorm():
            return layer.gamma, layer.beta, layer.mean, layer.variance
        case Step():
            return (layer.level,)
        case Fire():
            return layer.threshold, layer.gain
    return ()


def pooled_shape(layer: Pool, shape: Shape) -> Shape:
    """Shape of what a pool makes of a map.

    Raises
    ------
    NetworkError
        If the window is larger than the padded map.
    """
    ones = np.ones((shape[0], 1, *layer.kernel), np.int64)
    window = Conv2d(layer.name, layer.sources, ones, None, layer.stride, layer.padding, groups=shape[0])
    return window.output_shape([shape])


def uniform(layer: FloatLayer, area: int) -> bool:
    """Whether a layer behind flattening treats all places of a channel, so many, alike."""
    arrays = [np.asarray(array).ravel() for array in parameters(layer)]
    return all(
        len(array) == 1 or (len(array) % area == 0 and bool(np.all(array.reshape(-1, area) == array[::area, None])))
        for array in arrays
    )
