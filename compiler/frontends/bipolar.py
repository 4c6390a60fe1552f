"""Networks of -1 and +1 as networks of 0 and 1 that decide the same, exactly: +1 is a spike, -1 is none.

Every value ``v`` of such a network is ``slope * x + offset`` of the value ``x`` in its place in the 0/1 network: it is
``2 * x - 1`` for a decision, ``x`` for a frame of many values, and linear layers add these up. Where all values that a
unit reads have one slope, it fires iff ``sum(w * x) >= (threshold - sum(w * offset)) / slope``: the weights stay, the
threshold moves. Where they have not, weights take up the slope. The offsets are known when the network is read, one
for each channel, provided that a padded border has the value for which silence stands.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import lcm
from typing import TypeVar

import numpy as np

from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.networks.network import EXACT, INPUT, LayeredNetwork, beyond_exact, fineness_of
from isa_spec.errors import NetworkError

Weighted = TypeVar("Weighted", Conv2d, Dense)


@dataclass(frozen=True, eq=False)
class _Values:
    """What the channels of a map mean: ``slope * x + offset``, both int64[C], slopes above 0."""

    slope: np.ndarray
    offset: np.ndarray


def from_bipolar(network: LayeredNetwork, pads: Collection[str]) -> LayeredNetwork:
    """Network of 0 and 1 that decides as one of -1 and +1.

    Parameters
    ----------
    network : LayeredNetwork
        Its thresholds are meant for activations of -1 and +1. So is the frame if its encoding is ``binary``; of any
        other encoding, its values are read as they are.
    pads : collection of str
        Convolutions whose padding is by -1, not by 0.

    Raises
    ------
    NetworkError
        If a convolution pads with anything that is not silence, or sums go beyond exact arithmetic.
    """
    if network.rate:
        raise NetworkError(
            f"network '{network.name}': values 'bipolar' with an encoding of several steps: a step without a spike "
            "means 0, not -1; use values 'binary', or another encoding"
        )
    channels = network.input_shape[0]
    maps = {INPUT: _signs(channels)}
    if network.encoding["kind"] != "binary":
        maps[INPUT] = _Values(np.ones(channels, np.int64), np.zeros(channels, np.int64))
    fineness: dict[str, int] = {}
    layers = []
    for layer in network.layers:
        read = [maps[source] for source in layer.sources]
        if isinstance(layer, Conv2d):
            _check_padding(layer, read[0], -1 if layer.name in pads else 0)
        mapped, own = _mapped(layer, read, network)
        decides = getattr(layer, "threshold", None) is not None
        grain = lcm(*(fineness.get(source, 1) for source in layer.sources))
        layers.append(_moved(mapped, own, grain) if decides else mapped)
        fineness[layer.name] = fineness_of(layer, fineness)
        maps[layer.name] = _signs(len(own.slope)) if decides else own
    return replace(network, layers=tuple(layers))


def _signs(channels: int) -> _Values:
    return _Values(np.full(channels, 2), np.full(channels, -1))


def _check_padding(layer: Conv2d, read: _Values, pad: int) -> None:
    """Refuse a border of other values than those for which silence stands."""
    if not np.any(layer.padding) or np.all(read.offset == pad):
        return
    where, source = f"layer '{layer.name}'", layer.sources[0]
    if np.all(read.slope == 2) and np.all(read.offset == -1):
        raise NetworkError(
            f"{where}: pads a map of -1 and +1 with zeros, and 0 is neither: silence already means -1, so "
            'no spikes can stand for it; train with padding by -1 and say "pad_value": -1, or use no padding'
        )
    if np.all(read.slope == 1) and not read.offset.any():
        raise NetworkError(
            f"{where}: pads the frame by -1, whose values are read as they are: silence means 0 there; train with "
            'padding by zeros and say "pad_value": 0, or use no padding'
        )
    raise NetworkError(
        f"{where}: pads the drives of a linear layer by {pad}, which no silence stands for; give '{source}' "
        "thresholds, or use no padding"
    )


def _mapped(layer: Layer, read: list[_Values], network: LayeredNetwork) -> tuple[Layer, _Values]:
    """A layer that reads the 0/1 network, and what its sums (or its values, if it has none) mean."""
    values = read[0]
    match layer:
        case Conv2d():
            per_group = layer.weight.shape[1]
            channel = np.arange(layer.groups)[:, None] * per_group + np.arange(per_group)
            group = np.repeat(channel, len(layer.weight) // layer.groups, axis=0)
            return _weighted(layer, values, group, layer.weight.sum(axis=(2, 3)))
        case Dense():
            shape = network.shapes[layer.sources[0]]
            every = _repeated(values, shape[1] * shape[2])
            reads = np.broadcast_to(np.arange(len(every.slope)), layer.weight.shape)
            return _weighted(layer, every, reads, layer.weight)
        case Pool2d():
            if layer.threshold is not None:
                raise NetworkError(
                    f"layer '{layer.name}': a {layer.kind} with thresholds in a network of 'bipolar' values is not "
                    "supported; write it as a conv2d of one group a channel, with weights of 1"
                )
            _check_sums(layer, float(layer.kernel[0] * layer.kernel[1]), values.offset)
            area = layer.kernel[0] * layer.kernel[1] if layer.kind == "sumpool2d" else 1
            return layer, replace(values, offset=values.offset * area)
        case Add():
            return _added(layer, read)
        case Concat():
            slope, offset = (np.concatenate([getattr(part, key) for part in read]) for key in ("slope", "offset"))
            return layer, _Values(slope, offset)
        case Flatten():
            shape = network.shapes[layer.sources[0]]
            return layer, _repeated(values, shape[1] * shape[2])


def _repeated(values: _Values, times: int) -> _Values:
    return _Values(np.repeat(values.slope, times), np.repeat(values.offset, times))


def _weighted(layer: Weighted, values: _Values, reads: np.ndarray, weight: np.ndarray) -> tuple[Weighted, _Values]:
    """A convolution or dense layer: output ``o`` reads ``values`` number ``reads[o]`` with ``weight[o]`` in all."""
    size = float(np.abs(layer.weight.astype(np.float64)).reshape(len(layer.weight), -1).sum(axis=1).max())
    _check_sums(layer, size, values.offset)
    offset = (weight * values.offset[reads]).sum(axis=1)
    if np.all(values.slope == values.slope[0]):
        return layer, _Values(np.full(len(weight), values.slope[0]), offset)
    _check_sums(layer, size, values.slope)
    slope = values.slope[reads].reshape(*reads.shape, *[1] * (layer.weight.ndim - 2))
    return replace(layer, weight=_frozen(layer.weight * slope)), _Values(np.ones(len(weight), np.int64), offset)


def _added(layer: Add, read: list[_Values]) -> tuple[Add, _Values]:
    """An addition; where maps of several slopes meet in a channel, their factors take these up."""
    slopes = np.stack([values.slope for values in read])
    shared = np.where(np.all(slopes == slopes[0], axis=0), slopes[0], 1)
    factors = np.abs(layer.factors.astype(np.float64)).sum(axis=0).max()
    for values in read:
        _check_sums(layer, factors, values.offset)
    offset = (layer.factors * np.stack([values.offset for values in read])).sum(axis=0)
    if np.any(slopes != shared):
        layer = replace(layer, factor=_frozen(layer.factors * (slopes // shared)))
    return layer, _Values(shared, offset)


def _check_sums(layer: Layer, size: float, values: np.ndarray) -> None:
    """Refuse sums of such values, weighted by ``size`` in all, that exact arithmetic could not hold."""
    if size * np.abs(values).max() >= EXACT:
        raise beyond_exact(layer.name)


def _moved(layer: Layer, own: _Values, grain: int) -> Layer:
    """A layer with its thresholds moved; sums of the 0/1 network are multiples of ``1 / grain``."""
    assert isinstance(layer, Conv2d | Dense | Add)  # others have no thresholds
    assert layer.threshold is not None
    pairs = zip(layer.threshold, own.offset, strict=True)
    moved = np.array([int(theta) - int(offset) for theta, offset in pairs], object)
    slope = own.slope.astype(object)
    # An average may fall between two integers, as half an odd number does: such units are doubled instead.
    between = (moved % slope != 0) & (grain > 1)
    threshold = _frozen(np.clip(np.where(between, moved, -(-moved // slope)), -EXACT, EXACT))
    if not between.any():
        return replace(layer, threshold=threshold)
    times = np.where(between, own.slope, 1)
    if isinstance(layer, Add):
        return replace(layer, threshold=threshold, factor=_frozen(layer.factors * times))
    size = np.abs(layer.weight.astype(np.float64)).reshape(len(layer.weight), -1).sum(axis=1)
    _check_sums(layer, float(size.max()), times)
    by_row = times.reshape(-1, *[1] * (layer.weight.ndim - 1))
    return replace(layer, weight=_frozen(layer.weight * by_row), threshold=threshold)


def _frozen(values: np.ndarray) -> np.ndarray:
    array = values.astype(np.int64)
    array.flags.writeable = False
    return array
