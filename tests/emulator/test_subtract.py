"""Reset by subtraction: what a spike leaves, through states, splits and lanes, and never beyond the adder."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulator_helpers import as_rows, make_spec, random_events
from hypothesis import given, settings
from hypothesis import strategies as st

from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.bounds import endless_rise, rising
from neuroproc.kernels.event import EventEngine
from neuroproc.kernels.lanes_tables import prepare_lanes
from neuroproc.kernels.memory import Number
from neuroproc.kernels.prepare import potential_type
from neuroproc.processor import Processor
from neuroproc.state import load_state, save_state

Engine = Callable[..., Processor]

ENGINES = ("reference", "event", "batch")


def lone(threshold: int = 3, **changes: Any) -> ProcessorImage:
    """A neuron with an input, and a long way to another one."""
    spec = make_spec(**{"reset": "subtract", **changes})
    ports = [Port("a", 0)], [Port("o", 0), Port("p", 1)]
    return build_image(spec, [threshold, 1], [0], [1], [1], [20], *ports)


def balanced(rng: np.random.Generator, n_neurons: int, n_synapses: int, **changes: Any) -> ProcessorImage:
    """An image whose neurons are driven and inhibited about alike: surpluses come, and go again."""
    spec = make_spec(**{"reset": "subtract", "potential_floor": -60, **changes})
    source, target = rng.integers(0, n_neurons, (2, n_synapses))
    weight, delay = rng.integers(-14, 15, n_synapses), rng.integers(1, 12, n_synapses)
    inputs = [Port(f"in{i}", int(n)) for i, n in enumerate(rng.integers(0, n_neurons, 6))]
    outputs = [Port(f"out{i}", int(n)) for i, n in enumerate(rng.integers(0, n_neurons, 12))]
    return build_image(spec, rng.integers(1, 12, n_neurons), source, target, weight, delay, inputs, outputs)


def test_a_surplus_fires_in_the_next_cycle_and_not_later(engine: Engine) -> None:
    processor = engine(lone())
    processor.inject(SpikeEvents.of([2, 5], 0, [11, 1]))
    found = []
    for stretch in (3, 1, 0, 1, 1, 40):
        found += as_rows(processor.run(stretch))
    assert found == [(cycle, 0, 1) for cycle in (2, 3, 4, 5)] + [(cycle + 20, 1, 1) for cycle in (2, 3, 4, 5)]
    assert processor.potentials.tolist() == [0, 0]


def test_a_surplus_waits_for_a_delivery_however_idle(engine: Engine) -> None:
    processor = engine(lone(evaluation="on-delivery"))
    processor.inject(SpikeEvents.of([2, 10**4, 10**4 + 9], 0, [11, 0, 0]))
    assert as_rows(processor.run(15)) == [(2, 0, 1)]
    assert processor.potentials.tolist() == [8, 0]
    seen = [(22, 1, 1), (10**4, 0, 1), (10**4 + 9, 0, 1), (10**4 + 20, 1, 1), (10**4 + 29, 1, 1)]
    assert as_rows(processor.run(10**4 + 20)) == seen
    assert processor.potentials.tolist() == [2, 0]


@pytest.mark.parametrize("other", ENGINES)
def test_a_state_holds_a_surplus_that_fires_wherever_it_is_restored(engine: Engine, other: str, tmp_path: Path) -> None:
    first = engine(lone())
    first.inject(SpikeEvents.of(4, 0, 11))
    first.run(5)
    state = first.state()
    assert state.potential.tolist() == [8, 0]
    save_state(tmp_path / "state.npz", state)
    second = Processor(first.image, other)
    second.restore(load_state(tmp_path / "state.npz"))
    assert second.state() == state
    for processor in (first, second):
        assert as_rows(processor.run(3)) == [(5, 0, 1), (6, 0, 1)]
    assert first.state() == second.state()
    # Nothing but a surplus, no spike under way.
    silent = build_image(lone().spec, [3], [], [], [], [], [Port("a", 0)], [Port("o", 0)])
    third = engine(silent)
    third.run(9)
    third.restore(dataclasses.replace(third.state(), potential=np.array([7])))
    assert as_rows(third.run(9)) == [(9, 0, 1), (10, 0, 1)]


@pytest.mark.error
@pytest.mark.parametrize(
    ("changes", "cycle", "highest"),
    [
        ({}, 0, 2),
        ({}, 1, 2 + 997),  # 1000 arrive, 3 are taken
        ({}, 7, 2 + 7 * 997),
        ({"input_max": 3}, 7, 2),
        ({"leak": "all"}, 7, 997),
        ({"leak": "all", "input_max": 5}, 7, 2),
        ({"potential_bits": 12, "threshold_max": 9, "input_min": 0}, 2, 2 + 2 * 997),
        # The sum before the spike had to fit.
        ({"potential_bits": 12, "threshold_max": 9, "input_min": 0}, 3, 2**11 - 1 - 3),
        ({}, 2**60, 2**62 - 3),
    ],
)
def test_a_state_above_what_can_be_left_is_refused(
    engine: Engine, changes: dict[str, Any], cycle: int, highest: int
) -> None:
    processor = engine(lone(**changes))
    state = dataclasses.replace(processor.state(), cycle=cycle)
    processor.restore(dataclasses.replace(state, potential=np.array([highest, 0])))
    assert processor.potentials.tolist() == [highest, 0]
    with pytest.raises(EmulationError, match=rf"potential\[0\] = {highest + 1}: no run"):
        processor.restore(dataclasses.replace(state, potential=np.array([highest + 1, 0])))


def test_who_can_rise_by_loops() -> None:
    rng = np.random.default_rng(5)
    image = balanced(rng, 40, 60, input_max=5)
    most = [0] * 40
    for target, weight in zip(image.target.tolist(), image.weight.tolist(), strict=True):
        most[target] += max(weight, 0)
    for port in image.inputs:
        most[port.neuron] += 5
    expected = [more > threshold for more, threshold in zip(most, image.threshold.tolist(), strict=True)]
    assert rising(image).tolist() == expected
    assert 0 < sum(expected) < 40
    for changes in ({"reset": "zero"}, {"leak": "all"}):
        other = dataclasses.replace(image, spec=dataclasses.replace(image.spec, **changes))
        assert not rising(other).any()
        assert endless_rise(other) is None


def cycles_at_most(threshold: int, most: int, bits: int) -> int:
    """Cycles until, at the largest charge in every cycle, a sum might not fit: by counting."""
    rest, cycles = threshold - 1, 0
    while rest + most < 2 ** (bits - 1):
        rest, cycles = rest + most - threshold, cycles + 1
    return cycles


@pytest.mark.error
@pytest.mark.parametrize(
    ("bits", "threshold", "most"), [(8, 3, 40), (16, 100, 2000), (32, 60000, 2**24), (33, 5, 2**26)]
)
@pytest.mark.parametrize("split", [1, 7, 10**6])
def test_no_sum_leaves_the_adder(engine: Engine, bits: int, threshold: int, most: int, split: int) -> None:
    """At the largest charge in every cycle: exact to the last cycle that fits, and no cycle more."""
    spec = {"potential_bits": bits, "threshold_max": threshold, "input_max": most, "input_min": -most}
    image = lone(threshold, **spec)
    last = cycles_at_most(threshold, most, bits)
    rise = endless_rise(image)
    assert rise is not None
    assert rise.proven == last
    processor = engine(image)
    processor.inject(SpikeEvents.of(np.arange(last + 5), 0, most))
    # What rests first is 0, not threshold - 1, so there may be room for a cycle more than is proven at first.
    value, fitting = 0, 0
    while max(value, threshold - 1) + most < 2 ** (bits - 1):
        value, fitting = value + most - threshold, fitting + 1
    assert last <= fitting <= last + 1
    done = 0
    while done < fitting:
        stretch = min(split, fitting - done)
        processor.run(stretch)
        done += stretch
    assert processor.potentials[0] == value == fitting * (most - threshold)
    message = rf"in cycle {fitting} neuron 0 could reach {value + most}, allowed up to {2 ** (bits - 1) - 1} \(pot"
    with pytest.raises(EmulationError, match=message):
        processor.run(1)
    # It was refused before anything happened.
    assert processor.cycle == fitting
    assert processor.potentials[0] == value


@pytest.mark.error
def test_a_run_that_breaks_off_in_its_middle(engine: Engine) -> None:
    processor = engine(lone(potential_bits=8, threshold_max=3, input_min=0, input_max=40))
    processor.inject(SpikeEvents.of(np.arange(50), 0, 40))
    with pytest.raises(EmulationError, match=r"in cycle 3 neuron 0 could reach 151, allowed up to 127"):
        processor.run(50)
    with pytest.raises(EmulationError, match="broken off"):
        processor.run(1)
    processor.reset()
    assert as_rows(processor.run(50)) == []


@pytest.mark.error
def test_what_may_first_come_up_to_the_threshold_is_counted(engine: Engine) -> None:
    """A neuron far below its threshold rises faster, until it is there, than by what a spike leaves."""
    processor = engine(lone(100, potential_bits=9, threshold_max=100, input_min=0, input_max=101))
    processor.inject(SpikeEvents.of(np.arange(200), 0, np.append(99, np.full(199, 101))))
    with pytest.raises(EmulationError, match="in cycle 57 neuron 0 could reach 256, allowed up to 255"):
        processor.run(200)


def test_a_run_far_longer_than_is_proven_at_its_begin(engine: Engine) -> None:
    """Potentials that come down again leave room for ever."""
    image = lone(potential_bits=8, threshold_max=3, input_min=-40, input_max=40)
    rise = endless_rise(image)
    assert rise is not None
    assert rise.proven < 5
    processor = engine(image)
    processor.inject(SpikeEvents.of(np.arange(0, 900, 3), 0, 6))
    assert len(processor.run(1000)) == 600 + 600
    assert processor.cycle == 1000


@pytest.mark.parametrize(
    ("changes", "threshold", "weight", "event", "batch"),
    [
        # Bounded: what input brings counts, and, in lanes, one at the port besides.
        ({"input_min": 0, "input_max": 7}, 2**14, 2**14 - 7, "int16", "int32"),
        ({"input_min": 0, "input_max": 7}, 2**14, 2**14 - 8, "int16", "int16"),
        ({"input_min": 0, "input_max": 7}, 2**14 + 1, 2**14 - 6, "int32", "int32"),
        ({"input_min": 0, "input_max": 7}, 2**15 - 8, 0, "int16", "int16"),
        ({"input_min": 0, "input_max": 0}, 2**15, 0, "int32", "int32"),
        # Rising: as wide as the adder, whatever the weights.
        ({"potential_bits": 16, "threshold_max": 9}, 5, 1, "int16", "int16"),
        ({"potential_bits": 17, "threshold_max": 9}, 5, 1, "int32", "int32"),
        ({"potential_bits": 32, "threshold_max": 9}, 5, 1, "int32", "int32"),
        ({"potential_bits": 33, "threshold_max": 9}, 5, 1, "int64", "int64"),
        # With leak the surplus of one cycle is all there is.
        ({"leak": "all", "input_min": 0, "input_max": 7}, 5, 2**15 - 8, "int16", "int32"),
        ({"leak": "all", "input_min": 0, "input_max": 7}, 5, 2**15 - 7, "int32", "int32"),
        ({"potential_floor": None}, 5, 1, "int64", "int64"),
    ],
)
def test_width(changes: dict[str, Any], threshold: int, weight: int, event: str, batch: str) -> None:
    spec = make_spec(**{"reset": "subtract", **changes})
    image = build_image(spec, [1, threshold], [0], [1], [weight], [1], [Port("a", 1)], [])
    assert potential_type(image) == event
    assert prepare_lanes(image).threshold.dtype == batch


@pytest.mark.differential
@pytest.mark.parametrize(
    ("changes", "threshold", "weight", "first"),
    [
        ({"input_min": 0, "input_max": 7}, 2**14, 2**14 - 7, 7),
        ({"leak": "all", "input_min": 0, "input_max": 7}, 5, 2**15 - 8, 7),
        ({"potential_bits": 16, "threshold_max": 9, "input_min": -9000, "input_max": 9000}, 5, 5000, 1),
        ({"potential_bits": 32, "threshold_max": 9, "input_min": -(2**29), "input_max": 2**29}, 5, 2**28, 1),
    ],
)
def test_sums_at_the_edge_of_a_type(changes: dict[str, Any], threshold: int, weight: int, first: int) -> None:
    spec = make_spec(**{"reset": "subtract", **changes})
    ports = [Port("a", 0), Port("b", 1)], [Port("o", 0), Port("p", 1)]
    image = build_image(spec, [first, threshold], [0], [1], [weight], [1], *ports)
    reference, *others = (Processor(image, name) for name in ENGINES)
    highest = 0
    for cycle in range(12):
        charge = [spec.input_max, spec.input_max, spec.input_max, spec.input_min][cycle % 4]
        for processor in (reference, *others):
            processor.inject(SpikeEvents.of([cycle, cycle], [0, 1], [first, charge]))
        before = reference.potentials[1] if spec.leak == "none" else 0
        try:
            expected = as_rows(reference.step())
        except EmulationError as error:
            for processor in others:
                with pytest.raises(EmulationError, match=re.escape(str(error))):
                    processor.step()
            break
        highest = max(highest, before + charge + (weight if cycle else 0))
        for processor in others:
            assert as_rows(processor.step()) == expected
            assert processor.state() == reference.state()
    # Sums came near the top of the type that is used.
    assert highest > 0.7 * np.iinfo(potential_type(image)).max


@pytest.mark.differential
@pytest.mark.parametrize("changes", [{}, {"evaluation": "on-delivery"}, {"leak": "all"}, {"potential_floor": None}])
@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("seed", range(3))
def test_engines_agree_in_every_cycle(changes: dict[str, Any], bits: int, seed: int) -> None:
    rng = np.random.default_rng([seed, bits])
    if "potential_floor" not in changes:
        changes = {"potential_bits": bits, "threshold_max": 20, **changes}
    image = balanced(rng, 40, 160, **changes)
    reference, *others = (Processor(image, name) for name in ENGINES)
    again = 0
    for cycle in range(150):
        events = random_events(rng, image, cycle, cycle + 9, 3 * (cycle % 50 < 20))
        at_threshold = reference.potentials >= image.threshold
        expected, before = None, reference.spike_counts
        for processor in (reference, *others):
            processor.inject(events)
            found = as_rows(processor.step())
            expected = found if expected is None else expected
            assert found == expected
            assert processor.state() == reference.state()
            assert np.array_equal(processor.spike_counts, reference.spike_counts)
        again += int(np.count_nonzero(at_threshold & (reference.spike_counts > before)))
        if cycle % 40 == 39:
            # Each goes on from where another one is.
            states = [processor.state() for processor in (*others, reference)]
            for processor, state in zip((reference, *others), states, strict=True):
                processor.restore(state)
    assert again > 20


@pytest.mark.differential
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 25), max_size=6))
@settings(max_examples=80, deadline=None)
def test_any_image_however_split(seed: int, stretches: list[int]) -> None:
    rng = np.random.default_rng(seed)
    evaluation = ("every-cycle", "on-delivery")[seed % 2]
    image = balanced(rng, int(rng.integers(1, 8)), int(rng.integers(0, 25)), evaluation=evaluation, potential_bits=32)
    whole, *others = (Processor(image, name) for name in ("reference", *ENGINES))
    events = random_events(rng, image, 0, sum(stretches) + 1, 2 * sum(stretches))
    for processor in (whole, *others):
        processor.inject(events)
    expected = as_rows(whole.run(sum(stretches)))
    for processor in others:
        found = []
        for stretch in stretches:
            found += as_rows(processor.run(stretch))
        assert found == expected
        assert processor.state() == whole.state()
        assert processor.counters == whole.counters


@pytest.mark.differential
@pytest.mark.parametrize("max_slots", [2**16, 4])
def test_many_neurons_of_which_few_have_a_surplus(max_slots: int) -> None:
    """A block of neurons is looked at as long as one of them fires, and no other block is."""
    rng = np.random.default_rng(8)
    n_neurons = 4000
    source, target = rng.integers(0, n_neurons, (2, 3000))
    spec = make_spec(reset="subtract", potential_floor=-50)
    ports = [Port(f"in{n}", n) for n in range(0, n_neurons, 500)], [Port(f"out{n}", n) for n in range(n_neurons)]
    image = build_image(
        spec, rng.integers(3, 9, n_neurons), source, target, rng.integers(-3, 12, 3000), rng.integers(1, 12, 3000),
        *ports,
    )  # fmt: skip
    reference, event = Processor(image, "reference"), Processor(image, "event")
    engine = event._engine = EventEngine(image, max_slots=max_slots)
    event._watch()
    assert engine._arrays.numbers[Number.TRACKS_BLOCKS]
    events = SpikeEvents.of(rng.integers(0, 150, 60), rng.integers(0, 8, 60), 90)
    for processor in (reference, event):
        processor.inject(events)
    for stretch in (1, 1, 30, 90, 120):
        assert as_rows(reference.run(stretch)) == as_rows(event.run(stretch))
        assert reference.state() == event.state()
        event.restore(event.state())
    assert reference.counters.spikes > 1000


def test_who_fired_for_the_last_time_leaves_an_idle_processor() -> None:
    processor = Processor(lone(), "event")
    processor.inject(SpikeEvents.of(0, 0, 30))
    assert len(processor.run(10**15)) == 20
    assert processor.cycle == 10**15
