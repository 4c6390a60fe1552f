"""What a foreign model answers in floats: its layers one after the other, as their words say it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from compiler.frontends.imported import Assumptions
from compiler.frontends.model import (
    BatchNorm,
    Conv,
    Fire,
    Flat,
    FloatLayer,
    FloatModel,
    Join,
    Linear,
    Pool,
    Scale,
    Step,
    Sum,
    Unsupported,
)
from compiler.networks.layers import Pair
from compiler.networks.network import INPUT, LayeredNetwork
from isa_spec.errors import NetworkError
from isa_spec.frames import as_frames
from isa_spec.trains import step_values


def float_frames(
    model: FloatModel, network: LayeredNetwork, assumptions: Assumptions, frames: np.ndarray
) -> np.ndarray:
    """What a model is fed for integer frames: float64[n_frames, C, H, W], with several steps [n_frames, n_steps, ...].

    Parameters
    ----------
    model : FloatModel
    network : LayeredNetwork
        What became of it: it says the encoding.
    assumptions : Assumptions
    frames : int[n_frames, C, H, W]; C and W may be missing where they are 1

    Notes
    -----
    Where a step on the frame is the encoding, the model does that step itself, and is fed the frame as it is.
    """
    frames = as_frames(frames, network.input_shape)
    scale, offset = float(assumptions.input_scale), float(assumptions.input_offset)
    if (assumptions.encoding or model.encoding) is None:
        return frames.astype(np.float64) * scale + offset
    values = step_values(network.encoding, frames).astype(np.float64) * scale + offset
    if not network.rate:
        return values.reshape(frames.shape)
    return np.ascontiguousarray(np.broadcast_to(values, (len(frames), network.steps, *network.input_shape)))


def run_floats(model: FloatModel, frames: np.ndarray, assumptions: Assumptions) -> dict[str, np.ndarray]:
    """Values of every layer of a model, in float64.

    Parameters
    ----------
    model : FloatModel
    frames : float64[n_frames, C, H, W], or of several steps float64[n_frames, n_steps, C, H, W]
        As `float_frames` gives them.
    assumptions : Assumptions
        Says how steps compare and how units are reset, where the file does not.

    Returns
    -------
    dict of str to float64[n_frames, C, H, W] or [n_frames, n_steps, C, H, W]
        By layer; ``"input"`` are the frames.

    Raises
    ------
    NetworkError
        If there are no words for a layer.
    """
    n_steps = frames.shape[1] if frames.ndim == 5 else 0
    values = {INPUT: frames.reshape(-1, *frames.shape[-3:])}
    for layer in model.layers:
        read = [values[source] for source in layer.sources]
        if isinstance(layer, Fire) and n_steps:
            by_step = read[0].reshape(-1, n_steps, *read[0].shape[1:])
            values[layer.name] = integrated(layer, by_step, assumptions)[0].reshape(read[0].shape)
        else:
            values[layer.name] = _values(layer, read, assumptions)
    if not n_steps:
        return values
    return {name: value.reshape(-1, n_steps, *value.shape[1:]) for name, value in values.items()}


def _values(layer: FloatLayer, read: list[np.ndarray], assumptions: Assumptions) -> np.ndarray:
    x = read[0]
    match layer:
        case Conv():
            return _convolved(layer, x)
        case Linear():
            sums = x.reshape(len(x), -1) @ _scaled(layer.weight, layer.scale).T
            return (sums if layer.bias is None else sums + layer.bias).reshape(len(x), -1, 1, 1)
        case Pool():
            windows = _windows(
                _padded(x, layer.padding, -np.inf if layer.rule == "max" else 0), layer.kernel, layer.stride
            )
            if layer.rule == "max":
                return np.asarray(windows.max(axis=(4, 5)))
            return np.asarray(windows.sum(axis=(4, 5)) if layer.rule == "sum" else windows.mean(axis=(4, 5)))
        case Scale():
            return x * _each(layer.factor) + _each(layer.shift)
        case BatchNorm():
            deviation = np.sqrt(np.asarray(layer.variance) + layer.epsilon)
            return (x - _each(layer.mean)) / _each(deviation) * _each(layer.gamma) + _each(layer.beta)
        case Sum():
            counts = np.ones((len(read), 1)) if layer.factor is None else layer.factor.astype(np.float64)
            return np.asarray(sum(one * _each(times) for one, times in zip(read, counts, strict=True)))
        case Join():
            return np.concatenate(read, axis=1)
        case Flat():
            return x.reshape(len(x), -1, 1, 1)
        case Step():
            reached = _reached(x, _each(layer.level), layer.strict, assumptions)
            return np.where(reached, float(layer.high), float(layer.low))
        case Fire():
            return _reached(x * _each(layer.gain), _each(layer.threshold), layer.strict, assumptions).astype(np.float64)
        case Unsupported():
            raise NetworkError(f"layer '{layer.name}' ({layer.kind}) {layer.reason}")


def _reached(x: np.ndarray, level: np.ndarray, strict: bool | None, assumptions: Assumptions) -> np.ndarray:
    """Whether values reach their level, or exceed it where that is what the file or else the user says."""
    return np.asarray(x > level if (assumptions.strict if strict is None else strict) else x >= level)


def integrated(layer: Fire, by_step: np.ndarray, assumptions: Assumptions) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of units that gather, and what they hold when it is decided: both float64[n_frames, n_steps, C, H, W].

    Parameters
    ----------
    layer : Fire
    by_step : float64[n_frames, n_steps, C, H, W]
        What they are given in each step.
    assumptions : Assumptions
    """
    gain, level = _each(layer.gain), _each(layer.threshold)
    subtract = (layer.reset or assumptions.reset) == "subtract"
    floor = assumptions.floor if layer.floor is None else layer.floor
    potential = np.zeros_like(by_step[:, 0])
    spikes, held = np.zeros_like(by_step), np.zeros_like(by_step)
    for step in range(by_step.shape[1]):
        potential = potential + gain * by_step[:, step]
        fires = _reached(potential, level, layer.strict, assumptions)
        spikes[:, step], held[:, step] = fires, potential
        potential = np.where(fires, potential - level if subtract else 0.0, potential)
        if floor is not None:
            potential = np.maximum(potential, floor)
    return spikes, held


