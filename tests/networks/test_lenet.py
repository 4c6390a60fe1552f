"""The trained LeNet on real MNIST, at the folds that the README shows."""

from pathlib import Path

import numpy as np
import pytest

import neuroproc
from compiler.evaluate import classes, evaluate

ROOT = Path(__file__).resolve().parents[2]
MNIST = ROOT.parent / "shared" / "data" / "mnist"
UNROLLS = [(1, 1), (28, 1), (1, 28), (28, 28)]


@pytest.fixture(scope="module")
def lenet():
    return neuroproc.load_network(ROOT / "examples" / "lenet" / "lenet.json")


@pytest.fixture(scope="module")
def mnist():
    if not MNIST.is_dir():
        pytest.skip(f"MNIST is not at {MNIST}")
    frames = neuroproc.read_frames(MNIST / "t10k-images-idx3-ubyte.gz")
    return frames, neuroproc.read_labels(MNIST / "t10k-labels-idx1-ubyte.gz")


def image_of(network, unroll, gate=False):
    return neuroproc.compile_network(network, neuroproc.load_profile("np16"), neuroproc.FoldPlan(unroll, gate))


@pytest.mark.oracle
@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("unroll", UNROLLS)
def test_every_layer_is_exact_on_random_frames(lenet, unroll, gate):
    frames = (np.random.default_rng(0).random((6, 1, 28, 28)) < 0.15).astype(np.uint8) * 255
    assert neuroproc.verify(lenet, image_of(lenet, unroll, gate), frames).exact


def test_pixel_streamed_it_needs_hardly_more_synapses_than_weights(lenet):
    measures = neuroproc.count(image_of(lenet, (1, 1)))
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
@pytest.mark.parametrize("unroll", UNROLLS)
def test_all_frames_and_every_layer_of_some(lenet, mnist, unroll):
    frames, labels = mnist
    image = image_of(lenet, unroll)
    assert neuroproc.verify(lenet, image, frames[:200]).exact
    found = neuroproc.classify(image, frames, labels)
    right = np.concatenate(
        [classes(lenet, evaluate(lenet, frames[first : first + 500])) for first in range(0, len(frames), 500)]
    )
    assert np.array_equal(found.predictions, right)
