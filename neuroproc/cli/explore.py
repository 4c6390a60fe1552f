"""Print the Pareto front of neurons, synapses, cycles per frame and delay storage over all folds; none is emitted."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler.costing.search import MEASURES, Option, explore, pareto_front
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from isa_spec.spec import ProcessorSpec, load_profile
from neuroproc.cli.imports import NETWORK_HELP, configure_import, get_network
from neuroproc.cli.outputs import check_output, fold_files
from neuroproc.cli.plans import configure_plan, plan_of
from neuroproc.cli.show import print_json, table
from neuroproc.cli.watching import configure_progress, progress
from neuroproc.pictures.canvas import Picture, check_target
from neuroproc.pictures.pareto import plot_folds

EXAMPLE = "neuroproc explore examples/lenet/lenet.json --profile np16"
REFERENCE = ("parameters", "nonzero_parameters", "unrolled_neurons", "unrolled_synapses")


@dataclass(frozen=True)
class Folds:
    """Folds of a network, as they are shown.

    Parameters
    ----------
    name : str
        Of the network.
    shown : tuple of Option
    n_options : int
        How many there are.
    n_refused : int
        How many the processor cannot hold.
    whole : bool
        Whether all of them are shown, or the front only.
    reference : dict of str to int
        What the network was before it was folded.
    """

    name: str
    shown: tuple[Option, ...]
    n_options: int
    n_refused: int
    whole: bool
    reference: dict[str, int]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    configure_folds(parser)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--plot", metavar="FILE", help="draw them (.svg, .png, .pdf); needs the extra 'plot'")


def configure_folds(parser: argparse.ArgumentParser) -> None:
    """Declare which folds are meant."""
    parser.add_argument("network", metavar="NETWORK", help=NETWORK_HELP)
    parser.add_argument("--profile", default="research", metavar="NAME|FILE", help="processor (default: research)")
    configure_plan(parser)
    parser.add_argument("--all", action="store_true", help="every fold, not only the front")
    configure_import(parser)
    configure_progress(parser)


def execute(args: argparse.Namespace) -> int:
    """Explore and print."""
    check_output(args.plot, *fold_files(args))
    if args.plot:
        check_target(args.plot)
    folds = get_folds(args)
    if args.plot:
        draw(args.plot, folds, folds.name)
    if args.json:
        found = [as_dict(option) for option in folds.shown]
        print_json(
            {
                "network": folds.name,
                "profile": args.profile,
                **folds.reference,
                "folds": found,
                "refused": folds.n_refused,
            }
        )
        return 0
    print(summary(folds, args.profile))
    return 0


def get_folds(args: argparse.Namespace) -> Folds:
    """Folds that the arguments mean."""
    network = get_network(args.network, args)
    with progress("unrolls", args) as show:
        return folds_of(network, load_profile(args.profile), plan_of(args, (1, 1)), args.all, show)


def folds_of(
    network: LayeredNetwork,
    spec: ProcessorSpec,
    like: FoldPlan | None = None,
    whole: bool = False,
    show: Callable[[int, int], None] | None = None,
) -> Folds:
    """All folds of a network, or those on the front; see `explore` for ``like`` and ``show``, its progress."""
    refused: list[FoldPlan] = []
    options = explore(network, spec, like, show, refused.append)
    cost = options[0].cost  # what it was before it was folded is the same for all
    shown = options if whole else pareto_front(options)
    reference = {name: cost.total(name) for name in REFERENCE}
    return Folds(network.name, shown, len(options), len(refused), whole, reference)


def draw(path: str | Path, folds: Folds, title: str) -> Picture:
    """Draw folds into a file."""
    return plot_folds(path, title, [as_dict(option) for option in folds.shown], folds.reference)


def plot_pareto(
    path: str | Path, network: LayeredNetwork, spec: ProcessorSpec, like: FoldPlan | None = None, whole: bool = False
) -> Picture:
    """Draw the neurons and synapses of a network's folds against cycles per frame.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    network : LayeredNetwork
    spec : ProcessorSpec
    like : FoldPlan, optional
        What is not searched for is as in this plan.
    whole : bool
        Every fold, not only those on the Pareto front.

    Returns
    -------
    Picture
        The file; a notebook shows it.

    Raises
    ------
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, the file cannot be written, or no fold fits the processor.
    """
    check_target(path)
    return draw(path, folds_of(network, spec, like, whole), network.name)


def summary(folds: Folds, profile: str) -> str:
    """Folds for people."""
    reference = folds.reference
    rows = [[*(o.measure(name) for name in MEASURES), o.cost.latency, o.plan.words] for o in folds.shown]
    rows.append([reference["unrolled_neurons"], reference["unrolled_synapses"], None, None, None, "plain spatial"])
    rows.append([None, reference["parameters"], None, None, None, "parameters"])
    rows.append([None, reference["nonzero_parameters"], None, None, None, "  not zero"])
    head = ["neurons", "synapses", "cycles\nper frame", "delay\nstorage", "latency", "unroll, other tiles, channels"]
    which = "all" if folds.whole else f"{len(folds.shown)} of"
    where = "" if folds.whole else " are on the Pareto front"
    beyond = f"; {folds.n_refused} more do not fit it" if folds.n_refused else ""
    return (
        f"{table(head, rows, words=len(head) - 1)}\n{which} {folds.n_options} folds{where}, profile {profile}{beyond}"
    )


def as_dict(option: Option) -> dict[str, Any]:
    """A fold for machines; ``interval`` and ``latency`` in cycles, ``delay_storage`` in bits."""
    measures = {name: option.measure(name) for name in MEASURES}
    tiles = {name: f"{rows}x{cols}" for name, (rows, cols) in option.plan.tiles.items()}
    unroll = "x".join(map(str, option.plan.unroll))
    plan = {"unroll": unroll, "tiles": tiles, "gate": option.plan.gate, "channels": dict(option.plan.channels)}
    return {**plan, "slot": option.plan.slot, **measures, "latency": option.cost.latency}
