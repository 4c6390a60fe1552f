"""One page of HTML on an image and perhaps a run of it: sizes, times, limits, accuracy, activity, provenance."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from neuroproc.cli.streams import STANDARD, get_image
from neuroproc.formats.runs import read_run
from neuroproc.report.page import write_report

EXAMPLE = "neuroproc report digits.npi -o report.html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument(
        "run", metavar="RUN", nargs="?",
        help="what `classify --json` printed for this image, or a recording of `run --record` (.npz or CSV)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the page; - for stdout")


def execute(args: argparse.Namespace) -> int:
    """Write the page."""
    image = get_image(args.image)
    run = read_run(args.run, image) if args.run else None
    name = "image" if args.image == STANDARD else Path(args.image).stem
    target = sys.stdout.buffer if args.output == STANDARD else args.output
    write_report(target, image, run, name=name, command=_command(args))
    return 0


def _command(args: argparse.Namespace) -> str:
    """The command, with files by their names alone: a page says nothing of the folders where it was made."""
    files = [args.image, *([args.run] if args.run else [])]
    return shlex.join(["neuroproc", "report", *(Path(file).name for file in files), "-o", Path(args.output).name])
