"""What a schedule costs, in closed form: exactly what will be emitted, and what a plain conversion would need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from compiler import control
from compiler.axis import axis_taps
from compiler.charges import pieces
from compiler.lowering.window import tap_delays
from compiler.network import INPUT
from compiler.passes.insert_relays import relays_needed
from compiler.schedule import Part, Schedule, Stage
from isa_spec.image import ROLES
from isa_spec.stream import StreamContract

CONTROL = "control"
"""Name of the layer of clocks that serve the whole network."""


@dataclass(frozen=True)
class LayerCost:
    """Neurons and synapses of one layer, folded and unrolled.

    ``roles`` counts neurons by role; synapses belong to the layer of their target; ``delay_storage`` sums, over the
    layer's neurons, the longest delay that leaves each: the spikes, one bit a cycle, that have to be remembered.
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
    """Static cost of a schedule; ``latency`` and ``interval`` in cycles."""

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

    Raises
    ------
    ResourceError
        If a weight cannot be held by the processor.
    """
    lines = _delay_lines(schedule)
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


def _input_cost(schedule: Schedule, line: np.ndarray) -> LayerCost:
    frame = schedule.input
    values = frame.channels * frame.height * frame.width
    relays = int(relays_needed(line, schedule.spec.max_delay).sum())
    roles = {"input": frame.n_lanes, "relay": relays}
    return LayerCost(INPUT, "input", 0, 0, values, 0, roles, relays, int(line.sum()))


def _delay_lines(schedule: Schedule) -> list[np.ndarray]:
    """Longest delay that leaves each lane of the input and of each stage: int64[C, lane_rows, lane_cols], cycles."""
    contracts = [schedule.input, *(stage.contract for stage in schedule.stages)]
    longest = [np.zeros((c.channels, c.lane_rows, c.lane_cols), np.int64) for c in contracts]
    for stage in schedule.stages:
        for part in stage.parts:
            window, read, rows, cols = part.window, contracts[part.source], part.rows, part.cols
            group_size = window.n_channels // window.groups
            used = np.any(window.weight.reshape(window.groups, group_size, *window.weight.shape[1:]), axis=1)
            used = used.reshape(read.channels, *window.kernel)
            delay = tap_delays(part, read, stage.contract) * used[:, rows.tap[:, None], cols.tap]
            lanes = longest[part.source]
            place = rows.lane_in[:, None] * read.lane_cols + cols.lane_in
            for channel, of_channel in enumerate(delay):
                np.maximum.at(lanes[channel].reshape(-1), place, of_channel)
    return longest


def _stage_cost(schedule: Schedule, stage: Stage, line: np.ndarray) -> LayerCost:
    spec, contract = schedule.spec, stage.contract
    what = f"layer '{stage.name}'"
    synapses = 0
    for part in stage.parts:
        uses = pieces(part.window.weight, spec, f"{what}, weight").sum(axis=(0, 1))
        by_row = part.rows.lanes_per_tap(part.window.kernel[0])
        by_col = part.cols.lanes_per_tap(part.window.kernel[1])
        synapses += int(by_row @ uses @ by_col)
    lanes = contract.lane_rows * contract.lane_cols
    for kind in ("clear", "bias", "inhibit"):
        synapses += lanes * int(pieces(getattr(stage.charges, kind), spec, f"{what}, {kind}").sum())
    gates, gate_synapses, gate_line = _gate_cost(contract) if stage.gated else (0, 0, np.zeros(0, np.int64))
    line = np.concatenate([line.ravel(), gate_line])
    relays = int(relays_needed(line, spec.max_delay).sum())
    roles = {stage.role: contract.n_lanes, "relay": relays, "gate": gates}
    folded = LayerCost(
        stage.name, stage.role, 0, 0, 0, 0, roles, synapses + gate_synapses + relays, delay_storage=int(line.sum())
    )
    if stage.role == "serialiser":
        return folded
    return replace(
        folded,
        unrolled_neurons=contract.channels * contract.height * contract.width,
        unrolled_synapses=sum(_unrolled(part, schedule.contract(part.source), contract) for part in stage.parts),
    )


def _gate_cost(contract: StreamContract) -> tuple[int, int, np.ndarray]:
    """Neurons and synapses of a layer's gates, and the longest delay that leaves each: int64[neurons]."""
    cols = control.col_classes(contract)
    longest: list[int] = []
    synapses = 0
    for rows in control.row_classes(contract):
        synapses += rows.tiles + len(cols) + sum(kind.tiles for kind in cols)
        farthest = int(control.tile_delays(contract, cols[0].tiles).max())
        longest += [farthest, *[control.BLANK_TO_UNIT] * len(cols)]
    return len(longest), synapses, np.array(longest, np.int64)


def _control_cost(schedule: Schedule) -> LayerCost:
    """Clocks: a self-synapse each, and relays as far as anything hangs on them."""
    lines = []
    if control.needs_phase_clock(schedule):
        delays = [schedule.slot]
        for stage in schedule.stages:
            if stage.charges.clear.any():
                delays.append(control.clear_delay(stage.contract))
            if stage.charges.bias.any():
                delays.append(control.bias_delay(schedule, stage))
            if stage.gated:
                delays.append(control.gate_delay(stage.contract))
        lines.append(max(delays))
    if control.needs_frame_clock(schedule):
        lines.append(schedule.interval)
    relays = int(relays_needed(np.array(lines, np.int64), schedule.spec.max_delay).sum())
    roles = {"clock": len(lines), "relay": relays}
    return _joined([LayerCost(CONTROL, CONTROL, 0, 0, 0, 0, roles, len(lines) + relays, sum(lines))])


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
    return int(rows @ np.count_nonzero(window.weight, axis=(0, 1)) @ cols)
