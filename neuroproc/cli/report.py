"""One page of HTML on an image and perhaps a run of it: sizes, times, limits, accuracy, activity, provenance."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from isa_spec.errors import NeuroprocError
from isa_spec.image import ProcessorImage
from neuroproc.cli.outputs import check_output
from neuroproc.cli.streams import STANDARD, get_image
from neuroproc.formats.runs import Run, read_run
from neuroproc.measuring.cost_table import load_cost_table
from neuroproc.report.page import write_report

EXAMPLE = "neuroproc report digits.npi -o report.html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument(
        "run", metavar="RUN", nargs="?",
        help="what `classify --json` printed for this image, or a recording that `run --record` made; - for stdin",
    )  # fmt: skip
    parser.add_argument(
        "--cost-table", metavar="FILE",
        help="prices of operations, with their source (.toml), for a bill of the run; without one, no energy is told",
    )  # fmt: skip
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the page; - for stdout")


def execute(args: argparse.Namespace) -> int:
    """Write the page."""
    check_output(args.output, args.image, args.run, args.cost_table)
    if args.image == args.run == STANDARD:
        raise NeuroprocError("IMAGE and RUN cannot both be standard input; give one of them by name")
    if args.cost_table and not args.run:
        raise NeuroprocError("--cost-table makes a bill of what a run did, and there is none; give a RUN, too")
    prices = load_cost_table(args.cost_table) if args.cost_table else None
    image = get_image(args.image)
    run = _run(args.run, image) if args.run else None
    if prices and run and run.frames is None:
        raise NeuroprocError(
            f"{args.run}: a recording does not tell frames, and a bill is for a frame; give what `neuroproc classify "
            "--json` printed, or leave out --cost-table"
        )
    name = "image" if args.image == STANDARD else Path(args.image).stem
    target = sys.stdout.buffer if args.output == STANDARD else args.output
    write_report(target, image, run, prices=prices, name=name, command=_command(args))
    return 0


def _run(place: str, image: ProcessorImage) -> Run:
    """Run from a file or from standard input."""
    return read_run(sys.stdin.buffer.read(), image, "<stdin>") if place == STANDARD else read_run(place, image)


def _command(args: argparse.Namespace) -> str:
    """The command with its arguments as they were given, so that it runs as it is printed."""
    files = [file for file in (args.image, args.run) if file]
    prices = ["--cost-table", args.cost_table] if args.cost_table else []
    return shlex.join(["neuroproc", "report", *files, *prices, "-o", args.output])
