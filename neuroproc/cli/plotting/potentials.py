"""What neurons hold in every cycle before they are reset: the sum that is compared with the threshold.

Without -o as a table of the cycles in which something happens.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isa_spec.errors import FormatError
from neuroproc.cli.classify import positive
from neuroproc.cli.events import configure_events
from neuroproc.cli.given import FRAMES_HELP, SPIKES_HELP, check_given, get_run
from neuroproc.cli.outputs import check_output
from neuroproc.cli.show import table
from neuroproc.cli.streams import get_image
from neuroproc.pictures.canvas import check_target
from neuroproc.pictures.potentials import Trace, plot_potentials, trace_of

EXAMPLE = "neuroproc plot potentials digits.npi --frames neuroproc/data/digits_frames.npz 'conv1[2,3,4]' --cycles 90"
FRAMES = 1
"""Frames that are run where nothing else is said."""
FIRED = " *"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument(
        "asked", nargs="+", metavar="[SPIKES] NEURON",
        help=f"unless there are --frames: {SPIKES_HELP}; then neurons by number, name, port or "
        "LAYER[channel,row,column]",
    )  # fmt: skip
    parser.add_argument("--frames", metavar="FRAMES", help=FRAMES_HELP)
    parser.add_argument("--limit", type=positive, metavar="N", help=f"only the first N frames (default: {FRAMES})")
    parser.add_argument(
        "--cycles", type=positive, metavar="N", help="cycles to run and show (default: until the image is through)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="picture: .svg, .png or .pdf (default: text)")
    configure_events(parser)


def execute(args: argparse.Namespace) -> int:
    """Run, and draw or print."""
    args.spikes, neurons = (args.asked[0], args.asked[1:]) if args.frames is None else (None, args.asked)
    if not neurons:
        raise FormatError(
            f"'{args.spikes}' is the input, and no neuron is named; give SPIKES or --frames FRAMES, and neurons"
        )
    check_given(args)
    check_output(args.output, args.image, args.spikes, args.frames)
    if args.output:
        check_target(args.output)
    image = get_image(args.image)
    events, _, n_cycles = get_run(args, image, FRAMES)
    traces = [trace_of(image, events, neuron, n_cycles) for neuron in neurons]
    if args.output:
        plot_potentials(args.output, Path(args.image).name, traces)
    else:
        print("\n".join(lines(traces)))
    return 0


def lines(traces: Sequence[Trace]) -> list[str]:
    """Potentials for people: a row for each cycle in which something happens."""
    shown = np.logical_or.reduce([trace.eventful for trace in traces])
    for trace in traces:
        shown[trace.value] = True
    rows = [
        [f"{cycle:,}", *(_cell(trace, cycle) for trace in traces)] for cycle in np.flatnonzero(shown).tolist()
    ]  # fmt: skip
    head = ["cycle", *(f"{trace.asked} >= {trace.threshold:,}{' ' * len(FIRED)}" for trace in traces)]
    found = [table(head, rows), "potentials before reset and floor, compared with the threshold; * it fires"]
    if any(len(trace.value) for trace in traces):
        found.append("in [ ]: the cycles in which it computes the value that was asked for")
    left_out = len(shown) - len(rows)
    if left_out:
        found.append(
            f"{left_out:,} of {len(shown):,} cycles are left out: nothing arrives in them, and nothing changes"
        )
    return found


def _cell(trace: Trace, cycle: int) -> str:
    value = f"{trace.total[cycle]:,}"
    if cycle in trace.value:
        value = f"[{value}]"
    return value + (FIRED if trace.fired[cycle] else " " * len(FIRED))
