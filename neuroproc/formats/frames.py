"""Frames and labels: ``.npy``, ``.npz`` and IDX (as MNIST is published), any of them gzipped."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from isa_spec.arrays import NPY_MAGIC, ZIP_MAGIC, decode_npy, decode_npz
from isa_spec.errors import FormatError
from isa_spec.files import read_bytes
from isa_spec.frames import as_frames

GZIP_MAGIC = b"\x1f\x8b"
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Type code of an IDX file to numpy's."""


def read_frames(path: str | Path, shape: tuple[int, int, int] | None = None) -> np.ndarray:
    """Frames of a file: uint8[n_frames, C, H, W], or int64 where a byte is not what the file holds.

    Parameters
    ----------
    path : str or Path
        ``.npy``; ``.npz`` (array `frames`, or its first one); IDX.
    shape : (C, H, W), optional
        Of the network's input: axes of length 1 may then be missing, as `as_frames` has it. Without it,
        ``[n_frames, H, W]`` has one channel.

    Raises
    ------
    FormatError
        If the file is none of these, is truncated, holds anything but frames of integers, or other than the shape.
    """
    array = _read_array(path, "frames")
    if shape is not None:
        frames = as_frames(array, shape, str(path))
    elif array.ndim in (3, 4):
        frames = array[:, None] if array.ndim == 3 else array
    else:
        raise FormatError(f"{path}: frames have shape {list(array.shape)}, allowed: [N, C, H, W] or [N, H, W]")
    return frames if frames.dtype == np.uint8 else frames.astype(np.int64)


def read_labels(path: str | Path) -> np.ndarray:
    """Labels of a file: int64[n_frames].

    Parameters
    ----------
    path : str or Path
        ``.npy``; ``.npz`` (array `labels`, or its first one); IDX.

    Raises
    ------
    FormatError
        If the file is none of these, is truncated, or holds anything but one integer of 0 or above per frame.
    """
    array = _read_array(path, "labels")
    if array.ndim != 1:
        raise FormatError(f"{path}: labels have shape {list(array.shape)}, allowed: [N]")
    if len(array) and array.min() < 0:
        raise FormatError(f"{path}: label {array.min()} is negative, allowed: 0 and above")
    return array.astype(np.int64)


def _read_array(path: str | Path, key: str) -> np.ndarray:
    where, data = str(path), read_bytes(path)
    if data.startswith(GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise FormatError(f"{where}: not gzip, or truncated or altered ({error})") from None
    if data.startswith(NPY_MAGIC):
        array = decode_npy(data, where)
    elif data.startswith(ZIP_MAGIC):
        arrays = decode_npz(data, where)
        if not arrays:
            raise FormatError(f"{where}: holds no array, expected '{key}'")
        array = arrays.get(key, next(iter(arrays.values())))
    else:
        array = _decode_idx(data, where)
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype.kind not in "iu" or (array.dtype == np.uint64 and array.size and array.max() >= 2**63):
        raise FormatError(
            f"{where}: {key} are {array.dtype}, allowed: integers; scale and round them before, as you mean it"
        )
    return array


def _decode_idx(data: bytes, where: str) -> np.ndarray:
    """Array from the bytes of an IDX file: two zeros, type, number of axes, their lengths, the values, big-endian."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES:
        raise FormatError(
            f"{where}: begins with {data[:4].hex(' ') or 'nothing'}, allowed: .npy, .npz or IDX, or gzip of these"
        )
    dtype, n_axes = np.dtype(IDX_TYPES[data[2]]), data[3]
    begin = 4 + 4 * n_axes
    if len(data) < begin:
        raise FormatError(f"{where}: truncated in the IDX header")
    shape = np.frombuffer(data, ">u4", count=n_axes, offset=4).tolist()
    needed = dtype.itemsize
    for length in shape:
        needed *= length
    if len(data) - begin != needed:
        found = len(data) - begin
        raise FormatError(f"{where}: {found} bytes of values, expected {needed} for IDX {shape}; truncated or altered")
    values = np.frombuffer(data, dtype, offset=begin).reshape(shape)
    return values.astype(dtype.newbyteorder("="))
