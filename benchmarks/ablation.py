"""What each choice of a fold costs and saves: one network at one unroll, one choice changed at a time, in Markdown.

Sizes are counted in the compiled image, spikes and synaptic operations in its run; every row is verified on some
frames, decision by decision. Rows of encodings read the same frames in levels 0 .. 3, so their activity is their own.

    python benchmarks/ablation.py examples/lenet/lenet.json --frames t10k-images-idx3-ubyte.gz --limit 200
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import neuroproc
from benchmarks.checked import compiled
from compiler.schedule import fill_channels
from neuroproc.cli.classify import positive
from neuroproc.cli.compile import rows_by_cols
from neuroproc.cli.watching import progress

HEAD = ("choice", "neurons", "synapses", "cycles per frame", "latency", "spikes", "synaptic operations")
SHORT = 63
"""Longest delay of the rows that compare ways of dense layers, in cycles."""
VERIFIED = 5
"""Frames on which every decision of a row is compared."""


@dataclass(frozen=True)
class Choice:
    """A row of the table."""

    words: str
    network: neuroproc.LayeredNetwork
    spec: neuroproc.ProcessorSpec
    plan: neuroproc.FoldPlan
    frames: np.ndarray


def choices(network: neuroproc.LayeredNetwork, tile: tuple[int, int], frames: np.ndarray) -> Iterator[Choice]:
    """The rows: as it is, then one thing after the other."""
    base, leaky = neuroproc.load_profile("np16"), neuroproc.load_profile("np16-leak")
    near = replace(base, name=f"delays to {SHORT}", max_delay=SHORT)
    plan = neuroproc.FoldPlan(tile)
    gated = replace(plan, gate=True)
    yield Choice("as it is", network, base, plan, frames)
    yield Choice("gated", network, base, gated, frames)
    yield Choice("cleared by force", network, base, replace(plan, clearing="force"), frames)
    yield Choice("cleared by leak", network, leaky, plan, frames)
    yield Choice("gated, cleared by force", network, base, replace(gated, clearing="force"), frames)
    yield Choice("gated, cleared by leak", network, leaky, gated, frames)
    for dense in ("aligned", "held"):
        yield Choice(f"gated, delays to {SHORT}, dense {dense}", network, near, replace(gated, dense=dense), frames)
    yield Choice("channels take turns", network, base, fill_channels(network, base, plan), frames)
    yield Choice(
        "channels take turns, slots twice as long", network, base, fill_channels(network, base, plan, 2), frames
    )
    levels = (frames.astype(np.int64) * 4 // (int(frames.max()) + 1)).astype(np.uint8)
    encodings = (
        {"kind": "bitplanes", "bits": 2},
        {"kind": "thermometer", "thresholds": [1, 2, 3]},
        {"kind": "count", "levels": 3},
    )
    for encoding in encodings:
        yield Choice(f"gated, {encoding['kind']}", replace(network, encoding=encoding), base, gated, levels)


def measured(choice: Choice) -> str:
    """A line of the table.

    Raises
    ------
    AssertionError
        If the image decides anything else than the network.
    """
    cost, image = compiled(choice.network, choice.spec, choice.plan)
    found = neuroproc.verify(choice.network, image, choice.frames[:VERIFIED])
    if not found.exact:
        raise AssertionError(f"{choice.words}: {found.first}")
    with progress(choice.words) as show:
        run = neuroproc.classify(image, choice.frames, progress=show)
    each = (round(total / len(choice.frames)) for total in (run.spikes, run.synaptic_operations))
    numbers = (image.n_neurons, image.n_synapses, cost.interval, cost.latency, *each)
    return f"| {choice.words} | {' | '.join(f'{number:,}' for number in numbers)} |"


def main() -> int:
    """Print the table; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", metavar="NETWORK", help="layered network with binary input, .json or .toml")
    parser.add_argument("--frames", metavar="FRAMES", required=True, help="frames: .npy, .npz or IDX (also .gz)")
    parser.add_argument("--limit", type=positive, default=100, metavar="N", help="frames to run (default: 100)")
    parser.add_argument("--unroll", type=rows_by_cols, default=(1, 1), metavar="UHxUW", help="default: 1x1")
    args = parser.parse_args()
    try:
        network = neuroproc.load_network(args.network)
        frames = neuroproc.read_frames(args.frames, network.input_shape)[: args.limit]
        print(f"{network.name} at unroll {args.unroll[0]}x{args.unroll[1]}, per frame over {len(frames)} frames\n")
        print(f"| {' | '.join(HEAD)} |\n|---|{'---:|' * (len(HEAD) - 1)}")
        for choice in choices(network, args.unroll, frames):
            print(measured(choice), flush=True)
    except neuroproc.NeuroprocError as error:
        print(f"ablation.py: error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
