"""Time, in slots: how far apart the tiles of every map and the frames are, so that nothing meets what it must not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compiler.folding.geometry import Carrier, Geometry
from isa_spec.errors import ScheduleError

Pitch = tuple[int, int]
"""Slots between tiles below and beside each other."""


def find_pitches(geometry: Geometry) -> tuple[list[Pitch], int]:
    """Pitches of every carrier, and slots from frame to frame; the least that are free of collisions.

    No two values of a lane may share a slot, within a frame or across frames, and where a blank tile is read there must
    be no value.

    Raises
    ------
    ScheduleError
        If a serialised tile leaves no room for what is read of it.
    """
    frame = geometry.carriers[0]
    n_slots = max(carrier.tiles[0] * carrier.tiles[1] for carrier in geometry.carriers)
    # Every reach is a few tiles; rows and frames so far apart that none of them overlap are always enough.
    widest = max(last - first + 1 for first, last in geometry.col_span)
    enough = (frame.tiles[1] + widest) * 4
    for row_pitch in range(frame.tiles[1], frame.tiles[1] + enough):
        pitches = _assign(geometry, [(row_pitch, 1)], n_slots)
        if pitches is not None:
            return pitches, _frame_pitch(geometry, pitches, n_slots)
    cut = ", ".join(f"'{carrier.name}'" for carrier in geometry.carriers if carrier.serialises is not None)
    if cut:
        raise ScheduleError(f"the tile of {cut} leaves no slots for all that later layers read; choose a larger one")
    joined = ", ".join(f"'{carrier.name}'" for carrier in geometry.carriers if len(carrier.readings) > 1)
    raise ScheduleError(f"the maps that {joined} reads come at different pitches; choose another unroll or other tiles")


def _assign(geometry: Geometry, known: list[Pitch], n_slots: int) -> list[Pitch] | None:
    """Pitches of all carriers that extend those known, or None."""
    number = len(known) - 1
    if not _distinct(geometry, number, known[number], None):
        return None
    if len(known) == len(geometry.carriers):
        return known
    carrier = geometry.carriers[number + 1]
    for pitch in _choices(geometry, carrier, known, n_slots):
        found = _assign(geometry, [*known, pitch], n_slots)
        if found is not None:
            return found
    return None


def _choices(geometry: Geometry, carrier: Carrier, known: list[Pitch], n_slots: int) -> Iterator[Pitch]:
    """Pitches that a carrier may have, given those of what it reads."""
    if carrier.serialises is None:
        rows = [known[part.source][0] * part.rows.pitch for part in carrier.readings]
        cols = [known[part.source][1] * part.cols.pitch for part in carrier.readings]
        # Along an axis of a single tile there is nothing to be apart, so nothing to agree on.
        if (carrier.tiles[0] == 1 or len(set(rows)) == 1) and (carrier.tiles[1] == 1 or len(set(cols)) == 1):
            yield rows[0], cols[0]
        return
    read, pitch = geometry.carriers[carrier.serialises], known[carrier.serialises]
    for col_pitch in _cut(carrier, read, pitch, 1, n_slots):
        for row_pitch in _cut(carrier, read, pitch, 0, n_slots):
            yield row_pitch, col_pitch


def _cut(carrier: Carrier, read: Carrier, pitch: Pitch, axis: int, n_slots: int) -> Iterator[int]:
    """Pitches along one axis of a serialiser: an even share of its source's, or any if that has a single tile."""
    parts = -(-read.tile[axis] // carrier.tile[axis])
    if parts == 1:
        yield pitch[axis]
    elif read.tiles[axis] == 1:
        yield from range(1, 2 * n_slots + 1)
    elif pitch[axis] % parts == 0:
        yield pitch[axis] // parts


def _frame_pitch(geometry: Geometry, pitches: list[Pitch], n_slots: int) -> int:
    interval = n_slots
    number = 0
    while number < len(pitches):
        if _distinct(geometry, number, pitches[number], interval):
            number += 1
        else:
            interval, number = interval + 1, 0
    return interval


def _distinct(geometry: Geometry, number: int, pitch: Pitch, interval: int | None) -> bool:
    """Whether a carrier's values have slots of their own, and its blank reads find none of them."""
    rows, cols = geometry.carriers[number].tiles
    (top, bottom), (left, right) = geometry.row_span[number], geometry.col_span[number]
    row, col = np.arange(top, bottom + 1)[:, None], np.arange(left, right + 1)
    slots = row * pitch[0] + col * pitch[1]
    if interval is not None:
        slots = slots % interval
    real = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    values = np.unique(slots[real])
    return len(values) == rows * cols and not np.isin(slots[~real], values).any()
