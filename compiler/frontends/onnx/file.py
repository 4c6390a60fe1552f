"""ONNX files, read and run by the package onnx: the optional extra ``onnx``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from compiler.frontends.model import FloatModel
from compiler.frontends.onnx.graph import QONNX, STANDARD, Graph, Node
from compiler.frontends.onnx.ops import read_graph
from compiler.frontends.onnx.rounding import integer_range, integers
from compiler.networks.network import INPUT
from isa_spec.errors import FormatError, NeuroprocError

OLDEST = 7
"""Version of the operators from which constants broadcast as in numpy."""
SCOPES = "pkg.torch.onnx.name_scopes"
"""Key under which PyTorch notes in which modules a node lies, outermost first, then the operation."""
AT_ONCE = 250
"""Frames that the evaluator is given at once: it keeps every tensor of all of them."""
BY_CHANCE = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")


def read_onnx(path: str | Path) -> FloatModel:
    """Layers of an ONNX or QONNX file.

    Parameters
    ----------
    path : str or Path
        Weights in files beside it are read, too.

    Raises
    ------
    FormatError
        If it is no ONNX file, is damaged, or contradicts itself.
    NeuroprocError
        If the package onnx is missing.
    """
    return read_graph(_plain(path, _load(path)))[0]


def evaluate_onnx(path: str | Path, frames: np.ndarray, tensors: Sequence[str]) -> dict[str, np.ndarray]:
    """What the package's own evaluator answers, by tensor: float64[N, ...].

    Parameters
    ----------
    path : str or Path
    frames : float64[N, C, H, W]
        What the network is fed, in the layout of `read_onnx`.
    tensors : sequence of str
        Names of tensors of the file.

    Raises
    ------
    FormatError
        As `read_onnx`, or if the evaluator refuses the file.
    """
    model, name = _load(path), Path(path).name
    from onnx.reference import ReferenceEvaluator

    graph = _plain(path, model)
    index = read_graph(graph)[1]
    fed = (
        frames.reshape(len(frames), index.size)[:, index.ravel()].reshape(len(frames), *index.shape).astype(graph.dtype)
    )
    size = graph.batch or min(AT_ONCE, max(1, len(frames)))
    names = list(dict.fromkeys(tensors))
    parts: dict[str, list[np.ndarray]] = {tensor: [] for tensor in names}
    evaluator = _trusted(name, ReferenceEvaluator, model, new_ops=_operations(graph.opset))
    for start in range(0, max(1, len(fed)), size):
        some = fed[start : start + size]
        lacking = max(graph.batch or 1, len(some)) - len(some)
        full = np.concatenate([some, np.zeros((lacking, *some.shape[1:]), some.dtype)])
        values = _trusted(name, evaluator.run, names, {graph.input: full})
        for tensor, value in zip(names, values, strict=True):
            parts[tensor].append(np.asarray(value)[: len(some)].astype(np.float64))
    return {tensor: np.concatenate(values) for tensor, values in parts.items()}


def _load(path: str | Path) -> Any:
    """The file as the package has it, checked and with its functions written out."""
    try:
        import onnx
        from onnx import inliner
    except ImportError:
        raise NeuroprocError(".onnx files need onnx; install the extra: pip install 'neuroproc[onnx]'") from None
    try:
        model = onnx.load(str(path))
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # protobuf and onnx each raise classes of their own for a damaged file
        raise FormatError(f"{path}: no ONNX file, or a damaged one: {_line(error)}") from None
    if not model.graph.node:
        raise FormatError(f"{path}: no ONNX file, or an empty one: it has no nodes")
    try:
        if model.functions:
            model = inliner.inline_local_functions(model)
        del model.graph.value_info[:]  # shapes are found anew, and a file may lack or mistake them
        for entry in (*model.graph.input, *model.graph.output):
            if not entry.type.HasField("tensor_type") or not entry.type.tensor_type.elem_type:
                entry.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
            entry.type.tensor_type.shape.SetInParent()
        onnx.checker.check_model(model)
    except Exception as error:  # as above
        raise FormatError(f"{path}: not a valid ONNX file: {_line(error)}") from None
    return model


def _line(error: Exception) -> str:
    """First line of what a library says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _plain(path: str | Path, model: Any) -> Graph:
    """As `_graph`; what the package cannot tell in plain words is damaged."""
    try:
        return _graph(path, model)
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path}: a damaged ONNX file: {_line(error)}") from None


