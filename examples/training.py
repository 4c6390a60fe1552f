"""Train a network of 0/1 units with integer weights and integer thresholds, and write it as JSON + NPZ.

In the written network a unit fires (1) iff ``sum(w * x) >= t``. While training, ``w`` is a float array that
is rounded to 4-bit integers on the fly, and a batch normalisation without a scale takes the threshold's
place: a unit fires iff ``(z - mean) / std + beta >= 0`` for its sum ``z``. That is ``z >= mean - beta * std``
and, ``z`` being an integer, the threshold ``ceil(mean - beta * std)`` is exact. Rounding and firing pass
gradients straight through, as a linear ramp would.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.ndimage import map_coordinates
from numpy.lib.stride_tricks import sliding_window_view

LEVELS = 7  # weights are integers in -LEVELS..LEVELS
CLIP = 2.5  # weights beyond so many root mean squares of their unit saturate at +-LEVELS
EPSILON = 1e-3  # keeps the normalisation of a constant sum finite
MOMENTUM = 0.98  # of the running mean and variance
SETTLE = 0.7  # part of the epochs after which the moments stay as they are
SHARPNESS = 0.2  # from n-hot scores to the logits of the loss


@dataclass(frozen=True)
class Layer:
    """A convolution of stride 1 followed by 2x2 max-pooling, or (``kernel`` 0) a dense layer."""

    name: str
    units: int
    kernel: int = 0
    padding: int = 0


@dataclass(frozen=True)
class Task:
    """A network and how to train it; the last layer's units are shared out equally among the classes."""

    name: str
    layers: Sequence[Layer]
    shape: tuple[int, int, int]
    threshold: int  # an input is 1 iff its value is at least this
    epochs: int
    classes: int = 10
    batch: int = 100
    rate: float = 0.06  # large, since normalised sums do not depend on the scale of the weights
    jitter: tuple[float, float, float] = (1.5, 0.2, 0.1)  # random shift (pixels), turn (radians), zoom
    seed: int = 1

    @property
    def key(self) -> np.ndarray:
        """The n-hot key, (classes, units of the last layer), 0/1 with disjoint rows of equal weight."""
        return np.repeat(np.eye(self.classes, dtype=np.int8), self.layers[-1].units // self.classes, axis=1)


class Unit(NamedTuple):
    """Trainable arrays of one layer: ``weight`` (O, I, K, K) or (O, I), and ``beta`` (O,)."""

    weight: jax.Array
    beta: jax.Array


class Moments(NamedTuple):
    """Moments of one layer's integer sums: ``mean`` (O,) and ``var`` (O,)."""

    mean: jax.Array
    var: jax.Array


def straight_through(value: jax.Array, ramp: jax.Array) -> jax.Array:
    """Return exactly ``value``, with the gradient of ``ramp`` (both of the same shape)."""
    return jax.lax.stop_gradient(value) + (ramp - jax.lax.stop_gradient(ramp))


def quantise(weight: jax.Array) -> jax.Array:
    """Round weights (O, ...) to integers in -LEVELS..LEVELS, on a scale of each unit's own."""
    rms = jnp.sqrt(jnp.mean(weight**2, axis=tuple(range(1, weight.ndim)), keepdims=True))
    ramp = jnp.clip(weight / jax.lax.stop_gradient(rms) * (LEVELS / CLIP), -LEVELS, LEVELS)
    return straight_through(jnp.round(ramp), ramp)


def forward(
    task: Task, units: list[Unit], moments: list[Moments] | None, x: jax.Array
) -> tuple[jax.Array, list[Moments]]:
    """Evaluate the network as trained, with the batch's own moments where none are given.

    Parameters
    ----------
    x : (B, C, H, W) array of 0/1

    Returns
    -------
    scores : (B, classes) array, ``(2 out - 1) @ (2 key - 1).T``
    moments : the moments used, per layer
    """
    used = []
    for i, (layer, unit) in enumerate(zip(task.layers, units, strict=True)):
        weight = quantise(unit.weight)
        if layer.kernel:
            z = jax.lax.conv_general_dilated(x, weight, (1, 1), [(layer.padding, layer.padding)] * 2)
            b, o, h, w = z.shape
            # Pooling the sums equals pooling the 0/1 values, and lets the gradient reach the largest sum.
            z = z.reshape(b, o, h // 2, 2, w // 2, 2).max((3, 5))
        else:
            z = x.reshape(len(x), -1) @ weight.T
        axes = (0, *range(2, z.ndim))
        mean, var = used_here = moments[i] if moments else Moments(z.mean(axes), z.var(axes))
        used.append(used_here)
        centre, std, beta = (v.reshape(-1, *[1] * (z.ndim - 2)) for v in (mean, jnp.sqrt(var + EPSILON), unit.beta))
        y = (z - centre) / std + beta
        x = straight_through(y >= 0, jnp.clip(y, -1.0, 1.0))
    return (2 * x - 1) @ (2.0 * task.key - 1).T, used


def distort(key: jax.Array, frames: jax.Array, jitter: Sequence[float]) -> jax.Array:
    """Shift, turn and zoom each of the frames (B, 1, H, W) at random, interpolating linearly."""
    b, _, h, w = frames.shape
    dy, dx, turn, zoom_y, zoom_x = jax.random.uniform(key, (5, b, 1, 1), minval=-1.0, maxval=1.0) * jnp.array(
        [jitter[0], *jitter[:2], jitter[2], jitter[2]]
    ).reshape(5, 1, 1, 1)
    y, x = jnp.meshgrid(jnp.arange(h) - (h - 1) / 2, jnp.arange(w) - (w - 1) / 2, indexing="ij")
    rows = (jnp.cos(turn) * y - jnp.sin(turn) * x) * (1 + zoom_y) + dy + (h - 1) / 2
    columns = (jnp.sin(turn) * y + jnp.cos(turn) * x) * (1 + zoom_x) + dx + (w - 1) / 2
    return jax.vmap(lambda f, r, c: map_coordinates(f, [r, c], order=1))(frames[:, 0], rows, columns)[:, None]


def train(
    task: Task, frames: np.ndarray, labels: np.ndarray, held: np.ndarray, held_labels: np.ndarray
) -> dict[str, np.ndarray]:
    """Train on ``frames`` (N, C, H, W) and ``labels`` (N,), printing the accuracy on the held-out ones.

    Returns
    -------
    The arrays of the network by name: integer weights ``NAME``, thresholds ``NAME_t`` (O,), and ``key``.
    """
    rng = np.random.default_rng(task.seed)
    (channels, side, _), units = task.shape, []
    for layer in task.layers:
        shape: tuple[int, ...] = (layer.units, channels * side * side)
        if layer.kernel:
            shape = (layer.units, channels, layer.kernel, layer.kernel)
            side = (side + 2 * layer.padding - layer.kernel + 1) // 2
        else:
            side = 1
        channels = layer.units
        units.append(Unit(jnp.array(rng.normal(size=shape), jnp.float32), jnp.zeros(layer.units)))
    moments = [Moments(jnp.zeros(layer.units), jnp.ones(layer.units)) for layer in task.layers]
    batches = len(frames) // task.batch
    adam = optax.adam(optax.cosine_decay_schedule(task.rate, task.epochs * batches))

    def loss(units: Any, moments: Any, x: jax.Array, y: jax.Array) -> tuple[jax.Array, list[Moments]]:
        scores, used = forward(task, units, moments, x)
        return optax.softmax_cross_entropy_with_integer_labels(SHARPNESS * scores, y).mean(), used

    @partial(jax.jit, static_argnames="settled")
    def update(units: Any, moments: Any, state: Any, key: jax.Array, x: Any, y: Any, settled: bool) -> Any:
        x = distort(key, x.astype(jnp.float32), task.jitter) >= task.threshold - 0.5
        given = moments if settled else None
        (value, new), gradient = jax.value_and_grad(loss, has_aux=True)(units, given, x.astype(jnp.float32), y)
        moments = jax.tree.map(lambda old, v: MOMENTUM * old + (1 - MOMENTUM) * v, moments, new)
        change, state = adam.update(gradient, state)
        return optax.apply_updates(units, change), moments, state, value

    @jax.jit
    def hits(units: Any, moments: Any) -> jax.Array:
        x = jnp.array(held >= task.threshold, jnp.float32)
        return (forward(task, units, moments, x)[0].argmax(1) == held_labels).mean()

    state, start = adam.init(units), time.perf_counter()
    for epoch in range(task.epochs):
        order, total = rng.permutation(len(frames))[: batches * task.batch].reshape(batches, -1), 0.0
        for i, chosen in enumerate(order):
            key = jax.random.fold_in(jax.random.key(task.seed), epoch * batches + i)
            units, moments, state, value = update(
                units, moments, state, key, frames[chosen], labels[chosen], settled=epoch >= SETTLE * task.epochs
            )
            total += value
        print(
            f"epoch {epoch + 1}/{task.epochs}: loss {total / batches:.4f}, held-out accuracy "
            f"{hits(units, moments):.4f}, {time.perf_counter() - start:.0f} s",
            flush=True,
        )

    arrays = {"key": task.key}
    for layer, unit, (mean, var) in zip(task.layers, units, moments, strict=True):
        centre, std, beta = (np.asarray(v, np.float64) for v in (mean, np.sqrt(var + EPSILON), unit.beta))
        arrays[layer.name] = np.asarray(quantise(unit.weight)).astype(np.int8)
        arrays[f"{layer.name}_t"] = np.ceil(centre - beta * std).astype(np.int16)
    return arrays


def write(task: Task, arrays: dict[str, np.ndarray], folder: Path) -> Path:
    """Write ``NAME.json`` and ``NAME.npz`` into the folder and return the path of the former."""
    layers: list[dict[str, Any]] = []
    for layer in task.layers:
        names = {"weight": f"{task.name}.npz:{layer.name}", "threshold": f"{task.name}.npz:{layer.name}_t"}
        if layer.kernel:
            geometry = {"stride": [1, 1], "padding": [layer.padding, layer.padding]}
            layers.append({"name": layer.name, "type": "conv2d", **names, **geometry})
            pool = {"type": "maxpool2d", "kernel": [2, 2], "stride": [2, 2]}
            layers.append({"name": layer.name.replace("conv", "pool"), **pool})
        else:
            if layers[-1]["type"] == "maxpool2d":
                layers.append({"name": "flatten", "type": "flatten"})
            layers.append({"name": layer.name, "type": "dense", **names})
    encoding = {"kind": "binary", "threshold": task.threshold}
    network = {
        "format": "layered-network",
        "version": 1,
        "name": task.name,
        "input": {"shape": task.shape, "encoding": encoding},
        "layers": layers,
        "output": {"decode": {"kind": "n-hot", "key": f"{task.name}.npz:key"}},
    }
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{task.name}.npz", **arrays)
    path = folder / f"{task.name}.json"
    path.write_text(json.dumps(network, indent=2) + "\n")
    return path


def evaluate(path: Path, frames: np.ndarray) -> np.ndarray:
    """Classify frames (N, C, H, W) with a written network, in NumPy integers only; returns classes (N,)."""

    def array(reference: str) -> np.ndarray:
        file, name = reference.split(":")
        return np.load(path.parent / file)[name].astype(np.int32)

    network = json.loads(path.read_text())
    x = (frames >= network["input"]["encoding"]["threshold"]).astype(np.int32)
    for layer in network["layers"]:
        if layer["type"] == "conv2d":
            weight, threshold = array(layer["weight"]), array(layer["threshold"])
            (ph, pw), (sh, sw) = layer["padding"], layer["stride"]
            windows = sliding_window_view(np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw))), weight.shape[2:], (2, 3))
            z = np.einsum("nihwkl,oikl->nohw", windows[:, :, ::sh, ::sw], weight, optimize=True)
            x = (z >= threshold[:, None, None]).astype(np.int32)
        elif layer["type"] == "maxpool2d":
            sh, sw = layer["stride"]
            x = sliding_window_view(x, layer["kernel"], (2, 3))[:, :, ::sh, ::sw].max((4, 5))
        elif layer["type"] == "flatten":
            x = x.reshape(len(x), math.prod(x.shape[1:]))
        else:
            x = (x @ array(layer["weight"]).T >= array(layer["threshold"])).astype(np.int32)
    return (x @ array(network["output"]["decode"]["key"]).T).argmax(1)


def report(path: Path, frames: np.ndarray, labels: np.ndarray) -> None:
    """Print a written network's accuracy on test frames (N, C, H, W) and its number of parameters."""
    correct = sum(
        int((evaluate(path, frames[i : i + 500]) == labels[i : i + 500]).sum()) for i in range(0, len(frames), 500)
    )
    parameters = [v for name, v in np.load(path.with_suffix(".npz")).items() if name != "key"]
    print(
        f"integer test accuracy {correct / len(labels):.4f} ({correct} of {len(labels)}); "
        f"{sum(v.size for v in parameters)} parameters (weights and thresholds), "
        f"{sum(np.count_nonzero(v) for v in parameters)} of them not zero"
    )
