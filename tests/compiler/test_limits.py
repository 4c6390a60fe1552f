"""Limits of real processors: one synapse per ordered pair, fan-in and fan-out, weights, the width of potentials."""

from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import cost_by_layer, graph_of, random_case, random_frames, small_network

import neuroproc
from compiler.costing.cost import cost_of
from compiler.emit import compile_network, emit
from compiler.networks.layers import Add, Conv2d
from compiler.networks.network import LayeredNetwork
from compiler.passes.insert_relays import insert_relays
from compiler.passes.one_per_pair import Line, one_per_pair
from compiler.plan import FoldPlan
from compiler.schedule import make_schedule
from isa_spec.errors import ResourceError
from isa_spec.image import ROLES
from isa_spec.potentials import signed_bits
from isa_spec.spec import load_profile

BINARY, SPIKES = {"kind": "binary", "threshold": 1}, {"kind": "spikes"}


def pairs_of(graph):
    return np.unique(np.stack([graph.source, graph.target]), axis=1, return_counts=True)[1]


@pytest.mark.oracle
@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("unroll", [(1, 1), (8, 1), (2, 2), (4, 8), (8, 8)])
@pytest.mark.parametrize(("profile", "size"), [("risp1", 1), ("risp7", 7), ("risp127", 127)])
def test_risp_processors_hold_networks_at_every_unroll(profile, size, unroll, gate):
    """One synapse per pair, a floor below 0, and clearing charges beyond the largest weight."""
    network, spec = small_network(size), load_profile(profile)
    frames = random_frames(np.random.default_rng(0), network, 8)
    schedule = make_schedule(network, spec, FoldPlan(unroll, gate))
    cost = cost_of(schedule)
    image = emit(schedule, cost)
    assert neuroproc.verify(network, image, frames).exact
    assert cost_by_layer(image) == [(layer.name, dict(layer.roles), layer.synapses) for layer in cost.layers]


@pytest.mark.oracle
@pytest.mark.parametrize("block", range(4))
def test_random_cases_with_one_synapse_per_pair(block):
    proxies = 0
    for seed in range(2000 + 25 * block, 2025 + 25 * block):
        network, spec, plan, frames = random_case(seed, n_frames=4)
        # Held layers need parallel synapses: auto then aligns.
        spec = replace(spec, parallel_synapses=False, max_fan_out=None)
        schedule = make_schedule(network, spec, replace(plan, dense="auto"))
        cost = cost_of(schedule)
        image = emit(schedule, cost)
        assert neuroproc.verify(network, image, frames).exact, seed
        assert cost_by_layer(image) == [(layer.name, dict(layer.roles), layer.synapses) for layer in cost.layers], seed
        longest = np.zeros(image.n_neurons, np.int64)
        np.maximum.at(longest, image.source(), image.delay)
        assert longest.sum() == cost.delay_storage, seed
        proxies += cost_sum(cost, "proxy")
    assert proxies > 100


def cost_sum(cost, role):
    return sum(layer.roles.get(role, 0) for layer in cost.layers)


def test_two_sums_over_one_map_at_one_time_are_held():
    """An addition of two convolutions of one map wants two synapses of a pair in one cycle, even when not folded."""
    rng = np.random.default_rng(5)
    layers = [
        Conv2d(name, ("input",), rng.integers(1, 5, (2, 1, 3, 3)), None, padding=((1, 1), (1, 1))) for name in "ab"
    ]
    network = LayeredNetwork("sum", (1, 4, 4), (*layers, Add("sum", ("a", "b"), np.array([9, 20]))), BINARY, SPIKES)
    spec = replace(load_profile("research"), parallel_synapses=False)
    frames = random_frames(rng, network, 6)
    for unroll in [(4, 4), (1, 1), (2, 4)]:
        image = compile_network(network, spec, FoldPlan(unroll))
        assert (image.role == ROLES.index("proxy")).any()
        assert neuroproc.verify(network, image, frames).exact


def test_the_plain_network_needs_no_taps():
    """Only what is folded, or too wide for one synapse, needs them."""
    network = small_network(3)
    spec = replace(load_profile("research"), parallel_synapses=False)
    image = compile_network(network, spec, FoldPlan((8, 8)))
    proxies = image.role == ROLES.index("proxy")
    names = {image.layers[number].name for number in image.layer[proxies]}
    assert names <= {"control"}  # a clock clears and lifts the same units


