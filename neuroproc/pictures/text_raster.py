"""Who fires when, as text: for any terminal, without anything to install."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroproc.pictures.bands import Band
from neuroproc.pictures.raster import Raster

MOST_LINES = 16
"""Rows of a layer that have a line each; of a layer with more, a line stands for several."""
FEWER_LINES = 8
"""Lines of such a layer, at most."""
WIDEST_NAME = 24
"""Characters of a name at the margin."""
NONE, ALL, TENTHS = ".", "|", "123456789"


def text_raster(raster: Raster, title: str, names: Sequence[str], width: int, whole: bool = False) -> str:
    """Lines of text, none wider than ``width`` where that is possible.

    Each character stands for some cycles of one neuron, or of several: ``.`` if nobody fires in them, ``|`` if all do
    in all of them, else a digit, tenths of that, rounded up.

    Parameters
    ----------
    raster : Raster
    title : str
    names : sequence of str
        One for each neuron of the image.
    width : int
    whole : bool
        A line for each neuron, however many they are.
    """
    groups = [(band, _groups(band, whole)) for band in raster.bands]
    labels = [[_label(names, group) for group in parts] for _, parts in groups]
    margin = min(max((len(label) for some in labels for label in some), default=0), WIDEST_NAME)
    room = max(width - margin - 2, 10)
    step = max(-(-raster.n_cycles // room), 1)
    n_columns = -(-raster.n_cycles // step)
    lines = [raster.words(title), *_legend(raster, groups, step)]
    ruler = _ruler(raster.n_cycles, step, n_columns)
    row_of = np.full(raster.n_neurons, -1)
    for (band, parts), words in zip(groups, labels, strict=True):
        for number, group in enumerate(parts):
            row_of[group] = number
        mine = np.isin(raster.neuron, band.neurons)
        counts = np.zeros((len(parts), n_columns), np.int64)
        np.add.at(counts, (row_of[raster.neuron[mine]], raster.cycle[mine] // step), 1)
        lines += ["", _head(band, parts), f"{'':{margin}}  {ruler}".rstrip()]
        spans = np.minimum(step, raster.n_cycles - np.arange(n_columns) * step)
        for word, group, row in zip(words, parts, counts, strict=True):
            lines.append(f"{_cut(word, margin):{margin}}  {_marks(row, len(group) * spans)}".rstrip())
    return "\n".join(lines)


def _groups(band: Band, whole: bool) -> list[np.ndarray]:
    """Neurons of each line."""
    n_rows = len(band.neurons)
    size = 1 if whole or n_rows <= MOST_LINES else -(-n_rows // FEWER_LINES)
    return [band.neurons[begin : begin + size] for begin in range(0, n_rows, size)]


def _label(names: Sequence[str], group: np.ndarray) -> str:
    first = names[group[0]]
    return first if len(group) == 1 else f"{first} +{len(group) - 1}"


def _cut(label: str, width: int) -> str:
    """A name, or its end where it is too long."""
    return label if len(label) <= width else f"~{label[1 - width :]}"


def _head(band: Band, parts: Sequence[np.ndarray]) -> str:
    name, n_rows = band.name or "neurons", len(band.neurons)
    grouped = f", {len(parts[0]):,} to a line" if len(parts) < n_rows else ""
    return f"{name}: {n_rows:,} neuron{'s' * (n_rows > 1)}{grouped}"


def _legend(raster: Raster, groups: Sequence[tuple[Band, Sequence[np.ndarray]]], step: int) -> list[str]:
    grouped = any(len(parts) < len(band.neurons) for band, parts in groups)
    of = " and ".join([f"{step:,} cycles"] * (step > 1) + ["all neurons of its line"] * grouped)
    if not of:
        return []
    begin = f"a character is {step:,} cycles: " if step > 1 else ""
    return [f"{begin}'{NONE}' no spike, '{ALL}' a spike in every cycle of every neuron, 1..9 tenths of that"]


def _ruler(n_cycles: int, step: int, n_columns: int) -> str:
    """Numbers of cycles above their columns."""
    line = ""
    apart = max(len(f"{n_cycles:,}") + 2, 10)
    for column in range(0, n_columns, apart):
        line = f"{line:{column}}{column * step:,}"
    return line


def _marks(counts: np.ndarray, most: np.ndarray) -> str:
    """A character for each number of spikes, of how many there could be."""
    tenths = np.clip(-(-10 * counts // np.maximum(most, 1)), 1, 9)
    return "".join(
        NONE if count == 0 else ALL if count == full else TENTHS[tenth - 1]
        for count, full, tenth in zip(counts.tolist(), most.tolist(), tenths.tolist(), strict=True)
    )
