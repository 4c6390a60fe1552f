"""Early exit by margin: each frame stops in the step, and with the class, that plain potentials say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import neuroproc
from compiler.emit import compile_network
from compiler.networks.evaluate import classes, evaluate, final_potentials
from compiler.networks.layers import Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from isa_spec.errors import EmulationError, FormatError
from isa_spec.image import ProcessorImage
from isa_spec.spec import load_profile
from neuroproc.classifying.early_exit import EarlyExit, classify_by_margin
from neuroproc.processor import Processor

STEPS, CLASSES = 9, 3
ENCODINGS = [
    {"kind": "bitplanes", "bits": 3, "steps": STEPS},
    {"kind": "rate", "steps": STEPS, "levels": 7, "source": "even"},
    {"kind": "rate", "steps": STEPS, "levels": 7, "source": "bernoulli", "seed": 3},
]
WAYS = [("zero", 0), ("zero", None), ("subtract", -25), ("subtract", 0)]
CASES = [(seed, ENCODINGS[seed % 3], *WAYS[seed % 4]) for seed in range(12)]


def case_of(
    seed: int, encoding: dict[str, object], reset: str, floor: int | None, unroll: tuple[int, int], fires: bool = False
) -> tuple[LayeredNetwork, ProcessorImage]:
    """A random network that decides by potential, and its image; units of its last layer may fire, or cannot."""
    rng = np.random.default_rng(seed)
    layers: tuple[Layer, ...] = (
        Conv2d("conv", ("input",), rng.integers(-3, 6, (4, 1, 3, 3)), np.full(4, 15), padding=((1, 1), (1, 1))),
        Pool2d("pool", ("conv",), "sumpool2d", (2, 2), (2, 2), np.full(4, 3)),
        Flatten("flatten", ("pool",)),
        Dense("fc", ("flatten",), rng.integers(-4, 5, (6, 36)), np.full(6, 30 if fires else 2**40)),
    )
    decode = {"kind": "argmax", "classes": CLASSES, "by": "potential"}
    network = LayeredNetwork("gatherer", (1, 6, 6), layers, dict(encoding), decode, reset=reset, floor=floor)
    spec = replace(load_profile("research"), name="fitting", reset=reset, potential_floor=floor)
    return network, compile_network(network, spec, FoldPlan(unroll))


def frames_of(n_frames: int) -> np.ndarray:
    return np.random.default_rng(n_frames).integers(0, 8, (n_frames, 1, 6, 6))


def leads(network: LayeredNetwork, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best class, and what it is ahead of the second, after each step: int64[n_frames, n_steps], twice.

    By plain evaluation of networks of one step, two steps, and so on.
    """
    best, lead = [], []
    for steps in range(1, network.steps + 1):
        short = replace(network, encoding={**network.encoding, "steps": steps})
        potential = final_potentials(short, evaluate(short, frames))
        by_class = potential.reshape(len(frames), CLASSES, -1).sum(axis=2)
        ascending = np.sort(by_class, axis=1)
        best.append(by_class.argmax(axis=1))
        lead.append(ascending[:, -1] - ascending[:, -2])
    return np.stack(best, axis=1), np.stack(lead, axis=1)


def middling(network: LayeredNetwork, frames: np.ndarray) -> int:
    """A margin that some frames reach early, some late, some never."""
    return int(np.median(leads(network, frames)[1]))


def plain_exits(network: LayeredNetwork, frames: np.ndarray, margin: int) -> tuple[list[int], list[int], list[bool]]:
    """Step, class, and whether the margin was reached, of each frame."""
    exits = []
    for best, lead in zip(*leads(network, frames), strict=True):
        step = 1
        while step < network.steps and lead[step - 1] < margin:
            step += 1
        exits.append((step, int(best[step - 1]), bool(lead[step - 1] >= margin)))
    steps, predictions, reached = zip(*exits, strict=True)
    return list(steps), list(predictions), list(reached)


