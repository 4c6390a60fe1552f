"""What leaves every neuron, counted without emitting: its longest delay, its proxies where pairs are single, its trees.

Where fan-outs are limited all synapses are counted, by delay (`compiler.costing.fans`); else the longest delay is
enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from compiler.charging.charges import pieces
from compiler.costing.fans import (
    Leaving,
    Lines,
    delay_lines_of,
    joined_leaving,
    leaving_lanes,
    leaving_picked,
    lines_of,
    splits_fan_out,
)
from compiler.folding import control
from compiler.lowering.window import first_delay, tap_delays
from compiler.networks.network import INPUT
from compiler.passes.one_per_pair import Line
from compiler.stages import Part, Schedule, Stage, Taps
from isa_spec.stream import StreamContract

Pattern = tuple[tuple[tuple[int, int], ...], ...]
"""Taps along one axis that join a lane to another: for each part of a stage, (index into the kernel, age in slots)."""
Reached = tuple[Sequence[int], Sequence[np.ndarray], int]
"""Delays from one neuron, ascending, for each the synapses onto every target: int64[n_targets]; and as many times."""


def delay_lines(schedule: Schedule) -> list[Lines]:
    """Lines of every lane of the input and of each stage: [lane_channels, lane_rows, lane_cols]."""
    contracts = [schedule.input, *(stage.contract for stage in schedule.stages)]
    if splits_fan_out(schedule.spec):
        names = [f"layer '{INPUT}', input", *(f"layer '{stage.name}', {stage.role}" for stage in schedule.stages)]
        return [lines_of(leaving_lanes(schedule, n), schedule.spec, name) for n, name in enumerate(names)]
    if not schedule.spec.parallel_synapses:
        return [_parted(schedule, carrier, contract) for carrier, contract in enumerate(contracts)]
    longest = [np.zeros((c.lane_channels, c.lane_rows, c.lane_cols), np.int64) for c in contracts]
    for stage in schedule.stages:
        for part in stage.aligned:
            _longest_of(part, contracts[part.source], stage.contract, longest[part.source])
        for part in stage.held:
            np.maximum(longest[part.source], schedule.hop, out=longest[part.source])
    for stage, lanes in zip(schedule.stages, longest[1:], strict=True):
        _latch_of(stage, lanes)
    return [delay_lines_of(lanes, np.zeros_like(lanes), schedule.spec) for lanes in longest]


def _latch_of(stage: Stage, lanes: np.ndarray) -> None:
    """Raise the longest delay of lanes whose units speak to themselves: no other synapse joins a neuron to itself."""
    np.maximum(lanes, (stage.charges.latch > 0)[:, None, None], out=lanes)


def _longest_of(part: Part, read: StreamContract, wrote: StreamContract, lanes: np.ndarray) -> None:
    """Raise the longest delay of the lanes that a part reads."""
    rows, cols = part.rows, part.cols
    if not (len(rows.tap) and len(cols.tap)):
        return
    delay, said = tap_delays(part, read, wrote), read.turn_of() * (not part.together)
    place = (rows.lane_in[:, None] * read.lane_cols + cols.lane_in).ravel()
    order = np.argsort(place, kind="stable")
    begins = np.flatnonzero(np.diff(place[order], prepend=-1))
    lane, by_place = place[order][begins], lanes.reshape(len(lanes), -1)
    for listeners, turn in _by_turn(part, wrote):
        heard = listeners[:, rows.tap[:, None], cols.tap].reshape(read.channels, -1)
        due = (delay.ravel() + turn - said[:, None]) * heard
        longest = np.maximum.reduceat(due[:, order], begins, axis=1)
        for number in range(read.n_turns):
            shared = longest[number :: read.n_turns]
            by_place[: len(shared), lane] = np.maximum(by_place[: len(shared), lane], shared)


def _by_turn(part: Part, wrote: StreamContract) -> Iterator[tuple[np.ndarray, int]]:
    """For each turn of the readers, whether one of them listens to an input channel at a place of the window."""
    if part.together or wrote.n_turns == 1:
        yield part.window.heard, 0
        return
    for number, turn in enumerate(wrote.turns):
        yield part.window.heard_by(np.arange(wrote.channels) % wrote.n_turns == number), turn


def _parted(schedule: Schedule, carrier: int, read: StreamContract) -> Lines:
    """Lines of a carrier's lanes where a pair has one synapse.

    What leaves a lane depends only on the patterns of taps that read its row and its column, so lanes alike are
    counted once, and so are patterns.
    """
    longest = np.zeros((read.lane_channels, read.lane_rows, read.lane_cols), np.int64)
    proxies = np.zeros_like(longest)
    readers = [_Reader(schedule, stage, carrier) for stage in schedule.stages]
    readers = [reader for reader in readers if reader.parts]
    by_row = _alike([reader.row_patterns(read.lane_rows) for reader in readers], read.lane_rows)
    by_col = _alike([reader.col_patterns(read.lane_cols) for reader in readers], read.lane_cols)
    for row_patterns, rows in by_row.items():
        for col_patterns, cols in by_col.items():
            line = Line(read.lane_channels, schedule.spec.max_delay)
            for reader, of_rows, of_cols in zip(readers, row_patterns, col_patterns, strict=True):
                for row in sorted(of_rows):
                    for col in sorted(of_cols):
                        line.merge(reader.line(row, col))
            longest[:, np.array(rows)[:, None], cols] = line.longest()[:, None, None]
            proxies[:, np.array(rows)[:, None], cols] = line.proxies()[:, None, None]
    if carrier:
        _latch_of(schedule.stages[carrier - 1], longest)
    return delay_lines_of(longest, proxies, schedule.spec)


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
        self.parts = [part for part in stage.aligned if part.source == carrier]
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
                part = self.parts[number]
                first = first_delay(self._read, self._wrote)
                for k_h, row_age in row_taps:
                    for k_w, col_age in col_taps:
                        delay = first - self._read.slot * (row_age + col_age)
                        for turn, some in self._turns(part, self._copies[number][:, :, k_h, k_w]):
                            copies[delay + turn] = copies.get(delay + turn, 0) + some
            found = Line(self._read.lane_channels, self._max_delay)
            delays = sorted(copies)
            found.add(delays, [copies[delay] for delay in delays])
            self._lines[rows, cols] = found
        return found

    def _turns(self, part: Part, copies: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Copies between channels as copies between neurons, int64[targets, sources], by how much later they come."""
        n_in, n_out = self._read.n_turns, self._wrote.n_turns
        if part.together:
            yield 0, copies[::n_out, ::n_in]
            return
        for said, turn_in in enumerate(self._read.turns):
            for own, turn_out in enumerate(self._wrote.turns):
                some = np.zeros((self._wrote.lane_channels, self._read.lane_channels), np.int64)
                between = copies[own::n_out, said::n_in]
                some[: between.shape[0], : between.shape[1]] = between
                if some.any():
                    yield turn_out - turn_in, some


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


