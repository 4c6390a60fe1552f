"""A stream of frames, cut in stretches that run at the same time, with the answer and the counts of the whole.

Frames follow each other at the initiation interval. A stretch begins some intervals early, to fill the pipeline, and
counts from its own cycle on. What it then holds must be what the stretch before it ends with, in potentials and charge
under way; if it is not, the stretch is run again, from there. So cuts change time, never a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from isa_spec.image import ProcessorImage
from neuroproc.classifying.frame_stream import FrameStream
from neuroproc.classifying.host import MapReader, PotentialReader
from neuroproc.probe import Probe
from neuroproc.processor import Processor
from neuroproc.state import ProcessorState

CHUNK_CYCLES = 100_000
"""About how many cycles run between two looks at the output: bounds memory, changes nothing else."""

LOOK = 0.1
"""Seconds between two looks at how far threads are."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What the last layer said about some frames in a row.

    Parameters
    ----------
    first : int
        Number of the first of them.
    trains : uint8[n_frames, levels, C, H, W]
    potentials : int64[n_frames, n_values] or None, potential units
        After the last step; None where nobody wants them.
    """

    first: int
    trains: np.ndarray
    potentials: np.ndarray | None


class _Looks(Probe):
    """Hands the potentials of an image's outputs to a reader, whose clock the processor's is ahead of."""

    def __init__(self, image: ProcessorImage, reader: PotentialReader, ahead: int) -> None:
        super().__init__([port.neuron for port in image.outputs])
        self._reader, self._ahead = reader, ahead

    def next_sample(self, cycle: int) -> int:
        """First cycle from `cycle` on after which a value is complete."""
        return self._reader.next_look(cycle - self._ahead) + self._ahead

    def take_potentials(self, cycle: int, potential: np.ndarray) -> None:
        """Take the potentials after a cycle: int64[n_neurons]."""
        self._reader.read(cycle - self._ahead, potential[self.neurons])


@dataclass(frozen=True, eq=False)
class Span:
    """One stretch, or several in a row, that ran.

    Parameters
    ----------
    begin, end : int
        Intervals of the stream.
    before, after : callable
        Give the `ProcessorState` at its begin and its end; their clocks may be any.
    whole : bool
        Whether its own stretches join without a gap.
    spike_count : int64[n_neurons]
    seen : list of Seen
        What was seen of frames; the stream may not have all of these frames.
    """

    begin: int
    end: int
    before: Callable[[], ProcessorState]
    after: Callable[[], ProcessorState]
    whole: bool
    spike_count: np.ndarray
    seen: list[Seen]


Report = Callable[[int], None]
"""Called with what was done since the last call, of stretches in intervals."""

Result = TypeVar("Result")
Job = Callable[[Report], Result]
"""Runs some part, mostly stretches, in one thread."""


def run_span(processor: Processor, stream: FrameStream, begin: int, end: int, report: Report) -> Span:
    """Run the intervals ``begin`` .. ``end - 1`` of a stream, after enough of those before."""
    first = max(begin - stream.warm_up, 0)
    processor.reset()
    processor.inject(stream.image.start)
    clock = -first * stream.interval
    processor.inject(stream.events(-clock, begin * stream.interval).shifted(clock))
    processor.run(begin * stream.interval + clock)
    return _go_on(processor, stream, begin, end, clock, report)


def _go_on(processor: Processor, stream: FrameStream, begin: int, end: int, clock: int, report: Report) -> Span:
    """Run a processor whose clock is ahead of the stream's by `clock`, and that is at the begin of an interval."""
    interval = stream.interval
    before, spikes_before = processor.state(), processor.spike_counts
    # Frames that entered before are decided within.
    first = max(begin - stream.depth, 0)
    n_frames = max(min(end, stream.n_frames) - first, 0)
    reader, potentials = MapReader(stream.output, n_frames), stream.potential_reader(n_frames)
    if potentials is not None:
        processor.attach(_Looks(stream.image, potentials, clock + first * interval))
    chunk = max(1, CHUNK_CYCLES // interval)
    for at in range(begin, end, chunk):
        to = min(at + chunk, end)
        until = min(to * interval, stream.cycles)
        processor.inject(stream.events(at * interval, until).shifted(clock))
        spikes = processor.run(until + clock - processor.cycle)
        reader.read(spikes.cycle - clock - first * interval, spikes.port)
        report(to - at)
    counts = processor.spike_counts - spikes_before
    after = processor.state()
    seen = Seen(first, reader.trains, None if potentials is None else potentials.potentials)
    return Span(begin, end, lambda: before, lambda: after, True, counts, [seen])


def cut(stream: FrameStream, pieces: int) -> list[tuple[int, int]]:
    """About so many stretches, from and to an interval; all but the last have one length."""
    length = -(-(stream.end - stream.begin) // pieces)
    return [(begin, min(begin + length, stream.end)) for begin in range(stream.begin, stream.end, length)]


def same(one: ProcessorState, other: ProcessorState) -> bool:
    """Whether two states of one image differ in nothing but their clock."""
    pairs = (
        (one.potential, other.potential),
        (one.slope, other.slope),
        (one.spent, other.spent),
        (one.due, other.due),
        (one.pending.ahead, other.pending.ahead),
        (one.pending.neuron, other.pending.neuron),
        (one.pending.charge, other.pending.charge),
        (one.pending.kind, other.pending.kind),
    )
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


def join(stream: FrameStream, spans: Sequence[Span]) -> Iterator[Span]:
    """Spans of a stream that begin where the one before ends; those that do not are run again, as one.

    Parameters
    ----------
    stream : FrameStream
    spans : sequence of Span
        In order.
    """
    last = None
    for span in spans:
        if not span.whole or (last and not same(last.after(), span.before())):
            span = run_again(stream, span.begin, span.end, last.after() if last else span.before())
        last = span
        yield span


def run_again(stream: FrameStream, begin: int, end: int, state: ProcessorState) -> Span:
    """Intervals from the state that they begin with, in one piece."""
    processor = Processor(stream.image)
    processor.restore(state)
    clock = state.cycle - begin * stream.interval
    return _go_on(processor, stream, begin, end, clock, lambda intervals: None)


def tally(
    stream: FrameStream, spans: Iterable[tuple[np.ndarray, Iterable[Seen]]], first: int, n_frames: int
) -> tuple[Seen, np.ndarray]:
    """What spans that follow each other saw of some frames, and the spikes of each neuron: int64[n_neurons].

    Parameters
    ----------
    stream : FrameStream
    spans : iterable of (int64[n_neurons], iterable of Seen)
        Spikes of each neuron, and what was seen, of each span.
    first, n_frames : int
        Which frames.
    """
    trains = np.zeros((n_frames, *stream.output_shape), np.uint8)
    potentials = np.zeros((n_frames, stream.output.n_values), np.int64)
    counts = np.zeros(stream.image.n_neurons, np.int64)
    for spike_count, seen_parts in spans:
        counts += spike_count
        for part in seen_parts:
            begin = part.first - first
            seen = slice(max(begin, 0), min(begin + len(part.trains), n_frames))
            own = slice(seen.start - begin, seen.stop - begin)
            # A frame may be seen by two spans, each of which saw some of it.
            trains[seen] += part.trains[own]
            if part.potentials is not None:
                potentials[seen] += part.potentials[own]
    return Seen(first, trains, potentials), counts


def processor_jobs(stream: FrameStream, engine: str, threads: int, first: Processor | None = None) -> list[Job[Span]]:
    """A stretch for each thread, each with a processor of its own, as many as are worth their warm-up.

    Parameters
    ----------
    stream : FrameStream
    engine : str
        As for `Processor`.
    threads : int
    first : Processor, optional
        One that is there already.
    """
    # In plain Python, threads would only wait for each other.
    worth = 1 if engine == "reference" else (stream.end - stream.begin) // (2 * stream.warm_up)
    pieces = max(min(threads, worth), 1)
    stretches = cut(stream, pieces)
    processors = [first or Processor(stream.image, engine)]
    processors += [Processor(stream.image, engine) for _ in stretches[1:]]
    return [
        partial(run_span, processor, stream, begin, end)
        for processor, (begin, end) in zip(processors, stretches, strict=True)
    ]


class Stopped(Exception):
    """Raised in threads whose result nobody waits for any more."""


def run_side_by_side(jobs: Sequence[Job[Result]], progress: Callable[[int], None]) -> list[Result]:
    """Results of all jobs, each in a thread of its own; a single one in this thread.

    Parameters
    ----------
    jobs : sequence of Job
    progress : callable
        Called now and then with what is done so far, in the unit that the jobs report.
    """
    done = [0] * len(jobs)
    stop = False

    def report_of(number: int) -> Report:
        def report(more: int) -> None:
            if stop:
                raise Stopped
            done[number] += more
            if len(jobs) == 1:
                progress(done[0])

        return report

    if len(jobs) == 1:
        return [jobs[0](report_of(0))]
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(job, report_of(number)) for number, job in enumerate(jobs)]
        try:
            waiting = set(futures)
            while waiting:
                finished, waiting = wait(waiting, LOOK, FIRST_EXCEPTION)
                for future in finished:
                    future.result()
                if waiting:
                    progress(sum(done))
        finally:
            # After an error, or an interrupt, the others come to an end at their next report.
            stop = True
    return [future.result() for future in futures]
