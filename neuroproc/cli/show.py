"""What commands print: tables, JSON."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from typing import Any

from isa_spec.image import ProcessorImage, graph_digest

WIDTH = 80
"""Characters in a line of a small terminal."""
GAP = "  "
"""Between columns."""
SHOWN = len("sha256:") + 12
"""Characters of a digest that people see."""


def headline(image: ProcessorImage) -> str:
    """First line of every report for people: which processor, and which graph."""
    return f"profile {image.spec.name} ({image.spec.digest[:SHOWN]}...), image {graph_digest(image)[:SHOWN]}..."


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], words: int = 0) -> str:
    """Text table: a column of words, by default the first one, that begin at the left; numbers right, thousands apart.

    A heading may have two lines, as ``unrolled\\nneurons``; neighbours with the same first line share it.
    """
    over, under = ([line.rpartition("\n")[part] for line in head] for part in (0, 2))
    cells = [under, *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    above = []
    for heading, neighbours in itertools.groupby(range(len(head)), over.__getitem__):
        columns = list(neighbours)
        widths[columns[-1]] = max(widths[columns[-1]], len(heading))
        width = sum(widths[column] for column in columns) + len(GAP) * (len(columns) - 1)
        above.append(f" {heading} ".center(width, "-") if heading and len(columns) > 1 else heading.rjust(width))
    lines = [GAP.join(above).rstrip()] if any(over) else []
    for row in cells:
        sides = (str.ljust if column == words else str.rjust for column in range(len(head)))
        lines.append(GAP.join(side(cell, width) for side, cell, width in zip(sides, row, widths, strict=True)).rstrip())
    # A rule that goes on in a small terminal's next line would look like two.
    lines.insert(len(lines) - len(rows), "-" * min(max(map(len, lines)), WIDTH))
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2)
    print()
