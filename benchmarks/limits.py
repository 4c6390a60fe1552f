"""What the longest delay of a processor costs: a network at some folds under several limits, as a Markdown table.

The counts come from the planner's closed form, before a neuron exists; each row is then compiled as well, and the image
has to have exactly these. Besides the limit, the processor is the unlimited one (profile research).

    python benchmarks/limits.py --network examples/lenet/lenet.json --unroll 1x1 28x1
    python benchmarks/limits.py --network vgg --channels --verify 3
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import neuroproc
from benchmarks.checked import compiled, planned_sizes
from benchmarks.networks import BY_NAME, random_frames
from compiler.schedule import fill_channels
from neuroproc.cli.classify import positive
from neuroproc.cli.compile import rows_by_cols

LIMITS = (None, 127, 63, 15)
HEAD = (
    "unroll",
    "longest delay allowed",
    "neurons",
    "synapses",
    "of these relays",
    "delay storage",
    "cycles per frame",
    "latency",
    "seconds",
)
SEED = 0


def measured(
    network: neuroproc.LayeredNetwork,
    limits: Sequence[int | None],
    plans: Sequence[neuroproc.FoldPlan],
    channels: bool,
) -> Iterator[tuple[str, neuroproc.ProcessorImage]]:
    """A row of the table for every fold and limit, and its image; idle time is filled with channels if they are to."""
    for given in plans:
        for limit in limits:
            begin = time.perf_counter()
            plan = fill_channels(network, limited(limit), given) if channels else given
            cost, image = compiled(network, limited(limit), plan)
            seconds = time.perf_counter() - begin
            numbers = (f"{number:,}" for number in astuple(planned_sizes(cost)))
            yield row([plan.words, limit_words(limit), *numbers, f"{seconds:.1f}"]), image


def row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def limited(limit: int | None) -> neuroproc.ProcessorSpec:
    """The unlimited processor but for its longest delay."""
    return replace(neuroproc.load_profile("research"), name=f"delays to {limit_words(limit)}", max_delay=limit)


def limit_words(limit: int | None) -> str:
    """A limit as it is written and read: a number of cycles or ``unlimited``."""
    return "unlimited" if limit is None else str(limit)


def limit_of(text: str) -> int | None:
    """Longest delay in cycles of a text, None for ``unlimited``."""
    return None if text == "unlimited" else positive(text)


def verified(network: neuroproc.LayeredNetwork, image: neuroproc.ProcessorImage, n_frames: int) -> str:
    """What the verification of random frames found, in words."""
    frames = random_frames(np.random.default_rng(SEED), network.encoding, network.input_shape, n_frames)
    begin = time.perf_counter()
    result = neuroproc.verify(network, image, frames)
    seconds = time.perf_counter() - begin
    what = f"first row, {n_frames} random frames, {sum(result.compared.values()):,} decisions of all layers"
    if not result.exact:
        raise AssertionError(f"{what}: {sum(result.different.values()):,} differ, the first is {result.first}")
    return f"{what}: all exact, in {seconds:.1f} s"


def main() -> int:
    """Print the table; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--network", required=True, metavar="FILE|NAME", help=f"layered network, or one of: {', '.join(BY_NAME)}"
    )
    parser.add_argument(
        "--unroll", nargs="+", type=rows_by_cols, default=[(1, 1)], metavar="UHxUW", help="default: 1x1"
    )
    parser.add_argument(
        "--max-delay", nargs="+", type=limit_of, default=LIMITS, metavar="CYCLES",
        help="longest delays, or unlimited (default: unlimited 127 63 15)",
    )  # fmt: skip
    parser.add_argument(
        "--gate", action="store_true", help="silence layers in the slots that carry none of their values"
    )
    parser.add_argument("--channels", action="store_true", help="put channels into idle time, in turns on one neuron")
    parser.add_argument("--verify", type=positive, metavar="N", help="also run N random frames at the first row's plan")
    args = parser.parse_args()
    try:
        network = BY_NAME[args.network]() if args.network in BY_NAME else neuroproc.load_network(args.network)
        parameters = sum(layer.n_parameters for layer in network.layers)
        nonzero = sum(layer.n_nonzero for layer in network.layers)
        print(f"{network.name}: {parameters:,} parameters, {nonzero:,} of them not zero{', gated' * args.gate}\n")
        print(row(HEAD), f"|---|{'---:|' * (len(HEAD) - 1)}", sep="\n")
        plans = [neuroproc.FoldPlan(tile, args.gate) for tile in args.unroll]
        first = None
        for line, image in measured(network, args.max_delay, plans, args.channels):
            print(line, flush=True)
            first = image if first is None else first
        if args.verify and first is not None:
            print("\n" + verified(network, first, args.verify))
    except neuroproc.NeuroprocError as error:
        print(f"limits.py: error: {error}", file=sys.stderr)
        return error.exit_status
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\nmost memory at once: {peak / 1024:,.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
