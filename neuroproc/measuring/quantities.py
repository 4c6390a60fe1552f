"""Physical quantities as people write them."""

from __future__ import annotations

_PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M"}


def quantity(value: float, unit: str) -> str:
    """A number from 0 on in four digits, with the unit's prefix."""
    mantissa, exponent = f"{value:.3e}".split("e")
    power = min(max(int(exponent) // 3 * 3, min(_PREFIXES)), max(_PREFIXES)) if value else 0
    return f"{float(mantissa) * 10.0 ** (int(exponent) - power):.4g} {_PREFIXES[power]}{unit}"
