"""Random latched networks, with processors and folds for them, and one that classifies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from compiler_helpers import random_network, random_plan, random_spec

from compiler.networks.layers import Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from isa_spec.spec import ProcessorSpec, load_profile

DEEP = load_profile("np16-deep")


def random_latched_case(seed: int, n_frames: int) -> tuple[LayeredNetwork, ProcessorSpec, FoldPlan, np.ndarray]:
    """A random network made to tell times, a processor that can hold its latches, a fold, frames."""
    rng = np.random.default_rng([seed, 2])
    network, spec = random_network(rng), replace(random_spec(rng), leak="none", reset="zero")
    floor = [None, 0, -int(rng.integers(1, 60))][rng.integers(3)]
    layers = []
    for layer in network.layers:
        if isinstance(layer, Pool2d) and layer.kind == "avgpool2d":
            layer = replace(layer, kind="sumpool2d")  # a chip has one floor, in whatever units a layer counts
        if getattr(layer, "threshold", None) is not None:
            # Of ramps, so that times are spread over the steps.
            layer = replace(layer, threshold=np.maximum(layer.threshold * int(rng.integers(1, 4)), 1))
        layers.append(layer)
    if not spec.parallel_synapses:
        spec = replace(spec, weight_min=-(2**20), weight_max=2**20)  # a latch is one synapse
    if spec.max_fan_out is not None:
        spec = replace(spec, max_fan_out=spec.max_fan_out + 6, weight_min=-(2**13), weight_max=2**13)
    spec = replace(spec, potential_floor=floor)
    encoding = {"kind": "latency", "steps": int(rng.integers(1, 9)), "levels": int(rng.integers(1, 9))}
    network = replace(network, layers=tuple(layers), encoding=encoding, floor=floor)
    ways = ["auto", "force"] if floor is None else ["auto", "floor", "force"]
    plan = replace(random_plan(rng, network, replace(spec, leak="all")), channels={}, dense="auto", slot=None)
    plan = replace(plan, clearing=str(rng.choice(ways)))
    if rng.random() < 0.3:
        plan = replace(plan, slot=network.steps + int(rng.integers(1, 6)))
    density = rng.choice([0.0, 0.3, 0.8, 1.0], (n_frames, 1, 1, 1))
    shape = (n_frames, *network.input_shape)
    frames = (rng.random(shape) < density) * rng.integers(0, encoding["levels"] + 1, shape)
    return network, spec, plan, frames


def classifier(floor: int | None = DEEP.potential_floor, **decode: str) -> LayeredNetwork:
    """Convolution, pool, two dense layers; a frame of 6x6 in 8 steps."""
    rng = np.random.default_rng(6)
    layers = (
        Conv2d("conv", ("input",), rng.integers(-3, 6, (4, 1, 3, 3)), np.full(4, 19), padding=((1, 1), (1, 1))),
        Pool2d("pool", ("conv",), "maxpool2d", (2, 2), (2, 2)),
        Flatten("flatten", ("pool",)),
        Dense("hidden", ("flatten",), rng.integers(-3, 6, (8, 36)), np.full(8, 20)),
        Dense("fc", ("hidden",), rng.integers(-4, 6, (6, 8)), np.full(6, 9)),
    )
    encoding = {"kind": "latency", "steps": 8, "levels": 9}
    return LayeredNetwork(
        "classifier", (1, 6, 6), layers, encoding, {"kind": "argmax", "classes": 6, **decode}, floor=floor
    )


def frames_of(n_frames: int) -> np.ndarray:
    """Frames for `classifier`: int64[n_frames, 1, 6, 6]."""
    return np.random.default_rng(n_frames).integers(0, 10, (n_frames, 1, 6, 6))
