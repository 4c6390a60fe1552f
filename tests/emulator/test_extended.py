"""Leaks, delays, spent neurons, clears, slopes and groups, on every engine, in every cycle and through states."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulator_helpers import as_rows, family_spec, make_spec, random_events, random_image
from hypothesis import given, settings
from hypothesis import strategies as st

from isa_spec.arrays import decode_npz
from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.kinds import CHARGE, CLEAR, SLOPE
from isa_spec.spikes import SpikeEvents
from neuroproc.bounds import falls_without_end
from neuroproc.kernels.event import EventEngine
from neuroproc.kernels.lanes_tables import prepare_lanes
from neuroproc.kernels.memory import Number
from neuroproc.kernels.prepare import potential_type
from neuroproc.measuring.measures import count
from neuroproc.processor import Processor
from neuroproc.slopes import endless_slopes
from neuroproc.state import load_state, save_state

Engine = Callable[..., Processor]

ENGINES = ("reference", "event", "batch")
MIXED = (
    "own leak", "own leak, no floor", "own leak, subtract", "own leak, on delivery", "late", "late, no floor",
    "late, wide input", "late, leak", "late, on delivery", "late, own leak, clear", "once", "once and clear",
    "clear, subtract", "slope", "slope, 32 bits", "pool", "pool, subtract", "pool, subtract, no floor",
    "pool, leak, subtract", "temporal", "temporal, leak", "everything", "everything, own leak",
    "everything, own leak, subtract", "everything, subtract", "everything, on delivery",
    "everything, on delivery, subtract", "everything, leak, on delivery",
)  # fmt: skip


@pytest.mark.differential
@pytest.mark.parametrize("family", MIXED)
@pytest.mark.parametrize("seed", range(2))
def test_engines_agree_in_every_cycle(family: str, seed: int) -> None:
    """And each goes on from where another one is."""
    rng = np.random.default_rng([seed, MIXED.index(family)])
    image = random_image(rng, family_spec(family), 40, 200, 12)
    reference, *others = (Processor(image, name) for name in ENGINES)
    seen = {"slope": 0, "spent": 0, "due": 0, "kinds": 0}
    for cycle in range(120):
        events = random_events(rng, image, cycle, cycle + 9, 3 * (cycle % 50 < 20))
        expected = None
        for processor in (reference, *others):
            processor.inject(events)
            found = as_rows(processor.step())
            expected = found if expected is None else expected
            assert found == expected
            assert processor.state() == reference.state()
            assert np.array_equal(processor.spike_counts, reference.spike_counts)
            assert processor.counters == reference.counters
        state = reference.state()
        for name, found_here in (
            ("slope", np.any(state.slope)), ("spent", np.any(state.spent)), ("due", np.any(state.due)),
            ("kinds", np.any(state.pending.kind)),
        ):  # fmt: skip
            seen[name] += bool(found_here)
        if cycle % 30 == 29:
            states = [processor.state() for processor in (*others, reference)]
            for processor, other in zip((reference, *others), states, strict=True):
                processor.restore(other)
    spec = image.spec
    assert (seen["slope"] > 20) == spec.slope_synapses
    assert (seen["spent"] > 20) == spec.one_shot
    assert (seen["due"] > 20) == spec.delayed_fire
    assert (seen["kinds"] > 20) == (spec.slope_synapses or spec.clear_synapses)


@pytest.mark.differential
@given(st.integers(0, 2**32 - 1), st.sampled_from(MIXED), st.lists(st.integers(0, 25), max_size=6))
@settings(max_examples=100, deadline=None)
def test_any_image_however_split(seed: int, family: str, stretches: list[int]) -> None:
    rng = np.random.default_rng(seed)
    image = random_image(rng, family_spec(family), int(rng.integers(1, 9)), int(rng.integers(0, 30)), 6)
    whole, *others = (Processor(image, name) for name in ("reference", *ENGINES))
    events = random_events(rng, image, 0, sum(stretches) + 1, 2 * sum(stretches))
    whole.inject(events)
    expected = as_rows(whole.run(sum(stretches)))
    for processor in others:
        processor.inject(events)
        assert [row for stretch in stretches for row in as_rows(processor.run(stretch))] == expected
        assert processor.state() == whole.state()
        assert processor.counters == whole.counters


@pytest.mark.differential
@pytest.mark.parametrize("family", ["temporal", "everything", "everything, on delivery", "late, own leak, clear"])
def test_a_single_neuron(family: str) -> None:
    """Tables of one entry are not empty."""
    rng = np.random.default_rng(6)
    image = random_image(rng, family_spec(family), 1, 12, 4)
    processors = [Processor(image, name) for name in ENGINES]
    for cycle in range(60):
        events = random_events(rng, image, cycle, cycle + 3, 2)
        for processor in processors:
            processor.inject(events)
        assert len({tuple(as_rows(processor.step())) for processor in processors}) == 1
        assert all(processor.state() == processors[0].state() for processor in processors)
    assert processors[0].counters.spikes > 3


@pytest.mark.differential
@pytest.mark.parametrize("family", ["temporal", "everything", "everything, subtract", "own leak", "late"])
def test_many_neurons_of_which_few_are_busy(family: str) -> None:
    """Blocks are looked at where something arrives, and slopes are something."""
    rng = np.random.default_rng(7)
    image = random_image(rng, family_spec(family), 2500, 12000, 30)
    reference, event = Processor(image, "reference"), Processor(image, "event")
    engine = event._engine
    assert isinstance(engine, EventEngine)
    assert engine._arrays.numbers[Number.TRACKS_BLOCKS] == 1
    for _ in range(12):
        events = random_events(rng, image, reference.cycle, reference.cycle + 9, 40)
        for processor in (reference, event):
            processor.inject(events)
        stretch = int(rng.integers(1, 9))
        assert as_rows(reference.run(stretch)) == as_rows(event.run(stretch))
        assert reference.state() == event.state()
    assert reference.counters.spikes > 100


@pytest.mark.differential
@pytest.mark.parametrize("family", ["temporal", "everything, on delivery", "late, own leak, clear"])
def test_beyond_the_ring(family: str) -> None:
    """Clears and slopes that arrive so late that they wait on a list."""
    rng = np.random.default_rng(8)
    image = random_image(rng, family_spec(family), 25, 150, 40)
    reference, event = Processor(image, "reference"), Processor(image, "event")
    event._engine = EventEngine(image, max_slots=4)
    event._watch()
    for _ in range(30):
        events = random_events(rng, image, reference.cycle, reference.cycle + 9, 8)
        for processor in (reference, event):
            processor.inject(events)
        assert as_rows(reference.run(5)) == as_rows(event.run(5))
        assert reference.state() == event.state()
        event.restore(event.state())
        reference.restore(reference.state())


def busy(engine: Engine) -> Processor:
    """A processor in a state with everything in it."""
    rng = np.random.default_rng(3)
    image = random_image(rng, family_spec("everything, subtract"), 20, 90, 20)
    processor = engine(image)
    processor.inject(random_events(rng, image, 0, 40, 60))
    processor.run(40)
    return processor


@pytest.mark.parametrize("other", ENGINES)
def test_a_state_goes_on_wherever_it_is_restored(engine: Engine, other: str, tmp_path: Path) -> None:
    first = busy(engine)
    state = first.state()
    assert np.any(state.slope)
    assert np.any(state.spent)
    assert set(state.pending.kind) == {CHARGE, SLOPE, CLEAR}
    save_state(tmp_path / "state.npz", state)
    second = Processor(first.image, other)
    second.restore(load_state(tmp_path / "state.npz"))
    assert second.state() == state
    assert as_rows(first.run(60)) == as_rows(second.run(60))
    assert first.state() == second.state()
    first.reset()
    assert not np.any(first.state().slope)
    assert not np.any(first.state().spent)


def test_a_state_of_the_base_has_the_sections_of_the_base(tmp_path: Path) -> None:
    image = build_image(make_spec(), [3], [0], [0], [1], [2], [Port("a", 0)], [])
    processor = Processor(image)
    processor.inject(SpikeEvents.of(0, 0, 5))
    processor.run(1)
    save_state(tmp_path / "state.npz", processor.state())
    found = decode_npz((tmp_path / "state.npz").read_bytes(), "here")
    assert not {"slope", "spent", "kind"} & set(found)


def ramp(weight: int = 10, **changes: Any) -> ProcessorImage:
    """A neuron with an input, whose every spike raises the slope of another one; a third clears it."""
    spec = make_spec(**{"slope_synapses": True, "clear_synapses": True, "potential_floor": -2, **changes})
    ports = [Port("a", 0), Port("b", 1), Port("c", 2)], [Port("o", 1)]
    kinds = {"kind": [SLOPE, CLEAR]}
    return build_image(spec, [1, 9, 1], [0, 2], [1, 1], [weight, 1], [1, 1], *ports, **kinds)


NARROW = {"potential_bits": 12, "threshold_max": 9, "input_min": -3, "input_max": 3}


@pytest.mark.error
@pytest.mark.parametrize("split", [1, 7, 10**6])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("weight", [10, -10, 1, 60])
def test_no_sum_leaves_the_adder(engine: Engine, weight: int, reset: str, split: int) -> None:
    """The slope changes in every cycle: exact to the last cycle that fits, and no cycle more."""
    image = ramp(weight, **NARROW, reset=reset)
    processor = engine(image)
    processor.inject(SpikeEvents.of(np.arange(3000), 0, 1))
    # By hand: the potential, the slope, and whether any input could take the sum of the next cycle out of the adder.
    value, slope, cycles = 0, 0, 0
    while True:
        rest = max(value, 8) if reset == "subtract" else 8
        highest, lowest = rest + 3 + max(slope, 0) + max(weight, 0), -2 - 3 + min(slope, 0) + min(weight, 0)
        if highest >= 2**11 or lowest < -(2**11):
            break
        slope += weight if cycles else 0
        value += slope
        if value >= 9:
            value = 0 if reset == "zero" else value - 9
        value, cycles = max(value, -2), cycles + 1
    message = rf"in cycle {cycles} neuron 1 could reach {lowest}\.\.{highest}, allowed -2048\.\.2047 \(potential_bits"
    done = 0
    while done + split <= cycles:
        processor.run(split)
        done += split
    with pytest.raises(EmulationError, match=message):
        processor.run(cycles + 1 - done)
    if split == 1:
        # It was refused before anything happened.
        assert (processor.cycle, processor.potentials[1]) == (cycles, value)
        assert processor.state().slope[1] == slope


def test_a_run_far_longer_than_is_proven_at_its_begin(engine: Engine) -> None:
    """Slopes that are cleared leave room for ever, and so do those that nothing changes."""
    image = ramp(**NARROW)
    slopes = endless_slopes(image)
    assert slopes is not None
    assert slopes.proven < 250
    processor = engine(image)
    cycle = np.arange(0, 3000, 10)
    processor.inject(SpikeEvents.of(np.append(cycle, cycle + 5), np.repeat([0, 2], len(cycle)), 1))
    processor.run(3000)
    assert processor.cycle == 3000
    processor.inject(SpikeEvents.of(3000, 0, 1))
    processor.run(3000)
    assert processor.state().slope.tolist() == [0, 10, 0]


def test_a_spent_neuron_needs_no_room(engine: Engine) -> None:
    image = ramp(60, **NARROW, one_shot=True)
    image = dataclasses.replace(image, once=np.array([0, 1, 0], np.uint8))
    processor = engine(image)
    processor.inject(SpikeEvents.of(np.arange(2000), 0, 1))
    processor.run(2000)
    state = processor.state()
    assert (state.slope[1], state.spent.tolist()) == (60, [False, True, False])


@pytest.mark.error
@pytest.mark.parametrize(
    ("changes", "cycle", "lowest", "highest"),
    [
        ({}, 0, 0, 0),
        ({}, 3, 0, 30),
        ({**NARROW}, 10**6, 0, 2047),
        ({}, 2**62, 0, 2**62),
    ],
)
def test_slopes_that_no_run_leads_to_are_refused(
    engine: Engine, changes: dict[str, Any], cycle: int, lowest: int, highest: int
) -> None:
    processor = engine(ramp(**changes))
    state = dataclasses.replace(processor.state(), cycle=cycle)
    for good in (lowest, highest):
        processor.restore(dataclasses.replace(state, slope=np.array([0, good, 0])))
        assert processor.state().slope.tolist() == [0, good, 0]
    for bad in (lowest - 1, highest + 1):
        with pytest.raises(EmulationError, match=re.escape(f"slope[1] = {bad}: no run")):
            processor.restore(dataclasses.replace(state, slope=np.array([0, bad, 0])))


@pytest.mark.parametrize(("bits", "dtype"), [(16, "int16"), (17, "int32"), (32, "int32"), (64, "int64")])
def test_slopes_take_the_whole_adder(bits: int, dtype: str) -> None:
    image = ramp(potential_bits=bits, threshold_max=9, input_min=0, input_max=3)
    assert potential_type(image) == dtype
    assert prepare_lanes(image).threshold.dtype == dtype


def test_a_group_takes_room_below_the_floor() -> None:
    spec = make_spec(pooling_groups=True, reset="subtract", potential_floor=-(2**14), input_min=0, input_max=0)
    for threshold, dtype in ((2**14, "int16"), (2**14 + 1, "int32")):
        image = build_image(spec, [threshold, 1], [], [], [], [], [Port("a", 0)], [], group=[1, -1])
        assert potential_type(image) == dtype
        assert prepare_lanes(image).threshold.dtype == dtype


def test_more_clears_than_a_narrow_number_can_count() -> None:
    spec = make_spec(clear_synapses=True, input_min=0, input_max=1)
    n = 2**16
    source = np.append(np.zeros(n, int), np.arange(1, n + 1))
    target = np.append(np.arange(1, n + 1), np.full(n, n + 1))
    kind = np.repeat([CHARGE, CLEAR], n)
    ports = [Port("a", 0), Port("b", n + 1)], [Port("o", n + 1)]
    image = build_image(
        spec, [1] * (n + 1) + [9], source, target, np.ones(2 * n, int), np.ones(2 * n, int), *ports, kind=kind
    )
    for name in ENGINES:
        processor = Processor(image, name)
        processor.inject(SpikeEvents.of(np.arange(3), [0, 1, 1], 1))
        potentials = [int((processor.step(), processor.potentials[n + 1])[1]) for _ in range(4)]
        assert potentials == [0, 1, 1, 1], name
        assert processor.counters.synaptic_operations == 2 * n


def test_measures_say_what_has_no_end() -> None:
    assert count(ramp())["potential_bits"] is None
    spec = make_spec(pooling_groups=True, reset="subtract", potential_floor=-9, input_min=0, input_max=2)
    for group, lowest in (([1, -1], -9 - 5), ([-1, -1], -9)):
        image = build_image(spec, [5, 3], [], [], [], [], [Port("a", 0)], [], group=group)
        assert count(image)["potential_range"] == [lowest, 4 + 2]


@pytest.mark.parametrize(("leaks", "bits"), [([1, 1], 3), ([1, 0], None), ([0, 1], None), ([0, 0], None)])
def test_measures_say_who_has_no_end_below(leaks: list[int], bits: int | None) -> None:
    """Where all leak, sums are in -3 .. 2."""
    spec = make_spec(leak="per-neuron", potential_floor=None, input_min=0, input_max=2)
    image = build_image(spec, [5, 3], [0, 0], [0, 1], [-3, -1], [1, 1], [Port("a", 0)], [], leaks=leaks)
    assert count(image)["potential_bits"] == bits
    assert falls_without_end(image) == (bits is None)
    assert potential_type(image) == (np.int64 if bits is None else np.int16)
    assert prepare_lanes(image).threshold.dtype == potential_type(image)


def test_idle_time_is_free_and_slopes_are_not_idle() -> None:
    image = ramp(one_shot=True)
    image = dataclasses.replace(image, once=np.array([0, 1, 0], np.uint8))
    for name in ("event", "batch"):
        processor = Processor(image, name)
        processor.inject(SpikeEvents.of([10**15, 10**15 + 9], [0, 2], 1))
        # Spent after one cycle, so that the slope has no work.
        assert as_rows(processor.run(10**15 + 10**12)) == [(10**15 + 1, 0, 1)]
        assert processor.state().slope.tolist() == [0, 0, 0]
