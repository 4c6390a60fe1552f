"""Networks trained with PyTorch and Brevitas: from their files to the same decisions on the processor."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from compiler.emit import compile_network
from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import import_network
from compiler.frontends.onnx.file import evaluate_onnx
from compiler.networks.evaluate import evaluate
from compiler.plan import FoldPlan
from isa_spec.spec import load_profile
from neuroproc.classifying.classification import classify

pytestmark = pytest.mark.oracle

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "onnx"
ASSUMPTIONS = Assumptions(encoding={"kind": "bitplanes", "bits": 5}, input_scale=Fraction(1, 16))


@pytest.fixture(scope="module")
def digits():
    with np.load(ROOT / "neuroproc" / "data" / "digits_frames.npz") as file:
        return file["frames"], file["labels"]


@pytest.mark.parametrize(
    ("name", "approximate"), [("digits", ()), ("signs", ()), ("optimized", ("norm1", "norm2", "norm3"))]
)
def test_trained_files_decide_alike_everywhere(digits, name, approximate):
    frames, labels = digits
    path = FOLDER / f"{name}.onnx"
    imported = import_network(path, replace(ASSUMPTIONS, allow=frozenset(approximate)))
    assert tuple(label.layer for label in imported.labels if label.fidelity != "exact") == approximate
    model = imported.model
    theirs = evaluate_onnx(path, frames / 16, list(model.tensors.values()))
    logits = theirs[model.tensors[model.layers[-1].name]]
    values = evaluate(imported.network, frames)
    steps = [layer.name for layer in model.layers if layer.kind == "step"]
    assert set(imported.meanings) >= set(steps)
    for step in steps:
        meaning = imported.meanings[step]
        fired = values[meaning.layer].astype(bool)
        assert np.array_equal(fired, theirs[model.tensors[step]].reshape(fired.shape) > 0)
    image = compile_network(imported.network, load_profile("np16"), FoldPlan((1, 1)))
    decisions = classify(image, frames).predictions
    assert np.array_equal(decisions, logits.argmax(1))
    said = (FOLDER / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in said.splitlines() if line.startswith(f"| `{name}.onnx` |")]
    assert row.split("|")[5].strip() == f"{np.mean(decisions == labels):.2%}".replace("%", " %")
