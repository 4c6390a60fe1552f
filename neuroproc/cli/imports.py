"""The options of commands that read foreign networks, and what is said of how faithful an import is."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import READERS, import_network, is_foreign
from compiler.frontends.quantising.records import COMPARISONS
from compiler.networks.network import RESETS, LayeredNetwork
from compiler.networks.network_file import load_network
from isa_spec.errors import FormatError, NetworkError
from neuroproc.cli.classify import positive
from neuroproc.cli.kinds import as_network

NETWORK_HELP = f"layered network, .json or .toml; or a foreign one, {', '.join(READERS)}"
"""Of the argument that names a network."""
MOST_BITS = 24
"""Widest weights that floats are rounded to."""
DIGITS = 30
"""Before the point of a number or behind it, at most: products of some such numbers and floats are floats."""
_OPTIONS = (
    "encoding", "input_scale", "input_offset", "reset", "comparison", "floor", "dt", "weight_bits", "classes", "allow",
)  # fmt: skip
"""Options that mean nothing to a network of ours, by their names in the arguments."""


def configure_import(parser: argparse.ArgumentParser) -> None:
    """Declare what a foreign file may leave open."""
    group = parser.add_argument_group(
        "foreign networks", "what a file of another program does not say; asked for where it matters"
    )
    group.add_argument(
        "--encoding",
        type=encoding,
        metavar="KIND[,KEY=VALUE...]",
        help="how a frame becomes spikes: binary,threshold=128; bitplanes,bits=8; count,levels=15; "
        "thermometer,thresholds=64:128:192; rate,steps=20",
    )
    group.add_argument(
        "--input-scale", type=fraction, metavar="F", help="what a value of 1 of a frame means: 1/255 (default: 1)"
    )
    group.add_argument(
        "--input-offset", type=fraction, metavar="F", help="what a value of 0 of a frame means (default: 0)"
    )
    group.add_argument("--reset", choices=RESETS, help="what a unit of several steps keeps when it fires")
    group.add_argument(
        "--comparison", choices=list(COMPARISONS.values()), help="whether a sum that meets its level exactly suffices"
    )
    group.add_argument("--floor", type=int, choices=[0], help="units of several steps do not fall below 0")
    group.add_argument("--dt", type=fraction, metavar="F", help="seconds per step, where the file gives times")
    group.add_argument(
        "--weight-bits",
        type=bits,
        metavar="N",
        help=f"width that weights are rounded to where no scale makes them integers of that width, 2..{MOST_BITS} "
        "(default: 8)",
    )
    group.add_argument("--classes", type=positive, metavar="N", help="classes that the outputs are shared out among")
    group.add_argument(
        "--allow", action="append", metavar="LAYER", help="take a layer that is approximate (may be repeated)"
    )


def assumptions_of(args: argparse.Namespace) -> Assumptions:
    """What the arguments say of a foreign file."""
    given: dict[str, Any] = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
    if "comparison" in given:
        given["strict"] = {word: strict for strict, word in COMPARISONS.items()}[given.pop("comparison")]
    return Assumptions(**{**given, "allow": frozenset(given.get("allow", ()))})


def get_network(path: str, args: argparse.Namespace) -> LayeredNetwork:
    """Layered network from a file of ours, or from a foreign one.

    Raises
    ------
    NetworkError
        If options are given that a network of ours does not need; else as `load_network` and `import_network`.
    FormatError
        As these.
    """
    if is_foreign(path):
        try:
            return import_network(path, assumptions_of(args)).network
        except FormatError as error:
            raise FormatError(as_network(path) or str(error)) from None
    given = [f"--{name.replace('_', '-')}" for name in _OPTIONS if getattr(args, name) is not None]
    if given:
        raise NetworkError(
            f"{path}: {', '.join(given)} says something about a foreign network, but a layered network says it itself; "
            "leave it out"
        )
    return get_own_network(path)


def get_own_network(path: str) -> LayeredNetwork:
    """Layered network from a file of ours.

    Raises
    ------
    NetworkError
        As `load_network`.
    FormatError
        As `load_network`; of a file that is something else, with what it is.
    """
    try:
        return load_network(path)
    except FormatError as error:
        raise FormatError(as_network(path) or str(error)) from None


def origin_lines(origin: Mapping[str, Any] | None) -> list[str]:
    """What is to be said of where a network comes from: layers that are not exact, and what was concluded."""
    if origin is None:
        return []
    labels = origin.get("labels", [])
    wrong = [(layer, fidelity, reason) for layer, fidelity, reason in labels if fidelity != "exact"]
    where = f"from {origin.get('format')}" + (f" ({origin['source']})" if "source" in origin else "")
    lines = [f"{where}: layer '{layer}' is {fidelity}: {reason}" for layer, fidelity, reason in wrong]
    exact = f"all {len(labels)} layers exact"
    if wrong:
        exact = f"the other layers exact, {len(labels) - len(wrong)} of {len(labels)}"
    lines.append(f"{where}: {exact}")
    return lines + [f"{where}: {note}" for note in origin.get("assumptions", {}).get("notes", [])]


def encoding(text: str) -> dict[str, Any]:
    """The table of ``KIND[,KEY=VALUE...]``; integers where they are, lists where there are colons."""
    kind, *pairs = text.split(",")
    found: dict[str, Any] = {"kind": kind}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals and value):
            raise argparse.ArgumentTypeError(f"'{text}' is not KIND,KEY=VALUE,..., for example bitplanes,bits=8")
        found[key] = [_number(part) for part in value.split(":")] if ":" in value else _number(value)
    return found


def _number(text: str) -> int | str:
    return int(text) if text.removeprefix("-").isdecimal() else text


def fraction(text: str) -> Fraction:
    """A number, exactly: ``0.5``, ``1/255``, ``1e-3``."""
    try:
        # Seen before it is a fraction: that of 1e999999999 takes hours, and all memory.
        if "/" in text or abs(Decimal(text).adjusted()) <= DIGITS:
            value = Fraction(text)
            if value == 0 or Fraction(1, 10**DIGITS) <= abs(value) <= 10**DIGITS:
                return value
    except (ValueError, ArithmeticError):
        pass
    raise argparse.ArgumentTypeError(
        f"'{text}' is no number, or too large or too small, allowed: 0, or a size of 1e-{DIGITS} to 1e{DIGITS}, for "
        "example 1/255 or 0.5"
    )


def bits(text: str) -> int:
    """A width of weights."""
    if not text.isdecimal() or not 2 <= int(text) <= MOST_BITS:
        raise argparse.ArgumentTypeError(f"'{text}' is no width, allowed: an integer in 2..{MOST_BITS}")
    return int(text)
