"""Synaptic operations a second of the batch engine: 64 streams of a workload in lockstep, on one core.

Every lane gets the workload's input from another cycle on, its ports in another order where there are many. An
operation is a spike delivered over a synapse of the image, in any lane; a lane-add is a synapse looked at in a cycle
and lane, whether it carries a spike or not.

    python benchmarks/lanes.py          a b c8 d e
    python benchmarks/lanes.py d e
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.workloads import WORKLOADS, Workload
from neuroproc.kernels.lanes import LaneBatch
from neuroproc.kernels.lanes_vectors import LANES

CYCLES = {"a": 50, "b": 800, "c8": 40, "d": 100, "e": 5000}
"""Cycles that are run, by workload."""

ROUNDS = 7
"""The fastest counts."""


def lane_inputs(workload: Workload, cycles: int) -> tuple[np.ndarray, ...]:
    """Cycle, neuron, charge and lanes of input for all lanes."""
    rng = np.random.default_rng(0)
    events = workload.events.window(0, cycles)
    neuron = np.array([port.neuron for port in workload.image.inputs])
    masks = np.zeros((cycles, len(neuron)), np.uint64)
    for lane in range(LANES):
        ports = rng.permutation(len(neuron)) if len(neuron) > 2 else np.arange(len(neuron))
        masks[(events.cycle + rng.integers(0, cycles)) % cycles, ports[events.port]] |= np.uint64(1 << lane)
    cycle, port = np.nonzero(masks)
    return cycle, neuron[port], np.full(len(cycle), events.value[0]), masks[cycle, port]


def play(batch: LaneBatch, inputs: tuple[np.ndarray, ...], cycles: int) -> float:
    """CPU seconds of a run from the reset on."""
    batch.load(0)
    begin = time.process_time()
    while batch.cycle < cycles:
        batch.run(cycles, *(column[inputs[0].searchsorted(batch.cycle) :] for column in inputs))
    return time.process_time() - begin


def main() -> int:
    """Print the table; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help=f"of {', '.join(CYCLES)}")
    for name in parser.parse_args().names or CYCLES:
        workload, cycles = WORKLOADS[name](), CYCLES[name]
        image, inputs = workload.image, lane_inputs(workload, cycles)
        batch = LaneBatch(image)
        seconds = min(play(batch, inputs, cycles) for _ in range(ROUNDS))
        operations = int(batch.spike_count @ np.diff(image.row_start))
        firing = batch.spike_count.sum() / (LANES * cycles * image.n_neurons)
        adds = image.n_synapses * LANES * cycles
        print(
            f"{name:3} {firing:6.1%} firing {operations / seconds / 1e9:6.2f} G operations/s "
            f"{adds / seconds / 1e9:6.1f} G lane-adds/s {seconds / cycles * 1e6:8.2f} us/cycle of 64 streams"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
