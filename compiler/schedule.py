"""Space and time for every layer: stream contracts, taps, charges, gates. Nothing is emitted here."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

import numpy as np

from compiler.charging.charges import Charges, clearing_way, layer_charges, least_delay, no_charges
from compiler.charging.hold import FROM_STREAM, HoldCharges, hold_charges
from compiler.charging.latch import latch_charges
from compiler.charging.rate import check_rate, rate_charges
from compiler.charging.slopes import has_slopes
from compiler.costing.fans import check_fan_in
from compiler.costing.lines import missing_lead
from compiler.folding.axis import Axis
from compiler.folding.geometry import Geometry, make_geometry
from compiler.folding.pitches import Pitch, find_pitches
from compiler.folding.pools import check_pools
from compiler.folding.rivals import check_late, output_charges, reset_together
from compiler.folding.starts import earliest_start, starts_of, stream_extent
from compiler.folding.turn_search import fill_turns, find_turns
from compiler.folding.turns import TurnCharges, Turns, followed, shared_channels, turn_charges
from compiler.networks.drive import each_channel
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from compiler.stages import Part, Schedule, Stage, Taps
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.spec import ProcessorSpec
from isa_spec.stream import LONGEST_INTERVAL, StreamContract


def make_schedule(network: LayeredNetwork, spec: ProcessorSpec, plan: FoldPlan) -> Schedule:
    """Contracts for a network on a processor, folded by a plan.

    Parameters
    ----------
    network : LayeredNetwork
    spec : ProcessorSpec
    plan : FoldPlan

    Raises
    ------
    ScheduleError
        If a tile is not legal.
    ResourceError
        If a unit cannot be held on the processor, or it cannot clear potentials as the plan wants, or too many
        synapses arrive at a unit; or if the processor shows spikes a cycle late.
    """
    _refuse_delayed(spec)
    check_rate(network, spec, plan)
    check_pools(network, spec, plan)
    geometry = make_geometry(network, plan)
    slopes = has_slopes(network, spec, plan)
    clearing = "clear" if slopes else clearing_way(plan.clearing, spec)
    pitches, frame_pitch = find_pitches(geometry)
    counts = shared_channels(geometry, plan.channels)
    turning = _turning(geometry, counts)
    gated = _gated(geometry, turning, plan)
    parts = [_parts(geometry, pitches, number, slopes) for number in range(len(pitches))]
    charges = [
        no_charges(np.ones(1, np.int64))
        if number in turning
        else _charges(network, geometry, number, parts[number], counts[number], spec, number in gated, clearing)
        for number in range(1, len(parts))
    ]
    saves = [plan.dense == "held" or _saves(geometry, read, pitches, frame_pitch, spec) for read in parts[1:]]
    holds = [
        _hold(geometry, number, parts[number], spec, number in turning, plan) if saved and not network.rate else None
        for number, saved in enumerate(saves, start=1)
    ]
    # A circuit takes a cycle after each step to reset windows.
    beat = 2 if network.pools and not spec.pooling_groups else 1
    slot = _slot(geometry, charges, turning, holds, clearing, beat, plan, frame_pitch)
    forgets = clearing == "leak"
    turns = find_turns(geometry, pitches, slot * frame_pitch, slot, counts, forgets)
    takes = [
        _turn_charges(geometry, number, turns, pitches, slot * frame_pitch, slot, spec, plan)
        if number in turning
        else None
        for number in range(1, len(parts))
    ]
    charges = [_of_phase_clock(*three) for three in zip(charges, holds, takes, strict=True)]
    groups, rivals = reset_together(geometry, charges, spec)

    def timed(lead: int) -> Schedule:
        starts = starts_of(geometry, parts, pitches, holds, turns, slot, spec, lead)
        late = max(
            0,
            *(
                earliest_start(read, charge, turn is not None, slot - 1 - (carrier.levels - 1) * beat, spec, plan, lead)
                - start
                for carrier, read, charge, turn, start in zip(
                    geometry.carriers[1:], parts[1:], charges, takes, starts[1:], strict=True
                )
            ),
        )
        for read, hold in zip(parts[1:], holds, strict=True):
            if hold:  # select neurons and demultiplexers wake up as gates do
                late = max(late, *(2 + lead - starts[part.source] for part in read))
        if any(part.inhibit.any() for part in charges) or any(takes):
            late = max(late, least_delay(spec) + lead)  # gates hold a hop later; data must not come before
        if slopes:
            late = max(late, least_delay(spec) + lead - network.steps)  # so that the very first slot is cleared, too
        contracts = [
            StreamContract(
                *carrier.shape,
                *carrier.tile,
                start + late,
                slot,
                *pitch,
                slot * frame_pitch,
                turn,
                carrier.levels,
                beat,
            )
            for carrier, start, pitch, turn in zip(geometry.carriers, starts, pitches, turns, strict=True)
        ]
        stages = tuple(
            Stage(
                name=carrier.name,
                role="unit" if carrier.serialises is None else "serialiser",
                parts=read,
                charges=charge,
                gated=bool(charge.inhibit.any()),  # a layer that never fires anyway has nothing to be kept from
                contract=contract,
                hold=hold,
                turn=turn,
                once=slopes and (carrier.latched or not carrier.gathers),
                wiped=slopes and carrier.serialises is None,
                group=groups.get(number),
                rivals=rivals.get(number),
            )
            for number, (carrier, read, charge, contract, hold, turn) in enumerate(
                zip(geometry.carriers[1:], parts[1:], charges, contracts[1:], holds, takes, strict=True), start=1
            )
        )
        for stage in stages:
            _check_held(stage, contracts, lead)
        return Schedule(network, spec, plan, contracts[0], stages, geometry.read, geometry.home, lead, slopes)

    schedule = timed(0)
    while missing := missing_lead(schedule):
        check_late([stage.name for stage in schedule.stages if stage.rivals], spec)
        schedule = timed(schedule.lead + missing)
    check_fan_in(schedule)
    return schedule


def _refuse_delayed(spec: ProcessorSpec) -> None:
    """Contracts say in which cycle a neuron fires, and hosts look for its spike there."""
    if spec.delayed_fire:
        raise ResourceError(
            f"profile {spec.name} has delayed_fire = true, so spikes would be seen one cycle after that of their "
            "value; compile for the same profile with delayed_fire = false",
            limit="delayed_fire",
            used=1,
            allowed=0,
        )


def fill_channels(network: LayeredNetwork, spec: ProcessorSpec, plan: FoldPlan, stretch: int = 1) -> FoldPlan:
    """The plan with channels on few neurons, as idle time has room for them.

    Parameters
    ----------
    network : LayeredNetwork
    spec : ProcessorSpec
    plan : FoldPlan
        Channels that it has are bounds for their layers.
    stretch : int
        How many times as many cycles as it would need a slot takes.

    Raises
    ------
    ScheduleError, ResourceError
        As `make_schedule` for the plan.
    """
    if network.rate:
        raise ScheduleError(f"channels of rate-coded network '{network.name}' cannot take turns; leave them out")
    plain = make_schedule(network, spec, replace(plan, channels={}))
    forgets = plain.clearing == "leak"
    slot = stretch * (plain.slot if forgets else max(plain.slot, 2))
    geometry = make_geometry(network, plan)
    pitches, frame_pitch = find_pitches(geometry)
    interval = slot * frame_pitch

    def fits(number: int, turns: list[Turns]) -> bool:
        try:
            _turn_charges(geometry, number, turns, pitches, interval, slot, spec, plan)
        except ResourceError:
            return False
        return True

    filled = fill_turns(geometry, pitches, interval, slot, forgets, plan.channels, fits)
    return replace(plan, channels=filled, slot=plan.slot if stretch == 1 else slot)


def _turning(geometry: Geometry, counts: list[int]) -> frozenset[int]:
    """Carriers whose units are silent but in turns: they have several, or what they read has."""
    return frozenset(
        number
        for number, carrier in enumerate(geometry.carriers)
        if carrier.readings and (counts[number] > 1 or any(counts[part.source] > 1 for part in carrier.readings))
    )


def _gated(geometry: Geometry, turning: frozenset[int], plan: FoldPlan) -> frozenset[int]:
    """Carriers that must be silent in blank slots, or shall be by the plan.

    What a turning layer reads must not speak in slots that its turns fill.
    """
    carriers = geometry.carriers
    units = {number for number, carrier in enumerate(carriers) if carrier.readings and carrier.pools is None} - turning
    wanted = set(geometry.silent)
    if plan.gate and carriers[0].tiles != (1, 1):
        wanted |= units
    for number in turning:
        for part in carriers[number].readings:
            own = carriers[part.source].serialises
            wanted.add(part.source if own is None else own)
    return frozenset(wanted & units)


def _slot(
    geometry: Geometry,
    charges: list[Charges],
    turning: frozenset[int],
    holds: list[HoldCharges | None],
    clearing: str,
    beat: int,
    plan: FoldPlan,
    frame_pitch: int,
) -> int:
    """Cycles per slot."""
    cleared = any(charge.clear.any() for charge in charges) or any(holds) or clearing == "clear"
    least = 2 if cleared or (turning and clearing != "leak") else 1
    levels = geometry.carriers[0].levels
    if levels > 1 or beat > 1:
        least = (levels - 1) * beat + 2
    most = LONGEST_INTERVAL // frame_pitch
    if plan.slot is not None and not least <= plan.slot <= most:
        raise ScheduleError(f"slot of {plan.slot} cycles, allowed {least}..{most} for this network and processor")
    return least if plan.slot is None else plan.slot


def _check_held(stage: Stage, contracts: list[StreamContract], lead: int) -> None:
    """Refuse to hold what the next frame's first values would already disturb."""
    if not stage.held:
        return
    first = min(contracts[part.source].start for part in stage.held) + FROM_STREAM * (1 + lead)
    if stage.contract.start > first + stage.contract.interval - 2:
        raise ScheduleError(
            f"layer '{stage.name}' cannot be held: its frame takes {stage.contract.start - first + 2} cycles to come, "
            f"and the next begins after {stage.contract.interval}; align it by delay"
        )


