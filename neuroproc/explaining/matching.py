"""Synapses of two tables, each with its counterpart: the same, one with another weight, or one with another delay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isa_spec.kinds import KINDS

SOURCE, TARGET, KIND, DELAY, WEIGHT = range(5)
"""Columns of a table of synapses."""


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
    left, right, was, now = _whole_pairs(in_order(left), in_order(right))
    parts = [(was, now)]
    for columns in (range(5), (SOURCE, TARGET, KIND, DELAY), (SOURCE, TARGET, KIND, WEIGHT)):
        left, right, was, now = pair_off(left, right, columns)
        parts.append((was, now))
    before, after = (np.concatenate(side) for side in zip(*parts, strict=True))
    order = np.lexsort(before.T[[WEIGHT, DELAY, KIND, SOURCE, TARGET]])
    return left, right, before[order], after[order]


def _whole_pairs(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What is left of ordered tables without the pairs that have all delays or all weights in common, and these."""
    nothing = np.zeros((0, 5), np.int64)
    if not (len(left) and len(right)):
        return left, right, nothing, nothing
    most = 1 + max(int(table[:, [SOURCE, TARGET]].max()) for table in (left, right))
    (key, begin, length), (other_key, other_begin, other_length) = (_pairs(table, most) for table in (left, right))
    _, i, j = np.intersect1d(key, other_key, assume_unique=True, return_indices=True)
    alike = length[i] == other_length[j]
    begin, other_begin, length = begin[i[alike]], other_begin[j[alike]], length[i[alike]]
    place = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    rows, other_rows = np.repeat(begin, length) + place, np.repeat(other_begin, length) + place
    was, now = left[rows], right[other_rows]
    agrees = np.zeros(len(was), bool)
    for column in (DELAY, WEIGHT) if len(was) else ():
        same = np.logical_and.reduceat(was[:, column] == now[:, column], np.flatnonzero(place == 0))
        agrees |= np.repeat(same, length)
    rest = np.delete(left, rows[agrees], axis=0), np.delete(right, other_rows[agrees], axis=0)
    return *rest, was[agrees], now[agrees]


def _pairs(table: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each pair and kind of an ordered table a number, its first row, and how many rows it has."""
    key = (table[:, TARGET] * most + table[:, SOURCE]) * len(KINDS) + table[:, KIND]
    begin = np.flatnonzero(np.diff(key, prepend=-1))
    return key[begin], begin, np.diff(begin, append=len(table))


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
