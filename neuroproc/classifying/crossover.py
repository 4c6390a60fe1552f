"""Which engine runs a set of frames faster: a few frames are tried, the rest is arithmetic.

The event engine does work for every spike; the lanes for every synapse in every cycle, but for 64 frames at once. So it
is the share of synapses that carry a spike in a cycle that decides, and whether there are enough frames to fill lanes.

    python benchmarks/crossover.py

prints the table that the constants below are from: frames per second on one core of an AMD EPYC (Zen 4, shared), and
how much longer than the faster engine the one takes that is chosen here.

    network, unroll           synapses  cycles/frame   carry    event    batch   lost
    digits, 8x8                 21,104             2   22.8%  134,388  503,883     0%
    digits, 8x1                  9,950            18   15.1%   91,704  268,826     0%
    digits, 2x2                  7,282            50   20.6%   51,903  168,895     0%
    digits, 1x1                  7,087           162   14.0%   23,742   62,329     0%
    lenet, 28x28               986,483             2   22.5%   12,488   33,539     0%
    lenet, 28x1                164,691            56   20.4%    6,882    9,743     0%
    lenet, 4x4                 117,123            98   17.8%    5,840    8,033     0%
    lenet, 1x1                  78,687         1,568   18.4%      539      554     0%
    dense 128, 28x28           118,283             2    8.6%   38,656  194,789     0%
    dense 128, 28x1            118,283            56    8.7%   26,393   14,541     0%
    dense 1024, 28x28        1,863,691             2   11.0%   34,880   17,425     0%
    dense 1024, 28x1         1,863,691            56   11.0%    3,029      734     0%
    convolution, 28x1          736,651            56    7.8%    4,830    1,958     0%
    convolution, 4x4           619,019            98    6.3%    2,330    1,110     0%
"""

from __future__ import annotations

import math

import numpy as np

from neuroproc.classifying.frame_stream import FrameStream
from neuroproc.classifying.lane_stretches import LANES, lane_jobs
from neuroproc.classifying.stretches import Job, Span, processor_jobs
from neuroproc.processor import Processor

TRIED = 4
"""Intervals in which spikes are counted."""

FRAME = 4.0
CYCLE = 0.15
OPERATION, OPERATION_IN_ROW = 1.2e-4, 0.6e-4
"""Microseconds of the event engine: for a frame, a cycle, and a synaptic operation, by whether many are in a row."""

ROW = 50
"""Neighbours among the targets of a source that are many."""

LANE_FRAME = 1.5
LANE_NEURON, LANE_SYNAPSE = 4.5e-3, 0.6e-3
"""Microseconds of the lanes: for a frame; and for a neuron and a synapse in a cycle of 64 frames."""


def faster_jobs(stream: FrameStream, threads: int) -> tuple[str, list[Job[Span]]]:
    """Name of the engine that is faster for a stream, and its jobs."""
    processor = Processor(stream.image, "event")
    if lanes_are_faster(stream, threads, processor):
        return "batch", lane_jobs(stream, threads)
    return "event", processor_jobs(stream, "event", threads, processor)


def lanes_are_faster(stream: FrameStream, threads: int, processor: Processor) -> bool:
    """Whether it is the lanes that run a whole stream faster; the processor tries some frames."""
    # Below this, lanes could not make up for their warm-up.
    enough = stream.intervals > 2 * stream.warm_up + TRIED
    return enough and lane_time(stream, threads) < event_time(stream, threads, operations(processor, stream))


def operations(processor: Processor, stream: FrameStream) -> float:
    """Synaptic operations of an interval, in the first that are full."""
    begin, end = stream.warm_up * stream.interval, (stream.warm_up + TRIED) * stream.interval
    processor.reset()
    processor.inject(stream.image.start)
    processor.inject(stream.events(0, end))
    processor.run(begin)
    before = processor.counters.synaptic_operations
    processor.run(end - begin)
    return (processor.counters.synaptic_operations - before) / TRIED


def event_time(stream: FrameStream, threads: int, operations: float) -> float:
    """Microseconds that the event engine takes."""
    image = stream.image
    source, target = image.source(), image.target
    neighbours = (np.diff(target) == 1) & (np.diff(source) == 0) & (np.diff(image.delay) == 0)
    in_row = image.n_synapses / (image.n_synapses - np.count_nonzero(neighbours)) >= ROW if image.n_synapses else False
    interval = FRAME + CYCLE * stream.interval + operations * (OPERATION_IN_ROW if in_row else OPERATION)
    return stream.intervals / threads * interval


def lane_time(stream: FrameStream, threads: int) -> float:
    """Microseconds that the lanes take; beyond all bounds if their history does."""
    from neuroproc.kernels.lanes_tables import history_fits  # late, as in `make_engine`

    image = stream.image
    if not history_fits(image):
        return math.inf
    cycle = LANE_NEURON * image.n_neurons + LANE_SYNAPSE * image.n_synapses
    steps = stream.warm_up + math.ceil(stream.intervals / (LANES * threads))
    return steps * stream.interval * cycle + LANE_FRAME * stream.intervals / threads
