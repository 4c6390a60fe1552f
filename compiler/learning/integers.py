"""Rounding weights onto the grid of integers, and the scale that flips the fewest decisions."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from compiler.learning.activations import straight_through

SMALLEST = 1e-30
"""Scale of a filter whose weights are all 0."""
CANDIDATES = np.geomspace(0.1, 1.0, 24)
"""Scales that are tried, as parts of the one that just holds the largest weight."""


def to_grid(weight: jax.Array, scale: jax.Array, most: int) -> jax.Array:
    """Weights as integers in ``-most..most``, the gradient passing where nothing saturates.

    Parameters
    ----------
    weight : float32[K_h, K_w, I, O]
    scale : float32[O]
        What one integer step is worth.
    most : int

    Returns
    -------
    float32[K_h, K_w, I, O], whole numbers
    """
    ramp = jnp.clip(weight / scale, -most, most)
    return straight_through(jnp.round(ramp), ramp)


def search_scales(
    weight: jax.Array,
    most: int,
    sums: Callable[[jax.Array], jax.Array],
    decide: Callable[[jax.Array], jax.Array],
    per: str = "filter",
) -> jax.Array:
    """Scales for which the integer weights decide most often as the float weights do: float32[O].

    What is searched: for each filter (or one for the whole layer) the step of the grid, over `CANDIDATES` times the
    step that just holds its largest weight. Smaller steps saturate the largest weights and round the others less. For
    each candidate the weights are rounded, the layer is run over the calibration frames, and its decisions are held
    against those of the float weights on the same inputs. Both are normalised by their own moments over these frames,
    since the integer layer is normalised anew; so what is counted is what no threshold could mend. The first candidate
    with the fewest flips wins.

    Parameters
    ----------
    weight : float32[K_h, K_w, I, O]
    most : int
    sums : callable
        Weights to the layer's sums over the calibration frames, float32[..., O].
    decide : callable
        Sums to decisions, bool[..., O].
    per : "filter" or "layer"

    Source: ours
    """
    wanted = decide(sums(weight))
    peak = jnp.abs(weight).max(axis=(0, 1, 2))
    peak = jnp.maximum(peak if per == "filter" else jnp.full_like(peak, peak.max()), SMALLEST)
    flips = []
    for part in CANDIDATES:
        rounded = to_grid(weight, peak * (part / most), most)
        flipped = decide(sums(rounded)) != wanted
        flips.append(flipped.sum(axis=tuple(range(flipped.ndim - 1))))
    counts = np.asarray(flips)
    if per == "layer":
        counts = np.broadcast_to(counts.sum(axis=1, keepdims=True), counts.shape)
    return peak * jnp.asarray(CANDIDATES[counts.argmin(axis=0)] / most, jnp.float32)
