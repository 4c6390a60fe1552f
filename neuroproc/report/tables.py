"""Tables: a caption, heads in one row or two, numbers aligned by their digits, and a box of their own to scroll in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from neuroproc.report.html import Content, Html, element, joined


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    head : str
    kind : str
        ``text``, ``number`` or ``bar``; the first column names its row.
    group : str
        Columns side by side with the same one have it as a second head above them.
    """

    head: str
    kind: str = "number"
    group: str = ""


Cell = Content | int
"""Numbers are written with thousands apart, None leaves a cell empty."""


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    total: Sequence[Cell] = (),
    plain: bool = False,
) -> Html:
    """A table.

    Parameters
    ----------
    caption : str
    columns : sequence of Column
    rows : sequence of rows
    total : row, optional
        The last line.
    plain : bool
        Heads are only told to who does not see the table, for what is in its columns is plain to see.
    """
    heads = element("thead", *_heads(columns), class_="unseen" if plain else None)
    parts = [element("caption", element("span", caption)), heads]
    parts.append(element("tbody", *(_row(columns, row) for row in rows)))
    if total:
        parts.append(element("tfoot", _row(columns, total)))
    return scrolling(caption, element("table", *parts))


def scrolling(label: str, *contents: Content) -> Html:
    """A box that scrolls on its own, by keys, too, where what it holds is wider than the page."""
    return element("div", *contents, class_="scroll", role="region", tabindex="0", aria_label=label)


def _heads(columns: Sequence[Column]) -> list[Html]:
    if not any(column.group for column in columns):
        return [element("tr", *(_head(column) for column in columns))]
    upper, lower = [], []
    for group, members in groupby(columns, key=lambda column: column.group):
        found = list(members)
        if group:
            upper.append(element("th", group, scope="colgroup", colspan=str(len(found)), class_="group"))
            lower += [_head(column) for column in found]
        else:
            upper += [_head(column, rowspan="2") for column in found]
    return [element("tr", *upper), element("tr", *lower)]


def _head(column: Column, **more: str) -> Html:
    return element("th", column.head, scope="col", class_=column.kind, **more)


def _row(columns: Sequence[Column], cells: Sequence[Cell]) -> Html:
    first, *rest = cells
    head = element("th", _content(first), scope="row", class_=columns[0].kind)
    data = (element("td", _content(cell), class_=column.kind) for column, cell in zip(columns[1:], rest, strict=True))
    return element("tr", joined(head, *data))


def _content(cell: Cell) -> Content:
    return f"{cell:,}" if isinstance(cell, int) else cell
