"""Clocks and what hangs on them: clearing, bias, and the gates that keep a layer silent in blank slots."""

from __future__ import annotations

import numpy as np

from compiler.folding import control
from compiler.graph import GraphBuilder
from compiler.stages import Schedule, Stage
from isa_spec.kinds import CLEAR
from isa_spec.stream import StreamContract


def emit_clock(builder: GraphBuilder, layer: int, period: int) -> int:
    """Emit a neuron that keeps itself going with ``period`` once the host has started it; its number."""
    clock = builder.neurons(layer, "clock", np.ones(1))[0]
    builder.synapses(clock, clock, 1, period)
    return int(clock)


def emit_charges(builder: GraphBuilder, schedule: Schedule, stage: Stage, units: np.ndarray, phase_clock: int) -> None:
    """Emit what the phase clock sends to every unit of a layer in every slot."""
    by_channel = units.reshape(stage.contract.lane_channels, -1)
    charges = stage.charges
    builder.synapses(phase_clock, by_channel, charges.clear[:, None], control.clear_delay(schedule, stage.contract))
    builder.synapses(phase_clock, by_channel, charges.bias[:, None], control.bias_delay(schedule, stage))
    if charges.preload.any():
        builder.synapses(phase_clock, by_channel, charges.preload[:, None], control.preload_delay(schedule, stage))


def emit_wiping(
    builder: GraphBuilder, schedule: Schedule, contract: StreamContract, lanes: np.ndarray, phase_clock: int
) -> None:
    """Emit the synapses by which the phase clock clears the neurons that carry a map, after every slot."""
    builder.synapses(phase_clock, lanes, 1, control.clear_delay(schedule, contract), CLEAR)


def emit_gates(
    builder: GraphBuilder,
    schedule: Schedule,
    stage: Stage,
    layer: int,
    units: np.ndarray,
    phase_clock: int,
    frame_clock: int,
) -> None:
    """Emit the row gates and gates of a gated layer and their hold on its units."""
    contract = stage.contract
    by_lane = units.reshape(contract.channels, contract.lane_rows, contract.lane_cols)
    for rows in control.row_classes(contract):
        row_gate = builder.neurons(layer, "gate", np.ones(1))
        builder.synapses(frame_clock, row_gate, 1, control.row_delays(schedule, contract, rows.tiles))
        for cols in control.col_classes(contract):
            gate = builder.neurons(layer, "gate", np.ones(1))
            builder.synapses(phase_clock, gate, 1, control.gate_delays(schedule, stage))
            builder.synapses(row_gate, gate, -1, control.tile_delays(schedule, contract, cols.tiles))
            held = by_lane[:, rows.first : rows.last, cols.first : cols.last]
            builder.synapses(gate, held, stage.charges.inhibit[:, None, None], schedule.least)


def emit_turns(
    builder: GraphBuilder,
    schedule: Schedule,
    stage: Stage,
    layer: int,
    units: np.ndarray,
    frame_clock: int,
    steady_clock: int,
) -> None:
    """Emit what silences the units of a layer in every cycle, and what lifts them in the turns of their channels."""
    contract, turn = stage.contract, stage.turn
    assert turn is not None
    by_lane = units.reshape(contract.lane_channels, contract.lane_rows, contract.lane_cols)
    builder.synapses(steady_clock, by_lane, turn.hush[:, None, None], schedule.least)
    channel = np.arange(contract.channels)
    neuron, lift = channel // contract.n_turns, turn.lift[:, None, None]
    delay = control.lift_delays(schedule, stage)[channel % contract.n_turns][:, None, None]
    if not control.lifted_by_gates(stage):
        builder.synapses(frame_clock, by_lane[neuron], lift, delay)
        return
    for rows in control.row_classes(contract):
        row_gate = builder.neurons(layer, "gate", np.ones(1))
        builder.synapses(frame_clock, row_gate, 1, control.row_delays(schedule, contract, rows.tiles))
        for cols in control.col_classes(contract):
            gate = builder.neurons(layer, "gate", np.ones(1))
            builder.synapses(row_gate, gate, 1, control.tile_delays(schedule, contract, cols.tiles))
            builder.synapses(gate, by_lane[neuron, rows.first : rows.last, cols.first : cols.last], lift, delay)
