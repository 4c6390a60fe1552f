"""Fan-outs beyond the processor's become trees of relays; fan-ins are refused before anything is emitted."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import cost_by_layer, graph_of, random_case, random_frames, small_network

import neuroproc
from compiler.costing.cost import cost_of
from compiler.costing.search import explore
from compiler.emit import compile_network, emit
from compiler.passes.insert_relays import insert_relays
from compiler.passes.split_fan_out import fan_tree, split_fan_out
from compiler.plan import FoldPlan
from compiler.schedule import make_schedule
from isa_spec.errors import ResourceError
from isa_spec.image import ROLES
from isa_spec.spec import load_profile

RELAY = ROLES.index("relay")


def arrivals(graph, neuron, after=0):
    """What arrives where and when after a neuron fired, through relays: target, cycles, weight."""
    found = Counter()
    for synapse in np.flatnonzero(graph.source == neuron):
        target, when = int(graph.target[synapse]), after + int(graph.delay[synapse])
        if graph.role[target] == RELAY:
            assert graph.weight[synapse] == graph.threshold[target] == 1
            found += arrivals(graph, target, when)
        else:
            found[target, when, int(graph.weight[synapse])] += 1
    return found


def checked_image(schedule, frames):
    """The image of a schedule, once it is certain that it keeps the limit, costs what it should, and is exact."""
    cost = cost_of(schedule)
    image = emit(schedule, cost)
    assert np.bincount(image.source(), minlength=1).max() <= schedule.spec.max_fan_out
    assert cost_by_layer(image) == [(layer.name, dict(layer.roles), layer.synapses) for layer in cost.layers]
    longest = np.zeros(image.n_neurons, np.int64)
    np.maximum.at(longest, image.source(), image.delay)
    assert longest.sum() == cost.delay_storage
    assert neuroproc.verify(schedule.network, image, frames).exact
    return image


@pytest.mark.parametrize(
    ("due", "most", "max_delay", "fires", "speaker"),
    [
        ([1, 1, 2], 3, None, [], [-1, -1, -1]),
        ([2, 2, 2, 2], 3, None, [1], [-1, -1, 0, 0, -1]),  # two are too many by one: the relay takes a place
        ([1, 3, 4, 5], 3, None, [3], [-1, -1, 0, 0, -1]),
        ([2] * 9, 3, None, [1, 1, 1], [2, 2, 2, 1, 1, 1, 0, 0, 0, -1, -1, -1]),
        ([3] * 10, 3, None, [2, 2, 2, 1], [3, 2, 2, 2, 1, 1, 1, 0, 0, 0, 3, -1, -1, -1]),
        ([10], 2, 4, [6, 2], [0, 1, -1]),  # a delay line
        ([1, 6, 7, 9], 3, 4, [5, 1], [-1, 0, 0, 0, 1, -1]),
    ],
)
def test_trees_by_hand(due, most, max_delay, fires, speaker):
    tree = fan_tree(due, most, max_delay)
    assert (tree.fires.tolist(), tree.speaker.tolist()) == (fires, speaker)


def test_a_tree_that_has_no_time_says_how_much_it_lacks():
    assert fan_tree([2] * 10, 3, None).fires.tolist() == [1, 1, 1, 0]
    assert fan_tree([1] * 10, 3, None).fires.min() == -1


@pytest.mark.parametrize("seed", range(60))
def test_random_trees_deliver_as_before(seed):
    rng = np.random.default_rng(seed)
    most, max_delay = int(rng.integers(2, 9)), [None, 1, 2, 5][seed % 4]
    n_synapses = int(rng.integers(1, 60))
    lead = 1 + int(np.ceil(np.log(n_synapses) / np.log(most)))  # a tree of all of them has so much time
    delays = lead + rng.integers(0, int(rng.integers(1, 30)), n_synapses)
    graph = graph_of(10, [(0, int(rng.integers(1, 10)), int(rng.integers(1, 9)), int(delay)) for delay in delays])
    done = split_fan_out(graph, most, max_delay)
    assert np.bincount(done.source).max() <= most
    assert done.delay.min() >= 1
    assert arrivals(done, 0) == arrivals(graph, 0)
    relays = len(done.threshold) - len(graph.threshold)
    if max_delay is None:
        assert relays == max(0, -(-(n_synapses - most) // (most - 1)))  # each has room for one less than it takes
    elif relays:
        assert done.delay.max() <= max_delay
        assert insert_relays(done, max_delay) is done


def test_what_fits_is_left_alone_and_relays_are_of_their_layer():
    graph = graph_of(6, [(0, 1, 1, 3), (0, 2, 1, 3), (3, 1, 5, 2), (3, 2, 6, 2), (3, 4, 7, 2)])
    assert split_fan_out(graph, 3, None) is graph
    graph = replace(graph, layer=np.arange(6, dtype=np.int16))
    done = split_fan_out(graph, 2, None)
    assert done.role.tolist() == [0] * 6 + [RELAY]
    assert done.layer[-1] == 3
    found = sorted(zip(*(part.tolist() for part in (done.source, done.target, done.weight, done.delay)), strict=True))
    assert found == [(0, 1, 1, 3), (0, 2, 1, 3), (3, 1, 5, 2), (3, 6, 1, 1), (6, 2, 6, 1), (6, 4, 7, 1)]


@pytest.mark.oracle
@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("unroll", [(1, 1), (8, 1), (4, 8), (8, 8)])
@pytest.mark.parametrize("most", [2, 3, 7, 40])
def test_a_small_network_at_every_limit(most, unroll, gate):
    network = small_network(7)
    spec = replace(load_profile("research"), max_fan_out=most, potential_floor=-3, weight_min=-20, weight_max=20)
    frames = random_frames(np.random.default_rng(0), network, 8)
    for max_delay in (None, 1, 6):
        checked_image(make_schedule(network, replace(spec, max_delay=max_delay), FoldPlan(unroll, gate)), frames)


def test_what_is_spread_over_time_takes_no_time_ahead():
    """A stream's synapses need relays, but no cycle more; those of a whole frame come all at once."""
    network, spec = small_network(7), load_profile("research")
    wide = replace(spec, max_fan_out=20)
    folded, plain = (make_schedule(network, one, FoldPlan((1, 1))) for one in (wide, spec))
    assert (folded.lead, folded.latency) == (0, plain.latency)
    assert cost_of(folded).neurons > cost_of(plain).neurons
    flat = make_schedule(network, wide, FoldPlan((8, 8)))
    assert flat.lead == 1
    assert flat.latency > make_schedule(network, spec, FoldPlan((8, 8))).latency
    assert flat.interval == make_schedule(network, spec, FoldPlan((8, 8))).interval


