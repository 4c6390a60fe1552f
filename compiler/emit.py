"""From schedule to processor image."""

from __future__ import annotations

from typing import Any

import numpy as np

from compiler.costing.cost import CONTROL, Cost, cost_of
from compiler.costing.fans import splits_fan_out
from compiler.folding import control
from compiler.graph import GraphBuilder, NeuronGraph
from compiler.lowering.clocks import emit_charges, emit_clock, emit_gates, emit_turns, emit_wiping
from compiler.lowering.hold import emit_hold
from compiler.lowering.latch import emit_latch
from compiler.lowering.pools import emit_group, emit_rivals
from compiler.lowering.window import emit_window
from compiler.networks.network import LayeredNetwork
from compiler.passes.insert_relays import insert_relays
from compiler.passes.one_per_pair import one_per_pair
from compiler.passes.split_fan_out import split_fan_out
from compiler.passes.split_weights import split_weights
from compiler.plan import FoldPlan
from compiler.schedule import make_schedule
from compiler.stages import Schedule
from isa_spec.building import build_image
from isa_spec.errors import ResourceError
from isa_spec.image import ROLES, LayerRecord, Port, ProcessorImage
from isa_spec.spec import ProcessorSpec
from isa_spec.spikes import SpikeEvents
from isa_spec.stream import StreamContract

PHASE_PORT, FRAME_PORT, STEADY_PORT = "clock", "frame", "steady"
"""Input ports by which the host starts the clocks."""


def compile_network(network: LayeredNetwork, spec: ProcessorSpec, plan: FoldPlan | None = None) -> ProcessorImage:
    """Processor image of a layered network.

    Parameters
    ----------
    network : LayeredNetwork
    spec : ProcessorSpec
    plan : FoldPlan, optional
        The whole frame at once, not folded, by default.

    Raises
    ------
    ScheduleError
        If the plan's tile does not divide the frame.
    ResourceError
        If the network does not fit the processor.
    """
    schedule = make_schedule(network, spec, plan or FoldPlan(network.input_shape[1:]))
    return emit(schedule, cost_of(schedule))


def emit(schedule: Schedule, cost: Cost) -> ProcessorImage:
    """Processor image of a schedule.

    Parameters
    ----------
    schedule : Schedule
    cost : Cost
        Of the same schedule.

    Raises
    ------
    ResourceError
        If the graph does not fit the processor.
    """
    _check_capacity(cost, schedule.spec)
    graph, first, clocks = _emit_graph(schedule, [layer.name for layer in cost.layers])
    graph = _within_limits(graph, schedule.spec, [layer.name for layer in cost.layers])
    inputs = _lane_ports("in", schedule.input, 0) + tuple(clocks)
    n_lanes = schedule.input.n_lanes
    return build_image(
        schedule.spec,
        graph.threshold,
        graph.source,
        graph.target,
        graph.weight,
        graph.delay,
        inputs,
        _lane_ports("out", schedule.contract(schedule.output), first[schedule.output]),
        once=graph.once,
        group=graph.group,
        kind=graph.kind,
        role=graph.role,
        layer=graph.layer,
        layers=_records(schedule, cost, first),
        start=SpikeEvents.of(np.zeros(len(clocks), np.int64), np.arange(n_lanes, n_lanes + len(clocks))),
        encoding=schedule.network.encoding,
        decode=schedule.network.decode,
        latency=schedule.latency,
        interval=schedule.interval,
        source_digest=schedule.network.source_digest,
        options=_options(schedule),
    )


def _emit_graph(schedule: Schedule, names: list[str]) -> tuple[NeuronGraph, list[int], list[Port]]:
    """Graph before passes, first neuron of each carrier, ports of the clocks."""
    builder = GraphBuilder()
    lanes = [builder.neurons(0, "input", np.ones(schedule.input.n_lanes), once=schedule.slopes)]
    ports = []
    phase_clock = frame_clock = steady_clock = -1
    control_layer = names.index(CONTROL)
    if control.needs_phase_clock(schedule):
        phase_clock = emit_clock(builder, control_layer, schedule.slot)
        ports.append(Port(PHASE_PORT, phase_clock))
    if schedule.slopes:
        emit_wiping(builder, schedule, schedule.input, lanes[0], phase_clock)
    if control.needs_frame_clock(schedule):
        frame_clock = emit_clock(builder, control_layer, schedule.interval)
        ports.append(Port(FRAME_PORT, frame_clock))
    if control.needs_steady_clock(schedule):
        steady_clock = emit_clock(builder, control_layer, 1)
        ports.append(Port(STEADY_PORT, steady_clock))
    for stage in schedule.stages:
        layer = names.index(stage.name)
        per_channel = stage.contract.lane_rows * stage.contract.lane_cols
        units = builder.neurons(layer, stage.role, np.repeat(stage.charges.threshold, per_channel), once=stage.once)
        for part in stage.aligned:
            emit_window(builder, part, schedule.contract(part.source), stage.contract, lanes[part.source], units)
        if stage.rivals:
            emit_rivals(builder, stage.rivals, units)
        if stage.group is not None:
            emit_group(builder, stage, lanes[stage.parts[0].source], units)
        emit_charges(builder, schedule, stage, units, phase_clock)
        emit_latch(builder, stage, units)
        if stage.wiped:
            emit_wiping(builder, schedule, stage.contract, units, phase_clock)
        if stage.gated:
            emit_gates(builder, schedule, stage, layer, units, phase_clock, frame_clock)
        if stage.held:
            emit_hold(builder, schedule, stage, layer, lanes, units, phase_clock, frame_clock)
        if stage.turn:
            emit_turns(builder, schedule, stage, layer, units, frame_clock, steady_clock)
        lanes.append(units)
    return builder.graph(), [int(block[0]) for block in lanes], ports


