"""A layer has one colour: in every picture that draws layers, in the report, of the network and of its images."""

import numpy as np
import pytest
from cli_helpers import axis_entry, write_json
from picture_helpers import DATA, digits_image
from report_helpers import page_of

import neuroproc
from neuroproc.cli.plotting.layers import layers_of_network
from neuroproc.formats.runs import Run
from neuroproc.pictures.activity import layer_spikes
from neuroproc.pictures.colours import CONTROL, PALETTE
from neuroproc.pictures.layer_graph import layers_of_image
from neuroproc.pictures.potentials import trace_of
from neuroproc.pictures.raster import raster_of
from neuroproc.report.style import layer_class


def test_pictures_and_report_give_a_layer_the_same_colour():
    image, frames = digits_image((1, 1))
    events = neuroproc.encode_frames(image, frames[:1])
    run = Run(np.ones(image.n_neurons, np.int64), 0, cycles=10)
    network = layers_of_network(neuroproc.load_network(DATA / "digits.json"))
    of_network = {box.name: box.colour for box in network}
    of_image = {box.name: box.colour for box in layers_of_image(image)}
    assert of_image == {rows.name: rows.colour for rows in raster_of(image, [], [], 9).layers}
    assert of_image == {layer.name: layer.colour for layer in layer_spikes(image, run)}
    first = {record.name: int(np.argmax(image.layer == n)) for n, record in enumerate(image.layers)}
    assert of_image == {name: trace_of(image, events, first[name], 1).colour for name in of_image}
    classes = {f"l{number}": colour for number, colour in enumerate(PALETTE)} | {"lc": CONTROL}
    page = page_of(image)
    assert all(f"--{name}: {colour};" in page.style for name, colour in classes.items())
    of_report = {record.name: classes[layer_class(image, n)] for n, record in enumerate(image.layers)}
    assert of_report == of_network | {"control": CONTROL}
    assert of_image.items() <= of_report.items()
    assert {"flatten"} == of_report.keys() - of_image.keys()
    swatches = [a["class"].split()[1] for _, a in page.elements if (a.get("class") or "").startswith("swatch")]
    assert [classes[name] for name in swatches[: len(of_report)]] == [of_report[r.name] for r in image.layers]


@pytest.mark.parametrize("n_layers", [1, 2])
def test_layers_without_neurons_count(n_layers, tmp_path):
    """What is linear, flattened or joined has a colour of its own in the network, which the image leaves out."""
    network = neuroproc.load_network(write_json(tmp_path / "samples.json", axis_entry(n_layers)))
    image = neuroproc.compile_network(network, neuroproc.load_profile("np16"), neuroproc.FoldPlan((1, 1)))
    of_network = {box.name: box.colour for box in layers_of_network(network)}
    of_image = {box.name: box.colour for box in layers_of_image(image) if box.kind != "control"}
    assert of_image.items() < of_network.items()
