"""Signs as weights against full precision: accuracy by steps on the emulated processor, its work, and bits of memory.

    python benchmarks/binary.py steps --data DIR
    python benchmarks/binary.py memory

DIR holds the IDX files of MNIST. Networks are those of examples/binary/, the same architecture trained twice. Classes
on the processor are held against plain integer evaluation, frame by frame, and a difference is an error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from methods import Different, Set, percent, predicted, read_set, record_of

import neuroproc
from compiler.networks.layers import Conv2d, Dense
from neuroproc.cli.classify import positive
from neuroproc.cli.watching import progress

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "binary"
NETWORKS = ("binary", "full")
STEPS = (8, 12, 16, 24, 40)
"""Rows of the table of steps, for each network; with many more, the largest potentials would reach the thresholds."""
PROFILE = "np16-subtract"
UNROLL = (28, 4)
"""Fold of the processor."""
SIGN_BITS = 1
"""Of a weight that is a sign."""


def step_lines(test: Set) -> Iterator[str]:
    """The table of steps; last, what the ReLU networks reach."""
    yield "| weights | steps | accuracy | neurons | synapses | spikes | synaptic operations | cycles a frame |"
    yield "|---|" + "---:|" * 7
    for name in NETWORKS:
        path = EXAMPLES / f"{name}.json"
        network = neuroproc.load_network(path)
        for steps in STEPS:
            shown = replace(network, encoding={**network.encoding, "steps": steps})
            image = neuroproc.compile_network(
                shown, neuroproc.load_profile(PROFILE), neuroproc.FoldPlan(UNROLL, gate=True)
            )
            with progress(f"{name}, {steps} steps") as show:
                found = neuroproc.classify(image, test.frames, test.labels, progress=show)
            differ = int((found.predictions != predicted(shown, test.frames)).sum())
            if differ:
                raise Different(f"{name}, {steps} steps: {differ} of {len(test.frames)} classes differ")
            frames = len(test.frames)
            cells = (
                name, steps, percent(found.accuracy), f"{image.n_neurons:,}", f"{image.n_synapses:,}",
                f"{found.spikes // frames:,}", f"{found.synaptic_operations // frames:,}", f"{image.interval:,}",
            )  # fmt: skip
            yield f"| {' | '.join(map(str, cells))} |"
    reached = ", ".join(f"{percent(record_of(EXAMPLES / f'{n}.json')['test_accuracy_float'])} ({n})" for n in NETWORKS)
    yield f"\nThe ReLU networks themselves, of all test frames: {reached}."


def memory_lines() -> Iterator[str]:
    """The table of memory: weights that are stored once, and those that a synapse each has when nothing is folded."""
    yield "| weights | parameters | of them signs | bits of weights | bits of thresholds | largest inner weight |"
    yield "|---|" + "---:|" * 5
    for name in NETWORKS:
        path = EXAMPLES / f"{name}.json"
        record = json.loads(path.with_suffix(".training.json").read_text())
        layers = [layer for layer in neuroproc.load_network(path).layers if isinstance(layer, Conv2d | Dense)]
        signs = sum(kernel_size(layer) for layer in layers[1:-1]) if name == "binary" else 0
        bits = SIGN_BITS * signs + record["bits"] * (record["parameters"] - signs)
        # A threshold for every filter, in a field of the profile.
        width = int(neuroproc.load_profile(PROFILE).threshold_max).bit_length()
        thresholds = width * sum(len(layer.weight) for layer in layers)
        largest = max(int(np.abs(layer.weight).max()) for layer in layers[1:-1])
        cells = (name, f"{record['parameters']:,}", f"{signs:,}", f"{bits:,}", f"{thresholds:,}", largest)
        yield f"| {' | '.join(map(str, cells))} |"


def kernel_size(layer: Conv2d | Dense) -> int:
    """Weights of a layer as it was trained: a kernel is as much narrower as its stride says."""
    if isinstance(layer, Dense):
        return layer.weight.size
    rows, columns = (side - step + 1 for side, step in zip(layer.weight.shape[2:], layer.stride, strict=True))
    return int(np.prod(layer.weight.shape[:2])) * rows * columns


def main() -> int:
    """Print a table; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=("steps", "memory"))
    parser.add_argument("--data", metavar="DIR", type=Path, help="folder of the IDX files; for steps")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N test frames")
    args = parser.parse_args()
    if args.table == "steps" and args.data is None:
        parser.error("the table of steps needs --data")
    try:
        lines = memory_lines() if args.table == "memory" else step_lines(read_set(args.data, "t10k", args.limit))
        for line in lines:
            print(line, flush=True)
    except neuroproc.NeuroprocError as error:
        print(f"binary.py: error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
