"""Explanations agree with every engine in every cycle, whatever a processor has; places are those of the contracts."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest
from compiler_helpers import small_network
from emulator_helpers import ALL_FAMILIES, family_spec, make_spec, random_events, random_image

import neuroproc
from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.kinds import CHARGE, CLEAR, KINDS, SLOPE
from isa_spec.spikes import SpikeEvents
from neuroproc.explaining.explanation import Arrival, Explanation, explain, explain_cycles
from neuroproc.explaining.places import Place, Places
from neuroproc.probe import PotentialProbe, SpikeProbe
from neuroproc.processor import Processor

CYCLES = 50


def what_happens(image: ProcessorImage, events: SpikeEvents) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Raster and potentials of a run, [n_neurons, CYCLES], and the state before each cycle."""
    spikes, potentials = SpikeProbe(), PotentialProbe()
    processor = Processor(image, "reference", probes=[spikes, potentials])
    processor.inject(events)
    states = []
    for _ in range(CYCLES):
        states.append(processor.state())
        processor.step()
    states.append(processor.state())
    raster = np.zeros((image.n_neurons, CYCLES), bool)
    cycle, neuron = spikes.events()
    raster[neuron, cycle] = True
    return raster, potentials.samples()[1].T, states


@pytest.mark.differential
@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("seed", range(3))
def test_every_neuron_in_every_cycle(family: str, seed: int) -> None:
    rng = np.random.default_rng([seed, ALL_FAMILIES.index(family)])
    image = random_image(rng, family_spec(family), 8, 40, 9)
    events = random_events(rng, image, 0, CYCLES - 5, 60)
    raster, potentials, states = what_happens(image, events)
    assert raster.any()
    engine = ("reference", "event", "batch")[seed]
    for neuron in range(image.n_neurons):
        found = explain_cycles(image, events, neuron, range(CYCLES), engine)
        assert [one.cycle for one in found] == list(range(CYCLES))
        assert [one.seen for one in found] == raster[neuron].tolist()
        assert [one.after for one in found] == potentials[neuron].tolist()
        assert [one.before for one in found] == [state.potential[neuron] for state in states[:-1]]
        assert [one.slope for one in found] == [state.slope[neuron] for state in states[1:]]
        assert [one.spent for one in found] == [bool(after.spent[neuron] and not one.fired) for one, after in
                                                zip(found, states[1:], strict=True)]  # fmt: skip
        for one, state in zip(found, states, strict=False):
            check_arrivals(image, one, neuron, state)
        # From any cycle on.
        first = int(rng.integers(1, CYCLES))
        assert explain_cycles(image, events, neuron, range(first, CYCLES), engine) == found[first:]


def check_arrivals(image: ProcessorImage, one: Explanation, neuron: int, state: Any) -> None:
    """Arrivals are all that was under way, by synapses that are there, and all of the input."""
    pending = state.pending
    now = (pending.ahead == 0) & (pending.neuron == neuron)
    under_way = {KINDS[kind]: int(charge) for kind, charge in zip(pending.kind[now], pending.charge[now], strict=True)}
    sums: dict[str, int] = {}
    for arrival in one.arrivals:
        sums[arrival.kind] = sums.get(arrival.kind, 0) + arrival.weight
    sums[KINDS[CLEAR]] = min(sums.get(KINDS[CLEAR], 0), 1)
    for kind in (CHARGE, SLOPE, CLEAR):
        assert sums.get(KINDS[kind], 0) == under_way.get(KINDS[kind], 0)
    given = state.inputs.cycle == one.cycle
    ports = [image.inputs[port].neuron == neuron for port in state.inputs.port]
    assert sums.get("input", 0) == state.inputs.value[given & np.array(ports, bool)].sum()
    source = image.source()
    for arrival in one.arrivals:
        if arrival.kind != "input":
            assert arrival.source is not None
            same = (source == arrival.source.neuron) & (image.target == neuron) & (image.weight == arrival.weight)
            assert np.any(same & (image.delay == arrival.delay) & (image.kind == KINDS.index(arrival.kind)))
            assert arrival.sent + (arrival.delay or 0) == one.cycle


