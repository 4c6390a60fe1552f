"""Who fires when, as text: for any terminal, without anything to install."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroproc.pictures.raster import Raster
from neuroproc.pictures.rows import LayerRows

MOST_LINES = 16
"""Rows of a layer that have a line each; of a layer with more, a line stands for several."""
FEWER_LINES = 8
"""Lines of such a layer, at most."""
WIDEST_NAME = 24
"""Characters of a name at the margin."""
NONE, IDLE, ALL, TENTHS = ".", ":", "|", "123456789"


def text_raster(title: str, raster: Raster, width: int, whole: bool = False) -> str:
    """Lines of text, none wider than ``width`` where that is possible.

    Each character stands for some cycles of one neuron, or of several: ``.`` if nobody fires in them, ``:`` if no spike
    carries a value, ``|`` if all fire in all of them, else a digit, tenths of that, rounded up.

    Parameters
    ----------
    title : str
    raster : Raster
    width : int
    whole : bool
        A line for each neuron, however many they are.
    """
    groups = [(rows, _groups(rows, whole)) for rows in raster.layers]
    labels = [[_label(raster.names, rows, group) for group in parts] for rows, parts in groups]
    margin = min(max((len(label) for some in labels for label in some), default=0), WIDEST_NAME)
    room = max(width - margin - 2, 10)
    step = max(-(-raster.n_cycles // room), 1)
    n_columns = -(-raster.n_cycles // step)
    spans = np.minimum(step, raster.n_cycles - np.arange(n_columns) * step)
    row_of = np.full(len(raster.names), -1)
    lines = [raster.words(title), *_legend(raster, groups, step), ""]
    lines.append(f"{'':{margin}}  {_ruler(raster.n_cycles, step, n_columns)}")
    for (rows, parts), words in zip(groups, labels, strict=True):
        for number, group in enumerate(parts):
            row_of[group] = number
        counts, idle = np.zeros((2, len(parts), n_columns), np.int64)
        mine = np.isin(raster.neuron, rows.neurons)
        for some, table in ((mine & raster.carries, counts), (mine & ~raster.carries, idle)):
            np.add.at(table, (row_of[raster.neuron[some]], raster.cycle[some] // step), 1)
        lines += _head(rows, parts)
        for word, group, values, others in zip(words, parts, counts, idle, strict=True):
            lines.append(f"{_cut(word, margin):{margin}}  {_marks(values, others, len(group) * spans)}")
    return "\n".join(lines)


def _groups(rows: LayerRows, whole: bool) -> list[np.ndarray]:
    """Neurons of each line."""
    n_rows = len(rows.neurons)
    size = 1 if whole or n_rows <= MOST_LINES else -(-n_rows // FEWER_LINES)
    return [rows.neurons[begin : begin + size] for begin in range(0, n_rows, size)]


def _label(names: Sequence[str], rows: LayerRows, group: np.ndarray) -> str:
    first = names[group[0]]
    if rows.name:
        first = f"  {first.removeprefix(f'{rows.name}.')}"
    return first if len(group) == 1 else f"{first} +{len(group) - 1}"


def _cut(label: str, width: int) -> str:
    """A name, or its end where it is too long."""
    return label if len(label) <= width else f"~{label[1 - width :]}"


def _head(rows: LayerRows, parts: Sequence[np.ndarray]) -> list[str]:
    grouped = f", up to {len(parts[0]):,} in a line" if len(parts) < len(rows.neurons) else ""
    return [f"{rows.name} ({len(rows.neurons):,}{grouped})"] if rows.name or grouped else []


def _legend(raster: Raster, groups: Sequence[tuple[LayerRows, Sequence[np.ndarray]]], step: int) -> list[str]:
    lines = []
    if len(raster.frames):
        begins = ", ".join(f"{cycle:,}" for cycle in raster.frames[:4].tolist()) + ", ..." * (len(raster.frames) > 4)
        lines.append(f"frames begin in {'cycles' if len(raster.frames) > 1 else 'cycle'} {begins}")
    if not raster.carries.all():
        lines.append(f"{IDLE} spikes that carry no value of a frame (clocks, gates, relays, units between values)")
    if step > 1 or any(len(parts) < len(rows.neurons) for rows, parts in groups):
        cycles = "1 cycle" if step == 1 else f"{step:,} cycles"
        lines.append(f"a character is {cycles}; {NONE} no spike, {ALL} spikes always and of all, 1..9 tenths of that")
    return lines


def _ruler(n_cycles: int, step: int, n_columns: int) -> str:
    """Numbers of cycles above their columns."""
    line = ""
    apart = max(len(f"{n_cycles:,}") + 2, 10)
    for column in range(0, n_columns, apart):
        line = f"{line:{column}}{column * step:,}"
    return line


def _marks(counts: np.ndarray, idle: np.ndarray, most: np.ndarray) -> str:
    """A character for each number of spikes with a value, of spikes without one, and of how many there could be."""
    tenths = np.clip(-(-10 * counts // np.maximum(most, 1)), 1, 9)
    columns = (array.tolist() for array in (counts, idle, most, tenths))
    return "".join(
        (IDLE if others else NONE) if not count else ALL if count == full else TENTHS[tenth - 1]
        for count, others, full, tenth in zip(*columns, strict=True)
    )
