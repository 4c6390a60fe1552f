"""Spikes that are seen a cycle later: what states hold of them, idle time, narrow numbers, logs, on every engine."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulator_helpers import as_rows, family_spec, make_spec, random_events, random_image

from isa_spec.arrays import decode_npz
from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.kernels.event import EventEngine
from neuroproc.kernels.lanes_tables import prepare_lanes
from neuroproc.kernels.prepare import potential_type
from neuroproc.probe import SpikeProbe
from neuroproc.processor import Processor
from neuroproc.state import load_state, save_state

Engine = Callable[..., Processor]
ENGINES = ("reference", "event", "batch")


def pair(**changes: Any) -> ProcessorImage:
    """Two neurons with an input and an output each, one with a long way to the other."""
    spec = make_spec(**{"delayed_fire": True, **changes})
    ports = [Port("a", 0), Port("b", 1)], [Port("o", 0), Port("p", 1)]
    return build_image(spec, [5, 5], [0], [1], [3], [20], *ports)


@pytest.mark.parametrize("other", ENGINES)
@pytest.mark.parametrize("leak", ["none", "all"])
def test_a_state_holds_spikes_that_nobody_saw_yet(engine: Engine, other: str, leak: str, tmp_path: Path) -> None:
    first = engine(pair(leak=leak))
    first.inject(SpikeEvents.of([3, 3, 4], [0, 1, 1], [9, 4, 1]))
    first.run(4)
    state = first.state()
    assert (state.potential.tolist(), state.due.tolist()) == ([9, 4], [True, False])
    assert first.counters.spikes == 0
    save_state(tmp_path / "state.npz", state)
    second = Processor(first.image, other)
    second.restore(load_state(tmp_path / "state.npz"))
    assert second.state() == state
    for processor in (first, second):
        assert as_rows(processor.run(30)) == [(4, 0, 1), *[(5, 1, 1)] * (leak == "none")]
        assert processor.spike_counts.tolist() == [1, int(leak == "none")]
        assert processor.counters.synaptic_operations == 1
    assert first.state() == second.state()
    assert not first.state().due.any()


def test_a_state_in_which_nothing_is_due_has_no_section_for_it(tmp_path: Path) -> None:
    processor = Processor(pair())
    processor.inject(SpikeEvents.of(0, 0, 4))
    for found in (False, True):
        processor.run(1)
        save_state(tmp_path / "state.npz", processor.state())
        assert ("due" in decode_npz((tmp_path / "state.npz").read_bytes(), "here")) == found
        processor.inject(SpikeEvents.of(processor.cycle, 0, 1))


@pytest.mark.error
def test_states_that_no_run_leads_to_are_refused(engine: Engine) -> None:
    processor = engine(pair())
    processor.run(9)
    state = processor.state()
    # The highest is what arrives on top of a potential just below the threshold.
    for potential in (5, 4 + 1000):
        good = dataclasses.replace(state, potential=np.array([potential, 0]), due=np.array([True, False]))
        processor.restore(good)
        assert processor.state() == good
    for potential, due, words in (
        ([4, 0], [True, False], "due[0] = True: no run"),
        ([5, 0], [False, False], "potential[0] = 5: no run"),
        ([4 + 1000 + 1, 0], [True, False], "potential[0] = 1005: no run"),
    ):
        bad = dataclasses.replace(state, potential=np.array(potential), due=np.array(due))
        with pytest.raises(EmulationError, match=re.escape(words)):
            processor.restore(bad)
    plain = engine(pair(delayed_fire=False))
    bad = dataclasses.replace(plain.state(), potential=np.array([5, 0]), due=np.array([True, False]))
    with pytest.raises(EmulationError, match=re.escape("due[0] = True: no run")):
        plain.restore(bad)


def test_idle_time_is_free_but_for_the_cycle_in_which_a_spike_is_seen() -> None:
    for leak in ("none", "all"):
        image = pair(leak=leak)
        for name in ("event", "batch"):
            processor = Processor(image, name)
            processor.inject(SpikeEvents.of([10**15, 10**15 + 10**6], [0, 1], [5, 6]))
            assert as_rows(processor.run(10**15 + 1)) == []
            assert processor.potentials.tolist() == [5, 0]
            assert as_rows(processor.run(10**12)) == [(10**15 + 1, 0, 1), (10**15 + 10**6 + 1, 1, 1)]
            assert processor.potentials.tolist() == [0, 0]


def test_an_image_without_synapses(engine: Engine) -> None:
    image = build_image(make_spec(delayed_fire=True), [2], [], [], [], [], [Port("a", 0)], [Port("o", 0)])
    processor = engine(image)
    processor.inject(SpikeEvents.of([0, 1, 3], 0, [2, 7, 2]))
    assert as_rows(processor.run(9)) == [(1, 0, 1), (2, 0, 1), (4, 0, 1)]


@pytest.mark.parametrize(
    ("input_max", "dtype", "lanes"),
    [
        (2**15 - 9, "int16", "int16"),
        (2**15 - 8, "int16", "int32"),
        (2**15 - 7, "int32", "int32"),
        (2**31 - 1, "int64", "int64"),
    ],
)
def test_what_input_leaves_needs_room(engine: Engine, input_max: int, dtype: str, lanes: str) -> None:
    """The potential is seen before it is reset: 4 at rest, 3 over the synapse; in lanes a frame's spike besides."""
    image = pair(input_max=input_max)
    assert (potential_type(image), prepare_lanes(image).threshold.dtype) == (dtype, lanes)
    processor = engine(image)
    processor.inject(SpikeEvents.of([0, 19, 20], [0, 1, 1], [5, 4, input_max]))
    processor.run(21)
    assert processor.potentials.tolist() == [0, 7 + input_max]


