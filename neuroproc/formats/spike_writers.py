"""Spike files that are written as the spikes come: CSV, ``.npz`` and text raster."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from isa_spec.errors import EmulationError, FormatError
from isa_spec.files import write_atomically
from isa_spec.spikes import SpikeEvents
from neuroproc.formats.columns import Columns
from neuroproc.formats.spike_csv import COLUMNS, csv_head, csv_rows

SUFFIXES: Mapping[str, str] = {".csv": "csv", ".txt": "raster", ".npz": "npz"}

MOST_CHARACTERS = 2**30
"""Of a text raster."""

Add = Callable[[SpikeEvents], None]
"""Takes the next events; those of one cycle come together, cycles in order."""


@contextlib.contextmanager
def open_spikes(
    target: str | Path | IO[Any], n_ports: int, image_digest: str | None = None, suffix: str | None = None
) -> Iterator[Add]:
    """Function that adds events to a file, which appears when the block ends without an error; else nothing does.

    Parameters
    ----------
    target : str, Path or stream
        What is added to a stream is written at once, as far as its format lets it.
    n_ports : int
        How many the image has.
    image_digest : str or None
        Kept in the file.
    suffix : str, optional
        ``.csv``, ``.txt`` (raster) or ``.npz``; that of the file's name, and ``.csv`` for a stream. A raster tells port
        after port, so its spikes stay in memory to the end.

    Raises
    ------
    FormatError
        If the suffix is unknown, or a raster should hold a charge other than 1 or more than `MOST_CHARACTERS`.
    EmulationError
        If an event is at an unknown port.
    NeuroprocError
        If the file cannot be written.
    """
    if suffix is None:
        suffix = Path(target).suffix.lower() if isinstance(target, str | Path) else ".csv"
    if suffix not in SUFFIXES:
        known = ", ".join(f"{key} ({kind})" for key, kind in SUFFIXES.items())
        raise FormatError(f"{target}: suffix '{suffix}' is unknown, allowed for spikes: {known}")
    writer = {"csv": _csv, "raster": _raster, "npz": _npz}[SUFFIXES[suffix]]
    where = str(target) if isinstance(target, str | Path) else "<stream>"
    with _opened(target) as file, writer(file, where, n_ports, image_digest) as add:

        def checked(events: SpikeEvents) -> None:
            if len(events) and not 0 <= events.port.min() <= events.port.max() < n_ports:
                wrong = events.port[(events.port < 0) | (events.port >= n_ports)][0]
                raise EmulationError(f"event at port {wrong}, allowed 0..{n_ports - 1}")
            add(events)

        yield checked


class _Encoded(io.RawIOBase):
    """Bytes into a stream of text."""

    def __init__(self, stream: io.TextIOBase) -> None:
        self._stream = stream

    def write(self, data: Any) -> int:
        return self._stream.write(bytes(data).decode())


def _opened(target: str | Path | IO[Any]) -> contextlib.AbstractContextManager[Any]:
    if isinstance(target, str | Path):
        return write_atomically(target)
    return contextlib.nullcontext(_Encoded(target) if isinstance(target, io.TextIOBase) else target)


@contextlib.contextmanager
def _csv(file: IO[bytes], where: str, n_ports: int, digest: str | None) -> Iterator[Add]:
    file.write(csv_head(digest))

    def add(events: SpikeEvents) -> None:
        file.write(csv_rows(events))

    yield add


@contextlib.contextmanager
def _npz(file: IO[bytes], where: str, n_ports: int, digest: str | None) -> Iterator[Add]:
    kinds = {"cycle": (np.int64, ()), "port": (np.int32, ()), "value": (np.int64, ())}
    with Columns(where, kinds) as columns:

        def add(events: SpikeEvents) -> None:
            columns.append({name: getattr(events, name) for name in COLUMNS})

        yield add
        columns.save(file, {} if digest is None else {"image": np.array(digest)})


@contextlib.contextmanager
def _raster(file: IO[bytes], where: str, n_ports: int, digest: str | None) -> Iterator[Add]:
    kept: list[tuple[np.ndarray, np.ndarray]] = []

    def add(events: SpikeEvents) -> None:
        if np.any(events.value != 1):
            wrong = events.value[events.value != 1][0]
            raise FormatError(f"{where}: a text raster holds spikes only, found charge {wrong}; write .csv or .npz")
        kept.append((events.cycle, events.port))

    yield add
    nothing = np.zeros(0, np.int64), np.zeros(0, np.int32)
    cycle, port = (np.concatenate(column) for column in zip(nothing, *kept, strict=True))
    n_cycles = int(cycle.max(initial=-1)) + 1
    size = n_ports * n_cycles
    if size > MOST_CHARACTERS:
        raise FormatError(
            f"{where}: a text raster of {n_ports:,} ports and {n_cycles:,} cycles has {size:,} characters, allowed: "
            f"{MOST_CHARACTERS:,}; write .csv or .npz"
        )
    # One line of nothing is no line; a raster of no spikes still shows its ports.
    silence = np.full(max(n_cycles, 1), ord("0"), np.uint8)
    order = np.argsort(port, kind="stable")
    begins = np.searchsorted(port[order], np.arange(n_ports + 1))
    if digest is not None:
        file.write(f"# image {digest}\n".encode())
    for begin, end in itertools.pairwise(begins):
        line = silence.copy()
        line[cycle[order[begin:end]]] = ord("1")
        file.write(line.tobytes() + b"\n")
