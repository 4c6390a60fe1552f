"""Units that gather over several steps: integrate-and-fire layers as integers.

A unit's potential grows by ``slope * n`` in each step, for an integer sum n. With reset to zero it suffices that every
sum is on the right side of the threshold, as for units that decide once. With reset by subtraction the threshold is
taken off, so it has to be a multiple of the slope, and the weights grow until it is. A strict comparison with it holds
exactly, too: with weights and threshold k times as large and the threshold larger by 1, a unit that has fired m < k
times fires iff ``k * n >= k * t + (m + 1)``, and that is ``n > t``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, gcd

import numpy as np

from compiler.frontends.model import Fire, Step
from compiler.frontends.quantising.levels import Affine
from compiler.frontends.quantising.sums import Refused, Sums, numbers
from compiler.networks.layers import Add, Conv2d, Dense
from compiler.networks.network import EXACT


@dataclass(frozen=True, eq=False)
class Integrating:
    """What becomes of the sums of units that gather.

    Parameters
    ----------
    factor : int64[C]
        What the weights are to be multiplied by.
    threshold : int64[C]
    ties : tuple of int
        Units whose potential can meet the threshold exactly.
    error : float
        Largest relative error of a threshold that had to be rounded.
    alike : bool
        Whether every potential is the one that the layer speaks of.
    """

    factor: np.ndarray
    threshold: np.ndarray
    ties: tuple[int, ...]
    error: float
    alike: bool


def as_step(layer: Fire, channels: int) -> tuple[Step, Affine]:
    """A unit that decides once: its gain, and a step."""
    gain = numbers(layer.gain, channels, f"layer '{layer.name}', gain")
    return Step(layer.name, layer.sources, layer.threshold, layer.strict), Affine(gain, (Fraction(0),) * channels)


def integrate(
    sums: Sums,
    between: Sequence[Affine],
    layer: Fire,
    subtract: bool,
    strict: bool,
    steps: int,
    bits: int,
    integers: bool,
) -> Integrating:
    """Factors and thresholds of units that gather over the steps of a frame.

    Parameters
    ----------
    sums : Sums
    between : sequence of Affine
        From the sums to the units.
    layer : Fire
    subtract : bool
        Whether the threshold is taken off when a unit fires; else nothing is kept.
    strict : bool
    steps : int
        Of a frame.
    bits : int
        Width that the weights may grow to for the sake of thresholds.
    integers : bool
        Whether the network is one of integers: then units that read nothing keep their thresholds.

    Raises
    ------
    Refused
        If something is added in every step, or a unit would fire without a cause.
    """
    channels, where = sums.shape[0], f"layer '{layer.name}'"
    gain = numbers(layer.gain, channels, f"{where}, gain")
    level = numbers(layer.threshold, channels, f"{where}, threshold")
    silent = sums.silent
    largest, most = _largest(sums), 2 ** (bits - 1) - 1
    factor, threshold = np.ones(channels, np.int64), np.ones(channels, np.int64)
    ties, errors, alike = [], [0.0], True
    for unit in range(channels):
        slope, constant = sums.step[unit], sums.constant[unit]
        for affine in between:
            slope, constant = slope * affine.factor[unit], constant * affine.factor[unit] + affine.shift[unit]
        slope, constant = slope * gain[unit], constant * gain[unit]
        if constant:
            raise Refused(
                f"is given {float(constant):g} in every step whatever comes (unit {unit}), and units of several steps "
                "gather only what spikes bring; use no biases, or an encoding without steps"
            )
        if level[unit] < 0 or (level[unit] == 0 and not strict):
            raise Refused(
                f"fires in every step (unit {unit}: threshold {float(level[unit]):g}); use thresholds above 0"
            )
        if slope == 0 or (silent[unit] and not integers):
            factor[unit] = 0
            continue
        exact = level[unit] / abs(slope)
        sign = 1 if slope > 0 else -1
        fine = exact * sums.grain
        if subtract and exact.denominator > 1 and (sums.error or largest[unit] * exact.denominator > most):
            # Where the threshold is rounded, equality is a matter of rounding, too.
            whole = max(1, round(exact))
            errors.append(float(abs(whole - exact) / exact))
            factor[unit], threshold[unit] = sign, min(whole, EXACT)
            alike = alike and slope * factor[unit] == 1
            continue
        if not silent[unit] and (fine.denominator == 1 or (subtract and fine.denominator <= steps)):
            ties.append(unit)
        if not subtract:
            whole = floor(fine) + 1 if strict else ceil(fine)
            shared = gcd(whole, sums.grain)
            factor[unit], threshold[unit] = sign * (sums.grain // shared), min(whole // shared, EXACT)
            alike = alike and slope * factor[unit] == 1
            continue
        grown, whole = exact.denominator, exact.numerator
        if strict:
            grown, whole = grown * steps * sums.grain, whole * steps * sums.grain + 1
        factor[unit], threshold[unit] = sign * grown, min(whole, EXACT)
        alike = alike and slope * factor[unit] == 1
    return Integrating(factor, threshold, tuple(ties), max(errors), alike)


def _largest(sums: Sums) -> np.ndarray:
    """Largest weight of each unit: int64[C]."""
    match sums.layer:
        case Conv2d() | Dense():
            return np.asarray(np.abs(sums.layer.weight.reshape(sums.shape[0], -1)).max(axis=1))
        case Add():
            return np.asarray(np.abs(sums.layer.factors).max(axis=0))
    return np.ones(sums.shape[0], np.int64)