def missing_lead(schedule: Schedule) -> int:
    """Cycles by which all delays have to be longer, so that fan-outs can be split as `Lines` of any neuron ask for.

    Raises
    ------
    ResourceError
        If one cannot be split at all.
    """
    if not splits_fan_out(schedule.spec):
        return 0
    lines = [*delay_lines(schedule), clock_lines(schedule)]
    for stage in schedule.stages:
        if stage.gated or control.lifted_by_gates(stage):
            lines.append(gate_lines(schedule, stage))
        lines += picked_lines(schedule, stage)
    return max(some.short for some in lines)


def clock_lines(schedule: Schedule) -> Lines:
    """Lines of the clocks that the schedule needs."""
    found = []
    if control.needs_phase_clock(schedule):
        reached: list[Reached] = [_ones([schedule.slot])]
        if schedule.slopes:
            reached.append(_wipes(schedule, schedule.input))
        for stage in schedule.stages:
            if stage.gated:
                rows, cols = control.row_classes(stage.contract), control.col_classes(stage.contract)
                reached.append(_ones(control.gate_delays(schedule, stage), len(rows) * len(cols)))
            reached.append(_wipes(schedule, stage.contract) if stage.wiped else _charges_of(schedule, stage))
            reached += [_demux_charges_of(schedule, stage, part) for part in stage.held]
        found.append(reached)
    if control.needs_frame_clock(schedule):
        reached = [_ones([schedule.interval])]
        for stage in schedule.stages:
            if stage.gated or control.lifted_by_gates(stage):
                for row in control.row_classes(stage.contract):
                    reached.append(_ones(control.row_delays(schedule, stage.contract, row.tiles)))
            elif stage.turn:
                reached.append(_lifts(schedule, stage, stage.contract.lane_rows * stage.contract.lane_cols))
            if stage.hold:
                reached.append(_holds_of(schedule, stage))
            for part in stage.held:
                reached.append(_ones(control.select_delays(schedule, schedule.contract(part.source))))
        found.append(reached)
    if control.needs_steady_clock(schedule):
        reached = [_ones([1])]
        for stage in schedule.stages:
            if stage.turn:
                sent = [(schedule.least, stage.turn.hush, "hush")]
                reached.append(_sent(schedule, stage, sent, stage.contract.lane_rows * stage.contract.lane_cols))
        found.append(reached)
    return _counted(schedule, found, "layer 'control', clock")


def _sent(schedule: Schedule, stage: Stage, sent: Sequence[tuple[int, np.ndarray, str]], times: int) -> Reached:
    """Charges of all channels, each with its delay and its name for messages."""
    copies: dict[int, np.ndarray] = {}
    for delay, charge, kind in sent:
        if charge.any():
            copies[delay] = copies.get(delay, 0) + pieces(charge, schedule.spec, f"layer '{stage.name}', {kind}")
    delays = sorted(copies)
    return delays, [copies[delay] for delay in delays], times


