"""What models of real numbers answer, slowly: all values are fractions, all rules as their words say it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from compiler.frontends.model import (
    BatchNorm,
    Conv,
    Fire,
    Flat,
    Join,
    Linear,
    Pool,
    Scale,
    Step,
    Sum,
)
from isa_spec.coding import to_values


class Rooted:
    """``value + factor * sqrt(square)``, which is compared exactly."""

    def __init__(self, value, factor=Fraction(0), square=Fraction(1)):
        self.value, self.factor, self.square = Fraction(value), Fraction(factor), Fraction(square)

    def above(self, level):
        """-1, 0, 1: below, at, above the level."""
        gap, root = self.value - level, self.factor**2 * self.square
        if self.factor == 0 or gap == 0:
            found = gap if self.factor == 0 else self.factor
        elif (gap > 0) == (self.factor > 0):
            found = gap
        else:
            found = (gap**2 - root) * (1 if gap > 0 else -1)
        return (found > 0) - (found < 0)

    def times(self, factor, shift):
        return Rooted(self.value * factor + shift, self.factor * factor, self.square)

    @property
    def plain(self):
        assert self.factor == 0, "a root where a sum is taken"
        return self.value


def exact_run(model, frames, strict=False):
    """Every layer's values of a model, one frame after the other: object[n_frames, C, H, W] of `Rooted` by name.

    Parameters
    ----------
    frames : object[n_frames, C, H, W] of Fraction
    strict : bool
        What a step whose file does not say is.
    """
    runs = [_exact_frame(model, frame, strict) for frame in frames]
    return {name: np.stack([run[name] for run in runs]) for name in runs[0]}


def _exact_frame(model, frame, strict):
    lift = np.vectorize(Rooted, otypes=[object])
    maps = {"input": lift(frame)}
    for layer in model.layers:
        maps[layer.name] = _exact_layer(layer, [maps[source] for source in layer.sources], strict)
    return maps


def _by_channel(values, channels):
    numbers = [Fraction(float(value)) for value in np.asarray(values).ravel()]
    return numbers * channels if len(numbers) == 1 else numbers


def _exact_layer(layer, read, strict):
    x = read[0]
    plain = np.vectorize(lambda value: value.plain, otypes=[object])
    lift = np.vectorize(Rooted, otypes=[object])
    match layer:
        case Conv():
            return lift(_exact_conv(layer, plain(x)))
        case Linear():
            flat = plain(x).ravel()
            out = []
            for unit, row in enumerate(layer.weight):
                scale = layer.scale[unit] if layer.scale else Fraction(1)
                bias = 0 if layer.bias is None else Fraction(float(layer.bias[unit]))
                products = (Fraction(weight) * value for weight, value in zip(row.tolist(), flat, strict=True))
                out.append(scale * sum(products) + bias)
            return lift(np.array(out, object).reshape(-1, 1, 1))
        case Pool():
            return _exact_pool(layer, x)
        case Scale():
            factor, shift = _by_channel(layer.factor, len(x)), _by_channel(layer.shift, len(x))
            return _map(x, lambda c, value: value.times(factor[c], shift[c]))
        case BatchNorm():
            gamma, beta, mean, variance = (
                _by_channel(array, len(x)) for array in (layer.gamma, layer.beta, layer.mean, layer.variance)
            )
            epsilon = Fraction(float(layer.epsilon))

            def normed(c, value):
                spread = variance[c] + epsilon
                return Rooted(beta[c], gamma[c] * (value.plain - mean[c]) / spread, spread)

            return _map(x, normed)
        case Sum():
            times = np.ones((len(read), len(x)), int) if layer.factor is None else layer.factor
            return lift(sum(plain(one) * by[:, None, None] for one, by in zip(read, times.astype(object), strict=True)))
        case Join():
            return np.concatenate(read)
        case Flat():
            return x.reshape(-1, 1, 1)
        case Step():
            level, high, low = _by_channel(layer.level, len(x)), Rooted(layer.high), Rooted(layer.low)
            least = 1 if (strict if layer.strict is None else layer.strict) else 0
            return _map(x, lambda c, value: high if value.above(level[c]) >= least else low)
        case Fire():
            gain, level = _by_channel(layer.gain, len(x)), _by_channel(layer.threshold, len(x))
            least = 1 if (strict if layer.strict is None else layer.strict) else 0
            return _map(x, lambda c, value: Rooted(int(value.times(gain[c], 0).above(level[c]) >= least)))
    raise AssertionError(layer)


def _map(x, change):
    out = np.empty(x.shape, object)
    for place in np.ndindex(x.shape):
        out[place] = change(place[0], x[place])
    return out


def _exact_conv(layer, x):
    (top, bottom), (left, right) = layer.padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right)), constant_values=layer.pad_value)
    outputs, within, k_h, k_w = layer.weight.shape
    reach = [(size - 1) * step + 1 for size, step in zip((k_h, k_w), layer.dilation, strict=True)]
    rows, cols = ((padded.shape[1 + a] - reach[a]) // layer.stride[a] + 1 for a in range(2))
    out = np.empty((outputs, rows, cols), object)
    for o, row, col in np.ndindex(out.shape):
        first = o // (outputs // layer.groups) * within
        total = Fraction(0)
        for i, k, m in np.ndindex(within, k_h, k_w):
            y, z = row * layer.stride[0] + k * layer.dilation[0], col * layer.stride[1] + m * layer.dilation[1]
            total += Fraction(layer.weight[o, i, k, m].item()) * padded[first + i, y, z]
        scale = layer.scale[o] if layer.scale else Fraction(1)
        out[o, row, col] = scale * total + (0 if layer.bias is None else Fraction(float(layer.bias[o])))
    return out


def _exact_pool(layer, x):
    channels, height, width = x.shape
    (top, bottom), (left, right) = layer.padding
    rows = (height + top + bottom - layer.kernel[0]) // layer.stride[0] + 1
    cols = (width + left + right - layer.kernel[1]) // layer.stride[1] + 1
    out = np.empty((channels, rows, cols), object)
    for c, row, col in np.ndindex(out.shape):
        window = [
            x[c, y, z]
            for y in range(row * layer.stride[0] - top, row * layer.stride[0] - top + layer.kernel[0])
            for z in range(col * layer.stride[1] - left, col * layer.stride[1] - left + layer.kernel[1])
            if 0 <= y < height and 0 <= z < width
        ]
        if layer.rule == "max":
            best = window[0]
            for value in window[1:]:
                best = value if _greater(value, best) else best
            out[c, row, col] = best
        else:
            total = sum((value.plain for value in window), Fraction(0))
            area = layer.kernel[0] * layer.kernel[1] if layer.rule == "avg" else 1
            out[c, row, col] = Rooted(total / area)
    return out


def _greater(one, other):
    """Of values of one channel: they have one root, and so one factor's sign decides."""
    if one.factor == 0 and other.factor == 0:
        return one.value > other.value
    assert one.square == other.square
    return Rooted(one.value - other.value, one.factor - other.factor, one.square).above(Fraction(0)) > 0


