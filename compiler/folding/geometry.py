"""Space: which lanes carry each map, and which tiles of it are read. No pitch, no cycle yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.folding.axis import Axis, axis_taps
from compiler.folding.pools import check_windows
from compiler.networks.drive import SpikingLayer, Window, spiking_layers
from compiler.networks.layers import Flatten, Pool2d, Shape
from compiler.networks.network import INPUT, LayeredNetwork
from compiler.plan import FoldPlan, Tile, check_plan, legal_tiles
from isa_spec.coding import plane_weights, spike_levels
from isa_spec.errors import ScheduleError

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Reading:
    """One window of a layer over one carrier."""

    source: int
    window: Window
    rows: Axis
    cols: Axis


@dataclass(frozen=True, eq=False)
class Carrier:
    """Lanes that carry a map: the input's, a layer's units, or a serialiser's.

    Parameters
    ----------
    name : str
        Layer whose map it is, or ``"input"``.
    shape : (C, H, W)
        Of the input, planes count as channels.
    tile : (rows, columns)
    readings : tuple of Reading
        What a layer's units read; of one output tile and pitch all. None for the input and for serialisers.
    threshold : int64[C] or None, potential units
    serialises : int or None
        For a serialiser, the carrier whose map it carries in smaller tiles.
    levels : int
        Most spikes by which a value is told: above 1 for a counted input and the serialiser behind it, and for every
        carrier of a rate-coded network.
    floor : int or None, potential units
    latched, gathers : bool
        As in `SpikingLayer`.
    pools : int or None
        For a maximum by membrane potential, the carrier whose units it resets.
    """

    name: str
    shape: Shape
    tile: Tile
    readings: tuple[Reading, ...] = ()
    threshold: np.ndarray | None = None
    serialises: int | None = None
    levels: int = 1
    floor: int | None = None
    latched: bool = False
    gathers: bool = True
    pools: int | None = None

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles from top to bottom and from left to right."""
        return -(-self.shape[1] // self.tile[0]), -(-self.shape[2] // self.tile[1])


@dataclass(frozen=True, eq=False)
class Geometry:
    """All carriers, in the order of the layers.

    Parameters
    ----------
    carriers : tuple of Carrier
        The first is the input.
    read : dict of str to int
        For each spiking layer (and ``"input"``) the carrier that later layers read.
    home : dict of str to int
        For each spiking layer (and ``"input"``) the carrier of its own units; for a flattened one, its source's.
    row_span, col_span : tuple of (first, last)
        For each carrier the outermost tiles that are written or read, blank ones included.
    silent : frozenset of int
        Carriers that must be silent in blank slots, because a window reads them there or a serialiser follows.
    """

    carriers: tuple[Carrier, ...]
    read: dict[str, int]
    home: dict[str, int]
    row_span: tuple[Span, ...]
    col_span: tuple[Span, ...]
    silent: frozenset[int]


def make_geometry(network: LayeredNetwork, plan: FoldPlan) -> Geometry:
    """Lanes for every layer under a plan.

    Raises
    ------
    ScheduleError
        If a tile does not divide the frame, or cannot be had from the layer's natural one, or names no layer.
    """
    check_plan(plan, *network.input_shape[1:])
    layers = spiking_layers(network)
    known = [INPUT, *(spiking.layer.name for spiking in layers)]
    for name in plan.tiles:
        if name not in known:
            raise ScheduleError(f"tile of '{name}': no such layer has units, allowed: {', '.join(known)}")
    channels, height, width = network.input_shape
    planes = channels * len(plane_weights(network.encoding))
    carriers = [Carrier(INPUT, (planes, height, width), plan.unroll, levels=spike_levels(network.encoding))]
    home = {INPUT: 0}
    read = {INPUT: _serialise(carriers, 0, plan.tiles.get(INPUT))}
    for spiking in layers:
        name = spiking.layer.name
        pool = spiking.layer if isinstance(spiking.layer, Pool2d) and spiking.layer.membrane else None
        # The units themselves start anew, not a serialiser behind them.
        carriers.append(_units(spiking, carriers, home if pool else read, plan.tiles.get(name), network.steps, pool))
        home[name] = len(carriers) - 1
        read[name] = _serialise(carriers, home[name], plan.tiles.get(name))
    answer = network.answering.name
    if read[answer] != home[answer]:
        raise ScheduleError(f"tile of '{answer}': no later layer reads it, its units are the output")
    for layer in network.layers:
        if isinstance(layer, Flatten) and layer.sources[0] in home:
            home[layer.name] = home[layer.sources[0]]
    spans = [_spans(carriers, number) for number in range(len(carriers))]
    rows, cols = zip(*spans, strict=True)
    return Geometry(tuple(carriers), read, home, rows, cols, _silent(carriers))


def _units(
    spiking: SpikingLayer,
    carriers: list[Carrier],
    read: dict[str, int],
    wanted: Tile | None,
    levels: int,
    pool: Pool2d | None,
) -> Carrier:
    """Carrier of a layer's units: its tile is the largest that follows from what it reads, or wider by the plan."""
    name = spiking.layer.name
    axes: list[list[Axis]] = []
    for axis in range(2):
        positions = spiking.shape[1 + axis]
        arguments = []
        for term in spiking.terms:
            source, window = carriers[read[term.source]], term.window
            size, unroll = source.shape[1 + axis], source.tile[axis]
            arguments.append((size, unroll, window.kernel[axis], window.stride[axis], window.before[axis], positions))
        naturals = [axis_taps(*args).unroll for args in arguments]
        natural = max(naturals)
        want = natural if wanted is None else max(wanted[axis], natural)
        _check_tile(name, want if wanted is None else wanted[axis], legal_tiles(natural, positions), positions)
        axes.append([axis_taps(*args, -(-want // own)) for args, own in zip(arguments, naturals, strict=True)])
        tiles = {taps.unroll for taps in axes[-1]}
        if len(tiles) > 1:
            raise ScheduleError(
                f"layer '{name}' reads maps that come in different tiles ({', '.join(map(str, sorted(tiles)))} of its "
                f"{positions} rows or columns at once); cut or widen the tile of one of them"
            )
    readings = tuple(
        Reading(read[term.source], term.window, rows, cols)
        for term, rows, cols in zip(spiking.terms, *axes, strict=True)
    )
    tile = (axes[0][0].unroll, axes[1][0].unroll)
    pools = readings[0].source if pool else None
    if pool:
        source = carriers[readings[0].source]
        for axis, (taps,) in enumerate(axes):
            check_windows(pool, source.shape[1 + axis], source.tile[axis], axis, taps)
    return Carrier(
        name,
        spiking.shape,
        tile,
        readings,
        spiking.threshold,
        levels=levels,
        floor=spiking.floor,
        latched=spiking.latched,
        gathers=spiking.gathers,
        pools=pools,
    )


def _serialise(carriers: list[Carrier], number: int, wanted: Tile | None) -> int:
    """Append a serialiser if the plan wants a smaller tile; the carrier that later layers read."""
    carrier = carriers[number]
    if wanted is None or wanted == carrier.tile:
        return number
    for axis in range(2):
        size = carrier.shape[1 + axis]
        legal = [tile for tile in legal_tiles(carrier.tile[axis], size) if tile <= carrier.tile[axis]]
        _check_tile(carrier.name, wanted[axis], legal, size)
    carriers.append(Carrier(carrier.name, carrier.shape, wanted, serialises=number, levels=carrier.levels))
    return len(carriers) - 1


def _check_tile(name: str, wanted: int, legal: list[int], size: int) -> None:
    if wanted not in legal:
        raise ScheduleError(
            f"tile of '{name}': {wanted} of its {size} rows or columns at once, allowed: {', '.join(map(str, legal))}"
        )


def _spans(carriers: list[Carrier], number: int) -> tuple[Span, Span]:
    rows, cols = carriers[number].tiles
    reading = [part for carrier in carriers for part in carrier.readings if part.source == number]
    return (
        (min([0, *(r.rows.first_tile for r in reading)]), max([rows - 1, *(r.rows.last_tile for r in reading)])),
        (min([0, *(r.cols.first_tile for r in reading)]), max([cols - 1, *(r.cols.last_tile for r in reading)])),
    )


def _silent(carriers: list[Carrier]) -> frozenset[int]:
    silent = {carrier.serialises for carrier in carriers if carrier.serialises is not None}
    for carrier in carriers:
        silent |= {part.source for part in carrier.readings if part.rows.reads_blank or part.cols.reads_blank}
    # A pool that resets what it reads speaks when that does: the units that it reads have to be silent in its place.
    silent |= {pooled for number in silent if number and (pooled := carriers[number].pools) is not None}
    # A serialiser speaks only when its source does, and its source is silent: nothing of its own is needed.
    speaking = {
        number for number, carrier in enumerate(carriers) if carrier.serialises is None and carrier.pools is None
    }
    return frozenset(silent & speaking - {0})
