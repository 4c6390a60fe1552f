"""Quantisers: of weights, integers and what 1 of them is worth; of activations with two values, steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from compiler.frontends.model import Scale, Step
from compiler.frontends.onnx.graph import Node
from compiler.frontends.onnx.reading import Reading
from compiler.frontends.onnx.rounding import ROUNDINGS, integer_range, integers, step_between
from compiler.frontends.onnx.values import Known, Stair, Value

SIDES = np.array([-1.0, 1.0, 1.0])
"""A sign of two values, below, at and above 0."""


def bipolar_quant(reading: Reading, node: Node) -> Value:
    """BipolarQuant: plus the scale where x >= 0, else minus the scale."""
    scale = reading.constant(node, 1)
    if scale is None:
        return reading.no_words(node, "has a scale that is computed from the frame")
    value = reading.values[node.inputs[0]]
    if isinstance(value, Known):
        signs = np.where(value.value >= 0, 1, -1)
        return Known(signs, _grains(reading, node, scale, signs.shape))
    if scale.size == 1:
        values = SIDES * float(scale.ravel()[0])
        if isinstance(value, Stair):
            return replace(value, values=np.where(value.values >= 0, values[1], values[0]))
        source = reading.settle(node.inputs[0])
        (name,) = source.terms
        return Stair(source.index, source.shape, name, np.zeros(1), values, "BipolarQuant")
    return _by_channel(reading, node, np.zeros(1), False, scale, -scale, 2.0)


def quant(reading: Reading, node: Node) -> Value:
    """Quant: a multiple of the scale, between two integers."""
    scale, zero, bits = (reading.constant(node, place) for place in (1, 2, 3))
    if scale is None or zero is None or bits is None or bits.size != 1:
        return reading.no_words(node, "has a scale, zero point or width that is computed from the frame, or by channel")
    attributes = node.attributes
    rounding = str(attributes.get("rounding_mode", "ROUND")).upper()
    width = float(bits.ravel()[0])
    if rounding not in ROUNDINGS or not 1 <= width <= 32 or not np.all(scale > 0):
        problem = f"rounding_mode '{rounding}', {width:g} bits, scale {float(scale.min()):g}"
        raise reading.wrong(node, f"{problem}, allowed: {', '.join(ROUNDINGS)}; 1 to 32 bits; above 0")
    bounds = integer_range(width, bool(attributes.get("signed", 1)), bool(attributes.get("narrow", 0)))
    value = reading.values[node.inputs[0]]
    if isinstance(value, Known):
        numbers = integers(value.value, scale, zero, bounds, rounding)
        return Known(numbers, _grains(reading, node, scale, numbers.shape))
    if isinstance(value, Stair) and scale.size == zero.size == 1:
        steps = integers(value.values, scale.ravel(), zero.ravel(), bounds, rounding) * scale.ravel()
        return replace(value, values=np.asarray(steps, np.float64))
    smallest, largest = bounds
    if largest - smallest != 1:
        levels = largest - smallest + 1
        reason = f"answers with {levels} numbers, and a unit here with 0 or 1; train with activations of 1 bit"
        return reading.no_words(node, reason, reading.settle(node.inputs[0]))
    level, strict = step_between(smallest, rounding)
    at, low = (level - zero) * scale, (smallest - zero) * scale
    if scale.size == zero.size == 1:
        source = reading.settle(node.inputs[0])
        (name,) = source.terms
        ends = [float(low.ravel()[0]), float((low + scale).ravel()[0])]
        values = np.array([ends[0], ends[0 if strict else 1], ends[1]])
        return Stair(source.index, source.shape, name, at.ravel().astype(np.float64), values, "Quant")
    return _by_channel(reading, node, at, strict, scale, low, 1.0)


def _by_channel(
    reading: Reading, node: Node, level: np.ndarray, strict: bool, scale: np.ndarray, low: np.ndarray, span: float
) -> Value:
    """A step whose two values are told apart by channel: a step of 0 and 1, then a scale."""
    settled = reading.settle(node.inputs[0])
    source, (at, factor, shift) = reading.by_channel(settled, node, [level, span * scale, low])
    (name,) = source.terms
    step = f"{node.name}.step"
    reading.layers[step] = Step(step, (name,), at, strict, Fraction(0), Fraction(1))
    return reading.add(Scale(node.name, (step,), factor, shift), node.outputs[0], source.index, source.shape)


def _grains(reading: Reading, node: Node, scale: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.broadcast_to(scale, shape).copy()
    except ValueError:
        raise reading.wrong(node, f"a scale of shape {list(scale.shape)} for numbers of {list(shape)}") from None


def dequantize(reading: Reading, node: Node) -> Value:
    """DequantizeLinear of weights: integers and what 1 of them is worth."""
    value, scale = reading.values[node.inputs[0]], reading.constant(node, 1)
    zero = reading.constant(node, 2)
    if not isinstance(value, Known) or scale is None or node.attributes.get("block_size", 0):
        like = None if isinstance(value, Known) else reading.settle(node.inputs[0])
        return reading.no_words(node, "turns 8-bit activations into numbers; train with steps of 0 and 1", like)
    axis = int(node.attributes.get("axis", 1))
    dims = value.array.ndim

    def along(numbers: np.ndarray) -> np.ndarray:
        return numbers.reshape([-1 if place == axis % max(dims, 1) else 1 for place in range(dims)])

    one = scale.size == 1
    numbers = value.array.astype(np.int64)
    if zero is not None:
        numbers = numbers - (zero.astype(np.int64).ravel()[0] if zero.size == 1 else along(zero.astype(np.int64)))
    grains = scale.reshape([1] * dims) if one else along(scale)
    return Known(numbers, _grains(reading, node, grains, numbers.shape))


def multithreshold(reading: Reading, node: Node) -> Value:
    """MultiThreshold with one threshold per channel: a step at it."""
    thresholds = reading.constant(node, 1)
    if thresholds is None or thresholds.ndim != 2 or isinstance(reading.values[node.inputs[0]], Known):
        return reading.no_words(node, "has thresholds that are computed from the frame")
    settled = reading.settle(node.inputs[0])
    if thresholds.shape[1] != 1:
        levels = thresholds.shape[1] + 1
        reason = f"answers with {levels} numbers, and a unit here with 0 or 1; train with activations of 1 bit"
        return reading.no_words(node, reason, settled)
    attributes: Mapping[str, object] = node.attributes
    layout = str(attributes.get("data_layout", "")) or {2: "NWC"}.get(settled.index.ndim, "NCHW")
    places = [1] * settled.index.ndim
    places[layout.index("C") - 1 if "C" in layout else 0] = len(thresholds)
    scale, bias = (float(node.attributes.get(key, default)) for key, default in (("out_scale", 1.0), ("out_bias", 0.0)))
    source, (level,) = reading.by_channel(settled, node, [thresholds.reshape(places)])
    (name,) = source.terms
    values = np.array([bias, scale + bias, scale + bias])
    return Stair(source.index, source.shape, name, level, values, node.op)


QONNX_OPERATIONS = {
    "BipolarQuant": bipolar_quant,
    "Quant": quant,
    "IntQuant": quant,
    "MultiThreshold": multithreshold,
}
"""What becomes of a node of QONNX's domains."""
OPERATIONS = {"DequantizeLinear": dequantize}
"""What becomes of a node, by its operation."""
