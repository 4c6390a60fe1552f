"""Spikes as CSV, read and written in pieces: however long a file is, only some of it is in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from isa_spec.errors import FormatError
from isa_spec.image import Port
from isa_spec.spikes import SpikeEvents

COLUMNS = ("cycle", "port", "value")
HEADERS = ([*COLUMNS], ["cycle", "port"])
MOST_PORTS = np.iinfo(np.int32).max
"""Where no image says how many there are."""
FIRST_BLOCK, BLOCK = 2**12, 2**20
"""Bytes that are read at once: few first, for they are read line by line, up to the header at least."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_ID = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_SPECIAL = frozenset("#,\r\n")
_LIMITS = np.iinfo(np.int64)
_MINUS, _ZERO, _NINE, _COMMA, _NEWLINE = b"-09,\n"
_ROW_ENDS = {count: np.frombuffer(b"," * (count - 1) + b"\n", np.uint8) for count in range(1, len(COLUMNS) + 1)}
"""What ends the numbers of a line."""
_MOST_DIGITS = 18
"""Of a number that fits 64 bits whatever its digits are."""

Line = tuple[int, str]
"""Number and content of a line that holds something."""


@dataclass(frozen=True)
class Block:
    """Some whole lines of a file.

    Parameters
    ----------
    first_line : int
        Number of the first of them, from 1 on.
    data : bytes
    """

    first_line: int
    data: bytes

    def lines(self, where: str) -> list[str]:
        """The lines as text.

        Raises
        ------
        FormatError
            If they are none.
        """
        try:
            return self.data.decode("utf-8-sig" if self.first_line == 1 else "utf-8").splitlines()
        except UnicodeDecodeError:
            raise FormatError(f"{where}: neither text nor a numpy archive") from None


def blocks_of(stream: IO[bytes], where: str) -> Iterator[Block]:
    """Content of a file in blocks that end with a line; the numbers of lines are those of a text editor."""
    line, size, rest = 1, FIRST_BLOCK, []
    while True:
        data = stream.read(size)
        size = BLOCK
        end = data.rfind(b"\n") + 1
        if data and not end:
            rest.append(data)
            continue
        block = Block(line, b"".join([*rest, data[:end]]))
        rest = [data[end:]]
        if block.data:
            yield block
            plain = block.data.isascii() and not any(end in block.data for end in _OTHER_ENDS)
            line += block.data.count(b"\n") if plain else len(block.lines(where))
        if not data:
            return


_OTHER_ENDS = (b"\r", b"\v", b"\f", b"\x1c", b"\x1d", b"\x1e")
"""What ends a line for Python, beside a newline, within ASCII."""


