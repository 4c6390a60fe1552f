"""The arithmetic of QONNX's quantisers: integers, and where a quantiser of two values steps from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

ROUNDINGS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}
"""What a quantiser may do with a number between two integers."""


def integer_range(bits: float, signed: bool, narrow: bool) -> tuple[int, int]:
    """Smallest and largest integer of a quantiser, both included.

    Parameters
    ----------
    bits : float
        1 to 32; what is no integer rounds up to whole integers at the ends.
    signed, narrow : bool
        Narrow leaves out the one value that has no counterpart: -2^(bits - 1), or 2^bits - 1.
    """
    if signed:
        return -int(2 ** (bits - 1)) + int(narrow), int(2 ** (bits - 1)) - 1
    return 0, int(2**bits) - 1 - int(narrow)


def integers(x: np.ndarray, scale: np.ndarray, zero: np.ndarray, bounds: tuple[int, int], rounding: str) -> np.ndarray:
    """The integers of which a quantiser gives the multiples of its scale: of x's type, of the common shape.

    Parameters
    ----------
    x, scale, zero : float arrays that broadcast
    bounds : (smallest, largest)
        Of what is rounded, before ``zero`` is taken off.
    rounding : str
        A key of `ROUNDINGS`.
    """
    return np.asarray(np.clip(ROUNDINGS[rounding](x / scale + zero), *bounds) - zero)


def step_between(smallest: int, rounding: str) -> tuple[float, bool]:
    """Where a quantiser of the two integers ``smallest`` and ``smallest + 1`` steps, before scale and zero point.

    Returns
    -------
    level : float
        Below it all is ``smallest``, above it all is ``smallest + 1``.
    strict : bool
        Whether the level itself is ``smallest``.
    """
    rounded = ROUNDINGS[rounding]
    below, between, above = (float(rounded(np.array(smallest + part))) for part in (0.25, 0.5, 0.75))
    if below > smallest:
        return float(smallest), True
    if above == smallest:
        return float(smallest + 1), False
    return smallest + 0.5, between == smallest
