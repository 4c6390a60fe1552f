"""What a neuron holds in every cycle before it is reset: the sum that is compared with its threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.image import ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.explaining.explanation import explain_cycles
from neuroproc.explaining.places import Places
from neuroproc.pictures.canvas import Picture, bare, picture, raised
from neuroproc.pictures.colours import ALARM, PALETTE, REFERENCE, layer_colours, lighter

DOTTED = 120
"""Cycles up to which each has a dot."""
CROWDED = 60
"""Spikes beyond which their marks are small."""


@dataclass(frozen=True, eq=False)
class Trace:
    """One neuron in cycles 0 .. n_cycles - 1.

    Parameters
    ----------
    asked : str
        What it was asked for by.
    name, layer : str
        Of the neuron, and of its layer (empty where the image has none).
    colour : str
        Of the layer, ``#rrggbb``.
    threshold : int, potential units
    floor : int or None, potential units
        Of the processor.
    total : int64[n_cycles], potential units
        The sum that is compared with the threshold: before a reset, and before the floor.
    after : int64[n_cycles], potential units
        What is left at the end of the cycle.
    reached : bool[n_cycles]
        Whether something arrives.
    fired : bool[n_cycles]
    value : int64[n_values], cycles
        When it computes the value that was asked for, a cycle for each step; empty where no value was.
    """

    asked: str
    name: str
    layer: str
    colour: str
    threshold: int
    floor: int | None
    total: np.ndarray
    after: np.ndarray
    reached: np.ndarray
    fired: np.ndarray
    value: np.ndarray

    @property
    def n_cycles(self) -> int:
        """Cycles that are shown."""
        return len(self.total)

    @property
    def eventful(self) -> np.ndarray:
        """Cycles in which something arrives, or the potential is not what it was: bool[n_cycles]."""
        before = np.append(0, self.after)[:-1]
        return self.reached | self.fired | (self.total != before) | (self.after != self.total)

    def words(self) -> str:
        """Who it is, and how often it fires: where it computes the value that was asked for, and in all."""
        n_spikes = int(np.count_nonzero(self.fired))
        if not len(self.value):
            return f"{self.name}: {n_spikes:,} spike{'s' * (n_spikes != 1)}"
        there = int(np.count_nonzero(self.fired[self.value]))
        shaded = f"computes {self.asked} in the shaded cycle{'s' * (len(self.value) != 1)}"
        return f"{self.name}, {shaded}: {there:,} spike{'s' * (there != 1)} there, {n_spikes:,} in all"

    @property
    def axis(self) -> tuple[float, float]:
        """Lowest and highest of what is drawn: sums far below all that is held would squeeze the rest.

        At the floor nothing is held: where it is far below, a clock sends units there to clear them.
        """
        held = min([0, *(value for value in self.after.tolist() if value != self.floor)])
        high = max(int(self.total.max()), self.threshold)
        low, span = min(int(self.total.min()), held, self.threshold), max(high - min(held, self.threshold), 1)
        if low < held - span:
            low = held - span // 4
        room = 0.12 * max(high - low, 1)
        return low - room, high + room


def trace_of(image: ProcessorImage, events: SpikeEvents, neuron: int | str, n_cycles: int) -> Trace:
    """Trace of a neuron in a run.

    Parameters
    ----------
    image : ProcessorImage
    events : SpikeEvents
        Input from cycle 0 on; what starts the image's clocks is added.
    neuron : int or str
        As for `explain`; ``LAYER[channel,row,column]`` also says which cycles are meant.
    n_cycles : int
        At least 1.

    Raises
    ------
    EmulationError
        If there is no such neuron, there are no cycles, or an event is refused.

    Source: `explain_cycles`, which has every term of the sum.
    """
    asked, found = str(neuron), explain_cycles(image, events, neuron, range(n_cycles))
    place = found[0].place
    colours = layer_colours([record.kind for record in image.layers]) or PALETTE
    when = Places(image).cycles_of(asked)
    return Trace(
        asked=asked,
        name=place.name,
        layer=place.layer,
        colour=colours[image.layer[place.neuron]],
        threshold=found[0].threshold,
        floor=image.spec.potential_floor,
        total=np.array([one.total for one in found], np.int64),
        after=np.array([one.after for one in found], np.int64),
        reached=np.array([bool(one.arrivals) for one in found], bool),
        fired=np.array([one.fired for one in found], bool),
        value=_cycles(*when, n_cycles) if when else np.zeros(0, np.int64),
    )


def _cycles(steps: range, interval: int, n_cycles: int) -> np.ndarray:
    """Cycles of a value in all frames: int64[n_values]."""
    frames = np.arange(0, max(n_cycles - steps[0], 0), interval)
    found = (frames[:, None] + np.array(steps)).ravel()
    return found[found < n_cycles]


def plot_potentials(path: str | Path, title: str, traces: Sequence[Trace]) -> Picture:
    """Draw potentials, as a file: a strip for each neuron.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    title : str
        What it is of.
    traces : sequence of Trace
        Of `trace_of`, all of as many cycles.

    Returns
    -------
    Picture
        The file; a notebook shows it.

    Raises
    ------
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    with picture(path, title, 9.0, 1.3 + 1.9 * len(traces)) as figure:
        draw_potentials(figure, title, traces)
    return Picture(Path(path))


