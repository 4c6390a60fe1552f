"""Networks of single spikes as they are trained: times layer by layer, and errors of times back through the layers.

A value that is first heard in step t brings its weight in every step from then on, so a potential is a sum of ramps,
``V(t) = sum of w * (t - t_i + 1)+``, and a unit fires when it first reaches its threshold. An error says how much
earlier a spike should have come. Divided by the slope with which the potential crosses the threshold it says how much
higher that should have been; a weight answers for it by what its synapse had brought till then, and what was heard by
its weight, if it was heard in time. Each layer learns from the errors of its own times.

Source: Mirsadeghi et al. 2021, STiDi-BP, but for the slope: there it is one and the same constant
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from compiler.learning.architectures import Architecture, Block
from compiler.learning.single_spike_kernels import answer, assign_errors, first_spikes

PULL = 0.01
"""Error of the label's unit for each step that it is off the middle of the frame."""
RARE = 0.05
"""Part of the spikes below which a channel's silent units are woken, the more the fewer there are: where others miss
them. Without, channels fall silent for good; with all woken alike, in the end all fire, for nobody puts to sleep what
does not fire."""
DELAY = 4.0
"""Frames that a potential takes at most to rise by its threshold: a flatter slope counts as this one."""
SMALL = 1e-6
"""Slope below which a potential is taken not to rise."""


class Layer(NamedTuple):
    """Numbers of a layer as it is run: ``weight`` float32[K_h, K_w, I, O] and ``threshold`` float32[O]."""

    weight: np.ndarray
    threshold: np.ndarray


class Heard(NamedTuple):
    """What a layer heard, int32[B, H, W, I], and of each pooling window who fired first, and when, int32[B, H', W', O].

    ``slope``, float32[B, H', W', O]: how much the potential rose in that step; 0: silent.
    """

    times: np.ndarray
    fired: np.ndarray
    place: np.ndarray
    slope: np.ndarray


class Answers(NamedTuple):
    """Spikes of the last layer, uint8[B, T, O]; potentials after the last step, and times between steps, float32[B, O].

    The time is where the line through the potentials of two steps reaches the threshold: it tells those apart that fire
    in one step.
    """

    trains: np.ndarray
    potential: np.ndarray
    time: np.ndarray


