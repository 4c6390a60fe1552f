"""The stream contract: where in space and when in time each value of a feature map is a spike.

One affine map serves every fold; two modules may be wired only through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np

from isa_spec.errors import FormatError

LONGEST_INTERVAL = 2**31 - 1
"""Cycles: no image has its frames further apart."""


@dataclass(frozen=True)
class StreamContract:
    """Carries a map of ``channels x height x width`` 0/1 values on lanes, tile after tile.

    Value ``(c, y, x)`` of frame ``n`` is the spike (or silence) of

        lane ``(c div n_turns, y mod unroll_h, x mod unroll_w)`` in cycle
        ``start + n * interval + slot * ((y div unroll_h) * row_pitch + (x div unroll_w) * col_pitch)
        + turns[c mod n_turns]``

    where ``n_turns`` channels share a lane and take turns on it. A value of 0 to ``levels`` is that many spikes in
    this cycle and the next ones, ``beat`` cycles apart: in the first of them where values are counted, in any where
    they are rates. Where the lanes are neurons that fire once, it is one spike, which stands for all from there on.

    Parameters
    ----------
    channels, height, width : int
        Shape of the feature map.
    unroll_h, unroll_w : int
        Rows and columns of one tile; a map lower or narrower than a tile has only as many lanes as it has values.
    start : int
        Cycle of the first tile of frame 0.
    slot : int
        Cycles per slot.
    row_pitch, col_pitch : int
        Slots between tiles below and beside each other.
    interval : int
        Initiation interval, in cycles: frame ``n`` runs ``n * interval`` cycles after frame 0.
    turns : tuple of int
        For each channel that shares a lane, cycles after the lane's first channel; the first is 0, and they ascend.
    levels : int
        Largest value, and so most spikes of one: cycles in which it may have them.
    beat : int
        Cycles from one of these to the next.

    Raises
    ------
    FormatError
        If `start` is negative, turns do not ascend from 0, or anything else is below 1.

    Source: the folding scheme of this project (docs/folding.md).
    """

    channels: int
    height: int
    width: int
    unroll_h: int
    unroll_w: int
    start: int
    slot: int
    row_pitch: int
    col_pitch: int
    interval: int
    turns: tuple[int, ...] = (0,)
    levels: int = 1
    beat: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            least = 0 if field.name == "start" else 1
            if field.name != "turns" and getattr(self, field.name) < least:
                raise FormatError(
                    f"stream contract: {field.name} = {getattr(self, field.name)}, allowed {least} and above"
                )
        if self.turns[:1] != (0,) or any(early >= late for early, late in pairwise(self.turns)):
            raise FormatError(f"stream contract: turns = {list(self.turns)}, allowed: cycles that ascend from 0")

    @property
    def lane_rows(self) -> int:
        """Rows of lanes that carry at least one value."""
        return min(self.unroll_h, self.height)

    @property
    def lane_cols(self) -> int:
        """Columns of lanes that carry at least one value."""
        return min(self.unroll_w, self.width)

    @property
    def n_turns(self) -> int:
        """Channels that share a lane."""
        return len(self.turns)

    @property
    def lane_channels(self) -> int:
        """Lanes at one place of a tile."""
        return -(-self.channels // self.n_turns)

    @property
    def n_lanes(self) -> int:
        """Neurons that carry the map."""
        return self.lane_channels * self.lane_rows * self.lane_cols

    @property
    def n_values(self) -> int:
        """Values of the map."""
        return self.channels * self.height * self.width

    @property
    def tile_rows(self) -> int:
        """Tiles from top to bottom."""
        return -(-self.height // self.unroll_h)

    @property
    def tile_cols(self) -> int:
        """Tiles from left to right."""
        return -(-self.width // self.unroll_w)

    @property
    def span(self) -> int:
        """Cycles from the first in which a value may have a spike to the last, both counted."""
        return (self.levels - 1) * self.beat + 1

    @property
    def last_cycle(self) -> int:
        """Cycle of frame 0 in which the last spike of its last tile may come."""
        rows, cols = self.tile_rows - 1, self.tile_cols - 1
        first = self.start + self.slot * (rows * self.row_pitch + cols * self.col_pitch)
        return first + self.turns[-1] + self.span - 1

    def lanes(self) -> np.ndarray:
        """Lane of every value: int64[channels, height, width]."""
        c, y, x = np.ogrid[: self.channels, : self.height, : self.width]
        shared = c // self.n_turns
        return (shared * self.lane_rows + y % self.unroll_h) * self.lane_cols + x % self.unroll_w

    def cycles(self) -> np.ndarray:
        """First cycle of every value in frame 0: int64[channels, height, width], in cycles."""
        c, y, x = np.ogrid[: self.channels, : self.height, : self.width]
        slots = (y // self.unroll_h) * self.row_pitch + (x // self.unroll_w) * self.col_pitch
        return self.start + self.slot * slots + self.turn_of()[c]

    def turn_of(self) -> np.ndarray:
        """Turn of every channel: int64[channels], in cycles."""
        return np.array(self.turns, np.int64)[np.arange(self.channels) % self.n_turns]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary of the fields, for a header; a beat of 1 is left out."""
        entry = {**asdict(self), "turns": list(self.turns)}
        if self.beat == 1:
            del entry["beat"]
        return entry

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any], where: str) -> StreamContract:
        """Contract from a header entry.

        Raises
        ------
        FormatError
            If a field is missing (but for `beat`, which is then 1), unknown, or not an integer (`turns`: a list).
        """
        names = {field.name for field in fields(cls)}
        turns = entry.get("turns")
        values = [*turns, *(entry[key] for key in set(entry) - {"turns"})] if isinstance(turns, list) else [None]
        if set(entry) | {"beat"} != names or not all(type(value) is int for value in values):
            raise FormatError(
                f"{where}: a stream contract has exactly the integers {', '.join(sorted(names - {'beat', 'turns'}))}, "
                "the list of integers turns, and perhaps the integer beat"
            )
        return cls(**{**entry, "turns": tuple(values[: len(turns or ())])})
