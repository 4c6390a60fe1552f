"""Single spikes: a unit fires once or never in a frame, and when it does is what it says.

Units learn by the errors of their spike times (`compiler.learning.spike_times`); Adam turns what they say into steps,
and what is written is the running mean of the weights. These are floats at first, and integers from a given epoch on:
of several bits, or signs only, where the weights that learn stay floats between -1 and 1.

Source: Mirsadeghi et al. 2021, "Spike time displacement based error backpropagation in convolutional spiking neural
networks"
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from compiler.learning.architectures import Architecture
from compiler.learning.augment import channels_last
from compiler.learning.blocks import layers_of
from compiler.learning.course import Course, decay
from compiler.learning.data import Examples
from compiler.learning.grid import largest
from compiler.learning.integers import SMALLEST
from compiler.learning.loop import chunks
from compiler.learning.single_spike_kernels import NO_FLOOR
from compiler.learning.spike_times import Layer, corrections, hear, heard_times, judge, run
from compiler.learning.units import Unit, output_first
from compiler.networks.network import LayeredNetwork
from isa_spec.decoding import to_classes

PARTS = 4
"""Slices of a batch that may be run at the same time; their sums are added in order, however many threads there are."""
CALIBRATION = 256
"""Training frames that the first thresholds are chosen on."""
ACTIVE, ANSWERING = 0.4, 0.6
"""Part of the units, of those that can, that fire at first: behind the pools, and of those that answer."""
EXCESS = 1.5
"""Mean of the first weights of the last layer, in standard deviations of what they bring: so the answers' potentials
rise, and cross their thresholds one after the other."""
MEMORY = 0.999
"""Of the running mean of the weights, once so many batches were seen: the weights themselves jump too much."""
THRESHOLDS = (-9.0, 7.0)
"""Logarithms between which the first thresholds are, for each step of a frame."""


class SpikeState(NamedTuple):
    """Everything that changes while units of single spikes are trained.

    Parameters
    ----------
    moving : list of Unit
        What learns. ``beta`` is the logarithm of the threshold's part for each step of a frame.
    units : list of Unit
        Their mean over the last batches: what is written.
    optimiser : tree
    floats : list of Unit
        The mean just before weights became integers.
    """

    moving: list[Unit]
    units: list[Unit]
    optimiser: Any
    floats: list[Unit]


@dataclass(frozen=True)
class SingleSpike:
    """A `Method`: units of single spikes, of which the first to fire decides.

    Parameters
    ----------
    architecture : Architecture
    course : Course
    bits : int
        Of the weights; 1: signs.
    steps : int
        Of a frame.
    highest : int
        Largest value of the frames: it is heard from the first step on.
    floor : int or None
        Least potential of a neuron, for integer weights.
    integers_from : int
        Epoch in which weights become integers.
    """

    architecture: Architecture
    course: Course
    bits: int
    steps: int
    highest: int
    floor: int | None
    integers_from: int

    @cached_property
    def encoding(self) -> dict[str, Any]:
        """The input encoding, as in the network file."""
        return {"kind": "latency", "steps": self.steps, "levels": self.highest}

    @cached_property
    def decode(self) -> dict[str, Any]:
        """The output decoding, as in the network file."""
        return {"kind": "argmax", "classes": self.architecture.blocks[-1].units, "by": "first", "ties": "next"}

    def begin(self) -> SpikeState:
        """State before the first epoch; its thresholds are chosen when training frames are there."""
        rng = np.random.default_rng(self.course.seed)
        units, shapes = [], self.architecture.weight_shapes
        for i, shape in enumerate(shapes):
            weight = rng.normal(0, 1, shape)
            if i == len(shapes) - 1:
                weight += EXCESS / np.sqrt(ACTIVE * np.prod(shape[:3]))
            weight *= np.sqrt(2 / np.prod(shape[:3]))
            units.append(Unit(jnp.asarray(weight, jnp.float32), jnp.zeros(shape[3], jnp.float32)))
        return SpikeState(units, units, optax.adam(1.0).init(units), units)

    def before_epoch(self, state: SpikeState, epoch: int, train: Examples) -> SpikeState:
        """State in which the epoch begins: the first thresholds are chosen, or weights become integers."""
        if epoch == 0:
            units = state.units
            if not any(np.asarray(unit.beta).any() for unit in units):
                units = self._first_thresholds(units, train.frames[:CALIBRATION])
            state = state._replace(moving=units, units=units)
        if epoch != self.integers_from:
            return state
        if self.bits > 1:
            return state._replace(floats=state.units)
        signs = [_around_signs(unit) for unit in state.units]
        return SpikeState(signs, signs, optax.adam(1.0).init(signs), state.units)

    def step(
        self, state: SpikeState, epoch: int, fraction: float, key: jax.Array, x: jax.Array, labels: np.ndarray
    ) -> tuple[SpikeState, jax.Array]:
        """State after one batch, and the batch's loss."""
        integers = epoch >= self.integers_from
        layers, floor = self.layers(state.moving, integers)
        times = heard_times(x, self.steps, self.highest)

        def learn(part: slice) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
            heard, answers = run(self.architecture, layers, times[part], self.steps, floor)
            loss, error = judge(answers, labels[part])
            return loss, *corrections(self.architecture, layers, heard, error, self.steps)

        size = -(-len(times) // PARTS)
        parts = [slice(first, first + size) for first in range(0, len(times), size)]
        losses, growths, falls = zip(*_parallel(learn, parts), strict=True)
        gradient = []
        for i, (layer, worth) in enumerate(zip(layers, self._worth(state.moving, integers), strict=True)):
            growth = sum(part[i] for part in growths) / (worth * len(times))
            fall = sum(part[i] for part in falls) * layer.threshold / len(times)
            gradient.append(Unit(-growth, fall))
        rate = jnp.float32(self.course.rate * decay((epoch + fraction) / self.course.epochs))
        signs = integers and self.bits == 1
        moving, units, optimiser = _moved(state.moving, state.units, state.optimiser, gradient, rate, signs=signs)
        return SpikeState(moving, units, optimiser, state.floats), jnp.float32(sum(losses) / len(times))

    def after_epoch(self, state: SpikeState, epoch: int, loss: float) -> SpikeState:
        """Nothing changes."""
        return state

    def held_accuracy(self, state: SpikeState, epoch: int, held: Examples) -> float:
        """Accuracy, with integer weights as soon as there are any."""
        found = self._classes(*self.layers(state.units, epoch >= self.integers_from), held.frames)
        return float((found == held.labels).mean())

    def note(self, state: SpikeState, epoch: int) -> str:
        """Whether weights are integers."""
        return f"{'integer' if epoch > self.integers_from else 'float'} weights"

    def finished(self, state: SpikeState, epoch: int) -> bool:
        """There is always more to learn."""
        return False

    def float_classes_of(self, state: SpikeState, frames: np.ndarray) -> np.ndarray:
        """Classes of the network that it was just before its weights became integers: int64[n_frames].

        Parameters
        ----------
        state : SpikeState
        frames : uint8[n_frames, C, H, W]
        """
        return self._classes(*self.layers(state.floats, False), frames)

    def classes_of(self, state: SpikeState, frames: np.ndarray) -> np.ndarray:
        """Classes with integer weights: int64[n_frames].

        Parameters
        ----------
        state : SpikeState
        frames : uint8[n_frames, C, H, W]
        """
        return self._classes(*self.layers(state.units, True), frames)

    def layers(self, units: Sequence[Unit], integers: bool) -> tuple[list[Layer], float]:
        """Numbers of all layers, and the floor that holds for them.

        Parameters
        ----------
        units : sequence of Unit
        integers : bool
            Weights and thresholds as they are written, in floats that hold them exactly.
        """
        layers = []
        for unit, worth in zip(units, self._worth(units, integers), strict=True):
            weight, threshold = np.asarray(unit.weight), self.steps * np.exp(np.asarray(unit.beta))
            if integers:
                weight = np.where(weight < 0, -1, 1) if self.bits == 1 else np.rint(weight / worth)
                # An integer potential reaches a threshold where it reaches the next integer.
                threshold = np.maximum(np.ceil(threshold / worth), 1)
            layers.append(Layer(weight.astype(np.float32), threshold.astype(np.float32)))
        return layers, NO_FLOOR if self.floor is None or not integers else float(self.floor)

    def _worth(self, units: Sequence[Unit], integers: bool) -> list[np.ndarray]:
        """What one step of each filter's weights is worth: the largest of them is the largest that its bits can say."""
        if not integers or self.bits == 1:
            return [np.ones(len(unit.beta), np.float32) for unit in units]
        peaks = (np.abs(np.asarray(unit.weight)).max(axis=(0, 1, 2)) for unit in units)
        return [np.maximum(peak, SMALLEST) / largest(self.bits) for peak in peaks]

    def _classes(self, layers: list[Layer], floor: float, frames: np.ndarray) -> np.ndarray:
        def classes(some: np.ndarray) -> np.ndarray:
            times = heard_times(channels_last(some), self.steps, self.highest)
            _, answers = run(self.architecture, layers, times, self.steps, floor)
            found = to_classes(self.decode, answers.trains, answers.potential)
            assert found is not None  # it decodes to classes
            return found

        return np.concatenate(_parallel(classes, list(chunks(frames))))

    def _first_thresholds(self, units: Sequence[Unit], frames: np.ndarray) -> list[Unit]:
        """Units with one threshold for each layer, which the part of the units that is wanted reaches."""
        chosen: list[Unit] = []
        times = heard_times(channels_last(frames), self.steps, self.highest)
        for i, (block, unit) in enumerate(zip(self.architecture.blocks, units, strict=True)):
            wanted = ACTIVE if i < len(units) - 1 else ANSWERING

            def fired(log: float, block: Any = block, unit: Unit = unit, times: np.ndarray = times) -> np.ndarray:
                threshold = np.full(len(unit.beta), self.steps * np.exp(log), np.float32)
                return hear(block, Layer(np.asarray(unit.weight), threshold), times, self.steps, NO_FLOOR).fired

            low, high = THRESHOLDS
            most = (fired(low) < self.steps).mean()
            for _ in range(20):
                middle = (low + high) / 2
                low, high = (middle, high) if (fired(middle) < self.steps).mean() > wanted * most else (low, middle)
            chosen.append(Unit(unit.weight, jnp.full_like(unit.beta, low)))
            times = fired(low)
        return chosen


def to_single_spike_network(method: SingleSpike, state: SpikeState, name: str) -> LayeredNetwork:
    """Layered network that decides as the trained one does with its integer weights.

    Parameters
    ----------
    method : SingleSpike
    state : SpikeState
        After its weights became integers.
    name : str

    Raises
    ------
    NetworkError
        As `LayeredNetwork`.
    """
    layers, _ = method.layers(state.units, True)
    weights = [output_first(layer.weight).astype(np.int64) for layer in layers]
    thresholds = [layer.threshold.astype(np.int64) for layer in layers]
    blocks = layers_of(method.architecture, weights, thresholds, "maxpool2d", None)
    return LayeredNetwork(
        name, method.architecture.input_shape, blocks, method.encoding, method.decode, floor=method.floor
    )


def _around_signs(unit: Unit) -> Unit:
    """Weights of a mean size of 1/2 for each filter, and the threshold that fits their signs."""
    size = jnp.maximum(jnp.abs(unit.weight).mean(axis=(0, 1, 2)), SMALLEST)
    return Unit(jnp.clip(unit.weight / (2 * size), -1, 1), unit.beta - jnp.log(size))


@partial(jax.jit, static_argnames="signs")
def _moved(
    units: list[Unit], mean: list[Unit], optimiser: Any, gradient: list[Unit], rate: jax.Array, *, signs: bool
) -> tuple[list[Unit], list[Unit], Any]:
    change, optimiser = optax.adam(1.0).update(gradient, optimiser)
    moved = optax.apply_updates(units, jax.tree.map(lambda part: rate * part, change))
    # Beyond 1 a weight would take long to change its sign again.
    moved = [Unit(jnp.clip(unit.weight, -1, 1), unit.beta) if signs else unit for unit in moved]
    # A mean over the last tenth of the batches, until there are enough of them.
    kept = jnp.minimum(MEMORY, 1 - 10 / (optimiser[0].count + 10.0))
    return moved, jax.tree.map(lambda old, new: kept * old + (1 - kept) * new, mean, moved), optimiser


def _parallel(work: Any, parts: list[Any]) -> list[Any]:
    """What the work makes of each part, in order."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(min(threads, len(parts))) as pool:
        return list(pool.map(work, parts))
