"""Finds what is dense in a graph: rows of weights for blocks of neurons, and single synapses for the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuroproc.kernels.memory import zeros
from neuroproc.kernels.vectors import BLOCK

ROW_LEAST = 3
"""Synapses of one neuron into one block, with one delay, from which on they are a row: adding it takes as long."""

ALIKE = 0.75
"""Share of a block of sources that reaches a block of targets from which on all of it gets rows."""

ROW_MOST = 2**15 - 1
"""Largest weight of a row; larger ones are single synapses."""


@dataclass(frozen=True, eq=False)
class Synapses:
    """Synapses by neuron numbers of one kind, sorted by source, delay, target.

    Parameters
    ----------
    source, target : int64[n_synapses]
    delay : int64[n_synapses], cycles
    weight : int64[n_synapses], potential units
    """

    source: np.ndarray
    target: np.ndarray
    delay: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def those(self, which: np.ndarray) -> Synapses:
        """Some of them: bool[n_synapses] or their positions."""
        return Synapses(self.source[which], self.target[which], self.delay[which], self.weight[which])


@dataclass(frozen=True, eq=False)
class Rows:
    """Synapses as rows of weights, source by source, and what is left over; fields as in `memory.Arrays`."""

    pool: np.ndarray
    pool_first: np.ndarray
    pool_end: np.ndarray
    row_first: np.ndarray
    row_place: np.ndarray
    row_run: np.ndarray
    weight_first: np.ndarray
    most_rows: np.ndarray
    bytes: np.ndarray
    words: np.ndarray


def merged(synapses: Synapses, keep_zero: bool) -> Synapses:
    """Parallel synapses of equal delay as one, and none of weight 0 unless those are felt.

    Nothing is merged where a sum would not fit 32 bits.
    """
    columns = (synapses.source, synapses.delay, synapses.target)
    fresh = np.zeros(len(synapses), bool)
    fresh[:1] = True
    for column in columns:
        fresh[1:] |= column[1:] != column[:-1]
    begins = np.flatnonzero(fresh)
    if len(begins) < len(synapses):
        total = np.add.reduceat(synapses.weight, begins)
        if np.abs(total).max() < 2**31:
            one = synapses.those(begins)
            synapses = Synapses(one.source, one.target, one.delay, total)
    return synapses if keep_zero else synapses.those(synapses.weight != 0)


def renumbered(synapses: Synapses, number: np.ndarray) -> Synapses:
    """The same synapses between other numbers: int64[n_neurons]."""
    source, target, delay = number[synapses.source], number[synapses.target], synapses.delay
    other = Synapses(source, target, delay, synapses.weight)
    if np.all(number[1:] > number[:-1]):
        return other
    n_numbers, n_delays = int(number.max(initial=0)) + 1, int(delay.max(initial=0)) + 1
    if n_numbers * n_delays * n_numbers > 2**62:
        return other.those(np.lexsort((target, delay, source)))
    return other.those(np.argsort((source * n_delays + delay) * n_numbers + target))


def find_rows(synapses: Synapses, n_numbers: int, real: np.ndarray, stride: int, most: int) -> tuple[Rows, Synapses]:
    """Rows of a graph, and the synapses that are in none.

    Parameters
    ----------
    synapses : Synapses
        No two alike in source, delay and target.
    n_numbers : int
        A multiple of `BLOCK`.
    real : bool[n_numbers]
        Which numbers are neurons, not padding.
    stride : int
        Places of the ring per cycle of delay.
    most : int, potential units
        Largest weight of a row, up to `ROW_MOST`; below 0 for no rows at all.
    """
    small = np.abs(synapses.weight) <= most
    dense = synapses.those(small)
    # A tile is what one source sends into one block of targets with one delay.
    n_blocks, n_delays = n_numbers // BLOCK, int(dense.delay.max(initial=0)) + 1
    into = dense.delay * n_blocks + dense.target // BLOCK
    tile = dense.source * (n_delays * n_blocks) + into
    begins = np.flatnonzero(np.append(True, tile[1:] != tile[:-1])) if len(tile) else np.zeros(0, np.int64)
    count = np.diff(np.append(begins, len(tile)))
    tile_source, tile_into = dense.source[begins], into[begins]
    wanted = count >= ROW_LEAST
    shared = _shared(tile_source, tile_into, count, n_delays * n_blocks, real)
    # Every tile that is wanted, by its own source or by the sources around it.
    own = tile_source[wanted] * (n_delays * n_blocks) + tile_into[wanted]
    every = np.union1d(own, shared)
    row_source, row_into = np.divmod(every, n_delays * n_blocks)
    position = np.searchsorted(every, tile)
    found = position < len(every)
    found[found] = every[position[found]] == tile[found]
    rows = _pools(row_source, row_into, n_numbers, n_blocks, stride)
    rows = _with_weights(rows, dense.those(found), position[found], row_source)
    left = np.ones(len(synapses), bool)
    left[np.flatnonzero(small)[found]] = False
    return rows, synapses.those(left)


def _shared(source: np.ndarray, into: np.ndarray, count: np.ndarray, n_into: int, real: np.ndarray) -> np.ndarray:
    """Tiles of all sources of blocks most of which have synapses there: source * n_into + into, sorted."""
    # Tiles of one synapse are not worth sorting, and there may be millions of them.
    several = count > 1
    source, into, count = source[several], into[several], count[several]
    members = real.reshape(-1, BLOCK).sum(axis=1)
    group, which = np.unique(source // BLOCK * n_into + into, return_inverse=True)
    n_sources = np.bincount(which, minlength=len(group))
    n_synapses = np.bincount(which, count, minlength=len(group))
    size = members[group // n_into]
    chosen = group[(n_sources >= ALIKE * size) & (n_synapses >= ROW_LEAST * size)]
    sources = chosen[:, None] // n_into * BLOCK + np.arange(BLOCK)
    tiles = sources * n_into + chosen[:, None] % n_into
    return np.sort(tiles[real[sources]])


def _pools(source: np.ndarray, into: np.ndarray, n_numbers: int, n_blocks: int, stride: int) -> Rows:
    """Neighbours with the same tiles, pooled; without weights yet."""
    n_rows = np.bincount(source, minlength=n_numbers)
    first = np.append(0, np.cumsum(n_rows))
    # The tiles of the neighbour before lie just before, if there are as many.
    back = np.arange(len(source)) - n_rows[source]
    differs = np.bincount(source, (back < 0) | (into[back] != into), minlength=n_numbers) > 0
    fresh = np.ones(n_numbers, bool)
    fresh[1:] = differs[1:] | (n_rows[1:] != n_rows[:-1])
    begins = np.flatnonzero(fresh)
    ends = np.append(begins[1:], n_numbers)
    row_first = np.append(0, np.cumsum(n_rows[begins]))
    kept = np.repeat(first[begins] - row_first[:-1], n_rows[begins]) + np.arange(row_first[-1])
    delay, block = np.divmod(into[kept], n_blocks)
    place = delay * stride + block * BLOCK
    # How far the blocks from each one on lie next to each other, in the same pool and cycle: cycles may wrap around.
    last = np.ones(len(place), bool)
    last[:-1] = (place[1:] != place[:-1] + BLOCK) | (delay[1:] != delay[:-1])
    last[row_first[1:][n_rows[begins] > 0] - 1] = True
    ends_of_runs = np.flatnonzero(last)
    rows = np.arange(len(place))
    run = ends_of_runs[np.searchsorted(ends_of_runs, rows)] + 1 - rows
    return Rows(
        pool=np.repeat(np.arange(len(begins)), ends - begins).astype(np.int32),
        pool_first=begins.astype(np.int32),
        pool_end=ends.astype(np.int32),
        row_first=row_first,
        row_place=place,
        row_run=run.astype(np.int32),
        weight_first=np.zeros(len(begins), np.int64),
        most_rows=np.zeros(len(begins), np.int64),
        bytes=np.zeros(0, np.int8),
        words=np.zeros(0, np.int16),
    )


def _with_weights(rows: Rows, synapses: Synapses, tile: np.ndarray, row_source: np.ndarray) -> Rows:
    """Rows filled with the weights of synapses, each of which lies in a tile; tiles are sorted by source."""
    pool = rows.pool[synapses.source]
    n_pools = len(rows.pool_first)
    largest = np.zeros(n_pools, np.int64)
    np.maximum.at(largest, pool, np.abs(synapses.weight))
    narrow = largest <= 127
    # Sources come one after the other, and so do their tiles: a pool's weights begin with those of its first tile.
    n_tiles = np.bincount(rows.pool[row_source], minlength=n_pools)
    first_tile = np.append(0, np.cumsum(n_tiles))[:-1]
    first_of_kind = [np.append(0, np.cumsum(n_tiles * kind))[:-1] for kind in (narrow, ~narrow)]
    weight_first = np.where(narrow, first_of_kind[0], first_of_kind[1]) * BLOCK
    at = weight_first[pool] + (tile - first_tile[pool]) * BLOCK + synapses.target % BLOCK
    tables = []
    for kind, dtype in ((narrow, np.int8), (~narrow, np.int16)):
        table = zeros(int((n_tiles * kind).sum()) * BLOCK, dtype)
        which = kind[pool]
        table[at[which]] = synapses.weight[which]
        tables.append(table)
    return Rows(
        pool=rows.pool,
        pool_first=rows.pool_first,
        pool_end=rows.pool_end,
        row_first=rows.row_first,
        row_place=rows.row_place,
        row_run=rows.row_run,
        weight_first=weight_first,
        most_rows=np.where(narrow, 127 // np.maximum(largest, 1), 0),
        bytes=tables[0],
        words=tables[1],
    )