def test_by_hand() -> None:
    ports = [Port("a", 0), Port("b", 1), Port("c", 1)], [Port("o", 1)]
    image = build_image(make_spec(), [1, 9], [0, 0], [1, 1], [4, -1], [2, 1], *ports)
    events = SpikeEvents.of([0, 1, 2, 2, 2], [0, 0, 1, 1, 2], [1, 5, 2, 1, 3])
    found = explain(image, events, "o", 2)
    unit = Place(0, "a", "", "unit")
    assert found == Explanation(
        place=Place(1, "b", "", "unit"),
        cycle=2,
        before=0,
        begin=0,
        begin_why=(),
        arrivals=(
            Arrival("charge", -1, 1, unit, 1),
            Arrival("charge", 4, 0, unit, 2),
            Arrival("input", 3, 2, port="b"),
            Arrival("input", 3, 2, port="c"),
        ),
        charge=9,
        slope=0,
        total=9,
        threshold=9,
        spent=False,
        compared=True,
        fired=True,
        seen=True,
        pooled=(),
        after=0,
    )
    assert neuroproc.explain(image, events, 1, 3).total == 4


def test_members_of_a_group_that_fire_are_told() -> None:
    spec = make_spec(pooling_groups=True)
    image = build_image(
        spec, [3, 3, 9, 1], [], [], [], [], [Port(f"i{n}", n) for n in range(3)], [], group=[3, 3, 3, -1]
    )
    events = SpikeEvents.of([0, 0, 0], [0, 1, 2], [3, 4, 2])
    found = [explain(image, events, neuron, 0) for neuron in range(4)]
    assert [[place.neuron for place in one.pooled] for one in found] == [[1], [0], [0, 1], [0, 1]]
    assert [(one.fired, one.after) for one in found] == [(True, 0), (True, 0), (False, 0), (True, 0)]


@pytest.mark.error
@pytest.mark.parametrize("cycles", [range(-1, 3), range(3, 3), range(0, 4, 2), range(2**63)])
def test_cycles_that_are_none(cycles: range) -> None:
    image = build_image(make_spec(), [1], [], [], [], [], [], [])
    words = f"cycles {cycles.start}..{cycles.stop - 1} cannot be explained, allowed: 0..{2**62 - 1}"
    with pytest.raises(EmulationError, match=re.escape(words)):
        explain_cycles(image, SpikeEvents.none(), 0, cycles)


def compiled(unroll: tuple[int, int], channels: dict[str, int] | None = None) -> ProcessorImage:
    plan = neuroproc.FoldPlan(unroll, channels=channels or {})
    return neuroproc.compile_network(small_network(3), neuroproc.load_profile("np16"), plan)


@pytest.mark.parametrize("unroll", [(1, 1), (2, 2), (2, 4)])
@pytest.mark.parametrize(("levels", "beat"), [(1, 1), (3, 1), (3, 2)])
def test_places_are_those_of_the_contracts(unroll: tuple[int, int], levels: int, beat: int) -> None:
    image = compiled(unroll)
    slot = levels * beat
    layers = tuple(
        record if record.contract is None else
        dataclasses.replace(record, contract=dataclasses.replace(
            record.contract, slot=record.contract.slot * slot, interval=record.contract.interval * slot,
            levels=levels, beat=beat,
        ))
        for record in image.layers
    )  # fmt: skip
    image = dataclasses.replace(image, layers=layers)
    places = Places(image)
    for index, record in enumerate(layers):
        contract, first = record.contract, record.first_neuron
        if contract is None or first is None:
            outside = int(np.flatnonzero(image.layer == index)[0])
            assert places.at(outside, 40).channel is None
            continue
        if not np.any(image.layer == index):
            continue  # a flattened map is that of the layer before, in other words
        expected = {}
        for frame in range(3):
            for (c, y, x), cycle in np.ndenumerate(contract.cycles()):
                for step in range(levels):
                    when = int(cycle) + frame * contract.interval + step * beat
                    neuron = first + int(contract.lanes()[c, y, x])
                    expected[neuron, when] = (c, y, x, frame, step if levels > 1 else None)
        for c, y, x in np.ndindex(contract.channels, contract.height, contract.width):
            told, neuron = places.cycles_of(f"{record.name}[{c},{y},{x}]"), first + int(contract.lanes()[c, y, x])
            assert told is not None
            steps, interval = told
            assert interval == contract.interval
            assert [expected[neuron, when][:4] for when in steps] == [(c, y, x, 0)] * levels
        last = contract.start + 3 * contract.interval
        found = {}
        for neuron in np.flatnonzero(image.layer == index).tolist():
            for cycle in range(last):
                place = places.at(neuron, cycle)
                if place.channel is not None:
                    found[neuron, cycle] = (place.channel, place.row, place.column, place.frame, place.step)
        assert found == {key: value for key, value in expected.items() if key[1] < last}


