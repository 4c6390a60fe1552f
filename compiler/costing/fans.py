"""Fans: how many synapses arrive at each neuron, and which leave it when, where the processor limits them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from compiler.charging.charges import pieces
from compiler.folding import control
from compiler.lowering.hold import held_weights, tile_of_values
from compiler.lowering.window import tap_delays
from compiler.passes.insert_relays import relays_needed
from compiler.passes.split_fan_out import fan_tree
from compiler.stages import Part, Schedule, Stage
from isa_spec.errors import ResourceError
from isa_spec.spec import ProcessorSpec
from isa_spec.stream import StreamContract


@dataclass(frozen=True, eq=False)
class Leaving:
    """Synapses that leave some neurons, by delay; each pair of neuron and delay once, in this order.

    Parameters
    ----------
    n_neurons : int
    neuron, delay, count : int64[n]
    """

    n_neurons: int
    neuron: np.ndarray
    delay: np.ndarray
    count: np.ndarray


def joined_leaving(n_neurons: int, found: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Leaving:
    """Everything that leaves some neurons from parts of it: neuron, delay and count, in any order."""
    nothing = (np.zeros(0, np.int64),) * 3
    neuron, delay, count = (np.concatenate(part) for part in zip(nothing, *found, strict=True))
    span = int(delay.max(initial=0)) + 1
    keys, where = np.unique(neuron * span + delay, return_inverse=True)
    counts = np.bincount(where.reshape(-1), count, len(keys)).astype(np.int64)  # exact: sums are below 2**52
    return Leaving(n_neurons, keys // span, keys % span, counts)


@dataclass(frozen=True, eq=False)
class Lines:
    """What some neurons need beside them, so that all that leaves them keeps within the processor's limits.

    Parameters
    ----------
    relays, proxies : int64[...]
        Of each neuron; each proxy speaks after one cycle.
    storage : int64[...], cycles
        Longest delays that leave each neuron and its relays, summed.
    short : int, cycles
        How much longer all delays would have to be for every tree of relays to be possible.
    """

    relays: np.ndarray
    proxies: np.ndarray
    storage: np.ndarray
    short: int = 0


def delay_lines_of(longest: np.ndarray, proxies: np.ndarray, spec: ProcessorSpec) -> Lines:
    """Lines without trees, from the longest delay that leaves each neuron: as long in all as that."""
    return Lines(relays_needed(longest, spec.max_delay), proxies, longest)


def splits_fan_out(spec: ProcessorSpec) -> bool:
    """Whether fan-outs are split where they are too large: proxies, which pairs of one synapse need, cannot wait."""
    return spec.max_fan_out is not None and spec.parallel_synapses


def lines_of(leaving: Leaving, spec: ProcessorSpec, what: str) -> Lines:
    """What `split_fan_out` and `insert_relays` will make of some neurons.

    Parameters
    ----------
    leaving : Leaving
    spec : ProcessorSpec
    what : str
        Layer and role, for messages.

    Raises
    ------
    ResourceError
        If more than one synapse leaves a neuron, and no more is allowed: a tree takes two.
    """
    longest = np.zeros(leaving.n_neurons, np.int64)
    np.maximum.at(longest, leaving.neuron, leaving.delay)
    plain, most = delay_lines_of(longest, np.zeros_like(longest), spec), spec.max_fan_out
    if most is None or not spec.parallel_synapses:
        return plain
    relays, storage, short = plain.relays, longest.copy(), 0
    fan = np.bincount(leaving.neuron, leaving.count, leaving.n_neurons).astype(np.int64)
    crowded = np.flatnonzero(fan > most)
    if most == 1 and len(crowded):
        worst = int(np.argmax(fan))
        raise ResourceError(
            f"{what} {worst}: {fan[worst]} synapses leave it, allowed 1 (max_fan_out of profile {spec.name}), and a "
            "tree of relays takes 2 to part them; fold otherwise, prune the layers that read it, or choose a wider "
            "profile",
            limit="max_fan_out",
            used=int(fan[worst]),
            allowed=1,
        )
    begins, ends = (np.searchsorted(leaving.neuron, crowded, side) for side in ("left", "right"))
    for neuron, begin, end in zip(crowded.tolist(), begins.tolist(), ends.tolist(), strict=True):
        delay, count = leaving.delay[begin:end], leaving.count[begin:end]
        measured = _measured(delay.tobytes(), count.tobytes(), most, spec.max_delay)
        relays[neuron], storage[neuron], missing = measured
        short = max(short, missing)
    return Lines(relays, plain.proxies, storage, short)


@lru_cache(maxsize=1 << 16)
def _measured(delay: bytes, count: bytes, most: int, max_delay: int | None) -> tuple[int, int, int]:
    """Relays of a tree, its longest delays, summed, and the cycles that it is short of; neurons alike share it."""
    due = np.repeat(np.frombuffer(delay, np.int64), np.frombuffer(count, np.int64))
    tree = fan_tree(due.tolist(), most, max_delay)
    longest = np.zeros(len(tree.fires) + 1, np.int64)  # the neuron itself is the last, -1
    np.maximum.at(longest, tree.speaker, tree.delays(due))
    return len(tree.fires), int(longest.sum()), max(0, 1 - int(tree.fires.min()))


def leaving_lanes(schedule: Schedule, carrier: int) -> Leaving:
    """What leaves the lanes of the input (0) or of stage ``carrier - 1``."""
    read = schedule.contract(carrier)
    found = [_latches(schedule, schedule.stages[carrier - 1])] if carrier else []
    if carrier and (rivals := schedule.stages[carrier - 1].rivals):
        channel = np.arange(read.channels)[:, None] * (read.lane_rows * read.lane_cols)
        lanes = (channel + rivals.members.ravel()).ravel()
        copies = rivals.heard * rivals.copies(schedule.spec, schedule.stages[carrier - 1].name)
        found.append((lanes, np.ones_like(lanes), np.repeat(copies, rivals.members.size)))
    for stage in schedule.stages:
        for part in stage.aligned:
            if part.source == carrier:
                found += _through_window(schedule, stage, part, read)
        for part in stage.held:
            if part.source == carrier:
                lanes = read.lanes().ravel()
                found.append((lanes, np.full_like(lanes, schedule.hop), np.ones_like(lanes)))
    return joined_leaving(read.n_lanes, found)


def _latches(schedule: Schedule, stage: Stage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lanes = stage.contract.lane_rows * stage.contract.lane_cols
    copies = np.repeat(pieces(stage.charges.latch, schedule.spec, f"layer '{stage.name}', latch"), lanes)
    own = np.flatnonzero(copies)
    return own, np.ones_like(own), copies[own]


def _through_window(
    schedule: Schedule, stage: Stage, part: Part, read: StreamContract
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    rows, cols, wrote = part.rows, part.cols, stage.contract
    said = read.turn_of() * (not part.together)
    lane = np.arange(read.channels) // read.n_turns * (read.lane_rows * read.lane_cols)
    place = rows.lane_in[:, None] * read.lane_cols + cols.lane_in
    own = np.arange(wrote.channels) % wrote.n_turns
    copies = pieces(part.window.weight, schedule.spec, f"layer '{stage.name}', weight")
    for number, turn in enumerate(wrote.turns[:1] if part.together else wrote.turns):
        heard = _by_input(copies * (own == number)[:, None, None, None], part.window.groups)
        count = heard[:, rows.tap[:, None], cols.tap]
        used = np.nonzero(count)
        delay = tap_delays(part, read, wrote) + turn - said[:, None, None]
        yield (lane[:, None, None] + place)[used], delay[used], count[used]


def _by_input(copies: np.ndarray, groups: int) -> np.ndarray:
    """Copies of a window's weights summed over the channels that read an input channel: int64[I, K_h, K_w]."""
    outputs, within, *kernel = copies.shape
    return copies.reshape(groups, outputs // groups, within, *kernel).sum(axis=1).reshape(groups * within, *kernel)


def leaving_picked(schedule: Schedule, stage: Stage, part: Part) -> tuple[Leaving, Leaving]:
    """What leaves the select neurons and the demultiplexers by which a stage is held."""
    read = schedule.contract(part.source)
    _, value, weight = held_weights(part, read)
    copies = pieces(weight, schedule.spec, f"layer '{stage.name}', weight")
    tiles, values = tile_of_values(read).ravel(), read.n_values
    found = ((read.tile_rows * read.tile_cols, tiles, np.ones_like(tiles)), (values, value, copies))
    select, demux = (joined_leaving(n, [(at, np.full_like(at, schedule.hop), many)]) for n, at, many in found)
    return select, demux


def check_fan_in(schedule: Schedule) -> None:
    """Refuse units that more synapses reach than the processor allows: the parts of a thresholded sum are no spikes.

    Raises
    ------
    ResourceError
        With the worst.
    """
    allowed = schedule.spec.max_fan_in
    if allowed is None:
        return
    name, role, fan = max(_fan_ins(schedule), key=lambda found: int(found[2].max()), default=("", "", np.zeros(1)))
    worst = int(np.argmax(fan))
    used = int(fan.ravel()[worst])
    if used > allowed:
        raise ResourceError(
            f"layer '{name}', {role} {worst}: {used} synapses arrive at it, allowed {allowed} (max_fan_in of profile "
            f"{schedule.spec.name}); give the layer fewer inputs (prune weights, use fewer channels), or choose a "
            "wider profile",
            limit="max_fan_in",
            used=used,
            allowed=allowed,
        )


def _fan_ins(schedule: Schedule) -> Iterator[tuple[str, str, np.ndarray]]:
    """Layer, role and synapses that arrive, of all neurons that more than one may reach."""
    for stage in schedule.stages:
        yield stage.name, stage.role, _unit_fan_in(schedule, stage)
        if stage.gated or control.lifted_by_gates(stage):
            rows, cols = control.row_classes(stage.contract), control.col_classes(stage.contract)
            ticks, steps = 0 if stage.turn else 1, stage.contract.levels
            fans = [fan for row in rows for fan in (row.tiles, *((col.tiles + ticks) * steps for col in cols))]
            yield stage.name, "gate", np.array(fans)
        if stage.hold:
            what, demux = f"layer '{stage.name}'", stage.hold.demux
            kept = pieces(demux.clear, schedule.spec, what) + pieces(demux.bias, schedule.spec, what)
            yield stage.name, "demux", 2 + kept


def _unit_fan_in(schedule: Schedule, stage: Stage) -> np.ndarray:
    """Synapses that arrive at each unit: int64[lane_channels, lane_rows, lane_cols]."""
    spec, wrote, what = schedule.spec, stage.contract, f"layer '{stage.name}'"
    fan = np.zeros((wrote.lane_channels, wrote.lane_rows, wrote.lane_cols), np.int64)
    neuron = np.arange(wrote.channels) // wrote.n_turns
    for part in stage.aligned:
        by_channel = pieces(part.window.weight, spec, f"{what}, weight").sum(axis=1)
        by_row = np.zeros((part.window.kernel[0], wrote.lane_rows), np.int64)
        by_col = np.zeros((part.window.kernel[1], wrote.lane_cols), np.int64)
        np.add.at(by_row, (part.rows.tap, part.rows.lane_out), 1)
        np.add.at(by_col, (part.cols.tap, part.cols.lane_out), 1)
        reached = np.einsum("oyx,yr,xc->orc", by_channel, by_row, by_col, optimize=True)
        if part.together:
            fan += reached[:: wrote.n_turns]
        else:
            np.add.at(fan, neuron, reached)
    sent = [getattr(stage.charges, kind) for kind in ("clear", "bias", "inhibit", "preload", "latch")]
    if stage.hold:
        sent += [stage.hold.clear, stage.hold.preload, stage.hold.release]
        for part in stage.held:
            out, _, weight = held_weights(part, schedule.contract(part.source))
            np.add.at(fan[:, 0, 0], out, pieces(weight, spec, f"{what}, weight"))
    if stage.turn:
        sent.append(stage.turn.hush)
        np.add.at(fan, neuron, pieces(stage.turn.lift, spec, f"{what}, lift")[:, None, None])
    if stage.rivals:
        reset = stage.rivals.heard * stage.rivals.copies(spec, stage.name)
        fan.reshape(len(fan), -1)[:, stage.rivals.members.ravel()] += reset[:, None]
    for charge in sent:
        fan += pieces(charge, spec, what)[:, None, None]
    return fan + stage.wiped
