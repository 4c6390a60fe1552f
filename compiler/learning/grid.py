"""The integers that weights of so many bits may be."""

from __future__ import annotations

from isa_spec.errors import NetworkError

BITS = range(2, 9)
"""Widths that weights may have."""


def largest(bits: int) -> int:
    """Largest weight of so many bits; the least is its negative, so that both signs reach as far.

    Raises
    ------
    NetworkError
        If it is none of `BITS`.
    """
    if bits not in BITS:
        raise NetworkError(f"weights of {bits} bits, allowed: {BITS[0]}..{BITS[-1]}")
    return int(2 ** (bits - 1) - 1)
