"""The living definition of the processor: plain Python integers, one function per phase, slow and obvious.

A cycle is `deliver`, `integrate`, `compare`, `reset`, `propagate`, `observe`, in this order. Every other engine has to
agree with this one, state for state.
"""

from __future__ import annotations

import numpy as np

from isa_spec.image import ProcessorImage
from neuroproc.state import PendingCharge, tracks_touch

Charges = dict[int, int]
"""Charge by neuron. A neuron that is a key was reached, be it by a charge of 0."""


def deliver(in_flight: dict[int, Charges], inputs: list[tuple[int, int]], cycle: int) -> Charges:
    """What reaches each neuron in a cycle: the charge under way for it, and the input.

    Parameters
    ----------
    in_flight : dict of Charges
        Charge by cycle of arrival; the entry of this cycle is taken out.
    inputs : list of (neuron, charge)
        Input of this cycle.
    cycle : int
    """
    charges = in_flight.pop(cycle, {})
    for neuron, charge in inputs:
        charges[neuron] = charges.get(neuron, 0) + charge
    return charges


def integrate(potential: list[int], charges: Charges, leak: str) -> None:
    """Add what was delivered, in full width; where potentials leak, to nothing."""
    if leak == "all":
        potential[:] = [0] * len(potential)
    for neuron, charge in charges.items():
        potential[neuron] += charge


def compare(potential: list[int], threshold: list[int], charges: Charges, evaluation: str) -> list[int]:
    """Neurons that fire, ascending: those at or above their threshold; on delivery, only if something reached them."""
    fired = []
    for neuron in range(len(potential)):
        evaluated = evaluation == "every-cycle" or neuron in charges
        if evaluated and potential[neuron] >= threshold[neuron]:
            fired.append(neuron)
    return fired


def reset(potential: list[int], threshold: list[int], fired: list[int], floor: int | None, kind: str) -> None:
    """Potentials of neurons that fired back to 0, or down by the threshold; all others up to the floor."""
    for neuron in fired:
        potential[neuron] = 0 if kind == "zero" else potential[neuron] - threshold[neuron]
    if floor is not None:
        # A neuron that fired is at 0 or above, and no floor is above 0.
        for neuron in range(len(potential)):
            potential[neuron] = max(potential[neuron], floor)


def propagate(
    in_flight: dict[int, Charges], fired: list[int], synapses: list[list[tuple[int, int, int]]], cycle: int
) -> None:
    """Send a spike down every synapse of the neurons that fired.

    Parameters
    ----------
    in_flight : dict of Charges
        Charge by cycle of arrival.
    fired : list of int
    synapses : list of list of (target, weight, delay)
        Synapses by source.
    cycle : int
    """
    for source in fired:
        for target, weight, delay in synapses[source]:
            charges = in_flight.setdefault(cycle + delay, {})
            charges[target] = charges.get(target, 0) + weight


def observe(fired: list[int], watched: list[bool], spike_count: list[int]) -> list[int]:
    """Neurons that fired and are watched; all are counted."""
    for neuron in fired:
        spike_count[neuron] += 1
    return [neuron for neuron in fired if watched[neuron]]


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
        self._leak, self._reset = image.spec.leak, image.spec.reset
        self._threshold: list[int] = image.threshold.tolist()
        self._tracks_touch = tracks_touch(image)
        self._synapses: list[list[tuple[int, int, int]]] = [[] for _ in range(image.n_neurons)]
        columns = (image.source(), image.target, image.weight, image.delay)
        for source, target, weight, delay in zip(*(column.tolist() for column in columns), strict=True):
            self._synapses[source].append((target, weight, delay))
        self._watched = [False] * image.n_neurons
        self.load(0, np.zeros(image.n_neurons, np.int64), PendingCharge(*(np.zeros(0, np.int64),) * 3))

    @property
    def spike_count(self) -> np.ndarray:
        """Spikes of every neuron since the last load: int64[n_neurons]."""
        return np.array(self._spike_count, np.int64)

    def watch(self, watched: np.ndarray) -> None:
        """Say whose spikes `advance` reports: bool[n_neurons]."""
        self._watched = watched.tolist()

    def load(self, cycle: int, potential: np.ndarray, pending: PendingCharge) -> None:
        """Take over a state, and count from 0."""
        self.cycle = cycle
        self._potential: list[int] = potential.tolist()
        self._in_flight: dict[int, Charges] = {}
        for ahead, neuron, charge in zip(*map(np.ndarray.tolist, _columns(pending)), strict=True):
            self._in_flight.setdefault(cycle + ahead, {})[neuron] = charge
        self._spike_count = [0] * len(self._potential)

    def potentials(self) -> np.ndarray:
        """Potentials after the last cycle: int64[n_neurons], potential units."""
        return np.array(self._potential, np.int64)

    def pending(self) -> PendingCharge:
        """What spikes of the past will still deliver."""
        entries = [
            (arrival - self.cycle, neuron, charge)
            for arrival, charges in self._in_flight.items()
            for neuron, charge in charges.items()
            if charge or self._tracks_touch
        ]
        table = np.array(sorted(entries), np.int64).reshape(-1, 3)
        return PendingCharge(table[:, 0], table[:, 1].astype(np.int32), table[:, 2])

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
        while self.cycle < end:
            charges = deliver(self._in_flight, given.get(self.cycle, []), self.cycle)
            integrate(self._potential, charges, self._leak)
            fired = compare(self._potential, self._threshold, charges, self._evaluation)
            reset(self._potential, self._threshold, fired, self._floor, self._reset)
            propagate(self._in_flight, fired, self._synapses, self.cycle)
            seen = observe(fired, self._watched, self._spike_count)
            cycles.extend([self.cycle] * len(seen))
            neurons.extend(seen)
            self.cycle += 1
        return np.array(cycles, np.int64), np.array(neurons, np.int32)


def _columns(pending: PendingCharge) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return pending.ahead, pending.neuron, pending.charge
