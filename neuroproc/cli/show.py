"""What commands print: tables, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from isa_spec.image import ProcessorImage, graph_digest

SHOWN = len("sha256:") + 12
"""Characters of a digest that people see."""


def headline(image: ProcessorImage) -> str:
    """First line of every report for people: which processor, and which graph."""
    return f"profile {image.spec.name} ({image.spec.digest[:SHOWN]}...), image {graph_digest(image)[:SHOWN]}..."


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Text table: the first column left, numbers right, thousands apart."""
    cells = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for row in cells:
        first, rest = (
            row[0].ljust(widths[0]),
            (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        )
        lines.append("  ".join([first, *rest]).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2)
    print()