def draw_potentials(figure: Any, title: str, traces: Sequence[Trace]) -> None:
    """The same on a figure."""
    strips = figure.subplots(len(traces), 1, sharex=True, squeeze=False)[:, 0]
    for axes, trace in zip(strips, traces, strict=True):
        _draw_trace(axes, trace)
    strips[-1].set_xlabel("cycle")
    strips[-1].set_xlim(-0.5, traces[0].n_cycles - 0.5)
    strips[-1].xaxis.get_major_locator().set_params(integer=True)
    strips[-1].xaxis.set_major_formatter("{x:,.0f}")
    words = f"{title}: potentials before reset, as they are compared with the threshold"
    figure.suptitle(words, x=0.01, ha="left", fontsize=11)
    figure.supylabel("potential units", fontsize=9)


def _draw_trace(axes: Any, trace: Trace) -> None:
    cycle = np.arange(trace.n_cycles)
    # What is compared, what the reset and the floor leave of it, and so into the next cycle.
    when = np.repeat(cycle, 3) + np.tile([0.0, 0.0, 1.0], trace.n_cycles)
    held = np.stack([trace.total, trace.after, trace.after], axis=1).ravel()
    axes.plot(when[:-1], held[:-1], color=lighter(trace.colour, 0.35), lw=1.0, zorder=2)
    if trace.n_cycles <= DOTTED:
        axes.plot(cycle, trace.total, ".", color=trace.colour, ms=4, zorder=3)
    axes.axhline(trace.threshold, color=ALARM, lw=1.0, ls=(0, (5, 3)), zorder=1)
    _name_line(axes, trace.threshold, f"threshold {trace.threshold:,}", ALARM)
    low, high = trace.axis
    if trace.floor is not None and low <= trace.floor <= high:
        axes.axhline(trace.floor, color=REFERENCE, lw=0.9, ls=(0, (1, 2)), zorder=1)
        if abs(trace.floor - trace.threshold) > 0.1 * (high - low):
            _name_line(axes, trace.floor, f"floor {trace.floor:,}", REFERENCE)
    size = 6 if np.count_nonzero(trace.fired) <= CROWDED else 3
    axes.plot(
        cycle[trace.fired], trace.total[trace.fired], "^", color=trace.colour, ms=size, zorder=4,
        transform=raised(axes, size),
    )  # fmt: skip
    _cut(axes, trace, low)
    for at in trace.value.tolist():
        axes.axvspan(at - 0.5, at + 0.5, color=lighter(REFERENCE, 0.6), lw=1.2, zorder=0)
    axes.set_ylim(low, high)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.tick_params(labelsize=8)
    axes.set_title(trace.words(), loc="left", fontsize=9, color=trace.colour)
    bare(axes, grid=None)


def _cut(axes: Any, trace: Trace, low: float) -> None:
    """Marks at the lower edge where sums are below it, and how many and how low they are."""
    below = np.flatnonzero(trace.total < low)
    if len(below):
        axes.plot(
            below,
            np.full(len(below), low),
            "v",
            color=REFERENCE,
            ms=4 if len(below) <= CROWDED else 1.5,
            zorder=4,
            clip_on=False,
        )
        words = f"{len(below):,} below,\ndown to {trace.total.min():,}"
        _name_line(axes, low, words, REFERENCE)


def _name_line(axes: Any, value: float, words: str, colour: str) -> None:
    """Words beside a line across, at its right end."""
    axes.annotate(
        words, (1, value), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8,
        color=colour, va="center", annotation_clip=False,
    )  # fmt: skip
