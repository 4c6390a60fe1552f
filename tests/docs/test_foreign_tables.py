"""The tables of what is read of foreign files name what the readers have, no more and no less."""

import re

import pytest
from docs_examples import ROOT

from compiler.frontends.onnx.ops import CHOOSE, OPERATIONS
from compiler.frontends.onnx.quantisers import QONNX_OPERATIONS
from compiler.frontends.weights import layers
from compiler.frontends.weights.quantisers import STEPS, plain_name

pytestmark = pytest.mark.docs


def first_column(document, head):
    """Words of the first column of the table under a head."""
    lines = (ROOT / "docs" / document).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {head} |"))
    words = set()
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        words.update(re.findall(r"\w+", line.split("|")[1].replace("`", "")))
    return words


def test_operations_of_onnx():
    assert first_column("onnx.md", "operation") == {*OPERATIONS, *QONNX_OPERATIONS, *CHOOSE}


def test_types_of_dumps():
    types = first_column("weights.md", "type")
    assert {name for name in types if not name.startswith("Quant")} == {
        *layers.OPERATIONS, *layers.NOTHING, "Spiking_BRelu", "Spiking_Sigmoid",
    }  # fmt: skip


def test_activations_of_dumps():
    named = {plain_name(word) for word in first_column("weights.md", "activation or quantiser")}
    assert named == {*STEPS, "linear", "softmax", "last"}


def test_keys_that_the_script_dumps_are_keys_that_are_read():
    text = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8")
    keys = re.search(r'keys = """(.*?)"""', text, re.DOTALL)[1].split()
    assert set(keys) == set(layers.OPTIONS) - {"level", "strict", "low", "high"}