@pytest.mark.parametrize("max_delay", [None, 1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(10))
def test_the_pass_counts_as_the_closed_form_does(seed, max_delay):
    rng = np.random.default_rng(seed)
    synapses = [
        (source, 4 + target, 1, delay)
        for source in range(4)
        for target in range(5)
        for delay in range(1, 9)
        for _ in range(int(rng.integers(0, 3 if delay > 1 else 2)))
    ]
    graph = graph_of(9, synapses)
    done = one_per_pair(graph, max_delay, [""])
    line = Line(4, max_delay)
    copies = np.zeros((8, 5, 4), np.int64)
    for source, target, _, delay in synapses:
        copies[delay - 1, target - 4, source] += 1
    line.add(range(1, 9), list(copies))
    proxies = done.role == ROLES.index("proxy")
    fed = np.isin(done.target, np.flatnonzero(proxies))
    assert np.array_equal(np.bincount(done.source[fed], minlength=4), line.proxies())
    longest = np.zeros(len(done.threshold), np.int64)
    np.maximum.at(longest, done.source, done.delay)
    assert np.array_equal(longest[:4], line.longest())
    assert np.all(pairs_of(insert_relays(done, max_delay)) == 1)


def test_a_pair_of_several_delays_keeps_the_shortest_and_taps_are_shared():
    # 0 speaks to 1 after 2 and 5 cycles, to 2 after 3 and 5, to 3 after 5 alone.
    graph = graph_of(4, [(0, 1, 7, 2), (0, 1, 8, 5), (0, 2, 7, 3), (0, 2, 9, 5), (0, 3, 6, 5)])
    done = one_per_pair(graph, None, [""])
    assert done.role.tolist() == [0, 0, 0, 0, ROLES.index("proxy")]
    found = sorted(zip(*(part.tolist() for part in (done.source, done.target, done.weight, done.delay)), strict=True))
    assert found == [(0, 1, 7, 2), (0, 2, 7, 3), (0, 3, 6, 5), (0, 4, 1, 4), (4, 1, 8, 1), (4, 2, 9, 1)]


def test_relays_part_pairs_too():
    graph = graph_of(2, [(0, 1, 1, delay) for delay in (1, 2, 3)])
    assert len(one_per_pair(graph, 1, [""]).threshold) == 2
    assert len(one_per_pair(graph, 2, [""]).threshold) == 3
    assert len(one_per_pair(graph, None, [""]).threshold) == 4


@pytest.mark.error
def test_two_synapses_of_one_cycle_cannot_be_parted():
    graph = graph_of(2, [(0, 1, 5, 1), (0, 1, 6, 1), (0, 1, 6, 4)])
    words = r"layer 'conv': 2 synapses .* weight 6\), allowed 1 \(parallel_synapses is false\).*; use .* or choose"
    with pytest.raises(ResourceError, match=words):
        one_per_pair(graph, None, ["conv"])


@pytest.mark.error
def test_a_sign_that_is_missing_cannot_be_split():
    words = r"layer 'conv1', weight\[.*\] = -\d+, allowed 1..15 \(weight_min of profile .*; requantise .* or choose"
    with pytest.raises(ResourceError, match=words):
        compile_network(small_network(3), load_profile("risp15+"), FoldPlan((1, 1)))


@pytest.mark.error
def test_fan_in_says_what_is_wrong_and_holds_exactly():
    network, spec = small_network(3), load_profile("research")
    image = compile_network(network, spec, FoldPlan((1, 1)))
    worst = int(np.bincount(image.target).max())
    assert compile_network(network, replace(spec, max_fan_in=worst), FoldPlan((1, 1))).n_synapses == image.n_synapses
    with pytest.raises(ResourceError) as refusal:
        make_schedule(network, replace(spec, max_fan_in=worst - 1), FoldPlan((1, 1)))
    assert (refusal.value.limit, refusal.value.used, refusal.value.allowed) == ("max_fan_in", worst, worst - 1)
    assert f"{worst} synapses arrive at it, allowed {worst - 1} (max_fan_in of profile research)" in str(refusal.value)
    assert str(refusal.value).startswith("layer 'fc', unit ")
    assert "prune" in str(refusal.value)
    assert str(refusal.value).endswith(" or choose a wider profile")


def test_the_width_of_potentials_follows_from_their_range():
    assert [signed_bits(*ends) for ends in [(0, 0), (-1, 0), (0, 1), (-2, 1), (-3, 1), (-128, 127), (0, 128)]] == [
        1, 1, 2, 2, 3, 8, 9,
    ]  # fmt: skip
    network = small_network(3)
    measures = neuroproc.count(compile_network(network, load_profile("np8"), FoldPlan((1, 1))))
    assert measures["potential_bits"] == signed_bits(*measures["potential_range"])
    assert measures["potential_bits"] == max(layer["potential_bits"] for layer in measures["layers"])
    for layer in measures["layers"]:
        low, high = layer["potential_range"]
        assert -(2 ** (layer["potential_bits"] - 1)) <= low <= high < 2 ** (layer["potential_bits"] - 1)


def test_without_a_floor_no_width_is_enough():
    spec = replace(load_profile("research"), potential_floor=None)
    network = small_network(3)
    measures = neuroproc.count(compile_network(network, spec, FoldPlan((8, 8))))
    assert measures["potential_bits"] is None


def test_the_narrowest_processor_that_is_said_to_do_does():
    """A profile of exactly `potential_bits` takes the image; one bit less refuses it."""
    network = small_network(3)
    spec = replace(load_profile("np8"), threshold_max=20, potential_bits=32)
    bits = neuroproc.count(compile_network(network, spec, FoldPlan((1, 1))))["potential_bits"]
    compile_network(network, replace(spec, potential_bits=bits), FoldPlan((1, 1)))
    with pytest.raises(ResourceError, match="potential_bits"):
        compile_network(network, replace(spec, potential_bits=bits - 1), FoldPlan((1, 1)))


@pytest.mark.error
def test_a_processor_that_shows_spikes_late_is_refused():
    network = small_network(3)
    spec = replace(load_profile("np16"), delayed_fire=True)
    words = (
        "profile np16 has delayed_fire = true, so spikes would be seen one cycle after that of their value; compile for"
    )
    with pytest.raises(ResourceError, match=words) as caught:
        compile_network(network, spec)
    assert (caught.value.limit, caught.value.used, caught.value.allowed) == ("delayed_fire", 1, 0)
