"""Channels that take turns on a neuron: exact, in idle time, and nothing stray meets an evaluation."""

from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import cost_by_layer, random_case, random_frames, random_network

import compiler.schedule
import neuroproc
from compiler.costing.cost import cost_of
from compiler.emit import compile_network, emit
from compiler.folding.turns import _worst_cycle
from compiler.networks.drive import Window
from compiler.networks.layers import Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from compiler.schedule import fill_channels, make_schedule
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.image import ROLES
from isa_spec.spec import load_profile

RESEARCH = load_profile("research")
SAME = ((1, 1), (1, 1))


def pooled(channels=6, units=5, seed=0):
    """conv -> pool -> conv -> dense on 8x8 frames."""
    rng = np.random.default_rng(seed)
    first, threshold = rng.integers(-3, 4, (channels, 1, 3, 3)), rng.integers(0, 4, channels)
    layers = (
        Conv2d("conv1", ("input",), first, threshold, padding=SAME),
        Pool2d("pool", ("conv1",), "maxpool2d", (2, 2), (2, 2)),
        Conv2d("conv2", ("pool",), rng.integers(-3, 4, (channels, channels, 3, 3)), rng.integers(-2, 6, channels)),
        Flatten("flat", ("conv2",)),
        Dense("dense", ("flat",), rng.integers(-3, 4, (units, 4 * channels)), rng.integers(0, 4, units)),
    )  # fmt: skip
    return LayeredNetwork("pooled", (1, 8, 8), layers, {"kind": "binary"}, {"kind": "spikes"})


@pytest.mark.oracle
@pytest.mark.parametrize("slot", [None, 4, 7])
def test_idle_time_is_filled_without_a_longer_interval(slot):
    network = pooled()
    alone = make_schedule(network, RESEARCH, FoldPlan((1, 1), slot=slot))
    plan = fill_channels(network, RESEARCH, FoldPlan((1, 1), slot=slot))
    schedule = make_schedule(network, RESEARCH, plan)
    cost = cost_of(schedule)
    assert schedule.interval == alone.interval
    assert cost.neurons < cost_of(alone).neurons
    assert plan.channels["conv2"] > 1
    assert plan.channels["dense"] > 1
    image = emit(schedule, cost)
    assert cost_by_layer(image) == [(layer.name, dict(layer.roles), layer.synapses) for layer in cost.layers]
    assert neuroproc.verify(network, image, random_frames(np.random.default_rng(1), network, 12)).exact


def test_pooling_keeps_the_turns_of_its_source():
    network = pooled()
    plan = FoldPlan((1, 1), channels={"conv1": 3}, slot=6)
    schedule = make_schedule(network, RESEARCH, plan)
    conv, pool = schedule.stages[:2]
    assert conv.contract.n_turns == pool.contract.n_turns == 3
    assert (conv.contract.n_lanes, pool.contract.n_lanes) == (2, 2)
    # One synapse for the three channels of a neuron: four of the window for each of two neurons, beside its charges.
    image = emit(schedule, cost_of(schedule))
    unit = ROLES.index("unit")
    layers = [record.name for record in image.layers]
    data = (image.layer[image.target] == layers.index("pool")) & (image.role[image.target] == unit)
    data &= (image.role[image.source()] == unit) & (image.layer[image.source()] == layers.index("conv1"))
    assert data.sum() == 2 * 4


@pytest.mark.error
@pytest.mark.parametrize(
    ("channels", "slot", "words"),
    [
        ({"conv1": 7}, None, "channels of 'conv1': 7 on one neuron, allowed: 1..6"),
        ({"conv1": 0}, None, "channels of 'conv1': 0 on one neuron, allowed: 1..6"),
        ({"conv1": 2}, None, "channels of 'conv1': 2 on one neuron, allowed: 1..1 in the idle time of 162 cycles"),
        ({"pool": 2}, None, "channels of 'pool': no such layer has units with turns of their own"),
        ({"nowhere": 2}, None, "allowed: conv1, conv2, dense"),
        ({}, 1, "slot of 1 cycles, allowed 2..26512143 for this network and processor"),
        ({}, 26512144, "slot of 26512144 cycles, allowed 2..26512143 for this network and processor"),
    ],
)
def test_what_cannot_be(channels, slot, words):
    with pytest.raises(ScheduleError, match=words.replace("(", r"\(")):
        make_schedule(pooled(), RESEARCH, FoldPlan((1, 1), channels=channels, slot=slot))


