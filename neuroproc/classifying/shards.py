"""Sets of frames over many processes or machines: shards of one stream, with the answer and the counts of the whole.

A shard is a stretch as threads have them (`neuroproc.classifying.stretches`): it begins some frames early, and what it
then holds is compared with what the shard before it ends with. Where they differ, it is run again, from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, as_completed
from pathlib import Path

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from neuroproc.classifying.classification import Classification, check_request, conclude
from neuroproc.classifying.crossover import lanes_are_faster
from neuroproc.classifying.frame_stream import FrameStream, Part
from neuroproc.classifying.lane_stretches import lane_jobs
from neuroproc.classifying.shard_files import Shard, frames_digest, load_shard, save_shard
from neuroproc.classifying.stretches import cut, join, processor_jobs, run_again, run_side_by_side, same, tally
from neuroproc.processor import Processor
from neuroproc.state import ProcessorState


def classify_shards(
    image: ProcessorImage,
    frames: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    executor: Executor,
    n_shards: int,
    folder: str | Path | None = None,
    engine: str = "auto",
    threads: int | None = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Classification:
    """What `classify` gives, in every decision and every count, from shards that run wherever the executor says.

    Parameters
    ----------
    image : ProcessorImage
    frames : int[n_frames, C, H, W]; C and W may be missing where they are 1
    labels : int[n_frames], optional
    executor : concurrent.futures.Executor
        For example a `ProcessPoolExecutor`, or ``client.get_executor()`` of Dask.
    n_shards : int
        Most shards; each takes some frames more than its own, to fill the pipeline.
    folder : path, optional
        Where each shard's result is kept as soon as it is there; what is found there is not run again.
    engine : str
        As for `classify`.
    threads : int
        Of each shard; None: as many as this machine has cores.
    progress : callable, optional
        Called with the frames of the shards that are done, and all frames.

    Raises
    ------
    EmulationError
        As `classify`, or if there is no such number of shards.
    FormatError
        If the frames do not fit, or the folder has shards of other frames or of another image.
    NeuroprocError
        If the folder cannot be written to.
    """
    frames, threads = check_request(image, frames, labels, threads)
    if n_shards < 1:
        raise EmulationError(f"n_shards = {n_shards}, allowed: 1 and above")
    begin = time.perf_counter()
    stream = FrameStream(image, frames)
    if engine == "auto":
        faster = lanes_are_faster(stream, n_shards * threads, Processor(image, "event"))
        engine = "batch" if faster else "event"
    stretches = cut(stream, n_shards)
    store = _Store(stream, frames, folder, len(stretches))
    shards = {number: shard for number in range(len(stretches)) if (shard := store.get(number, stretches[number]))}

    def show() -> None:
        if progress:
            done = sum(min(shard.end, len(frames)) - min(shard.begin, len(frames)) for shard in shards.values())
            progress(done, len(frames))

    def submit(number: int, state: ProcessorState | None = None) -> Future[Shard]:
        part, first = _part(stream, *stretches[number])
        return executor.submit(run_shard, image, frames[first : part.end], part, engine, threads, state)

    show()
    waiting = {submit(number): number for number in range(len(stretches)) if number not in shards}

    def keep(future: Future[Shard]) -> None:
        number = waiting[future]
        shards[number] = future.result()
        store.put(number, shards[number])

    try:
        for future in as_completed(waiting):
            keep(future)
            show()
    except BaseException:
        # Whatever went wrong with one, what has come of others is kept.
        for future, number in waiting.items():
            if not future.cancel() and future.done() and number not in shards and future.exception() is None:
                keep(future)
        raise
    for number in range(1, len(stretches)):
        state = shards[number - 1].after
        if not same(state, shards[number].before):
            shards[number] = submit(number, state).result()
            store.put(number, shards[number])
    parts = (shards[number] for number in sorted(shards))
    seen, counts = tally(stream, ((shard.spike_count, [shard.seen]) for shard in parts), 0, len(frames))
    return conclude(stream, seen, counts, labels, begin, engine, threads)


def run_shard(
    image: ProcessorImage,
    frames: np.ndarray,
    part: Part,
    engine: str,
    threads: int,
    state: ProcessorState | None = None,
) -> Shard:
    """What a worker does: run a part of a stream, with its warm-up, or from a state that is known.

    Parameters
    ----------
    image : ProcessorImage
    frames : int[n_frames, C, H, W]
        Those from ``part.first`` on.
    part : Part
    engine : str
        As for `Processor`.
    threads : int
    state : ProcessorState, optional
        At the begin of the part.
    """
    stream = FrameStream(image, frames, part)
    if state is not None:
        spans = [run_again(stream, part.begin, part.end, state)]
    else:
        jobs = lane_jobs(stream, threads) if engine == "batch" else processor_jobs(stream, engine, threads)
        spans = list(join(stream, run_side_by_side(jobs, lambda intervals: None)))
    # Frames that entered before are decided within.
    first = max(part.begin - stream.depth, 0)
    n_frames = max(min(part.end, part.n_frames) - first, 0)
    seen, counts = tally(stream, ((span.spike_count, span.seen) for span in spans), first, n_frames)
    return Shard(part.begin, part.end, spans[0].before(), spans[-1].after(), counts, seen)


def _part(stream: FrameStream, begin: int, end: int) -> tuple[Part, int]:
    """A stretch as a part of the stream, and the number of the first frame that it needs."""
    # The first cycles of the warm-up may hear the end of a frame that began before them.
    late = stream.contract.last_cycle // stream.interval
    first = min(max(begin - stream.warm_up - late, 0), stream.n_frames)
    return Part(stream.n_frames, first, begin, end), first


class _Store:
    """Shards of a stream in a folder; without one, nothing is kept."""

    def __init__(self, stream: FrameStream, frames: np.ndarray, folder: str | Path | None, n_shards: int) -> None:
        self._image, self._n_shards = stream.digest, n_shards
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None:
            self._frames = frames_digest(frames)
            self._folder.mkdir(parents=True, exist_ok=True)

    def _path(self, folder: Path, number: int) -> Path:
        return folder / f"shard-{number + 1}-of-{self._n_shards}.npz"

    def get(self, number: int, stretch: tuple[int, int]) -> Shard | None:
        """A shard if it is there."""
        if self._folder is None or not self._path(self._folder, number).exists():
            return None
        return load_shard(self._path(self._folder, number), self._image, self._frames)

    def put(self, number: int, shard: Shard) -> None:
        """Keep a shard."""
        if self._folder is not None:
            save_shard(self._path(self._folder, number), shard, self._frames)
