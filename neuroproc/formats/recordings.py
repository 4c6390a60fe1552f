"""Recordings of neurons, written as they come: their spikes, or their potentials, as CSV or ``.npz``."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.files import write_atomically
from isa_spec.image import ROLES, ProcessorImage, graph_digest
from isa_spec.names import neuron_names
from neuroproc.formats.columns import Columns

POTENTIAL_DIGITS = 20
"""Most characters of a potential: 64 bits and a sign."""

Add = Callable[[np.ndarray, np.ndarray], None]
"""Takes cycles, ascending, and for each the neuron that fired, or a row with the potentials of all observed neurons."""


def neurons_of(image: ProcessorImage, layers: list[str]) -> np.ndarray:
    """Neurons of some layers, ascending, or all of them where no layer is named: int64[n_observed].

    Raises
    ------
    EmulationError
        If the image has no such layer, or the layer no neurons.
    """
    names = [layer.name for layer in image.layers]
    for name in layers:
        if name not in names:
            allowed = ", ".join(names) if names else "none, the image has no layers"
            raise EmulationError(f"layer '{name}' is unknown, allowed: {allowed}")
        if not np.any(image.layer == names.index(name)):
            raise EmulationError(f"layer '{name}' has no neurons: other layers read what is before it; record that")
    if not layers:
        return np.arange(image.n_neurons)
    return np.flatnonzero(np.isin(image.layer, [names.index(name) for name in layers]))


def largest_size(image: ProcessorImage, neurons: np.ndarray, cycles: int, is_npz: bool, potentials: bool) -> int:
    """Bytes that a recording may need on the disk, scratch files included: all observed neurons fire in every cycle.

    Parameters
    ----------
    image : ProcessorImage
    neurons : int[n_observed]
    cycles : int
    is_npz, potentials : bool
        Of potentials, which need nearly as much as this.
    """
    if is_npz:
        # The largest column is copied out of its scratch file before that goes.
        entry = 8 + 2 * 8 * len(neurons) if potentials else (12 + 8) * len(neurons)
        return entry * cycles
    labels = sum(map(len, _labels(image, neurons))) + (1 + POTENTIAL_DIGITS) * len(neurons) * potentials
    return (labels + (len(str(cycles)) + 1) * len(neurons)) * cycles


@contextlib.contextmanager
def open_recording(
    target: str | Path | IO[bytes],
    image: ProcessorImage,
    neurons: np.ndarray,
    cycles: int,
    is_npz: bool,
    potentials: bool = False,
) -> Iterator[Add]:
    """Function that adds to a recording, which appears when the block ends without an error; else nothing does.

    As CSV it has a line for each spike or potential, with the neuron's number, layer and role. As ``.npz`` it has the
    arrays `cycle` and `neuron` (of each spike), `cycles` (how many were run) and `observed` (neurons), or `cycle` (of
    each sample), `neuron` (of each column) and `potential`; `layer`, `role` and `name`, the words for each neuron of
    the image; and `image`, its digest.

    Parameters
    ----------
    target : str, Path or stream
    image : ProcessorImage
    neurons : int64[n_observed]
    cycles : int
        How long the run is.
    is_npz : bool
        Else it is CSV.
    potentials : bool
        Record these and no spikes.

    Raises
    ------
    NeuroprocError
        If the file cannot be written.
    """
    opened = write_atomically(target) if isinstance(target, str | Path) else contextlib.nullcontext(target)
    where = str(target) if isinstance(target, str | Path) else "<stream>"
    with opened as file:
        if is_npz:
            with _open_columns(file, where, image, neurons, cycles, potentials) as add:
                yield add
        else:
            write = _write_potentials if potentials else _write_spikes
            file.write(f"cycle,neuron,layer,role{',potential' if potentials else ''}\n".encode())
            labels = np.full(image.n_neurons, None, object)
            labels[neurons] = _labels(image, neurons)
            yield lambda cycle, values: write(file, labels, neurons, cycle, values)


@contextlib.contextmanager
def _open_columns(
    file: IO[bytes], where: str, image: ProcessorImage, neurons: np.ndarray, cycles: int, potentials: bool
) -> Iterator[Add]:
    name, entry = ("potential", (np.int64, (len(neurons),))) if potentials else ("neuron", (np.int32, ()))
    names = np.array([layer.name for layer in image.layers] or [""])
    # A neuron without a spike may be a silent one, or one that was not looked at.
    observed = neurons.astype(np.int32)
    more: dict[str, np.ndarray] = {"neuron": observed}
    if not potentials:
        more = {"cycles": np.array(cycles, np.int64), "observed": observed}
    more |= {"layer": names[image.layer], "role": np.array(ROLES)[image.role], "name": np.array(neuron_names(image))}
    more["image"] = np.array(graph_digest(image))
    with Columns(where, {"cycle": (np.int64, ()), name: entry}) as columns:
        yield lambda cycle, values: columns.append({"cycle": cycle, name: values})
        columns.save(file, more)


def _labels(image: ProcessorImage, neurons: np.ndarray) -> list[str]:
    """What a line says of each neuron, after the cycle: ``,number,layer,role``."""
    names = [_cell(layer.name) for layer in image.layers] or [""]
    places = zip(neurons.tolist(), image.layer[neurons].tolist(), image.role[neurons].tolist(), strict=True)
    return [f",{neuron},{names[layer]},{ROLES[role]}" for neuron, layer, role in places]


def _cell(name: str) -> str:
    """A name as a cell of CSV, quoted where it has to be."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([name])
    return line.getvalue()


def _write_spikes(
    file: IO[bytes], labels: np.ndarray, neurons: np.ndarray, cycle: np.ndarray, neuron: np.ndarray
) -> None:
    begins = np.flatnonzero(np.append(True, cycle[1:] != cycle[:-1])).tolist() if len(cycle) else []
    words = labels[neuron].tolist()
    parts = []
    # Spikes of one cycle are joined by its number: one step for each of them, in the speed of text.
    for begin, end in itertools.pairwise([*begins, len(words)]):
        number = str(cycle[begin])
        parts.append(number + f"\n{number}".join(words[begin:end]) + "\n")
    file.write("".join(parts).encode())


def _write_potentials(
    file: IO[bytes], labels: np.ndarray, neurons: np.ndarray, cycle: np.ndarray, potential: np.ndarray
) -> None:
    words = labels[neurons].tolist()
    for number, row in zip(cycle.tolist(), potential.tolist(), strict=True):
        file.write("".join([f"{number}{word},{value}\n" for word, value in zip(words, row, strict=True)]).encode())
