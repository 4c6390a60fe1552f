"""ReLU networks without biases, as rate-coded neurons can follow them: pools, dropout, no normalisation.

Source: Diehl et al. 2015, "Fast-classifying, high-accuracy spiking deep networks through weight and threshold
balancing"
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from compiler.learning.architectures import Architecture, Block
from compiler.learning.augment import channels_last
from compiler.learning.course import Course, decay
from compiler.learning.data import Examples
from compiler.learning.loop import chunks
from compiler.learning.units import convolved, initial_weights, largest_of, windows


class ReluState(NamedTuple):
    """What changes while a ReLU network is trained: ``weights``, a list of float32[K_h, K_w, I, O]; the optimiser's."""

    weights: list[jax.Array]
    optimiser: Any


@dataclass(frozen=True)
class ReluNetwork:
    """A `Method`: ReLU units, the last layer without one.

    Parameters
    ----------
    architecture : Architecture
    course : Course
    highest : int
        Largest value of the frames: it is 1 to the network.
    dropout : float
        Part of the values that a layer does not see in a training step; the first layer sees all.
    """

    architecture: Architecture
    course: Course
    highest: int
    dropout: float

    def begin(self) -> ReluState:
        """State before the first epoch."""
        weights = initial_weights(self.architecture, self.course.seed)
        return ReluState(weights, optax.adam(1.0).init(weights))

    def before_epoch(self, state: ReluState, epoch: int, train: Examples) -> ReluState:
        """Nothing changes."""
        return state

    def step(
        self, state: ReluState, epoch: int, fraction: float, key: jax.Array, x: jax.Array, labels: np.ndarray
    ) -> tuple[ReluState, jax.Array]:
        """State after one batch, and the batch's loss."""
        rate = jnp.float32(self.course.rate * decay((epoch + fraction) / self.course.epochs))
        weights, optimiser, loss = self._update(state.weights, state.optimiser, rate, key, x, labels)
        return ReluState(weights, optimiser), loss

    def after_epoch(self, state: ReluState, epoch: int, loss: float) -> ReluState:
        """Nothing changes."""
        return state

    def held_accuracy(self, state: ReluState, epoch: int, held: Examples) -> float:
        """Accuracy of the float network."""
        return float((self.classes_of(state, held.frames) == held.labels).mean())

    def note(self, state: ReluState, epoch: int) -> str:
        """Nothing to say."""
        return ""

    def finished(self, state: ReluState, epoch: int) -> bool:
        """There is always more to learn."""
        return False

    def classes_of(self, state: ReluState, frames: np.ndarray) -> np.ndarray:
        """Classes of the float network: int64[n_frames].

        Parameters
        ----------
        state : ReluState
        frames : uint8[n_frames, C, H, W]
        """
        parts = (self.activations(state.weights, some)[-1].argmax(axis=-1) for some in chunks(frames))
        return np.concatenate([np.asarray(part, np.int64).ravel() for part in parts])

    @partial(jax.jit, static_argnames="self")
    def activations(self, weights: list[jax.Array], frames: Any) -> list[jax.Array]:
        """What each layer of weights answers, before its pool: float32[B, H, W, O] each.

        Parameters
        ----------
        weights : list of float32[K_h, K_w, I, O]
        frames : uint8[B, C, H, W]
        """
        answers, x = [], channels_last(frames) / self.highest
        for i, block in enumerate(self.architecture.blocks):
            answers.append(self._layer(i, weights[i], x))
            x = self._pooled(block, answers[i])
        return answers

    def _layer(self, i: int, weight: jax.Array, x: jax.Array) -> jax.Array:
        z = convolved(self.architecture.blocks[i], weight, x)
        return z if i == len(self.architecture.blocks) - 1 else jax.nn.relu(z)

    def _pooled(self, block: Block, x: jax.Array) -> jax.Array:
        return averaged(block, x)

    def _dropped(self, i: int, key: jax.Array, x: jax.Array) -> jax.Array:
        """What a layer sees in a training step."""
        kept = jax.random.bernoulli(key, 1 - self.dropout, x.shape)
        return jnp.where(kept, x / (1 - self.dropout), 0.0)

    def _settled(self, weights: list[jax.Array]) -> list[jax.Array]:
        """What of updated weights is kept."""
        return weights

    @partial(jax.jit, static_argnames="self")
    def _update(
        self, weights: list[jax.Array], optimiser: Any, rate: jax.Array, key: jax.Array, x: jax.Array, labels: Any
    ) -> tuple[list[jax.Array], Any, jax.Array]:
        def loss(weights: list[jax.Array]) -> jax.Array:
            y = x / self.highest
            for i, block in enumerate(self.architecture.blocks):
                if i:
                    y = self._dropped(i, jax.random.fold_in(key, i), y)
                y = self._pooled(block, self._layer(i, weights[i], y))
            logits = y.reshape(len(y), -1)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        value, gradient = jax.value_and_grad(loss)(weights)
        change, optimiser = optax.adam(1.0).update(gradient, optimiser)
        weights = optax.apply_updates(weights, jax.tree.map(lambda part: rate * part, change))
        return self._settled(weights), optimiser, value


@dataclass(frozen=True)
class MaxPooledRelu(ReluNetwork):
    """The same with the largest value of each window instead of its mean."""

    def _pooled(self, block: Block, x: jax.Array) -> jax.Array:
        return largest_of(windows(x, block.pool))


def averaged(block: Block, x: jax.Array) -> jax.Array:
    """The mean of each pooling window: float32[B, H, W, C]."""
    parts = windows(x, block.pool)
    return sum(parts[1:], parts[0]) / len(parts)
