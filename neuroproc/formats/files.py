"""Bytes from and to disk: a file that was written is whole, and a file that is read is never trusted."""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import secrets
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from isa_spec.errors import FormatError, NeuroprocError

NPY_MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK"
_HEADER_ERRORS = (ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError, tokenize.TokenError)
"""What numpy raises on a header that is none: it is read as a Python literal."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


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


def decode_npy(data: bytes, where: str) -> np.ndarray:
    """Array from the bytes of a ``.npy`` file.

    Raises
    ------
    FormatError
        If it is no such file, holds Python objects, or its length is not what its header says.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(stream)
    except _HEADER_ERRORS as error:
        raise FormatError(f"{where}: not a numpy array, or truncated ({type(error).__name__} in its header)") from None
    if dtype.hasobject:
        raise FormatError(f"{where}: holds Python objects, allowed: plain numbers; save the array with a numeric type")
    # Checked before anything is allocated: a damaged header can ask for any amount of memory.
    needed, found = dtype.itemsize, len(data) - stream.tell()
    for length in shape:
        needed *= int(length)
    if needed != found or min(shape, default=0) < 0:
        raise FormatError(
            f"{where}: {found} bytes of values, expected {needed} for {dtype}{list(shape)}; truncated or altered"
        )
    array = np.frombuffer(data, np.uint8, offset=stream.tell()).view(dtype) if needed else np.zeros(0, dtype)
    array = array.reshape(shape, order="F" if fortran else "C")
    return np.array(array, dtype.newbyteorder("="), order="C")


def decode_npz(data: bytes, where: str) -> dict[str, np.ndarray]:
    """Arrays from the bytes of a ``.npz`` file, by name, in the file's order.

    Raises
    ------
    FormatError
        If it is no such file, is truncated or altered, or one of its members is no plain array.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError) as error:
        # NotImplementedError (an unknown compression) and encryption are RuntimeErrors.
        raise FormatError(f"{where}: not a numpy archive, or truncated or altered ({error})") from None
    arrays = {}
    for member, content in members.items():
        name = member.removesuffix(".npy")
        arrays[name] = decode_npy(content, f"{where}, array {name}")
    return arrays


def encode_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Bytes of a ``.npz`` file; the same arrays always give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue())
    return out.getvalue()
