"""Every spiking layer as what a neuron can compute: a sum of windows over spiking maps, held against thresholds.

A convolution is a window as it stands, a dense layer one as large as the map, the maximum of spikes a window of ones
with threshold 1 in which every channel sees only itself. Linear layers between spiking ones are composed into the
window of the layer that reads them, exactly; additions add windows, concatenations share their channels out. Windows
over the input read its planes, each with what a spike in it is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import lcm
from typing import Any

import numpy as np

from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pair, Pool2d, Shape
from compiler.networks.network import EXACT, INPUT, LayeredNetwork, beyond_exact, scaled
from isa_spec.coding import largest_value, plane_weights
from isa_spec.errors import NetworkError


@dataclass(frozen=True, eq=False)
class Window:
    """A sliding window over a map of ``I`` channels.

    Parameters
    ----------
    weight : int64[O, I / groups, K_h, K_w], potential units
    stride : (rows, columns)
    before : (rows, columns)
        Zero padding above and to the left; what is needed below and to the right follows from the layer's shape.
    groups : int
        Output channel ``o`` reads the input channels of group ``o div (O / groups)``.
    """

    weight: np.ndarray
    stride: Pair
    before: Pair
    groups: int

    @property
    def kernel(self) -> Pair:
        """Rows and columns of the window."""
        return self.weight.shape[2], self.weight.shape[3]

    @property
    def n_channels(self) -> int:
        """Output channels."""
        return len(self.weight)

    @cached_property
    def positive(self) -> np.ndarray:
        """Sum of each output channel's positive weights: int64[O], potential units."""
        return np.maximum(self.weight, 0).sum(axis=(1, 2, 3))

    @cached_property
    def negative(self) -> np.ndarray:
        """Sum of each output channel's negative weights: int64[O], potential units."""
        return np.minimum(self.weight, 0).sum(axis=(1, 2, 3))

    @cached_property
    def excited(self) -> np.ndarray:
        """Sum of the positive weights from each input channel to each output channel: int64[O, I]."""
        return np.maximum(self.dense(), 0).sum(axis=(2, 3))

    @cached_property
    def uses(self) -> np.ndarray:
        """Weights that are not zero at each place of the window: int64[K_h, K_w]."""
        return np.count_nonzero(self.weight, axis=(0, 1))

    @cached_property
    def heard(self) -> np.ndarray:
        """Whether any output channel listens to an input channel at a place: bool[I, K_h, K_w]."""
        return self.heard_by(np.ones(self.n_channels, bool))

    def heard_by(self, outputs: np.ndarray) -> np.ndarray:
        """Whether any of some output channels (bool[O]) listens to an input channel at a place: bool[I, K_h, K_w]."""
        if self.groups == 1:
            return np.any(self.weight[outputs], axis=0)
        count, within = self.weight.shape[:2]
        listens = (self.weight != 0) & outputs[:, None, None, None]
        by_group = listens.reshape(self.groups, count // self.groups, within, *self.kernel)
        return np.any(by_group, axis=1).reshape(self.groups * within, *self.kernel)

    @cached_property
    def extremes(self) -> tuple[int, int]:
        """Smallest and largest weight, potential units."""
        return int(self.weight.min()), int(self.weight.max())

    def input_channel(self, output: np.ndarray, within: np.ndarray) -> np.ndarray:
        """Input channel of place ``within`` in the group of channel ``output``."""
        return output // (len(self.weight) // self.groups) * self.weight.shape[1] + within

    def dense(self) -> np.ndarray:
        """Weights with the zeros between groups written out: int64[O, I, K_h, K_w]."""
        if self.groups == 1:
            return self.weight
        outputs, within = self.weight.shape[:2]
        full = np.zeros((outputs, within * self.groups, *self.kernel), np.int64)
        out, place = np.ogrid[:outputs, :within]
        full[out, self.input_channel(out, place)] = self.weight
        return full


def each_channel(channels: int, kernel: Pair, stride: Pair) -> Window:
    """A window of ones in which every channel sees only itself; of 1x1, it passes the map on."""
    return Window(np.ones((channels, 1, *kernel), np.int64), stride, (0, 0), channels)


@dataclass(frozen=True, eq=False)
class Term:
    """A window over the map of one spiking layer (or of the input)."""

    source: str
    window: Window


@dataclass(frozen=True, eq=False)
class SpikingLayer:
    """A layer of neurons: fires where the sum of its terms reaches its threshold.

    Parameters
    ----------
    layer : Layer
    shape : (C, H, W)
    terms : tuple of Term
    threshold : int64[C], potential units
    floor : int or None, potential units
        Of a rate-coded network, in the units of the terms.
    latched : bool
        Whether a unit that has fired fires in every later step of the frame.
    gathers : bool
        Whether its units add up what they read over the steps of a frame; a maximum does not.
    """

    layer: Layer
    shape: Shape
    terms: tuple[Term, ...]
    threshold: np.ndarray
    floor: int | None = None
    latched: bool = False
    gathers: bool = True


@dataclass(frozen=True, eq=False)
class _Part:
    """Some channels of a map: spikes of a layer (no window yet), or drives over them.

    ``first`` is their place among the map's channels (among its values if ``flat``), ``shape`` theirs alone;
    drives are ``denominator`` times too large.
    """

    first: int
    shape: Shape
    source: str
    source_shape: Shape
    window: Window | None = None
    denominator: int = 1
    flat: bool = False


@lru_cache(maxsize=4)
def spiking_layers(network: LayeredNetwork) -> tuple[SpikingLayer, ...]:
    """The layers of a network that become neurons, in order.

    Raises
    ------
    NetworkError
        If a linear layer cannot be composed exactly into a layer that reads it.
    """
    frame = network.input_shape
    maps: dict[str, tuple[_Part, ...]] = {INPUT: (_Part(0, frame, INPUT, frame),)}
    found = []
    for layer in network.layers:
        parts = _read(layer, [maps[source] for source in layer.sources], network)
        if not layer.spikes:
            maps[layer.name] = parts
            continue
        shape = network.shapes[layer.name]
        scale = lcm(*(part.denominator for part in parts))
        windows = [_all_channels(part, shape[0], scale // part.denominator) for part in parts]
        assert not isinstance(layer, Concat | Flatten)  # they do not spike
        threshold = np.ones(shape[0], np.int64) if layer.kind == "maxpool2d" else layer.threshold
        assert threshold is not None  # without, it would not spike
        threshold = scaled(threshold, scale)
        if scale > 1 and not network.rate:  # what several steps leave is no multiple of what weights share
            windows, threshold = _reduced(windows, threshold)
        terms = tuple(
            Term(part.source, _over_planes(layer, window, network.encoding) if part.source == INPUT else window)
            for part, window in zip(parts, windows, strict=True)
        )
        floor = None if network.floor is None else network.floor * scale
        gathers = layer.kind != "maxpool2d"
        found.append(SpikingLayer(layer, shape, terms, threshold, floor, network.latches(layer), gathers))
        maps[layer.name] = (_Part(0, shape, layer.name, shape),)
    return tuple(found)


def _read(layer: Layer, sources: list[tuple[_Part, ...]], network: LayeredNetwork) -> tuple[_Part, ...]:
    """Parts of a layer's map, or of its drives before the thresholds."""
    shape = network.shapes[layer.name]
    match layer:
        case Flatten():
            return _flattened(sources[0])
        case Add():
            pairs = zip(layer.factors, sources, strict=True)
            return tuple(_times(layer, part, factor) for factor, parts in pairs for part in parts)
        case Concat():
            offsets = np.cumsum([0, *(network.shapes[source][0] for source in layer.sources)]).tolist()
            pairs = zip(offsets, sources, strict=False)
            return tuple(replace(part, first=part.first + offset) for offset, parts in pairs for part in parts)
        case Conv2d():
            # A dilated kernel is a larger one with zeros between.
            weight = np.zeros((*layer.weight.shape[:2], *layer.reach), np.int64)
            weight[:, :, :: layer.dilation[0], :: layer.dilation[1]] = layer.weight
            (top, _), (left, _) = layer.padding
            window = Window(weight, layer.stride, (top, left), layer.groups)
            return tuple(_through(layer, part, _channels_of(window, part), 0, shape) for part in sources[0])
        case Dense():
            return tuple(_through(layer, part, _values_of(layer, part), 0, shape) for part in _flattened(sources[0]))
        case Pool2d():
            return tuple(_pooled(layer, part, shape, network) for part in sources[0])


def _times(layer: Add, part: _Part, factor: np.ndarray) -> _Part:
    """A part whose channels count as often as an addition says."""
    own = factor[part.first : part.first + part.shape[0]]
    if np.all(own == 1):
        return part
    window = each_channel(part.shape[0], (1, 1), (1, 1)) if part.window is None else part.window
    if np.any((window.positive - window.negative).astype(np.float64) * np.abs(own) >= EXACT):
        raise beyond_exact(layer.name)
    return replace(part, window=replace(window, weight=window.weight * own[:, None, None, None]))


def _flattened(parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
    """The same parts, placed among the values of the map instead of its channels."""
    return tuple(
        part if part.flat else replace(part, first=part.first * part.shape[1] * part.shape[2], flat=True)
        for part in parts
    )


def _channels_of(window: Window, part: _Part) -> Window:
    """The share of a window that reads a part's channels."""
    count = part.shape[0]
    if part.first == 0 and window.weight.shape[1] * window.groups == count:
        return window
    return replace(window, weight=window.dense()[:, part.first : part.first + count], groups=1)


def _values_of(layer: Dense, part: _Part) -> Window:
    """The share of a dense layer that reads a part's values, as a window as large as its map."""
    columns = layer.weight[:, part.first : part.first + int(np.prod(part.shape))]
    return Window(columns.reshape(len(columns), *part.shape), (1, 1), (0, 0), 1)


def _pooled(layer: Pool2d, part: _Part, shape: Shape, network: LayeredNetwork) -> _Part:
    if layer.kind == "maxpool2d" and part.window is not None:
        raise NetworkError(f"layer '{layer.name}': the maximum of drives is not a spike; give its source thresholds")
    highest = largest_value(network.encoding)
    if layer.kind == "maxpool2d" and part.source == INPUT and highest > 1:
        raise NetworkError(
            f"layer '{layer.name}': the maximum of input values 0..{highest} (encoding '{network.encoding['kind']}') "
            "is not a spike; put a layer with thresholds before it, or use the encoding 'binary'"
        )
    window = each_channel(part.shape[0], layer.kernel, layer.stride)
    pooled = _through(layer, part, window, part.first, (part.shape[0], *shape[1:]))
    area = layer.kernel[0] * layer.kernel[1] if layer.kind == "avgpool2d" else 1
    return replace(pooled, denominator=part.denominator * area)


def _reduced(windows: list[Window], threshold: np.ndarray) -> tuple[list[Window], np.ndarray]:
    """Weights of every unit divided by what they share, and thresholds to match: sums of spikes are multiples of it."""
    shared = np.zeros(len(threshold), np.int64)
    for window in windows:
        shared = np.gcd(shared, np.gcd.reduce(window.weight.reshape(len(shared), -1), axis=1))
    shared = np.maximum(shared, 1)
    by_row = shared[:, None, None, None]
    return [replace(window, weight=window.weight // by_row) for window in windows], -(-threshold // shared)


def _over_planes(layer: Layer, window: Window, encoding: Mapping[str, Any]) -> Window:
    """A window over the values of the input as one over its planes, each worth a weight of its own."""
    planes, largest = plane_weights(encoding), largest_value(encoding)
    if largest == 1:
        return window
    if np.abs(window.weight.astype(np.float64)).sum(axis=(1, 2, 3)).max() * largest >= EXACT:
        raise NetworkError(
            f"layer '{layer.name}': the absolute drives of a unit can sum to 2**52 or more, allowed: less; use smaller "
            "weights or an input of fewer bits"
        )
    values = window.weight.shape[1]
    worth = np.tile(np.array(planes, np.int64), values)[:, None, None]
    return replace(window, weight=np.repeat(window.weight, len(planes), axis=1) * worth)


def _through(layer: Layer, part: _Part, window: Window, first: int, shape: Shape) -> _Part:
    """A part seen through a window: as it is for spikes, composed with its own for drives."""
    inner = part.window
    if inner is None:
        return replace(part, first=first, shape=shape, window=window, flat=False)
    for axis in range(2):
        _check_border(layer, part, inner, window, shape, axis)
    (s_h, s_w), (k_h, k_w) = inner.stride, inner.kernel
    outer, own = window.dense(), inner.dense()
    kernel = ((window.kernel[0] - 1) * s_h + k_h, (window.kernel[1] - 1) * s_w + k_w)
    weight = np.zeros((len(outer), own.shape[1], *kernel), np.int64)
    for row, col in np.ndindex(*window.kernel):
        moved = np.tensordot(outer[:, :, row, col], own, axes=1)
        weight[:, :, row * s_h : row * s_h + k_h, col * s_w : col * s_w + k_w] += moved
    stride = (s_h * window.stride[0], s_w * window.stride[1])
    before = (inner.before[0] + window.before[0] * s_h, inner.before[1] + window.before[1] * s_w)
    return replace(part, first=first, shape=shape, window=Window(weight, stride, before, 1), flat=False)


def _check_border(layer: Layer, part: _Part, inner: Window, outer: Window, shape: Shape, axis: int) -> None:
    """Refuse padding of drives by zeros where the drives beyond their map would not be zero."""
    size, step, before = part.shape[1 + axis], inner.stride[axis], inner.before[axis]
    first = -outer.before[axis]
    last = (shape[1 + axis] - 1) * outer.stride[axis] - outer.before[axis] + outer.kernel[axis] - 1
    for position in (-1, size):
        low = position * step - before
        blank = low + inner.kernel[axis] <= 0 or low >= part.source_shape[1 + axis]
        if first <= position <= last and not blank:
            raise NetworkError(
                f"layer '{layer.name}': pads the drives of a linear layer whose windows overlap the border, which one "
                "neuron cannot compute; give that layer thresholds, or pad its input instead"
            )


def _all_channels(part: _Part, channels: int, factor: int) -> Window:
    """A part's window with a row of weights for every channel of the layer, times a factor."""
    window = each_channel(part.shape[0], (1, 1), (1, 1)) if part.window is None else part.window
    if part.first or window.n_channels != channels:
        weight = np.zeros((channels, *window.dense().shape[1:]), np.int64)
        weight[part.first : part.first + window.n_channels] = window.dense()
        window = replace(window, weight=weight, groups=1)
    return window if factor == 1 else replace(window, weight=window.weight * factor)
