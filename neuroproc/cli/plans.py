"""The arguments of a fold plan that several commands have."""

from __future__ import annotations

import argparse

from compiler.plan import CLEARINGS, DENSE, FoldPlan, Tile


def configure_plan(parser: argparse.ArgumentParser) -> None:
    """Declare all of a plan but its tiles."""
    parser.add_argument(
        "--gate",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="silence every layer in the slots that carry none of its values: some neurons more, far fewer spikes",
    )
    parser.add_argument(
        "--clearing",
        default="auto",
        choices=CLEARINGS,
        help="how units forget a slot: leak (no cost, slots of one cycle) if the profile has it, else floor (a charge "
        "down to it), else force (a charge that makes all fire) (default: auto, the first that the profile has)",
    )
    parser.add_argument(
        "--dense",
        default="auto",
        choices=DENSE,
        help="how dense layers gather a stream: aligned by delays, or held until released (default: auto, held where "
        "long delays would take more relays)",
    )


def plan_of(args: argparse.Namespace, unroll: Tile, tiles: dict[str, Tile] | None = None) -> FoldPlan:
    """Plan from the arguments, with these tiles."""
    return FoldPlan(unroll, args.gate, tiles or {}, args.clearing, args.dense)
