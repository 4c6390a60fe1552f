"""Layers that sum, in integers: what a sum of 1 is worth, what is constant in it, and thresholds for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from compiler.frontends.grids import grid, integer_rows
from compiler.frontends.model import Conv, Linear, Pool, Sum
from compiler.layers import Add, Concat, Conv2d, Dense, Layer, Pool2d, Shape
from isa_spec.errors import NetworkError

MOST_PASSED = 4096
"""Values of a flattened map that get thresholds of their own: they take a weight for each pair."""


class Refused(Exception):
    """A layer that cannot be had exactly; the reason is the end of a sentence."""


@dataclass(frozen=True, eq=False)
class Map:
    """A map of the network that is being made: its values stand for ``slope * x + offset``, by channel.

    Parameters
    ----------
    layer : str
        Of the network, or ``input``.
    shape : (C, H, W)
    slope, offset : tuple of C Fraction
    spikes : bool
        Whether x is 0 or 1.
    flat : bool
        Whether only a dense layer can read it.
    """

    layer: str
    shape: Shape
    slope: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]
    spikes: bool
    flat: bool = False


@dataclass(frozen=True, eq=False)
class Sums:
    """A layer whose sums are worth ``step * n + constant``.

    Parameters
    ----------
    layer : Layer
        Without thresholds; an addition has zeros.
    shape : (C, H, W)
    step, constant : tuple of C Fraction
    error : float
        Largest relative error of a weight.
    """

    layer: Layer
    shape: Shape
    step: tuple[Fraction, ...]
    constant: tuple[Fraction, ...]
    error: float = 0.0

    @property
    def silent(self) -> np.ndarray:
        """Units that read nothing: bool[C]."""
        match self.layer:
            case Conv2d() | Dense():
                return np.logical_not(self.layer.weight.reshape(len(self.layer.weight), -1).any(axis=1))
            case Add():
                return np.logical_not(self.layer.factors.any(axis=0))
        return np.zeros(self.shape[0], bool)


def frozen(values: np.ndarray | Sequence[int]) -> np.ndarray:
    """Frozen int64 array."""
    array = np.asarray(values).astype(np.int64)
    array.flags.writeable = False
    return array


def numbers(values: np.ndarray | Sequence[float], count: int, where: str) -> tuple[Fraction, ...]:
    """As many numbers as there are channels, as what their bits say; one stands for all.

    Raises
    ------
    NetworkError
        If there are more or fewer, or one is not finite.
    """
    array = np.asarray(values).ravel()
    if len(array) not in (1, count):
        raise NetworkError(f"{where}: {len(array)} numbers for {count} channels, allowed: 1 or {count}")
    if not np.isfinite(array).all():
        raise NetworkError(f"{where}: holds numbers that are not finite")
    found = tuple(Fraction(number) for number in array.tolist())
    return found * count if len(found) == 1 else found


def repeated(values: Sequence[Fraction], times: int) -> tuple[Fraction, ...]:
    """Every number so many times, one after the other."""
    return tuple(value for value in values for _ in range(times))


def weighted(layer: Conv | Linear, source: Map, bits: int, way: str, behind: Sequence[Fraction] | None = None) -> Sums:
    """A convolution or dense layer over the spikes (or values) that a map holds.

    Parameters
    ----------
    layer : Conv or Linear
    source : Map
    bits, way, behind
        As for `integer_rows`.

    Raises
    ------
    NetworkError
        If shapes do not fit, or numbers are not finite.
    Refused
        If it pads with what no silence stands for.
    """
    where, n_units = f"layer '{layer.name}'", len(layer.weight)
    made, shape = _bare(layer, source), shape_of(layer, source)
    if isinstance(layer, Conv):
        if source.flat:
            raise Refused("is a convolution of a flattened map; flatten after it")
        check_padding(layer.padding, source, "pads")
        slope, offset = source.slope, source.offset
        within = layer.weight.shape[1]
        group = np.arange(n_units) // (n_units // layer.groups)
        channel = group[:, None] * within + np.arange(within)
        area = layer.weight.shape[2] * layer.weight.shape[3]
    else:
        times = source.shape[1] * source.shape[2]
        slope, offset = repeated(source.slope, times), repeated(source.offset, times)
        channel, area = np.arange(len(slope))[None], 1
    values = layer.weight.reshape(n_units, -1)
    column = np.repeat(channel, area, axis=1)
    rows = integer_rows(values, layer.scale, slope, column, bits, way, behind, f"{where}, weight")
    bias = numbers(np.zeros(1) if layer.bias is None else layer.bias, n_units, f"{where}, bias")
    by_channel = rows.weight.reshape(n_units, -1, area).sum(axis=2)
    constant = _constants(by_channel, rows.step, slope, offset, channel)
    silent = [number for number, one in enumerate(slope) if one == 0 and offset[number] != 0]
    if silent:
        extra = _of_constants(layer, silent, offset, channel, area)
        constant = [one + more for one, more in zip(constant, extra, strict=True)]
    made = replace(made, weight=frozen(rows.weight.reshape(layer.weight.shape)))
    total = tuple(one + more for one, more in zip(constant, bias, strict=True))
    return Sums(made, shape, rows.step, total, float(rows.error.max(initial=0)))


def _bare(layer: Conv | Linear, source: Map) -> Conv2d | Dense:
    """The layer as it will be, with the weights that the file has."""
    if isinstance(layer, Linear):
        return Dense(layer.name, (source.layer,), layer.weight, None)
    return Conv2d(
        layer.name, (source.layer,), layer.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups
    )


def shape_of(layer: Conv | Linear, source: Map) -> Shape:
    """Shape (C, H, W) of a layer's map.

    Raises
    ------
    NetworkError
        If its weights do not fit the map that it reads.
    """
    return _bare(layer, source).output_shape([source.shape])


def check_padding(padding: tuple[tuple[int, int], tuple[int, int]], source: Map, does: str) -> None:
    """Refuse a border of zeros where silence stands for something else.

    Raises
    ------
    Refused
        If it does.
    """
    if not np.any(padding) or not any(source.offset):
        return
    channel = next(number for number, offset in enumerate(source.offset) if offset)
    silence = source.offset[channel]
    if {silence, silence + source.slope[channel]} == {-1, 1}:
        raise Refused(
            f"{does} a map of -1 and +1 with zeros, and 0 is neither: silence already means {silence}, so no spikes "
            "can stand for it; train with padding by -1, or use no padding"
        )
    raise Refused(
        f"{does} with zeros, but silence stands for {float(silence):g} there (channel {channel}), so no spikes can "
        "stand for 0; use no padding, or bring what is added behind the layer"
    )


def _constants(
    weight: np.ndarray,
    step: Sequence[Fraction],
    slope: Sequence[Fraction],
    offset: Sequence[Fraction],
    channel: np.ndarray,
) -> list[Fraction]:
    """What offsets add to the sums of each unit: weights int64[O, I] by channel that is read."""
    ratio = [move / one if one else Fraction(0) for one, move in zip(slope, offset, strict=True)]
    total = [Fraction(0)] * len(weight)
    kinds = {value: number for number, value in enumerate(dict.fromkeys(ratio))}
    which = np.array([kinds[value] for value in ratio])[channel]
    for value, number in kinds.items():
        if value:
            counted = np.where(which == number, weight, 0).sum(axis=1)
            total = [one + count * value for one, count in zip(total, counted.tolist(), strict=True)]
    return [one * own for one, own in zip(total, step, strict=True)]


def _of_constants(
    layer: Conv | Linear, silent: list[int], offset: Sequence[Fraction], channel: np.ndarray, area: int
) -> list[Fraction]:
    """What channels that always have one value add to the sums of each unit."""
    values = layer.weight.reshape(len(layer.weight), -1, area)
    added = [Fraction(0)] * len(values)
    for unit, row in enumerate(np.broadcast_to(channel, values.shape[:2]).tolist()):
        by = layer.scale[unit] if layer.scale else Fraction(1)
        for place in (number for number, read in enumerate(row) if read in silent):
            added[unit] += by * sum(map(Fraction, values[unit, place].tolist())) * offset[row[place]]
    return added


def pooled(layer: Pool, source: Map) -> Sums:
    """A sum or average over windows: a convolution of ones, each channel by itself."""
    if source.flat:
        raise Refused("pools a flattened map; flatten after it")
    channels, area = source.shape[0], layer.kernel[0] * layer.kernel[1]
    check_padding(layer.padding, source, "pads")
    weight = frozen(np.ones((channels, 1, *layer.kernel)))
    made = Conv2d(layer.name, (source.layer,), weight, None, layer.stride, layer.padding, groups=channels)
    share = Fraction(1, area) if layer.rule == "avg" else Fraction(1)
    step = tuple(slope * share for slope in source.slope)
    constant = tuple(offset * share * area for offset in source.offset)
    return Sums(made, made.output_shape([source.shape]), step, constant)


def added(layer: Sum, sources: Sequence[Map], bits: int) -> Sums:
    """An addition of maps, with a factor for each: what their values are worth."""
    slopes = [source.slope for source in sources]
    if any(source.flat for source in sources):
        raise Refused("adds flattened maps; flatten the sum instead")
    bare = Add(layer.name, tuple(source.layer for source in sources), np.zeros(sources[0].shape[0], np.int64))
    shape = bare.output_shape([source.shape for source in sources])
    factor, step, errors = [], [], []
    for channel in range(shape[0]):
        worth = [slope[channel] for slope in slopes]
        own = grid(worth)
        whole = [int(one / own) for one in worth]
        most, error = 2 ** (bits - 1) - 1, 0.0
        if max(map(abs, whole)) > most:
            own = max(map(abs, worth)) / most
            whole = [round(one / own) for one in worth]
            error = max(float(abs(n * own - one) / (own * most)) for n, one in zip(whole, worth, strict=True))
        factor.append(whole)
        step.append(own)
        errors.append(error)
    constant = tuple(sum(parts, Fraction(0)) for parts in zip(*(source.offset for source in sources), strict=True))
    made = replace(bare, factor=frozen(np.array(factor).T))
    return Sums(made, shape, tuple(step), constant, max(errors))


def linear_addition(sums: Sums, sources: Sequence[Map], name: str) -> tuple[Concat, Sums]:
    """The same addition without thresholds: the maps side by side, and a convolution of 1 x 1 over them."""
    assert isinstance(sums.layer, Add)
    channels, count = sums.shape[0], len(sources)
    side_by_side = Concat(name, tuple(source.layer for source in sources))
    weight = np.zeros((channels, count, channels), np.int64)
    every = np.arange(channels)
    weight[every, :, every] = sums.layer.factors.T
    flat = frozen(weight.reshape(channels, count * channels, 1, 1))
    return side_by_side, replace(sums, layer=Conv2d(sums.layer.name, (name,), flat, None))


def passed(name: str, source: Map) -> Sums:
    """A map as it is, so that it can have thresholds."""
    if not source.flat:
        made: Layer = Add(name, (source.layer,), np.zeros(source.shape[0], np.int64), None)
        return Sums(made, source.shape, source.slope, source.offset)
    values = source.shape[0]
    if values > MOST_PASSED:
        raise Refused(
            f"decides on the {values} values of a flattened map, allowed: {MOST_PASSED}; put the step before flattening"
        )
    return Sums(Dense(name, (source.layer,), frozen(np.eye(values)), None), source.shape, source.slope, source.offset)


def with_thresholds(layer: Layer, sign: np.ndarray, threshold: np.ndarray) -> Layer:
    """A layer of sums that decides: units fire where ``sign`` times the sum reaches the threshold.

    Parameters
    ----------
    layer : Layer
        Of `Sums`.
    sign : int64[C]
    threshold : int64[C], potential units
    """
    threshold = frozen(threshold)
    match layer:
        case Add():
            factor = layer.factors * sign
            return replace(layer, threshold=threshold, factor=None if np.all(factor == 1) else frozen(factor))
        case Conv2d() if is_pool(layer) and np.all(sign == 1):
            return Pool2d(layer.name, layer.sources, "sumpool2d", layer.weight.shape[2:], layer.stride, threshold)
        case Conv2d() | Dense():
            if np.all(sign == 1):
                return replace(layer, threshold=threshold)
            by_row = sign.reshape(-1, *[1] * (layer.weight.ndim - 1))
            return replace(layer, weight=frozen(layer.weight * by_row), threshold=threshold)
    raise AssertionError(layer)


def without_thresholds(layer: Layer) -> Layer:
    """A layer of sums that only sums; a pool where it is one."""
    if isinstance(layer, Conv2d) and is_pool(layer):
        return Pool2d(layer.name, layer.sources, "sumpool2d", layer.weight.shape[2:], layer.stride)
    return layer


def is_pool(layer: Conv2d) -> bool:
    """Whether a convolution is a sum over windows without padding, each channel by itself."""
    alone = layer.groups == len(layer.weight) and layer.weight.shape[1] == 1 and layer.dilation == (1, 1)
    return alone and not np.any(layer.padding) and bool(np.all(layer.weight == 1))


def maximum(
    name: str,
    source: Map,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    any_of: Sequence[bool],
) -> Layer:
    """Over windows of spikes, whether one fires (of channels where any of them does), or all do.

    What is beyond the border counts for nothing.

    Raises
    ------
    Refused
        If all of a window that reaches beyond the border had to fire.
    """
    padded = bool(np.any(padding))
    if padded and not all(any_of):
        raise Refused(
            "takes a maximum of values that rise as spikes fall away, over a padded map: a window would spike if all "
            "of it does, and at the border it holds less; use no padding"
        )
    threshold = frozen(np.where(any_of, 1, kernel[0] * kernel[1]))
    if padded:
        ones = frozen(np.ones((source.shape[0], 1, *kernel)))
        return Conv2d(name, (source.layer,), ones, threshold, stride, padding, groups=source.shape[0])
    if all(any_of):
        return Pool2d(name, (source.layer,), "maxpool2d", kernel, stride)
    return Pool2d(name, (source.layer,), "sumpool2d", kernel, stride, threshold)
