"""Random small networks, folds and profiles for property tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import neuroproc
from compiler.charging.charges import ways_to_clear
from compiler.costing.cost import cost_of
from compiler.emit import emit
from compiler.folding.geometry import make_geometry
from compiler.folding.pitches import find_pitches
from compiler.graph import NeuronGraph
from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pool2d, Shape
from compiler.networks.network import INPUT, LayeredNetwork
from compiler.plan import FoldPlan, legal_tiles, legal_unrolls
from compiler.schedule import fill_channels, make_schedule
from isa_spec.coding import largest_value
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.image import ROLES, ProcessorImage
from isa_spec.spec import ProcessorSpec, load_profile


def small_network(size: int) -> LayeredNetwork:
    """Convolutions, pooling and a dense layer; weights up to ``size`` and thresholds of either sign up to it."""
    rng = np.random.default_rng(3)

    def weights(*shape: int) -> np.ndarray:
        return rng.integers(-size, size + 1, shape)

    def thresholds(units: int) -> np.ndarray:
        return rng.integers(-2, size + 1, units)

    layers = (
        Conv2d("conv1", ("input",), weights(3, 1, 3, 3), thresholds(3), padding=((1, 1), (1, 1))),
        Pool2d("pool1", ("conv1",), "maxpool2d", (2, 2), (2, 2)),
        Conv2d("conv2", ("pool1",), weights(4, 3, 2, 2), thresholds(4)),
        Flatten("flatten", ("conv2",)),
        Dense("fc", ("flatten",), weights(5, 36), thresholds(5)),
    )
    return LayeredNetwork("small", (1, 8, 8), layers, {"kind": "binary", "threshold": 1}, {"kind": "spikes"})


def graph_of(n_neurons: int, synapses: list[tuple[int, int, int, int]]) -> NeuronGraph:
    """Units of one layer with threshold 1, and synapses (source, target, weight, delay) between them."""
    source, target, weight, delay = np.array(synapses, np.int64).reshape(-1, 4).T
    nothing = np.zeros(n_neurons, np.int64)
    return NeuronGraph(
        threshold=nothing + 1,
        role=nothing.astype(np.uint8),
        layer=nothing.astype(np.int16),
        once=nothing.astype(bool),
        group=nothing - 1,
        source=source,
        target=target,
        weight=weight,
        delay=delay,
        kind=np.zeros(len(weight), np.uint8),
    )


def random_network(rng: np.random.Generator) -> LayeredNetwork:
    """Up to four windows (stride, padding, dilation, groups, pooling, skips), any sign of threshold, dense."""
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 11)), int(rng.integers(1, 11)))
    layers: list[Layer] = []
    shapes: dict[str, Shape] = {INPUT: shape}

    def append(layer: Layer) -> None:
        layers.append(layer)
        shapes[layer.name] = layer.output_shape([shapes[source] for source in layer.sources])

    windows = int(rng.integers(0, 9) + 1) // 2
    for index in range(windows):
        source = layers[-1].name if layers else INPUT
        kind = rng.random()
        if kind < 0.2:
            append(random_pool(rng, f"l{index}", source, shapes[source], "maxpool2d"))
        elif kind < 0.3:
            pool = random_pool(rng, f"l{index}p", source, shapes[source], str(rng.choice(["sumpool2d", "avgpool2d"])))
            append(pool)
            append(random_conv(rng, f"l{index}", pool.name, shapes[pool.name], padded=False))
        elif kind < 0.4:
            append(random_conv(rng, f"l{index}a", source, shapes[source], linear=True))
            append(replace_weights(rng, layers[-1], f"l{index}b"))
            pair = (f"l{index}a", f"l{index}b")
            if rng.random() < 0.5:
                append(Add(f"l{index}", pair, rng.integers(-3, 9, shapes[pair[0]][0])))
            else:
                append(Concat(f"l{index}c", pair))
                append(random_conv(rng, f"l{index}", f"l{index}c", shapes[f"l{index}c"], padded=False))
        elif kind < 0.5:
            skipped = source
            if rng.random() < 0.5:
                append(random_conv(rng, f"l{index}a", source, shapes[source]))
                skipped = f"l{index}a"
            append(random_conv(rng, f"l{index}b", skipped, shapes[skipped], same=True, linear=True))
            if rng.random() < 0.7:
                append(Add(f"l{index}", (f"l{index}b", skipped), rng.integers(-3, 9, shapes[skipped][0])))
            else:
                append(Concat(f"l{index}c", (skipped, f"l{index}b")))
                append(random_conv(rng, f"l{index}", f"l{index}c", shapes[f"l{index}c"], padded=False))
        else:
            append(random_conv(rng, f"l{index}", source, shapes[source]))
    if not windows or rng.random() < 0.6:
        if windows or rng.random() < 0.5:
            append(Flatten("flatten", (layers[-1].name if layers else INPUT,)))
        for index in range(int(rng.integers(1, 3))):
            source = layers[-1].name if layers else INPUT
            weight = random_weights(rng, (int(rng.integers(1, 6)), int(np.prod(shapes[source]))))
            append(Dense(f"d{index}", (source,), weight, random_thresholds(rng, weight)))
    return LayeredNetwork("random", shape, tuple(layers), random_encoding(rng, layers), {"kind": "spikes"})


def random_encoding(rng: np.random.Generator, layers: list[Layer]) -> dict[str, object]:
    """Mostly binary; a few bits or thresholds; values of 0 and 1 alone where their maximum is taken."""
    kind = rng.choice(["binary", "binary", "bitplanes", "thermometer", "count"])
    pooled = any(layer.kind == "maxpool2d" and INPUT in layer.sources for layer in layers)
    planes = 1 if pooled else int(rng.integers(1, 5))
    if kind in ("bitplanes", "count"):
        return {"kind": str(kind), "bits" if kind == "bitplanes" else "levels": planes}
    if kind == "thermometer":
        return {"kind": "thermometer", "thresholds": sorted(rng.choice(12, planes, replace=False).tolist())}
    return {"kind": "binary", "threshold": 1}


def random_pool(rng: np.random.Generator, name: str, source: str, shape: Shape, kind: str) -> Pool2d:
    """Window of up to 3x3, moved by 1 to 3: overlapping, tiling or skipping."""
    kernel = tuple(int(rng.integers(1, min(3, size) + 1)) for size in shape[1:])
    return Pool2d(name, (source,), kind, kernel, tuple(int(s) for s in rng.integers(1, 4, 2)))


def random_conv(
    rng: np.random.Generator,
    name: str,
    source: str,
    shape: Shape,
    padded: bool = True,
    same: bool = False,
    linear: bool = False,
) -> Conv2d:
    """Convolution of any stride, padding, dilation and grouping that the map allows; `same` keeps the shape."""
    if same:
        kernel = tuple(int(k) for k in rng.choice([1, 3], 2))
        weight = random_weights(rng, (shape[0], shape[0], *kernel))
        half = ((kernel[0] // 2,) * 2, (kernel[1] // 2,) * 2)
        return Conv2d(name, (source,), weight, None if linear else random_thresholds(rng, weight), padding=half)
    padding = tuple(tuple(int(p) for p in rng.integers(0, 3, 2)) if padded else (0, 0) for _ in range(2))
    dilation = tuple(int(d) for d in rng.choice([1, 1, 1, 2], 2))
    sizes = [size + sum(pad) for size, pad in zip(shape[1:], padding, strict=True)]
    kernel = tuple(
        int(rng.integers(1, min(5, (size - 1) // step + 1) + 1)) for size, step in zip(sizes, dilation, strict=True)
    )
    groups = shape[0] if rng.random() < 0.2 else 1
    channels = groups * int(rng.integers(1, 3)) if groups > 1 else int(rng.integers(1, 4))
    weight = random_weights(rng, (channels, shape[0] // groups, *kernel))
    threshold = None if linear else random_thresholds(rng, weight)
    stride = tuple(int(s) for s in rng.choice([1, 1, 1, 2, 3], 2))
    return Conv2d(name, (source,), weight, threshold, stride, padding, dilation, groups)


def replace_weights(rng: np.random.Generator, layer: Layer, name: str) -> Layer:
    """The same layer with other weights."""
    assert isinstance(layer, Conv2d)
    return replace(layer, name=name, weight=random_weights(rng, layer.weight.shape))


def random_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small integers of either sign, some zero."""
    size = int(rng.choice([1, 3, 7, 40]))
    return rng.integers(-size, size + 1, shape) * (rng.random(shape) < rng.choice([0.5, 0.9, 1.0]))


