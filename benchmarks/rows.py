"""Rows of the table of speed: workloads on engines, ready to run, their spikes those of the reference engine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import neuroproc
from benchmarks.lanes import CYCLES, lane_inputs
from benchmarks.lanes import play as play_lanes
from benchmarks.machine import Limit, cache_sizes, lane_limit, row_limit, scatter_limit, size_words
from benchmarks.workloads import LENET, WORKLOADS, Workload, shuffled
from compiler.schedule import fill_channels
from isa_spec.spikes import SpikeEvents
from neuroproc.kernels.lanes import LaneBatch
from neuroproc.kernels.lanes_vectors import LANES as N_LANES

STREAMS = {"a": "a", "b": "b", "c": "c", "c8": "c8", "d": "d", "e": "e", "e50": "e", "s": "s"}
"""Rows of one stream, and their workloads."""

STEPS = {"e50": 50}
"""Cycles in a call, where it is not all of them."""

LANES = {"d64": "d", "e64": "e"}
"""Rows of 64 streams, and their workloads."""

FOLDS = {
    "f-1x1": neuroproc.FoldPlan((1, 1)),
    "f-1x1-gated": neuroproc.FoldPlan((1, 1), gate=True),
    "f-1x1-turns": neuroproc.FoldPlan((1, 1)),
    "f-28x1": neuroproc.FoldPlan((28, 1)),
    "f-28x28": neuroproc.FoldPlan((28, 28)),
}
"""Rows of LeNet; channels take turns in the third."""

THREADS = (1, 2)
FRAMES = {"b": 50, "c": 1000, "c8": 1000}
"""Frames in a workload that has frames."""

IN_ROWS = ("b", "c", "c8")
"""Workloads whose neighbours among neurons have neighbours among their targets; all else is scattered."""

PREFIX = {"a": 40, "b": 3000, "c": 10, "c8": 10, "d": 60, "e": 3000, "e50": 3000, "s": 60, "d64": 20, "e64": 300}
"""Cycles that are compared with the reference engine: a few seconds of it."""

EVALUATED = 200
"""Frames whose decisions are compared with plain evaluation."""

PEAK = """
import sys, numpy as np, neuroproc
image, engine = neuroproc.load_image(sys.argv[1]), sys.argv[2]
if sys.argv[3].endswith(".npy"):
    neuroproc.classify(image, np.load(sys.argv[3]), engine=engine, threads=int(sys.argv[4]))
else:
    processor = neuroproc.Processor(image, engine)
    with np.load(sys.argv[3]) as events:
        processor.inject(neuroproc.SpikeEvents.of(events["cycle"], events["port"], events["value"]))
    processor.run(int(sys.argv[4]))
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""
"""Loads an image and runs it; prints the most memory that it had, in KiB. What a parent had does not count."""


class WrongSpikes(Exception):
    """An engine and the reference engine differ."""


@dataclass(frozen=True)
class Row:
    """What is timed.

    Parameters
    ----------
    name, engine : str
    threads : int
    workload : Workload
    operations, cycles : int
        In one call of `play`; synaptic operations.
    frames : int or None
    limit : Limit
        What it is measured against, with memory of its own size.
    limited : int
        Operations of that limit in one call.
    memory : float
        Most memory of a program that does nothing else, MiB.
    checked : str
        What was compared, in words.
    play : callable
        Runs; gives seconds.
    """

    name: str
    engine: str
    threads: int
    workload: Workload
    operations: int
    cycles: int
    frames: int | None
    limit: Limit
    limited: int
    memory: float
    checked: str
    play: Callable[[], float]


