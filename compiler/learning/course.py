"""How a training runs, whatever its method, and what is told of it on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

from isa_spec.errors import NetworkError


@dataclass(frozen=True)
class Jitter:
    """Largest distortions: ``shift`` in sides of the frame, ``turn`` in radians, ``zoom`` as a part of 1."""

    shift: float = 0.05
    turn: float = 0.2
    zoom: float = 0.1


def jitter_of(factor: float) -> Jitter | None:
    """The usual distortions times a factor, None for 0."""
    usual = Jitter()
    return Jitter(usual.shift * factor, usual.turn * factor, usual.zoom * factor) if factor else None


@dataclass(frozen=True)
class Course:
    """How a training runs, whatever its method.

    Parameters
    ----------
    epochs : int
    seed : int
        Of the held-out frames, weights, keys, order of the frames, distortions.
    batch : int
        Most frames in a step.
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


def decay(done: float) -> float:
    """Part of the learning rate that is left after a part of the training: half a cosine, down to a twentieth."""
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done))
