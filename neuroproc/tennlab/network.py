"""A network as TENNLab's tools store it: JSON, parsed and checked. What it means is not said here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from isa_spec.errors import FormatError
from neuroproc.tennlab.numbers import fraction, json_float

LARGEST_ID = 2**31 - 1
KEYS = ("Properties", "Nodes", "Edges", "Inputs", "Outputs", "Network_Values", "Associated_Data")
KINDS = ("node_properties", "edge_properties", "network_properties")


@dataclass(frozen=True)
class Property:
    """What one of the values of a node, an edge or a network is: ``size`` values from ``index`` on.

    ``type`` is the code of a letter: 73 whole numbers, 68 numbers, 66 true or false.
    """

    name: str
    type: int
    index: int
    size: int
    min_value: float
    max_value: float


class Node(NamedTuple):
    """A neuron; ``extra`` holds what else the file says of it, for example coordinates."""

    id: int
    name: str
    values: tuple[float, ...]
    extra: Mapping[str, Any]


class Edge(NamedTuple):
    """A synapse."""

    source: int
    target: int
    values: tuple[float, ...]
    extra: Mapping[str, Any]


@dataclass(frozen=True)
class Network:
    """A network in the order of its file.

    Parameters
    ----------
    properties : dict of tuple of Property
        By ``node_properties``, ``edge_properties`` and ``network_properties``.
    nodes : tuple of Node
    edges : tuple of Edge
        At most one for each ordered pair of nodes.
    inputs, outputs : tuple of int
        Ids of nodes.
    values : tuple of float
        Of the network as a whole.
    associated : dict
        ``Associated_Data``: ``proc_params`` and ``other`` among it.
    extra : dict
        Further keys of the file.
    """

    properties: Mapping[str, tuple[Property, ...]]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    values: tuple[float, ...] = ()
    associated: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


def load_json(text: str, where: str) -> Any:
    """Value of a JSON text whose numbers are exact (`numbers.json_float`).

    Raises
    ------
    FormatError
        If it is no JSON.
    """
    try:
        return json.loads(text, parse_float=json_float, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise FormatError(f"{where}: is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except (RecursionError, ValueError):
        raise FormatError(f"{where}: is not JSON that can be read: nested too deep, or a number too long") from None
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from None


def _refuse_constant(text: str) -> None:
    raise FormatError(f"{text}, allowed: finite numbers")


def parse_network(text: str, where: str) -> Network:
    """Network of a JSON text.

    Parameters
    ----------
    text : str
    where : str
        Name of the file, for messages.

    Raises
    ------
    FormatError
        If it is no such network, or contradicts itself.
    """
    entry = load_json(text, where)
    if not isinstance(entry, dict) or not {"Nodes", "Edges"} <= entry.keys():
        found = f"the keys {', '.join(list(entry)[:8])}" if isinstance(entry, dict) else type(entry).__name__
        raise FormatError(f"{where}: is no TENNLab network: found {found}, needed: {', '.join(KEYS)}")
    for key in KEYS:
        if key not in entry and key not in ("Network_Values", "Associated_Data"):
            raise FormatError(f"{where}: {key} is missing; add it")
    associated = _of_type(entry.get("Associated_Data", {}), dict, f"{where}: Associated_Data", "a table")
    network = Network(
        properties=_properties(entry["Properties"], where),
        nodes=tuple(
            Node(
                _id(item.pop("id", None), f"{at}: id"),
                _of_type(item.pop("name", ""), str, f"{at}: name", "text"),
                _numbers(item.pop("values", None), f"{at}: values"),
                item,
            )
            for item, at in _tables(entry["Nodes"], where, "Nodes")
        ),
        edges=tuple(
            Edge(
                _id(item.pop("from", None), f"{at}: from"),
                _id(item.pop("to", None), f"{at}: to"),
                _numbers(item.pop("values", None), f"{at}: values"),
                item,
            )
            for item, at in _tables(entry["Edges"], where, "Edges")
        ),
        inputs=_ids(entry["Inputs"], f"{where}: Inputs"),
        outputs=_ids(entry["Outputs"], f"{where}: Outputs"),
        values=_numbers(entry.get("Network_Values", []), f"{where}: Network_Values"),
        associated=associated,
        extra={key: value for key, value in entry.items() if key not in KEYS},
    )
    _check(network, where)
    return network


def _of_type(value: Any, kind: type, where: str, allowed: str) -> Any:
    if type(value) is not kind:
        raise FormatError(f"{where} = {json.dumps(value)}, allowed: {allowed}")
    return value


def _tables(value: Any, where: str, key: str) -> Any:
    for number, item in enumerate(_of_type(value, list, f"{where}: {key}", "a list")):
        at = f"{where}: {key}[{number}]"
        yield _of_type(item, dict, at, "a table"), at


def _id(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST_ID:
        raise FormatError(f"{where} = {json.dumps(value)}, allowed: a node's id, 0..{LARGEST_ID}")
    return value


def _ids(value: Any, where: str) -> tuple[int, ...]:
    ids = tuple(_id(item, f"{where}[{n}]") for n, item in enumerate(_of_type(value, list, where, "a list of ids")))
    if len(set(ids)) != len(ids):
        twice = next(item for item in ids if ids.count(item) > 1)
        raise FormatError(f"{where}: node {twice} occurs twice, allowed: once")
    return ids


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    return tuple(
        number(item, f"{where}[{n}]") for n, item in enumerate(_of_type(value, list, where, "a list of numbers"))
    )


def number(value: Any, where: str) -> float:
    """A number of a JSON text as a float that says the same.

    Raises
    ------
    FormatError
        If it is none, or has too many digits.
    """
    if type(value) is float:
        return value
    if type(value) is not int:
        raise FormatError(f"{where} = {json.dumps(value)}, allowed: a number")
    if abs(value) > 2**53 or fraction(float(value)) != value:
        raise FormatError(f"{where} = {value}, allowed: whole numbers of up to 53 bits")
    return float(value)


def _properties(entry: Any, where: str) -> dict[str, tuple[Property, ...]]:
    where = f"{where}: Properties"
    _of_type(entry, dict, where, "a table")
    unknown = sorted(set(entry) - set(KINDS))
    if unknown:
        raise FormatError(f"{where}.{unknown[0]} is an unknown key, allowed: {', '.join(KINDS)}")
    found = {}
    for kind in KINDS:
        rows = []
        for item, at in _tables(entry.get(kind, []), where, kind):
            names = [column.name for column in fields(Property)]
            if set(item) != set(names):
                raise FormatError(f"{at} has the keys {', '.join(item)}, needed: {', '.join(names)}")
            for key in ("type", "index", "size"):
                if _of_type(item[key], int, f"{at}.{key}", "a whole number") < (key == "size"):
                    raise FormatError(f"{at}.{key} = {item[key]}, allowed: {int(key == 'size')} and above")
            name = _of_type(item["name"], str, f"{at}.name", "text")
            limits = [number(item[key], f"{at}.{key}") for key in ("min_value", "max_value")]
            rows.append(Property(name, item["type"], item["index"], item["size"], limits[0], limits[1]))
        taken = sorted(index for row in rows for index in range(row.index, row.index + min(row.size, 2**16)))
        if taken != list(range(len(taken))) or len({row.name for row in rows}) != len(rows):
            raise FormatError(f"{where}.{kind}: each value has to belong to one property, and names to differ")
        found[kind] = tuple(rows)
    return found


def _check(network: Network, where: str) -> None:
    """Refuse ids that are not there, values that are missing, and edges that are there twice."""
    ids = {node.id for node in network.nodes}
    if len(ids) != len(network.nodes):
        seen: set[int] = set()
        twice = next(node.id for node in network.nodes if node.id in seen or seen.add(node.id))  # type: ignore[func-returns-value]
        raise FormatError(f"{where}: Nodes: node {twice} occurs twice, allowed: once")
    for key, listed in (("Inputs", network.inputs), ("Outputs", network.outputs)):
        for item in listed:
            if item not in ids:
                raise FormatError(f"{where}: {key}: node {item} is unknown, allowed: ids of Nodes")
    sizes = {kind: sum(row.size for row in rows) for kind, rows in network.properties.items()}
    for node in network.nodes:
        if len(node.values) != sizes["node_properties"]:
            raise FormatError(_count(f"{where}: node {node.id}", len(node.values), sizes, "node_properties"))
    pairs = set()
    for edge in network.edges:
        if edge.source not in ids or edge.target not in ids:
            unknown = edge.source if edge.source not in ids else edge.target
            raise FormatError(
                f"{where}: edge {edge.source} -> {edge.target}: node {unknown} is unknown, allowed: ids of Nodes"
            )
        if len(edge.values) != sizes["edge_properties"]:
            at = f"{where}: edge {edge.source} -> {edge.target}"
            raise FormatError(_count(at, len(edge.values), sizes, "edge_properties"))
        pairs.add((edge.source, edge.target))
    if len(pairs) != len(network.edges):
        seen_pairs: set[tuple[int, int]] = set()
        for edge in network.edges:
            if (edge.source, edge.target) in seen_pairs:
                raise FormatError(f"{where}: edge {edge.source} -> {edge.target} occurs twice, allowed: once")
            seen_pairs.add((edge.source, edge.target))
    if len(network.values) != sizes["network_properties"]:
        raise FormatError(_count(f"{where}: Network_Values", len(network.values), sizes, "network_properties"))


def _count(where: str, found: int, sizes: Mapping[str, int], kind: str) -> str:
    return f"{where} has {found} values, needed: {sizes[kind]} (Properties.{kind})"
