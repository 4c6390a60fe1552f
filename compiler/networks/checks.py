"""What the fields of a layer may be: whatever builds one, a file, an import or a user's program, these are asked."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from isa_spec.errors import NetworkError


def integers(value: Any, ndim: int, where: str) -> np.ndarray:
    """Frozen int64 array of ``ndim`` dimensions.

    Raises
    ------
    NetworkError
        If the value is ragged, not integer, of another rank, or empty.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise NetworkError(f"{where}: nested lists of uneven length") from None
    if array.dtype.kind not in "iu":
        raise NetworkError(f"{where}: {array.dtype} values, allowed: integers; quantise before importing")
    if array.ndim != ndim or not array.size:
        raise NetworkError(f"{where}: shape {list(array.shape)}, allowed: {ndim} dimensions, none empty")
    if array.dtype.kind == "u" and array.max() > np.iinfo(np.int64).max:
        raise NetworkError(f"{where}: {array.max()} does not fit 64 bits")
    if array.dtype == np.int64 and array.flags.owndata and not array.flags.writeable:
        return array
    frozen = array.astype(np.int64)
    frozen.flags.writeable = False
    return frozen


def thresholds(value: Any, units: int | None, where: str) -> np.ndarray | None:
    """Frozen int64[units], or None; any number of units is good where it is None.

    Raises
    ------
    NetworkError
        As `integers`, or if there is not one for each unit.
    """
    if value is None:
        return None
    found = integers(value, 1, f"{where}: threshold")
    if units is not None and len(found) != units:
        raise NetworkError(f"{where}: {len(found)} thresholds for {units} units")
    return found


def names(value: Any, several: bool, where: str) -> tuple[str, ...]:
    """Names of the layers that a layer reads.

    Raises
    ------
    NetworkError
        If it is no tuple or list of names, or of more than one where one is read.
    """
    known = isinstance(value, tuple | list) and value and all(isinstance(name, str) for name in value)
    if not known or (len(value) > 1 and not several):
        count = "of one or more earlier layers" if several else "of one earlier layer"
        raise NetworkError(f"{where}: sources = {value!r}, allowed: a tuple with the name {count}, as ('input',)")
    return tuple(value)


def pair(value: Any, least: int, where: str) -> tuple[int, int]:
    """Two integers, rows and columns.

    Raises
    ------
    NetworkError
        If there are not two of them, or one is too small.
    """
    found = _indices(value)
    if found is None or len(found) != 2 or min(found) < least:
        raise NetworkError(f"{where} = {value!r}, allowed: two integers (rows, columns), each {least} and above")
    return (found[0], found[1])


def frame_shape(value: Any, where: str) -> tuple[int, int, int]:
    """Channels, rows and columns of a frame.

    Raises
    ------
    NetworkError
        If there are not three integers from 1 on.
    """
    found = _indices(value)
    if found is None or len(found) != 3 or min(found) < 1:
        raise NetworkError(f"{where} = {value!r}, allowed: three integers (channels, rows, columns), each 1 and above")
    return (found[0], found[1], found[2])


def sides(value: Any, where: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Padding at both ends of both axes.

    Raises
    ------
    NetworkError
        If it is not two pairs of integers from 0 on.
    """
    ends = [_indices(axis) for axis in value] if isinstance(value, Sequence | np.ndarray) else []
    if len(ends) != 2 or any(axis is None or len(axis) != 2 or min(axis) < 0 for axis in ends):
        raise NetworkError(f"{where} = {value!r}, allowed: ((top, bottom), (left, right)), each 0 and above")
    (top, bottom), (left, right) = (axis for axis in ends if axis is not None)
    return (top, bottom), (left, right)


def _indices(value: Any) -> list[int] | None:
    """Integers of a sequence, Python's or numpy's, as Python's; None if they are something else."""
    try:
        return [index(item) for item in value]
    except TypeError:
        return None
