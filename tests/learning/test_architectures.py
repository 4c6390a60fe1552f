"""Architectures: notation, names, and what does not fit."""

import numpy as np
import pytest

from compiler.learning.architectures import ARCHITECTURES, Block, parse_architecture
from compiler.learning.blocks import layers_of
from compiler.networks.network import LayeredNetwork
from isa_spec.errors import NetworkError

pytestmark = pytest.mark.training

FRAMES = {"digits": (1, 8, 8)}
"""Input shapes of named architectures that are not for MNIST."""


def test_notation():
    found = parse_architecture("3C5-P2-4C3p1-10-7", (2, 12, 16))
    assert found.blocks == (
        Block("conv1", 3, 5, 0, 2),
        Block("conv2", 4, 3, 1),
        Block("fc1", 10),
        Block("fc2", 7),
    )
    assert found.weight_shapes == ((5, 5, 2, 3), (3, 3, 3, 4), (4, 6, 4, 10), (1, 1, 10, 7))
    assert found.n_parameters == 150 + 108 + 960 + 70


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_of_named_ones_make_a_network(name):
    architecture = parse_architecture(name, FRAMES.get(name, (1, 28, 28)))
    weights = [np.ones(shape, np.int64).transpose(3, 2, 0, 1) for shape in architecture.weight_shapes]
    layers = layers_of(architecture, weights, [np.ones(len(w), np.int64) for w in weights], "maxpool2d", None)
    network = LayeredNetwork(name, architecture.input_shape, layers, {"kind": "binary"}, {"kind": "spikes"})
    assert sum(layer.n_parameters for layer in network.layers) == architecture.n_parameters


def test_the_small_one_has_a_tenth_of_the_weights():
    large, small = (parse_architecture(name, (1, 28, 28)).n_parameters for name in ("lenet", "lenet-small"))
    assert 10 * small <= large <= 200_000


@pytest.mark.parametrize(
    ("notation", "words"),
    [
        ("", "''"),
        ("32C5-P2", "ends with a convolution"),
        ("P2-10", "'P2'"),
        ("10-P2", "'P2'"),
        ("10-4C3-5", "'4C3'"),
        ("4C3-P2-P2-10", "'P2'"),
        ("0C3-10", "'0C3'"),
        ("4c3-10", "'4c3'"),
        ("lenett", "lenet-small"),
        ("4C9-10", "too small"),
        ("4C3-P4-4C3-10", "layer 'conv2'"),
    ],
)
def test_what_is_no_network_is_refused(notation, words):
    with pytest.raises(NetworkError, match=words):
        parse_architecture(notation, (1, 8, 8))
