"""The fast run in integers against plain integer evaluation."""

import numpy as np
import pytest

from compiler.learning.architectures import parse_architecture
from compiler.learning.blocks import layers_of
from compiler.learning.integer_run import answers, classes_of
from compiler.networks.evaluate import classes, evaluate, final_potentials
from compiler.networks.layers import Add, Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from isa_spec.errors import NetworkError

pytestmark = pytest.mark.training


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(12))
def test_the_fast_run_in_integers_is_the_slow_one(seed):
    """Spikes of every step and the potentials after the last one."""
    rng = np.random.default_rng(seed)
    rate, pool = seed % 3 != 0, "sumpool2d" if seed % 3 == 1 else "maxpool2d"
    architecture = parse_architecture("3C3p1-P2-4C2-P2-9-6", (2, 8, 7))
    weights = [rng.integers(-4, 6, shape).transpose(3, 2, 0, 1) for shape in architecture.weight_shapes]
    thresholds = [rng.integers(1, 9, len(weight)) for weight in weights]
    layers = layers_of(architecture, weights, thresholds, pool, 1 if pool == "sumpool2d" else None)
    decode = {"kind": "argmax", "classes": 3}
    encoding: dict = {"kind": "thermometer", "thresholds": [2, 4, 7]}
    options = {}
    if rate:
        encoding = {
            "kind": "rate",
            "steps": int(rng.integers(2, 9)),
            "levels": 9,
            "source": ("even", "bernoulli")[seed % 2],
        }
        decode |= {"by": ("count", "first")[seed // 2 % 2], "ties": "potential"}
        options = {"reset": "subtract" if pool == "sumpool2d" else "zero", "floor": (None, 0, -5)[seed % 4 % 3]}
    network = LayeredNetwork("n", (2, 8, 7), layers, encoding, decode, **options)
    frames = rng.integers(0, 10, (300, 2, 8, 7))
    slow = evaluate(network, frames)
    spikes, potentials = answers(network, frames)
    last = slow["fc2"].reshape(300, -1, 6)
    assert np.array_equal(spikes, last)
    assert 0 < spikes.mean() < 1
    if rate:
        assert np.array_equal(potentials, final_potentials(network, slow))
    assert np.array_equal(classes_of(network, frames), classes(network, slow))


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(6))
def test_the_fast_run_is_shown_a_constant_input_once(seed):
    """And reads potentials where nothing in the last layer fires."""
    rng = np.random.default_rng(seed)
    architecture = parse_architecture("3C3p1-P2-6", (2, 6, 7))
    weights = [rng.integers(-5, 6, shape).transpose(3, 2, 0, 1) for shape in architecture.weight_shapes]
    thresholds = [rng.integers(9, 90, 3), np.full(6, 2**61)]
    layers = layers_of(architecture, weights, thresholds, "sumpool2d", 3)
    decode = {"kind": "argmax", "classes": 3, "by": "potential"}
    encoding = {"kind": "bitplanes", "bits": 4, "steps": 7}
    reset, floor = [("subtract", None), ("subtract", -40), ("zero", 0)][seed % 3]
    network = LayeredNetwork("n", (2, 6, 7), layers, encoding, decode, reset=reset, floor=floor)
    frames = rng.integers(0, 16, (150, 2, 6, 7))
    slow = evaluate(network, frames)
    spikes, potentials = answers(network, frames)
    assert spikes.shape == (150, 7, 6)
    assert not spikes.any()
    assert np.array_equal(potentials, final_potentials(network, slow))
    assert 0.02 < slow["pool1"].mean() < 0.98
    found = classes_of(network, frames)
    assert np.array_equal(found, classes(network, slow))
    assert len(set(found.tolist())) > 1


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(6))
def test_the_fast_run_of_latched_networks_is_the_slow_one(seed):
    rng = np.random.default_rng(seed)
    architecture = parse_architecture("3C3p1-P2-4C2-P2-9-6", (2, 8, 7))
    weights = [rng.integers(-4, 6, shape).transpose(3, 2, 0, 1) for shape in architecture.weight_shapes]
    thresholds = [rng.integers(1, 15, len(weight)) for weight in weights]
    layers = layers_of(architecture, weights, thresholds, "maxpool2d", None)
    encoding = {"kind": "latency", "steps": int(rng.integers(4, 12)), "levels": 9}
    decode = {"kind": "argmax", "classes": 3, "by": "first", "ties": "next"}
    network = LayeredNetwork("n", (2, 8, 7), layers, encoding, decode, floor=(None, -20)[seed % 2])
    frames = rng.integers(0, 10, (300, 2, 8, 7))
    slow = evaluate(network, frames)
    spikes, potentials = answers(network, frames)
    assert np.array_equal(spikes, slow["fc2"].reshape(300, -1, 6))
    assert 0 < spikes.mean() < 1
    assert np.array_equal(potentials, final_potentials(network, slow))
    assert np.array_equal(classes_of(network, frames), classes(network, slow))


def test_the_fast_run_refuses_what_it_cannot_do():
    architecture = parse_architecture("2", (1, 1, 3))
    decode = {"kind": "argmax", "classes": 2}

    def network(layers, **options):
        return LayeredNetwork("n", (1, 1, 3), layers, {"kind": "binary"}, {**decode, **options})

    wide = layers_of(architecture, [np.full((2, 1, 1, 3), 2**23)], [np.ones(2, np.int64)], "maxpool2d", None)
    with pytest.raises(NetworkError, match="less than 16777216"):
        classes_of(network(wide), np.ones((1, 1, 1, 3), np.int64))
    ones = [np.ones((2, 1, 1, 3), np.int64)], [np.ones(2, np.int64)]
    added = (Add("add", ("input",), np.array([1])), *layers_of(architecture, *ones, "maxpool2d", None))
    with pytest.raises(NetworkError, match="'add' of network 'n' is none that training makes"):
        classes_of(network(added), np.ones((1, 1, 1, 3), np.int64))


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(7))
def test_the_fast_run_pools_by_membrane(seed):
    rng = np.random.default_rng(seed)
    (k_h, k_w), (s_h, s_w) = rng.integers(1, 4, 2).tolist(), rng.integers(0, 2, 2).tolist()
    pool = Pool2d("pool", ("conv",), "maxpool2d", (k_h, k_w), (k_h + s_h, k_w + s_w), rule="membrane")
    _, height, width = pool.output_shape([(3, 6, 7)])
    constant = seed % 3 == 0
    layers = (
        Conv2d("conv", ("input",), rng.integers(-4, 5, (3, 2, 3, 3)), rng.integers(5, 30, 3) * (5 if constant else 1)),
        pool,
        Flatten("flat", ("pool",)),
        Dense("fc", ("flat",), rng.integers(-3, 5, (6, 3 * height * width)), rng.integers(1, 30, 6)),
    )
    reset, floor = [("subtract", None), ("subtract", -40), ("zero", 0), ("zero", None)][seed % 4]
    encoding = {"kind": "rate", "steps": 9, "levels": 9}
    if constant:
        encoding = {"kind": "bitplanes", "bits": 3, "steps": 9}
    decode = {"kind": "argmax", "classes": 3, "ties": "potential"}
    network = LayeredNetwork("n", (2, 8, 9), layers, encoding, decode, reset=reset, floor=floor)
    frames = rng.integers(0, 8, (120, 2, 8, 9))
    slow = evaluate(network, frames)
    spikes, potentials = answers(network, frames)
    assert np.array_equal(spikes, slow["fc"].reshape(120, 9, 6))
    assert np.array_equal(potentials, final_potentials(network, slow))
    assert 0.02 < slow["pool"].mean() < 0.98
