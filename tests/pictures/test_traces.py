"""What a place comes from, followed along synapses, is what the network's windows say."""

import numpy as np
import pytest
from compiler_helpers import random_case
from latched_helpers import random_latched_case

import neuroproc
from compiler.networks.drive import spiking_layers
from isa_spec.errors import FormatError
from neuroproc.pictures.timetable import timetable
from neuroproc.pictures.traces import telling_trace, trace

DIGITS = "neuroproc/data/digits.json"


def image_of(network, unroll=(1, 1), profile="np16", **plan):
    return neuroproc.compile_network(network, neuroproc.load_profile(profile), neuroproc.FoldPlan(unroll, **plan))


def read_by_windows(network, table, number, row, column):
    """Pairs of layers and places, from the layers' windows: slow and obvious."""
    needed = {band.name: np.zeros((band.channels, band.height, band.width), bool) for band in table.bands}
    needed[table.bands[number].name][:, row, column] = True
    reads = set()
    for layer in reversed(spiking_layers(network)):
        name = layer.layer.name
        for y, x in np.argwhere(needed[name].any(axis=0)).tolist():
            for term in layer.terms:
                window, source = term.window, needed[term.source]
                weight = window.dense()[needed[name][:, y, x]]
                for dy, dx in np.ndindex(window.kernel):
                    at = y * window.stride[0] + dy - window.before[0], x * window.stride[1] + dx - window.before[1]
                    inside = 0 <= at[0] < source.shape[1] and 0 <= at[1] < source.shape[2]
                    heard = weight[:, :, dy, dx].any(axis=0)
                    if inside and heard.any():
                        source[:, *at] |= heard
                        reads.add(((name, y, x), (term.source, *at)))
    return reads


def check(network, image, number, row, column):
    table = timetable(image)
    found = trace(image, table, table.bands[number].name, row, column)
    names = [band.name for band in table.bands]
    pairs = {
        ((names[reads.reader], a, b), (names[reads.read], c, d))
        for reads in found.reads
        for a, b, c, d in reads.places.tolist()
    }
    assert pairs == read_by_windows(network, table, number, row, column)
    fields = {(names[number], row, column), *(read for _, read in pairs)}
    for name, field in zip(names, found.fields, strict=True):
        assert {(name, *place) for place in np.argwhere(field).tolist()} == {one for one in fields if one[0] == name}


@pytest.mark.parametrize("seed", range(24))
def test_traces_of_random_folds(seed):
    """Any fold: tiles, gates, turns, held layers, relays, split weights, one synapse per pair."""
    network, spec, plan, _ = random_case(seed, 1)
    image = neuroproc.compile_network(network, spec, plan)
    rng = np.random.default_rng(seed)
    bands = timetable(image).bands
    number = len(bands) - 1 - seed % 2 if len(bands) > 2 else len(bands) - 1
    row, column = rng.integers(0, (bands[number].height, bands[number].width)).tolist()
    check(network, image, number, row, column)


@pytest.mark.parametrize(
    ("network", "unroll", "profile"),
    [
        ("examples/rate/rate5.json", (4, 4), "np16"),
        ("examples/pooling/membrane.json", (4, 4), "np16"),
        ("examples/pooling/membrane.json", (4, 4), "np16-pool"),
    ],
)
def test_traces_of_several_steps(network, unroll, profile):
    """Rates, maxima by synapses and by groups."""
    network = neuroproc.load_network(network)
    image = image_of(network, unroll, profile)
    bands = timetable(image).bands
    number = max(number for number, band in enumerate(bands) if band.height * band.width > 1)
    check(network, image, number, bands[number].height // 2, 0)


@pytest.mark.parametrize("seed", range(8))
def test_traces_of_single_spikes(seed):
    """Latches and slopes."""
    network, spec, plan, _ = random_latched_case(seed, 1)
    image = neuroproc.compile_network(network, spec, plan)
    check(network, image, len(timetable(image).bands) - 1, 0, 0)


def test_held_layers_read_what_demultiplexers_pick_out():
    network = neuroproc.load_network(DIGITS)
    image = image_of(network, dense="held")
    assert image.options["held"]
    check(network, image, 6, 0, 0)


def test_the_telling_place_is_deep_and_sees_a_part():
    image = image_of(neuroproc.load_network(DIGITS))
    table = timetable(image)
    found = telling_trace(image, table)
    assert (table.bands[found.band].name, found.row, found.column) == ("pool2", 0, 0)
    assert 0 < found.fields[0].sum() < 64
    assert [field.sum() for field in found.fields[found.band :]] == [1, 0, 0]


def test_places_that_are_not_there_are_refused():
    image = image_of(neuroproc.load_network(DIGITS))
    table = timetable(image)
    with pytest.raises(
        FormatError, match=r"conv2\[1,4\] is outside the layer's map, allowed: row 0\.\.3, column 0\.\.3"
    ):
        trace(image, table, "conv2", 1, 4)
    with pytest.raises(FormatError, match="'conv9' is no layer with a time, allowed: input, conv1"):
        trace(image, table, "conv9", 0, 0)
