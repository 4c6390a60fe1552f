"""The oracle: what the layered network answers, in plain integers, every layer kept."""

from __future__ import annotations

from math import lcm

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from compiler.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.network import EXACT, INPUT, LayeredNetwork, beyond_exact, scaled
from isa_spec.coding import to_classes, to_values
from isa_spec.frames import as_frames


def evaluate(network: LayeredNetwork, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Values of every layer: decisions of those with thresholds, drives of linear ones.

    Parameters
    ----------
    network : LayeredNetwork
    frames : int[n_frames, C, H, W], or as `as_frames` has it

    Returns
    -------
    dict of str to uint8 or int64[n_frames, C, H, W]
        By layer name; ``"input"`` holds the values that the network sees of the frames. Averages are
        given as sums.

    Raises
    ------
    NetworkError
        If a sum could go beyond exact arithmetic.
    FormatError
        If frames have another shape than the network's input, or the encoding cannot carry their values.
    """
    values = {INPUT: to_values(network.encoding, as_frames(frames, network.input_shape))}
    # An average is kept as the sum, and counted as so many times too large.
    times = {INPUT: 1}
    for layer in network.layers:
        read = [values[source] for source in layer.sources]
        scales = [times[source] for source in layer.sources]
        scale = lcm(*scales)
        factors = [scale // own for own in scales]
        alike = [x if f == 1 else x.astype(np.int64) * f for x, f in zip(read, factors, strict=True)]
        sums, own = _sums(layer, alike)
        times[layer.name] = 1 if layer.spikes else scale * own
        threshold = getattr(layer, "threshold", None)
        values[layer.name] = sums if threshold is None else _fires(sums, scaled(threshold, scale))
    return values


def classes(network: LayeredNetwork, decisions: dict[str, np.ndarray]) -> np.ndarray | None:
    """Class of each frame from the decisions of the last layer: int64[n_frames], None without classes."""
    outputs = decisions[network.layers[-1].name]
    return to_classes(network.decode, outputs.reshape(len(outputs), -1))


def _sums(layer: Layer, read: list[np.ndarray]) -> tuple[np.ndarray, int]:
    """What a layer's thresholds are held against, or its map if it has none; and how many times too large."""
    x = read[0]
    match layer:
        case Conv2d():
            k_h, k_w = layer.weight.shape[2:]
            windows = _windows(np.pad(x, ((0, 0), (0, 0), *layer.padding)), layer.reach, layer.stride)
            windows = windows[..., :: layer.dilation[0], :: layer.dilation[1]]
            n, channels, h, w = windows.shape[:4]
            per_group = channels // layer.groups
            outputs = []
            for group, weight in enumerate(np.split(layer.weight, layer.groups)):
                part = windows[:, group * per_group : (group + 1) * per_group].transpose(0, 2, 3, 1, 4, 5)
                flat = part.reshape(n * h * w, per_group * k_h * k_w)
                sums = _product(flat, weight.reshape(len(weight), -1), layer.name)
                outputs.append(sums.reshape(n, h, w, -1).transpose(0, 3, 1, 2))
            return np.concatenate(outputs, axis=1), 1
        case Dense():
            return _product(x.reshape(len(x), -1), layer.weight, layer.name)[:, :, None, None], 1
        case Pool2d():
            windows = _windows(x, layer.kernel, layer.stride)
            if layer.kind == "maxpool2d":
                return windows.max(axis=(4, 5)), 1
            area = layer.kernel[0] * layer.kernel[1]
            return windows.sum(axis=(4, 5), dtype=np.int64), area if layer.kind == "avgpool2d" else 1
        case Add():
            return _added(layer, read), 1
        case Concat():
            return np.concatenate(read, axis=1), 1
        case Flatten():
            return x.reshape(len(x), -1, 1, 1), 1


def _added(layer: Add, read: list[np.ndarray]) -> np.ndarray:
    sums = np.zeros(read[0].shape, np.int64)
    largest = np.zeros(len(layer.threshold))
    for x, factor in zip(read, layer.factors, strict=True):
        largest += np.abs(x).max(initial=1) * np.abs(factor.astype(np.float64))
        sums += x * factor[:, None, None]
    if largest.max() >= EXACT:
        raise beyond_exact(layer.name)
    return sums


def _windows(x: np.ndarray, kernel: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    return sliding_window_view(x, kernel, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]


def _product(x: np.ndarray, weight: np.ndarray, name: str) -> np.ndarray:
    # Sums of integers below 2**53 are exact in float64, whatever the order of addition, and far faster than in int64.
    real, largest = weight.astype(np.float64), float(np.abs(x).max(initial=1))
    if np.abs(real).sum(axis=1).max() * largest >= EXACT:
        raise beyond_exact(name)
    return (x.astype(np.float64) @ real.T).astype(np.int64)


def _fires(sums: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    return (sums >= threshold[:, None, None]).astype(np.uint8)
