"""TENNLab's networks as processor images.

Neurons are the nodes by ascending id. What belongs to the host and not to the chip is kept in ``options["tennlab"]``:

``params``
    ``proc_params`` as the file has them.
``unit``
    What a potential unit is worth in the file's numbers, ``"1/10"``.
``nodes``
    ``[id, name]``, by neuron.
``network``
    What else is needed to write the file back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.building import build_image
from isa_spec.errors import FormatError, ResourceError
from isa_spec.files import read_bytes
from isa_spec.image import ROLES, Port, ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.tennlab.network import KINDS, Edge, Network, Node, parse_network
from neuroproc.tennlab.numbers import common_unit, fraction
from neuroproc.tennlab.parameters import LARGEST, RispParameters, check_params, params_to_spec, scaled

START = "neuroproc"
"""Entry of ``Associated_Data`` with the spikes that start a compiled image's clocks."""


def read_tennlab(source: str | Path) -> ProcessorImage:
    """Image of a TENNLab network.

    Parameters
    ----------
    source : str or Path
        Name of a file, or the JSON text itself (it begins with a brace).

    Raises
    ------
    FormatError
        If it is no such network, asks for noise, or has numbers that do not fit.
    ResourceError
        If a value is outside of what its ``proc_params`` allow.
    """
    network, where = read_network(source)
    return network_to_image(network, params_of(network, where), where=where)


def read_network(source: str | Path) -> tuple[Network, str]:
    """Network of a file or a text, and its name for messages.

    Raises
    ------
    FormatError
        If it cannot be read, or is no such network.
    """
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return parse_network(source, "network"), "network"
    try:
        return parse_network(read_bytes(source).decode("utf-8-sig"), str(source)), str(source)
    except UnicodeDecodeError as error:
        raise FormatError(f"{source}: is no UTF-8 text (byte {error.start})") from None


def params_of(network: Network, where: str) -> RispParameters:
    """RISP parameters that a network was made for.

    Raises
    ------
    FormatError
        If it has none, or is for another processor.
    """
    other = network.associated.get("other", {})
    name = other.get("proc_name", "risp") if isinstance(other, dict) else "risp"
    if name != "risp":
        raise FormatError(f'{where}: Associated_Data.other.proc_name = {json.dumps(name)}, allowed: "risp"')
    if "proc_params" not in network.associated:
        raise FormatError(f"{where}: Associated_Data.proc_params is missing; make a processor first, or add it")
    return check_params(network.associated["proc_params"], f"{where}: proc_params")


def network_to_image(
    network: Network, params: RispParameters, *, unit: Fraction | None = None, where: str = "network"
) -> ProcessorImage:
    """Image of a network on a RISP processor.

    Parameters
    ----------
    network : Network
    params : RispParameters
        Of the processor; they win over the network's own.
    unit : Fraction, optional
        What a potential unit shall be worth; by default the largest in which all numbers are whole.
    where : str
        Name of the file, for messages.

    Raises
    ------
    FormatError
        If properties are missing, or numbers do not fit.
    ResourceError
        If a value is outside of what the parameters allow.
    """
    nodes = sorted(network.nodes)
    theta = _column(network, nodes, "node_properties", "Threshold", where)
    delay = _column(network, network.edges, "edge_properties", "Delay", where)
    weight = weights_of(network, params, where)
    _check_names(network, params, where)
    if unit is None:
        unit = common_unit({*params.limits.values(), *params.weights, *theta, *weight})
        _check_bits(
            {f"proc_params.{key}": value for key, value in params.limits.items()}
            | {f"{_name(node)}: Threshold": value for node, value in zip(nodes, theta, strict=True)}
            | {f"{_name(edge)}: Weight": value for edge, value in zip(network.edges, weight, strict=True)},
            unit,
            where,
        )
    spec = params_to_spec(params, unit)
    threshold = _whole(theta, unit, nodes, "Threshold", params, where)
    charge = _whole(weight, unit, network.edges, "Weight", params, where)
    numbers = {node.id: number for number, node in enumerate(nodes)}
    for edge, value in zip(network.edges, delay, strict=True):
        if value.denominator != 1 or not 1 <= value <= params.max_delay:
            raise FormatError(
                f"{where}: {_name(edge)}: Delay {float(value)!r}, allowed: whole numbers 1..{params.max_delay} "
                "(max_delay)"
            )
    role = np.full(len(nodes), ROLES.index("unit"))
    role[[numbers[node] for node in network.inputs]] = ROLES.index("input")
    leaks = {}
    if spec.leak == "per-neuron":
        leaks["leaks"] = _flags(network, nodes, where)
    inputs = [Port(str(node), numbers[node]) for node in network.inputs]
    return build_image(
        spec,
        np.array(threshold, np.int64) + (0 if params.threshold_inclusive else 1),
        np.array([numbers[edge.source] for edge in network.edges], np.int64),
        np.array([numbers[edge.target] for edge in network.edges], np.int64),
        np.array(charge, np.int64),
        np.array([int(value) for value in delay], np.int64),
        inputs,
        [Port(str(node), numbers[node]) for node in network.outputs],
        role=role,
        start=_start(network, {port.name: n for n, port in enumerate(inputs)}, where),
        options={"tennlab": _options(network, params, nodes, unit)},
        **leaks,
    )


