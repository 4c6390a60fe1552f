"""Plans within bounds, and the Pareto front, against looking at every option."""

import itertools
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compiler_helpers import random_network

import neuroproc
from compiler.costing.cost import cost_of
from compiler.costing.search import MEASURES, Bounds, best_option, explore, pareto_front
from compiler.emit import compile_network
from compiler.networks.layers import Add, Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan, legal_unrolls
from compiler.schedule import make_schedule
from isa_spec.errors import ResourceError
from isa_spec.spec import load_profile

RESEARCH = load_profile("research")


def small():
    rng = np.random.default_rng(0)
    layers = (
        Conv2d("conv", ("input",), rng.integers(-3, 4, (4, 1, 3, 3)), np.full(4, 2)),
        Pool2d("pool", ("conv",), "maxpool2d", (2, 2), (2, 2)),
        Conv2d("conv2", ("pool",), rng.integers(-3, 4, (16, 4, 3, 3)), np.full(16, 3)),
        Flatten("flatten", ("conv2",)),
        Dense("dense", ("flatten",), rng.integers(-3, 4, (10, 144)), np.full(10, 3)),
    )
    return LayeredNetwork("small", (1, 12, 12), layers, {"kind": "binary"}, {"kind": "spikes"})


@pytest.fixture(scope="module")
def options():
    return explore(small(), RESEARCH)


def test_every_legal_unroll_is_an_option_with_its_own_cost(options):
    plain = [option.plan.unroll for option in options if not option.plan.tiles and not option.plan.channels]
    assert plain == legal_unrolls(12, 12)


@pytest.fixture(scope="module")
def lenet():
    return neuroproc.load_network(Path(__file__).resolve().parents[2] / "examples" / "lenet" / "lenet.json")


@pytest.fixture(scope="module")
def lenet_options(lenet):
    return explore(lenet, RESEARCH)


def test_serialised_plans_are_no_slower_and_some_are_on_the_front(lenet, lenet_options):
    options = lenet_options
    plain = [option for option in options if not option.plan.tiles and not option.plan.channels]
    interval = {option.plan.unroll: option.measure("interval") for option in plain}
    for option in options:
        stretch = (option.plan.slot or 2) // 2
        assert option.measure("interval") == interval[option.plan.unroll] * stretch
    cut = [option for option in pareto_front(options) if option.plan.tiles]
    assert cut
    frames = (np.random.default_rng(1).random((4, 1, 28, 28)) < 0.15).astype(np.uint8) * 255
    for option in cut[-3:]:
        image = compile_network(lenet, RESEARCH, option.plan)
        assert (image.n_neurons, image.n_synapses) == (option.cost.neurons, option.cost.synapses)
        assert neuroproc.verify(lenet, image, frames).exact


@pytest.mark.parametrize("seed", range(10))
def test_options_cost_what_their_schedule_costs(seed):
    network = random_network(np.random.default_rng(seed))
    for option in explore(network, RESEARCH):
        assert option.cost == cost_of(make_schedule(network, RESEARCH, option.plan))


def test_the_front_is_what_nothing_beats(options):
    def beats(a, b):
        values = [(a.measure(name), b.measure(name)) for name in MEASURES]
        return all(x <= y for x, y in values) and any(x < y for x, y in values)

    front = pareto_front(options)
    right = [option for option in options if not any(beats(other, option) for other in options)]
    assert {tuple(map(option.measure, MEASURES)) for option in front} == {
        tuple(map(option.measure, MEASURES)) for option in right
    }
    assert len({tuple(map(option.measure, MEASURES)) for option in front}) == len(front)


def test_without_bounds_the_fastest_wins(options):
    choice = best_option(options, Bounds())
    assert choice.option.plan.unroll == (12, 12)
    assert (choice.minimised, choice.binding) == ("interval", ())


@pytest.mark.parametrize("seed", range(6))
def test_the_choice_is_as_good_as_one_on_the_front(seed):
    """For any bounds; and of what is equal in all that the front knows, the one that answers first."""
    rng = np.random.default_rng(seed)
    options = explore(random_network(rng), RESEARCH)
    front = {tuple(map(option.measure, MEASURES)) for option in pareto_front(options)}
    for _ in range(20):
        witness = options[rng.integers(len(options))]
        bounded = [name for name in ("neurons", "synapses", "interval") if rng.random() < 0.5]
        chosen = best_option(options, Bounds(**{name: witness.measure(name) for name in bounded})).option
        values = tuple(map(chosen.measure, MEASURES))
        assert values in front
        equals = [option for option in options if tuple(map(option.measure, MEASURES)) == values]
        assert chosen.measure("latency") == min(option.measure("latency") for option in equals)


