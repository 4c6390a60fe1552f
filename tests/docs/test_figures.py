"""The program behind the table of the README and the picture of the costs."""

import importlib.util
import runpy
import sys

import pytest
from docs_examples import ROOT, table_of

pytestmark = pytest.mark.docs

NETWORK = ROOT / "neuroproc" / "data" / "digits.json"


def folds(monkeypatch, capsys, *arguments):
    """Exit status and output of ``benchmarks/folds.py``."""
    monkeypatch.setattr(sys, "argv", ["folds.py", str(NETWORK), *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(ROOT / "benchmarks" / "folds.py"), run_name="__main__")
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


@pytest.fixture(autouse=True)
def _shipped():
    if not NETWORK.exists():
        pytest.skip("the shipped network is not there yet")


def test_table_of_any_folds(monkeypatch, capsys):
    status, out, err = folds(monkeypatch, capsys, "--profile", "np8", "--unroll", "2x2", "1x1")
    assert (status, err) == (0, "")
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")]
    turns = ", channels in turns"
    assert rows == ["unroll", "plain conversion", "2x2", f"2x2{turns}", "1x1", f"1x1{turns}"]


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_picture(monkeypatch, capsys, tmp_path, suffix):
    if importlib.util.find_spec("matplotlib") is None:
        pytest.skip("matplotlib is not installed; pip install '.[plot]'")
    status, _, err = folds(monkeypatch, capsys, "--unroll", "1x1", "--plot", tmp_path / f"trade.{suffix}")
    assert (status, err) == (0, "")
    data = (tmp_path / f"trade.{suffix}").read_bytes()
    assert data.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")


def test_picture_without_matplotlib_names_the_extra(monkeypatch, capsys, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, _, err = folds(monkeypatch, capsys, "--unroll", "1x1", "--plot", tmp_path / "trade.svg")
    assert status == 3
    assert "neuroproc[plot]" in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_errors_are_one_line(monkeypatch, capsys):
    status, _, err = folds(monkeypatch, capsys, "--unroll", "3x3")
    assert (status, len(err.splitlines())) == (3, 1)
    assert "allowed: 1, 2, 4, 8" in err


def test_the_picture_of_the_costs_is_there():
    assert (ROOT / "docs" / "trade.svg").read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("table", "page", "head"),
    [("accuracy", "methods.md", "| method | network |"), ("speed", "performance.md", "| fold |")],
)
def test_the_readme_shows_rows_of_the_page_that_has_them_all(table, page, head):
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"<!-- table: {table} -->")
    shown = table_of(rest.partition(f"<!-- end of {table} -->")[0].splitlines())
    _, head, rest = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(head)
    rows = table_of((head + rest).partition("\n\n")[0].splitlines())
    assert len(shown) > 3
    for row in shown:
        assert any(row.items() <= whole.items() for whole in rows), row
