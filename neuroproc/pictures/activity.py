"""How much each layer of an image fired in a run: the spikes of its neurons, from the busiest to the silent ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.image import ProcessorImage
from neuroproc.classifying.classification import Classification
from neuroproc.formats.runs import Run, run_of
from neuroproc.measuring.activity import activity_by_layer, told_saturated
from neuroproc.pictures.canvas import Picture, bare, picture
from neuroproc.pictures.colours import ALARM, GRID, PALETTE, REFERENCE, layer_colours


@dataclass(frozen=True, eq=False)
class LayerSpikes:
    """One layer in a run.

    Parameters
    ----------
    name : str
        Of the layer; ``all neurons`` where the image has no layers.
    colour : str
        ``#rrggbb``.
    spikes : int64[n_neurons]
        Of each neuron that was observed, descending.
    saturated : bool[n_neurons] or None
        Which of them fired for every value that they carry; None where counts do not tell.
    """

    name: str
    colour: str
    spikes: np.ndarray
    saturated: np.ndarray | None

    @property
    def silent(self) -> int:
        """Neurons without a spike."""
        return int(np.count_nonzero(self.spikes == 0))

    @property
    def n_saturated(self) -> int | None:
        """Neurons that fired for every value that they carry; None where counts do not tell."""
        return None if self.saturated is None else int(np.count_nonzero(self.saturated))

    def words(self, frames: int | None) -> str:
        """Counts that matter, in one line; spikes for each frame, if frames were shown."""
        total = int(self.spikes.sum())
        spikes = f"{total:,} spikes" if frames is None else f"{total / frames:,.1f} spikes per frame"
        silent = f", {self.silent:,} silent" if self.silent else ""
        full = f", {self.n_saturated:,} saturated" if self.n_saturated else ""
        return f"{spikes}{silent}{full}"


def layer_spikes(image: ProcessorImage, run: Run) -> tuple[LayerSpikes, ...]:
    """Spikes of each layer with neurons that were observed, in the order of the image.

    Parameters
    ----------
    image : ProcessorImage
    run : Run
        Of this image.

    Raises
    ------
    EmulationError
        If the run has no cycles.
    """
    observed = np.ones(image.n_neurons, bool)
    if run.observed is not None:
        observed[:] = False
        observed[run.observed] = True
    colours = layer_colours([record.kind for record in image.layers]) or [PALETTE[0]]
    found = []
    for number, layer in enumerate(activity_by_layer(image, run.spike_count, run.cycles, run.frames)):
        own = np.flatnonzero((image.layer == number) & observed)
        if len(own):
            own = own[np.argsort(-run.spike_count[own], kind="stable")]
            saturated = told_saturated(image, number, layer, run.frames)
            full = None if saturated is None else np.isin(own, saturated)
            found.append(LayerSpikes(layer.name or "all neurons", colours[number], run.spike_count[own], full))
    return tuple(found)


def headline_of(run: Run) -> str:
    """What a run was, in one line."""
    frames = "" if run.frames is None else f"{run.frames:,} frame{'s' * (run.frames != 1)}, "
    return f"{frames}{run.cycles:,} cycles, {run.spikes:,} spikes"


def plot_activity(path: str | Path, title: str, image: ProcessorImage, run: Classification | Run) -> Picture:
    """Draw how much each layer fired, as a file.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    title : str
        What it is of.
    image : ProcessorImage
    run : Classification or Run
        What `classify` gave for this image, or what `read_run` read.

    Returns
    -------
    Picture
        The file; a notebook shows it.

    Raises
    ------
    EmulationError
        If the run has no cycles.
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    run = run_of(image, run) if isinstance(run, Classification) else run
    layers = layer_spikes(image, run)
    with picture(path, title, 9.0, 1.4 + 0.75 * len(layers)) as figure:
        draw_activity(figure, f"{title}: {headline_of(run)}", layers, run.frames)
    return Picture(Path(path))


def draw_activity(figure: Any, title: str, layers: Sequence[LayerSpikes], frames: int | None) -> None:
    """The same on a figure."""
    strips = figure.subplots(len(layers), 1, sharex=True, squeeze=False)[:, 0]
    for axes, layer in zip(strips, layers, strict=True):
        n_neurons, rates = len(layer.spikes), layer.spikes / (frames or 1)
        edges = 100 * np.arange(n_neurons + 1) / n_neurons
        axes.stairs(rates, edges, fill=True, color=layer.colour, lw=0)
        if layer.saturated is not None and layer.saturated.any():
            axes.stairs(np.where(layer.saturated, rates, 0), edges, fill=True, color=ALARM, lw=0)
        if layer.silent:
            axes.axvspan(edges[n_neurons - layer.silent], 100, color=GRID, lw=0, zorder=0)
        axes.set_ylim(0, max(float(rates[0]) * 1.1, 1e-9))
        top = f"{rates[0]:,.3g}" if rates[0] < 100 else f"{rates[0]:,.0f}"
        axes.set_yticks([0, float(rates[0])][: 1 + bool(rates[0])], ["0", top][: 1 + bool(rates[0])])
        axes.tick_params(labelsize=8)
        axes.set_ylabel(f"{layer.name} ({n_neurons:,})", rotation=0, ha="right", va="center", color=layer.colour)
        axes.annotate(
            layer.words(frames), (1, 1), (0, 1), xycoords="axes fraction", textcoords="offset points", ha="right",
            va="bottom", fontsize=8, color=REFERENCE,
        )  # fmt: skip
        bare(axes, grid=None)
    strips[-1].set_xlim(0, 100)
    strips[-1].xaxis.set_major_formatter("{x:.0f}%")
    strips[-1].set_xlabel("neurons of the layer, from the busiest on")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.align_ylabels()
    per = "spikes of each neuron" + (" per frame" if frames is not None else "")
    grey = "; grey: silent" if any(layer.silent for layer in layers) else ""
    red = "; red: a spike for every value that they carry" if any(layer.n_saturated for layer in layers) else ""
    figure.supxlabel(f"height: {per}{grey}{red}", fontsize=8, color=REFERENCE)
