"""Views keep what they say: GraphML is read back to the same graph, and DOT draws every neuron, synapse and layer."""

import io
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from cli_helpers import ROOT
from compiler_helpers import random_network, small_network
from emulator_helpers import ALL_FAMILIES, FAMILIES, family_spec, make_spec, random_image
from views_helpers import by_neuron, from_graph

import neuroproc
from compiler.networks.network_file import load_network
from compiler.views import dot, graphs
from compiler.views.dot import image_dot, network_dot
from compiler.views.graphs import to_graphml, to_networkx
from isa_spec.errors import FormatError
from isa_spec.image import ROLES, LayerRecord, graph_digest
from isa_spec.names import neuron_names


def images():
    """Random ones of every family, and one that was compiled."""
    for seed, family in enumerate(FAMILIES):
        yield random_image(np.random.default_rng(seed), family_spec(family), n_neurons=1 + seed % 20)
    yield neuroproc.compile_network(small_network(3), neuroproc.load_profile("np8"), neuroproc.FoldPlan((2, 2)))


@pytest.mark.parametrize("image", list(images()))
def test_graphml_is_read_back(image):
    data = to_graphml(image)
    graph = nx.read_graphml(io.BytesIO(data), node_type=int, force_multigraph=True, edge_key_type=int)
    assert graph.graph["profile"] == image.spec.name
    assert graph_digest(from_graph(graph, image.spec)) == graph_digest(by_neuron(image))
    names = [layer.name for layer in image.layers] or [""]
    assert [graph.nodes[n]["layer"] for n in range(image.n_neurons)] == [names[layer] for layer in image.layer]
    assert [graph.nodes[n]["role"] for n in range(image.n_neurons)] == [ROLES[role] for role in image.role]
    assert [graph.nodes[n]["label"] for n in range(image.n_neurons)] == neuron_names(image)
    assert to_graphml(image) == data


def test_attributes_are_typed_and_edges_have_ids_of_their_own():
    image = random_image(np.random.default_rng(1), make_spec(), n_neurons=3, n_synapses=50)
    text = to_graphml(image).decode()
    types = dict(re.findall(r'attr\.name="(\w+)" attr\.type="(\w+)"', text))
    assert types == {
        **dict.fromkeys(("profile", "label", "role", "layer", "inputs", "outputs", "kind"), "string"),
        **dict.fromkeys(("threshold", "group", "weight", "delay"), "long"),
        **dict.fromkeys(("leaks", "once"), "boolean"),
    }
    ids = re.findall(r'<edge [^>]*id="(\d+)"', text)
    assert sorted(map(int, ids)) == list(range(image.n_synapses))
    assert to_networkx(image).number_of_edges() == image.n_synapses > 9  # of nine pairs: some are parallel


def test_a_name_that_xml_cannot_hold():
    image = random_image(np.random.default_rng(1), make_spec())
    layered = replace(image, layers=(LayerRecord("a\0b", "", None, None, 0, 0, 0, 0),))
    with pytest.raises(FormatError, match=r"the name 'a\\x00b' cannot be written as XML, allowed: printable text"):
        to_graphml(layered)


def test_a_node_whose_name_xml_cannot_hold():
    image = random_image(np.random.default_rng(1), make_spec(), n_neurons=2)
    named = replace(image, options={"tennlab": {"nodes": [[0, "ok"], [1, "a\x01b"]]}})
    with pytest.raises(FormatError, match=r"the name '1\(a\\x01b\)' cannot be written as XML"):
        to_graphml(named)


@pytest.mark.parametrize(("module", "view"), [(graphs, to_graphml), (dot, image_dot)])
def test_too_many_synapses_for_a_view(module, view, monkeypatch):
    image = random_image(np.random.default_rng(1), make_spec(), n_synapses=60)
    monkeypatch.setattr(module, "MOST_SYNAPSES", image.n_synapses)
    assert view(image)
    monkeypatch.setattr(module, "MOST_SYNAPSES", image.n_synapses - 1)
    words = (
        f"of at most {image.n_synapses - 1} synapses, the image has {image.n_synapses}; .* neuroproc convert NETWORK"
    )
    with pytest.raises(FormatError, match=words):
        view(image)