def _parts(geometry: Geometry, pitches: list[Pitch], number: int, slopes: bool) -> tuple[Part, ...]:
    carrier = geometry.carriers[number]
    together = followed(carrier) is not None
    if carrier.serialises is None:
        return tuple(
            Part(
                reading.source,
                reading.window,
                _window_taps(reading.rows, pitches[reading.source][0]),
                _window_taps(reading.cols, pitches[reading.source][1]),
                geometry.carriers[reading.source].levels - carrier.levels + 1,
                together,
                slopes and carrier.gathers,
            )
            for reading in carrier.readings
        )
    read = geometry.carriers[carrier.serialises]
    rows, cols = (_serial_taps(read.tile[axis], carrier.tile[axis], pitches[number][axis]) for axis in range(2))
    window = each_channel(carrier.shape[0], (1, 1), (1, 1))
    return (Part(carrier.serialises, window, rows, cols, together=together),)


def _window_taps(axis: Axis, pitch: int) -> Taps:
    return Taps(axis.lane_in, axis.lane_out, axis.tap, axis.tile * pitch)


def _serial_taps(tile: int, cut: int, pitch: int) -> Taps:
    """Lane by lane into smaller tiles that come one after the other."""
    lane = np.arange(tile)
    later, lane_out = np.divmod(lane, cut)
    return Taps(lane, lane_out, np.zeros_like(lane), -later * pitch)


