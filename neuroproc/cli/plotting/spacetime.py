"""Which layer computes which place of its map when: time to the right, a band for each layer. Without -o as text.

A place of the frame has its colour in every layer, so that the eye can follow it; outlined is what one place of a deep
layer is computed from.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from isa_spec.errors import FormatError
from neuroproc.cli.outputs import check_output
from neuroproc.cli.streams import get_image
from neuroproc.pictures.canvas import check_target
from neuroproc.pictures.spacetime import plot_spacetime
from neuroproc.pictures.text_spacetime import text_spacetime
from neuroproc.pictures.timetable import timetable

EXAMPLE = "neuroproc plot spacetime digits.npi"
_PLACE = re.compile(r"(.+)\[\s*(\d+)\s*,\s*(\d+)\s*\]")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument(
        "--trace", type=place, metavar="LAYER[row,column]",
        help="outline what this place is computed from (default: one from a part of the frame, as deep as possible)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", metavar="FILE", help="picture: .svg, .png or .pdf (default: text)")


def place(text: str) -> tuple[str, int, int]:
    """A layer, a row and a column."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not LAYER[row,column], as 'conv1[2,3]'")
    return found[1], int(found[2]), int(found[3])


def execute(args: argparse.Namespace) -> int:
    """Draw or print."""
    check_output(args.output, args.image)
    title = Path(args.image).name
    if args.output:
        check_target(args.output)
        plot_spacetime(args.output, title, get_image(args.image), args.trace)
        return 0
    if args.trace:
        layer, row, column = args.trace
        raise FormatError(f"--trace {layer}[{row},{column}]: is outlined in pictures only; give -o FILE")
    print(text_spacetime(timetable(get_image(args.image)), title, shutil.get_terminal_size().columns))
    return 0
