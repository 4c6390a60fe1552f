"""The batch engine: 64 streams through one image in lockstep. A stream is a lane."""

from __future__ import annotations

from typing import Any

import numpy as np

from isa_spec.image import ProcessorImage
from isa_spec.kinds import CLEAR, KINDS
from neuroproc.kernels.lanes_cycle import run_lanes
from neuroproc.kernels.lanes_extended import lane_extras
from neuroproc.kernels.lanes_tables import prepare_lanes
from neuroproc.kernels.lanes_vectors import LANES
from neuroproc.state import PendingCharge

LOG_ENTRIES = 2**14
"""Spikes that the kernel can report before it has to come back; no result depends on it."""

WORK_LIMIT = 2**27
"""Neurons and synapses looked at before the kernel comes back, so that a long run can be interrupted."""

ALL = np.uint64(2**64 - 1)


class LaneBatch:
    """64 streams of one image, after a reset; all at the same cycle of the batch's clock.

    Parameters
    ----------
    image : ProcessorImage
    log_entries, work_limit : int
        When the kernel comes back. Neither changes a result.

    Raises
    ------
    EmulationError
        If the spikes under way would take too much memory.
    """

    def __init__(self, image: ProcessorImage, log_entries: int = LOG_ENTRIES, work_limit: int = WORK_LIMIT) -> None:
        self.tables = tables = prepare_lanes(image)
        self._image = image
        dtype, n_neurons = tables.threshold.dtype, image.n_neurons
        self._more = lane_extras(image, dtype, tables.depth, tables.tracks_touch)
        self._potential = _aligned((n_neurons, LANES), dtype)
        self._history = np.zeros(2 * tables.depth * n_neurons, np.uint64)
        self._reached = np.zeros(n_neurons, np.uint64) if tables.tracks_touch else None
        self._clock = np.array([tables.depth, tables.depth], np.int64)
        self._spike_count = np.zeros(n_neurons, np.int64)
        self._log_entries = log_entries
        self._fixed: tuple[Any, ...] = (
            work_limit,
            tables.always,
            tables.leaks,
            tables.threshold,
            dtype.type(tables.floor),
            tables.part_row,
            tables.part_begin,
            tables.small_place,
            tables.small_weight,
            tables.large_row,
            tables.large_place,
            tables.large_weight,
            self._potential,
            self._history,
            self._reached,
            True if tables.subtracts else None,
            self._more,
            self._clock,
        )
        self.cycle = 0
        self.watch(np.zeros(n_neurons, np.uint64))
        nothing = np.zeros(0, np.int64)
        # Compiled here, where it is not taken for work, and not by several threads at once.
        self.run(0, nothing, nothing, nothing, np.zeros(0, np.uint64))

    @property
    def spike_count(self) -> np.ndarray:
        """Spikes of every neuron in the lanes that were counted: int64[n_neurons]."""
        return self._spike_count.copy()

    def watch(self, lanes: np.ndarray) -> None:
        """Say in which lanes the spikes of a neuron are reported: uint64[n_neurons]."""
        self._watched = lanes.copy()
        self._n_watched = int(np.count_nonzero(lanes))
        # At least one cycle must always fit.
        n_log = max(self._log_entries, self._n_watched)
        self._log = (np.zeros(n_log, np.int64), np.zeros(n_log, np.int64), np.zeros(n_log, np.uint64))

    def load(
        self,
        cycle: int,
        potential: np.ndarray | int = 0,
        slope: np.ndarray | int = 0,
        spent: np.ndarray | int = 0,
        due: np.ndarray | int = 0,
    ) -> None:
        """Set the cycle and what neurons hold; nothing is under way, and counts are 0.

        Parameters
        ----------
        cycle : int
        potential, slope : int[n_neurons, 64] or int
        spent, due : uint64[n_neurons] or int
            Lanes.
        """
        self.cycle = cycle
        self._potential[:] = potential
        self._history.fill(0)
        may_fire = self.tables.subtracts
        if self._more is not None:
            if len(self._more.slope):
                self._more.slope[:] = slope
            self._more.spent[:] = spent
            if len(self._more.due):
                self._more.due[:] = due
            may_fire = may_fire or len(self._more.slope) > 0 or len(self._more.due) > 0
        # In the silence that follows nobody fires, unless a spike has left a potential at its threshold, or by a slope;
        # and no spike is still to be seen.
        self._clock[:] = self.tables.depth, 0 if may_fire else self.tables.depth
        self._spike_count.fill(0)

    def potentials(self) -> np.ndarray:
        """Potentials after the last cycle: int16, int32 or int64[n_neurons, 64], potential units."""
        return self._potential.copy()

    def slopes(self) -> np.ndarray:
        """Slopes after the last cycle: int16, int32 or int64[n_neurons, 64], potential units per cycle."""
        if self._more is None or not len(self._more.slope):
            return np.zeros_like(self._potential)
        return self._more.slope.copy()

    def spent(self) -> np.ndarray:
        """Lanes in which each neuron is spent after the last cycle: uint64[n_neurons]."""
        return np.zeros(self._image.n_neurons, np.uint64) if self._more is None else self._more.spent.copy()

    def due(self) -> np.ndarray:
        """Lanes in which each neuron's spike is seen in the next cycle: uint64[n_neurons]."""
        if self._more is None or not len(self._more.due):
            return np.zeros(self._image.n_neurons, np.uint64)
        return self._more.due.copy()

    def recent_spikes(self) -> np.ndarray:
        """Lanes in which each neuron fired, in the last cycle first: uint64[depth, n_neurons]."""
        row, depth = int(self._clock[0]), self.tables.depth
        return self._history.reshape(2 * depth, self._image.n_neurons)[row - depth : row][::-1].copy()

    def pending(self, spikes: np.ndarray, lane: int) -> PendingCharge:
        """What spikes, as from `recent_spikes`, will still deliver in a lane."""
        image = self._image
        age, source = np.nonzero(spikes >> np.uint64(lane) & np.uint64(1))
        fan_out = np.diff(image.row_start)[source]
        within = np.arange(fan_out.sum()) - np.repeat(np.cumsum(fan_out) - fan_out, fan_out)
        synapse = np.repeat(image.row_start[source], fan_out) + within
        ahead = image.delay[synapse] - 1 - np.repeat(age, fan_out)
        synapse, ahead = synapse[ahead >= 0], ahead[ahead >= 0]
        return self.merged(PendingCharge(ahead, image.target[synapse], image.weight[synapse], image.kind[synapse]))

    def merged(self, *parts: PendingCharge) -> PendingCharge:
        """Charge from several sources: one entry per cycle, neuron and kind."""
        columns = ([getattr(part, name) for part in parts] for name in ("ahead", "neuron", "charge", "kind"))
        ahead, neuron, charge, kind = map(np.concatenate, columns)
        ahead, place, charge = summed(ahead, neuron.astype(np.int64) * len(KINDS) + kind, charge)
        neuron, kind = np.divmod(place, len(KINDS))
        charge = np.where(kind == CLEAR, 1, charge)
        kept = (charge != 0) | self.tables.tracks_touch
        ahead, neuron, charge, kind = ahead[kept], neuron[kept], charge[kept], kind[kept]
        return PendingCharge(ahead, neuron.astype(np.int32), charge, kind.astype(np.uint8))

    def run(
        self, end: int, cycle: np.ndarray, neuron: np.ndarray, charge: np.ndarray, lanes: np.ndarray, counted: Any = ALL
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Run to the start of cycle `end`, or less far; `cycle` says how far.

        Parameters
        ----------
        end : int
        cycle : int64[n_inputs], cycles
            Of input, ascending, from the present cycle on.
        neuron : int[n_inputs]
        charge : int64[n_inputs], potential units
            In sum for each cycle, neuron and lane within the `LaneTables`' range.
        lanes : uint64[n_inputs]
        counted : uint64
            Lanes whose spikes are counted.

        Returns
        -------
        cycle : int64[n_spikes], cycles
        neuron : int64[n_spikes]
        lanes : uint64[n_spikes]
            Spikes of the watched neurons, ascending by cycle, then neuron.
        """
        log = self._log
        columns = (cycle, neuron.astype(np.int64), charge.astype(self.tables.threshold.dtype), lanes)
        inputs = tuple(np.ascontiguousarray(column) for column in columns)
        watch = (self._watched, self._n_watched)
        arguments: tuple[Any, ...] = (*self._fixed, np.uint64(counted), self._spike_count, *inputs, *watch, *log)
        self.cycle, n_logged = run_lanes(self.cycle, end, *arguments)
        return log[0][:n_logged].copy(), log[1][:n_logged].copy(), log[2][:n_logged].copy()


def _aligned(shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """Zeros that begin at a cache line, so that no row lies in one more than it has to."""
    size = shape[0] * shape[1] * dtype.itemsize
    buffer = np.zeros(size + 64, np.uint8)
    begin = -buffer.ctypes.data % 64
    return buffer[begin : begin + size].view(dtype).reshape(shape)


class LaneEngine:
    """One stream on the batch engine: lane 0 is used, the others stay silent.

    Parameters
    ----------
    image : ProcessorImage
    log_entries, work_limit : int
        As for `LaneBatch`.
    """

    name = "batch"

    def __init__(self, image: ProcessorImage, log_entries: int = LOG_ENTRIES, work_limit: int = WORK_LIMIT) -> None:
        self._image = image
        self._batch = LaneBatch(image, log_entries, work_limit)
        self._arriving = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))

    @property
    def cycle(self) -> int:
        """Number of the next cycle."""
        return self._batch.cycle

    @property
    def spike_count(self) -> np.ndarray:
        """Spikes of every neuron since the last load: int64[n_neurons]."""
        return self._batch.spike_count

    def watch(self, watched: np.ndarray) -> None:
        """Say whose spikes `advance` reports: bool[n_neurons]."""
        self._batch.watch(watched.astype(np.uint64))

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
        rows = np.zeros((self._image.n_neurons, LANES), np.int64)
        rows[:, 0] = potential
        slopes = np.zeros_like(rows)
        slopes[:, 0] = slope
        self._batch.load(cycle, rows, slopes, spent.astype(np.uint64), due.astype(np.uint64))
        # Charge whose spikes are not known arrives like input, and so does what is no charge.
        place = pending.neuron + pending.kind.astype(np.int64) * self._image.n_neurons
        self._arriving = (cycle + pending.ahead, place, pending.charge)

    def potentials(self) -> np.ndarray:
        """Potentials after the last cycle: int64[n_neurons], potential units."""
        return self._batch.potentials()[:, 0].astype(np.int64)

    def slopes(self) -> np.ndarray:
        """Slopes after the last cycle: int64[n_neurons], potential units per cycle."""
        return self._batch.slopes()[:, 0].astype(np.int64)

    def spent(self) -> np.ndarray:
        """Which neurons are spent after the last cycle: bool[n_neurons]."""
        return self._batch.spent() & np.uint64(1) != 0

    def due(self) -> np.ndarray:
        """Which neurons' spikes are seen in the next cycle: bool[n_neurons]."""
        return self._batch.due() & np.uint64(1) != 0

    def pending(self) -> PendingCharge:
        """What spikes of the past will still deliver."""
        sent = self._batch.pending(self._batch.recent_spikes(), 0)
        later = self._arriving[0] >= self.cycle
        ahead, place, charge = (column[later] for column in self._arriving)
        kind, neuron = np.divmod(place, max(self._image.n_neurons, 1))
        return self._batch.merged(PendingCharge(ahead - self.cycle, neuron, charge, kind), sent)

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
        tables = self._batch.tables
        due = (self._arriving[0] >= self.cycle) & (self._arriving[0] < end)
        columns = zip(self._arriving, (input_cycle, input_neuron, input_charge), strict=True)
        when, where, charge = summed(*(np.append(mine[due], given) for mine, given in columns))
        charges = where < self._image.n_neurons
        to = where[charges]
        charge[charges] = np.clip(charge[charges], tables.least_input[to], tables.most_input[to])
        cycle, neuron, _ = self._batch.run(end, when, where, charge, np.ones(len(when), np.uint64), np.uint64(1))
        return cycle, neuron.astype(np.int32)


def summed(cycle: np.ndarray, neuron: np.ndarray, charge: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Charges summed by cycle and neuron, ascending: int64[n_sums], three times."""
    order = np.lexsort((neuron, cycle))
    cycle, neuron, charge = (column[order].astype(np.int64) for column in (cycle, neuron, charge))
    fresh = np.ones(len(cycle), bool)
    fresh[1:] = (cycle[1:] != cycle[:-1]) | (neuron[1:] != neuron[:-1])
    begins = np.flatnonzero(fresh)
    return cycle[begins], neuron[begins], np.add.reduceat(charge, begins) if len(begins) else charge
