"""Frames as maps: axes of length 1 that a file or a caller left out are put back, here and nowhere else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from isa_spec.errors import FormatError


def as_frames(frames: Any, shape: tuple[int, int, int], where: str = "") -> np.ndarray:
    """Frames with channels, rows and columns: [n_frames, C, H, W], values as they are.

    Parameters
    ----------
    frames : array of integers or bool
        ``[n_frames, C, H, W]``; also without channels where ``C`` is 1, and without columns where ``W`` is 1, as the
        maps of a network over one axis have it.
    shape : (C, H, W)
        Of the network's input.
    where : str
        Name of the source, for messages.

    Raises
    ------
    FormatError
        If they have another shape, or are no integers.
    """
    array, prefix = np.asarray(frames), f"{where}: " if where else ""
    if array.size and array.dtype.kind not in "iub":
        # A threshold of 8 takes every frame of floats up to 1 for dark, and nobody would be told.
        raise FormatError(
            f"{prefix}frames of {array.dtype}, allowed: integers; scale and round them before, as you mean it"
        )
    channels, height, width = shape
    allowed: list[tuple[int, ...]] = [shape]
    if channels == 1:
        allowed.append((height, width))
    if width == 1:
        allowed.append((channels, height))
    if channels == width == 1:
        allowed.append((height,))
    if not array.ndim or array.shape[1:] not in allowed:
        listed = " or ".join(f"[n_frames, {', '.join(map(str, axes))}]" for axes in dict.fromkeys(allowed))
        raise FormatError(f"{prefix}frames of shape {list(array.shape)}, allowed: {listed}{_remedy(array, shape)}")
    return array.reshape(len(array), *shape)


def _remedy(array: np.ndarray, shape: tuple[int, int, int]) -> str:
    """How frames of as many values get the shape, where one of the two is flat: other axes may be in another order."""
    channels, height, width = shape
    is_flat = array.ndim == 2 or height == width == 1
    if not is_flat or math.prod(array.shape[1:]) != channels * height * width:
        return ""
    return f"; frames.reshape(-1, {channels}, {height}, {width}) has it, if the values are in C, H, W order"
