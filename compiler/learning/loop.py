"""The training loop that all methods share: epochs of shuffled batches, progress, checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import jax
import numpy as np

from compiler.learning.augment import varied
from compiler.learning.checkpoint import load_checkpoint, save_checkpoint
from compiler.learning.course import Course, Progress
from compiler.learning.data import Examples

State = TypeVar("State")
FEWEST_STEPS = 16
"""Batches of an epoch, where that takes smaller ones."""
CHUNK = 500
"""Frames that are evaluated at once."""


Watch = Callable[[Progress], None]


class Method(Protocol, Generic[State]):
    """What a way of training brings along; a state is a tree of arrays, so that checkpoints can hold it."""

    def begin(self) -> State:
        """State before the first epoch."""

    def before_epoch(self, state: State, epoch: int, train: Examples) -> State:
        """State in which the epoch begins."""

    def step(
        self, state: State, epoch: int, fraction: float, key: jax.Array, x: jax.Array, labels: np.ndarray
    ) -> tuple[State, jax.Array]:
        """State after one batch of frames, float32[B, H, W, C], and the batch's loss."""

    def after_epoch(self, state: State, epoch: int, loss: float) -> State:
        """State after the epoch."""

    def held_accuracy(self, state: State, epoch: int, held: Examples) -> float:
        """Accuracy after the epoch."""

    def note(self, state: State, epoch: int) -> str:
        """A word on where the training stands before the epoch."""

    def finished(self, state: State, epoch: int) -> bool:
        """Whether nothing can be learnt any more in the epoch and those after it."""


def fit(
    method: Method[State],
    course: Course,
    train: Examples,
    held: Examples,
    first: State,
    checkpoint: Path | None,
    watch: Watch | None,
) -> State:
    """State after all epochs; the same on one machine wherever the training was cut.

    Parameters
    ----------
    method : Method
    course : Course
    train, held : Examples
    first : State
        Before the first epoch.
    checkpoint : Path or None
        Written after each epoch; where it exists, the training goes on from it.
    watch : callable or None

    Raises
    ------
    FormatError
        If the checkpoint cannot be read, or is one of another training.
    """
    state, done = first, 0
    identity = _identity(method, course, train, held, first)
    if checkpoint is not None and checkpoint.exists():
        state, done = load_checkpoint(checkpoint, state, identity)
    size = min(course.batch, max(1, len(train) // FEWEST_STEPS))
    batches, key = len(train) // size, jax.random.key(course.seed)
    for epoch in range(done, course.epochs):
        state = method.before_epoch(state, epoch, train)
        order = np.random.default_rng([course.seed, epoch]).permutation(len(train))
        losses = []
        for i, chosen in enumerate(order[: batches * size].reshape(batches, size)):
            drawn = jax.random.fold_in(key, epoch * batches + i)
            x = varied(drawn, train.frames[chosen], jitter=course.jitter)
            state, loss = method.step(state, epoch, i / batches, drawn, x, train.labels[chosen])
            losses.append(loss)
        mean = float(np.mean(jax.device_get(losses), dtype=np.float64))
        state = method.after_epoch(state, epoch, mean)
        if checkpoint is not None:
            save_checkpoint(checkpoint, state, epoch + 1, identity)
        if watch is not None:
            accuracy = method.held_accuracy(state, epoch, held)
            watch(Progress(epoch + 1, course.epochs, mean, accuracy, method.note(state, epoch + 1)))
        if method.finished(state, epoch + 1):
            break
    return state


def chunks(frames: np.ndarray) -> Iterator[np.ndarray]:
    """Frames, some at a time."""
    return (frames[first : first + CHUNK] for first in range(0, len(frames), CHUNK))


def _identity(method: Any, course: Course, train: Examples, held: Examples, first: Any) -> str:
    """Digest of everything that decides what comes out."""
    digest = hashlib.sha256(repr((method, course)).encode())
    for leaf in jax.tree.leaves(first):
        digest.update(np.asarray(leaf).tobytes())
    for examples in (train, held):
        digest.update(repr(examples.frames.shape).encode() + examples.frames.tobytes() + examples.labels.tobytes())
    return "sha256:" + digest.hexdigest()
