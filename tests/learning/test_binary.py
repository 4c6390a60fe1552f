"""Networks that pool before their ReLUs: signs and their gradient, pools as kernels, and what is written of them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neuroproc
from compiler.learning.architectures import Block, parse_architecture
from compiler.learning.balancing import percentile_scales
from compiler.learning.binary import REACH, BinaryRelu, PooledRelu, binarised, centred, pooled_sums
from compiler.learning.binary_conversion import MARGIN, BinaryConversion, signs_of, to_binary_network
from compiler.learning.conversion import ReluWeights
from compiler.learning.course import Course
from compiler.learning.rate import averaged
from compiler.learning.units import convolved, output_first
from compiler.learning.widening import widened
from compiler.networks.evaluate import classes, evaluate, final_potentials
from compiler.networks.layers import Conv2d, Dense, Pool2d
from compiler.networks.network import LayeredNetwork
from isa_spec.errors import FormatError, NetworkError

pytestmark = pytest.mark.training

NETWORK, HIGHEST = "5C3p1-P2-6C3p1-P2-12-4", 20
SHAPE = (1, 8, 8)
POOLED = [(3, 0, 2, 10), (3, 1, 2, 7), (5, 0, 3, 12), (2, 1, 2, 5), (3, 1, 1, 6)]
"""Kernel, padding, pool, side of the map; also maps whose last row or column no window reaches."""


def method(kind=BinaryRelu, dropout=0.1):
    return kind(parse_architecture(NETWORK, SHAPE), Course(epochs=1, seed=4), HIGHEST, dropout)


def frames(count, seed=0):
    return np.random.default_rng(seed).integers(0, HIGHEST + 1, (count, *SHAPE), np.uint8)


def relu_network(kind=BinaryRelu, seed=0, count=60):
    """Random weights and what the network that is trained answers with them."""
    net = method(kind)
    rng = np.random.default_rng(seed)
    weights = [
        jnp.asarray(rng.normal(0.1, 1.0, shape) * np.sqrt(2 / np.prod(shape[:3])), jnp.float32)
        for shape in net.architecture.weight_shapes
    ]
    seen = net.activations(weights, frames(count, seed))
    return ReluWeights(
        net.architecture,
        tuple(output_first(np.asarray(weight, np.float64)) for weight in weights),
        tuple(np.asarray(values) for values in seen),
        HIGHEST,
    )


@pytest.mark.oracle
@pytest.mark.parametrize(("kernel", "padding", "pool", "side"), POOLED)
def test_a_wider_convolution_is_the_sum_over_a_pool(kernel, padding, pool, side):
    """Step for step, in every unit, and in what is left in it: the pool behind the convolution, and inside it."""
    rng = np.random.default_rng(1)
    weight = rng.choice([-1, 1], (4, 3, kernel, kernel))
    threshold, sides = rng.integers(1, 9, 4), ((padding, padding), (padding, padding))
    behind = (
        Conv2d("conv", ("input",), weight, None, padding=sides),
        Pool2d("pool", ("conv",), "sumpool2d", (pool, pool), (pool, pool), threshold),
    )
    inside = (Conv2d("pool", ("input",), widened(weight, pool), threshold, (pool, pool), sides),)
    shown = {"kind": "bitplanes", "bits": 3, "steps": 7}
    networks = [
        LayeredNetwork("n", (3, side, side), layers, shown, {"kind": "spikes"}, reset="subtract", floor=-60)
        for layers in (behind, inside)
    ]
    values = rng.integers(0, 8, (5, 3, side, side))
    decided = [evaluate(network, values) for network in networks]
    assert np.array_equal(decided[0]["pool"], decided[1]["pool"])
    assert 0 < decided[0]["pool"].mean() < 1
    left = [final_potentials(*pair) for pair in zip(networks, decided, strict=True)]
    assert np.array_equal(*left)
    assert np.abs(inside[0].weight).max() <= pool**2


@pytest.mark.parametrize(("kernel", "padding", "pool", "side"), POOLED)
def test_training_pools_inside_the_convolution_as_well(kernel, padding, pool, side):
    rng = np.random.default_rng(2)
    block = Block("conv1", 4, kernel, padding, pool)
    x, weight = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((2, side, side, 3), (kernel, kernel, 3, 4)))
    wanted = averaged(block, convolved(block, weight, x))
    assert np.allclose(pooled_sums(block, weight, x), wanted, atol=1e-5)


def test_weights_are_signs_times_the_size_of_their_filter():
    weight = np.random.default_rng(3).normal(size=(3, 3, 4, 5)).astype(np.float32)
    weight[0, 0, 0] = (0.0, -0.0, 1e-9, -1e-9, 2.0)
    sign, finer = signs_of(output_first(weight.astype(np.float64)))
    assert set(np.unique(sign)) == {-1, 1}
    assert sign[:, 0, 0, 0].tolist() == [1, 1, 1, -1, 1], "the sign of 0 is +1"
    wanted = sign / finer[:, None, None, None]
    assert np.allclose(output_first(np.asarray(binarised(jnp.asarray(weight)))), wanted, rtol=1e-6)


def test_the_gradient_of_signs_is_that_of_the_weights_behind_them():
    """By the definition, in plain NumPy: a size of the mean magnitude, and signs that pass what comes."""
    rng = np.random.default_rng(4)
    weight, arriving = (rng.normal(size=(2, 2, 3, 4)) for _ in range(2))
    sign = np.where(weight >= 0, 1, -1)
    size = np.abs(weight).mean(axis=(0, 1, 2))
    wanted = size * arriving + sign * (sign * arriving).mean(axis=(0, 1, 2))
    found = jax.grad(lambda w: (binarised(w) * jnp.asarray(arriving, jnp.float32)).sum())(
        jnp.asarray(weight, jnp.float32)
    )
    assert np.allclose(found, wanted, atol=1e-5)


def test_real_weights_stay_near_0():
    weight = jnp.asarray(np.random.default_rng(5).normal(0.3, 2.0, (3, 3, 4, 5)), jnp.float32)
    kept = np.asarray(centred(weight))
    assert np.abs(kept).max() == REACH
    assert np.allclose(np.asarray(centred(weight * 0.1)).mean(axis=(0, 1, 2)), 0, atol=1e-6)


def test_only_inner_layers_have_signs_and_are_centred():
    net = method()
    weights = net.begin().weights
    settled = net._settled(weights)
    same = [np.array_equal(*pair) for pair in zip(weights, settled, strict=True)]
    assert same == [True, False, False, True]
    assert [net.inner(i) for i in range(4)] == [False, True, True, False]


def test_only_dense_layers_lose_values():
    net, x = method(dropout=0.5), jnp.ones((2, 4, 4, 3))
    key = jax.random.key(0)
    assert np.array_equal(net._dropped(1, key, x), x)
    assert set(np.unique(net._dropped(2, key, x))) == {0.0, 2.0}


@pytest.mark.parametrize("weights", ["binary", "full"])
def test_integers_are_what_was_trained(weights):
    """Inner signs exactly, thresholds by their formula, other weights as fine as bits and thresholds allow."""
    kind = {"binary": BinaryRelu, "full": PooledRelu}[weights]
    relu, conversion = relu_network(kind), BinaryConversion(weights=weights, steps=6, percentile=99.0)
    network = to_binary_network(relu, conversion, "n")
    scales = percentile_scales(relu.activations[:-1], 99.0, zeros=True)
    before = (1 / HIGHEST, *scales[:-1])
    layers = [layer for layer in network.layers if isinstance(layer, Conv2d | Dense)]
    assert [layer.name for layer in layers] == ["conv1", "conv2", "fc1", "fc2"]
    assert not any(isinstance(layer, Pool2d) for layer in network.layers)
    for i, (layer, real) in enumerate(zip(layers[:-1], relu.weights, strict=False)):
        pool = relu.architecture.blocks[i].pool
        factor = pool**2 * scales[i] / before[i]
        if weights == "binary" and i:
            sign, finer = signs_of(real)
        else:
            peak = np.abs(real).max()
            finer = np.full(len(real), min(127 / peak, 65535 / factor))
            sign = np.rint(real * finer[:, None, None, None])
        assert np.array_equal(layer.weight.reshape(widened(sign, pool).shape), widened(sign, pool))
        assert np.array_equal(layer.threshold, np.maximum(1, np.rint(factor * finer)))
    inner = layers[2].weight
    assert (set(np.unique(inner)) == {-1, 1}) == (weights == "binary")
    assert layers[-1].threshold.tolist() == [65535] * 4
    assert (network.reset, network.floor) == ("subtract", -32767)
    assert network.encoding == {"kind": "bitplanes", "bits": 5, "steps": 6}
    assert network.decode == {"kind": "argmax", "classes": 4, "by": "potential"}


@pytest.mark.oracle
@pytest.mark.parametrize(("kind", "weights"), [(BinaryRelu, "binary"), (PooledRelu, "full")])
def test_rates_follow_the_relu_network(kind, weights):
    """With many steps a unit's rate is its activation over the layer's scale, and potentials are the last layer's."""
    relu, steps = relu_network(kind, 6, 12), 255
    conversion = BinaryConversion(weights=weights, steps=steps, percentile=100.0, floor=None)
    network = to_binary_network(relu, conversion, "n")
    decided = evaluate(network, frames(12, 6))
    scales = percentile_scales(relu.activations[:-1], 100.0, zeros=True)
    for name, values, scale in zip(("conv1", "conv2", "fc1"), relu.activations, scales, strict=False):
        rates = decided[name].mean(axis=1)
        wanted = (values / scale).transpose(0, 3, 1, 2)
        assert np.abs(rates - wanted).max() < 0.08, name
        assert wanted.max() == pytest.approx(1.0)
    potential = final_potentials(network, decided)
    logits = relu.activations[-1].reshape(potential.shape)
    finer = np.abs(network.layers[-1].weight).max() / np.abs(relu.weights[-1]).max()
    assert np.abs(potential * scales[-1] / finer / steps - logits).max() < 0.2 * np.abs(logits).max()
    assert np.corrcoef(potential.ravel(), logits.ravel())[0, 1] > 0.995
    assert not decided["fc2"].any(), "thresholds of the last layer are out of reach"
    assert np.abs(potential).max() < 65535 / MARGIN * 1.1


