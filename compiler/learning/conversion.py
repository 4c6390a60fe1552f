"""A trained ReLU network as a rate-coded one of integers: normalised, rounded, with thresholds instead of scales.

Converting needs no training: one float network gives as many integer networks as there are ways to convert it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.learning.architectures import Architecture
from compiler.learning.balancing import check_percentile, data_scales, model_scales, percentile_scales
from compiler.learning.blocks import layers_of
from compiler.learning.grid import largest
from compiler.networks.network import RESETS, LayeredNetwork
from isa_spec.coding import check_encoding
from isa_spec.errors import NetworkError

NORMALISATIONS = ("model", "data", "percentile")
"""What a rate of 1 stands for: the most that weights allow, the largest answer on training frames, or a percentile."""
DECISIONS = ("count", "first")
"""What of the output's spikes decides; potentials are what spikes have left of it, and only break ties."""
POOLINGS = ("average", "or", "membrane")
"""How pools of a rate-coded network work: as the mean of rates, as their maximum by any spike, or by potential."""
_POOLS: Mapping[str, tuple[str, int | None, str]] = {
    "average": ("sumpool2d", 1, "or"),
    "or": ("maxpool2d", None, "or"),
    "membrane": ("maxpool2d", None, "membrane"),
}
"""Kind, threshold and rule of the layers."""


@dataclass(frozen=True)
class Conversion:
    """How a ReLU network becomes a rate-coded one.

    Parameters
    ----------
    bits : int
        Of the weights.
    steps : int
        For which a frame is shown.
    normalisation : str
        One of `NORMALISATIONS`.
    percentile : float
        For the last of them.
    reset : "zero" or "subtract"
    source : "even" or "bernoulli"
        Spikes of the input.
    seed : int
        Of the latter.
    by : "count" or "first"
        Most output spikes, or the first one; ties go to the largest potential.
    floor : int or None, potential units
    pooling : str
        One of `POOLINGS`; all but the first are for a ReLU network that was trained with the maximum.

    Raises
    ------
    NetworkError, FormatError
        If one of them is none of these.
    """

    bits: int = 8
    steps: int = 20
    normalisation: str = "percentile"
    percentile: float = 99.0
    reset: str = "zero"
    source: str = "even"
    seed: int = 0
    by: str = "count"
    floor: int | None = 0
    pooling: str = "average"

    def __post_init__(self) -> None:
        # All of it now: a training may lie between this and the network.
        where = "conversion"
        largest(self.bits)
        check_percentile(self.percentile)
        check_encoding(self.encoding(1), where)
        if self.by not in DECISIONS:
            raise NetworkError(f"decision by {self.by!r}, allowed: {', '.join(DECISIONS)}")
        if self.normalisation not in NORMALISATIONS:
            raise NetworkError(f"normalisation {self.normalisation!r}, allowed: {', '.join(NORMALISATIONS)}")
        if self.reset not in RESETS:
            raise NetworkError(f"reset {self.reset!r}, allowed: {', '.join(RESETS)}")
        if self.pooling not in POOLINGS:
            raise NetworkError(f"pooling {self.pooling!r}, allowed: {', '.join(POOLINGS)}")
        if self.pooling == "or" and self.reset == "subtract":
            raise NetworkError(
                "pooling 'or' with reset 'subtract', allowed: reset 'zero', since the maximum of spikes keeps nothing; "
                "take pooling 'membrane', or a processor that resets to zero"
            )
        if self.floor is not None and self.floor > 0:
            raise NetworkError(f"floor {self.floor}, allowed: 0 or below, or none")

    def encoding(self, highest: int) -> dict[str, Any]:
        """The input encoding, for values up to the highest."""
        encoding = {"kind": "rate", "steps": self.steps, "levels": highest, "source": self.source}
        return encoding | {"seed": self.seed} if self.source == "bernoulli" else encoding

    def decode(self, classes: int) -> dict[str, Any]:
        """How so many output units are one class each."""
        return {"kind": "argmax", "classes": classes, "by": self.by, "ties": "potential"}


@dataclass(frozen=True, eq=False)
class ReluWeights:
    """A trained ReLU network, and what it did on frames of its training set.

    Parameters
    ----------
    architecture : Architecture
    weights : tuple of float64[O, I, K_h, K_w]
    activations : tuple of float32[...]
        Of each layer, before its pool.
    highest : int
        Largest value of the frames.
    """

    architecture: Architecture
    weights: tuple[np.ndarray, ...]
    activations: tuple[np.ndarray, ...]
    highest: int


def scales_of(relu: ReluWeights, conversion: Conversion) -> tuple[float, ...]:
    """What a rate of 1 stands for in each layer."""
    match conversion.normalisation:
        case "model":
            return model_scales(relu.weights)
        case "data":
            return data_scales(relu.weights, relu.activations)
    return percentile_scales(relu.activations, conversion.percentile)


def rounded(
    weights: Sequence[np.ndarray], scales: Sequence[float], bits: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Integer weights and thresholds, in the same proportion as the floats: int64[O, ...] and int64[O] each.

    The grid of a layer just holds its largest weight; a threshold is rounded to the next integer of 1 or above.

    Parameters
    ----------
    weights : list of float[O, ...]
    scales : list of float
        As `scales_of` gives them.
    bits : int
    """
    grids, thresholds = [], []
    for weight, scale, before in zip(weights, scales, [1.0, *scales[:-1]], strict=True):
        peak = float(np.abs(weight).max())
        steps = largest(bits) / peak if peak else 1.0
        grids.append(np.rint(weight * steps).astype(np.int64))
        thresholds.append(np.full(len(weight), max(1, round(steps * scale / before)), np.int64))
    return grids, thresholds


def to_rate_network(relu: ReluWeights, conversion: Conversion, name: str) -> LayeredNetwork:
    """Rate-coded network; of an average pool, units fire when as many spikes came as their window has places.

    A maximum has no scale of its own: a pool speaks in the rates of the layer that it reads.

    Raises
    ------
    NetworkError, FormatError
        As `LayeredNetwork`.
    """
    weights, thresholds = rounded(relu.weights, scales_of(relu, conversion), conversion.bits)
    layers = layers_of(relu.architecture, weights, thresholds, *_POOLS[conversion.pooling])
    return LayeredNetwork(
        name,
        relu.architecture.input_shape,
        layers,
        conversion.encoding(relu.highest),
        conversion.decode(relu.architecture.blocks[-1].units),
        reset=conversion.reset,
        floor=conversion.floor,
    )
