"""The event-driven engine: one stream, work only where something is under way, many cycles in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from isa_spec.image import ProcessorImage
from neuroproc.kernels.cache import keep_kernels
from neuroproc.kernels.prepare import MAX_SLOTS, prepare
from neuroproc.state import PendingCharge

LOG_ENTRIES = 2**16
"""Spikes that the kernel can report before it has to come back; no result depends on it."""

WORK_LIMIT = 2**28
"""Neurons compared plus charges delivered before the kernel comes back, so that a long run can be interrupted."""

BLOCK = 128
"""Neurons compared in one go; a block is searched for spikes only if it holds one."""

FAR_AWAY = 2**63 - 1
"""First cycle of an empty far list."""


keep_kernels()


def _signature(potential: Any, touched: Any) -> tuple[Any, ...]:
    """Signature of `run_cycles` for a type of potentials, with or without a touched ring."""
    i8, v = types.int64, types.Array(potential, 1, "C")
    u1s, i4s, u4s, i8s = (types.Array(kind, 1, "C") for kind in (types.uint8, types.int32, types.uint32, types.int64))
    tables = (v, potential, i8s, i8s, i8s, u4s, i4s)
    state, far = (v, v, touched, i8s, i8s, i8s), (i8, i8s, i4s, i8s)
    inputs, log = (i8s, i4s, i8s), (u1s, i8, i8s, i4s, i8s)
    return i8, i8, i8, types.boolean, types.boolean, *tables, *state, *far, *inputs, *log


_TOUCHED = types.Array(types.uint8, 1, "C")
SIGNATURES = [
    _signature(types.int32, types.none),
    _signature(types.int64, types.none),
    _signature(types.int64, _TOUCHED),
]


@njit(SIGNATURES, cache=True, nogil=True)
def run_cycles(
    cycle: int,
    end: int,
    work_limit: int,
    always: bool,
    leaks: bool,
    threshold: np.ndarray,
    floor: int,
    segment_row: np.ndarray,
    segment_delay: np.ndarray,
    segment_begin: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    potential: np.ndarray,
    ring: np.ndarray,
    touched: np.ndarray | None,
    waiting: np.ndarray,
    totals: np.ndarray,
    spike_count: np.ndarray,
    n_far_synapses: int,
    far_cycle: np.ndarray,
    far_neuron: np.ndarray,
    far_charge: np.ndarray,
    input_cycle: np.ndarray,
    input_neuron: np.ndarray,
    input_charge: np.ndarray,
    watched: np.ndarray,
    n_watched: int,
    log_cycle: np.ndarray,
    log_neuron: np.ndarray,
    fired: np.ndarray,
) -> tuple[int, int]:
    """Cycle reached and number of spikes logged, after at most ``end - cycle`` cycles.

    Comes back early where the next cycle could overflow the log or the far list, or where `work_limit` is spent; the
    log must hold `n_watched` entries. Tables are those of `KernelTables`.

    Parameters
    ----------
    cycle, end : int64, cycles
    work_limit : int64
    always, leaks : bool
    threshold .. weight
        Fields of `KernelTables`.
    potential : int32 or int64[n_neurons], potential units
    ring : as potential[n_slots * n_neurons], potential units
        Charge that arrives in cycle t for neuron n, at ``(t mod n_slots) * n_neurons + n``.
    touched : uint8[n_slots * n_neurons] or None
        1 where something arrives, be it a charge of 0. None where that makes no difference.
    waiting : int64[n_slots]
        Deliveries in each slot of the ring; a slot of 0 holds no charge.
    totals : int64[3]
        Deliveries in the ring, entries in the far list, and the first cycle of these.
    spike_count : int64[n_neurons]
        Is added to.
    n_far_synapses : int64
        Synapses with a delay of `n_slots` or more.
    far_cycle : int64[n_far], cycles
        Far list: charge that arrives beyond the ring, in any order. It moves into the ring in time.
    far_neuron : int32[n_far]
    far_charge : int64[n_far], potential units
    input_cycle : int64[n_inputs], cycles
        Ascending, none before `cycle`.
    input_neuron : int32[n_inputs]
    input_charge : int64[n_inputs], potential units
    watched : uint8[n_neurons]
        Neurons whose spikes are logged.
    n_watched : int64
    log_cycle : int64[n_log], cycles
    log_neuron : int32[n_log]
    fired : int64[n_neurons]
        Scratch.
    """
    n_neurons = potential.shape[0]
    n_slots = waiting.shape[0]
    mask = n_slots - 1
    n_inputs = input_cycle.shape[0]
    log_room = log_cycle.shape[0] - n_watched
    far_room = far_cycle.shape[0] - n_far_synapses
    flying, n_far, far_first = totals[0], totals[1], totals[2]
    n_logged = 0
    next_input = 0
    work = 0
    # The cycle whose potentials are in `potential`: the last in which anything happened.
    latest = cycle - 1
    while cycle < end:
        if flying == 0 and not always:
            # Nothing can happen before the next input, or before far charge comes near.
            upcoming = end
            if next_input < n_inputs:
                upcoming = min(upcoming, input_cycle[next_input])
            if n_far > 0:
                upcoming = min(upcoming, far_first - n_slots // 2)
            cycle = max(cycle, upcoming)
            if cycle == end:
                break
        if n_logged > log_room or n_far > far_room or work > work_limit:
            break
        if n_far > 0 and far_first - cycle <= n_slots // 2:
            # Half a ring ahead, so that the next look at the list is at least half a ring away.
            work += n_far
            n_kept = 0
            far_first = FAR_AWAY
            for entry in range(n_far):
                arrival = far_cycle[entry]
                if arrival - cycle < n_slots:
                    place = (arrival & mask) * n_neurons + far_neuron[entry]
                    ring[place] += far_charge[entry]
                    if touched is not None:
                        touched[place] = 1
                    waiting[arrival & mask] += 1
                    flying += 1
                else:
                    far_cycle[n_kept] = arrival
                    far_neuron[n_kept] = far_neuron[entry]
                    far_charge[n_kept] = far_charge[entry]
                    far_first = min(far_first, arrival)
                    n_kept += 1
            n_far = n_kept
        slot = cycle & mask
        base = slot * n_neurons
        row = ring[base : base + n_neurons]
        active = always or waiting[slot] > 0

        # Deliver: the charge of spikes is in the row already.
        while next_input < n_inputs and input_cycle[next_input] == cycle:
            row[input_neuron[next_input]] += input_charge[next_input]
            if touched is not None:
                touched[base + input_neuron[next_input]] = 1
            active = True
            next_input += 1
        if not active:
            cycle += 1
            continue
        if leaks:
            potential[:] = 0
        latest = cycle
        work += n_neurons + waiting[slot]
        flying -= waiting[slot]
        waiting[slot] = 0

        # Integrate, compare, reset, in one pass; the row is cleared for its next use.
        n_fired = 0
        if touched is None:
            for begin in range(0, n_neurons, BLOCK):
                # Views from 0 on: the compiler then sees that no index wraps, and uses vectors.
                charges = row[begin : begin + BLOCK]
                potentials = potential[begin : begin + BLOCK]
                thresholds = threshold[begin : begin + BLOCK]
                some = False
                for n in range(charges.shape[0]):
                    charges[n] += potentials[n]
                    some |= charges[n] >= thresholds[n]
                    potentials[n] = max(charges[n], floor)
                if some:
                    for n in range(charges.shape[0]):
                        if charges[n] >= thresholds[n]:
                            potentials[n] = 0
                            fired[n_fired] = begin + n
                            n_fired += 1
                charges[:] = 0
        else:
            for n in range(n_neurons):
                if touched[base + n]:
                    touched[base + n] = 0
                    reached = potential[n] + row[n]
                    row[n] = 0
                    if reached >= threshold[n]:
                        potential[n] = 0
                        fired[n_fired] = n
                        n_fired += 1
                    else:
                        potential[n] = max(reached, floor)

        # Propagate and observe.
        for k in range(n_fired):
            source = fired[k]
            spike_count[source] += 1
            if watched[source]:
                log_cycle[n_logged] = cycle
                log_neuron[n_logged] = source
                n_logged += 1
            for segment in range(segment_row[source], segment_row[source + 1]):
                first = segment_begin[segment]
                last = segment_begin[segment + 1]
                if segment_delay[segment] >= n_slots:
                    arrival = cycle + segment_delay[segment]
                    far_first = min(far_first, arrival)
                    for synapse in range(first, last):
                        far_cycle[n_far] = arrival
                        far_neuron[n_far] = target[synapse]
                        far_charge[n_far] = weight[synapse]
                        n_far += 1
                    continue
                to_slot = (slot + segment_delay[segment]) & mask
                waiting[to_slot] += last - first
                flying += last - first
                to_base = to_slot * n_neurons
                to_row = ring[to_base : to_base + n_neurons]
                for synapse in range(first, last):
                    to_row[target[synapse]] += weight[synapse]
                    if touched is not None:
                        touched[to_base + target[synapse]] = 1
        cycle += 1
    if leaks and latest < cycle - 1:
        # Forgotten in the idle cycles since.
        potential[:] = 0
    totals[0], totals[1], totals[2] = flying, n_far, far_first
    return cycle, n_logged


class EventEngine:
    """A ring of pending charge and the kernel that turns it.

    Parameters
    ----------
    image : ProcessorImage
    log_entries, work_limit : int
        When the kernel comes back.
    max_slots : int
        Most slots of the ring, a power of two. None of the three changes a result.
    """

    name = "event"

    def __init__(
        self,
        image: ProcessorImage,
        log_entries: int = LOG_ENTRIES,
        work_limit: int = WORK_LIMIT,
        max_slots: int = MAX_SLOTS,
    ) -> None:
        tables = prepare(image, max_slots)
        n_neurons, dtype = image.n_neurons, tables.threshold.dtype
        self._n_neurons = n_neurons
        self._n_far_synapses = tables.n_far
        self._log_entries = log_entries
        self._potential = np.zeros(n_neurons, dtype)
        self._ring = np.zeros(tables.n_slots * n_neurons, dtype)
        self._touched = np.zeros(tables.n_slots * n_neurons, np.uint8) if tables.tracks_touch else None
        self._waiting = np.zeros(tables.n_slots, np.int64)
        self._totals = np.array([0, 0, FAR_AWAY], np.int64)
        self._far: tuple[Any, ...] = (np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))
        self._spike_count = np.zeros(n_neurons, np.int64)
        self._fired = np.zeros(n_neurons, np.int64)
        self.cycle = 0
        self._fixed: tuple[Any, ...] = (
            work_limit,
            tables.always,
            tables.leaks,
            tables.threshold,
            dtype.type(tables.floor),
            tables.segment_row,
            tables.segment_delay,
            tables.segment_begin,
            tables.target,
            tables.weight,
            self._potential,
            self._ring,
            self._touched,
            self._waiting,
            self._totals,
            self._spike_count,
            tables.n_far,
        )
        self.watch(np.zeros(n_neurons, bool))

    @property
    def spike_count(self) -> np.ndarray:
        """Spikes of every neuron since the last load: int64[n_neurons]."""
        return self._spike_count.copy()

    def watch(self, watched: np.ndarray) -> None:
        """Say whose spikes `advance` reports: bool[n_neurons]."""
        self._watched = watched.astype(np.uint8)
        self._n_watched = int(self._watched.sum())
        # At least one cycle must always fit.
        n_log = max(self._log_entries, self._n_watched)
        self._log_cycle = np.zeros(n_log, np.int64)
        self._log_neuron = np.zeros(n_log, np.int32)

    def load(self, cycle: int, potential: np.ndarray, pending: PendingCharge) -> None:
        """Take over a state, and count from 0."""
        if self._totals[0]:
            # A ring with nothing in it is 0 everywhere: every row is cleared when it is delivered.
            self._ring.fill(0)
            self._waiting.fill(0)
            if self._touched is not None:
                self._touched.fill(0)
        self.cycle = cycle
        self._potential[:] = potential
        self._spike_count.fill(0)
        near = pending.ahead < len(self._waiting)
        slot = (cycle + pending.ahead[near]) & (len(self._waiting) - 1)
        place = slot * self._n_neurons + pending.neuron[near]
        self._ring[place] = pending.charge[near]
        if self._touched is not None:
            self._touched[place] = 1
        np.add.at(self._waiting, slot, 1)
        arrival = cycle + pending.ahead[~near]
        self._totals[:] = len(slot), len(arrival), arrival.min(initial=FAR_AWAY)
        self._reserve_far(len(arrival))
        for column, values in zip(self._far, (arrival, pending.neuron[~near], pending.charge[~near]), strict=True):
            column[: len(arrival)] = values

    def _reserve_far(self, n_entries: int) -> None:
        """Room in the far list for so many entries and for what one cycle may add to them."""
        needed = n_entries + self._n_far_synapses
        if needed > len(self._far[0]):
            self._far = tuple(np.resize(column, 2 * needed) for column in self._far)

    def potentials(self) -> np.ndarray:
        """Potentials after the last cycle: int64[n_neurons], potential units."""
        return self._potential.astype(np.int64)

    def pending(self) -> PendingCharge:
        """What spikes of the past will still deliver."""
        shape, n_far = (len(self._waiting), self._n_neurons), int(self._totals[1])
        slots = np.flatnonzero(self._waiting)
        charges = self._ring.reshape(shape)[slots]
        which, neuron = np.nonzero(charges if self._touched is None else self._touched.reshape(shape)[slots])
        charge = charges[which, neuron].astype(np.int64)
        # Far charge may be near by now, and may meet charge in the ring, or itself.
        ahead = np.append((slots[which] - self.cycle) & (shape[0] - 1), self._far[0][:n_far] - self.cycle)
        neuron, charge = np.append(neuron, self._far[1][:n_far]), np.append(charge, self._far[2][:n_far])
        order = np.lexsort((neuron, ahead))
        ahead, neuron, charge = ahead[order], neuron[order], charge[order]
        fresh = np.ones(len(ahead), bool)
        fresh[1:] = (ahead[1:] != ahead[:-1]) | (neuron[1:] != neuron[:-1])
        begins = np.flatnonzero(fresh)
        total = np.add.reduceat(charge, begins) if len(begins) else charge
        if self._touched is None:
            begins, total = begins[total != 0], total[total != 0]
        return PendingCharge(ahead[begins], neuron[begins].astype(np.int32), total)

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
        self._reserve_far(int(self._totals[1]))
        inputs = (input_cycle, input_neuron, input_charge)
        log = (self._watched, self._n_watched, self._log_cycle, self._log_neuron)
        arguments: tuple[Any, ...] = (self.cycle, end, *self._fixed, *self._far, *inputs, *log, self._fired)
        self.cycle, n_logged = run_cycles(*arguments)
        return self._log_cycle[:n_logged].copy(), self._log_neuron[:n_logged].copy()
