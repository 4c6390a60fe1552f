"""Frames over threads and lanes: the same decisions and counts however their stream is cut."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from compiler_helpers import random_case

import neuroproc
from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import ROLES, ProcessorImage
from neuroproc.classifying import crossover, lane_stretches, stretches
from neuroproc.classifying.classification import Classification, classify
from neuroproc.classifying.frame_stream import FrameStream
from neuroproc.classifying.host import MapReader, encode_frames
from neuroproc.classifying.stretches import Span, run_side_by_side
from neuroproc.processor import Processor
from neuroproc.state import ProcessorState

DATA = Path(neuroproc.__file__).parent / "data"
FRAMES = DATA / "digits_frames.npz"
WAYS = [("reference", 3), ("event", 1), ("event", 2), ("event", 7), ("batch", 1), ("batch", 2)]


def compiled(seed: int, n_frames: int) -> tuple[ProcessorImage, np.ndarray]:
    """A random network's image, and frames for it."""
    network, spec, plan, frames = random_case(seed, n_frames)
    return neuroproc.compile_network(network, spec, plan), frames


Run = tuple[np.ndarray, np.ndarray, int, int, int]


def one_stream(image: ProcessorImage, frames: np.ndarray) -> Run:
    """Outputs, spikes by neuron, cycles, spikes, synaptic operations of all frames in one reference run."""
    assert image.latency is not None
    assert image.interval is not None
    processor = Processor(image, "reference")
    processor.inject(image.start)
    processor.inject(encode_frames(image, frames))
    spikes = processor.run(image.latency + (len(frames) - 1) * image.interval)
    output = image.layers[-1].contract
    assert output is not None
    reader = MapReader(output, len(frames))
    reader.read(spikes.cycle, spikes.port)
    counters = processor.counters
    counts = (counters.cycles, counters.spikes, counters.synaptic_operations)
    return (reader.trains.sum(axis=1), processor.spike_counts, *counts)


def agree(found: Classification, right: Run) -> None:
    assert np.array_equal(found.outputs, right[0])
    assert found.spike_count.dtype == np.int64
    assert np.array_equal(found.spike_count, right[1])
    assert (found.cycles, found.spikes, found.synaptic_operations) == right[2:]


