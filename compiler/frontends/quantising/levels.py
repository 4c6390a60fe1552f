"""A step's level, brought back through what lies between it and the sum that it decides on.

Scales and normalisations of a channel are monotone, so a condition on what comes out of them is one on what goes in.
The same holds for a maximum: it reaches a level if one of its window does, and stays below if all do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd

from compiler.frontends.batchnorm import ceil_with_root
from compiler.networks.network import EXACT


@dataclass(frozen=True)
class Affine:
    """``factor * x + shift``, by channel."""

    factor: tuple[Fraction, ...]
    shift: tuple[Fraction, ...]


@dataclass(frozen=True)
class Norm:
    """``gamma * (x - mean) / sqrt(variance) + beta``, by channel; variances above 0, epsilon included."""

    gamma: tuple[Fraction, ...]
    beta: tuple[Fraction, ...]
    mean: tuple[Fraction, ...]
    variance: tuple[Fraction, ...]


@dataclass(frozen=True)
class Maximum:
    """The maximum over windows."""

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]


Operation = Affine | Norm | Maximum


@dataclass(frozen=True)
class Condition:
    """``x >= value + sign * sqrt(square)``, or ``<=`` if below; without equality if strict.

    Parameters
    ----------
    value : Fraction
    sign : int
        -1, 0 or 1.
    square : Fraction
    below : bool
    strict : bool
    always : bool or None
        Whether it holds whatever x is, or never; None if that depends on x.
    tie : bool
        Whether, of a condition that does not depend on x, equality decided.
    """

    value: Fraction
    sign: int = 0
    square: Fraction = Fraction(0)
    below: bool = False
    strict: bool = False
    always: bool | None = None
    tie: bool = False

    def _fixed(self, value: Fraction) -> Condition:
        """The condition where x is always one value."""
        gap = Fraction(value - self.value) * (-1 if self.below else 1)
        # Against a root: the sign of gap - root is found by comparing squares.
        root = self.sign * (-1 if self.below else 1)
        order = _sign(gap, root, self.square)
        return replace(self, always=order > 0 or (order == 0 and not self.strict), tie=order == 0)

    def before(self, operation: Affine | Norm, channel: int) -> Condition:
        """The condition on what goes into an operation."""
        if self.always is not None:
            return self
        match operation:
            case Affine():
                factor, shift = operation.factor[channel], operation.shift[channel]
                if factor == 0:
                    return self._fixed(shift)
                return replace(
                    self,
                    value=(self.value - shift) / factor,
                    sign=self.sign if factor > 0 else -self.sign,
                    square=self.square / factor**2,
                    below=self.below != (factor < 0),
                )
            case Norm():
                assert self.sign == 0  # whoever puts two after one another has rounded one
                gamma, shift = operation.gamma[channel], operation.beta[channel]
                if gamma == 0:
                    return self._fixed(shift)
                height = (self.value - shift) / gamma
                return replace(
                    self,
                    value=operation.mean[channel],
                    sign=(height > 0) - (height < 0),
                    square=height**2 * operation.variance[channel],
                    below=self.below != (gamma < 0),
                )

    def threshold(self, step: Fraction, constant: Fraction, grain: int = 1) -> tuple[int, int, bool]:
        """Factor, threshold and whether a sum can tie, for ``x = step * n + constant``, n a multiple of ``1 / grain``.

        The condition holds iff ``factor * n >= threshold``; thresholds are within `EXACT`, and the factor is larger
        than 1 only where a threshold lies between integers.
        """
        if self.always is not None:
            return 1, -EXACT if self.always else EXACT, self.tie
        known = self if step else self._fixed(constant)
        if known.always is not None:
            return 1, -EXACT if known.always else EXACT, known.tie
        alone = self.before(Affine((step / grain,), (constant,)), 0)
        direction = -1 if alone.below else 1
        value, root = direction * alone.value, direction * alone.sign
        up = ceil_with_root(value, root, alone.square)
        down = -ceil_with_root(-value, -root, alone.square)
        threshold = down + 1 if self.strict else up
        if abs(threshold) >= EXACT:
            return direction, EXACT if threshold > 0 else -EXACT, up == down
        shared = gcd(threshold, grain)
        return direction * (grain // shared), threshold // shared, up == down


def _sign(value: Fraction, sign: int, square: Fraction) -> int:
    """Sign of ``value - sign * sqrt(square)``."""
    if sign == 0 or square == 0:
        return (value > 0) - (value < 0)
    if (value > 0) != (sign > 0) or value == 0:
        return -sign if value == 0 else (1 if value > 0 else -1)
    difference = value**2 - square
    return ((difference > 0) - (difference < 0)) * sign


@dataclass(frozen=True)
class Decided:
    """What a step asks of the units of a sum, by channel.

    Parameters
    ----------
    factor : tuple of C int
        What the weights are to be multiplied by.
    threshold : tuple of C int
    alike : tuple of tuple of C bool
        Of each maximum on the way, whether one spike of the window makes it spike; else it takes all.
    ties : tuple of int
        Channels in which a sum can meet the level exactly.
    """

    factor: tuple[int, ...]
    threshold: tuple[int, ...]
    alike: tuple[tuple[bool, ...], ...]
    ties: tuple[int, ...]


def decide(
    levels: Sequence[Fraction],
    strict: bool,
    inverted: bool,
    operations: Sequence[Operation],
    step: Sequence[Fraction],
    constant: Sequence[Fraction],
    grain: int,
) -> Decided:
    """Factors and thresholds of units behind which operations and a step lie.

    Parameters
    ----------
    levels : sequence of C Fraction
    strict : bool
    inverted : bool
        Whether a spike means that the level is not reached.
    operations : sequence of Operation
        From the sum to the step.
    step, constant : sequence of C Fraction
        A sum is ``step * n + constant``.
    grain : int
        What n is a multiple of, as the denominator.
    """
    factors, thresholds, ties = [], [], []
    alike: list[list[bool]] = [[] for operation in operations if isinstance(operation, Maximum)]
    for channel, level in enumerate(levels):
        condition = Condition(level, below=inverted, strict=strict != inverted)
        which = len(alike)
        for operation in reversed(operations):
            if isinstance(operation, Maximum):
                which -= 1
                alike[which].append(not condition.below)
            else:
                condition = condition.before(operation, channel)
        factor, threshold, tie = condition.threshold(step[channel], constant[channel], grain)
        factors.append(factor)
        thresholds.append(threshold)
        if tie:
            ties.append(channel)
    return Decided(tuple(factors), tuple(thresholds), tuple(tuple(pool) for pool in alike), tuple(ties))
