"""Additions of maps: each counts for as much as its values are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np

from compiler.frontends.model import Sum
from compiler.frontends.quantising.grids import grid
from compiler.frontends.quantising.sums import Map, Refused, Sums, frozen
from compiler.networks.layers import Add, Concat, Conv2d


def added(layer: Sum, sources: Sequence[Map], bits: int) -> Sums:
    """An addition of maps, with a factor for each: what their values are worth.

    Raises
    ------
    NetworkError
        If shapes do not fit.
    Refused
        If it reads a flattened map.
    """
    if any(source.flat for source in sources):
        raise Refused("adds flattened maps; flatten the sum instead")
    channels = sources[0].shape[0]
    times = np.ones((len(sources), channels), np.int64) if layer.factor is None else layer.factor
    bare = Add(layer.name, tuple(source.layer for source in sources), frozen(np.zeros(channels)), frozen(times))
    shape = bare.output_shape([source.shape for source in sources])
    factor, step, errors = [], [], []
    for channel in range(channels):
        slopes, counts = [source.slope[channel] for source in sources], times[:, channel].tolist()
        whole, own, error = _shares(slopes, counts, 2 ** (bits - 1) - 1)
        factor.append(whole)
        step.append(own)
        errors.append(error)
    offsets = [
        sum((count * source.offset[channel] for count, source in zip(times[:, channel].tolist(), sources, strict=True)))
        for channel in range(channels)
    ]
    whole_factor = frozen(np.array(factor).T)
    plain = layer.factor is None and bool(np.all(whole_factor == 1))
    made = replace(bare, factor=None if plain else whole_factor)
    grain = lcm(*(source.grain for source in sources))
    return Sums(made, shape, tuple(step), tuple(Fraction(one) for one in offsets), max(errors), grain)


def _shares(slopes: list[Fraction], counts: list[int], most: int) -> tuple[list[int], Fraction, float]:
    """Integers that maps count for, what 1 is worth, and the largest relative error."""
    if len(set(slopes)) == 1:
        return counts, slopes[0], 0.0
    worth = [slope * count for slope, count in zip(slopes, counts, strict=True)]
    own = grid(worth)
    whole = [int(one / own) for one in worth]
    if max(map(abs, whole)) <= most:
        return whole, own, 0.0
    own = max(map(abs, worth)) / most
    whole = [round(one / own) for one in worth]
    return whole, own, max(float(abs(n * own - one) / (own * most)) for n, one in zip(whole, worth, strict=True))


def linear_addition(sums: Sums, sources: Sequence[Map], name: str) -> tuple[Concat, Sums]:
    """The same addition without thresholds: the maps side by side, and a convolution of 1 x 1 over them."""
    assert isinstance(sums.layer, Add)
    channels, count = sums.shape[0], len(sources)
    side_by_side = Concat(name, tuple(source.layer for source in sources))
    weight = np.zeros((channels, count, channels), np.int64)
    every = np.arange(channels)
    weight[every, :, every] = sums.layer.factors.T
    flat = frozen(weight.reshape(channels, count * channels, 1, 1))
    return side_by_side, replace(sums, layer=Conv2d(sums.layer.name, (name,), flat, None))
