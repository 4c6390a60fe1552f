"""Networks that nobody trained, for sizes and speed: weights from a seed, thresholds at which half of the units fire.

Their figures are those of trained networks of this form; their answers mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Add, Conv2d, Dense, Layer, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork
from isa_spec.coding import largest_value

ENCODING = {"kind": "bitplanes", "bits": 4}
SEED = 20
CALIBRATED_ON = 16
"""Frames that the thresholds are chosen by."""
BEFORE_POOL = 0.84
"""Share of silent units before a pool: of four such, at least one fires half of the time."""


def vgg(channels: int = 64, size: int = 32) -> LayeredNetwork:
    """2x64C3-P2-2x128C3-P2-2x256C3-P2-512-100 for frames of 3 x 32 x 32 in four bits, as for CIFAR.

    Parameters
    ----------
    channels : int
        Of the first convolution; all other layers have their multiple of it.
    size : int
        Rows and columns of the frame, a multiple of 8.
    """
    rng = np.random.default_rng(SEED)
    layers: list[Layer] = []
    values, encoding = random_frames(rng, ENCODING, (3, size, size), CALIBRATED_ON), ENCODING
    for block, factor in enumerate((1, 2, 4)):
        for last in (False, True):
            name, source = f"conv{2 * block + last + 1}", layers[-1].name if layers else INPUT
            # Ternary weights in the middle, wider ones next to the frame.
            weight = random_weights(rng, (channels * factor, values.shape[1], 3, 3), 7 if not layers else 1 + 2 * last)
            conv = Conv2d(name, (source,), weight, None, padding=((1, 1), (1, 1)))
            _append(layers, conv, values, encoding, BEFORE_POOL if last else 0.5)
            values, encoding = _through(layers[-1], values, encoding), {"kind": "binary"}
        layers.append(Pool2d(f"pool{block + 1}", (layers[-1].name,), "maxpool2d", (2, 2), (2, 2)))
        values = _through(layers[-1], values, encoding)
    for name, units, largest in (("fc1", 8 * channels, 1), ("fc2", 100, 7)):
        weight = random_weights(rng, (units, int(np.prod(values.shape[1:]))), largest)
        _append(layers, Dense(name, (layers[-1].name,), weight, None), values, encoding, 0.5)
        values = _through(layers[-1], values, encoding)
    return LayeredNetwork("vgg", (3, size, size), tuple(layers), ENCODING, {"kind": "argmax", "classes": 10})


BY_NAME = {"vgg": vgg}
"""Networks that a benchmark finds by name."""


def random_frames(
    rng: np.random.Generator, encoding: Mapping[str, Any], shape: tuple[int, int, int], n_frames: int
) -> np.ndarray:
    """Frames in which the network sees each of its values equally often: int64[n_frames, C, H, W]."""
    values = rng.integers(0, largest_value(encoding) + 1, (n_frames, *shape))
    steps = encoding.get("thresholds", [encoding["threshold"]] if "threshold" in encoding else None)
    return values if steps is None else np.array([steps[0] - 1, *steps])[values]


def random_weights(rng: np.random.Generator, shape: tuple[int, ...], largest: int) -> np.ndarray:
    """Weights in -largest .. largest: int64[shape]."""
    return rng.integers(-largest, largest + 1, shape)


def _append(
    layers: list[Layer], layer: Conv2d | Dense, values: np.ndarray, encoding: Mapping[str, Any], silent: float
) -> None:
    """Append a layer whose units stay silent for a share of what they read."""
    drives = _through(layer, values, encoding)
    threshold = np.quantile(drives, silent, axis=(0, 2, 3), method="lower").astype(np.int64) + 1
    layers.append(replace(layer, threshold=threshold))


def _through(layer: Layer, values: np.ndarray, encoding: Mapping[str, Any]) -> np.ndarray:
    """Values of one layer, from those of the map that it reads."""
    shape = values.shape[1:]
    alone = replace(layer, sources=(INPUT,))
    channels = alone.output_shape([shape])[0]
    answer = () if alone.spikes else (Add("", (layer.name,), np.ones(channels, np.int64)),)
    network = LayeredNetwork("alone", shape, (alone, *answer), encoding, None)
    return evaluate(network, values)[layer.name]
