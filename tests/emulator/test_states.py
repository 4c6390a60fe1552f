"""States: saved and restored whole, refused where they do not belong."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulator_helpers import ALL_FAMILIES, family_spec, make_spec, random_events, random_image

from isa_spec.arrays import decode_npz, encode_npz
from isa_spec.building import build_image
from isa_spec.errors import EmulationError, FormatError, NeuroprocError
from isa_spec.image import Port
from isa_spec.spikes import SpikeEvents
from neuroproc.processor import Processor
from neuroproc.state import PendingCharge, ProcessorState, load_state, save_state

Engine = Callable[..., Processor]


def running(engine: Engine, family: str = "floor -50") -> Processor:
    rng = np.random.default_rng(2)
    image = random_image(rng, family_spec(family), 20, 150)
    processor = engine(image)
    processor.inject(random_events(rng, image, 0, 80, 200))
    processor.run(40)
    return processor


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_round_trip(engine: Engine, family: str, tmp_path: Path) -> None:
    state = running(engine, family).state()
    assert len(state.pending) > 5
    assert len(state.inputs) > 5
    save_state(tmp_path / "a.npz", state)
    save_state(tmp_path / "b.npz", load_state(tmp_path / "a.npz"))
    assert load_state(tmp_path / "a.npz") == state
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_canonical_form(engine: Engine) -> None:
    """Sorted, one entry per cycle, neuron and kind, and none of charge 0 where that says nothing."""
    for family in ALL_FAMILIES:
        state = running(engine, family).state()
        columns = (state.pending.ahead, state.pending.neuron, state.pending.kind)
        place = list(zip(*(column.tolist() for column in columns), strict=True))
        assert place == sorted(set(place))
        if not running(engine, family)._tracks_touch:
            assert np.all(state.pending.charge)
            assert np.all(state.inputs.value)


def test_charge_of_zero_is_kept_only_where_it_can_be_felt(engine: Engine) -> None:
    for threshold, entries in ((0, 1), (1, 0)):
        spec = make_spec(evaluation="on-delivery", threshold_min=0)
        image = build_image(spec, [1, threshold], [0, 0], [1, 1], [3, -3], [4, 4], [Port("a", 0)], [Port("b", 1)])
        processor = engine(image)
        processor.inject(SpikeEvents.of([0, 9], 0, [1, 0]))
        processor.run(2)
        state = processor.state()
        assert (len(state.pending), len(state.inputs)) == (entries, entries)
        assert len(processor.run(5)) == entries


def test_equality() -> None:
    state = running(Processor).state()
    assert state == dataclasses.replace(state, potential=state.potential.copy())
    assert state != dataclasses.replace(state, cycle=state.cycle + 1)
    assert state != dataclasses.replace(state, potential=state.potential + 1)
    assert state != dataclasses.replace(state, slope=state.slope + 1)
    assert state != dataclasses.replace(state, spent=~state.spent)
    assert state != dataclasses.replace(state, due=~state.due)
    assert state != pending(state, kind=state.pending.kind + 1)
    assert state != dataclasses.replace(state, image="sha256:0")
    assert state != dataclasses.replace(state, inputs=SpikeEvents.none())
    assert state != 5


def test_input_is_still_summed_per_port_after_a_restore(engine: Engine) -> None:
    image = build_image(make_spec(input_max=10), [1], [], [], [], [], [Port("a", 0), Port("b", 0)], [])
    first, second = engine(image), engine(image)
    first.inject(SpikeEvents.of(3, [0, 1], [8, 2]))
    second.restore(first.state())
    with pytest.raises(EmulationError, match="gets charge 11"):
        second.inject(SpikeEvents.of(3, 0, 3))
    second.inject(SpikeEvents.of(3, 1, 8))


@pytest.mark.error
def test_state_of_another_image(engine: Engine) -> None:
    state = running(engine).state()
    other = engine(random_image(np.random.default_rng(99), make_spec(), 20, 150))
    other.run(3)
    before = other.state()
    with pytest.raises(EmulationError, match=r"the state belongs to image sha256:.*, this processor runs sha256:"):
        other.restore(state)
    assert other.state() == before


def changed(array: np.ndarray, value: int) -> np.ndarray:
    copy = array.copy()
    copy[0] = value
    return copy


def pending(state: ProcessorState, **changes: np.ndarray) -> ProcessorState:
    return dataclasses.replace(state, pending=dataclasses.replace(state.pending, **changes))


@pytest.mark.error
@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda s: dataclasses.replace(s, potential=s.potential[1:]), "potential: 19 entries, expected 20"),
        (lambda s: dataclasses.replace(s, potential=changed(s.potential, 30)), r"potential\[0\] = 30: no run"),
        (lambda s: dataclasses.replace(s, potential=changed(s.potential, -51)), r"potential\[0\] = -51: no run"),
        (lambda s: dataclasses.replace(s, cycle=-1), "cycle: -1, allowed 0 and above"),
        (lambda s: dataclasses.replace(s, cycle=s.cycle + 100), r"input_cycle\[0\] = \d+: no run"),
        (lambda s: dataclasses.replace(s, inputs=SpikeEvents.of(s.cycle, 6)), "input port 6 is unknown"),
        (lambda s: dataclasses.replace(s, inputs=SpikeEvents.of(s.cycle, 0, 1001)), "gets charge 1001"),
        (lambda s: dataclasses.replace(s, slope=s.slope[1:]), "slope: 19 entries, expected 20"),
        (lambda s: dataclasses.replace(s, spent=s.spent[1:]), "spent: 19 entries, expected 20"),
        (lambda s: dataclasses.replace(s, slope=changed(s.slope, 1)), r"slope\[0\] = 1: no run"),
        (lambda s: dataclasses.replace(s, slope=changed(s.slope, -1)), r"slope\[0\] = -1: no run"),
        (lambda s: dataclasses.replace(s, spent=changed(s.spent, True)), r"spent\[0\] = True: no run"),
        (lambda s: dataclasses.replace(s, due=s.due[1:]), "due: 19 entries, expected 20"),
        (lambda s: dataclasses.replace(s, due=changed(s.due, True)), r"due\[0\] = True: no run"),
        (lambda s: pending(s, kind=changed(s.pending.kind, 1)), r"charge\[0\] = -?\d+: no run"),
        (lambda s: pending(s, kind=changed(s.pending.kind, 2)), r"charge\[0\] = -?\d+: no run"),
        (lambda s: pending(s, kind=changed(s.pending.kind, 3)), r"kind\[0\] = 3: no run"),
        (lambda s: pending(s, ahead=changed(s.pending.ahead, -1)), r"ahead\[0\] = -1: no run"),
        (lambda s: pending(s, ahead=changed(s.pending.ahead, 40)), r"ahead\[0\] = 40: no run"),
        (lambda s: pending(s, neuron=changed(s.pending.neuron, 20)), r"neuron\[0\] = 20: no run"),
        (lambda s: pending(s, neuron=changed(s.pending.neuron, -1)), r"neuron\[0\] = -1: no run"),
        (lambda s: pending(s, charge=changed(s.pending.charge, 10**6)), r"charge\[0\] = 1000000: no run"),
        (lambda s: pending(s, charge=changed(s.pending.charge, -(10**6))), r"charge\[0\] = -1000000: no run"),
        (
            lambda s: dataclasses.replace(s, pending=PendingCharge(*(np.array([1, 1]),) * 3, np.zeros(2, np.uint8))),
            "not sorted",
        ),
    ],
)
def test_altered_state(engine: Engine, alter: Callable[[ProcessorState], ProcessorState], message: str) -> None:
    processor = running(engine)
    before = processor.state()
    with pytest.raises(EmulationError, match=message):
        processor.restore(alter(before))
    assert processor.state() == before


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": np.array("something")}, "not a processor state"),
        ({"format": None}, "not a processor state"),
        ({"version": np.array(2)}, "state version 2, this program reads up to 1"),
        ({"version": np.array("1")}, "state version 1, this program"),
        ({"cycle": np.array(1.0)}, "header is damaged"),
        ({"image": np.array(3)}, "header is damaged"),
        ({"potential": None}, "section potential is missing or not int64"),
        ({"slope": np.zeros(20)}, "section slope is missing or not int64"),
        ({"spent": np.zeros(20, np.uint8)}, "section spent is missing or not bool"),
        ({"due": np.zeros(20)}, "section due is missing or not bool"),
        ({"due": np.zeros(21, bool)}, "sections potential, slope, spent, due differ in length"),
        ({"kind": np.zeros((3, 1), np.uint8)}, "section kind is missing or not uint8"),
        ({"slope": np.zeros(19, np.int64)}, "sections potential, slope, spent, due differ in length"),
        ({"spent": np.zeros(21, bool)}, "sections potential, slope, spent, due differ in length"),
        ({"kind": np.zeros(1, np.uint8)}, "sections ahead, neuron, charge, kind differ in length"),
        ({"charge": np.zeros(3)}, "section charge is missing or not int64"),
        ({"charge": np.zeros(3, np.int64)}, "sections ahead, neuron, charge, kind differ in length"),
        ({"input_port": np.zeros(3, np.int32)}, "sections input_cycle, input_port, input_value differ in length"),
    ],
)
def test_malformed_state(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    save_state(path, running(Processor).state())
    content = {**decode_npz(path.read_bytes(), "here"), **change}
    path.write_bytes(encode_npz({name: array for name, array in content.items() if array is not None}))
    with pytest.raises(FormatError, match=message) as caught:
        load_state(path)
    assert "state.npz" in str(caught.value)


@pytest.mark.malformed
def test_any_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    state = running(Processor).state()
    save_state(path, state)
    whole = path.read_bytes()
    rng = np.random.default_rng(4)
    for cut in rng.integers(0, len(whole), 60).tolist():
        path.write_bytes(whole[:cut])
        with pytest.raises(FormatError, match=r"state\.npz"):
            load_state(path)
    for place in rng.integers(0, len(whole), 300).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(damaged)
        # A bit that says nothing (a date, a mode) may change unnoticed; what is read is right, or it is not read.
        with contextlib.suppress(FormatError):
            assert load_state(path) == state


@pytest.mark.error
def test_nowhere_to_save(tmp_path: Path) -> None:
    with pytest.raises(NeuroprocError, match="cannot be written"):
        save_state(tmp_path / "missing" / "state.npz", running(Processor).state())
    with pytest.raises(FormatError, match="cannot be read"):
        load_state(tmp_path / "missing.npz")
