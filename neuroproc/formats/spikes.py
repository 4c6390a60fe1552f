"""Spike files: CSV, text raster and ``.npz``, read and written.

Source: isa_spec/spike_formats.toml.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from isa_spec.arrays import ZIP_MAGIC, decode_npz, encode_npz
from isa_spec.errors import EmulationError, FormatError
from isa_spec.files import read_bytes, write_atomically
from isa_spec.image import Port
from isa_spec.spikes import SpikeEvents

COLUMNS = ("cycle", "port", "value")
HEADERS = ([*COLUMNS], ["cycle", "port"])
MOST_PORTS = np.iinfo(np.int32).max
"""Where no image says how many there are."""
MOST_CHARACTERS = 2**30
"""Of a text raster."""
SUFFIXES: Mapping[str, str] = {".csv": "csv", ".txt": "raster", ".npz": "npz"}

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_DIGEST = re.compile(r"image\s*[=:]?\s*(sha256:[0-9a-f]+)")
_LIMITS = np.iinfo(np.int64)


def read_spikes(
    source: str | Path | IO[Any], ports: Sequence[Port] | None, image_digest: str | None = None
) -> SpikeEvents:
    """Events of a spike file; what it is, is seen from its content.

    Parameters
    ----------
    source : str, Path or stream
        CSV, text raster or ``.npz``.
    ports : sequence of Port or None
        The image's inputs (or outputs): a number counts in this list, anything else is a name. None: ports are any
        numbers from 0 on, and have no names.
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
    if isinstance(source, str | Path):
        where, data = str(source), read_bytes(source)
    else:
        where = str(getattr(source, "name", "<stream>"))
        try:
            content = source.read()
        except UnicodeDecodeError:
            raise FormatError(f"{where}: neither text nor a numpy archive") from None
        data = content.encode() if isinstance(content, str) else content
    if data.startswith(ZIP_MAGIC):
        return _from_npz(data, ports, image_digest, where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError(f"{where}: neither text nor a numpy archive") from None
    digests: list[str] = []
    lines = list(_content_lines(text, digests))
    for found in digests:
        _check_digest(found, image_digest, where)
    if not lines:
        raise FormatError(
            f"{where}: empty, allowed: a CSV file with the header {','.join(COLUMNS)}, or lines of 0 and 1"
        )
    read = _from_csv if lines[0][1].strip("01") else _from_raster
    return read(lines, ports, where), digests[0] if digests else None


def write_spikes(
    target: str | Path | IO[Any], events: SpikeEvents, ports: Sequence[Port] | None, image_digest: str | None = None
) -> None:
    """Write events to a file of the format that its suffix says, or as CSV to a stream.

    Parameters
    ----------
    target : str, Path or stream
        ``.csv``, ``.txt`` (raster) or ``.npz``. A file appears whole or not at all.
    events : SpikeEvents
    ports : sequence of Port or None
        The image's outputs (or inputs); None where no image says how many there are: those up to the last event's.
    image_digest : str or None
        Kept in the file, except in a raster, which has no place for it.

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
    if len(events) and not 0 <= events.port.min() <= events.port.max() < n_ports:
        wrong = events.port[(events.port < 0) | (events.port >= n_ports)][0]
        raise EmulationError(f"event at port {wrong}, allowed 0..{n_ports - 1}")
    if not isinstance(target, str | Path):
        text = _to_csv(events, image_digest)
        target.write(text if isinstance(target, io.TextIOBase) else text.encode())
        return
    suffix = Path(target).suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(f"{key} ({kind})" for key, kind in SUFFIXES.items())
        raise FormatError(f"{target}: suffix '{suffix}' is unknown, allowed for spikes: {known}")
    if SUFFIXES[suffix] == "npz":
        content = {name: getattr(events, name) for name in COLUMNS}
        if image_digest is not None:
            content["image"] = np.array(image_digest)
        data = encode_npz(content)
    elif SUFFIXES[suffix] == "raster":
        data = _to_raster(events, n_ports, str(target)).encode()
    else:
        data = _to_csv(events, image_digest).encode()
    with write_atomically(target) as file:
        file.write(data)


def _content_lines(text: str, digests: list[str]) -> Iterator[tuple[int, str]]:
    """Number and content of the lines that hold something; a digest in a comment is appended to the list."""
    for number, line in enumerate(text.splitlines(), 1):
        content, _, comment = line.partition("#")
        found = _DIGEST.fullmatch(comment.strip())
        if found:
            digests.append(found[1])
        if content.strip():
            yield number, content.strip()


def _check_digest(found: str, wanted: str | None, where: str) -> None:
    if wanted is not None and found != wanted:
        raise FormatError(
            f"{where}: made for image {found}, this image is {wanted}; use that image, or drop the digest"
        )


def _from_csv(lines: list[tuple[int, str]], ports: Sequence[Port] | None, where: str) -> SpikeEvents:
    header = [name.strip() for name in lines[0][1].split(",")]
    if header not in HEADERS:
        raise FormatError(
            f"{where} line {lines[0][0]}: header '{lines[0][1][:60]}', allowed: {' or '.join(map(','.join, HEADERS))}"
        )
    numbers = {port.name: number for number, port in enumerate(ports or ())}
    n_ports = _count(ports)
    rows = []
    for number, line in lines[1:]:
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(header):
            raise FormatError(
                f"{where} line {number}: {len(cells)} values, expected {len(header)} ({','.join(header)})"
            )
        cycle = _integer(cells[0], "cycle", where, number)
        if cycle < 0:
            raise FormatError(f"{where} line {number}: cycle {cycle} is negative, allowed: 0 and above")
        value = _integer(cells[2], "value", where, number) if len(cells) > 2 else 1
        rows.append((cycle, _port(cells[1], numbers, n_ports, where, number), value))
    table = np.array(rows, np.int64).reshape(-1, 3)
    return SpikeEvents.of(table[:, 0], table[:, 1], table[:, 2])


def _integer(cell: str, name: str, where: str, line: int) -> int:
    if not _INTEGER.fullmatch(cell) or not _LIMITS.min <= int(cell) <= _LIMITS.max:
        raise FormatError(f"{where} line {line}: {name} '{cell[:40]}', allowed: an integer of 64 bits")
    return int(cell)


def _port(cell: str, numbers: Mapping[str, int], n_ports: int, where: str, line: int) -> int:
    port = int(cell) if _INTEGER.fullmatch(cell) else numbers.get(cell, -1)
    if not 0 <= port < n_ports:
        names = ", ".join(list(numbers)[:4]) + (", ..." if len(numbers) > 4 else "")
        raise FormatError(
            f"{where} line {line}: port '{cell[:40]}' is unknown, allowed: 0..{n_ports - 1}"
            + (f" or {names}" if names else "")
        )
    return port


def _from_raster(lines: list[tuple[int, str]], ports: Sequence[Port] | None, where: str) -> SpikeEvents:
    width = len(lines[0][1])
    for number, line in lines:
        if line.strip("01"):
            raise FormatError(f"{where} line {number}: '{line.strip('01')[0]}' in a text raster, allowed: 0 and 1")
        if len(line) != width:
            raise FormatError(f"{where} line {number}: {len(line)} cycles, expected {width} as in the first line")
    if ports is not None and len(lines) != len(ports):
        raise FormatError(f"{where}: {len(lines)} lines, expected {len(ports)}: one for each port")
    bits = np.frombuffer("".join(line for _, line in lines).encode(), np.uint8).reshape(len(lines), width)
    port, cycle = np.nonzero(bits == ord("1"))
    return SpikeEvents.of(cycle, port)


def _from_npz(
    data: bytes, ports: Sequence[Port] | None, image_digest: str | None, where: str
) -> tuple[SpikeEvents, str | None]:
    arrays = decode_npz(data, where)
    image = arrays.pop("image", None)
    digest = None if image is None else str(image)
    if digest is not None:
        _check_digest(digest, image_digest, where)
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
    wrong = port[(port < 0) | (port >= _count(ports))]
    if len(wrong):
        raise FormatError(f"{where}: port {wrong[0]} is unknown, allowed: 0..{_count(ports) - 1}")
    return SpikeEvents.of(cycle, port, arrays["value"]), digest


def _count(ports: Sequence[Port] | None) -> int:
    return MOST_PORTS if ports is None else len(ports)


def _to_csv(events: SpikeEvents, image_digest: str | None) -> str:
    head = ([] if image_digest is None else [f"# image {image_digest}"]) + [",".join(COLUMNS)]
    columns = (getattr(events, name).tolist() for name in COLUMNS)
    return "\n".join(head + [f"{c},{p},{v}" for c, p, v in zip(*columns, strict=True)]) + "\n"


def _to_raster(events: SpikeEvents, n_ports: int, where: str) -> str:
    if np.any(events.value != 1):
        wrong = events.value[events.value != 1][0]
        raise FormatError(f"{where}: a text raster holds spikes only, found charge {wrong}; write .csv or .npz")
    n_cycles = int(events.cycle.max(initial=-1)) + 1
    size = n_ports * n_cycles
    if size > MOST_CHARACTERS:
        raise FormatError(
            f"{where}: a text raster of {n_ports:,} ports and {n_cycles:,} cycles has {size:,} characters, allowed: "
            f"{MOST_CHARACTERS:,}; write .csv or .npz"
        )
    # One line of nothing is no line; a raster of no spikes still shows its ports.
    bits = np.full((n_ports, max(n_cycles, 1)), ord("0"), np.uint8)
    bits[events.port, events.cycle] = ord("1")
    return "".join(row.tobytes().decode() + "\n" for row in bits)
