"""Operations of ONNX on single values: scales, sums, and everything of which steps are made.

What depends on one comparison has three values, below, at and above its level, and any function of it has three again.
So a step may be written in whatever way: compared and cast, chosen by Where, a sign that is shifted and halved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from compiler.frontends.model import Scale
from compiler.frontends.onnx.graph import Node
from compiler.frontends.onnx.reading import NO_WORD, REAL, Reading
from compiler.frontends.onnx.values import Clipped, Known, Map, Stair, Value

UNARY: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "Relu": lambda x: np.maximum(x, 0.0),
    "Sign": np.sign,
    "Neg": np.negative,
    "Abs": np.abs,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.rint,
    "Not": lambda x: 1.0 - x,
}
BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Equal": np.equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
}
COMPARISONS = {"Greater": "Less", "GreaterOrEqual": "LessOrEqual", "Less": "Greater", "LessOrEqual": "GreaterOrEqual",
               "Equal": "Equal"}  # fmt: skip
"""Each with what it is when its sides change places."""
SIDES = np.array([-1.0, 0.0, 1.0])
"""Below, at and above a level of 0."""


def unary(reading: Reading, node: Node) -> Value:
    """A function of single values."""
    value, function = reading.values[node.inputs[0]], UNARY[node.op]
    if isinstance(value, Stair):
        return replace(value, values=np.asarray(function(value.values), np.float64), kind=node.op)
    if isinstance(value, Clipped) and node.op in ("Round", "Floor", "Ceil"):
        return _rounded(reading, node, value)
    if isinstance(value, Clipped) and node.op == "Sign":
        values = np.sign(np.clip(SIDES, np.sign(value.low), np.sign(value.high)))
        return Stair(value.index, value.shape, value.source, np.zeros(1), values, "Sign")
    if node.op == "Neg" and isinstance(value, Map):
        return replace(value, terms={name: -factor for name, factor in value.terms.items()})
    source = reading.settle(node.inputs[0])
    (name,) = source.terms
    if node.op == "Sign":
        return Stair(source.index, source.shape, name, np.zeros(1), SIDES, "Sign")
    if node.op == "Relu":
        return Clipped(source.index, source.shape, name, 0.0, np.inf, "Relu")
    return reading.no_words(node, REAL, source)


def _rounded(reading: Reading, node: Node, value: Clipped) -> Value:
    """What rounds a clipped value: a step, if two integers are left."""
    function = UNARY[node.op]
    low, high = function(np.array([value.low, value.high])).tolist()
    if high - low != 1:
        reason = "answers with more than two numbers, and a unit here with 0 or 1"
        return reading.unsupported(node, (value.source,), reason, value)
    level = {"Round": low + 0.5, "Floor": high, "Ceil": low}[node.op]
    values = np.array([low, float(function(np.array(level))), high])
    return Stair(value.index, value.shape, value.source, np.array([level]), values, node.op)


def clip(reading: Reading, node: Node) -> Value:
    """Clip: bounds are inputs, or attributes in older files."""
    bounds = [node.attributes.get("min", -np.inf), node.attributes.get("max", np.inf)]
    for place in (1, 2):
        if place < len(node.inputs) and node.inputs[place]:
            given = reading.constant(node, place)
            if given is None or given.size != 1:
                return reading.no_words(node, "has bounds that are only known when it runs")
            bounds[place - 1] = given.ravel()[0]
    return _clipped(reading, node, float(bounds[0]), float(bounds[1]))


def _clipped(reading: Reading, node: Node, low: float, high: float) -> Value:
    value = reading.values[node.inputs[0]]
    if isinstance(value, Known):
        value = reading.values[node.inputs[1]]
    if isinstance(value, Stair):
        return replace(value, values=np.clip(value.values, low, high))
    if isinstance(value, Clipped):
        inner = np.clip([value.low, value.high], low, high).tolist()
        return replace(value, low=inner[0], high=inner[1], kind=node.op)
    tensor = next(name for name in node.inputs if name and not isinstance(reading.values[name], Known))
    source = reading.settle(tensor)
    (name,) = source.terms
    return Clipped(source.index, source.shape, name, low, high, node.op)


def cast(reading: Reading, node: Node) -> Value:
    """Cast and CastLike: of a step to any type; of numbers to floats, which changes nothing that counts here."""
    value = reading.values[node.inputs[0]]
    kind = node.attributes.get("to", "float")
    if node.op == "CastLike":
        like = reading.values[node.inputs[1]]
        kind = "bool" if isinstance(like, Known) and like.array.dtype == bool else "float"
    if isinstance(value, Stair):
        values = value.values if kind == "float" else (value.values != 0) if kind == "bool" else np.trunc(value.values)
        return replace(value, values=np.asarray(values, np.float64))
    if kind == "float":
        return value
    return reading.no_words(node, "cuts numbers down to integers; compare them with a level instead")


def binary(reading: Reading, node: Node) -> Value:
    """A function of two values, of which one is constant or both are steps on one level, or a sum of maps."""
    if node.op in ("Max", "Min") and len(node.inputs) != 2:
        return reading.no_words(node, "takes the maximum of several maps" if len(node.inputs) > 2 else NO_WORD)
    first, second = (reading.values[name] for name in node.inputs)
    if isinstance(first, Known):
        return _with_constant(reading, node, node.inputs[1], first.value, constant_first=True)
    if isinstance(second, Known):
        return _with_constant(reading, node, node.inputs[0], second.value, constant_first=False)
    if isinstance(first, Stair) and isinstance(second, Stair) and same_steps(first, second):
        values = np.asarray(BINARY[node.op](first.values, second.values), np.float64)
        return replace(first, values=values, kind=node.op)
    if node.op in ("Add", "Sub"):
        return _sum(reading, node, (1, 1 if node.op == "Add" else -1))
    if node.op in COMPARISONS:
        difference = _sum(reading, node, (1, -1))
        if isinstance(difference, Map):
            source = reading.summed(difference, f"{node.name}.difference", "")
            (name,) = source.terms
            values = np.asarray(BINARY[node.op](SIDES, 0.0), np.float64)
            return Stair(source.index, source.shape, name, np.zeros(1), values, node.op)
        return difference
    return reading.no_words(node, "multiplies or compares two maps; a unit here adds, with fixed weights")


def same_steps(first: Stair, second: Stair) -> bool:
    """Whether two steps depend on the same comparison."""
    same = first.source == second.source and np.array_equal(first.level, second.level)
    return same and np.array_equal(first.index, second.index)


def _sum(reading: Reading, node: Node, signs: Sequence[int]) -> Value:
    """Sum of the inputs, each with its sign, as terms."""
    parts = [_as_terms(reading, name) for name in node.inputs]
    if len({part.index.shape for part in parts}) > 1:
        shapes = " and ".join(str([1, *part.index.shape]) for part in parts)
        return reading.no_words(node, f"adds maps of shapes {shapes}")
    if len({part.shape for part in parts}) > 1:
        parts = [reading.flat(reading.settle(name)) for name in node.inputs]
    first, terms = parts[0], dict[str, Fraction]()
    for part, sign in zip(parts, signs, strict=True):
        if not np.array_equal(first.index, part.index):
            return reading.no_words(node, "adds maps that are arranged differently")
        for name, factor in part.terms.items():
            terms[name] = terms.get(name, Fraction(0)) + sign * factor
    terms = {name: factor for name, factor in terms.items() if factor}
    if not terms:
        return Known(np.zeros((reading.graph.batch or 1, *first.index.shape)))
    return Map(first.index, first.shape, terms)


def _as_terms(reading: Reading, tensor: str) -> Map:
    value = reading.values[tensor]
    return value if isinstance(value, Map) else reading.settle(tensor)


def sum_of(reading: Reading, node: Node) -> Value:
    """Sum of any number of maps."""
    if any(isinstance(reading.values[name], Known) for name in node.inputs):
        return reading.no_words(node, "adds a constant; use Add for it")
    return _sum(reading, node, [1] * len(node.inputs))


def _with_constant(reading: Reading, node: Node, tensor: str, constant: np.ndarray, constant_first: bool) -> Value:
    """A function of a map and a constant."""
    value, op = reading.values[tensor], node.op
    numbers = constant.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise reading.wrong(node, "a constant that is not finite")
    if isinstance(value, Stair) and numbers.size == 1:
        number = numbers.ravel()[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            sides = (number, value.values) if constant_first else (value.values, number)
            values = np.asarray(BINARY[op](*sides), np.float64)
        if np.isfinite(values).all():
            return replace(value, values=values, kind=op if op in COMPARISONS else value.kind)
        return reading.no_words(node, "divides by 0")
    if op in COMPARISONS:
        return _compared(reading, node, tensor, numbers, COMPARISONS[op] if constant_first else op)
    if op in ("Max", "Min") and numbers.size == 1:
        number = float(numbers.ravel()[0])
        return _clipped(reading, node, *((number, np.inf) if op == "Max" else (-np.inf, number)))
    if op in ("Add", "Sub", "Mul", "Div"):
        return _scaled(reading, node, tensor, numbers, constant_first)
    return reading.no_words(node, REAL)


def _compared(reading: Reading, node: Node, tensor: str, numbers: np.ndarray, op: str) -> Value:
    """``map op constant``."""
    value = reading.values[tensor]
    values = np.asarray(BINARY[op](SIDES, 0.0), np.float64)
    if isinstance(value, Clipped) and numbers.size == 1 and value.low < numbers.ravel()[0] < value.high:
        return Stair(value.index, value.shape, value.source, numbers.ravel(), values, node.op)
    if isinstance(value, Clipped) and numbers.size == 1 and numbers.ravel()[0] in (value.low, value.high):
        below, at, above = np.clip(SIDES, *(value.low - numbers.ravel()[0], value.high - numbers.ravel()[0])).tolist()
        ends = np.asarray(BINARY[op](np.array([below, at, above]), 0.0), np.float64)
        return Stair(value.index, value.shape, value.source, numbers.ravel(), ends, node.op)
    source, (level,) = reading.by_channel(reading.settle(tensor), node, [numbers])
    (name,) = source.terms
    return Stair(source.index, source.shape, name, level, values, node.op)


def _scaled(reading: Reading, node: Node, tensor: str, numbers: np.ndarray, constant_first: bool) -> Value:
    """``map * constant`` and the like: kept as a term where it only multiplies by one number, else a layer."""
    op, value = node.op, reading.values[tensor]
    if op == "Div" and (constant_first or not numbers.all()):
        return reading.no_words(node, "divides by a map" if constant_first else "divides by 0")
    if op in ("Mul", "Div") and numbers.size == 1 and isinstance(value, Map) and numbers.all():
        number = Fraction(float(numbers.ravel()[0]))
        times = 1 / number if op == "Div" else number
        return replace(value, terms={name: often * times for name, often in value.terms.items()})
    source, (given,) = reading.by_channel(reading.settle(tensor), node, [numbers])
    one, nothing = np.ones(1), np.zeros(1)
    factor, shift = {
        "Add": (one, given),
        "Sub": (-one, given) if constant_first else (one, -given),
        "Mul": (given, nothing),
        "Div": (_inverse(given), nothing),
    }[op]
    layer = Scale(node.name, tuple(source.terms), factor, shift)
    return reading.add(layer, node.outputs[0], source.index, source.shape)


def _inverse(numbers: np.ndarray) -> np.ndarray:
    """One over each number: floats where all are exact, else fractions."""
    exact = [1 / Fraction(float(number)) if number else Fraction(0) for number in numbers]
    floats = np.array([float(number) for number in exact])
    return floats if [Fraction(number) for number in floats.tolist()] == exact else np.array(exact, object)


def where(reading: Reading, node: Node) -> Value:
    """Where: one of two numbers, as a step says."""
    condition = reading.values[node.inputs[0]]
    if not isinstance(condition, Stair):
        return reading.no_words(node, "chooses by what is no comparison with a level")
    sides = []
    for name in node.inputs[1:]:
        side = reading.values[name]
        if isinstance(side, Known) and np.all(side.value == side.value.ravel()[:1]):
            sides.append(np.full(3, float(side.value.ravel()[0])))
        elif isinstance(side, Stair) and same_steps(condition, side):
            sides.append(side.values)
        else:
            return reading.no_words(node, f"chooses between values of a map: {REAL}", condition)
    values = np.where(condition.values != 0, *sides)
    return replace(condition, values=values, kind="Where")


OPERATIONS = {
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys(BINARY, binary),
    "Clip": clip,
    "Cast": cast,
    "CastLike": cast,
    "Where": where,
    "Sum": sum_of,
}
"""What becomes of a node, by its operation."""
