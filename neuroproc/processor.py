"""`Processor`: a processor image at work. Spikes in, spikes out, one clock."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage, graph_digest
from isa_spec.spikes import SpikeEvents
from neuroproc.counters import Counters
from neuroproc.probe import Probe
from neuroproc.reference import ReferenceEngine
from neuroproc.state import (
    LOWEST,
    PendingCharge,
    ProcessorState,
    check_state,
    falls_without_end,
    steepest_fall,
    tracks_touch,
)

ENGINES = ("auto", "reference", "event")
EXTENSIONS = ("on-delivery", "leak")
"""Extensions that the engines have."""
LAST_CYCLE = 2**62
"""No run goes beyond: the cycle in which a spike arrives must be a number, too."""

_EVENT_TYPES = (np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.int64))


class Engine(Protocol):
    """What runs the cycles. An engine knows neurons and charges, nothing of ports, probes or files."""

    @property
    def name(self) -> str:
        """Its name in `ENGINES`."""

    @property
    def cycle(self) -> int:
        """Number of the next cycle."""

    @property
    def spike_count(self) -> np.ndarray:
        """Spikes of every neuron since the last load: int64[n_neurons]."""

    def watch(self, watched: np.ndarray) -> None:
        """Say whose spikes `advance` reports: bool[n_neurons]."""

    def load(self, cycle: int, potential: np.ndarray, pending: PendingCharge) -> None:
        """Take over a state, and count from 0."""

    def potentials(self) -> np.ndarray:
        """Potentials after the last cycle: int64[n_neurons], potential units."""

    def pending(self) -> PendingCharge:
        """What spikes of the past will still deliver."""

    def advance(
        self, end: int, input_cycle: np.ndarray, input_neuron: np.ndarray, input_charge: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run towards the start of cycle `end`; give cycle and neuron of the watched spikes, sorted."""


