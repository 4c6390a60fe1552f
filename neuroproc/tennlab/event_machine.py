"""The event engine with the face that a session knows, taking over from plain Python between two cycles."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from isa_spec.image import ProcessorImage, graph_digest
from isa_spec.spikes import SpikeEvents
from neuroproc.probe import SPIKE_CAPACITY, SpikeProbe
from neuroproc.processor import Processor
from neuroproc.state import ProcessorState
from neuroproc.tennlab.plain import PlainMachine


class EventMachine:
    """A processor that goes on where another one stopped, be it in the middle of a run.

    Parameters
    ----------
    image : ProcessorImage
    state : ProcessorState
    arriving : dict of int
        How many charges are under way, from synapses and from outside, by the cycle of their arrival.

    Attributes
    ----------
    accumulated : int
        Charges that reached neurons since `forget`.
    """

    def __init__(self, image: ProcessorImage, state: ProcessorState, arriving: dict[int, int]) -> None:
        self._image, self._since = image, state.cycle
        self._probe = SpikeProbe()
        self._processor = Processor(image, "event", [self._probe])
        self._processor.restore(state)
        self._arriving = Counter(arriving)
        self._given: list[tuple[int, int, int]] = []
        self._lag = int("delayed-fire" in image.spec.extensions)
        self._fan_out = np.diff(image.row_start)
        # How many synapses of each source have each delay.
        stride = image.max_delay + 1
        pairs, self._uses = np.unique(image.source().astype(np.int64) * stride + image.delay, return_counts=True)
        source, self._delay = np.divmod(pairs, stride)
        self._row = np.searchsorted(source, np.arange(image.n_neurons + 1))
        self.forget()

    @property
    def cycle(self) -> int:
        """Number of the next cycle."""
        return self._processor.cycle

    @property
    def fires(self) -> list[list[int]]:
        """Cycles in which each neuron fired since `forget`; made when it is asked for."""
        for cycle, neuron in self._spikes:
            for when, which in zip(cycle.tolist(), neuron.tolist(), strict=True):
                self._fires[which].append(when)
        self._spikes.clear()
        return self._fires

    def reset(self) -> None:
        """Clear potentials and everything under way; the clock goes back to 0."""
        self._processor.reset()
        self._since = 0
        self._given.clear()
        self._arriving.clear()
        self.forget()

    def forget(self) -> None:
        """Start a new record of spikes and arrivals."""
        self._fires: list[list[int]] = [[] for _ in range(self._image.n_neurons)]
        self._spikes: list[tuple[np.ndarray, np.ndarray]] = []
        self.accumulated = 0

    def inject(self, cycle: int, port: int, charge: int) -> None:
        """Give charge to an input port for the next cycle or a later one."""
        self._given.append((cycle, port, charge))
        self._arriving[cycle] += 1

    def run(self, end: int) -> None:
        """Run to the start of cycle `end`."""
        self._pass_on()
        # So much at once as the probe holds in any case.
        piece = max(SPIKE_CAPACITY // max(self._image.n_neurons, 1), 1)
        while self.cycle < end:
            self._processor.run(min(piece, end - self.cycle))
            cycle, neuron = self._probe.events()
            self._probe.clear()
            self._spikes.append((cycle, neuron))
            self._count_arrivals(cycle - self._lag, neuron)
        for when in [when for when in self._arriving if when < end]:
            self.accumulated += self._arriving.pop(when)

    def _count_arrivals(self, sent: np.ndarray, neuron: np.ndarray) -> None:
        # What was sent before this machine took over has been counted.
        late = sent[sent >= self._since], neuron[sent >= self._since]
        arrived = late[0] + self._image.max_delay < self.cycle
        self.accumulated += int(self._fan_out[late[1][arrived]].sum())
        sent, neuron = late[0][~arrived], late[1][~arrived]
        # Of spikes that may be under way, the rows one after the other.
        first, many = self._row[neuron], np.diff(self._row)[neuron]
        place = np.repeat(first - np.cumsum(many) + many, many) + np.arange(many.sum())
        begin = int(sent.min(initial=self.cycle))
        counts = np.bincount(np.repeat(sent - begin, many) + self._delay[place], self._uses[place])
        for ahead in np.flatnonzero(counts).tolist():
            self._arriving[begin + ahead] += int(counts[ahead])

    def _pass_on(self) -> None:
        if self._given:
            self._processor.inject(SpikeEvents.of(*zip(*self._given, strict=True)))
            self._given.clear()

    def potentials(self) -> list[int]:
        """Potentials after the last cycle, by neuron, in potential units."""
        return self._processor.potentials.tolist()

    def refined(self, image: ProcessorImage, times: int) -> EventMachine:
        """The same between the same two cycles, with an image whose potential unit is so many times finer."""
        self._pass_on()
        state = self._processor.state()
        pending, inputs = state.pending, state.inputs
        fine = replace(
            state,
            image=graph_digest(image),
            potential=state.potential * times,
            pending=replace(pending, charge=pending.charge * times),
            inputs=replace(inputs, value=inputs.value * times),
        )
        machine = EventMachine(image, fine, self._arriving)
        machine._since = self._since
        machine._fires, machine.accumulated = self.fires, self.accumulated
        return machine


def taken_over(plain: PlainMachine) -> EventMachine:
    """The event engine, with all that a plain machine knows."""
    machine = EventMachine(plain.image, plain.state(), plain.arriving())
    machine._fires, machine.accumulated = plain.fires, plain.accumulated
    return machine
