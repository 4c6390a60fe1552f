"""Time, in slots: how far apart the tiles of every map and the frames are, so that nothing meets what it must not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compiler.geometry import Carrier, Geometry
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
    names = ", ".join(f"'{carrier.name}'" for carrier in geometry.carriers if carrier.is_serialiser)
    raise ScheduleError(
        f"the tile of {names} leaves no slots for all that later layers read; choose a larger tile, or none, there"
    )


def _assign(geometry: Geometry, known: list[Pitch], n_slots: int) -> list[Pitch] | None:
    """Pitches of all carriers that extend those known, or None."""
    number = len(known) - 1
    if not _distinct(geometry, number, known[number], None):
        return None
    if len(known) == len(geometry.carriers):
        return known
    carrier = geometry.carriers[number + 1]
    for pitch in _choices(carrier, geometry.carriers[carrier.source], known[carrier.source], n_slots):
        found = _assign(geometry, [*known, pitch], n_slots)
        if found is not None:
            return found
    return None


def _choices(carrier: Carrier, read: Carrier, pitch: Pitch, n_slots: int) -> Iterator[Pitch]:
    """Pitches that a carrier may have, given those of its source."""
    if carrier.rows is not None and carrier.cols is not None:
        yield pitch[0] * carrier.rows.pitch, pitch[1] * carrier.cols.pitch
        return
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
