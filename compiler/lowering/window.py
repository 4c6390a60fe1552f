"""The windowed layer: one synapse for every output lane and tap, whose delay aligns the tap with the evaluation."""

from __future__ import annotations

import numpy as np

from compiler.graph import GraphBuilder
from compiler.stages import Part
from isa_spec.kinds import CHARGE, SLOPE
from isa_spec.stream import StreamContract


def emit_window(
    builder: GraphBuilder,
    part: Part,
    read: StreamContract,
    wrote: StreamContract,
    sources: np.ndarray,
    units: np.ndarray,
) -> None:
    """Emit the synapses of one window.

    Parameters
    ----------
    builder : GraphBuilder
    part : Part
    read, wrote : StreamContract
        Contracts of the map that is read and of the layer's own.
    sources : int64[read.n_lanes]
        Neurons of the lanes that are read.
    units : int64[wrote.n_lanes]
        Neurons of the layer's lanes.
    """
    window, rows, cols = part.window, part.rows, part.cols
    delay = tap_delays(part, read, wrote)
    turn_in, turn_out = read.turn_of(), wrote.turn_of()
    for k_h in range(window.kernel[0]):
        row = np.flatnonzero(rows.tap == k_h)
        for k_w in range(window.kernel[1]):
            col = np.flatnonzero(cols.tap == k_w)
            out, within = np.nonzero(window.weight[:, :, k_h, k_w])
            if part.together:  # one synapse for all channels of a neuron: that of the first
                first = out % wrote.n_turns == 0
                out, within = out[first], within[first]
            if not (len(row) and len(col) and len(out)):
                continue
            channel = window.input_channel(out, within)
            lane_in = (channel // read.n_turns)[:, None] * read.lane_rows + rows.lane_in[row]
            lane_out = (out // wrote.n_turns)[:, None] * wrote.lane_rows + rows.lane_out[row]
            builder.synapses(
                sources[lane_in[:, :, None] * read.lane_cols + cols.lane_in[col]],
                units[lane_out[:, :, None] * wrote.lane_cols + cols.lane_out[col]],
                window.weight[out, within, k_h, k_w][:, None, None],
                (turn_out[out] - turn_in[channel])[:, None, None] + delay[np.ix_(row, col)],
                SLOPE if part.slope else CHARGE,
            )


def tap_delays(part: Part, read: StreamContract, wrote: StreamContract) -> np.ndarray:
    """Delay of every pair of a row tap and a column tap: int64[row taps, column taps], in cycles.

    Between channels in their first turns; a counted value arrives with its last spike when the units are evaluated.
    """
    return first_delay(read, wrote) - read.slot * (part.rows.age[:, None] + part.cols.age)


def first_delay(read: StreamContract, wrote: StreamContract) -> int:
    """Delay from the first tile of a map to that of a layer that reads it, in cycles."""
    return wrote.start - read.start - (read.levels - wrote.levels)
