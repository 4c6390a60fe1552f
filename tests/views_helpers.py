"""Graphs of networkx as the images that they show."""

from __future__ import annotations

from dataclasses import replace

from isa_spec.building import build_image
from isa_spec.image import ROLES, Port
from isa_spec.kinds import KINDS
from isa_spec.spikes import SpikeEvents


def from_graph(graph, spec):
    """The image that a graph of networkx shows."""
    nodes = [graph.nodes[neuron] for neuron in range(graph.number_of_nodes())]
    ends = [(source, target) for source, target, _ in graph.edges(keys=True)]
    ports = {}
    for key in ("inputs", "outputs"):
        named = [(name, neuron) for neuron, node in enumerate(nodes) for name in node[key].split()]
        ports[key] = [Port(name, neuron) for name, neuron in named]
    edges = [data for *_, data in graph.edges(keys=True, data=True)]
    return build_image(
        spec,
        [node["threshold"] for node in nodes],
        [source for source, _ in ends],
        [target for _, target in ends],
        [edge["weight"] for edge in edges],
        [edge["delay"] for edge in edges],
        leaks=[int(node["leaks"]) for node in nodes],
        once=[int(node["once"]) for node in nodes],
        group=[node["group"] for node in nodes],
        kind=[KINDS.index(edge["kind"]) for edge in edges],
        role=[ROLES.index(node["role"]) for node in nodes],
        **ports,
    )


def by_neuron(image):
    """The image with its ports in the order of their neurons, which is all that a graph tells, and nothing started."""
    inputs, outputs = (tuple(sorted(ports, key=lambda port: port.neuron)) for ports in (image.inputs, image.outputs))
    return replace(image, inputs=inputs, outputs=outputs, start=SpikeEvents.none())
