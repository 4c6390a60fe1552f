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
from neuroproc.pictures.bands import Band, bands_of
from neuroproc.pictures.canvas import MANY, bare, picture
from neuroproc.pictures.colours import GRID, REFERENCE

MOST_SPIKES = 100_000
"""Spikes that a picture shows at most."""
LEAST_SHARE = 0.035
"""Of the height, for a layer of few neurons: room for its name."""
NAMED_ROWS = 24
"""Rows up to which each has its neuron's name."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Spikes of some cycles, by the layers of an image.

    Parameters
    ----------
    bands : tuple of Band
    n_cycles : int
        Cycles 0 .. n_cycles - 1 are shown, whether somebody fires in them or not.
    cycle : int64[n_spikes], cycles
        Sorted by cycle, then neuron.
    neuron : int64[n_spikes]
        All of them in some band.
    n_neurons : int
        Of the image.
    frames : int64[n_frames], cycles
        When each frame begins to enter; empty where the image is of no layered network.
    """

    bands: tuple[Band, ...]
    n_cycles: int
    cycle: np.ndarray
    neuron: np.ndarray
    n_neurons: int
    frames: np.ndarray

    @property
    def n_rows(self) -> int:
        """Neurons that are shown."""
        return sum(len(band.neurons) for band in self.bands)

    def words(self, title: str) -> str:
        """What it is of, in one line."""
        fired = len(np.unique(self.neuron))
        silent = f", {self.n_rows - fired:,} silent" if fired < self.n_rows else ""
        spikes = f"{len(self.cycle):,} spikes" if len(self.cycle) else "no spikes"
        return f"{title}: {self.n_rows:,} neurons{silent}, {self.n_cycles:,} cycles, {spikes}"


def raster_of(
    image: ProcessorImage, cycle: np.ndarray, neuron: np.ndarray, n_cycles: int, layers: Sequence[str] = ()
) -> Raster:
    """Spikes of an image by its layers.

    Parameters
    ----------
    image : ProcessorImage
    cycle : int[n_spikes], cycles
        As `SpikeProbe.events` gives them; those from `n_cycles` on are left out.
    neuron : int[n_spikes]
    n_cycles : int
    layers : sequence of str
        Only these, if any are named.

    Raises
    ------
    EmulationError
        If a neuron does not exist, or a layer has none.
    """
    cycle, neuron = np.asarray(cycle, np.int64), np.asarray(neuron, np.int64)
    wrong = neuron[(neuron < 0) | (neuron >= image.n_neurons)]
    if len(wrong):
        raise EmulationError(f"raster: neuron {wrong[0]} is unknown, allowed 0..{image.n_neurons - 1}")
    bands = bands_of(image, layers)
    shown = np.zeros(image.n_neurons, bool)
    for band in bands:
        shown[band.neurons] = True
    kept = shown[neuron] & (cycle < n_cycles)
    order = np.lexsort((neuron[kept], cycle[kept]))
    contract = image.layers[0].contract if image.layers else None
    frames = np.zeros(0, np.int64) if contract is None else np.arange(contract.start, n_cycles, contract.interval)
    return Raster(tuple(bands), n_cycles, cycle[kept][order], neuron[kept][order], image.n_neurons, frames)


