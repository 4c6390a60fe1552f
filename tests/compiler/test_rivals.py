"""Max-pooling by membrane potential on the chip: every spike of every layer, by groups and by synapses."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import check_fold, random_conv, random_spec, random_thresholds, random_tiles, random_weights

import neuroproc
from compiler.costing.cost import cost_of
from compiler.costing.search import explore
from compiler.emit import compile_network
from compiler.networks.dead import remove_dead
from compiler.networks.evaluate import classes, evaluate
from compiler.networks.layers import Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork
from compiler.plan import FoldPlan, legal_unrolls
from compiler.schedule import make_schedule
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.image import ROLES
from isa_spec.spec import load_profile

NP16 = load_profile("np16")
SEEDS = range(120)
BLOCK = 20
WAYS = ("circuit", "group")
ENGINES = ("reference", "event", "batch")


def random_pooled_network(rng, reset, floor):
    """One to three convolutions, most of them pooled by membrane potential, some with a second reader; often dense."""
    shape = (int(rng.integers(1, 3)), *(int(rng.choice([2, 4, 6, 8, 12])) for _ in range(2)))
    layers, shapes, source = [], {INPUT: shape}, INPUT

    def append(layer):
        layers.append(layer)
        shapes[layer.name] = layer.output_shape([shapes[name] for name in layer.sources])
        return layer.name

    for index in range(int(rng.integers(1, 4))):
        kept = rng.random() < 0.7  # a map as large as what it reads has tiles that fit more often
        conv = random_conv(rng, f"c{index}", source, shapes[source], padded=not kept, same=kept)
        source = append(conv)
        kind = rng.random()
        if kind < 0.75:
            height, width = shapes[source][1:]
            kernel = tuple(int(rng.integers(1, min(size, 3) + 1)) for size in (height, width))
            stride = tuple(size + int(rng.choice([0, 0, 0, 1])) for size in kernel)
            if rng.random() < 0.25:
                append(random_conv(rng, f"s{index}", source, shapes[source]))
            source = append(Pool2d(f"p{index}", (source,), "maxpool2d", kernel, stride, rule="membrane"))
        elif kind < 0.85 and reset == "zero":
            source = append(Pool2d(f"p{index}", (source,), "maxpool2d", (1, 1), (1, 1)))
    if rng.random() < 0.5 or layers[-1].name != source:
        source = append(Flatten("flatten", (source,)))
        weight = random_weights(rng, (int(rng.integers(1, 6)), int(np.prod(shapes[source]))))
        append(Dense("fc", (source,), weight, random_thresholds(rng, weight)))
    layers = [
        layer
        if getattr(layer, "threshold", None) is None
        else replace(layer, threshold=np.maximum(layer.threshold * int(rng.integers(1, 4)), 1))
        for layer in layers
    ]
    encoding = {"kind": "rate", "steps": int(rng.integers(1, 8)), "levels": int(rng.integers(1, 9)), "source": "even"}
    return LayeredNetwork("random", shape, tuple(layers), encoding, {"kind": "spikes"}, reset=reset, floor=floor)


def random_pool_case(seed, way, n_frames):
    """A network with pools, a processor that has groups or can have the circuit, a fold, frames."""
    rng = np.random.default_rng([seed, 2])
    reset, floor = "zero", 0
    if way == "group":
        reset = str(rng.choice(["zero", "subtract"]))
        floor = [None, 0, -int(rng.integers(1, 9))][rng.integers(reset == "subtract", 3)]
    network = random_pooled_network(rng, reset, floor)
    spec = replace(random_spec(rng), leak="none", reset=reset, potential_floor=floor, pooling_groups=way == "group")
    unrolls = legal_unrolls(*network.input_shape[1:])
    plan = whole = FoldPlan(network.input_shape[1:], bool(rng.random() < 0.3))
    for number in rng.permutation(len(unrolls)):
        try:
            plan = replace(whole, unroll=unrolls[number])
            make_schedule(network, spec, plan)
            break
        except (ScheduleError, ResourceError):
            plan = whole
    if rng.random() < 0.4:
        plan = replace(plan, tiles=random_tiles(rng, network, plan))
    if rng.random() < 0.3:
        plan = replace(plan, slot=2 * network.steps + int(rng.integers(1, 6)))
    try:
        make_schedule(network, spec, plan)
    except ResourceError:
        spec = replace(spec, parallel_synapses=True, max_fan_out=None)
    density = rng.choice([0.0, 0.3, 0.8, 1.0], (n_frames, 1, 1, 1))
    shape = (n_frames, *network.input_shape)
    return network, spec, plan, (rng.random(shape) < density) * rng.integers(0, network.encoding["levels"] + 1, shape)


def check(seed, way):
    check_fold(*random_pool_case(seed, way, n_frames=5), f"{way}, seed {seed}", ENGINES[seed % 2])


@pytest.mark.oracle
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("block", range(len(SEEDS) // BLOCK))
def test_every_spike_of_random_folds_is_exact(block, way):
    for seed in SEEDS[block * BLOCK : (block + 1) * BLOCK]:
        check(seed, way)


@pytest.mark.sweep
@pytest.mark.oracle
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("block", range(40))
def test_sweep_of_random_folds(block, way):
    for seed in range(10_000 + block * 50, 10_000 + (block + 1) * 50):
        check(seed, way)


@pytest.mark.parametrize("way", WAYS)
def test_random_cases_reach_the_corners(way):
    seen = set()
    for seed in SEEDS:
        network, spec, plan, _ = random_pool_case(seed, way, n_frames=1)
        schedule = make_schedule(network, spec, plan)
        pools = {pool.name for pool in network.pools}
        grouped = {stage.name for stage in schedule.stages if stage.group is not None}
        assert grouped == (pools if way == "group" else set())
        assert (way == "circuit" and len(pools)) == sum(stage.rivals is not None for stage in schedule.stages)
        floor = "none" if spec.potential_floor is None else np.sign(spec.potential_floor)
        seen |= {f"{network.reset} {floor}", f"pools {len(network.pools)}"} | {"tiles" for _ in plan.tiles}
        seen |= {f"steps {min(network.steps, 2)}", f"parallel {spec.parallel_synapses}"}
        for pool in network.pools:
            contracts = [stage.contract for stage in schedule.stages if stage.name == pool.sources[0]]
            seen |= {f"tiles {contracts[0].tile_rows > 1} {contracts[0].tile_cols > 1}"}
            seen |= {"two readers" for layer in network.layers if layer is not pool and layer.sources == pool.sources}
            seen |= {"apart" for _ in range(pool.kernel != pool.stride)}
            seen |= {"gated" for stage in schedule.stages if stage.name == pool.sources[0] and stage.gated}
        seen |= {role for layer in cost_of(schedule).layers for role in layer.roles}
    assert {f"tiles {rows} {cols}" for rows in (True, False) for cols in (True, False)} <= seen
    assert {"pools 1", "pools 2", "pools 3", "steps 1", "steps 2", "tiles", "two readers", "apart", "gated"} <= seen
    assert {"parallel True", "parallel False", "relay", "proxy", "serialiser", "zero 0"} <= seen
    if way == "group":
        assert {"zero none", "zero -1", "subtract 0", "subtract -1"} <= seen


@pytest.mark.oracle
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(20))
def test_dead_matter_is_found_and_left_out(seed, way):
    network, spec, plan, frames = random_pool_case(seed, way, n_frames=3)
    pruned = remove_dead(network)
    assert np.array_equal(
        evaluate(pruned, frames)[pruned.layers[-1].name], evaluate(network, frames)[network.layers[-1].name]
    )
    image = compile_network(pruned, spec, replace(plan, tiles={}))
    assert neuroproc.verify(network, image, frames).exact


@pytest.mark.metamorphic
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(12))
def test_back_to_back_equals_each_frame_alone(seed, way):
    network, spec, plan, frames = random_pool_case(seed, way, n_frames=6)
    image = compile_network(network, spec, plan)
    together = neuroproc.classify(image, frames).outputs
    alone = np.concatenate([neuroproc.classify(image, frames[n : n + 1]).outputs for n in range(len(frames))])
    assert np.array_equal(together, alone)


def classifier(rule="membrane", reset="zero", floor=0, **decode):
    rng = np.random.default_rng(5)
    pool = Pool2d("pool", ("conv",), "maxpool2d", (2, 2), (2, 2), rule=rule)
    if rule == "average":
        pool = Pool2d("pool", ("conv",), "avgpool2d", (2, 2), (2, 2), np.ones(4, np.int64))
    layers = (
        Conv2d("conv", ("input",), rng.integers(-3, 6, (4, 1, 3, 3)), np.full(4, 23), padding=((1, 1), (1, 1))),
        pool,
        Flatten("flatten", ("pool",)),
        Dense("fc", ("flatten",), rng.integers(-4, 6, (6, 64)), np.full(6, 23)),
    )
    encoding = {"kind": "rate", "steps": 8, "levels": 9}
    decode = {"kind": "argmax", "classes": 6, **decode}
    return LayeredNetwork("classifier", (1, 8, 8), layers, encoding, decode, reset=reset, floor=floor)


def frames_of(n_frames):
    return np.random.default_rng(n_frames).integers(0, 10, (n_frames, 1, 8, 8))


PROFILES = {"np16": {}, "np16-pool": {}, "np16-subtract-pool": {"reset": "subtract", "floor": -32767}}


@pytest.mark.oracle
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("decode", [{}, {"by": "first", "ties": "potential"}, {"by": "potential"}], ids=str)
def test_classes_on_the_chip_are_those_of_plain_evaluation(engine, profile, decode):
    network = classifier(**PROFILES[profile], **decode)
    frames = frames_of(300)[: 10 if engine == "reference" else 300]
    expected = evaluate(network, frames)
    for unroll in ((8, 8), (2, 4)):
        image = compile_network(network, load_profile(profile), FoldPlan(unroll))
        found = neuroproc.classify(image, frames, engine=engine, threads=2)
        assert np.array_equal(found.predictions, classes(network, expected))
        assert np.array_equal(found.outputs, expected["fc"].sum(axis=1))
    if engine == "reference":
        assert neuroproc.verify(network, image, frames, engine=engine).exact


@pytest.mark.oracle
def test_what_units_send_each_other_decides():
    network, frames = classifier(), frames_of(20)
    image = compile_network(network, NP16, FoldPlan((2, 2)))
    source, conv = image.source(), [record.name for record in image.layers].index("conv")
    units = (image.role == ROLES.index("unit")) & (image.layer == conv)
    rivals = units[source] & units[image.target]
    assert (image.weight[rivals] < 0).all()
    assert rivals.sum() == 4 * 4 * 3
    spoiled = replace(image, weight=np.where(rivals, 0, image.weight).astype(np.int32))
    found = neuroproc.verify(network, spoiled, frames)
    assert found.first.layer == "conv"


@pytest.mark.oracle
def test_the_group_decides():
    network, frames = classifier(), frames_of(3)
    image = compile_network(network, load_profile("np16-pool"), FoldPlan((4, 2)))
    assert set(np.unique(image.group, return_counts=True)[1][1:].tolist()) == {4}
    assert image.layers[2].contract.start == image.layers[3].contract.start
    alone = replace(image, group=np.where(image.group == image.group.max(), -1, image.group).astype(np.int32))
    assert not neuroproc.verify(network, alone, frames).exact


def test_a_circuit_takes_two_cycles_a_step_and_says_so(tmp_path):
    image = compile_network(classifier(), NP16, FoldPlan((2, 2)))
    contracts = [record.contract for record in image.layers if record.contract]
    assert {(contract.beat, contract.slot, contract.span) for contract in contracts} == {(2, 16, 15)}
    plain = compile_network(classifier("or"), NP16, FoldPlan((2, 2)))
    contracts = [record.contract for record in plain.layers if record.contract]
    assert {(contract.beat, contract.slot) for contract in contracts} == {(1, 9)}
    for made, told in ((image, True), (plain, False)):
        neuroproc.save_image(tmp_path / "net.npi", made)
        assert neuroproc.load_image(tmp_path / "net.npi").layers == made.layers
        with zipfile.ZipFile(tmp_path / "net.npi") as archive:
            assert (b'"beat"' in archive.read("header.json")) is told
    with pytest.raises(ScheduleError, match=r"slot of 15 cycles, allowed 16\.\.\d"):
        make_schedule(classifier(), NP16, FoldPlan((2, 2), slot=15))


@pytest.mark.error
def test_folds_that_do_not_hold_whole_windows_say_which_do():
    network = classifier()
    words = (
        "layer 'pool', rule 'membrane': 'conv' comes in tiles of 1 of its 8 rows, and windows moved by 2 do not lie "
        "within it; a tile has to hold whole windows; allowed: 2, 4, 6, 8"
    )
    with pytest.raises(ScheduleError, match=words):
        make_schedule(network, NP16, FoldPlan((1, 8)))
    make_schedule(network, NP16, FoldPlan((1, 8), tiles={"conv": (2, 8)}))
    conv, pool, *_ = network.layers
    odd = replace(network, layers=(conv, replace(pool, kernel=(3, 2), stride=(3, 2))), decode={"kind": "spikes"})
    with pytest.raises(ScheduleError, match=r"leave 2 of them over, .* allowed: 8 \("):
        make_schedule(odd, NP16, FoldPlan((4, 4)))
    with pytest.raises(ScheduleError, match="windows are read from 2 tiles at once"):
        make_schedule(network, NP16, FoldPlan((2, 8), tiles={"pool": (2, 4)}))


def test_the_explorer_skips_those_folds():
    options = explore(classifier(), NP16)
    assert {option.plan.unroll for option in options} == {(h, w) for h in (2, 4, 8) for w in (2, 4, 8)}
    for option in options:
        image = compile_network(classifier(), NP16, option.plan)
        assert (image.n_neurons, image.n_synapses) == (option.cost.neurons, option.cost.synapses)


@pytest.mark.error
def test_processors_that_cannot_say_what_they_lack():
    low = replace(NP16, name="low", potential_floor=-5)
    words = (
        r"layer 'pool', rule 'membrane': needs pooling groups, or as a circuit reset = zero and potential_floor = 0; "
        r"profile low has pooling_groups = false and potential_floor = -5; choose a profile that fits \(.*np16, "
    )
    with pytest.raises(ResourceError, match=words):
        make_schedule(classifier(floor=-5), low, FoldPlan((8, 8)))
    words = r"has pooling_groups = false and reset = subtract; choose a profile that fits \(np16-subtract-pool\)"
    with pytest.raises(ResourceError, match=words):
        make_schedule(classifier(reset="subtract"), load_profile("np16-subtract"), FoldPlan((8, 8)))
    with pytest.raises(
        ScheduleError, match="clearing 'force' makes every unit fire, and units of a window would reset"
    ):
        make_schedule(classifier(), NP16, FoldPlan((8, 8), clearing="force"))
    narrow = replace(NP16, name="narrow", weight_min=-8, weight_max=8, parallel_synapses=False)
    with pytest.raises(ResourceError, match="channel 0: a window is reset by charges of -22, 3 synapses of weight_min"):
        make_schedule(classifier(), narrow, FoldPlan((8, 8)))
    few = replace(NP16, name="few", max_fan_out=4)
    with pytest.raises(
        ResourceError, match="layer 'conv': its units reset each other a cycle after they fire, and more"
    ):
        make_schedule(classifier(), few, FoldPlan((8, 8)))
