"""Space-time picture of an image: which layer computes which place of its map when, and what a place comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.image import ProcessorImage
from neuroproc.pictures.canvas import Picture, picture, polygons, segments
from neuroproc.pictures.colours import REFERENCE
from neuroproc.pictures.outlines import outline, outline_in_time
from neuroproc.pictures.positions import position_colours, whole_colours
from neuroproc.pictures.spacetime_words import headline, notes
from neuroproc.pictures.timetable import (
    Band,
    Marks,
    Timetable,
    drawn_from,
    marks_of,
    merges_for,
    share_of,
    shown_until,
    timetable,
)
from neuroproc.pictures.traces import Trace, telling_trace, trace

WIDTH, LEFT, RIGHT, HEAD, FOOT = 10.5, 3.45, 0.2, 1.65, 0.75
"""Of the picture, of what is left and right of the bands, above and below them, in inches; notes come below that."""
LARGEST, LEAST, GAP, NOTE = 1.2, 0.26, 0.34, 0.185
"""Side of the largest map, least height of a band, between two bands, height of a note's line, in inches."""
LONGEST = 14
"""Characters of a layer's name."""
INK, GREY, GROUND = "#111827", REFERENCE, "#f3f4f6"
PALE = 0.62
"""Share of white of frames after the first."""


@dataclass(frozen=True)
class Rows:
    """Where bands are, from the picture's top.

    Parameters
    ----------
    top, height : tuple of float, inches
    map_width : tuple of float, inches
        Of the map that is drawn beside the band.
    end : float, inches
        Where the last band ends.
    """

    top: tuple[float, ...]
    height: tuple[float, ...]
    map_width: tuple[float, ...]
    end: float


def rows_of(table: Timetable) -> Rows:
    """Bands below each other, as high as their maps, all maps on one scale unless they would be too small."""
    unit = LARGEST / max(4, *(max(band.height, band.width) for band in table.bands))
    height = [max(band.height * unit, LEAST) for band in table.bands]
    top = HEAD + np.cumsum([0.0, *(size + GAP for size in height[:-1])])
    width = [max(band.width * unit, LEAST) for band in table.bands]
    return Rows(tuple(top.tolist()), tuple(height), tuple(width), float(top[-1]) + height[-1])


