"""A window on a folded map, along one axis: which lane reads which, and how many tiles away.

Rows and columns are independent, so a layer's whole geometry is two of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np


@dataclass(frozen=True, eq=False)
class Axis:
    """Taps of a window along one axis of a tiled map.

    A tap that never reads a value of the frame, wherever its lane stands, is left out.

    Parameters
    ----------
    size : int
        Positions of the window: length of the output map.
    unroll : int
        Tile length of the output map.
    pitch : int
        Tiles of the input map per tile of the output map.
    lane_out, lane_in : int64[n_taps]
    tap : int64[n_taps]
        Index into the kernel.
    tile : int64[n_taps]
        Input tile that is read, counted from ``pitch`` times the output's tile.
    first_tile, last_tile : int
        Outermost input tiles that any position reads, the blank ones beyond the map included.
    reads_blank : bool
        Whether some position reads beyond the map through a tap that others need: these reads must find silence.
    """

    size: int
    unroll: int
    pitch: int
    lane_out: np.ndarray
    lane_in: np.ndarray
    tap: np.ndarray
    tile: np.ndarray
    first_tile: int
    last_tile: int
    reads_blank: bool


@lru_cache(maxsize=4096)
def axis_taps(size: int, unroll: int, kernel: int, stride: int, before: int, positions: int, widen: int = 1) -> Axis:
    """Taps of a window of ``kernel`` in ``positions`` places over ``size`` values in tiles of ``unroll``.

    Position ``o`` of the window reads value ``stride * o + tap - before``. With ``g = gcd(unroll, stride)``, moving
    the window by ``unroll / g`` positions moves its reads by exactly ``stride / g`` tiles: that is the output's tile,
    and within it the pattern of lanes and tile offsets never changes. Nor does it for ``widen`` such tiles at once.
    """
    if unroll >= size:
        # A map that is one tile stays one tile, however it grows: the tile may be taken as large as any reach.
        unroll, unroll_out, pitch = stride * (size + before + kernel), positions, 1
    else:
        shared = gcd(unroll, stride)
        unroll_out, pitch = unroll // shared * widen, stride // shared * widen
    unroll_out = min(unroll_out, positions)
    lanes, tiles = unroll_out, -(-positions // unroll_out)
    lane_out, tap, tile_out = np.ogrid[:lanes, :kernel, :tiles]
    position = tile_out * unroll_out + lane_out
    value = stride * position + tap - before
    real = np.asarray(position < positions)
    inside = np.asarray(real & (value >= 0) & (value < size))
    kept = np.asarray(inside.any(axis=2))
    read = real & kept[:, :, None]
    lane, place = np.nonzero(kept)
    relative = stride * lane + place - before
    touched = (value // unroll)[read]
    return Axis(
        size=positions,
        unroll=unroll_out,
        pitch=pitch,
        lane_out=lane,
        lane_in=relative % unroll,
        tap=place,
        tile=relative // unroll,
        first_tile=int(touched.min(initial=0)),
        last_tile=int(touched.max(initial=0)),
        reads_blank=bool((read & ~inside).any()),
    )
