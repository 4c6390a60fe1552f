"""The arguments of a fold plan that several commands have."""

from __future__ import annotations

import argparse

from compiler.plan import CLEARINGS, DENSE, FoldPlan, Tile
from neuroproc.cli.classify import positive

AUTO_CHANNELS = ("", 0)
"""What `channels` makes of ``auto``."""


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
    parser.add_argument(
        "--channels",
        type=channels,
        action="append",
        default=[],
        metavar="auto|LAYER=N",
        help="N channels of LAYER on one neuron, each in a turn of its own in idle time (may be repeated); auto: as "
        "many as there is idle time for",
    )
    parser.add_argument(
        "--slot", type=positive, metavar="N", help="cycles per slot, more than needed to leave idle time for channels"
    )


def plan_of(args: argparse.Namespace, unroll: Tile, tiles: dict[str, Tile] | None = None) -> FoldPlan:
    """Plan from the arguments, with these tiles; channels where they are given by layer."""
    given = {layer: count for layer, count in args.channels if layer}
    return FoldPlan(unroll, args.gate, tiles or {}, args.clearing, args.dense, given, args.slot)


def channels(text: str) -> tuple[str, int]:
    """Layer and count of ``LAYER=N``; no layer for ``auto``."""
    if text == "auto":
        return AUTO_CHANNELS
    layer, equals, count = text.rpartition("=")
    if not equals or not count.isdecimal() or int(count) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not auto or LAYER=N, for example conv2=4")
    return layer, int(count)
