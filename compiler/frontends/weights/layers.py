"""From the layers of a weight dump to layers in real numbers, whatever the order of their axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from compiler.frontends.model import (
    BatchNorm,
    Conv,
    FloatModel,
    Join,
    Linear,
    Step,
    Sum,
    Unsupported,
)
from compiler.frontends.weights.dump import Dump, Entry
from compiler.frontends.weights.quantisers import CHOOSE, PLAIN, REAL, STEPS, plain_name
from compiler.frontends.weights.state import Map, State, bias_of, kernel_of, per_channel, scale_of
from compiler.frontends.weights.windows import conv, pool, zero_padding
from compiler.networks.network import INPUT

OPTIONS = (
    "strides", "padding", "dilation_rate", "groups", "pool_size", "data_format", "axis", "epsilon", "activation",
    "input_quantizer", "kernel_quantizer", "depthwise_quantizer", "pad_values", "sharpness", "level", "strict", "low",
    "high",
)  # fmt: skip
"""Keys that a layer may have; a layer of a kind that knows nothing of one passes it over."""
NOTHING = (
    "InputLayer", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout",
    "ActivityRegularization",
)  # fmt: skip
"""Layers that do nothing once training is over."""


def read_layers(dump: Dump) -> FloatModel:
    """The layers of a dump, the last of which answers.

    Raises
    ------
    FormatError
        If layers contradict their arrays.
    """
    channels, *sizes = (dump.shape[-1], *dump.shape[:-1]) if dump.last else dump.shape
    rows, columns = (*sizes, 1, 1)[:2]
    state = State(dump)
    order = np.arange(channels) if not sizes else None
    state.maps[INPUT] = Map(INPUT, (channels, rows, columns), order, len(sizes))
    for entry in dump.entries:
        _read(state, entry)
    if not state.layers:
        raise dump.wrong(dump.entries[-1], "nothing is left of the network; allowed: layers with weights")
    answer, last = state.maps[dump.entries[-1].name], state.layers[-1]
    if answer.layer != last.name:
        raise dump.wrong(dump.entries[-1], f"reads '{answer.layer}', but the last layer is '{last.name}'; put it last")
    kind = (state.decode or {}).get("kind")
    if dump.last and answer.shape[1:] != (1, 1) and kind != "n-hot" and (answer.order is not None or kind):
        reason = "answers with a map, whose values come in C, H, W order here; end with a dense layer"
        state.layers.append(Unsupported(f"{last.name}.order", (last.name,), "answer", reason))
    return FloatModel(
        dump.name, "weights", state.maps[INPUT].shape, tuple(state.layers), None, state.decode, tuple(state.notes)
    )


def _read(state: State, entry: Entry) -> None:
    """Find out what a layer's map is, with its activation."""
    dump = state.dump
    kind, read = entry.kind.removeprefix("Quant"), [state.maps[name] for name in entry.inputs]
    if dump.last != (str(entry.options.get("data_format") or dump.layout).replace("_", "-") == "channels-last"):
        raise dump.wrong(entry, f"data_format = {entry.options['data_format']!r} in a dump of layout '{dump.layout}'")
    if kind in NOTHING:
        dump.taken.update(name for name in dump.arrays if name.startswith(f"{entry.name}."))
        state.maps[entry.name] = read[0]
        return
    if any(np.any(one.padding) for one in read) and kind not in WINDOWS:
        state.maps[entry.name] = state.unsupported(entry, read[0], "reads a map with a border; pad in the convolution")
        return
    if len(read) > 1 and kind not in SEVERAL:
        raise dump.wrong(entry, f"reads {len(read)} layers, allowed: one")
    quantiser = plain_name(entry.options.get("input_quantizer"))
    if quantiser not in PLAIN:
        read[0] = _activated(state, replace(entry, name=f"{entry.name}.input"), read[0], quantiser)
    operation = OPERATIONS.get(kind)
    activation = plain_name(entry.options.get("activation"))
    if operation is None:
        dump.taken.update(name for name in dump.arrays if name.startswith(f"{entry.name}."))
        made = _activated(state, entry, read[0], plain_name(kind))
    else:
        made = operation(state, entry, read)
        if activation not in PLAIN and kind != "Activation":
            made = _activated(state, replace(entry, name=f"{entry.name}.activation"), made, activation)
    state.maps[entry.name] = made


