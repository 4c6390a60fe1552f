"""Space and time for every layer: stream contracts, taps, charges, gates. Nothing is emitted here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.axis import Axis
from compiler.charges import Charges, clearing_way, layer_charges, least_delay
from compiler.drive import Window, each_channel
from compiler.geometry import Carrier, Geometry, make_geometry
from compiler.hold import FROM_STREAM, HoldCharges, hold_charges
from compiler.network import LayeredNetwork
from compiler.pitches import Pitch, find_pitches
from compiler.plan import FoldPlan
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.spec import ProcessorSpec
from isa_spec.stream import StreamContract


@dataclass(frozen=True, eq=False)
class Taps:
    """Connections along one axis, each between a lane that is read and a lane that reads.

    Parameters
    ----------
    lane_in, lane_out : int64[n_taps]
    tap : int64[n_taps]
        Index into the kernel.
    age : int64[n_taps], slots
        How much later the value that is read comes than one in the source's first tile.
    """

    lane_in: np.ndarray
    lane_out: np.ndarray
    tap: np.ndarray
    age: np.ndarray

    def lanes_per_tap(self, kernel: int) -> np.ndarray:
        """Connections through each place of the kernel: int64[kernel]."""
        return np.bincount(self.tap, minlength=kernel)


@dataclass(frozen=True, eq=False)
class Part:
    """One window of a stage over one carrier: 0 is the input, ``i + 1`` stage ``i``."""

    source: int
    window: Window
    rows: Taps
    cols: Taps


@dataclass(frozen=True, eq=False)
class Stage:
    """Units of a layer, or the serialiser behind one.

    Parameters
    ----------
    name : str
        Layer, or ``"input"``.
    role : str
        ``"unit"`` or ``"serialiser"``.
    parts : tuple of Part
    charges : Charges
    gated : bool
        Whether it is kept silent in blank slots.
    contract : StreamContract
    hold : HoldCharges or None
        For a layer that gathers a stream by hold and release; its parts are then read through demultiplexers.
    """

    name: str
    role: str
    parts: tuple[Part, ...]
    charges: Charges
    gated: bool
    contract: StreamContract
    hold: HoldCharges | None = None

    @property
    def aligned(self) -> tuple[Part, ...]:
        """Parts that are read by delay."""
        return () if self.hold else self.parts

    @property
    def held(self) -> tuple[Part, ...]:
        """Parts that are read through demultiplexers."""
        return self.parts if self.hold else ()


@dataclass(frozen=True, eq=False)
class Schedule:
    """Everything that is decided before a neuron exists.

    Parameters
    ----------
    network : LayeredNetwork
    spec : ProcessorSpec
    plan : FoldPlan
    input : StreamContract
    stages : tuple of Stage
    read, home : dict of str to int
        As in `Geometry`.
    """

    network: LayeredNetwork
    spec: ProcessorSpec
    plan: FoldPlan
    input: StreamContract
    stages: tuple[Stage, ...]
    read: dict[str, int]
    home: dict[str, int]

    def contract(self, carrier: int) -> StreamContract:
        """Contract of the input (0) or of stage ``carrier - 1``."""
        return self.stages[carrier - 1].contract if carrier else self.input

    @property
    def output(self) -> int:
        """Carrier of the network's answers."""
        return self.home[self.network.answering.name]

    @property
    def clearing(self) -> str:
        """How potentials are cleared: ``floor``, ``leak`` or ``force``."""
        return clearing_way(self.plan.clearing, self.spec)

    @property
    def slot(self) -> int:
        """Cycles per slot: 2 where potentials are cleared, else 1."""
        return self.input.slot

    @property
    def interval(self) -> int:
        """Initiation interval, in cycles."""
        return self.input.interval

    @property
    def latency(self) -> int:
        """Cycles from reset until frame 0 is decided."""
        return self.contract(self.output).last_cycle + 1


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
        If a unit cannot be held on the processor, or it cannot clear potentials as the plan wants.
    """
    geometry = make_geometry(network, plan)
    pitches, frame_pitch = find_pitches(geometry)
    parts = [_parts(geometry, pitches, number) for number in range(len(pitches))]
    charges = [_charges(geometry, number, parts[number], spec, plan) for number in range(1, len(parts))]
    slot = 2 if any(part.clear.any() for part in charges) else 1
    saves = [plan.dense == "held" or _saves(geometry, read, pitches, frame_pitch, spec) for read in parts[1:]]
    holds = [
        _hold(geometry, number, parts[number], spec, plan) if saved else None
        for number, saved in enumerate(saves, start=1)
    ]
    if any(holds):
        slot = 2
        charges = [_held_charges(part, hold) for part, hold in zip(charges, holds, strict=True)]
    starts = _starts(geometry, parts, pitches, holds, slot, spec)
    late = max(0, *(_earliest(part, spec, plan) - start for part, start in zip(charges, starts[1:], strict=True)))
    for read, hold in zip(parts[1:], holds, strict=True):
        if hold:  # select neurons and demultiplexers wake up as gates do
            late = max(late, *(2 - starts[part.source] for part in read))
    if any(part.inhibit.any() for part in charges):
        late = max(late, least_delay(spec))  # gates hold one cycle later; data must not come before
    contracts = [
        StreamContract(*carrier.shape, *carrier.tile, start + late, slot, *pitch, slot * frame_pitch)
        for carrier, start, pitch in zip(geometry.carriers, starts, pitches, strict=True)
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
        )
        for carrier, read, charge, contract, hold in zip(
            geometry.carriers[1:], parts[1:], charges, contracts[1:], holds, strict=True
        )
    )
    for stage in stages:
        _check_held(stage, contracts)
    return Schedule(network, spec, plan, contracts[0], stages, geometry.read, geometry.home)


def _check_held(stage: Stage, contracts: list[StreamContract]) -> None:
    """Refuse to hold what the next frame's first values would already disturb."""
    if not stage.held:
        return
    first = min(contracts[part.source].start for part in stage.held) + FROM_STREAM
    if stage.contract.start > first + stage.contract.interval - 2:
        raise ScheduleError(
            f"layer '{stage.name}' cannot be held: its frame takes {stage.contract.start - first + 2} cycles to come, "
            f"and the next begins after {stage.contract.interval}; align it by delay"
        )


