"""What Whetstone and the straight-through step share: networks of 0/1 units, trained with their integers in the loop.

Weights are floats at first. At a given epoch a scale is chosen for each filter (`choose_scales`), and from then on
every sum is one of integers, the gradient passing through the rounding. The methods differ in the activation that is
trained through, and in when a layer's moments settle; what is written is the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from compiler.learning.activations import step
from compiler.learning.architectures import Architecture
from compiler.learning.augment import channels_last
from compiler.learning.course import Course, decay
from compiler.learning.data import Examples
from compiler.learning.grid import largest
from compiler.learning.keys import n_hot_key
from compiler.learning.loop import chunks
from compiler.learning.sharpening import SharpeningState, begin
from compiler.learning.thermometer import seen
from compiler.learning.units import (
    Activate,
    Moments,
    Unit,
    choose_scales,
    forward,
    initial_moments,
    initial_units,
)

MOMENTUM = 0.99
"""Of the running moments, once so many batches were seen that it says less than their number."""
CONTRAST = 20
"""Scores are divided by the width of the key and multiplied by this: as they come, the softmax would be saturated."""
CALIBRATION = 1024
"""Training frames that scales are chosen on."""


class UnitsState(NamedTuple):
    """Everything that changes while 0/1 units are trained.

    Parameters
    ----------
    units : list of Unit
    moments : list of Moments
        Running ones.
    scales : list of float32[O]
        0 as long as weights are floats.
    optimiser : tree
    sharpening : SharpeningState
    floats : tuple of list of Unit and list of Moments
        The network just before its weights became integers.
    """

    units: list[Unit]
    moments: list[Moments]
    scales: list[jax.Array]
    optimiser: Any
    sharpening: SharpeningState
    floats: tuple[list[Unit], list[Moments]]


@dataclass(frozen=True)
class SpikingUnits(ABC):
    """A `Method`: 0/1 units with an n-hot output, without the activation they are trained through.

    Parameters
    ----------
    architecture : Architecture
    course : Course
    classes : int
    bits : int
        Of the weights.
    steps : tuple of int
        Thresholds of the input.
    integers_from : int
        Epoch in which weights become integers.
    scale : "filter" or "layer"
        What shares a scale.
    """

    architecture: Architecture
    course: Course
    classes: int
    bits: int
    steps: tuple[int, ...]
    integers_from: int
    scale: str

    @abstractmethod
    def activation(self, sharpness: Any) -> Activate:
        """What is trained through."""

    @abstractmethod
    def sharpness(self, state: UnitsState, epoch: int, fraction: float) -> np.ndarray:
        """Sharpness of each layer at a time: float64[n_layers]."""

    @abstractmethod
    def n_settled(self, sharpness: np.ndarray, epoch: int) -> tuple[int, int]:
        """How many layers are not trained any more, and of how many the moments stay as they are: the first ones."""

    @cached_property
    def key(self) -> np.ndarray:
        """N-hot key: uint8[classes, width]."""
        return n_hot_key(self.classes, self.architecture.blocks[-1].units, self.course.seed)

    def begin(self) -> UnitsState:
        """State before the first epoch."""
        units = initial_units(self.architecture, self.course.seed)
        moments = initial_moments(self.architecture)
        zeros = [jnp.zeros_like(unit.beta) for unit in units]
        optimiser = optax.adam(1.0).init(units)
        return UnitsState(units, moments, zeros, optimiser, begin(len(units)), (units, moments))

    def before_epoch(self, state: UnitsState, epoch: int, train: Examples) -> UnitsState:
        """State in which the epoch begins: here weights become integers."""
        if epoch != self.integers_from:
            return state
        floats = (state.units, state.moments)
        x = seen(self.steps, channels_last(train.frames[:CALIBRATION]))
        activate = self.activation(self.sharpness(state, epoch, 0.0))
        scales, moments = choose_scales(self.architecture, state.units, largest(self.bits), x, activate, self.scale)
        return state._replace(scales=scales, moments=moments, floats=floats)

    def step(
        self, state: UnitsState, epoch: int, fraction: float, key: jax.Array, x: jax.Array, labels: np.ndarray
    ) -> tuple[UnitsState, jax.Array]:
        """State after one batch, and the batch's loss."""
        sharpness = self.sharpness(state, epoch, fraction)
        done, settled = self.n_settled(sharpness, epoch)
        rate = self.course.rate * decay((epoch + fraction) / self.course.epochs)
        units, moments, optimiser, loss = self._update(
            state.units,
            state.moments,
            state.scales,
            state.optimiser,
            jnp.asarray(sharpness, jnp.float32),
            jnp.float32(rate),
            x,
            labels,
            integers=epoch >= self.integers_from,
            done=done,
            settled=settled,
        )
        return state._replace(units=units, moments=moments, optimiser=optimiser), loss

    def after_epoch(self, state: UnitsState, epoch: int, loss: float) -> UnitsState:
        """State after the epoch."""
        return state

    def held_accuracy(self, state: UnitsState, epoch: int, held: Examples) -> float:
        """Accuracy of the network of steps, with integer weights as soon as there are any."""
        integers = epoch >= self.integers_from
        predicted = [
            self._classes(state.units, state.moments, state.scales, frames, integers=integers, sharp=True)
            for frames in chunks(held.frames)
        ]
        return float((np.concatenate(predicted) == held.labels).mean())

    def note(self, state: UnitsState, epoch: int) -> str:
        """What is sharp, and whether weights are integers."""
        numbers = ", ".join(f"{part:.2f}" for part in self.sharpness(state, epoch, 0.0))
        return f"sharpness {numbers}, {'integer' if epoch > self.integers_from else 'float'} weights"

    def finished(self, state: UnitsState, epoch: int) -> bool:
        """Whether every layer is done."""
        done, _ = self.n_settled(self.sharpness(state, epoch, 0.0), epoch)
        return done == len(state.units)

    @partial(jax.jit, static_argnames=("self", "integers", "done", "settled"))
    def _update(
        self,
        units: list[Unit],
        moments: list[Moments],
        scales: list[jax.Array],
        optimiser: Any,
        sharpness: jax.Array,
        rate: jax.Array,
        x: jax.Array,
        labels: jax.Array,
        *,
        integers: bool,
        done: int,
        settled: int,
    ) -> tuple[list[Unit], list[Moments], Any, jax.Array]:
        x = seen(self.steps, x)
        trained = self.activation(sharpness)

        def activate(i: int, y: jax.Array) -> jax.Array:
            return jax.lax.stop_gradient(step(y)) if i < done else trained(i, y)

        def loss(units: list[Unit]) -> tuple[jax.Array, list[Moments]]:
            out, used = forward(
                self.architecture, units, scales if integers else None, largest(self.bits), moments, x, activate,
                settled,
            )  # fmt: skip
            logits = n_hot_scores(self.key, out) * (CONTRAST / out.shape[1])
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), used

        (value, used), gradient = jax.value_and_grad(loss, has_aux=True)(units)
        change, optimiser = optax.adam(1.0).update(gradient, optimiser)
        moved = optax.apply_updates(units, jax.tree.map(lambda part: rate * part, change))
        # What is done stays as it is: Adam would go on by its memory.
        units = [*units[:done], *moved[done:]]
        # The mean of all batches, until there are enough of them to forget the first.
        seen_batches = optimiser[0].count - 1
        few = seen_batches < 1 / (1 - MOMENTUM)
        kept = jnp.where(few, seen_batches / (seen_batches + 1), MOMENTUM)
        added = jnp.where(few, 1 / (seen_batches + 1), 1 - MOMENTUM)
        running = jax.tree.map(lambda old, new: kept * old + added * new, moments, used)
        return units, [*moments[:settled], *running[settled:]], optimiser, value

    def classes_of(self, state: UnitsState, frames: np.ndarray) -> np.ndarray:
        """Classes of the network of steps with integer weights: int64[n_frames].

        Parameters
        ----------
        state : UnitsState
        frames : uint8[n_frames, C, H, W]
        """
        parts = (
            self._classes(state.units, state.moments, state.scales, some, integers=True, sharp=True)
            for some in chunks(frames)
        )
        return np.concatenate([np.asarray(part, np.int64) for part in parts])

    def float_classes_of(self, state: UnitsState, frames: np.ndarray) -> np.ndarray:
        """Classes of the network that it was just before its weights became integers, not sharpened: int64[n_frames].

        Parameters
        ----------
        state : UnitsState
        frames : uint8[n_frames, C, H, W]
        """
        parts = (
            self._classes(*state.floats, state.scales, some, integers=False, sharp=False) for some in chunks(frames)
        )
        return np.concatenate([np.asarray(part, np.int64) for part in parts])

    @partial(jax.jit, static_argnames=("self", "integers", "sharp"))
    def _classes(
        self,
        units: list[Unit],
        moments: list[Moments],
        scales: list[jax.Array],
        frames: jax.Array,
        *,
        integers: bool,
        sharp: bool,
    ) -> jax.Array:
        x = seen(self.steps, channels_last(frames))
        blunt = self.activation(jnp.zeros(len(units)))
        out, _ = forward(
            self.architecture,
            units,
            scales if integers else None,
            largest(self.bits),
            moments,
            x,
            (lambda i, y: step(y)) if sharp else blunt,
            len(units),
        )
        return n_hot_scores(self.key, out).argmax(axis=1)


def n_hot_scores(key: np.ndarray, out: jax.Array) -> jax.Array:
    """Scores of the classes, ``(2 out - 1)(2 key - 1)^T``: float32[B, classes].

    A unit that never fires counts against its class and for all others, so no dead unit can lose a class for good.

    Source: Severa et al. 2019.
    """
    return (2 * out - 1) @ (2.0 * jnp.asarray(key, jnp.float32) - 1).T
