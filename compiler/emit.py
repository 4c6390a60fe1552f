"""From schedule to processor image."""

from __future__ import annotations

from typing import Any

import numpy as np

from compiler import control
from compiler.cost import CONTROL, Cost, cost_of
from compiler.graph import GraphBuilder, NeuronGraph
from compiler.lowering.clocks import emit_charges, emit_clock, emit_gates
from compiler.lowering.window import emit_window
from compiler.network import LayeredNetwork
from compiler.passes.insert_relays import insert_relays
from compiler.passes.split_weights import split_weights
from compiler.plan import FoldPlan
from compiler.schedule import Schedule, make_schedule
from isa_spec.errors import ResourceError
from isa_spec.image import LayerRecord, Port, ProcessorImage, build_image
from isa_spec.spec import ProcessorSpec
from isa_spec.spikes import SpikeEvents
from isa_spec.stream import StreamContract

PHASE_PORT, FRAME_PORT = "clock", "frame"
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
    graph = insert_relays(split_weights(graph, schedule.spec), schedule.spec.max_delay)
    _check_pairs(graph, schedule.spec, [layer.name for layer in cost.layers])
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
        role=graph.role,
        layer=graph.layer,
        layers=_records(schedule, cost, first),
        start=SpikeEvents.of(np.zeros(len(clocks), np.int64), np.arange(n_lanes, n_lanes + len(clocks))),
        encoding=schedule.network.encoding,
        decode=schedule.network.decode,
        latency=schedule.latency,
        interval=schedule.interval,
        source_digest=schedule.network.digest,
        options=_options(schedule.plan),
    )


def _emit_graph(schedule: Schedule, names: list[str]) -> tuple[NeuronGraph, list[int], list[Port]]:
    """Graph before passes, first neuron of each carrier, ports of the clocks."""
    builder = GraphBuilder()
    lanes = [builder.neurons(0, "input", np.ones(schedule.input.n_lanes))]
    ports = []
    phase_clock = frame_clock = -1
    control_layer = names.index(CONTROL)
    if control.needs_phase_clock(schedule):
        phase_clock = emit_clock(builder, control_layer, schedule.slot)
        ports.append(Port(PHASE_PORT, phase_clock))
    if control.needs_frame_clock(schedule):
        frame_clock = emit_clock(builder, control_layer, schedule.interval)
        ports.append(Port(FRAME_PORT, frame_clock))
    for stage in schedule.stages:
        layer = names.index(stage.name)
        per_channel = stage.contract.lane_rows * stage.contract.lane_cols
        units = builder.neurons(layer, stage.role, np.repeat(stage.charges.threshold, per_channel))
        for part in stage.parts:
            emit_window(builder, part, schedule.contract(part.source), stage.contract, lanes[part.source], units)
        emit_charges(builder, schedule, stage, units, phase_clock)
        if stage.gated:
            emit_gates(builder, stage, layer, units, phase_clock, frame_clock)
        lanes.append(units)
    return builder.graph(), [int(block[0]) for block in lanes], ports


def _lane_ports(prefix: str, contract: StreamContract, first: int) -> tuple[Port, ...]:
    """One port per lane, in lane order, named by channel, lane row and lane column."""
    lanes = np.ndindex(contract.channels, contract.lane_rows, contract.lane_cols)
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


def _options(plan: FoldPlan) -> dict[str, Any]:
    tiles = {name: list(tile) for name, tile in sorted(plan.tiles.items())}
    return {"unroll": list(plan.unroll), "gate": plan.gate, "tiles": tiles}


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


def _check_pairs(graph: NeuronGraph, spec: ProcessorSpec, names: list[str]) -> None:
    """Refuse parallel synapses where the processor has one per ordered pair; name the layer that wants them."""
    if spec.parallel_synapses:
        return
    pair = graph.source * len(graph.threshold) + graph.target
    _, place, uses = np.unique(pair, return_index=True, return_counts=True)
    if len(uses) and uses.max() > 1:
        layer = names[graph.layer[graph.target[place[np.argmax(uses)]]]]
        raise ResourceError(
            f"layer '{layer}' needs {uses.max()} synapses between one ordered pair of neurons, allowed 1 "
            f"(parallel_synapses of profile {spec.name}); fold less (a larger unroll) or choose a profile with "
            "parallel synapses",
            limit="parallel_synapses",
            used=int(uses.max()),
            allowed=1,
        )
