"""What this machine can do at most, on one core: rates of the few operations that the engines live by.

Memory is read, single weights are added to a ring of pending charge, rows of weights are summed, weights are added in
the lanes of masks: each by the same vector instructions as in the engines, with nothing around them. So a rate here is
what an engine would reach if delivering charge were all it had to do.

    python benchmarks/machine.py
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Before numpy: a matrix product on one core, as all else.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numba import njit

from neuroproc.kernels.lanes_vectors import LANES, add_bytes, add_sum, load_row, no_charge, store_row
from neuroproc.kernels.vectors import BLOCK, add_rows, get, packed, scatter

MOST_BLOCKS = 16
"""Blocks of a row that are summed at once: 512 targets."""

PRODUCT_FRAMES = 1000
LEAST = 0.02
"""Seconds that are long enough to be measured."""

KIB = 1024
USUAL = {"L1": 32 * KIB, "L2": KIB**2, "L3": 32 * KIB**2}
"""Sizes of caches where the system does not tell them."""

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Limit:
    """An operation whose rate is measured.

    Parameters
    ----------
    kind : str
        ``read``, ``scatter``, ``rows``, ``lanes`` or ``product``.
    where : str
        Cache level that its memory is half as large as, ``memory``, or the size itself.
    unit : str
        What a rate of 1e9 a second is.
    operations : int
        In one call of `play`.
    play : callable
    """

    kind: str
    where: str
    unit: str
    operations: int
    play: Callable[[], object]

    @property
    def name(self) -> str:
        """Kind and place."""
        return f"{self.kind} {self.where}"


def cache_sizes() -> dict[str, int]:
    """Bytes of the data caches of a core, by level."""
    found = {}
    for folder in sorted(CACHES.glob("index*")):
        if (folder / "type").read_text().strip() != "Instruction":
            size = (folder / "size").read_text().strip()
            found["L" + (folder / "level").read_text().strip()] = int(size.removesuffix("K")) * KIB
    return found if set(USUAL) <= found.keys() else USUAL


def size_words(n_bytes: int) -> str:
    """A size in words."""
    return f"{n_bytes / KIB:,.3g} KiB" if n_bytes < KIB**2 else f"{n_bytes / KIB**2:,.3g} MiB"


def machine_name() -> str:
    """Model of the processor and its caches, in words."""
    model = "unknown processor"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        entries = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
        family = ", ".join(f"{key} {entries[key]}" for key in ("cpu family", "model") if key in entries)
        model = f"{entries.get('model name', model)} ({family})"
    caches = ", ".join(f"{level} {size // KIB:,} KiB" for level, size in cache_sizes().items())
    return f"{model}, {os.cpu_count()} cores, {caches}"


@njit
def _read(words, times):  # type: ignore[no-untyped-def]
    total = 0
    for n in range(times):
        # The first word differs from time to time, so no sum stands for all of them.
        words[0] = n
        for k in range(len(words)):
            total += words[k]
    return total


@njit
def _scatter(ring, synapses, per_spike, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        for first in range(0, len(synapses) - per_spike + 1, per_spike):
            scatter(ring, 0, len(ring) - 1, synapses, first, first + per_spike)


@njit
def _rows(ring, weights, sources, chunk):  # type: ignore[no-untyped-def]
    for first in range(0, len(sources) - chunk + 1, chunk):
        add_rows(ring, 0, MOST_BLOCKS, weights, 0, len(ring), sources, first, first + chunk)


@njit
def _lanes(masks, places, weights, potential, fan_in):  # type: ignore[no-untyped-def]
    for n in range(len(potential)):
        part = no_charge()
        for k in range(n * fan_in, (n + 1) * fan_in):
            part = add_bytes(part, get(masks, get(places, k)), get(weights, k))
        store_row(potential, n, add_sum(load_row(potential, n), part))


def limits() -> list[Limit]:
    """Everything that is measured, with its memory made; random places are the same every time."""
    sizes = cache_sizes()
    places = {**{level: size // 2 for level, size in sizes.items()}, "memory": 8 * sizes["L3"]}
    found = []
    for where, n_bytes in places.items():
        found.append(read_limit(where, n_bytes))
    for where in sizes:
        found.append(scatter_limit(where, places[where]))
        found.append(row_limit(where, places[where]))
        found.append(lane_limit(where, places[where]))
    found.append(product_limit())
    return found


def read_limit(where: str, n_bytes: int) -> Limit:
    """Bytes read in order."""
    words = np.ones(n_bytes // 8, np.int64)
    again = max(1, 2**24 // n_bytes)
    return Limit("read", where, "bytes", again * len(words) * 8, lambda: _read(words, again))


def scatter_limit(where: str, n_bytes: int, n_synapses: int = 2**20, per_spike: int = 128) -> Limit:
    """Single weights added to a ring of so many bytes, some for each spike; synapses are read in order."""
    rng = np.random.default_rng(1)
    # A ring wraps by a mask; what is beyond the bytes is not used.
    ring = np.zeros(1 << (n_bytes // 2 - 1).bit_length(), np.int16)
    n_synapses -= n_synapses % per_spike
    synapses = packed(rng.integers(0, n_bytes // 2, n_synapses), rng.integers(-7, 8, n_synapses))
    times = max(1, 2**20 // n_synapses)
    return Limit("scatter", where, "additions", times * n_synapses, lambda: _scatter(ring, synapses, per_spike, times))


def row_limit(where: str, n_bytes: int) -> Limit:
    """Weights of rows of 512 added to pending charge, the rows in any order; all rows have so many bytes."""
    rng = np.random.default_rng(2)
    ring = np.zeros(MOST_BLOCKS * BLOCK, np.int16)
    weights = rng.integers(-7, 8, max(n_bytes, len(ring)), np.int8)
    n_rows, chunk = n_bytes // len(ring), 16
    sources = rng.integers(0, max(n_rows, 1), 2**16).astype(np.int32)
    return Limit("rows", where, "additions", len(sources) * len(ring), lambda: _rows(ring, weights, sources, chunk))


def lane_limit(where: str, n_bytes: int, fan_in: int = 64) -> Limit:
    """Weights added in the lanes of masks; every neuron reads some, in order, all over so many bytes."""
    rng = np.random.default_rng(3)
    n_neurons = 2**18 // fan_in
    masks = rng.integers(0, 2**63, n_bytes // 8, np.uint64)
    places = np.sort(rng.integers(0, len(masks), (n_neurons, fan_in)), axis=1).astype(np.int32).ravel()
    weights = rng.integers(0, 2, len(places)).astype(np.uint32)
    potential = np.zeros((n_neurons, LANES), np.int16)
    return Limit(
        "lanes", where, "lane-additions", len(places) * LANES, lambda: _lanes(masks, places, weights, potential, fan_in)
    )


def product_limit() -> Limit:
    """The matrix products of workload c in float32: 1,000 frames through 784-1024-1024-10."""
    rng = np.random.default_rng(4)
    sizes = (784, 1024, 1024, 10)
    frames = rng.random((PRODUCT_FRAMES, sizes[0]), np.float32)
    layers = [rng.random(shape, np.float32) for shape in itertools.pairwise(sizes)]

    def play() -> None:
        values = frames
        for layer in layers:
            values = values @ layer

    return Limit("product", "float32", "multiplications", len(frames) * sum(layer.size for layer in layers), play)


def seconds_of(play: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    begin = time.process_time()
    play()
    return time.process_time() - begin


def rate(operations: int, seconds: Callable[[], float]) -> float:
    """Operations per second of something that says how long it took.

    What is short is done until it adds up, after once that is not counted: caches belong to what ran before.
    """
    first = seconds()
    if first >= LEAST:
        return operations / first
    total, times = 0.0, 0
    while total < LEAST:
        total += seconds()
        times += 1
    return times * operations / total


def limit_rate(limit: Limit) -> float:
    """Operations per second of a limit."""
    return rate(limit.operations, lambda: seconds_of(limit.play))


def main() -> int:
    """Print the rates, medians of seven; exit status."""
    print(machine_name())
    for limit in limits():
        limit.play()
        median = float(np.median([limit_rate(limit) for _ in range(7)]))
        print(f"{limit.name:16} {median / 1e9:8.2f} G {limit.unit}/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
