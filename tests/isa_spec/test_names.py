"""Neurons have names that say where they are, each its own."""

from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import random_network
from emulator_helpers import make_spec, random_image

import neuroproc
from isa_spec.image import ROLES, Port
from isa_spec.names import neuron_names


def test_neurons_of_maps_are_named_as_their_ports_are():
    network = random_network(np.random.default_rng(3))
    for unroll in ((1, 1), network.input_shape[1:]):
        image = neuroproc.compile_network(network, neuroproc.load_profile("research"), neuroproc.FoldPlan(unroll))
        names = neuron_names(image)
        answering = image.layers[image.layer[image.outputs[0].neuron]].name
        for ports, door, layer in ((image.inputs, "in", "input"), (image.outputs, "out", answering)):
            for port in ports:
                if port.name.startswith(f"{door}."):
                    assert names[port.neuron] == layer + port.name.removeprefix(door)


@pytest.mark.parametrize("seed", range(20))
def test_no_two_have_the_same_name(seed):
    network = random_network(np.random.default_rng(seed))
    image = neuroproc.compile_network(
        network, replace(neuroproc.load_profile("research"), max_delay=20), neuroproc.FoldPlan((1, 1))
    )
    names = neuron_names(image)
    assert len(set(names)) == image.n_neurons
    for name, layer, role in zip(names, image.layer, image.role, strict=True):
        assert name.startswith(f"{image.layers[layer].name}.")
        if ROLES[role] not in ("input", "unit"):
            assert f".{ROLES[role]}." in name


def test_neurons_without_layers_are_called_as_their_ports():
    image = random_image(np.random.default_rng(1), make_spec(), n_neurons=4)
    doors = [Port("a", 2), Port("both", 0)], [Port("c", 2), Port("both", 3), Port("7", 1), Port("unit.1", 0)]
    image = replace(image, inputs=doors[0], outputs=doors[1])
    assert neuron_names(image) == ["unit.0", "unit.1", "a", "unit.3"]


@pytest.mark.malformed
@pytest.mark.parametrize(
    "kept", [5, [], {}, {"nodes": 3}, {"nodes": [[0, "a"]]}, {"nodes": [0, 1, 2]}, {"nodes": [[0, 1], [1, 2], [2, 3]]}]
)
def test_options_that_no_tennlab_network_has_name_nobody(kept):
    image = random_image(np.random.default_rng(1), make_spec(), n_neurons=3)
    assert neuron_names(replace(image, options={"tennlab": kept})) == neuron_names(replace(image, options={}))
