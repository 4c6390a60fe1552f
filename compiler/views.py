"""Views of an image for inspection with other tools."""

from __future__ import annotations

import networkx as nx

from isa_spec.image import ROLES, ProcessorImage


def to_networkx(image: ProcessorImage) -> nx.MultiDiGraph:
    """Graph of an image, for small ones: half a kilobyte a synapse.

    Nodes carry ``threshold``, ``role`` and ``layer``; edges, parallel ones each, carry ``weight`` and ``delay``.
    """
    graph = nx.MultiDiGraph(profile=image.spec.name)
    names = [layer.name for layer in image.layers] or [""]
    for neuron, (threshold, role, layer) in enumerate(zip(image.threshold, image.role, image.layer, strict=True)):
        graph.add_node(neuron, threshold=int(threshold), role=ROLES[role], layer=names[layer])
    columns = (image.source(), image.target, image.weight, image.delay)
    for source, target, weight, delay in zip(*(column.tolist() for column in columns), strict=True):
        graph.add_edge(source, target, weight=weight, delay=delay)
    return graph
