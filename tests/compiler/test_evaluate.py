"""The oracle against loops that say the same as plainly as can be."""

import numpy as np
import pytest
from compiler_helpers import random_frames, random_network

from compiler.evaluate import classes, evaluate
from compiler.network import Conv2d, Dense, Flatten, LayeredNetwork, MaxPool2d
from isa_spec.errors import NetworkError


def by_loops(layer, x):
    """One frame through one layer: nested lists of 0 and 1."""
    channels, height, width = x.shape

    def value(c, y, col):
        return int(x[c, y, col]) if 0 <= y < height and 0 <= col < width else 0

    if isinstance(layer, Flatten):
        return x.reshape(-1, 1, 1)
    if isinstance(layer, Dense):
        sums = [sum(int(w) * int(v) for w, v in zip(row, x.ravel(), strict=True)) for row in layer.weight]
        return np.array([[[total >= theta]] for total, theta in zip(sums, layer.threshold, strict=True)], np.uint8)
    _, rows, cols = layer.output_shape(x.shape)
    (s_h, s_w) = layer.stride
    if isinstance(layer, MaxPool2d):
        windows = [
            [[max(value(c, r * s_h + i, q * s_w + j) for i in range(layer.kernel[0]) for j in range(layer.kernel[1]))
              for q in range(cols)] for r in range(rows)] for c in range(channels)
        ]  # fmt: skip
        return np.array(windows, np.uint8)
    out = np.zeros((len(layer.weight), rows, cols), np.uint8)
    for o, r, q in np.ndindex(*out.shape):
        total = sum(
            int(w) * value(c, r * s_h + i - layer.padding[0], q * s_w + j - layer.padding[1])
            for (c, i, j), w in np.ndenumerate(layer.weight[o])
        )
        out[o, r, q] = total >= layer.threshold[o]
    return out


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(25))
def test_every_layer_equals_loops(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    frames = random_frames(rng, network, 2)
    found = evaluate(network, frames)
    for number, frame in enumerate(frames):
        right = {"input": frame}
        for layer in network.layers:
            right[layer.name] = by_loops(layer, right[layer.source])
            assert np.array_equal(found[layer.name][number], right[layer.name]), layer.name


def network_of(weight, threshold, decode):
    layer = Dense("d", np.array(weight), np.array(threshold), "input")
    return LayeredNetwork("n", (len(weight[0]), 1, 1), (layer,), {"kind": "binary", "threshold": 3}, decode)


def test_frames_are_encoded_and_ties_go_to_the_lowest_class():
    network = network_of(np.eye(4, dtype=int), [1, 1, 1, 1], {"kind": "argmax", "classes": 2})
    frames = np.array([[0, 2, 3, 9], [3, 0, 3, 0], [0, 0, 0, 0]]).reshape(3, 4, 1, 1)
    decisions = evaluate(network, frames)
    assert decisions["input"].reshape(3, 4).tolist() == [[0, 0, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]]
    assert classes(network, decisions).tolist() == [1, 0, 0]


def test_a_key_scores_by_agreement():
    network = network_of(np.eye(4, dtype=int), [1, 1, 1, 1], {"kind": "n-hot", "key": [[1, 1, 0, 0], [0, 0, 1, 1]]})
    frames = np.array([[3, 0, 3, 3], [3, 0, 0, 0]]).reshape(2, 4, 1, 1)
    assert classes(network, evaluate(network, frames)).tolist() == [1, 0]


@pytest.mark.error
def test_frames_of_another_shape_are_refused():
    network = network_of([[1]], [1], {"kind": "spikes"})
    with pytest.raises(NetworkError, match=r"frames of shape \[2, 1, 1, 2\], allowed: \[n_frames, 1, 1, 1\]"):
        evaluate(network, np.zeros((2, 1, 1, 2), int))


@pytest.mark.error
def test_weights_beyond_exact_sums_are_refused():
    network = network_of([[2**52]], [1], {"kind": "spikes"})
    with pytest.raises(NetworkError, match=r"2\*\*52"):
        evaluate(network, np.zeros((1, 1, 1, 1), int))


def test_a_convolution_by_hand():
    layer = Conv2d("c", np.array([[[[1, -1]]]]), np.array([1]), (1, 1), (0, 1), "input")
    network = LayeredNetwork("n", (1, 1, 3), (layer,), {"kind": "binary"}, {"kind": "spikes"})
    # Positions see (0, a), (a, b), (b, c), (c, 0).
    assert evaluate(network, np.array([[[[1, 0, 1]]]]))["c"].tolist() == [[[[0, 1, 0, 1]]]]
