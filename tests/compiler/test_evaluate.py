"""The oracle against loops that say the same as plainly as can be."""

from fractions import Fraction

import numpy as np
import pytest
from compiler_helpers import random_frames, random_network

from compiler.emit import compile_network
from compiler.networks.drive import spiking_layers
from compiler.networks.evaluate import classes, evaluate
from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from isa_spec.errors import FormatError, NetworkError
from isa_spec.spec import load_profile
from neuroproc.cli.verify import verify


def values(encoding, frame):
    """What the network sees of one frame, number by number."""
    seen = np.zeros(frame.shape, object)
    for place, value in np.ndenumerate(frame):
        steps = encoding.get("thresholds", [encoding.get("threshold")])
        plain = encoding["kind"] in ("bitplanes", "count")
        seen[place] = int(value) if plain else len([step for step in steps if value >= step])
    return seen


def by_loops(layer, maps):
    """One frame through one layer: exact fractions, and 0 or 1 where there are thresholds."""
    x = maps[0]
    if isinstance(layer, Flatten):
        return x.reshape(-1, 1, 1)
    if isinstance(layer, Concat):
        return np.concatenate(maps)
    if isinstance(layer, Add):
        often = layer.factors[:, :, None, None]
        return fires(sum(values * factor for values, factor in zip(maps, often, strict=True)), layer.threshold)
    if isinstance(layer, Dense):
        sums = [sum(int(w) * v for w, v in zip(row, x.ravel(), strict=True)) for row in layer.weight]
        return fires(np.array(sums, object)[:, None, None], layer.threshold)
    out = np.zeros(layer.output_shape([x.shape]), object)
    (s_h, s_w) = layer.stride
    for o, r, q in np.ndindex(*out.shape):
        if isinstance(layer, Pool2d):
            values = [x[o, r * s_h + i, q * s_w + j] for i, j in np.ndindex(*layer.kernel)]
            out[o, r, q] = {
                "maxpool2d": max(values), "sumpool2d": sum(values), "avgpool2d": Fraction(sum(values), len(values)),
            }[layer.kind]  # fmt: skip
            continue
        (top, _), (left, _) = layer.padding
        first = o // (len(layer.weight) // layer.groups) * layer.weight.shape[1]
        for (c, i, j), w in np.ndenumerate(layer.weight[o]):
            row, col = r * s_h + i * layer.dilation[0] - top, q * s_w + j * layer.dilation[1] - left
            if 0 <= row < x.shape[1] and 0 <= col < x.shape[2]:
                out[o, r, q] += int(w) * x[first + c, row, col]
    return out if isinstance(layer, Pool2d) else fires(out, layer.threshold)


def fires(sums, threshold):
    if threshold is None:
        return sums
    reached = [
        [[value >= theta for value in row] for row in plane] for plane, theta in zip(sums, threshold, strict=True)
    ]
    return np.array(reached).astype(int).astype(object)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(60))
def test_every_layer_equals_loops(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    frames = random_frames(rng, network, 2)
    found = evaluate(network, frames)
    for number, frame in enumerate(frames):
        right = {"input": values(network.encoding, frame)}
        assert np.array_equal(found["input"][number], right["input"])
        for layer in network.layers:
            right[layer.name] = by_loops(layer, [right[source] for source in layer.sources])
            if layer.spikes:
                assert np.array_equal(found[layer.name][number], right[layer.name]), layer.name


def network_of(weight, threshold, decode):
    layer = Dense("d", ("input",), np.array(weight), np.array(threshold))
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
    with pytest.raises(FormatError, match=r"frames of shape \[2, 1, 1, 2\], allowed: \[n_frames, 1, 1, 1\]"):
        evaluate(network, np.zeros((2, 1, 1, 2), int))


@pytest.mark.error
def test_weights_beyond_exact_sums_are_refused():
    network = network_of([[2**52]], [1], {"kind": "spikes"})
    with pytest.raises(NetworkError, match=r"2\*\*52"):
        evaluate(network, np.zeros((1, 1, 1, 1), int))


def test_a_convolution_by_hand():
    layer = Conv2d("c", ("input",), np.array([[[[1, -1]]]]), np.array([1]), padding=((0, 0), (1, 1)))
    network = LayeredNetwork("n", (1, 1, 3), (layer,), {"kind": "binary"}, {"kind": "spikes"})
    # Positions see (0, a), (a, b), (b, c), (c, 0).
    assert evaluate(network, np.array([[[[1, 0, 1]]]]))["c"].tolist() == [[[[0, 1, 0, 1]]]]


@pytest.mark.oracle
def test_thresholds_beyond_any_sum_say_always_or_never_on_averages_too():
    """Averages are counted as sums that are four times too large; 2**62 is not."""
    mean = Pool2d("mean", ("input",), "avgpool2d", (2, 2), (2, 2))
    add = Add("add", ("mean",), np.array([2**62, -(2**62)]))
    network = LayeredNetwork("n", (2, 4, 4), (mean, add), {"kind": "binary"}, {"kind": "spikes"})
    frames = np.ones((1, 2, 4, 4), np.uint8)
    assert evaluate(network, frames)["add"].reshape(2, -1).tolist() == [[0] * 4, [1] * 4]
    assert verify(network, compile_network(network, load_profile("research"), FoldPlan((1, 1))), frames).exact


def test_spikes_beside_averages_of_many_values():
    """One more than the average of 256: a byte does not hold what it is counted as."""
    mean = Pool2d("mean", ("input",), "avgpool2d", (16, 16), (16, 16))
    any_ = Pool2d("any", ("input",), "maxpool2d", (16, 16), (16, 16))
    add = Add("add", ("mean", "any"), np.array([2]))
    network = LayeredNetwork("n", (1, 16, 16), (mean, any_, add), {"kind": "binary"}, {"kind": "spikes"})
    frames = np.ones((2, 1, 16, 16), np.uint8)
    frames[1, 0, 3, 3] = 0
    assert evaluate(network, frames)["add"].ravel().tolist() == [1, 0]


def test_averages_do_not_make_weights_larger_than_they_need():
    """1, 3 and 2 times the average of four reach 5 where 1, 3 and 2 times the sum reach 20."""
    mean = Pool2d("mean", ("input",), "avgpool2d", (2, 2), (2, 2))
    for factor, threshold in ((1, 20), (4, 5)):
        dense = Dense("d", ("mean",), factor * np.array([[1, 3, 2, 0]]), np.array([5]))
        network = LayeredNetwork("n", (1, 4, 4), (mean, dense), {"kind": "binary"}, {"kind": "spikes"})
        found = spiking_layers(network)[0]
        assert set(found.terms[0].window.weight.ravel().tolist()) == {0, 1, 2, 3}
        assert found.threshold.tolist() == [threshold]


@pytest.mark.parametrize("size", [2**24 - 1, 2**24 + 1, 2**45 + 1])
def test_sums_are_exact_on_either_side_of_single_precision(size):
    """A last bit would be lost in floats that are too short."""
    weight = np.array([[size - 3, 1, 1, 1]])
    layers = (Dense("sum", ("input",), weight, None), Dense("fc", ("sum",), np.array([[1]]), np.array([size])))
    network = LayeredNetwork("n", (4, 1, 1), layers, {"kind": "binary"}, {"kind": "spikes"})
    found = evaluate(network, np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 1, 1, 1]]).reshape(3, 4, 1, 1))
    assert found["sum"].ravel().tolist() == [size, size - 1, 3]
    assert found["fc"].ravel().tolist() == [1, 0, 0]
