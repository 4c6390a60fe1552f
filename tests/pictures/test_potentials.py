"""Potentials before reset: every number is that of an explanation; strips show threshold, floor, spikes, values."""

import json
from dataclasses import replace

import numpy as np
import pytest
from picture_helpers import digits_image, needs_matplotlib, plain_image, words_on

import neuroproc
from isa_spec.spikes import SpikeEvents
from neuroproc.explaining.explanation import explain
from neuroproc.pictures.canvas import picture
from neuroproc.pictures.potentials import draw_potentials, plot_potentials, trace_of


@pytest.fixture(scope="module")
def digits():
    image, frames = digits_image((1, 1))
    return image, neuroproc.encode_frames(image, frames[:1])


def test_every_sum_is_that_of_an_explanation(digits):
    image, events = digits
    trace = trace_of(image, events, "conv1[2,3,4]", 100)
    rng = np.random.default_rng(1)
    for cycle in [*rng.choice(100, 8, replace=False).tolist(), 30, 84]:
        one = explain(image, events, "conv1[2,3,4]", cycle, "reference")
        assert (trace.total[cycle], trace.after[cycle], trace.fired[cycle]) == (one.total, one.after, one.fired)
        assert (trace.reached[cycle], trace.threshold) == (bool(one.arrivals), one.threshold)
    assert trace.fired.tolist() == (trace.total >= trace.threshold).tolist()
    assert (trace.name, trace.layer, trace.floor, trace.value.tolist()) == ("conv1.2.0.0", "conv1", 0, [84])
    assert trace.words() == "conv1.2.0.0, computes conv1[2,3,4] in the shaded cycle: 0 spikes there, 4 in all"


def test_potentials_at_the_end_are_those_of_a_probe(digits):
    image, events = digits
    probe = neuroproc.PotentialProbe([70, 120])
    processor = neuroproc.Processor(image, "event", [probe])
    processor.inject(image.start)
    processor.inject(events)
    processor.run(60)
    for column, neuron in enumerate((70, 120)):
        assert trace_of(image, events, neuron, 60).after.tolist() == probe.samples()[1][:, column].tolist()


def test_where_nothing_happens():
    trace = trace_of(plain_image(), SpikeEvents.of([2], [0], [1]), 1, 6)
    assert trace.total.tolist() == [0, 0, 0, 1, 0, 0]
    assert trace.fired.tolist() == trace.eventful.tolist() == [False, False, False, True, False, False]
    assert trace.words() == "unit.1: 1 spike"


def test_sums_far_below_do_not_squeeze_the_rest():
    """What a charge sends far down and the floor catches is told, not drawn; what is held is always drawn."""
    trace = trace_of(plain_image(), SpikeEvents.of([2], [0], [1]), 1, 6)
    whole = replace(trace, threshold=10, total=np.array([0, 3, -9, 4, 12, 0]), after=np.array([0, 3, 0, 4, 0, 0]))
    assert whole.axis[0] < -9 < 12 < whole.axis[1]
    cut = replace(whole, total=np.array([0, 3, -400, 4, 12, 0]))
    assert -6 < cut.axis[0] < -3
    assert cut.axis[1] > 12
    kept = replace(cut, after=np.array([0, 3, -400, 4, 0, 0]))
    assert kept.axis[0] < -400
    shaded = replace(whole, asked="a[0,0,0]", value=np.array([3, 5]), fired=np.array([1, 0, 0, 1, 1, 0], bool))
    assert shaded.words() == "unit.1, computes a[0,0,0] in the shaded cycles: 1 spike there, 3 in all"


def test_a_value_of_several_steps_takes_a_cycle_for_each(tmp_path):
    entry = {
        "format": "layered-network", "version": 1, "name": "rates", "reset": "subtract", "floor": None,
        "input": {"shape": [1, 1, 4], "encoding": {"kind": "rate", "steps": 4, "levels": 4, "source": "even"}},
        "layers": [{"name": "a", "type": "conv2d", "weight": [[[[1, 1]]]], "threshold": [1]}],
    }  # fmt: skip
    (tmp_path / "rates.json").write_text(json.dumps(entry))
    network = neuroproc.load_network(tmp_path / "rates.json")
    image = neuroproc.compile_network(network, neuroproc.load_profile("np16-subtract"), neuroproc.FoldPlan((1, 1)))
    frames = np.array([4, 2, 3, 0, 1, 0, 1, 4]).reshape(2, 1, 1, 4)
    events = neuroproc.encode_frames(image, frames)
    counts = neuroproc.evaluate(network, frames)["a"].reshape(2, 4, 3).sum(axis=1)
    for place in range(3):
        trace = trace_of(image, events, f"a[0,0,{place}]", image.latency + image.interval)
        values = trace.value.reshape(2, 4)
        assert np.diff(values).tolist() == [[1] * 3] * 2
        assert (values[1] - values[0]).tolist() == [image.interval] * 4
        assert trace.fired[values].sum(axis=1).tolist() == counts[:, place].tolist()
        # A clock sends it to the floor and back: that is told, not drawn.
        assert trace.after.min() == trace.floor < -32_000 < -20 < trace.axis[0]


@needs_matplotlib
def test_strips(digits, tmp_path):
    image, events = digits
    traces = [trace_of(image, events, neuron, 100) for neuron in ("conv1[2,3,4]", 100)]
    with picture(tmp_path / "a.png", "run", 9, 5) as figure:
        draw_potentials(figure, "run", traces)
        figure.canvas.draw()
        assert len(figure.axes) == 2
        for axes, trace in zip(figure.axes, traces, strict=True):
            assert axes.get_title(loc="left") == trace.words()
            assert f"threshold {trace.threshold}" in words_on(axes)
            marks = [line for line in axes.lines if line.get_marker() == "^"]
            assert marks[0].get_xdata().tolist() == np.flatnonzero(trace.fired).tolist()
            assert marks[0].get_ydata().tolist() == trace.total[trace.fired].tolist()
            across = {line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1]}
            assert {trace.threshold, 0} <= across
            assert len(axes.patches) == len(trace.value)
            low, high = axes.get_ylim()
            assert (low, high) == trace.axis
            assert low < trace.after.min() <= max(trace.total.max(), trace.threshold) < high
            below = np.flatnonzero(trace.total < low).tolist()
            assert [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "v"] == [below][
                : len(below)
            ]
            told = f"{len(below):,} below,\ndown to {trace.total.min():,}"
            assert (told in words_on(axes)) == bool(below)
            # Spikes are marked above the sum, and so above the line of the threshold.
            line, mark = (one.transform((0, trace.threshold))[1] for one in (axes.transData, marks[0].get_transform()))
            assert mark > line
        assert figure.axes[-1].get_xlim() == (-0.5, 99.5)
        assert "floor 0" in words_on(figure.axes[0])
    plot_potentials(tmp_path / "b.png", "run", traces)
    assert (tmp_path / "a.png").stat().st_size > 0


@needs_matplotlib
def test_one_cycle_of_one_neuron_gives_the_same_bytes(tmp_path):
    image = plain_image()
    plot_potentials(tmp_path / "a.svg", "run", [trace_of(image, SpikeEvents.none(), 0, 1)])
    plot_potentials(tmp_path / "b.svg", "run", [trace_of(image, SpikeEvents.none(), 0, 1)])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
