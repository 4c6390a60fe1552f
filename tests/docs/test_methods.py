"""The page on methods and its program: figures are those of the records, and the program makes the tables."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from docs_examples import MNIST, ROOT, table_of

pytestmark = pytest.mark.docs

PROGRAM = ROOT / "benchmarks" / "methods.py"


def table_on_the_page(name):
    """The table of docs/methods.md between the marks of this name."""
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    _, _, rest = page.partition(f"<!-- table: {name} -->")
    return table_of(rest.partition(f"<!-- end of {name} -->")[0].splitlines())


def test_figures_are_those_of_the_records():
    methods, bits = table_on_the_page("methods"), table_on_the_page("bits")
    assert {row["method"] for row in methods} == {"whetstone", "straight-through", "rate", "binary", "single-spike"}
    for row in methods:
        record = json.loads((ROOT / "examples" / row["network"].strip("`")).with_suffix(".training.json").read_text())
        assert row["method"] == record["method"]
        assert int(row["bits"]) == record["bits"]
        assert int(row["parameters"].replace(",", "")) == record["parameters"]
        for column, key in (("float", "test_accuracy_float"), ("integer", "test_accuracy_integer")):
            assert row[column] == f"{100 * record[key]:.2f}", (row["network"], column)
        assert row["processor"] == row["integer"]
    for row in bits:
        record = json.loads((ROOT / "examples" / "lenet" / f"polished{row['bits']}.training.json").read_text())
        assert {row[fold] for fold in row if fold != "bits"} == {f"{100 * record['test_accuracy_integer']:.2f}"}


def program(monkeypatch, capsys, *arguments):
    """Exit status, output and messages of ``benchmarks/methods.py``."""
    monkeypatch.setattr(sys, "argv", ["methods.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(PROGRAM), run_name="__main__")
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


@pytest.mark.parametrize("table", ["methods", "bits", "times"])
def test_the_program_makes_the_tables(monkeypatch, capsys, table):
    if not MNIST.is_dir():
        pytest.skip(f"MNIST is not at {MNIST}")
    pytest.importorskip("jax", reason="the run in integers is JAX")
    status, out, err = program(monkeypatch, capsys, table, "--data", MNIST, "--limit", "20")
    assert (status, err) == (0, "")
    shown = table_on_the_page(table)
    made = table_of(out.splitlines())
    fixed = (
        "method", "network", "parameters", "bits", "float", "profile", "fold", "steps", "neurons", "synapses", "paper",
    )  # fmt: skip
    assert [{key: row[key] for key in fixed if key in row} for row in made] == [
        {key: row[key] for key in fixed if key in row} for row in shown
    ]


def test_errors_are_one_line(monkeypatch, capsys, tmp_path: Path):
    status, out, err = program(monkeypatch, capsys, "methods", "--data", tmp_path)
    assert (status, out, len(err.splitlines())) == (3, "", 1)
    assert "t10k-images-idx3-ubyte" in err
