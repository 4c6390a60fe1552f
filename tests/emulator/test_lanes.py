"""The batch engine: 64 lanes, each held against a stream of its own on the reference engine, state for state."""

from __future__ import annotations

import numpy as np
import pytest
from emulator_helpers import ALL_FAMILIES, as_rows, family_spec, make_spec, random_events, random_image
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.kernels import lanes_vectors as vectors
from neuroproc.kernels.lanes import LaneBatch, LaneEngine, summed
from neuroproc.kernels.lanes_cycle import run_lanes
from neuroproc.kernels.lanes_tables import cut_parts, prepare_lanes
from neuroproc.processor import Processor
from neuroproc.state import PendingCharge

pytestmark = pytest.mark.differential

LANES = 64


def compare(image: ProcessorImage, rng: np.random.Generator, stretches: list[int]) -> int:
    """Run reference and one lane side by side, through states now and then; give the spikes."""
    reference, batch = Processor(image, "reference"), Processor(image, "batch")
    spikes = 0
    for stretch in stretches:
        now = reference.cycle
        events = random_events(rng, image, now, now + 2 * stretch + 1, int(rng.integers(0, 3 * stretch + 2)))
        for processor in (reference, batch):
            processor.inject(events)
        assert as_rows(reference.run(stretch)) == as_rows(batch.run(stretch))
        assert reference.state() == batch.state()
        assert np.array_equal(reference.spike_counts, batch.spike_counts)
        assert reference.counters == batch.counters
        if rng.random() < 0.3:
            spikes += reference.counters.spikes
            for processor in (reference, batch):
                processor.restore(processor.state())
            assert reference.state() == batch.state()
    return spikes + reference.counters.spikes


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("seed", range(5))
def test_one_stream(family: str, seed: int) -> None:
    rng = np.random.default_rng([seed, ALL_FAMILIES.index(family)])
    n_neurons = int(rng.choice([1, 5, 30, 130, 300]))
    n_synapses = int(n_neurons * rng.choice([0.5, 3, 8]))
    image = random_image(rng, family_spec(family), n_neurons, n_synapses, int(rng.choice([1, 2, 15, 16, 40])))
    compare(image, rng, [0, 1, 1, 7, 40, 100])


