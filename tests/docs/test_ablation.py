"""The program behind the table of single choices."""

import runpy
import sys

import pytest
from docs_examples import ROOT

pytestmark = pytest.mark.docs

DATA = ROOT / "neuroproc" / "data"


def ablation(monkeypatch, capsys, *arguments):
    """Exit status, output and messages of ``benchmarks/ablation.py``."""
    monkeypatch.setattr(sys, "argv", ["ablation.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(ROOT / "benchmarks" / "ablation.py"), run_name="__main__")
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


def test_every_choice_is_exact_and_has_its_price(monkeypatch, capsys):
    status, out, err = ablation(
        monkeypatch, capsys, DATA / "digits.json", "--frames", DATA / "digits_frames.npz", "--limit", "6"
    )
    assert (status, err) == (0, "")
    lines = [line for line in out.splitlines() if line.startswith("|")]
    head, *rows = [
        [cell.strip().replace(",", "") for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])
    ]
    found = {row[0]: dict(zip(head[1:], map(int, row[1:]), strict=True)) for row in rows}
    plain, gated, turns = found["as it is"], found["gated"], found["channels take turns"]
    assert gated["neurons"] > plain["neurons"] > turns["neurons"]
    assert (
        gated["synaptic operations"] < plain["synaptic operations"] < found["cleared by force"]["synaptic operations"]
    )
    assert turns["cycles per frame"] == plain["cycles per frame"] == 2 * found["cleared by leak"]["cycles per frame"]
    assert found["gated count"]["cycles per frame"] == 2 * plain["cycles per frame"]
    assert len(found) == 13


def test_errors_are_one_line(monkeypatch, capsys):
    status, _, err = ablation(
        monkeypatch, capsys, DATA / "digits.json", "--frames", DATA / "digits_frames.npz", "--unroll", "3x3"
    )
    assert (status, len(err.splitlines())) == (3, 1)