def _lifts(schedule: Schedule, stage: Stage, lanes: int) -> Reached:
    """From the gate, or the frame clock, to the units of some lanes that take turns."""
    assert stage.turn is not None
    delays, n_turns = control.lift_delays(schedule, stage).tolist(), stage.contract.n_turns
    sent = []
    for number, delay in enumerate(delays):
        some = np.zeros(stage.contract.lane_channels, np.int64)
        own = stage.turn.lift[number::n_turns]
        some[: len(own)] = own
        sent.append((delay, some, "lift"))
    return _sent(schedule, stage, sent, lanes)


def _charges_of(schedule: Schedule, stage: Stage) -> Reached:
    """From the phase clock to the units."""
    charges = stage.charges
    sent = [
        (control.clear_delay(schedule, stage.contract), charges.clear, "clear"),
        (control.bias_delay(schedule, stage), charges.bias, "bias"),
    ]
    if charges.preload.any():
        sent.append((control.preload_delay(schedule, stage), charges.preload, "preload"))
    return _sent(schedule, stage, sent, stage.contract.lane_rows * stage.contract.lane_cols)


def _wipes(schedule: Schedule, contract: StreamContract) -> Reached:
    """From the phase clock to neurons that are cleared by synapses that do."""
    return _ones([control.clear_delay(schedule, contract)], contract.n_lanes)


def _demux_charges_of(schedule: Schedule, stage: Stage, part: Part) -> Reached:
    """From the phase clock to the demultiplexers."""
    assert stage.hold is not None
    read, charges = schedule.contract(part.source), stage.hold.demux
    clear, lift = control.demux_delays(schedule, read)
    return _sent(schedule, stage, [(clear, charges.clear, "clear"), (lift, charges.bias, "bias")], read.n_values)


def _holds_of(schedule: Schedule, stage: Stage) -> Reached:
    """From the frame clock to held units."""
    hold = stage.hold
    assert hold is not None
    clear, preload, release = control.hold_delays(schedule, stage)
    sent = [(clear, hold.clear, "clear"), (preload, hold.preload, "preload"), (release, hold.release, "release")]
    return _sent(schedule, stage, sent, 1)


def gate_lines(schedule: Schedule, stage: Stage) -> Lines:
    """Lines of a layer's gates: of each row gate, then of its gates."""
    contract = stage.contract
    found: list[list[Reached]] = []
    for row in control.row_classes(contract):
        cols = control.col_classes(contract)
        found.append([_ones(control.tile_delays(schedule, contract, col.tiles)) for col in cols])
        for col in cols:
            lanes = (row.last - row.first) * (col.last - col.first)
            inhibit = [(schedule.least, stage.charges.inhibit, "inhibit")]
            lifts = stage.turn is not None
            found.append([_lifts(schedule, stage, lanes) if lifts else _sent(schedule, stage, inhibit, lanes)])
    return _counted(schedule, found, f"layer '{stage.name}', gate")


def picked_lines(schedule: Schedule, stage: Stage) -> list[Lines]:
    """Lines of the select neurons and the demultiplexers of a held layer."""
    lines = []
    for part in stage.held:
        for role, leaving in zip(("select", "demux"), leaving_picked(schedule, stage, part), strict=True):
            lines.append(lines_of(leaving, schedule.spec, f"layer '{stage.name}', {role}"))
    return lines


def _ones(delays: Sequence[int] | np.ndarray, times: int = 1) -> Reached:
    """One synapse for each delay, onto one target."""
    return sorted(np.asarray(delays).ravel().tolist()), [np.ones(1, np.int64)] * np.size(delays), times


def _counted(schedule: Schedule, found: list[list[Reached]], what: str) -> Lines:
    """Lines of neurons of which it is known what leaves each."""
    if splits_fan_out(schedule.spec):
        return lines_of(_leaving(found), schedule.spec, what)
    lines = []
    for reached in found:
        line = Line(1, schedule.spec.max_delay)
        for delays, copies, _ in reached:
            line.add(delays, [some[:, None] for some in copies])
        lines.append(line)
    parted = not schedule.spec.parallel_synapses
    longest = [max([0, *(max(delays, default=0) for delays, _, _ in reached)]) for reached in found]
    return delay_lines_of(
        np.array([int(line.longest()[0]) for line in lines] if parted else longest, np.int64),
        np.array([int(line.proxies()[0]) * parted for line in lines], np.int64),
        schedule.spec,
    )


def _leaving(found: list[list[Reached]]) -> Leaving:
    counted = [
        (neuron, delay, times * int(some.sum()))
        for neuron, reached in enumerate(found)
        for delays, copies, times in reached
        for delay, some in zip(delays, copies, strict=True)
    ]
    neuron, delay, count = np.array(counted, np.int64).reshape(-1, 3).T
    return joined_leaving(len(found), [(neuron, delay, count)])
