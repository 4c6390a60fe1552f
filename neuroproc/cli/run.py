"""Run a spike file through an image: input charges in, output spikes out.

The clocks of a compiled image are started as the image says.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from isa_spec.errors import FormatError
from isa_spec.files import write_atomically
from isa_spec.image import ROLES, ProcessorImage, graph_digest
from neuroproc.cli.streams import STANDARD, get_image
from neuroproc.formats.spikes import read_spikes, write_spikes
from neuroproc.probe import SpikeProbe
from neuroproc.processor import ENGINES, Processor

EXAMPLE = "neuroproc run digits.npi spikes.csv --cycles 200 -o out.csv"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument(
        "spikes", metavar="SPIKES", help="input spikes: .csv, .txt (raster), .npz; - for CSV from stdin"
    )
    parser.add_argument(
        "-o", "--output", default=STANDARD, metavar="OUT", help="output spikes (default: - for CSV on stdout)"
    )
    parser.add_argument("--cycles", type=int, metavar="N", help="cycles to run (default: until the image is through)")
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="default: auto")
    parser.add_argument("--record", metavar="FILE", help="also write the spikes of every neuron, as CSV")


def execute(args: argparse.Namespace) -> int:
    """Run and write."""
    if args.image == args.spikes == STANDARD:
        raise FormatError("standard input cannot be both the image and the spikes; give one of them by name")
    image = get_image(args.image)
    digest = graph_digest(image)
    source = sys.stdin.buffer if args.spikes == STANDARD else args.spikes
    events = read_spikes(source, image.inputs, digest)
    probe = SpikeProbe()
    processor = Processor(image, engine=args.engine, probes=[probe] if args.record else [])
    processor.inject(image.start)
    processor.inject(events)
    cycles = args.cycles
    if cycles is None:
        last = int(events.cycle.max(initial=-1))
        cycles = last + 1 + (image.latency if image.latency is not None else image.max_delay)
    spikes = processor.run(cycles)
    if args.record:
        _write_record(args.record, image, *probe.events())
    write_spikes(sys.stdout.buffer if args.output == STANDARD else args.output, spikes, image.outputs, digest)
    return 0


def _write_record(path: str, image: ProcessorImage, cycle: np.ndarray, neuron: np.ndarray) -> None:
    names = [layer.name for layer in image.layers] or [""]
    with write_atomically(path) as file:
        file.write(b"cycle,neuron,layer,role\n")
        for when, which in zip(cycle.tolist(), neuron.tolist(), strict=True):
            file.write(f"{when},{which},{names[image.layer[which]]},{ROLES[image.role[which]]}\n".encode())
