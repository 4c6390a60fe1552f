"""The trade of time for space: what folds of a network cost, as a Markdown table and as a picture.

The counts come from the planner's closed form, before a neuron exists; each row of the table is then compiled as well,
and the two have to agree.

    python benchmarks/folds.py examples/lenet/lenet.json --profile np16 --plot docs/trade.svg
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import neuroproc
from benchmarks.checked import compiled
from compiler.costing.search import explore, pareto_front
from compiler.schedule import fill_channels
from neuroproc.cli.compile import unroll
from neuroproc.cli.explore import REFERENCE, as_dict
from neuroproc.pictures.pareto import plot_folds

HEAD = ("unroll", "neurons", "synapses", "longest delay", "cycles per frame", "latency")


def default_unrolls(network: neuroproc.LayeredNetwork) -> list[tuple[int, int]]:
    """The whole frame, a column, a row, a pixel."""
    _, height, width = network.input_shape
    return list(dict.fromkeys([(height, width), (height, 1), (1, width), (1, 1)]))


def plans_of(
    network: neuroproc.LayeredNetwork, spec: neuroproc.ProcessorSpec, unrolls: list[tuple[int, int]]
) -> Iterator[neuroproc.FoldPlan]:
    """Every unroll, and the same with as many channels on a neuron as it leaves idle time for."""
    for tile in unrolls:
        plan = neuroproc.FoldPlan(tile)
        yield plan
        if network.rate:  # its units remember, so each channel needs its own
            continue
        filled = fill_channels(network, spec, plan)
        if filled.channels:
            yield filled


def reference_of(cost: neuroproc.Cost) -> dict[str, int]:
    """Sizes that no fold changes: parameters, and what a plain conversion makes of them."""
    return {name: cost.total(name) for name in REFERENCE}


def table(network: neuroproc.LayeredNetwork, spec: neuroproc.ProcessorSpec, unrolls: list[tuple[int, int]]) -> str:
    """Markdown table, one row per fold, below the plain conversion."""
    rows = []
    plain: dict[str, int] = {}
    for plan in plans_of(network, spec, unrolls):
        cost, image = compiled(network, spec, plan)
        plain = reference_of(cost)
        words = f"{plan.unroll[0]}x{plan.unroll[1]}{', channels in turns' * bool(plan.channels)}"
        rows.append((words, cost.neurons, cost.synapses, image.max_delay, cost.interval, cost.latency))
    lines = [
        f"{network.name}: {plain['parameters']:,} parameters, {plain['nonzero_parameters']:,} of them not zero; "
        f"profile {spec.name}",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|---|{'---:|' * (len(HEAD) - 1)}",
        f"| plain conversion | {plain['unrolled_neurons']:,} | {plain['unrolled_synapses']:,} | | | |",
    ]
    for words, *numbers in rows:
        lines.append(f"| {words} | {' | '.join(f'{number:,}' for number in numbers)} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table, draw the picture; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", metavar="NETWORK", help="layered network, .json or .toml")
    parser.add_argument("--profile", default="research", metavar="NAME|FILE", help="processor (default: research)")
    parser.add_argument("--unroll", nargs="+", type=unroll, metavar="UHxUW", help="rows of the table")
    parser.add_argument("--plot", metavar="FILE", help="picture of the best folds (.svg, .png); needs the extra 'plot'")
    args = parser.parse_args()
    try:
        network, spec = neuroproc.load_network(args.network), neuroproc.load_profile(args.profile)
        print(table(network, spec, args.unroll or default_unrolls(network)))
        if args.plot:
            options = explore(network, spec)
            folds = [as_dict(option) for option in pareto_front(options)]
            plot_folds(args.plot, f"{network.name} on {spec.name}", folds, reference_of(options[0].cost))
    except neuroproc.NeuroprocError as error:
        print(f"folds.py: error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
