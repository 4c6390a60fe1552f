"""A thousand random networks and images through the formats that keep all of them: nothing is lost or changed."""

import io

import networkx as nx
import numpy as np
import pytest
from compiler_helpers import random_network
from emulator_helpers import FAMILIES, family_spec, random_image
from views_helpers import by_neuron, from_graph

from compiler.networks.network_file import load_network
from compiler.networks.network_writer import save_network
from compiler.views.graphs import to_graphml
from isa_spec.codec import decode_image, encode_image
from isa_spec.image import graph_digest

BLOCK = 20


def blocks(least, most):
    """Numbers of blocks of random things."""
    return range(least // BLOCK, most // BLOCK)


def of_block(block):
    return (np.random.default_rng([77, seed]) for seed in range(block * BLOCK, (block + 1) * BLOCK))


def check_networks(block, folder):
    for rng in of_block(block):
        network = random_network(rng)
        save_network(network, folder / "a.json")
        again = load_network(folder / "a.json")
        assert (again.digest, again.name, again.shapes) == (network.digest, network.name, network.shapes)


def check_images(block):
    families = sorted(FAMILIES)
    for rng in of_block(block):
        spec = family_spec(families[int(rng.integers(len(families)))])
        image = random_image(rng, spec, int(rng.integers(1, 40)), int(rng.integers(0, 200)))
        data = encode_image(image, "test")
        again = decode_image(data, "x")
        assert encode_image(again, "test") == data
        assert graph_digest(again) == graph_digest(image)
        graph = nx.read_graphml(io.BytesIO(to_graphml(image)), node_type=int, force_multigraph=True, edge_key_type=int)
        assert graph_digest(from_graph(graph, spec)) == graph_digest(by_neuron(image))


@pytest.mark.parametrize("block", blocks(0, 200))
def test_networks(block, tmp_path):
    check_networks(block, tmp_path)


@pytest.mark.parametrize("block", blocks(0, 200))
def test_images(block):
    check_images(block)


@pytest.mark.sweep
@pytest.mark.parametrize("block", blocks(200, 1000))
def test_more_networks(block, tmp_path):
    check_networks(block, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("block", blocks(200, 1000))
def test_more_images(block):
    check_images(block)
