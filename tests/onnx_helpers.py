"""Random ONNX files whose arithmetic is exact in single precision."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSETS = (9, 11, 13, 17, 21, onnx.defs.onnx_opset_version())
QONNX = "qonnx.custom_op.general"


class Writer:
    """A graph while it is written."""

    def __init__(self, opset, dtype=np.float32, half=False):
        self.opset, self.dtype, self.half = opset, dtype, half
        self.nodes, self.constants = [], []

    def node(self, op, inputs, domain="", n_outputs=1, **attributes):
        """Add a node; gives the name of its (first) output."""
        number = len(self.nodes)
        outputs = [f"t{number}"] + [f"t{number}.{k}" for k in range(1, n_outputs)]
        name = f"n{number}_{op}"
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, domain=domain, **attributes))
        return outputs[0]

    def constant(self, array, dtype=None):
        """Add a constant, stored in half precision where the file is small; gives its name."""
        name = f"c{len(self.constants)}"
        stored = np.float16 if self.half and dtype is None else dtype or self.dtype
        self.constants.append(numpy_helper.from_array(np.asarray(array, stored), name))
        if stored != np.float16:
            return name
        return self.node("Cast", [name], to=helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)))

    def integers(self, values):
        """Add an initialiser of int64."""
        return self.constant(np.asarray(values, np.int64), np.int64)

    def model(self, shape, output, out_type=None):
        """The model; ``shape`` includes the batch."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        graph = helper.make_graph(
            self.nodes,
            "random",
            [helper.make_tensor_value_info("x", kind, shape)],
            [helper.make_tensor_value_info(output, out_type or kind, None)],
            self.constants,
        )
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def eighths(rng, *shape):
    """Weights of -7/8 .. 7/8."""
    return rng.integers(-7, 8, shape) / 8


def between(rng, n):
    """Odd multiples of 1/1024 about 0: no sum of the values of these tests is one."""
    return (2 * rng.integers(-500, 500, n) + 1) / 1024


def axes_changed(writer, op, tensor, axes):
    """Squeeze, Unsqueeze or a reduction: axes are an input in newer files."""
    newest = {"Squeeze": 13, "Unsqueeze": 13, "ReduceSum": 13, "ReduceMean": 18, "ReduceMax": 18}[op]
    extra = {} if op in ("Squeeze", "Unsqueeze") else {"keepdims": 1}
    if writer.opset >= newest:
        return writer.node(op, [tensor, writer.integers(axes)], **extra)
    return writer.node(op, [tensor], axes=axes, **extra)


def clipped(writer, tensor, low, high):
    """Clip: bounds are attributes in older files."""
    if writer.opset < 11:
        return writer.node("Clip", [tensor], min=float(low), max=float(high))
    return writer.node("Clip", [tensor, writer.constant(low), writer.constant(high)])


def step(rng, writer, tensor, free_of_ties):
    """A step in one of the ways in which it is written; Sign, which gives 0 for 0, only where no sum is 0."""
    # Sums are multiples of 1/512; biases are odd multiples of 1/1024, and those of normalisations of 1/16384.
    number = int(rng.choice([n for n in range(13) if n not in (() if free_of_ties else (0, 5))]))
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(writer.dtype))
    node, level = writer.node, writer.constant(between(rng, 1)[0] if rng.random() < 0.5 else 0.0)
    orders = ["Greater", "Less"] + (["GreaterOrEqual", "LessOrEqual"] if writer.opset >= 12 else [])
    order = orders[rng.integers(len(orders))]
    if number == 0:
        return node("Sign", [tensor])
    if number == 1:
        return node("Cast", [node(order, [tensor, level])], to=kind)
    if number == 2:
        return node("Cast", [node(order, [level, tensor])], to=kind)
    if number == 3:
        return node("Where", [node(order, [tensor, level]), writer.constant(1), writer.constant(-1)])
    if number == 4:
        return node("Cast", [node("Not", [node(order, [tensor, level])])], to=kind)
    if number == 5:
        return node("Mul", [node("Add", [node("Sign", [tensor]), writer.constant([1.0])]), writer.constant([0.5])])
    if number == 6:
        return node("Relu", [node("Sign", [tensor])])
    if number == 7:
        return node("Sign", [node("Add", [node("Sign", [tensor]), writer.constant(0.5)])])
    if number == 8:
        return (
            node("Round", [clipped(writer, tensor, 0, 1)])
            if writer.opset >= 11
            else node("Ceil", [clipped(writer, tensor, 0, 1)])
        )
    if number == 9:
        return node("Floor", [clipped(writer, tensor, 0, 1)])
    if number == 10:
        hard = node("Cast", [node("Greater", [tensor, level])], to=kind)
        return node("Add", [tensor, node("Sub", [hard, tensor])])
    if number == 11:
        return node("BipolarQuant", [tensor, writer.constant([0.5])], domain=QONNX)
    numbers = [writer.constant(value) for value in (0.5, 0, 1)]
    return node("Quant", [tensor, *numbers], domain=QONNX, signed=0, narrow=0, rounding_mode="ROUND")


