"""Who fires when: a row for each neuron, layer by layer, silent ones, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from isa_spec.names import neuron_names
from neuroproc.explaining.places import carries_value
from neuroproc.pictures.canvas import MANY, Picture, bare, picture
from neuroproc.pictures.colours import GRID, REFERENCE
from neuroproc.pictures.rows import LayerRows, rows_of

MOST_SPIKES = 100_000
"""Spikes that a picture shows at most."""
LEAST_SHARE = 0.035
"""Of the height, for a layer of few neurons: room for its name."""
NAMED_ROWS = 24
"""Rows up to which each has its neuron's name."""
MOST_FRAMES, NAMED_FRAMES = 40, 10
"""Frames whose begins are marked, and named."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Spikes of some cycles, by the layers of an image.

    Parameters
    ----------
    layers : tuple of LayerRows
    n_cycles : int
        Cycles 0 .. n_cycles - 1 are shown, whether somebody fires in them or not.
    cycle : int64[n_spikes], cycles
        Sorted by cycle, then neuron.
    neuron : int64[n_spikes]
        Of some layer.
    carries : bool[n_spikes]
        Whether it carries a value of its layer's map; all do where no layer has a map.
    names : tuple of str
        Of all neurons of the image.
    frames : int64[n_frames], cycles
        When each frame begins to enter; empty where the image is of no layered network.
    """

    layers: tuple[LayerRows, ...]
    n_cycles: int
    cycle: np.ndarray
    neuron: np.ndarray
    carries: np.ndarray
    names: tuple[str, ...]
    frames: np.ndarray

    @property
    def n_rows(self) -> int:
        """Neurons that are shown."""
        return sum(len(rows.neurons) for rows in self.layers)

    def words(self, title: str) -> str:
        """What it is of, in one line."""
        silent = self.n_rows - len(np.unique(self.neuron))
        parts = [
            _count(self.n_rows, "neuron") + f" ({silent:,} silent)" * (silent > 0),
            _count(self.n_cycles, "cycle"),
            _count(len(self.cycle), "spike") if len(self.cycle) else "no spikes",
        ]
        return f"{title}: {', '.join(parts)}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def raster_of(
    image: ProcessorImage,
    cycle: np.ndarray,
    neuron: np.ndarray,
    n_cycles: int,
    *,
    n_frames: int | None = None,
    layers: Sequence[str] = (),
    observed: np.ndarray | None = None,
) -> Raster:
    """Spikes of an image by its layers.

    Parameters
    ----------
    image : ProcessorImage
    cycle : int[n_spikes], cycles
        As `SpikeProbe.events` gives them; those from `n_cycles` on are left out.
    neuron : int[n_spikes]
    n_cycles : int
    n_frames : int, optional
        Frames that were shown to it. By default as many as have room.
    layers : sequence of str
        Only these, if any are named.
    observed : int[n_observed], optional
        Neurons whose spikes these are; by default all.

    Raises
    ------
    EmulationError
        If a neuron does not exist, or a layer has none.
    """
    cycle, neuron = np.asarray(cycle, np.int64), np.asarray(neuron, np.int64)
    wrong = neuron[(neuron < 0) | (neuron >= image.n_neurons)]
    if len(wrong):
        raise EmulationError(f"raster: neuron {wrong[0]} is unknown, allowed 0..{image.n_neurons - 1}")
    found = rows_of(image, layers, observed)
    shown = np.zeros(image.n_neurons, bool)
    for rows in found:
        shown[rows.neurons] = True
    kept = shown[neuron] & (cycle < n_cycles)
    order = np.lexsort((neuron[kept], cycle[kept]))
    cycle, neuron = cycle[kept][order], neuron[kept][order]
    has_maps = any(record.contract is not None for record in image.layers)
    carries = carries_value(image, cycle, neuron, n_frames) if has_maps else np.ones(len(cycle), bool)
    contract = image.layers[0].contract if image.layers else None
    frames = np.zeros(0, np.int64)
    if contract is not None:
        frames = np.arange(contract.start, n_cycles, contract.interval)[:n_frames]
    return Raster(found, n_cycles, cycle, neuron, carries, tuple(neuron_names(image)), frames)


def thinned(raster: Raster, most: int = MOST_SPIKES) -> np.ndarray:
    """Which spikes are drawn: bool[n_spikes]; all, or where there are more than `most`, an even choice.

    Of each neuron every k-th spike is taken, with the smallest k that leaves no more than `most` (or one of each
    neuron, if these are more): no row that fires looks silent. Spikes that carry values are all taken if they are no
    more than half of `most`, and only the others are thinned.
    """
    n_spikes, n_values = len(raster.cycle), int(np.count_nonzero(raster.carries))
    if n_spikes <= most:
        return np.ones(n_spikes, bool)
    if n_values > most // 2:
        return _every_kth(raster.neuron, most)
    kept = raster.carries.copy()
    kept[~raster.carries] = _every_kth(raster.neuron[~raster.carries], most - n_values)
    return kept


