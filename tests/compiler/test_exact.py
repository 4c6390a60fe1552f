"""The law: a fold changes cost and time, never the answer; and it costs what the planner says."""

from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import check_fold, random_case, random_frames, random_network

import neuroproc
from compiler.costing.cost import cost_of
from compiler.emit import compile_network, emit
from compiler.networks.evaluate import evaluate
from compiler.plan import FoldPlan, legal_unrolls
from compiler.schedule import make_schedule
from isa_spec.codec import encode_image
from isa_spec.coding import plane_weights
from isa_spec.image import ROLES
from isa_spec.spec import load_profile
from neuroproc.classifying.host import MapReader, encode_frames
from neuroproc.processor import Processor

SEEDS = range(500)
BLOCK = 25


@pytest.mark.oracle
@pytest.mark.parametrize("block", range(len(SEEDS) // BLOCK))
def test_every_layer_of_random_folds_is_exact(block):
    for seed in SEEDS[block * BLOCK : (block + 1) * BLOCK]:
        check(seed)


@pytest.mark.sweep
@pytest.mark.oracle
@pytest.mark.parametrize("block", range(100))
def test_sweep_of_random_folds(block):
    for seed in range(10_000 + block * 50, 10_000 + (block + 1) * 50):
        check(seed)


def check(seed):
    check_fold(*random_case(seed, n_frames=5), f"seed {seed}")


@pytest.mark.metamorphic
@pytest.mark.parametrize("seed", range(20))
def test_back_to_back_equals_each_frame_alone(seed):
    network, spec, plan, frames = random_case(seed, n_frames=6)
    image = compile_network(network, spec, plan)
    together = neuroproc.classify(image, frames).outputs
    alone = np.concatenate([neuroproc.classify(image, frames[n : n + 1]).outputs for n in range(len(frames))])
    assert np.array_equal(together, alone)


@pytest.mark.metamorphic
@pytest.mark.parametrize("seed", range(20))
def test_frames_may_come_later_than_the_next_slot(seed):
    """Blank frames in between, and a long silence before the first, leave the others' answers alone."""
    network, spec, plan, frames = random_case(seed, n_frames=3)
    image = compile_network(network, spec, plan)
    spread = np.zeros((11, *network.input_shape), np.uint8)
    spread[[4, 7, 10]] = frames
    assert np.array_equal(
        neuroproc.classify(image, spread).outputs[[4, 7, 10]], neuroproc.classify(image, frames).outputs
    )


@pytest.mark.differential
@pytest.mark.parametrize("seed", range(8))
def test_the_reference_engine_decides_alike(seed):
    network, spec, plan, frames = random_case(seed, n_frames=2)
    image = compile_network(network, spec, plan)
    results = [neuroproc.classify(image, frames, engine=engine) for engine in ("reference", "event")]
    assert [result.engine for result in results] == ["reference", "event"]
    assert np.array_equal(results[0].outputs, results[1].outputs)
    assert results[0].spikes == results[1].spikes
    assert results[0].synaptic_operations == results[1].synaptic_operations


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(5))
def test_every_legal_unroll_of_a_network(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    frames = random_frames(rng, network, 4)
    for unroll in legal_unrolls(*network.input_shape[1:]):
        image = compile_network(network, load_profile("research"), FoldPlan(unroll))
        assert neuroproc.verify(network, image, frames).exact, unroll


def test_the_whole_frame_is_the_plain_spatial_network():
    """No second code path: at full unroll the data synapses are those of the unrolled network, all of delay 1."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        network, spec = random_network(rng), load_profile("research")
        schedule = make_schedule(network, spec, FoldPlan(network.input_shape[1:]))
        image = emit(schedule, cost_of(schedule))
        assert not (image.role == ROLES.index("gate")).any()
        assert image.max_delay <= max(2, 2 * (schedule.slot - 1))
        for number, record in enumerate(image.layers):
            if record.kind == "control" or record.contract is None or record.kind == "flatten":
                continue
            assert (image.layer == number).sum() == record.unrolled_neurons
            clocks = image.role[image.source()] == ROLES.index("clock")
            data = (image.layer[image.target] == number) & ~clocks
            assert data.sum() == record.unrolled_synapses
            assert np.all(image.delay[data] == 1)


def test_the_same_input_gives_the_same_bytes():
    for seed in range(5):
        network, spec, plan, _ = random_case(seed, n_frames=1)
        first, second = (encode_image(compile_network(network, spec, plan), "t") for _ in range(2))
        assert first == second


@pytest.mark.oracle
def test_residue_would_be_seen():
    """Without its clearing synapses a folded image is wrong, and the comparison says where."""
    caught = 0
    for seed in range(40):
        network, spec, plan, frames = random_case(seed, n_frames=5)
        spec, plan = replace(spec, potential_floor=0, leak="none"), replace(plan, clearing="floor", channels={})
        image = compile_network(network, spec, plan)
        clock = np.isin(image.source(), np.flatnonzero(image.role == ROLES.index("clock")))
        clearing = clock & (image.weight < 0)
        if not clearing.any():
            continue
        spoiled = replace(image, weight=np.where(clearing, 0, image.weight).astype(np.int32))
        found = neuroproc.verify(network, spoiled, frames)
        caught += not found.exact
    assert caught >= 10


@pytest.mark.oracle
@pytest.mark.parametrize("engine", ["reference", "event"])
def test_decisions_do_not_depend_on_how_the_run_is_cut(engine):
    rng = np.random.default_rng(3)
    network, spec, plan, frames = random_case(3, n_frames=4)
    image = compile_network(network, spec, plan)
    output = image.layers[-1].contract
    processor = Processor(image, engine=engine)
    processor.inject(image.start)
    processor.inject(encode_frames(image, frames))
    reader = MapReader(output, len(frames))
    end = image.latency + 3 * image.interval
    while processor.cycle < end:
        spikes = processor.run(min(int(rng.integers(0, 9)), end - processor.cycle))
        reader.read(spikes.cycle, spikes.port)
    right = evaluate(network, frames)[network.layers[-1].name]
    assert np.array_equal(reader.trains.reshape(right.shape), right)


def test_random_cases_reach_the_corners():
    """The generator would be worth little if it never padded, gated, relayed, split or lifted a threshold."""
    seen = set()
    for seed in SEEDS:
        network, spec, plan, _ = random_case(seed, n_frames=1)
        schedule = make_schedule(network, spec, plan)
        cost = cost_of(schedule)
        seen |= {role for layer in cost.layers for role in layer.roles}
        floor = "no floor" if spec.potential_floor is None else f"floor {np.sign(spec.potential_floor)}"
        seen |= {floor, schedule.clearing, f"{schedule.clearing} {floor}, leak {spec.leak}"}
        parts = [part for stage in schedule.stages for part in stage.parts]
        seen |= {"split" for part in parts if np.abs(part.window.weight).max() > spec.weight_max}
        seen |= {"bias" for stage in schedule.stages if stage.charges.bias.any()}
        seen |= {f"{len(stage.parts)} parts" for stage in schedule.stages}
        seen |= {layer.kind for layer in network.layers}
        seen |= input_corners(network)
        seen |= {f"slot {min(schedule.slot, 3)}"}
        seen |= {"turns" for stage in schedule.stages if stage.contract.n_turns > 1}
        seen |= {"reads turns" for stage in schedule.stages if stage.turn and stage.contract.n_turns == 1}
        seen |= {f"{spec.reset} {schedule.clearing} {floor}"}
        seen |= {f"turns {schedule.clearing}" for stage in schedule.stages if stage.turn}
        seen |= {f"counted {schedule.clearing} {floor}" for stage in schedule.stages if stage.levels > 1}
        seen |= {"tiles" for name in schedule.plan.tiles}
        seen |= {"uneven tile" for stage in schedule.stages if stage.contract.height % stage.contract.unroll_h}
    kinds = {"conv2d", "dense", "flatten", "maxpool2d", "sumpool2d", "avgpool2d", "add", "concat", "2 parts"}
    kinds |= {"binary", "bitplanes", "thermometer", "count"}
    kinds |= {"planes to " + kind for kind in ("conv2d", "dense", "add", "concat", "flatten", "sumpool2d", "avgpool2d")}
    roles = {"input", "unit", "relay", "clock", "gate", "serialiser", "proxy", "select", "demux"}
    corners = {"floor 0", "floor -1", "split", "bias", "slot 1", "slot 2", "uneven tile", "tiles"} | kinds | roles
    corners |= {"no floor", "floor", "leak", "force"}
    corners |= {"slot 3", "turns", "reads turns", "turns floor", "turns leak"}
    corners |= {f"counted force {floor}" for floor in ("floor 0", "floor -1", "no floor")}
    corners |= {f"counted floor {floor}" for floor in ("floor 0", "floor -1")}
    corners |= {f"force {floor}, leak none" for floor in ("floor 0", "floor -1", "no floor")}
    corners |= {"subtract floor floor 0", "subtract floor floor -1", "subtract leak floor 0"}
    corners |= {f"leak {floor}, leak all" for floor in ("floor 0", "floor -1", "no floor")}
    assert corners <= seen


def input_corners(network):
    """Encoding of a network, and the layers that read several planes of each channel."""
    planes = len(plane_weights(network.encoding))
    reading = {f"planes to {layer.kind}" for layer in network.layers if "input" in layer.sources and planes > 1}
    return {network.encoding["kind"]} | reading
