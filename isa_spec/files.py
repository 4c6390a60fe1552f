"""Bytes from and to disk: a file that was written is whole, and a file that is read is never trusted."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from isa_spec.errors import FormatError, NeuroprocError


@contextlib.contextmanager
def write_atomically(path: str | Path) -> Iterator[IO[bytes]]:
    """File whose bytes become that of the path when the block ends without an error; else nothing is left behind.

    They go to a scratch file beside it as they are written, so that no file is too large for memory. What is no regular
    file (a pipe, ``/dev/null``) is written to, never replaced.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    NeuroprocError
        If the file cannot be written, for example because the disk is full.
    """
    # Through a link to what it points to, as plain writing would do.
    target = os.path.realpath(path)
    scratch = None
    try:
        with _complaining(path):
            if os.path.exists(target) and not os.path.isfile(target):
                raw = _Raw(path, target, os.O_WRONLY)
            else:
                folder, name = os.path.split(target)
                # Named before it is there: a signal may come in between.
                scratch = os.path.join(folder, f".{name[:200]}.{secrets.token_hex(8)}.tmp")
                # Not tempfile: its files are for the owner's eyes only, this one gets the usual mode.
                raw = _Raw(path, scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        file = io.BufferedWriter(raw, BUFFER)
        try:
            yield file
        except BaseException:
            raw.is_given_up = True
            raise
        finally:
            file.close()
        if scratch is not None:
            with _complaining(path):
                if os.path.exists(target):
                    os.chmod(scratch, stat.S_IMODE(os.stat(target).st_mode))
                os.replace(scratch, target)
    except BaseException:
        if scratch is not None:
            with contextlib.suppress(OSError):
                os.unlink(scratch)
        raise


def check_writable(path: str | Path) -> None:
    """Refuse a path that could not be written, as far as that can be told beforehand: ask before long work.

    Raises
    ------
    NeuroprocError
        If it is a folder, or one that it lies in is missing or may not be written to.
    """
    target = os.path.realpath(path)
    folder, problem = os.path.dirname(target), None
    if os.path.isdir(target):
        problem = errno.EISDIR
    elif not os.path.isdir(folder):
        problem = errno.ENOTDIR if os.path.exists(folder) else errno.ENOENT
    elif not os.access(target if os.path.exists(target) and not os.path.isfile(target) else folder, os.W_OK):
        problem = errno.EACCES
    if problem is not None:
        with _complaining(path):
            raise OSError(problem, os.strerror(problem))


BUFFER = 2**16
"""Bytes that are written at once."""


class _Raw(io.FileIO):
    """A file for writing that says its name, and not that of its scratch file, when it cannot be written.

    Attributes
    ----------
    is_given_up : bool
        Whether what is still written, from a buffer, has no place to go to any more.
    """

    is_given_up = False

    def __init__(self, path: str | Path, place: str, flags: int) -> None:
        handle = os.open(place, flags | getattr(os, "O_BINARY", 0), 0o666)
        super().__init__(handle, "wb")
        self._path = path

    def write(self, data: Any) -> int:
        """Write what there is room for; the number of bytes."""
        if self.is_given_up:
            return len(data)
        with _complaining(self._path):
            return super().write(data)


@contextlib.contextmanager
def _complaining(path: str | Path) -> Iterator[None]:
    """Errors of the system become ours, a reader that has gone aside: nothing is wrong then."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NeuroprocError(f"{path}: cannot be written ({error.strerror}); nothing was left behind") from None


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
