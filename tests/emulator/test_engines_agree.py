"""The event engine against the reference, in the whole state, after every stretch of cycles."""

from __future__ import annotations

import numpy as np
import pytest
from emulator_helpers import ALL_FAMILIES, as_rows, family_spec, random_events, random_image
from hypothesis import given, settings
from hypothesis import strategies as st

from isa_spec.building import build_image
from isa_spec.image import Port, ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.kernels.event import EventEngine
from neuroproc.kernels.memory import Number
from neuroproc.processor import Processor
from neuroproc.reference import ReferenceEngine
from neuroproc.state import PendingCharge

pytestmark = pytest.mark.differential


def agree(one: Processor, other: Processor) -> None:
    """All that can be seen of two processors is the same."""
    assert one.state() == other.state()
    assert np.array_equal(one.potentials, other.potentials)
    assert np.array_equal(one.spike_counts, other.spike_counts)
    assert one.counters == other.counters


def compare(image: ProcessorImage, rng: np.random.Generator, stretches: list[int]) -> int:
    """Run both engines side by side; give the spikes, to see that there was something to compare."""
    reference, event = Processor(image, "reference"), Processor(image, "event")
    assert (reference.engine, event.engine) == ("reference", "event")
    for stretch in stretches:
        now = reference.cycle
        # Some of it for later stretches, some far beyond the ring.
        events = random_events(rng, image, now, now + 2 * stretch + 1, int(rng.integers(0, 3 * stretch + 2)))
        reference.inject(events)
        event.inject(events)
        agree(reference, event)
        assert as_rows(reference.run(stretch)) == as_rows(event.run(stretch))
        agree(reference, event)
    return reference.counters.spikes


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("seed", range(6))
def test_random_images(family: str, seed: int) -> None:
    rng = np.random.default_rng([seed, ALL_FAMILIES.index(family)])
    n_neurons = int(rng.choice([1, 5, 30, 130, 300]))
    n_synapses = int(n_neurons * rng.choice([0.5, 3, 8]))
    image = random_image(rng, family_spec(family), n_neurons, n_synapses, int(rng.choice([1, 2, 15, 16, 40])))
    compare(image, rng, [0, 1, 1, 7, 40, 100])


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_dense_image(family: str) -> None:
    rng = np.random.default_rng(5)
    image = random_image(rng, family_spec(family), 40, 1600, 9)
    assert compare(image, rng, [3, 30, 30]) > 100


@pytest.mark.parametrize("n_neurons", [19, 32, 64, 128])
@pytest.mark.parametrize("longest", [1, 2, 3, 7])
def test_rows_of_every_delay(n_neurons: int, longest: int) -> None:
    """Rows of one delay lie beside those of the next in the ring, whose end wraps around."""
    rng = np.random.default_rng([n_neurons, longest])
    source, target, delay = (axis.ravel() for axis in np.indices((n_neurons, n_neurons, longest)))
    weight = rng.integers(-3, 3, len(source))
    used = weight != 0
    image = build_image(
        family_spec("floor 0"),
        rng.integers(1, 9, n_neurons),
        source[used],
        target[used],
        weight[used],
        delay[used] + 1,
        [Port(f"in{n}", n) for n in range(n_neurons)],
        [Port(f"out{n}", n) for n in range(n_neurons)],
    )
    assert compare(image, rng, [1, 5, 9, 30, 30]) > 100


