"""Options for files of events, which are no spikes yet: how they fall into cycles, and onto ports."""

from __future__ import annotations

import argparse
import math
from fractions import Fraction

from isa_spec.errors import FormatError
from isa_spec.image import ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.classifying.host import input_contract
from neuroproc.formats.binning import DUPLICATES, bin_events, parse_time
from neuroproc.formats.events import Sensor, read_events

OPTIONS = ("bin", "origin", "duplicates", "sensor", "sample")


def configure_events(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("event files", "N-MNIST .bin, or HDF5 as SHD and SSC are published")
    group.add_argument("--bin", type=time, metavar="TIME", help="what a cycle is worth, as 1ms, 0.5ms, 1/30s; needed")
    group.add_argument(
        "--origin", type=time, metavar="TIME", help="where cycle 0 begins, as --origin=-5ms (default: 0s)"
    )
    group.add_argument(
        "--duplicates", choices=DUPLICATES,
        help="several events of one address in one cycle: one spike, or one of as much charge; needed if there are any",
    )  # fmt: skip
    group.add_argument(
        "--sensor", type=sensor, metavar="CxHxW",
        help="polarities, rows and columns (default: 2x34x34 for .bin, 1x700x1 for HDF5)",
    )  # fmt: skip
    group.add_argument("--sample", type=sample, metavar="N", help="which sample of an HDF5 file, from 0 on")


def time(text: str) -> Fraction:
    """A time with its unit."""
    try:
        return parse_time(text)
    except FormatError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def sensor(text: str) -> Sensor:
    """The size of a sensor."""
    sizes = text.split("x")
    if len(sizes) != 3 or not all(size.isdecimal() and int(size) for size in sizes):
        raise argparse.ArgumentTypeError(f"'{text}' is not polarities x rows x columns, as 2x34x34")
    polarities, rows, columns = map(int, sizes)
    return polarities, rows, columns


def sample(text: str) -> int:
    """Number of a sample."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of 0 or above")
    return int(text)


def refuse_event_options(args: argparse.Namespace, place: str) -> None:
    """Refuse options that have no meaning for a file of spikes.

    Raises
    ------
    FormatError
        If one is given.
    """
    for option in OPTIONS:
        if getattr(args, option) is not None:
            raise FormatError(f"{place}: --{option} is for event files (.bin, HDF5), and this one has no events")


def get_binned_events(args: argparse.Namespace, place: str, image: ProcessorImage | None = None) -> SpikeEvents:
    """Events of a file as spikes, as the options say, for an image if there is one.

    Raises
    ------
    FormatError
        If the file is wrong, the options do not fit it, or the image has not one input for each place of the sensor.
    """
    if args.bin is None:
        raise FormatError(f"{place}: holds events; say what a cycle is worth, as --bin 1ms")
    events = read_events(place, args.sensor, args.sample)
    if image is not None:
        _check_inputs(image, place, events.sensor)
    return bin_events(events, args.bin, args.origin or 0, args.duplicates)


def _check_inputs(image: ProcessorImage, place: str, sensor: Sensor) -> None:
    """Refuse an image that has other inputs than a sensor has places: ports would have another meaning, or none."""
    is_compiled = bool(image.layers) and image.interval is not None
    n_inputs = input_contract(image).n_lanes if is_compiled else len(image.inputs)
    if n_inputs != math.prod(sensor):
        shape = "x".join(map(str, sensor))
        raise FormatError(
            f"{place}: the sensor {shape} has {math.prod(sensor):,} places, the image takes values at {n_inputs:,} "
            "inputs, allowed: as many; take an image that is not folded, say what the sensor is (--sensor), or make "
            "frames of the events"
        )
