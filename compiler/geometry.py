"""Space: which lanes carry each map, and which tiles of it are read. No pitch, no cycle yet."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.axis import Axis, axis_taps
from compiler.network import INPUT, Layer, LayeredNetwork, Shape
from compiler.plan import FoldPlan, Tile, check_plan, legal_tiles
from compiler.window import Window, as_window
from isa_spec.errors import ScheduleError

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Carrier:
    """Lanes that carry a map: the input's, a layer's units, or a serialiser's.

    Parameters
    ----------
    layer : Layer or None
        None for the input (and its serialiser).
    shape : (C, H, W)
    tile : (rows, columns)
    source : int
        Carrier that is read; -1 for the input.
    window : Window or None
        None for the input and for serialisers.
    rows, cols : Axis or None
        Of the window.
    """

    layer: Layer | None
    shape: Shape
    tile: Tile
    source: int
    window: Window | None = None
    rows: Axis | None = None
    cols: Axis | None = None

    @property
    def name(self) -> str:
        """Name of the layer whose map it is."""
        return INPUT if self.layer is None else self.layer.name

    @property
    def is_serialiser(self) -> bool:
        """Whether it only carries another carrier's map in smaller tiles."""
        return self.source >= 0 and self.window is None

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
        For each layer name (and ``"input"``) the carrier that later layers read.
    home : dict of str to int
        For each layer name (and ``"input"``) the carrier of its own units; a flattened layer's is its source's.
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
    known = [INPUT, *(layer.name for layer in network.layers if layer.kind != "flatten")]
    for name in plan.tiles:
        if name not in known:
            raise ScheduleError(f"tile of '{name}': no such layer, allowed: {', '.join(known)}")
    carriers = [Carrier(None, network.input_shape, plan.unroll, -1)]
    home = {INPUT: 0}
    read = {INPUT: _serialise(carriers, 0, plan.tiles.get(INPUT))}
    for layer in network.layers:
        source = read[layer.source]
        window = as_window(layer, carriers[source].shape)
        if window is None:
            home[layer.name], read[layer.name] = home[layer.source], source
            continue
        carriers.append(_windowed(layer, window, source, carriers[source], plan.tiles.get(layer.name)))
        home[layer.name] = len(carriers) - 1
        read[layer.name] = _serialise(carriers, home[layer.name], plan.tiles.get(layer.name))
    last = network.layers[-1].name
    if read[last] != home[last]:
        raise ScheduleError(f"tile of '{carriers[home[last]].name}': no later layer reads it, its units are the output")
    return Geometry(
        tuple(carriers),
        read,
        home,
        tuple(_span(carriers, number, "rows") for number in range(len(carriers))),
        tuple(_span(carriers, number, "cols") for number in range(len(carriers))),
        _silent(carriers),
    )


def _windowed(layer: Layer, window: Window, source: int, read: Carrier, wanted: Tile | None) -> Carrier:
    """Carrier of a layer's units, its tile widened if the plan wants a multiple of the natural one."""
    axes = []
    for axis in range(2):
        args = (read.shape[1 + axis], read.tile[axis], window.kernel[axis], window.stride[axis], window.padding[axis])
        natural = axis_taps(*args)
        want = natural.unroll if wanted is None else wanted[axis]
        _check_tile(layer.name, want, legal_tiles(natural.unroll, natural.size), natural.size)
        axes.append(axis_taps(*args, -(-want // natural.unroll)))
    rows, cols = axes
    shape = (window.n_channels, rows.size, cols.size)
    return Carrier(layer, shape, (rows.unroll, cols.unroll), source, window, rows, cols)


def _serialise(carriers: list[Carrier], number: int, wanted: Tile | None) -> int:
    """Append a serialiser if the plan wants a smaller tile; the carrier that later layers read."""
    carrier = carriers[number]
    if wanted is None or wanted == carrier.tile:
        return number
    for axis in range(2):
        size = carrier.shape[1 + axis]
        legal = [tile for tile in legal_tiles(carrier.tile[axis], size) if tile <= carrier.tile[axis]]
        _check_tile(carrier.name, wanted[axis], legal, size)
    carriers.append(Carrier(carrier.layer, carrier.shape, wanted, number))
    return len(carriers) - 1


def _check_tile(name: str, wanted: int, legal: list[int], size: int) -> None:
    if wanted not in legal:
        raise ScheduleError(
            f"tile of '{name}': {wanted} of its {size} rows or columns at once, allowed: {', '.join(map(str, legal))}"
        )


def _span(carriers: list[Carrier], number: int, axis: str) -> Span:
    tiles = carriers[number].tiles[0 if axis == "rows" else 1]
    readers: list[Axis] = [getattr(c, axis) for c in carriers if c.source == number and c.window is not None]
    return min([0, *(reader.first_tile for reader in readers)]), max([tiles - 1, *(r.last_tile for r in readers)])


def _silent(carriers: list[Carrier]) -> frozenset[int]:
    silent = set()
    for carrier in carriers:
        if carrier.rows is None or carrier.cols is None or carrier.rows.reads_blank or carrier.cols.reads_blank:
            silent.add(carrier.source)
    # A serialiser speaks only when its source does, and its source is silent: nothing of its own is needed.
    return frozenset(number for number in silent if number > 0 and not carriers[number].is_serialiser)