@pytest.mark.error
def test_turns_need_a_floor_or_leak():
    plan = FoldPlan((1, 1), channels={"dense": 2})
    with pytest.raises(ResourceError, match="channels cannot take turns with clearing 'force'"):
        make_schedule(pooled(), RESEARCH, replace(plan, clearing="force"))
    with pytest.raises(ScheduleError, match="cannot be held where channels take turns"):
        make_schedule(pooled(), RESEARCH, replace(plan, dense="held"))
    counted = replace(pooled(), encoding={"kind": "count", "levels": 3})
    with pytest.raises(ScheduleError, match="layer 'conv1' reads counted values"):
        make_schedule(counted, RESEARCH, FoldPlan((1, 1), channels={"conv1": 2}))


@pytest.mark.error
def test_a_neuron_of_many_channels_must_fit_the_adder():
    network = pooled(channels=16, units=40)
    narrow = replace(
        RESEARCH, weight_min=-127, weight_max=127, potential_bits=11, input_min=0, input_max=1, threshold_max=900
    )
    plan = FoldPlan((1, 1), channels={"dense": 32})
    assert make_schedule(network, RESEARCH, plan)
    with pytest.raises(ResourceError, match=r"layer 'dense': a neuron of 32 channels .* allowed 11"):
        make_schedule(network, narrow, plan)
    filled = fill_channels(network, narrow, FoldPlan((1, 1)))
    assert 1 < filled.channels["dense"] < 32
    image = compile_network(network, narrow, filled)
    assert neuroproc.verify(network, image, random_frames(np.random.default_rng(2), network, 6)).exact


@pytest.mark.oracle
def test_strays_would_be_seen(monkeypatch):
    """With turns that follow each other blindly, or without the charge that hushes, the image is wrong."""
    network = pooled()
    frames = random_frames(np.random.default_rng(3), network, 20)
    plan = FoldPlan((1, 1), channels={"conv1": 3, "conv2": 3}, slot=18)
    image = compile_network(network, RESEARCH, plan)
    assert neuroproc.verify(network, image, frames).exact
    hush = (image.source() == image.inputs[image.input_number("steady")].neuron) & (image.weight < 0)
    assert hush.any()
    spoiled = replace(image, weight=np.where(hush, 0, image.weight).astype(np.int32))
    assert not neuroproc.verify(network, spoiled, frames).exact

    def blind(geometry, pitches, interval, slot, counts, forgets):
        return [tuple(range(0, 2 * count, 2)) for count in counts]

    monkeypatch.setattr(compiler.schedule, "find_turns", blind)
    assert not neuroproc.verify(network, compile_network(network, RESEARCH, plan), frames).exact


def test_nothing_stray_arrives_when_a_channel_is_evaluated():
    """The slow twin of the search: every spike there may be, over every synapse, against every evaluation."""
    looked = 0
    for seed in range(400):
        network, spec, plan, _ = random_case(seed, 1)
        if not plan.channels:
            continue
        spec = replace(spec, max_delay=None, max_fan_out=None, parallel_synapses=True)
        schedule = make_schedule(network, spec, plan)
        image = emit(schedule, cost_of(schedule))
        for stage in schedule.stages:
            if stage.turn and stage.contract.n_turns * stage.contract.interval < 4000:
                looked += 1
                check_arrivals(schedule, image, stage)
    assert looked > 40


