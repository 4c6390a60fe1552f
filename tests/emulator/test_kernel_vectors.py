"""Vector operations, compiled, against their plain twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from neuroproc.kernels import vectors
from neuroproc.kernels.vectors import BLOCK, FLAGS, packed, unpacked

pytestmark = pytest.mark.differential
widths = pytest.mark.parametrize("bits", [16, 32, 64])


@njit
def sweep_block(
    potential: Any, threshold: Any, ring: Any, at: int, place: int, floor: int, keep: int, surplus: int
) -> Any:
    return vectors.sweep_block(potential, threshold, ring, at, place, floor, keep, surplus)


@njit
def add_row(ring: Any, place: int, weights: Any, first: int) -> Any:
    vectors.add_row(ring, place, weights, first)


@njit
def add_rows(ring: Any, place: int, n: int, weights: Any, first: int, stride: int, sources: Any, b: int, e: int) -> Any:
    return vectors.add_rows(ring, place, n, weights, first, stride, sources, b, e)


@njit
def scatter(ring: Any, base: int, mask: int, synapses: Any, begin: int, end: int) -> Any:
    vectors.scatter(ring, base, mask, synapses, begin, end)


@njit
def mark_places(flags: Any, size: int, base: int, mask: int, synapses: Any, begin: int, end: int) -> Any:
    vectors.mark_places(flags, size, base, mask, synapses, begin, end)


@njit
def flagged(flags: Any, at: int) -> Any:
    return vectors.flagged(flags, at)


@njit
def bits_of(mask: Any) -> Any:
    found = []
    while mask != 0:
        found.append(vectors.first_of(mask))
        mask = vectors.without_first(mask)
    return found


@njit
def copied(array: Any, other: Any) -> Any:
    for at in range(array.shape[0]):
        vectors.prefetch(array, at + 10**6)
        vectors.put(other, at, vectors.get(array, at))


def both(operation: str, *arguments: Any) -> tuple[Any, list[Any], Any, list[Any]]:
    """Result and arguments after a call, plain and compiled."""
    plain, fast = ([a.copy() if isinstance(a, np.ndarray) else a for a in arguments] for _ in range(2))
    return getattr(vectors, operation)(*plain), plain, globals()[operation](*fast), fast


def agree(operation: str, *arguments: Any) -> list[Any]:
    """A call, plain and compiled, gives the same and leaves the same behind; the arguments after it."""
    expected, plain, found, fast = both(operation, *arguments)
    assert found == expected
    for mine, other in zip(plain, fast, strict=True):
        assert np.array_equal(mine, other)
    return fast


@widths
@pytest.mark.parametrize("keep", [-1, 0])
@pytest.mark.parametrize("surplus", [-1, 0])
def test_sweep(bits: int, keep: int, surplus: int) -> None:
    rng = np.random.default_rng(bits)
    edge = 2 ** (bits - 2) - 1
    for least, most in ((-20, 20), (-edge, edge)):
        for floor in (0, -5, -(2 ** (bits - 1))):
            potential, threshold, ring = (
                rng.integers(least, most, 4 * BLOCK).astype(f"i{bits // 8}") for _ in range(3)
            )
            threshold[BLOCK + 3] = 2 ** (bits - 1) - 1
            after = agree("sweep_block", potential, threshold, ring, BLOCK, 2 * BLOCK + 5, floor, keep, surplus)
            assert not after[2][2 * BLOCK + 5 : 3 * BLOCK + 5].any()
            assert np.array_equal(after[2][: 2 * BLOCK + 5], ring[: 2 * BLOCK + 5])
            assert np.array_equal(after[0][:BLOCK], potential[:BLOCK])


@widths
@pytest.mark.parametrize("weight", ["i1", "i2"])
def test_row(bits: int, weight: str) -> None:
    rng = np.random.default_rng(1)
    ring = rng.integers(-99, 99, 5 * BLOCK).astype(f"i{bits // 8}")
    weights = rng.integers(np.iinfo(weight).min, np.iinfo(weight).max, 6 * BLOCK).astype(weight)
    agree("add_row", ring, 2 * BLOCK, weights, 3 * BLOCK)


@widths
@pytest.mark.parametrize("n_blocks", [1, 2, 3, 4, 15, 16, 17, 40])
def test_rows(bits: int, n_blocks: int) -> None:
    rng = np.random.default_rng(2)
    stride = n_blocks * BLOCK
    ring = rng.integers(-99, 99, stride + 2 * BLOCK).astype(f"i{bits // 8}")
    weights = rng.integers(-9, 10, 20 * stride + 64).astype(np.int8)
    sources = np.sort(rng.choice(20, 12, replace=False)).astype(np.int32) + 7
    for begin, end in ((0, 12), (2, 9), (3, 4), (5, 5)):
        agree("add_rows", ring, BLOCK, n_blocks, weights, 64 - 7 * stride, stride, sources, begin, end)


@widths
@pytest.mark.parametrize(("most", "bytes_each"), [(100, 4), (2**31 - 1, 8)])
def test_single(bits: int, most: int, bytes_each: int) -> None:
    rng = np.random.default_rng(3)
    ring = np.zeros(256, f"i{bits // 8}")
    most = min(most, 2 ** (bits - 1) - 1)
    places, weights = rng.integers(0, 256, 50), rng.integers(-most, most, 50) // 50
    weights[0] = 300 if bytes_each == 8 else 0
    synapses = packed(places, weights)
    assert synapses.itemsize == bytes_each
    assert [column.tolist() for column in unpacked(synapses)] == [places.tolist(), weights.tolist()]
    after = agree("scatter", ring, 200, 255, synapses, 3, 47)
    expected = np.zeros(256, np.int64)
    np.add.at(expected, (200 + places[3:47]) % 256, weights[3:47])
    assert np.array_equal(after[0], expected)
    for size in (1, 32):
        flags = agree("mark_places", np.zeros(256 // size, np.uint8), size, 200, 255, synapses, 3, 47)[0]
        assert np.flatnonzero(flags).tolist() == sorted(
            {(200 + place) % 256 // size for place in places[3:47].tolist()}
        )


@pytest.mark.parametrize(
    ("place", "weight", "bytes_each"),
    [(2**24 - 1, 127, 4), (2**24 - 1, -128, 4), (2**24, 1, 8), (0, 128, 8), (0, -129, 8), (2**31 - 1, -(2**31), 8)],
)
def test_packing_at_the_edges(place: int, weight: int, bytes_each: int) -> None:
    synapses = packed(np.array([place, 1]), np.array([weight, -1]))
    assert synapses.itemsize == bytes_each
    assert [column.tolist() for column in unpacked(synapses)] == [[place, 1], [weight, -1]]


def test_masks() -> None:
    rng = np.random.default_rng(4)
    for share in (0, 0.1, 0.5, 1):
        flags = (rng.random(3 * FLAGS) < share).astype(np.uint8)
        agree("flagged", flags, FLAGS)
        mask = vectors.flagged(flags, FLAGS)
        expected = np.flatnonzero(flags[FLAGS : 2 * FLAGS]).tolist()
        if mask:
            assert bits_of(np.uint64(mask)) == bits_of.py_func(mask) == expected


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8"])
def test_entries(kind: str) -> None:
    array = np.arange(7).astype(kind)
    for run in (copied, copied.py_func):
        other = np.zeros(7, kind)
        run(array, other)
        assert np.array_equal(array, other)