def _activated(state: State, entry: Entry, read: Map, name: str) -> Map:
    """An activation by its plain name."""
    if name in PLAIN:
        return read
    if name in CHOOSE and entry.name.removesuffix(".activation") == state.dump.entries[-1].name:
        state.decode = {"kind": "argmax", "classes": int(np.prod(read.shape))}
        state.notes.append(f"'{entry.name}' ({name}) is left out: the class is that of the largest value before it")
        return read
    if name not in STEPS:
        known = name in ("relu", "sigmoid", "tanh", "elu", "gelu", "hardsigmoid", "hardtanh", "leakyrelu", *CHOOSE)
        reason = REAL if known else "has no counterpart here; docs/weights.md lists what has"
        return state.unsupported(replace(entry, kind=name if known else entry.kind), read, reason)
    sharpness = state.dump.number(entry, "sharpness", 1.0)
    if sharpness != 1:
        return state.unsupported(entry, read, f"is no step yet: its sharpness is {sharpness:g}; train until it is 1")
    level, strict, low, high = STEPS[name]
    step = Step(entry.name, (read.layer,), np.array([level]), strict, Fraction(low), Fraction(high))
    return state.add(step, read.shape, read)


def _activation(state: State, entry: Entry, read: list[Map]) -> Map:
    return _activated(state, entry, read[0], plain_name(entry.options.get("activation")))


def _step(state: State, entry: Entry, read: list[Map]) -> Map:
    """A step in plain words: level, strict, low and high."""
    dump, strict = state.dump, entry.options.get("strict", False)
    if type(strict) is not bool:
        raise dump.wrong(entry, f"strict = {strict!r}, allowed: true, false")
    low, high = (Fraction(dump.number(entry, key, default)) for key, default in (("low", 0.0), ("high", 1.0)))
    levels = dump.array(entry, "level", 1)
    source, level = read[0], np.array([dump.number(entry, "level", 0.0)])
    if levels is not None:
        source, (level,) = per_channel(state, entry, source, [levels])
    return state.add(Step(entry.name, (source.layer,), level, strict, low, high), source.shape, source)


def _dense(state: State, entry: Entry, read: list[Map]) -> Map:
    """Dense over a vector; over a map, the same at every place, as Keras has it."""
    dump, source = state.dump, read[0]
    kernel, scale = kernel_of(state, entry, "kernel", 2)
    kernel = kernel.T if dump.last else kernel
    outputs = len(kernel)
    numbers = source.order
    if numbers is None and not dump.last:
        raise dump.wrong(entry, f"reads '{source.layer}', a map whose last axis is not its channels; flatten before it")
    values = source.shape[0] if numbers is None else len(numbers)
    if kernel.shape[1] != values:
        raise dump.wrong(entry, f"a kernel for {kernel.shape[1]} values, '{source.layer}' has {values}")
    bias, scales = bias_of(state, entry, outputs), scale_of(state, entry, scale, outputs)
    if numbers is None:
        layer = Conv(entry.name, (source.layer,), kernel[:, :, None, None].copy(), bias, scales)
        return state.add(layer, (outputs, *source.shape[1:]), source)
    placed = np.empty_like(kernel)
    placed[:, numbers] = kernel
    state.layers.append(Linear(entry.name, (source.layer,), placed, bias, scales))
    return Map(entry.name, (outputs, 1, 1), np.arange(outputs), 0)


def _batchnorm(state: State, entry: Entry, read: list[Map]) -> Map:
    """BatchNormalization; gamma is 1 and beta 0 where the layer was made without (``scale=False``)."""
    dump, source = state.dump, read[0]
    axis, n_dims = entry.options.get("axis", -1 if dump.last else 1), source.n_axes + 2
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if source.order is None and axis not in ((-1, n_dims - 1) if dump.last else (1, 1 - n_dims)):
        raise dump.wrong(entry, f"axis = {axis!r}, allowed: that of the channels")
    mean, variance = (dump.needed(entry, key, 1) for key in ("moving_mean", "moving_variance"))
    given = [dump.array(entry, key, 1) for key in ("gamma", "beta")]
    gamma, beta = (np.full(len(mean), plain) if a is None else a for a, plain in zip(given, (1.0, 0.0), strict=True))
    source, numbers = per_channel(state, entry, source, [gamma, beta, mean, variance])
    gamma, beta, mean, variance = (array.astype(np.float64) for array in numbers)
    epsilon = dump.number(entry, "epsilon", 1e-3)  # Keras's default
    layer = BatchNorm(entry.name, (source.layer,), gamma, beta, mean, variance, epsilon)
    return state.add(layer, source.shape, source)


