"""What a command gives to an image: a file of spikes, of events, or of frames."""

from __future__ import annotations

import argparse
import sys

from isa_spec.errors import FormatError
from isa_spec.files import read_bytes
from isa_spec.image import ProcessorImage, graph_digest
from isa_spec.spikes import SpikeEvents
from neuroproc.classifying.host import encode_frames, input_shape
from neuroproc.cli.events import get_binned_events, refuse_event_options
from neuroproc.cli.streams import STANDARD
from neuroproc.formats.events import is_event_file
from neuroproc.formats.frames import read_examples
from neuroproc.formats.recording_reader import Recording, holds_recording, read_recording
from neuroproc.formats.spikes import read_spikes

SPIKES_HELP = "input spikes: .csv, .txt (raster), .npz; or events: .bin, HDF5; - for spikes from stdin"
FRAMES_HELP = "frames instead of SPIKES, back to back: .npy, .npz, IDX or a CIFAR-10 batch (also .gz)"


def check_given(args: argparse.Namespace) -> None:
    """Refuse several inputs, or none.

    Raises
    ------
    FormatError
        If there is not one of SPIKES and ``--frames``, or standard input is two of them.
    """
    if args.image == args.spikes == STANDARD:
        raise FormatError("standard input cannot be both the image and the spikes; give one of them by name")
    if (args.spikes is None) == (args.frames is None):
        raise FormatError("either SPIKES or --frames FRAMES is the input; give one of them")


def get_spikes(args: argparse.Namespace, image: ProcessorImage) -> SpikeEvents:
    """Spikes of a file, which may hold events.

    Raises
    ------
    FormatError
        If the file is wrong, or the options do not fit it.
    """
    if args.spikes != STANDARD and is_event_file(args.spikes):
        return get_binned_events(args, args.spikes, image)
    refuse_event_options(args, args.spikes)
    source = sys.stdin.buffer if args.spikes == STANDARD else args.spikes
    return read_spikes(source, image.inputs, graph_digest(image))


def get_recording(args: argparse.Namespace, image: ProcessorImage) -> Recording | None:
    """What was recorded, where SPIKES is the name of a recording; None of anything else.

    Raises
    ------
    FormatError
        If the file cannot be read, the recording is damaged, or of another image, or options do not fit it.
    """
    if args.spikes == STANDARD or is_event_file(args.spikes):
        return None
    data = read_bytes(args.spikes)
    if not holds_recording(data):
        return None
    refuse_event_options(args, args.spikes)
    return read_recording(data, image, args.spikes)


def get_frame_spikes(args: argparse.Namespace, image: ProcessorImage, limit: int) -> tuple[SpikeEvents, int]:
    """Spikes of the first frames of a file, at most ``limit``, and how many these are.

    Raises
    ------
    FormatError
        If the file is wrong, or the frames do not fit the image.
    EmulationError
        If the image was not compiled from a layered network.
    """
    refuse_event_options(args, args.frames)
    frames, _ = read_examples(args.frames, input_shape(image))
    if not len(frames):
        raise FormatError(f"{args.frames}: holds no frames, allowed: at least one")
    return encode_frames(image, frames[:limit]), min(len(frames), limit)


def get_run(args: argparse.Namespace, image: ProcessorImage, frames: int) -> tuple[SpikeEvents, int | None, int]:
    """Input of SPIKES or ``--frames``, how many frames these are (None: not told), and cycles that are run.

    Without ``--cycles`` these are as many as the image needs; of frames, ``--limit`` are taken, by default ``frames``.

    Raises
    ------
    FormatError
        If a file is wrong, or does not fit the image or the options.
    EmulationError
        If frames are given to an image that was not compiled from a layered network.
    """
    if args.frames is not None:
        events, n_frames = get_frame_spikes(args, image, args.limit or frames)
        return events, n_frames, args.cycles or (image.latency or 0) + (n_frames - 1) * (image.interval or 0)
    if args.limit is not None:
        raise FormatError(f"--limit {args.limit} says how many of --frames are run, and there are none")
    events = get_spikes(args, image)
    through = image.latency if image.latency is not None else image.max_delay
    return events, None, args.cycles or int(events.cycle.max(initial=-1)) + 1 + through
