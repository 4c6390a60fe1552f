"""From the nodes of an ONNX file to layers, node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

from compiler.frontends.model import FloatLayer, FloatModel, Unsupported
from compiler.frontends.onnx import layers, quantisers, shapes, steps
from compiler.frontends.onnx.graph import QONNX, STANDARD, Graph, Node
from compiler.frontends.onnx.reading import NO_WORD, REAL, OtherLayout, Reading
from compiler.frontends.onnx.values import Known, Lost, Map, Stair, Value
from compiler.networks.network import INPUT
from isa_spec.errors import FormatError

Operation = Callable[[Reading, Node], Value]
OPERATIONS: Mapping[str, Operation] = {
    **shapes.OPERATIONS,
    **layers.OPERATIONS,
    **steps.OPERATIONS,
    **quantisers.OPERATIONS,
}
"""Operations of ONNX that there are words for."""
KEEP_INTEGERS = ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity", "DequantizeLinear")
"""Not run on constants by the package, as these keep integers and their scale apart."""
REAL_ANSWERS = (
    "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Softplus", "Softsign", "Sigmoid", "HardSigmoid", "HardSwish",
    "Swish", "Mish", "Tanh", "ThresholdedRelu", "Erf", "Exp", "Log", "Sqrt", "Pow", "Softmax", "LogSoftmax", "Sin",
    "Cos", "Reciprocal",
)  # fmt: skip
REASONS: Mapping[str, str] = {
    **dict.fromkeys(REAL_ANSWERS, REAL),
    **dict.fromkeys(("LSTM", "GRU", "RNN", "Scan", "Loop"), "reads what it answered before: there are no loops"),
    **dict.fromkeys(
        ("Slice", "Split", "Gather", "GatherND", "GatherElements"),
        "takes a part of a map; read all of it, with weights of 0 for the rest",
    ),
    **dict.fromkeys(("If",), "does one thing or another as it runs"),
    **dict.fromkeys(("ConvTranspose", "Resize", "Upsample"), "makes a map larger, and lanes only become fewer"),
    **dict.fromkeys(
        ("LayerNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "MeanVarianceNormalization"),
        "divides by the spread of the frame it is given; use BatchNormalization",
    ),
    "QuantizeLinear": "answers with 256 numbers, and a unit here with 0 or 1; train with steps of 0 and 1",
}  # fmt: skip
"""What to do about operations that there are no words for."""
CHOOSE: Mapping[str, int] = {"Softmax": 1, "LogSoftmax": 1, "Sigmoid": 1, "ArgMax": 0}
"""Operations that choose a class, or weigh classes and keep their order; each with its axis where none is given."""
KEEPS_ORDER = ("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast")
"""Operations that may follow such a choice."""


def read_graph(graph: Graph) -> tuple[FloatModel, np.ndarray]:
    """The layers of a graph, and how its frames are laid out.

    Returns
    -------
    model : FloatModel
    index : int64[dimensions of the input, without the batch]
        Which value of a frame, in C, H, W order, each element of the input's tensor is.

    Raises
    ------
    FormatError
        If nodes contradict their tensors, or there is nothing to read.
    """
    dims = graph.shape
    index = np.arange(int(np.prod(dims))).reshape(dims)
    channels, rows, columns = (*dims, 1, 1)[:3]
    frame = Map(index, (channels, rows, columns), {INPUT: Fraction(1)})
    try:
        return _model(Reading(graph, frame, laid_out=False))
    except OtherLayout as other:
        frame = Map(np.argsort(other.index).reshape(dims), other.shape, frame.terms)
    return _model(Reading(graph, frame, laid_out=True))


def _model(reading: Reading) -> tuple[FloatModel, np.ndarray]:
    graph = reading.graph
    frame = reading.values[graph.input]
    assert isinstance(frame, Map)
    for node in graph.nodes:
        _read(reading, node)
    found, answer = _answering(reading)
    decode = {"kind": "argmax", "classes": int(np.prod(answer.shape))} if reading.chosen and answer else None
    names = [layer.name for layer in found]
    model = FloatModel(
        graph.name, "ONNX", frame.shape, tuple(found), None, decode, tuple(dict.fromkeys(reading.notes)),
        {name: tensor for name, tensor in reading.tensors.items() if name in names and tensor},
    )  # fmt: skip
    return model, frame.index


def _read(reading: Reading, node: Node) -> None:
    """Find out what a node's outputs are."""
    for name in node.outputs:
        reading.makers[name] = node
    values = [reading.values[name] for name in node.inputs if name]
    if any(isinstance(value, Lost) for value in values):
        reading.values.update(dict.fromkeys(node.outputs, Lost()))
        return
    operation = _operation(node)
    known = [value for value in values if isinstance(value, Known)]
    if len(known) == len(values) and not (node.domain in QONNX or node.op in KEEP_INTEGERS):
        arrays = [reading.constant(node, place) for place in range(len(node.inputs))]
        reading.values.update(zip(node.outputs, map(Known, reading.graph.fold(node, arrays)), strict=False))
        return
    if _answers(reading, node):
        reading.values[node.outputs[0]] = reading.values[node.inputs[0]]
        reading.makers[node.outputs[0]] = reading.makers[node.inputs[0]]
        reading.chosen.add(node.outputs[0])
        if node.op in CHOOSE:
            reading.notes.append(
                f"'{node.name}' ({node.op}) is left out: the class is that of the largest value before it"
            )
        return
    if operation is None:
        like = values[0] if node.op in REAL_ANSWERS and not isinstance(values[0], Known) else None
        arranged = reading.settle(node.inputs[0]) if like is not None else None
        value = reading.no_words(node, REASONS.get(node.op, NO_WORD), arranged)
    else:
        value = operation(reading, node)
    reading.values.update(dict.fromkeys(node.outputs[1:], Lost()))
    if node.outputs:
        reading.values[node.outputs[0]] = value


