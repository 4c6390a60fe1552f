"""Frames as networks of 0/1 units see them: how many of a few steps each value reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from isa_spec.errors import NetworkError


def even_steps(planes: int, highest: int) -> tuple[int, ...]:
    """Evenly spaced thresholds of the input, ascending.

    Parameters
    ----------
    planes : int
        How many: spikes that tell the largest value.
    highest : int
        Largest value of the frames.

    Raises
    ------
    NetworkError
        If there are more planes than values.
    """
    if not 1 <= planes <= highest:
        raise NetworkError(f"{planes} planes for values of 0..{highest}, allowed: 1..{highest}")
    return tuple(int((i + 0.5) * (highest + 1) / planes) for i in range(planes))


def encoding_of(steps: Sequence[int]) -> dict[str, Any]:
    """The input encoding with such thresholds, as in the network file."""
    return (
        {"kind": "binary", "threshold": steps[0]}
        if len(steps) == 1
        else {"kind": "thermometer", "thresholds": list(steps)}
    )


def seen(steps: Sequence[int], frames: jax.Array) -> jax.Array:
    """Number of steps that each value reaches once it is rounded: float32, of the frames' shape.

    Parameters
    ----------
    steps : sequence of int
    frames : float32[...]
    """
    return sum((frames >= step - 0.5 for step in steps), jnp.zeros(frames.shape, jnp.float32))
