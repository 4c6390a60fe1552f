"""What a session shows of data: one line each, whatever their size."""

import re
from pathlib import Path

import numpy as np
import pytest

import neuroproc
from isa_spec.showing import brief

DATA = Path(neuroproc.__file__).parent / "data"
DIGITS, FRAMES = DATA / "digits.json", DATA / "digits_frames.npz"


@pytest.fixture(scope="module")
def network():
    return neuroproc.load_network(DIGITS)


@pytest.fixture(scope="module")
def image(network):
    return neuroproc.compile_network(network, neuroproc.load_profile("np8"), neuroproc.FoldPlan((2, 2)))


def test_networks_and_layers(network):
    assert repr(network) == (
        "<LayeredNetwork digits: 1x8x8 frames, conv1, pool1, conv2, pool2, flatten, fc1, fc2; "
        f"{sum(layer.n_parameters for layer in network.layers):,} parameters>"
    )
    assert repr(network.layers[-1]) == (
        "Dense(name='fc2', sources=('fc1',), weight=int64[40, 64], threshold=int64[40])"
    )


def test_images_and_processors(image):
    shown = (
        f"<ProcessorImage for np8: {image.n_neurons:,} neurons, {image.n_synapses:,} synapses, "
        f"{len(image.inputs)} inputs, {len(image.outputs)} outputs; a frame every {image.interval} cycles, "
        f"decided after {image.latency}>"
    )
    assert repr(image) == shown
    processor = neuroproc.Processor(image, engine="reference")
    processor.run(3)
    size = f"{image.n_neurons:,} neurons, {image.n_synapses:,} synapses"
    assert repr(processor) == f"<Processor np8: {size}, engine reference, before cycle 3>"
    state = processor.state()
    assert f"ProcessorState(image='{state.image}', cycle=3, potential=int64[{image.n_neurons}]" in repr(state)
    assert len(repr(state)) < 600


def test_an_image_without_frames():
    ring = [("a", "b", 1, 1), ("b", "a", 1, 1)]
    made = neuroproc.wire_image(neuroproc.load_profile("np8"), {"a": 1, "b": 1}, ring, inputs=["a"])
    assert repr(made) == "<ProcessorImage for np8: 2 neurons, 2 synapses, 1 inputs, 2 outputs>"


def test_results(image):
    frames, labels = neuroproc.read_frames(FRAMES)[:20], neuroproc.read_labels(FRAMES)[:20]
    found = neuroproc.classify(image, frames, labels, engine="event", threads=1)
    assert re.fullmatch(
        rf"<Classification of 20 frames, accuracy {found.accuracy:.2%}; [\d,]+ cycles, {found.spikes:,} spikes, "
        rf"{found.synaptic_operations:,} synaptic operations>",
        repr(found),
    )
    assert "accuracy" not in repr(neuroproc.classify(image, frames, engine="event", threads=1))
    assert brief(neuroproc.Examples(frames, labels)) == (
        "Examples(frames=uint8[20, 1, 8, 8], labels=int64[20], where='examples')"
    )
    assert repr(neuroproc.Examples(frames, np.asarray(labels))).count("\n") == 0