@pytest.fixture
def run_again(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Spans that had to be run again."""
    spans: list[tuple[int, int]] = []
    original = stretches.run_again

    def watched(stream: FrameStream, begin: int, end: int, state: ProcessorState) -> Span:
        spans.append((begin, end))
        return original(stream, begin, end, state)

    monkeypatch.setattr(stretches, "run_again", watched)
    return spans


@pytest.mark.metamorphic
@pytest.mark.parametrize("seed", range(12))
def test_a_compiled_network_is_cut_anywhere_and_nothing_is_run_again(
    seed: int, run_again: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    n_frames = int(rng.choice([1, 2, 9, 80]))
    image, frames = compiled(seed, n_frames)
    right = one_stream(image, frames)
    # Small chunks and blocks have more seams.
    monkeypatch.setattr(stretches, "CHUNK_CYCLES", int(rng.choice([1, 100_000])))
    monkeypatch.setattr(lane_stretches, "BLOCK_SPIKES", int(rng.choice([1, 2**22])))
    for engine, threads in WAYS:
        found = classify(image, frames, engine=engine, threads=threads)
        agree(found, right)
        assert found.engine == engine
        assert 1 <= found.threads <= threads
    assert not run_again


def shipped(unroll: tuple[int, int]) -> ProcessorImage:
    """The shipped network."""
    network = neuroproc.load_network(DATA / "digits.json")
    return neuroproc.compile_network(network, neuroproc.load_profile("np16"), neuroproc.FoldPlan(unroll))


def never_cleared(image: ProcessorImage) -> ProcessorImage:
    """An image without its clears: what is left of a frame is there for ever."""
    clock = image.role == ROLES.index("clock")
    weight = np.where(clock[image.source()] & (image.weight < 0), 0, image.weight)
    return dataclasses.replace(image, weight=weight.astype(np.int32))


def with_a_beat(image: ProcessorImage) -> ProcessorImage:
    """An image with a neuron that fires with every fifth spike of a clock, and is heard at the outputs."""
    source, outputs = image.source(), [port.neuron for port in image.outputs]
    clock, beat = image.inputs[int(image.start.port[0])].neuron, image.n_neurons
    more = build_image(
        image.spec,
        np.append(image.threshold, 5),
        np.concatenate([source, [clock], np.full(len(outputs), beat)]),
        np.concatenate([image.target, [beat], outputs]),
        np.concatenate([image.weight, [1], np.full(len(outputs), 1)]),
        np.concatenate([image.delay, [1], np.full(len(outputs), 1)]),
        image.inputs,
        image.outputs,
    )
    names = ("threshold", "row_start", "target", "weight", "delay", "leaks", "once", "group", "kind")
    arrays = {name: getattr(more, name) for name in names}
    role, layer = np.append(image.role, 1).astype(np.uint8), np.append(image.layer, 0).astype(np.int16)
    return dataclasses.replace(image, **arrays, role=role, layer=layer)


@pytest.mark.metamorphic
@pytest.mark.parametrize("change", [never_cleared, with_a_beat])
@pytest.mark.parametrize("engine", ["event", "batch"])
@pytest.mark.parametrize("threads", [2, 3])
def test_a_network_that_does_not_forget_is_run_again_from_where_it_was(
    change: Callable[[ProcessorImage], ProcessorImage], engine: str, threads: int, run_again: list[tuple[int, int]]
) -> None:
    image, frames = change(shipped((8, 8))), neuroproc.read_frames(FRAMES)[:120]
    right = one_stream(image, frames)
    found = classify(image, frames, engine=engine, threads=threads)
    agree(found, right)
    assert found.threads > 1
    # Of groups of lanes, even the first is cut; of stretches, the first is always right.
    assert found.threads - (engine == "event") >= len(run_again) >= 1


def test_as_many_threads_as_cores_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    image, frames = compiled(3, 80)
    for cores in (1, 3):
        monkeypatch.setattr("neuroproc.classifying.classification.available_cores", lambda cores=cores: cores)
        assert classify(image, frames, engine="event").threads == cores
    assert classify(image, frames, engine="event", threads=2).threads == 2
    # No more than are worth it.
    assert classify(image, frames[:3], engine="event", threads=50).threads == 1


@pytest.mark.error
@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads(threads: int) -> None:
    image, frames = compiled(3, 2)
    with pytest.raises(EmulationError, match=f"threads = {threads}, allowed: 1 and above"):
        classify(image, frames, threads=threads)


@pytest.mark.error
def test_more_cycles_than_a_processor_can_run() -> None:
    image, frames = compiled(3, 2)
    with pytest.raises(EmulationError, match=r"2 frames take \d+ cycles, allowed 4611686018427387904: latency 46116"):
        classify(dataclasses.replace(image, latency=2**62), frames)


@pytest.mark.error
def test_unknown_engine() -> None:
    image, frames = compiled(3, 2)
    with pytest.raises(EmulationError, match="engine 'fast' is unknown"):
        classify(image, frames, engine="fast")


def test_auto_takes_lanes_if_there_are_frames_to_fill_them() -> None:
    image, frames = shipped((8, 8)), neuroproc.read_frames(FRAMES)
    right = classify(image, frames, engine="event", threads=1)
    for n_frames, engine in ((360, "batch"), (4, "event"), (1, "event")):
        found = classify(image, frames[:n_frames], threads=1)
        assert found.engine == engine
        assert np.array_equal(found.outputs, right.outputs[:n_frames])
    assert found.threads == 1


@pytest.mark.parametrize(("operations", "engine"), [(0.0, "event"), (4e5, "batch")])
def test_auto_takes_the_event_engine_where_hardly_a_synapse_carries_a_spike(
    operations: float, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossover, "operations", lambda processor, stream: operations)
    image, frames = shipped((1, 1)), neuroproc.read_frames(FRAMES)[:100]
    assert classify(image, frames, threads=1).engine == engine
    stream = FrameStream(image, frames)
    assert crossover.lane_time(stream, 2) < crossover.lane_time(stream, 1)


def test_auto_takes_the_event_engine_where_lanes_would_need_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    image, frames = shipped((8, 8)), neuroproc.read_frames(FRAMES)
    monkeypatch.setattr("neuroproc.kernels.lanes_tables.HISTORY_BYTES", 1000)
    assert classify(image, frames, threads=1).engine == "event"
    with pytest.raises(EmulationError, match="engine 'batch' would keep"):
        classify(image, frames, engine="batch")


def test_operations_are_those_of_full_intervals() -> None:
    image, frames = shipped((1, 1)), neuroproc.read_frames(FRAMES)[:20]
    same = np.broadcast_to(frames[:1], frames.shape)
    stream = FrameStream(image, same)
    whole = [classify(image, same[:count], engine="event", threads=1).synaptic_operations for count in (10, 11)]
    assert crossover.operations(Processor(image, "event"), stream) == whole[1] - whole[0]


@pytest.mark.parametrize("engine", ["event", "batch"])
def test_progress_ends_with_all_frames_and_never_goes_back(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "LOOK", 0.0)
    monkeypatch.setattr(stretches, "CHUNK_CYCLES", 1)
    monkeypatch.setattr(lane_stretches, "BLOCK_SPIKES", 1)
    image, frames = compiled(3, 80)
    seen: list[tuple[int, int]] = []
    classify(image, frames, engine=engine, threads=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (80, 80)
    assert [done for done, _ in seen].count(80) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupt_ends_all_threads(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "LOOK", 0.01)
    ended = []

    def endless(report: Callable[[int], None]) -> Span:
        try:
            while True:
                time.sleep(0.001)
                report(1)
        finally:
            ended.append(threading.get_ident())

    def interrupt(done: int) -> None:
        raise error

    with pytest.raises(error):
        run_side_by_side([endless, endless], interrupt)
    assert len(ended) == 2


def test_an_error_in_a_thread_is_raised_and_ends_the_others() -> None:
    ended = []

    def endless(report: Callable[[int], None]) -> Span:
        try:
            while True:
                time.sleep(0.001)
                report(1)
        finally:
            ended.append(True)

    def broken(report: Callable[[int], None]) -> Span:
        raise EmulationError("broken")

    with pytest.raises(EmulationError, match="broken"):
        run_side_by_side([endless, broken], lambda done: None)
    assert ended == [True]
