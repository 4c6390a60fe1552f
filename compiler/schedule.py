"""Space and time for every layer: the stream contracts, the blank slots, the clocks. Nothing is emitted here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from compiler.axis import Axis, axis_taps
from compiler.charges import Charges, window_charges
from compiler.network import INPUT, Layer, LayeredNetwork
from compiler.plan import FoldPlan, check_plan
from compiler.window import Window, as_window
from isa_spec.spec import ProcessorSpec
from isa_spec.stream import StreamContract


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer that has units of its own.

    Parameters
    ----------
    layer : Layer
    window : Window
    source : int
        Carrier that it reads: 0 is the input, ``i + 1`` stage ``i``.
    rows, cols : Axis
    charges : Charges
    gated : bool
        Whether it is kept silent in blank slots, because a later layer reads them or the plan wants it.
    contract : StreamContract
    """

    layer: Layer
    window: Window
    source: int
    rows: Axis
    cols: Axis
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
    carrier : dict of str to int
        For each layer name (and ``"input"``) the carrier of its values.
    """

    network: LayeredNetwork
    spec: ProcessorSpec
    plan: FoldPlan
    input: StreamContract
    stages: tuple[Stage, ...]
    carrier: dict[str, int]

    def contract(self, carrier: int) -> StreamContract:
        """Contract of the input (0) or of stage ``carrier - 1``."""
        return self.stages[carrier - 1].contract if carrier else self.input

    @property
    def output(self) -> StreamContract:
        """Contract of the last layer."""
        return self.contract(self.carrier[self.network.layers[-1].name])

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
        return self.output.last_cycle + 1


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
        If the tile does not divide the frame.
    ResourceError
        If a unit cannot be held or cleared on the processor.
    """
    channels, height, width = network.input_shape
    check_plan(plan, height, width)
    frame = StreamContract(channels, height, width, *plan.unroll, start=0, slot=1, row_pitch=1, col_pitch=1, interval=1)
    drafts, carrier = _connect(network, spec, frame, plan.gate)
    slot = 2 if any(stage.charges.clear.any() for stage in drafts) else 1
    row_pitch, interval = _pitches(frame, drafts)
    frame = replace(frame, slot=slot, row_pitch=row_pitch, interval=slot * interval)
    timed = _time(frame, drafts)
    late = max([0, *(_earliest(stage, spec) - stage.contract.start for stage in timed)])
    if any(stage.gated for stage in timed):
        late = max(late, 1)  # gates hold from cycle 2 on; data must not come before
    frame = replace(frame, start=late)
    return Schedule(network, spec, plan, frame, _time(frame, drafts), carrier)


def _connect(
    network: LayeredNetwork, spec: ProcessorSpec, frame: StreamContract, gate: bool
) -> tuple[list[Stage], dict[str, int]]:
    """Stages with lanes; their row pitch counts rows of the frame, their times come later."""
    carrier = {INPUT: 0}
    contracts = [frame]
    geometry: list[tuple[Layer, Window, int, Axis, Axis]] = []
    for layer in network.layers:
        source = carrier[layer.source]
        read = contracts[source]
        window = as_window(layer, (read.channels, read.height, read.width))
        if window is None:
            carrier[layer.name] = source
            continue
        rows, cols = (
            axis_taps(size, unroll, kernel, stride, padding)
            for size, unroll, kernel, stride, padding in zip(
                (read.height, read.width),
                (read.unroll_h, read.unroll_w),
                window.kernel,
                window.stride,
                window.padding,
                strict=True,
            )
        )
        geometry.append((layer, window, source, rows, cols))
        pitch = {"row_pitch": read.row_pitch * rows.pitch, "col_pitch": read.col_pitch * cols.pitch}
        contracts.append(
            replace(
                read,
                channels=window.n_channels,
                height=rows.size,
                width=cols.size,
                unroll_h=rows.unroll,
                unroll_w=cols.unroll,
                **pitch,
            )
        )
        carrier[layer.name] = len(geometry)
    gated = {source for _, _, source, rows, cols in geometry if rows.reads_blank or cols.reads_blank}
    if gate and frame.tile_rows * frame.tile_cols > 1:
        gated |= set(range(1, len(contracts)))
    stages = []
    for index, (layer, window, source, rows, cols) in enumerate(geometry, start=1):
        charges = window_charges(window, spec, index in gated, layer.name)
        # A layer that never fires anyway has nothing to be kept from.
        held = bool(charges.inhibit.any())
        stages.append(Stage(layer, window, source, rows, cols, charges, held, contracts[index]))
    return stages, carrier


def _pitches(frame: StreamContract, drafts: list[Stage]) -> tuple[int, int]:
    """Least slots from row to row and frame to frame at which no two values meet, nor a blank read and a value."""
    contracts = [frame, *(stage.contract for stage in drafts)]
    # Outermost tiles of each map that are written or read, (first, last) by rows and by columns.
    rows = [(0, contract.tile_rows - 1) for contract in contracts]
    cols = [(0, contract.tile_cols - 1) for contract in contracts]
    for stage in drafts:
        rows[stage.source] = _hull(rows[stage.source], stage.rows)
        cols[stage.source] = _hull(cols[stage.source], stage.cols)
    row_pitch = interval = 1
    for contract, (left, right) in zip(contracts, cols, strict=True):
        across = max(right, contract.tile_cols - 1 - left) * contract.col_pitch
        row_pitch = max(row_pitch, -(-(across + 1) // contract.row_pitch))
    for contract, (top, bottom), (left, right) in zip(contracts, rows, cols, strict=True):
        down, along = contract.row_pitch * row_pitch, contract.col_pitch
        last_read = bottom * down + right * along
        last_value = (contract.tile_rows - 1) * down + (contract.tile_cols - 1) * along
        interval = max(interval, last_read + 1, last_value - (top * down + left * along) + 1)
    return row_pitch, interval


def _hull(tiles: tuple[int, int], axis: Axis) -> tuple[int, int]:
    return min(tiles[0], axis.first_tile), max(tiles[1], axis.last_tile)


def _time(frame: StreamContract, drafts: list[Stage]) -> tuple[Stage, ...]:
    """Stages with their start: one cycle after the last of the values that a window needs."""
    contracts = [frame]
    timed = []
    for stage in drafts:
        read = contracts[stage.source]
        reach = read.slot * (
            int(stage.rows.tile.max(initial=0)) * read.row_pitch + int(stage.cols.tile.max(initial=0)) * read.col_pitch
        )
        contract = replace(
            stage.contract,
            start=read.start + reach + 1,
            slot=frame.slot,
            row_pitch=stage.contract.row_pitch * frame.row_pitch,
            interval=frame.interval,
        )
        contracts.append(contract)
        timed.append(replace(stage, contract=contract))
    return tuple(timed)


def _earliest(stage: Stage, spec: ProcessorSpec) -> int:
    """First cycle in which the stage may be evaluated when the clocks start in cycle 0."""
    if stage.gated:
        return 3  # frame clock, row gate, gate: one cycle each
    if spec.potential_floor and np.any(stage.charges.clear):
        return 3  # cleared once before the first bias, which lifts it from the floor
    return 1
