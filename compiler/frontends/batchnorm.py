"""Batch normalisation before a threshold, folded into an integer threshold: exact, whatever the floats.

A unit with weighted sum ``u`` fires iff ``gamma * (u - mean) / sqrt(variance + epsilon) + beta >= level``. The numbers
are taken for exactly what their bits say, and nothing is rounded on the way: for ``gamma > 0`` that is

    ``u >= ceil(mean + (level - beta) / gamma * sqrt(variance + epsilon))``

For ``gamma < 0`` the inequality turns round, so the unit's weights change sign; for ``gamma = 0`` it does not depend on
``u``. Where averages are read, ``u`` is a multiple of ``1 / fineness``, and the ceiling is taken at that grain: the
weights grow by as much of the fineness as the threshold needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import gcd, isqrt
from typing import Any

import numpy as np

from compiler.networks.network import EXACT
from isa_spec.errors import NetworkError

ARRAYS = ("gamma", "beta", "mean", "variance")
"""Required keys: one number per unit."""
SCALARS: Mapping[str, float] = {"epsilon": 1e-5, "level": 0.0}
"""Optional keys, one number for the layer, with their defaults."""


def fold_batchnorm(
    entry: Any, weight: np.ndarray, fineness: int, get: Callable[[Any, str], Any], where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and thresholds of a layer that a ``batchnorm`` entry follows.

    Parameters
    ----------
    entry, fineness, get, where
        As for `fold_units`.
    weight : int64[O, ...], potential units

    Returns
    -------
    weight : int64[O, ...], potential units
        Times the factors of `fold_units`.
    threshold : int64[O], potential units
        In ``-2**52 .. 2**52``: no sum reaches beyond.

    Raises
    ------
    NetworkError
        As `fold_units`, or if weights would grow beyond exact sums.
    """
    n_units = len(weight)
    factors, thresholds = fold_units(entry, n_units, fineness, get, where)
    sizes = np.abs(weight.astype(np.float64)).reshape(n_units, -1).sum(axis=1)
    if np.any(np.maximum(sizes, 1.0) * np.abs(factors) >= EXACT):
        raise NetworkError(
            f"{where}: the averages that the layer reads need weights whose absolute values sum to 2**52 or more, "
            "allowed: less; use sumpool2d, with mean and deviation as many times larger"
        )
    grown = weight * factors.reshape(-1, *[1] * (weight.ndim - 1))
    grown.flags.writeable = False
    return grown, thresholds


def fold_units(
    entry: Any, n_units: int | None, fineness: int, get: Callable[[Any, str], Any], where: str
) -> tuple[np.ndarray, np.ndarray]:
    """What a ``batchnorm`` entry makes of the units before it: factors of their sums, and thresholds.

    Parameters
    ----------
    entry : dict
        As in the network file.
    n_units : int or None
        None: as many as the entry has.
    fineness : int
        What the units' sums are multiples of: ``1 / fineness``.
    get : callable
        Array that a reference into an .npz names; anything else unchanged.
    where : str
        The entry, for messages.

    Returns
    -------
    factor : int64[n_units]
        Negative where ``gamma`` is, and beyond 1 where the threshold lies between integers.
    threshold : int64[n_units], potential units
        In ``-2**52 .. 2**52``: no sum reaches beyond.

    Raises
    ------
    NetworkError
        If a key is unknown or missing, or a number is none, not finite, or gives no standard deviation.
    """
    allowed = [*ARRAYS, *SCALARS]
    if not isinstance(entry, Mapping):
        raise NetworkError(f"{where} = {entry!r}, allowed: a table with {', '.join(allowed)}")
    for key in ARRAYS:
        if key not in entry:
            raise NetworkError(f"{where}: key '{key}' is missing")
    for key in entry:
        if key not in allowed:
            raise NetworkError(f"{where}: unknown key '{key}', allowed: {', '.join(allowed)}")
    values = {key: get(entry[key], f"{where}.{key}") for key in ARRAYS}
    if n_units is None:
        gammas = values["gamma"]
        n_units = max(1, len(gammas) if isinstance(gammas, list) else np.size(gammas))
    gamma, beta, mean, variance = (_numbers(values[key], (n_units,), f"{where}.{key}") for key in ARRAYS)
    (epsilon,), (level,) = (
        _numbers(get(entry.get(key, default), f"{where}.{key}"), (), f"{where}.{key}")
        for key, default in SCALARS.items()
    )
    for unit, spread in enumerate(variance):
        if spread < 0 or epsilon < 0 or spread + epsilon == 0:
            raise NetworkError(
                f"{where}: variance[{unit}] = {float(spread)!r} and epsilon = {float(epsilon)!r}, allowed: none "
                "negative, their sum above 0"
            )
    folded = [
        fold_unit(gamma[unit], beta[unit], mean[unit], variance[unit] + epsilon, level, fineness)
        for unit in range(n_units)
    ]
    factors, thresholds = np.array(folded, np.int64).T
    factors.flags.writeable = thresholds.flags.writeable = False
    return factors, thresholds


def fold_unit(
    gamma: Fraction, beta: Fraction, mean: Fraction, variance: Fraction, level: Fraction, fineness: int
) -> tuple[int, int]:
    """Factor of a unit's weights, and the threshold that the sum of such weights is held against.

    Parameters
    ----------
    gamma, beta, mean, level : Fraction
    variance : Fraction
        Above 0, ``epsilon`` included.
    fineness : int

    Returns
    -------
    factor : int
        A divisor of the fineness, negative for a negative ``gamma``.
    threshold : int
        At most 2**52 in size: every sum is smaller, so beyond it says no more than always or never.
    """
    if gamma == 0:
        return 1, -EXACT if beta >= level else EXACT
    sign = 1 if gamma > 0 else -1
    shift = (level - beta) / abs(gamma) * fineness
    threshold = ceil_with_root(sign * mean * fineness, 1 if shift > 0 else -1, shift * shift * variance)
    if abs(threshold) >= EXACT:
        return sign, EXACT if threshold > 0 else -EXACT
    shared = gcd(threshold, fineness)
    return sign * (fineness // shared), threshold // shared


def ceil_with_root(value: Fraction, sign: int, square: Fraction) -> int:
    """``ceil(value + sign * sqrt(square))``, exactly.

    Brought over one denominator, what remains is a root of an integer among integers; and of ``x / n`` with an integer
    ``n`` the ceiling is that of ``ceil(x) / n``.
    """
    denominator = value.denominator * square.denominator
    inner = value.denominator**2 * square.numerator * square.denominator
    root = isqrt(inner)
    rounded_up = -root if sign < 0 else root + (root * root < inner)
    return -((-(value.numerator * square.denominator + rounded_up)) // denominator)


def _numbers(value: Any, shape: tuple[int, ...], where: str) -> list[Fraction]:
    """Finite numbers as what their bits say; a scalar as a list of one."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise NetworkError(f"{where}: nested lists of uneven length") from None
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise NetworkError(f"{where}: {array.dtype} values, allowed: numbers of at most 64 bits")
    if array.shape != shape:
        allowed = f"one number per unit, [{shape[0]}]" if shape else "one number"
        raise NetworkError(f"{where}: shape {list(array.shape)}, allowed: {allowed}")
    numbers = array.ravel().tolist()
    if not np.isfinite(array).all():
        wrong = next(number for number in numbers if not np.isfinite(number))
        raise NetworkError(f"{where}: {wrong}, allowed: finite numbers")
    return [Fraction(number) for number in numbers]
