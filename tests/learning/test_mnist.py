"""Short trainings on real MNIST: far from the best, but no accident."""

from pathlib import Path

import pytest

from compiler.learning.course import Course
from compiler.learning.data import Examples
from compiler.learning.train import train_rate, train_straight_through, train_whetstone
from neuroproc.formats.frames import read_frames, read_labels

pytestmark = [pytest.mark.training, pytest.mark.sweep]

MNIST = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mnist"


@pytest.fixture(scope="module")
def mnist():
    if not MNIST.is_dir():
        pytest.skip(f"MNIST is not at {MNIST}")
    return Examples(
        read_frames(MNIST / "train-images-idx3-ubyte.gz"), read_labels(MNIST / "train-labels-idx1-ubyte.gz"), "MNIST"
    )


@pytest.mark.parametrize("train", [train_whetstone, train_straight_through])
def test_units_of_0_and_1(mnist, train):
    trained = train(mnist, course=Course(epochs=6))
    assert trained.accuracy(trained.held) >= 0.96


def test_rates_follow_the_relu_network_within_half_a_point(mnist):
    trained = train_rate(mnist, course=Course(epochs=3))
    assert trained.float_accuracy(trained.held) >= 0.98
    assert trained.accuracy(trained.held) >= trained.float_accuracy(trained.held) - 0.005
