"""Potentials that leak: seen until their cycle ends, in every cycle, on every engine, through states and idle time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from emulator_helpers import make_spec, random_events, random_image

from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.processor import Processor

Engine = Callable[..., Processor]


def lone(**changes: object) -> ProcessorImage:
    """Two neurons with an input each, one with a long way to the other."""
    spec = make_spec(leak="all", **changes)
    return build_image(spec, [5, 5], [0], [1], [3], [20], [Port("a", 0), Port("b", 1)], [Port("o", 1)])


def test_what_is_left_is_seen_until_the_next_cycle_however_idle(engine: Engine) -> None:
    processor = engine(lone(potential_floor=None))
    processor.inject(SpikeEvents.of([3, 3, 4], [0, 1, 1], [4, -7, 2]))
    seen = []
    for stretch in (3, 1, 0, 1, 1, 100):
        processor.run(stretch)
        seen.append(processor.potentials.tolist())
    assert seen == [[0, 0], [4, -7], [4, -7], [0, 2], [0, 0], [0, 0]]


def test_what_is_left_is_gone_after_idle_time_in_the_same_run(engine: Engine) -> None:
    for cycles, left in ((4, [4, 0]), (5, [0, 0]), (50, [0, 0])):
        processor = engine(lone())
        processor.inject(SpikeEvents.of(3, 0, 4))
        processor.run(cycles)
        assert processor.potentials.tolist() == left
        assert not len(processor.state().pending)


def test_a_state_holds_what_is_left_and_goes_on_without(engine: Engine) -> None:
    processor = engine(lone())
    processor.inject(SpikeEvents.of([3, 4], [0, 0], [4, 4]))
    processor.run(4)
    state = processor.state()
    assert state.potential.tolist() == [4, 0]
    fresh = engine(processor.image)
    fresh.restore(state)
    assert fresh.potentials.tolist() == [4, 0]
    for again in (processor, fresh):
        again.run(1)
        # Not 8, which would have fired.
        assert again.potentials.tolist() == [4, 0]
        assert again.spike_counts.tolist() == [0, 0]


@pytest.mark.error
def test_a_state_below_what_one_cycle_can_leave_is_refused(engine: Engine) -> None:
    for floor, lowest in ((None, -1000), (-5, -5), (-(2**40), -1000)):
        processor = engine(lone(potential_floor=floor))
        processor.run(90)
        state = processor.state()
        processor.restore(dataclasses.replace(state, potential=np.array([lowest, 4])))
        assert processor.potentials.tolist() == [lowest, 4]
        with pytest.raises(EmulationError, match=rf"potential\[0\] = {lowest - 1}: no run"):
            processor.restore(dataclasses.replace(state, potential=np.array([lowest - 1, 4])))


def test_no_run_is_too_long_without_a_floor(engine: Engine) -> None:
    """Potentials that leak fall for one cycle only, so nothing has to be refused."""
    processor = engine(lone(potential_floor=None, input_min=-(2**31)))
    if processor.engine != "reference":
        processor.run(2**61)
        assert processor.cycle == 2**61


@pytest.mark.differential
@pytest.mark.parametrize("seed", range(10))
def test_engines_agree_in_every_cycle_of_a_sparse_run(seed: int) -> None:
    """Few events, long delays: idle cycles and touched ones take turns."""
    rng = np.random.default_rng([seed, 12])
    floor = (0, -6, None)[seed % 3]
    image = random_image(rng, make_spec(leak="all", potential_floor=floor), 15, 20, 30)
    reference, event = Processor(image, "reference"), Processor(image, "event")
    events = random_events(rng, image, 0, 120, 25)
    left = 0
    for processor in (reference, event):
        processor.inject(events)
    for _ in range(150):
        assert reference.step().cycle.tolist() == event.step().cycle.tolist()
        assert reference.state() == event.state()
        left += int(np.count_nonzero(event.potentials))
    assert left > 0