def _operation(node: Node) -> Operation | None:
    if node.domain in QONNX:
        return quantisers.QONNX_OPERATIONS.get(node.op)
    return OPERATIONS.get(node.op) if node.domain == STANDARD else None


def _answers(reading: Reading, node: Node) -> bool:
    """Whether nothing but the choice of the largest value follows from here on, and this node belongs to it."""
    if node.domain != STANDARD or not node.inputs:
        return False
    if node.inputs[0] not in reading.chosen:
        value, axis = reading.values[node.inputs[0]], node.attributes.get("axis", CHOOSE.get(node.op, 1))
        if node.op not in CHOOSE or not isinstance(value, Map | Stair) or value.index.ndim != 1:
            return False
        if value.index.size < 2 or axis not in (1, -1) or node.attributes.get("select_last_index", 0):
            return False
    elif node.op not in (*KEEPS_ORDER, *CHOOSE):
        return False
    after = [reader for name in node.outputs for reader in reading.readers.get(name, [])]
    while after:
        reader = after.pop()
        if reader.op not in (*KEEPS_ORDER, *CHOOSE):
            return False
        after += [other for name in reader.outputs for other in reading.readers.get(name, [])]
    return True


def _answering(reading: Reading) -> tuple[list[FloatLayer], Map | None]:
    """Layers that the answer depends on, the answering one last, and its map (None if it has no words)."""
    graph = reading.graph
    value = reading.values.get(graph.output)
    if value is None or isinstance(value, Known):
        raise FormatError(
            f"{graph.name}: output '{graph.output}' does not depend on the input; allowed: a network of layers"
        )
    if isinstance(value, Lost):
        return [layer for layer in reading.layers.values() if _needed(reading, layer)], None
    answer = reading.settle(graph.output)
    (name,) = answer.terms
    if name == INPUT:
        raise FormatError(f"{graph.name}: output '{graph.output}' is the input; allowed: a network of layers")
    if not np.array_equal(answer.index.ravel(), np.arange(answer.index.size)):
        node = reading.makers[graph.output]
        reason = "arranges the answer in another order than the units have"
        reading.layers[f"{node.name}.order"] = Unsupported(f"{node.name}.order", (name,), node.op, reason)
        name = f"{node.name}.order"
    needed, waiting = set(), [name]
    while waiting:
        layer = reading.layers.get(waiting.pop())
        if layer is not None and layer.name not in needed:
            needed.add(layer.name)
            waiting += layer.sources
    return [layer for key, layer in reading.layers.items() if key in needed], answer


def _needed(reading: Reading, layer: FloatLayer) -> bool:
    """Whether anything reads a layer, or it is one without words that nothing can read."""
    return isinstance(layer, Unsupported) or any(layer.name in other.sources for other in reading.layers.values())
