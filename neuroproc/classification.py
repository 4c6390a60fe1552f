"""Whole sets of frames through an image, back to back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isa_spec.coding import check_frames, to_classes
from isa_spec.errors import EmulationError
from isa_spec.frames import as_frames
from isa_spec.image import ProcessorImage
from neuroproc.host import MapReader, encode_frames, input_contract, input_shape
from neuroproc.processor import Processor

CHUNK_CYCLES = 100_000
"""About how many cycles run between two looks at the output: bounds memory, changes nothing else."""


@dataclass(frozen=True, eq=False)
class Classification:
    """What a set of frames gave.

    Parameters
    ----------
    outputs : uint8[n_frames, C, H, W]
        Decisions of the last layer.
    predictions : int64[n_frames] or None
        Classes; None if the network has none.
    labels : int64[n_frames] or None
    cycles, spikes, synaptic_operations : int
        Since reset, all frames together.
    seconds : float
        Wall time of the emulation, encoding and decoding included.
    engine : str
    """

    outputs: np.ndarray
    predictions: np.ndarray | None
    labels: np.ndarray | None
    cycles: int
    spikes: int
    synaptic_operations: int
    seconds: float
    engine: str

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


def classify(
    image: ProcessorImage,
    frames: np.ndarray,
    labels: np.ndarray | None = None,
    engine: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Classification:
    """Decisions of frames that enter the pipeline at the initiation interval.

    Parameters
    ----------
    image : ProcessorImage
    frames : int[n_frames, C, H, W]
    labels : int[n_frames], optional
    engine : str
        As for `Processor`.
    progress : callable, optional
        Called with the frames entered so far and all frames.

    Raises
    ------
    EmulationError
        If there are no frames, or frames or labels do not fit.
    FormatError
        If the encoding cannot carry the frames' values.
    """
    contract = input_contract(image)
    output = image.layers[-1].contract
    assert output is not None  # an image with an input contract has one for every layer
    assert image.latency is not None
    frames = as_frames(frames, input_shape(image))
    if not len(frames):
        raise EmulationError("no frames to classify")
    check_frames(image.encoding or {}, frames)
    if labels is not None and len(labels) != len(frames):
        raise EmulationError(f"{len(labels)} labels for {len(frames)} frames")
    reader = MapReader(output, len(frames))
    processor = Processor(image, engine=engine)
    begin = time.perf_counter()  # loading an engine is not emulation
    processor.inject(image.start)
    chunk = max(1, CHUNK_CYCLES // contract.interval)
    total = image.latency + (len(frames) - 1) * contract.interval
    for first in range(0, len(frames), chunk):
        part = frames[first : first + chunk]
        processor.inject(encode_frames(image, part, first))
        last = first + len(part) == len(frames)
        # A frame's first spikes come `start` cycles into its interval: that much of the clock always runs ahead.
        end = total if last else contract.start + (first + len(part)) * contract.interval
        spikes = processor.run(end - processor.cycle)
        reader.read(spikes.cycle, spikes.port)
        if progress:
            progress(first + len(part), len(frames))
    outputs, counters = reader.decisions, processor.counters
    return Classification(
        outputs=outputs,
        predictions=to_classes(image.decode or {"kind": "spikes"}, outputs.reshape(len(outputs), -1)),
        labels=None if labels is None else np.asarray(labels, np.int64),
        cycles=counters.cycles,
        spikes=counters.spikes,
        synaptic_operations=counters.synaptic_operations,
        seconds=time.perf_counter() - begin,
        engine=processor.engine,
    )