def _charges(
    network: LayeredNetwork,
    geometry: Geometry,
    number: int,
    parts: tuple[Part, ...],
    count: int,
    spec: ProcessorSpec,
    gated: bool,
    clearing: str,
) -> Charges:
    carrier = geometry.carriers[number]
    if carrier.serialises is not None:
        # It only repeats spikes, and keeps nothing.
        return no_charges(np.ones(-(-carrier.shape[0] // count), np.int64))
    windows, levels = [part.window for part in parts], [part.levels for part in parts]
    assert carrier.threshold is not None  # it has units
    if carrier.pools is not None and spec.pooling_groups:
        return output_charges(carrier.shape[0], spec)
    if network.rate:
        floor, threshold = carrier.floor, carrier.threshold
        if carrier.latched and clearing != "clear":
            return latch_charges(windows, threshold, network.steps, floor, spec, gated, clearing, carrier.name)
        together = any(number == other.pools for other in geometry.carriers)
        return rate_charges(windows, threshold, network.steps, floor, spec, gated, clearing, carrier.name, together)
    return layer_charges(windows, levels, carrier.threshold, spec, gated, clearing, carrier.name)


def _turn_charges(
    geometry: Geometry,
    number: int,
    turns: list[Turns],
    pitches: list[Pitch],
    interval: int,
    slot: int,
    spec: ProcessorSpec,
    plan: FoldPlan,
) -> TurnCharges:
    carrier = geometry.carriers[number]
    steps = []
    for part in carrier.readings:
        apart = [interval]
        for axis in range(2):
            pairs = ((geometry.carriers[which].tiles[axis], pitches[which][axis]) for which in (part.source, number))
            apart += [slot * pitch for tiles, pitch in pairs if tiles > 1]
        steps.append(gcd(*apart))
    assert carrier.threshold is not None  # it has units
    return turn_charges(
        [part.window for part in carrier.readings],
        [turns[part.source] for part in carrier.readings],
        followed(carrier) is not None,
        turns[number],
        steps,
        carrier.threshold,
        spec,
        clearing_way(plan.clearing, spec),
        carrier.name,
    )


def _hold(
    geometry: Geometry,
    number: int,
    parts: tuple[Part, ...],
    spec: ProcessorSpec,
    turns: bool,
    plan: FoldPlan,
) -> HoldCharges | None:
    """Charges of a carrier that is to be held; None where it is aligned."""
    carrier = geometry.carriers[number]
    streams = carrier.shape[1:] == (1, 1) and any(geometry.carriers[p.source].tiles != (1, 1) for p in parts)
    if plan.dense == "aligned" or not streams or carrier.threshold is None:
        return None
    if turns or any(part.levels > 1 for part in parts):
        if plan.dense == "auto":
            return None
        what = "channels take turns" if turns else "its values are counted"
        raise ScheduleError(f"layer '{carrier.name}' cannot be held where {what}; align it by delay")
    windows = [part.window for part in parts]
    try:
        return hold_charges(windows, carrier.threshold, spec, clearing_way(plan.clearing, spec), carrier.name)
    except ResourceError:
        if plan.dense == "auto":
            return None
        raise


def _saves(
    geometry: Geometry, parts: tuple[Part, ...], pitches: list[Pitch], frame_pitch: int, spec: ProcessorSpec
) -> bool:
    """Whether a delay line across a stream would take more relays than there are values and tiles to pick out.

    Only of one stream that ends before its next frame begins: so much is certain to be held rightly.
    """
    if spec.max_delay is None or len(parts) != 1:
        return False
    source, pitch = geometry.carriers[parts[0].source], pitches[parts[0].source]
    extent = stream_extent(source, pitch)
    lanes = source.shape[0] * min(source.tile[0], source.shape[1]) * min(source.tile[1], source.shape[2])
    relays = lanes * (-(-(2 * extent + 1) // spec.max_delay) - 1)
    picked = int(np.prod(source.shape)) + source.tiles[0] * source.tiles[1]
    return extent < frame_pitch and relays > picked


def _of_phase_clock(charges: Charges, hold: HoldCharges | None, turn: TurnCharges | None) -> Charges:
    """What the phase clock sends: nothing to units that are held or take turns."""
    own = hold or turn
    return charges if own is None else no_charges(own.threshold)
