"""Operations of ONNX that only arrange values: no layers come of them, but for joining maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from compiler.frontends.model import Join
from compiler.frontends.onnx.graph import Node
from compiler.frontends.onnx.reading import Reading
from compiler.frontends.onnx.values import Known, Lost, Padded, Value

Arrange = Callable[[np.ndarray], np.ndarray]
MIXES = "mixes the frames of a batch; arrange each frame by itself"


def arranged(reading: Reading, node: Node, arrange: Arrange) -> Value:
    """The first input under a function of arrays that only moves elements."""
    value = reading.values[node.inputs[0]]
    try:
        if isinstance(value, Known):
            grain = value.grain
            return Known(arrange(value.array), None if grain is None else arrange(grain))
        if isinstance(value, Padded):
            value = reading.settle(node.inputs[0])
        assert not isinstance(value, Lost)
        n_frames, size = reading.graph.batch or 1, value.index.size
        moved = arrange(value.index + np.arange(n_frames).reshape(-1, *[1] * value.index.ndim) * size)
    except (ValueError, IndexError, OverflowError) as error:  # numpy's own words say which shapes
        raise reading.wrong(node, str(error)) from None
    if moved.ndim < 2 or len(moved) != n_frames:
        return reading.no_words(node, MIXES)
    starts = np.arange(n_frames).reshape(-1, *[1] * (moved.ndim - 1)) * size
    if not np.array_equal(moved, moved[0] + starts):
        return reading.no_words(node, MIXES)
    return replace(value, index=moved[0])


def reshape(reading: Reading, node: Node) -> Value:
    """Reshape: the shape is an input, or an attribute in the oldest files."""
    wanted = node.attributes.get("shape") if len(node.inputs) < 2 else reading.constant(node, 1)
    if wanted is None:
        return reading.no_words(node, "has a shape that is only known when it runs")
    keep_zero = bool(node.attributes.get("allowzero", 0))

    def arrange(array: np.ndarray) -> np.ndarray:
        target = [int(size) for size in np.ravel(wanted)]
        if not keep_zero:
            target = [array.shape[place] if size == 0 else size for place, size in enumerate(target)]
        return array.reshape(target)

    return arranged(reading, node, arrange)


def flatten(reading: Reading, node: Node) -> Value:
    """Flatten: everything from an axis on becomes one."""
    axis = int(node.attributes.get("axis", 1))

    def arrange(array: np.ndarray) -> np.ndarray:
        before = array.shape[: axis if axis >= 0 else array.ndim + axis]
        return array.reshape(int(np.prod(before)), -1)

    return arranged(reading, node, arrange)


def transpose(reading: Reading, node: Node) -> Value:
    """Transpose: axes in another order."""
    return arranged(reading, node, lambda array: np.transpose(array, node.attributes.get("perm")))


def squeeze(reading: Reading, node: Node) -> Value:
    """Squeeze: axes of one element go."""
    axes = _axes(reading, node)
    return arranged(reading, node, lambda array: np.squeeze(array, axes))


def unsqueeze(reading: Reading, node: Node) -> Value:
    """Unsqueeze: axes of one element come."""
    return arranged(reading, node, lambda array: np.expand_dims(array, _axes(reading, node) or ()))


def _axes(reading: Reading, node: Node) -> tuple[int, ...] | None:
    """Axes from an input, or from an attribute in older files."""
    axes = node.attributes.get("axes") if len(node.inputs) < 2 else reading.constant(node, 1)
    return None if axes is None else tuple(int(axis) for axis in np.ravel(axes))


def identity(reading: Reading, node: Node) -> Value:
    """Identity and Dropout: nothing happens once training is over."""
    if node.op == "Dropout" and len(node.inputs) > 2:
        training = reading.constant(node, 2)
        if training is None or bool(np.any(training)):
            return reading.no_words(node, "drops values by chance; export the network for inference (net.eval())")
    return reading.values[node.inputs[0]]


def shape_of(reading: Reading, node: Node) -> Value:
    """Shape and Size: constants, as shapes are known."""
    value = reading.values[node.inputs[0]]
    if isinstance(value, Padded):
        value = reading.settle(node.inputs[0])
    assert not isinstance(value, Known | Lost)
    dims = np.array([reading.graph.batch or 1, *value.index.shape], np.int64)
    if node.op == "Size":
        return Known(np.array(np.prod(dims)))
    return Known(dims[node.attributes.get("start", 0) : node.attributes.get("end")])


def concat(reading: Reading, node: Node) -> Value:
    """Concat: channels of several maps, or vectors one after the other."""
    if any(isinstance(reading.values[name], Known) for name in node.inputs):
        return reading.no_words(node, "joins maps and constants, and constants do not speak")
    parts = [reading.settle(name) for name in node.inputs]
    n_dims = parts[0].index.ndim
    axis = int(node.attributes.get("axis", 1))
    axis = axis + n_dims + 1 if axis < 0 else axis
    if len({part.index.shape[: axis - 1] + part.index.shape[axis:] for part in parts}) != 1:
        shapes = ", ".join(str([1, *part.index.shape]) for part in parts)
        raise reading.wrong(node, f"joins maps of shapes {shapes} along axis {axis}")
    if axis == 0:
        return reading.no_words(node, MIXES)
    if n_dims == 1:
        parts = [reading.flat(part) for part in parts]
    else:
        maps = [reading.canonical(name, node) for name in node.inputs]
        if axis != 1 or any(part is None for part in maps):
            return reading.no_words(node, "joins maps along another axis than their channels")
    starts = np.cumsum([0, *[part.index.size for part in parts]])
    index = np.concatenate([part.index + start for part, start in zip(parts, starts, strict=False)], axis - 1)
    shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
    sources = tuple(name for part in parts for name in part.terms)
    return reading.add(Join(node.name, sources), node.outputs[0], index, shape)


def pad(reading: Reading, node: Node) -> Value:
    """Pad: a border by a constant, kept for what reads it."""
    mode = node.attributes.get("mode", "constant")
    pads = node.attributes.get("pads", node.attributes.get("paddings"))
    filler = node.attributes.get("value", 0.0)
    if len(node.inputs) > 1:
        pads = reading.constant(node, 1)
        given = reading.constant(node, 2) if len(node.inputs) > 2 and node.inputs[2] else np.zeros(1)
        if pads is None or given is None or len(node.inputs) > 3:
            return reading.no_words(node, "has a border that is only known when it runs, or along chosen axes")
        filler = float(np.ravel(given)[0])
    if mode != "constant":
        return reading.no_words(node, f"pads by mode '{mode}', and only a constant can stand around a map")
    value = reading.canonical(node.inputs[0], node)
    sizes = [] if pads is None else [int(size) for size in np.ravel(pads)]
    if value is None or len(sizes) != 2 * (value.index.ndim + 1):
        return reading.no_words(node, "pads what is no map of rows and columns")
    half = len(sizes) // 2
    borders = list(zip(sizes[:half], sizes[half:], strict=True))
    if any(before or after for before, after in borders[:2]) or min(sizes) < 0:
        return reading.no_words(node, "pads channels, or cuts off")
    rows, columns = (*borders[2:], (0, 0))[:2]
    return Padded(value, (rows, columns), float(filler))


OPERATIONS = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Identity": identity,
    "Dropout": identity,
    "Shape": shape_of,
    "Size": shape_of,
    "Concat": concat,
    "Pad": pad,
}
"""What becomes of a node, by its operation."""
