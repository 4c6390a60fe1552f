"""Who fires when: a row for each neuron, layer by layer, silent ones, too. Without -o as text.

The input is run, or what `neuroproc run --record` wrote is shown.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np

from isa_spec.errors import FormatError, NeuroprocError
from isa_spec.image import ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.cli.classify import positive
from neuroproc.cli.events import configure_events
from neuroproc.cli.given import FRAMES_HELP, SPIKES_HELP, check_given, get_recording, get_run
from neuroproc.cli.outputs import check_output
from neuroproc.cli.streams import get_image
from neuroproc.pictures.canvas import check_target
from neuroproc.pictures.raster import Raster, plot_raster, raster_of, thinned, thinning_words
from neuroproc.pictures.text_raster import text_raster
from neuroproc.probe import SPIKE_CAPACITY, SpikeProbe
from neuroproc.processor import Processor

EXAMPLE = "neuroproc plot raster digits.npi --frames neuroproc/data/digits_frames.npz"
FRAMES = 3
"""Frames that are run where nothing else is said."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument(
        "spikes", metavar="SPIKES|RECORDING", nargs="?", help=f"{SPIKES_HELP}; or a recording of spikes"
    )
    parser.add_argument("--frames", metavar="FRAMES", help=FRAMES_HELP)
    parser.add_argument("--limit", type=positive, metavar="N", help=f"only the first N frames (default: {FRAMES})")
    parser.add_argument(
        "--cycles", type=positive, metavar="N", help="cycles to run and show (default: until the image is through)"
    )
    parser.add_argument(
        "--layer", action="append", default=[], metavar="LAYER", help="only this layer (may be repeated)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="picture: .svg, .png or .pdf (default: text)")
    configure_events(parser)


def execute(args: argparse.Namespace) -> int:
    """Run, and draw or print."""
    check_given(args)
    check_output(args.output, args.image, args.spikes, args.frames)
    if args.output:
        check_target(args.output)
    image = get_image(args.image)
    title = Path(args.image).name
    raster = _raster(args, image)
    if not args.output:
        print(text_raster(title, raster, shutil.get_terminal_size().columns, whole=bool(args.layer)))
        return 0
    plot_raster(args.output, title, raster)
    shown = thinned(raster)
    if not shown.all():
        print(f"neuroproc: {args.output}: {thinning_words(raster, shown)}", file=sys.stderr)
    return 0


def _raster(args: argparse.Namespace, image: ProcessorImage) -> Raster:
    recording = None if args.frames is not None else get_recording(args, image)
    if recording is None or args.limit is not None:
        events, n_frames, n_cycles = get_run(args, image, FRAMES)
        return raster_of(image, *_run(image, events, n_cycles), n_cycles, n_frames=n_frames, layers=args.layer)
    if recording.potential is not None:
        raise FormatError(f"{args.spikes}: holds potentials, which do not say who fired; give one of --record")
    n_cycles = args.cycles or recording.n_cycles
    observed = recording.observed
    if observed is None:
        # Whether the others were silent, or not looked at, nobody knows.
        observed = np.flatnonzero(np.isin(image.layer, image.layer[recording.neuron]))
        if len(observed) < image.n_neurons:
            print(
                f"neuroproc: {args.spikes}: layers without a spike are left out: it does not say which were recorded",
                file=sys.stderr,
            )
    return raster_of(image, recording.cycle, recording.neuron, n_cycles, layers=args.layer, observed=observed)


def _run(image: ProcessorImage, events: SpikeEvents, n_cycles: int) -> tuple[np.ndarray, np.ndarray]:
    """Cycle and neuron of every spike."""
    probe = SpikeProbe(capacity=2 * SPIKE_CAPACITY)
    processor = Processor(image, probes=[probe])
    processor.inject(image.start)
    processor.inject(events)
    for _ in processor.run_in_pieces(n_cycles):
        if len(probe) > SPIKE_CAPACITY:
            raise NeuroprocError(
                f"more than {SPIKE_CAPACITY:,} spikes by cycle {processor.cycle:,} of {n_cycles:,}, allowed "
                f"{SPIKE_CAPACITY:,} in a raster; show fewer cycles (--cycles)"
            )
    return probe.events()