def test_of_equal_sizes_and_times_the_one_of_less_delay_storage_is_chosen(lenet_options):
    groups = defaultdict(list)
    for option in lenet_options:
        groups[tuple(map(option.measure, ("neurons", "synapses", "interval")))].append(option)
    unlike = [group for group in groups.values() if len({option.measure("delay_storage") for option in group}) > 1]
    assert unlike
    for group in unlike:
        for order in (group, group[::-1]):
            chosen = best_option(order, Bounds()).option
            assert chosen.measure("delay_storage") == min(option.measure("delay_storage") for option in group)


@pytest.mark.parametrize("names", list(itertools.combinations(("neurons", "synapses", "interval"), 2)))
def test_with_two_bounds_the_third_is_least(options, names):
    third = ({"neurons", "synapses", "interval"} - set(names)).pop()
    for witness in options:
        limits = {name: witness.measure(name) for name in names}
        choice = best_option(options, Bounds(**limits))
        fitting = [o for o in options if all(o.measure(name) <= bound for name, bound in limits.items())]
        assert choice.option in fitting
        assert choice.option.measure(third) == min(o.measure(third) for o in fitting)
        assert choice.minimised == third


def test_a_binding_bound_is_one_that_a_better_plan_breaks(options):
    fewest = min(option.measure("synapses") for option in options)
    choice = best_option(options, Bounds(synapses=fewest, neurons=10**9))
    assert choice.binding == ("synapses",)


@pytest.mark.error
def test_where_nothing_fits_the_message_says_by_how_much_and_what_would_help(options):
    slowest = max(options, key=lambda option: option.measure("interval"))
    bounds = Bounds(neurons=slowest.measure("neurons"), interval=slowest.measure("interval") - 1)
    with pytest.raises(ResourceError, match=r"no fold is within the bounds: the nearest, .* needs .* allow ") as error:
        best_option(options, bounds)
    assert error.value.exit_status == 4
    remedy = str(error.value).rsplit("; ", 1)[1]
    for word, name in (("neurons", "neurons"), ("cycles per frame", "interval")):
        enough = int(remedy.split(word)[0].split("allow ")[-1].replace(",", ""))
        raised = Bounds(**{**bounds.given(), name: enough})
        assert best_option(options, raised)
        with pytest.raises(ResourceError):
            best_option(options, Bounds(**{**bounds.given(), name: enough - 1}))


@pytest.mark.error
def test_a_bound_that_no_plan_meets_alone_is_named(options):
    with pytest.raises(ResourceError, match=r"needs [\d,]+ neurons \(allowed 1\)") as error:
        best_option(options, Bounds(neurons=1))
    assert (error.value.limit, error.value.allowed) == ("neurons", 1)


def test_maps_of_unlike_tiles_meet_in_one():
    """One branch shrinks to a single tile and stays one, the other comes in two: the sum waits for both."""
    layers = (
        Conv2d("small", ("input",), np.ones((1, 1, 6, 6), int), np.array([9])),
        Conv2d("grown", ("small",), np.ones((1, 1, 1, 1), int), None, padding=((1, 1), (1, 1))),
        Conv2d("direct", ("input",), np.ones((1, 1, 4, 4), int), None),
        Add("joined", ("grown", "direct"), np.array([5])),
    )
    network = LayeredNetwork("joined", (1, 8, 8), layers, {"kind": "binary"}, {"kind": "spikes"})
    options = explore(network, RESEARCH)
    assert [option.plan.unroll for option in options if not option.plan.tiles] == legal_unrolls(8, 8)
    frames = (np.random.default_rng(2).random((6, 1, 8, 8)) < 0.4).astype(np.uint8)
    for option in options:
        assert neuroproc.verify(network, compile_network(network, RESEARCH, option.plan), frames).exact, option.plan


def test_an_unroll_at_which_a_layer_cannot_be_held_is_no_option():
    """Sums too wide to be held where the frame is a stream leave the unroll at which it is none."""
    spec = replace(RESEARCH, threshold_max=40)
    with pytest.raises(ResourceError, match="threshold_max"):
        make_schedule(small(), spec, FoldPlan((1, 1), dense="held"))
    unrolls = {option.plan.unroll for option in explore(small(), spec, FoldPlan((1, 1), dense="held"))}
    assert (12, 12) in unrolls
    assert (1, 1) not in unrolls


def test_a_plan_is_part_of_its_option(options):
    assert all(isinstance(option.plan, FoldPlan) for option in options)


def test_plans_that_do_not_fit_are_told():
    network, refused = small(), []
    fitting = explore(network, replace(RESEARCH, name="chip", max_neurons=100), refused=refused.append)
    every = explore(network, RESEARCH)
    assert fitting == tuple(option for option in every if option.measure("neurons") <= 100)
    assert len(refused) == len(every) - len(fitting) > 0