@given(st.integers(0, 2**32 - 1), st.sampled_from(ALL_FAMILIES), st.lists(st.integers(0, 25), max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_image(seed: int, family: str, stretches: list[int]) -> None:
    rng = np.random.default_rng(seed)
    image = random_image(rng, family_spec(family), int(rng.integers(1, 8)), int(rng.integers(0, 25)), 6)
    compare(image, rng, stretches)


def neurons_of(image: ProcessorImage, events: SpikeEvents) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cycle, neuron and charge of input, as `Engine.advance` gets them."""
    neuron = np.array([port.neuron for port in image.inputs], np.int64)
    return summed(events.cycle, neuron[events.port], events.value)


def lane_inputs(batch: LaneBatch, given: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, ...]:
    """Input of all lanes, sorted by cycle, cut down to what makes a difference."""
    cycle, neuron, charge = (np.concatenate(column) for column in zip(*given, strict=True))
    lanes = np.repeat(np.uint64(1) << np.arange(len(given), dtype=np.uint64), [len(one[0]) for one in given])
    charge = np.clip(charge, batch.tables.least_input[neuron], batch.tables.most_input[neuron])
    order = np.argsort(cycle, kind="stable")
    return cycle[order], neuron[order], charge[order], lanes[order]


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("limits", [{}, {"log_entries": 1, "work_limit": 0}], ids=["roomy", "tight"])
def test_every_lane_is_a_stream_of_its_own(family: str, limits: dict[str, int]) -> None:
    rng = np.random.default_rng([17, ALL_FAMILIES.index(family)])
    image = random_image(rng, family_spec(family), 40, 300, 9)
    given = [random_events(rng, image, 0, 60, int(rng.integers(0, 120))) for _ in range(LANES)]
    watched = rng.integers(0, 2**64, 40, np.uint64, endpoint=False) * (rng.random(40) < 0.7)
    counted = int(rng.integers(0, 2**64, dtype=np.uint64, endpoint=False))
    batch = LaneBatch(image, **limits)
    batch.watch(watched)
    inputs = lane_inputs(batch, [neurons_of(image, events) for events in given])
    found: list[tuple[int, int, int]] = []
    stops = 0
    for stop in (1, 20, 21, 60):
        while batch.cycle < stop:
            now, to = inputs[0].searchsorted((batch.cycle, stop))
            cycle, neuron, lanes = batch.run(stop, *(column[now:to] for column in inputs), counted)
            found += zip(cycle.tolist(), neuron.tolist(), lanes.tolist(), strict=True)
            stops += 1
    assert (stops > 4) == bool(limits)
    assert found == sorted(found)
    counts = np.zeros(40, np.int64)
    potentials, spikes = batch.potentials(), batch.recent_spikes()
    for lane in range(LANES):
        reference = Processor(image, "reference")
        reference._engine.watch(np.ones(40, bool))
        events = neurons_of(image, given[lane])
        cycle, neuron = reference._engine.advance(60, *events)
        seen = watched[neuron] >> np.uint64(lane) & np.uint64(1) != 0
        mine = [(c, n) for c, n, lanes in found if lanes >> lane & 1]
        assert mine == list(zip(cycle[seen].tolist(), neuron[seen].tolist(), strict=True))
        assert np.array_equal(potentials[:, lane], reference.potentials)
        right, pending = reference._engine.pending(), batch.pending(spikes, lane)
        for name in ("ahead", "neuron", "charge"):
            assert np.array_equal(getattr(pending, name), getattr(right, name))
        counts += reference.spike_counts * (counted >> lane & 1)
    assert np.array_equal(batch.spike_count, counts)
    assert counts.sum() > 100


def test_a_log_that_is_full_is_emptied() -> None:
    rng = np.random.default_rng(9)
    image = random_image(rng, family_spec("floor 0"), 25, 150, 40)
    none = (np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))
    nothing = np.zeros(25, np.int64)
    pending = PendingCharge(nothing, np.arange(25), nothing + 1, nothing.astype(np.uint8))
    loaded = (0, image.threshold - 1, nothing, nothing != 0, nothing != 0, pending)
    for limits, stops in (({}, False), ({"log_entries": 1}, True), ({"work_limit": 0}, True)):
        engine = LaneEngine(image, **limits)
        engine.watch(np.ones(25, bool))
        engine.load(*loaded)
        engine.advance(40, *none)
        assert (engine.cycle < 40) == stops


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_vectors_and_their_twins(bits: int) -> None:
    """Every operation, compiled and as numpy."""
    rng = np.random.default_rng(bits)
    low, high = np.iinfo(f"int{bits}").min // 2, np.iinfo(f"int{bits}").max // 2
    number = np.dtype(f"int{bits}").type

    def play(rows: np.ndarray, masks: np.ndarray, weight: object, four: object, level: object) -> tuple[object, int]:
        total = vectors.load_row(rows, np.uint64(0))
        part = vectors.add_bytes(vectors.add_bytes(vectors.no_charge(), masks[0], four), masks[1], four)
        total = vectors.add_where(vectors.add_sum(total, part), masks[1], weight)
        vectors.store_row(rows, np.uint64(1), total)
        fired = vectors.lanes_at_least(total, level)
        vectors.store_row(rows, np.uint64(2), vectors.clear_or_raise(total, fired & masks[2], weight))
        vectors.store_row(rows, np.uint64(3), vectors.lower_or_raise(total, fired & masks[2], level, weight))
        return fired, vectors.count_lanes(fired)

    compiled = njit(play)
    for case in range(20):
        rows = rng.integers(low, high, (4, LANES)).astype(number)
        rows[0, :3] = rows[0, 0]
        masks = rng.integers(0, 2**64, 3, np.uint64, endpoint=False)
        byte = int(rng.integers(-64, 64))
        four = np.uint32((byte & 0xFF) * 0x01010101)
        weight, level = number(rng.integers(low, 0)), number(rows[0, 0] if case % 2 else 0)
        twin = rows.copy()
        assert play(twin, masks, weight, four, level) == compiled(rows, masks, weight, four, level)
        assert np.array_equal(twin, rows)
        assert np.array_equal(vectors.lanes_of(vectors.mask_of(vectors.lanes_of(masks[0]))), vectors.lanes_of(masks[0]))


def test_parts_fit_a_byte_and_are_as_long_as_can_be() -> None:
    rng = np.random.default_rng(4)
    weight = rng.integers(-31, 32, 900)
    row = np.array([0, 0, 10, 600, 600, 900], np.uint64)
    part_row, begin = cut_parts(row, weight)
    assert begin[part_row].tolist() == row.tolist()
    assert len(begin) > 10
    for first, last in zip(begin[:-1].tolist(), begin[1:].tolist(), strict=True):
        part, more = weight[first:last], weight[first : last + 1]
        assert part[part < 0].sum() >= -128
        assert part[part > 0].sum() <= 127
        assert last in row or more[more < 0].sum() < -128 or more[more > 0].sum() > 127


@pytest.mark.parametrize(
    ("threshold", "weight", "dtype"),
    [
        (100, 1000, np.int16),
        (100, 16000, np.int16),
        (100, 17000, np.int32),
        (40000, 1, np.int32),
        (100, 2**31 - 1, np.int64),
    ],
)
def test_potentials_are_as_narrow_as_is_proven(threshold: int, weight: int, dtype: type) -> None:
    spec = make_spec(potential_floor=-5, weight_min=-(2**31), weight_max=2**31 - 1, potential_bits=64)
    image = build_image(
        spec, [threshold, threshold], [0, 0], [1, 1], [weight, -weight], [1, 2], [Port("a", 0), Port("b", 1)], []
    )
    assert prepare_lanes(image).threshold.dtype == dtype
    rng = np.random.default_rng(1)
    events = SpikeEvents.of(
        rng.integers(0, 300, 400), rng.integers(0, 2, 400), rng.choice([-990, -3, 5, 300, 990], 400)
    )
    reference, batch = Processor(image, "reference"), Processor(image, "batch")
    for cycle in range(300):
        here = events.window(cycle, cycle + 1)
        for processor in (reference, batch):
            try:
                processor.inject(here)
            except EmulationError:  # several charges for one port and cycle
                continue
            processor.step()
        assert reference.state() == batch.state()
    assert reference.counters.spikes > 20 or threshold > 1000


def test_wide_input_does_not_make_potentials_wide() -> None:
    """Charge far beyond what fires a neuron, or holds it at its floor, does just that."""
    rng = np.random.default_rng(2)
    image = random_image(rng, family_spec("wide input"), 20, 100)
    assert prepare_lanes(image).threshold.dtype == np.int16
    reference, batch = Processor(image, "reference"), Processor(image, "batch")
    extremes = [-(2**31), -(2**31) + 1, 2**31 - 1, -1, 1, 40]
    for cycle in range(200):
        events = SpikeEvents.of(cycle, np.arange(6), rng.choice(extremes, 6))
        for processor in (reference, batch):
            processor.inject(events)
            processor.step()
        assert reference.state() == batch.state()
    assert reference.counters.spikes > 300


@pytest.mark.error
def test_too_much_history_is_refused() -> None:
    spec = make_spec(max_delay=2**31 - 1)
    image = build_image(spec, [1, 1], [0], [1], [1], [2**26], [Port("a", 0)], [Port("o", 1)])
    with pytest.raises(EmulationError, match=r"engine 'batch' would keep 67108864 cycles of 2 neurons' spikes, 2,147,"):
        Processor(image, "batch")
    assert Processor(image).engine == "event"


def test_idle_time_is_free() -> None:
    image = build_image(
        family_spec("floor 0"), [1, 1], [0, 0], [1, 1], [1, 1], [3, 900], [Port("a", 0)], [Port("o", 1)]
    )
    processor = Processor(image, "batch")
    processor.inject(SpikeEvents.of([10**15, 10**15 + 1], 0))
    assert as_rows(processor.run(10**15 + 2)) == []
    assert processor.state().pending.ahead.tolist() == [1, 2, 898, 899]
    found = as_rows(processor.run(10**12))
    assert [cycle - 10**15 for cycle, _, _ in found] == [3, 4, 900, 901]
    assert processor.counters.cycles == 10**15 + 2 + 10**12


def test_the_kernel_is_small_enough_for_few_types() -> None:
    """One form for each width of potentials, and for tracked touches; no call compiles another."""
    rng = np.random.default_rng(3)
    image = random_image(rng, family_spec("floor 0"), 20, 50)
    processor = Processor(image, "batch")
    known = len(run_lanes.signatures)
    processor.inject(random_events(rng, image, 0, 30, 40))
    processor.run(30)
    processor.restore(processor.state())
    processor.run(10)
    assert len(run_lanes.signatures) == known
