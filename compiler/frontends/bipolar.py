"""Networks of -1 and +1 as networks of 0 and 1 that decide the same, exactly: +1 is a spike, -1 is none.

Every value ``v`` of such a network is ``2 * x + offset`` of the value ``x`` in its place in the 0/1 network: it is
``2 * x - 1`` for a spike, and linear layers add these up. A unit fires iff ``sum(w * v) >= threshold``, so iff
``sum(w * x) >= (threshold - sum(w * offset)) / 2``: the weights stay, the threshold moves. The offsets are known when
the network is read, one for each channel, provided that a padded border has the offset of its map: padding by -1.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import lcm

import numpy as np

from compiler.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.network import EXACT, INPUT, LayeredNetwork, fineness_of
from isa_spec.errors import NetworkError


def from_bipolar(network: LayeredNetwork, pads: Collection[str]) -> LayeredNetwork:
    """Network of 0 and 1 that decides as one of -1 and +1.

    Parameters
    ----------
    network : LayeredNetwork
        Its thresholds are meant for -1/+1 inputs and activations.
    pads : collection of str
        Convolutions whose padding is by -1.

    Raises
    ------
    NetworkError
        If the input has other values, a convolution pads with anything that is not silence, or thresholds on averages
        fall between integers.
    """
    if network.encoding["kind"] != "binary":
        raise NetworkError(
            f"network '{network.name}': its values are 'bipolar', but the encoding '{network.encoding['kind']}' of its "
            "input gives others than -1 and +1; use the encoding 'binary'"
        )
    offsets = {INPUT: np.full(network.input_shape[0], -1)}
    fineness: dict[str, int] = {}
    layers = []
    for layer in network.layers:
        read = [offsets[source] for source in layer.sources]
        if isinstance(layer, Conv2d):
            _check_padding(layer, read[0], layer.name in pads)
        own = _offsets(layer, read, network)
        layers.append(_moved(layer, own, lcm(*(fineness.get(source, 1) for source in layer.sources))))
        fineness[layer.name] = fineness_of(layer, fineness)
        offsets[layer.name] = np.full(network.shapes[layer.name][0], -1) if layer.spikes else own
    return replace(network, layers=tuple(layers))


def _check_padding(layer: Conv2d, offset: np.ndarray, by_minus_one: bool) -> None:
    if not np.any(layer.padding):
        return
    if not by_minus_one:
        raise NetworkError(
            f"layer '{layer.name}': pads a map of -1 and +1 with zeros, and 0 is neither: silence already means -1, so "
            'no spikes can stand for it; train with padding by -1 and say "pad_value": -1, or use no padding'
        )
    if np.any(offset != -1):
        raise NetworkError(
            f"layer '{layer.name}': pads the drives of a linear layer by -1, which no silence stands for; give "
            f"'{layer.sources[0]}' thresholds, or use no padding"
        )


def _offsets(layer: Layer, read: list[np.ndarray], network: LayeredNetwork) -> np.ndarray:
    """What to add to twice a layer's sums (or its values) to have those of the -1/+1 network: int64[C]."""
    offset = read[0]
    match layer:
        case Conv2d():
            per_channel = layer.weight.sum(axis=(2, 3))
            channel = np.arange(layer.groups)[:, None] * per_channel.shape[1] + np.arange(per_channel.shape[1])
            group = np.repeat(channel, len(per_channel) // layer.groups, axis=0)
            _check_sums(layer, offset)
            return (per_channel * offset[group]).sum(axis=1)
        case Dense():
            _check_sums(layer, offset)
            shape = network.shapes[layer.sources[0]]
            return layer.weight @ np.repeat(offset, shape[1] * shape[2])
        case Pool2d():
            _check_sums(layer, offset)
            return offset * (layer.kernel[0] * layer.kernel[1]) if layer.kind == "sumpool2d" else offset
        case Add():
            return np.sum(read, axis=0)
        case Concat():
            return np.concatenate(read)
        case Flatten():
            shape = network.shapes[layer.sources[0]]
            return np.repeat(offset, shape[1] * shape[2])


def _check_sums(layer: Conv2d | Dense | Pool2d, values: np.ndarray) -> None:
    """Refuse sums of such values that exact arithmetic could not hold."""
    if isinstance(layer, Pool2d):
        largest = float(layer.kernel[0] * layer.kernel[1])
    else:
        largest = np.abs(layer.weight.astype(np.float64)).reshape(len(layer.weight), -1).sum(axis=1).max()
    if largest * np.abs(values).max() >= EXACT:
        raise NetworkError(
            f"layer '{layer.name}': the absolute drives of a unit can sum to 2**52 or more, allowed: less"
        )


def _moved(layer: Layer, offset: np.ndarray, grain: int) -> Layer:
    """A layer with its thresholds moved; sums of the 0/1 network are multiples of ``1 / grain``."""
    if isinstance(layer, Pool2d | Concat | Flatten) or layer.threshold is None:
        return layer
    doubled = np.array([int(theta) - int(own) for theta, own in zip(layer.threshold, offset, strict=True)], object)
    odd = doubled % 2 == 1
    halves = -(-doubled // 2)
    if grain == 1 or not odd.any():
        return replace(layer, threshold=_frozen(np.clip(halves, -EXACT, EXACT)))
    if isinstance(layer, Add):
        unit = int(np.argmax(odd))
        theta = layer.threshold[unit]
        raise NetworkError(
            f"layer '{layer.name}': threshold[{unit}] = {theta} on averages of -1 and +1 falls between integers of the "
            f"0/1 network, allowed: {theta - 1} or {theta + 1}; or use sumpool2d"
        )
    # An average may fall between two integers, as half an odd number does: such units are doubled instead.
    _check_sums(layer, np.array([2]))
    factor = np.where(odd, 2, 1).reshape(-1, *[1] * (layer.weight.ndim - 1))
    threshold = np.clip(np.where(odd, doubled, halves), -EXACT, EXACT)
    return replace(layer, weight=_frozen(layer.weight * factor), threshold=_frozen(threshold))


def _frozen(values: np.ndarray) -> np.ndarray:
    array = values.astype(np.int64)
    array.flags.writeable = False
    return array
