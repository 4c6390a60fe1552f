"""HDF5 files of events as SHD and SSC are published: the optional extra ``hdf5``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.errors import FormatError, NeuroprocError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
TIMES, UNITS, LABELS = "spikes/times", "spikes/units", "labels"
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)
"""What h5py raises on a file that is damaged, or is something else."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample of a file.

    Parameters
    ----------
    time : int64[n_events], or object[n_events] (Python integers) where 64 bits do not hold them; ticks
    tick : Fraction, s
        A power of two: the times of the file are floats, and taken for exactly what their bits say.
    unit : int64[n_events]
    label : int or None
    where : str
        File and sample.
    """

    time: np.ndarray
    tick: Fraction
    unit: np.ndarray
    label: int | None
    where: str


def is_hdf5(path: str | Path) -> bool:
    """Whether a file begins as HDF5 does; a pipe is not asked, for what was read would be gone from it.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from None


def holds_samples(path: str | Path) -> bool:
    """Whether an HDF5 file is one of SHD's or SSC's, and not another one.

    Raises
    ------
    FormatError
        If it is damaged.
    NeuroprocError
        If h5py is missing.
    """
    with _open(path) as file:
        try:
            return TIMES.partition("/")[0] in file
        except _DAMAGE as error:
            raise FormatError(f"{path}: damaged ({_reason(error)})") from None


def sample_count(path: str | Path) -> int:
    """How many samples a file holds.

    Raises
    ------
    FormatError
        If it is no file of SHD or SSC, or is damaged.
    NeuroprocError
        If h5py is missing.
    """
    with _open(path) as file:
        return len(_columns(file, str(path))[0])


def read_samples(path: str | Path, numbers: Sequence[int]) -> Iterator[Sample]:
    """Samples of a file, one after the other.

    Parameters
    ----------
    path : str or Path
    numbers : sequence of int
        Which ones.

    Raises
    ------
    FormatError
        If it is no file of SHD or SSC, is damaged, has no such sample, or one whose times and units differ in length or
        are no numbers.
    NeuroprocError
        If h5py is missing.
    """
    with _open(path) as file:
        times, units, labels = _columns(file, str(path))
        for number in numbers:
            if not 0 <= number < len(times):
                raise FormatError(f"{path}: sample {number}, allowed: 0..{len(times) - 1}")
            where = f"{path} sample {number}"
            try:
                time, unit = np.asarray(times[number]), np.asarray(units[number])
                label = None if labels is None else labels[number]
            except _DAMAGE as error:
                raise FormatError(f"{where}: cannot be read, the file is damaged ({_reason(error)})") from None
            yield _sample(time, unit, label, where)


def exact_ticks(time: np.ndarray, where: str) -> tuple[np.ndarray, Fraction]:
    """Floats as integers and what 1 of them is worth, a power of two: nothing is rounded.

    Parameters
    ----------
    time : float[n]
        16, 32 or 64 bits.
    where : str
        For messages.

    Returns
    -------
    ticks : int64[n], or object[n] (Python integers) where 64 bits do not hold them
    tick : Fraction

    Raises
    ------
    FormatError
        If one of them is no number.
    """
    endless = np.flatnonzero(~np.isfinite(time))
    if len(endless):
        raise FormatError(f"{where}: event {endless[0]} has time {time[endless[0]]}, allowed: finite numbers")
    fraction, exponent = np.frexp(time.astype(np.float64))
    digits = (fraction * 2.0**53).astype(np.int64)
    exponent = exponent.astype(np.int64) - 53
    # Zeros at the end of the binary digits cost room for nothing.
    zeros = np.frexp((digits & -digits).astype(np.float64))[1].astype(np.int64) - 1
    digits, exponent = np.where(digits == 0, 0, digits >> zeros), np.where(digits == 0, 0, exponent + zeros)
    least = min(int(exponent.min(initial=0)), 0)
    if int((exponent + 53 - zeros)[digits != 0].max(initial=least)) - least < 63:
        return digits << (exponent - least), Fraction(1, 2**-least)
    shifts = (exponent - least).tolist()
    ticks = np.empty(len(time), object)
    ticks[:] = [digit << shift for digit, shift in zip(digits.tolist(), shifts, strict=True)]
    return ticks, Fraction(1, 2**-least)


def _open(path: str | Path) -> Any:
    try:
        import h5py
    except ImportError:
        raise NeuroprocError(f"{path}: HDF5 needs h5py; install the extra: pip install 'neuroproc[hdf5]'") from None
    try:
        return h5py.File(path, "r")
    except _DAMAGE as error:
        raise FormatError(f"{path}: not HDF5, or truncated or altered ({_reason(error)})") from None


def _columns(file: Any, where: str) -> tuple[Any, Any, Any]:
    """Data sets of times, units and labels (None if there are none), each with an entry per sample."""
    found = []
    for name in (TIMES, UNITS, LABELS):
        try:
            data = file[name]
            if len(data.shape) != 1:
                raise FormatError(f"{where}: {name} is {list(data.shape)}, allowed: [samples], each a list")
            found.append(data)
        except _DAMAGE:
            if name != LABELS:
                raise FormatError(
                    f"{where}: no data set {name}, or damaged, allowed: {TIMES}, {UNITS} and {LABELS}, as SHD and SSC "
                    "have them"
                ) from None
            found.append(None)
    times, units, labels = found
    for name, data in ((UNITS, units), (LABELS, labels)):
        if data is not None and len(data) != len(times):
            raise FormatError(f"{where}: {len(data)} entries in {name}, {len(times)} in {TIMES}, allowed: as many")
    return times, units, labels


def _sample(time: np.ndarray, unit: np.ndarray, label: Any, where: str) -> Sample:
    if time.ndim != 1 or time.dtype.kind != "f" or time.dtype.itemsize > 8:
        raise FormatError(f"{where}: times are {time.dtype}{list(time.shape)}, allowed: floats in seconds, [n]")
    if unit.ndim != 1 or unit.dtype.kind not in "iu" or unit.dtype == np.uint64:
        raise FormatError(f"{where}: units are {unit.dtype}{list(unit.shape)}, allowed: integers, [n]")
    if len(time) != len(unit):
        raise FormatError(f"{where}: {len(time)} times and {len(unit)} units, allowed: as many")
    if label is not None and np.asarray(label).dtype.kind not in "iu":
        raise FormatError(f"{where}: label {label}, allowed: an integer")
    ticks, tick = exact_ticks(time, where)
    return Sample(ticks, tick, unit.astype(np.int64), None if label is None else int(label), where)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
