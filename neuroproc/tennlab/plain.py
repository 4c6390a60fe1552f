"""The processor in plain Python, driven by events: for sessions, which shall answer before a kernel is compiled.

It is the reference engine without the work that changes nothing, for what RISP knows; a test holds the two together,
state for state.
"""

from __future__ import annotations

import numpy as np

from isa_spec.image import ProcessorImage, graph_digest
from isa_spec.potentials import leaking
from isa_spec.spikes import SpikeEvents
from neuroproc.state import PendingCharge, ProcessorState, tracks_touch

Arrival = tuple[int, int]
"""A neuron, and the charge that reaches it."""


class PlainMachine:
    """A processor with an image loaded, after a reset.

    Parameters
    ----------
    image : ProcessorImage
        Of a network of TENNLab: evaluation on delivery, a floor, and extensions that RISP has.

    Attributes
    ----------
    cycle : int
        Number of the next cycle.
    fires : list of list of int
        Cycles in which each neuron fired since `forget`.
    accumulated : int
        Charges that reached neurons since `forget`.
    """

    def __init__(self, image: ProcessorImage) -> None:
        self.image = image
        self._neuron = [port.neuron for port in image.inputs]
        self._floor = image.spec.potential_floor or 0
        self._delayed = "delayed-fire" in image.spec.extensions
        self._leaks: list[bool] = leaking(image).tolist()
        self._threshold: list[int] = image.threshold.tolist()
        # By source, then by delay, for a spike sends all of one delay at once.
        self._synapses: list[dict[int, list[Arrival]]] = [{} for _ in self._threshold]
        columns = (image.source(), image.delay, image.target, image.weight)
        for source, delay, target, weight in zip(*(column.tolist() for column in columns), strict=True):
            self._synapses[source].setdefault(delay, []).append((target, weight))
        self.reset()

    def reset(self) -> None:
        """Clear potentials and everything under way; the clock goes back to 0."""
        self.cycle = 0
        self._potential = [0] * len(self._threshold)
        self._in_flight: dict[int, list[Arrival]] = {}
        self._given: dict[int, list[Arrival]] = {}
        self._due: list[int] = []
        self._forgets: list[int] = []
        self.forget()

    def forget(self) -> None:
        """Start a new record of spikes and arrivals."""
        self.accumulated = 0
        self.fires: list[list[int]] = [[] for _ in self._threshold]

    def inject(self, cycle: int, port: int, charge: int) -> None:
        """Give charge to an input port for the next cycle or a later one."""
        self._given.setdefault(cycle, []).append((port, charge))

    def run(self, end: int, most: int) -> None:
        """Run to the start of cycle `end`, or less far once `most` charges have arrived."""
        potential, threshold, fires, synapses = self._potential, self._threshold, self.fires, self._synapses
        in_flight, given, leaks, floor = self._in_flight, self._given, self._leaks, self._floor
        neuron = self._neuron
        cycle, begin = self.cycle, self.accumulated
        while cycle < end and self.accumulated - begin < most:
            for n in self._forgets:
                potential[n] = 0
            for n in self._due:
                potential[n] = 0
                fires[n].append(cycle)
            self._forgets, self._due = [], []
            arrivals = in_flight.pop(cycle, [])
            if cycle in given:
                arrivals += [(neuron[port], charge) for port, charge in given.pop(cycle)]
            if not arrivals:
                cycle = min(min(in_flight, default=end), min(given, default=end), end)
                continue
            self.accumulated += len(arrivals)
            sums: dict[int, int] = {}
            for n, charge in arrivals:
                sums[n] = sums.get(n, 0) + charge
            for n, charge in sums.items():
                level = potential[n] + charge
                fired = level >= threshold[n]
                if fired:
                    for delay, sent in synapses[n].items():
                        in_flight.setdefault(cycle + delay, []).extend(sent)
                if fired and not self._delayed:
                    level = 0
                    fires[n].append(cycle)
                elif fired:
                    self._due.append(n)
                elif leaks[n] and level:
                    self._forgets.append(n)
                potential[n] = max(level, floor)
            cycle += 1
        self.cycle = cycle

    def potentials(self) -> list[int]:
        """Potentials after the last cycle, by neuron, in potential units."""
        return self._potential

    def refined(self, image: ProcessorImage, times: int) -> PlainMachine:
        """The same between the same two cycles, with an image whose potential unit is so many times finer."""
        fine = PlainMachine(image)
        fine.cycle, fine.accumulated, fine.fires = self.cycle, self.accumulated, self.fires
        fine._potential = [level * times for level in self._potential]
        fine._due, fine._forgets = self._due, self._forgets
        for queue, other in ((self._in_flight, fine._in_flight), (self._given, fine._given)):
            for cycle, arrivals in queue.items():
                other[cycle] = [(to, charge * times) for to, charge in arrivals]
        return fine

    def arriving(self) -> dict[int, int]:
        """How many charges are under way, from synapses and from outside, by the cycle of their arrival."""
        cycles = {*self._in_flight, *self._given}
        return {at: len(self._in_flight.get(at, ())) + len(self._given.get(at, ())) for at in cycles}

    def state(self) -> ProcessorState:
        """Everything needed to resume here on any engine."""
        nothing = np.zeros(len(self._threshold), np.int64)
        due = nothing != 0
        due[self._due] = True
        touch = tracks_touch(self.image)
        entries = []
        for cycle, arrivals in sorted(self._in_flight.items()):
            to, charge = np.array(arrivals, np.int64).T
            sums = np.zeros(len(nothing), np.int64)
            np.add.at(sums, to, charge)
            reached = np.unique(to) if touch else np.flatnonzero(sums)
            entries.append(np.stack([np.full(len(reached), cycle - self.cycle), reached, sums[reached]]))
        ahead, to, charge = np.concatenate([np.zeros((3, 0), np.int64), *entries], axis=1)
        pending = PendingCharge(ahead, to.astype(np.int32), charge, np.zeros(len(to), np.uint8))
        return ProcessorState(
            image=graph_digest(self.image),
            cycle=self.cycle,
            potential=np.array(self._potential, np.int64),
            slope=nothing,
            spent=nothing != 0,
            due=due,
            pending=pending,
            inputs=self._waiting(touch),
        )

    def _waiting(self, touch: bool) -> SpikeEvents:
        """Input for cycles to come, one event for each cycle and port."""
        sums: dict[Arrival, int] = {}
        for cycle, charges in self._given.items():
            for port, charge in charges:
                sums[cycle, port] = sums.get((cycle, port), 0) + charge
        rows = sorted((cycle, port, charge) for (cycle, port), charge in sums.items() if charge or touch)
        table = np.array(rows, np.int64).reshape(-1, 3)
        return SpikeEvents.of(table[:, 0], table[:, 1], table[:, 2])
