"""The trade of time for space: neurons and synapses of folds against cycles per frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from pathlib import Path
from typing import Any

from neuroproc.pictures.canvas import Picture, bare, picture
from neuroproc.pictures.colours import NEURONS, REFERENCE, SYNAPSES

WIDTH, HEIGHT = 8.4, 4.8
APART, LINE, LOWER, MARK = 0.06, 0.045, 0.043, 0.012
"""Width and height of a label, how far it is below its mark, half a mark: as shares of the axes."""
Fold = Mapping[str, Any]


def plot_folds(path: str | Path, title: str, folds: Sequence[Fold], reference: Mapping[str, int]) -> Picture:
    """Draw neurons and synapses against cycles per frame, beside the parameters and the plain spatial network.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    title : str
    folds : sequence of dict
        ``unroll``, ``channels`` (empty where every channel has neurons of its own), ``interval`` (cycles), ``neurons``
        and ``synapses`` of each.
    reference : dict
        ``nonzero_parameters``, ``unrolled_neurons`` and ``unrolled_synapses``.

    Returns
    -------
    Picture
        The file; a notebook shows it.

    Raises
    ------
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    with picture(path, title, WIDTH, HEIGHT) as figure:
        draw_folds(figure, title, folds, reference)
    return Picture(Path(path))


def draw_folds(figure: Any, title: str, folds: Sequence[Fold], reference: Mapping[str, int]) -> None:
    """The same on a figure."""
    axes = figure.add_subplot()
    ordered = sorted(folds, key=lambda fold: (fold["interval"], fold["synapses"]))
    lines = reference_lines(reference)
    across = _limits([fold["interval"] for fold in ordered])
    along = _limits([*(fold[name] for fold in ordered for name in ("neurons", "synapses")), *lines.values()])
    for name, colour, marker in (("synapses", SYNAPSES, "o"), ("neurons", NEURONS, "s")):
        for some, fill, words in (
            ([fold for fold in ordered if not fold["channels"]], colour, name),
            ([fold for fold in ordered if fold["channels"]], "white", f"{name}, channels in turns"),
        ):
            points = [fold["interval"] for fold in some], [fold[name] for fold in some]
            if some:
                axes.plot(*points, marker, color=colour, mfc=fill, label=words, ms=5.5, mew=1.2, zorder=3)
        front = _falling([(fold["interval"], fold[name]) for fold in ordered])
        axes.step(*zip(*front, strict=True), where="post", color=colour, lw=1.2, alpha=0.6, zorder=2)
    for value in lines.values():
        axes.axhline(value, color=REFERENCE, lw=0.9, ls=(0, (4, 3)), zorder=1)
    places = spread([_share(value, along) for value in lines.values()])
    for (words, value), place in zip(lines.items(), places, strict=True):
        axes.text(
            1.012, place, f"{words}\n{value:,}", transform=axes.transAxes, fontsize=8, color=REFERENCE, va="center"
        )  # fmt: skip
    for unroll, interval, neurons in fold_labels(ordered, across, along):
        axes.annotate(
            unroll, (interval, neurons), xytext=(0, -12), textcoords="offset points",
            ha="center", va="center", fontsize=8, color=NEURONS,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="cycles per frame", xlim=across, ylim=along)
    axes.set_title(f"{title}: what each fold costs", loc="left")
    for axis, (low, high) in ((axes.xaxis, across), (axes.yaxis, along)):
        axis.set_major_formatter(lambda value, _: f"{value:,.12g}")
        # Where the axis is short, 2 and 5 are named as well as 1 and 10.
        axis.set_minor_formatter(_twos_and_fives if high < 50 * low else lambda _value, _: "")
    bare(axes)
    figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=9)


def _twos_and_fives(value: float, _: int) -> str:
    return f"{value:,.12g}" if f"{value:e}"[0] in "25" else ""


def reference_lines(reference: Mapping[str, int]) -> dict[str, int]:
    """What is drawn across, by its words."""
    return {
        "plain spatial, synapses": reference["unrolled_synapses"],
        "plain spatial, neurons": reference["unrolled_neurons"],
        "parameters not zero": reference["nonzero_parameters"],
    }


def fold_labels(
    folds: Sequence[Fold], across: tuple[float, float], along: tuple[float, float]
) -> list[tuple[str, int, int]]:
    """Tiles that are named, with the cycles and the neurons of the fold below which each stands.

    They are of folds that no faster one undercuts in neurons, where there is room for the name; of several with the
    same tile, which differ in slots or channels, the fastest alone may have it.
    """
    places = {
        (_share(fold["interval"], across), _share(fold[name], along))
        for fold in folds
        for name in ("neurons", "synapses")
    }
    fastest: dict[str, tuple[int, int]] = {}
    for point in _falling(sorted((fold["interval"], fold["neurons"]) for fold in folds)):
        tile = next(fold["unroll"] for fold in folds if (fold["interval"], fold["neurons"]) == point)
        fastest.setdefault(tile, point)
    names = list(fastest)
    taken: list[tuple[float, float]] = []
    found = []
    # The largest and the smallest tile have the first choice.
    for tile in dict.fromkeys([*names[:1], *names[-1:], *names]):
        interval, neurons = fastest[tile]
        x, y = _share(interval, across), _share(neurons, along) - LOWER
        beside = any(abs(x - right) < APART / 2 + MARK and abs(y - up) < LINE / 2 + MARK for right, up in places)
        if not beside and not any(abs(x - right) < APART and abs(y - up) < LINE for right, up in taken):
            taken.append((x, y))
            found.append((tile, interval, neurons))
    return sorted(found, key=lambda name: name[1])


def spread(places: Sequence[float], least: float = 2 * LINE + 0.02) -> list[float]:
    """Places of labels, moved up or down as little as it takes to keep them apart; in the order of the places given."""
    found = [0.0] * len(places)
    merged: list[tuple[float, list[int]]] = []
    for place, first in sorted((place, number) for number, place in enumerate(places)):
        middle, together = place, [first]
        # Two groups that touch become one, around their common middle.
        while merged and middle - merged[-1][0] < least * (len(together) + len(merged[-1][1])) / 2:
            other, before = merged.pop()
            middle = (middle * len(together) + other * len(before)) / (len(together) + len(before))
            together = [*before, *together]
        merged.append((middle, together))
    for middle, together in merged:
        for number, member in enumerate(together):
            found[member] = middle + least * (number - (len(together) - 1) / 2)
    return found


def _limits(values: Sequence[int]) -> tuple[float, float]:
    """Ends of an axis that holds some values, and room for labels beside them."""
    low, high = max(min(values), 1), max(*values, 1)
    # Ten times at least, so that there is a number at the axis.
    room = max((high / low) ** 0.08, 1.5, (12 * low / high) ** 0.5)
    return low / room**1.2, high * room


def _share(value: float, limits: tuple[float, float]) -> float:
    """Where a value is on a logarithmic axis, from 0 to 1."""
    low, high = limits
    return log10(max(value, low) / low) / log10(high / low)


def _falling(points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The points that no earlier one undercuts."""
    front: list[tuple[int, int]] = []
    for cycles, value in points:
        if not front or value < front[-1][1]:
            front.append((cycles, value))
    return front
