"""Latched networks in any fold: every train of every layer is the network's, and no frame hears of the one before."""

from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import check_fold
from latched_helpers import DEEP, classifier, frames_of, random_latched_case

import neuroproc
from compiler.costing.cost import cost_of
from compiler.costing.search import explore
from compiler.emit import compile_network, emit
from compiler.networks.dead import remove_dead
from compiler.networks.evaluate import classes, evaluate
from compiler.plan import FoldPlan, legal_unrolls
from compiler.schedule import fill_channels, make_schedule
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.image import ROLES
from isa_spec.spec import load_profile

FREE = replace(load_profile("research"), name="free", potential_floor=None)
SEEDS = range(200)
BLOCK = 20


def check(seed):
    check_fold(*random_latched_case(seed, n_frames=5), f"seed {seed}")


@pytest.mark.oracle
@pytest.mark.parametrize("block", range(len(SEEDS) // BLOCK))
def test_every_train_of_random_folds_is_exact(block):
    for seed in SEEDS[block * BLOCK : (block + 1) * BLOCK]:
        check(seed)


@pytest.mark.sweep
@pytest.mark.oracle
@pytest.mark.parametrize("block", range(100))
def test_sweep_of_random_folds(block):
    for seed in range(10_000 + block * 50, 10_000 + (block + 1) * 50):
        check(seed)


def test_random_cases_reach_the_corners():
    seen, steps_before = set(), []
    for seed in SEEDS:
        network, spec, plan, frames = random_latched_case(seed, n_frames=2)
        schedule = make_schedule(network, spec, plan)
        latched = [stage for stage in schedule.stages if stage.charges.latch.any()]
        if not latched:
            continue
        floor = "no floor" if spec.potential_floor is None else f"floor {np.sign(spec.potential_floor)}"
        seen |= {f"{floor}, {schedule.clearing}"} | {layer.kind for layer in network.layers}
        seen |= {f"gated, {schedule.clearing}" for stage in latched if stage.gated}
        seen |= {f"long slot, {schedule.clearing}" for _ in [0] if schedule.slot > network.steps + 1}
        seen |= {"split" for stage in latched if stage.charges.latch.max() > spec.weight_max}
        seen |= {"single pairs" for _ in [0] if not spec.parallel_synapses}
        seen |= {"lead" for _ in [0] if schedule.lead}
        seen |= {role for layer in cost_of(schedule).layers for role in layer.roles}
        values = evaluate(network, frames)
        for layer in network.layers:
            if network.latches(layer):
                steps_before += (network.steps - values[layer.name].sum(axis=1)).ravel().tolist()
    ways = {f"{floor}, {way}" for floor in ("floor 0", "floor -1") for way in ("floor", "force")} | {"no floor, force"}
    ways |= {f"{what}, {way}" for what in ("gated", "long slot") for way in ("floor", "force")}
    kinds = {"conv2d", "dense", "maxpool2d", "sumpool2d", "add", "concat"}
    assert ways | kinds | {"split", "single pairs", "lead", "relay", "proxy", "serialiser"} <= seen
    assert set(range(9)) <= set(steps_before)


DECISIONS = [{"by": "first", "ties": ties} for ties in ("lowest", "potential", "next")]


@pytest.mark.oracle
@pytest.mark.parametrize("engine", ["reference", "event", "batch"])
@pytest.mark.parametrize("decode", DECISIONS, ids=str)
def test_classes_on_the_chip_are_those_of_plain_evaluation(engine, decode):
    network, frames = classifier(**decode), frames_of(12 if engine == "reference" else 300)
    image = compile_network(network, DEEP, FoldPlan((3, 2)))
    found = neuroproc.classify(image, frames, engine=engine, threads=2)
    values = evaluate(network, frames)
    assert np.array_equal(found.predictions, classes(network, values))
    assert np.array_equal(found.outputs, values["fc"].sum(axis=1))
    assert neuroproc.verify(network, image, frames[:12], engine=engine).exact


@pytest.mark.metamorphic
@pytest.mark.parametrize("seed", range(15))
def test_back_to_back_equals_each_frame_alone(seed):
    network, spec, plan, frames = random_latched_case(seed, n_frames=6)
    image = compile_network(network, spec, plan)
    together = neuroproc.classify(image, frames).outputs
    alone = np.concatenate([neuroproc.classify(image, frames[n : n + 1]).outputs for n in range(len(frames))])
    assert np.array_equal(together, alone)


@pytest.mark.oracle
@pytest.mark.parametrize("clearing", ["floor", "force"])
def test_what_is_left_out_would_be_seen(clearing):
    """Without the latches, without the clearing, without what takes back the latches of forced spikes."""
    network, frames = classifier(), frames_of(20)
    image = compile_network(network, DEEP, FoldPlan((2, 2), clearing=clearing))
    assert neuroproc.verify(network, image, frames).exact
    unit, clock = (ROLES.index(role) for role in ("unit", "clock"))
    told = (image.role[image.source()] == clock) & (image.role[image.target] == unit)
    own = (image.source() == image.target) & (image.role[image.target] == unit)
    for spoiled in (own, told & (image.weight < 0), told & (image.weight > 0)):
        assert spoiled.any()
        without = replace(image, weight=np.where(spoiled, 0, image.weight).astype(np.int32))
        assert not neuroproc.verify(network, without, frames).exact


def test_a_slot_is_the_steps_and_one_clearing_and_a_latch_is_one_synapse():
    network = classifier()
    loose = replace(network, encoding={"kind": "rate", "steps": 8, "levels": 9, "source": "even"})
    for unroll in legal_unrolls(6, 6):
        schedule = make_schedule(network, DEEP, FoldPlan(unroll))
        rated = make_schedule(loose, DEEP, FoldPlan(unroll))
        assert (schedule.slot, schedule.interval, schedule.latency) == (9, rated.interval, rated.latency)
        for own, other in zip(cost_of(schedule).layers, cost_of(rated).layers, strict=True):
            latches = own.roles["unit"] if own.name in ("conv", "hidden") else 0
            assert (own.neurons, own.synapses) == (other.neurons, other.synapses + latches)


def test_the_explorer_knows_latches():
    network = classifier()
    options = explore(network, DEEP)
    assert {option.plan.unroll for option in options} == set(legal_unrolls(6, 6))
    assert all(not option.plan.channels for option in options)
    for option in options:
        image = emit(make_schedule(network, DEEP, option.plan), option.cost)
        assert (image.n_neurons, image.n_synapses) == (option.cost.neurons, option.cost.synapses)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(40))
def test_dead_matter_is_found_and_left_out(seed):
    network, spec, plan, frames = random_latched_case(seed, n_frames=4)
    pruned = remove_dead(network)
    image = compile_network(pruned, spec, replace(plan, tiles={}))
    assert neuroproc.verify(network, image, frames).exact
    last = network.layers[-1].name
    assert np.array_equal(evaluate(pruned, frames)[last], evaluate(network, frames)[last])


@pytest.mark.error
def test_processors_that_cannot_hold_a_latch():
    network = classifier(floor=None)
    single = replace(FREE, parallel_synapses=False, weight_min=-20, weight_max=20)
    words = r"layer 'conv', unit \d: its latch, a charge of \d+ onto itself after 1 cycle, has to be one synapse"
    with pytest.raises(ResourceError, match=words) as refusal:
        make_schedule(network, single, FoldPlan((1, 1)))
    assert (refusal.value.limit, refusal.value.allowed) == ("weight_max", 20)
    most = max(int(stage.charges.latch.max()) for stage in make_schedule(network, FREE, FoldPlan((6, 6))).stages)
    check_fold(network, replace(single, weight_max=most), FoldPlan((3, 3)), frames_of(6), "single pairs")
    few = replace(FREE, max_fan_out=3, weight_min=-9, weight_max=9)
    words = (
        r"layer 'conv', unit \d: its latch, .* takes 3 synapses, and its readers are reached by one more, allowed 3 "
    )
    with pytest.raises(ResourceError, match=words) as refusal:
        make_schedule(network, few, FoldPlan((1, 1)))
    assert (refusal.value.limit, refusal.value.used, refusal.value.allowed) == ("max_fan_out", 4, 3)


@pytest.mark.oracle
def test_a_latch_and_one_way_out_are_enough():
    """With as many synapses as the latch takes and one, everything else hangs on relays."""
    network = classifier(floor=None)
    widest = replace(FREE, weight_min=-9, weight_max=9)
    schedule = make_schedule(network, widest, FoldPlan((3, 3)))
    pieces = max(-(-int(stage.charges.latch.max()) // 9) for stage in schedule.stages)
    for most in (pieces + 1, pieces + 3):
        check_fold(network, replace(widest, max_fan_out=most), FoldPlan((3, 3)), frames_of(6), f"fan-out of {most}")
    with pytest.raises(ResourceError, match="no relay can come before them"):
        make_schedule(network, replace(widest, max_fan_out=pieces), FoldPlan((3, 3)))


@pytest.mark.error
def test_processors_that_are_of_another_kind():
    with pytest.raises(ResourceError, match=r"needs leak = none, profile np16-leak has leak = all"):
        make_schedule(classifier(), load_profile("np16-leak"), FoldPlan((1, 1)))
    with pytest.raises(ResourceError, match=r"needs reset = zero, profile np16-subtract has reset = subtract"):
        make_schedule(classifier(), load_profile("np16-subtract"), FoldPlan((1, 1)))
    with pytest.raises(
        ResourceError, match=r"unit \d: its potential may fall to -\d+ in the steps of a frame; .* none"
    ):
        make_schedule(classifier(floor=None), load_profile("np16"), FoldPlan((1, 1)))


@pytest.mark.error
def test_folds_that_latches_cannot_have():
    with pytest.raises(ScheduleError, match="channels of 'conv' cannot take turns"):
        make_schedule(classifier(), DEEP, FoldPlan((1, 1), channels={"conv": 2}))
    with pytest.raises(ScheduleError, match="channels of rate-coded network 'classifier' cannot take turns"):
        fill_channels(classifier(), DEEP, FoldPlan((1, 1)))
    with pytest.raises(ScheduleError, match="dense layers of rate-coded network 'classifier' cannot be held"):
        make_schedule(classifier(), DEEP, FoldPlan((1, 1), dense="held"))
    with pytest.raises(ScheduleError, match=r"slot of 8 cycles, allowed 9\.\.\d"):
        make_schedule(classifier(), DEEP, FoldPlan((1, 1), slot=8))
