"""The trade of time for space: neurons and synapses of folds against cycles per frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuroproc.pictures.canvas import bare, picture
from neuroproc.pictures.colours import NEURONS, REFERENCE, SYNAPSES


def plot_pareto(path: str | Path, title: str, folds: Sequence[Mapping[str, Any]], reference: Mapping[str, int]) -> None:
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

    Raises
    ------
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    with picture(path, title, 8.4, 4.8) as figure:
        draw_pareto(figure, title, folds, reference)


def draw_pareto(figure: Any, title: str, folds: Sequence[Mapping[str, Any]], reference: Mapping[str, int]) -> None:
    """The same on a figure."""
    axes = figure.add_subplot()
    ordered = sorted(folds, key=lambda fold: (fold["interval"], fold["synapses"]))
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
    for value, words, lift in (
        (reference["unrolled_synapses"], "plain spatial: synapses", 3),
        (reference["nonzero_parameters"], "weights that are not zero", -11),
        (reference["unrolled_neurons"], "plain spatial: neurons", 3),
    ):
        axes.axhline(value, color=REFERENCE, lw=0.9, ls=(0, (4, 3)), zorder=1)
        axes.annotate(
            f"{words} {value:,}",
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(-4, lift),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=REFERENCE,
        )
    for fold in _apart(ordered):
        axes.annotate(
            fold["unroll"],
            (fold["interval"], fold["neurons"]),
            xytext=(0, -13),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=NEURONS,
        )
    axes.set(xscale="log", yscale="log", xlabel="cycles per frame", title=f"{title}: what each fold costs")
    low = min(fold["neurons"] for fold in ordered)
    axes.set_ylim(low / 2.2, max(reference["unrolled_synapses"], *(fold["synapses"] for fold in ordered)) * 2)
    bare(axes)
    axes.legend(loc="lower left", frameon=False, fontsize=9)


def _falling(points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The points that no earlier one undercuts."""
    front: list[tuple[int, int]] = []
    for cycles, value in points:
        if not front or value < front[-1][1]:
            front.append((cycles, value))
    return front


def _apart(folds: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Folds whose labels do not run into each other: in each stretch of the time axis the fastest of fewest neurons."""
    kept: list[Mapping[str, Any]] = []
    for fold in sorted(folds, key=lambda fold: (fold["interval"], fold["neurons"])):
        if kept and fold["interval"] < kept[-1]["interval"] * 1.35:
            continue
        kept.append(fold)
    return kept