def _graph(path: str | Path, model: Any) -> Graph:
    """The graph in plain words."""
    from onnx import helper, numpy_helper

    name, graph = Path(path).name, model.graph
    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = versions.get(STANDARD, versions.get("ai.onnx", 0))
    if opset < OLDEST:
        raise FormatError(f"{name}: operators of version {opset}, allowed: {OLDEST} and above; export it again")
    if graph.sparse_initializer:
        raise FormatError(f"{name}: sparse initialisers, allowed: dense ones")
    constants = {
        entry.name: _trusted(f"{name}: initialiser '{entry.name}'", numpy_helper.to_array, entry)
        for entry in graph.initializer
    }
    inputs = [entry for entry in graph.input if entry.name not in constants]
    outputs = [entry.name for entry in graph.output]
    for what, names in (("inputs", [entry.name for entry in inputs]), ("outputs", outputs)):
        if len(names) != 1:
            raise FormatError(
                f"{name}: {len(names)} {what} ({', '.join(names)}), allowed: one; export the part between"
            )
    (frame,) = inputs
    kind = frame.type.tensor_type
    batch, *dims = [entry.dim_value if entry.HasField("dim_value") else None for entry in kind.shape.dim] or [None]
    sizes = tuple(size for size in dims if size is not None and size > 0)
    if not 1 <= len(sizes) == len(dims) <= 3:
        said = [entry.dim_param or entry.dim_value or "?" for entry in kind.shape.dim]
        raise FormatError(
            f"{name}: input '{frame.name}' has shape [{', '.join(map(str, said))}], allowed: a batch of any size, then "
            "[C, H, W], [C, L] or [C] in numbers; export with a frame of fixed size"
        )
    seen: set[str] = {INPUT}
    nodes = tuple(_node(node, place, seen) for place, node in enumerate(graph.node))
    known = {*constants, frame.name, ""}
    for node in nodes:
        unknown = [tensor for tensor in node.inputs if tensor not in known]
        if unknown:
            raise FormatError(
                f"{name}: node '{node.name}' ({node.op}) reads '{unknown[0]}', which nothing before it makes"
            )
        known.update(node.outputs)
    folder = _folder(model, name, opset)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return Graph(name, frame.name, outputs[0], sizes, batch or None, dtype, nodes, constants, opset, folder)


def _node(node: Any, place: int, seen: set[str]) -> Node:
    """A node in plain words, under a name that no other has."""
    names = (node.name, node.op_type, node.domain, *node.input, *node.output)
    if any(isinstance(text, bytes) for text in names):
        raise ValueError(f"node {place} has a name that is no text")
    wanted = _module(node) or node.name or f"{node.op_type}_{place}"
    name, often = wanted, 1
    while name in seen:
        often += 1
        name = f"{wanted}_{often}"
    seen.add(name)
    domain = STANDARD if node.domain == "ai.onnx" else node.domain
    attributes = {entry.name: _attribute(entry) for entry in node.attribute}
    return Node(name, node.op_type, domain, tuple(node.input), tuple(node.output), attributes, node)


def _module(node: Any) -> str:
    """The module of PyTorch that a layer with weights comes from, where the exporter says it."""
    if node.op_type not in ("Conv", "Gemm", "MatMul", "BatchNormalization"):
        return ""
    said = {entry.key: entry.value for entry in getattr(node, "metadata_props", ())}
    try:
        *modules, _ = ast.literal_eval(said.get(SCOPES, "['']"))
        return str(modules[-1]) if modules else ""
    except (ValueError, SyntaxError, TypeError):
        return ""


def _attribute(entry: Any) -> Any:
    """An attribute's value; a type of numbers by its kind: ``float``, ``int`` or ``bool``."""
    from onnx import TensorProto, helper, numpy_helper

    value = helper.get_attribute_value(entry)
    if entry.name == "to" and isinstance(value, int):
        name = TensorProto.DataType.Name(value)
        return "float" if "FLOAT" in name or name == "DOUBLE" else "bool" if name == "BOOL" else "int"
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


