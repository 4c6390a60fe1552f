"""Speed of the event engine on the workloads, beside what the machine allows: CPU time, median of some rounds.

    python benchmarks/engine.py             all workloads, then the limits of the machine
    python benchmarks/engine.py a b e50     some of them
    python benchmarks/engine.py --shuffled b c      neurons numbered at random

A name with a number, such as ``e50``, calls `run` for so many cycles at a time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numba import njit
from workloads import WORKLOADS, Workload, shuffled

import neuroproc
from neuroproc.kernels.memory import zeros
from neuroproc.kernels.vectors import BLOCK, add_rows, packed, scatter

STEPS = {"e50": ("e", 50), "e1": ("e", 1)}
"""Workloads with a call from the host every so many cycles."""


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Median CPU time of some rounds, after one that is not counted."""
    work()
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return statistics.median(times)


def run(workload: Workload, step: int | None, rounds: int) -> tuple[float, neuroproc.Processor]:
    """Median CPU time of a workload, input waiting already, and the processor after it."""
    processor = neuroproc.Processor(workload.image, engine="event")
    times = []
    for _ in range(rounds + 1):
        processor.reset()
        processor.inject(workload.events)
        begin = time.process_time()
        for _ in range(0, workload.cycles, step or workload.cycles):
            processor.run(step or workload.cycles)
        times.append(time.process_time() - begin)
    return statistics.median(times[1:]), processor


@njit
def _scatter_lists(ring: np.ndarray, synapses: np.ndarray, fan_out: int) -> None:
    for begin in range(0, synapses.shape[0], fan_out):
        scatter(ring, begin, ring.shape[0] - 1, synapses, begin, begin + fan_out)


@njit
def _sum_rows(ring: np.ndarray, weights: np.ndarray, fired: np.ndarray, n_blocks: int, most: int) -> None:
    done = 0
    while done < n_blocks:
        n = 0
        for begin in range(0, fired.shape[0], most):
            end = min(begin + most, fired.shape[0])
            at = done * BLOCK
            n = add_rows(ring, at, n_blocks - done, weights, at, n_blocks * BLOCK, fired, begin, end)
        done += n


def limits(rounds: int) -> None:
    """Print how fast single weights are added to rings of some sizes, and rows of 1,024 bytes summed."""
    rng = np.random.default_rng(1)
    for kilobytes in (16, 64, 256, 1024, 4096):
        ring = zeros(kilobytes * 512, np.int16)
        for n_synapses in (4_000, 1_000_000):
            places = rng.integers(0, len(ring), n_synapses)
            synapses = packed(places, np.ones(n_synapses, np.int64))
            repeats = 1_000_000 // n_synapses
            took = seconds(lambda r=repeats, s=synapses, q=ring: [_scatter_lists(q, s, 100) for _ in range(r)], rounds)
            print(
                f"scatter: ring {kilobytes:5} KB, synapses {4 * n_synapses / 1000:6.0f} KB "
                f"{repeats * n_synapses / took / 1e9:6.2f} G/s"
            )
    for n_rows in (64, 512, 2048, 16384):
        weights = zeros(n_rows * 1024, np.int8)
        ring = zeros(1024, np.int16)
        fired = np.flatnonzero(rng.random(n_rows) < 0.24).astype(np.int32)
        repeats = 40_000 // len(fired)
        took = seconds(
            lambda r=repeats, f=fired, w=weights, q=ring: [_sum_rows(q, w, f, 32, 18) for _ in range(r)], rounds
        )
        print(f"row sums: {n_rows:6} rows of 1 KB, 24 % of them {repeats * len(fired) * 1024 / took / 1e9:6.1f} G/s")


def main() -> int:
    """Print the table; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*WORKLOADS, *STEPS])}")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of which the median is taken")
    parser.add_argument("--shuffled", action="store_true", help="number the neurons at random")
    args = parser.parse_args()
    for name in args.names or [*WORKLOADS, *STEPS]:
        base, step = STEPS.get(name, (name, None))
        workload = WORKLOADS[base]()
        if args.shuffled:
            workload = shuffled(workload)
        took, processor = run(workload, step, args.rounds)
        operations = processor.counters.synaptic_operations
        print(
            f"{name:5} {took * 1e3:9.2f} ms {operations / took / 1e9:7.3f} G synaptic operations/s "
            f"{took / workload.cycles * 1e9:9.1f} ns/cycle",
            flush=True,
        )
    if not args.names:
        limits(args.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