@given(st.integers(0, 2**32 - 1), st.sampled_from(ALL_FAMILIES), st.lists(st.integers(0, 25), max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_image(seed: int, family: str, stretches: list[int]) -> None:
    rng = np.random.default_rng(seed)
    image = random_image(rng, family_spec(family), int(rng.integers(1, 8)), int(rng.integers(0, 25)), 6)
    compare(image, rng, stretches)


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("size", [1, 50])
@pytest.mark.parametrize("buffer", ["log_entries", "work_limit", "max_slots"])
def test_buffers_change_nothing(family: str, buffer: str, size: int) -> None:
    rng = np.random.default_rng(8)
    image = random_image(rng, family_spec(family), 25, 150, 40)
    plain, small = Processor(image, "event"), Processor(image, "event")
    # A ring is a power of two, and two slots are the least.
    small._engine = EventEngine(image, **{buffer: {1: 2, 50: 8}[size] if buffer == "max_slots" else size})
    small._watch()
    for stretch in (1, 3, 30, 60):
        events = random_events(rng, image, plain.cycle, plain.cycle + stretch, 2 * stretch)
        plain.inject(events)
        small.inject(events)
        assert as_rows(plain.run(stretch)) == as_rows(small.run(stretch))
        agree(plain, small)
        # Through a state and back: charge far ahead is stored otherwise than it came.
        small.restore(small.state())
        assert small.state() == plain.state()
        plain.restore(plain.state())


def test_small_buffers_are_really_used() -> None:
    rng = np.random.default_rng(9)
    image = random_image(rng, family_spec("floor 0"), 25, 150, 40)
    none = (np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))
    nothing = np.zeros(25, np.int64)
    pending = PendingCharge(nothing, np.arange(25), nothing + 1, nothing.astype(np.uint8))
    loaded = (0, image.threshold - 1, nothing, nothing != 0, nothing != 0, pending)
    for buffers, stops in (({}, False), ({"log_entries": 1}, True), ({"work_limit": 0}, True)):
        engine = EventEngine(image, **buffers)
        engine.watch(np.ones(25, bool))
        engine.load(*loaded)
        engine.advance(40, *none)
        assert (engine.cycle < 40) == stops
    engine = EventEngine(image, max_slots=2)
    engine.load(*loaded)
    engine.advance(3, *none)
    assert engine._arrays.numbers[Number.N_FAR] > 0
    reference = ReferenceEngine(image)
    reference.load(*loaded)
    reference.advance(3, *none)
    for name in ("ahead", "neuron", "charge"):
        assert np.array_equal(getattr(reference.pending(), name), getattr(engine.pending(), name))


KEEPING = ("no floor", "subtract", "late")


@pytest.mark.parametrize("family", [name for name in ALL_FAMILIES if not any(word in name for word in KEEPING)])
def test_narrow_and_wide_kernels_agree(family: str) -> None:
    rng = np.random.default_rng(10)
    image = random_image(rng, family_spec(family), 60, 500)
    events = random_events(rng, image, 0, 100, 300)
    results = []
    for bits in (16, 32, 64):
        processor = Processor(image, "event")
        engine = processor._engine = EventEngine(image, least_bits=bits)
        processor._watch()
        # Input beyond any bound, with nothing left of it: not even a leaking neuron without a floor remembers.
        # Slopes take the whole adder.
        if family != "leak, wide input" and not image.spec.slope_synapses:
            assert engine._arrays.potential.dtype == f"int{bits}"
        processor.inject(events)
        results.append((as_rows(processor.run(150)), processor.state(), processor.counters))
    assert results[0] == results[1] == results[2]
    assert results[0][2].spikes > 100


@pytest.mark.parametrize(("edge", "dtypes"), [(2**15 - 1, ("int16", "int32")), (2**31 - 1, ("int32", "int64"))])
def test_sums_at_the_edge_of_a_type(edge: int, dtypes: tuple[str, str]) -> None:
    # Resting 1, charge up to the largest number of the type; one more needs the next. Input takes no room.
    for extra, dtype in zip((0, 1), dtypes, strict=True):
        image = build_image(
            family_spec("wide input"), [1, 2], [0, 0], [1, 1], [edge - 1, extra], [1, 1],
            [Port("a", 0), Port("b", 1), Port("c", 1)], [Port("o", 0), Port("p", 1)],
        )  # fmt: skip
        reference, event = Processor(image, "reference"), Processor(image, "event")
        assert event._engine._arrays.potential.dtype == dtype  # type: ignore[attr-defined]
        for processor in (reference, event):
            # What two ports of one neuron bring meets: far beyond the type each, and together close to nothing.
            processor.inject(
                SpikeEvents.of(
                    [0, 0, 1, 2, 3, 3, 4, 4, 5, 6, 7],
                    [0, 1, 1, 1, 1, 2, 1, 2, 1, 0, 1],
                    [1, 1, 1000, -1000, 2**31 - 1, -(2**31) + 2, -(2**31), 2**31 - 1, -(2**31) + 7, 1, 2**31 - 1],
                )
            )
        for _ in range(9):
            assert as_rows(reference.step()) == as_rows(event.step())
            agree(reference, event)


def test_idle_time_is_free() -> None:
    image = build_image(
        family_spec("floor 0"), [1, 1], [0, 0], [1, 1], [1, 1], [3, 2**31 - 1], [Port("a", 0)], [Port("o", 1)]
    )
    processor = Processor(image, "event")
    processor.inject(SpikeEvents.of([10**15, 10**15 + 1], 0))
    assert as_rows(processor.run(10**15 + 2)) == []
    assert processor.state().pending.ahead.tolist() == [1, 2, 2**31 - 3, 2**31 - 2]
    assert as_rows(processor.run(10**12)) == [
        (10**15 + 3, 0, 1), (10**15 + 4, 0, 1), (10**15 + 2**31 - 1, 0, 1), (10**15 + 2**31, 0, 1)
    ]  # fmt: skip
    assert processor.cycle == 10**15 + 2 + 10**12
    assert processor.counters.cycles == processor.cycle