def test_a_limit_that_is_just_met_changes_nothing():
    network, spec, plan = small_network(7), load_profile("research"), FoldPlan((2, 2))
    image = compile_network(network, spec, plan)
    worst = int(np.bincount(image.source()).max())
    for most, same in ((worst, True), (worst - 1, False)):
        limited = compile_network(network, replace(spec, max_fan_out=most), plan)
        assert (limited.n_synapses == image.n_synapses) == same
        assert (limited.n_neurons == image.n_neurons) == same


@pytest.mark.oracle
@pytest.mark.parametrize("block", range(4))
def test_random_cases_with_small_fan_outs(block):
    """Turns, gates, held layers, counts, short delays: whatever comes, and every fan-in as the image has it."""
    seen = Counter()
    for seed in range(5000 + 60 * block, 5060 + 60 * block):
        network, spec, plan, frames = random_case(seed, n_frames=4)
        most = int(np.random.default_rng(seed).integers(2, 41))
        if not spec.parallel_synapses:
            continue
        spec = replace(spec, max_fan_out=most)
        schedule = make_schedule(network, spec, plan)
        image = checked_image(schedule, frames)
        fan_in = int(np.bincount(image.target, minlength=1).max())
        if fan_in > 1:
            make_schedule(network, replace(spec, max_fan_in=fan_in), plan)
            with pytest.raises(ResourceError, match=rf"{fan_in} synapses arrive at it, allowed {fan_in - 1} "):
                make_schedule(network, replace(spec, max_fan_in=fan_in - 1), plan)
        plain = cost_of(make_schedule(network, replace(spec, max_fan_out=None), plan))
        seen["split"] += image.n_neurons > plain.neurons
        seen["lead"] += schedule.lead > 0
        seen["turns"] += any(stage.turn for stage in schedule.stages)
        seen["gates"] += any(stage.gated for stage in schedule.stages)
        seen["line"] += spec.max_delay is not None
        seen["counts"] += schedule.input.levels > 1
    assert all(seen[what] for what in ("split", "lead", "turns", "gates", "line", "counts")), seen


@pytest.mark.oracle
def test_held_layers_are_split_too():
    network = small_network(3)
    frames = random_frames(np.random.default_rng(1), network, 8)
    for most in (2, 4, 30):
        spec = replace(load_profile("np8"), max_fan_out=most, threshold_max=4000)
        schedule = make_schedule(network, spec, FoldPlan((1, 1), dense="held"))
        assert any(stage.held for stage in schedule.stages)
        assert schedule.lead > 0
        image = checked_image(schedule, frames)
        assert (image.role == ROLES.index("demux")).any()


@pytest.mark.error
def test_what_cannot_be_split_says_why():
    network, plan = small_network(3), FoldPlan((1, 1))
    one = replace(load_profile("research"), max_fan_out=1)
    words = r"layer '.*', \w+ \d+: (\d+) synapses leave it, allowed 1 \(max_fan_out of profile research\), and a tree"
    with pytest.raises(ResourceError, match=words) as refusal:
        make_schedule(network, one, plan)
    assert (refusal.value.limit, refusal.value.allowed) == ("max_fan_out", 1)
    assert refusal.value.used > 1


@pytest.mark.error
def test_pairs_of_one_synapse_are_not_split():
    network, plan = small_network(3), FoldPlan((1, 1))
    spec = replace(load_profile("research"), parallel_synapses=False)
    image = compile_network(network, spec, plan)
    worst = int(np.bincount(image.source()).max())
    assert compile_network(network, replace(spec, max_fan_out=worst), plan).n_synapses == image.n_synapses
    words = rf"{worst} synapses leave it, allowed {worst - 1} \(max_fan_out of profile research\), .*parallel_synapses"
    with pytest.raises(ResourceError, match=words) as refusal:
        compile_network(network, replace(spec, max_fan_out=worst - 1), plan)
    assert (refusal.value.limit, refusal.value.used, refusal.value.allowed) == ("max_fan_out", worst, worst - 1)


def test_options_beyond_a_fan_in_are_left_out():
    network, spec = small_network(3), load_profile("research")
    every = explore(network, spec)
    fans = []
    for option in every:
        image = emit(make_schedule(network, spec, option.plan), option.cost)
        fans.append(int(np.bincount(image.target).max()))
    limit = min(fans)
    assert limit < max(fans)
    some = explore(network, replace(spec, max_fan_in=limit))
    kept = [option.plan for option, fan in zip(every, fans, strict=True) if fan <= limit]
    assert [option.plan for option in some] == kept
    with pytest.raises(ResourceError, match="max_fan_in"):
        explore(network, replace(spec, max_fan_in=limit - 1))
