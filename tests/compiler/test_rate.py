"""Rate codes: every spike of every unit in every step is the network's, in any fold, and frames do not meet."""

import re
from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import check_fold, random_frames, random_network, random_plan, random_spec

import neuroproc
from compiler.costing.cost import cost_of
from compiler.costing.search import explore
from compiler.emit import compile_network, emit
from compiler.networks.dead import find_dead, remove_dead
from compiler.networks.evaluate import classes, evaluate, final_potentials
from compiler.networks.layers import Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan, legal_unrolls
from compiler.schedule import fill_channels, make_schedule
from isa_spec.errors import NetworkError, ResourceError, ScheduleError
from isa_spec.image import ROLES
from isa_spec.spec import load_profile
from isa_spec.trains import rate_trains

RESEARCH = load_profile("research")
SUBTRACT = replace(RESEARCH, name="subtract", reset="subtract", potential_floor=None)
SEEDS = range(200)
BLOCK = 20


def random_rate_case(seed, n_frames):
    """A random network made to count in steps, a processor that resets and clamps as it does, a fold, frames.

    Its input is a rate, or the same in every step.
    """
    rng = np.random.default_rng([seed, 1])
    network, spec = random_network(rng), replace(random_spec(rng), leak="none")
    reset, floor = "zero" if rng.random() < 0.5 else "subtract", [None, 0, -int(rng.integers(1, 9))][rng.integers(3)]
    averages = any(layer.kind == "avgpool2d" for layer in network.layers)
    layers = []
    for layer in network.layers:
        if getattr(layer, "threshold", None) is not None:
            # Some of several steps' sums, so that what is left from step to step decides.
            layer = replace(layer, threshold=np.maximum(layer.threshold * int(rng.integers(1, 4)), 1))
        if isinstance(layer, Pool2d) and layer.kind == "maxpool2d" and reset == "subtract":
            channels, area = network.shapes[layer.name][0], layer.kernel[0] * layer.kernel[1]
            layer = replace(layer, kind="sumpool2d", threshold=rng.integers(1, area + 2, channels))
        layers.append(layer)
    if reset == "subtract" and floor is None:
        floor = 0  # there is no other way to clear
    if floor is not None and floor < 0 and averages:
        floor = 0  # a chip has one floor, in whatever units a layer counts
    spec = replace(spec, reset=reset, potential_floor=floor)
    source = str(rng.choice(["bernoulli", "even"]))
    encoding = {"kind": "rate", "steps": int(rng.integers(1, 7)), "levels": int(rng.integers(1, 9)), "source": source}
    constant = network.encoding["kind"] != "count" and rng.random() < 0.4
    if constant:
        encoding = {**network.encoding, "steps": encoding["steps"]}
    network = replace(network, layers=tuple(layers), encoding=encoding, reset=reset, floor=floor)
    plan = replace(random_plan(rng, network, replace(spec, leak="all")), clearing="auto", channels={}, dense="auto")
    if rng.random() < 0.3:
        plan = replace(plan, slot=network.steps + int(rng.integers(1, 6)))
    elif plan.slot is not None:
        plan = replace(plan, slot=None)
    if constant:
        return network, spec, plan, random_frames(rng, network, n_frames)
    density = rng.choice([0.0, 0.3, 0.8, 1.0], (n_frames, 1, 1, 1))
    shape = (n_frames, *network.input_shape)
    frames = (rng.random(shape) < density) * rng.integers(0, encoding["levels"] + 1, shape)
    return network, spec, plan, frames


def check(seed):
    check_fold(*random_rate_case(seed, n_frames=5), f"seed {seed}")


