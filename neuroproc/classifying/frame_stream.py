"""Frames that follow each other into an image at the initiation interval: one stream, or a worker's part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.decoding import needs_potentials
from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage, graph_digest
from isa_spec.spikes import SpikeEvents
from isa_spec.stream import StreamContract
from neuroproc.classifying.host import PotentialReader, encode_frames, input_contract, sent_trains
from neuroproc.processor import LAST_CYCLE


@dataclass(frozen=True)
class Part:
    """What one worker has of a stream.

    Parameters
    ----------
    n_frames : int
        All frames of the stream.
    first : int
        Number of the first frame that is at hand.
    begin, end : int
        Intervals to run.
    """

    n_frames: int
    first: int
    begin: int
    end: int


class FrameStream:
    """Frames on their way through an image, back to back, on the clock of one stream.

    Parameters
    ----------
    image : ProcessorImage
        Compiled from a layered network.
    frames : int[n_frames, C, H, W]
        All of them, or those of a part.
    part : Part, optional
        If not all is to be run here.

    Raises
    ------
    EmulationError
        If they take more cycles than a processor can run.
    """

    def __init__(self, image: ProcessorImage, frames: np.ndarray, part: Part | None = None) -> None:
        output = image.layers[-1].contract
        assert output is not None  # an image with an input contract has one for every layer
        assert image.latency is not None
        self.image, self.output = image, output
        self.n_frames = len(frames) if part is None else part.n_frames
        self._frames, self._first = frames, 0 if part is None else part.first
        self.digest = graph_digest(image)
        self.contract = input_contract(image)
        self.interval = self.contract.interval
        # Intervals until a frame is decided; the clocks need one more to come round, and have to be started.
        self.depth = -(-image.latency // self.interval)
        self.warm_up = max(self.depth, int(image.start.cycle.max(initial=0)) // self.interval) + 1
        self.cycles = image.latency + (self.n_frames - 1) * self.interval
        if self.cycles > LAST_CYCLE:
            raise EmulationError(
                f"{self.n_frames} frames take {self.cycles} cycles, allowed {LAST_CYCLE}: latency {image.latency} and "
                f"interval {self.interval} of the image; compile it again"
            )
        self.intervals = -(-self.cycles // self.interval)
        self.begin, self.end = (0, self.intervals) if part is None else (part.begin, part.end)

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """Cycles, channels, rows and columns of what is decided."""
        return self.output.levels, self.output.channels, self.output.height, self.output.width

    def potential_reader(self, n_frames: int) -> PotentialReader | None:
        """What keeps the output's potentials for so many frames; None if classes are told apart without them."""
        return PotentialReader(self.output, n_frames) if needs_potentials(self.image.decode or {}) else None

    def events(self, begin: int, end: int) -> SpikeEvents:
        """Input spikes of the cycles ``begin`` .. ``end - 1``."""
        earliest, latest = int(self.contract.cycles().min()), self.contract.last_cycle
        first = max((begin - latest) // self.interval, self._first)
        last = max(min((end - 1 - earliest) // self.interval + 1, self._first + len(self._frames)), first)
        frames = self._frames[first - self._first : last - self._first]
        return encode_frames(self.image, frames, first).window(begin, end)

    def has(self, numbers: np.ndarray) -> np.ndarray:
        """Which frames are at hand, by number: bool, of the same shape."""
        return (numbers >= self._first) & (numbers < self._first + len(self._frames))

    def spikes_of(self, numbers: np.ndarray) -> np.ndarray:
        """Which of its spikes each frame has: bool[n_frames, n_spikes], in the order of `spike_places`."""
        trains = sent_trains(self.image, self._frames[numbers - self._first])
        return np.moveaxis(trains, 1, -1).reshape(len(numbers), -1).astype(bool)


def spike_places(contract: StreamContract) -> tuple[np.ndarray, np.ndarray]:
    """Cycle of frame 0, and lane, of every spike that a map can have: int64[n_spikes], twice; by value, then number."""
    shape = (*contract.lanes().shape, contract.levels)
    cycle = contract.cycles()[..., None] + contract.beat * np.arange(contract.levels)
    return np.broadcast_to(cycle, shape).ravel(), np.broadcast_to(contract.lanes()[..., None], shape).ravel()
