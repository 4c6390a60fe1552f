"""Frames shifted, turned and zoomed at random, so that no frame is seen twice."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from compiler.learning.course import Jitter


@partial(jax.jit, static_argnames="jitter")
def varied(key: jax.Array, frames: Any, *, jitter: Jitter | None) -> jax.Array:
    """Frames as they are trained on: float32[B, H, W, C], distorted where there is jitter.

    Parameters
    ----------
    key : jax.random key
    frames : uint8[B, C, H, W]
    jitter : Jitter or None
    """
    x = channels_last(frames)
    return x if jitter is None else distort(key, x, jitter)


def channels_last(frames: Any) -> jax.Array:
    """Frames as networks are trained on them: float32[B, H, W, C].

    Parameters
    ----------
    frames : uint8[B, C, H, W]
    """
    return jnp.transpose(jnp.asarray(frames, jnp.float32), (0, 2, 3, 1))


def distort(key: jax.Array, frames: jax.Array, jitter: Jitter) -> jax.Array:
    """Each frame distorted at random, by linear interpolation; what lies outside is 0.

    Parameters
    ----------
    key : jax.random key
    frames : float32[B, H, W, C]
    jitter : Jitter
    """
    n_frames, height, width, _ = frames.shape
    most = jnp.array([jitter.shift * height, jitter.shift * width, jitter.turn, jitter.zoom, jitter.zoom])
    drawn = jax.random.uniform(key, (5, n_frames), minval=-1.0, maxval=1.0) * most[:, None]
    down, right, turn, zoom_y, zoom_x = drawn[:, :, None, None]
    y, x = jnp.meshgrid(jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2, indexing="ij")
    rows = (jnp.cos(turn) * y - jnp.sin(turn) * x) * (1 + zoom_y) + down + (height - 1) / 2
    columns = (jnp.sin(turn) * y + jnp.cos(turn) * x) * (1 + zoom_x) + right + (width - 1) / 2

    def one(frame: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
        return jax.vmap(lambda plane: map_coordinates(plane, [rows, columns], order=1), 2, 2)(frame)

    return jax.vmap(one)(frames, rows, columns)
