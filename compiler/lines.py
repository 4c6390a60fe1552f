"""What leaves every neuron, counted without emitting: its longest delay, and its proxies where pairs are single."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from compiler import control
from compiler.charges import least_delay, pieces
from compiler.lowering.window import tap_delays
from compiler.passes.one_per_pair import Line
from compiler.schedule import Part, Schedule, Stage, Taps
from isa_spec.stream import StreamContract

Pattern = tuple[tuple[tuple[int, int], ...], ...]
"""Taps along one axis that join a lane to another: for each part of a stage, (index into the kernel, age in slots)."""
Leaving = tuple[Sequence[int], Sequence[np.ndarray]]
"""Delays from one neuron, ascending, and for each the synapses onto every target: int64[n_targets]."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Delay lines of some neurons, before relays cut them.

    Parameters
    ----------
    longest : int64[...], cycles
        Longest delay that leaves each neuron, 0 where none does.
    proxies : int64[...]
        Proxies of each neuron; each speaks after one cycle.
    """

    longest: np.ndarray
    proxies: np.ndarray


def delay_lines(schedule: Schedule) -> list[Lines]:
    """Lines of every lane of the input and of each stage: [C, lane_rows, lane_cols]."""
    contracts = [schedule.input, *(stage.contract for stage in schedule.stages)]
    if not schedule.spec.parallel_synapses:
        return [_parted(schedule, carrier, contract) for carrier, contract in enumerate(contracts)]
    longest = [np.zeros((c.channels, c.lane_rows, c.lane_cols), np.int64) for c in contracts]
    for stage in schedule.stages:
        for part in stage.aligned:
            _longest_of(part, contracts[part.source], stage.contract, longest[part.source])
        for part in stage.held:
            np.maximum(longest[part.source], 1, out=longest[part.source])
    return [Lines(lanes, np.zeros_like(lanes)) for lanes in longest]


def _longest_of(part: Part, read: StreamContract, wrote: StreamContract, lanes: np.ndarray) -> None:
    """Raise the longest delay of the lanes that a part reads."""
    window, rows, cols = part.window, part.rows, part.cols
    delay = tap_delays(part, read, wrote) * window.heard[:, rows.tap[:, None], cols.tap]
    place = rows.lane_in[:, None] * read.lane_cols + cols.lane_in
    for channel, of_channel in enumerate(delay):
        np.maximum.at(lanes[channel].reshape(-1), place, of_channel)


def _parted(schedule: Schedule, carrier: int, read: StreamContract) -> Lines:
    """Lines of a carrier's lanes where a pair has one synapse.

    What leaves a lane depends only on the patterns of taps that read its row and its column, so lanes alike are
    counted once, and so are patterns.
    """
    longest = np.zeros((read.channels, read.lane_rows, read.lane_cols), np.int64)
    proxies = np.zeros_like(longest)
    readers = [_Reader(schedule, stage, carrier) for stage in schedule.stages]
    readers = [reader for reader in readers if reader.parts]
    by_row = _alike([reader.row_patterns(read.lane_rows) for reader in readers], read.lane_rows)
    by_col = _alike([reader.col_patterns(read.lane_cols) for reader in readers], read.lane_cols)
    for row_patterns, rows in by_row.items():
        for col_patterns, cols in by_col.items():
            line = Line(read.channels, schedule.spec.max_delay)
            for reader, of_rows, of_cols in zip(readers, row_patterns, col_patterns, strict=True):
                for row in sorted(of_rows):
                    for col in sorted(of_cols):
                        line.merge(reader.line(row, col))
            longest[:, np.array(rows)[:, None], cols] = line.longest()[:, None, None]
            proxies[:, np.array(rows)[:, None], cols] = line.proxies()[:, None, None]
    return Lines(longest, proxies)


def _alike(
    patterns: Iterable[list[frozenset[Pattern]]], n_lanes: int
) -> dict[tuple[frozenset[Pattern], ...], list[int]]:
    """Lanes by the patterns that each reader has for them."""
    by_reader = list(patterns)
    alike: dict[tuple[frozenset[Pattern], ...], list[int]] = {}
    for lane in range(n_lanes):
        alike.setdefault(tuple(of_lane[lane] for of_lane in by_reader), []).append(lane)
    return alike


class _Reader:
    """All that one stage reads of one carrier."""

    def __init__(self, schedule: Schedule, stage: Stage, carrier: int) -> None:
        self.parts = [part for part in stage.parts if part.source == carrier]
        self._read, self._wrote = schedule.contract(carrier), stage.contract
        self._max_delay = schedule.spec.max_delay
        what = f"layer '{stage.name}', weight"
        self._copies = [_dense(part, pieces(part.window.weight, schedule.spec, what)) for part in self.parts]
        self._lines: dict[tuple[Pattern, Pattern], Line] = {}

    def row_patterns(self, n_lanes: int) -> list[frozenset[Pattern]]:
        """For each row of lanes, the patterns by which any lane reads it."""
        return _patterns([part.rows for part in self.parts], n_lanes)

    def col_patterns(self, n_lanes: int) -> list[frozenset[Pattern]]:
        """For each column of lanes, the patterns by which any lane reads it."""
        return _patterns([part.cols for part in self.parts], n_lanes)

    def line(self, rows: Pattern, cols: Pattern) -> Line:
        """What leaves a lane of each channel towards the channels of one lane that reads it by these patterns."""
        found = self._lines.get((rows, cols))
        if found is None:
            copies: dict[int, np.ndarray] = {}
            for number, (row_taps, col_taps) in enumerate(zip(rows, cols, strict=True)):
                for k_h, row_age in row_taps:
                    for k_w, col_age in col_taps:
                        delay = self._wrote.start - self._read.start - self._read.slot * (row_age + col_age)
                        some = self._copies[number][:, :, k_h, k_w]
                        copies[delay] = copies[delay] + some if delay in copies else some
            found = Line(self._read.channels, self._max_delay)
            delays = sorted(copies)
            found.add(delays, [copies[delay] for delay in delays])
            self._lines[rows, cols] = found
        return found


def _patterns(taps: Sequence[Taps], n_lanes: int) -> list[frozenset[Pattern]]:
    joined: dict[tuple[int, int], list[list[tuple[int, int]]]] = {}
    for number, part in enumerate(taps):
        columns = (part.lane_in.tolist(), part.lane_out.tolist(), part.tap.tolist(), part.age.tolist())
        for lane_in, lane_out, tap, age in zip(*columns, strict=True):
            joined.setdefault((lane_in, lane_out), [[] for _ in taps])[number].append((tap, age))
    found: list[set[Pattern]] = [set() for _ in range(n_lanes)]
    for (lane_in, _), parts in joined.items():
        found[lane_in].add(tuple(tuple(part) for part in parts))
    return [frozenset(patterns) for patterns in found]


def _dense(part: Part, copies: np.ndarray) -> np.ndarray:
    """Copies with the zeros between groups written out: int64[O, I, K_h, K_w]."""
    window = part.window
    outputs, within = copies.shape[:2]
    full = np.zeros((outputs, within * window.groups, *window.kernel), np.int64)
    out, place = np.ogrid[:outputs, :within]
    full[out, window.input_channel(out, place)] = copies
    return full


def clock_lines(schedule: Schedule) -> Lines:
    """Lines of the clocks that the schedule needs."""
    found = []
    if control.needs_phase_clock(schedule):
        leaving: list[Leaving] = [([schedule.slot], [np.ones(1, np.int64)])]
        for stage in schedule.stages:
            if stage.gated:
                leaving.append(([control.gate_delay(schedule, stage)], [np.ones(1, np.int64)]))
            leaving.append(_charges_of(schedule, stage))
            leaving += [_demux_charges_of(schedule, stage, part) for part in stage.held]
        found.append(leaving)
    if control.needs_frame_clock(schedule):
        leaving = [([schedule.interval], [np.ones(1, np.int64)])]
        for stage in schedule.stages:
            if stage.gated:
                for rows in control.row_classes(stage.contract):
                    leaving.append(_ones(control.row_delays(schedule, stage.contract, rows.tiles)))
            # What held layers hang on the clock is no farther than its own interval, and joins pairs but once.
        found.append(leaving)
    return _counted(schedule, found)


def _charges_of(schedule: Schedule, stage: Stage) -> Leaving:
    """From the phase clock to a unit of each channel."""
    what, charges = f"layer '{stage.name}'", stage.charges
    sent: dict[int, np.ndarray] = {}
    if charges.clear.any():
        sent[control.clear_delay(schedule, stage)] = pieces(charges.clear, schedule.spec, f"{what}, clear")
    if charges.bias.any():
        sent[control.bias_delay(schedule, stage)] = pieces(charges.bias, schedule.spec, f"{what}, bias")
    delays = sorted(sent)
    return delays, [sent[delay] for delay in delays]


def _demux_charges_of(schedule: Schedule, stage: Stage, part: Part) -> Leaving:
    """From the phase clock to a demultiplexer."""
    assert stage.hold is not None
    clear, lift = control.demux_delays(schedule, schedule.contract(part.source))
    charges = stage.hold.demux
    sent = [(clear, charges.clear), (lift, charges.bias)]
    return [delay for delay, charge in sent if charge.any()], [np.ones(1, np.int64) for _, c in sent if c.any()]


def gate_lines(schedule: Schedule, stage: Stage) -> Lines:
    """Lines of a layer's gates: of each row gate, then of its gates."""
    contract = stage.contract
    inhibit = pieces(stage.charges.inhibit, schedule.spec, f"layer '{stage.name}', inhibit")
    found: list[list[Leaving]] = []
    for _ in control.row_classes(contract):
        cols = control.col_classes(contract)
        found.append([_ones(control.tile_delays(contract, col.tiles)) for col in cols])
        found += [[([least_delay(schedule.spec)], [inhibit])]] * len(cols)
    return _counted(schedule, found)


def _ones(delays: np.ndarray) -> Leaving:
    """One synapse for each delay, onto one target."""
    return sorted(delays.tolist()), [np.ones(1, np.int64)] * len(delays)


def _counted(schedule: Schedule, found: list[list[Leaving]]) -> Lines:
    """Lines of neurons of which it is known what leaves each."""
    lines = []
    for leaving in found:
        line = Line(1, schedule.spec.max_delay)
        for delays, copies in leaving:
            line.add(delays, [some[:, None] for some in copies])
        lines.append(line)
    parted = not schedule.spec.parallel_synapses
    longest = [max([0, *(max(delays, default=0) for delays, _ in leaving)]) for leaving in found]
    return Lines(
        np.array([int(line.longest()[0]) for line in lines] if parted else longest, np.int64),
        np.array([int(line.proxies()[0]) * parted for line in lines], np.int64),
    )
