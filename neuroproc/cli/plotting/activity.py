"""How much each layer fired in a run: the spikes of its neurons, silent and saturated ones. Without -o as text.

RUN is what `neuroproc classify --json` printed, or what `neuroproc run --record` wrote.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from isa_spec.image import ProcessorImage
from neuroproc.cli.outputs import check_output
from neuroproc.cli.show import headline, table
from neuroproc.cli.streams import get_image
from neuroproc.formats.runs import Run, read_run
from neuroproc.pictures.activity import LayerSpikes, headline_of, layer_spikes, plot_activity
from neuroproc.pictures.canvas import check_target

EXAMPLE = "neuroproc plot activity digits.npi run.json"
BAR = 20
"""Characters of a bar."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument("run", metavar="RUN", help="output of classify --json, or a recording of spikes")
    parser.add_argument("-o", "--output", metavar="FILE", help="picture: .svg, .png or .pdf (default: text)")


def execute(args: argparse.Namespace) -> int:
    """Read, and draw or print."""
    check_output(args.output, args.image, args.run)
    if args.output:
        check_target(args.output)
    image = get_image(args.image)
    run = read_run(args.run, image)
    if args.output:
        plot_activity(args.output, Path(args.image).name, image, run)
    else:
        print("\n".join(lines(image, run, layer_spikes(image, run))))
    return 0


def lines(image: ProcessorImage, run: Run, layers: Sequence[LayerSpikes]) -> list[str]:
    """Activity for people: a bar for the share of all spikes that each layer had."""
    per = "\nper frame" if run.frames is not None else ""
    head = [
        "layer",
        "neurons",
        "silent",
        "saturated",
        f"spikes{per}",
        "of the\nbusiest",
        f"{'of all spikes':{BAR + 5}}",
    ]
    rows = [[
        layer.name, len(layer.spikes), layer.silent, "not told" if layer.n_saturated is None else layer.n_saturated,
        _per(int(layer.spikes.sum()), run.frames), _per(int(layer.spikes[0]), run.frames),
        _bar(int(layer.spikes.sum()), run.spikes),
    ] for layer in layers]  # fmt: skip
    found = [headline(image), headline_of(run), "", table(head, rows)]
    if any(layer.saturated is None for layer in layers):
        found.append("not told: neurons that also fire in slots that nobody reads; gates silence these")
    if run.observed is None and run.frames is None:
        found.append("the recording does not say who was observed: who was not looks silent")
    return found


def _per(spikes: int, frames: int | None) -> str:
    return f"{spikes:,}" if frames is None else f"{spikes / frames:,.1f}"


def _bar(part: int, whole: int) -> str:
    """A bar, and the share that it stands for."""
    share = part / max(whole, 1)
    return f"{share:4.0%} {'#' * max(round(BAR * share), part > 0):{BAR}}"