def stream_row(name: str, engine: str, quick: int, foreign: bool) -> Row:
    """A workload as one stream; `quick` times shorter, or with neurons numbered at random."""
    made = WORKLOADS[STREAMS[name]]()
    image, events, cycles = shuffled(made) if foreign else made
    cycles //= quick
    workload = Workload(image, events.window(0, cycles), cycles)
    step = STEPS.get(name, cycles)
    processor = neuroproc.Processor(image, engine)
    checked = check_stream(name, workload, processor.engine, min(PREFIX[name], cycles), step)

    def play() -> float:
        processor.reset()
        processor.inject(workload.events)
        begin = time.process_time()
        for _ in range(0, cycles, step):
            processor.run(step)
        return time.process_time() - begin

    play()
    operations = processor.counters.synaptic_operations
    limit = rows_limit(image) if name in IN_ROWS else ring_limit(image)
    frames = max(FRAMES[name] // quick, 1) if name in FRAMES else None
    memory = peak_memory(workload, processor.engine)
    return Row(
        name, processor.engine, 1, workload, operations, cycles, frames, limit, operations, memory, checked, play
    )


def lane_row(name: str, quick: int) -> Row:
    """64 streams of a workload in lockstep."""
    workload = WORKLOADS[LANES[name]]()
    cycles = max(CYCLES[LANES[name]] // quick, PREFIX[name])
    image, inputs = workload.image, lane_inputs(workload, cycles)
    checked = check_lanes(name, workload, inputs)
    batch = LaneBatch(image)

    def play() -> float:
        return play_lanes(batch, inputs, cycles)

    play()
    operations = int(batch.spike_count @ np.diff(image.row_start))
    limited = image.n_synapses * N_LANES * cycles
    memory = peak_memory(Workload(image, workload.events.window(0, cycles), cycles), "batch")
    return Row(
        name,
        "batch",
        1,
        workload,
        operations,
        cycles * N_LANES,
        None,
        masks_limit(),
        limited,
        memory,
        checked,
        play,
    )


def fold_rows(name: str, engine: str, frames: np.ndarray) -> Iterator[Row]:
    """LeNet at a fold, all frames back to back, on each number of threads."""
    network, spec = neuroproc.load_network(LENET), neuroproc.load_profile("np16")
    plan = fill_channels(network, spec, FOLDS[name]) if name.endswith("turns") else FOLDS[name]
    image = neuroproc.compile_network(network, spec, plan)
    assert image.latency is not None  # it was compiled from a network
    assert image.interval is not None
    few = frames[:2]
    encoded, start = neuroproc.encode_frames(image, few), image.start
    columns = zip(*((e.cycle, e.port, e.value) for e in (start, encoded)), strict=True)
    workload = Workload(image, SpikeEvents.of(*map(np.concatenate, columns)), image.latency + image.interval)
    expected = neuroproc.evaluate(network, frames[:EVALUATED])[network.layers[-1].name]
    for threads in THREADS:
        run = neuroproc.classify(image, frames, engine=engine, threads=threads)
        checked = check_stream(name, workload, run.engine, workload.cycles, workload.cycles)
        if not np.array_equal(run.outputs[:EVALUATED].reshape(expected.shape), expected):
            raise WrongSpikes(f"{name} on {threads} threads, engine {run.engine}: decisions differ from evaluation")
        checked += f"; decisions of {len(expected)} frames equal plain evaluation"

        def play(threads: int = threads, engine: str = run.engine) -> float:
            return neuroproc.classify(image, frames, engine=engine, threads=threads).seconds

        limit, limited = rows_limit(image), run.synaptic_operations
        if run.engine == "batch":
            limit, limited = masks_limit(), image.n_synapses * run.cycles
        memory = peak_memory(workload, run.engine, frames, threads)
        words = f"{name}, {threads} threads" if threads > 1 else name
        yield Row(
            words, run.engine, threads, workload, run.synaptic_operations, run.cycles, len(frames), limit,
            limited, memory, checked, play,
        )  # fmt: skip


def ring_limit(image: neuroproc.ProcessorImage) -> Limit:
    """Single weights added to a ring of 16-bit numbers that is as large as the image's, as many to a spike."""
    n_bytes = 2 * image.n_neurons * (image.max_delay + 1)
    per_spike = max(image.n_synapses // image.n_neurons, 1)
    return scatter_limit(f"{size_words(n_bytes)}, {per_spike} a spike", n_bytes, image.n_synapses, per_spike)


def rows_limit(image: neuroproc.ProcessorImage) -> Limit:
    """Rows of weights, one byte for each synapse of the image."""
    return row_limit(size_words(image.n_synapses), image.n_synapses)


def masks_limit() -> Limit:
    """Weights added in lanes, with masks in L1: units of one layer look at the same masks, one after the other."""
    return lane_limit("L1", cache_sizes()["L1"] // 2)


def spikes_of(workload: Workload, engine: str, cycles: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Cycle and neuron of every spike of the first cycles, run so many at a time."""
    probe = neuroproc.SpikeProbe(capacity=10**9)
    processor = neuroproc.Processor(workload.image, engine, [probe])
    processor.inject(workload.events.window(0, cycles))
    for first in range(0, cycles, step):
        processor.run(min(step, cycles - first))
    return probe.events()


def check_stream(name: str, workload: Workload, engine: str, cycles: int, step: int) -> str:
    """Compare an engine with the reference engine; what was compared, in words.

    Raises
    ------
    WrongSpikes
        If a spike is missing, or is too many, or is in another cycle.
    """
    expected = spikes_of(workload, "reference", cycles, cycles)
    found = spikes_of(workload, engine, cycles, step)
    if not all(map(np.array_equal, expected, found)):
        raise WrongSpikes(
            f"{name}, engine {engine}: spikes of the first {cycles} cycles are not those of the reference engine"
        )
    return f"{len(expected[0]):,} spikes of {cycles:,} cycles are those of the reference engine, cycle by cycle"


def check_lanes(name: str, workload: Workload, inputs: tuple[np.ndarray, ...]) -> str:
    """Compare every lane with the reference engine; what was compared, in words.

    Raises
    ------
    WrongSpikes
        If any lane has other spikes, or in other cycles.
    """
    image, cycles = workload.image, PREFIX[name]
    batch = LaneBatch(image)
    batch.watch(np.full(image.n_neurons, ~np.uint64(0)))
    inputs = tuple(column[: inputs[0].searchsorted(cycles)] for column in inputs)
    logs = []
    while batch.cycle < cycles:
        logs.append(batch.run(cycles, *(column[inputs[0].searchsorted(batch.cycle) :] for column in inputs)))
    cycle, neuron, lanes = (np.concatenate(column) for column in zip(*logs, strict=True))
    port_of = {port.neuron: number for number, port in enumerate(image.inputs)}
    port = np.array([port_of[n] for n in inputs[1].tolist()], np.int64)
    n_spikes = 0
    for lane in range(N_LANES):
        mine, given = ((mask >> np.uint64(lane) & np.uint64(1)).astype(bool) for mask in (lanes, inputs[3]))
        events = SpikeEvents.of(inputs[0][given], port[given], inputs[2][given])
        expected = spikes_of(Workload(image, events, cycles), "reference", cycles, cycles)
        if not all(map(np.array_equal, expected, (cycle[mine], neuron[mine]))):
            raise WrongSpikes(f"{name}, lane {lane}: spikes of the first {cycles} cycles are not the reference's")
        n_spikes += len(expected[0])
    return f"{n_spikes:,} spikes of {cycles:,} cycles in 64 lanes are those of the reference engine, cycle by cycle"


def peak_memory(workload: Workload, engine: str, frames: np.ndarray | None = None, threads: int = 1) -> float:
    """Most memory, in MiB, of a program that loads the image and runs the workload, or classifies frames."""
    with tempfile.TemporaryDirectory() as folder:
        image_file, events_file = Path(folder, "image.npi"), Path(folder, "events.npz")
        neuroproc.save_image(image_file, workload.image)
        last: list[str | Path] = [events_file, str(workload.cycles)]
        if frames is None:
            events = workload.events
            np.savez(events_file, cycle=events.cycle, port=events.port, value=events.value)
        else:
            last = [Path(folder, "frames.npy"), str(threads)]
            np.save(last[0], frames)
        root = str(Path(__file__).resolve().parents[1])
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{PEAK}"]
        done = subprocess.run([*command, image_file, engine, *last], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024
