"""Activations, sums and pools as they are trained, against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from compiler.learning.activations import bounded_relu, step, straight_through_step
from compiler.learning.architectures import Block
from compiler.learning.rate import averaged
from compiler.learning.spiking_units import n_hot_scores
from compiler.learning.thermometer import encoding_of, even_steps, seen
from compiler.learning.units import output_first, sums
from compiler.networks.checks import integers
from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Conv2d, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork
from isa_spec.coding import to_values
from isa_spec.errors import NetworkError

pytestmark = pytest.mark.training

X = np.array([-3, -0.2, 0.0, 0.3, 0.49, 0.5, 0.51, 0.9, 1.0, 4.0], np.float32)


@pytest.mark.parametrize("sharpness", [0.0, 0.3, 0.9, 0.999])
def test_bounded_relu_is_the_published_ramp(sharpness):
    expected = np.clip((X - 0.5) / (1 - sharpness + 0.001) + 0.5, 0, 1)
    assert np.allclose(bounded_relu(X, sharpness), expected, atol=1e-6)
    slope = jax.vmap(jax.grad(bounded_relu), (0, None))(jnp.asarray(X), sharpness)
    inside = (expected > 0) & (expected < 1)
    assert np.allclose(np.asarray(slope)[inside], 1 / (1 - sharpness + 0.001), rtol=1e-4)
    assert not np.asarray(slope)[~inside].any()


def test_fully_sharp_it_is_the_step_and_nothing_passes_back():
    assert np.array_equal(bounded_relu(X, 1.0), X >= 0.5)
    assert np.array_equal(step(X), X >= 0.5)
    assert not np.any(jax.vmap(jax.grad(bounded_relu), (0, None))(jnp.asarray(X), 1.0))


def test_the_straight_through_step_passes_within_one_of_its_threshold():
    assert np.array_equal(straight_through_step(X), X >= 0.5)
    slope = jax.vmap(jax.grad(straight_through_step))(jnp.array([-0.6, -0.4, 0.5, 1.4, 1.6]))
    assert slope.tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize(("kernel", "padding", "pool"), [(3, 0, 1), (3, 1, 2), (5, 2, 3), (1, 0, 2)])
def test_sums_then_step_are_the_layers_that_are_written(kernel, padding, pool):
    rng = np.random.default_rng(3)
    frames = rng.integers(0, 2, (4, 2, 9, 8))
    weight, threshold = rng.integers(-3, 4, (kernel, kernel, 2, 5)), rng.integers(-2, 6, 5)
    block = Block("conv", 5, kernel, padding, pool)
    z = sums(block, jnp.asarray(weight, jnp.float32), jnp.asarray(frames.transpose(0, 2, 3, 1), jnp.float32))
    fires = np.asarray(z >= threshold).transpose(0, 3, 1, 2)
    conv = Conv2d(
        "conv", (INPUT,), integers(output_first(weight), 4, ""), integers(threshold, 1, ""),
        padding=((padding, padding), (padding, padding)),
    )  # fmt: skip
    layers = (conv, Pool2d("pool", ("conv",), "maxpool2d", (pool, pool), (pool, pool)))
    network = LayeredNetwork("n", (2, 9, 8), layers, {"kind": "binary"}, {"kind": "spikes"})
    assert np.array_equal(fires, evaluate(network, frames)["pool"])


def test_average_pool():
    x = np.random.default_rng(1).random((2, 4, 6, 3)).astype(np.float32)
    expected = x.reshape(2, 2, 2, 3, 2, 3).mean(axis=(2, 4))
    assert np.allclose(averaged(Block("conv", 3, 3, 0, 2), jnp.asarray(x)), expected)


def test_scores_are_the_published_product():
    rng = np.random.default_rng(2)
    key, out = rng.integers(0, 2, (3, 12)), rng.random((5, 12)).astype(np.float32)
    expected = [[sum((2 * o - 1) * (2 * k - 1) for o, k in zip(row, unit, strict=True)) for unit in key] for row in out]
    assert np.allclose(n_hot_scores(key, jnp.asarray(out)), expected, atol=1e-5)


@pytest.mark.parametrize(("planes", "highest"), [(1, 255), (4, 255), (16, 16), (3, 5)])
def test_frames_are_seen_as_the_host_tells_them(planes, highest):
    steps = even_steps(planes, highest)
    frames = np.arange(highest + 1).reshape(1, 1, 1, -1)
    told = to_values(encoding_of(steps), frames)
    assert np.array_equal(seen(steps, jnp.asarray(frames, jnp.float32)), told)
    assert told.max() == planes
    counts = np.bincount(told.ravel())
    assert counts[1:-1].max(initial=0) - counts[1:-1].min(initial=highest) <= 1


def test_more_planes_than_values_are_refused():
    with pytest.raises(NetworkError, match=r"allowed: 1\.\.15"):
        even_steps(16, 15)
