"""One conversion: its source, its target, and what was asked for."""

from __future__ import annotations

import argparse
import io
from dataclasses import dataclass
from functools import cached_property

from isa_spec.errors import FormatError
from neuroproc.cli.kinds import kind_of, kind_of_bytes
from neuroproc.cli.streams import put_bytes

STDIN = "<stdin>"


@dataclass(frozen=True, eq=False)
class Job:
    """One conversion.

    Parameters
    ----------
    source : str
        Path, or ``-``.
    target : str
        Path, or ``-``.
    suffix : str
        Of what is written: ``.csv``.
    data : bytes or None
        Content of standard input.
    args : argparse.Namespace
        Options.
    """

    source: str
    target: str
    suffix: str
    data: bytes | None
    args: argparse.Namespace

    @property
    def where(self) -> str:
        """Name of the source, for messages."""
        return STDIN if self.data is not None else self.source

    @cached_property
    def kind(self) -> str:
        """What the source is, one of `kinds.KINDS`."""
        return kind_of(self.source) if self.data is None else kind_of_bytes(self.data, STDIN)

    def path(self) -> str:
        """Path of a source that is read by name only.

        Raises
        ------
        FormatError
            If it is standard input.
        """
        if self.data is not None:
            raise FormatError(f"{STDIN} ({self.kind}) is read by name only, not from a stream; give its name")
        return self.source

    def stream(self) -> str | io.BytesIO:
        """The source for readers of paths and streams."""
        if self.data is None:
            return self.source
        stream = io.BytesIO(self.data)
        stream.name = STDIN
        return stream

    def put(self, content: bytes) -> None:
        """Write the whole target."""
        put_bytes(self.target, content)
