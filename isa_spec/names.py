"""Names of neurons for people: by layer and place, never by number alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from isa_spec.image import ROLES, ProcessorImage


def neuron_names(image: ProcessorImage) -> list[str]:
    """One name for each neuron, all different where the names of layers are.

    A neuron that carries a layer's map is ``layer.channel.row.column`` of its lane, as ports are; any other is
    ``layer.role.number``, counted from 0 in its layer; where the layer has no name, it is ``role.number``. Where there
    are no layers, neurons are called as their ports, if these have names and not numbers. Nodes of a TENNLab network
    are called as there: ``72``, or ``0(Main)``.
    """
    nodes = node_names(image)
    if nodes:
        return [f"{node}({name})" if name else node for node, name in nodes]
    ports = {} if image.layers else _port_names(image)
    names = [""] * image.n_neurons
    counts: dict[tuple[int, int], int] = {}
    for neuron, (layer, role) in enumerate(zip(image.layer.tolist(), image.role.tolist(), strict=True)):
        number = counts[layer, role] = counts.get((layer, role), -1) + 1
        name = image.layers[layer].name if image.layers else ""
        names[neuron] = ports.get(neuron) or f"{name}.{ROLES[role]}.{number}".removeprefix(".")
    for index, record in enumerate(image.layers):
        contract, first = record.contract, record.first_neuron
        if contract is None or first is None:
            continue
        lanes = np.ndindex(contract.lane_channels, contract.lane_rows, contract.lane_cols)
        for neuron, (channel, row, column) in enumerate(lanes, first):
            if image.layer[neuron] == index:
                names[neuron] = f"{record.name}.{channel}.{row}.{column}"
    return names


def _port_names(image: ProcessorImage) -> dict[int, str]:
    """Name of the first port of each neuron that has one, unless it could be another neuron's, or is a number."""
    doors = [port for port in (*image.inputs, *image.outputs) if not port.name.isdecimal()]
    doors = [port for port in doors if port.name.rpartition(".")[0] not in ROLES]
    first = {port.neuron: port.name for port in reversed(doors)}
    owners: dict[str, set[int]] = {}
    for port in doors:
        owners.setdefault(port.name, set()).add(port.neuron)
    return {neuron: name for neuron, name in first.items() if len(owners[name]) == 1}


def node_names(image: ProcessorImage) -> list[tuple[str, str]]:
    """Id and name of each neuron's node in the TENNLab network that an image is of; nothing of any other image."""
    kept = image.options.get("tennlab")
    rows = kept.get("nodes") if isinstance(kept, Mapping) else None
    # Options are whatever the image's maker put there.
    if not isinstance(rows, list) or len(rows) != image.n_neurons:
        return []
    if not all(isinstance(row, list | tuple) and len(row) == 2 and isinstance(row[1], str) for row in rows):
        return []
    return [(str(node), name) for node, name in rows]
