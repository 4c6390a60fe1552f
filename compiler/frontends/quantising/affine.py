"""Scales and normalisations as numbers by channel: rational where they are, to the precision of a float where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import isqrt, sqrt

import numpy as np

from compiler.frontends.model import BatchNorm, Flat, FloatLayer, Scale
from compiler.frontends.quantising.levels import Affine, Norm
from compiler.frontends.quantising.sums import numbers
from compiler.networks.layers import Shape
from isa_spec.errors import NetworkError

IRRATIONAL = (
    "its standard deviations are no rational numbers, and no step follows that could take them up: 53 bits are kept"
)
"""Why a normalisation is not exact."""


def scale_of(layer: Scale, channels: int, area: int = 1) -> Affine:
    """A scale by channel; behind flattening by so many places a channel, all alike."""
    get = _getter(layer, channels, area)
    return Affine(get(layer.factor, "factor"), get(layer.shift, "shift"))


def norm_of(layer: BatchNorm, channels: int, area: int = 1) -> Norm:
    """A normalisation by channel, as `scale_of`.

    Raises
    ------
    NetworkError
        If there are not as many numbers as channels, one is not finite, or a variance is none.
    """
    get = _getter(layer, channels, area)
    (epsilon,) = numbers([layer.epsilon], 1, f"layer '{layer.name}', epsilon")
    variance = get(layer.variance, "variance")
    for unit, spread in enumerate(variance):
        if spread < 0 or epsilon < 0 or spread + epsilon == 0:
            raise NetworkError(
                f"layer '{layer.name}': variance[{unit}] = {float(spread)!r} and epsilon = {float(epsilon)!r}, "
                "allowed: none negative, their sum above 0"
            )
    spreads = tuple(spread + epsilon for spread in variance)
    return Norm(get(layer.gamma, "gamma"), get(layer.beta, "beta"), get(layer.mean, "mean"), spreads)


def rational(norm: Norm) -> tuple[Affine, bool]:
    """A normalisation as a scale, and whether it is exactly that."""
    exact, factors, shifts = True, [], []
    for gamma, beta, mean, variance in zip(norm.gamma, norm.beta, norm.mean, norm.variance, strict=True):
        above, below = isqrt(variance.numerator), isqrt(variance.denominator)
        if above**2 == variance.numerator and below**2 == variance.denominator:
            factor = gamma * Fraction(below, above)
        else:
            factor, exact = Fraction(float(gamma) / sqrt(variance)), exact and gamma == 0
        factors.append(factor)
        shifts.append(beta - mean * factor)
    return Affine(tuple(factors), tuple(shifts)), exact


def factor_behind(way: Sequence[FloatLayer], shape: Shape) -> tuple[Fraction, ...] | None:
    """What sums of a map are multiplied by in the scales and normalisations that follow at once; None if none do."""
    channels, rows, cols = shape
    total: tuple[Fraction, ...] | None = None
    for layer in way:
        match layer:
            case Scale():
                factor = scale_of(layer, channels).factor
            case BatchNorm():
                factor = rational(norm_of(layer, channels))[0].factor
            case Flat() if rows * cols == 1:
                continue
            case _:
                break
        total = factor if total is None else tuple(one * by for one, by in zip(total, factor, strict=True))
    return total


def _getter(layer: Scale | BatchNorm, channels: int, area: int) -> Callable[[np.ndarray, str], tuple[Fraction, ...]]:
    def get(values: np.ndarray, key: str) -> tuple[Fraction, ...]:
        array = np.asarray(values).ravel()
        return numbers(array[::area] if len(array) > 1 else array, channels, f"layer '{layer.name}', {key}")

    return get
