"""Which layer computes which place of its map when, as text: for any terminal, without anything to install."""

from __future__ import annotations

import numpy as np

from neuroproc.pictures.spacetime_words import tile_words
from neuroproc.pictures.timetable import Band, Timetable, marks_of, shown_until

SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""For rows or columns of a map, from the first on; of a larger map several share one."""
ALL, NONE = "#", "."


def text_spacetime(table: Timetable, title: str, width: int) -> str:
    """A line for each layer, a character for some cycles; none wider than ``width`` where that is possible."""
    until = shown_until(table)
    labels = [(band.name, f"{band.neurons:,} of {band.values:,}") for band in table.bands]
    margins = [max(len(label[part]) for label in (*labels, ("layer", "neurons"))) for part in range(2)]
    room = max(width - sum(margins) - 4, 10)
    step = -(-until // room)
    n_columns = -(-until // step)
    frame = table.bands[0]
    by_columns = frame.streamed and frame.tile[0] == frame.height
    what = "column" if by_columns else "row"
    lines = [
        f"{title}: {tile_words(table)}, a frame every {table.interval:,} cycles, decided after {table.latency:,}",
        f"a character is {step:,} cycle{'s' * (step > 1)}: the {what} of its map that a layer computes (0..9, a..z), "
        f"{ALL} all of it, {NONE} none",
        "",
        _line(("layer", "neurons"), margins, _ruler(table, step, n_columns)),
    ]
    for band, label in zip(table.bands, labels, strict=True):
        lines.append(_line(label, margins, _symbols(table, band, until, step, n_columns, by_columns)))
    return "\n".join(lines)


def _line(label: tuple[str, str], margins: list[int], rest: str) -> str:
    return f"{label[0]:{margins[0]}}  {label[1]:>{margins[1]}}  {rest}".rstrip()


def _ruler(table: Timetable, step: int, n_columns: int) -> str:
    """Where frames begin to enter."""
    line, first = "", int(table.bands[0].first.min())
    for number in range(n_columns * step // table.interval + 1):
        column = (first + number * table.interval) // step
        words = f"frame {number}"
        # What would run into the one before, or beyond the end, is left out.
        if (not line or column > len(line)) and column + len(words) <= n_columns:
            line = f"{line:{column}}{words}"
    return line


def _symbols(table: Timetable, band: Band, until: int, step: int, n_columns: int, by_columns: bool) -> str:
    """A character for some cycles each: the first place that is computed in them."""
    marks = marks_of(table, band, until)
    if not band.streamed:
        place = np.full(len(marks.frame), ALL)
    else:
        share, size = (marks.column, band.width) if by_columns else (marks.row, band.height)
        index = np.rint(share * (size - 1)).astype(int) * len(SYMBOLS) // max(size, len(SYMBOLS))
        place = np.array(list(SYMBOLS))[index]
    found = np.full(n_columns, NONE)
    # The first is written last.
    order = np.argsort(marks.begin, kind="stable")[::-1]
    first, last = marks.begin // step, np.minimum(-(-marks.end // step), n_columns)
    for mark in order.tolist():
        found[int(first[mark]) : int(last[mark])] = place[mark]
    return "".join(found)
