"""The program behind tables of delay limits, and the networks that it makes up."""

import runpy
import sys

import numpy as np
import pytest
from docs_examples import ROOT

import neuroproc
from benchmarks import checked, networks

pytestmark = pytest.mark.docs


@pytest.fixture
def small(monkeypatch):
    """The made-up network, smaller, by its own name."""
    network = networks.vgg(channels=4, size=16)
    monkeypatch.setitem(networks.BY_NAME, "vgg", lambda: network)
    return network


def limits(monkeypatch, capsys, *arguments):
    """Exit status, output and messages of ``benchmarks/limits.py``."""
    monkeypatch.setattr(sys, "argv", ["limits.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(ROOT / "benchmarks" / "limits.py"), run_name="__main__")
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


def rows_of(out):
    lines = [line for line in out.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]


@pytest.mark.parametrize("gate", [False, True])
def test_table_of_limits(monkeypatch, capsys, small, gate):
    options = ["--unroll", "1x1", "4x2", "--verify", "2", *["--gate"] * gate]
    status, out, err = limits(monkeypatch, capsys, "--network", "vgg", *options)
    assert (status, err) == (0, "")
    head, *rows = rows_of(out)
    assert [row[:2] for row in rows] == [[u, m] for u in ("1x1", "4x2") for m in ("unlimited", "127", "63", "15")]
    relays = [int(row[head.index("of these relays")].replace(",", "")) for row in rows]
    assert (relays[0], relays[4]) == (0, 0)
    assert relays[0] < relays[1] < relays[2]
    cost = neuroproc.cost_of(
        neuroproc.make_schedule(small, neuroproc.load_profile("research"), neuroproc.FoldPlan((1, 1), gate))
    )
    assert rows[0][2:4] == [f"{cost.neurons:,}", f"{cost.synapses:,}"]
    assert "2 random frames" in out
    assert "all exact" in out
    assert "MiB" in out


def test_a_file_and_other_limits(monkeypatch, capsys):
    network = ROOT / "neuroproc" / "data" / "digits.json"
    status, out, _ = limits(monkeypatch, capsys, "--network", network, "--max-delay", "40", "unlimited")
    assert status == 0
    assert [row[1] for row in rows_of(out)[1:]] == ["40", "unlimited"]


def test_errors_are_one_line(monkeypatch, capsys, small):
    status, _, err = limits(monkeypatch, capsys, "--network", "vgg", "--unroll", "3x3")
    assert (status, len(err.splitlines())) == (3, 1)
    assert "allowed: 1, 2, 4, 8, 16" in err


@pytest.mark.parametrize("field", ["neurons", "latency"])
def test_an_image_of_other_sizes_is_found(monkeypatch, small, field):
    planned = checked.planned_sizes

    def wrong(cost):
        sizes = planned(cost)
        return checked.Sizes(**{**vars(sizes), field: getattr(sizes, field) + 1})

    monkeypatch.setattr(checked, "planned_sizes", wrong)
    with pytest.raises(AssertionError, match="unroll 1x1 on research: planned"):
        checked.compiled(small, neuroproc.load_profile("research"), neuroproc.FoldPlan((1, 1)))


def test_activity_neither_dies_nor_saturates():
    """On other frames than those that the thresholds were chosen by."""
    network = networks.vgg(channels=8)
    assert list(network.shapes.values())[-1] == (100, 1, 1)
    frames = networks.random_frames(np.random.default_rng(7), network.encoding, network.input_shape, 8)
    values = neuroproc.evaluate(network, frames)
    for layer in network.layers:
        fired = values[layer.name]
        assert 0.1 < fired.mean() < 0.6, layer.name
        by_unit = fired.reshape(len(fired), len(fired[0]), -1).mean(axis=(0, 2))
        assert ((by_unit > 0) & (by_unit < 1)).mean() > 0.8, layer.name
    weights = [np.abs(layer.weight).max() for layer in network.layers if layer.n_parameters]
    assert (min(weights), max(weights)) == (1, 7)
    assert networks.vgg(channels=8).digest == network.digest
