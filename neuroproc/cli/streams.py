"""Images by name, or by `-` for standard input and output."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import IO, Any

from isa_spec.errors import FormatError
from isa_spec.files import write_atomically
from isa_spec.image import ProcessorImage
from neuroproc.formats.images import load_image, save_image

STANDARD = "-"


def get_image(place: str) -> ProcessorImage:
    """Image from a file or from standard input.

    Raises
    ------
    FormatError
        As `load_image`; of a network, with the command that makes an image of it.
    """
    if place == STANDARD:
        return load_image(sys.stdin.buffer)
    try:
        return load_image(place)
    except FormatError as error:
        # Late: what only counts or runs images needs no reader of networks.
        from neuroproc.cli.kinds import as_image

        raise FormatError(f"{error}{as_image(place)}") from None


def put_image(place: str, image: ProcessorImage) -> None:
    """Write an image to a file or to standard output."""
    save_image(sys.stdout.buffer if place == STANDARD else place, image)


def put_bytes(place: str, content: bytes) -> None:
    """Write the whole of a file, or to standard output."""
    if place == STANDARD:
        sys.stdout.buffer.write(content)
    else:
        with write_atomically(place) as file:
            file.write(content)


HELD = 2**20
"""Bytes."""


class _Held(io.RawIOBase):
    """Standard output that keeps its first bytes back."""

    def __init__(self) -> None:
        self._held: list[bytes] | None = []
        self._size = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Keep bytes back, or let them out once they are many."""
        self._size += len(data)
        if self._held is None:
            sys.stdout.buffer.write(data)
        else:
            self._held.append(bytes(data))
            if self._size > HELD:
                self.let_out()
        return len(data)

    def let_out(self) -> None:
        """Write what was kept back, and keep nothing from now on."""
        held, self._held = self._held or [], None
        sys.stdout.buffer.write(b"".join(held))


@contextlib.contextmanager
def standard_output() -> Iterator[IO[bytes]]:
    """Standard output for what is written piece by piece: if it is short, nothing appears where the block has an error.

    One of more than `HELD` bytes cannot wait, and is as long as it is if there is an error later.
    """
    held = _Held()
    yield held  # type: ignore[misc]
    held.let_out()
