"""The picture of space and time: which layer computes which place of its map when, as bands one below the other."""

from __future__ import annotations

import numpy as np

from isa_spec.image import ProcessorImage
from neuroproc.pictures.outlines import outline_in_time
from neuroproc.pictures.positions import position_colours
from neuroproc.pictures.timetable import Band, Timetable, marks_of, shown_until, timetable
from neuroproc.pictures.traces import Trace, telling_trace
from neuroproc.report.html import Html, count_of, element, joined, name_of
from neuroproc.report.svg import drawing, share

_ROW, _LEAST, _MOST = 8, 20, 84
"""Height of a row of a map, and of a band, px."""
_MOST_MARKS, _ALL_MARKS, _MOST_FRAMES = 160, 4000, 4
"""Marks of a band and frame, of all bands and one frame, and frames. Of larger maps, places in a row become one."""
_NARROWEST = 250
"""The least share of the width, 1 to so much, that a mark may be: else places in a row become one."""
_CAPTION = (
    "Time runs to the right; each mark is a place of a layer's map, in its row, in the cycles in which it is computed. "
    "A place of the frame has the same colour in every layer, grey is all of it. The next frames are paler."
)
_NEAR = 200
"""Breaks of less than this share of the width, 1 to so much, do not interrupt an outline."""
_STEPS = (1, 2, 5)
_MOST_TICKS = 7


def picture(image: ProcessorImage) -> Html:
    """Bands of all layers over one frame and a third of the next."""
    table = timetable(image)
    until, traced = shown_until(table), telling_trace(image, table)
    fields = [None] * len(table.bands) if traced is None else traced.fields
    rows = [
        joined(_label(band), _band(table, band, until, field)) for band, field in zip(table.bands, fields, strict=True)
    ]
    turns = any(len(band.turns) > 1 for band in table.bands)
    divided = " Rows are divided where channels take turns on the same neurons." if turns else None
    caption = element("figcaption", _CAPTION, divided, _outlined(table, traced))
    return element("figure", caption, *rows, element("span"), _axis(until), class_="bands")


def _outlined(table: Timetable, traced: Trace | None) -> Html | None:
    if traced is None:
        return None
    band = name_of(table.bands[traced.band].name)
    place = f" Outlined are row {traced.row}, column {traced.column} of "
    return joined(place, band, " and all that it is computed from.")


def _label(band: Band) -> Html:
    size = f"{band.channels}x{band.height}x{band.width} on {count_of(band.neurons, 'neuron')}"
    return element("div", name_of(band.name), " ", element("span", size, class_="note"), class_="label")


def _band(table: Timetable, band: Band, until: int, field: np.ndarray | None) -> Html:
    turns, places = len(band.turns), band.height * band.width
    most = min(_MOST_MARKS, _ALL_MARKS // len(table.bands) + 1)
    merge = min(max(-(-places * turns // most), round(until / _NARROWEST / _pitch(band)), 1), band.width)
    marks = marks_of(table, band, until, merge)
    height = min(max(_ROW * band.height, _LEAST), _MOST)
    colours = position_colours(marks.row, marks.column) if places > 1 else [None] * len(marks.begin)
    shapes, place = [], height / band.height
    for begin, end, top, bottom, frame, colour in zip(
        marks.begin.tolist(), marks.end.tolist(), marks.top.tolist(), marks.bottom.tolist(), marks.frame.tolist(),
        colours, strict=True,
    ):  # fmt: skip
        if frame >= _MOST_FRAMES:
            continue
        shapes.append(
            element(
                "rect",
                x=share(begin, until),
                y=f"{top * place:.4g}",
                width=share(min(end, until) - begin, until),
                height=f"{(bottom - top) * place:.4g}",
                fill=colour,
                class_=_classes(colour is None, frame > 0),
            )
        )
    if field is not None and field.any():
        for (left, above), (right, below) in outline_in_time(band, field, until / _NEAR).tolist():
            ends = {"x1": share(left, until), "x2": share(right, until)}
            shapes.append(element("line", **ends, y1=f"{above * place:.4g}", y2=f"{below * place:.4g}", class_="trace"))
    title = f"{band.name}: frame 0 from cycle {int(band.first.min()):,} to {band.last:,}"
    return drawing(title, height, *shapes, class_="band")


def _pitch(band: Band) -> int:
    """Cycles from a tile to the one beside it."""
    beside = band.tile[1]
    return int(band.first[0, beside] - band.first[0, 0]) if beside < band.width else band.slot


def _classes(whole: bool, later: bool) -> str | None:
    return " ".join(word for word, used in (("whole", whole), ("later", later)) if used) or None


def _axis(until: int) -> Html:
    step = next(base * 10**power for power in range(20) for base in _STEPS if until / (base * 10**power) <= _MOST_TICKS)
    parts = []
    for tick in range(0, until, step):
        place = share(tick, until)
        # The last ones would be cut at the edge.
        if tick <= 0.94 * until:
            parts.append(element("line", x1=place, x2=place, y1="0", y2="5", class_="tick"))
            parts.append(element("text", f"{tick:,}", x=place, y="18", text_anchor="middle" if tick else "start"))
    return drawing("Cycles", 22, *parts, class_="axis")