def random_thresholds(rng: np.random.Generator, weight: np.ndarray) -> np.ndarray:
    """Mostly within reach of the unit's sums, of either sign, sometimes beyond."""
    spread = np.abs(weight.reshape(len(weight), -1)).sum(axis=1)
    return np.round(rng.normal(0.1, 0.3, len(weight)) * spread).astype(np.int64) + rng.integers(-1, 3, len(weight))


def random_spec(rng: np.random.Generator) -> ProcessorSpec:
    """A processor that can fold: delay, weight range, floor, leak, synapses per pair and fan-out vary."""
    spec = load_profile("research")
    max_delay = rng.choice([0, 0, 1, 2, 3, 7, 15, 15, 63])
    width = rng.choice([0, 0, 3, 15])
    changes: dict[str, object] = {"name": "random"}
    if max_delay:
        changes["max_delay"] = int(max_delay)
    if width:
        changes |= {"weight_min": -int(width), "weight_max": int(width) + 1}
    floor = rng.random()
    if floor < 0.45:
        changes["potential_floor"] = -int(rng.integers(1, 30)) if floor < 0.3 else None
    if rng.random() < 0.15:
        changes["leak"] = "all"
    if rng.random() < 0.25:
        changes["parallel_synapses"] = False
    own = rng.spawn(1)[0]
    if own.random() < 0.15 and "parallel_synapses" not in changes:
        changes["max_fan_out"] = int(own.integers(3, 41))
    if own.random() < 0.15 and changes.get("potential_floor", 0) is not None:
        changes["reset"] = "subtract"
    return replace(spec, **changes)