def heard_times(frames: Any, steps: int, highest: int) -> np.ndarray:
    """Steps in which the values of frames are first heard: int32, of their shape; ``steps + 1`` where they never are.

    A unit that stays silent counts as firing in step ``steps``. What is never heard is later than that.

    Parameters
    ----------
    frames : float32[...]
        Rounded to integers here.
    steps : int
    highest : int
        Value that is heard from the first step on.
    """
    values = np.rint(np.asarray(frames)).astype(np.int32)
    return np.where(values > 0, (highest - values) * steps // highest, steps + 1).astype(np.int32)


def run(
    architecture: Architecture, layers: Sequence[Layer], times: np.ndarray, steps: int, floor: float
) -> tuple[list[Heard], Answers]:
    """Times of all layers, and what the last one answers.

    Parameters
    ----------
    architecture : Architecture
    layers : sequence of Layer
        Of all blocks, or of the first ones: then the last of these is taken for one that answers if it is the last of
        the architecture.
    times : int32[B, H, W, C], steps
        As `heard_times` gives them.
    steps : int
    floor : float
        Least potential.
    """
    heard = []
    for block, layer in zip(architecture.blocks[:-1], layers, strict=False):
        heard.append(hear(block, layer, times, steps, floor))
        times = heard[-1].fired
    weight = _copied(layers[-1].weight).reshape(-1, layers[-1].weight.shape[3])
    n_frames, n_out = len(times), weight.shape[1]
    trains = np.empty((n_frames, steps, n_out), np.uint8)
    potential, slope, over = (np.empty((n_frames, n_out), np.float32) for _ in range(3))
    flat = times.reshape(n_frames, -1)
    answer(flat, weight, _copied(layers[-1].threshold), np.float32(floor), steps, trains, potential, slope, over)
    fired = np.where(trains.any(axis=1), trains.argmax(axis=1), steps).astype(np.int32)[:, None, None]
    heard.append(Heard(times, fired, np.zeros_like(fired), slope[:, None, None]))
    time = fired[:, 0, 0] - np.minimum(over / np.maximum(slope, SMALL), 1)
    return heard, Answers(trains, potential, time.astype(np.float32))


def hear(block: Block, layer: Layer, times: np.ndarray, steps: int, floor: float) -> Heard:
    """When the units of one layer fire, after its pool.

    Parameters
    ----------
    block : Block
    layer, times, steps, floor
        As for `run`.
    """
    margin = (block.padding, block.padding)
    times = np.pad(times, ((0, 0), margin, margin, (0, 0)), constant_values=steps + 1)
    k_h, k_w, n_in, n_out = layer.weight.shape
    before_pool = [side - reach + 1 for side, reach in zip(times.shape[1:3], (k_h, k_w), strict=True)]
    shape = (len(times), *(side // block.pool for side in before_pool), n_out)
    fired, place = (np.empty(shape, np.int32) for _ in range(2))
    slope = np.empty(shape, np.float32)
    lines = _copied(layer.weight[:, ::-1].transpose(0, 2, 1, 3)).reshape(k_h, n_in, k_w * n_out)
    level = np.tile(_copied(layer.threshold), before_pool[1])
    first_spikes(times, lines, level, np.float32(floor), steps, block.pool, fired, place, slope)
    return Heard(times, fired, place, slope)


def corrections(
    architecture: Architecture, layers: Sequence[Layer], heard: Sequence[Heard], error: np.ndarray, steps: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What the errors of the answers say about all layers: how much weights should grow, and thresholds fall.

    Parameters
    ----------
    architecture, layers, steps
        As for `run`.
    heard : sequence of Heard
    error : float32[B, O]
        How much earlier each unit that answers should have fired.

    Returns
    -------
    list of float32[K_h, K_w, I, O], list of float32[O]
    """
    growth, fall = [], []
    later = error[:, None, None]
    for i in reversed(range(len(layers))):
        weight, (times, fired, place, slope) = layers[i].weight, heard[i]
        k_h, k_w, n_in, n_out = weight.shape
        silent = fired >= steps
        wake = np.ones(n_out) if i == len(layers) - 1 else np.maximum(1 - (~silent).mean(axis=(0, 1, 2)) / RARE, 0)
        # What is silent cannot be later still.
        later = np.where(silent, np.maximum(later, 0) * wake, later)
        usual = layers[i].threshold / steps
        later = (later / np.where(silent, usual, np.maximum(slope, usual / DELAY))).astype(np.float32)
        change = np.zeros((n_out, k_h, k_w * n_in), np.float32)
        before: np.ndarray = np.zeros(times.shape if i else (0, 0, 0, 0), np.float32)
        last_first = _copied(weight.transpose(3, 0, 1, 2)).reshape(change.shape)
        assign_errors(times, last_first, fired, place, later, architecture.blocks[i].pool, change, before)
        growth.append(change.reshape(n_out, k_h, k_w, n_in).transpose(1, 2, 3, 0))
        fall.append(later.sum(axis=(0, 1, 2)))
        if i:
            margin = architecture.blocks[i].padding
            inner = before[:, margin : before.shape[1] - margin, margin : before.shape[2] - margin]
            later = np.ascontiguousarray(inner).reshape(heard[i - 1].fired.shape)
    return growth[::-1], fall[::-1]


def judge(answers: Answers, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Sum of the frames' losses, and the errors of the answers' times, float32[B, O].

    The loss is the cross-entropy of a softmax over negative times: the unit of the label should have fired earlier, the
    others later, the more the likelier they are to be first. Times alone could all drift to the first step, where they
    tell least: so the label's unit is pulled a little towards the middle of the frame.

    Parameters
    ----------
    answers : Answers
    labels : int[B]
    """
    raised = np.exp(answers.time.min(axis=1, keepdims=True) - answers.time)
    share = raised / raised.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = -np.log(np.maximum(share[rows, labels], np.finfo(np.float32).tiny)).sum()
    error = -share
    error[rows, labels] += 1 + PULL * (answers.time[rows, labels] - answers.trains.shape[1] / 2)
    return float(loss), error.astype(np.float32)


def _copied(values: np.ndarray) -> np.ndarray:
    """In C order and writable, so that every kernel is compiled once."""
    return np.array(values, np.float32, order="C")