def _every_kth(neuron: np.ndarray, most: int) -> np.ndarray:
    """Of each neuron's entries every k-th, from the first on: bool[n_entries]."""
    order = np.argsort(neuron, kind="stable")
    _, first, counts = np.unique(neuron[order], return_index=True, return_counts=True)
    step = -(-len(neuron) // most)
    while np.sum(-(-counts // step)) > max(most, len(counts)):
        step += 1
    number = np.arange(len(neuron)) - np.repeat(first, counts)
    kept = np.zeros(len(neuron), bool)
    kept[order] = number % step == 0
    return kept


def plot_raster(path: str | Path, title: str, raster: Raster) -> Picture:
    """Draw who fires when, as a file.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    title : str
        What it is of.
    raster : Raster
        Of `raster_of`.

    Returns
    -------
    Picture
        The file; a notebook shows it.

    Raises
    ------
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    height = float(np.clip(1.6 + 0.14 * raster.n_rows, 2.4, 7.5))
    with picture(path, title, 9.0, height) as figure:
        draw_raster(figure, title, raster)
    return Picture(Path(path))


def draw_raster(figure: Any, title: str, raster: Raster) -> None:
    """The same on a figure."""
    axes = figure.add_subplot()
    edges = _edges(raster.layers)
    n_neurons = len(raster.names)
    middle, reach = np.zeros(n_neurons), np.zeros(n_neurons)
    for rows, top, bottom in zip(raster.layers, edges, edges[1:], strict=False):
        height = (bottom - top) / len(rows.neurons)
        middle[rows.neurons] = top + (np.arange(len(rows.neurons)) + 0.5) * height
        # No spike is lower than a point or so, however many rows there are.
        reach[rows.neurons] = max(0.42 * height, 0.6 / (figure.get_figheight() * 60))
    shown = thinned(raster)
    is_large = np.count_nonzero(shown) > MANY
    width = float(np.clip(430 / max(raster.n_cycles, 1), 0.5, 5))
    # What carries a value is drawn last, and never finer than the eye sees.
    for carries, least in ((False, 0), (True, 0.9)):
        for rows in raster.layers:
            mine = shown & np.isin(raster.neuron, rows.neurons) & (raster.carries == carries)
            neuron, colour = raster.neuron[mine], rows.colour if carries else rows.faint
            low, high = middle[neuron] - reach[neuron], middle[neuron] + reach[neuron]
            axes.vlines(
                raster.cycle[mine], low, high, colors=colour, lw=max(width, least), rasterized=is_large, zorder=2
            )
    _mark_frames(axes, raster)
    axes.set_xlim(-0.5, max(raster.n_cycles, 1) - 0.5)
    axes.set_ylim(edges[-1], 0)
    _name_rows(axes, raster, edges, middle)
    axes.set_xlabel("cycle")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_title(raster.words(title), loc="left", fontsize=11, pad=16 if len(raster.frames) else 6)
    bare(axes, ("top", "right", "left"), grid=None)
    axes.tick_params(axis="y", length=0)
    notes = _notes(raster, shown)
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=8, color=REFERENCE)


def thinning_words(raster: Raster, shown: np.ndarray) -> str:
    """What is said of a picture that does not show all spikes."""
    begin = f"{np.count_nonzero(shown):,} of {len(shown):,} spikes are drawn"
    if shown[raster.carries].all() and raster.carries.any():
        return f"{begin}: all that carry a value, and an even choice of each neuron's others"
    return f"{begin}: an even choice of each neuron's"


def _notes(raster: Raster, shown: np.ndarray) -> list[str]:
    notes = []
    if not raster.carries.all():
        notes.append("pale: spikes that carry no value of a frame (clocks, gates, relays, and units between values)")
    if not shown.all():
        notes.append(thinning_words(raster, shown))
    return notes


def _edges(layers: Sequence[LayerRows]) -> np.ndarray:
    """Top of each layer's rows and bottom of the last, from 0 to 1 downwards: float64[n_layers + 1]."""
    n_rows = np.array([len(rows.neurons) for rows in layers], np.float64)
    share = np.maximum(n_rows / max(n_rows.sum(), 1), LEAST_SHARE)
    return np.append(0, np.cumsum(share / max(share.sum(), 1e-9)))


def _mark_frames(axes: Any, raster: Raster) -> None:
    """Say when frames begin, unless they are too many to tell apart."""
    if len(raster.frames) > MOST_FRAMES:
        return
    named = raster.frames if len(raster.frames) <= NAMED_FRAMES else raster.frames[:0]
    for cycle in raster.frames.tolist():
        axes.axvline(cycle, color=REFERENCE, lw=0.7, ls=(0, (4, 3)), zorder=0)
    for number, cycle in enumerate(named.tolist()):
        axes.annotate(
            f"frame {number}", (cycle, 1), (1, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
            fontsize=8, color=REFERENCE,
        )  # fmt: skip


def _name_rows(axes: Any, raster: Raster, edges: np.ndarray, middle: np.ndarray) -> None:
    """Names at the margin: of layers, or of neurons where these are few."""
    if raster.n_rows <= NAMED_ROWS:
        ticks = [
            (middle[neuron], raster.names[neuron], rows) for rows in raster.layers for neuron in rows.neurons.tolist()
        ]
        axes.hlines([place for place, _, _ in ticks], -0.5, raster.n_cycles, colors=GRID, lw=0.8, zorder=0)
    else:
        axes.hlines(edges[1:-1], -0.5, raster.n_cycles, colors=GRID, lw=0.8, zorder=0)
        places = (edges[:-1] + edges[1:]) / 2
        words = [f"{rows.name} ({len(rows.neurons):,})".strip() for rows in raster.layers]
        ticks = list(zip(places, words, raster.layers, strict=True))
    axes.set_yticks([place for place, _, _ in ticks], [word for _, word, _ in ticks], fontsize=9)
    for label, (_, _, rows) in zip(axes.get_yticklabels(), ticks, strict=True):
        label.set_color(rows.colour)
