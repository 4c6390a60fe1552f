"""Rounding to integers, and the search for the scale that flips the fewest decisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from compiler.learning.grid import BITS, largest
from compiler.learning.integers import CANDIDATES, search_scales, to_grid
from isa_spec.errors import NetworkError

pytestmark = pytest.mark.training


@pytest.mark.parametrize("bits", BITS)
def test_every_width_uses_its_whole_grid_and_no_more(bits):
    most = largest(bits)
    weight = jnp.linspace(-2.0, 2.0, 4001).reshape(1, 1, -1, 1)
    grid = np.asarray(to_grid(weight, jnp.array([1.0 / most]), most))
    assert set(grid.ravel()) == set(range(-most, most + 1))
    assert most < 2 ** (bits - 1)


@pytest.mark.parametrize("bits", [1, 9])
def test_other_widths_are_refused(bits):
    with pytest.raises(NetworkError, match=r"allowed: 2\.\.8"):
        largest(bits)


def test_the_gradient_passes_where_nothing_saturates():
    weight = jnp.array([-9.0, -2.6, 0.2, 2.9, 9.0]).reshape(1, 1, 5, 1)
    slope = jax.grad(lambda w: to_grid(w, jnp.array([0.5]), 7).sum())(weight)
    assert slope.ravel().tolist() == [0, 2, 2, 2, 0]


def case(seed):
    rng = np.random.default_rng(seed)
    weight = jnp.asarray(rng.normal(size=(3, 3, 2, 6)) * rng.uniform(0.1, 9, 6), jnp.float32)
    x = jnp.asarray(rng.integers(0, 2, (200, 18)), jnp.float32)

    def sums(w):
        return x @ w.reshape(18, -1)

    def decide(z):
        return (z - z.mean(0)) / jnp.sqrt(z.var(0) + 1e-5) + 0.2 >= 0.5

    return weight, sums, decide


def flips(weight, sums, decide, most, part):
    """Decisions of each filter that change at a candidate, one filter after the other."""
    wanted = np.asarray(decide(sums(weight)))
    counts = []
    for o in range(weight.shape[3]):
        own = np.asarray(weight[..., o : o + 1])
        step = np.float32(np.abs(own).max()) * np.float32(part / most)
        rounded = np.clip(np.round(own / step), -most, most)
        counts.append(int((np.asarray(decide(sums(jnp.asarray(rounded))))[:, 0] != wanted[:, o]).sum()))
    return counts


@pytest.mark.parametrize("bits", [2, 3, 5])
def test_the_scale_of_a_filter_is_the_one_with_the_fewest_flips(bits):
    most, (weight, sums, decide) = largest(bits), case(bits)
    scale = search_scales(weight, most, sums, decide)
    table = np.array([flips(weight, sums, decide, most, part) for part in CANDIDATES])
    chosen = np.asarray(scale) * most / np.abs(np.asarray(weight)).max(axis=(0, 1, 2))
    best = CANDIDATES[table.argmin(axis=0)]
    assert np.allclose(chosen, best, rtol=1e-5)
    assert table.min(axis=0).sum() < table[-1].sum(), "the search gains nothing here"


def test_the_scale_of_a_layer_is_one():
    weight, sums, decide = case(4)
    scales = np.asarray(search_scales(weight, 3, sums, decide, per="layer"))
    assert len(set(scales.tolist())) == 1


def test_a_filter_of_zeros_stays_one():
    _, sums, decide = case(4)
    weight = jnp.zeros((3, 3, 2, 6))
    scales = search_scales(weight, 7, sums, decide)
    assert np.all(np.asarray(scales) > 0)
    assert not np.any(to_grid(weight, scales, 7))