def _flatten(state: State, entry: Entry, read: list[Map]) -> Map:
    """Flatten: no layer, but an order of the values."""
    source = read[0]
    if source.order is not None:
        return source
    order = np.arange(int(np.prod(source.shape))).reshape(source.shape)
    return replace(source, order=(np.moveaxis(order, 0, -1) if state.dump.last else order).ravel())


def _several(state: State, entry: Entry, read: list[Map]) -> Map:
    """Add and Concatenate."""
    dump, names = state.dump, tuple(one.layer for one in read)
    if any((one.order is None) != (read[0].order is None) for one in read):
        raise dump.wrong(entry, "reads maps and vectors together")
    if entry.kind == "Add":
        if len({one.shape for one in read}) > 1 or any(not _same(one.order, read[0].order) for one in read):
            raise dump.wrong(entry, f"adds maps of shapes {', '.join(str(list(one.shape)) for one in read)}")
        return state.add(Sum(entry.name, names), read[0].shape, read[0])
    axis, n_dims = entry.options.get("axis", -1 if dump.last else 1), read[0].n_axes + 2
    if read[0].order is None and axis not in ((-1, n_dims - 1) if dump.last else (1, 1 - n_dims)):
        raise dump.wrong(entry, f"axis = {axis!r}, allowed: that of the channels")
    if read[0].order is None and len({one.shape[1:] for one in read}) > 1:
        raise dump.wrong(entry, f"joins maps of shapes {', '.join(str(list(one.shape)) for one in read)}")
    if read[0].order is not None:
        read = [per_channel(state, replace(entry, name=f"{entry.name}.{one.layer}"), one, [])[0] for one in read]
    layer = Join(entry.name, tuple(one.layer for one in read))
    state.layers.append(layer)
    channels = sum(one.shape[0] for one in read)
    if read[0].order is None:
        return replace(read[0], layer=entry.name, shape=(channels, *read[0].shape[1:]))
    starts = np.cumsum([0, *[one.shape[0] for one in read]])
    orders = [one.order + start for one, start in zip(read, starts, strict=False) if one.order is not None]
    return Map(entry.name, (channels, 1, 1), np.concatenate(orders), 0)


def _same(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    return first is second or (first is not None and second is not None and np.array_equal(first, second))


def _softmax_decode(state: State, entry: Entry, read: list[Map]) -> Map:
    """Whetstone's output: units that stand for classes, by a key [classes, units]."""
    dump, source = state.dump, read[0]
    key = dump.needed(entry, "key", 2).astype(np.int64)
    units = int(np.prod(source.shape))
    key = key.T if key.shape[1] != units and key.shape[0] == units else key
    if entry.name != dump.entries[-1].name or key.shape[1] != units or not np.isin(key, (0, 1)).all():
        raise dump.wrong(
            entry, f"a key of shape {list(key.shape)} for {units} units, allowed: 0/1 [classes, {units}], last"
        )
    if len(set(key.sum(axis=1).tolist())) > 1:
        return state.unsupported(entry, source, "gives classes different numbers of units; use as many for each")
    if source.order is not None:
        placed = np.empty_like(key)
        placed[:, source.order] = key
        key = placed
    state.decode = {"kind": "n-hot", "key": key.tolist()}
    return source


WINDOWS = (
    "Conv1D",
    "Conv2D",
    "DepthwiseConv2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "AveragePooling1D",
    "AveragePooling2D",
)
SEVERAL = ("Add", "Concatenate")
OPERATIONS: Mapping[str, Callable[[State, Entry, list[Map]], Map]] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "DepthwiseConv2D"), conv),
    "Dense": _dense,
    **dict.fromkeys(WINDOWS[3:], pool),
    **dict.fromkeys((f"Global{rule}Pooling{n}D" for rule in ("Max", "Average") for n in (1, 2)), pool),
    "BatchNormalization": _batchnorm,
    "Flatten": _flatten,
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), zero_padding),
    **dict.fromkeys(SEVERAL, _several),
    "Activation": _activation,
    "Step": _step,
    "Softmax_Decode": _softmax_decode,
}
"""What becomes of a layer, by its class."""
