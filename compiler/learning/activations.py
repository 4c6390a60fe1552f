"""What a unit makes of its normalised sum while it is trained, ending in 0 or 1: it fires from `LEVEL` on."""

from __future__ import annotations

import jax
import jax.numpy as jnp

LEVEL = 0.5
"""A sharp unit fires iff its normalised sum is at least this."""
WIDENED = 0.001
"""Added to the width of the ramp, so that it is never a division by zero."""


def bounded_relu(x: jax.Array, sharpness: jax.Array | float) -> jax.Array:
    """Whetstone's activation: a ramp from 0 to 1 around `LEVEL`, and the step itself at sharpness 1.

    Parameters
    ----------
    x : float32[...]
    sharpness : float
        In 0..1; the ramp is ``1 - sharpness`` wide, and so ``clip(x, 0, 1)`` (nearly) at 0.

    Source: Severa et al. 2019.
    """
    ramp = jnp.clip((x - LEVEL) / (1 - sharpness + WIDENED) + LEVEL, 0.0, 1.0)
    return jnp.where(sharpness == 1, step(x), ramp)


def step(x: jax.Array) -> jax.Array:
    """1 from `LEVEL` on, else 0; no gradient."""
    return jnp.asarray(x >= LEVEL, x.dtype)


def straight_through_step(x: jax.Array) -> jax.Array:
    """The step, with the gradient of a ramp of slope 1 that is 2 wide: it passes within 1 of `LEVEL`."""
    return straight_through(step(x), jnp.clip(x, LEVEL - 1, LEVEL + 1))


def straight_through(value: jax.Array, ramp: jax.Array) -> jax.Array:
    """Exactly ``value``, with the gradient of ``ramp`` (both of one shape)."""
    return jax.lax.stop_gradient(value) + (ramp - jax.lax.stop_gradient(ramp))
