"""The class with the largest sum, in units that fire or do not: every two sums are compared, and one wins them all.

Of n sums z there are n (n - 1) / 2 units that fire iff ``z_i >= z_j``, i < j, so the first of equals wins. Unit i of
the layer behind them fires iff i has won each of its n - 1 comparisons: exactly one does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil, gcd
from typing import Any

import numpy as np

from compiler.frontends.quantising.grids import grid
from compiler.frontends.quantising.sums import Map, Refused, frozen, repeated
from compiler.networks.layers import Dense, Layer
from compiler.networks.network import EXACT

MOST_COMPETITORS = 256
"""Sums of which the largest is found by comparing every two."""


def tournament(final: Map, name: str, fresh: Callable[[str], str]) -> tuple[list[Layer], dict[str, Any]]:
    """Two layers that tell which value of a map is the largest, and how to read them.

    Parameters
    ----------
    final : Map
        Of drives.
    name : str
        Of the layer that answers.
    fresh : callable
        Makes of a name one that nothing has.

    Raises
    ------
    Refused
        If there is but one value, or too many.
    """
    slope, offset = _values(final)
    count = len(slope)
    if count == 1:
        raise Refused("answers by one real number, and a chip answers in spikes; end with a step")
    if count > MOST_COMPETITORS:
        raise Refused(
            f"answers by {count} real numbers, allowed: {MOST_COMPETITORS}, for every two are compared; end with a step"
        )
    first, second = np.triu_indices(count, 1)
    weight = np.zeros((len(first), count), np.int64)
    threshold = np.zeros(len(first), object)
    for row, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        step = grid([slope[one], slope[other]])
        pair = int(slope[one] / step), -int(slope[other] / step)
        if max(map(abs, pair)) >= EXACT // 4:
            raise Refused("answers by real numbers of too different scales to be compared exactly; round them before")
        least = ceil((offset[other] - offset[one]) / step * final.grain)
        shared = gcd(least, final.grain)
        weight[row, one], weight[row, other] = (part * (final.grain // shared) for part in pair)
        threshold[row] = max(-EXACT, min(EXACT, least // shared))
    wins = np.zeros((count, len(first)), np.int64)
    wins[first, np.arange(len(first))] = 1
    wins[second, np.arange(len(first))] = -1
    beats = Dense(fresh(f"{name}.pairs"), (final.layer,), frozen(weight), frozen(threshold))
    winner = Dense(fresh(f"{name}.winner"), (beats.name,), frozen(wins), frozen(np.arange(count - 1, -1, -1)))
    return [beats, winner], {"kind": "argmax", "classes": count}


def gathered(final: Map, name: str, layers: list[Layer], fresh: Callable[[str], str]) -> list[Layer]:
    """Layers with an end that gathers over several steps and never fires: its potentials tell the classes apart.

    Parameters
    ----------
    final : Map
        Of drives.
    name : str
        Of the layer that answers.
    layers : list of Layer
        So far.
    fresh : callable
        As for `tournament`.

    Raises
    ------
    Refused
        If potentials would not be comparable.
    """
    slope, offset = _values(final)
    if len(set(offset)) > 1:
        raise Refused(
            "adds different constants in every step, and units of several steps gather only what spikes bring"
        )
    never = frozen(np.full(len(slope), EXACT))
    last = layers[-1] if layers else None
    if isinstance(last, Dense) and last.name == final.layer and len(set(slope)) == 1 and slope[0] > 0:
        return [*layers[:-1], Dense(last.name, last.sources, last.weight, never)]
    step = grid(slope)
    factor = [int(one / step) for one in slope]
    if max(map(abs, factor)) >= 2**31:
        raise Refused("answers by potentials of too different scales to be compared; round them before")
    return [*layers, Dense(fresh(f"{name}.potentials"), (final.layer,), frozen(np.diag(factor)), never)]


def _values(final: Map) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
    """Slope and offset of every value, in C, H, W order."""
    area = final.shape[1] * final.shape[2]
    return repeated(final.slope, area), repeated(final.offset, area)


def chosen(decode: Mapping[str, Any] | None, classes: int | None) -> Mapping[str, Any] | None:
    """How outputs are read: as the user or the file says, else as classes if there are any."""
    if decode is not None or classes is None:
        return decode
    return {"kind": "argmax", "classes": classes}
