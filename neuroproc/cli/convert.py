"""Convert a file: what SOURCE is, is seen from its content; what it becomes, from the suffix of TARGET.

What is lost on the way is said on standard error, a line each; a conversion that says nothing loses nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import PurePath

from isa_spec.errors import FormatError
from neuroproc.cli.conversions.job import Job
from neuroproc.cli.events import configure_events
from neuroproc.cli.imports import configure_import
from neuroproc.cli.kinds import IMAGE, NETWORK
from neuroproc.cli.outputs import check_output
from neuroproc.cli.routes import ROUTES, Route
from neuroproc.cli.streams import STANDARD

EXAMPLE = "neuroproc convert spikes.csv spikes.npz"
HINTS = {NETWORK: "; an image is made by neuroproc compile", IMAGE: "; no network comes back of an image"}
"""What to do where a kind cannot become what was asked for."""


def _names(declare: Callable[[argparse.ArgumentParser], None]) -> frozenset[str]:
    """Names in the arguments of the options that a function declares."""
    parser = argparse.ArgumentParser()
    declare(parser)
    return frozenset(vars(parser.parse_args([])))


OPTIONS: Mapping[str, frozenset[str]] = {
    "image": frozenset({"image"}),
    "frames": frozenset({"frames"}),
    "import": _names(configure_import),
    "events": _names(configure_events),
}
"""Options that not every way has, by the word that routes use."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", metavar="SOURCE", help="any file of the list; - for stdin")
    parser.add_argument("target", metavar="TARGET", help="its suffix says what is written; - for stdout, with --to")
    parser.add_argument("--to", metavar="SUFFIX", help="what is written to stdout: csv, json, dot, ...")
    parser.add_argument(
        "--image", metavar="IMAGE", help="image that spikes are for: names of ports, how many there are"
    )
    parser.add_argument("--frames", action="store_true", help="of events in .npz: frames and labels, not spikes")
    configure_events(parser)
    configure_import(parser)
    parser.add_argument("--list", action=_List, nargs=0, help="print what can become what, and leave")


class _List(argparse.Action):
    """Prints the table of ways, as ``--version`` prints a version."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(listing())
        parser.exit()


def execute(args: argparse.Namespace) -> int:
    """Convert, and say what is lost."""
    check_output(args.target, args.source, args.image)
    job = Job(
        args.source, args.target, _suffix(args), sys.stdin.buffer.read() if args.source == STANDARD else None, args
    )
    route = find_route(job)
    _check_options(args, route, job.kind)
    notes = route.write(job)
    for note in (*([f"lost: {route.lost}"] if route.lost else []), *notes):
        print(f"neuroproc: {job.where}: {note}", file=sys.stderr)
    return 0


def _check_options(args: argparse.Namespace, route: Route, kind: str) -> None:
    """Refuse an option that means nothing on this way."""
    meant = {"source", "target", "to", "command", "execute"}.union(*(OPTIONS[group] for group in route.options))
    for name, value in vars(args).items():
        if name not in meant and value is not None and value is not False:
            option = f"--{name.replace('_', '-')}"
            raise FormatError(f"{option} means nothing where {kind} becomes {route.suffix}; leave it out")


def _suffix(args: argparse.Namespace) -> str:
    """Suffix of what is to be written."""
    if args.target != STANDARD:
        if args.to is not None:
            raise FormatError(f"--to {args.to}: the target's name says what is written; leave it out")
        return PurePath(args.target).suffix.lower()
    if args.to is None:
        raise FormatError("standard output has no suffix that says what is written; add --to csv, json, dot, ...")
    return f".{args.to.lower().removeprefix('.')}"


def find_route(job: Job) -> Route:
    """The way that a source goes.

    Raises
    ------
    FormatError
        If there is none; the message says which there are.
    """
    kind = job.kind
    ways = [route for route in ROUTES if kind in route.sources]
    for route in ways:
        if route.suffix == job.suffix:
            return route
    possible = ", ".join(f"{route.suffix} ({route.target})" for route in ways)
    raise FormatError(f"{job.where} ({kind}) cannot become '{job.suffix}', allowed: {possible}{HINTS.get(kind, '')}")


def listing() -> str:
    """Table of the ways."""
    rows = [
        [", ".join(route.sources), route.suffix, route.target, "; ".join(filter(None, (route.lost, route.may_lose)))]
        for route in ROUTES
    ]
    head = ["source", "target", "which is", "lost"]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [head, *rows]]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