def weights(rng, writer, shape):
    """Constant weights: plain, signs, integers with a scale, or worked out by other nodes."""
    number = rng.integers(5)
    if number == 0:
        return writer.node(
            "BipolarQuant", [writer.constant(eighths(rng, *shape)), writer.constant([0.25])], domain=QONNX
        )
    if number == 1:
        bits = [writer.constant(value) for value in (0.25, 0, 3)]
        plain = writer.constant(rng.normal(size=shape))
        return writer.node("Quant", [plain, *bits], domain=QONNX, signed=1, narrow=1, rounding_mode="ROUND")
    if number == 2:
        return writer.node("Mul", [writer.node("Sign", [writer.constant(eighths(rng, *shape))]), writer.constant(0.5)])
    if number == 3 and writer.opset >= 10 and writer.dtype == np.float32:
        integers = writer.constant(rng.integers(-7, 8, shape), np.int8)
        return writer.node("DequantizeLinear", [integers, writer.constant(0.125)])
    return writer.constant(eighths(rng, *shape))


def convolution(rng, writer, tensor, shape):
    """A convolution with whatever a file may say of one; gives its output and shape."""
    channels, *sizes = shape
    groups = int(rng.choice([g for g in (1, 2, channels) if channels % g == 0]))
    outputs = groups * int(rng.integers(1, 4))
    kernel = [int(rng.integers(1, min(3, size) + 1)) for size in sizes]
    dilations = [int(rng.integers(1, 3)) if 2 * k - 1 <= size else 1 for k, size in zip(kernel, sizes, strict=True)]
    strides = [int(rng.integers(1, 3)) for _ in sizes]
    said = {"strides": strides, "dilations": dilations, "group": groups}
    if rng.random() < 0.5:
        said["kernel_shape"] = kernel
    borders = rng.random()
    if borders < 0.3:
        pads = [int(rng.integers(0, 2)) for _ in range(2 * len(sizes))]
        said["pads"] = pads
        sizes = [s + a + b for s, a, b in zip(sizes, pads[: len(sizes)], pads[len(sizes) :], strict=True)]
    elif borders < 0.5 and dilations == [1] * len(sizes):
        said["auto_pad"] = str(rng.choice(["SAME_UPPER", "SAME_LOWER"]))
    inputs = [tensor, weights(rng, writer, (outputs, channels // groups, *kernel))]
    biased = rng.random() < 0.7
    if biased:
        inputs.append(writer.constant(between(rng, outputs)))
    out = writer.node("Conv", inputs, **said)
    if "auto_pad" in said:
        after = [-(-size // step) for size, step in zip(sizes, strides, strict=True)]
    else:
        spans = zip(sizes, kernel, dilations, strides, strict=True)
        after = [(size - (k - 1) * d - 1) // step + 1 for size, k, d, step in spans]
    return out, (outputs, *after), biased


def normalised(rng, writer, tensor, channels):
    """Batch normalisation whose deviation is a power of two."""
    numbers = [
        rng.choice([-2.0, -0.5, 0.5, 1.0, 2.0], channels), between(rng, channels) / 16,
        rng.integers(-8, 9, channels) / 8, rng.choice([0.25, 1.0, 4.0], channels),
    ]  # fmt: skip
    return writer.node("BatchNormalization", [tensor, *map(writer.constant, numbers)], epsilon=0.0)


def pooled(rng, writer, tensor, shape):
    """A pool whose windows lie within the map."""
    kernel = [2 if size >= 2 else 1 for size in shape[1:]]
    op = str(rng.choice(["MaxPool", "MaxPool", "AveragePool"]))
    out = writer.node(op, [tensor], kernel_shape=kernel, strides=kernel)
    return out, (shape[0], *[size // k for size, k in zip(shape[1:], kernel, strict=True)])


def flattened(rng, writer, tensor, shape, batch):
    """A map as a vector, in one of the ways in which it is written."""
    number, size = rng.integers(4), int(np.prod(shape))
    if number == 0:
        return writer.node("Flatten", [tensor])
    if number == 1:
        return writer.node("Reshape", [tensor, writer.integers([0 if rng.random() < 0.5 else -1, size])])
    if number == 2:
        whole = writer.node("Shape", [tensor])
        first = writer.node("Gather", [whole, writer.integers([0])], axis=0)
        return writer.node("Reshape", [tensor, writer.node("Concat", [first, writer.integers([-1])], axis=0)])
    order = [0, *range(2, len(shape) + 1), 1]
    return writer.node("Flatten", [writer.node("Transpose", [tensor], perm=order)])


def product(rng, writer, tensor, size, outputs):
    """A fully connected layer, with or without a bias."""
    biased = rng.random() < 0.7
    if rng.random() < 0.5:
        flip = int(rng.random() < 0.5)
        inputs = [tensor, weights(rng, writer, (outputs, size) if flip else (size, outputs))]
        biased = biased or writer.opset < 11
        inputs += [writer.constant(between(rng, outputs))] if biased else []
        return writer.node("Gemm", inputs, transB=flip), biased
    out = writer.node("MatMul", [tensor, weights(rng, writer, (size, outputs))])
    if biased:
        out = writer.node("Add", [out, writer.constant(between(rng, outputs))])
    return out, biased


def random_file(rng):
    """A random network of steps: the model, the frame's shape (C, H, W), and which ways of writing it has."""
    dtype = [np.float32, np.float32, np.float64][rng.integers(3)]
    writer = Writer(int(rng.choice(OPSETS)), dtype, half=rng.random() < 0.2)
    batch = [None, 1, 3][rng.integers(3)]
    layout = str(rng.choice(["map", "map", "line", "last", "rows", "vector"]))
    channels, height, width = int(rng.integers(1, 4)), int(rng.integers(3, 7)), int(rng.integers(3, 7))
    shape = (channels, height, width)
    tensor, biased = "x", False
    if layout == "map":
        declared = list(shape)
    elif layout == "line":
        shape = (channels, height)
        declared, frame = list(shape), (channels, height, 1)
    elif layout == "last":
        declared = [height, width, channels]
        tensor = writer.node("Transpose", ["x"], perm=[0, 3, 1, 2])
    elif layout == "rows":
        declared, shape = [height, width], (1, height, width)
        tensor = axes_changed(writer, "Unsqueeze", "x", [1])
    else:
        declared = [int(np.prod(shape))]
        tensor = writer.node("Reshape", ["x", writer.integers([-1, *shape])])
    frame = shape if len(shape) == 3 else (*shape, 1)
    if rng.random() < 0.3:
        tensor = writer.node("Div", [tensor, writer.constant(2.0)])
    if rng.random() < 0.2:
        tensor = step(rng, writer, tensor, False)
    for _ in range(int(rng.integers(1, 3))):
        tensor, shape, biased = convolution(rng, writer, tensor, shape)
        early = rng.random() < 0.2
        if early:
            tensor, shape = pooled(rng, writer, tensor, shape)
        if rng.random() < 0.4:
            tensor, biased = normalised(rng, writer, tensor, shape[0]), True
        tensor = step(rng, writer, tensor, biased)
        if rng.random() < 0.3 and not early:
            tensor, shape = pooled(rng, writer, tensor, shape)
        if rng.random() < 0.2:
            tensor = writer.node("Dropout", [tensor])
    if rng.random() < 0.2:
        other = tensor
        tensor = step(rng, writer, _same(rng, writer, tensor, shape), True)
        op = str(rng.choice(["Add", "Concat", "Sum"]))
        tensor = writer.node(op, [tensor, other], **({"axis": 1} if op == "Concat" else {}))
        shape = (2 * shape[0], *shape[1:]) if op == "Concat" else shape
    if rng.random() < 0.2:
        tensor = writer.node("GlobalAveragePool", [tensor]) if set(shape[1:]) <= {1, 2, 4} else tensor
        shape = (shape[0], *([1] * (len(shape) - 1))) if set(shape[1:]) <= {1, 2, 4} else shape
    tensor, size = flattened(rng, writer, tensor, shape, batch), int(np.prod(shape))
    if rng.random() < 0.5:
        outputs = int(rng.integers(1, 9))
        tensor, biased = product(rng, writer, tensor, size, outputs)
        if rng.random() < 0.4:
            tensor, biased = normalised(rng, writer, tensor, outputs), True
        tensor, size = step(rng, writer, tensor, biased), outputs
    outputs = int(rng.integers(2, 7))
    tensor, biased = product(rng, writer, tensor, size, outputs)
    ending, kind = rng.random(), None
    if ending < 0.3:
        tensor = step(rng, writer, tensor, biased)
    elif ending < 0.45:
        tensor = writer.node("Softmax", [tensor], axis=1)
    elif ending < 0.6:
        tensor, kind = writer.node("ArgMax", [tensor], axis=1, keepdims=0), TensorProto.INT64
    return writer.model([batch or "n", *declared], tensor, kind), frame, layout


def _same(rng, writer, tensor, shape):
    """A convolution that keeps the shape, by windows of 1."""
    matrix = weights(rng, writer, (shape[0], shape[0], *[1] * (len(shape) - 1)))
    return writer.node("Conv", [tensor, matrix, writer.constant(between(rng, shape[0]))])
