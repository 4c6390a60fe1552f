"""The training loop that all methods share: epochs of shuffled batches, progress, checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import jax
import numpy as np

from compiler.learning.augment import Jitter
from compiler.learning.checkpoint import load_checkpoint, save_checkpoint
from compiler.learning.data import Examples
from isa_spec.errors import NetworkError

State = TypeVar("State")


@dataclass(frozen=True)
class Course:
    """How a training runs, whatever its method.

    Parameters
    ----------
    epochs : int
    seed : int
        Of the held-out frames, weights, keys, order of the frames, distortions.
    batch : int
        Frames in a step.
    rate : float
        Learning rate of Adam at the start.
    held : float
        Part of the examples that is held out.
    jitter : Jitter or None
        None: frames as they are.
    """

    epochs: int
    seed: int = 1
    batch: int = 128
    rate: float = 0.002
    held: float = 1 / 12
    jitter: Jitter | None = Jitter()

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1:
            raise NetworkError(f"{self.epochs} epochs of batches of {self.batch}, allowed: 1 and more of each")


@dataclass(frozen=True)
class Progress:
    """What is known after an epoch: mean training loss, and accuracy on the held-out frames as it would be written."""

    epoch: int
    epochs: int
    loss: float
    held_accuracy: float
    note: str


Watch = Callable[[Progress], None]


class Method(Protocol, Generic[State]):
    """What a way of training brings along; a state is a tree of arrays, so that checkpoints can hold it."""

    def begin(self) -> State:
        """State before the first epoch."""

    def before_epoch(self, state: State, epoch: int, train: Examples, held: Examples) -> State:
        """State in which the epoch begins."""

    def step(
        self, state: State, epoch: int, fraction: float, key: jax.Array, frames: np.ndarray, labels: np.ndarray
    ) -> tuple[State, jax.Array]:
        """State after one batch, and the batch's loss."""

    def after_epoch(self, state: State, epoch: int, loss: float) -> State:
        """State after the epoch."""

    def held_accuracy(self, state: State, epoch: int, held: Examples) -> float:
        """Accuracy after the epoch."""

    def note(self, state: State, epoch: int) -> str:
        """A word on where the training stands."""

    def finished(self, state: State, epoch: int) -> bool:
        """Whether nothing can be learnt any more after the epoch."""


def fit(
    method: Method[State],
    course: Course,
    train: Examples,
    held: Examples,
    checkpoint: Path | None,
    watch: Watch | None,
) -> State:
    """State after all epochs; the same on one machine wherever the training was cut.

    Parameters
    ----------
    method : Method
    course : Course
    train, held : Examples
    checkpoint : Path or None
        Written after each epoch; where it exists, the training goes on from it.
    watch : callable or None

    Raises
    ------
    FormatError
        If the checkpoint cannot be read, or is one of another training.
    """
    state, done = method.begin(), 0
    identity = _identity(method, course, train, held)
    if checkpoint is not None and checkpoint.exists():
        state, done = load_checkpoint(checkpoint, state, identity)
    size = min(course.batch, len(train))
    batches, key = len(train) // size, jax.random.key(course.seed)
    for epoch in range(done, course.epochs):
        state = method.before_epoch(state, epoch, train, held)
        order = np.random.default_rng([course.seed, epoch]).permutation(len(train))
        losses = []
        for i, chosen in enumerate(order[: batches * size].reshape(batches, size)):
            drawn = jax.random.fold_in(key, epoch * batches + i)
            frames, labels = train.frames[chosen], train.labels[chosen]
            state, loss = method.step(state, epoch, i / batches, drawn, frames, labels)
            losses.append(loss)
        mean = float(np.mean(jax.device_get(losses), dtype=np.float64))
        state = method.after_epoch(state, epoch, mean)
        if checkpoint is not None:
            save_checkpoint(checkpoint, state, epoch + 1, identity)
        if watch is not None:
            accuracy = method.held_accuracy(state, epoch, held)
            watch(Progress(epoch + 1, course.epochs, mean, accuracy, method.note(state, epoch)))
        if method.finished(state, epoch):
            break
    return state


def _identity(method: Any, course: Course, train: Examples, held: Examples) -> str:
    """Digest of everything that decides what comes out."""
    digest = hashlib.sha256(repr((type(method).__name__, method, course)).encode())
    for examples in (train, held):
        digest.update(repr(examples.frames.shape).encode() + examples.frames.tobytes() + examples.labels.tobytes())
    return "sha256:" + digest.hexdigest()
