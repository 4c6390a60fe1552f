"""Numbers of JSON texts, taken for exactly what is written: 0.1 is one tenth."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from isa_spec.errors import FormatError

MOST_DIGITS = 60
"""Digits and zeros that a number may take written out: a text like 1e999999 must not become a long one."""


@lru_cache(maxsize=4096)
def exact(text: str) -> Fraction:
    """Number that a decimal text says.

    Raises
    ------
    FormatError
        If it says none, or a far too long one.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise FormatError(f"'{text}', allowed: a number, for example 1, 0.5 or -2e-3") from None
    if not value.is_finite() or abs(value.adjusted()) > MOST_DIGITS or len(value.as_tuple().digits) > MOST_DIGITS:
        raise FormatError(f"'{text}', allowed: finite numbers of at most {MOST_DIGITS} digits")
    return Fraction(value)


@lru_cache(maxsize=4096)
def json_float(text: str) -> float:
    """Number of a JSON text, where the shortest text of its 64 bits says the same number.

    Raises
    ------
    FormatError
        If the text has more digits than that, for they would be lost.
    """
    said, value = exact(text), float(text)
    if not math.isfinite(value) or fraction(value) != said:
        raise FormatError(f"number {text} has more digits than 64 bits keep, allowed: for example {value!r}; round it")
    return value


@lru_cache(maxsize=4096)
def fraction(value: float) -> Fraction:
    """Number that the shortest text of a float says: one tenth for 0.1."""
    return Fraction(repr(value))


def common_unit(values: Iterable[Fraction]) -> Fraction:
    """Largest unit 1/n in which all values are whole."""
    return Fraction(1, math.lcm(*(value.denominator for value in values)))