@pytest.mark.parametrize("image", list(images()))
def test_a_drawing_has_every_neuron_and_synapse(image):
    text = image_dot(image)
    drawn = Counter(re.findall(r'^  n(\d+) -> n(\d+) \[label="(-?\d+) @(\d+)"(.*)\];$', text, re.MULTILINE))
    looks = {0: "", 1: ", style=dashed", 2: ", style=dotted, arrowhead=box"}
    columns = (image.source(), image.target, image.weight, image.delay, image.kind)
    expected = Counter(
        (str(s), str(t), str(w), str(d), looks[k] + (", color=red, arrowhead=tee" if w < 0 else ""))
        for s, t, w, d, k in zip(*(column.tolist() for column in columns), strict=True)
    )
    assert drawn == expected
    groups = re.findall(r'^  n(\d+) -> n(\d+) \[label="group"', text, re.MULTILINE)
    assert groups == [(str(n), str(g)) for n, g in enumerate(image.group) if g >= 0]
    boxes = re.findall(r'subgraph cluster_(\d+) \{\n    label="([^"]*)".*?\n((?:    n.*\n)*)  \}', text)
    members = {int(index): re.findall(r"^    n(\d+) ", body, re.MULTILINE) for index, _, body in boxes}
    assert {n: index for index, some in members.items() for n in map(int, some)} == dict(
        enumerate(image.layer.tolist())
    )
    shapes = re.findall(r"^    n(\d+) \[label=.*>= (-?\d+)(, leaks)?(, once)?\", shape=(\w+),", text, re.MULTILINE)
    assert sorted((int(n), int(t), bool(leaks), bool(once), shape) for n, t, leaks, once, shape in shapes) == [
        (n, int(image.threshold[n]), bool(image.leaks[n]), bool(image.once[n]), dot._SHAPES[ROLES[image.role[n]]][0])
        for n in range(image.n_neurons)
    ]
    doors = re.findall(r'^  ([io])(\d+) \[label="(.*)", shape=plaintext', text, re.MULTILINE)
    assert doors == [
        *(("i", str(number), port.name) for number, port in enumerate(image.inputs)),
        *(("o", str(number), port.name) for number, port in enumerate(image.outputs)),
    ]


def test_every_role_has_a_look_of_its_own():
    assert tuple(dot._SHAPES) == ROLES
    assert len(set(dot._SHAPES.values())) == len(ROLES)


@pytest.mark.parametrize("seed", range(40))
def test_a_drawing_of_layers(seed):
    network = random_network(np.random.default_rng(seed))
    text = network_dot(network)
    boxes = re.findall(r'^  l(\d+) \[label="(.*)", fillcolor', text, re.MULTILINE)
    words = {int(number): label.split("\\n") for number, label in boxes}
    assert words[0] == ["input", " x ".join(map(str, network.input_shape)), words[0][2]]
    order = ["input", *(layer.name for layer in network.layers)]
    assert list(words) == list(range(len(order)))
    for number, layer in enumerate(network.layers, 1):
        assert words[number][0] == layer.name
        assert words[number][1].split()[0] == layer.kind
        assert words[number][-1] == " x ".join(map(str, network.shapes[layer.name]))
        if layer.n_parameters:
            assert f"{layer.n_parameters:,} parameters, {layer.n_nonzero:,} not zero" in words[number]
        assert ("linear" in words[number]) == (not layer.spikes and layer.kind not in ("flatten", "concat"))
    arrows = Counter(re.findall(r"^  l(\d+) -> l(\d+);$", text, re.MULTILINE))
    assert arrows == Counter(
        (str(order.index(source)), str(number))
        for number, layer in enumerate(network.layers, 1)
        for source in layer.sources
    )


def test_names_are_quoted():
    network = replace(small_network(3), name='a "b" \\n')
    first, *rest = network.layers
    named = replace(network, layers=(replace(first, name='c"\\'), replace(rest[0], sources=('c"\\',)), *rest[1:]))
    text = network_dot(named)
    assert text.startswith('digraph "a \\"b\\" \\\\n" {\n')
    assert 'l1 [label="c\\"\\\\\\nconv2d 3 x 3\\n' in text


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_graphviz_reads_it(family):
    program = shutil.which("dot")
    if program is None:
        pytest.skip("Graphviz is not installed")
    image = random_image(np.random.default_rng(3), family_spec(family), n_neurons=5, n_synapses=12)
    run = subprocess.run([program, "-Tplain"], input=image_dot(image).encode(), capture_output=True, check=True)
    lines = run.stdout.decode().splitlines()
    assert run.stderr == b""
    drawn = sum(line.startswith("edge") for line in lines)
    ports = len(image.inputs) + len(image.outputs)
    assert drawn == image.n_synapses + ports + np.count_nonzero(image.group >= 0)
    assert sum(line.startswith("node") for line in lines) == image.n_neurons + ports


@pytest.mark.parametrize("name", ["neuroproc/data/digits.json", "examples/rate/rate8.json"])
def test_graphviz_reads_layers(name):
    program = shutil.which("dot")
    if program is None:
        pytest.skip("Graphviz is not installed")
    network = load_network(ROOT / name)
    run = subprocess.run([program, "-Tplain"], input=network_dot(network).encode(), capture_output=True, check=True)
    assert run.stderr == b""
    lines = run.stdout.decode().splitlines()
    assert sum(line.startswith("node") for line in lines) == len(network.layers) + 2
