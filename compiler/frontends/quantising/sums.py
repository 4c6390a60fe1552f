"""Layers that sum, in integers: what a sum of 1 is worth, what is constant in it, and thresholds for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from compiler.frontends.model import Conv, Linear, Pool
from compiler.frontends.quantising.grids import integer_rows
from compiler.networks.layers import Add, Conv2d, Dense, Layer, Pair, Pool2d, Shape
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
    grain : int
        What x is a multiple of, as the denominator: more than 1 behind averages.
    """

    layer: str
    shape: Shape
    slope: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]
    spikes: bool
    flat: bool = False
    grain: int = 1


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
    grain : int
        What n is a multiple of, as the denominator.
    """

    layer: Layer
    shape: Shape
    step: tuple[Fraction, ...]
    constant: tuple[Fraction, ...]
    error: float = 0.0
    grain: int = 1

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
    if array.dtype != object and not np.isfinite(array).all():
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
    shape = shape_of(layer, source)
    if isinstance(layer, Conv):
        if source.flat:
            raise Refused("is a convolution of a flattened map; flatten after it")
        check_padding(layer.padding, source, layer.pad_value)
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
    made = _with(frozen(rows.weight.reshape(layer.weight.shape)), layer, source)
    total = tuple(one + more for one, more in zip(constant, bias, strict=True))
    return Sums(made, shape, rows.step, total, float(rows.error.max(initial=0)), source.grain)


def _with(weight: np.ndarray, layer: Conv | Linear, source: Map) -> Conv2d | Dense:
    """The layer as it will be, without thresholds."""
    if isinstance(layer, Linear):
        return Dense(layer.name, (source.layer,), weight, None)
    return Conv2d(layer.name, (source.layer,), weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)


def shape_of(layer: Conv | Linear, source: Map) -> Shape:
    """Shape (C, H, W) of a layer's map.

    Raises
    ------
    NetworkError
        If its weights do not fit the map that it reads.
    """
    return _with(np.zeros(layer.weight.shape, np.int64), layer, source).output_shape([source.shape])


def check_padding(padding: tuple[Pair, Pair], source: Map, value: Fraction) -> None:
    """Refuse a border of anything that silence does not stand for.

    Raises
    ------
    Refused
        If it is.
    """
    channel = next((number for number, offset in enumerate(source.offset) if offset != value), None)
    if not np.any(padding) or channel is None:
        return
    silence, spike = source.offset[channel], source.offset[channel] + source.slope[channel]
    if source.spikes and {silence, spike} == {-1, 1} and value == 0:
        raise Refused(
            f"pads a map of -1 and +1 with zeros, and 0 is neither: silence already means {silence}, so no spikes can "
            "stand for it; train with padding by -1, or use no padding"
        )
    raise Refused(
        f"pads with {float(value):g}, but silence stands for {float(silence):g} there (channel {channel}), so no "
        "spikes can stand for the border; use no padding, or one by what silence means"
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


def pooled(layer: Pool, source: Map, averages: bool) -> Sums:
    """A sum or average over windows.

    Parameters
    ----------
    layer : Pool
    source : Map
    averages : bool
        Whether an average is to stay one; else it is a sum that is worth less, which needs no finer thresholds.

    Raises
    ------
    Refused
        If it reads a flattened map, or pads with what no silence stands for.
    """
    if source.flat:
        raise Refused("pools a flattened map; flatten after it")
    check_padding(layer.padding, source, Fraction(0))
    channels, area = source.shape[0], layer.kernel[0] * layer.kernel[1]
    average = layer.rule == "avg"
    kept = average and averages and not np.any(layer.padding)
    made: Layer = Pool2d(layer.name, (source.layer,), f"{'avg' if kept else 'sum'}pool2d", layer.kernel, layer.stride)
    if np.any(layer.padding):
        weight = frozen(np.ones((channels, 1, *layer.kernel)))
        made = Conv2d(layer.name, (source.layer,), weight, None, layer.stride, layer.padding, groups=channels)
    share = Fraction(1, area) if average else Fraction(1)
    step = source.slope if kept else tuple(slope * share for slope in source.slope)
    constant = tuple(offset * share * area for offset in source.offset)
    grain = source.grain * (area if kept else 1)
    return Sums(made, made.output_shape([source.shape]), step, constant, grain=grain)


def passed(name: str, source: Map) -> Sums:
    """A map as it is, so that it can have thresholds.

    Raises
    ------
    Refused
        If it is flattened and too large for that.
    """
    made: Layer = Add(name, (source.layer,), frozen(np.zeros(source.shape[0])))
    if source.flat:
        values = source.shape[0]
        if values > MOST_PASSED:
            raise Refused(
                f"decides on the {values} values of a flattened map, allowed: {MOST_PASSED}; put the step before "
                "flattening"
            )
        made = Dense(name, (source.layer,), frozen(np.eye(values)), None)
    return Sums(made, source.shape, source.slope, source.offset, grain=source.grain)