def _parts(geometry: Geometry, pitches: list[Pitch], number: int) -> tuple[Part, ...]:
    carrier = geometry.carriers[number]
    if carrier.serialises is None:
        return tuple(
            Part(
                reading.source,
                reading.window,
                _window_taps(reading.rows, pitches[reading.source][0]),
                _window_taps(reading.cols, pitches[reading.source][1]),
            )
            for reading in carrier.readings
        )
    read = geometry.carriers[carrier.serialises]
    rows, cols = (_serial_taps(read.tile[axis], carrier.tile[axis], pitches[number][axis]) for axis in range(2))
    return (Part(carrier.serialises, each_channel(carrier.shape[0], (1, 1), (1, 1)), rows, cols),)


def _window_taps(axis: Axis, pitch: int) -> Taps:
    return Taps(axis.lane_in, axis.lane_out, axis.tap, axis.tile * pitch)


def _serial_taps(tile: int, cut: int, pitch: int) -> Taps:
    """Lane by lane into smaller tiles that come one after the other."""
    lane = np.arange(tile)
    later, lane_out = np.divmod(lane, cut)
    return Taps(lane, lane_out, np.zeros_like(lane), -later * pitch)


def _charges(geometry: Geometry, number: int, parts: tuple[Part, ...], spec: ProcessorSpec, plan: FoldPlan) -> Charges:
    carrier = geometry.carriers[number]
    serial = carrier.serialises is not None
    gated = number in geometry.silent or (plan.gate and geometry.carriers[0].tiles != (1, 1) and not serial)
    threshold = np.ones(carrier.shape[0], np.int64) if carrier.threshold is None else carrier.threshold
    clearing = clearing_way(plan.clearing, spec)
    return layer_charges([part.window for part in parts], threshold, spec, gated, clearing, carrier.name)


def _hold(
    geometry: Geometry, number: int, parts: tuple[Part, ...], spec: ProcessorSpec, plan: FoldPlan
) -> HoldCharges | None:
    """Charges of a carrier that is to be held; None where it is aligned."""
    carrier = geometry.carriers[number]
    sources = [geometry.carriers[part.source] for part in parts]
    streams = carrier.shape[1:] == (1, 1) and any(source.tiles != (1, 1) for source in sources)
    if plan.dense == "aligned" or not streams or carrier.threshold is None:
        return None
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
    extent = _extent(source, pitch)
    lanes = source.shape[0] * min(source.tile[0], source.shape[1]) * min(source.tile[1], source.shape[2])
    relays = lanes * (-(-(2 * extent + 1) // spec.max_delay) - 1)
    picked = int(np.prod(source.shape)) + source.tiles[0] * source.tiles[1]
    return extent < frame_pitch and relays > picked


def _extent(carrier: Carrier, pitch: Pitch) -> int:
    """Slots from a map's first tile to its last."""
    return (carrier.tiles[0] - 1) * pitch[0] + (carrier.tiles[1] - 1) * pitch[1]


def _held_charges(charges: Charges, hold: HoldCharges | None) -> Charges:
    """What the phase clock sends: nothing to held units."""
    if hold is None:
        return charges
    nothing = np.zeros_like(hold.threshold)
    return Charges(hold.threshold, nothing, nothing, nothing)


def _starts(
    geometry: Geometry,
    parts: list[tuple[Part, ...]],
    pitches: list[Pitch],
    holds: list[HoldCharges | None],
    slot: int,
    spec: ProcessorSpec,
) -> list[int]:
    """Cycle of every carrier's first tile: one after the last of the values that it needs; the input's is 0.

    Two where that value comes over several synapses of one pair and the processor allows one: a proxy takes a cycle.
    """
    starts = [0]
    for read, hold in zip(parts[1:], holds, strict=True):
        if hold:
            extents = [_extent(geometry.carriers[part.source], pitches[part.source]) for part in read]
            last = max(starts[part.source] + slot * extent for part, extent in zip(read, extents, strict=True))
            starts.append(last + FROM_STREAM)
            continue
        ready = (starts[part.source] + slot * (_latest(part.rows) + _latest(part.cols)) for part in read)
        starts.append(max(ready) + (2 if _several(read, spec) else 1))
    return starts


def _several(read: tuple[Part, ...], spec: ProcessorSpec) -> bool:
    """Whether a pair may need synapses of equal delay that the processor does not have."""
    if spec.parallel_synapses:
        return False
    ends = [part.window.extremes for part in read]
    wide = any(low < min(spec.weight_min, 0) or high > max(spec.weight_max, 0) for low, high in ends)
    return wide or len({part.source for part in read}) < len(read)


def _latest(taps: Taps) -> int:
    return int(taps.age.max()) if len(taps.age) else 0


def _earliest(charges: Charges, spec: ProcessorSpec, plan: FoldPlan) -> int:
    """First cycle in which a stage may be evaluated when the clocks start in cycle 0."""
    least = least_delay(spec)
    if charges.inhibit.any():
        return 2 + least  # from frame clock to row gate and gate, one cycle each, and on to the units
    if clearing_way(plan.clearing, spec) == "floor" and spec.potential_floor and np.any(charges.clear):
        return 2 + least  # cleared once before the first bias, which lifts it from the floor
    return least if charges.bias.any() else 1
