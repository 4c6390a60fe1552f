"""ONNX files against the evaluator of the package onnx: layer by layer, and decision by decision as integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import onnx
import pytest
from foreign_helpers import import_or_refuse
from onnx_helpers import QONNX, Writer, eighths, random_file

from compiler.frontends.float_run import run_floats
from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import import_network
from compiler.frontends.onnx.file import evaluate_onnx, read_onnx
from compiler.networks.evaluate import evaluate

pytestmark = pytest.mark.oracle


def check_layers(seed, folder):
    """Read a random file; every layer is what the evaluator says."""
    rng = np.random.default_rng(seed)
    model, frame, _ = random_file(rng)
    path = folder / "random.onnx"
    onnx.save(model, path)
    read = read_onnx(path)
    assert read.input_shape == frame
    frames = rng.integers(0, 16, (4, *frame)) / 16
    mine = run_floats(read, frames, Assumptions())
    theirs = evaluate_onnx(path, frames, [*read.tensors.values(), model.graph.output[0].name])
    last = read.layers[-1].name
    assert last in read.tensors
    for name, tensor in read.tensors.items():
        np.testing.assert_allclose(mine[name].ravel(), theirs[tensor].ravel(), rtol=0, atol=1e-6)
    if read.decode is not None:
        answer = theirs[model.graph.output[0].name]
        classes = answer.argmax(1) if answer.ndim > 1 else answer
        assert np.array_equal(mine[last].reshape(4, -1).argmax(1), classes)


def check_decisions(seed, folder):
    """Import a random file that can be; all its steps, and the class, are what the evaluator says."""
    path = folder / "random.onnx"
    assumptions = Assumptions(encoding={"kind": "bitplanes", "bits": 4}, input_scale=Fraction(1, 16))
    imported = None
    while imported is None:  # of one file in ten, borders are neither of two values
        rng = np.random.default_rng(seed)
        model, frame, _ = random_file(rng)
        onnx.save(model, path)
        imported, seed = import_or_refuse(path, assumptions), seed + 10_000
    frames = rng.integers(0, 16, (4, *frame))
    values = evaluate(imported.network, frames)
    read = imported.model
    theirs = evaluate_onnx(path, frames / 16, list(read.tensors.values()))
    for name, meaning in imported.meanings.items():
        if name in read.tensors:
            slope, offset = (np.array(part, float).reshape(1, -1, 1, 1) for part in (meaning.slope, meaning.offset))
            mine = values[meaning.layer] * slope + offset
            np.testing.assert_allclose(mine.ravel(), theirs[read.tensors[name]].ravel(), rtol=0, atol=1e-6)
    last = read.layers[-1]
    if last.kind == "linear":
        answer = values[imported.network.layers[-1].name].reshape(4, -1)
        assert np.array_equal(answer.argmax(1), theirs[read.tensors[last.name]].reshape(4, -1).argmax(1))


@pytest.mark.parametrize("seed", range(200))
def test_random_files(seed, tmp_path):
    check_layers(seed, tmp_path)
    check_decisions(seed, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(200, 1000))
def test_more_random_files(seed, tmp_path):
    check_layers(seed, tmp_path)
    check_decisions(seed, tmp_path)


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_division_that_no_float_holds_is_exact(per_channel, tmp_path):
    writer = Writer(17)
    divisor = [3.0, 7.0] if per_channel else 3.0
    sums = writer.node("MatMul", ["x", writer.constant(np.eye(2))])
    parts = writer.node("Div", [sums, writer.constant(divisor)])
    output = writer.node("Cast", [writer.node("GreaterOrEqual", [parts, writer.constant(5)])], to=1)
    onnx.save(writer.model(["n", 2], output), tmp_path / "net.onnx")
    imported = import_network(tmp_path / "net.onnx", Assumptions(encoding={"kind": "bitplanes", "bits": 6}))
    values = np.arange(64)
    frames = np.stack([values, values], 1)[:, :, None, None]
    fired = evaluate(imported.network, frames)[imported.network.layers[-1].name].reshape(64, 2)
    assert np.array_equal(fired, np.stack([values >= 15, values >= (35 if per_channel else 15)], 1))


def test_a_border_of_minus_one_is_silence(tmp_path):
    writer = Writer(17)
    signs = writer.node("BipolarQuant", ["x", writer.constant([1.0])], domain=QONNX)
    padded = writer.node("Pad", [signs, writer.integers([0, 0, 1, 1, 0, 0, 1, 1]), writer.constant(-1)])
    sums = writer.node("Conv", [padded, writer.constant(eighths(np.random.default_rng(3), 4, 1, 3, 3))])
    output = writer.node("Cast", [writer.node("Greater", [sums, writer.constant(0.25)])], to=1)
    path = tmp_path / "net.onnx"
    onnx.save(writer.model(["n", 1, 5, 5], output), path)
    imported = import_network(path, Assumptions(input_offset=Fraction(-8)))
    assert imported.network.encoding == {
        "kind": "binary",
        "threshold": 8,
    }  # a step on the frame is how it becomes spikes
    frames = np.random.default_rng(4).integers(0, 16, (20, 1, 5, 5))
    theirs = evaluate_onnx(path, frames - 8.0, [output])[output]
    assert np.array_equal(evaluate(imported.network, frames)[imported.network.layers[-1].name], theirs)


def test_frames_are_evaluated_in_parts(monkeypatch, tmp_path):
    model, frame, _ = random_file(np.random.default_rng(11))
    onnx.save(model, tmp_path / "net.onnx")
    read = read_onnx(tmp_path / "net.onnx")
    tensor = read.tensors[read.layers[-1].name]
    frames = np.random.default_rng(0).integers(0, 16, (7, *frame)) / 16
    whole = evaluate_onnx(tmp_path / "net.onnx", frames, [tensor])[tensor]
    monkeypatch.setattr("compiler.frontends.onnx.file.AT_ONCE", 3)
    parts = evaluate_onnx(tmp_path / "net.onnx", frames, [tensor])[tensor]
    assert np.array_equal(whole, parts)
    assert evaluate_onnx(tmp_path / "net.onnx", frames[:0], [tensor])[tensor].shape == (0, *whole.shape[1:])
