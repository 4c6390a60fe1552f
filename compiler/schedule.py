"""Space and time for every layer: stream contracts, taps, charges, gates. Nothing is emitted here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.axis import Axis
from compiler.charges import Charges, window_charges
from compiler.geometry import Carrier, Geometry, make_geometry
from compiler.network import Layer, LayeredNetwork
from compiler.pitches import Pitch, find_pitches
from compiler.plan import FoldPlan
from compiler.window import Window
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
class Stage:
    """Units of a layer, or the serialiser behind one.

    Parameters
    ----------
    name : str
        Layer, or ``"input"``.
    role : str
        ``"unit"`` or ``"serialiser"``.
    layer : Layer or None
    window : Window
    source : int
        Carrier that it reads: 0 is the input, ``i + 1`` stage ``i``.
    rows, cols : Taps
    charges : Charges
    gated : bool
        Whether it is kept silent in blank slots.
    contract : StreamContract
    """

    name: str
    role: str
    layer: Layer | None
    window: Window
    source: int
    rows: Taps
    cols: Taps
    charges: Charges
    gated: bool
    contract: StreamContract


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
        For each layer name (and ``"input"``) the carrier that later layers read, and the one of its own units.
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
        return self.read[self.network.layers[-1].name]

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
        If a unit cannot be held or cleared on the processor.
    """
    geometry = make_geometry(network, plan)
    pitches, frame_pitch = find_pitches(geometry)
    charges = _charges(geometry, spec, plan)
    slot = 2 if any(part.clear.any() for part in charges) else 1
    starts = _starts(geometry, pitches, slot)
    late = max(0, *(_earliest(part, spec) - start for part, start in zip(charges, starts[1:], strict=True)))
    if any(part.inhibit.any() for part in charges):
        late = max(late, 1)  # gates hold from cycle 2 on; data must not come before
    contracts = [
        StreamContract(*carrier.shape, *carrier.tile, start + late, slot, *pitch, slot * frame_pitch)
        for carrier, start, pitch in zip(geometry.carriers, starts, pitches, strict=True)
    ]
    stages = tuple(
        Stage(
            name=carrier.name,
            role="serialiser" if carrier.is_serialiser else "unit",
            layer=carrier.layer,
            window=_window(carrier),
            source=carrier.source,
            rows=_taps(geometry, pitches, number, 0),
            cols=_taps(geometry, pitches, number, 1),
            charges=part,
            gated=bool(part.inhibit.any()),  # a layer that never fires anyway has nothing to be kept from
            contract=contract,
        )
        for number, (carrier, part, contract) in enumerate(
            zip(geometry.carriers[1:], charges, contracts[1:], strict=True), start=1
        )
    )
    return Schedule(network, spec, plan, contracts[0], stages, geometry.read, geometry.home)


def _window(carrier: Carrier) -> Window:
    """Weights of a carrier; a serialiser passes each channel on as it is."""
    if carrier.window is not None:
        return carrier.window
    channels = carrier.shape[0]
    ones = np.ones(channels, np.int64)
    return Window(ones[:, None, None, None], ones, (1, 1), (0, 0), channels)


def _charges(geometry: Geometry, spec: ProcessorSpec, plan: FoldPlan) -> list[Charges]:
    folded = geometry.carriers[0].tiles != (1, 1)
    charges = []
    for number, carrier in enumerate(geometry.carriers[1:], start=1):
        gated = number in geometry.silent or (plan.gate and folded and not carrier.is_serialiser)
        charges.append(window_charges(_window(carrier), spec, gated, carrier.name))
    return charges


def _taps(geometry: Geometry, pitches: list[Pitch], number: int, axis: int) -> Taps:
    carrier = geometry.carriers[number]
    read = geometry.carriers[carrier.source]
    along: Axis | None = carrier.cols if axis else carrier.rows
    if along is not None:
        return Taps(along.lane_in, along.lane_out, along.tap, along.tile * pitches[carrier.source][axis])
    # A serialiser: lane by lane into tiles that come one after the other.
    lane = np.arange(min(read.tile[axis], read.shape[1 + axis]))
    tile, lane_out = np.divmod(lane, carrier.tile[axis])
    return Taps(lane, lane_out, np.zeros_like(lane), -tile * pitches[number][axis])


def _starts(geometry: Geometry, pitches: list[Pitch], slot: int) -> list[int]:
    """Cycle of every carrier's first tile: one after the last of the values that it needs; the input's is 0."""
    starts = [0]
    for number, carrier in enumerate(geometry.carriers[1:], start=1):
        taps = [_taps(geometry, pitches, number, axis) for axis in range(2)]
        reach = sum(int(along.age.max()) if len(along.age) else 0 for along in taps)
        starts.append(starts[carrier.source] + slot * reach + 1)
    return starts


def _earliest(charges: Charges, spec: ProcessorSpec) -> int:
    """First cycle in which a stage may be evaluated when the clocks start in cycle 0."""
    if charges.inhibit.any():
        return 3  # frame clock, row gate, gate: one cycle each
    if spec.potential_floor and np.any(charges.clear):
        return 3  # cleared once before the first bias, which lifts it from the floor
    return 1
