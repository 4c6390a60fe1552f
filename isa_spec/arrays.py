"""Arrays as bytes, and archives of them: what is read is never trusted, what is written is the same everywhere."""

from __future__ import annotations

import io
import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from isa_spec.errors import FormatError

NPY_MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK"
_HEADER_ERRORS = (ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError, tokenize.TokenError)
"""What numpy raises on a header that is none: it is read as a Python literal."""


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
    members = unzip(data, where, "numpy archive")
    arrays = {}
    for member, content in members.items():
        name = member.removesuffix(".npy")
        arrays[name] = decode_npy(content, f"{where}, array {name}")
    return arrays


def encode_npy(array: np.ndarray) -> bytes:
    """Bytes of a ``.npy`` file."""
    member = io.BytesIO()
    np.lib.format.write_array(member, np.asarray(array), version=(1, 0), allow_pickle=False)
    return member.getvalue()


def encode_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Bytes of a ``.npz`` file; the same arrays always give the same bytes."""
    return to_zip({f"{name}.npy": encode_npy(array) for name, array in arrays.items()})


def unzip(data: bytes, where: str, what: str) -> dict[str, bytes]:
    """Members of a zip, each read to its end: only then is its checksum seen.

    Raises
    ------
    FormatError
        If it is no zip, or is truncated or altered.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError) as error:
        # NotImplementedError (an unknown compression) and encryption are RuntimeErrors.
        raise FormatError(f"{where}: not a {what}, or truncated or altered ({error})") from None


def to_zip(members: Mapping[str, bytes]) -> bytes:
    """Bytes of a zip that compresses nothing and knows no dates: the same everywhere."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()
