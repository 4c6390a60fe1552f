"""Events of event-based sensors: N-MNIST's files, and SHD's and SSC's (`shd.py`); `binning.py` makes spikes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from isa_spec.errors import FormatError
from isa_spec.files import read_bytes
from neuroproc.formats.shd import Sample, is_hdf5, read_samples, sample_count

Sensor = tuple[int, int, int]
"""Polarities, rows and columns."""

N_MNIST_SENSOR: Sensor = (2, 34, 34)
SHD_SENSOR: Sensor = (1, 700, 1)
"""A cochlea: its units are rows, so that they are the samples of a network over one axis."""

RECORD = 5
"""Bytes of an event of N-MNIST."""
OVERFLOW_ROW = 240
"""Row of a record that is no event: it says that the clock has gone round."""
OVERFLOW = 2**13
"""By how much all later times are then larger, in microseconds."""
MICROSECOND = Fraction(1, 10**6)
MOST_PLACES = 2**31 - 1
"""Ports have numbers of 32 bits."""


@dataclass(frozen=True, eq=False)
class Events:
    """What a sensor saw, in the units of its file, in the order of its file.

    Parameters
    ----------
    time : int64[n_events], or object[n_events] (Python integers) where 64 bits do not hold them; ticks
    tick : Fraction, s
        What a tick is worth, exactly.
    polarity, row, column : int64[n_events]
        Address. A sensor over one axis has rows only, one without polarities only 0.
    sensor : (polarities, rows, columns)
        What the address may be; not checked here.
    label : int or None
        Class, where the file has one.
    where : str
        For messages.
    """

    time: np.ndarray
    tick: Fraction
    polarity: np.ndarray
    row: np.ndarray
    column: np.ndarray
    sensor: Sensor
    label: int | None = None
    where: str = "<events>"

    def __len__(self) -> int:
        return len(self.time)


def is_event_file(path: str | Path) -> bool:
    """Whether a file holds events: HDF5 is seen from its first bytes; N-MNIST's have no mark, so ``.bin`` says it."""
    return Path(path).suffix.lower() == ".bin" or is_hdf5(path)


def read_events(path: str | Path, sensor: Sensor | None = None, sample: int | None = None) -> Events:
    """Events of a file.

    Parameters
    ----------
    path : str or Path
        ``.bin`` (N-MNIST), or HDF5 (SHD, SSC).
    sensor : (polarities, rows, columns), optional
        That of N-MNIST, 2 x 34 x 34, or of SHD and SSC, 1 x 700 x 1, by default.
    sample : int, optional
        Which sample of an HDF5 file, from 0 on; needed where it holds several.

    Raises
    ------
    FormatError
        If it is no such file, is truncated or altered, or has no such sample.
    NeuroprocError
        If h5py is missing for an HDF5 file.
    """
    _check_sensor(sensor, str(path))
    if not is_event_file(path):
        raise FormatError(f"{path}: no events, allowed: .bin (N-MNIST) or HDF5 (SHD, SSC)")
    if not is_hdf5(path):
        if sample not in (None, 0):
            raise FormatError(f"{path}: sample {sample}, allowed: 0; a file of N-MNIST is one sample")
        return decode_n_mnist(read_bytes(path), str(path), sensor or N_MNIST_SENSOR)
    count = sample_count(path)
    if sample is None and count != 1:
        raise FormatError(f"{path}: holds {count:,} samples; choose one by its number, 0..{count - 1}")
    return _heard(next(iter(read_samples(path, [sample or 0]))), sensor)


def read_all_events(path: str | Path, sensor: Sensor | None = None) -> Iterable[Events]:
    """Events of every sample of a file, one after the other; only one is in memory.

    Parameters, Raises
    ------------------
    As `read_events`.
    """
    if not is_hdf5(path):
        return (read_events(path, sensor),)
    _check_sensor(sensor, str(path))
    return (_heard(sample, sensor) for sample in read_samples(path, range(sample_count(path))))


def decode_n_mnist(data: bytes, where: str, sensor: Sensor = N_MNIST_SENSOR) -> Events:
    """Events from the bytes of an N-MNIST file.

    An event is 5 bytes: column, row, then a bit of polarity and 23 bits of time in microseconds, the high ones first.
    A record of row 240 is no event: all later times are 2^13 us larger. Times may come in any order.

    Raises
    ------
    FormatError
        If the length is not that of whole records.
    """
    if len(data) % RECORD:
        raise FormatError(
            f"{where}: {len(data)} bytes, allowed: a multiple of {RECORD}, the bytes of an event of N-MNIST; "
            "truncated, or no such file"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD).astype(np.int64)
    overflow = records[:, 1] == OVERFLOW_ROW
    time = (records[:, 2] & 0x7F) << 16 | records[:, 3] << 8 | records[:, 4]
    time += np.cumsum(overflow) * OVERFLOW
    seen = ~overflow
    column, row, polarity = records[seen, 0], records[seen, 1], records[seen, 2] >> 7
    return Events(time[seen], MICROSECOND, polarity, row, column, sensor, where=where)


def _heard(sample: Sample, sensor: Sensor | None) -> Events:
    nothing = np.zeros(len(sample.time), np.int64)
    return Events(
        sample.time, sample.tick, nothing, sample.unit, nothing, sensor or SHD_SENSOR, sample.label, sample.where
    )


def _check_sensor(sensor: Sensor | None, where: str) -> None:
    if sensor is not None and not (min(sensor) >= 1 and sensor[0] * sensor[1] * sensor[2] <= MOST_PLACES):
        shape = "x".join(map(str, sensor))
        raise FormatError(f"{where}: sensor {shape}, allowed: 1 and above, and {MOST_PLACES:,} places together")
