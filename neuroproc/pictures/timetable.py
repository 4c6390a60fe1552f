"""Which layer of an image computes which places of its map when, from the stream contracts; pictures show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.errors import FormatError
from isa_spec.image import ProcessorImage
from isa_spec.stream import StreamContract

_LEAST = 8
"""Marks of a row, in pictures of large maps."""


@dataclass(frozen=True, eq=False)
class Band:
    """One layer in time: a place of its map is a row and a column, with all channels.

    Parameters
    ----------
    layer : int
        Index into the image's layers.
    name, kind : str
    channels, height, width : int
        Shape of the map.
    tile : (rows, columns)
        Places that are computed at once.
    neurons : int
        Lanes: neurons that carry the map, one value after the other.
    values : int
        Values of the map, and so neurons where it is not folded.
    first : int64[height, width], cycles
        When each place of frame 0 is computed, in the first turn.
    turns : tuple of int, cycles
        What channels that share a neuron are later by; (0,) where none do.
    last : int, cycles
        When the last spike of frame 0 may come.
    slot : int, cycles
        From a tile to the next.
    """

    layer: int
    name: str
    kind: str
    channels: int
    height: int
    width: int
    tile: tuple[int, int]
    neurons: int
    values: int
    first: np.ndarray
    turns: tuple[int, ...]
    last: int
    slot: int

    @property
    def streamed(self) -> bool:
        """Whether the map comes in several tiles."""
        return self.tile != (self.height, self.width)

    @property
    def length(self) -> int:
        """Cycles that a place takes up in a picture: a slot, or less where the next turn comes before its end."""
        return min([self.slot, *(late - early for early, late in zip(self.turns, self.turns[1:], strict=False))])


@dataclass(frozen=True)
class Timetable:
    """All bands of an image, from the input to the output.

    Parameters
    ----------
    interval : int, cycles
        Frame ``n`` is computed ``n * interval`` cycles after frame 0.
    latency : int, cycles
        When frame 0 is decided.
    bands : tuple of Band
        Layers that have neurons of their own; what only arranges, or is part of another layer's windows, has no time.
    """

    interval: int
    latency: int
    bands: tuple[Band, ...]

    def band(self, name: str) -> Band:
        """The band of a layer.

        Raises
        ------
        FormatError
            If the layer has none.
        """
        for band in self.bands:
            if band.name == name:
                return band
        raise FormatError(f"'{name}' is no layer with a time, allowed: {', '.join(band.name for band in self.bands)}")


def timetable(image: ProcessorImage) -> Timetable:
    """Timetable of an image that was compiled from a layered network.

    Raises
    ------
    FormatError
        If it was not.

    Source: the stream contracts (`isa_spec.stream`).
    """
    bands: list[Band] = []
    seen: set[int] = set()
    for index, record in enumerate(image.layers):
        contract, neuron = record.contract, record.first_neuron
        if contract is None or neuron is None or neuron in seen:
            continue
        seen.add(neuron)
        bands.append(_band(index, record.name, record.kind, contract))
    if not bands or image.interval is None or image.latency is None:
        raise FormatError(
            "the image has no stream contracts, so nothing says what is computed when; allowed: images that "
            "'neuroproc compile' made of a layered network"
        )
    return Timetable(image.interval, image.latency, tuple(bands))


def _band(index: int, name: str, kind: str, contract: StreamContract) -> Band:
    first = contract.cycles()[0]
    first.flags.writeable = False
    return Band(
        layer=index,
        name=name,
        kind=kind,
        channels=contract.channels,
        height=contract.height,
        width=contract.width,
        tile=(contract.lane_rows, contract.lane_cols),
        neurons=contract.n_lanes,
        values=contract.n_values,
        first=first,
        turns=contract.turns[: contract.channels],
        last=contract.last_cycle,
        slot=contract.slot,
    )


@dataclass(frozen=True, eq=False)
class Marks:
    """What to draw of a band: a rectangle for a place (or some places in a row that follow each other), turn and frame.

    Parameters
    ----------
    begin, end : float64[n_marks], cycles
        Places of a tile are computed at once, and are drawn side by side within their slot.
    top, bottom : float64[n_marks], rows of the map
    row, column : float64[n_marks]
        Where in the map it is: 0 at the top and at the left, 1 at the bottom and at the right.
    frame : int64[n_marks]
    tile_ends : bool[n_marks]
        Whether the next place of the row comes later, in another tile.
    """

    begin: np.ndarray
    end: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    row: np.ndarray
    column: np.ndarray
    frame: np.ndarray
    tile_ends: np.ndarray


def marks_of(table: Timetable, band: Band, until: int, merge: int = 1) -> Marks:
    """Marks of a band up to a cycle.

    Parameters
    ----------
    table : Timetable
    band : Band
    until : int, cycles
        Marks that begin there or later are left out.
    merge : int
        So many places of a row are one mark, from the first one's begin to the last one's end.
    """
    frames = np.arange(max(-(-(until - int(band.first.min())) // table.interval), 0))
    left = np.arange(0, band.width, merge)
    right = np.minimum(left + merge, band.width) - 1
    first, part = drawn_from(band)
    turns, ordinals, rows = np.ix_(np.arange(len(band.turns)), frames, np.arange(band.height))
    shift = np.array(band.turns)[turns] + ordinals * table.interval
    begin = shift[..., None] + first[rows][..., left]
    end = shift[..., None] + (first + part)[rows][..., right]
    begin, end, turn, frame, row, left, right = (
        array.ravel()
        for array in np.broadcast_arrays(
            begin, end, turns[..., None], ordinals[..., None], rows[..., None], left, right
        )
    )
    shown = begin < until
    top = row + turn / len(band.turns)
    fields = {
        "begin": begin,
        "end": end,
        "top": top,
        "bottom": top + 1 / len(band.turns),
        "row": share_of(row, band.height),
        "column": share_of((left + right) / 2, band.width),
        "frame": frame,
        "tile_ends": ((right + 1) % band.tile[1] == 0) | (right == band.width - 1),
    }
    return Marks(**{name: field[shown] for name, field in fields.items()})


def drawn_from(band: Band) -> tuple[np.ndarray, float]:
    """Where places of frame 0 are drawn in the first turn, float64[height, width], and how long; both in cycles."""
    part = band.length / band.tile[1]
    return band.first + np.arange(band.width) % band.tile[1] * part, part


def shown_until(table: Timetable) -> int:
    """Cycle up to which a picture shows what happens: until frame 0 is decided, and something of the next."""
    return table.latency + max(table.interval // 3, min(table.interval, table.latency // 3), 1)


def merges_for(table: Timetable, until: int, most: int = 4_000) -> tuple[int, ...]:
    """For each band, places of a row that are one mark, so that a picture has at most so many marks.

    Rows of small maps stay as they are, so there may be more if they are what is many.
    """
    merges = [1] * len(table.bands)

    def count() -> int:
        pairs = zip(table.bands, merges, strict=True)
        return sum(len(marks_of(table, band, until, merge).frame) for band, merge in pairs)

    while count() > most and any(merge * _LEAST < band.width for band, merge in zip(table.bands, merges, strict=True)):
        merges = [
            merge * 2 if merge * _LEAST < band.width else merge for band, merge in zip(table.bands, merges, strict=True)
        ]
    return tuple(merges)


def share_of(place: np.ndarray, size: int) -> np.ndarray:
    """Places as shares of the way from the first to the last; a single one is in the middle."""
    return place / (size - 1) if size > 1 else np.full(place.shape, 0.5)
