"""What a schedule costs, in closed form: exactly what will be emitted, and what a plain conversion would need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from compiler.charging.charges import pieces, window_pieces
from compiler.costing.fans import Lines
from compiler.costing.lines import clock_lines, delay_lines, gate_lines, picked_lines
from compiler.folding import control
from compiler.folding.axis import axis_taps
from compiler.lowering.hold import held_weights
from compiler.networks.network import INPUT
from compiler.stages import Part, Schedule, Stage
from isa_spec.image import ROLES
from isa_spec.stream import StreamContract

CONTROL = "control"
"""Name of the layer of clocks that serve the whole network."""


@dataclass(frozen=True)
class LayerCost:
    """Neurons and synapses of one layer, folded and unrolled.

    Parameters
    ----------
    name, kind : str
    parameters, nonzero_parameters : int
        Weights.
    unrolled_neurons, unrolled_synapses : int
        One neuron per value and one synapse per use of a weight that is not zero.
    roles : dict of str to int
        Neurons by role.
    synapses : int
        Those that arrive at the layer's neurons.
    delay_storage : int, bits
        Over the layer's neurons, the longest delay that leaves each, summed: the spikes, one bit a cycle, that have to
        be remembered.
    """

    name: str
    kind: str
    parameters: int
    nonzero_parameters: int
    unrolled_neurons: int
    unrolled_synapses: int
    roles: Mapping[str, int]
    synapses: int
    delay_storage: int

    @property
    def neurons(self) -> int:
        """Neurons of all roles."""
        return sum(self.roles.values())


@dataclass(frozen=True)
class Cost:
    """Static cost of a schedule.

    Parameters
    ----------
    layers : tuple of LayerCost
        In the order of the image: input, control, layers.
    latency : int, cycles
        From the reset until frame 0 is decided.
    interval : int, cycles
        Initiation interval: from frame to frame.
    """

    layers: tuple[LayerCost, ...]
    latency: int
    interval: int

    def total(self, field: str) -> int:
        """Sum of a field over the layers."""
        return sum(getattr(layer, field) for layer in self.layers)

    @property
    def neurons(self) -> int:
        """Neurons of the whole image."""
        return self.total("neurons")

    @property
    def synapses(self) -> int:
        """Synapses of the whole image."""
        return self.total("synapses")

    @property
    def delay_storage(self) -> int:
        """Bits of spike history of the whole image."""
        return self.total("delay_storage")


def cost_of(schedule: Schedule) -> Cost:
    """Cost of a schedule, layer by layer, in the order of the image: input, control, layers.

    Parameters
    ----------
    schedule : Schedule
        As `make_schedule` gives it.

    Raises
    ------
    ResourceError
        If a weight cannot be held by the processor.
    """
    lines = delay_lines(schedule)
    by_name: dict[str, list[LayerCost]] = {INPUT: [_input_cost(schedule, lines[0])]}
    for stage, line in zip(schedule.stages, lines[1:], strict=True):
        by_name.setdefault(stage.name, []).append(_stage_cost(schedule, stage, line))
    layers = [_joined(by_name[INPUT]), _control_cost(schedule)]
    for layer in schedule.network.layers:
        nothing = LayerCost(layer.name, layer.kind, 0, 0, 0, 0, {}, 0, 0)
        folded = _joined(by_name.get(layer.name, [nothing]))
        layers.append(
            replace(folded, kind=layer.kind, parameters=layer.n_parameters, nonzero_parameters=layer.n_nonzero)
        )
    return Cost(tuple(layers), schedule.latency, schedule.interval)


def _joined(parts: list[LayerCost]) -> LayerCost:
    """A layer and the serialiser behind it as one; roles in the order of the table, none of 0."""
    first = parts[0]
    roles = {role: sum(part.roles.get(role, 0) for part in parts) for role in ROLES}
    return replace(
        first,
        roles={role: number for role, number in roles.items() if number},
        synapses=sum(part.synapses for part in parts),
        delay_storage=sum(part.delay_storage for part in parts),
    )


def _input_cost(schedule: Schedule, lines: Lines) -> LayerCost:
    frame = schedule.input
    wiped = frame.n_lanes if schedule.slopes else 0
    lanes = LayerCost(INPUT, "input", 0, 0, frame.n_values, 0, {"input": frame.n_lanes}, wiped, 0)
    return _with_lines(lanes, lines)


def _with_lines(cost: LayerCost, lines: Lines) -> LayerCost:
    """A layer with the relays and proxies of its neurons, one synapse and at least one bit each."""
    relays, proxies = int(lines.relays.sum()), int(lines.proxies.sum())
    return replace(
        cost,
        roles={**cost.roles, "relay": cost.roles.get("relay", 0) + relays, "proxy": proxies},
        synapses=cost.synapses + relays + proxies,
        delay_storage=cost.delay_storage + int(lines.storage.sum()) + proxies,
    )


def _stage_cost(schedule: Schedule, stage: Stage, lines: Lines) -> LayerCost:
    spec, contract = schedule.spec, stage.contract
    what = f"layer '{stage.name}'"
    synapses = 0
    for part in stage.aligned:
        uses = window_pieces(part.window, spec, f"{what}, weight")
        by_row = part.rows.lanes_per_tap(part.window.kernel[0])
        by_col = part.cols.lanes_per_tap(part.window.kernel[1])
        shared = int(by_row @ uses @ by_col)
        synapses += shared // contract.channels * contract.lane_channels if part.together else shared
    lanes = contract.lane_rows * contract.lane_cols
    if stage.rivals:
        synapses += stage.rivals.members.size * stage.rivals.heard * int(stage.rivals.copies(spec, stage.name).sum())
    for kind in ("clear", "bias", "inhibit", "preload", "latch"):
        synapses += lanes * int(pieces(getattr(stage.charges, kind), spec, f"{what}, {kind}").sum())
    if stage.wiped:
        synapses += contract.n_lanes
    roles = {stage.role: contract.n_lanes}
    folded = _with_lines(LayerCost(stage.name, stage.role, 0, 0, 0, 0, roles, synapses, 0), lines)
    if stage.gated:
        folded = _joined([folded, _gate_cost(schedule, stage)])
    if stage.held:
        folded = _joined([folded, _hold_cost(schedule, stage)])
    if stage.turn:
        folded = _joined([folded, _turn_cost(schedule, stage)])
    if stage.role == "serialiser":
        return folded
    unrolled = sum(_unrolled(part, schedule.contract(part.source), contract) for part in stage.aligned + stage.held)
    if stage.rivals:
        sent = stage.rivals.heard * int(np.count_nonzero(stage.rivals.charge))
        unrolled += stage.rivals.windows * stage.rivals.members.shape[1] * sent
    return replace(folded, unrolled_neurons=contract.n_values, unrolled_synapses=unrolled)


def _gate_cost(schedule: Schedule, stage: Stage) -> LayerCost:
    """Gates of a layer, and what arrives at them."""
    rows, cols = control.row_classes(stage.contract), control.col_classes(stage.contract)
    gates = len(rows) * (1 + len(cols))
    per_step = sum(len(cols) + sum(col.tiles for col in cols) for _ in rows)
    synapses = sum(row.tiles for row in rows) + per_step * stage.contract.levels
    folded = LayerCost(stage.name, stage.role, 0, 0, 0, 0, {"gate": gates}, synapses, 0)
    return _with_lines(folded, gate_lines(schedule, stage))


def _turn_cost(schedule: Schedule, stage: Stage) -> LayerCost:
    """What silences and lifts a layer whose units take turns, with its gates if it has any."""
    contract, spec, turn, what = stage.contract, schedule.spec, stage.turn, f"layer '{stage.name}'"
    assert turn is not None
    charges = pieces(turn.hush, spec, f"{what}, hush").sum() + pieces(turn.lift, spec, f"{what}, lift").sum()
    own = LayerCost(stage.name, stage.role, 0, 0, 0, 0, {}, contract.lane_rows * contract.lane_cols * int(charges), 0)
    if not control.lifted_by_gates(stage):
        return own
    rows, cols = control.row_classes(contract), control.col_classes(contract)
    synapses = sum(row.tiles + sum(col.tiles for col in cols) for row in rows)
    gates = LayerCost(stage.name, stage.role, 0, 0, 0, 0, {"gate": len(rows) * (1 + len(cols))}, synapses, 0)
    return _joined([own, _with_lines(gates, gate_lines(schedule, stage))])


def _hold_cost(schedule: Schedule, stage: Stage) -> LayerCost:
    """Select neurons and demultiplexers of a held layer, and what arrives at them and at its units."""
    spec, hold, what = schedule.spec, stage.hold, f"layer '{stage.name}'"
    assert hold is not None
    synapses = sum(
        int(pieces(charge, spec, f"{what}, {kind}").sum())
        for kind, charge in (("clear", hold.clear), ("preload", hold.preload), ("release", hold.release))
    )
    tiles = values = 0
    for part in stage.held:
        read = schedule.contract(part.source)
        _, _, weight = held_weights(part, read)
        synapses += int(pieces(weight, spec, f"{what}, weight").sum())
        tiles, values = tiles + read.tile_rows * read.tile_cols, values + read.n_values
    kept = pieces(hold.demux.clear, spec, f"{what}, clear") + pieces(hold.demux.bias, spec, f"{what}, bias")
    synapses += tiles + values * (2 + int(kept[0]))
    roles = {"select": tiles, "demux": values}
    picking = LayerCost(stage.name, stage.role, 0, 0, 0, 0, roles, synapses, 0)
    for lines in picked_lines(schedule, stage):
        picking = _with_lines(picking, lines)
    return picking


def _control_cost(schedule: Schedule) -> LayerCost:
    """Clocks: a self-synapse each, and relays and proxies as far as anything hangs on them."""
    lines = clock_lines(schedule)
    clocks = len(lines.relays)
    folded = LayerCost(CONTROL, CONTROL, 0, 0, 0, 0, {"clock": clocks}, clocks, 0)
    return _joined([_with_lines(folded, lines)])


def _unrolled(part: Part, read: StreamContract, contract: StreamContract) -> int:
    """Synapses of a window in the plain spatial network: one per use of a weight that is not zero."""
    window = part.window
    sizes, positions = (read.height, read.width), (contract.height, contract.width)
    rows, cols = (
        np.bincount(
            axis_taps(size, size, kernel, stride, before, places).tap,
            minlength=kernel,
        )
        for size, kernel, stride, before, places in zip(
            sizes, window.kernel, window.stride, window.before, positions, strict=True
        )
    )
    return int(rows @ window.uses @ cols)
