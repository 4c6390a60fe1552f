"""Channels that share a neuron: each has its turn, a cycle of its own in time that would be idle.

A neuron that carries several channels holds the weights of all of them. Which one it computes is a matter of when: a
synapse brings its source's spike to the turn of its own channel, and everything else that the source says, in other
turns and other tiles, arrives at cycles that are nobody's. So turns are chosen (`find_turns`), first fit, such that no
stray arrival meets an evaluation: with ``t`` a turn of the source and ``u`` one of the reader, a spike of ``t'`` over
the synapse from ``t`` to ``u`` arrives ``t' - t + u`` after the tile that it belongs to, and must not be at a ``u'``.

In every cycle the steady clock sends such a neuron a charge that silences it and drives it to the floor, whatever
arrives (`TurnCharges.hush`); in the turns of its tiles, and only there, the lift takes that back and brings what the
threshold of the channel whose turn it is falls short of the neuron's. So the neuron starts every turn at the floor,
compares the sum of its channel with that channel's threshold, and is silent at all other times: strays end with it.

A window of the same weights for every channel, each on its own (pooling, a serialiser), needs no turns of its own: one
synapse brings each channel in its source's turn.

Source: ours, after the phases of the folding scheme (docs/folding.md, channels).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.charges import check_thresholds, sum_range
from compiler.drive import Window
from compiler.geometry import Carrier, Geometry, Reading
from compiler.pitches import Pitch
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.image import signed_bits
from isa_spec.spec import ProcessorSpec

Turns = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class TurnCharges:
    """Threshold and charges of neurons that take turns, potential units.

    Parameters
    ----------
    threshold : int64[lane_channels]
        The largest of the neuron's channels.
    hush : int64[lane_channels]
        Arrives in every cycle.
    lift : int64[O]
        Arrives in the channel's turn.
    """

    threshold: np.ndarray
    hush: np.ndarray
    lift: np.ndarray


def followed(carrier: Carrier) -> int | None:
    """Carrier whose turns this one keeps, because every channel of it reads the same way the one of that number."""
    if carrier.serialises is not None:
        return carrier.serialises
    if len(carrier.readings) != 1:
        return None
    window = carrier.readings[0].window
    alone = window.groups == window.n_channels == carrier.shape[0] and window.weight.shape[1] == 1
    return carrier.readings[0].source if alone and np.all(window.weight == window.weight[:1]) else None


def shared_channels(geometry: Geometry, wanted: Mapping[str, int]) -> list[int]:
    """Channels on each neuron of every carrier, by the plan.

    Parameters
    ----------
    geometry : Geometry
    wanted : dict of str to int
        By layer; 1 for all others.

    Raises
    ------
    ScheduleError
        If a layer does not exist, cannot share, or has fewer channels.
    """
    names = [carrier.name for carrier in geometry.carriers if _may_share(carrier)]
    for name, count in wanted.items():
        if name not in names:
            raise ScheduleError(
                f"channels of '{name}': no such layer has units with turns of their own (pooling keeps those of its "
                f"source), allowed: {', '.join(names)}"
            )
        channels = geometry.carriers[geometry.home[name]].shape[0]
        if not 1 <= count <= channels:
            raise ScheduleError(f"channels of '{name}': {count} on one neuron, allowed: 1..{channels}")
    counts: list[int] = []
    for carrier in geometry.carriers:
        source = followed(carrier)
        counts.append(wanted.get(carrier.name, 1) if source is None else counts[source])
        several = any(reading.source != source and counts[reading.source] > 1 for reading in carrier.readings)
        if (counts[-1] > 1 or several) and any(geometry.carriers[r.source].levels > 1 for r in carrier.readings):
            raise ScheduleError(
                f"layer '{carrier.name}' reads counted values, which take a whole slot, and cannot take turns; give it "
                "one channel on a neuron, or use another encoding"
            )
    return counts


def _may_share(carrier: Carrier) -> bool:
    return bool(carrier.readings) and followed(carrier) is None


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
        Channels on each neuron (`shared_channels`).
    forgets : bool
        Whether neurons leak, so that two turns may follow each other without a cycle between.

    Raises
    ------
    ScheduleError
        If the interval has no room for so many turns: how many there are.
    """
    search = _Search(geometry, pitches, interval, slot, forgets)
    for number, count in enumerate(counts):
        found = search.add(number, count)
        if len(found) < count:
            raise ScheduleError(
                f"channels of '{geometry.carriers[number].name}': {count} on one neuron, allowed: 1..{len(found)} in "
                f"the idle time of {interval} cycles per frame; share fewer, or take more cycles per slot than {slot}"
            )
    return search.turns


