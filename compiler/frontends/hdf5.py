"""HDF5 files as plain dictionaries, with h5py: part of the optional extras ``nir`` and ``hdf5``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.errors import FormatError, NeuroprocError
from isa_spec.files import read_bytes

DEEPEST = 32
"""Groups in groups: beyond lie groups that contain themselves."""
HEAP, HEAP_HEAD = b"GCOL\x01", 16
"""What a collection of texts begins with, and the bytes of its head (and of that of each text); its length is last."""
MOST_PACKED = 2**11
"""Bytes that a byte of a file may stand for: compression reaches half of it, and a damaged header asks for anything."""


def read_hdf5(path: str | Path) -> dict[str, Any]:
    """Groups as dictionaries, datasets as arrays or text.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        Of str to str (text), numpy array (numbers, 0-dimensional for one number; or text, dtype ``U``) or dict (group).
        Datasets without a value are left out.

    Raises
    ------
    NeuroprocError
        If h5py is missing.
    FormatError
        If the file cannot be read, is no HDF5 file, is truncated or damaged, or holds anything but numbers and text.
    """
    try:
        import h5py
    except ImportError:
        raise NeuroprocError(f"{path}: needs h5py; pip install 'neuroproc[nir]'") from None
    data = read_bytes(path)
    _check_heaps(data, str(path))
    try:
        with h5py.File(path, "r", locking=False) as file:
            return _group(file, f"{path}", DEEPEST, len(data), h5py)
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
        # What h5py raises depends on which bytes are wrong; its first line says where it stopped.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FormatError(f"{path}: not an HDF5 file, or a damaged one ({reason})") from None


def _check_heaps(data: bytes, where: str) -> None:
    """Refuse collections of texts that do not go on to their end: the HDF5 library would follow them without end."""
    start = data.find(HEAP)
    while start >= 0:
        place, end = start + HEAP_HEAD, start + _whole(data, start + 8, 8)
        while place + HEAP_HEAD <= end:
            length = _whole(data, place + 8, 8)
            # Number 0 is what is free, its length with its head.
            step = HEAP_HEAD + -(-length // 8) * 8 if _whole(data, place, 2) else length
            place += step
            if step < HEAP_HEAD or place > end or end > len(data):
                raise FormatError(f"{where}: not an HDF5 file, or a damaged one (its texts have no end)")
        start = data.find(HEAP, start + 1)


def _whole(data: bytes, place: int, width: int) -> int:
    return int.from_bytes(data[place : place + width], "little")


def _group(group: Any, where: str, depth: int, size: int, h5py: Any) -> dict[str, Any]:
    if not depth:
        raise FormatError(f"{where}: groups more than {DEEPEST} deep")
    content: dict[str, Any] = {}
    for key in group:
        place = f"{where}: {group.name.rstrip('/')}/{key}"
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise FormatError(f"{place}: a link to elsewhere, allowed: groups and datasets of this file")
        item = group[key]
        if isinstance(item, h5py.Group):
            content[key] = _group(item, where, depth - 1, size, h5py)
        elif not isinstance(item, h5py.Dataset):
            raise FormatError(f"{place}: a named type, allowed: groups and datasets")
        elif item.shape is not None:
            content[key] = _dataset(item, place, size, h5py)
    return content


def _dataset(dataset: Any, place: str, size: int, h5py: Any) -> Any:
    if dataset.dtype.kind == "O" and h5py.check_string_dtype(dataset.dtype) is None:
        raise FormatError(f"{place}: neither numbers nor text")
    wanted = dataset.size * dataset.dtype.itemsize
    # Texts of any length are not packed: each takes more than its bytes.
    most = size if dataset.dtype.kind == "O" else size * MOST_PACKED
    if wanted > most:
        raise FormatError(f"{place}: an array of {wanted} bytes in a file of {size}, allowed: at most {most}")
    array = np.asarray(dataset[()])
    if array.dtype.kind in "biuf":
        return array
    texts = [_text(value, place) for value in array.ravel().tolist()]
    return texts[0] if array.ndim == 0 else np.array(texts, dtype=np.str_).reshape(array.shape)


def _text(value: Any, place: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        raise FormatError(f"{place}: neither numbers nor text")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(f"{place}: text that is not UTF-8") from None
