"""An image as a graph of networkx, and as GraphML for Gephi, yEd, Cytoscape and their like."""

from __future__ import annotations

import io

import networkx as nx

from isa_spec.errors import FormatError
from isa_spec.image import ROLES, ProcessorImage
from isa_spec.kinds import KINDS
from isa_spec.names import neuron_names

MOST_SYNAPSES = 200_000
"""Of a view as GraphML: beyond, it takes gigabytes and minutes to open."""


def to_networkx(image: ProcessorImage) -> nx.MultiDiGraph:
    """Graph of an image, for small ones: half a kilobyte a synapse.

    Nodes carry ``label`` (the neuron's name), ``threshold``, ``role``, ``layer``, ``leaks``, ``once``, ``group``, and
    as ``inputs`` and ``outputs`` the names of their ports with a space between; edges, parallel ones each and with the
    synapse's number as key, carry ``weight``, ``delay`` and ``kind``.

    Parameters
    ----------
    image : ProcessorImage
    """
    graph = nx.MultiDiGraph(profile=image.spec.name)
    names = [layer.name for layer in image.layers] or [""]
    columns = (image.threshold, image.role, image.layer, image.leaks, image.once, image.group)
    for neuron, (label, threshold, role, layer, leaks, once, group) in enumerate(
        zip(neuron_names(image), *(column.tolist() for column in columns), strict=True)
    ):
        graph.add_node(
            neuron,
            label=label,
            threshold=threshold,
            role=ROLES[role],
            layer=names[layer],
            leaks=bool(leaks),
            once=bool(once),
            group=group,
            inputs="",
            outputs="",
        )
    for key, ports in (("inputs", image.inputs), ("outputs", image.outputs)):
        for port in ports:
            node = graph.nodes[port.neuron]
            node[key] = f"{node[key]} {port.name}".lstrip()
    ends = (image.source(), image.target, image.weight, image.delay, image.kind)
    for number, (source, target, weight, delay, kind) in enumerate(
        zip(*(column.tolist() for column in ends), strict=True)
    ):
        # The key becomes the edge's id in GraphML, where it may occur only once.
        graph.add_edge(source, target, key=number, weight=weight, delay=delay, kind=KINDS[kind])
    return graph


def to_graphml(image: ProcessorImage) -> bytes:
    """GraphML of an image, with the attributes of `to_networkx`, each of its type; parallel synapses stay apart.

    Parameters
    ----------
    image : ProcessorImage

    Raises
    ------
    FormatError
        If the image has more than `MOST_SYNAPSES`, or a name that XML cannot hold.
    """
    if image.n_synapses > MOST_SYNAPSES:
        raise FormatError(
            f"a view as GraphML is of at most {MOST_SYNAPSES:,} synapses, the image has {image.n_synapses:,}; fold "
            "more (a smaller unroll), or draw the network by layers: neuroproc convert NETWORK.json LAYERS.dot"
        )
    graph = to_networkx(image)
    for name in (image.spec.name, *(layer.name for layer in image.layers), *neuron_names(image), *_port_names(image)):
        if not name.isprintable():
            raise FormatError(f"the name {name!r} cannot be written as XML, allowed: printable text")
    buffer = io.BytesIO()
    # Not write_graphml, which writes other bytes where lxml happens to be installed.
    nx.write_graphml_xml(graph, buffer)
    return buffer.getvalue()


def _port_names(image: ProcessorImage) -> list[str]:
    return [port.name for port in (*image.inputs, *image.outputs)]
