"""Spike times of whole layers, forwards and backwards, at the cost of one convolution however many steps there are.

A value that is heard from some step on adds its weights to the slopes of that step, once; two running sums over the
steps then are all potentials. Compiled by numba: only training loads this file.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NO_FLOOR = -3e38
"""Potential floor of neurons without one."""


@njit(nogil=True, fastmath=True)
def first_spikes(
    times: np.ndarray,
    weight: np.ndarray,
    level: np.ndarray,
    floor: np.float32,
    steps: int,
    pool: int,
    out: np.ndarray,
    place: np.ndarray,
    slope: np.ndarray,
) -> None:
    """Write the first spike of every unit, the earliest of each pooling window.

    Parameters
    ----------
    times : int32[B, H, W, I], steps
        When each value is heard first; ``steps`` and above: never.
    weight : float32[K_h, I, K_w * O], potential units
        Columns of the kernel from the last to the first.
    level : float32[W' * O], potential units
        Thresholds, for each of the W' columns of units before the pool.
    floor : float32, potential units
    steps : int
    pool : int
        Rows and columns of the pooling window; 1: none.
    out : int32[B, H_out, W_out, O], steps
        ``steps``: silent.
    place : int32[B, H_out, W_out, O]
        Which unit of the window was the first one, row by row.
    slope : float32[B, H_out, W_out, O], potential units per step
        Its potential's rise in that step; 0: silent.
    """
    n_frames, _, width, channels = times.shape
    k_h, _, taps = weight.shape
    rows, columns, n_out = out.shape[1:]
    n_line = len(level)
    k_w = taps // n_out
    last = n_line // n_out - 1
    drive = np.zeros((steps, n_line), np.float32)
    v = np.zeros(n_line, np.float32)
    hit = np.zeros(n_line, np.int32)
    for f in range(n_frames):
        for y in range(rows):
            for x in range(columns):
                for o in range(n_out):
                    out[f, y, x, o] = steps
                    place[f, y, x, o] = 0
                    slope[f, y, x, o] = 0
            for i in range(pool):
                begin = steps
                for k in range(k_h):
                    for x in range(width):
                        low, high = max(0, x - k_w + 1), min(last, x)
                        shift, count = low * n_out, (high - low + 1) * n_out
                        tap = (k_w - 1 - x + low) * n_out
                        for c in range(channels):
                            t = times[f, y * pool + i + k, x, c]
                            if t < steps:
                                begin = min(begin, t)
                                line = drive[t, shift : shift + count]
                                brought = weight[k, c, tap : tap + count]
                                for q in range(count):
                                    line[q] += brought[q]
                if begin == steps:
                    continue
                for q in range(n_line):
                    v[q] = 0
                    hit[q] = steps
                for t in range(begin, steps):
                    rise = drive[t]
                    if t > begin:
                        risen = drive[t - 1]
                        for q in range(n_line):
                            rise[q] += risen[q]
                    for q in range(n_line):
                        v[q] = max(v[q] + rise[q], floor)
                    for q in range(n_line):
                        hit[q] = min(hit[q], t if v[q] >= level[q] else steps)
                for x in range(columns):
                    for j in range(pool):
                        for o in range(n_out):
                            q = (x * pool + j) * n_out + o
                            t = hit[q]
                            if t < out[f, y, x, o]:
                                out[f, y, x, o] = t
                                place[f, y, x, o] = i * pool + j
                                slope[f, y, x, o] = drive[t, q]
                for t in range(begin, steps):
                    for q in range(n_line):
                        drive[t, q] = 0


@njit(nogil=True, fastmath=True)
def answer(
    times: np.ndarray,
    weight: np.ndarray,
    threshold: np.ndarray,
    floor: np.float32,
    steps: int,
    trains: np.ndarray,
    potential: np.ndarray,
    slope: np.ndarray,
    over: np.ndarray,
) -> None:
    """Write all spikes of a dense layer whose units are reset to zero and go on.

    Parameters
    ----------
    times : int32[B, I], steps
        As for `first_spikes`.
    weight : float32[I, O], potential units
    threshold : float32[O], potential units
    floor : float32, potential units
    steps : int
    trains : uint8[B, T, O]
    potential : float32[B, O], potential units
        After the last step.
    slope, over : float32[B, O], potential units per step, potential units
        Rise of the potential in the step of the first spike, and how far it was above the threshold; 0: silent.
    """
    n_frames, n_in = times.shape
    n_out = weight.shape[1]
    drive = np.zeros((steps, n_out), np.float32)
    for f in range(n_frames):
        drive[:] = 0
        for i in range(n_in):
            t = times[f, i]
            if t < steps:
                for o in range(n_out):
                    drive[t, o] += weight[i, o]
        for o in range(n_out):
            rise, v, silent = np.float32(0), np.float32(0), True
            slope[f, o] = 0
            over[f, o] = 0
            for t in range(steps):
                rise += drive[t, o]
                v = max(v + rise, floor)
                fires = v >= threshold[o]
                trains[f, t, o] = fires
                if fires and silent:
                    slope[f, o] = rise
                    over[f, o] = v - threshold[o]
                    silent = False
                if fires:
                    v = np.float32(0)
            potential[f, o] = v


@njit(nogil=True, fastmath=True)
def assign_errors(
    times: np.ndarray,
    weight: np.ndarray,
    fired: np.ndarray,
    place: np.ndarray,
    error: np.ndarray,
    pool: int,
    change: np.ndarray,
    before: np.ndarray,
) -> None:
    """Add what the errors of a layer's spike times say about its weights, and about the times that it heard.

    Parameters
    ----------
    times : int32[B, H, W, I], steps
        What the layer heard.
    weight : float32[O, K_h, K_w * I], potential units
    fired, place : int32[B, H_out, W_out, O]
        As `first_spikes` has written them, silent units at a time of their own.
    error : float32[B, H_out, W_out, O]
        How much earlier each should be.
    pool : int
    change : float32[O, K_h, K_w * I]
        Of the weights: the sum of error times what the weight's synapse would bring.
    before : float32[B, H, W, I] or [0, 0, 0, 0]
        Errors of the times heard: the sum of error times weight, over those that heard them. Empty: nobody asks.
    """
    n_frames, height, width, channels = times.shape
    n_out, k_h, taps = weight.shape
    heard = times.reshape(n_frames, height, width * channels)
    asked = len(before) > 0
    lines = before.reshape(len(before), before.shape[1], before.shape[2] * before.shape[3])
    for f in range(n_frames):
        for y in range(error.shape[1]):
            for x in range(error.shape[2]):
                for o in range(n_out):
                    e = error[f, y, x, o]
                    if e == 0:
                        continue
                    after = fired[f, y, x, o] + 1
                    row = y * pool + place[f, y, x, o] // pool
                    left = (x * pool + place[f, y, x, o] % pool) * channels
                    for k in range(k_h):
                        at, changed = heard[f, row + k, left : left + taps], change[o, k]
                        for q in range(taps):
                            changed[q] += e * np.float32(max(after - at[q], 0))
                        if asked:
                            line, w = lines[f, row + k, left : left + taps], weight[o, k]
                            for q in range(taps):
                                line[q] += e * w[q] if at[q] < after else np.float32(0)
