"""Latched networks with slopes: single spikes say the trains of the network, in any fold, and for far fewer spikes."""

from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import check_fold
from latched_helpers import DEEP, classifier, frames_of, random_latched_case

import neuroproc
from compiler.costing.cost import cost_of
from compiler.costing.search import explore
from compiler.emit import compile_network, emit
from compiler.networks.evaluate import classes, evaluate
from compiler.networks.layers import Dense, Flatten
from compiler.plan import FoldPlan, legal_unrolls
from compiler.schedule import make_schedule
from isa_spec.errors import ScheduleError
from isa_spec.image import ROLES
from isa_spec.kinds import CHARGE, CLEAR, SLOPE
from isa_spec.spec import load_profile
from isa_spec.trains import latency_trains
from neuroproc.classifying.host import sent_trains

TEMPORAL = load_profile("np16-temporal")
SEEDS = range(200)
BLOCK = 20


def random_sloped_case(seed, n_frames):
    """A random latched network on a processor that needs no latches."""
    network, spec, plan, frames = random_latched_case(seed, n_frames)
    floor = -(10**6) if spec.potential_floor is None else spec.potential_floor
    spec = replace(spec, potential_floor=floor, one_shot=True, slope_synapses=True, clear_synapses=True)
    rng = np.random.default_rng(seed)
    if not spec.parallel_synapses and rng.random() < 0.5:
        spec = replace(spec, weight_min=-9, weight_max=9)  # a slope may be several synapses where a latch may not
    return network, spec, replace(plan, clearing="auto"), frames


def check(seed):
    network, spec, plan, frames = random_sloped_case(seed, n_frames=5)
    image = check_fold(network, spec, plan, frames, f"seed {seed}")
    schedule = make_schedule(network, spec, plan)
    assert schedule.slopes
    assert image.options["clearing"] == "clear"


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
    seen = set()
    for seed in SEEDS:
        network, spec, plan, _ = random_sloped_case(seed, n_frames=1)
        schedule = make_schedule(network, spec, plan)
        floor = f"floor {np.sign(max(spec.potential_floor, -1000))}"
        seen |= {floor, f"steps {min(network.steps, 2)}"} | {layer.kind for layer in network.layers}
        seen |= {"gated" for stage in schedule.stages if stage.gated}
        seen |= {"long slot" for _ in [0] if schedule.slot > network.steps + 1}
        seen |= {"lead" for _ in [0] if schedule.lead}
        seen |= {"sums" for stage in schedule.stages if len(stage.parts) > 1}
        seen |= {role for layer in cost_of(schedule).layers for role in layer.roles}
        for stage in schedule.stages:
            low, high = stage.parts[0].window.extremes
            wide = low < spec.weight_min or high > spec.weight_max
            seen |= {f"wide, single pairs: {not spec.parallel_synapses}" for _ in [0] if wide and stage.role == "unit"}
    kinds = {"conv2d", "dense", "maxpool2d", "sumpool2d", "add", "concat", "serialiser", "relay", "proxy", "gate"}
    wide = {"wide, single pairs: True", "wide, single pairs: False"}
    assert {"floor 0", "floor -1", "steps 1", "steps 2", "gated", "long slot", "lead", "sums"} | kinds | wide <= seen


@pytest.mark.oracle
@pytest.mark.parametrize("engine", ["reference", "event", "batch"])
@pytest.mark.parametrize("unroll", legal_unrolls(6, 6)[::3])
def test_latches_and_slopes_say_the_same(unroll, engine):
    """In every layer, and so in every class; with slopes for far fewer spikes."""
    network, frames = classifier(by="first", ties="next"), frames_of(8 if engine == "reference" else 200)
    images = [compile_network(network, spec, FoldPlan(unroll)) for spec in (DEEP, TEMPORAL)]
    latched, sloped = (neuroproc.classify(image, frames, engine=engine, threads=2) for image in images)
    values = evaluate(network, frames)
    for image, found in zip(images, (latched, sloped), strict=True):
        assert neuroproc.verify(network, image, frames[:30], engine=engine).exact
        assert np.array_equal(found.predictions, classes(network, values))
        assert np.array_equal(found.outputs, values["fc"].sum(axis=1))
    assert images[0].interval == images[1].interval
    assert images[0].n_neurons == images[1].n_neurons
    assert images[1].n_synapses < images[0].n_synapses
    assert 2 * sloped.spikes < latched.spikes
    assert 2 * sloped.synaptic_operations < latched.synaptic_operations


def test_what_is_once_and_what_slopes():
    image = compile_network(classifier(), TEMPORAL, FoldPlan((2, 3), gate=True))
    by_layer = {record.name: number for number, record in enumerate(image.layers)}
    unit, input_lane, clock = (ROLES.index(role) for role in ("unit", "input", "clock"))
    of_map = np.isin(image.role, (unit, input_lane))
    once = of_map & (image.layer != by_layer["fc"])
    assert np.array_equal(image.once > 0, once)
    source, target = image.source(), image.target
    reads = of_map[source] & (image.role[target] == unit)
    sums = np.isin(image.layer[target], [by_layer[name] for name in ("conv", "hidden", "fc")])
    assert np.array_equal(image.kind == SLOPE, reads & sums)
    assert np.array_equal(image.kind == CLEAR, (image.role[source] == clock) & of_map[target])
    assert np.bincount(target[image.kind == CLEAR], minlength=image.n_neurons)[of_map].tolist() == [1] * of_map.sum()
    assert not (source == target)[of_map[source]].any()