def check_arrivals(schedule, image, stage):
    interval = schedule.interval
    carriers = dict(enumerate([schedule.input, *(other.contract for other in schedule.stages)]))
    names = ["input", *(other.name + ("" if other.role == "unit" else "+") for other in schedule.stages)]
    number = names.index(stage.name)
    firsts = first_neurons(schedule, image)
    # Cycles, modulo the interval, in which each neuron may say something; only lanes of maps feed units.
    speaks = {}
    for which, contract in carriers.items():
        for lane, cycle in zip(contract.lanes().ravel(), contract.cycles().ravel(), strict=True):
            speaks.setdefault(firsts[which] + int(lane), set()).add(int(cycle) % interval)
    source = image.source()
    contract = stage.contract
    for channel, row, col in np.ndindex(contract.channels, contract.height, contract.width):
        neuron = firsts[number] + int(contract.lanes()[channel, row, col])
        now = int(contract.cycles()[channel, row, col]) % interval
        arriving = 0
        for synapse in np.flatnonzero(image.target == neuron):
            said = speaks.get(int(source[synapse]), ())
            arriving += (now - int(image.delay[synapse])) % interval in said
        assert arriving == taps_of(schedule, stage, channel, row, col), (stage.name, channel, row, col)


def first_neurons(schedule, image):
    """First neuron of the input and of each stage, in the order in which they were emitted."""
    firsts = [0]
    for stage in schedule.stages:
        role, name = ROLES.index(stage.role), [record.name for record in image.layers].index(stage.name)
        firsts.append(int(np.flatnonzero((image.role == role) & (image.layer == name))[0]))
    return firsts


def taps_of(schedule, stage, channel, row, col):
    """Synapses through which a position of a channel reads a value of the map, by its window alone."""
    count = 0
    for part in stage.parts:
        read, window = schedule.contract(part.source), part.window
        within, k_h, k_w = np.nonzero(window.weight[channel])
        y, x = row * window.stride[0] - window.before[0] + k_h, col * window.stride[1] - window.before[1] + k_w
        real = (y >= 0) & (y < read.height) & (x >= 0) & (x < read.width)
        weight = window.weight[channel, within[real], k_h[real], k_w[real]]
        low, high = -schedule.spec.weight_min, schedule.spec.weight_max
        count += int(sum(-(-abs(int(w)) // (high if w > 0 else low)) for w in weight))
    return count


def test_the_worst_cycle_is_not_underrated():
    """Against every cycle counted one synapse at a time."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        groups = int(rng.choice([1, 2]))
        shape = (groups * int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 3)), 2)
        window = Window(rng.integers(-5, 6, shape), (1, 1), (0, 0), groups)
        step = int(rng.integers(3, 30))
        source, turns = (
            (0, *sorted(rng.choice(np.arange(1, 40), int(rng.integers(0, 4)), replace=False).tolist()))
            for _ in range(2)
        )
        found = _worst_cycle(window, source, turns, step)
        for neuron, most in enumerate(found):
            by_cycle = np.zeros(step, int)
            for channel in range(neuron * len(turns), min((neuron + 1) * len(turns), shape[0])):
                for within, k_h, k_w in np.ndindex(*shape[1:]):
                    weight = max(int(window.weight[channel, within, k_h, k_w]), 0)
                    own = int(window.input_channel(np.array(channel), np.array(within))) % len(source)
                    for cycle in {(turns[channel % len(turns)] + other - source[own]) % step for other in source}:
                        by_cycle[cycle] += weight
            assert most >= by_cycle.max()
            if len({turn % step for turn in source}) == len(source):
                assert most == by_cycle.max()


@pytest.mark.oracle
def test_every_layer_kind_takes_turns():
    """Random networks at 1x1 with slots long enough for several channels everywhere."""
    shared = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        network = random_network(rng)
        if network.encoding["kind"] == "count":
            continue
        plan = fill_channels(network, RESEARCH, FoldPlan((1, 1)), stretch=8)
        shared += len(plan.channels)
        image = compile_network(network, RESEARCH, plan)
        assert neuroproc.verify(network, image, random_frames(rng, network, 5)).exact, seed
    assert shared > 60
