"""A network as text, line by line as TENNLab's tools write it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from neuroproc.tennlab.network import KINDS, Edge, Network, Node, Property

EXPANDED = "proc_params"
"""The entry of ``Associated_Data`` that has a line for each key."""


def compact(value: Any) -> str:
    """JSON on one line without blanks, keys sorted."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def network_text(network: Network) -> str:
    """The whole file."""
    properties = properties_text(network.properties, "  ")
    sections = [
        f'"Properties":\n{properties}',
        f'"Nodes":\n{_block(map(node_text, network.nodes))}',
        f'"Edges":\n{_block(map(edge_text, network.edges))}',
        f'"Inputs": {compact(network.inputs)}',
        f'"Outputs": {compact(network.outputs)}',
        f'"Network_Values": {compact(network.values)}',
        *(f'"{key}": {compact(value)}' for key, value in network.extra.items()),
        f'"Associated_Data":\n{_associated(network.associated)}',
    ]
    return "{ " + ",\n ".join(sections) + "}\n"


def node_text(node: Node) -> str:
    """One node on one line."""
    name = {"name": node.name} if node.name else {}
    return compact({"id": node.id, **name, "values": node.values, **node.extra})


def edge_text(edge: Edge) -> str:
    """One edge on one line."""
    return compact({"from": edge.source, "to": edge.target, "values": edge.values, **edge.extra})


def properties_text(properties: Mapping[str, Sequence[Property]], indent: str = "") -> str:
    """``Properties``, a line for each."""
    parts = []
    for kind in KINDS:
        rows = f",\n{indent}    ".join(_property_text(row) for row in properties[kind])
        parts.append(f'"{kind}": [' + (f"\n{indent}    {rows}]" if rows else "]"))
    return f"{indent}{{ " + f",\n{indent}  ".join(parts) + " }"


def _property_text(row: Property) -> str:
    return "{ " + ", ".join(f'"{key}":{compact(value)}' for key, value in vars(row).items()) + " }"


def _block(lines: Iterable[str]) -> str:
    return "  [ " + ",\n    ".join(lines) + " ]"


def _associated(entries: Mapping[str, Any]) -> str:
    parts = []
    for key in sorted(entries):
        value = entries[key]
        if key == EXPANDED and value:
            rows = ",\n        ".join(f'"{name}": {compact(value[name])}' for name in sorted(value))
            parts.append(f'"{key}": \n      {{ {rows}}}')
        else:
            parts.append(f'"{key}": {compact(value)}')
    return "   { " + ",\n     ".join(parts) + "}"
