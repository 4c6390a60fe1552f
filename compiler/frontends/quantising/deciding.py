"""Sums that await a step: with it they become units with thresholds, and maxima of spikes behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from compiler.frontends.model import Fire, Step
from compiler.frontends.quantising.firing import Integrating, integrate
from compiler.frontends.quantising.levels import Affine, Maximum, Operation, decide
from compiler.frontends.quantising.sums import Map, Sums, numbers, passed
from compiler.frontends.quantising.units import maximum, with_thresholds
from compiler.networks.layers import Flatten, Layer, Shape


@dataclass(frozen=True, eq=False)
class Awaiting:
    """Sums that a step will decide on, and what lies between.

    Parameters
    ----------
    sums : Sums
    shape : (C, H, W)
        Of what the step reads.
    operations : tuple of Operation
        From the sums to the step.
    flat : str
        Layer that flattens them; empty if none does.
    area : int
        Places of a channel that it makes channels of.
    """

    sums: Sums
    shape: Shape
    operations: tuple[Operation, ...] = ()
    flat: str = ""
    area: int = 1


def awaiting(source: Map | Awaiting, name: str) -> Awaiting:
    """Sums for a step, whatever it reads; a layer of this name passes a map on.

    Raises
    ------
    Refused
        If the map cannot have thresholds.
    """
    if isinstance(source, Awaiting):
        return source
    return Awaiting(passed(name, source), source.shape)


def by_step(layer: Step, waiting: Awaiting, strict: bool, integers: bool) -> tuple[list[Layer], Map, tuple[int, ...]]:
    """Layers that decide as a step does, the map of its decisions, and the units whose sums can meet their level.

    Of a network of integers, units that read nothing keep their thresholds.

    Raises
    ------
    Refused
        If a maximum lies between that no spikes can tell.
    """
    sums = waiting.sums
    inverted = layer.high == 0 and layer.low != 0
    levels = numbers(each(layer.level, waiting.area), sums.shape[0], f"layer '{layer.name}', level")
    step = [Fraction(0) if silent else own for own, silent in zip(sums.step, sums.silent.tolist(), strict=True)]
    decided = decide(levels, strict, inverted, waiting.operations, step, sums.constant, sums.grain)
    threshold = np.array(decided.threshold)
    if integers and sums.silent.any():
        own = decide(levels, strict, inverted, waiting.operations, sums.step, sums.constant, sums.grain)
        threshold = np.where(sums.silent, own.threshold, threshold)
    made = with_thresholds(sums.layer, np.array(decided.factor), threshold)
    slope, offset = (layer.low, layer.high) if inverted else (layer.high - layer.low, layer.low)
    layers, found = _emitted(waiting, made, slope, offset, decided.alike)
    return layers, found, decided.ties


def by_firing(
    layer: Fire, waiting: Awaiting, subtract: bool, strict: bool, steps: int, bits: int, integers: bool
) -> tuple[list[Layer], Map, Integrating]:
    """Layers whose units gather over several steps, and the map of their spikes.

    Raises
    ------
    Refused
        As `integrate`.
    """
    layer = replace(layer, threshold=each(layer.threshold, waiting.area), gain=each(layer.gain, waiting.area))
    between = [operation for operation in waiting.operations if isinstance(operation, Affine)]
    assert len(between) == len(waiting.operations)  # with steps, normalisations are scales, and no maximum waits
    found = integrate(waiting.sums, between, layer, subtract, strict, steps, bits, integers)
    made = with_thresholds(waiting.sums.layer, found.factor, found.threshold)
    layers, spikes = _emitted(waiting, made, Fraction(1), Fraction(0), ())
    return layers, spikes, found


def _emitted(
    waiting: Awaiting, made: Layer, slope: Fraction, offset: Fraction, alike: Sequence[Sequence[bool]]
) -> tuple[list[Layer], Map]:
    """Units with thresholds, then the maxima and the flattening that lay before the step."""
    layers, channels = [made], waiting.sums.shape[0]
    found = Map(made.name, waiting.sums.shape, (slope,) * channels, (offset,) * channels, True)
    pools = [operation for operation in waiting.operations if isinstance(operation, Maximum)]
    for pool, any_of in zip(pools, alike, strict=True):
        layers.append(maximum(pool, found, any_of))
        found = replace(found, layer=pool.name, shape=layers[-1].output_shape([found.shape]))
    if waiting.flat:
        layers.append(Flatten(waiting.flat, (found.layer,)))
        many = waiting.shape[0]
        found = Map(waiting.flat, waiting.shape, (slope,) * many, (offset,) * many, True, True)
    return layers, found


def each(values: np.ndarray, area: int) -> np.ndarray:
    """Of so many places of each channel, all alike, one."""
    array = np.asarray(values).ravel()
    return array[::area] if len(array) > 1 else array
