"""Numbers for the neurons, such that what is dense lies together: kinds of neurons in blocks of their own.

Nothing depends on the numbers but speed. Several orders are tried; the one in which a sample of the synapses needs the
fewest operations is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neuroproc.kernels.structure import ROW_LEAST, Synapses
from neuroproc.kernels.vectors import BLOCK

ROUNDS = 6
"""Most rounds in which kinds are told apart."""

LEAST_KIND = BLOCK // 2
"""Neurons of a kind from which on it gets blocks of its own."""

SAMPLE = 2**15
"""About how many synapses orders are judged by."""

FEWEST = 8
"""Neurons of a sample, if a few have all the synapses."""

BETTER = 0.9
"""Share of the operations in the order of the image below which another order is taken."""


def number_neurons(synapses: Synapses, n_neurons: int) -> np.ndarray:
    """Number of each neuron: int64[n_neurons]; some numbers may be left out, so that kinds begin with a block.

    Parameters
    ----------
    synapses : Synapses
        Between neurons.
    n_neurons : int
    """
    same = np.arange(n_neurons)
    if not len(synapses):
        return same
    by_target = np.argsort(synapses.target, kind="stable")
    sample = _sample(synapses)
    best, fewest = same, BETTER * _operations(sample, same)
    hashes = _least_hashes(synapses, by_target, n_neurons)
    for kinds in _kinds(synapses, by_target, n_neurons):
        for within in (same, _middles(synapses, by_target, kinds), hashes):
            number = _blocks(kinds, within)
            operations = _operations(sample, number)
            if operations < fewest:
                best, fewest = number, operations
    return best


def _mixed(*columns: np.ndarray) -> np.ndarray:
    """A number for every tuple of numbers, as good as random: uint64."""
    total = np.zeros(columns[0].shape, np.uint64)
    for column in columns:
        total = (total ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        total ^= total >> np.uint64(29)
    return total * np.uint64(0xBF58476D1CE4E5B9)


def _extremes(values: np.ndarray, owner: np.ndarray, n_neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest of the values of each neuron, 0 where it has none; `owner` is ascending."""
    least, largest = np.zeros((2, n_neurons), values.dtype)
    begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    least[owner[begins]] = np.minimum.reduceat(values, begins)
    largest[owner[begins]] = np.maximum.reduceat(values, begins)
    return least, largest


def _kinds(synapses: Synapses, by_target: np.ndarray, n_neurons: int) -> Iterator[np.ndarray]:
    """Kind of each neuron, told apart finer and finer: int64[n_neurons].

    Neurons are alike if the same kinds of neurons send to them, and they send to the same kinds, with the same delays;
    how often does not count, so that weights of 0 that were left out do not tell channels of one map apart.
    """
    kind, n_kinds = np.zeros(n_neurons, np.int64), 1
    target = synapses.target[by_target]
    for _ in range(ROUNDS):
        sent = _mixed(kind[synapses.target], synapses.delay)
        came = _mixed(kind[synapses.source], synapses.delay)[by_target]
        marks = (*_extremes(sent, synapses.source, n_neurons), *_extremes(came, target, n_neurons))
        _, finer = np.unique(_mixed(kind, *marks), return_inverse=True)
        n_finer = int(finer.max()) + 1
        if n_finer == n_kinds or n_finer > max(n_neurons // 8, 64):
            break
        kind, n_kinds = finer, n_finer
        # Numbered by the first neuron of each.
        _, first = np.unique(kind, return_index=True)
        yield np.argsort(np.argsort(first))[kind]


def _middles(synapses: Synapses, by_target: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Middle of the places of what sends to a neuron, from kind to kind: windows lie as in the map."""
    n_neurons = len(kinds)
    common = np.bincount(kinds) >= LEAST_KIND
    source, target = synapses.source[by_target], synapses.target[by_target]
    ahead = common[kinds[source]] & (kinds[source] < kinds[target])
    source, target = source[ahead], target[ahead]
    place = np.arange(n_neurons, dtype=float)
    if not len(source):
        return place
    reached = np.bincount(target, minlength=n_neurons) > 0
    for _ in range(ROUNDS):
        least, largest = _extremes(place[source], target, n_neurons)
        place = np.where(reached, (least + largest) / 2, place)
    return place


def _least_hashes(synapses: Synapses, by_target: np.ndarray, n_neurons: int) -> np.ndarray:
    """The same number for neurons with the same sources, close to random otherwise."""
    least, _ = _extremes(_mixed(synapses.source[by_target]), synapses.target[by_target], n_neurons)
    return least


def _blocks(kinds: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Numbers by kind, then by `within`; frequent kinds begin with a block, the others share blocks at the end."""
    size = np.bincount(kinds)
    common = size >= LEAST_KIND
    group = np.where(common[kinds], kinds, len(size))
    order = np.lexsort((within, group))
    sizes = np.append(size * common, 0)
    room = -(-sizes // BLOCK) * BLOCK
    shift = np.append(0, np.cumsum(room))[:-1] - np.append(0, np.cumsum(sizes))[:-1]
    number = np.empty(len(kinds), np.int64)
    number[order] = np.arange(len(kinds)) + shift[group[order]]
    return number


def _sample(synapses: Synapses) -> Synapses:
    """All synapses of some neurons, evenly spread over the synapses."""
    if len(synapses) <= SAMPLE:
        return synapses
    chosen = np.zeros(int(synapses.source[-1]) + 1, bool)
    # A synapse taken at random comes from a neuron with so many.
    typical = int((np.bincount(synapses.source) ** 2).sum()) // len(synapses)
    places = np.linspace(0, len(synapses) - 1, SAMPLE // typical + FEWEST)
    chosen[synapses.source[places.astype(np.int64)]] = True
    return synapses.those(chosen[synapses.source])


def _operations(synapses: Synapses, number: np.ndarray) -> float:
    """About how many operations it takes that every neuron of a sample fires once."""
    n_blocks = int(number.max()) // BLOCK + 1
    block = number[synapses.target] // BLOCK
    tile = (synapses.source * (int(synapses.delay.max()) + 1) + synapses.delay) * n_blocks + block
    _, count = np.unique(tile, return_counts=True)
    return float(np.minimum(count, ROW_LEAST).sum()) / ROW_LEAST
