"""Print the Pareto front of neurons, synapses, cycles per frame and delay storage over all folds; none is emitted."""

from __future__ import annotations

import argparse
from typing import Any

from compiler.costing.search import MEASURES, Option, all_options, pareto_front
from isa_spec.spec import load_profile
from neuroproc.cli.imports import NETWORK_HELP, configure_import, get_network
from neuroproc.cli.plans import configure_plan, plan_of
from neuroproc.cli.show import print_json, table
from neuroproc.cli.watching import configure_progress, progress
from neuroproc.pictures.pareto import plot_pareto

EXAMPLE = "neuroproc explore examples/lenet/lenet.json --profile np16"
REFERENCE = ("parameters", "nonzero_parameters", "unrolled_neurons", "unrolled_synapses")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("network", metavar="NETWORK", help=NETWORK_HELP)
    parser.add_argument("--profile", default="research", metavar="NAME|FILE", help="processor (default: research)")
    configure_plan(parser)
    parser.add_argument("--all", action="store_true", help="every fold, not only the front")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--plot", metavar="FILE", help="draw them (.svg, .png, .pdf); needs the extra 'plot'")
    configure_import(parser)
    configure_progress(parser)


def execute(args: argparse.Namespace) -> int:
    """Explore and print."""
    network = get_network(args.network, args)
    with progress("unrolls", args) as show:
        options = all_options(network, load_profile(args.profile), plan_of(args, (1, 1)), show)
    shown = options if args.all else pareto_front(options)
    cost = options[0].cost  # what it was before it was folded is the same for all
    reference = {name: cost.total(name) for name in REFERENCE}
    folds = [as_dict(option) for option in shown]
    if args.plot:
        plot_pareto(args.plot, network.name, folds, reference)
    if args.json:
        print_json({"network": network.name, "profile": args.profile, **reference, "folds": folds})
        return 0
    rows = [[o.plan.words, *(o.measure(name) for name in MEASURES), o.cost.latency] for o in shown]
    rows.append(["plain spatial", reference["unrolled_neurons"], reference["unrolled_synapses"], None, None, None])
    rows.append(["parameters", None, reference["parameters"], None, None, None])
    rows.append(["  not zero", None, reference["nonzero_parameters"], None, None, None])
    print(
        table(
            ["unroll, other tiles, channels", "neurons", "synapses", "cycles per frame", "delay storage", "latency"],
            rows,
        )
    )
    which = "all" if args.all else f"{len(shown)} of"
    where = "" if args.all else " are on the Pareto front"
    print(f"{which} {len(options)} folds{where}, profile {args.profile}")
    return 0


def as_dict(option: Option) -> dict[str, Any]:
    """A fold for machines; ``interval`` and ``latency`` in cycles, ``delay_storage`` in bits."""
    measures = {name: option.measure(name) for name in MEASURES}
    tiles = {name: f"{rows}x{cols}" for name, (rows, cols) in option.plan.tiles.items()}
    unroll = "x".join(map(str, option.plan.unroll))
    plan = {"unroll": unroll, "tiles": tiles, "gate": option.plan.gate, "channels": dict(option.plan.channels)}
    return {**plan, "slot": option.plan.slot, **measures, "latency": option.cost.latency}