def _lane_ports(prefix: str, contract: StreamContract, first: int) -> tuple[Port, ...]:
    """One port per lane, in lane order, named by channel (of those that share a lane), lane row and lane column."""
    lanes = np.ndindex(contract.lane_channels, contract.lane_rows, contract.lane_cols)
    return tuple(Port(f"{prefix}.{c}.{y}.{x}", first + number) for number, (c, y, x) in enumerate(lanes))


def _records(schedule: Schedule, cost: Cost, first: list[int]) -> tuple[LayerRecord, ...]:
    records = []
    for layer in cost.layers:
        carrier = schedule.home.get(layer.name)
        records.append(
            LayerRecord(
                name=layer.name,
                kind=layer.kind,
                first_neuron=None if carrier is None else first[carrier],
                contract=None if carrier is None else schedule.contract(carrier),
                parameters=layer.parameters,
                nonzero_parameters=layer.nonzero_parameters,
                unrolled_neurons=layer.unrolled_neurons,
                unrolled_synapses=layer.unrolled_synapses,
            )
        )
    return tuple(records)


def _options(schedule: Schedule) -> dict[str, Any]:
    plan = schedule.plan
    tiles = {name: list(tile) for name, tile in sorted(plan.tiles.items())}
    pruned = bool(schedule.network.pruned_from)
    origin = schedule.network.origin
    return {
        "unroll": list(plan.unroll),
        "gate": plan.gate,
        "tiles": tiles,
        "clearing": schedule.clearing,
        "held": [stage.name for stage in schedule.stages if stage.held],
        "channels": {name: count for name, count in sorted(plan.channels.items()) if count > 1},
        "slot": schedule.slot,
        "prune": pruned,
        **({} if origin is None else {"origin": dict(origin)}),
    }


def _check_capacity(cost: Cost, spec: ProcessorSpec) -> None:
    """Refuse before anything is built."""
    for limit, used in (("max_neurons", cost.neurons), ("max_synapses", cost.synapses)):
        allowed = getattr(spec, limit)
        if allowed is not None and used > allowed:
            what = limit.removeprefix("max_")
            heaviest = max(cost.layers, key=lambda layer: getattr(layer, what))
            raise ResourceError(
                f"the image needs {used} {what}, allowed {allowed} ({limit} of profile {spec.name}); layer "
                f"'{heaviest.name}' alone has {getattr(heaviest, what)}; fold more (a smaller unroll) or choose a "
                "larger profile",
                limit=limit,
                used=used,
                allowed=allowed,
            )


def _within_limits(graph: NeuronGraph, spec: ProcessorSpec, layers: list[str]) -> NeuronGraph:
    """The same answers within the processor's limits on weights, pairs and delays."""
    graph = split_weights(graph, spec)
    if not spec.parallel_synapses:
        graph = one_per_pair(graph, spec.max_delay, layers)
    if spec.max_fan_out is not None:
        if splits_fan_out(spec):
            graph = split_fan_out(graph, spec.max_fan_out, spec.max_delay)
        else:
            _check_fan_out(insert_relays(graph, spec.max_delay), spec, spec.max_fan_out, layers)
    return insert_relays(graph, spec.max_delay)


def _check_fan_out(graph: NeuronGraph, spec: ProcessorSpec, allowed: int, layers: list[str]) -> None:
    """Refuse neurons that more synapses leave than the processor allows, where they cannot be split."""
    fan = np.bincount(graph.source, minlength=len(graph.threshold))
    neuron = int(np.argmax(fan))
    if fan[neuron] > allowed:
        unit = int((graph.layer[:neuron] == graph.layer[neuron]).sum())
        raise ResourceError(
            f"layer '{layers[graph.layer[neuron]]}', {ROLES[graph.role[neuron]]} {unit}: {fan[neuron]} synapses leave "
            f"it, allowed {allowed} (max_fan_out of profile {spec.name}), and pairs of one synapse (parallel_synapses "
            "is false) cannot be split; fold otherwise, prune the layers that read it, or choose a wider profile",
            limit="max_fan_out",
            used=int(fan[neuron]),
            allowed=allowed,
        )
