"""Synapses of two tables, each with its counterpart: the same, one with another weight, or one with another delay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SOURCE, TARGET, KIND, DELAY, WEIGHT = range(5)
"""Columns of a table of synapses."""
_RANK, _LENGTH = 5, 6


def in_order(table: np.ndarray) -> np.ndarray:
    """A table of synapses in the order of target, source, kind, delay and weight: int64[n, 5]."""
    return table[np.lexsort(table.T[[WEIGHT, DELAY, KIND, SOURCE, TARGET]])]


def match_synapses(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Synapses without a counterpart of each table, and those that have one, row by row, each in order.

    Where a pair of neurons has as many synapses in both tables, and all their delays or all their weights are the same,
    they meet in the order of their delays: a network that is folded otherwise has other delays and no other weights.
    Of any other pair, equal synapses meet first, then those of one delay, then those of one weight.

    Parameters
    ----------
    left, right : int64[n, 5]
    """
    whole = _whole_pairs(*(_ranked(in_order(table)) for table in (left, right)))
    parts = [(was[:, :5], now[:, :5]) for was, now in (whole[2:],)]
    left, right = whole[0][:, :5], whole[1][:, :5]
    for columns in (range(5), (SOURCE, TARGET, KIND, DELAY), (SOURCE, TARGET, KIND, WEIGHT)):
        left, right, was, now = pair_off(left, right, columns)
        parts.append((was, now))
    before, after = (np.concatenate(side) for side in zip(*parts, strict=True))
    order = np.lexsort(before.T[[WEIGHT, DELAY, KIND, SOURCE, TARGET]])
    return left, right, before[order], after[order]


def _ranked(table: np.ndarray) -> np.ndarray:
    """With two more columns: which synapse of its pair and kind each is, and how many these are."""
    ends = table[:, [SOURCE, TARGET, KIND]]
    begins = np.flatnonzero(np.any(ends != np.roll(ends, 1, axis=0), axis=1) | (np.arange(len(table)) == 0))
    lengths = np.diff(begins, append=len(table))
    rank = np.arange(len(table)) - np.repeat(begins, lengths)
    return np.column_stack([table, rank, np.repeat(lengths, lengths)])


def _whole_pairs(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What is left of ranked tables without the pairs that have all delays or all weights in common, and these."""
    _, _, was, now = pair_off(left, right, (SOURCE, TARGET, KIND, _RANK, _LENGTH))
    begins = np.flatnonzero(was[:, _RANK] == 0)
    agrees = np.zeros(len(was), bool)
    for column in (DELAY, WEIGHT) if len(was) else ():
        same = np.logical_and.reduceat(was[:, column] == now[:, column], begins)
        agrees |= np.repeat(same, was[begins, _LENGTH])
    was, now = was[agrees], now[agrees]
    every = range(left.shape[1])
    return pair_off(left, was, every)[0], pair_off(right, now, every)[0], was, now


def pair_off(
    left: np.ndarray, right: np.ndarray, columns: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What is left of two tables without the rows that agree in some columns, and these rows; orders stay.

    Of rows that agree the first meets the first, the second the second, and so on.

    Parameters
    ----------
    left, right : int64[n, k]
    columns : sequence of int
    """
    both = np.concatenate([left, right])[:, list(columns)]
    order = np.lexsort(both.T)
    begins = np.any(both[order] != np.roll(both[order], 1, axis=0), axis=1)
    group = np.empty(len(both), np.int64)
    group[order] = np.cumsum(begins)
    mine, theirs = (_numbered(part, len(both)) for part in (group[: len(left)], group[len(left) :]))
    _, i, j = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    i, j = i[np.argsort(i)], j[np.argsort(i)]
    return np.delete(left, i, axis=0), np.delete(right, j, axis=0), left[i], right[j]


def _numbered(group: np.ndarray, most: int) -> np.ndarray:
    """A number for each entry, the same in two arrays if group and place in it are: int64, all different."""
    ordered = np.argsort(group, kind="stable")
    place = np.arange(len(group))
    first = np.maximum.accumulate(np.where(np.diff(group[ordered], prepend=-1) != 0, place, 0))
    before = np.empty_like(place)
    before[ordered] = place - first
    return group * (most + 1) + before
