"""Rows of real weights as integers times a step: the largest step that all weights of a unit are multiples of.

Floats are taken for exactly what their bits say: integers times a power of two, so the step of a row is a greatest
common divisor. Where no such integers are as narrow as wanted, the row is rounded to the width instead, and the largest
error is told. Integers stay as they are, whatever their width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from compiler.networks.network import EXACT
from isa_spec.errors import NetworkError

WIDEST = 62
"""Bits of the integers that are handled by arrays; wider ones are handled one by one."""
ALMOST, MOST_SOUGHT, SOME = 1e-5, 127, 16
"""How near to integers floats are those that were integers times something once, the largest of them that are sought,
and how many weights of a unit are looked at first.
"""


@dataclass(frozen=True, eq=False)
class Rows:
    """Integer weights of units, and what a weight of 1 is worth.

    Parameters
    ----------
    weight : int64[O, ...]
    step : tuple of O Fraction
        Of either sign; 0 only where the unit's scale is.
    error : float64[O]
        Largest error of a weight by the unit's largest weight; 0 where they are exact.
    """

    weight: np.ndarray
    step: tuple[Fraction, ...]
    error: np.ndarray


def grid(numbers: Sequence[Fraction]) -> Fraction:
    """The largest number that all of some numbers are multiples of; 1 if all are 0."""
    shared = lcm(*(number.denominator for number in numbers)) if numbers else 1
    common = gcd(*(int(number * shared) for number in numbers)) if numbers else 0
    return Fraction(common, shared) if common else Fraction(1)


def integer_rows(
    values: np.ndarray,
    scale: Sequence[Fraction] | None,
    slope: Sequence[Fraction],
    column: np.ndarray,
    bits: int,
    way: str,
    behind: Sequence[Fraction] | None,
    where: str,
) -> Rows:
    """Integers for ``values * scale * slope``, row by row.

    Parameters
    ----------
    values : float64 or int64[O, F]
    scale : sequence of O Fraction, or None
        Of each row; None is 1.
    slope : sequence of C Fraction
        Of each channel that is read.
    column : int64[O, F] or int64[1, F]
        Channel that a weight reads.
    bits : int
        Width that floats may take.
    way : str
        Steps of rows that have to be rounded: ``unit`` for each its own, ``power`` of two, so that they may be added,
        ``shared`` by all rows.
    behind : sequence of O Fraction, or None
        What the sums are multiplied by afterwards: it is these products that the way is about.
    where : str
        For messages.

    Raises
    ------
    NetworkError
        If a value is not finite, or integers are too large for exact sums.
    """
    if not np.isfinite(values).all():
        raise NetworkError(f"{where}: holds numbers that are not finite")
    limit = 2 ** (bits - 1) - 1
    base = grid(slope)
    times = [int(one / base) for one in slope]
    alike = len(set(times)) == 1 and times[0] != 0
    worth = np.array([float(one) for one in slope])
    real = values.astype(np.float64)
    if not (alike and times[0] == 1):
        real = real * worth[column]
    elif base != 1:
        real = real * float(base)
    integers = values.dtype.kind in "iu"
    size = np.abs(real)
    top = size.max(axis=1)
    bottom = np.where(size > 0, size, np.inf).min(axis=1)
    # No step holds both the largest and the smallest weight: cheap to see, and true of most trained rows.
    rough = np.zeros(len(values), bool) if integers else top > bottom * limit * (1 + 1e-9)
    weight = np.zeros(values.shape, np.int64)
    step = [Fraction(1)] * len(values)
    fine = np.flatnonzero(~rough)
    if len(fine):
        multiple = None if alike else np.array(times, object)[np.broadcast_to(column, values.shape)[fine]]
        exact, steps, fits = _exact_rows(values[fine], multiple, None if integers else limit, where)
        unit = base * times[0] if alike else base
        weight[fine] = exact
        for row, own, held in zip(fine.tolist(), steps, fits.tolist(), strict=True):
            rough[row] = not held
            step[row] = own * unit
    if scale is not None:
        step = [own * by for own, by in zip(step, scale, strict=True)]
    error = np.zeros(len(values))
    if rough.any():
        if scale is not None:
            by = np.array([float(one) for one in scale])
            real, top = real * by[:, None], top * np.abs(by)
        chosen = np.ones(len(values), bool) if way == "shared" else rough
        after = [Fraction(1)] * len(values) if behind is None else [one or Fraction(1) for one in behind]
        by = np.array([float(one) for one in after])[chosen]
        product = _steps(real[chosen] * by[:, None], limit, way)
        own_steps = product / np.abs(by)
        rounded = np.rint(real[chosen] / own_steps[:, None])
        weight[chosen] = np.clip(rounded, -limit, limit).astype(np.int64)
        size = np.where(top[chosen] > 0, top[chosen], 1)
        off = np.abs(weight[chosen] * own_steps[:, None] - real[chosen]).max(axis=1) / size
        # What was rounded is never called exact, though floats may see no difference.
        error[chosen] = np.maximum(off, np.finfo(np.float64).eps)
        for row, own in zip(np.flatnonzero(chosen).tolist(), product.tolist(), strict=True):
            step[row] = abs(Fraction(own) / after[row])
    return Rows(weight, tuple(step), error)


def _steps(real: np.ndarray, limit: int, way: str) -> np.ndarray:
    """What a weight of 1 is worth in rows that are to be rounded: float64[O]."""
    top = np.abs(real).max(axis=1)
    if way == "power":
        return 2.0 ** np.ceil(np.log2(np.where(top > 0, top, 1) / limit))
    rows = real if way == "unit" else real.reshape(1, -1)
    steps = np.array([_step(row, limit) for row in rows])
    return steps if way == "unit" else np.full(len(real), steps[0])


def _step(row: np.ndarray, limit: int) -> float:
    """What a weight of 1 is worth in one row: as much as the width allows, or where they all but are, in fewer bits."""
    size = np.abs(row[row != 0])
    if not len(size):
        return 1.0
    top = size.max()
    some = size[:: len(size) // SOME + 1]
    for whole in range(1, min(limit, MOST_SOUGHT) + 1):
        if _integral(some * (whole / top)) and _integral(size * (whole / top)):
            return float(top / whole)
    return float(top / limit)


def _integral(values: np.ndarray) -> bool:
    """Whether values are all but integers."""
    return bool(np.abs(values - np.rint(values)).max() <= ALMOST)


def _exact_rows(
    values: np.ndarray, multiple: np.ndarray | None, limit: int | None, where: str
) -> tuple[np.ndarray, list[Fraction], np.ndarray]:
    """Integers, steps and whether the integers are within the limit, of rows times integers."""
    if multiple is not None and np.abs(multiple).max(initial=0) < 2**31:
        multiple = multiple.astype(np.int64)
    whole, exponent, width = _dyadic(values)
    if multiple is not None and multiple.dtype != object:
        width = width + int(np.abs(multiple).max(initial=1)).bit_length()
    plain = width <= WIDEST if multiple is None or multiple.dtype != object else np.zeros(len(values), bool)
    weight = np.zeros(values.shape, np.int64)
    step, fits = [Fraction(1)] * len(values), np.ones(len(values), bool)
    if plain.any():
        grown = whole[plain] if multiple is None else whole[plain] * multiple[plain]
        # Integers are kept as they are, even where they have a common divisor.
        common = np.ones(len(grown), np.int64) if limit is None else np.gcd.reduce(grown, axis=1)
        common = np.where(common == 0, 1, common)
        weight[plain] = grown // common[:, None]
        for row, own in zip(np.flatnonzero(plain).tolist(), common.tolist(), strict=True):
            step[row] = own * Fraction(2) ** int(exponent[row])
    for row in np.flatnonzero(~plain).tolist():
        by = [1] * values.shape[1] if multiple is None else multiple[row].tolist()
        numbers = [Fraction(value) * times for value, times in zip(values[row].tolist(), by, strict=True)]
        step[row] = grid(numbers) if limit is not None else Fraction(1)
        small = [int(number / step[row]) for number in numbers]
        fits[row] = max(map(abs, small), default=0) < EXACT
        if fits[row]:
            weight[row] = small
    largest = np.abs(weight).max(axis=1, initial=0)
    if limit is None:
        if not fits.all() or np.abs(weight.astype(np.float64)).sum(axis=1).max(initial=0) >= EXACT:
            raise NetworkError(f"{where}: the integer weights of a unit sum to 2**52 or more, allowed: less")
        return weight, step, fits
    return weight, step, fits & (largest <= limit)


def _dyadic(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integers and the power of two of each row that they are to be multiplied by, and how many bits they take.

    Integers of rows wider than `WIDEST` are not to be used.
    """
    if values.dtype.kind in "iu":
        largest = np.abs(values.astype(np.float64)).max(axis=1, initial=1)
        return values.astype(np.int64), np.zeros(len(values), np.int64), np.ceil(np.log2(largest + 1)).astype(np.int64)
    mantissa, exponent = np.frexp(values.astype(np.float64))
    whole = (mantissa * 2.0**53).astype(np.int64)
    # The lowest bit that is set: the weight is an odd integer times a power of two.
    zeros = np.frexp((whole & -whole).astype(np.float64))[1].astype(np.int64) - 1
    here = whole != 0
    odd = whole >> np.where(here, zeros, 0)
    lowest = np.where(here, exponent - 53 + zeros, np.iinfo(np.int32).max)
    row = lowest.min(axis=1)
    row = np.where(row == np.iinfo(np.int32).max, 0, row)
    width = np.where(here, exponent, np.iinfo(np.int32).min).max(axis=1) - row
    width = np.where(here.any(axis=1), width, 0)
    shift = np.where(here, np.clip(lowest - row[:, None], 0, 63), 0)
    return np.where(width[:, None] <= WIDEST, odd << shift, 0), row.astype(np.int64), width
