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
            builder.synapses(
                sources[lane_in[:, :, None] * read.lane_cols + cols.lane_in[col]],
                units[lane_out[:, :, None] * wrote.lane_cols + cols.lane_out[col]],
                window.weight[out, within, k_h, k_w][:, None, None],
                tap_delays(stage, read)[np.ix_(row, col)],
            )


def tap_delays(stage: Stage, read: StreamContract) -> np.ndarray:
    """Delay of every pair of a row tap and a column tap: int64[row taps, column taps], in cycles."""
    return stage.contract.start - read.start - read.slot * (stage.rows.age[:, None] + stage.cols.age)