def thinned(raster: Raster, most: int = MOST_SPIKES) -> np.ndarray:
    """Which spikes are drawn: bool[n_spikes]; all, or of each neuron one in so many, and at least one.

    Where there are more than `most`, every k-th spike of each neuron is taken, with the smallest k that leaves no more
    than that (or one of each neuron, if these are more). So no row that fires looks silent.
    """
    n_spikes = len(raster.cycle)
    if n_spikes <= most:
        return np.ones(n_spikes, bool)
    order = np.argsort(raster.neuron, kind="stable")
    _, first, counts = np.unique(raster.neuron[order], return_index=True, return_counts=True)
    step = -(-n_spikes // most)
    while np.sum(-(-counts // step)) > max(most, len(counts)):
        step += 1
    number = np.arange(n_spikes) - np.repeat(first, counts)
    kept = np.zeros(n_spikes, bool)
    kept[order] = number % step == 0
    return kept


def plot_raster(
    path: str | Path,
    image: ProcessorImage,
    cycle: np.ndarray,
    neuron: np.ndarray,
    n_cycles: int,
    title: str = "spikes",
    layers: Sequence[str] = (),
) -> None:
    """Draw who fires when, as a file.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    image : ProcessorImage
    cycle : int[n_spikes], cycles
    neuron : int[n_spikes]
        As `SpikeProbe.events` gives them.
    n_cycles : int
        How long the run was.
    title : str
        What it is of.
    layers : sequence of str
        Only these, if any are named.

    Raises
    ------
    EmulationError
        If a neuron does not exist, or a layer has none.
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    raster = raster_of(image, cycle, neuron, n_cycles, layers)
    height = float(np.clip(1.6 + 0.14 * raster.n_rows, 2.4, 7.5))
    with picture(path, title, 9.0, height) as figure:
        draw_raster(figure, raster, title, neuron_names(image))


def draw_raster(figure: Any, raster: Raster, title: str, names: Sequence[str]) -> None:
    """The same on a figure, with a name for each neuron of the image."""
    axes = figure.add_subplot()
    edges = _edges(raster.bands)
    middle, reach = np.zeros(raster.n_neurons), np.zeros(raster.n_neurons)
    points = figure.get_figheight() * 60
    for band, top, bottom in zip(raster.bands, edges, edges[1:], strict=False):
        row = (bottom - top) / len(band.neurons)
        middle[band.neurons] = top + (np.arange(len(band.neurons)) + 0.5) * row
        reach[band.neurons] = max(0.42 * row, 0.6 / points)
    shown = thinned(raster)
    width = float(np.clip(430 / max(raster.n_cycles, 1), 0.5, 5))
    for band in raster.bands:
        for some, colour in ((band.neurons[~band.helps], band.colour), (band.neurons[band.helps], band.faint)):
            mine = shown & np.isin(raster.neuron, some)
            neuron = raster.neuron[mine]
            low, high = middle[neuron] - reach[neuron], middle[neuron] + reach[neuron]
            is_large = np.count_nonzero(shown) > MANY
            axes.vlines(raster.cycle[mine], low, high, colors=colour, lw=width, rasterized=is_large, label=band.name)
    _mark_frames(axes, raster)
    axes.set_xlim(-0.5, max(raster.n_cycles, 1) - 0.5)
    axes.set_ylim(edges[-1], 0)
    _name_rows(axes, raster, edges, middle, names)
    axes.set_xlabel("cycle")
    axes.set_title(raster.words(title), loc="left", fontsize=11, pad=16 if len(raster.frames) else 6)
    bare(axes, ("top", "right", "left"), grid=None)
    axes.tick_params(axis="y", length=0)
    notes = _notes(raster, int(np.count_nonzero(shown)))
    if notes:
        figure.supxlabel("; ".join(notes), fontsize=8, color=REFERENCE)


def thinning_words(n_spikes: int, n_shown: int) -> str:
    """What is said of a picture that does not show all spikes."""
    return f"{n_shown:,} of {n_spikes:,} spikes are drawn, evenly chosen from each neuron's"


def _notes(raster: Raster, n_shown: int) -> list[str]:
    notes = []
    if n_shown < len(raster.cycle):
        notes.append(thinning_words(len(raster.cycle), n_shown))
    if any(band.helps.any() and not band.helps.all() for band in raster.bands):
        notes.append("paler: relays, clocks and gates of a layer")
    return notes


def _edges(bands: Sequence[Band]) -> np.ndarray:
    """Top of each layer's rows and bottom of the last, from 0 to 1 downwards: float64[n_bands + 1]."""
    rows = np.array([len(band.neurons) for band in bands], np.float64)
    share = np.maximum(rows / max(rows.sum(), 1), LEAST_SHARE)
    return np.append(0, np.cumsum(share / max(share.sum(), 1e-9)))


def _mark_frames(axes: Any, raster: Raster) -> None:
    """Say when frames begin, unless they are too many to tell apart."""
    if len(raster.frames) > 40:
        return
    for number, cycle in enumerate(raster.frames.tolist()):
        axes.axvline(cycle, color=REFERENCE, lw=0.7, ls=(0, (4, 3)), zorder=0)
        if len(raster.frames) <= 10:
            place = (cycle, 1)
            axes.annotate(
                f"frame {number}", place, (1, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                fontsize=8, color=REFERENCE,
            )  # fmt: skip


def _name_rows(axes: Any, raster: Raster, edges: np.ndarray, middle: np.ndarray, names: Sequence[str]) -> None:
    """Names at the margin: of layers, or of neurons where these are few."""
    for edge in edges[1:-1]:
        axes.axhline(edge, color=GRID, lw=0.8, zorder=0)
    if raster.n_rows <= NAMED_ROWS:
        ticks = [(middle[neuron], names[neuron], band) for band in raster.bands for neuron in band.neurons.tolist()]
    else:
        places = (edges[:-1] + edges[1:]) / 2
        words = [f"{band.name} ({len(band.neurons):,})".strip() for band in raster.bands]
        ticks = list(zip(places, words, raster.bands, strict=True))
    axes.set_yticks([place for place, _, _ in ticks], [word for _, word, _ in ticks], fontsize=9)
    for label, (_, _, band) in zip(axes.get_yticklabels(), ticks, strict=True):
        label.set_color(band.colour)
