"""Layers as boxes, from the input down, with what each reads: mostly a line, with skips beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from neuroproc.pictures.canvas import Picture, picture, polygons
from neuroproc.pictures.colours import REFERENCE, lighter
from neuroproc.pictures.layer_graph import Edge, LayerBox, Layout, layout_of

WIDTH, HEIGHT, BESIDE, BELOW, LANE = 4.3, 0.62, 0.35, 0.36, 0.16
"""Of a box; between columns, rows and lanes; in inches."""
EDGE, HEAD = 0.2, 0.6
"""Of the picture, and where the first row begins, in inches."""
SIDE, LONGEST = 0.8, 28
"""How far from the middle what comes from the side begins and ends, in inches; characters of a name."""
INK, GREY = "#111827", REFERENCE


def plot_boxes(path: str | Path, title: str, layers: Sequence[LayerBox]) -> Picture:
    """Draw layers and what they read.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    title : str
    layers : sequence of LayerBox

    Returns
    -------
    Picture
        The file; a notebook shows it.

    Raises
    ------
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    layout = layout_of(layers)
    width, height = size_of(layout)
    with picture(path, title, width, height) as figure:
        draw_boxes(figure, title, layers, layout)
    return Picture(Path(path))


def size_of(layout: Layout) -> tuple[float, float]:
    """Width and height of the picture, in inches."""
    right = [_corner(0, column)[0] + WIDTH for column in layout.column]
    right += [_passage(edge) for edge in layout.edges]
    return max(right) + EDGE, _corner(max(layout.row), 0)[1] + HEIGHT + EDGE


def draw_boxes(figure: Any, title: str, layers: Sequence[LayerBox], layout: Layout) -> None:
    """The same on a figure."""
    figure.set_layout_engine("none")  # every place is known
    width, height = size_of(layout)
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    axes.text(EDGE, 0.3, title, fontsize=12, fontweight="bold", color=INK, va="center")
    for edge in layout.edges:
        _edge(axes, edge, layout)
    for layer, row, column in zip(layers, layout.row, layout.column, strict=True):
        _box(axes, layer, *_corner(row, column))


def _corner(row: int, column: int) -> tuple[float, float]:
    return EDGE + column * (WIDTH + BESIDE), HEAD + row * (HEIGHT + BELOW)


def _box(axes: Any, layer: LayerBox, x: float, y: float) -> None:
    ground, dashes = ("white", "--") if layer.faint else (lighter(layer.colour, 0.88), "-")
    polygons(
        axes, _frame(x, y, WIDTH), facecolors=ground, edgecolors=lighter(layer.colour, 0.4), linewidths=0.8,
        linestyles=dashes, zorder=2,
    )  # fmt: skip
    polygons(axes, _frame(x, y, 0.07), facecolors=layer.colour, linewidths=0, zorder=3)
    name = layer.name if len(layer.name) <= LONGEST else f"{layer.name[: LONGEST - 3]}..."
    # A size is not broken: textwrap breaks at plain blanks alone.
    whole = layer.words.replace(" x ", "\N{NO-BREAK SPACE}x\N{NO-BREAK SPACE}")
    words = wrap(whole, 40, max_lines=2, placeholder=" ...")
    axes.text(x + 0.17, y + 0.17, name, fontsize=9.5, fontweight="bold", color=INK, va="center")
    for number, line in enumerate(words):
        axes.text(x + 0.17, y + 0.35 + 0.14 * number, line, fontsize=7.5, color=GREY, va="center")
    for number, line in enumerate((layer.map, *layer.lines)):
        colour = GREY if number else INK
        axes.text(x + WIDTH - 0.12, y + 0.15 + 0.16 * number, line, fontsize=7.5, color=colour, ha="right", va="center")


def _frame(x: float, y: float, width: float) -> np.ndarray:
    """Corners of a rectangle as high as a box: float64[1, 4, 2]."""
    return np.array([[(x, y), (x + width, y), (x + width, y + HEIGHT), (x, y + HEIGHT)]])


def _passage(edge: Edge) -> float:
    """Where an edge passes the rows between its layers."""
    left = _corner(0, edge.column)[0]
    return left + WIDTH / 2 if edge.lane is None else left + WIDTH + LANE * (edge.lane + 1)


def path_of(edge: Edge, layout: Layout) -> list[tuple[float, float]]:
    """Corners of the line from what is read to what reads it: down, and across in the gaps between rows."""
    (x0, y0), (x1, y1) = (_corner(layout.row[end], layout.column[end]) for end in (edge.source, edge.target))
    begin, end, passage = x0 + WIDTH / 2, x1 + WIDTH / 2, _passage(edge)
    # What comes from the side does not share the arrow of what comes from above.
    begin += SIDE * ((passage > begin) - (passage < begin))
    end += SIDE * ((passage > end) - (passage < end))
    upper, lower = y0 + HEIGHT + BELOW / 3, y1 - BELOW / 2
    path = [(begin, y0 + HEIGHT), (begin, upper), (passage, upper), (passage, lower), (end, lower), (end, y1)]
    return [here for number, here in enumerate(path) if not number or here != path[number - 1]]


def _edge(axes: Any, edge: Edge, layout: Layout) -> None:
    path = path_of(edge, layout)
    axes.plot(*zip(*path[:-1], strict=True), color=GREY, lw=1.1, zorder=1, solid_joinstyle="round")
    arrow = {"arrowstyle": "-|>", "color": GREY, "lw": 1.1, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    axes.annotate("", path[-1], path[-2], arrowprops=arrow, zorder=1)