def _convolved(layer: Conv, x: np.ndarray) -> np.ndarray:
    weight = _scaled(layer.weight, layer.scale)
    reach = tuple((size - 1) * step + 1 for size, step in zip(weight.shape[2:], layer.dilation, strict=True))
    windows = _windows(_padded(x, layer.padding, float(layer.pad_value)), (reach[0], reach[1]), layer.stride)
    windows = windows[..., :: layer.dilation[0], :: layer.dilation[1]]
    n, _, rows, cols = windows.shape[:4]
    parts = []
    for part, own in zip(np.split(windows, layer.groups, axis=1), np.split(weight, layer.groups), strict=True):
        flat = part.transpose(0, 2, 3, 1, 4, 5).reshape(n * rows * cols, -1)
        parts.append((flat @ own.reshape(len(own), -1).T).reshape(n, rows, cols, -1).transpose(0, 3, 1, 2))
    sums = np.concatenate(parts, axis=1)
    return sums if layer.bias is None else sums + _each(layer.bias)


def _scaled(weight: np.ndarray, scale: tuple[Fraction, ...] | None) -> np.ndarray:
    worth = weight.astype(np.float64)
    if scale is None:
        return worth
    return worth * np.array([float(one) for one in scale]).reshape(-1, *[1] * (weight.ndim - 1))


def _each(values: np.ndarray) -> np.ndarray:
    """Numbers by channel, or one for all, so that they meet maps [N, C, H, W]."""
    return np.asarray(values, np.float64).reshape(-1, 1, 1)


def _padded(x: np.ndarray, padding: tuple[Pair, Pair], value: float) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), *padding), constant_values=value)


def _windows(x: np.ndarray, kernel: Pair, stride: Pair) -> np.ndarray:
    return sliding_window_view(x, kernel, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]
