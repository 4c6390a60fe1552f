"""The event-driven engine: one stream, work only where something is under way, many cycles in one call."""

from __future__ import annotations

from typing import Any

import numpy as np

from isa_spec.image import ProcessorImage
from isa_spec.kinds import CLEAR
from neuroproc.kernels.arrivals import FAR_AWAY
from neuroproc.kernels.compiled import kernel
from neuroproc.kernels.memory import N_NUMBERS, Arrays, Number, note_addresses, zeros
from neuroproc.kernels.prepare import MAX_SLOTS, prepare
from neuroproc.kernels.vectors import BLOCK
from neuroproc.ports import sorted_within
from neuroproc.state import PendingCharge

LOG_ENTRIES = 2**16
"""Spikes that the kernel can report before it has to come back; no result depends on it."""

WORK_LIMIT = 2**29
"""Neurons compared plus charges delivered before the kernel comes back, so that a long run can be interrupted."""


_CYCLE, _N_LOGGED = int(Number.CYCLE), int(Number.N_LOGGED)
_NO_SPIKES = np.zeros(0, np.int64), np.zeros(0, np.int32)


class EventEngine:
    """A ring of pending charge and the kernel that turns it.

    Parameters
    ----------
    image : ProcessorImage
    log_entries, work_limit : int
        When the kernel comes back.
    max_slots : int
        Most slots of the ring, a power of two.
    least_bits : int
        Narrowest type of potentials that may be used. None of the four changes a result.
    """

    name = "event"

    def __init__(
        self,
        image: ProcessorImage,
        log_entries: int = LOG_ENTRIES,
        work_limit: int = WORK_LIMIT,
        max_slots: int = MAX_SLOTS,
        least_bits: int = 16,
    ) -> None:
        tables = prepare(image, max_slots, least_bits)
        self._number, self._neuron = tables.number, tables.neuron.astype(np.int32)
        is_same = np.array_equal(tables.number, np.arange(image.n_neurons))
        self._renumber = None if is_same else tables.number.astype(np.int32)
        self._log_entries = log_entries
        self._n_far_synapses = tables.settings[Number.N_FAR_SYNAPSES]
        n_numbers, dtype = len(tables.neuron), tables.arrays["threshold"].dtype
        n_places = tables.settings[Number.N_SLOTS] * tables.settings[Number.STRIDE]
        self._arrays = Arrays(
            **tables.arrays,
            numbers=np.zeros(N_NUMBERS, np.int64),
            potential=zeros(n_numbers, dtype),
            ring=zeros(n_places, dtype),
            flags=zeros(n_places // BLOCK, np.uint8),
            touched=zeros(n_places if tables.settings[Number.TRACKS_TOUCH] else 0, np.uint8),
            charge=zeros(n_numbers, np.int64),
            spike_count=zeros(n_numbers, np.int64),
            fired=zeros(n_numbers, np.int32),
            watched=zeros(n_numbers // BLOCK, np.uint32),
            log_cycle=zeros(0, np.int64),
            log_neuron=zeros(0, np.int32),
            far_cycle=zeros(0, np.int64),
            far_neuron=zeros(0, np.int32),
            far_charge=zeros(0, np.int64),
            slope=zeros(n_numbers if tables.settings[Number.SLOPE_AT] else 0, dtype),
            takes=zeros(n_numbers if tables.settings[Number.SLOPE_AT] or len(tables.arrays["once"]) else 0, dtype),
            group_hit=zeros(len(tables.arrays["group_output"]), np.uint8),
            fires=zeros(len(tables.arrays["group"]), np.uint8),
            more=zeros(len(tables.arrays["group_output"]), np.int32),
        )
        self._kinds, self._room = np.array(tables.kinds, np.uint8), tables.room
        self._arrays.takes.fill(-1)
        self._numbers = self._arrays.numbers
        for number, value in (*tables.settings.items(), (Number.WORK_LIMIT, work_limit)):
            self._numbers[number] = value
        self._numbers[[Number.LAST_ARRIVAL, Number.SWEEP_UNTIL, Number.FAR_FIRST]] = -1, -1, FAR_AWAY
        # What is above the threshold is kept until a spike is seen.
        self._delays = image.spec.delayed_fire
        self._reset = "subtract" if self._delays else image.spec.reset
        more = (tables.arrays[name] for name in ("once", "group", "leaky"))
        self._has_more = len(tables.kinds) > 1 or any(len(array) for array in more) or image.spec.delayed_fire
        self._run = kernel(dtype, self._reset, self._has_more)
        self.cycle = 0
        self.watch(np.zeros(image.n_neurons, bool))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_run"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become a copy: its arrays lie elsewhere."""
        vars(self).update(state)
        self._run = kernel(self._arrays.potential.dtype, self._reset, self._has_more)
        note_addresses(self._arrays)

    @property
    def spike_count(self) -> np.ndarray:
        """Spikes of every neuron since the last load: int64[n_neurons]."""
        return self._arrays.spike_count[self._number]

    def watch(self, watched: np.ndarray) -> None:
        """Say whose spikes `advance` reports: bool[n_neurons]."""
        bits = np.zeros(len(self._neuron), bool)
        bits[self._number] = watched
        # In one cycle a neuron is logged by the sweep and, if that is taken back, when its spike is seen.
        n_watched = int(bits.sum()) * (2 if self._delays else 1)
        # The log is in the order of numbers.
        self._in_order = bool(np.all(np.diff(self._number[watched]) > 0))
        # At least one cycle must always fit.
        n_log = max(self._log_entries, n_watched)
        self._replace(
            watched=np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32),
            log_cycle=np.zeros(n_log, np.int64),
            log_neuron=np.zeros(n_log, np.int32),
        )
        self._numbers[Number.N_WATCHED] = n_watched

    def _replace(self, **arrays: np.ndarray) -> None:
        """Put other arrays in the place of some, and tell the kernel where they are."""
        self._arrays = self._arrays._replace(**arrays)
        note_addresses(self._arrays)

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
        arrays, numbers = self._arrays, self._numbers
        n_slots, stride = int(numbers[Number.N_SLOTS]), int(numbers[Number.STRIDE])
        if numbers[Number.LAST_ARRIVAL] >= self.cycle:
            # A ring in which nothing is under way is 0 everywhere: every place is cleared when it is delivered.
            arrays.ring.fill(0)
            arrays.flags.fill(0)
            arrays.touched.fill(0)
        self.cycle = cycle
        arrays.potential[self._number] = potential
        arrays.spike_count.fill(0)
        if len(arrays.slope):
            arrays.slope[self._number] = slope
        arrays.takes.fill(-1)
        if len(arrays.level):
            arrays.takes[self._number[spent]] = 0
            arrays.threshold[:] = np.where(arrays.takes == 0, np.iinfo(arrays.threshold.dtype).max, arrays.level)
        due_numbers = np.sort(self._number[due])
        arrays.fired[: len(due_numbers)] = due_numbers
        numbers[Number.N_DUE] = len(due_numbers)
        to = self._number[pending.neuron] + np.searchsorted(self._kinds, pending.kind) * self._room
        near = pending.ahead < n_slots
        place = ((cycle + pending.ahead[near]) & (n_slots - 1)) * stride + to[near]
        arrays.ring[place] = pending.charge[near]
        arrays.flags[place // BLOCK] = 1
        if len(arrays.touched):
            arrays.touched[place] = 1
        arrival = cycle + pending.ahead[~near]
        numbers[Number.CYCLE] = cycle
        numbers[Number.LAST_ARRIVAL] = cycle + pending.ahead[near].max(
            initial=0 if np.any(slope) or np.any(due) else -1
        )
        if self._reset == "subtract":
            # Who rests at a threshold fires without that anything arrives.
            high = np.flatnonzero(arrays.potential >= arrays.threshold)
            arrays.flags[((cycle & (n_slots - 1)) * stride + high) // BLOCK] = 1
            numbers[Number.LAST_ARRIVAL] = max(int(numbers[Number.LAST_ARRIVAL]), cycle)
        numbers[Number.SWEEP_UNTIL] = -1
        numbers[Number.N_FAR] = len(arrival)
        numbers[Number.FAR_FIRST] = arrival.min(initial=FAR_AWAY)
        self._reserve_far(len(arrival))
        arrays = self._arrays
        columns = (arrays.far_cycle, arrays.far_neuron, arrays.far_charge)
        values = (arrival, to[~near], pending.charge[~near])
        for column, entries in zip(columns, values, strict=True):
            column[: len(arrival)] = entries

    def _reserve_far(self, n_entries: int) -> None:
        """Room in the far list for so many entries and for what one cycle may add to them."""
        needed = n_entries + self._n_far_synapses
        arrays = self._arrays
        if needed > len(arrays.far_cycle):
            columns = {name: getattr(arrays, name) for name in ("far_cycle", "far_neuron", "far_charge")}
            self._replace(**{name: np.resize(column, 2 * needed) for name, column in columns.items()})

    def potentials(self) -> np.ndarray:
        """Potentials after the last cycle: int64[n_neurons], potential units."""
        return self._arrays.potential[self._number].astype(np.int64)

    def slopes(self) -> np.ndarray:
        """Slopes after the last cycle: int64[n_neurons], potential units per cycle."""
        slope = self._arrays.slope
        return slope[self._number].astype(np.int64) if len(slope) else np.zeros(len(self._number), np.int64)

    def spent(self) -> np.ndarray:
        """Which neurons are spent after the last cycle: bool[n_neurons]."""
        takes = self._arrays.takes
        return takes[self._number] == 0 if len(takes) else np.zeros(len(self._number), bool)

    def due(self) -> np.ndarray:
        """Which neurons' spikes are seen in the next cycle: bool[n_neurons]."""
        due = np.zeros(len(self._number), bool)
        due[self._neuron[self._arrays.fired[: self._numbers[Number.N_DUE]]]] = True
        return due

    def pending(self) -> PendingCharge:
        """What spikes of the past will still deliver."""
        arrays, numbers = self._arrays, self._numbers
        n_slots, n_far = int(numbers[Number.N_SLOTS]), int(numbers[Number.N_FAR])
        tracks_touch = len(arrays.touched) > 0
        ahead = np.arange(max(int(numbers[Number.LAST_ARRIVAL]) - self.cycle + 1, 0))
        charges = arrays.ring.reshape(n_slots, -1)[(self.cycle + ahead) & (n_slots - 1)]
        reached = arrays.touched.reshape(n_slots, -1)[(self.cycle + ahead) & (n_slots - 1)] if tracks_touch else charges
        which, number = np.nonzero(reached)
        charge = charges[which, number].astype(np.int64)
        # Far charge may be near by now, and may meet charge in the ring, or itself.
        ahead = np.append(ahead[which], arrays.far_cycle[:n_far] - self.cycle)
        which, number = np.divmod(np.append(number, arrays.far_neuron[:n_far]), self._room)
        neuron, kind = self._neuron[number], self._kinds[which]
        charge = np.append(charge, arrays.far_charge[:n_far])
        order = np.lexsort((kind, neuron, ahead))
        ahead, neuron, charge, kind = ahead[order], neuron[order], charge[order], kind[order]
        fresh = np.ones(len(ahead), bool)
        fresh[1:] = (ahead[1:] != ahead[:-1]) | (neuron[1:] != neuron[:-1]) | (kind[1:] != kind[:-1])
        begins = np.flatnonzero(fresh)
        total = np.add.reduceat(charge, begins) if len(begins) else charge
        if not tracks_touch:
            begins, total = begins[total != 0], total[total != 0]
        kind = kind[begins]
        return PendingCharge(ahead[begins], neuron[begins], np.where(kind == CLEAR, 1, total), kind)

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
        numbers = self._arrays.numbers
        if self._n_far_synapses:
            self._reserve_far(int(numbers[Number.N_FAR]))
        number = self._renumber[input_neuron] if self._renumber is not None and len(input_neuron) else input_neuron
        self._run(numbers, end, input_cycle, number, input_charge)
        # `item` with a plain number: what a call costs beyond its work is counted in tenths of a microsecond.
        self.cycle = numbers.item(_CYCLE)
        n_logged = numbers.item(_N_LOGGED)
        if not n_logged:
            return _NO_SPIKES
        cycle = self._arrays.log_cycle[:n_logged].copy()
        neuron = self._neuron[self._arrays.log_neuron[:n_logged]]
        if not self._in_order:
            neuron = sorted_within(cycle, neuron, len(self._number))
        return cycle, neuron