def assert_same(found: EarlyExit, other: EarlyExit) -> None:
    for one, two in ((found.steps, other.steps), (found.reached, other.reached)):
        assert np.array_equal(one, two)
    mine, theirs = found.classification, other.classification
    assert mine.predictions is not None
    assert np.array_equal(mine.predictions, theirs.predictions)
    assert np.array_equal(mine.outputs, theirs.outputs)
    assert np.array_equal(mine.spike_count, theirs.spike_count)
    for count in ("cycles", "spikes", "synaptic_operations"):
        assert getattr(mine, count) == getattr(theirs, count)


@pytest.mark.oracle
@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize(("seed", "encoding", "reset", "floor"), CASES)
def test_every_exit_is_that_of_plain_potentials(
    seed: int, encoding: dict[str, object], reset: str, floor: int | None, fires: bool
) -> None:
    frames = frames_of(40)
    unroll = [(6, 6), (6, 1), (2, 3), (1, 1)][seed % 4]
    network, image = case_of(seed, encoding, reset, floor, unroll, fires)
    lead = leads(network, frames)[1]
    seen = set()
    for margin in (1, max(int(np.median(lead)), 2), int(lead[:, -1].max()), int(lead.max()) + 1):
        found = classify_by_margin(image, frames, margin, threads=2)
        assert found.classification.predictions is not None
        exits = (found.steps.tolist(), found.classification.predictions.tolist(), found.reached.tolist())
        assert exits == plain_exits(network, frames, margin)
        seen |= set(zip(found.steps.tolist(), found.reached.tolist(), strict=True))
    assert (STEPS, False) in seen
    assert min(seen)[0] <= 3
    assert len(seen) > 4


@pytest.mark.oracle
@pytest.mark.parametrize("unroll", [(6, 6), (2, 3)])
def test_a_margin_that_is_never_reached_is_the_whole_run(unroll: tuple[int, int]) -> None:
    frames = frames_of(50)
    labels = np.arange(50) % CLASSES
    for _, encoding, reset, floor in CASES[:4]:
        network, image = case_of(1, encoding, reset, floor, unroll, fires=True)
        found, whole = classify_by_margin(image, frames, 2**62, labels), neuroproc.classify(image, frames, labels)
        assert not found.reached.any()
        assert found.steps.tolist() == [STEPS] * 50
        assert found.classification.predictions is not None
        assert np.array_equal(found.classification.predictions, whole.predictions)
        assert np.array_equal(found.classification.predictions, classes(network, evaluate(network, frames)))
        assert np.array_equal(found.classification.outputs, whole.outputs)
        assert found.classification.correct == whole.correct
        assert found.classification.cycles == 50 * (image.layers[-1].contract.last_cycle + 1)  # type: ignore[union-attr]


@pytest.mark.differential
@pytest.mark.parametrize("engine", ["reference", "event", "batch"])
@pytest.mark.parametrize("threads", [1, 3])
def test_engines_and_threads_change_nothing(engine: str, threads: int) -> None:
    frames = frames_of(10)
    network, image = case_of(2, ENCODINGS[1], "subtract", -25, (6, 6))
    margin = middling(network, frames)
    found = classify_by_margin(image, frames, margin, engine=engine, threads=threads)
    assert found.classification.engine == engine
    assert len(set(found.steps.tolist())) > 2
    assert_same(found, classify_by_margin(image, frames, margin, threads=1))


@pytest.mark.metamorphic
def test_frames_do_not_meet() -> None:
    """Counts of all are the sums of each frame alone, on a processor of its own, run to the stop."""
    frames = frames_of(12)
    network, image = case_of(4, ENCODINGS[0], "zero", 0, (2, 3))
    margin = middling(network, frames)
    found = classify_by_margin(image, frames, margin, threads=1)
    assert len(set(found.steps.tolist())) > 2
    cycles = spikes = operations = 0
    by_neuron = np.zeros(image.n_neurons, np.int64)
    contract = image.layers[-1].contract
    assert contract is not None
    for frame, steps in zip(frames, found.steps.tolist(), strict=True):
        processor = Processor(image)
        processor.inject(image.start)
        processor.inject(neuroproc.encode_frames(image, frame[None]))
        processor.run(contract.start + steps)
        counters = processor.counters
        cycles, spikes = cycles + counters.cycles, spikes + counters.spikes
        operations += counters.synaptic_operations
        by_neuron += processor.spike_counts
    counts = found.classification
    assert counts.spike_count.dtype == np.int64
    assert counts.spike_count.tolist() == by_neuron.tolist()
    assert (counts.cycles, counts.spikes, counts.synaptic_operations) == (cycles, spikes, operations)
    backwards = classify_by_margin(image, frames[::-1], margin, threads=1)
    assert np.array_equal(backwards.steps[::-1], found.steps)
    assert backwards.classification.spike_count.tolist() == by_neuron.tolist()


