"""Layers of 0/1 units as they are trained: weighted sums, pooled, normalised without a scale, then activated.

A pool over the sums before the step equals the pool over the spikes behind it, since the step never falls; it is
smaller work, and lets the gradient reach the largest sum. The normalisation has no scale: before a step a positive one
only moves the threshold, as the shift does already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from compiler.learning.activations import LEVEL
from compiler.learning.architectures import Architecture, Block
from compiler.learning.integers import search_scales, to_grid

EPSILON = 1e-5
"""Added to variances: keeps the normalisation of a constant sum finite."""


class Unit(NamedTuple):
    """What is trained of a layer: ``weight`` float32[K_h, K_w, I, O] and ``beta`` float32[O]."""

    weight: jax.Array
    beta: jax.Array


class Moments(NamedTuple):
    """``mean`` and ``variance`` of a layer's sums: float32[O] each."""

    mean: jax.Array
    variance: jax.Array


Activate = Callable[[int, jax.Array], jax.Array]
"""Number of the layer and normalised sums to values."""


def initial_weights(architecture: Architecture, seed: int) -> list[jax.Array]:
    """Random weights of variance ``2 / fan_in``: of each layer float32[K_h, K_w, I, O]."""
    rng = np.random.default_rng(seed)
    return [
        jnp.asarray(rng.normal(0.0, np.sqrt(2 / np.prod(shape[:3])), shape), jnp.float32)
        for shape in architecture.weight_shapes
    ]


def initial_units(architecture: Architecture, seed: int) -> list[Unit]:
    """Random weights, no shift."""
    return [Unit(weight, jnp.zeros(weight.shape[3], jnp.float32)) for weight in initial_weights(architecture, seed)]


def initial_moments(architecture: Architecture) -> list[Moments]:
    """Moments before anything was seen."""
    return [
        Moments(jnp.zeros(block.units, jnp.float32), jnp.ones(block.units, jnp.float32))
        for block in architecture.blocks
    ]


def output_first(weight: np.ndarray) -> np.ndarray:
    """Weights [O, I, K_h, K_w] of those [K_h, K_w, I, O] that are trained."""
    return weight.transpose(3, 2, 0, 1)


def convolved(block: Block, weight: jax.Array, x: jax.Array) -> jax.Array:
    """Weighted sums of a layer: float32[B, H, W, O].

    Parameters
    ----------
    block : Block
    weight : float32[K_h, K_w, I, O]
    x : float32[B, H, W, I]
    """
    padding = [(block.padding, block.padding)] * 2
    return jax.lax.conv_general_dilated(x, weight, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def windows(x: jax.Array, size: int) -> list[jax.Array]:
    """The ``size * size`` values of each pooling window: as many float32[B, H / size, W / size, C]."""
    rows, columns = (side // size * size for side in x.shape[1:3])
    return [x[:, i:rows:size, j:columns:size] for i in range(size) for j in range(size)]


def largest_of(parts: Sequence[jax.Array]) -> jax.Array:
    """The largest value at each place: one array of their shape."""
    # Maxima of slices: their gradient is far cheaper than that of a reduction.
    first, *others = parts
    for other in others:
        first = jnp.maximum(first, other)
    return first


def sums(block: Block, weight: jax.Array, x: jax.Array) -> jax.Array:
    """Weighted sums of a layer, the largest of each pooling window: float32[B, H, W, O]."""
    return largest_of(windows(convolved(block, weight, x), block.pool))


def moments_of(z: jax.Array) -> Moments:
    """Moments over everything but channels."""
    axes = tuple(range(z.ndim - 1))
    return Moments(z.mean(axes), z.var(axes))


def normalised(z: jax.Array, moments: Moments, beta: jax.Array) -> jax.Array:
    """Sums of mean 0 and variance 1, shifted."""
    return (z - moments.mean) / jnp.sqrt(moments.variance + EPSILON) + beta


def forward(
    architecture: Architecture,
    units: Sequence[Unit],
    scales: Sequence[jax.Array] | None,
    most: int,
    moments: Sequence[Moments],
    x: jax.Array,
    activate: Activate,
    settled: int,
) -> tuple[jax.Array, list[Moments]]:
    """Values of the last layer: float32[B, O], and the moments used.

    Parameters
    ----------
    architecture : Architecture
    units : list of Unit
    scales : list of float32[O] or None
        Of the integer weights; None: weights are floats still.
    most : int
        Largest integer weight.
    moments : list of Moments
        For the first ``settled`` layers; the others take the batch's own.
    x : float32[B, H, W, C]
    activate : callable
    settled : int
    """
    used = []
    for i, (block, unit) in enumerate(zip(architecture.blocks, units, strict=True)):
        z = sums(block, unit.weight if scales is None else to_grid(unit.weight, scales[i], most), x)
        used.append(moments[i] if i < settled else moments_of(z))
        x = activate(i, normalised(z, used[i], unit.beta))
    return x.reshape(len(x), -1), used


def choose_scales(
    architecture: Architecture, units: Sequence[Unit], most: int, x: jax.Array, activate: Activate, per: str
) -> tuple[list[jax.Array], list[Moments]]:
    """Scales of all layers, each layer reading the already rounded ones before it, and the moments that follow.

    Parameters
    ----------
    architecture, units, most, activate
        As for `forward`.
    x : float32[B, H, W, C]
        Calibration frames.
    per : "filter" or "layer"
    """
    scales, moments = [], []
    for i, (block, unit) in enumerate(zip(architecture.blocks, units, strict=True)):
        summed = jax.jit(lambda weight, x=x, block=block: sums(block, weight, x))

        def decide(z: jax.Array, beta: jax.Array = unit.beta) -> jax.Array:
            return normalised(z, moments_of(z), beta) >= LEVEL

        scales.append(search_scales(unit.weight, most, summed, decide, per))
        z = summed(to_grid(unit.weight, scales[i], most))
        moments.append(moments_of(z))
        x = activate(i, normalised(z, moments[i], unit.beta))
    return scales, moments
