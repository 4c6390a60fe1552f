"""Normalisations, and rate-coded networks that follow the ReLU network they were made from."""

import numpy as np
import pytest

from compiler.learning.architectures import parse_architecture
from compiler.learning.balancing import data_scales, model_scales, percentile_scales
from compiler.learning.conversion import NORMALISATIONS, Conversion, ReluWeights, rounded, to_rate_network
from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Conv2d, Dense, Pool2d
from isa_spec.errors import FormatError, NetworkError

pytestmark = pytest.mark.training

ARCHITECTURE = parse_architecture("5C3p1-P2-12-6-4", (1, 6, 6))
HIGHEST = 20


def relu_network(seed=0, frames=None):
    """Random positive-leaning weights, and their activations in plain floats."""
    rng = np.random.default_rng(seed)
    weights = tuple(rng.normal(0.05, 0.2, shape).transpose(3, 2, 0, 1) for shape in ARCHITECTURE.weight_shapes)
    frames = rng.integers(0, HIGHEST + 1, (50, 1, 6, 6)) if frames is None else frames
    return ReluWeights(ARCHITECTURE, weights, tuple(activations(weights, frames / HIGHEST)), HIGHEST)


def activations(weights, x):
    """What each layer answers, before its pool, by the definition."""
    answers = []
    for i, weight in enumerate(weights):
        if i == 0:
            padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
            answers.append(np.maximum(np.einsum("nchwij,ocij->nohw", windows, weight), 0))
            x = answers[0].reshape(*answers[0].shape[:2], 3, 2, 3, 2).mean((3, 5))
        else:
            x = x.reshape(len(x), -1) @ weight.reshape(len(weight), -1).T
            x = x if i == len(weights) - 1 else np.maximum(x, 0)
            answers.append(x)
    return answers


def test_model_scales_are_sums_of_positive_weights_one_on_the_other():
    weights = [np.array([[1.0, -5.0, 2.0], [0.5, 0.5, 0.5]]), np.array([[2.0, -1.0], [0.0, 0.25]])]
    assert model_scales(weights) == (3.0, 6.0)


def test_no_activation_exceeds_the_scales_of_the_model():
    relu = relu_network(3)
    for scale, values in zip(model_scales(relu.weights), relu.activations, strict=True):
        assert values.max() <= scale


def test_data_scales_are_the_largest_activation_or_weight():
    weights = [np.array([[1.0, 7.0]]), np.array([[2.0]])]
    assert data_scales(weights, [np.array([[0.0, 3.0]]), np.array([[4.5]])]) == (7.0, 4.5)


def test_percentiles_are_of_what_is_active():
    values = np.concatenate([np.zeros(900), np.arange(1, 101)])
    assert percentile_scales([values], 99) == (np.percentile(np.arange(1, 101), 99),)
    assert percentile_scales([values], 100) == (100.0,)
    assert percentile_scales([np.zeros(5)], 99) == (1.0,)
    with pytest.raises(NetworkError, match="at most 100"):
        percentile_scales([values], 101)


def test_thresholds_divide_by_the_scale_of_the_layer_before():
    """From the third layer on this is not the factor that was applied to the layer before."""
    weights = [np.full((1, 1), 0.5)] * 4
    grids, thresholds = rounded(weights, (2.0, 6.0, 3.0, 12.0), 8)
    assert [int(grid[0, 0]) for grid in grids] == [127] * 4
    assert [int(threshold[0]) for threshold in thresholds] == [round(254 * factor) for factor in (2, 3, 0.5, 4)]


@pytest.mark.parametrize("bits", range(2, 9))
def test_integers_keep_the_proportion_of_weights_and_thresholds(bits):
    relu = relu_network(1)
    scales = data_scales(relu.weights, relu.activations)
    grids, thresholds = rounded(relu.weights, scales, bits)
    before = 1.0
    for weight, grid, threshold, scale in zip(relu.weights, grids, thresholds, scales, strict=True):
        step = np.abs(weight).max() / (2 ** (bits - 1) - 1)
        assert np.abs(grid).max() == 2 ** (bits - 1) - 1
        assert np.abs(grid * step - weight).max() <= step / 2 * 1.0001
        assert np.all(np.abs(threshold * step - scale / before) <= max(step / 2, step - scale / before) * 1.0001)
        before = scale