@pytest.mark.error
def test_images_that_cannot_be_stopped() -> None:
    network, image = case_of(0, ENCODINGS[0], "zero", 0, (2, 3))
    spec, frames = image.spec, frames_of(2)
    for decode, words in (
        ({"kind": "spikes"}, "the image decides by kind 'spikes', allowed: kind 'argmax' by potential"),
        ({"kind": "n-hot", "key": np.eye(3, 6, dtype=int).tolist()}, "decides by kind 'n-hot', allowed"),
        ({"kind": "argmax", "classes": 3}, "decides by kind 'argmax' by count, allowed"),
        ({"kind": "argmax", "classes": 3, "by": "first"}, "decides by kind 'argmax' by first, allowed"),
        ({"kind": "argmax", "classes": 1, "by": "potential"}, "the image has 1 class, allowed: 2 and more"),
    ):
        other = compile_network(replace(network, decode=decode), spec, FoldPlan((2, 3)))
        with pytest.raises(EmulationError, match=words):
            classify_by_margin(other, frames, 5)
    with pytest.raises(EmulationError, match="margin = 0, allowed: 1 and above"):
        classify_by_margin(image, frames, 0)
    with pytest.raises(EmulationError, match="threads = 0"):
        classify_by_margin(image, frames, 5, threads=0)
    with pytest.raises(EmulationError, match="no frames"):
        classify_by_margin(image, frames[:0], 5)
    with pytest.raises(FormatError, match=r"allowed: 0\.\.7"):
        classify_by_margin(image, frames + 8, 5)


@pytest.mark.oracle
def test_a_last_map_in_several_slots_is_refused_and_in_one_it_is_stopped() -> None:
    whole, _ = case_of(0, ENCODINGS[0], "zero", 0, (6, 6))
    weight = np.random.default_rng(0).integers(-3, 5, (6, 4, 3, 3))
    last = Conv2d("out", ("pool",), weight, np.full(6, 2**40), padding=((1, 1), (1, 1)))
    network, frames = replace(whole, layers=(*whole.layers[:2], last)), frames_of(20)
    spec = replace(load_profile("research"), name="fitting", reset="zero", potential_floor=0)
    image, margin = compile_network(network, spec, FoldPlan((6, 6))), middling(network, frames)
    found = classify_by_margin(image, frames, margin)
    assert found.classification.predictions is not None
    exits = (found.steps.tolist(), found.classification.predictions.tolist(), found.reached.tolist())
    assert exits == plain_exits(network, frames, margin)
    assert len(set(found.steps.tolist())) > 2
    folded = compile_network(network, spec, FoldPlan((2, 6)))
    with pytest.raises(EmulationError, match=r"layer 'out' has its 3x3 map in 3 slots, allowed: one; .* unroll more"):
        classify_by_margin(folded, frames, margin)


@pytest.mark.oracle
def test_exits_where_a_step_takes_two_cycles() -> None:
    network, _ = case_of(1, ENCODINGS[1], "zero", 0, (6, 6))
    conv, _, *rest = network.layers
    pool = Pool2d("pool", ("conv",), "maxpool2d", (2, 2), (2, 2), rule="membrane")
    network = replace(network, layers=(conv, pool, *rest))
    image = compile_network(network, load_profile("research"), FoldPlan((6, 2)))
    frames = frames_of(40)
    margin = middling(network, frames)
    found = classify_by_margin(image, frames, margin, threads=2)
    assert found.classification.predictions is not None
    exits = (found.steps.tolist(), found.classification.predictions.tolist(), found.reached.tolist())
    assert exits == plain_exits(network, frames, margin)
    assert len(set(exits[0])) > 2
