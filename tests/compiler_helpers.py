"""Random small networks, folds and profiles for property tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.geometry import make_geometry
from compiler.network import INPUT, Conv2d, Dense, Flatten, Layer, LayeredNetwork, MaxPool2d
from compiler.pitches import find_pitches
from compiler.plan import FoldPlan, legal_tiles, legal_unrolls
from isa_spec.errors import ScheduleError
from isa_spec.spec import ProcessorSpec, load_profile


def random_network(rng: np.random.Generator) -> LayeredNetwork:
    """One to four windows (stride, padding, pooling, several channels), thresholds of either sign, sometimes dense."""
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 11)), int(rng.integers(1, 11)))
    layers: list[Layer] = []
    source, current = INPUT, shape
    for index in range(int(rng.integers(1, 5))):
        name = f"l{index}"
        layer: Layer
        if rng.random() < 0.25:
            kernel = tuple(int(rng.integers(1, min(3, size) + 1)) for size in current[1:])
            layer = MaxPool2d(name, kernel, tuple(int(s) for s in rng.integers(1, 4, 2)), source)
        else:
            padding = tuple(int(p) for p in rng.integers(0, 3, 2))
            padded = [size + 2 * pad for size, pad in zip(current[1:], padding, strict=True)]
            kernel = tuple(int(rng.integers(1, min(5, size) + 1)) for size in padded)
            channels = int(rng.integers(1, 4))
            weight = random_weights(rng, (channels, current[0], *kernel))
            stride = tuple(int(s) for s in rng.choice([1, 1, 1, 2, 3], 2))
            layer = Conv2d(name, weight, random_thresholds(rng, weight), stride, padding, source)
        layers.append(layer)
        source, current = name, layer.output_shape(current)
    if rng.random() < 0.6:
        layers.append(Flatten("flatten", source))
        for index in range(int(rng.integers(1, 3))):
            fan_in = int(np.prod(current))
            weight = random_weights(rng, (int(rng.integers(1, 6)), fan_in))
            dense = Dense(f"d{index}", weight, random_thresholds(rng, weight), layers[-1].name)
            layers.append(dense)
            current = dense.output_shape(current)
    return LayeredNetwork("random", shape, tuple(layers), {"kind": "binary", "threshold": 1}, {"kind": "spikes"})


def random_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small integers of either sign, some zero."""
    size = int(rng.choice([1, 3, 7, 40]))
    return rng.integers(-size, size + 1, shape) * (rng.random(shape) < rng.choice([0.5, 0.9, 1.0]))


def random_thresholds(rng: np.random.Generator, weight: np.ndarray) -> np.ndarray:
    """Mostly within reach of the unit's sums, of either sign, sometimes beyond."""
    spread = np.abs(weight.reshape(len(weight), -1)).sum(axis=1)
    return np.round(rng.normal(0.1, 0.3, len(weight)) * spread).astype(np.int64) + rng.integers(-1, 3, len(weight))


def random_spec(rng: np.random.Generator) -> ProcessorSpec:
    """A processor that can fold: delay, weight range and floor vary."""
    spec = load_profile("research")
    max_delay = rng.choice([0, 0, 1, 2, 3, 7, 15, 15, 63])
    width = rng.choice([0, 0, 3, 15])
    changes: dict[str, object] = {"name": "random"}
    if max_delay:
        changes["max_delay"] = int(max_delay)
    if width:
        changes |= {"weight_min": -int(width), "weight_max": int(width) + 1}
    if rng.random() < 0.3:
        changes["potential_floor"] = -int(rng.integers(1, 30))
    return replace(spec, **changes)


def random_plan(rng: np.random.Generator, network: LayeredNetwork) -> FoldPlan:
    """Any tile that divides the frame, gated or not; sometimes other tiles for some layers."""
    legal = legal_unrolls(*network.input_shape[1:])
    plan = FoldPlan(legal[int(rng.integers(len(legal)))], bool(rng.random() < 0.3))
    return plan if rng.random() < 0.5 else replace(plan, tiles=random_tiles(rng, network, plan))


def random_tiles(rng: np.random.Generator, network: LayeredNetwork, plan: FoldPlan) -> dict[str, tuple[int, int]]:
    """Legal tiles for some layers, each cut or widened on its own; none where a later one finds no room."""
    tiles: dict[str, tuple[int, int]] = {}
    for layer in (INPUT, *(layer.name for layer in network.layers[:-1] if layer.kind != "flatten")):
        if rng.random() < 0.6:
            continue
        geometry = make_geometry(network, replace(plan, tiles=tiles))
        carrier = geometry.carriers[geometry.home[layer]]
        choices = [legal_tiles(carrier.tile[axis], carrier.shape[1 + axis]) for axis in range(2)]
        wanted = tuple(int(rng.choice(choice)) for choice in choices)
        if layer == INPUT:
            wanted = tuple(min(pair) for pair in zip(wanted, carrier.tile, strict=True))
        try:
            find_pitches(make_geometry(network, replace(plan, tiles={**tiles, layer: wanted})))
        except ScheduleError:
            continue
        tiles[layer] = wanted
    return tiles


def random_frames(rng: np.random.Generator, network: LayeredNetwork, n_frames: int) -> np.ndarray:
    """0/1 frames from blank to full: uint8[n_frames, C, H, W]."""
    density = rng.choice([0.0, 0.2, 0.5, 0.8, 1.0], (n_frames, 1, 1, 1))
    return (rng.random((n_frames, *network.input_shape)) < density).astype(np.uint8)


def random_case(seed: int, n_frames: int) -> tuple[LayeredNetwork, ProcessorSpec, FoldPlan, np.ndarray]:
    """Network, processor, plan and frames from a seed."""
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    return network, random_spec(rng), random_plan(rng, network), random_frames(rng, network, n_frames)
