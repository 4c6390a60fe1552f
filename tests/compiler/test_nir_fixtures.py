"""Networks that snnTorch and sinabs trained and exported: their own answers, frame by frame, on the processor."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from compiler.emit import compile_network
from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import import_network
from compiler.plan import FoldPlan
from isa_spec.spec import load_profile
from neuroproc.classifying.classification import classify

pytest.importorskip("h5py")
pytestmark = pytest.mark.oracle

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "nir"
RATE = {"kind": "rate", "steps": 8, "levels": 16, "source": "even"}
ONCE = {"kind": "bitplanes", "bits": 5}


@pytest.fixture(scope="module")
def digits():
    with np.load(ROOT / "neuroproc" / "data" / "digits_frames.npz") as file:
        return file["frames"], file["labels"]


@pytest.mark.parametrize(
    ("name", "assumptions", "profile", "counted"),
    [
        (
            "snntorch/digits",
            Assumptions(encoding=RATE, reset="subtract", strict=True, classes=10),
            "np16-subtract",
            "counts",
        ),
        (
            "sinabs/digits",
            Assumptions(encoding=RATE, reset="subtract", strict=False, classes=10),
            "np16-subtract",
            "answers",
        ),
        ("sinabs/once", Assumptions(encoding=ONCE, input_scale=Fraction(1, 16)), "np16", None),
    ],
)
def test_the_processor_answers_as_the_trainer_did(digits, name, assumptions, profile, counted):
    frames, labels = digits
    imported = import_network(FOLDER / f"{name}.nir", assumptions)
    assert {label.fidelity for label in imported.labels} == {"exact"}
    result = classify(compile_network(imported.network, load_profile(profile), FoldPlan((8, 1))), frames, labels)
    with np.load(FOLDER / f"{name}.npz") as there:
        assert np.array_equal(result.predictions, there["labels"])
        if counted:
            counts = result.outputs.reshape(len(frames), -1, 10).sum(axis=1)
            assert np.array_equal(counts, there[counted])
    said = (FOLDER / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in said.splitlines() if line.startswith(f"| `{name}.nir` |")]
    assert row.split("|")[5].strip() == f"{np.mean(result.predictions == labels):.2%}".replace("%", " %")