def plot_spacetime(
    path: str | Path, title: str, image: ProcessorImage, place: tuple[str, int, int] | None = None
) -> Picture:
    """Draw a band for each layer, time to the right, a colour for each place of the frame.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    title : str
        What the image is called.
    image : ProcessorImage
    place : (layer, row, column), optional
        Whose way back to the frame is drawn; by default one deep in the network that is made of a part of the frame.

    Returns
    -------
    Picture
        The file; a notebook shows it.

    Raises
    ------
    FormatError
        If the image was not compiled from a layered network, or has no such place.
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    table = timetable(image)
    traced = telling_trace(image, table) if place is None else trace(image, table, *place)
    words = notes(image, table, traced)
    height = rows_of(table).end + FOOT + NOTE * len(words) + 0.15
    with picture(path, title, WIDTH, height) as figure:
        draw_spacetime(figure, table, traced, [title, *headline(image, table)], words)
    return Picture(Path(path))


def draw_spacetime(
    figure: Any, table: Timetable, traced: Trace | None, head: Sequence[str], words: Sequence[str]
) -> None:
    """The same on a figure: title and headline, maps, bands, the trace, notes."""
    rows, until = rows_of(table), shown_until(table)
    figure.set_layout_engine("none")  # every place is known
    height = float(figure.get_size_inches()[1])
    page = figure.add_axes([0, 0, 1, 1], label="page")
    page.set(xlim=(0, WIDTH), ylim=(height, 0))
    page.axis("off")
    floor = rows.end + 0.26
    time = figure.add_axes(
        [LEFT / WIDTH, 1 - floor / height, (WIDTH - LEFT - RIGHT) / WIDTH, (floor - HEAD) / height], label="time"
    )
    time.set(xlim=(0, until), ylim=(floor, HEAD), yticks=[])
    time.set_xlabel(
        "time in cycles (in a cycle every neuron of the chip decides once, whether it fires)", color=INK, fontsize=9
    )
    time.tick_params(labelsize=8.5)
    time.xaxis.get_major_locator().set_params(integer=True)
    time.patch.set_alpha(0)
    for side in ("left", "right", "top"):
        time.spines[side].set_visible(False)
    _head(page, head)
    merges = merges_for(table, until)
    for number, band in enumerate(table.bands):
        field = None if traced is None else traced.fields[number]
        _map(page, band, rows, number, field)
        marks = marks_of(table, band, until, merges[number])
        _band(time, band, marks, rows.top[number], rows.height[number], until)
        if field is not None and field.any():
            _outline(time, band, field, rows.top[number], rows.height[number], until)
    if traced is not None:
        _wedges(time, table, traced, rows)
    _frames(time, table, rows, until)
    for line, text in enumerate(words):
        page.text(0.2, rows.end + FOOT + 0.2 + NOTE * line, text, fontsize=8.5, color=INK, va="center")


def _head(page: Any, head: Sequence[str]) -> None:
    title, *lines = head
    page.text(0.2, 0.3, title, fontsize=13, fontweight="bold", color=INK, va="center")
    for line, text in enumerate(lines):
        page.text(0.2, 0.6 + 0.2 * line, text, fontsize=9, color=INK, va="center")
    y = HEAD - 0.42
    for x, text, side in ((0.2, "layer", "left"), (2.05, "neurons", "right"), (LEFT - 0.15, "in space", "right")):
        page.text(x, y, text, fontsize=9, fontweight="bold", color=INK, ha=side, va="center")
    page.text(LEFT, y, "in time", fontsize=9, fontweight="bold", color=INK, va="center")


def _map(page: Any, band: Band, rows: Rows, number: int, field: np.ndarray | None) -> None:
    """Name and neurons of a layer, its map, and in it the outline of a field."""
    top, height, width = rows.top[number], rows.height[number], rows.map_width[number]
    middle, left = top + height / 2, LEFT - 0.15 - width
    name = band.name if len(band.name) <= LONGEST else f"{band.name[: LONGEST - 3]}..."
    page.text(0.2, middle - 0.01, name, fontsize=9.5, fontweight="bold", color=INK, va="bottom")
    shape = f"{band.channels} x {band.height} x {band.width}"
    page.text(0.2, middle + 0.02, shape, fontsize=7.5, color=GREY, va="top")
    page.text(2.05, middle - 0.01, f"{band.neurons:,}", fontsize=9.5, fontweight="bold", ha="right", va="bottom")
    folded = f"instead of {band.values:,}" if band.neurons < band.values else "not folded"
    page.text(2.05, middle + 0.02, folded, fontsize=7.5, color=GREY, ha="right", va="top")
    row, column = np.divmod(np.arange(band.height * band.width), band.width)
    x, y = left + column * width / band.width, top + row * height / band.height
    boxes = _boxes(x, x + width / band.width, y, y + height / band.height)
    colours = _colours(band, share_of(row, band.height), share_of(column, band.width), np.zeros(len(row)))
    edges = "white" if min(width / band.width, height / band.height) > 0.06 else colours
    polygons(page, boxes, facecolors=colours, edgecolors=edges, linewidths=0.5)
    if field is not None and len(row) > 1:
        lines = outline(field) * (width / band.width, height / band.height) + (left, top)
        segments(page, lines, colors=INK, linewidths=1.2, capstyle="projecting")


def _band(time: Any, band: Band, marks: Marks, top: float, height: float, until: int) -> None:
    """Marks of a layer; none is so narrow that it cannot be seen, and there is a gap after each tile."""
    time.fill_between((0, until), top, top + height, color=GROUND, lw=0, zorder=0)
    colours = _colours(band, marks.row, marks.column, np.where(marks.frame > 0, PALE, 0.0))
    point = _point(until)
    apart = band.length > 3 * point
    end = np.maximum(marks.end - 0.7 * point * apart * marks.tile_ends, marks.begin + 0.6 * point)
    begin = np.minimum(marks.begin, end - 2 * point) if band.height * band.width == 1 else marks.begin
    unit = height / band.height
    boxes = _boxes(begin, end, top + marks.top * unit, top + marks.bottom * unit)
    polygons(time, boxes, facecolors=colours, edgecolors=colours, linewidths=0.0 if apart else 0.2, zorder=2)


def _outline(time: Any, band: Band, field: np.ndarray, top: float, height: float, until: int) -> None:
    """Outline the marks of frame 0 that are of a field."""
    unit = height / band.height
    width = min(1.1, 0.12 * 72 * unit * band.tile[0] / len(band.turns))
    lines = outline_in_time(band, field, near=3 * _point(until)) * (1, unit) + (0, top)
    segments(time, lines, colors=INK, linewidths=width, capstyle="projecting", zorder=4)


def _wedges(time: Any, table: Timetable, traced: Trace, rows: Rows) -> None:
    """From what is read to what reads it: between the two, spikes are under way."""
    for reads in traced.reads:
        reader, read = table.bands[reads.reader], table.bands[reads.read]
        field = np.zeros(read.first.shape, bool)
        field[reads.places[:, 2], reads.places[:, 3]] = True
        (begin, end), (first, last) = _extent(read, field), _extent(reader, traced.fields[reads.reader])
        above, below = rows.top[reads.read] + rows.height[reads.read], rows.top[reads.reader]
        time.fill((begin, end, last, first), (above, above, below, below), color=INK, alpha=0.13, lw=0, zorder=1)
        for x in ((begin, first), (end, last)):
            time.plot(x, (above, below), color=INK, lw=0.7, zorder=3)


def _extent(band: Band, field: np.ndarray) -> tuple[float, float]:
    """First and last cycle in which marks of frame 0 are drawn that are of a field."""
    begin, length = drawn_from(band)
    return float(begin[field].min()), float(begin[field].max() + length + band.turns[-1])


def _frames(time: Any, table: Timetable, rows: Rows, until: int) -> None:
    """When frames enter, and when the first is decided."""
    band, first = table.bands[0], int(table.bands[0].first.min())
    for number, begin in enumerate(range(first, until, table.interval)):
        end = min(begin + int(band.first.max()) - first + band.slot, until)
        colour = GREY if number else INK
        time.plot((begin, begin + 0.97 * (end - begin)), (HEAD - 0.07,) * 2, color=colour, lw=1.3, clip_on=False)
        # What would not fit is left out, but for the first.
        if not number or 0.85 * until < (WIDTH - LEFT - RIGHT) * (end - begin):
            words = f"frame {number} enters" if table.interval * 6 > until else f"frame {number}"
            time.text(begin, HEAD - 0.11, words, fontsize=8, color=colour, va="bottom")
    time.plot((table.latency,) * 2, (rows.top[0], rows.end + 0.1), color=INK, lw=0.8, ls=(0, (2, 2)), zorder=1)
    time.text(table.latency, rows.end + 0.15, "frame 0 is decided", fontsize=8, color=INK, ha="right", va="center")


def _point(until: int) -> float:
    """Cycles in a point of the page, 1/72 inch."""
    return until / ((WIDTH - LEFT - RIGHT) * 72)


def _colours(band: Band, row: np.ndarray, column: np.ndarray, pale: np.ndarray) -> list[str]:
    """Colours of places; a map of one place stands for all of the frame."""
    one = band.height * band.width == 1
    return whole_colours(len(row), pale) if one else position_colours(row, column, pale)


def _boxes(left: np.ndarray, right: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Corners of rectangles: float64[n, 4, 2]."""
    return np.stack([left, top, right, top, right, bottom, left, bottom], axis=1).reshape(-1, 4, 2)
