"""Event files as their publishers write them, and slow obvious ways to read and bin them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

WRAP = 2**13


def n_mnist_bytes(rows):
    """Bytes of an N-MNIST file of (time, column, row, polarity), times rising; overflow records where needed."""
    out = bytearray()
    passed = 0
    for time, column, row, polarity in rows:
        while time - passed >= 2**23:
            out += bytes([0, 240, 0, 0, 0])
            passed += WRAP
        out += record(time - passed, column, row, polarity)
    return bytes(out)


def record(time, column, row, polarity):
    """The 5 bytes of an event."""
    return bytes([column, row]) + (polarity << 23 | time).to_bytes(3, "big")


def read_slowly(data):
    """(time, column, row, polarity) of each event, byte by byte."""
    events = []
    passed = 0
    for at in range(0, len(data), 5):
        column, row, high, middle, low = data[at : at + 5]
        if row == 240:
            passed += WRAP
            continue
        events.append(((high % 128) * 65536 + middle * 256 + low + passed, column, row, high // 128))
    return events


def bin_slowly(rows, sensor, width, origin, duplicates):
    """Rows (cycle, port, value) of events (time in s as a Fraction, polarity, row, column), one by one."""
    found = {}
    for time, polarity, row, column in rows:
        cycle = math.floor((time - origin) / width)
        port = polarity * sensor[1] * sensor[2] + row * sensor[2] + column
        found[cycle, port] = found.get((cycle, port), 0) + 1
    return [(*place, count if duplicates == "count" else 1) for place, count in sorted(found.items())]


def rows_of(events):
    """(time in s, polarity, row, column) of each event."""
    columns = (events.polarity.tolist(), events.row.tolist(), events.column.tolist())
    return [(Fraction(int(time)) * events.tick, *address) for time, *address in zip(events.time, *columns, strict=True)]


def write_hdf5(path, samples, labels=None, dtype=np.float16):
    """A file as SHD and SSC are published: lists of times and units, and a label each."""
    import h5py

    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (len(samples),), h5py.vlen_dtype(dtype))
        units = file.create_dataset("spikes/units", (len(samples),), h5py.vlen_dtype(np.uint16))
        for number, (time, unit) in enumerate(samples):
            times[number], units[number] = np.asarray(time, dtype), np.asarray(unit, np.uint16)
        if labels is not None:
            file["labels"] = np.asarray(labels, np.uint16)
    return path
