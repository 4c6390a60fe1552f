"""How much each layer fired, as data and as a picture: from the busiest neuron to the silent ones."""

import numpy as np
import pytest
from picture_helpers import digits_image, needs_matplotlib, plain_image, words_on

import neuroproc
from neuroproc.formats.runs import Run
from neuroproc.measuring.activity import activity_by_layer, told_saturated
from neuroproc.pictures.activity import draw_activity, headline_of, layer_spikes, plot_activity
from neuroproc.pictures.canvas import picture
from neuroproc.pictures.colours import ALARM


@pytest.fixture(scope="module")
def digits():
    """An image, and a run of it in which layers have silent and saturated neurons."""
    image, frames = digits_image((8, 8))
    found = neuroproc.classify(image, frames[:40], engine="event", threads=1)
    return image, Run(found.spike_count, found.synaptic_operations, found.cycles, frames=40)


def test_layers_have_their_spikes_in_order(digits):
    image, run = digits
    layers = layer_spikes(image, run)
    assert sum(int(layer.spikes.sum()) for layer in layers) == run.spikes
    by_layer = activity_by_layer(image, run.spike_count, run.cycles, run.frames)
    for layer in layers:
        number, found = next((n, one) for n, one in enumerate(by_layer) if one.name == layer.name)
        assert layer.spikes.tolist() == sorted(run.spike_count[image.layer == number].tolist(), reverse=True)
        assert layer.silent == len(found.silent)
        told = told_saturated(image, number, found, run.frames)
        assert layer.n_saturated == (None if told is None else len(told))
    assert any(layer.silent for layer in layers)
    assert any(layer.n_saturated for layer in layers)
    assert headline_of(run) == f"40 frames, {run.cycles} cycles, {run.spikes:,} spikes"


def test_only_who_was_observed_counts(digits):
    image, run = digits
    some = np.flatnonzero(image.layer == 2)[:7]
    counts = np.where(np.isin(np.arange(image.n_neurons), some), run.spike_count, 0)
    (layer,) = layer_spikes(image, Run(counts, 0, run.cycles, observed=some))
    assert (layer.name, len(layer.spikes)) == ("conv1", 7)


def test_words():
    image = plain_image()
    (layer,) = layer_spikes(image, Run(np.array([3, 0, 4]), 9, 4))
    assert (layer.name, layer.spikes.tolist(), layer.saturated.tolist()) == (
        "all neurons", [4, 3, 0], [True, False, False]
    )  # fmt: skip
    assert layer.words(None) == "7 spikes, 1 silent, 1 saturated"
    assert layer.words(2) == "3.5 spikes per frame, 1 silent, 1 saturated"


@needs_matplotlib
def test_strips(digits, tmp_path):
    image, run = digits
    layers = layer_spikes(image, run)
    with picture(tmp_path / "a.png", "run", 9, 7) as figure:
        draw_activity(figure, "run", layers, 40)
        for axes, layer in zip(figure.axes, layers, strict=True):
            assert axes.get_ylabel() == f"{layer.name} ({len(layer.spikes):,})"
            assert layer.words(40) in words_on(axes)
            heights = [patch.get_data() for patch in axes.patches if hasattr(patch, "get_data")]
            assert heights[0].values.tolist() == (layer.spikes / 40).tolist()
            assert len(heights) == 1 + bool(layer.n_saturated)
            if layer.n_saturated:
                assert np.count_nonzero(heights[1].values) == layer.n_saturated
        assert figure.get_supxlabel() == (
            "height: spikes of each neuron per frame; grey: silent; red: a spike for every value that they carry"
        )
    assert layers[0].colour != ALARM
    for name in ("b.svg", "c.svg"):
        plot_activity(tmp_path / name, "run", image, run)
    assert (tmp_path / "b.svg").read_bytes() == (tmp_path / "c.svg").read_bytes()


@needs_matplotlib
def test_nothing_fires(tmp_path):
    plot_activity(tmp_path / "a.png", "run", plain_image(1, (), outputs=0), Run(np.array([0]), 0, 5))
    assert (tmp_path / "a.png").stat().st_size > 0
