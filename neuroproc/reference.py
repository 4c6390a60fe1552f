"""The living definition of the processor: plain Python integers, one function per phase, slow and obvious.

A cycle is `deliver` (with `start_over`, `clear` and `incline`), `integrate`, `compare`, `reset` (with `spend`),
`propagate` and `observe`, in this order. Every other engine has to agree with this one, state for state.
"""

from __future__ import annotations

import numpy as np

from isa_spec.image import ProcessorImage
from isa_spec.kinds import CHARGE, CLEAR, KINDS, SLOPE
from isa_spec.potentials import leaking
from neuroproc.state import PendingCharge, tracks_touch

LOG_ENTRIES = 2**16
"""Spikes after which `ReferenceEngine.advance` comes back; no result depends on it."""

Charges = dict[int, int]
"""Charge by neuron. A neuron that is a key was reached, be it by a charge of 0."""

Arrivals = tuple[Charges, Charges, Charges]
"""What arrives in one cycle, by the kind of its synapse (`KINDS`): charge, change of slope, how often cleared."""


def deliver(in_flight: dict[int, Arrivals], inputs: list[tuple[int, int]], cycle: int) -> Arrivals:
    """What reaches each neuron in a cycle: what is under way for it, and the input.

    Parameters
    ----------
    in_flight : dict of Arrivals
        By cycle of arrival; the entry of this cycle is taken out.
    inputs : list of (neuron, charge)
        Input of this cycle.
    cycle : int
    """
    arrivals = in_flight.pop(cycle, ({}, {}, {}))
    for neuron, charge in inputs:
        arrivals[CHARGE][neuron] = arrivals[CHARGE].get(neuron, 0) + charge
    return arrivals


def start_over(potential: list[int], due: list[bool]) -> None:
    """Reset neurons whose spike of the cycle before is seen in this one, before anything arrives."""
    for neuron in range(len(potential)):
        if due[neuron]:
            potential[neuron] = 0


def clear(potential: list[int], slope: list[int], spent: list[bool], arrivals: Arrivals) -> None:
    """Let neurons that a clear synapse reaches start over, before anything else arrives."""
    for neuron in arrivals[CLEAR]:
        potential[neuron] = slope[neuron] = 0
        spent[neuron] = False


def incline(slope: list[int], spent: list[bool], arrivals: Arrivals) -> None:
    """Change slopes; those of spent neurons stay."""
    for neuron, change in arrivals[SLOPE].items():
        if not spent[neuron]:
            slope[neuron] += change


def reached(slope: list[int], arrivals: Arrivals) -> set[int]:
    """Neurons to which something is delivered: by a synapse or an input, or by a slope."""
    sloped = {neuron for neuron in range(len(slope)) if slope[neuron] != 0}
    return sloped.union(*arrivals)


def integrate(potential: list[int], slope: list[int], spent: list[bool], charges: Charges, leaks: list[bool]) -> None:
    """Add what was delivered, and the slope, in full width; where a potential leaks, to nothing."""
    for neuron in range(len(potential)):
        if leaks[neuron]:
            potential[neuron] = 0
        if not spent[neuron]:
            potential[neuron] += charges.get(neuron, 0) + slope[neuron]


def compare(
    potential: list[int], threshold: list[int], spent: list[bool], group: list[int], reached: set[int], evaluation: str
) -> list[int]:
    """Neurons that fire, ascending: those at or above their threshold, and the outputs of their groups.

    On delivery, a neuron is compared only if something reached it. Spent neurons never fire.
    """
    fired = set()
    for neuron in range(len(potential)):
        evaluated = (evaluation == "every-cycle" or neuron in reached) and not spent[neuron]
        if evaluated and potential[neuron] >= threshold[neuron]:
            fired.add(neuron)
    outputs = {group[neuron] for neuron in fired if group[neuron] >= 0}
    return sorted(fired | {neuron for neuron in outputs if not spent[neuron]})


def reset(
    potential: list[int],
    threshold: list[int],
    spent: list[bool],
    group: list[int],
    fired: list[int],
    floor: int | None,
    kind: str,
    delayed: bool,
) -> None:
    """Potentials of neurons that fired back to 0, or down by the threshold; all others up to the floor.

    The members of a group are reset with any of them. Where spikes are delayed, no potential is reset here.
    """
    groups = {group[neuron] for neuron in fired if group[neuron] >= 0}
    members = {neuron for neuron in range(len(potential)) if group[neuron] in groups and not spent[neuron]}
    for neuron in set() if delayed else members.union(fired):
        potential[neuron] = 0 if kind == "zero" else potential[neuron] - threshold[neuron]
    if floor is not None:
        # A neuron that reached its threshold is at 0 or above, and no floor is above 0.
        for neuron in range(len(potential)):
            potential[neuron] = max(potential[neuron], floor)


def spend(spent: list[bool], once: list[bool], fired: list[int]) -> None:
    """Spend neurons that fire once."""
    for neuron in fired:
        spent[neuron] = once[neuron]


def propagate(
    in_flight: dict[int, Arrivals], fired: list[int], synapses: list[list[tuple[int, int, int, int]]], cycle: int
) -> None:
    """Send a spike down every synapse of the neurons that fired.

    Parameters
    ----------
    in_flight : dict of Arrivals
        By cycle of arrival.
    fired : list of int
    synapses : list of list of (target, weight, delay, kind)
        Synapses by source.
    cycle : int
    """
    for source in fired:
        for target, weight, delay, kind in synapses[source]:
            charges = in_flight.setdefault(cycle + delay, ({}, {}, {}))[kind]
            charges[target] = charges.get(target, 0) + weight