@pytest.mark.oracle
@pytest.mark.parametrize("block", range(len(SEEDS) // BLOCK))
def test_every_spike_of_random_folds_is_exact(block):
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
        network, spec, plan, _ = random_rate_case(seed, n_frames=1)
        schedule = make_schedule(network, spec, plan)
        floor = "no floor" if spec.potential_floor is None else f"floor {np.sign(spec.potential_floor)}"
        seen |= {f"{network.reset}, {floor}, {schedule.clearing}"}
        seen |= {network.encoding.get("source", f"constant {network.encoding['kind']}")}
        seen |= {layer.kind for layer in network.layers} | {"tiles" for _ in plan.tiles}
        seen |= {"pool units" for layer in network.layers if layer.kind == "sumpool2d" and layer.spikes}
        seen |= {f"gated {min(network.steps, 2)}" for stage in schedule.stages if stage.gated}
        seen |= {role for layer in cost_of(schedule).layers for role in layer.roles}
        seen |= {"lift" for stage in schedule.stages if stage.charges.bias.any()}
    ways = {f"zero, {floor}, floor" for floor in ("floor 0", "floor -1")} | {"zero, no floor, force"}
    ways |= {f"subtract, {floor}, floor" for floor in ("floor 0", "floor -1")}
    kinds = {"conv2d", "dense", "maxpool2d", "sumpool2d", "avgpool2d", "pool units", "add", "concat"}
    constant = {f"constant {kind}" for kind in ("binary", "bitplanes", "thermometer")}
    assert (
        ways | kinds | constant | {"bernoulli", "even", "gated 1", "gated 2", "lift", "relay", "proxy", "serialiser"}
        <= seen
    )


def classifier(reset="zero", floor=0, **decode):
    rng = np.random.default_rng(5)
    layers = (
        Conv2d("conv", ("input",), rng.integers(-3, 6, (4, 1, 3, 3)), np.full(4, 11), padding=((1, 1), (1, 1))),
        Pool2d("pool", ("conv",), "sumpool2d", (2, 2), (2, 2), np.full(4, 4)),
        Flatten("flatten", ("pool",)),
        Dense("fc", ("flatten",), rng.integers(-4, 7, (6, 36)), np.full(6, 23)),
    )
    encoding = {"kind": "rate", "steps": 8, "levels": 9}
    return LayeredNetwork(
        "classifier", (1, 6, 6), layers, encoding, {"kind": "argmax", "classes": 6, **decode}, reset=reset, floor=floor
    )


def frames_of(n_frames, levels=9):
    return np.random.default_rng(n_frames).integers(0, levels + 1, (n_frames, 1, 6, 6))


DECISIONS = [{"by": by, "ties": ties} for by in ("count", "first") for ties in ("lowest", "potential")]
DECISIONS.append({"by": "potential"})


@pytest.mark.oracle
@pytest.mark.parametrize("engine", ["reference", "event", "batch"])
@pytest.mark.parametrize("decode", DECISIONS, ids=str)
def test_classes_on_the_chip_are_those_of_plain_evaluation(engine, decode):
    network, frames = classifier(**decode), frames_of(12 if engine == "reference" else 300)
    image = compile_network(network, RESEARCH, FoldPlan((3, 2)))
    found = neuroproc.classify(image, frames, engine=engine, threads=2)
    values = evaluate(network, frames)
    assert np.array_equal(found.predictions, classes(network, values))
    assert np.array_equal(found.outputs, values["fc"].sum(axis=1))


@pytest.mark.oracle
def test_ties_and_first_spikes_decide_some_frames():
    """The ways would be one if no frame told them apart."""
    frames = frames_of(300)
    found = [classes(classifier(**decode), evaluate(classifier(**decode), frames)) for decode in DECISIONS]
    assert all((one != other).any() for number, one in enumerate(found) for other in found[:number])


def gatherer(reset, floor):
    """A network on the bits of its input, the same in every step, whose last layer only gathers."""
    conv, pool, flat, fc = classifier(reset, floor).layers
    weight = np.random.default_rng(8).integers(-6, 7, fc.weight.shape)
    layers = (
        replace(conv, threshold=np.full(4, 40)),
        pool,
        flat,
        replace(fc, weight=weight, threshold=np.full(6, 2**60)),
    )
    decode = {"kind": "argmax", "classes": 3, "by": "potential"}
    encoding = {"kind": "bitplanes", "bits": 3, "steps": 7}
    return LayeredNetwork("gatherer", (1, 6, 6), layers, encoding, decode, reset=reset, floor=floor)


FLOORS = [("zero", None), ("zero", 0), ("subtract", 0), ("subtract", -20), ("subtract", -32767)]


@pytest.mark.oracle
@pytest.mark.parametrize("engine", ["reference", "event", "batch"])
@pytest.mark.parametrize(("reset", "floor"), FLOORS)
def test_classes_by_potential_where_nothing_can_fire(reset, floor, engine):
    network = gatherer(reset, floor)
    frames = frames_of(300, 7)[: 20 if engine == "reference" else 300]
    spec = replace(RESEARCH, name="fitting", reset=reset, potential_floor=floor)
    values = evaluate(network, frames)
    expected = classes(network, values)
    assert not values["fc"].any()
    assert len(set(expected.tolist())) > 1
    assert np.array_equal(final_potentials(network, values).reshape(len(frames), 3, 2).sum(axis=2).argmax(1), expected)
    for unroll in ((6, 6), (2, 1)):
        image = compile_network(network, spec, FoldPlan(unroll))
        assert np.array_equal(neuroproc.classify(image, frames, engine=engine, threads=2).predictions, expected)
    pruned = remove_dead(network)
    assert pruned.layers[-1].weight.any()
    assert np.array_equal(classes(pruned, evaluate(pruned, frames)), expected)


@pytest.mark.oracle
@pytest.mark.parametrize(("kind", "keys"), [("bitplanes", {"bits": 3}), ("thermometer", {"thresholds": [1, 4, 5]})])
def test_a_constant_input_is_heard_in_every_step(kind, keys):
    network = replace(gatherer("subtract", None), encoding={"kind": kind, **keys, "steps": 7})
    frames = frames_of(3, 7)
    values = frames if kind == "bitplanes" else (frames[..., None] >= keys["thresholds"]).sum(axis=-1)
    assert np.array_equal(evaluate(network, frames)["input"], np.repeat(values[:, None], 7, axis=1))
    assert network.rate
    assert network.steps == 7


@pytest.mark.oracle
@pytest.mark.parametrize(("reset", "floor"), [("zero", None), ("zero", 0), ("subtract", 0), ("subtract", -20)])
def test_evaluation_is_the_plain_loop(reset, floor):
    """Units one by one and step by step in plain integers, against `evaluate`."""
    network, frames = classifier(reset, floor), frames_of(3)
    conv, _, _, fc = network.layers
    trains = rate_trains(network.encoding, frames)
    found = evaluate(network, frames)

    def run(drive, threshold):
        potential, spikes = 0, []
        for charge in drive:
            potential += int(charge)
            spikes.append(int(potential >= threshold))
            if spikes[-1]:
                potential = potential - threshold if reset == "subtract" else 0
            elif floor is not None:
                potential = max(potential, floor)
        return spikes, potential

    padded = np.pad(trains, ((0, 0), (0, 0), (0, 0), (1, 1), (1, 1))).astype(int)
    for n in range(len(frames)):
        for unit, row, col in np.ndindex(4, 6, 6):
            drive = (padded[n, :, :, row : row + 3, col : col + 3] * conv.weight[unit]).sum(axis=(1, 2, 3))
            assert run(drive, 11)[0] == found["conv"][n, :, unit, row, col].tolist()
        for unit, row, col in np.ndindex(4, 3, 3):
            window = found["conv"][n, :, unit, 2 * row : 2 * row + 2, 2 * col : 2 * col + 2].astype(int)
            assert run(window.sum(axis=(1, 2)), 4)[0] == found["pool"][n, :, unit, row, col].tolist()
        for unit in range(6):
            drive = found["pool"][n].reshape(8, -1).astype(int) @ fc.weight[unit]
            spikes, potential = run(drive, 23)
            assert spikes == found["fc"][n, :, unit, 0, 0].tolist()
            assert potential == final_potentials(network, found)[n, unit]
    assert 0.02 < found["fc"].mean() < 0.98


@pytest.mark.metamorphic
@pytest.mark.parametrize("seed", range(15))
def test_back_to_back_equals_each_frame_alone(seed):
    network, spec, plan, frames = random_rate_case(seed, n_frames=6)
    image = compile_network(network, spec, plan)
    together = neuroproc.classify(image, frames).outputs
    alone = np.concatenate([neuroproc.classify(image, frames[n : n + 1]).outputs for n in range(len(frames))])
    assert np.array_equal(together, alone)


@pytest.mark.oracle
def test_residue_would_be_seen():
    network, frames = classifier(), frames_of(20)
    image = compile_network(network, RESEARCH, FoldPlan((2, 2)))
    clock = np.isin(image.source(), np.flatnonzero(image.role == ROLES.index("clock")))
    spoiled = replace(image, weight=np.where(clock & (image.weight < 0), 0, image.weight).astype(np.int32))
    assert not neuroproc.verify(network, spoiled, frames).exact


def test_a_slot_is_the_steps_and_one_clearing_and_synapses_are_those_of_one_step():
    network = classifier()
    for unroll in legal_unrolls(6, 6):
        schedule = make_schedule(network, RESEARCH, FoldPlan(unroll))
        once = make_schedule(replace(network, encoding={"kind": "binary"}, floor=None), RESEARCH, FoldPlan(unroll))
        assert (schedule.slot, once.slot) == (9, 2)
        assert schedule.interval * 2 == once.interval * 9
        units = [layer.neurons for layer in cost_of(schedule).layers]
        assert units == [layer.neurons for layer in cost_of(once).layers]


def test_the_explorer_knows_rates():
    options = explore(classifier(), load_profile("np16"))
    assert {option.plan.unroll for option in options} == set(legal_unrolls(6, 6))
    assert all(not option.plan.channels for option in options)
    for option in options:
        schedule = make_schedule(classifier(), load_profile("np16"), option.plan)
        image = emit(schedule, cost_of(schedule))
        assert (image.n_neurons, image.n_synapses) == (option.cost.neurons, option.cost.synapses)


@pytest.mark.error
def test_processors_that_cannot_say_what_they_lack():
    with pytest.raises(
        ResourceError, match=r"needs reset = subtract, profile np16 has reset = zero; choose .*np16-subtract"
    ):
        make_schedule(classifier("subtract"), load_profile("np16"), FoldPlan((1, 1)))
    with pytest.raises(ResourceError, match=r"needs reset = zero, profile subtract has reset = subtract; .*np16,"):
        make_schedule(classifier(), SUBTRACT, FoldPlan((1, 1)))
    with pytest.raises(ResourceError, match=r"needs leak = none, profile np16-leak has leak = all"):
        make_schedule(classifier(), load_profile("np16-leak"), FoldPlan((1, 1)))
    words = (
        r"layer 'conv', unit \d: its potential may fall to -\d+ in the steps .*; choose another profile \((.*)\), or "
    )
    words += r"give the network the floor of the profile, by --floor 0 where it comes from another tool \(it may"
    with pytest.raises(ResourceError, match=words) as caught:
        make_schedule(classifier(floor=None), load_profile("np16"), FoldPlan((1, 1)))
    (named,) = re.findall(words, str(caught.value))
    assert "np16-deep" in named.split(", ")
    assert "np16" not in named.split(", ")
    make_schedule(classifier(floor=None), load_profile("np16-deep"), FoldPlan((1, 1)))
    with pytest.raises(ResourceError, match=r"clearing 'auto' does not work with potential_floor = none"):
        make_schedule(classifier("subtract", None), SUBTRACT, FoldPlan((1, 1)))


@pytest.mark.error
def test_folds_that_rates_cannot_have():
    with pytest.raises(ScheduleError, match="channels of 'conv' cannot take turns: units of rate-coded network"):
        make_schedule(classifier(), RESEARCH, FoldPlan((1, 1), channels={"conv": 2}))
    with pytest.raises(ScheduleError, match="channels of rate-coded network 'classifier' cannot take turns"):
        fill_channels(classifier(), RESEARCH, FoldPlan((1, 1)))
    with pytest.raises(ScheduleError, match="dense layers of rate-coded network 'classifier' cannot be held"):
        make_schedule(classifier(), RESEARCH, FoldPlan((1, 1), dense="held"))
    with pytest.raises(ScheduleError, match=r"slot of 8 cycles, allowed 9\.\.\d"):
        make_schedule(classifier(), RESEARCH, FoldPlan((1, 1), slot=8))


@pytest.mark.error
def test_networks_that_cannot_be():
    network = classifier()
    conv, pool, *rest = network.layers
    eager = replace(conv, threshold=np.array([1, 1, 0, 1]))
    with pytest.raises(NetworkError, match=r"layer 'conv', threshold\[2\] = 0, allowed 1 and above"):
        replace(network, layers=(eager, pool, *rest))
    maximum = replace(pool, kind="maxpool2d", threshold=None)
    with pytest.raises(NetworkError, match="maximum of spikes keeps nothing, so it cannot be reset by subtraction"):
        replace(network, layers=(conv, maximum, *rest), reset="subtract")
    with pytest.raises(NetworkError, match="reset = 'half', allowed: zero, subtract"):
        replace(network, reset="half")
    with pytest.raises(NetworkError, match="floor = 1, allowed: an integer of 0 or below, or none"):
        replace(network, floor=1)
    binary = {"kind": "binary"}
    for changes, words in (
        ({"reset": "subtract", "floor": None}, "reset = 'subtract' says something about several steps"),
        ({"reset": "zero", "floor": 0}, "floor = 0 says something about several steps"),
    ):
        with pytest.raises(NetworkError, match=words):
            replace(network, encoding=binary, **changes)
    with pytest.raises(NetworkError, match=r"decode = .* says something about several steps"):
        replace(classifier(by="first"), encoding=binary, floor=None)
    fewer = replace(pool, threshold=np.ones(3, np.int64))
    with pytest.raises(NetworkError, match="3 thresholds for the 4 channels of 'conv'"):
        replace(network, layers=(conv, fewer, *rest))


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(40))
def test_dead_matter_is_found_and_left_out(seed):
    network, spec, plan, frames = random_rate_case(seed, n_frames=4)
    pruned = remove_dead(network)
    image = compile_network(pruned, spec, replace(plan, tiles={}))
    assert neuroproc.verify(network, image, frames).exact
    last = network.layers[-1].name
    assert np.array_equal(evaluate(pruned, frames)[last], evaluate(network, frames)[last])


def test_what_cannot_fire_in_all_steps_is_dead():
    layers = (Dense("d", ("input",), np.array([[2], [2], [2]]), np.array([1, 8, 9])),)
    network = LayeredNetwork("n", (1, 1, 1), layers, {"kind": "rate", "steps": 4}, {"kind": "spikes"})
    (dead,) = find_dead(network).layers
    assert (dead.never, dead.always) == ((2,), ())