def _folder(model: Any, name: str, opset: int) -> Any:
    """What runs one node on constants, by the package's evaluator."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    def fold(node: Node, arrays: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        if node.op in BY_CHANCE:
            raise FormatError(f"{name}: node '{node.name}' ({node.op}) answers by chance, allowed: what repeats")
        given = {
            tensor: array for tensor, array in zip(node.inputs, arrays, strict=True) if tensor and array is not None
        }
        ends = [tensor for tensor in node.outputs if tensor]
        unknown = helper.make_empty_tensor_value_info
        graph = helper.make_graph([node.raw], "fold", [unknown(tensor) for tensor in given], [unknown(e) for e in ends])
        one = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
        where = f"{name}: node '{node.name}' ({node.op})"
        evaluator = _trusted(where, ReferenceEvaluator, one, new_ops=_operations(opset))
        values = _trusted(where, evaluator.run, ends, given)
        found = dict(zip(ends, map(np.asarray, values), strict=True))
        return [found.get(tensor, np.zeros(0)) for tensor in node.outputs]

    return fold


def _trusted(where: str, call: Callable[..., Any], *given: Any, **options: Any) -> Any:
    """What the package answers; it raises whatever numpy raises, and it is the file that is wrong."""
    try:
        return call(*given, **options)
    except Exception as error:
        raise FormatError(f"{where}: onnx cannot run or read it: {_line(error)}") from error


@cache
def _operations(opset: int) -> Any:
    """Operations that the package's evaluator lacks: QONNX's quantisers in each of their domains, and older
    versions of others."""
    from onnx.reference.op_run import OpRun

    def bipolar(self: Any, x: np.ndarray, scale: np.ndarray, **_: Any) -> tuple[np.ndarray]:
        return (np.where(x >= 0, scale, -scale).astype(x.dtype),)

    def quant(self: Any, x: np.ndarray, scale: np.ndarray, zero: np.ndarray, bits: np.ndarray, **given: Any) -> Any:
        said = {**_defaults(self), **given}
        bounds = integer_range(float(np.ravel(bits)[0]), bool(said["signed"]), bool(said["narrow"]))
        numbers = integers(x, scale, zero, bounds, str(said["rounding_mode"]).upper())
        return ((numbers * scale).astype(x.dtype),)

    def multithreshold(self: Any, x: np.ndarray, thresholds: np.ndarray, **given: Any) -> Any:
        said = {**_defaults(self), **given}
        layout = said["data_layout"] or {3: "NWC"}.get(x.ndim, "NCHW")
        axis = layout.index("C") if "C" in layout else 1
        moved = np.moveaxis(x, axis, -1)[..., None] >= thresholds
        counts = np.moveaxis(np.count_nonzero(moved, axis=-1), -1, axis)
        return ((said["out_scale"] * counts + said["out_bias"]).astype(x.dtype),)

    def dequantize(self: Any, x: Any, scale: Any, zero: Any = None, axis: int = 1, **_: Any) -> Any:
        along = [-1 if place == axis % max(x.ndim, 1) else 1 for place in range(x.ndim)]
        shaped = [
            np.reshape(part, along if np.size(part) > 1 else [1] * x.ndim)
            for part in (scale, 0 if zero is None else zero)
        ]
        return ((x.astype(np.int64) - shaped[1]).astype(scale.dtype) * shaped[0],)

    def normalise(self: Any, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, epsilon: float, **_: Any) -> Any:
        # Before version 14 the package's takes a running average over the batch, which is meant for training only.
        shape = (-1, *[1] * (x.ndim - 2))
        gamma, beta, mean, deviation = (
            part.reshape(shape) for part in (gamma, beta, mean, np.sqrt(variance + epsilon))
        )
        return ((gamma * (x - mean) / deviation + beta).astype(x.dtype),)

    runs = {"BipolarQuant": bipolar, "Quant": quant, "IntQuant": quant, "MultiThreshold": multithreshold}
    made = [type(op, (OpRun,), {"op_domain": domain, "_run": run}) for op, run in runs.items() for domain in QONNX]
    renewed = {"DequantizeLinear": (dequantize, 19), "BatchNormalization": (normalise, 14)}
    older = {op: run for op, (run, since) in renewed.items() if opset < since}
    return made + [type(op, (OpRun,), {"op_domain": STANDARD, "_run": run}) for op, run in older.items()]


def _defaults(run: Any) -> Mapping[str, Any]:
    """Attributes of a node of QONNX's, or what they are where it has none."""
    defaults = {
        "signed": 1, "narrow": 0, "rounding_mode": "ROUND", "out_scale": 1.0, "out_bias": 0.0, "data_layout": "",
    }  # fmt: skip
    return {key: getattr(run, key, default) for key, default in defaults.items()}
