"""Workloads for speed: a processor image, its input and a number of cycles, the same for the same seed.

Every workload is a function of a seed. `WORKLOADS` names them; what each is like is said in its docstring. Synaptic
operations are counted on the image as it is built here, whatever an engine makes of it.

    python benchmarks/workloads.py          print size, firing rate and synaptic operations of each
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import neuroproc
from isa_spec.building import build_image
from isa_spec.image import Port, ProcessorImage
from isa_spec.spec import ProcessorSpec, load_profile
from isa_spec.spikes import SpikeEvents
from neuroproc.classifying.host import encode_frames

LENET = Path(__file__).resolve().parents[1] / "examples" / "lenet" / "lenet.json"


class Workload(NamedTuple):
    """What to run.

    Parameters
    ----------
    image : ProcessorImage
    events : SpikeEvents
        All the input.
    cycles : int
    """

    image: ProcessorImage
    events: SpikeEvents
    cycles: int


def recurrent(
    seed: int, n_neurons: int, fan_out: int, cycles: int, inhibition: float, drive: float, n_ports: int
) -> Workload:
    """Random network of profile risp7: every neuron has `fan_out` targets, weights to 7, delays 1..15.

    Parameters
    ----------
    seed : int
    n_neurons, fan_out, cycles : int
    inhibition : float
        Share of synapses below 0.
    drive : float
        Share of input ports that get the largest charge in a cycle.
    n_ports : int
        The first neurons, one port each.
    """
    rng = np.random.default_rng(seed)
    spec = load_profile("risp7")
    source = np.repeat(np.arange(n_neurons), fan_out)
    # Distinct targets of each source: a random start and distinct steps from it.
    step = np.argpartition(rng.random((n_neurons, 4 * fan_out), np.float32), fan_out, axis=1)[:, :fan_out]
    stretch = n_neurons // (4 * fan_out)
    within = rng.integers(0, stretch, step.shape) if stretch else np.zeros_like(step)
    if not stretch:
        step = np.argsort(rng.random((n_neurons, n_neurons)), axis=1)[:, :fan_out]
    target = (step * max(stretch, 1) + within).ravel()
    weight = rng.integers(1, 8, len(source)) * np.where(rng.random(len(source)) < inhibition, -1, 1)
    delay = rng.integers(1, 16, len(source))
    ports = [Port(f"in{n}", n) for n in range(n_ports)]
    image = build_image(spec, np.full(n_neurons, 7), source, target, weight, delay, ports, [Port("out", n_neurons - 1)])
    cycle, port = np.nonzero(rng.random((cycles, n_ports), np.float32) < drive)
    return Workload(image, SpikeEvents.of(cycle, port, 7), cycles)


def workload_a(seed: int = 1) -> Workload:
    """10,000 neurons, 1,000,000 random synapses, delays 1..15, weights to 7, floor -7, 2 % firing, 1,000 cycles."""
    return recurrent(seed, 10_000, 100, 1_000, inhibition=0.74, drive=0.15, n_ports=1_000)


def workload_d(seed: int = 1) -> Workload:
    """2,000 neurons, 200 irregular synapses each, 7.6 % firing, 500 cycles."""
    return recurrent(seed, 2_000, 200, 500, inhibition=0.6, drive=0.25, n_ports=200)


def workload_e(seed: int = 1) -> Workload:
    """64 neurons, 384 synapses, 13 % firing, 20,000 cycles."""
    return recurrent(seed, 64, 6, 20_000, inhibition=0.5, drive=0.3, n_ports=16)


def workload_s(seed: int = 1) -> Workload:
    """100,000 neurons, 2,000,000 synapses, 0.05 % firing, 1,000 cycles."""
    return recurrent(seed, 100_000, 20, 1_000, inhibition=0.8, drive=0.0053, n_ports=5_000)


def clocked(spec: ProcessorSpec) -> ProcessorSpec:
    """A processor with room for clearing: floor 0, and input of one spike."""
    return dataclasses.replace(spec, name="clocked", input_min=0, input_max=1, potential_floor=0)


CLEAR = -100
"""Charge that takes a neuron to the floor: no threshold of the clocked workloads is above 100."""


def clearing(clock: int, neurons: np.ndarray) -> tuple[np.ndarray, ...]:
    """Synapses of a clock neuron that fires every second cycle and clears neurons in the cycle after."""
    source = np.full(len(neurons) + 1, clock)
    return (
        source,
        np.append(neurons, clock),
        np.append(np.full(len(neurons), CLEAR), 1),
        np.append(np.ones(len(neurons), int), 2),
    )


def workload_b(seed: int = 1) -> Workload:
    """Convolution of a stream of pixels by parallel synapses: 5x5 to 32 channels, 3x3 to 64; 50 frames of 28x28.

    A pixel every second cycle; kernels are spread over delays up to 234; a clock clears in the cycles between. Half of
    the weights are negative, none is 0.
    """
    rng = np.random.default_rng(seed)
    n_frames, width, period = 50, 28, 2
    pixel, clock = 0, 1
    first = 2 + np.arange(32)
    second = 34 + np.arange(64)

    def kernel(sources: np.ndarray, targets: np.ndarray, size: int) -> tuple[np.ndarray, ...]:
        y, x, i, o = (axis.ravel() for axis in np.indices((size, size, len(sources), len(targets))))
        weight = rng.integers(1, 8, len(y)) * rng.choice([-1, 1], len(y))
        return sources[i], targets[o], weight, 2 + period * (width * y + x)

    parts = [
        kernel(np.array([pixel]), first, 5),
        kernel(first, second, 3),
        clearing(clock, np.append(first, second)),
    ]
    source, target, weight, delay = (np.concatenate(column) for column in zip(*parts, strict=True))
    threshold = np.ones(98, int)
    threshold[first], threshold[second] = 19, 25
    image = build_image(
        clocked(load_profile("research")), threshold, source, target, weight, delay,
        [Port("pixel", pixel), Port("clock", clock)], [Port(f"out{n}", int(n)) for n in second],
    )  # fmt: skip
    on = np.flatnonzero(rng.random(n_frames * width * width) < 0.2)
    cycle = np.append(on * period, 0)
    port = np.append(np.zeros(len(on), int), 1)
    return Workload(image, SpikeEvents.of(cycle, port), n_frames * width * width * period + 256)


def dense(seed: int, most: int, thresholds: tuple[int, int, int]) -> Workload:
    """784-1024-1024-10, all connected, weights to `most`; 1,000 frames with 20 % on, one every second cycle."""
    rng = np.random.default_rng(seed)
    sizes, n_frames, period = (784, 1024, 1024, 10), 1_000, 2
    begin = np.cumsum((0, *sizes))
    clock = int(begin[-1])
    columns = []
    for layer in range(3):
        i, o = (axis.ravel() for axis in np.indices((sizes[layer], sizes[layer + 1])))
        weight = rng.integers(1, most + 1, len(i)) * rng.choice([-1, 1], len(i))
        columns.append((begin[layer] + i, begin[layer + 1] + o, weight, np.ones(len(i), int)))
    # Layers answer in alternate cycles, and are cleared in the others: two clocks, one cycle apart.
    for turn in (0, 1):
        layers = [1, 3] if turn == 0 else [2]
        neurons = np.concatenate([np.arange(begin[layer], begin[layer + 1]) for layer in layers])
        columns.append(clearing(clock + turn, neurons))
    source, target, weight, delay = (np.concatenate(column) for column in zip(*columns, strict=True))
    threshold = np.ones(clock + 2, int)
    for layer in range(3):
        threshold[begin[layer + 1] : begin[layer + 2]] = thresholds[layer]
    ports = [Port(f"in{n}", n) for n in range(sizes[0])] + [Port(f"clock{n}", clock + n) for n in (0, 1)]
    outputs = [Port(f"out{n}", int(begin[3] + n)) for n in range(10)]
    image = build_image(clocked(load_profile("research")), threshold, source, target, weight, delay, ports, outputs)
    frame, on = np.nonzero(rng.random((n_frames, sizes[0])) < 0.2)
    cycle = np.concatenate([frame * period, [1, 2]])
    port = np.concatenate([on, [sizes[0], sizes[0] + 1]])
    return Workload(image, SpikeEvents.of(cycle, port), n_frames * period + 4)


def workload_c(seed: int = 1) -> Workload:
    """784-1024-1024-10, weights to 7, 1,000 frames, hidden rate 24 %."""
    return dense(seed, 7, (40, 50, 50))


def workload_c8(seed: int = 1) -> Workload:
    """As c, with weights of -1 and 1."""
    return dense(seed, 1, (10, 12, 12))


def lenet(tile: tuple[int, int], n_frames: int, seed: int = 1) -> Workload:
    """LeNet of the examples on profile np16, folded to a tile; random frames, 30 % of the pixels in the middle on."""
    rng = np.random.default_rng(seed)
    network = neuroproc.load_network(LENET)
    image = neuroproc.compile_network(network, load_profile("np16"), neuroproc.FoldPlan(tile))
    frames = np.zeros((n_frames, 1, 28, 28), np.int64)
    frames[:, :, 4:24, 4:24] = 255 * (rng.random((n_frames, 1, 20, 20)) < 0.3)
    events = encode_frames(image, frames)
    assert image.latency is not None  # it was compiled from a network
    assert image.interval is not None
    start = image.start
    every = SpikeEvents.of(
        np.append(start.cycle, events.cycle), np.append(start.port, events.port), np.append(start.value, events.value)
    )
    return Workload(image, every, image.latency + (n_frames - 1) * image.interval)


def workload_f1(seed: int = 1) -> Workload:
    """LeNet pixel by pixel, 10 frames."""
    return lenet((1, 1), 10, seed)


def workload_f28(seed: int = 1) -> Workload:
    """LeNet column by column, 50 frames."""
    return lenet((28, 1), 50, seed)


def workload_f784(seed: int = 1) -> Workload:
    """LeNet a frame at a time, 100 frames."""
    return lenet((28, 28), 100, seed)


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "a": workload_a,
    "b": workload_b,
    "c": workload_c,
    "c8": workload_c8,
    "d": workload_d,
    "e": workload_e,
    "s": workload_s,
    "f1": workload_f1,
    "f28": workload_f28,
    "f784": workload_f784,
}
"""By name. ``e50`` of the tables is ``e`` with a call from the host every 50 cycles."""


def shuffled(workload: Workload, seed: int = 1) -> Workload:
    """The same network with its neurons numbered at random; ports stay what they are."""
    image = workload.image
    name = np.random.default_rng(seed).permutation(image.n_neurons)
    threshold = np.zeros_like(image.threshold)
    threshold[name] = image.threshold
    other = build_image(
        image.spec, threshold, name[image.source()], name[image.target], image.weight, image.delay,
        [Port(port.name, int(name[port.neuron])) for port in image.inputs],
        [Port(port.name, int(name[port.neuron])) for port in image.outputs],
    )  # fmt: skip
    return Workload(other, workload.events, workload.cycles)


def main() -> int:
    """Print what the workloads are; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help=f"of {', '.join(WORKLOADS)}")
    for name in parser.parse_args().names or WORKLOADS:
        image, events, cycles = WORKLOADS[name]()
        processor = neuroproc.Processor(image)
        processor.inject(events)
        processor.run(cycles)
        counters = processor.counters
        size = f"{image.n_neurons:7,} neurons {image.n_synapses:10,} synapses {cycles:7,} cycles"
        rates = (
            f"{len(events) / cycles:7.1f} inputs/cycle {100 * counters.spikes / cycles / image.n_neurons:6.3f} % firing"
        )
        print(f"{name:5} {size} {rates} {counters.synaptic_operations / 1e6:8.2f} M synaptic operations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
