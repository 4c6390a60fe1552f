"""The oracle: what the layered network answers, in plain integers, every layer kept."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from compiler.network import INPUT, Conv2d, Dense, Flatten, Layer, LayeredNetwork, MaxPool2d
from isa_spec.coding import to_classes, to_planes
from isa_spec.errors import NetworkError


def evaluate(network: LayeredNetwork, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Decisions of the frame's planes and of every layer.

    Parameters
    ----------
    network : LayeredNetwork
    frames : int[n_frames, C, H, W]

    Returns
    -------
    dict of str to uint8[n_frames, C, H, W]
        By layer name; ``"input"`` holds the encoded frames.

    Raises
    ------
    NetworkError
        If frames have another shape than the network's input.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[1:] != network.input_shape:
        raise NetworkError(
            f"frames of shape {list(frames.shape)}, allowed: [n_frames, {str(network.input_shape)[1:-1]}]"
        )
    decisions = {INPUT: to_planes(network.encoding, frames)}
    for layer in network.layers:
        decisions[layer.name] = _decide(layer, decisions[layer.source])
    return decisions


def classes(network: LayeredNetwork, decisions: dict[str, np.ndarray]) -> np.ndarray | None:
    """Class of each frame from the decisions of the last layer: int64[n_frames], None without classes."""
    outputs = decisions[network.layers[-1].name]
    return to_classes(network.decode, outputs.reshape(len(outputs), -1))


def _decide(layer: Layer, x: np.ndarray) -> np.ndarray:
    match layer:
        case Conv2d():
            (p_h, p_w), kernel = layer.padding, layer.weight.shape[2:]
            windows = _windows(np.pad(x, ((0, 0), (0, 0), (p_h, p_h), (p_w, p_w))), kernel, layer.stride)
            n, _, h, w = windows.shape[:4]
            patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, -1)
            fires = _fires(patches, layer.weight.reshape(len(layer.weight), -1), layer.threshold, layer.name)
            return fires.reshape(n, h, w, -1).transpose(0, 3, 1, 2)
        case MaxPool2d():
            return _windows(x, layer.kernel, layer.stride).max(axis=(4, 5))
        case Flatten():
            return x.reshape(len(x), -1, 1, 1)
        case Dense():
            fires = _fires(x.reshape(len(x), -1), layer.weight, layer.threshold, layer.name)
            return fires[:, :, None, None]


def _windows(x: np.ndarray, kernel: tuple[int, ...], stride: tuple[int, int]) -> np.ndarray:
    return sliding_window_view(x, kernel, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]


def _fires(x: np.ndarray, weight: np.ndarray, threshold: np.ndarray, name: str) -> np.ndarray:
    # Sums of integers below 2**53 are exact in float64, whatever the order of addition, and far faster than in int64.
    real = weight.astype(np.float64)
    if np.abs(real).sum(axis=1).max() >= 2**52:
        raise NetworkError(f"layer '{name}': the absolute weights of a unit sum to 2**52 or more")
    return (x.astype(np.float64) @ real.T >= threshold).astype(np.uint8)