def fill_turns(
    geometry: Geometry,
    pitches: Sequence[Pitch],
    interval: int,
    slot: int,
    forgets: bool,
    most: Mapping[str, int],
    fits: Callable[[int, list[Turns]], bool],
) -> dict[str, int]:
    """Channels on one neuron, layer by layer as many as idle time has room for, but no more than help.

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
        Whether the processor can hold a carrier, by its number, with the turns of all carriers up to it.
    """
    bound = {carrier.name: most.get(carrier.name, carrier.shape[0]) for carrier in geometry.carriers}
    while True:
        search = _Search(geometry, pitches, interval, slot, forgets)
        for number, carrier in enumerate(geometry.carriers):
            counted = any(geometry.carriers[reading.source].levels > 1 for reading in carrier.readings)
            may = _may_share(carrier) and not counted
            found = len(search.add(number, min(carrier.shape[0], bound[carrier.name]) if may else 1))
            while may and found > 1:
                neurons = -(-carrier.shape[0] // found)
                found = -(-carrier.shape[0] // neurons)  # as many neurons may do with fewer turns
                search.turns[number] = search.turns[number][:found]
                if fits(number, search.turns):
                    break
                found -= 1
                search.turns[number] = search.turns[number][:found]
            sharing = [r.source for r in carrier.readings if len(search.turns[r.source]) > 1]
            if found == 1 and sharing and not fits(number, search.turns):
                break
        else:
            named = ((carrier, turns) for carrier, turns in zip(geometry.carriers, search.turns, strict=True))
            return {carrier.name: len(turns) for carrier, turns in named if _may_share(carrier) and len(turns) > 1}
        for source in sharing:
            # It cannot hold what so many channels of these say at other times: they have to be fewer.
            while (before := followed(geometry.carriers[source])) is not None:
                source = before
            bound[geometry.carriers[source].name] = len(search.turns[source]) // 2


class _Search:
    """Chooses turns carrier by carrier."""

    def __init__(self, geometry: Geometry, pitches: Sequence[Pitch], interval: int, slot: int, forgets: bool) -> None:
        self._geometry, self._pitches = geometry, pitches
        self._interval, self._slot, self._forgets = interval, slot, forgets
        self.turns: list[Turns] = []

    def add(self, number: int, count: int) -> Turns:
        """Up to so many turns for the next carrier, fewer where there is no room."""
        source = followed(self._geometry.carriers[number])
        self.turns.append((0,))
        if source is not None:
            self.turns[number] = self.turns[source]
        elif count > 1:
            self.turns[number] = self._first_fit(self._barred(number), count)
        return self.turns[number]

    def _first_fit(self, barred: np.ndarray, count: int) -> Turns:
        """Turns whose differences are not barred: a mask over the cycles of an interval."""
        free = ~(barred | np.roll(barred[::-1], 1))
        found = [0]
        fits = free.copy()
        while len(found) < count:
            later = np.flatnonzero(fits[found[-1] + 1 :])
            if not len(later):
                break
            found.append(found[-1] + 1 + int(later[0]))
            fits &= np.roll(free, found[-1])
        return tuple(found)

    def _barred(self, number: int) -> np.ndarray:
        """Differences of turns that a carrier must not have: bool[interval]."""
        barred = np.zeros(self._interval, bool)
        carriers = self._geometry.carriers
        for reading in carriers[number].readings:
            strays = self._strays(reading, number)
            turns = np.array(self.turns[reading.source])
            for shift in np.unique(turns[:, None] - turns):
                barred[(strays + shift) % self._interval] = True
        alike = {number}
        for other, carrier in enumerate(carriers):
            if followed(carrier) in alike:
                alike.add(other)
            for reading in carrier.readings:
                if reading.source in alike:
                    barred[self._strays(reading, other)] = True
        for other in alike:
            pairs = zip(carriers[other].tiles, self._pitches[other], strict=True)
            tiles = self._slot * _sums(*(np.arange(1 - count, count) * step for count, step in pairs))
            for gap in (0,) if self._forgets else (-1, 0, 1):
                barred[(tiles + gap) % self._interval] = True
        return barred

    def _strays(self, reading: Reading, number: int) -> np.ndarray:
        """Cycles, mod the interval, from arrivals of any tile over any synapse to any evaluation of a reader."""
        source, carrier = self._geometry.carriers[reading.source], self._geometry.carriers[number]
        axes = []
        for axis, taps in enumerate((reading.rows, reading.cols)):
            step = self._pitches[reading.source][axis]
            places = np.arange(carrier.tiles[axis]) * self._pitches[number][axis]
            spoken = np.arange(source.tiles[axis]) * step
            axes.append(np.unique(places[:, None, None] + np.unique(taps.tile)[:, None] * step - spoken))
        return np.unique(self._slot * _sums(*axes) % self._interval)


def _sums(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    return np.unique(rows[:, None] + cols)


def turn_charges(
    windows: Sequence[Window],
    sources: Sequence[Turns],
    shared: bool,
    turns: Turns,
    steps: Sequence[int],
    wanted: np.ndarray,
    spec: ProcessorSpec,
    clearing: str,
    name: str,
) -> TurnCharges:
    """Charges of neurons that take turns, proven from their own weight sums.

    What arrives in one cycle came over synapses whose strays are due then, each at most once: their positive weights,
    summed for the worst cycle, are all that `hush` has to silence.

    Parameters
    ----------
    windows : sequence of Window
        All that a neuron's channels read.
    sources : sequence of Turns
        Turns of what each window reads.
    shared : bool
        Whether one synapse serves all channels of a neuron, in its source's turns (`followed`).
    turns : Turns
    steps : sequence of int, cycles
        For each window a common divisor of all that its source's tiles and its own are apart.
    wanted : int64[O], potential units
        Thresholds of the network.
    spec : ProcessorSpec
    clearing : str
        As `clearing_way` gives it.
    name : str
        Layer, for messages.

    Raises
    ------
    ResourceError
        If a threshold does not fit, or the processor has neither floor nor leak.
    """
    if clearing == "force" or spec.weight_min >= 0:
        key = "weight_min" if clearing != "force" else "potential_floor"
        raise ResourceError(
            f"layer '{name}': channels cannot take turns with clearing '{clearing}' and weights {spec.weight_min}.."
            f"{spec.weight_max} (profile {spec.name}), allowed: clearing 'floor' or 'leak' and negative weights "
            f"({key}); give every channel a neuron, or choose such a profile",
            limit=key,
            used=1,
            allowed=0,
        )
    positive, negative = sum_range(windows)
    reached = np.clip(wanted, negative, positive + 1)
    n_turns = len(turns)
    threshold = _by_neuron(np.maximum(reached, 1), n_turns).max(axis=1)
    check_thresholds(threshold, spec, name)
    most = np.zeros_like(threshold)
    for window, source, step in zip(windows, sources, steps, strict=True):
        most += _by_neuron(window.positive, n_turns)[:, 0] if shared else _worst_cycle(window, source, turns, step)
    if clearing == "leak":
        hush, depth = -np.maximum(most - threshold + 1, 0), 0
    else:
        assert spec.potential_floor is not None  # else the way is another
        depth = -spec.potential_floor
        hush = -(most + threshold - 1 + depth)
    of_channel = np.arange(len(reached)) // n_turns
    lift = (threshold - hush + depth)[of_channel] - reached
    rises, falls, lifts = (_by_neuron(side, n_turns) for side in (positive, negative, lift))
    if shared:
        rises, falls = rises[:, :1], falls[:, :1]
    rest = 0 if clearing == "leak" else threshold - 1
    _check_range(hush + falls.sum(axis=1) - depth, rest + rises.sum(axis=1) + lifts.sum(axis=1), n_turns, spec, name)
    return TurnCharges(threshold, hush, lift)


def _check_range(lowest: np.ndarray, highest: np.ndarray, n_turns: int, spec: ProcessorSpec, name: str) -> None:
    """Refuse neurons whose synapses could bring more in one cycle than the adder holds."""
    needed = max(signed_bits(int(low), int(high)) for low, high in zip(lowest, highest, strict=True))
    if needed > spec.potential_bits:
        raise ResourceError(
            f"layer '{name}': a neuron of {n_turns} channels and those that it reads needs {needed} bits, allowed "
            f"{spec.potential_bits} (potential_bits of profile {spec.name}); put fewer channels on a neuron, here or "
            "in the layers before, or choose a profile with a wider potential",
            limit="potential_bits",
            used=needed,
            allowed=spec.potential_bits,
        )


def _by_neuron(values: np.ndarray, n_turns: int) -> np.ndarray:
    """Values of channels by neuron and turn, 0 where a neuron has fewer: int64[lane_channels, n_turns]."""
    padded = np.zeros(-(-len(values) // n_turns) * n_turns, np.int64)
    padded[: len(values)] = values
    return padded.reshape(-1, n_turns)


def _worst_cycle(window: Window, source: Turns, turns: Turns, step: int) -> np.ndarray:
    """Most charge that can arrive at each neuron in one cycle: int64[lane_channels]."""
    excited = window.excited
    places: np.ndarray = np.indices(excited.shape)
    out, within = places
    # From each turn of the sources to each turn of the neurons.
    said, own = window.input_channel(out, within) % len(source), out % len(turns)
    between = np.zeros((-(-len(excited) // len(turns)), len(turns), len(source)))
    np.add.at(between, (out // len(turns), own, said), excited)
    # Where what leaves in any turn arrives, over the synapses of each pair of turns.
    spoken = np.array(source)
    strays = ((np.array(turns)[:, None, None] + spoken - spoken[:, None]) % step).ravel()
    worst = [np.bincount(strays, np.repeat(charge.ravel(), len(source))).max() for charge in between]
    return np.array(worst).astype(np.int64)  # exact: sums are below 2**52
