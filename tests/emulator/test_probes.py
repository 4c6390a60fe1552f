"""Probes see what happens, keep no more than they may, and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from emulator_helpers import as_rows, make_spec, random_events, random_image

from isa_spec.errors import EmulationError
from neuroproc.probe import PotentialProbe, Probe, SpikeProbe
from neuroproc.processor import Processor

Engine = Callable[..., Processor]
SEED = 12


def start(engine: Engine, *probes: Probe) -> Processor:
    rng = np.random.default_rng(SEED)
    image = random_image(rng, make_spec(potential_floor=-9), 30, 250)
    processor = engine(image, probes=probes)
    processor.inject(random_events(rng, image, 0, 60, 150))
    return processor


def test_spikes_of_all_neurons(engine: Engine) -> None:
    probe = SpikeProbe()
    processor = start(engine, probe)
    seen = as_rows(processor.run(60))
    cycle, neuron = probe.events()
    assert (cycle.dtype, neuron.dtype) == (np.int64, np.int32)
    assert len(probe) == len(cycle) > 100
    assert np.array_equal(np.bincount(neuron, minlength=30), processor.spike_counts)
    assert sorted(zip(cycle, neuron, strict=True)) == list(zip(cycle, neuron, strict=True))
    ports = processor.image.outputs
    at_ports = [
        (c, p, 1) for c, n in zip(cycle, neuron, strict=True) for p in range(len(ports)) if ports[p].neuron == n
    ]
    assert sorted(at_ports) == seen


def test_probes_change_nothing(engine: Engine) -> None:
    plain = start(engine)
    watched = start(engine, SpikeProbe([3, 4]), PotentialProbe([1], every=3), SpikeProbe(), PotentialProbe())
    assert as_rows(plain.run(60)) == as_rows(watched.run(60))
    assert plain.state() == watched.state()
    assert plain.counters == watched.counters


def test_chosen_neurons(engine: Engine) -> None:
    everything, chosen, none = SpikeProbe(), SpikeProbe([7, 3, 21]), SpikeProbe([])
    start(engine, everything, chosen, none).run(60)
    cycle, neuron = everything.events()
    mine = np.isin(neuron, [7, 3, 21])
    assert chosen.events()[0].tolist() == cycle[mine].tolist()
    assert chosen.events()[1].tolist() == neuron[mine].tolist()
    assert len(none) == 0


def test_potentials(engine: Engine) -> None:
    every, third, chosen = PotentialProbe(), PotentialProbe(every=3), PotentialProbe([5, 2], every=10)
    processor = start(engine, every, third, chosen)
    expected = []
    for _ in range(40):
        processor.step()
        expected.append(processor.potentials)
    cycle, potential = every.samples()
    assert cycle.tolist() == list(range(40))
    assert np.array_equal(potential, expected)
    cycle, potential = third.samples()
    assert cycle.tolist() == list(range(0, 40, 3))
    assert np.array_equal(potential, expected[::3])
    cycle, potential = chosen.samples()
    assert len(chosen) == 4
    assert np.array_equal(potential, np.array(expected)[::10, [5, 2]])


def test_drain_and_clear(engine: Engine) -> None:
    spikes, potentials = SpikeProbe(capacity=200), PotentialProbe(capacity=30 * 10)
    processor = start(engine, spikes, potentials)
    whole = SpikeProbe()
    start(engine, whole).run(60)
    parts = []
    for _ in range(6):
        processor.run(10)
        parts.append(spikes.drain())
        assert len(spikes) == 0
        assert len(potentials.drain()[0]) == 10
        assert len(potentials) == 0
    for part, expected in zip(zip(*parts, strict=True), whole.events(), strict=True):
        assert np.array_equal(np.concatenate(part), expected)
    assert spikes.events()[0].dtype == np.int64
    assert potentials.samples()[1].shape == (0, 30)


def test_attached_later(engine: Engine) -> None:
    processor = start(engine)
    processor.run(20)
    probe = SpikeProbe()
    processor.attach(probe)
    processor.run(20)
    assert min(probe.events()[0]) >= 20


@pytest.mark.error
@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (SpikeProbe(capacity=50), r"more than 50 spikes by cycle \d+, allowed 50 \(capacity\); drain it more often"),
        (
            PotentialProbe(capacity=299),
            r"more than 299 values by cycle 9, allowed 299 \(capacity\); drain it more often",
        ),
    ],
)
def test_full(engine: Engine, probe: Any, message: str) -> None:
    probe = type(probe)(capacity=probe._capacity)
    processor = start(engine, probe)
    with pytest.raises(EmulationError, match=message):
        processor.run(60)
    with pytest.raises(EmulationError, match="the last run was broken off"):
        processor.run(1)
    processor.reset()
    processor.run(1)
    assert len(probe) <= 1


@pytest.mark.error
@pytest.mark.parametrize("neurons", [[0, 30], [-1], 30])
def test_unknown_neuron(engine: Engine, neurons: object) -> None:
    with pytest.raises(EmulationError, match=r"probe: neuron (30|-1) is unknown, allowed 0\.\.29"):
        start(engine, SpikeProbe(neurons))


@pytest.mark.error
@pytest.mark.parametrize("neurons", [[0.5], [[1, 2]], ["a"]])
def test_neurons_of_a_wrong_kind(engine: Engine, neurons: object) -> None:
    with pytest.raises(EmulationError, match="allowed: a list of integers"):
        start(engine, PotentialProbe(neurons))


@pytest.mark.error
def test_misuse(engine: Engine) -> None:
    with pytest.raises(EmulationError, match="every = 0, allowed 1 and above"):
        PotentialProbe(every=0)
    with pytest.raises(EmulationError, match="not attached"):
        PotentialProbe().samples()
    probe = SpikeProbe()
    start(engine, probe)
    with pytest.raises(EmulationError, match="attached to a processor already"):
        start(engine, probe)
