"""Operations of ONNX that become layers with numbers: convolutions, products, pools and normalisations."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from compiler.frontends.model import BatchNorm, Conv, Linear, Pool
from compiler.frontends.onnx.graph import Node
from compiler.frontends.onnx.reading import Reading
from compiler.frontends.onnx.values import Known, Map, Padded, Value
from compiler.networks.layers import Pair, Shape

Borders = tuple[Pair, Pair]
NOT_A_MAP = "reads what is no map of channels, rows and columns in that order"
TWO_MAPS = "has weights that are computed from the frame"


def conv(reading: Reading, node: Node) -> Value:
    """Conv over one or two axes."""
    weight = reading.values[node.inputs[1]]
    bias = reading.constant(node, 2)
    if not isinstance(weight, Known) or (bias is None and len(node.inputs) > 2 and node.inputs[2]):
        return reading.no_words(node, TWO_MAPS)
    read = _window_source(reading, node)
    if read is None:
        return reading.no_words(node, NOT_A_MAP)
    source, before, filler = read
    kernel = weight.array.shape[2:]
    if weight.array.ndim - 1 != source.index.ndim:
        problem = f"weights of shape {list(weight.array.shape)} for a map of {[1, *source.index.shape]}"
        raise reading.wrong(node, problem)
    strides, dilations, padding = _window(reading, node, kernel, source)
    if before is not None:
        if filler and np.any(padding):
            return reading.no_words(node, f"pads by 0 around a border of {filler:g}")
        padding = tuple((a + c, b + d) for (a, b), (c, d) in zip(before, padding, strict=True))  # type: ignore[assignment]
    numbers, scale = _rows(weight)
    groups = int(node.attributes.get("group", 1))
    outputs, per_group = numbers.shape[:2]
    if groups < 1 or per_group * groups != source.shape[0] or outputs % groups:
        problem = f"weights of shape {list(numbers.shape)} in {groups} group(s) for {source.shape[0]} channels"
        raise reading.wrong(node, problem)
    numbers = numbers.reshape(outputs, per_group, kernel[0], kernel[1] if len(kernel) == 2 else 1)
    sizes = _positions(source.shape, numbers.shape[2:], strides, dilations, padding)
    if min(sizes) < 1:
        raise reading.wrong(node, f"a window of {list(kernel)} is larger than the padded map of {list(source.shape)}")
    (name,) = source.terms
    layer = Conv(
        node.name, (name,), numbers, _bias(reading, node, bias, outputs), scale, strides, padding, dilations, groups,
        Fraction(filler),
    )  # fmt: skip
    return _mapped(reading, node, layer, (outputs, *sizes), source.index.ndim)


def _window_source(reading: Reading, node: Node) -> tuple[Map, Borders | None, float] | None:
    """The map that a window slides over, with the border that a Pad before it gave."""
    value = reading.values[node.inputs[0]]
    if isinstance(value, Padded):
        return value.inner, value.padding, value.value
    source = reading.canonical(node.inputs[0], node)
    return None if source is None else (source, None, 0.0)


def _window(reading: Reading, node: Node, kernel: tuple[int, ...], source: Map) -> tuple[Pair, Pair, Borders]:
    """Strides, dilations and padding, for rows and columns."""
    n_axes = len(kernel)
    strides = _axis_sizes(reading, node, "strides", [1] * n_axes)
    dilations = _axis_sizes(reading, node, "dilations", [1] * n_axes)
    pads = [int(size) for size in node.attributes.get("pads", [0] * 2 * n_axes)]
    declared = [int(size) for size in node.attributes.get("kernel_shape", kernel)]
    if declared != list(kernel) or len(pads) != 2 * n_axes or min(pads) < 0:
        raise reading.wrong(node, f"kernel_shape {declared} and pads {pads} for a window of {list(kernel)}")
    auto = node.attributes.get("auto_pad", "NOTSET")
    if auto == "VALID":
        pads = [0] * 2 * n_axes
    elif auto.startswith("SAME"):
        befores, afters = [], []
        for size, reach, step, apart in zip(source.index.shape[1:], kernel, strides, dilations, strict=True):
            total = max(0, (-(-size // step) - 1) * step + (reach - 1) * apart + 1 - size)
            small = total // 2
            befores.append(small if auto == "SAME_UPPER" else total - small)
            afters.append(total - befores[-1])
        pads = befores + afters
    borders = [*zip(pads[:n_axes], pads[n_axes:], strict=True), (0, 0)]
    return _pair(strides), _pair(dilations), (borders[0], borders[1])


def _axis_sizes(reading: Reading, node: Node, key: str, default: list[int]) -> list[int]:
    sizes = [int(size) for size in node.attributes.get(key, default)]
    if len(sizes) != len(default) or min(sizes) < 1:
        raise reading.wrong(node, f"{key} {sizes} over {len(default)} axis(es)")
    return sizes


def _pair(sizes: list[int] | tuple[int, ...]) -> Pair:
    return sizes[0], sizes[1] if len(sizes) == 2 else 1


def _positions(shape: Shape, kernel: Pair, strides: Pair, dilations: Pair, padding: Borders) -> Pair:
    axes = zip(shape[1:], kernel, strides, dilations, padding, strict=True)
    rows, columns = ((size + a + b - (reach - 1) * apart - 1) // step + 1 for size, reach, step, apart, (a, b) in axes)
    return rows, columns


def _rows(weight: Known) -> tuple[np.ndarray, tuple[Fraction, ...] | None]:
    """Weights, and what 1 of each output's weights is worth where a quantiser says it."""
    if weight.grain is not None:
        grains = weight.grain.reshape(len(weight.grain), -1)
        if grains.size and np.all(grains == grains[:, :1]) and np.all(weight.array == np.rint(weight.array)):
            return weight.array.astype(np.int64), tuple(Fraction(float(grain)) for grain in grains[:, 0])
    return weight.value.astype(np.float64), None


