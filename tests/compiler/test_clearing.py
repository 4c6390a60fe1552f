"""How slots start clean: by the floor, by a forced fire, by leak; and a way that does not work, which is caught."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from compiler_helpers import random_case

import neuroproc
from compiler.charging.charges import layer_charges, ways_to_clear
from compiler.costing.cost import cost_of
from compiler.emit import compile_network, emit
from compiler.folding import control
from compiler.networks.drive import Window
from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Conv2d, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from compiler.schedule import make_schedule
from isa_spec.building import build_image
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.image import ROLES
from isa_spec.spec import load_profile
from neuroproc.classifying.host import encode_frames
from neuroproc.probe import PotentialProbe
from neuroproc.processor import Processor

WAYS = {
    "floor": replace(load_profile("research"), name="floor"),
    "floor below 0": replace(load_profile("research"), name="low", potential_floor=-9),
    "leak": replace(load_profile("research"), name="leak", leak="all"),
    "leak, no floor": replace(load_profile("research"), name="endless leak", leak="all", potential_floor=None),
    "force": replace(load_profile("research"), name="endless", potential_floor=None),
    "force, floor": replace(load_profile("research"), name="floor"),
    "force, floor below 0": replace(load_profile("research"), name="low", potential_floor=-9),
    "force, leak": replace(load_profile("research"), name="leak", leak="all"),
}


def clearing(way):
    """The word for the plan."""
    return way.split()[0].rstrip(",")


def padded_network():
    """Padding (so gates), a unit that fires by itself, negative sums, and a pool."""
    rng = np.random.default_rng(4)
    layers = (
        Conv2d("a", ("input",), rng.integers(-3, 5, (3, 1, 3, 3)), np.array([2, 5, -1]), padding=((1, 1), (1, 1))),
        Pool2d("b", ("a",), "maxpool2d", (2, 2), (2, 2)),
        Conv2d("c", ("b",), rng.integers(-3, 5, (4, 3, 3, 3)), np.array([1, 3, 0, 4]), padding=((1, 1), (1, 1))),
    )
    return LayeredNetwork("padded", (1, 6, 8), layers, {"kind": "binary", "threshold": 1}, {"kind": "spikes"})


def frames_for(network, n_frames, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((n_frames, *network.input_shape)) < 0.5).astype(np.uint8)


def to_units(image, sign):
    """Synapses from clocks to units whose weight has a sign: bool[n_synapses]."""
    clocks = image.role[image.source()] == ROLES.index("clock")
    return clocks & (image.role[image.target] == ROLES.index("unit")) & (np.sign(image.weight) == sign)


@pytest.mark.parametrize(
    ("changes", "ways"),
    [
        ({}, ("floor", "force")),
        ({"potential_floor": -4}, ("floor", "force")),
        ({"potential_floor": None}, ("force",)),
        ({"leak": "all"}, ("leak", "force")),
        ({"leak": "all", "potential_floor": None}, ("leak", "force")),
        # Without inhibition nothing can be driven to the floor.
        ({"weight_min": 1}, ("force", "floor")),
    ],
)
def test_ways_of_a_processor_the_cheapest_first(changes, ways):
    spec = replace(load_profile("research"), **changes)
    assert ways_to_clear(spec) == ways
    network = LayeredNetwork(
        "positive", (1, 4, 4), (Conv2d("c", ("input",), np.full((1, 1, 2, 2), 2), np.array([5])),),
        {"kind": "binary", "threshold": 1}, {"kind": "spikes"},
    )  # fmt: skip
    image = compile_network(network, spec, FoldPlan((1, 1)))
    assert image.options["clearing"] == ways[0]
    assert neuroproc.verify(network, image, frames_for(network, 4)).exact


@pytest.mark.error
@pytest.mark.parametrize(
    ("profile", "wish", "key", "remedy"),
    [
        ("np8", "leak", "leak = none", "floor, force; choose one of these, or a profile whose potentials leak"),
        ("np16-leak", "floor", "leak = all", "leak, force; choose one of these, or a profile with a floor"),
        (None, "floor", "potential_floor = none", "force; choose one of these, or a profile with a floor"),
        (None, "leak", "leak = none", "force; choose one of these, or a profile whose potentials leak"),
    ],
)
def test_what_the_processor_does_not_have_is_refused(profile, wish, key, remedy):
    spec = WAYS["force"] if profile is None else load_profile(profile)
    with pytest.raises(ResourceError, match=f"clearing '{wish}' does not work with {key}.*allowed: {remedy}") as caught:
        compile_network(padded_network(), spec, FoldPlan((1, 1), clearing=wish))
    assert caught.value.limit == key.split()[0]
    with pytest.raises(ScheduleError, match="clearing 'twin' is unknown, allowed: auto, floor, leak, force"):
        compile_network(padded_network(), spec, FoldPlan((1, 1), clearing="twin"))


@pytest.mark.error
def test_a_charge_beyond_the_potential_is_refused_by_the_proof_of_the_image():
    """A forced fire needs room: np8 has a floor, but its adder holds no charge of this size."""
    weight = np.full((1, 1, 10, 10), -126)
    layer = Conv2d("c", ("input",), weight, np.array([1]))
    network = LayeredNetwork("wide", (1, 20, 10), (layer,), {"kind": "binary", "threshold": 1}, {"kind": "spikes"})
    deep = replace(load_profile("np8"), potential_floor=-(2**15))
    with pytest.raises(ResourceError, match="potential_bits"):
        compile_network(network, deep, FoldPlan((1, 1), clearing="force"))


CHARGED = {
    # Synapses of negative and of positive weight from the phase clock. Of 10 units 4 can be left above 0, all can be
    # left below, those of the gated pool after an inhibited slot; 2 have thresholds below 1 and need a bias.
    "floor": (4, 2),
    "floor below 0": (10, 10),
    "leak": (0, 2),
    "leak, no floor": (0, 2),
    "force": (0, 10 + 2),
    "force, floor": (0, 4 + 2),
    "force, floor below 0": (0, 10 + 2),
    "force, leak": (0, 4 + 2),
}


def test_what_each_way_costs():
    """The same neurons, a synapse for each unit that keeps something; with leak none, and slots half as long."""
    network = padded_network()
    leak = make_schedule(network, WAYS["leak"], FoldPlan((1, 1)))
    for way, (negative, positive) in CHARGED.items():
        schedule = make_schedule(network, WAYS[way], FoldPlan((1, 1), clearing=clearing(way)))
        cost = cost_of(schedule)
        image = emit(schedule, cost)
        assert image.options["clearing"] == schedule.clearing == clearing(way)
        assert (image.n_neurons, image.n_synapses) == (cost.neurons, cost.synapses)
        assert (to_units(image, -1).sum(), to_units(image, 1).sum()) == (negative, positive)
        assert cost.neurons == cost_of(leak).neurons
        assert cost.synapses == cost_of(leak).synapses + negative + positive - 2
        assert schedule.slot == (1 if clearing(way) == "leak" else 2)
        assert schedule.interval == schedule.slot * leak.interval


@pytest.mark.oracle
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("gate", [False, True])
def test_first_and_last_values_and_everything_between(way, gate):
    """From the very first cycle on; one frame, several, and each alone; blank and full frames among them."""
    network = padded_network()
    for unroll in ((1, 1), (2, 1), (6, 1), (1, 8), (3, 4), (6, 8)):
        image = compile_network(network, WAYS[way], FoldPlan(unroll, gate, clearing=clearing(way)))
        frames = frames_for(network, 5, seed=sum(unroll))
        frames[1], frames[3] = 0, 1
        for part in (frames, frames[:1], frames[1:2], frames[3:4], frames[::-1]):
            found = neuroproc.verify(network, image, part)
            assert found.exact, f"unroll {unroll}: {found.first}"
        right = evaluate(network, frames)["c"]
        outputs = [neuroproc.classify(image, frames, engine=engine).outputs for engine in ("event", "reference")]
        for output in outputs:
            assert np.array_equal(output[[0, -1]], right[[0, -1]].reshape(output[[0, -1]].shape))


@pytest.mark.oracle
@pytest.mark.parametrize("block", range(4))
def test_every_evaluation_starts_from_where_the_proof_says(block):
    """0 under a forced fire, the floor under the floor: all units, all slots, phantoms and blank ones as well."""
    seen = set()
    for seed in range(block * 15, (block + 1) * 15):
        network, spec, plan, frames = random_case(seed, n_frames=3)
        spec = replace(spec, leak="none")
        way = "force" if (seed % 2 and spec.reset == "zero") or spec.potential_floor is None else "floor"
        turns = {} if way == "force" else plan.channels
        plan = replace(plan, clearing=way, dense="aligned", channels=turns)  # held units are cleared once a frame
        schedule = make_schedule(network, spec, plan)
        if schedule.slot == 1:
            continue
        image = emit(schedule, cost_of(schedule))
        probe = PotentialProbe()
        processor = Processor(image, probes=[probe])
        processor.inject(image.start)
        processor.inject(encode_frames(image, frames))
        processor.run(min(image.latency + 2 * image.interval, 2000))
        cycle, potential = probe.samples()
        for stage in schedule.stages:
            number = [record.name for record in image.layers].index(stage.name)
            units = np.flatnonzero((image.layer == number) & (image.role == ROLES.index(stage.role)))
            between = (cycle - stage.contract.start) % schedule.slot == 1
            between &= cycle >= control.clear_delay(schedule, stage.contract)
            cleared = stage.charges.clear != 0
            if stage.turn:  # silenced in every cycle but those of turns
                between = ~np.isin(cycle % schedule.interval, stage.contract.cycles() % schedule.interval) & (cycle > 2)
                cleared = np.ones_like(cleared)
            found = potential[between][:, units].reshape(between.sum(), stage.contract.lane_channels, -1)
            floor = spec.potential_floor if plan.clearing == "floor" else 0
            assert (found == np.where(cleared, floor, 0)[None, :, None]).all(), (seed, stage.name)
            seen |= {(plan.clearing, np.sign(spec.potential_floor or 0), bool(cleared.any()))}
    assert {("force", 0, True), ("floor", 0, True)} <= seen


@pytest.mark.parametrize("floor", [0, -1, -4, None])
def test_charges_by_trying_everything_that_can_arrive(floor):
    """Every sum of data, inhibited or not, before the bias or with it; then every sum of forced spikes."""
    rng = np.random.default_rng(9)
    spec = replace(load_profile("research"), potential_floor=floor)
    for _ in range(200):
        weight = rng.integers(-3, 4, (1, 1, 1, 4)) * (rng.random((1, 1, 1, 4)) < 0.7)
        wanted, gated = rng.integers(-9, 10, 1), bool(rng.random() < 0.5)
        sums = {int(weight.ravel() @ np.array(on)) for on in product((0, 1), repeat=4)}
        for way in ways_to_clear(spec):
            charges = layer_charges([Window(weight, (1, 1), (0, 0), 1)], [1], wanted, spec, gated, way, "x")
            theta, bias, clear, inhibit = (
                int(part[0]) for part in (charges.threshold, charges.bias, charges.clear, charges.inhibit)
            )
            lifted = way == "floor" and clear and floor
            rest = floor if lifted else 0
            for data, blank in product(sums, (False, True) if gated else (False,)):
                reached = rest + data + bias + (inhibit if blank else 0)
                assert (reached >= theta) == (not blank and data >= wanted[0])
            # What may come before the first bias finds 0; under the lift the clearing is there before anything else.
            starts = {rest + bias, rest + bias + inhibit} | (set() if lifted or gated else {0})
            left = {rest + data + extra for data in sums for extra in (start - rest for start in starts)}
            left = {0 if value >= theta else value if floor is None else max(value, floor) for value in left}
            for value, forced in product(left, sums if way == "force" else (0,)):
                reached = value + forced + clear
                fires = reached >= theta
                after = 0 if fires else reached if floor is None else max(reached, floor)
                assert after == rest
                assert fires or not (way == "force" and clear)


def test_forced_fires_cost_spikes_and_no_answer():
    network = padded_network()
    frames = frames_for(network, 10)
    found = {
        way: neuroproc.classify(compile_network(network, WAYS[way], FoldPlan((1, 1), clearing=clearing(way))), frames)
        for way in ("floor", "leak", "force")
    }
    assert all(np.array_equal(result.outputs, found["floor"].outputs) for result in found.values())
    assert found["force"].spikes > 2 * found["floor"].spikes
    # A phase clock of period 1 fires in every cycle, but there are half as many.
    assert found["leak"].cycles < 0.6 * found["floor"].cycles
    assert found["leak"].synaptic_operations < found["floor"].synaptic_operations


def test_a_processor_without_inhibition_folds_by_forced_fires():
    rng = np.random.default_rng(6)
    layers = (
        Conv2d("a", ("input",), rng.integers(0, 4, (3, 2, 3, 3)), np.array([9, 14, 20])),
        Pool2d("b", ("a",), "maxpool2d", (2, 2), (2, 2)),
        Conv2d("c", ("b",), rng.integers(0, 4, (4, 3, 2, 2)), np.array([5, 8, 9, 30])),
    )
    network = LayeredNetwork("plus", (2, 8, 8), layers, {"kind": "binary", "threshold": 1}, {"kind": "spikes"})
    for changes in ({}, {"potential_floor": None}):
        spec = replace(load_profile("research"), weight_min=1, **changes)
        for unroll in ((1, 1), (8, 1), (2, 4)):
            image = compile_network(network, spec, FoldPlan(unroll))
            assert image.options["clearing"] == "force"
            assert image.weight.min() > 0
            assert neuroproc.verify(network, image, frames_for(network, 5)).exact


def twin_cancelled(image):
    """The image with its clearing replaced: every charge that reaches a unit is taken back one cycle later."""
    source, clears = image.source(), to_units(image, -1)
    twin = (image.role[image.target] == ROLES.index("unit")) & ~clears
    columns = [(source, source), (image.target, image.target), (image.weight, -image.weight)]
    source, target, weight = (np.concatenate([first[~clears], second[twin]]) for first, second in columns)
    delay = np.concatenate([image.delay[~clears], image.delay[twin] + 1])
    more = {
        name: getattr(image, name)
        for name in ("role", "layer", "layers", "start", "encoding", "decode", "latency", "interval", "source_digest")
    }
    return build_image(image.spec, image.threshold, source, target, weight, delay, image.inputs, image.outputs, **more)


@pytest.mark.oracle
@pytest.mark.parametrize("floor", [0, None])
def test_twin_cancel_is_not_exact_after_a_fire_and_the_verifier_says_so(floor):
    """Taking back what came leaves a unit that fired (and so is at 0 already) with minus the sum."""
    caught = 0
    for seed in range(60):
        network, _, plan, frames = random_case(seed, n_frames=5)
        spec = load_profile("research")
        image = compile_network(network, spec, replace(plan, clearing="floor", channels={}))
        if image.interval == 1 or not to_units(image, -1).any():
            continue
        twin = twin_cancelled(replace(image, spec=replace(spec, potential_floor=floor)))
        assert twin.n_synapses > image.n_synapses
        found = neuroproc.verify(network, twin, frames)
        caught += not found.exact
        if not found.exact:
            assert found.first is not None
            assert found.first.found != found.first.expected
            assert found.first.layer in {layer.name for layer in network.layers}
    assert caught > 20