def test_what_is_above_a_threshold_far_below_zero_wraps_and_wraps_back(engine: Engine) -> None:
    spec = make_spec(
        delayed_fire=True, evaluation="on-delivery", threshold_min=-(2**15) + 1, potential_floor=-9, input_max=32_700
    )
    image = build_image(spec, [-(2**15) + 1], [], [], [], [], [Port("a", 0)], [Port("o", 0)])
    assert potential_type(image) == "int16"
    processor = engine(image)
    processor.inject(SpikeEvents.of([0, 1, 4], 0, [32_700, -500, 0]))
    seen = []
    for _ in range(6):
        processor.run(1)
        seen.append(int(processor.potentials[0]))
    assert seen == [32_700, -9, 0, 0, 0, 0]
    assert processor.spike_counts.tolist() == [3]


@pytest.mark.differential
@pytest.mark.parametrize("family", ["late", "late, on delivery", "late, leak", "late, own leak, clear"])
@pytest.mark.parametrize("buffers", [{"log_entries": 1}, {"work_limit": 0}, {"log_entries": 50, "max_slots": 2}])
def test_buffers_change_nothing(family: str, buffers: dict[str, int]) -> None:
    """A log may be full in the cycle between a spike and its being seen."""
    rng = np.random.default_rng(8)
    image = random_image(rng, family_spec(family), 25, 150, 40)
    reference, small = Processor(image, "reference"), Processor(image, "event")
    small._engine = EventEngine(image, **buffers)
    for processor in (reference, small):
        processor.attach(SpikeProbe())
    for stretch in (1, 3, 30, 60):
        events = random_events(rng, image, reference.cycle, reference.cycle + stretch, 2 * stretch)
        for processor in (reference, small):
            processor.inject(events)
        assert as_rows(reference.run(stretch)) == as_rows(small.run(stretch))
        assert reference.state() == small.state()
        assert reference.counters == small.counters
        ours, theirs = (processor._probes[0] for processor in (reference, small))
        assert isinstance(ours, SpikeProbe)
        assert isinstance(theirs, SpikeProbe)
        assert all(np.array_equal(a, b) for a, b in zip(ours.drain(), theirs.drain(), strict=True))
    assert reference.counters.spikes > 20


@pytest.mark.differential
@pytest.mark.parametrize("seed", range(4))
def test_all_else_is_as_without_delay(engine: Engine, seed: int) -> None:
    """The same spikes one cycle later, the same potentials but for those that are due."""
    rng = np.random.default_rng(seed)
    late = random_image(rng, make_spec(delayed_fire=True, potential_floor=-30), 20, 120, 9)
    plain = dataclasses.replace(late, spec=dataclasses.replace(late.spec, delayed_fire=False))
    events = random_events(rng, late, 0, 60, 150)
    one, other = engine(plain), engine(late)
    for processor in (one, other):
        processor.inject(events)
    early, later = [], []
    for _ in range(80):
        early += as_rows(one.step())
        later += as_rows(other.step())
        state = other.state()
        assert np.array_equal(np.where(state.due, 0, state.potential), one.potentials)
        assert np.array_equal(state.pending.charge, one.state().pending.charge)
    later += as_rows(other.step())
    assert [(cycle - 1, port, value) for cycle, port, value in later] == early
    assert len(early) > 50
