"""Frames per second of the event engine and of the lanes, and which of them `auto` takes: for `crossover.py`.

The shipped digits, the LeNet of the examples, and random networks, dense and convolutional; one core.

    python benchmarks/crossover.py            all of them, some minutes
    python benchmarks/crossover.py digits     one
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import neuroproc
from compiler.networks.layers import Conv2d, Dense, Flatten, Layer
from compiler.networks.network import INPUT, LayeredNetwork
from neuroproc.classifying.classification import Classification

ROOT = Path(__file__).resolve().parents[1]

ROUNDS = 3
"""Turns that the engines take; the fastest of each counts."""


def weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Integers of both signs, up to 7 in size, none 0."""
    return rng.integers(1, 8, shape) * rng.choice([-1, 1], shape)


def random_network(name: str, layers: list[Layer]) -> LayeredNetwork:
    """Layers on frames of 28x28 pixels; ten classes."""
    return LayeredNetwork(name, (1, 28, 28), tuple(layers), {"kind": "binary"}, {"kind": "argmax", "classes": 10})


def dense(width: int) -> LayeredNetwork:
    """784 to two layers of a width, to 10."""
    rng = np.random.default_rng(width)
    layers: list[Layer] = [Flatten("flat", (INPUT,))]
    for name, (n_in, n_out) in {"a": (784, width), "b": (width, width), "c": (width, 10)}.items():
        layers.append(Dense(name, (layers[-1].name,), weights(rng, n_out, n_in), np.full(n_out, n_in // 25)))
    return random_network(f"dense {width}", layers)


def convolution() -> LayeredNetwork:
    """5x5 to 32 channels, 3x3 to 64, to 10."""
    rng = np.random.default_rng(1)
    return random_network("convolution", [
        Conv2d("a", (INPUT,), weights(rng, 32, 1, 5, 5), np.full(32, 10)),
        Conv2d("b", ("a",), weights(rng, 64, 32, 3, 3), np.full(64, 30)),
        Flatten("flat", ("b",)),
        Dense("c", ("flat",), weights(rng, 10, 64 * 22 * 22), np.full(10, 50)),
    ])  # fmt: skip


def digits() -> LayeredNetwork:
    """The shipped network."""
    return neuroproc.load_network(ROOT / "neuroproc" / "data" / "digits.json")


def lenet() -> LayeredNetwork:
    """LeNet of the examples."""
    return neuroproc.load_network(ROOT / "examples" / "lenet" / "lenet.json")


CASES = {
    "digits": (digits, {(8, 8): 3000, (8, 1): 3000, (2, 2): 2000, (1, 1): 1000}),
    "lenet": (lenet, {(28, 28): 2000, (28, 1): 1000, (4, 4): 1000, (1, 1): 300}),
    "dense 128": (lambda: dense(128), {(28, 28): 3000, (28, 1): 1000}),
    "dense 1024": (lambda: dense(1024), {(28, 28): 1000, (28, 1): 500}),
    "convolution": (convolution, {(28, 1): 500, (4, 4): 300}),
}
"""Network and frames for each unroll, by name."""


def frames_of(network: LayeredNetwork, n_frames: int) -> np.ndarray:
    """Shipped digits, or 30 % of the pixels in the middle on."""
    if network.input_shape != (1, 28, 28):
        shipped = neuroproc.read_frames(ROOT / "neuroproc" / "data" / "digits_frames.npz")
        return np.resize(shipped, (n_frames, *network.input_shape))
    frames = np.zeros((n_frames, 1, 28, 28), np.uint8)
    frames[:, :, 4:24, 4:24] = 255 * (np.random.default_rng(0).random((n_frames, 1, 20, 20)) < 0.3)
    return frames


def row(network: LayeredNetwork, unroll: tuple[int, int], n_frames: int) -> str:
    """One line of the table."""
    image = neuroproc.compile_network(network, neuroproc.load_profile("np16"), neuroproc.FoldPlan(unroll))
    frames = frames_of(network, n_frames)
    found: dict[str, Classification] = {}
    for _ in range(ROUNDS):
        for engine in ("event", "batch"):
            result = neuroproc.classify(image, frames, engine=engine, threads=1)
            if engine not in found or result.seconds < found[engine].seconds:
                found[engine] = result
    event, batch = found["event"], found["batch"]
    assert image.interval is not None  # it was compiled from a network
    carry = event.synaptic_operations / (image.n_synapses * event.cycles)
    chosen = found[neuroproc.classify(image, frames, threads=1).engine]
    lost = chosen.seconds / min(event.seconds, batch.seconds) - 1
    name = f"{network.name}, {unroll[0]}x{unroll[1]}"
    return (
        f"{name:22} {image.n_synapses:11,} {image.interval:13,} {carry:7.1%} "
        f"{n_frames / event.seconds:8,.0f} {n_frames / batch.seconds:8,.0f} {lost:6.0%}"
    )


def main() -> int:
    """Print the table; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help=f"of {', '.join(CASES)}")
    print(f"{'network, unroll':22} {'synapses':>11} {'cycles/frame':>13} {'carry':>7} {'event':>8} {'batch':>8}   lost")
    for name in parser.parse_args().names or CASES:
        make, folds = CASES[name]
        network = make()
        for unroll, n_frames in folds.items():
            print(row(network, unroll, n_frames), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