def observe(fired: list[int], due: list[bool], delayed: bool, watched: list[bool], spike_count: list[int]) -> list[int]:
    """Neurons whose spike is seen in this cycle and that are watched; all are counted.

    Where spikes are delayed, these are the neurons that were due, and due now are those that fired.
    """
    seen = fired
    if delayed:
        seen = [neuron for neuron in range(len(due)) if due[neuron]]
        due[:] = [neuron in fired for neuron in range(len(due))]
    for neuron in seen:
        spike_count[neuron] += 1
    return [neuron for neuron in seen if watched[neuron]]


class ReferenceEngine:
    """The six phases, cycle after cycle.

    Parameters
    ----------
    image : ProcessorImage
    """

    name = "reference"

    def __init__(self, image: ProcessorImage) -> None:
        self._evaluation = image.spec.evaluation
        self._floor = image.spec.potential_floor
        self._reset, self._delayed = image.spec.reset, image.spec.delayed_fire
        self._leaks: list[bool] = leaking(image).tolist()
        self._threshold: list[int] = image.threshold.tolist()
        self._once: list[bool] = (image.once == 1).tolist()
        self._group: list[int] = image.group.tolist()
        self._tracks_touch = tracks_touch(image)
        self._synapses: list[list[tuple[int, int, int, int]]] = [[] for _ in range(image.n_neurons)]
        columns = (image.source(), image.target, image.weight, image.delay, image.kind)
        for source, *synapse in zip(*(column.tolist() for column in columns), strict=True):
            self._synapses[source].append(tuple(synapse))
        self._watched = [False] * image.n_neurons
        nothing = np.zeros(image.n_neurons, np.int64)
        self.load(0, nothing, nothing, nothing != 0, nothing != 0, PendingCharge.none())

    @property
    def spike_count(self) -> np.ndarray:
        """Spikes of every neuron since the last load: int64[n_neurons]."""
        return np.array(self._spike_count, np.int64)

    def watch(self, watched: np.ndarray) -> None:
        """Say whose spikes `advance` reports: bool[n_neurons]."""
        self._watched = watched.tolist()

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
        self.cycle = cycle
        self._potential: list[int] = potential.tolist()
        self._slope: list[int] = slope.tolist()
        self._spent: list[bool] = spent.tolist()
        self._due: list[bool] = due.tolist()
        self._in_flight: dict[int, Arrivals] = {}
        columns = (pending.ahead, pending.neuron, pending.charge, pending.kind)
        for ahead, neuron, charge, kind in zip(*(column.tolist() for column in columns), strict=True):
            self._in_flight.setdefault(cycle + ahead, ({}, {}, {}))[kind][neuron] = charge
        self._spike_count = [0] * len(self._potential)

    def potentials(self) -> np.ndarray:
        """Potentials after the last cycle: int64[n_neurons], potential units."""
        return np.array(self._potential, np.int64)

    def slopes(self) -> np.ndarray:
        """Slopes after the last cycle: int64[n_neurons], potential units per cycle."""
        return np.array(self._slope, np.int64)

    def spent(self) -> np.ndarray:
        """Which neurons are spent after the last cycle: bool[n_neurons]."""
        return np.array(self._spent, bool)

    def due(self) -> np.ndarray:
        """Which neurons' spikes are seen in the next cycle: bool[n_neurons]."""
        return np.array(self._due, bool)

    def pending(self) -> PendingCharge:
        """What spikes of the past will still deliver."""
        entries = [
            (arrival - self.cycle, neuron, kind, min(charge, 1) if kind == CLEAR else charge)
            for arrival, arrivals in self._in_flight.items()
            for kind in range(len(KINDS))
            for neuron, charge in arrivals[kind].items()
            if charge or self._tracks_touch
        ]
        table = np.array(sorted(entries), np.int64).reshape(-1, 4)
        return PendingCharge(table[:, 0], table[:, 1].astype(np.int32), table[:, 3], table[:, 2].astype(np.uint8))

    def advance(
        self, end: int, input_cycle: np.ndarray, input_neuron: np.ndarray, input_charge: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run to the start of cycle `end`, or less far; `cycle` says how far.

        Parameters
        ----------
        end : int
        input_cycle : int64[n_inputs], cycles
            Ascending, from the present cycle on.
        input_neuron : int32[n_inputs]
        input_charge : int64[n_inputs], potential units

        Returns
        -------
        cycle : int64[n_spikes], cycles
        neuron : int32[n_spikes]
            Spikes of the watched neurons, ascending by cycle, then neuron.
        """
        given: dict[int, list[tuple[int, int]]] = {}
        for cycle, neuron, charge in zip(
            input_cycle.tolist(), input_neuron.tolist(), input_charge.tolist(), strict=True
        ):
            given.setdefault(cycle, []).append((neuron, charge))
        cycles: list[int] = []
        neurons: list[int] = []
        potential, slope, spent, due, threshold, group = (
            self._potential, self._slope, self._spent, self._due, self._threshold, self._group
        )  # fmt: skip
        while self.cycle < end and len(cycles) < LOG_ENTRIES:
            arrivals = deliver(self._in_flight, given.get(self.cycle, []), self.cycle)
            start_over(potential, due)
            clear(potential, slope, spent, arrivals)
            incline(slope, spent, arrivals)
            integrate(potential, slope, spent, arrivals[CHARGE], self._leaks)
            fired = compare(potential, threshold, spent, group, reached(slope, arrivals), self._evaluation)
            reset(potential, threshold, spent, group, fired, self._floor, self._reset, self._delayed)
            spend(spent, self._once, fired)
            propagate(self._in_flight, fired, self._synapses, self.cycle)
            seen = observe(fired, due, self._delayed, self._watched, self._spike_count)
            cycles.extend([self.cycle] * len(seen))
            neurons.extend(seen)
            self.cycle += 1
        return np.array(cycles, np.int64), np.array(neurons, np.int32)
