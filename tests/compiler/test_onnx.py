"""ONNX files against the evaluator of the package onnx, layer by layer."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx_helpers import random_file, run_model

from compiler.frontends.onnx.file import evaluate_onnx, read_onnx

pytestmark = pytest.mark.oracle


def check_file(seed, folder):
    """Read a random file; every layer is what the evaluator says."""
    rng = np.random.default_rng(seed)
    model, frame, _ = random_file(rng)
    path = folder / "random.onnx"
    onnx.save(model, path)
    read = read_onnx(path)
    assert read.input_shape == frame
    frames = rng.integers(0, 16, (4, *frame)) / 16
    mine = run_model(read, frames)
    theirs = evaluate_onnx(path, frames, [*read.tensors.values(), model.graph.output[0].name])
    last = read.layers[-1].name
    assert last in read.tensors
    for name, tensor in read.tensors.items():
        np.testing.assert_allclose(mine[name].ravel(), theirs[tensor].ravel(), rtol=0, atol=1e-6)
    if read.decode is not None:
        answer = theirs[model.graph.output[0].name]
        classes = answer.argmax(1) if answer.ndim > 1 else answer
        assert np.array_equal(mine[last].reshape(4, -1).argmax(1), classes)
    return read


@pytest.mark.parametrize("seed", range(200))
def test_random_files(seed, tmp_path):
    check_file(seed, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(200, 1000))
def test_more_random_files(seed, tmp_path):
    check_file(seed, tmp_path)
