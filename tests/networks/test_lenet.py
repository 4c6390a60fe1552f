"""The trained LeNet on real MNIST, at the folds that the README shows."""

from pathlib import Path

import numpy as np
import pytest

import neuroproc
from compiler.networks.evaluate import classes, evaluate

ROOT = Path(__file__).resolve().parents[2]
MNIST = ROOT.parent / "shared" / "data" / "mnist"
UNROLLS = [(1, 1), (28, 1), (1, 28), (28, 28)]
PLANS = [
    *(neuroproc.FoldPlan(unroll) for unroll in UNROLLS),
    *(neuroproc.FoldPlan(unroll, True) for unroll in UNROLLS[:3]),
]
TURNS = neuroproc.FoldPlan((1, 1), channels={"conv2": 4, "fc1": 11, "fc2": 100})


@pytest.fixture(scope="module")
def lenet():
    return neuroproc.load_network(ROOT / "examples" / "lenet" / "lenet.json")


@pytest.fixture(scope="module")
def mnist():
    if not MNIST.is_dir():
        pytest.skip(f"MNIST is not at {MNIST}")
    frames = neuroproc.read_frames(MNIST / "t10k-images-idx3-ubyte.gz")
    return frames, neuroproc.read_labels(MNIST / "t10k-labels-idx1-ubyte.gz")


def image_of(network, plan):
    return neuroproc.compile_network(network, neuroproc.load_profile("np16"), plan)


@pytest.mark.oracle
@pytest.mark.parametrize("plan", [*PLANS, TURNS], ids=lambda plan: plan.words + " gated" * plan.gate)
def test_every_layer_is_exact_on_random_frames(lenet, plan):
    frames = (np.random.default_rng(0).random((6, 1, 28, 28)) < 0.15).astype(np.uint8) * 255
    assert neuroproc.verify(lenet, image_of(lenet, plan), frames).exact


def test_channels_in_turns_take_a_quarter_of_the_neurons_and_no_time(lenet):
    alone, shared = (image_of(lenet, plan) for plan in (PLANS[0], TURNS))
    assert shared.interval == alone.interval
    assert 4 * shared.n_neurons < alone.n_neurons
    assert shared.n_synapses < 1.001 * alone.n_synapses


def test_pixel_streamed_it_needs_hardly_more_synapses_than_weights(lenet):
    measures = neuroproc.count(image_of(lenet, PLANS[0]))
    assert measures["synapses"] <= 1.05 * measures["nonzero_parameters"]


@pytest.mark.oracle
def test_it_is_accurate_in_integers(lenet, mnist):
    frames, labels = mnist
    predicted = np.concatenate(
        [classes(lenet, evaluate(lenet, frames[first : first + 500])) for first in range(0, len(frames), 500)]
    )
    assert (predicted == labels).mean() >= 0.985


@pytest.mark.sweep
@pytest.mark.oracle
@pytest.mark.parametrize("plan", [*PLANS, TURNS], ids=lambda plan: plan.words + " gated" * plan.gate)
def test_all_frames_and_every_layer_of_some(lenet, mnist, plan):
    frames, labels = mnist
    image = image_of(lenet, plan)
    assert neuroproc.verify(lenet, image, frames[:200]).exact
    found = neuroproc.classify(image, frames, labels)
    right = np.concatenate(
        [classes(lenet, evaluate(lenet, frames[first : first + 500])) for first in range(0, len(frames), 500)]
    )
    assert np.array_equal(found.predictions, right)
