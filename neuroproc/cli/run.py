"""Run a spike file, or a file of events, through an image: input charges in, output spikes out.

The clocks of a compiled image are started as the image says. What is written is written as the run goes on, so that no
run is too long for memory.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from collections.abc import Callable, Iterator

from isa_spec.errors import FormatError
from isa_spec.image import ProcessorImage, graph_digest
from isa_spec.spikes import SpikeEvents
from neuroproc.cli.events import configure_events, get_binned_events, refuse_event_options
from neuroproc.cli.outputs import check_output, refuse_one_file
from neuroproc.cli.recorders import Recorder, check_room, configure_recordings, recorders_of
from neuroproc.cli.streams import STANDARD, get_image, standard_output
from neuroproc.cli.watching import configure_progress, progress
from neuroproc.formats.events import is_event_file
from neuroproc.formats.spike_writers import SUFFIXES, open_spikes
from neuroproc.formats.spikes import open_pieces
from neuroproc.processor import ENGINES, Processor

EXAMPLE = "neuroproc run digits.npi spikes.csv --cycles 200 -o out.csv"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument(
        "spikes", metavar="SPIKES",
        help="input spikes: .csv, .txt (raster), .npz; or events: .bin, HDF5; - for spikes from stdin",
    )  # fmt: skip
    parser.add_argument(
        "-o",
        "--output",
        default=STANDARD,
        metavar="OUT",
        help="output spikes: .csv, .txt, .npz (default: - for stdout)",
    )
    parser.add_argument(
        "--to", choices=[suffix.removeprefix(".") for suffix in SUFFIXES], help="format of stdout (default: csv)"
    )
    parser.add_argument("--cycles", type=int, metavar="N", help="cycles to run (default: until the image is through)")
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="default: auto")
    configure_recordings(parser)
    configure_events(parser)
    configure_progress(parser)


def execute(args: argparse.Namespace) -> int:
    """Run and write."""
    if args.image == args.spikes == STANDARD:
        raise FormatError("standard input cannot be both the image and the spikes; give one of them by name")
    outputs = {"-o": args.output, "--record": args.record, "--record-potentials": args.record_potentials}
    refuse_one_file(outputs)
    if args.to is not None and args.output != STANDARD:
        raise FormatError(f"{args.output}: its name says its format; --to is for standard output")
    for output in outputs.values():
        check_output(output, args.image, args.spikes)
    image = get_image(args.image)
    recorders = recorders_of(args, image)
    with contextlib.ExitStack() as stack:
        last, pieces = stack.enter_context(_given(args, image))
        processor = Processor(image, engine=args.engine, probes=[recorder.probe for recorder in recorders])
        processor.inject(image.start)
        cycles = args.cycles
        if cycles is None:
            cycles = last + 1 + (image.latency if image.latency is not None else image.max_delay)
        check_room(recorders, cycles, args.force)
        spikes = _run(processor, pieces, cycles)
        # Most that can be wrong is seen before a file is begun.
        first = next(spikes, SpikeEvents.none())
        write = _open_sinks(stack, args, image, recorders, cycles)
        # What goes to a terminal shows by itself how far it is.
        show = None if sys.stdout.isatty() else stack.enter_context(progress("cycles", args))
        for piece in itertools.chain([first], spikes):
            write(piece)
            if show:
                show(processor.cycle, cycles)
    return 0


def _given(
    args: argparse.Namespace, image: ProcessorImage
) -> contextlib.AbstractContextManager[tuple[int, Iterator[SpikeEvents]]]:
    """Last cycle of the input, and the input in pieces."""
    if args.spikes != STANDARD and is_event_file(args.spikes):
        events = get_binned_events(args, args.spikes, image)
        return contextlib.nullcontext((int(events.cycle.max(initial=-1)), iter((events,))))
    refuse_event_options(args, args.spikes)
    source = sys.stdin.buffer if args.spikes == STANDARD else args.spikes
    return open_pieces(source, image.inputs, graph_digest(image))


def _run(processor: Processor, pieces: Iterator[SpikeEvents], cycles: int) -> Iterator[SpikeEvents]:
    """Output spikes of a run, as it goes on; a piece is run up to its last cycle, which the next may have, too."""
    for piece in pieces:
        processor.inject(piece)
        until = min(int(piece.cycle.max(initial=0)), cycles)
        yield from processor.run_in_pieces(max(until - processor.cycle, 0))
    yield from processor.run_in_pieces(cycles - processor.cycle)


def _open_sinks(
    stack: contextlib.ExitStack,
    args: argparse.Namespace,
    image: ProcessorImage,
    recorders: list[Recorder],
    cycles: int,
) -> Callable[[SpikeEvents], None]:
    """Function that writes output spikes, and what recorders have by then.

    A reader of standard output that has gone, as in ``| head``, is no reason to break off what goes to files.
    """
    is_standard = args.output == STANDARD
    target, suffix = args.output, None
    if is_standard:
        target, suffix = stack.enter_context(standard_output()), f".{args.to or 'csv'}"
    output = open_spikes(target, len(image.outputs), graph_digest(image), suffix)
    # Files are finished first, and so whatever happens to standard output.
    sinks: list[Callable[[SpikeEvents], None]] = [stack.enter_context(output)] if is_standard else []
    for recorder in sorted(recorders, key=lambda recorder: recorder.place != STANDARD):
        recorder.open(stack, cycles)
        sinks.append(recorder.take)
    sinks += [] if is_standard else [stack.enter_context(output)]
    gone: set[int] = set()

    def write(spikes: SpikeEvents) -> None:
        for number, sink in enumerate(sinks):
            try:
                sink(spikes)
            except BrokenPipeError:
                gone.add(number)
        if len(gone) == len(sinks):
            raise BrokenPipeError

    return write
