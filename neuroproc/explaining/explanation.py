"""Why a neuron fired in a cycle, or did not: what it had, what arrived and from where, and what came of it.

The rules of one cycle once more, for one neuron, with a name for every number. What other neurons did is taken from a
run; what this one does is concluded here, and tests hold it against every engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from isa_spec.kinds import CHARGE, CLEAR, KINDS, SLOPE
from isa_spec.potentials import leaking
from isa_spec.spikes import SpikeEvents
from neuroproc.explaining.places import Place, Places
from neuroproc.probe import SpikeProbe
from neuroproc.processor import LAST_CYCLE, Processor


@dataclass(frozen=True)
class Arrival:
    """What reached a neuron over one synapse, or by one input port.

    Parameters
    ----------
    kind : str
        ``input``, or the kind of the synapse (`isa_spec.kinds.KINDS`).
    weight : int, potential units
        Weight of the synapse, or sum of the charges given to the port.
    sent : int, cycles
        When its source fired, or the charge was given for.
    source : Place or None
        The neuron that fired, in the cycle in which it did.
    delay : int or None, cycles
    port : str or None
    """

    kind: str
    weight: int
    sent: int
    source: Place | None = None
    delay: int | None = None
    port: str | None = None


@dataclass(frozen=True)
class Explanation:
    """One neuron in one cycle.

    Parameters
    ----------
    place : Place
    cycle : int
    before : int, potential units
        Potential after the cycle before.
    begin : int, potential units
        What it adds to: `before`, or 0.
    begin_why : tuple of str
        Why that is 0: ``delayed-fire`` (its spike of the cycle before is seen now), ``clear-synapse``, ``leak``.
    arrivals : tuple of Arrival
        Synapses by source, delay and weight, then ports.
    charge : int, potential units
        Sum of the charges that arrive and are not ignored.
    slope : int, potential units per cycle
        With the changes that arrive.
    total : int, potential units
        Sum of `begin`, `charge` and `slope`, which is compared.
    threshold : int, potential units
    spent : bool
        Whether it ignores everything, as it fires once and has fired.
    compared : bool
    fired : bool
        Whether it fires in this cycle; by itself, or as the output of a group.
    seen : bool
        Whether a spike of it is seen in this cycle: the same, but where spikes are delayed.
    pooled : tuple of Place
        Members of its group, be it their output or one of them, that fire by themselves; itself left out.
    after : int, potential units
        Potential after the cycle.
    """

    place: Place
    cycle: int
    before: int
    begin: int
    begin_why: tuple[str, ...]
    arrivals: tuple[Arrival, ...]
    charge: int
    slope: int
    total: int
    threshold: int
    spent: bool
    compared: bool
    fired: bool
    seen: bool
    pooled: tuple[Place, ...]
    after: int


def explain(
    image: ProcessorImage, events: SpikeEvents, neuron: int | str, cycle: int, engine: str = "auto"
) -> Explanation:
    """Why a neuron fires in a cycle, or does not.

    Parameters
    ----------
    image : ProcessorImage
    events : SpikeEvents
        Input from cycle 0 on; what starts the image's clocks is added.
    neuron : int or str
        Its number, its name, that of its port, or ``LAYER[channel,row,column]``.
    cycle : int
        Since the reset.
    engine : str
        As for `Processor`; no result depends on it.

    Raises
    ------
    EmulationError
        If there is no such neuron or cycle, or an event is refused.
    """
    return explain_cycles(image, events, neuron, range(cycle, cycle + 1), engine)[0]


def explain_cycles(
    image: ProcessorImage, events: SpikeEvents, neuron: int | str, cycles: range, engine: str = "auto"
) -> tuple[Explanation, ...]:
    """`explain` for several cycles in a row.

    Raises
    ------
    EmulationError
        If there is no such neuron or cycle, or an event is refused.
    """
    if not cycles or cycles.start < 0 or cycles.step != 1 or cycles.stop > LAST_CYCLE:
        raise EmulationError(
            f"cycles {cycles.start}..{cycles.stop - 1} cannot be explained, allowed: 0..{LAST_CYCLE - 1}"
        )
    places = Places(image)
    watch = _Watch(image, places, places.find(neuron if isinstance(neuron, str) else f"neuron:{neuron}"), events)
    first = watch.run(cycles, engine)
    found = []
    for cycle in cycles:
        explanation, first = watch.explain(cycle, first)
        found.append(explanation)
    return tuple(found)


@dataclass(frozen=True)
class _Holds:
    """What a neuron holds between two cycles."""

    potential: int
    slope: int
    spent: bool
    due: bool


class _Watch:
    """A neuron, and all that can reach it.

    Parameters
    ----------
    image : ProcessorImage
    places : Places
    neuron : int
    events : SpikeEvents
    """

    def __init__(self, image: ProcessorImage, places: Places, neuron: int, events: SpikeEvents) -> None:
        self._image, self._places, self._neuron = image, places, neuron
        self._events = events
        self._synapses = np.flatnonzero(image.target == neuron)
        self._source = image.source()[self._synapses]
        group = int(image.group[neuron])
        output = neuron if group < 0 else group
        self._members = np.flatnonzero(image.group == output)
        # A spike that is seen late was sent in the cycle before.
        self._late = int(image.spec.delayed_fire)
        self._spikes: set[tuple[int, int]] = set()
        self._arriving: dict[int, list[tuple[int, int, int]]] = {}

    def run(self, cycles: range, engine: str) -> _Holds:
        """Run to the end of some cycles; what the neuron holds at their begin."""
        image, neuron = self._image, self._neuron
        processor = Processor(image, engine)
        processor.inject(image.start)
        processor.inject(self._events)
        longest = int(image.delay[self._synapses].max(initial=0))
        processor.run(max(cycles.start - longest, 0))
        probe = SpikeProbe(np.union1d(self._source, self._members))
        processor.attach(probe)
        processor.run(cycles.start - processor.cycle)
        state = processor.state()
        processor.run(len(cycles))
        seen, who = probe.events()
        self._spikes = set(zip((seen - self._late).tolist(), who.tolist(), strict=True))
        self._arriving = self._by_cycle(cycles)
        return _Holds(
            int(state.potential[neuron]), int(state.slope[neuron]), bool(state.spent[neuron]), bool(state.due[neuron])
        )

    def _by_cycle(self, cycles: range) -> dict[int, list[tuple[int, int, int]]]:
        """Synapse, source and cycle of every spike that reaches the neuron, by cycle of arrival; by synapse in each."""
        sent_by: dict[int, list[int]] = {}
        for sent, source in sorted(self._spikes):
            sent_by.setdefault(source, []).append(sent)
        found: dict[int, list[tuple[int, int, int]]] = {}
        delays = self._image.delay[self._synapses].tolist()
        for synapse, source, delay in zip(self._synapses.tolist(), self._source.tolist(), delays, strict=True):
            for sent in sent_by.get(source, ()):
                if sent + delay in cycles:
                    found.setdefault(sent + delay, []).append((synapse, source, sent))
        return found

    def arrivals(self, cycle: int) -> tuple[Arrival, ...]:
        """What reaches the neuron in a cycle."""
        image = self._image
        found = []
        for synapse, source, sent in self._arriving.get(cycle, ()):
            kind, weight = KINDS[image.kind[synapse]], int(image.weight[synapse])
            found.append(Arrival(kind, weight, sent, self._places.at(source, sent), cycle - sent))
        given: dict[int, int] = {}
        for events in (image.start, self._events):
            now = events.cycle == cycle
            for port, value in zip(events.port[now].tolist(), events.value[now].tolist(), strict=True):
                if image.inputs[port].neuron == self._neuron:
                    given[port] = given.get(port, 0) + value
        ports = [Arrival("input", given[port], cycle, port=image.inputs[port].name) for port in sorted(given)]
        return (*found, *ports)

    def explain(self, cycle: int, holds: _Holds) -> tuple[Explanation, _Holds]:
        """What happens in a cycle, and what the neuron holds after it."""
        image, spec, neuron = self._image, self._image.spec, self._neuron
        arrivals = self.arrivals(cycle)
        clears, leaks = _sum(arrivals, CLEAR) > 0, bool(leaking(image)[neuron])
        reasons = {"delayed-fire": holds.due, "clear-synapse": clears, "leak": leaks}
        begin = 0 if any(reasons.values()) else holds.potential
        slope, spent = (0, False) if clears else (holds.slope, holds.spent)
        slope += 0 if spent else _sum(arrivals, SLOPE)
        charge = 0 if spent else _sum(arrivals, CHARGE) + sum(a.weight for a in arrivals if a.kind == "input")
        total = begin + charge + (0 if spent else slope)
        threshold = int(image.threshold[neuron])
        compared = not spent and (spec.evaluation == "every-cycle" or bool(arrivals) or slope != 0)
        by_itself = compared and total >= threshold
        pooled = [member for member in self._members.tolist() if (cycle, member) in self._spikes and member != neuron]
        is_output = image.group[neuron] < 0
        fired = by_itself or (bool(pooled) and is_output and not spent)
        after = total
        if (fired or (pooled and not spent)) and not spec.delayed_fire:
            after = 0 if spec.reset == "zero" else total - threshold
        if spec.potential_floor is not None:
            after = max(after, spec.potential_floor)
        explanation = Explanation(
            place=self._places.at(neuron, cycle),
            cycle=cycle,
            before=holds.potential,
            begin=begin,
            begin_why=tuple(reason for reason, holds_now in reasons.items() if holds_now),
            arrivals=arrivals,
            charge=charge,
            slope=slope,
            total=total,
            threshold=threshold,
            spent=spent,
            compared=compared,
            fired=fired,
            seen=holds.due if spec.delayed_fire else fired,
            pooled=tuple(self._places.at(member, cycle) for member in pooled),
            after=after,
        )
        is_spent = spent or (fired and bool(image.once[neuron]))
        return explanation, _Holds(after, slope, is_spent, fired and spec.delayed_fire)


def _sum(arrivals: Sequence[Arrival], kind: int) -> int:
    return sum(arrival.weight for arrival in arrivals if arrival.kind == KINDS[kind])