class CsvReader:
    """Reads blocks as rows of events.

    Parameters
    ----------
    header : Line
    ports : sequence of Port or None
        None: any numbers.
    where : str
        For messages.
    is_numbered : bool
        Whether whole numbers are numbers of ports, even where another port has such a name: in files that were written
        for the image.

    Raises
    ------
    FormatError
        If the header is none.
    """

    def __init__(self, header: Line, ports: Sequence[Port] | None, where: str, is_numbered: bool) -> None:
        self._header = [name.strip() for name in header[1].split(",")]
        if self._header not in HEADERS:
            raise FormatError(
                f"{where} line {header[0]}: header '{header[1][:60]}', allowed: {' or '.join(map(','.join, HEADERS))}"
            )
        self._n_ports = MOST_PORTS if ports is None else len(ports)
        self._names = [port.name for port in ports or ()]
        self._numbers = {port.name: number for number, port in enumerate(ports or ())}
        # No cell has blanks at its ends, and no line a comment.
        names = (name for name in self._numbers if not _INTEGER.fullmatch(name) and name == name.strip())
        self._digits = {name: str(self._numbers[name]) for name in names if not _SPECIAL.intersection(name)}
        self._where = where
        # Ports of TENNLab's networks are called by the ids of nodes, so a number may be a name.
        ids = {int(name): number for name, number in self._numbers.items() if _ID.fullmatch(name)}
        self._ambiguous = frozenset(
            one for one, number in ids.items() if one < self._n_ports and one != number and not is_numbered
        )
        self._ids = {one: number for one, number in ids.items() if one >= self._n_ports}
        self._has_ids = bool(self._ids or self._ambiguous)

    def read(self, block: Block, content_lines: Callable[[Block], Iterator[Line]]) -> SpikeEvents:
        """Events of a block.

        Parameters
        ----------
        block : Block
        content_lines : callable
            Gives the lines of a block that hold something, if it has to be read line by line.

        Raises
        ------
        FormatError
            At the first line that is wrong.
        """
        table = parse_plain(block.data, len(self._header))
        if table is not None and self._has_ids:
            table[:, 1] = self._numbered(table[:, 1])
        elif table is None and self._digits and not self._has_ids:
            table = self._parse_named(block.data)
        if table is None or not self._is_right(table):
            return self.read_lines(content_lines(block))
        return SpikeEvents.of(table[:, 0], table[:, 1], table[:, 2] if table.shape[1] > 2 else 1)

    def _parse_named(self, data: bytes) -> np.ndarray | None:
        """As `parse_plain`, of lines that hold names of ports, too."""
        n_columns, digits = len(self._header), self._digits
        data = _with_newlines(data)
        text = np.frombuffer(data, np.uint8)
        ends = text[(text == _NEWLINE) | (text == _COMMA)]
        if len(ends) % n_columns or np.any(ends.reshape(-1, n_columns) != _ROW_ENDS[n_columns]):
            return None
        cells = data.decode(errors="replace").replace(",", "\n").split("\n")
        cells[1::n_columns] = [digits.get(cell, cell) for cell in cells[1::n_columns]]
        table = parse_plain("\n".join(cells).encode(), 1)
        return None if table is None else table.reshape(-1, n_columns)

    def _numbered(self, cells: np.ndarray) -> np.ndarray:
        """Numbers of ports for what stands in their column, -1 where it may be either of two: int64[n]."""
        found, place = np.unique(cells, return_inverse=True)
        numbers = [-1 if cell in self._ambiguous else self._ids.get(cell, cell) for cell in found.tolist()]
        return np.array(numbers, np.int64)[place]

    def _is_right(self, table: np.ndarray) -> bool:
        cycle, port = table[:, 0], table[:, 1]
        return bool(cycle.min() >= 0 and port.min() >= 0 and port.max() < self._n_ports) if len(table) else True

    def read_lines(self, lines: Iterator[Line]) -> SpikeEvents:
        """Events of lines, one by one: the slow way, which has the words for what is wrong.

        Raises
        ------
        FormatError
            At the first line that is wrong.
        """
        header, where = self._header, self._where
        rows = []
        for number, line in lines:
            cells = [cell.strip() for cell in line.split(",")]
            if len(cells) != len(header):
                raise FormatError(
                    f"{where} line {number}: {len(cells)} values, expected {len(header)} ({','.join(header)})"
                )
            cycle = _integer(cells[0], "cycle", where, number)
            if cycle < 0:
                raise FormatError(f"{where} line {number}: cycle {cycle} is negative, allowed: 0 and above")
            value = _integer(cells[2], "value", where, number) if len(cells) > 2 else 1
            rows.append((cycle, self._port(cells[1], number), value))
        table = np.array(rows, np.int64).reshape(-1, 3)
        return SpikeEvents.of(table[:, 0], table[:, 1], table[:, 2])

    def _port(self, cell: str, line: int) -> int:
        kind, _, rest = cell.partition(":")
        if cell in self._numbers and not _INTEGER.fullmatch(cell):
            port = self._numbers[cell]
        elif kind == "port":
            port = self._numbers.get(rest, -1)
        elif _INTEGER.fullmatch(cell):
            port = self._ids.get(int(cell), int(cell))
            if port in self._ambiguous:
                raise FormatError(
                    f"{self._where} line {line}: port {port} may be the one called so, which is number "
                    f"{self._numbers[str(port)]} of the image's, or number {port}, which is called "
                    f"{self._names[port]}; write port:{port} or port:{self._names[port]}"
                )
        else:
            port = -1
        if not 0 <= port < self._n_ports:
            names = ", ".join(list(self._numbers)[:4]) + (", ..." if len(self._numbers) > 4 else "")
            raise FormatError(
                f"{self._where} line {line}: port '{cell[:40]}' is unknown, allowed: 0..{self._n_ports - 1}"
                + (f" or {names}" if names else "")
            )
        return port


def parse_plain(data: bytes, n_columns: int) -> np.ndarray | None:
    """Numbers of lines that hold nothing but numbers and commas, all at once.

    Parameters
    ----------
    data : bytes
    n_columns : int

    Returns
    -------
    int64[n_lines, n_columns], or None if some line holds something else, or a number of more than 18 digits
    """
    data = _with_newlines(data)
    text = np.frombuffer(data, np.uint8)
    marks = np.flatnonzero((text < _ZERO) | (text > _NINE))
    is_minus = text[marks] == _MINUS
    ends = marks[~is_minus]
    if len(ends) % n_columns or np.any(text[ends].reshape(-1, n_columns) != _ROW_ENDS[n_columns]):
        return None
    begins = np.append(0, ends[:-1] + 1)
    is_negative = text[begins] == _MINUS
    lengths = ends - begins - is_negative
    if np.count_nonzero(is_negative) != np.count_nonzero(is_minus) or lengths.min() < 1 or lengths.max() > _MOST_DIGITS:
        return None
    return np.fromstring(data.replace(b"\n", b","), np.int64, sep=",").reshape(-1, n_columns)


def _with_newlines(data: bytes) -> bytes:
    """Lines that end in nothing but newlines, the last one, too."""
    data = data.replace(b"\r\n", b"\n")
    return data if data.endswith(b"\n") else data + b"\n"


def _integer(cell: str, name: str, where: str, line: int) -> int:
    if not _INTEGER.fullmatch(cell) or not _LIMITS.min <= int(cell) <= _LIMITS.max:
        raise FormatError(f"{where} line {line}: {name} '{cell[:40]}', allowed: an integer of 64 bits")
    return int(cell)


def csv_head(image_digest: str | None) -> bytes:
    """What a file begins with."""
    comment = "" if image_digest is None else f"# image {image_digest}\n"
    return f"{comment}{','.join(COLUMNS)}\n".encode()


def csv_rows(events: SpikeEvents) -> bytes:
    """Lines of events."""
    columns = (getattr(events, name).tolist() for name in COLUMNS)
    return "".join([f"{cycle},{port},{value}\n" for cycle, port, value in zip(*columns, strict=True)]).encode()