class Processor:
    """A processor with an image loaded, after a reset.

    Parameters
    ----------
    image : ProcessorImage
    engine : str
        ``reference``, ``event``, or ``auto`` for the fastest. The attribute `engine` says which one runs.
    probes : sequence of Probe
        Attached from the start.

    Raises
    ------
    EmulationError
        If the engine is unknown, or the image needs an extension that the engines do not have.
    """

    def __init__(self, image: ProcessorImage, engine: str = "auto", probes: Sequence[Probe] = ()) -> None:
        for extension in image.spec.extensions:
            if extension not in EXTENSIONS:
                raise EmulationError(
                    f"the image needs extension '{extension}' (profile {image.spec.name}), the engines have "
                    f"{', '.join(EXTENSIONS)}; compile it for another profile"
                )
        self._image = image
        self._engine = make_engine(image, engine)
        self._digest = graph_digest(image)
        self._tracks_touch = tracks_touch(image)
        self._steepest_fall = steepest_fall(image) if falls_without_end(image) else 0
        self._fan_out = np.diff(image.row_start)
        self._input_neuron = np.array([port.neuron for port in image.inputs], np.int32)
        self._port_tables = _port_tables(image)
        self._probes: list[Probe] = []
        self._inputs = _no_events()
        self._start_over()
        for probe in probes:
            probe.bind(image.n_neurons)
            self._probes.append(probe)
        self._watch()

    @property
    def image(self) -> ProcessorImage:
        """The image that was loaded."""
        return self._image

    @property
    def engine(self) -> str:
        """Name of the engine that runs."""
        return self._engine.name

    @property
    def cycle(self) -> int:
        """Number of the next cycle."""
        return self._engine.cycle

    @property
    def potentials(self) -> np.ndarray:
        """Potentials after the last cycle: int64[n_neurons], potential units."""
        return self._engine.potentials()

    @property
    def spike_counts(self) -> np.ndarray:
        """Spikes of every neuron since the last reset or restore: int64[n_neurons]."""
        return self._engine.spike_count

    @property
    def counters(self) -> Counters:
        """Work done since the last reset or restore."""
        counts = self._engine.spike_count
        return Counters(self.cycle - self._first_cycle, int(counts.sum()), int(counts @ self._fan_out))

    def attach(self, probe: Probe) -> None:
        """Let a probe observe from the next cycle on.

        Raises
        ------
        EmulationError
            If the probe is in use, or observes neurons that do not exist.
        """
        probe.bind(self._image.n_neurons)
        self._probes.append(probe)
        self._watch()

    def inject(self, events: SpikeEvents) -> None:
        """Give charge to input ports, for the next cycle or any later one; charges for one port and cycle add.

        Parameters
        ----------
        events : SpikeEvents
            Cycles are those of the processor's clock.

        Raises
        ------
        EmulationError
            If a port is unknown, a cycle is in the past, or a charge out of range. Nothing is injected then.
        """
        self._refuse_broken()
        self._inputs = self._with_inputs(self._inputs, events, self.cycle)

    def run(self, cycles: int) -> SpikeEvents:
        """Run some cycles.

        Parameters
        ----------
        cycles : int

        Returns
        -------
        SpikeEvents
            Output ports that fired, on the processor's clock; value 1.

        Raises
        ------
        EmulationError
            If `cycles` is negative, potentials might leave the range of 64-bit numbers, or a probe is full.
        """
        end = self._end_of_run(cycles)
        inputs = self._inputs
        n_taken = int(inputs.cycle.searchsorted(end))
        charges = (inputs.cycle[:n_taken], self._input_neuron[inputs.port[:n_taken]], inputs.value[:n_taken])
        logs = []
        self._broken = True
        while self.cycle < end:
            sample = self._next_sample(end)
            cycle, neuron = self._engine.advance(end if sample is None else sample + 1, *charges)
            if len(cycle):
                logs.append((cycle, neuron))
                for probe in self._probes:
                    probe.take_spikes(cycle, neuron)
            if sample is not None and self.cycle > sample:
                self._sample(sample)
            if self.cycle < end:
                n_done = int(charges[0].searchsorted(self.cycle))
                charges = (charges[0][n_done:], charges[1][n_done:], charges[2][n_done:])
        if n_taken:
            self._inputs = SpikeEvents(inputs.cycle[n_taken:], inputs.port[n_taken:], inputs.value[n_taken:])
        self._broken = False
        return self._at_ports(logs)

    def step(self) -> SpikeEvents:
        """Run one cycle."""
        return self.run(1)

    def reset(self) -> None:
        """Clear potentials, spikes in flight, input, counters and probes; the clock goes back to 0."""
        self._start_over()
        for probe in self._probes:
            probe.clear()

    def state(self) -> ProcessorState:
        """Everything needed to resume here, on any engine.

        Raises
        ------
        EmulationError
            If the last run was broken off.
        """
        self._refuse_broken()
        return ProcessorState(self._digest, self.cycle, self.potentials, self._engine.pending(), self._inputs)

    def restore(self, state: ProcessorState) -> None:
        """Go on from a state, of this processor or another one with the same image; counters and probes start over.

        Raises
        ------
        EmulationError
            If the state belongs to another image, or was altered. Nothing changes then.
        """
        check_state(self._image, self._digest, state)
        inputs = self._with_inputs(_no_events(), state.inputs, state.cycle)
        self._engine.load(state.cycle, state.potential, state.pending)
        self._first_cycle = state.cycle
        self._inputs = inputs
        self._broken = False
        for probe in self._probes:
            probe.clear()

    def _start_over(self) -> None:
        n_neurons = self._image.n_neurons
        nothing = PendingCharge(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))
        self._engine.load(0, np.zeros(n_neurons, np.int64), nothing)
        self._first_cycle = 0
        self._inputs = _no_events()
        self._broken = False

    def _watch(self) -> None:
        n_neurons = self._image.n_neurons
        watched = np.zeros(n_neurons, bool)
        watched[[port.neuron for port in self._image.outputs]] = True
        for probe in self._probes:
            watched |= probe.watched(n_neurons)
        self._engine.watch(watched)

    def _refuse_broken(self) -> None:
        if self._broken:
            raise EmulationError("the last run was broken off in its middle; reset the processor, or restore a state")

    def _end_of_run(self, cycles: int) -> int:
        try:
            count = operator.index(cycles)
        except TypeError:
            raise EmulationError(f"run: cycles = {cycles!r}, allowed: an integer of 0 and above") from None
        if count < 0:
            raise EmulationError(f"run: cycles = {count}, allowed: 0 and above")
        self._refuse_broken()
        end = self.cycle + count
        if end > LAST_CYCLE:
            raise EmulationError(
                f"run: {count} cycles from cycle {self.cycle}, allowed: up to cycle {LAST_CYCLE}; reset first"
            )
        if end * self._steepest_fall > -LOWEST:
            raise EmulationError(
                f"run: by cycle {end} a potential could fall to {-end * self._steepest_fall}, allowed {LOWEST} and "
                f"above, and no floor holds it (potential_floor of profile {self._image.spec.name}); "
                f"run at most to cycle {-LOWEST // self._steepest_fall}, then reset"
            )
        return end

    def _next_sample(self, end: int) -> int | None:
        if not self._probes:
            return None
        wanted = [probe.next_sample(self.cycle) for probe in self._probes]
        return min((cycle for cycle in wanted if cycle is not None and cycle < end), default=None)

    def _sample(self, cycle: int) -> None:
        potential = self._engine.potentials()
        for probe in self._probes:
            if probe.next_sample(cycle) == cycle:
                probe.take_potentials(cycle, potential)

    def _with_inputs(self, queue: SpikeEvents, events: SpikeEvents, now: int) -> SpikeEvents:
        """A queue of input with events added: one event per cycle and port, sorted."""
        if not len(events):
            return queue
        columns = (events.cycle, events.port, events.value)
        if tuple(getattr(column, "dtype", None) for column in columns) != _EVENT_TYPES:
            # Not made by SpikeEvents.of, which has the words for what is wrong.
            events = SpikeEvents.of(*columns)
        n_ports, spec = len(self._input_neuron), self._image.spec
        first, ports = events.cycle.min(), (events.port.min(), events.port.max())
        if first < now:
            raise EmulationError(f"input for cycle {first} is in the past, allowed: {now} (the next cycle) and above")
        if ports[0] < 0 or ports[1] >= n_ports:
            port = ports[0] if ports[0] < 0 else ports[1]
            raise EmulationError(f"input port {port} is unknown, allowed: 0..{n_ports - 1} of the image's inputs")
        # A sum that wrapped around could look like an innocent one.
        if np.abs(events.value.astype(float)).sum() > 2.0**62:
            raise EmulationError(
                f"input charges up to {events.value.max()}, allowed {spec.input_min}..{spec.input_max}"
            )
        cycle = np.concatenate([queue.cycle, events.cycle])
        port = np.concatenate([queue.port, events.port])
        value = np.concatenate([queue.value, events.value])
        if len(cycle) > 1:
            order = np.lexsort((port, cycle))
            cycle, port, value = cycle[order], port[order], value[order]
            fresh = np.ones(len(cycle), bool)
            fresh[1:] = (cycle[1:] != cycle[:-1]) | (port[1:] != port[:-1])
            begins = fresh.nonzero()[0]
            cycle, port, value = cycle[begins], port[begins], np.add.reduceat(value, begins)
        wrong = ((value < spec.input_min) | (value > spec.input_max)).nonzero()[0]
        if len(wrong):
            one = wrong[0]
            limit = "input_min" if value[one] < spec.input_min else "input_max"
            raise EmulationError(
                f"input port {port[one]} ('{self._image.inputs[port[one]].name}') gets charge {value[one]} "
                f"in cycle {cycle[one]}, allowed {spec.input_min}..{spec.input_max} "
                f"({limit} of profile {spec.name}); spread it over cycles or ports"
            )
        if not self._tracks_touch:
            # A sum of 0 says nothing, except where being reached is enough to be compared.
            keep = value != 0
            cycle, port, value = cycle[keep], port[keep], value[keep]
        return SpikeEvents(cycle, port, value)

    def _at_ports(self, logs: list[tuple[np.ndarray, np.ndarray]]) -> SpikeEvents:
        """Output events of logged spikes."""
        parts = []
        for cycle, neuron in logs:
            for table in self._port_tables:
                port = table[neuron]
                seen = port >= 0
                parts.append((cycle[seen], port[seen]))
        if not parts:
            return _no_events()
        cycle, port = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((port, cycle))
        return SpikeEvents(cycle[order], port[order], np.ones(len(cycle), np.int64))


def make_engine(image: ProcessorImage, name: str) -> Engine:
    """Engine of a name, with an image loaded.

    Raises
    ------
    EmulationError
        If there is no such engine.
    """
    if name not in ENGINES:
        raise EmulationError(f"engine '{name}' is unknown, allowed: {', '.join(ENGINES)}")
    if name == "reference":
        return ReferenceEngine(image)
    # Late: what only reads or writes images and spikes should not wait for the compiler behind this engine.
    from neuroproc.kernels.event import EventEngine

    return EventEngine(image)


def _no_events() -> SpikeEvents:
    """`SpikeEvents.none` without its checks: a run of one cycle returns it most of the time."""
    return SpikeEvents(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))


def _port_tables(image: ProcessorImage) -> list[np.ndarray]:
    """Output port of each neuron, or -1: int32[n_neurons], one table more for each further port of one neuron."""
    tables: list[np.ndarray] = []
    uses = [0] * image.n_neurons
    for number, port in enumerate(image.outputs):
        turn = uses[port.neuron]
        uses[port.neuron] += 1
        if turn == len(tables):
            tables.append(np.full(image.n_neurons, -1, np.int32))
        tables[turn][port.neuron] = number
    return tables