def _bias(reading: Reading, node: Node, bias: np.ndarray | None, outputs: int) -> np.ndarray | None:
    if bias is None:
        return None
    if bias.size not in (1, outputs):
        raise reading.wrong(node, f"a bias of shape {list(bias.shape)} for {outputs} outputs")
    return np.broadcast_to(bias.ravel().astype(np.float64), outputs).copy()


def _mapped(reading: Reading, node: Node, layer: Conv | Pool, shape: Shape, n_dims: int) -> Map:
    """A layer's map, in as many dimensions as the file has."""
    index = np.arange(int(np.prod(shape))).reshape(shape[: max(n_dims, 2)] if n_dims < 3 else shape)
    return reading.add(layer, node.outputs[0], index, shape)


def gemm(reading: Reading, node: Node) -> Value:
    """Gemm: a vector times a matrix of weights, and a bias."""
    weight = reading.values[node.inputs[1]]
    bias = reading.constant(node, 2)
    if not isinstance(weight, Known) or (bias is None and len(node.inputs) > 2 and node.inputs[2]):
        return reading.no_words(node, TWO_MAPS)
    if node.attributes.get("transA", 0):
        return reading.no_words(node, "mixes the frames of a batch")
    alpha, beta = (float(node.attributes.get(key, 1.0)) for key in ("alpha", "beta"))
    numbers, grain = weight.array, weight.grain
    if alpha != 1:
        numbers, grain = weight.value.astype(np.float64) * alpha, None
    if not node.attributes.get("transB", 0):
        numbers, grain = numbers.T, None if grain is None else grain.T
    return _product(reading, node, Known(numbers, grain), None if bias is None else beta * bias)


def matmul(reading: Reading, node: Node) -> Value:
    """MatMul: a vector times a constant matrix."""
    weight = reading.values[node.inputs[1]]
    if not isinstance(weight, Known) or weight.array.ndim != 2:
        return reading.no_words(node, "multiplies by what is no constant matrix of weights")
    return _product(reading, node, Known(weight.array.T, None if weight.grain is None else weight.grain.T), None)


def _product(reading: Reading, node: Node, weight: Known, bias: np.ndarray | None) -> Value:
    source = reading.settle(node.inputs[0])
    if source.index.ndim != 1:
        return reading.no_words(node, "multiplies more than one vector of a frame; flatten before it")
    if weight.array.ndim != 2 or weight.array.shape[1] != source.index.size:
        shape = list(weight.array.T.shape)
        raise reading.wrong(node, f"weights of shape {shape} for a vector of {source.index.size} values")
    numbers, scale = _rows(weight)
    placed = np.empty_like(numbers)
    placed[:, source.index] = numbers
    outputs = len(numbers)
    layer = Linear(node.name, tuple(source.terms), placed, _bias(reading, node, bias, outputs), scale)
    return reading.add(layer, node.outputs[0], np.arange(outputs), (outputs, 1, 1))