def test_a_layer_of_zeros_is_silent():
    relu = relu_network()
    nothing = replace(relu, weights=(relu.weights[0], np.zeros_like(relu.weights[1]), *relu.weights[2:]))
    network = to_binary_network(nothing, BinaryConversion(), "n")
    assert set(np.unique(network.layers[1].threshold)) == {65535}


@pytest.mark.oracle
def test_a_processor_of_signs_has_one_synapse_for_each():
    """A weight of the wider kernel is as many synapses in parallel, each +1 or -1, and every class is the same."""
    net = relu_network(count=20)
    network = to_binary_network(net, BinaryConversion(bits=2, steps=4, floor=-40, threshold_max=500), "n")
    spec = replace(
        neuroproc.load_profile("np16-subtract"), name="signs", weight_min=-1, weight_max=1, potential_floor=-40,
        threshold_max=500, input_min=-1, input_max=1,
    )  # fmt: skip
    image = neuroproc.compile_network(network, spec, neuroproc.FoldPlan(SHAPE[1:]))
    assert set(np.unique(image.weight)) == {-1, 1}
    labels = np.zeros(20, np.int64)
    found = neuroproc.classify(image, frames(20), labels)
    assert np.array_equal(found.predictions, classes(network, evaluate(network, frames(20))))


@pytest.mark.error
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"weights": "ternary"}, NetworkError, "binary, full"),
        ({"bits": 1}, NetworkError, "allowed: 2"),
        ({"percentile": 101.0}, NetworkError, "percentile"),
        ({"steps": 0}, FormatError, r"1\.\.255"),
        ({"reset": "none"}, NetworkError, "zero, subtract"),
        ({"floor": 3}, NetworkError, "0 or below"),
        ({"threshold_max": 20}, NetworkError, r"layer 'conv1'.*threshold_max is 20"),
    ],
)
def test_what_cannot_be_converted_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        to_binary_network(relu_network(), BinaryConversion(**options), "n")
