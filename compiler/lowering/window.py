"""The windowed layer: one synapse for every output lane and tap, whose delay aligns the tap with the evaluation."""

from __future__ import annotations

import numpy as np

from compiler.graph import GraphBuilder
from compiler.schedule import Stage
from isa_spec.stream import StreamContract


def emit_window(
    builder: GraphBuilder, stage: Stage, read: StreamContract, sources: np.ndarray, units: np.ndarray
) -> None:
    """Emit the data synapses of a layer.

    Parameters
    ----------
    builder : GraphBuilder
    stage : Stage
    read : StreamContract
        Contract of the map that is read.
    sources : int64[read.n_lanes]
        Neurons of that map's lanes.
    units : int64[stage.contract.n_lanes]
        Neurons of the layer's lanes.
    """
    window, rows, cols, wrote = stage.window, stage.rows, stage.cols, stage.contract
    for k_h in range(window.kernel[0]):
        row = np.flatnonzero(rows.tap == k_h)
        for k_w in range(window.kernel[1]):
            col = np.flatnonzero(cols.tap == k_w)
            out, within = np.nonzero(window.weight[:, :, k_h, k_w])
            if not (len(row) and len(col) and len(out)):
                continue
            lane_in = window.input_channel(out, within)[:, None] * read.lane_rows + rows.lane_in[row]
            lane_out = out[:, None] * wrote.lane_rows + rows.lane_out[row]
            age = tap_age(read, rows.tile[row][:, None], cols.tile[col])
            builder.synapses(
                sources[lane_in[:, :, None] * read.lane_cols + cols.lane_in[col]],
                units[lane_out[:, :, None] * wrote.lane_cols + cols.lane_out[col]],
                window.weight[out, within, k_h, k_w][:, None, None],
                wrote.start - read.start - age,
            )


def tap_age(read: StreamContract, row_tile: np.ndarray, col_tile: np.ndarray) -> np.ndarray:
    """Cycles by which a tile's values come after those of the window's first tile."""
    return read.slot * (row_tile * read.row_pitch + col_tile * read.col_pitch)
