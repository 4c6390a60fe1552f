"""Compare two processor images: what a flag changed, by layer and neuron; exit status 5 if anything differs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from isa_spec.errors import FormatError
from neuroproc.cli.show import print_json, table
from neuroproc.cli.streams import STANDARD, get_image
from neuroproc.explaining.difference import NAMELESS, ImageDifference, LayerDifference, Pair, diff

EXAMPLE = "neuroproc diff digits.npi digits.npi"
DIFFERENT = 5
"""Exit status where the images are not the same in everything."""
WIDEST = 60
"""Longer texts are cut in tables; --json has them whole."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("a", metavar="A", help="processor image; - for stdin")
    parser.add_argument("b", metavar="B", help="another one; - for stdin")
    parser.add_argument("--json", action="store_true", help="for machines, nothing cut short")


def execute(args: argparse.Namespace) -> int:
    """Compare and print; exit status 5 if anything differs."""
    if args.a == args.b == STANDARD:
        raise FormatError("standard input cannot be both images; give one of them by name")
    difference = diff(get_image(args.a), get_image(args.b))
    if args.json:
        print_json(asdict(difference))
    else:
        print(summary(difference))
    return 0 if difference.equal else DIFFERENT


def summary(difference: ImageDifference) -> str:
    """The difference for people."""
    if difference.equal:
        return f"the same image: {difference.digests[0]}"
    if difference.same_behaviour:
        lines = [f"same behaviour ({difference.digests[0]}): spikes are the same, what is said about them is not"]
    else:
        a, b = (digest[:19] for digest in difference.digests)
        lines = [f"behaviour may differ: the graph digests are {a}... and {b}..."]
    rows = [
        *_rows("", difference.facts),
        *_rows("profile: ", difference.profile),
        *_rows("option: ", difference.options),
    ]
    for layer in difference.layers:
        rows += _rows(_prefix(layer), layer.facts)
    if rows:
        lines += ["", table(["", "A", "B"], rows)]
    changed = [[f"{_prefix(layer)}{c.what}", c.number, c.first, _text(c.a), _text(c.b)]
               for layer in difference.layers for c in layer.changes]  # fmt: skip
    if changed:
        lines += ["", table(["neurons and synapses", "changed", "the first of them", "A", "B"], changed)]
    return "\n".join(lines)


def _prefix(layer: LayerDifference) -> str:
    return "" if layer.name == NAMELESS else f"{layer.name}: "


def _rows(prefix: str, pairs: Mapping[str, Pair]) -> list[list[str]]:
    return [[f"{prefix}{key.replace('_', ' ')}", *map(_text, pair)] for key, pair in pairs.items()]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if type(value) is int:
        return f"{value:,}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."