def test_the_host_tells_each_value_once():
    network, frames = classifier(), frames_of(5)
    latched, sloped = (compile_network(network, spec, FoldPlan((2, 3))) for spec in (DEEP, TEMPORAL))
    trains, sent = sent_trains(latched, frames), sent_trains(sloped, frames)
    assert np.array_equal(trains, latency_trains(network.encoding, frames))
    assert sent.sum(axis=1).max() == 1
    assert np.array_equal(np.maximum.accumulate(sent, axis=1), trains)
    assert [len(neuroproc.encode_frames(image, frames)) for image in (latched, sloped)] == [trains.sum(), sent.sum()]


@pytest.mark.oracle
def test_what_is_left_out_would_be_seen():
    network, frames = classifier(), frames_of(8)
    image = compile_network(network, TEMPORAL, FoldPlan((2, 2)))
    assert neuroproc.verify(network, image, frames).exact
    kept = (image.kind != CLEAR).nonzero()[0]
    starts = np.concatenate([[0], np.cumsum(np.bincount(image.source()[kept], minlength=image.n_neurons))])
    for spoiled in (
        replace(image, kind=np.where(image.kind == SLOPE, CHARGE, image.kind).astype(np.uint8)),
        replace(image, once=np.zeros_like(image.once)),
        replace(
            image,
            row_start=starts.astype(image.row_start.dtype),
            target=image.target[kept],
            weight=image.weight[kept],
            delay=image.delay[kept],
            kind=image.kind[kept],
        ),
    ):
        assert not neuroproc.verify(network, spoiled, frames).exact


@pytest.mark.metamorphic
@pytest.mark.parametrize("seed", range(8))
def test_back_to_back_equals_each_frame_alone(seed):
    network, spec, plan, frames = random_sloped_case(seed, n_frames=4)
    image = compile_network(network, spec, plan)
    together = neuroproc.classify(image, frames).outputs
    alone = [neuroproc.classify(image, frames[n : n + 1]).outputs for n in range(len(frames))]
    assert np.array_equal(together, np.concatenate(alone))


@pytest.mark.oracle
def test_a_maximum_may_answer():
    network = classifier()
    network = replace(network, layers=network.layers[:2], decode={"kind": "spikes"})
    frames = frames_of(10)
    image = check_fold(network, TEMPORAL, FoldPlan((3, 3)), frames, "pool")
    found = neuroproc.classify(image, frames)
    expected = evaluate(network, frames)["pool"]
    assert np.array_equal(found.outputs, expected.sum(axis=1))
    assert expected.sum(axis=1).max() > 1


def test_the_explorer_knows_slopes():
    network = classifier()
    options = explore(network, TEMPORAL)
    assert {option.plan.unroll for option in options} == set(legal_unrolls(6, 6))
    for option in options:
        image = emit(make_schedule(network, TEMPORAL, option.plan), option.cost)
        assert (image.n_neurons, image.n_synapses) == (option.cost.neurons, option.cost.synapses)
        assert image.options["clearing"] == "clear"


@pytest.mark.oracle
@pytest.mark.parametrize("clearing", ["floor", "force"])
def test_who_clears_otherwise_has_latches(clearing):
    network, plan = classifier(), FoldPlan((3, 3), clearing=clearing)
    image = check_fold(network, TEMPORAL, plan, frames_of(6), clearing)
    plain = compile_network(network, DEEP, plan)
    assert (image.n_neurons, image.n_synapses) == (plain.n_neurons, plain.n_synapses)
    assert not image.once.any()
    assert not image.kind.any()


@pytest.mark.parametrize("lacks", ["one_shot", "clear_synapses", "slope_synapses"])
def test_part_of_it_is_not_enough(lacks):
    schedule = make_schedule(classifier(), replace(TEMPORAL, **{lacks: False}), FoldPlan((6, 6)))
    assert (schedule.slopes, schedule.clearing) == (False, "floor")


@pytest.mark.error
def test_no_slope_tells_the_trains_of_units_that_answer():
    network = classifier()
    conv = network.layers[0]
    aside = Dense("aside", ("conv",), np.ones((2, 144), np.int64), np.full(2, 9))
    network = replace(network, layers=(conv, aside, Flatten("flat", ("conv",))), decode={"kind": "spikes"})
    with pytest.raises(ScheduleError, match="layer 'aside' reads 'conv', whose units answer and so may fire more than"):
        make_schedule(network, TEMPORAL, FoldPlan((6, 6)))
    check_fold(network, TEMPORAL, FoldPlan((6, 6), clearing="floor"), frames_of(4), "latches")