def pool(reading: Reading, node: Node) -> Value:
    """MaxPool and AveragePool over one or two axes."""
    attributes = node.attributes
    read = _window_source(reading, node)
    if read is None:
        return reading.no_words(node, NOT_A_MAP)
    source, before, _ = read
    kernel = [int(size) for size in attributes.get("kernel_shape", [])]
    if len(kernel) != source.index.ndim - 1:
        raise reading.wrong(node, f"kernel_shape {kernel} for a map of {[1, *source.index.shape]}")
    strides, dilations, padding = _window(reading, node, tuple(kernel), source)
    rule = "max" if node.op == "MaxPool" else "avg"
    if before is not None or np.any(padding):
        included = rule == "avg" and attributes.get("count_include_pad", 0)
        if before is not None or not included:
            return reading.no_words(node, "pads its windows; use windows that lie within the map")
    if max(dilations) > 1:
        return reading.no_words(node, "has windows with gaps (dilations)")
    sizes = _positions(source.shape, _pair(kernel), strides, (1, 1), padding)
    if min(sizes) < 1:
        raise reading.wrong(node, f"a window of {kernel} is larger than the map of {[1, *source.index.shape]}")
    over = [(size + sum(border) - reach) % step for size, border, reach, step in
            zip(source.shape[1:], padding, _pair(kernel), strides, strict=True)]  # fmt: skip
    if attributes.get("ceil_mode", 0) and any(over):
        return reading.no_words(node, "has windows that reach beyond the map (ceil_mode); use windows that fit")
    layer = Pool(node.name, tuple(source.terms), rule, _pair(kernel), strides, padding)
    return _mapped(reading, node, layer, (source.shape[0], *sizes), source.index.ndim)


def global_pool(reading: Reading, node: Node) -> Value:
    """GlobalMaxPool, GlobalAveragePool, and reductions over rows and columns."""
    source = reading.canonical(node.inputs[0], node)
    if source is None:
        return reading.no_words(node, NOT_A_MAP)
    n_axes, keep = source.index.ndim - 1, True
    if node.op.startswith("Reduce"):
        axes = node.attributes.get("axes") if len(node.inputs) < 2 else reading.constant(node, 1)
        if axes is None:
            return reading.no_words(node, "reduces all axes, the batch included")
        chosen = sorted(int(axis) % (n_axes + 2) for axis in np.ravel(axes))
        if chosen != list(range(2, n_axes + 2)):
            return reading.no_words(node, "reduces other axes than rows and columns, all of them")
        keep = bool(node.attributes.get("keepdims", 1))
    rule = "max" if "Max" in node.op else "sum" if node.op == "ReduceSum" else "avg"
    channels, window = source.shape[0], source.shape[1:]
    layer = Pool(node.name, tuple(source.terms), rule, window, window)
    index = np.arange(channels).reshape(channels, *[1] * n_axes if keep else ())
    return reading.add(layer, node.outputs[0], index, (channels, 1, 1))


def batchnorm(reading: Reading, node: Node) -> Value:
    """BatchNormalization after training."""
    numbers = [reading.constant(node, place) for place in range(1, 5)]
    given = [array for array in numbers if array is not None]
    if len(given) != 4 or isinstance(reading.values[node.inputs[0]], Known):
        return reading.no_words(node, TWO_MAPS)
    attributes = node.attributes
    if attributes.get("training_mode", 0) or not attributes.get("spatial", 1):
        return reading.no_words(node, "normalises by the batch it is given; export the network after net.eval()")
    value = reading.settle(node.inputs[0])
    channels = value.index.shape[0]
    if any(array.shape != (channels,) for array in given):
        shapes = ", ".join(str(list(array.shape)) for array in given)
        raise reading.wrong(node, f"scale, bias, mean and variance of shapes {shapes} for {channels} channels")
    shaped = [array.reshape(channels, *[1] * (value.index.ndim - 1)) for array in given]
    source, four = reading.by_channel(value, node, shaped)
    gamma, beta, mean, variance = (np.broadcast_to(array, source.shape[0]).astype(np.float64) for array in four)
    epsilon = float(attributes.get("epsilon", 1e-5))
    layer = BatchNorm(node.name, tuple(source.terms), gamma, beta, mean, variance, epsilon)
    return reading.add(layer, node.outputs[0], source.index, source.shape)


OPERATIONS = {
    "Conv": conv,
    "Gemm": gemm,
    "MatMul": matmul,
    "MaxPool": pool,
    "AveragePool": pool,
    "GlobalMaxPool": global_pool,
    "GlobalAveragePool": global_pool,
    "ReduceMax": global_pool,
    "ReduceMean": global_pool,
    "ReduceSum": global_pool,
    "BatchNormalization": batchnorm,
}
"""What becomes of a node, by its operation."""
