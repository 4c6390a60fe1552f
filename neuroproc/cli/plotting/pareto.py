"""What each fold of a network costs: neurons and synapses against cycles per frame. Without -o as a table.

It is the picture, and the table, of `neuroproc explore`. Lines across say what the network's parameters are, and what
neurons and synapses it has where it is laid out in space.
"""

from __future__ import annotations

import argparse

from neuroproc.cli.explore import configure_folds, draw, get_folds, summary
from neuroproc.cli.outputs import check_output, fold_files
from neuroproc.pictures.canvas import check_target

EXAMPLE = "neuroproc plot pareto neuroproc/data/digits.json --profile np8"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    configure_folds(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="picture: .svg, .png or .pdf (default: a table)")


def execute(args: argparse.Namespace) -> int:
    """Draw or print."""
    check_output(args.output, *fold_files(args))
    if not args.output:
        print(summary(get_folds(args), args.profile))
        return 0
    check_target(args.output)
    folds = get_folds(args)
    draw(args.output, folds, folds.name)
    return 0
