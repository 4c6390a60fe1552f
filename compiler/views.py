"""Views of an image for inspection with other tools."""

from __future__ import annotations

import networkx as nx

from isa_spec.image import ROLES, ProcessorImage
from isa_spec.kinds import KINDS


def to_networkx(image: ProcessorImage) -> nx.MultiDiGraph:
    """Graph of an image, for small ones: half a kilobyte a synapse.

    Nodes carry ``threshold``, ``role``, ``layer``, ``once`` and ``group``; edges, parallel ones each, carry ``weight``,
    ``delay`` and ``kind``.
    """
    graph = nx.MultiDiGraph(profile=image.spec.name)
    names = [layer.name for layer in image.layers] or [""]
    columns = (image.threshold, image.role, image.layer, image.once, image.group)
    for neuron, (threshold, role, layer, once, group) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        graph.add_node(neuron, threshold=threshold, role=ROLES[role], layer=names[layer], once=bool(once), group=group)
    columns = (image.source(), image.target, image.weight, image.delay, image.kind)
    for source, target, weight, delay, kind in zip(*(column.tolist() for column in columns), strict=True):
        graph.add_edge(source, target, weight=weight, delay=delay, kind=KINDS[kind])
    return graph
