"""The session's engines: plain Python against the definition, and the change to the event engine."""

import json
from fractions import Fraction

import numpy as np
import pytest
from tennlab_helpers import random_network

from isa_spec.spikes import SpikeEvents
from neuroproc.probe import SpikeProbe
from neuroproc.processor import Processor
from neuroproc.tennlab.event_machine import EventMachine, taken_over
from neuroproc.tennlab.image import network_to_image, params_of, read_tennlab
from neuroproc.tennlab.machine import Machine
from neuroproc.tennlab.network import parse_network
from neuroproc.tennlab.plain import PlainMachine

pytestmark = pytest.mark.differential


def random_image(seed):
    rng = np.random.default_rng(seed)
    return rng, read_tennlab(json.dumps(random_network(rng)))


def charges(rng, image, begin, n_events):
    """Random input: cycle, port and charge, several for one port and cycle, and 0 among them."""
    ports = rng.integers(0, len(image.inputs), n_events)
    return [
        tuple(map(int, row))
        for row in zip(begin + rng.integers(0, 12, n_events), ports, rng.integers(-15, 25, n_events), strict=True)
    ]


@pytest.mark.parametrize("seed", range(120))
def test_plain_is_the_reference_state_for_state(seed):
    rng, image = random_image(seed)
    plain, probe = PlainMachine(image), SpikeProbe()
    reference = Processor(image, "reference", [probe])
    for _ in range(int(rng.integers(2, 7))):
        for cycle, port, charge in charges(rng, image, plain.cycle, int(rng.integers(0, 9))):
            plain.inject(cycle, port, charge)
            reference.inject(SpikeEvents.of(cycle, port, charge))
        duration = int(rng.integers(0, 15))
        plain.forget()
        probe.clear()
        plain.run(plain.cycle + duration, 10**9)
        reference.run(duration)
        assert plain.state() == reference.state()
        assert plain.potentials() == reference.potentials.tolist()
        fired = sorted((cycle, neuron) for neuron, cycles in enumerate(plain.fires) for cycle in cycles)
        assert fired == list(zip(*(column.tolist() for column in probe.events()), strict=True))


def record(machine):
    return machine.cycle, machine.fires, machine.accumulated, machine.potentials()


@pytest.mark.parametrize("seed", range(40))
def test_a_session_changes_engines_unseen(seed):
    """Whenever the event engine takes over, be it in the middle of a run or with a finer unit soon after."""
    rng, image = random_image(seed)
    plain = Machine(image)
    other = Machine(image, patience=int(rng.integers(0, 40)))
    for _ in range(6):
        if rng.random() < 0.15:
            plain.reset()
            other.reset()
        for event in charges(rng, image, plain.cycle, int(rng.integers(0, 9))):
            plain.inject(*event)
            other.inject(*event)
        duration = int(rng.integers(0, 15))
        plain.run(duration)
        other.run(duration)
        assert record(plain) == record(other)
    assert plain.engine == "plain"


def test_the_event_engine_takes_over_when_patience_ends():
    rng = np.random.default_rng(3)
    image = read_tennlab(json.dumps(random_network(rng, 8, 30, discrete=True, leak_mode="none")))
    machine = Machine(image, patience=5)
    assert machine.engine == "plain"
    for port in range(len(image.inputs)):
        for cycle in range(20):
            machine.inject(cycle, port, 7)
    machine.run(20)
    assert (machine.engine, machine.cycle) == ("event", 20)


@pytest.mark.parametrize("event", [False, True], ids=["plain", "event"])
@pytest.mark.parametrize("seed", range(20))
def test_a_finer_unit_changes_nothing_but_numbers(seed, event):
    rng = np.random.default_rng(seed)
    network = parse_network(json.dumps(random_network(rng, discrete=False)), "network")
    params = params_of(network, "network")
    image = network_to_image(network, params)
    unit = Fraction(image.options["tennlab"]["unit"])
    fine_image = network_to_image(network, params, unit=unit / 10)
    coarse = PlainMachine(image)
    for row in charges(rng, image, 0, 12):
        coarse.inject(*row)
    coarse.run(6, 10**9)
    machine = taken_over(coarse) if event else coarse
    fine = machine.refined(fine_image, 10)
    assert isinstance(fine, EventMachine) == event
    for one in (machine, fine):
        one.forget()
    for cycle, port, charge in charges(rng, image, 6, 6):
        machine.inject(cycle, port, charge)
        fine.inject(cycle, port, charge * 10)
    for one in (machine, fine):
        one.run(14, *(() if event else (10**9,)))
    assert [level * 10 for level in machine.potentials()] == fine.potentials()
    assert (machine.cycle, machine.fires, machine.accumulated) == (fine.cycle, fine.fires, fine.accumulated)