def seen(encoding, frames, assumptions):
    """What a model is fed for frames: object[n_frames, C, H, W] of Fraction."""
    values = to_values(encoding, frames)
    scale, offset = assumptions.input_scale, assumptions.input_offset
    return np.vectorize(lambda value: Fraction(int(value)) * scale + offset, otypes=[object])(values)


def exact_steps(model, trains, assumptions):
    """Every layer's values in every step of a model that gathers: object[n_frames, n_steps, C, H, W] of `Rooted`.

    Parameters
    ----------
    trains : int[n_frames, n_steps, C, H, W]
        What a frame shows in each step.
    assumptions : Assumptions
        Says reset, comparison and floor, where the file does not.
    """
    frames = []
    for train in trains:
        potential, steps = {}, []
        for shown in train:
            maps = {"input": np.vectorize(lambda one: Rooted(one * assumptions.input_scale), otypes=[object])(shown)}
            for layer in model.layers:
                read = [maps[source] for source in layer.sources]
                if isinstance(layer, Fire):
                    held = potential.setdefault(layer.name, np.full(read[0].shape, Fraction(0), object))
                    maps[layer.name] = _exact_fire(layer, read[0], held, assumptions)
                else:
                    maps[layer.name] = _exact_layer(layer, read, False)
            steps.append(maps)
        frames.append({name: np.stack([maps[name] for maps in steps]) for name in steps[0]})
    return {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}


def _exact_fire(layer, x, held, assumptions):
    """Spikes of one step; what the units hold changes in place."""
    gain, level = _by_channel(layer.gain, len(x)), _by_channel(layer.threshold, len(x))
    strict = assumptions.strict if layer.strict is None else layer.strict
    reset = layer.reset or assumptions.reset
    floor = assumptions.floor if layer.floor is None else Fraction(layer.floor)
    out = np.empty(x.shape, object)
    for place in np.ndindex(x.shape):
        channel = place[0]
        potential = held[place] + gain[channel] * x[place].plain
        fires = potential > level[channel] if strict else potential >= level[channel]
        if fires:
            potential = potential - level[channel] if reset == "subtract" else Fraction(0)
        held[place] = potential if floor is None else max(potential, Fraction(floor))
        out[place] = Rooted(int(fires))
    return out
