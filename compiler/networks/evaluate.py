"""The oracle: what the layered network answers, in plain integers, every layer kept."""

from __future__ import annotations

from math import lcm

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.networks.network import EXACT, INPUT, LayeredNetwork, beyond_exact, fineness_of, scaled
from isa_spec.decoding import needs_potentials, to_classes
from isa_spec.frames import as_frames
from isa_spec.trains import step_values


def evaluate(network: LayeredNetwork, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Values of every layer: decisions of those with thresholds, drives of linear ones; of rates, in every step.

    Parameters
    ----------
    network : LayeredNetwork
    frames : int[n_frames, C, H, W]; C and W may be missing where they are 1

    Returns
    -------
    dict of str to uint8 or int64[n_frames, C, H, W], of rate-coded networks [n_frames, n_steps, C, H, W]
        By layer name; ``"input"`` holds the values that the network sees of the frames. Averages are
        given as sums.

    Raises
    ------
    NetworkError
        If a sum could go beyond exact arithmetic.
    FormatError
        If frames have another shape than the network's input, or the encoding cannot carry their values.
    """
    frames = as_frames(frames, network.input_shape)
    shown = step_values(network.encoding, frames)
    trains = np.broadcast_to(shown, (len(frames), network.steps, *network.input_shape))
    # Sums know nothing of steps, so those of one frame are as good as frames.
    values = {INPUT: trains.reshape(-1, *network.input_shape)}
    # An average is kept as the sum, and counted as so many times too large.
    times = {INPUT: 1}
    for layer in network.layers:
        sums, scale = _scaled_sums(layer, values, times)
        times[layer.name] = 1 if layer.spikes else scale
        threshold = getattr(layer, "threshold", None)
        if threshold is None:
            values[layer.name] = sums
        elif network.rate:
            values[layer.name] = _integrated(network, layer, sums, threshold, scale)[0]
        else:
            values[layer.name] = _fires(sums, scaled(threshold, scale))
    if not network.rate:
        return values
    return {name: value.reshape(len(frames), network.steps, *value.shape[1:]) for name, value in values.items()}


def final_potentials(network: LayeredNetwork, decisions: dict[str, np.ndarray]) -> np.ndarray:
    """Potentials of the units that answer, after the last step: int64[n_frames, n_units], in C, H, W order.

    Where averages reach them they are as many times too large as the sums.

    Parameters
    ----------
    network : LayeredNetwork
        Of several steps.
    decisions : dict
        From `evaluate`.
    """
    layer, finest = network.answering, {INPUT: 1}
    for other in network.layers:
        finest[other.name] = fineness_of(other, finest)
    values = {name: value.reshape(-1, *value.shape[2:]) for name, value in decisions.items()}
    sums, scale = _scaled_sums(layer, values, finest)
    if (threshold := getattr(layer, "threshold", None)) is None:
        # The maximum of spikes is not gathered.
        return np.zeros((len(decisions[INPUT]), int(np.prod(sums.shape[1:]))), np.int64)
    potential = _integrated(network, layer, sums, threshold, scale)[1]
    return potential.reshape(len(potential), -1)


def classes(network: LayeredNetwork, decisions: dict[str, np.ndarray]) -> np.ndarray | None:
    """Class of each frame from the decisions of the last layer: int64[n_frames], None without classes."""
    outputs = decisions[network.layers[-1].name]
    potential = final_potentials(network, decisions) if needs_potentials(network.decode) else None
    return to_classes(network.decode, outputs.reshape(len(outputs), network.steps, -1), potential)


def _scaled_sums(layer: Layer, values: dict[str, np.ndarray], times: dict[str, int]) -> tuple[np.ndarray, int]:
    """What a layer's thresholds are held against, or its map if it has none; and how many times too large."""
    scales = [times[source] for source in layer.sources]
    scale = lcm(*scales)
    factors = [scale // own for own in scales]
    read = [values[source] for source in layer.sources]
    alike = [x if f == 1 else x.astype(np.int64) * f for x, f in zip(read, factors, strict=True)]
    sums, own = _sums(layer, alike)
    return sums, scale * own


def _integrated(
    network: LayeredNetwork, layer: Layer, sums: np.ndarray, threshold: np.ndarray, scale: int
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of units that add up their sums over the steps of a frame, and what they hold after the last.

    Parameters
    ----------
    network : LayeredNetwork
    layer : Layer
    sums : int64[n_frames * n_steps, C, H, W], potential units
    threshold : int64[C], potential units
    scale : int
        How many times too large the sums are.
    """
    by_step = sums.reshape(-1, network.steps, *sums.shape[1:])
    limit, pool = scaled(threshold, scale)[:, None, None], network.resets_of(layer)
    potential = np.zeros((len(by_step), *sums.shape[1:]), np.int64)
    fired = np.zeros(by_step.shape, np.uint8)
    for step in range(network.steps):
        potential += by_step[:, step]
        fires = potential >= limit
        if network.latches(layer) and step:
            fires |= fired[:, step - 1] > 0
        fired[:, step] = fires
        start_anew = fires if pool is None else _together(pool, fires)
        potential = np.where(start_anew, potential - limit if network.reset == "subtract" else 0, potential)
        if network.floor is not None:
            potential = np.maximum(potential, network.floor * scale)
    return fired.reshape(sums.shape), potential


def _together(pool: Pool2d, fires: np.ndarray) -> np.ndarray:
    """Which units fire, or are in a window in which one does: bool[N, C, H, W], as which of them fire."""
    found = fires.copy()
    rows, cols = ((size - k) // s + 1 for size, k, s in zip(fires.shape[2:], pool.kernel, pool.stride, strict=True))
    for row, col in np.ndindex(rows, cols):
        top, left = row * pool.stride[0], col * pool.stride[1]
        window = np.s_[:, :, top : top + pool.kernel[0], left : left + pool.kernel[1]]
        found[window] = fires[window].any(axis=(2, 3), keepdims=True)
    return found


def _sums(layer: Layer, read: list[np.ndarray]) -> tuple[np.ndarray, int]:
    """Sums of a layer over maps that are alike in scale, and how many times too large it makes them."""
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
    # Sums of integers below 2**53 are exact in float64, and below 2**24 in float32, whatever the order of addition; and
    # far faster than in int64.
    most = np.abs(weight.astype(np.float64)).sum(axis=1).max() * float(np.abs(x).max(initial=1))
    if most >= EXACT:
        raise beyond_exact(name)
    real = np.float32 if most < 2**24 else np.float64
    return (x.astype(real) @ weight.T.astype(real)).astype(np.int64)


def _fires(sums: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    return (sums >= threshold[:, None, None]).astype(np.uint8)
