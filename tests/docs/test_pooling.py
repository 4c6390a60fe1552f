"""The programs that measure pools and signs: rules by hand, simulations that agree with the networks, their tables."""

import importlib.util
import sys

import numpy as np
import pytest
from docs_examples import MNIST, ROOT, table_of

pytestmark = pytest.mark.docs

needs_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason=f"MNIST is not at {MNIST}")


def program(name, monkeypatch):
    """A module of benchmarks/, as it is run from there."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def run(module, monkeypatch, capsys, *arguments):
    """Exit status, output and messages."""
    monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
    status = module.main()
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def quiet(pooling, n_units=4):
    return pooling.Window(
        *(np.zeros(shape, np.int64) for shape in ((1, 1, 1, 1, n_units),) * 2), np.zeros((1,) * 4, np.int64)
    )


def spoken(pooling, rule, steps, potentials=None):
    """What a pool says while its units fire as told, step after step."""
    window, said = quiet(pooling), []
    for i, units in enumerate(steps):
        fires = np.isin(np.arange(4), units).reshape(1, 1, 1, 1, 4)
        if potentials is not None:
            window.potential = np.array(potentials[i]).reshape(fires.shape)
        said.append(int(rule(window, fires)[0, 0, 0, 0]))
    return said


def test_rules(monkeypatch):
    pooling = program("pooling", monkeypatch)
    steps = [[], [2], [1], [1], [1, 3], [2]]
    assert spoken(pooling, pooling.any_spike, steps) == [0, 1, 1, 1, 1, 1]
    assert spoken(pooling, pooling.most_spikes, steps) == [0, 1, 1, 1, 1, 0], (
        "where two have as many, the first of them"
    )
    assert spoken(pooling, pooling.first_spike, steps) == [0, 1, 0, 0, 0, 1]
    both = [[0, 3], [0], [3]]
    assert spoken(pooling, pooling.first_spike, both, [[5, 0, 0, 9]] * 3) == [1, 0, 1], "the larger potential"


@needs_mnist
@pytest.mark.oracle
def test_simulations_are_the_networks(monkeypatch, capsys):
    """The program refuses to go on where a class differs; here every spike of every pool is compared as well."""
    pooling = program("pooling", monkeypatch)
    status, out, err = run(pooling, monkeypatch, capsys, "steps", "--data", MNIST, "--limit", 3)
    assert (status, err) == (0, "")
    rows = table_of(out.splitlines())
    assert [row["reset"] for row in rows] == ["zero", "subtract"] * len(pooling.RULES)
    network = pooling.shown_for(ROOT / "examples" / "pooling" / "membrane.json", 12)
    frames = pooling.read_set(MNIST, "t10k", 3).frames
    course = pooling.simulate(network, pooling.RULES[1], "zero", frames)
    decided = pooling.neuroproc.evaluate(network, frames)
    for found, name in zip(course.pools, ("pool1", "pool2"), strict=True):
        assert np.array_equal(found, decided[name])
        assert 0 < found.mean() < 1


@needs_mnist
def test_errors_of_rates(monkeypatch, capsys):
    pooling = program("pooling", monkeypatch)
    monkeypatch.setattr(pooling, "SPANS", (5, 10))
    status, out, err = run(pooling, monkeypatch, capsys, "errors", "--data", MNIST, "--limit", 2)
    assert (status, err) == (0, "")
    assert [row["rule"] for row in table_of(out.splitlines())] == [rule.words for rule in pooling.RULES]


def test_bits_of_memory(monkeypatch, capsys):
    """Kernels are counted as they were trained, not as wide as they are written."""
    status, out, err = run(program("binary", monkeypatch), monkeypatch, capsys, "memory")
    assert (status, err) == (0, "")
    signs, full = table_of(out.splitlines())
    assert signs["parameters"] == full["parameters"]
    assert int(signs["of them signs"].replace(",", "")) > 0.9 * int(signs["parameters"].replace(",", ""))
    assert (full["of them signs"], signs["largest inner weight"]) == ("0", "4")


@pytest.mark.error
def test_errors_are_one_line(monkeypatch, capsys, tmp_path):
    status, out, err = run(program("pooling", monkeypatch), monkeypatch, capsys, "steps", "--data", tmp_path)
    assert (status, out, len(err.splitlines())) == (3, "", 1)
    assert "t10k-images-idx3-ubyte" in err
