"""The processor's manners: clock, ports, counters, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from emulator_helpers import ALL_FAMILIES, as_rows, loosened, make_spec, random_image

from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.spec import ProcessorSpec
from isa_spec.spikes import SpikeEvents
from neuroproc.counters import Counters
from neuroproc.processor import Processor

Engine = Callable[..., Processor]


def chain(spec: ProcessorSpec | None = None) -> ProcessorImage:
    """Neuron 0 makes neuron 1 fire two cycles later, over two synapses; 1 has two output ports, in the other order."""
    return build_image(
        spec or make_spec(input_min=-5, input_max=9),
        [3, 2], [0, 0], [1, 1], [1, 1], [2, 2],
        [Port("first", 0), Port("second", 1), Port("again", 0)],
        [Port("b", 1), Port("a", 0), Port("c", 1)],
    )  # fmt: skip


def test_auto_is_the_event_engine() -> None:
    assert Processor(chain()).engine == "event"
    assert Processor(chain(), "auto").engine == "event"
    assert Processor(chain(), "reference").engine == "reference"


@pytest.mark.error
@pytest.mark.parametrize("name", ["", "fast", "Batch"])
def test_unknown_engine(name: str) -> None:
    with pytest.raises(EmulationError, match=f"engine '{name}' is unknown, allowed: auto, reference, event, batch"):
        Processor(chain(), name)


def test_the_compiler_behind_the_event_engine_is_loaded_late() -> None:
    code = "import sys, neuroproc.processor, neuroproc.state, neuroproc.formats.spikes; print('numba' in sys.modules)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert found.stdout == "False\n"


def test_ports_and_clock(engine: Engine) -> None:
    processor = engine(chain())
    processor.inject(SpikeEvents.of([1, 1, 4], [0, 2, 1], [2, 1, 2]))
    assert as_rows(processor.run(2)) == [(1, 1, 1)]
    assert processor.cycle == 2
    assert as_rows(processor.step()) == []
    assert as_rows(processor.run(0)) == []
    assert as_rows(processor.run(3)) == [(3, 0, 1), (3, 2, 1), (4, 0, 1), (4, 2, 1)]
    assert processor.cycle == 6
    assert processor.counters == Counters(cycles=6, spikes=3, synaptic_operations=2)
    assert processor.spike_counts.tolist() == [1, 2]


def test_events_are_of_the_declared_types(engine: Engine) -> None:
    processor = engine(chain())
    processor.inject(SpikeEvents.of(0, 0, 3))
    for _ in range(3):
        events = processor.step()
        assert (events.cycle.dtype, events.port.dtype, events.value.dtype) == (np.int64, np.int32, np.int64)


def test_results_are_the_callers_own(engine: Engine) -> None:
    processor = engine(chain())
    processor.inject(SpikeEvents.of([0, 5], [0, 1], [2, 1]))
    processor.run(1)
    before = processor.state()
    processor.potentials[:] = 7
    processor.spike_counts[:] = 7
    processor.run(1).cycle[:] = 7
    processor.restore(before)
    processor.state().pending.charge[:] = 7
    assert processor.state() == before
    assert processor.potentials.tolist() == [2, 0]


def test_negative_and_later_events_add_up(engine: Engine) -> None:
    processor = engine(chain())
    processor.inject(SpikeEvents.of([0], [0], [-3]))
    # 9 + 5 is out of range, 9 + 5 - 8 is not; and -3 is still waiting.
    processor.inject(SpikeEvents.of([0, 0, 0], [0, 0, 0], [9, 5, -8]))
    assert as_rows(processor.run(1)) == [(0, 1, 1)]


@pytest.mark.error
@pytest.mark.parametrize(
    ("events", "message"),
    [
        (SpikeEvents.of([4, 2], 0), r"input for cycle 2 is in the past, allowed: 3 \(the next cycle\) and above"),
        (SpikeEvents.of(5, [0, 3]), r"input port 3 is unknown, allowed: 0\.\.2"),
        (SpikeEvents.of(5, 0, 10), r"input port 0 \('first'\) gets charge 10 in cycle 5, allowed -5\.\.9 \(input_max"),
        (SpikeEvents.of(5, [1, 1], -3), r"input port 1 \('second'\) gets charge -6 in cycle 5.*\(input_min of profile"),
        (SpikeEvents.of(7, 0, 2), r"gets charge 10 in cycle 7"),
        (SpikeEvents.of(5, 0, [2**62] * 4), r"input charges up to 4611686018427387904, allowed -5\.\.9"),
        (SpikeEvents(np.array([5.0]), np.array([0]), np.array([1])), "cycle has type float64, allowed: integers"),
        (SpikeEvents(np.array([5]), np.array([-1]), np.array([1])), "port -1"),
    ],
)  # fmt: skip
def test_bad_input_changes_nothing(engine: Engine, events: SpikeEvents, message: str) -> None:
    processor = engine(chain())
    processor.run(3)
    processor.inject(SpikeEvents.of([4, 7], [0, 0], [1, 8]))
    before = processor.state()
    with pytest.raises(EmulationError, match=message):
        processor.inject(events)
    assert processor.state() == before


@pytest.mark.error
@pytest.mark.parametrize(
    ("cycles", "message"),
    [
        (-1, "cycles = -1, allowed: 0 and above"),
        (1.5, r"cycles = 1\.5, allowed: an integer"),
        ("3", "cycles = '3', allowed: an integer"),
        (2**62, "allowed: up to cycle 4611686018427387904"),
    ],
)
def test_bad_runs(engine: Engine, cycles: int, message: str) -> None:
    processor = engine(chain())
    processor.run(1)
    with pytest.raises(EmulationError, match=message):
        processor.run(cycles)
    assert processor.cycle == 1
    processor.run(np.int64(2))
    assert processor.cycle == 3


@pytest.mark.error
def test_potentials_that_may_fall_too_far(engine: Engine) -> None:
    image = build_image(
        make_spec(potential_floor=None, input_min=-(2**31)), [1, 1], [0], [1], [-(2**31)], [1], [Port("a", 1)], []
    )
    # Down by 2^32 a cycle at most, so 2^62 is safe for 2^30 cycles.
    processor = engine(image)
    with pytest.raises(EmulationError, match=r"no floor holds it.*run at most to cycle 1073741824, then reset"):
        processor.run(2**30 + 1)
    processor.run(5)
    with pytest.raises(EmulationError, match="run at most to cycle 1073741824"):
        processor.run(2**30 - 4)
    if processor.engine == "event":
        processor.run(2**30 - 5)
        assert processor.cycle == 2**30


@pytest.mark.error
def test_unknown_extension() -> None:
    class Stranger(ProcessorSpec):
        extensions = ("telepathy",)  # type: ignore[assignment]

    strange = Stranger(**make_spec().to_dict())
    with pytest.raises(EmulationError, match=r"needs extension 'telepathy'.*engine 'event' has on-delivery, leak"):
        Processor(chain(strange))


def test_thresholds_below_one_every_cycle(engine: Engine) -> None:
    spec = loosened(make_spec(potential_floor=-5), threshold_min=-9)
    image = build_image(
        spec, [0, -2, 1], [0], [1], [-4], [1], [Port("a", 0), Port("b", 1)], [Port(f"n{n}", n) for n in range(3)]
    )
    processor = engine(image)
    processor.inject(SpikeEvents.of([2, 3, 6], [0, 0, 0], [-3, 1, 2]))
    raster = np.zeros((3, 9), int)
    events = processor.run(9)
    raster[events.port, events.cycle] = 1
    # Neuron 0 fires by itself until it is held below 0; its spikes then no longer hold down neuron 1.
    assert raster.tolist() == [[1, 1, 0, 0, 0, 0, 1, 1, 1], [1, 0, 0, 0, 0, 0, 0, 0, 0], [0] * 9]
    assert processor.potentials.tolist() == [0, -5, 0]


def test_reset_forgets_how_much_was_in_flight(engine: Engine) -> None:
    image = build_image(make_spec(), [1, 1], [0], [1], [1], [5], [Port("a", 0)], [Port("b", 1)])
    processor = engine(image)
    processor.inject(SpikeEvents.of(0, 0))
    processor.run(2)
    processor.reset()
    # The forgotten spike would have arrived in cycle 5, while the new one is under way.
    processor.inject(SpikeEvents.of(3, 0))
    assert as_rows(processor.run(20)) == [(8, 0, 1)]


def test_nothing_at_all(engine: Engine) -> None:
    image = build_image(make_spec(), [], [], [], [], [], [], [])
    processor = engine(image)
    assert as_rows(processor.run(5)) == []
    assert processor.counters == Counters(5, 0, 0)
    processor.restore(processor.state())
    processor.inject(SpikeEvents.none())
    with pytest.raises(EmulationError, match="input port 0 is unknown"):
        processor.inject(SpikeEvents.of(5, 0))


def test_a_broken_off_run_is_not_continued(engine: Engine) -> None:
    image = random_image(np.random.default_rng(1), make_spec(), 5, 20)
    processor = engine(image)
    state = processor.state()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    advance = processor._engine.advance
    processor._engine.advance = interrupt  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        processor.run(5)
    processor._engine.advance = advance  # type: ignore[method-assign]
    for use in (lambda: processor.run(1), processor.state, lambda: processor.inject(SpikeEvents.of(9, 0))):
        with pytest.raises(EmulationError, match=r"broken off.*reset the processor, or restore a state"):
            use()
    processor.restore(state)
    processor.run(1)


@pytest.mark.parametrize("engine_name", ["reference", "event", "batch"])
def test_without_compilation(engine_name: str) -> None:
    """The kernel is plain Python, too: the same answer with numba's compiler switched off."""
    code = f"""
import numpy as np
from emulator_helpers import ALL_FAMILIES, family_spec, random_events, random_image, as_rows
from neuroproc.processor import Processor
for family in ALL_FAMILIES:
    rng = np.random.default_rng(3)
    image = random_image(rng, family_spec(family), 12, 60, 20)
    processor = Processor(image, {engine_name!r})
    processor.inject(random_events(rng, image, 0, 30, 60))
    print(family, as_rows(processor.run(30)), processor.potentials.tolist(), processor.counters)
"""
    outputs = []
    for disable in ("0", "1"):
        found = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={**os.environ, "NUMBA_DISABLE_JIT": disable, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        outputs.append(found.stdout)
    assert outputs[0] == outputs[1]
    assert outputs[0].count("Counters") == len(ALL_FAMILIES)
