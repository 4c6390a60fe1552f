"""Recordings by request: which neurons, what of them, where to, and whether the disk has room for it."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from pathlib import Path

import numpy as np

from isa_spec.errors import NeuroprocError
from isa_spec.image import ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.cli.streams import STANDARD, standard_output
from neuroproc.formats.recordings import Add, largest_size, neurons_of, open_recording
from neuroproc.probe import PotentialProbe, SpikeProbe

KEPT = 2**18
"""Values that wait in memory at most, beside what one step of the run may add; no result depends on it."""


class Recorder:
    """A probe, and the file that its content goes to.

    Parameters
    ----------
    place : str
        Name of the file, or ``-``.
    image : ProcessorImage
    neurons : int64[n_observed]
    of_potentials : bool
    """

    def __init__(self, place: str, image: ProcessorImage, neurons: np.ndarray, of_potentials: bool) -> None:
        self.place = place
        self._is_npz = Path(place).suffix.lower() == ".npz"
        self._image, self._neurons, self._of_potentials = image, neurons, of_potentials
        kind = PotentialProbe if of_potentials else SpikeProbe
        # Of one cycle of a large image, there must be room for all.
        self.probe = kind(neurons, capacity=2 * (KEPT + image.n_neurons))
        self._add: Add | None = None

    def needed(self, cycles: int) -> int:
        """Bytes on the disk that a run may need."""
        return largest_size(self._image, self._neurons, cycles, self._is_npz, self._of_potentials)

    def open(self, stack: contextlib.ExitStack, cycles: int) -> None:
        """Begin the file of a run of so many cycles; it is finished, or taken away, with the stack."""
        target = stack.enter_context(standard_output()) if self.place == STANDARD else self.place
        recording = open_recording(target, self._image, self._neurons, cycles, self._is_npz, self._of_potentials)
        self._add = stack.enter_context(recording)
        stack.push(lambda kind, error, trace: self.flush() if kind is None else None)

    def take(self, spikes: SpikeEvents) -> None:
        """Write what the probe has, if it is much."""
        if len(self.probe) * (len(self._neurons) if self._of_potentials else 1) >= KEPT:
            self.flush()

    def flush(self) -> None:
        """Write what the probe has."""
        assert self._add is not None
        self._add(*self.probe.drain())


def configure_recordings(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group(
        "recordings", "of every neuron, as .npz or, by any other name, CSV; - for CSV on stdout"
    )
    group.add_argument("--record", metavar="FILE", help="also write the spikes of all neurons")
    group.add_argument("--record-potentials", metavar="FILE", help="also write all potentials after every cycle")
    group.add_argument(
        "--record-layer", action="append", default=[], metavar="LAYER", help="only of this layer (may be repeated)"
    )
    group.add_argument(
        "--force", action="store_true", help="start even if recordings may need more room than the disk has"
    )


def recorders_of(args: argparse.Namespace, image: ProcessorImage) -> list[Recorder]:
    """Recorders that the options ask for.

    Raises
    ------
    NeuroprocError
        If a layer is unknown.
    """
    places = ((args.record, False), (args.record_potentials, True))
    wanted = [(place, of_potentials) for place, of_potentials in places if place is not None]
    if args.record_layer and not wanted:
        raise NeuroprocError(
            "--record-layer says what is recorded, but not where to; add --record or --record-potentials"
        )
    neurons = neurons_of(image, args.record_layer)
    return [Recorder(place, image, neurons, of_potentials) for place, of_potentials in wanted]


def check_room(recorders: list[Recorder], cycles: int, force: bool) -> None:
    """Say what recordings may need, and refuse them where the disk has less, unless forced.

    Raises
    ------
    NeuroprocError
        If the disk has less room.
    """
    needed: dict[int, tuple[str, int]] = {}
    for recorder in recorders:
        folder = os.path.dirname(os.path.realpath(recorder.place))
        is_file = os.path.isfile(recorder.place) or not os.path.exists(recorder.place)
        if recorder.place == STANDARD or not is_file or not os.path.isdir(folder):
            continue
        disk = os.stat(folder).st_dev
        needed[disk] = (recorder.place, recorder.needed(cycles) + needed.get(disk, ("", 0))[1])
    for place, size in needed.values():
        free = shutil.disk_usage(os.path.dirname(os.path.realpath(place))).free
        if size > free and not force:
            raise NeuroprocError(
                f"{place}: recording {cycles:,} cycles may need up to {_size(size)}, the disk has {_size(free)} left; "
                "record fewer cycles or layers (--record-layer), or .npz instead of .csv, or start anyway (--force): "
                "if the disk is full before the end, nothing is left behind"
            )
        if size >= 10**8 and sys.stderr.isatty():
            print(f"{place}: recording will need up to {_size(size)}, the disk has {_size(free)} left", file=sys.stderr)


def _size(n_bytes: int) -> str:
    """Bytes for people."""
    size, unit = float(n_bytes), "B"
    for larger in ("KB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:,.0f} B" if unit == "B" else f"{size:,.1f} {unit}"
