"""Processor images as TENNLab's networks: one synapse for each ordered pair, and nothing that RISP has not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.errors import FormatError, ResourceError
from isa_spec.files import write_atomically
from isa_spec.image import ProcessorImage
from isa_spec.potentials import potential_bounds
from neuroproc.tennlab.image import START
from neuroproc.tennlab.layout import network_text
from neuroproc.tennlab.network import KINDS, Edge, Network, Node, Property
from neuroproc.tennlab.parameters import RispParameters, check_params, completed, spec_to_params

WHOLE, NUMBER, FLAG = 73, 68, 66
"""Types of properties: letters I, D and B."""
OTHER = {"proc_name": "risp"}


def write_tennlab(image: ProcessorImage, path: str | Path) -> None:
    """Write an image as a TENNLab network; the file appears whole or not at all.

    Parameters
    ----------
    image : ProcessorImage
    path : str or Path

    Raises
    ------
    FormatError
        If the image does what RISP cannot.
    ResourceError
        If several synapses join one ordered pair of neurons.
    """
    text = network_text(image_to_network(image))
    with write_atomically(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def image_to_network(image: ProcessorImage) -> Network:
    """Network of an image, nodes and edges by ascending ids.

    Raises
    ------
    FormatError
        If the image does what RISP cannot.
    ResourceError
        If several synapses join one ordered pair of neurons.
    """
    _refuse_shared(image)
    _refuse_parallel(image)
    host = _host(image)
    params, rest = check_params(host["params"], "proc_params"), host["network"]
    unit = Fraction(host["unit"])
    properties = {kind: tuple(Property(**row) for row in rest["properties"][kind]) for kind in KINDS}
    ids = [node for node, _ in host["nodes"]]
    nodes = [
        Node(node, name, values, rest["nodes"].get(str(node), {}))
        for (node, name), values in zip(
            host["nodes"], _rows(properties["node_properties"], _of_nodes(image, params, unit)), strict=True
        )
    ]
    edges = [
        Edge(ids[source], ids[target], values, rest["edges"].get(f"{ids[source]} {ids[target]}", {}))
        for source, target, values in zip(
            image.source().tolist(),
            image.target.tolist(),
            _rows(properties["edge_properties"], _of_edges(image, params, unit)),
            strict=True,
        )
    ]
    associated = {**rest["associated"], "proc_params": host["params"]}
    if len(image.start):
        associated[START] = {"start": _start_rows(image, ids)}
    return Network(
        properties=properties,
        nodes=tuple(nodes),
        edges=tuple(sorted(edges, key=lambda edge: edge[:2])),
        inputs=tuple(ids[port.neuron] for port in image.inputs),
        outputs=tuple(ids[port.neuron] for port in image.outputs),
        values=tuple(rest["values"]),
        associated=associated,
        extra=rest["extra"],
    )


def _of_nodes(image: ProcessorImage, params: RispParameters, unit: Fraction) -> dict[str, list[float]]:
    """Values of nodes by property."""
    above = 0 if params.threshold_inclusive else 1
    columns = {"Threshold": [float((value - above) * unit) for value in image.threshold.tolist()]}
    if params.leak_mode == "configurable":
        columns["Leak"] = image.leaks.astype(float).tolist()
    return columns


def _of_edges(image: ProcessorImage, params: RispParameters, unit: Fraction) -> dict[str, list[float]]:
    """Values of edges by property."""
    weights = [value * unit for value in image.weight.tolist()]
    if params.weights:
        places = {value: place for place, value in reversed(list(enumerate(params.weights)))}
        foreign = [float(value) for value in weights if value not in places]
        if foreign:
            raise FormatError(f"weight {foreign[0]!r} is not in the table of weights of proc_params; change the table")
        weights = [Fraction(places[value]) for value in weights]
    return {"Weight": [float(value) for value in weights], "Delay": image.delay.astype(float).tolist()}


def _rows(properties: Sequence[Property], columns: Mapping[str, list[float]]) -> list[tuple[float, ...]]:
    ordered = sorted(properties, key=lambda row: row.index)
    return list(zip(*(columns[row.name] for row in ordered), strict=True))


def _refuse_shared(image: ProcessorImage) -> None:
    for kind, ports in (("input", image.inputs), ("output", image.outputs)):
        neurons: set[int] = set()
        for port in ports:
            if port.neuron in neurons:
                raise FormatError(
                    f"{kind} port '{port.name}' shares neuron {port.neuron} with another, allowed in TENNLab's "
                    "networks: one for each node"
                )
            neurons.add(port.neuron)


def _refuse_parallel(image: ProcessorImage) -> None:
    pairs = image.source().astype(np.int64) * image.n_neurons + image.target
    found, uses = np.unique(pairs, return_counts=True)
    if len(found) < len(pairs):
        worst = int(uses.argmax())
        source, target = divmod(int(found[worst]), image.n_neurons)
        raise ResourceError(
            f"{uses[worst]} synapses lead from neuron {source} to neuron {target}, allowed 1 for each ordered pair in "
            "TENNLab's networks; use `neuroproc convert`, which puts taps between them",
            limit="parallel_synapses",
            used=int(uses[worst]),
            allowed=1,
        )


def _start_rows(image: ProcessorImage, ids: Sequence[int]) -> list[list[int]]:
    start = image.start
    rows = zip(start.cycle.tolist(), start.port.tolist(), start.value.tolist(), strict=True)
    return [[cycle, ids[image.inputs[port].neuron], value] for cycle, port, value in rows]


def _host(image: ProcessorImage) -> Mapping[str, Any]:
    """What belongs to the host: as it was read, or made up for an image that did not come from such a file."""
    options: Mapping[str, Any] | None = image.options.get("tennlab")
    if options is not None:
        if len(options["nodes"]) != image.n_neurons:
            raise FormatError(f"options.tennlab has {len(options['nodes'])} nodes, the image {image.n_neurons} neurons")
        return options
    params = spec_to_params(image.spec, image.max_delay, int(potential_bounds(image)[0].min(initial=0)))
    names = {port.neuron: port.name for ports in (image.outputs, image.inputs) for port in ports}
    properties = properties_of(check_params(params, "proc_params"))
    return {
        "params": params,
        "unit": "1",
        "nodes": [[number, names.get(number, "")] for number in range(image.n_neurons)],
        "network": {
            "properties": {kind: [dict(vars(row)) for row in rows] for kind, rows in properties.items()},
            "values": [],
            "associated": {"other": OTHER},
            "extra": {},
            "nodes": {},
            "edges": {},
        },
    }


def properties_of(params: RispParameters) -> dict[str, tuple[Property, ...]]:
    """``Properties`` of the networks of a processor."""
    kind = WHOLE if params.discrete else NUMBER
    limits = {key: float(value) for key, value in params.limits.items()}
    nodes = [Property("Threshold", kind, 0, 1, limits["min_threshold"], limits["max_threshold"])]
    if params.leak_mode == "configurable":
        nodes.insert(0, Property("Leak", FLAG, 1, 1, 0.0, 1.0))
    weight = Property("Weight", kind, 0, 1, limits["min_weight"], limits["max_weight"])
    if params.weights:
        weight = Property("Weight", WHOLE, 0, 1, 0.0, float(len(params.weights) - 1))
    edges = (Property("Delay", WHOLE, 1, 1, 1.0, float(params.max_delay)), weight)
    return {"node_properties": tuple(nodes), "edge_properties": edges, "network_properties": ()}


def empty_network(params: RispParameters) -> Network:
    """Network without nodes, for a processor."""
    associated = {"other": OTHER, "proc_params": completed(params)}
    return Network(properties_of(params), (), (), (), (), associated=associated)
