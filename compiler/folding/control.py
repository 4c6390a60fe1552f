"""When the clocks must speak: delays from the clock neurons to what they drive.

The phase clock fires in cycles 0, slot, 2 slot, ...; the frame clock in 0, interval, 2 interval, ...; the steady clock
in every cycle. A gated layer has, for each class of lanes that carry equally many tiles, a gate that the phase clock
fires in every slot and that a row gate silences in the slots that carry values; what the gate still fires inhibits the
layer. Where units take turns it is the other way round: the row gate fires the gate, and that lifts the units in their
turns. If their map is a single tile, the frame clock lifts them itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.charging.hold import FROM_STREAM
from compiler.stages import Schedule, Stage
from isa_spec.stream import StreamContract


@dataclass(frozen=True, eq=False)
class LaneClass:
    """Lanes along one axis that carry the same number of tiles: ``first .. last - 1``."""

    first: int
    last: int
    tiles: int


def lane_classes(size: int, unroll: int) -> list[LaneClass]:
    """At most two: the lanes that the last tile reaches, and the rest."""
    lanes, tiles = min(unroll, size), -(-size // unroll)
    full = size - (tiles - 1) * unroll
    classes = [LaneClass(0, full, tiles)]
    if full < lanes:
        classes.append(LaneClass(full, lanes, tiles - 1))
    return classes


def row_classes(contract: StreamContract) -> list[LaneClass]:
    """Classes of lanes by rows."""
    return lane_classes(contract.height, contract.unroll_h)


def col_classes(contract: StreamContract) -> list[LaneClass]:
    """Classes of lanes by columns."""
    return lane_classes(contract.width, contract.unroll_w)


def phase_delay(cycle: int, slot: int, least: int) -> int:
    """Least delay, of ``least`` or more, at which a tick of the phase clock arrives in the phase of ``cycle``."""
    return (cycle - least) % slot + least


def clear_delay(schedule: Schedule, contract: StreamContract) -> int:
    """From the phase clock to what carries a map, to arrive one cycle after it was last evaluated in a slot."""
    return phase_delay(contract.start + contract.span, contract.slot, schedule.least)


def bias_delay(schedule: Schedule, stage: Stage) -> int:
    """From the phase clock to the units, to arrive with the data: of counted values with the last, of rates the first.

    The very first one must not come before the first clearing that it is to balance (a floor below 0, or a preload),
    nor before the gates are awake, which are there a hop after the phase before the data's. What takes back the latches
    of forced spikes arrives one cycle after these, and so after the first of them.
    """
    contract, least = stage.contract, schedule.least
    if schedule.clearing == "force" and stage.charges.latch.any():
        return clear_delay(schedule, stage.contract) + 1
    lifted = schedule.clearing == "floor" and schedule.spec.potential_floor and np.any(stage.charges.clear)
    if lifted or stage.levels > 1:
        delay = clear_delay(schedule, contract) + contract.slot - contract.span
    else:
        delay = phase_delay(contract.start, contract.slot, least)
    if stage.gated:
        return max(delay, phase_delay(contract.start - schedule.hop, contract.slot, least) + schedule.hop)
    return delay


def preload_delay(schedule: Schedule, stage: Stage) -> int:
    """From the phase clock to units that gather counted values, to arrive with the first spikes."""
    return bias_delay(schedule, stage) - (stage.levels - 1)


def gate_delays(schedule: Schedule, stage: Stage) -> np.ndarray:
    """From the phase clock to a gate, to inhibit before anything can fire, in every step: int64[levels]."""
    first = phase_delay(stage.contract.start - schedule.least, stage.contract.slot, schedule.hop)
    return first + stage.contract.beat * np.arange(stage.contract.levels)


def tile_delays(schedule: Schedule, contract: StreamContract, tiles: int) -> np.ndarray:
    """From a row gate to a gate, for each tile of a row that carries values, and each step: int64[tiles * levels]."""
    first = schedule.hop + contract.slot * contract.col_pitch * np.arange(tiles)
    return (first[:, None] + contract.beat * np.arange(contract.levels)).ravel()


def row_delays(schedule: Schedule, contract: StreamContract, tiles: int) -> np.ndarray:
    """From the frame clock to a row gate, for each row of tiles that carries values: int64[tiles].

    The row gate fires a hop before the gate that would inhibit the row's first evaluation. It may be called by a later
    tick of the frame clock than the frame's own, so no delay exceeds the interval by more than the lead.
    """
    first = contract.start - schedule.least - schedule.hop
    cycle = first + contract.slot * contract.row_pitch * np.arange(tiles)
    return frame_delays(cycle, contract.interval, schedule.hop)


def frame_delays(cycle: np.ndarray, interval: int, least: int) -> np.ndarray:
    """Least delays, of ``least`` or more, at which a tick of the frame clock arrives in these cycles of some frame."""
    return (cycle - least) % interval + least


def hold_delays(schedule: Schedule, stage: Stage) -> tuple[int, int, int]:
    """From the frame clock to held units: of the clearing, the preload and the release."""
    first = min(schedule.contract(part.source).start for part in stage.held) + FROM_STREAM * schedule.hop
    clear, preload, release = frame_delays(
        np.array([first - 1, first, stage.contract.start]), schedule.interval, schedule.hop
    ).tolist()
    return clear, preload, release


def select_delays(schedule: Schedule, read: StreamContract) -> np.ndarray:
    """From the frame clock to the select neuron of every tile of a stream: int64[tile rows, tile columns]."""
    row, col = np.ogrid[: read.tile_rows, : read.tile_cols]
    cycle = read.start + read.slot * (row * read.row_pitch + col * read.col_pitch)
    return frame_delays(cycle, schedule.interval, schedule.hop)


def demux_delays(schedule: Schedule, read: StreamContract) -> tuple[int, int]:
    """From the phase clock to the demultiplexers of a stream: of the clearing, and of the lift from a floor below 0."""
    clear = phase_delay(read.start + schedule.hop + 1, schedule.slot, schedule.hop)
    return clear, clear + schedule.slot - 1


def lift_delays(schedule: Schedule, stage: Stage) -> np.ndarray:
    """To units that take turns, from the frame clock or from their gate: int64[n_turns], in cycles."""
    turns = np.array(stage.contract.turns, np.int64)
    if lifted_by_gates(stage):
        return schedule.least + turns
    return frame_delays(stage.contract.start + turns, schedule.interval, schedule.least)


def lifted_by_gates(stage: Stage) -> bool:
    """Whether a layer whose units take turns has gates: its map is more than one tile."""
    return stage.turn is not None and (stage.contract.tile_rows, stage.contract.tile_cols) != (1, 1)


def needs_frame_clock(schedule: Schedule) -> bool:
    """Whether any layer is gated or held, or takes turns."""
    return any(stage.gated or stage.held or stage.turn for stage in schedule.stages)


def needs_steady_clock(schedule: Schedule) -> bool:
    """Whether any layer takes turns."""
    return any(stage.turn for stage in schedule.stages)


def needs_phase_clock(schedule: Schedule) -> bool:
    """Whether any unit is cleared, biased or gated, or read through demultiplexers."""
    return schedule.slopes or any(
        stage.gated or stage.held or stage.charges.clear.any() or stage.charges.bias.any() for stage in schedule.stages
    )
