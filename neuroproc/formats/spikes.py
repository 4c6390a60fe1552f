"""Spike files: CSV, text raster and ``.npz``, read and written.

Source: isa_spec/spike_formats.toml.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from isa_spec.arrays import ZIP_MAGIC, decode_npz
from isa_spec.errors import FormatError
from isa_spec.image import Port
from isa_spec.spikes import SpikeEvents
from neuroproc.formats.frames import GZIP_MAGIC
from neuroproc.formats.spike_csv import COLUMNS, MOST_PORTS, Block, CsvReader, Line, blocks_of
from neuroproc.formats.spike_writers import open_spikes

SMALL = 2**24
"""Bytes of a file that is read at once, whatever the order of its lines; no result depends on it."""

_DIGEST = re.compile(r"image\s*[=:]?\s*(sha256:[0-9a-f]+)")


def read_spikes(
    source: str | Path | IO[Any], ports: Sequence[Port] | None, image_digest: str | None = None
) -> SpikeEvents:
    """Events of a spike file; what it is, is seen from its content.

    Parameters
    ----------
    source : str, Path or stream
        CSV, text raster or ``.npz``.
    ports : sequence of Port or None
        The image's inputs (or outputs): a number counts in this list, or is a name, where ports are called by numbers
        and it does not count; anything else is a name. None: ports are any numbers from 0 on, and have no names.
    image_digest : str or None
        Digest of the image that the spikes are for. A file that names another one is refused.

    Raises
    ------
    FormatError
        If the file is in no known format, has an unknown port, a negative cycle, something that is not an integer, or
        was made for another image.
    """
    return read_spike_file(source, ports, image_digest)[0]


def read_spike_file(
    source: str | Path | IO[Any], ports: Sequence[Port] | None, image_digest: str | None = None
) -> tuple[SpikeEvents, str | None]:
    """Events of a spike file, and the digest of the image that it says it was made for, if it says so.

    Parameters, Raises
    ------------------
    As `read_spikes`.
    """
    with _opened(source) as (stream, where):
        named = _Named(image_digest, where)
        events = _joined(list(_pieces(stream, ports, named, where)))
        return events, named.found


@contextlib.contextmanager
def open_pieces(
    source: str | Path | IO[Any], ports: Sequence[Port], image_digest: str | None = None, small: int = SMALL
) -> Iterator[tuple[int, Iterator[SpikeEvents]]]:
    """Last cycle of a spike file (-1 if it has no events), and its events piece after piece.

    No cycle of a piece is before one of an earlier piece. A large CSV file whose lines are in the order of cycles is
    never in memory as a whole. It is read twice: the order, and whatever may be wrong, is seen before the first piece
    is given. Any other file is one piece.

    Parameters
    ----------
    small : int, bytes
        A file of more is large.

    Other parameters, Raises
    ------------------------
    As `read_spikes`.
    """
    with _opened(source) as (stream, where):
        named = _Named(image_digest, where)
        begin = stream.tell()
        is_large = stream.seek(0, os.SEEK_END) - begin > small
        stream.seek(begin)
        if is_large and not _is_archive(stream, where):
            is_ordered, last = True, -1
            for piece in _pieces(stream, ports, named, where):
                is_ordered = is_ordered and int(piece.cycle[0]) >= last
                last = max(last, int(piece.cycle[-1]))
            stream.seek(begin)
            if is_ordered:
                yield last, _pieces(stream, ports, named, where)
                return
        whole = _joined(list(_pieces(stream, ports, named, where)))
        yield int(whole.cycle.max(initial=-1)), iter((whole,))


def write_spikes(
    target: str | Path | IO[Any],
    events: SpikeEvents,
    ports: Sequence[Port] | None,
    image_digest: str | None = None,
    suffix: str | None = None,
) -> None:
    """Write events to a file or a stream.

    Parameters
    ----------
    target : str, Path or stream
        A file appears whole or not at all.
    events : SpikeEvents
    ports : sequence of Port or None
        The image's outputs (or inputs); None where no image says how many there are: those up to the last event's.
    image_digest : str or None
        Kept in the file.
    suffix : str, optional
        ``.csv``, ``.txt`` (raster) or ``.npz``; that of the file's name, and ``.csv`` for a stream.

    Raises
    ------
    FormatError
        If the suffix is unknown, or a raster should hold a charge other than 1 or more than `MOST_CHARACTERS`.
    EmulationError
        If an event is at an unknown port.
    NeuroprocError
        If the file cannot be written.
    """
    n_ports = int(events.port.max(initial=-1)) + 1 if ports is None else len(ports)
    with open_spikes(target, n_ports, image_digest, suffix) as add:
        add(events)


@contextlib.contextmanager
def _opened(source: str | Path | IO[Any]) -> Iterator[tuple[IO[bytes], str]]:
    """A stream of bytes that can go back, and what it is called."""
    with contextlib.ExitStack() as stack:
        where = str(source if isinstance(source, str | Path) else getattr(source, "name", "<stream>"))
        try:
            stream = stack.enter_context(open(source, "rb")) if isinstance(source, str | Path) else source
            if isinstance(stream, io.TextIOBase):
                stream = io.BytesIO(stream.read().encode())
            elif not stream.seekable():
                # What comes through a pipe may be too long for memory, too.
                kept = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(stream, kept)
                kept.seek(0)
                stream = kept
        except UnicodeDecodeError:
            raise FormatError(f"{where}: neither text nor a numpy archive") from None
        except OSError as error:
            raise FormatError(f"{where}: cannot be read ({error.strerror})") from None
        yield stream, where


def _is_archive(stream: IO[bytes], where: str) -> bool:
    """Whether a stream is a zip, and not text."""
    begin = stream.tell()
    magic = stream.read(2)
    stream.seek(begin)
    if magic == GZIP_MAGIC:
        raise FormatError(f"{where}: gzipped, allowed: CSV, a text raster or .npz; unpack it first, as by gunzip")
    return magic == ZIP_MAGIC


class _Named:
    """The digest that a file names, held against the one that is wanted.

    Parameters
    ----------
    wanted : str or None
    where : str
        For messages.
    """

    def __init__(self, wanted: str | None, where: str) -> None:
        self._wanted, self._where = wanted, where
        self.found: str | None = None

    def take(self, digest: str) -> None:
        """Note a digest.

        Raises
        ------
        FormatError
            If another one is wanted.
        """
        self.found = self.found or digest
        if self._wanted not in (None, digest):
            raise FormatError(
                f"{self._where}: made for image {digest}, this image is {self._wanted}; use that image, or drop the "
                "digest"
            )


def _pieces(stream: IO[bytes], ports: Sequence[Port] | None, named: _Named, where: str) -> Iterator[SpikeEvents]:
    """Events in the order of the file, some at a time, never none; each piece is sorted."""
    if _is_archive(stream, where):
        yield _from_npz(stream.read(), ports, named, where)
        return

    def content_lines(block: Block) -> Iterator[Line]:
        return _content_lines(block, named, where)

    blocks = blocks_of(stream, where)
    lines = next(filter(None, (list(content_lines(block)) for block in blocks)), [])
    if not lines:
        raise FormatError(
            f"{where}: empty, allowed: a CSV file with the header {','.join(COLUMNS)}, or lines of 0 and 1"
        )
    if not lines[0][1].strip("01"):
        yield _from_raster([*lines, *itertools.chain.from_iterable(map(content_lines, blocks))], ports, where)
        return
    reader = CsvReader(lines[0], ports, where, is_numbered=named.found is not None)
    first = reader.read_lines(iter(lines[1:]))
    later = (reader.read(block, content_lines) for block in blocks)
    yield from (piece for piece in itertools.chain([first], later) if len(piece))


def _joined(pieces: list[SpikeEvents]) -> SpikeEvents:
    if len(pieces) == 1:
        return pieces[0]
    return SpikeEvents.of(*(np.concatenate([np.zeros(0, np.int64), *column]) for column in _columns(pieces)))


def _columns(pieces: list[SpikeEvents]) -> Iterator[list[np.ndarray]]:
    for name in COLUMNS:
        yield [getattr(piece, name) for piece in pieces]


def _content_lines(block: Block, named: _Named, where: str) -> Iterator[Line]:
    """Number and content of the lines that hold something; a digest in a comment is noted."""
    for number, line in enumerate(block.lines(where), block.first_line):
        content, _, comment = line.partition("#")
        found = _DIGEST.fullmatch(comment.strip())
        if found:
            named.take(found[1])
        if content.strip():
            yield number, content.strip()


def _from_raster(lines: list[Line], ports: Sequence[Port] | None, where: str) -> SpikeEvents:
    width = len(lines[0][1])
    for number, line in lines:
        if line.strip("01"):
            raise FormatError(f"{where} line {number}: '{line.strip('01')[0]}' in a text raster, allowed: 0 and 1")
        if len(line) != width:
            length = f"{len(line)} cycle{'s' * (len(line) != 1)}"
            raise FormatError(f"{where} line {number}: {length}, expected {width} as in the first line")
    if ports is not None and len(lines) != len(ports):
        raise FormatError(f"{where}: {len(lines)} lines, expected {len(ports)}: one for each port")
    bits = np.frombuffer("".join(line for _, line in lines).encode(), np.uint8).reshape(len(lines), width)
    port, cycle = np.nonzero(bits == ord("1"))
    return SpikeEvents.of(cycle, port)


def _from_npz(data: bytes, ports: Sequence[Port] | None, named: _Named, where: str) -> SpikeEvents:
    arrays = decode_npz(data, where)
    digest = arrays.pop("image", None)
    if digest is not None:
        named.take(str(digest))
    unknown = set(arrays) - set(COLUMNS)
    missing = {"cycle", "port"} - set(arrays)
    if unknown or missing:
        what = f"array '{min(unknown)}' is unknown" if unknown else f"array '{min(missing)}' is missing"
        raise FormatError(f"{where}: {what}, allowed: {', '.join(COLUMNS)}, image")
    arrays.setdefault("value", np.ones(len(np.atleast_1d(arrays["cycle"])), np.int64))
    for name, array in arrays.items():
        if array.ndim != 1 or array.dtype.kind not in "iu" or array.dtype == np.uint64:
            raise FormatError(
                f"{where}: array {name} is {array.dtype}{list(array.shape)}, allowed: integers of 64 bits, [n]"
            )
        if len(array) != len(arrays["cycle"]):
            raise FormatError(f"{where}: array {name} has {len(array)} entries, cycle has {len(arrays['cycle'])}")
    cycle, port = arrays["cycle"], arrays["port"]
    if len(cycle) and cycle.min() < 0:
        raise FormatError(f"{where}: cycle {cycle.min()} is negative, allowed: 0 and above")
    n_ports = MOST_PORTS if ports is None else len(ports)
    wrong = port[(port < 0) | (port >= n_ports)]
    if len(wrong):
        raise FormatError(f"{where}: port {wrong[0]} is unknown, allowed: 0..{n_ports - 1}")
    return SpikeEvents.of(cycle, port, arrays["value"])
