"""Turns in idle time: which cycles the channels of a neuron may take, and for how many of them there is room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from compiler.folding.geometry import Carrier, Geometry, Reading
from compiler.folding.pitches import Pitch
from compiler.folding.turns import Turns, followed, may_share
from isa_spec.errors import ScheduleError


def find_turns(
    geometry: Geometry,
    pitches: Sequence[Pitch],
    interval: int,
    slot: int,
    counts: Sequence[int],
    forgets: bool,
) -> list[Turns]:
    """Turns of every carrier, in cycles: first fit, the earliest that nothing stray can meet.

    Parameters
    ----------
    geometry : Geometry
    pitches : sequence of (rows, columns), slots
    interval, slot : int, cycles
    counts : sequence of int
        Channels on each neuron (`compiler.folding.turns.shared_channels`).
    forgets : bool
        Whether neurons leak, so that two turns may follow each other without a cycle between.

    Raises
    ------
    ScheduleError
        If the interval has no room for so many turns: how many there are.
    """
    search = _Search(geometry, pitches, interval, slot, forgets)
    turns: list[Turns] = []
    short = search.extend(turns, counts)
    if short is not None:
        raise ScheduleError(
            f"channels of '{geometry.carriers[short].name}': {counts[short]} on one neuron, allowed: 1.."
            f"{len(turns[short])} in the idle time of {interval} cycles per frame; share fewer, or take more cycles "
            f"per slot than {slot}"
        )
    return turns


def fill_turns(
    geometry: Geometry,
    pitches: Sequence[Pitch],
    interval: int,
    slot: int,
    forgets: bool,
    most: Mapping[str, int],
    fits: Callable[[int, list[Turns]], bool],
) -> dict[str, int]:
    """Channels on one neuron, by layer, for as few neurons as idle time has room for.

    Step by step the layer that saves the most by it gets half its neurons, until none can, and then one fewer, until
    none can; a heuristic, for what one layer takes of the time is lost to those that read it.

    Parameters
    ----------
    geometry : Geometry
    pitches : sequence of (rows, columns), slots
    interval, slot : int, cycles
    forgets : bool
        As for `find_turns`.
    most : dict of str to int
        Bound for some layers.
    fits : callable
        Whether the processor can hold a carrier, by its number, with these turns of all carriers.
    """
    carriers = geometry.carriers
    search = _Search(geometry, pitches, interval, slot, forgets)
    turns: list[Turns] = []
    counts = [1] * len(carriers)
    search.extend(turns, counts)
    lanes = [_lanes(carriers, number) for number in range(len(carriers))]
    free = [
        number
        for number, carrier in enumerate(carriers)
        if may_share(carrier) and not any(carriers[reading.source].levels > 1 for reading in carrier.readings)
    ]
    for step in (_halved, _one_fewer):
        open_ = set(free)
        while open_:
            steps = {number: step(carriers[number].shape[0], counts[number]) for number in open_}
            saves = {one: lanes[one] * _saved(carriers[one].shape[0], counts[one], steps[one]) for one in open_}
            number = max(open_, key=lambda one: (saves[one], -one))
            tried, wanted = turns[:number], [*counts]
            for other in _following(carriers, number):
                wanted[other] = steps[number]
            enough = saves[number] and steps[number] <= most.get(carriers[number].name, steps[number])
            if enough and search.extend(tried, wanted) is None and _all_fit(carriers, number, tried, fits):
                turns, counts = tried, wanted
            else:
                open_.remove(number)
    named = zip(carriers, counts, strict=True)
    return {carrier.name: count for carrier, count in named if count > 1 and may_share(carrier)}


def _following(carriers: Sequence[Carrier], number: int) -> list[int]:
    """A carrier and those that keep its turns."""
    alike = [number]
    for other, carrier in enumerate(carriers):
        if followed(carrier) in alike:
            alike.append(other)
    return alike


def _lanes(carriers: Sequence[Carrier], number: int) -> int:
    """Neurons for each channel of a carrier and of those that keep its turns."""
    sizes = (
        min(carriers[other].tile[0], carriers[other].shape[1]) * min(carriers[other].tile[1], carriers[other].shape[2])
        for other in _following(carriers, number)
    )
    return sum(sizes)


def _halved(channels: int, count: int) -> int:
    """Fewest channels on a neuron that take half the neurons; the same number where there is one neuron."""
    neurons = -(-channels // count)
    return -(-channels // -(-neurons // 2))


def _one_fewer(channels: int, count: int) -> int:
    """Fewest channels on a neuron that take one neuron less; the same number where there is one neuron."""
    neurons = -(-channels // count)
    return -(-channels // max(neurons - 1, 1))


def _saved(channels: int, before: int, after: int) -> int:
    return -(-channels // before) - -(-channels // after)


def _all_fit(
    carriers: Sequence[Carrier], number: int, turns: list[Turns], fits: Callable[[int, list[Turns]], bool]
) -> bool:
    """Whether the processor holds a carrier, those that keep its turns, and all that hear them."""
    alike = set(_following(carriers, number))
    hear = {other for other, carrier in enumerate(carriers) if any(part.source in alike for part in carrier.readings)}
    return all(fits(other, turns) for other in alike | hear if carriers[other].readings)


class _Search:
    """What bars turns, worked out once for a geometry and an interval."""

    def __init__(self, geometry: Geometry, pitches: Sequence[Pitch], interval: int, slot: int, forgets: bool) -> None:
        self._carriers, self._pitches = geometry.carriers, pitches
        self._interval, self._slot, self._forgets = interval, slot, forgets
        self._strays = [
            [self._strays_of(reading, number) for reading in carrier.readings]
            for number, carrier in enumerate(self._carriers)
        ]
        self._always: dict[int, np.ndarray] = {}

    def extend(self, turns: list[Turns], counts: Sequence[int]) -> int | None:
        """Append the turns of the carriers that `turns` lacks; the first without room for its count ends it."""
        for number in range(len(turns), len(counts)):
            source = followed(self._carriers[number])
            if source is not None:
                turns.append(turns[source])
            elif counts[number] == 1:
                turns.append((0,))
            else:
                turns.append(_first_fit(self._barred(number, turns), counts[number]))
                if len(turns[-1]) < counts[number]:
                    return number
        return None

    def _barred(self, number: int, turns: Sequence[Turns]) -> np.ndarray:
        """Differences of turns that a carrier must not have: bool[interval]."""
        if number not in self._always:
            self._always[number] = self._barred_for_readers(number)
        barred = self._always[number].copy()
        for reading, strays in zip(self._carriers[number].readings, self._strays[number], strict=True):
            said = np.array(turns[reading.source])
            shifts = np.unique(said[:, None] - said)
            barred[(strays[:, None] + shifts) % self._interval] = True
        return barred

    def _barred_for_readers(self, number: int) -> np.ndarray:
        """Those by which a carrier, one that keeps its turns, or a reader of them would take one tile for another."""
        barred = np.zeros(self._interval, bool)
        alike = _following(self._carriers, number)
        for carrier, strays in zip(self._carriers, self._strays, strict=True):
            for reading, found in zip(carrier.readings, strays, strict=True):
                if reading.source in alike:
                    barred[found] = True
        for other in alike:
            pairs = zip(self._carriers[other].tiles, self._pitches[other], strict=True)
            tiles = self._slot * _sums(*(np.arange(1 - count, count) * step for count, step in pairs))
            for gap in (0,) if self._forgets else (-1, 0, 1):
                barred[(tiles + gap) % self._interval] = True
        return barred

    def _strays_of(self, reading: Reading, number: int) -> np.ndarray:
        """Cycles, mod the interval, from arrivals of any tile over any synapse to any evaluation of a reader."""
        source, carrier = self._carriers[reading.source], self._carriers[number]
        axes = []
        for axis, taps in enumerate((reading.rows, reading.cols)):
            step = self._pitches[reading.source][axis]
            places = np.arange(carrier.tiles[axis]) * self._pitches[number][axis]
            spoken = np.arange(source.tiles[axis]) * step
            axes.append(np.unique(places[:, None, None] + np.unique(taps.tile)[:, None] * step - spoken))
        return np.unique(self._slot * _sums(*axes) % self._interval)


def _first_fit(barred: np.ndarray, count: int) -> Turns:
    """Up to so many turns whose differences are not barred, a mask over the cycles of an interval."""
    free = ~(barred | np.roll(barred[::-1], 1))
    found, fits = [0], free.copy()
    while len(found) < count:
        later = np.flatnonzero(fits[found[-1] + 1 :])
        if not len(later):
            break
        found.append(found[-1] + 1 + int(later[0]))
        fits &= np.roll(free, found[-1])
    return tuple(found)


def _sums(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    return np.unique(rows[:, None] + cols)
