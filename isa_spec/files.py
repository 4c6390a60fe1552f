"""Bytes from and to disk: a file that was written is whole, and a file that is read is never trusted."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from isa_spec.errors import FormatError, NeuroprocError


@contextlib.contextmanager
def write_atomically(path: str | Path) -> Iterator[io.BytesIO]:
    """Buffer whose bytes become the file when the block ends without an error; else nothing is left behind.

    What is no regular file (a pipe, ``/dev/null``) is written to, never replaced.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    NeuroprocError
        If the file cannot be written, for example because the disk is full.
    """
    buffer = io.BytesIO()
    yield buffer
    # Through a link to what it points to, as plain writing would do.
    target = os.path.realpath(path)
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as file:
                file.write(buffer.getbuffer())
        else:
            _replace(target, buffer)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NeuroprocError(f"{path}: cannot be written ({error.strerror}); nothing was left behind") from None


def _replace(target: str, buffer: io.BytesIO) -> None:
    folder, name = os.path.split(target)
    scratch = os.path.join(folder, f".{name[:200]}.{secrets.token_hex(8)}.tmp")
    # Not tempfile: its files are for the owner's eyes only, this one gets the usual mode.
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            if os.path.exists(target):
                os.chmod(scratch, stat.S_IMODE(os.stat(target).st_mode))
            file.write(buffer.getbuffer())
        os.replace(scratch, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(scratch)
        raise


def read_bytes(path: str | Path) -> bytes:
    """Content of a file.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from None
