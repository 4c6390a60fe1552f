"""Stretches of a stream of frames in the lanes of the batch engine: 64 at a time, in lockstep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from isa_spec.image import ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.bounds import endless_fall, endless_rise, proven_end, refuse_fall
from neuroproc.classifying.frame_stream import FrameStream, spike_places
from neuroproc.classifying.host import MapReader
from neuroproc.classifying.stretches import Job, Report, Seen, Span, cut
from neuroproc.ports import InputQueue
from neuroproc.processor import LAST_CYCLE, check_extensions
from neuroproc.slopes import EndlessSlopes, endless_slopes, sloped_end
from neuroproc.state import ProcessorState

if TYPE_CHECKING:
    from neuroproc.kernels.lanes import LaneBatch

LANES = 64
BLOCK_SPIKES = 2**22
"""About how many spikes frames could have in the intervals that are encoded at once: bounds memory."""

Inputs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Cycle, neuron, charge and lanes of input."""


class LaneGroup:
    """Up to 64 stretches, a lane each, in lockstep. The batch's clock starts a warm-up before they do.

    Parameters
    ----------
    stream : FrameStream
    stretches : list of (int, int)
        From and to an interval; each begins where the one before ends; all but the stream's last have one length.
    """

    def __init__(self, stream: FrameStream, stretches: list[tuple[int, int]]) -> None:
        self.stream, self.stretches = stream, stretches
        self.length = stretches[0][1] - stretches[0][0]
        self.span = stream.warm_up + self.length
        self._begin = np.array([begin for begin, _ in stretches])
        # A lane that would begin before the stream does waits for it.
        self._start = np.maximum(stream.warm_up - self._begin, 0) * stream.interval
        self._neuron = np.array([port.neuron for port in stream.image.inputs], np.int64)
        self._spike_cycle, self._spike_port = spike_places(stream.contract)
        # A frame may take longer to enter than an interval.
        self._overlap = int(self._spike_cycle.max(initial=0)) // stream.interval
        self.block = max(1, BLOCK_SPIKES // (LANES * max(len(self._spike_cycle), 1)))

    def inputs(self, begin: int, end: int) -> Inputs:
        """Input of the batch's intervals ``begin`` .. ``end - 1``, sorted by cycle: frames, and what starts clocks."""
        stream, interval = self.stream, self.stream.interval
        slot = np.arange(max(begin - self._overlap, 0), end)[:, None]
        # The frame that enters each lane in each interval.
        frame = self._begin + slot - stream.warm_up
        real = stream.has(frame)
        spikes = np.zeros((len(slot), LANES, len(self._spike_cycle)), bool)
        spikes[:, : len(self._begin)][real] = stream.spikes_of(frame[real])
        packed = np.packbits(spikes.transpose(0, 2, 1), axis=-1, bitorder="little")
        lanes = np.ascontiguousarray(packed).view(np.uint64)[..., 0]
        cycle = slot * interval + self._spike_cycle
        found = (lanes != 0) & (cycle >= begin * interval) & (cycle < end * interval)
        neuron = np.broadcast_to(self._neuron[self._spike_port], found.shape)[found]
        parts = [(cycle[found], neuron, np.ones(len(neuron), np.int64), lanes[found])]
        parts += self._starts(begin * interval, end * interval)
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        return columns[0][order], columns[1][order], columns[2][order], columns[3][order]

    def _starts(self, begin: int, end: int) -> Iterator[Inputs]:
        """What starts the clocks of each lane, in some cycles of the batch."""
        for start in np.unique(self._start).tolist():
            events = self.stream.image.start.shifted(start).window(begin, end)
            mask = mask_of(np.flatnonzero(self._start == start))
            yield events.cycle, self._neuron[events.port], events.value, np.full(len(events), mask)

    def phases(self) -> list[tuple[int, int]]:
        """Cycles of the batch at which something ends, and the lanes that count until then, as a mask."""
        stream, n_lanes = self.stream, len(self.stretches)
        warm = stream.warm_up * stream.interval
        ends = [min(end * stream.interval, stream.cycles) - begin * stream.interval for begin, end in self.stretches]
        phases = [(warm, 0), (warm + ends[-1], 2**n_lanes - 1)]
        # The stream's end may come before the end of the stretches beside it.
        return phases if ends[0] == ends[-1] else [*phases, (warm + ends[0], 2 ** (n_lanes - 1) - 1)]

    def state(self, batch: LaneBatch, seen: Snapshot, lane: int) -> ProcessorState:
        """State of one lane, as of a processor."""
        image, start = self.stream.image, int(self._start[lane])
        # Beside the lane's own start there is only the input of frames, which is given as it comes.
        inputs = SpikeEvents.none()
        if self._begin[lane] <= self.stream.warm_up:
            inputs = image.start.shifted(start).window(seen.cycle, LAST_CYCLE)
        potential, pending = seen.potential[:, lane].astype(np.int64), batch.pending(seen.spikes, lane)
        slope = seen.slope[:, lane].astype(np.int64)
        spent, due = (mask >> np.uint64(lane) & np.uint64(1) != 0 for mask in (seen.spent, seen.due))
        return ProcessorState(self.stream.digest, seen.cycle, potential, slope, spent, due, pending, inputs)


def mask_of(lanes: np.ndarray) -> np.uint64:
    """Mask of lanes, given by number."""
    return np.uint64(sum(1 << int(lane) for lane in lanes))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What decides the future of all lanes: what a `LaneBatch` says of neurons, and of spikes under way."""

    cycle: int
    potential: np.ndarray
    slope: np.ndarray
    spent: np.ndarray
    due: np.ndarray
    spikes: np.ndarray

    @classmethod
    def of(cls, batch: LaneBatch) -> Snapshot:
        """That of a batch now."""
        neurons = (batch.potentials(), batch.slopes(), batch.spent(), batch.due())
        return cls(batch.cycle, *neurons, batch.recent_spikes())

    def leads_to(self, other: Snapshot, image: ProcessorImage, n_lanes: int) -> bool:
        """Whether each of the first lanes here is what the next lane is there."""
        for mine, theirs in ((self.potential, other.potential), (self.slope, other.slope)):
            if not np.array_equal(mine[:, : n_lanes - 1], theirs[:, 1:n_lanes]):
                return False
        compared = np.uint64(2 ** (n_lanes - 1) - 1)
        for mask, others in ((self.spent, other.spent), (self.due, other.due)):
            if np.any((mask ^ (others >> np.uint64(1))) & compared):
                return False
        # The last of a neuron's synapses is its longest.
        last, silent = image.row_start[1:] - 1, np.diff(image.row_start) == 0
        longest = np.where(silent, 0, np.append(image.delay, 0)[last])
        under_way = np.arange(len(self.spikes))[:, None] < longest
        differ = (self.spikes ^ (other.spikes >> np.uint64(1))) & compared
        return not np.any(differ[under_way])


class LaneReader:
    """Collects the last layer's decisions from the spikes of a group's lanes.

    Parameters
    ----------
    group : LaneGroup
    """

    def __init__(self, group: LaneGroup) -> None:
        self._group = group
        stream = group.stream
        # Frames that entered before are decided within.
        self._frames = group.length + stream.depth
        n_frames = len(group.stretches) * self._frames
        self._reader, self._potentials = MapReader(stream.output, n_frames), stream.potential_reader(n_frames)
        self.neurons = neurons = np.array([port.neuron for port in stream.image.outputs], np.int64)
        self._port = np.argsort(neurons, kind="stable")
        self._neuron = neurons[self._port]
        # Where in an interval a port has something to say: the same in all lanes.
        cycle, lane = spike_places(stream.output)
        self._speaks = np.zeros((stream.interval, len(neurons)), bool)
        self._speaks[cycle % stream.interval, lane] = True

    def read(self, spikes: tuple[np.ndarray, np.ndarray, np.ndarray], counted: int) -> None:
        """Take in spikes from `LaneBatch.run`, of the lanes of a mask."""
        stream = self._group.stream
        cycle, neuron, lanes = spikes
        first, last = (self._neuron.searchsorted(neuron, side) for side in ("left", "right"))
        entry = np.repeat(np.arange(len(neuron)), last - first)
        turn = np.arange(len(entry)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
        port = self._port[first[entry] + turn]
        heard = self._speaks[cycle[entry] % stream.interval, port]
        entry, port = entry[heard], port[heard]
        masks = (lanes[entry] & np.uint64(counted)).view(np.uint8).reshape(-1, 8)
        which, lane = np.nonzero(np.unpackbits(masks, axis=1, bitorder="little"))
        ahead = stream.depth - stream.warm_up + lane * self._frames
        self._reader.read(cycle[entry[which]] + ahead * stream.interval, port[which])

    def next_look(self, cycle: int) -> int | None:
        """First cycle of the batch from ``cycle`` on after which it wants the outputs' potentials; None: never."""
        # Lanes are whole intervals apart, so what is complete in one is in all.
        return None if self._potentials is None else self._potentials.next_look(cycle)

    def look(self, cycle: int, potential: np.ndarray, counted: int) -> None:
        """Take in what the outputs hold after a cycle: int[n_outputs, 64]; of the lanes of a mask."""
        assert self._potentials is not None  # it has asked for them
        stream = self._group.stream
        for lane in range(len(self._group.stretches)):
            if counted >> lane & 1:
                ahead = stream.depth - stream.warm_up + lane * self._frames
                self._potentials.read(cycle + ahead * stream.interval, potential[:, lane])

    def seen(self) -> list[Seen]:
        """What each lane's frames gave."""
        n_lanes, depth = len(self._group.stretches), self._group.stream.depth
        trains = self._reader.trains.reshape(n_lanes, self._frames, *self._reader.trains.shape[1:])
        held: list[np.ndarray] | list[None] = [None] * n_lanes
        if self._potentials is not None:
            held = list(self._potentials.potentials.reshape(n_lanes, self._frames, -1))
        begins = (begin - depth for begin, _ in self._group.stretches)
        return [Seen(*lane) for lane in zip(begins, trains, held, strict=True)]


def run_lane_group(batch: LaneBatch, group: LaneGroup, report: Report) -> Span:
    """Run stretches in the lanes of a batch.

    Raises
    ------
    EmulationError
        If potentials might leave their range.
    """
    stream, n_lanes = group.stream, len(group.stretches)
    image, interval, tables = stream.image, stream.interval, batch.tables
    refuse_fall(image, endless_fall(image), group.span * interval)
    rise, slopes = endless_rise(image), endless_slopes(image)
    watched = np.zeros(image.n_neurons, np.uint64)
    watched[[port.neuron for port in image.outputs]] = np.uint64(2**64 - 1)
    batch.watch(watched)
    batch.load(0)
    reader = LaneReader(group)
    begin, end = group.stretches[0][0], group.stretches[-1][1]
    seen: list[Snapshot] = []
    inputs_end = told = 0
    for stop, counted in group.phases():
        while batch.cycle < stop:
            if batch.cycle == inputs_end * interval:
                first, inputs_end = inputs_end, min(inputs_end + group.block, group.span)
                inputs = group.inputs(first, inputs_end)
            look = reader.next_look(batch.cycle)
            until = min(stop, inputs_end * interval, *([] if look is None else [look + 1]))
            if rise is not None:
                # A frame's spike may come on top of what starts a clock.
                highest = batch.potentials().max(axis=1) + len(image.inputs)
                until = proven_end(rise, batch.cycle, until, highest)
            if slopes is not None:
                until = _sloped_end(slopes, batch, until, len(image.inputs))
            now, to = inputs[0].searchsorted((batch.cycle, until))
            cycle, neuron, charge, lanes = (column[now:to] for column in inputs)
            charge = np.clip(charge, tables.least_input[neuron], tables.most_input[neuron])
            reader.read(batch.run(until, cycle, neuron, charge, lanes, counted), counted)
            if look is not None and batch.cycle == look + 1:
                reader.look(look, batch.potentials()[reader.neurons], counted)
            done = (end - begin) * batch.cycle // (group.span * interval)
            report(done - told)
            told = done
        seen.append(Snapshot.of(batch))
    return Span(
        begin,
        end,
        partial(group.state, batch, seen[0], 0),
        partial(group.state, batch, seen[1], n_lanes - 1),
        seen[-1].leads_to(seen[0], image, n_lanes),
        batch.spike_count,
        reader.seen(),
    )


def _sloped_end(slopes: EndlessSlopes, batch: LaneBatch, end: int, n_ports: int) -> int:
    """Cycle up to which the lanes are proven to fit the adder, whatever their slopes, at most `end`."""
    lanes = np.arange(LANES, dtype=np.uint64)
    takes = batch.spent()[:, None] >> lanes & np.uint64(1) == 0
    potential = np.where(takes, batch.potentials(), 0).max(axis=1).astype(np.int64)
    slope = np.where(takes, batch.slopes(), 0).astype(np.int64)
    # A frame's spike may come on top of what starts a clock.
    return sloped_end(slopes, batch.cycle, end, potential, slope.min(axis=1), slope.max(axis=1) + n_ports)


def lane_jobs(stream: FrameStream, threads: int) -> list[Job[Span]]:
    """64 stretches for each thread, in lockstep.

    Raises
    ------
    EmulationError
        If the image needs an extension that the engine does not have, or too much memory, or starts clocks with a
        charge out of range.
    """
    from neuroproc.kernels.lanes import LaneBatch  # late, as in `make_engine`

    check_extensions(stream.image, "batch")
    # Lanes take input as it is, so it is held against its range here.
    InputQueue(stream.image, keeps_zero=False).add(stream.image.start, 0)
    stretches = cut(stream, LANES * threads)
    groups = [LaneGroup(stream, stretches[first : first + LANES]) for first in range(0, len(stretches), LANES)]
    return [partial(run_lane_group, LaneBatch(stream.image), group) for group in groups]
