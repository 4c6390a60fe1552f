"""Frames and labels: ``.npy``, ``.npz``, IDX (as MNIST is published), CIFAR-10's batches, any of them gzipped."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isa_spec.arrays import NPY_MAGIC, ZIP_MAGIC, decode_npy, decode_npz
from isa_spec.errors import FormatError
from isa_spec.files import read_bytes
from isa_spec.frames import as_frames
from neuroproc.formats.cifar import PICKLE_MAGIC, RECORD, decode_pickle, decode_records

GZIP_MAGIC = b"\x1f\x8b"
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Type code of an IDX file to numpy's."""


def read_frames(path: str | Path, shape: tuple[int, int, int] | None = None) -> np.ndarray:
    """Frames of a file: uint8[n_frames, C, H, W], or int64 where a byte is not what the file holds.

    Parameters
    ----------
    path : str or Path
        ``.npy``; ``.npz`` (array `frames`, or the only one of another name than `labels`); IDX; a batch of CIFAR-10.
    shape : (C, H, W), optional
        Of the network's input: C and W may then be missing where they are 1. Without it,
        ``[n_frames, H, W]`` has one channel.

    Raises
    ------
    FormatError
        If the file is none of these, is truncated, holds anything but frames of integers, or other than the shape.
    """
    return read_examples(path, shape)[0]


def read_labels(path: str | Path) -> np.ndarray:
    """Labels of a file: int64[n_frames].

    Parameters
    ----------
    path : str or Path
        ``.npy``; ``.npz`` (array `labels`, or the only one of another name than `frames`); IDX; a batch of CIFAR-10.

    Raises
    ------
    FormatError
        If the file is none of these, is truncated, or holds anything but one integer of 0 or above per frame.
    """
    return _labels(_read(path), str(path))


def read_examples(path: str | Path, shape: tuple[int, int, int] | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Frames of a file as `read_frames` gives them, and the labels where each frame has its own in the file.

    Only CIFAR-10's batches are such files: int64[n_frames]; of any other it is None.

    Parameters, Raises
    ------------------
    As `read_frames`.
    """
    content = _read(path)
    return _frames(content, str(path), shape), content.arrays["labels"] if content.labelled else None


def read_named(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Frames and labels of one ``.npz``, by their names alone: as `read_frames` and `read_labels`, from one reading.

    Raises
    ------
    FormatError
        As these, or if an array has another name.
    """
    content, where = _read(path), str(path)
    for name in ("frames", "labels"):
        if name not in content.arrays:
            found = ", ".join(content.arrays) or "none"
            raise FormatError(f"{where}: no array '{name}', found: {found}; allowed: the arrays frames and labels")
    return _frames(content, where), _labels(content, where)


@dataclass(frozen=True, eq=False)
class _Content:
    """Arrays of a file by name (one without a name is ``""``), and whether each frame comes with its label."""

    arrays: Mapping[str, np.ndarray]
    labelled: bool = False


def _read(path: str | Path) -> _Content:
    where, data = str(path), read_bytes(path)
    if data.startswith(GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise FormatError(f"{where}: not gzip, or truncated or altered ({error})") from None
    if data.startswith(NPY_MAGIC):
        return _Content({"": decode_npy(data, where)})
    if data.startswith(ZIP_MAGIC):
        return _Content(decode_npz(data, where))
    if data.startswith(PICKLE_MAGIC):
        return _Content(decode_pickle(data, where), labelled=True)
    if data and len(data) % RECORD == 0 and not _is_whole_idx(data):
        return _Content(decode_records(data, where), labelled=True)
    return _Content({"": _decode_idx(data, where)})


def _frames(content: _Content, where: str, shape: tuple[int, int, int] | None = None) -> np.ndarray:
    array = _integers(content, "frames", where)
    if shape is not None:
        frames = as_frames(array, shape, where)
    elif array.ndim in (3, 4):
        frames = array[:, None] if array.ndim == 3 else array
    else:
        raise FormatError(f"{where}: frames have shape {list(array.shape)}, allowed: [N, C, H, W] or [N, H, W]")
    return frames if frames.dtype == np.uint8 else frames.astype(np.int64)


def _labels(content: _Content, where: str) -> np.ndarray:
    array = _integers(content, "labels", where)
    if array.ndim != 1:
        raise FormatError(f"{where}: labels have shape {list(array.shape)}, allowed: [N]")
    if len(array) and array.min() < 0:
        raise FormatError(f"{where}: label {array.min()} is negative, allowed: 0 and above")
    return array.astype(np.int64)


def _integers(content: _Content, key: str, where: str) -> np.ndarray:
    if not content.arrays:
        raise FormatError(f"{where}: holds no array, expected '{key}'")
    others = [name for name in content.arrays if name not in ("frames", "labels")]
    if key not in content.arrays and len(others) != 1:
        found = ", ".join(content.arrays)
        raise FormatError(
            f"{where}: no array '{key}', found: {found}; allowed: one of this name, or a single one of another name"
        )
    array = content.arrays[key if key in content.arrays else others[0]]
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype == np.uint64 and array.size and array.max() >= 2**63:
        raise FormatError(f"{where}: {key} go up to {array.max()}, allowed: integers below 2**63")
    if array.dtype.kind not in "iu":
        raise FormatError(
            f"{where}: {key} are {array.dtype}, allowed: integers; scale and round them before, as you mean it"
        )
    return array


def _is_whole_idx(data: bytes) -> bool:
    """Whether bytes are as many as an IDX header at their begin says: records may begin with the same two zeros."""
    try:
        _decode_idx(data, "")
    except FormatError:
        return False
    return True


def _decode_idx(data: bytes, where: str) -> np.ndarray:
    """Array from the bytes of an IDX file: two zeros, type, number of axes, their lengths, the values, big-endian."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES:
        raise FormatError(
            f"{where}: begins with {data[:4].hex(' ') or 'nothing'}, allowed: .npy, .npz, IDX, Python batches of "
            f"CIFAR-10 or its records (of {RECORD} bytes each, found {len(data)} in all), or gzip of these"
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
