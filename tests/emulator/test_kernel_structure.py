"""Graphs with something dense in them: what is found there, under any numbers, and that it runs like the reference."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from emulator_helpers import ALL_FAMILIES, as_rows, family_spec, random_image
from kernel_helpers import check_tables

from isa_spec.building import build_image
from isa_spec.image import Port, ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.kernels.event import EventEngine
from neuroproc.kernels.memory import Number
from neuroproc.kernels.prepare import prepare
from neuroproc.kernels.vectors import BLOCK
from neuroproc.probe import SpikeProbe
from neuroproc.processor import Processor

pytestmark = pytest.mark.differential


def layered(
    rng: np.random.Generator, sizes: tuple[int, ...], density: float, most: int, family: str = "floor -50"
) -> ProcessorImage:
    """Layers one after the other, each joined to the next with delays 1 and 3, and a clock that reaches everything."""
    begin = np.cumsum((1, *sizes))
    columns = [(0, 0, 1, 2)] + [(0, n, -20, 1) for n in range(1, int(begin[-1]))]
    for layer in range(len(sizes) - 1):
        for delay in (1, 3):
            pairs = rng.random((sizes[layer], sizes[layer + 1])) < density
            i, o = np.nonzero(pairs)
            weight = rng.integers(-most, most + 1, len(i))
            columns += zip(begin[layer] + i, begin[layer + 1] + o, weight, np.full(len(i), delay), strict=True)
    source, target, weight, delay = np.array(columns).T
    threshold = np.append(1, rng.integers(1, 3 * most, int(begin[-1]) - 1))
    threshold[1 : begin[1]] = rng.integers(1, 40, sizes[0])
    ports = [Port(f"in{n}", n) for n in range(1 + sizes[0])]
    outputs = [Port(f"out{n}", int(n)) for n in rng.permutation(begin[-1])[:20]]
    return build_image(family_spec(family), threshold, source, target, weight, delay, ports, outputs)


def shuffled(image: ProcessorImage, rng: np.random.Generator) -> ProcessorImage:
    """The same network with its neurons numbered at random."""
    name = rng.permutation(image.n_neurons)
    threshold = np.zeros_like(image.threshold)
    threshold[name] = image.threshold
    inputs, outputs = (
        [Port(port.name, int(name[port.neuron])) for port in ports] for ports in (image.inputs, image.outputs)
    )
    return build_image(
        image.spec, threshold, name[image.source()], name[image.target], image.weight, image.delay, inputs, outputs
    )


def run_like_reference(image: ProcessorImage, rng: np.random.Generator, cycles: int, **options: Any) -> Processor:
    """Both engines side by side, cut into stretches; the processor on the event engine, to look into it."""
    probes = SpikeProbe(), SpikeProbe()
    reference, event = (
        Processor(image, name, probes=[probe]) for name, probe in zip(("reference", "event"), probes, strict=True)
    )
    event._engine = EventEngine(image, **options)
    event._watch()
    cycle, port = np.nonzero(rng.random((cycles, len(image.inputs))) < 0.3)
    events = SpikeEvents.of(cycle, port, rng.integers(-5, 60, len(cycle)))
    for processor in (reference, event):
        processor.inject(events)
    done = 0
    for stretch in (1, 2, cycles // 3, cycles):
        stretch = min(stretch, cycles - done)
        done += stretch
        assert as_rows(reference.run(stretch)) == as_rows(event.run(stretch))
        assert reference.state() == event.state()
        assert np.array_equal(reference.spike_counts, event.spike_counts)
    for mine, other in zip(*(probe.events() for probe in probes), strict=True):
        assert np.array_equal(mine, other)
    assert reference.counters.spikes > cycles
    return event


@pytest.mark.parametrize(
    "family", ["floor -50", "floor 0", "no floor", "wide input", "leak", "on delivery", "subtract, floor -50"]
)
@pytest.mark.parametrize("most", [7, 100, 127, 3000])
def test_layers_run_like_the_reference(family: str, most: int) -> None:
    rng = np.random.default_rng(most)
    image = layered(rng, (20, 70, 33), 0.8, most, family)
    arrays = check_tables(image).arrays
    assert len(arrays["words" if most > 127 else "bytes"]) >= 2000 * 2
    run_like_reference(image, rng, 20)
    run_like_reference(shuffled(image, rng), rng, 20)


def test_wide_layers() -> None:
    rng = np.random.default_rng(1)
    image = layered(rng, (30, 600, 5), 0.9, 7)
    arrays = check_tables(image).arrays
    assert arrays["row_run"].max() >= 16
    for bits in (16, 32, 64):
        event = run_like_reference(image, rng, 8, least_bits=bits)
        assert event._engine._arrays.potential.dtype == f"int{bits}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("density", [1.0, 0.5, 0.2])
def test_structure_is_found_under_any_numbers(density: float) -> None:
    rng = np.random.default_rng(2)
    sizes = (40, 64, 96)
    image = layered(rng, sizes, density, 7)
    blocks = [-(-size // BLOCK) for size in sizes]
    for graph in (image, shuffled(image, rng)):
        tables = check_tables(graph)
        # Every layer has blocks of its own: a row for each block of the next layer, and each of the two delays.
        assert len(tables.arrays["bytes"]) <= BLOCK * (sizes[0] * blocks[1] * 2 + sizes[1] * blocks[2] * 2 + 8)
        assert len(tables.arrays["packed"]) <= 8
    assert tables.settings[Number.TRACKS_BLOCKS] == 0


def test_rows_of_two_pools_that_meet() -> None:
    # The first pool's last block and the second one's first lie side by side in the ring.
    rng = np.random.default_rng(5)
    pairs = [(s, t) for half in (0, 32) for s in range(half, half + 32) for t in range(64 + half, 96 + half)]
    source, target = np.array(pairs).T
    weight = rng.integers(1, 7, len(pairs))
    ports = [Port(f"in{n}", n) for n in range(64)]
    image = build_image(
        family_spec("floor -50"), rng.integers(1, 20, 128), source, target, weight, np.ones(len(pairs), int), ports,
        [Port(f"out{n}", n) for n in range(64, 128)],
    )  # fmt: skip
    assert check_tables(image).arrays["row_run"].tolist() == [1, 1]
    run_like_reference(image, rng, 8)


def test_parallel_synapses_are_one() -> None:
    spec = family_spec("floor 0")
    image = build_image(
        spec, np.ones(40, int), np.zeros(80, int), np.tile(np.arange(40), 2), [1] * 80, [1] * 80, [], []
    )
    assert sum(len(prepare(image).arrays[name]) for name in ("bytes", "packed")) <= 2 * BLOCK


def test_a_graph_without_structure_keeps_its_numbers() -> None:
    image = random_image(np.random.default_rng(3), family_spec("floor 0"), 300, 2000, 15)
    assert prepare(image).number.tolist() == list(range(300))


@pytest.mark.parametrize(
    "family", ["floor 0", "on delivery", "leak", "on delivery, any threshold", "subtract", "subtract, on delivery"]
)
@pytest.mark.parametrize("dense_from", [None, 0, 3])
@pytest.mark.parametrize("max_slots", [2**16, 16])
def test_blocks_with_flags(family: str, dense_from: int | None, max_slots: int) -> None:
    rng = np.random.default_rng(4)
    n_neurons = 1100
    source, target = rng.integers(0, n_neurons, (2, 1200))
    hub = np.full(64, 5), np.arange(64) + 512, np.full(64, 2), np.full(64, 3)
    columns = source, target, rng.integers(-2, 9, 1200), rng.integers(1, 12, 1200)
    source, target, weight, delay = (np.append(one, other) for one, other in zip(columns, hub, strict=True))
    # A long delay keeps charge under way while nothing else happens.
    columns = source, target, weight, delay
    source, target, weight, delay = (np.append(one, other) for one, other in zip(columns, (7, 9, 9, 60), strict=True))
    threshold = rng.integers(1, 9, n_neurons)
    if family.endswith("any threshold"):
        threshold[::50] = -1
    ports = [Port(f"in{n}", n) for n in range(12)]
    outputs = [Port(f"out{n}", int(n)) for n in rng.permutation(n_neurons)[:300]]
    image = build_image(family_spec(family), threshold, source, target, weight, delay, ports, outputs)
    reference, event = Processor(image, "reference"), Processor(image, "event")
    engine = event._engine = EventEngine(image, max_slots=max_slots)
    event._watch()
    numbers = engine._arrays.numbers
    assert numbers[Number.TRACKS_BLOCKS] == (family in ("floor 0", "on delivery", "subtract"))
    if dense_from is not None:
        # Sooner or later than it chooses itself.
        numbers[Number.FEW_SPIKES] = dense_from
    for processor in (reference, event):
        processor.inject(SpikeEvents.of([0, 0, 2, 30, 100], [5, 7, 5, 3, 7], 90))
    for _ in range(6):
        assert as_rows(reference.run(23)) == as_rows(event.run(23))
        assert reference.state() == event.state()
    assert reference.counters.spikes > 20
    event.restore(event.state())
    assert reference.state() == event.state()
    assert as_rows(reference.run(30)) == as_rows(event.run(30))
    assert reference.state() == event.state()


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_copies_go_on_by_themselves(family: str) -> None:
    rng = np.random.default_rng(6)
    image = random_image(rng, family_spec(family), 40, 800, 9)
    processor = Processor(image, "event")
    processor.inject(SpikeEvents.of(rng.integers(0, 60, 200), rng.integers(0, 6, 200), 20))
    processor.run(20)
    copies = [copy.deepcopy(processor), pickle.loads(pickle.dumps(processor))]
    before = processor.state()
    assert all(other.state() == before for other in copies)
    expected = as_rows(copies[0].run(30))
    assert len(expected) > 5
    assert processor.state() == before
    for other in (copies[1], processor):
        assert as_rows(other.run(30)) == expected
        assert other.state() == copies[0].state()
