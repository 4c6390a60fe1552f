"""`Processor`: a processor image at work. Spikes in, spikes out, one clock."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage, graph_digest
from isa_spec.spikes import SpikeEvents
from neuroproc.bounds import endless_fall, endless_rise, proven_end, refuse_fall
from neuroproc.counters import Counters
from neuroproc.ports import InputQueue, OutputPorts
from neuroproc.probe import Probe
from neuroproc.reference import ReferenceEngine
from neuroproc.slopes import endless_slopes, sloped_end
from neuroproc.state import PendingCharge, ProcessorState, check_state, tracks_touch

ENGINES = ("auto", "reference", "event", "batch")
_ALL = (
    "on-delivery", "leak", "leak-per-neuron", "reset-subtract", "one-shot", "clear-synapse", "slope-synapse",
    "pooling-group", "delayed-fire"
)  # fmt: skip
EXTENSIONS: Mapping[str, tuple[str, ...]] = {"reference": _ALL, "event": _ALL, "batch": _ALL}
"""Extensions that each engine has."""
LAST_CYCLE = 2**62
"""No run goes beyond: the cycle in which a spike arrives must be a number, too."""


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

    def load(
        self,
        cycle: int,
        potential: np.ndarray,
        slope: np.ndarray,
        spent: np.ndarray,
        due: np.ndarray,
        pending: PendingCharge,
    ) -> None:
        """Take over a state, and count from 0."""

    def potentials(self) -> np.ndarray:
        """Potentials after the last cycle: int64[n_neurons], potential units."""

    def slopes(self) -> np.ndarray:
        """Slopes after the last cycle: int64[n_neurons], potential units per cycle."""

    def spent(self) -> np.ndarray:
        """Which neurons are spent after the last cycle: bool[n_neurons]."""

    def due(self) -> np.ndarray:
        """Which neurons' spikes are seen in the next cycle: bool[n_neurons]."""

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
        ``reference``, ``event``, ``batch``, or ``auto`` for the fastest. The attribute `engine` says which one runs.
    probes : sequence of Probe
        Attached from the start.

    Raises
    ------
    EmulationError
        If the engine is unknown, or the image needs an extension that the engines do not have.
    """

    def __init__(self, image: ProcessorImage, engine: str = "auto", probes: Sequence[Probe] = ()) -> None:
        self._image = image
        self._engine = make_engine(image, engine)
        self._digest = graph_digest(image)
        self._tracks_touch = tracks_touch(image)
        self._fall, self._rise, self._slopes = endless_fall(image), endless_rise(image), endless_slopes(image)
        self._proven = self._slopes.proven if self._slopes is not None else 0
        self._fan_out = np.diff(image.row_start)
        self._inputs = InputQueue(image, self._tracks_touch)
        self._outputs = OutputPorts(image)
        self._probes: list[Probe] = []
        self._start_over()
        for probe in probes:
            probe.bind(image.n_neurons)
            self._probes.append(probe)
        self._watch()

    def __repr__(self) -> str:
        size = f"{self._image.n_neurons:,} neurons, {self._image.n_synapses:,} synapses"
        return f"<Processor {self._image.spec.name}: {size}, engine {self.engine}, before cycle {self.cycle:,}>"

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
        self._inputs.add(events, self.cycle)

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
            If `cycles` is negative, potentials might leave their range, or a probe is full.
        """
        return self._outputs.events([log for log in self._logs(self._end_of_run(cycles)) if len(log[0])])

    def run_in_pieces(self, cycles: int) -> Iterator[SpikeEvents]:
        """Run some cycles as `run` does, and give what fired piece after piece, so that no run is too long for memory.

        A piece is that of some whole cycles, perhaps without a spike; attribute `cycle` says how far the run is. Probes
        may be drained between pieces. A run of which not all pieces are taken is broken off.

        Parameters, Raises
        ------------------
        As for `run`.
        """
        for log in self._logs(self._end_of_run(cycles)):
            yield self._outputs.events([log])

    def _logs(self, end: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Cycle and neuron of watched spikes up to cycle `end`, as the engine reports them; probes have seen them."""
        stop = self._proven_end(end)
        charges = self._inputs.take(end)
        self._broken = True
        while self.cycle < end:
            if self.cycle == stop:
                stop = self._proven_end(end)
            sample = self._next_sample(stop)
            cycle, neuron = self._engine.advance(stop if sample is None else sample + 1, *charges)
            if len(cycle):
                for probe in self._probes:
                    probe.take_spikes(cycle, neuron)
            if sample is not None and self.cycle > sample:
                self._sample(sample)
            if self.cycle < end:
                n_done = int(charges[0].searchsorted(self.cycle))
                charges = (charges[0][n_done:], charges[1][n_done:], charges[2][n_done:])
            yield cycle, neuron
        self._broken = False

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
        neurons = (self.potentials, self._engine.slopes(), self._engine.spent(), self._engine.due())
        return ProcessorState(self._digest, self.cycle, *neurons, self._engine.pending(), self._inputs.waiting())

    def restore(self, state: ProcessorState) -> None:
        """Go on from a state, of this processor or another one with the same image; counters and probes start over.

        Raises
        ------
        EmulationError
            If the state belongs to another image, or was altered. Nothing changes then.
        """
        check_state(self._image, self._digest, state)
        inputs = self._inputs.joined(SpikeEvents.none(), state.inputs, state.cycle)
        self._engine.load(state.cycle, state.potential, state.slope, state.spent, state.due, state.pending)
        self._first_cycle = state.cycle
        self._inputs.replace(inputs)
        self._broken = False
        for probe in self._probes:
            probe.clear()

    def _start_over(self) -> None:
        nothing = np.zeros(self._image.n_neurons, np.int64)
        self._engine.load(0, nothing, nothing, nothing != 0, nothing != 0, PendingCharge.none())
        self._first_cycle = 0
        self._inputs.replace(SpikeEvents.none())
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
        refuse_fall(self._image, self._fall, end)
        return end

    def _proven_end(self, end: int) -> int:
        """Cycle up to which potentials are proven to keep within their range, at most `end`."""
        rise, slopes = self._rise, self._slopes
        if rise is not None and end > max(self.cycle, rise.proven):
            end = proven_end(rise, self.cycle, end, self._engine.potentials())
        if slopes is not None and end > max(self.cycle, self._proven):
            # A spent neuron has no use for its slope, and starts over when it is cleared.
            takes = ~self._engine.spent()
            slope = self._engine.slopes() * takes
            end = sloped_end(slopes, self.cycle, end, self._engine.potentials() * takes, slope, slope)
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


def check_extensions(image: ProcessorImage, engine: str) -> None:
    """Refuse an image that needs more than an engine has.

    Raises
    ------
    EmulationError
        With the first extension that is missing.
    """
    for extension in image.spec.extensions:
        if extension not in EXTENSIONS[engine]:
            raise EmulationError(
                f"the image needs extension '{extension}' (profile {image.spec.name}), engine '{engine}' has "
                f"{', '.join(EXTENSIONS[engine])}; use another engine, or compile it for another profile"
            )


def make_engine(image: ProcessorImage, name: str) -> Engine:
    """Engine of a name, with an image loaded.

    Raises
    ------
    EmulationError
        If there is no such engine, or it lacks an extension.
    """
    if name not in ENGINES:
        raise EmulationError(f"engine '{name}' is unknown, allowed: {', '.join(ENGINES)}")
    # One stream leaves all lanes but one empty: `auto` never takes them here.
    name = "event" if name == "auto" else name
    check_extensions(image, name)
    if name == "reference":
        return ReferenceEngine(image)
    # Late: what only reads or writes images and spikes should not wait for the compiler behind these engines.
    if name == "batch":
        from neuroproc.kernels.lanes import LaneEngine

        return LaneEngine(image)
    from neuroproc.kernels.event import EventEngine

    return EventEngine(image)
