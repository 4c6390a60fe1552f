"""ONNX files that are damaged or contradict themselves, layers without words, and what is said of them."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_helpers import QONNX, Writer, random_file

from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import import_network
from compiler.frontends.model import Step, Unsupported
from compiler.frontends.onnx.file import evaluate_onnx, read_onnx
from isa_spec.errors import FormatError, NetworkError, NeuroprocError

REAL = (
    "answers with real numbers, and a unit here with 0 or 1; train with steps (Whetstone, straight-through) "
    "or convert the network to rates"
)


def saved(writer, output, path, shape=("n", 1, 4, 4), **more):
    onnx.save(writer.model(list(shape), output, **more), path)
    return path


def refused(path, error=FormatError):
    with pytest.raises(error) as caught:
        read_onnx(path)
    return str(caught.value)


def small(opset=17):
    """A writer with a convolution of two channels, and its tensor."""
    writer = Writer(opset)
    return writer, writer.node("Conv", ["x", writer.constant(np.ones((2, 1, 3, 3)))])


@pytest.mark.malformed
def test_every_truncated_file_is_refused(tmp_path):
    writer, tensor = small()
    path = saved(writer, writer.node("Sign", [tensor]), tmp_path / "net.onnx")
    data = path.read_bytes()
    assert data.endswith(QONNX.encode() + b"\x10\x01")
    for length in range(len(data)):
        path.write_bytes(data[:length])
        if (
            length == len(data) - len(QONNX) - 6
        ):  # without the last entry, of operators that it does not use, it is whole
            assert len(read_onnx(path).layers) == 2
            continue
        assert str(refused(path)).startswith((str(path), "net.onnx"))
    path.write_bytes(b"")
    assert refused(path) == f"{path}: no ONNX file, or an empty one: it has no nodes"
    assert refused(tmp_path / "none.onnx") == f"{tmp_path / 'none.onnx'}: No such file or directory"


@pytest.mark.malformed
@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_read_or_refused_in_words(seed, tmp_path):
    rng = np.random.default_rng(seed)
    path = tmp_path / "net.onnx"
    onnx.save(random_file(rng)[0], path)
    data = bytearray(path.read_bytes())
    for _ in range(25):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(NeuroprocError):  # anything else is our fault
            read_onnx(path)


def test_weights_may_lie_in_a_file_beside(tmp_path):
    model, frame, _ = random_file(np.random.default_rng(5))
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    plain = read_onnx(path)
    onnx.save(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    apart = read_onnx(path)
    weights = [[layer.weight for layer in read.layers if hasattr(layer, "weight")] for read in (plain, apart)]
    assert weights[0]
    assert all(np.array_equal(first, second) for first, second in zip(*weights, strict=True))
    frames = np.ones((1, *frame))
    assert evaluate_onnx(path, frames, [plain.tensors[plain.layers[-1].name]])
    (tmp_path / "net.data").unlink()
    assert refused(path).startswith(f"{path}: ")


SHAPES = {
    "free": (["n", 1, "h", "w"], "[n, 1, h, w]"),
    "missing": (None, "[]"),
    "no batch": ([4], "[4]"),
    "volume": ([1, 1, 4, 4, 4], "[1, 1, 4, 4, 4]"),
}


@pytest.mark.parametrize(("shape", "said"), SHAPES.values(), ids=SHAPES)
def test_a_frame_has_a_size(shape, said, tmp_path):
    writer = Writer(17)
    output = writer.node("Sign", ["x"])
    model = writer.model(shape or [], output)
    if shape is None:
        model.graph.input[0].type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "net.onnx")
    assert refused(tmp_path / "net.onnx") == (
        f"net.onnx: input 'x' has shape {said}, allowed: a batch of any size, then [C, H, W], [C, L] or [C] in "
        "numbers; export with a frame of fixed size"
    )


def test_one_input_and_one_output(tmp_path):
    writer, tensor = small()
    model = writer.model(["n", 1, 4, 4], tensor)
    model.graph.output.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, None))
    onnx.save(model, tmp_path / "net.onnx")
    assert refused(tmp_path / "net.onnx") == "net.onnx: 2 outputs (t0, x), allowed: one; export the part between"


def test_old_operators_are_refused(tmp_path):
    writer, tensor = small(6)
    saved(writer, tensor, tmp_path / "net.onnx")
    said = "net.onnx: operators of version 6, allowed: 7 and above; export it again"
    assert refused(tmp_path / "net.onnx") == said


WRONG = {
    "channels": (
        lambda w: w.node("Conv", ["x", w.constant(np.ones((2, 3, 3, 3)))]),
        "net.onnx: node 'n0_Conv' (Conv): weights of shape [2, 3, 3, 3] in 1 group(s) for 1 channels",
    ),
    "window": (
        lambda w: w.node("Conv", ["x", w.constant(np.ones((2, 1, 5, 3)))]),
        "net.onnx: node 'n0_Conv' (Conv): a window of [5, 3] is larger than the padded map of [1, 4, 4]",
    ),
    "bias": (
        lambda w: w.node("Conv", ["x", w.constant(np.ones((2, 1, 3, 3))), w.constant(np.ones(3))]),
        "net.onnx: node 'n0_Conv' (Conv): a bias of shape [3] for 2 outputs",
    ),
    "product": (
        lambda w: w.node("MatMul", [w.node("Flatten", ["x"]), w.constant(np.ones((5, 2)))]),
        "net.onnx: node 'n1_MatMul' (MatMul): weights of shape [5, 2] for a vector of 16 values",
    ),
    "broadcast": (
        lambda w: w.node("Add", ["x", w.constant(np.ones(3))]),
        "net.onnx: node 'n0_Add' (Add): a constant of shape [3] does not fit a map of [1, 1, 4, 4]",
    ),
    "reshape": (
        lambda w: w.node("Reshape", ["x", w.integers([-1, 5])]),
        "net.onnx: node 'n0_Reshape' (Reshape): cannot reshape array of size 16 into shape (5)",
    ),
    "normalisation": (
        lambda w: w.node("BatchNormalization", ["x", *[w.constant(np.ones(2))] * 4]),
        "net.onnx: node 'n0_BatchNormalization' (BatchNormalization): scale, bias, mean and variance of shapes [2], "
        "[2], [2], [2] for 1 channels",
    ),
    "constant": (
        lambda w: w.node("Neg", [w.constant([1.0])]),
        "net.onnx: output 't0' does not depend on the input; allowed: a network of layers",
    ),
    "nothing": (
        lambda w: w.node("Identity", ["x"]),
        "net.onnx: output 't0' is the input; allowed: a network of layers",
    ),
    "chance": (
        lambda w: w.node("Add", ["x", w.node("RandomNormal", [], shape=[1])]),
        "net.onnx: node 'n0_RandomNormal' (RandomNormal) answers by chance, allowed: what repeats",
    ),
    "width": (
        lambda w: w.node("Quant", ["x", w.constant(1), w.constant(0), w.constant(40)], domain=QONNX),
        "net.onnx: node 'n0_Quant' (Quant): rounding_mode 'ROUND', 40 bits, scale 1, allowed: ROUND, HALF_EVEN, CEIL, "
        "FLOOR, UP, DOWN, ROUND_TO_ZERO, HALF_UP, HALF_DOWN; 1 to 32 bits; above 0",
    ),
}


@pytest.mark.parametrize(("make", "said"), WRONG.values(), ids=WRONG)
def test_contradictions_are_refused(make, said, tmp_path):
    writer = Writer(17)
    assert refused(saved(writer, make(writer), tmp_path / "net.onnx")) == said


UNSUPPORTED = {
    "Relu": (lambda w, x: w.node("Relu", [x]), REAL),
    "Tanh": (lambda w, x: w.node("Tanh", [x]), REAL),
    "Clip": (
        lambda w, x: w.node("Clip", [x, w.constant(0), w.constant(1)]),
        f"{REAL}; or round what it clips to 0 and 1",
    ),
    "where": (
        lambda w, x: w.node("Where", [w.node("Greater", [x, w.constant(0)]), x, w.constant(0)]),
        f"chooses between values of a map: {REAL}",
    ),
    "Round": (
        lambda w, x: w.node("Round", [w.node("Clip", [x, w.constant(0), w.constant(3)])]),
        "answers with more than two numbers, and a unit here with 0 or 1",
    ),
    "Quant": (
        lambda w, x: w.node("Quant", [x, w.constant(1), w.constant(0), w.constant(2)], domain=QONNX),
        "answers with 4 numbers, and a unit here with 0 or 1; train with activations of 1 bit",
    ),
    "product": (
        lambda w, x: w.node("Mul", [x, x]),
        "multiplies or compares two maps; a unit here adds, with fixed weights",
    ),
    "Resize": (
        lambda w, x: w.node("Resize", [x, "", w.constant([1.0, 1.0, 2.0, 2.0], np.float32)]),
        "makes a map larger, and lanes only become fewer",
    ),
    "InstanceNormalization": (
        lambda w, x: w.node("InstanceNormalization", [x, w.constant(np.ones(2)), w.constant(np.ones(2))]),
        "divides by the spread of the frame it is given; use BatchNormalization",
    ),
    "Split": (
        lambda w, x: w.node("Split", [x, w.integers([1, 1])], n_outputs=2, axis=1),
        "takes a part of a map; read all of it, with weights of 0 for the rest",
    ),
    "Det": (lambda w, x: w.node("Det", [x]), "has no counterpart here; docs/onnx.md lists what has"),
    "pool": (
        lambda w, x: w.node("MaxPool", [x], kernel_shape=[2, 2], pads=[1, 1, 0, 0]),
        "pads its windows; use windows that lie within the map",
    ),
    "ceil": (
        lambda w, x: w.node("MaxPool", [w.node("Conv", [x, w.constant(np.ones((1, 2, 2, 2)))]), ], kernel_shape=[1, 1],
                            strides=[3, 3], ceil_mode=1),
        None,
    ),
    "Pad": (
        lambda w, x: w.node("Pad", [x, w.integers([0, 0, 1, 1, 0, 0, 1, 1])], mode="reflect"),
        "pads by mode 'reflect', and only a constant can stand around a map",
    ),
    "training": (
        lambda w, x: w.node("Dropout", [x, w.constant(0.5), w.constant(True, bool)]),
        "drops values by chance; export the network for inference (net.eval())",
    ),
    "batch": (
        lambda w, x: w.node("Transpose", [x], perm=[1, 0, 2, 3]),
        "mixes the frames of a batch; arrange each frame by itself",
    ),
    "order": (
        lambda w, x: w.node("Flatten", [w.node("Transpose", [x], perm=[0, 2, 3, 1])]),
        "arranges the answer in another order than the units have",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_layers_without_words_keep_their_place(make, reason, tmp_path):
    writer, tensor = small()
    read = read_onnx(saved(writer, make(writer, tensor), tmp_path / "net.onnx"))
    missing = [layer.reason for layer in read.layers if isinstance(layer, Unsupported)]
    assert missing == ([reason] if reason else [])


def test_all_layers_without_words_are_named_at_once(tmp_path):
    writer = Writer(17)
    tensor = "x"
    for _ in range(3):
        tensor = writer.node("Relu", [writer.node("Conv", [tensor, writer.constant(np.ones((1, 1, 1, 1)))])])
    path = saved(writer, tensor, tmp_path / "net.onnx")
    with pytest.raises(NetworkError) as caught:
        import_network(path, Assumptions())
    assert all(name in str(caught.value) for name in ("n1_Relu", "n3_Relu", "n5_Relu"))
    assert REAL in str(caught.value)


def test_a_sign_of_zero_is_told(tmp_path):
    writer, tensor = small()
    path = saved(writer, writer.node("Sign", [tensor]), tmp_path / "net.onnx")
    read = read_onnx(path)
    (step,) = [layer for layer in read.layers if isinstance(layer, Step)]
    assert (step.strict, step.low, step.high) == (None, -1, 1)
    assert read.notes == (
        "layer 'n1_Sign': the file's Sign gives 0 at its level, a unit only -1 or 1: exact where no sum meets the "
        "level",
    )
    with pytest.raises(NetworkError, match="--comparison at-least or above"):
        import_network(path, Assumptions(encoding={"kind": "bitplanes", "bits": 2}))


def test_a_straight_through_step_is_a_step(tmp_path):
    writer, tensor = small()
    soft = writer.node("Sigmoid", [tensor])
    hard = writer.node("Cast", [writer.node("Greater", [tensor, writer.constant(0)])], to=TensorProto.FLOAT)
    output = writer.node("Sub", [writer.node("Add", [hard, soft]), soft])
    read = read_onnx(saved(writer, output, tmp_path / "net.onnx"))
    assert [layer.kind for layer in read.layers] == ["conv", "step"]


def test_heaviside_by_two_choices_is_a_step(tmp_path):
    writer, tensor = small()
    zero, one = writer.constant(0), writer.constant(1)
    rest = writer.node("Where", [writer.node("Less", [tensor, zero]), zero, one])
    output = writer.node("Where", [writer.node("Equal", [tensor, zero]), zero, rest])
    read = read_onnx(saved(writer, output, tmp_path / "net.onnx"))
    step = read.layers[-1]
    assert isinstance(step, Step)
    assert (step.strict, step.low, step.high) == (True, 0, 1)


@pytest.mark.error
def test_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    for read in (read_onnx, lambda path: evaluate_onnx(path, np.ones((1, 1, 4, 4)), ["y"])):
        with pytest.raises(NeuroprocError) as caught:
            read(tmp_path / "net.onnx")
        assert str(caught.value) == ".onnx files need onnx; install the extra: pip install 'neuroproc[onnx]'"