def test_a_layer_of_zeros_is_silent():
    grids, thresholds = rounded([np.zeros((2, 3))], (1.0,), 8)
    assert not grids[0].any()
    assert np.all(thresholds[0] >= 1)


@pytest.mark.oracle
@pytest.mark.parametrize("normalisation", ["data", "percentile"])
def test_rates_follow_the_activations(normalisation):
    """With many steps and subtraction, a unit's rate is its activation over the layer's scale."""
    frames = np.random.default_rng(5).integers(0, HIGHEST + 1, (6, 1, 6, 6))
    relu = relu_network(2, frames)
    conversion = Conversion(
        steps=255, normalisation=normalisation, percentile=100.0, reset="subtract", floor=None, bits=8
    )
    network = to_rate_network(relu, conversion, "n")
    spikes = evaluate(network, frames)
    scales = data_scales(relu.weights, relu.activations)
    for name, values, scale in zip(("conv1", "fc1", "fc2", "fc3"), relu.activations, scales, strict=True):
        rates = spikes[name].mean(axis=1).reshape(values.shape)
        wanted = np.clip(values / scale, 0, 1)
        assert np.abs(rates - wanted).max() < 0.08, name
        assert np.corrcoef(rates.ravel(), wanted.ravel())[0, 1] > 0.99, name


def test_what_is_written():
    conversion = Conversion(bits=5, steps=17, source="bernoulli", seed=4, by="first", floor=-9)
    network = to_rate_network(relu_network(), conversion, "n")
    assert network.encoding == {"kind": "rate", "steps": 17, "levels": HIGHEST, "source": "bernoulli", "seed": 4}
    assert network.decode == {"kind": "argmax", "classes": 4, "by": "first", "ties": "potential"}
    assert (network.reset, network.floor) == ("zero", -9)
    pool = next(layer for layer in network.layers if isinstance(layer, Pool2d))
    assert (pool.kind, pool.threshold.tolist()) == ("sumpool2d", [4] * 5)
    for layer in network.layers:
        if isinstance(layer, Conv2d | Dense):
            assert np.abs(layer.weight).max() == 15


@pytest.mark.parametrize(("pooling", "reset"), [("or", "zero"), ("membrane", "zero"), ("membrane", "subtract")])
def test_a_maximum_has_no_threshold_and_its_rule(pooling, reset):
    average = to_rate_network(relu_network(), Conversion(reset=reset), "n")
    network = to_rate_network(relu_network(), Conversion(pooling=pooling, reset=reset), "n")
    for layer, other in zip(network.layers, average.layers, strict=True):
        if isinstance(layer, Pool2d):
            assert (layer.kind, layer.rule, layer.threshold) == ("maxpool2d", pooling, None)
        elif isinstance(layer, Conv2d | Dense):
            assert np.array_equal(layer.weight, other.weight)
            assert np.array_equal(layer.threshold, other.threshold)


def test_one_float_network_gives_many():
    relu = relu_network()
    made = [Conversion(normalisation=name) for name in NORMALISATIONS]
    made += [Conversion(bits=4), Conversion(steps=9), Conversion(reset="subtract"), Conversion(source="bernoulli")]
    made += [
        Conversion(pooling="or"),
        Conversion(pooling="membrane"),
        Conversion(by="first"),
        Conversion(floor=None),
        Conversion(source="bernoulli", seed=1),
    ]
    assert len({to_rate_network(relu, conversion, "n").digest for conversion in made}) == len(made)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"bits": 9}, NetworkError, "allowed: 2"),
        ({"normalisation": "best"}, NetworkError, "model, data, percentile"),
        ({"percentile": 0.0}, NetworkError, "percentile"),
        ({"steps": 256}, FormatError, r"1\.\.255"),
        ({"reset": "half"}, NetworkError, "zero, subtract"),
        ({"source": "odd"}, FormatError, "bernoulli, even"),
        ({"by": "potential"}, NetworkError, "count, first"),
        ({"pooling": "max"}, NetworkError, "average, or, membrane"),
        ({"pooling": "or", "reset": "subtract"}, NetworkError, "reset 'zero'"),
        ({"floor": 1}, NetworkError, "0 or below"),
    ],
)
def test_what_cannot_be_converted_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        to_rate_network(relu_network(), Conversion(**options), "n")