def _check_bits(values: Mapping[str, Fraction], unit: Fraction, where: str) -> None:
    """Refuse numbers that are too large for the unit that the finest of them needs."""
    too_large = [name for name, value in values.items() if not -LARGEST - 1 <= value / unit <= LARGEST]
    if too_large:
        largest = max(too_large, key=lambda name: abs(values[name]))
        finest = max(values, key=lambda name: values[name].denominator)
        raise FormatError(
            f"{where}: {finest} {float(values[finest])!r} needs a unit of {unit}, in which {largest} "
            f"{float(values[largest])!r} has more than 32 bits; round it to fewer digits"
        )


def _options(network: Network, params: RispParameters, nodes: list[Node], unit: Fraction) -> dict[str, Any]:
    rest = {key: value for key, value in network.associated.items() if key not in ("proc_params", START)}
    properties = {kind: [dict(vars(row)) for row in rows] for kind, rows in network.properties.items()}
    return {
        "params": dict(params.given),
        "unit": str(unit),
        "nodes": [[node.id, node.name] for node in nodes],
        "network": {
            "properties": properties,
            "values": list(network.values),
            "associated": rest,
            "extra": dict(network.extra),
            "nodes": {str(node.id): dict(node.extra) for node in nodes if node.extra},
            "edges": {f"{edge.source} {edge.target}": dict(edge.extra) for edge in network.edges if edge.extra},
        },
    }


def _name(item: Node | Edge) -> str:
    return f"node {item.id}" if isinstance(item, Node) else f"edge {item.source} -> {item.target}"


def _column(network: Network, items: Iterable[Node | Edge], kind: str, name: str, where: str) -> list[Fraction]:
    """Values of a property, one for each node or edge."""
    row = next((row for row in network.properties[kind] if row.name == name), None)
    if row is None or row.size != 1:
        raise FormatError(f"{where}: Properties.{kind}: {name} is missing; add it, with size 1")
    return [fraction(item.values[row.index]) for item in items]


def _check_names(network: Network, params: RispParameters, where: str) -> None:
    """Refuse properties that RISP does not know: they would be lost."""
    leak = ("Leak",) if params.leak_mode == "configurable" else ()
    allowed = dict(zip(KINDS, (("Threshold", *leak), ("Weight", "Delay"), ()), strict=True))
    for kind, names in allowed.items():
        for row in network.properties[kind]:
            if row.name not in names:
                more = "; leaks are by node with leak_mode configurable alone" if row.name == "Leak" else ""
                raise FormatError(
                    f"{where}: Properties.{kind}: '{row.name}' is unknown, allowed: {', '.join(names) or 'none'}{more}"
                )


def _flags(network: Network, nodes: list[Node], where: str) -> list[int]:
    leak = _column(network, nodes, "node_properties", "Leak", where)
    for node, value in zip(nodes, leak, strict=True):
        if value not in (0, 1):
            raise FormatError(f"{where}: node {node.id}: Leak {float(value)!r}, allowed: 0 and 1")
    return [int(value) for value in leak]


def weights_of(network: Network, params: RispParameters, where: str) -> list[Fraction]:
    """Weights of the edges, looked up in the table where there is one.

    Raises
    ------
    FormatError
        If there is no such property, or no such place in the table.
    """
    values = _column(network, network.edges, "edge_properties", "Weight", where)
    if not params.weights:
        return values
    for edge, value in zip(network.edges, values, strict=True):
        if value.denominator != 1 or not 0 <= value < len(params.weights):
            raise FormatError(
                f"{where}: {_name(edge)}: Weight {float(value)!r}, allowed: 0..{len(params.weights) - 1}, "
                "a place in the table of weights"
            )
    return [params.weights[int(value)] for value in values]


def _whole(
    values: list[Fraction], unit: Fraction, items: Iterable[Node | Edge], name: str, params: RispParameters, where: str
) -> list[int]:
    """Values in units, each within its limits."""
    low, high = (f"{end}_{name.lower()}" for end in ("min", "max"))
    known: dict[Fraction, int] = {}
    found = []
    for item, value in zip(items, values, strict=True):
        if value not in known:
            at = f"{where}: {_name(item)}: {name}"
            if params.discrete and value.denominator != 1:
                raise FormatError(f"{at} {float(value)!r}, allowed: whole numbers (discrete = true)")
            known[value] = scaled(value, unit, at)
            if not params.limits[low] <= value <= params.limits[high]:
                limit, end = (low, "lowest") if value < params.limits[low] else (high, "highest")
                raise ResourceError(
                    f"{at} {float(value)!r}, allowed {float(params.limits[low])!r}..{float(params.limits[high])!r} "
                    f"({limit} of proc_params is the {end}); change one of them",
                    limit=limit,
                    used=known[value],
                    allowed=scaled(params.limits[limit], unit, limit),
                )
        found.append(known[value])
    return found


def _start(network: Network, ports: Mapping[str, int], where: str) -> SpikeEvents:
    """Spikes that start a compiled image's clocks: [time, node, value] each."""
    entry = network.associated.get(START)
    if entry is None:
        return SpikeEvents.none()
    rows = entry.get("start") if isinstance(entry, dict) else None
    if not isinstance(rows, list) or any(
        not isinstance(row, list) or [type(item) for item in row] != [int] * 3 or str(row[1]) not in ports
        for row in rows
    ):
        raise FormatError(f"{where}: Associated_Data.{START}.start: allowed: a list of [time, input node, value]")
    if not rows:
        return SpikeEvents.none()
    time, node, value = zip(*rows, strict=True)
    return SpikeEvents.of(time, [ports[str(item)] for item in node], value)