def random_plan(rng: np.random.Generator, network: LayeredNetwork, spec: ProcessorSpec | None = None) -> FoldPlan:
    """Any tile that divides the frame, gated or not, any way of clearing that `spec` has; sometimes other tiles."""
    legal = legal_unrolls(*network.input_shape[1:])
    plan = FoldPlan(legal[int(rng.integers(len(legal)))], bool(rng.random() < 0.3))
    if spec is not None:
        plan = replace(plan, clearing=str(rng.choice(["auto", *ways_to_clear(spec)])))
    if rng.random() < 0.5:
        plan = replace(plan, tiles=random_tiles(rng, network, plan))
    if spec is None:
        return plan
    if rng.random() < 0.4:
        plan = random_turns(rng, network, spec, plan)
    return replace(plan, dense=random_dense(rng, network, spec, plan))


def random_turns(rng: np.random.Generator, network: LayeredNetwork, spec: ProcessorSpec, plan: FoldPlan) -> FoldPlan:
    """Some cycles more in every slot, and channels that share neurons wherever these leave room."""
    try:
        least = make_schedule(network, spec, plan).slot
        stretched = replace(plan, slot=least + int(rng.integers(0, 7)))
        filled = fill_channels(network, spec, stretched)
        some = {name: int(rng.integers(1, count + 1)) for name, count in filled.channels.items() if rng.random() < 0.8}
        turning = replace(stretched, channels=some)
        make_schedule(network, spec, turning)
    except (ResourceError, ScheduleError):
        return plan
    return turning


def random_dense(rng: np.random.Generator, network: LayeredNetwork, spec: ProcessorSpec, plan: FoldPlan) -> str:
    """Any way for dense layers that the processor and the plan have."""
    dense = str(rng.choice(["auto", "aligned", "held"]))
    if dense != "held":
        return dense
    try:
        make_schedule(network, spec, replace(plan, dense=dense))
    except (ResourceError, ScheduleError):
        return "aligned"
    return dense


def random_tiles(rng: np.random.Generator, network: LayeredNetwork, plan: FoldPlan) -> dict[str, tuple[int, int]]:
    """Legal tiles for some layers, each cut or widened on its own; none where a later one finds no room."""
    tiles: dict[str, tuple[int, int]] = {}
    spiking = [layer.name for layer in network.layers if layer.spikes]
    for layer in (INPUT, *spiking[:-1]):
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
    """Frames from blank to full, of any value that the encoding tells apart: uint8[n_frames, C, H, W]."""
    density = rng.choice([0.0, 0.2, 0.5, 0.8, 1.0], (n_frames, 1, 1, 1))
    spoken = rng.random((n_frames, *network.input_shape)) < density
    highest = 12 if network.encoding["kind"] == "thermometer" else largest_value(network.encoding)
    return (spoken * rng.integers(1, highest + 1, spoken.shape)).astype(np.uint8)


def random_pair(rng: np.random.Generator) -> tuple[LayeredNetwork, ProcessorSpec]:
    """Network and a processor that can run it: what forgets, or keeps a surplus, cannot gather counted values."""
    network, spec = random_network(rng), random_spec(rng)
    if (spec.leak != "none" or spec.reset != "zero") and network.encoding["kind"] == "count":
        network = replace(network, encoding={"kind": "binary"})
    return network, spec


def random_case(seed: int, n_frames: int) -> tuple[LayeredNetwork, ProcessorSpec, FoldPlan, np.ndarray]:
    """Network, processor, plan and frames from a seed."""
    rng = np.random.default_rng(seed)
    network, spec = random_pair(rng)
    return network, spec, random_plan(rng, network, spec), random_frames(rng, network, n_frames)


def cost_by_layer(image: ProcessorImage) -> list[tuple[str, dict[str, int], int]]:
    """Name, neurons by role and arriving synapses of every layer, counted in the image."""
    counted = []
    for number, record in enumerate(image.layers):
        roles = image.role[image.layer == number]
        by_role = {role: int((roles == code).sum()) for code, role in enumerate(ROLES) if (roles == code).any()}
        counted.append((record.name, by_role, int((image.layer[image.target] == number).sum())))
    return counted


def check_fold(
    network: LayeredNetwork,
    spec: ProcessorSpec,
    plan: FoldPlan,
    frames: np.ndarray,
    what: str,
    engine: str = "auto",
) -> ProcessorImage:
    """The law: every decision of every layer is the network's, and what is emitted is what was planned. The image."""
    schedule = make_schedule(network, spec, plan)
    cost = cost_of(schedule)
    image = emit(schedule, cost)
    found = neuroproc.verify(network, image, frames, engine=engine)
    assert found.exact, f"{what}, {plan}: {found.first}"
    longest = np.zeros(image.n_neurons, np.int64)
    np.maximum.at(longest, image.source(), image.delay)
    assert longest.sum() == cost.delay_storage
    assert cost_by_layer(image) == [(layer.name, dict(layer.roles), layer.synapses) for layer in cost.layers], what
    return image
