"""The trade of time for space as a picture: what is labelled, and that nothing runs into anything else."""

import json
from itertools import combinations

import numpy as np
import pytest
from cli_helpers import call, network_entry, refused, write_json

import neuroproc
from neuroproc.cli.explore import as_dict, folds_of
from neuroproc.pictures.pareto import draw_folds, fold_labels, reference_lines, spread

ONE_FOLD = {
    "format": "layered-network", "version": 1, "name": "one", "input": {"shape": [5, 1, 1]},
    "layers": [{"name": "fc", "type": "dense", "weight": [[1, 2, 0, 1, -1], [1, 0, 1, 1, 1]], "threshold": [2, 1]}],
}  # fmt: skip
ROW = {
    "format": "layered-network", "version": 1, "name": "row", "input": {"shape": [1, 1, 4]},
    "layers": [{"name": "c", "type": "conv2d", "weight": [[[[1, 1]]], [[[1, -1]]]], "threshold": [2, 1]}],
}  # fmt: skip


def network_of(entry, folder):
    return neuroproc.load_network(write_json(folder / f"{entry['name']}.json", entry))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Folds of a network with every kind of layer."""
    return folds_of(network_of(network_entry(), tmp_path_factory.mktemp("tiny")), neuroproc.load_profile("np8"))


def test_labels_are_spread_as_little_as_it_takes():
    assert spread([0.2, 0.8], 0.1) == [0.2, 0.8]
    assert spread([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    assert spread([0.52, 0.5, 0.9], 0.1) == pytest.approx([0.56, 0.46, 0.9])
    rng = np.random.default_rng(5)
    for _ in range(20):
        places = rng.random(5).tolist()
        found = spread(places, 0.2)
        assert np.argsort(found).tolist() == np.argsort(places).tolist()
        assert np.diff(sorted(found)).min() > 0.2 - 1e-9
        assert np.mean(found) == pytest.approx(np.mean(places))


def test_named_are_folds_that_nothing_undercuts(tiny):
    folds = [as_dict(option) for option in tiny.shown]
    named = fold_labels(folds, (1, 10_000), (10, 100_000))
    assert len(named) > 3
    assert len({unroll for unroll, _, _ in named}) == len(named)
    for unroll, interval, neurons in named:
        assert any((f["unroll"], f["interval"], f["neurons"]) == (unroll, interval, neurons) for f in folds)
        assert not any(f["interval"] <= interval and f["neurons"] < neurons for f in folds)


def test_of_folds_with_one_tile_the_fastest_alone_is_named():
    """Others have longer slots, or channels in turns: the same name would stand there several times."""
    fold = {"unroll": "1x1", "synapses": 5_000}
    slots = [{**fold, "interval": 100 * n, "neurons": 1_000 // n} for n in (1, 2, 4)]
    assert fold_labels(slots, (1, 10_000), (10, 100_000)) == [("1x1", 100, 1_000)]
    hidden = {**fold, "unroll": "2x2", "interval": 100, "neurons": 950}
    assert fold_labels([*slots, hidden], (1, 10_000), (10, 100_000)) == [("2x2", 100, 950), ("1x1", 200, 500)]
    near = [{**fold, "unroll": f"{4 - n}x1", "interval": 100 + n, "neurons": 1_000 - n} for n in range(4)]
    assert [name[0] for name in fold_labels([near[0], *near[2:]], (1, 10_000), (10, 100_000))] == ["4x1"]
    apart = [{**near[0], "interval": 10}, *near[1:]]
    assert [name[0] for name in fold_labels(apart, (1, 10_000), (10, 100_000))] == ["4x1", "1x1"]


@pytest.mark.parametrize("entry", [None, ONE_FOLD, ROW], ids=["tiny", "one fold", "a row"])
def test_nothing_runs_into_anything(tiny, entry, tmp_path):
    agg = pytest.importorskip("matplotlib.backends.backend_agg", reason="matplotlib is not installed")
    from matplotlib.figure import Figure

    found = tiny if entry is None else folds_of(network_of(entry, tmp_path), neuroproc.load_profile("research"))
    assert (entry is ONE_FOLD) == (len(found.shown) == 1)
    figure = Figure(figsize=(8.4, 4.8), layout="constrained")
    canvas = agg.FigureCanvasAgg(figure)
    folds = [as_dict(option) for option in found.shown]
    draw_folds(figure, found.name, folds, found.reference)
    canvas.draw()
    (axes,) = figure.axes
    boxes = {text.get_text(): text.get_window_extent() for text in axes.texts if not text.get_text()[0].isdigit()}
    assert list(boxes) == [f"{words}\n{value:,}" for words, value in reference_lines(found.reference).items()]
    names = [text.get_window_extent() for text in axes.texts if text.get_text()[0].isdigit()]
    assert names
    for one, other in combinations([*boxes.values(), *names], 2):
        assert not one.overlaps(other)
    marks = axes.transData.transform([(fold["interval"], fold[n]) for fold in folds for n in ("neurons", "synapses")])
    assert not any(box.contains(*mark) for box in [*names, *boxes.values()] for mark in marks)
    for box in boxes.values():
        assert axes.get_window_extent().x1 < box.x0
        assert box.x1 <= figure.bbox.x1
    named = [text.get_text() for text in (*axes.get_xticklabels(), *axes.get_xticklabels(minor=True))]
    assert any(named)


def test_millions_are_written_out():
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    figure = figures.Figure(figsize=(8.4, 4.8), layout="constrained")
    fold = {"unroll": "1x1", "channels": {}, "interval": 2, "neurons": 30, "synapses": 2_000_000}
    reference = {"nonzero_parameters": 70, "unrolled_neurons": 400, "unrolled_synapses": 3_000_000}
    draw_folds(figure, "large", [fold, {**fold, "interval": 3_000_000}], reference)
    (axes,) = figure.axes
    for axis in (axes.xaxis, axes.yaxis):
        named = [text.get_text() for text in axis.get_ticklabels()]
        assert {"100", "1,000,000"} <= set(named)
        assert not any("e" in name for name in named)


def test_plot_pareto_and_explore_say_and_draw_the_same(capsys, tmp_path):
    network = write_json(tmp_path / "row.json", ROW)
    explored = call(capsys, "explore", network, "--profile", "np8", "--clearing", "floor", "--all")
    plotted = call(capsys, "plot", "pareto", network, "--profile", "np8", "--clearing", "floor", "--all")
    assert (plotted.status, plotted.out, plotted.err) == (0, explored.out, "")
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; pip install '.[plot]'")
    pictures = [tmp_path / f"{name}.svg" for name in ("explore", "plot", "python")]
    explored = call(capsys, "explore", network, "--json", "--plot", pictures[0])
    assert json.loads(explored.out)["network"] == "row"
    plotted = call(capsys, "plot", "pareto", network, "-o", pictures[1])
    assert (plotted.status, plotted.out, plotted.err) == (0, "", "")
    neuroproc.plot_pareto(pictures[2], neuroproc.load_network(network), neuroproc.load_profile("research"))
    first, *others = (picture.read_bytes() for picture in pictures)
    assert first.startswith(b"<?xml")
    assert all(other == first for other in others)


@pytest.mark.error
def test_mistakes_are_told_before_the_search(capsys, tmp_path):
    network = write_json(tmp_path / "row.json", ROW)
    words = "folds.gif: a picture is one of .svg, .png, .pdf"
    refused(call(capsys, "plot", "pareto", network, "-o", "folds.gif"), words)
    refused(call(capsys, "explore", network, "--plot", "folds.gif"), words)
