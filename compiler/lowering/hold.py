"""Hold and release: select neurons, demultiplexers, and what the frame clock sends to held units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.folding import control
from compiler.graph import GraphBuilder
from compiler.stages import Part, Schedule, Stage
from isa_spec.stream import StreamContract


def emit_hold(
    builder: GraphBuilder,
    schedule: Schedule,
    stage: Stage,
    layer: int,
    lanes: Sequence[np.ndarray],
    units: np.ndarray,
    phase_clock: int,
    frame_clock: int,
) -> None:
    """Emit all that a held layer reads.

    Parameters
    ----------
    builder : GraphBuilder
    schedule : Schedule
    stage : Stage
    layer : int
        Number of the layer in the image.
    lanes : sequence of int64[n_lanes]
        Neurons of every carrier so far.
    units : int64[O]
    phase_clock, frame_clock : int
    """
    hold = stage.hold
    assert hold is not None
    for charge, delay in zip(
        (hold.clear, hold.preload, hold.release), control.hold_delays(schedule, stage), strict=True
    ):
        builder.synapses(frame_clock, units, charge, delay)
    for part in stage.held:
        read = schedule.contract(part.source)
        select = builder.neurons(layer, "select", np.ones(read.tile_rows * read.tile_cols))
        builder.synapses(frame_clock, select, 1, control.select_delays(schedule, read).ravel())
        demux = builder.neurons(layer, "demux", np.full(read.n_values, hold.demux.threshold[0]))
        builder.synapses(lanes[part.source][read.lanes().ravel()], demux, 1, schedule.hop)
        builder.synapses(select[tile_of_values(read).ravel()], demux, 1, schedule.hop)
        clear, lift = control.demux_delays(schedule, read)
        builder.synapses(phase_clock, demux, hold.demux.clear[0], clear)
        builder.synapses(phase_clock, demux, hold.demux.bias[0], lift)
        out, value, weight = held_weights(part, read)
        builder.synapses(demux[value], units[out], weight, schedule.hop)


def held_weights(part: Part, read: StreamContract) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units, values (in C, H, W order) and weights that are not zero: int64[n_synapses] each."""
    out, channel, row, col = np.nonzero(part.window.dense())
    weight = part.window.dense()[out, channel, row, col]
    row, col = row - part.window.before[0], col - part.window.before[1]
    real = (row >= 0) & (row < read.height) & (col >= 0) & (col < read.width)
    value = (channel * read.height + row) * read.width + col
    return out[real], value[real], weight[real]


def tile_of_values(read: StreamContract) -> np.ndarray:
    """Tile of every value, counted row by row: int64[C, H, W]."""
    _, row, col = np.ogrid[: read.channels, : read.height, : read.width]
    tile = (row // read.unroll_h) * read.tile_cols + col // read.unroll_w
    return np.broadcast_to(tile, (read.channels, read.height, read.width))
