"""Whole sets of frames through an image, back to back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isa_spec.coding import check_frames
from isa_spec.decoding import n_classes, to_classes
from isa_spec.errors import EmulationError
from isa_spec.frames import as_frames
from isa_spec.image import ProcessorImage
from neuroproc.classifying.crossover import faster_jobs
from neuroproc.classifying.frame_stream import FrameStream
from neuroproc.classifying.host import input_shape, told_trains
from neuroproc.classifying.lane_stretches import lane_jobs
from neuroproc.classifying.stretches import Seen, join, processor_jobs, run_side_by_side, tally


@dataclass(frozen=True, eq=False)
class Classification:
    """What a set of frames gave.

    Parameters
    ----------
    outputs : uint8[n_frames, C, H, W]
        Decisions of the last layer; of rates, how often each unit fired.
    predictions : int64[n_frames] or None
        Classes; None if the network has none.
    labels : int64[n_frames] or None
    cycles, spikes, synaptic_operations : int
        From the reset to the last decision, of one stream with all frames; or of single frames, together.
    spike_count : int64[n_neurons]
        Spikes of each neuron in these cycles; `spikes` is their sum.
    seconds : float
        Wall time of the emulation, encoding and decoding included, loading and choosing an engine not.
    engine : str
        Which one ran.
    threads : int
        How many of it, side by side.
    """

    outputs: np.ndarray
    predictions: np.ndarray | None
    labels: np.ndarray | None
    cycles: int
    spikes: int
    synaptic_operations: int
    spike_count: np.ndarray
    seconds: float
    engine: str
    threads: int

    def __repr__(self) -> str:
        right = "" if self.accuracy is None else f", accuracy {self.accuracy:.2%}"
        work = f"{self.cycles:,} cycles, {self.spikes:,} spikes, {self.synaptic_operations:,} synaptic operations"
        return f"<Classification of {len(self.outputs):,} frames{right}; {work}>"

    @property
    def correct(self) -> int | None:
        """Frames whose class is their label; None without classes or labels."""
        if self.predictions is None or self.labels is None:
            return None
        return int((self.predictions == self.labels).sum())

    @property
    def accuracy(self) -> float | None:
        """Share of correct frames."""
        return None if self.correct is None else self.correct / len(self.outputs)

    def confusion(self) -> np.ndarray | None:
        """Frames by label and prediction: int64[n_classes, n_classes]."""
        if self.predictions is None or self.labels is None:
            return None
        n_classes = int(max(self.predictions.max(), self.labels.max())) + 1
        table = np.zeros((n_classes, n_classes), np.int64)
        np.add.at(table, (self.labels, self.predictions), 1)
        return table


def available_cores() -> int:
    """Cores that this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_labels(image: ProcessorImage, labels: np.ndarray, where: str = "labels") -> None:
    """Refuse labels that are none of the image's classes; where it has no classes, any will do.

    Parameters
    ----------
    image : ProcessorImage
    labels : int[n_frames]
    where : str
        Where they come from.

    Raises
    ------
    EmulationError
        If a label is none.
    """
    classes = n_classes(image.decode or {"kind": "spikes"})
    if classes is None or not len(labels):
        return
    least, most = int(np.min(labels)), int(np.max(labels))
    if least < 0 or most >= classes:
        begins_at_1 = (least, most) == (1, classes)
        raise EmulationError(
            f"{where}: labels go from {least} to {most}, allowed: 0..{classes - 1}, the {classes} classes of the "
            f"image; {'subtract 1 from all' if begins_at_1 else 'number them as the network was trained'}"
        )


def check_request(
    image: ProcessorImage, frames: np.ndarray, labels: np.ndarray | None, threads: int | None
) -> tuple[np.ndarray, int]:
    """Frames with channels, rows and columns, and the number of threads, if they can be classified.

    Parameters, Raises
    ------------------
    As `classify`.
    """
    frames = as_frames(frames, input_shape(image))
    if not len(frames):
        raise EmulationError("no frames to classify")
    check_frames(image.encoding or {}, frames)
    if labels is not None and len(labels) != len(frames):
        raise EmulationError(f"{len(labels)} labels for {len(frames)} frames")
    if labels is not None:
        check_labels(image, labels)
    if threads is None:
        threads = available_cores()
    if threads < 1:
        raise EmulationError(f"threads = {threads}, allowed: 1 and above")
    return frames, threads


def classify(
    image: ProcessorImage,
    frames: np.ndarray,
    labels: np.ndarray | None = None,
    engine: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> Classification:
    """Decisions of frames that enter the pipeline at the initiation interval, one after the other.

    Decisions, and what is counted, are those of one stream that all frames go through, whatever the engine and the
    number of threads.

    Parameters
    ----------
    image : ProcessorImage
    frames : int[n_frames, C, H, W]; C and W may be missing where they are 1
    labels : int[n_frames], optional
    engine : str
        As for `Processor`; ``batch`` runs 64 stretches of the stream in lockstep, ``auto`` takes the faster.
    progress : callable, optional
        Called with the frames entered so far and all frames.
    threads : int, optional
        Stretches of the stream, or groups of 64, that run at the same time; as many as there are cores by default.

    Raises
    ------
    EmulationError
        If there are no frames, labels do not fit, or there is no such engine or number of threads.
    FormatError
        If the frames do not fit, or the encoding cannot carry their values.
    """
    frames, threads = check_request(image, frames, labels, threads)
    stream = FrameStream(image, frames)
    if engine == "auto":
        engine, jobs = faster_jobs(stream, threads)
    else:
        jobs = lane_jobs(stream, threads) if engine == "batch" else processor_jobs(stream, engine, threads)
    begin = time.perf_counter()

    def show(intervals: int) -> None:
        if progress:
            # The last is reported below, once.
            progress(min(len(frames) * intervals // stream.intervals, len(frames) - 1), len(frames))

    spans = join(stream, run_side_by_side(jobs, show))
    seen, counts = tally(stream, ((span.spike_count, span.seen) for span in spans), 0, len(frames))
    if progress:
        progress(len(frames), len(frames))
    return conclude(stream, seen, counts, labels, begin, engine, len(jobs))


def conclude(
    stream: FrameStream,
    seen: Seen,
    spike_count: np.ndarray,
    labels: np.ndarray | None,
    begin: float,
    engine: str,
    threads: int,
) -> Classification:
    """Result of a stream that has ended, by what was seen of all its frames; `begin` is its time of begin."""
    image = stream.image
    trains = told_trains(image, image.outputs[0].neuron, seen.trains)
    by_step = trains.reshape(*trains.shape[:2], -1)
    return Classification(
        outputs=trains.sum(axis=1, dtype=np.uint8),
        predictions=to_classes(image.decode or {"kind": "spikes"}, by_step, seen.potentials),
        labels=None if labels is None else np.asarray(labels, np.int64),
        cycles=stream.cycles,
        spikes=int(spike_count.sum()),
        synaptic_operations=int(spike_count @ np.diff(image.row_start)),
        spike_count=spike_count,
        seconds=time.perf_counter() - begin,
        engine=engine,
        threads=threads,
    )
