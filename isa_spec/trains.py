"""Frames to the spikes of every cycle of a slot, and to what a network sees in every step: for host and oracle."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from isa_spec.coding import check_frames, is_rate, spike_levels, to_planes, to_values


def rate_trains(encoding: Mapping[str, Any], frames: np.ndarray) -> np.ndarray:
    """Spikes of a rate code: a value of v is heard in v of so many steps as there are levels, on average.

    Source ``even``: step t (from 1) has a spike iff ``t * v div levels`` exceeds ``(t - 1) * v div levels``.
    Source ``bernoulli``: each step has one with probability ``v / levels``, by the raw 64-bit stream of a Philox
    generator that has the seed and a checksum of the frame as its key, step after step in C, H, W order: one frame has
    the same spikes wherever it stands in a set, and on every machine.

    Parameters
    ----------
    encoding : dict
        Of kind ``rate``, as `check_encoding` returns it.
    frames : int[n_frames, C, H, W]

    Returns
    -------
    uint8[n_frames, steps, C, H, W]

    Raises
    ------
    FormatError
        If a value is no integer in 0 .. levels.
    """
    frames = np.asarray(frames)
    check_frames(encoding, frames)
    steps, levels = encoding["steps"], encoding["levels"]
    value = frames.astype(np.int64)[:, None]
    if encoding["source"] == "even":
        step = np.arange(steps + 1).reshape(-1, 1, 1, 1)
        return np.diff(step * value // levels, axis=1).astype(np.uint8)
    trains = np.zeros((len(frames), steps, *frames.shape[1:]), np.uint8)
    for frame, train in zip(frames, trains, strict=True):
        key = np.array([encoding["seed"], zlib.crc32(frame.astype("<i8").tobytes())], np.uint64)
        draw = np.random.Philox(key=key).random_raw(train.size).reshape(train.shape) >> np.uint64(33)
        # draw / 2**31 < v / levels, in integers of at most 62 bits
        train[:] = draw.astype(np.int64) * levels < frame.astype(np.int64) << 31
    return trains


def latency_trains(encoding: Mapping[str, Any], frames: np.ndarray) -> np.ndarray:
    """Spikes of a latency code: the larger a value, the earlier it is first heard; then it is heard to the end.

    A value of v is first heard in step ``(levels - v) * steps div levels``, counted from 0: the largest in the first
    step, and 0 never.

    Parameters
    ----------
    encoding : dict
        Of kind ``latency``, as `check_encoding` returns it.
    frames : int[n_frames, C, H, W]

    Returns
    -------
    uint8[n_frames, steps, C, H, W]

    Raises
    ------
    FormatError
        If a value is no integer in 0 .. levels.
    """
    frames = np.asarray(frames)
    check_frames(encoding, frames)
    steps, levels = encoding["steps"], encoding["levels"]
    first = (levels - frames.astype(np.int64)[:, None]) * steps // levels
    return (np.arange(steps).reshape(-1, 1, 1, 1) >= first).astype(np.uint8)


def spike_trains(encoding: Mapping[str, Any], frames: np.ndarray) -> np.ndarray:
    """Spikes of every plane in each cycle in which its slot may have one.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    frames : int[n_frames, C, H, W]

    Returns
    -------
    uint8[n_frames, n_cycles, C * n_planes, H, W]
        Planes as in `to_planes`; a counted value fires in the first cycles, one that is shown for several steps in all
        or none of them.

    Raises
    ------
    FormatError
        If a value is beyond what the encoding can tell.
    """
    match encoding["kind"]:
        case "rate":
            return rate_trains(encoding, frames)
        case "latency":
            return latency_trains(encoding, frames)
    planes = to_planes(encoding, frames)[:, None]
    if is_rate(encoding):
        return np.repeat(planes, encoding["steps"], axis=1)
    number = np.arange(spike_levels(encoding)).reshape(-1, 1, 1, 1)
    return (planes > number).astype(np.uint8)


def step_values(encoding: Mapping[str, Any], frames: np.ndarray) -> np.ndarray:
    """What a network sees of frames in each step in which it is evaluated.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    frames : int[n_frames, C, H, W]

    Returns
    -------
    uint8 or int64[n_frames, n_steps, C, H, W]
        One step unless there are several; what every step shows alike has one as well, for all of them.

    Raises
    ------
    FormatError
        If a value is beyond what the encoding can tell.
    """
    match encoding["kind"]:
        case "rate":
            return rate_trains(encoding, frames)
        case "latency":
            return latency_trains(encoding, frames)
    return to_values(encoding, frames)[:, None]