def test_find() -> None:
    image = compiled((1, 1))
    places, conv1 = Places(image), image.layers[2]
    assert conv1.name == "conv1"
    assert conv1.first_neuron is not None
    assert conv1.contract is not None
    assert places.find("0") == places.find("neuron:0") == 0
    port = image.outputs[3]
    assert places.find(port.name) == places.find(f"port:{port.name}") == port.neuron
    for text in ("conv1[2,3,1]", "conv1[ 2, 3,1 ]", "conv1.2.0.0"):
        assert places.find(text) == conv1.first_neuron + 2
    first = conv1.contract.cycles()[2, 3, 1]
    assert places.cycles_of("conv1[2,3,1]") == (range(first, first + 1), image.interval)
    assert places.cycles_of("conv1.2.0.0") is None


@pytest.mark.error
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nobody", "'nobody' is no neuron of the image, allowed: a number 0.."),
        ("nobody", "a port (in.0.0.0, clock"),
        ("nobody", "or LAYER[channel,row,column] with a layer of input, conv1"),
        ("9999", "neuron 9999 is unknown, allowed 0.."),
        ("neuron:9999", "neuron 9999 is unknown, allowed 0.."),
        ("neuron:-1", "'neuron:-1' is no neuron of the image"),
        ("port:nobody", "'port:nobody' is no neuron of the image"),
        ("conv9[0,0,0]", "'conv9' is no layer with a map, allowed: LAYER[channel,row,column] with a layer of input"),
        ("conv1[3,0,0]", "conv1[3,0,0] is outside the layer's map, allowed: channel 0..2, row 0..7, column 0..7"),
        ("conv1[0,8,0]", "conv1[0,8,0] is outside the layer's map"),
        ("conv1[0,0,8]", "conv1[0,0,8] is outside the layer's map"),
    ],
)
def test_find_refuses(text: str, words: str) -> None:
    with pytest.raises(EmulationError) as caught:
        Places(compiled((1, 1))).find(text)
    assert words in str(caught.value)


@pytest.mark.error
def test_names_that_may_be_several_neurons() -> None:
    ports = [Port("1", 2), Port("0", 0), Port("x", 0)], [Port("x", 1), Port("7", 2)]
    image = build_image(make_spec(), [1, 1, 1], [], [], [], [], *ports)
    places = Places(image)
    assert [places.find(text) for text in ("0", "port:1", "neuron:1", "7", "2", "unit.1")] == [0, 2, 1, 2, 2, 1]
    for text, several, first in (("1", "1, 2", 1), ("x", "0, 1", 0)):
        words = f"'{text}' may be any of the neurons {several}; write neuron:{first} for one of these numbers, or port:"
        with pytest.raises(EmulationError, match=re.escape(words)):
            places.find(text)
    nameless = build_image(make_spec(), [1], [], [], [], [], [], [])
    with pytest.raises(EmulationError, match=re.escape("a port (none), or nothing else: it has no layers")):
        Places(nameless).find("a")
