"""What a NIR file holds, as one flat graph in topological order: subgraphs dissolved, every revision's layout read.

Up to 0.0.6 the library wrote ``nodes`` and ``edges`` at the root of the file, nodes by number; since 0.1 a graph lies
under ``node``, its nodes have names, and each of them may be a graph of its own. A node that several edges lead to
reads their sum.
"""

from __future__ import annotations

import graphlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from compiler.frontends.nir.own import unpack
from isa_spec.errors import FormatError

Node = Mapping[str, Any]
Edge = tuple[str, str]
Output = tuple[str, Node, tuple[str, ...]]
PASSING = ("Input", "Output", "Identity")
"""Nodes that hand on what they read."""


@dataclass(frozen=True, eq=False)
class NirGraph:
    """Nodes in topological order, each with those that it reads.

    Parameters
    ----------
    nodes : dict of str to dict
        By name, those of subgraphs as ``subgraph.node``. Inputs come first; ``Output`` nodes are not among them, nor
        those from which no output can be reached.
    sources : dict of str to tuple of str
        What each reads, once for each way that leads there; without the edges that close a cycle.
    cycles : dict of str to str
        Cycle that a node is part of, as ``a -> b -> a``.
    outputs : tuple of (str, dict, tuple of str)
        Outputs, their nodes, and what each reads.
    own : dict
        What this program has written about it, see `own.unpack`.
    notes : tuple of str
        What was mended, a sentence each.
    """

    nodes: Mapping[str, Node]
    sources: Mapping[str, tuple[str, ...]]
    cycles: Mapping[str, str]
    outputs: tuple[Output, ...]
    own: Mapping[str, Any]
    notes: tuple[str, ...]


def nir_graph(tree: Mapping[str, Any], where: str) -> NirGraph:
    """Flat graph of the dictionary that a NIR file is.

    Parameters
    ----------
    tree : dict
        As `hdf5.read_hdf5` returns it.
    where : str
        The file, for messages.

    Raises
    ------
    FormatError
        If it is no NIR graph, an edge leads nowhere, or nothing comes in or goes out.
    """
    root = tree.get("node", tree if "nodes" in tree else None)
    if not isinstance(root, Mapping):
        raise FormatError(f"{where}: not a NIR file: has no group 'node' (or 'nodes', as the oldest files have)")
    if kind_of(root) not in ("NIRGraph", "NIR", ""):
        root = {"nodes": {kind_of(root).lower(): root}, "edges": np.zeros((0, 2), np.str_)}
    notes: list[str] = []
    nodes, edges = _flatten(root, "", where, notes)
    own = unpack(root.get("metadata", {}), where)
    outer = frozenset(name for name in root["nodes"] if name in nodes and kind_of(nodes[name]) in ("Input", "Output"))
    nodes, edges = _pass_on(nodes, edges, outer)
    nodes, sources, cycles = _ordered(nodes, edges, own.get("nodes", ()))
    outputs = _outputs(nodes, sources, where, notes)
    needed = _reached(edges, outputs)
    left_out = [name for name, node in nodes.items() if name not in needed and kind_of(node) not in ("Input", "Output")]
    if left_out:
        notes.append(f"no output can be reached from {_listed(left_out)}: left out, it decides nothing")
    kept = {name: node for name, node in nodes.items() if name in needed}
    return NirGraph(
        nodes=kept,
        sources={name: sources[name] for name in kept},
        cycles={name: text for name, text in cycles.items() if name in kept},
        outputs=tuple(outputs),
        own=own,
        notes=tuple(notes),
    )


def kind_of(node: Any) -> str:
    """Type of a node, as the file has it; empty if it has none."""
    kind = node.get("type", "") if isinstance(node, Mapping) else ""
    return kind if isinstance(kind, str) else ""


def natural(name: str) -> list[tuple[int, int, str]]:
    """Key that sorts 2 before 10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _flatten(group: Node, prefix: str, where: str, notes: list[str]) -> tuple[dict[str, Node], list[Edge]]:
    """Nodes and edges of a graph and its subgraphs, names prefixed."""
    inside = f"{where}: subgraph '{prefix.removesuffix('.')}'" if prefix else where
    entries = group.get("nodes")
    if not isinstance(entries, Mapping) or not entries:
        raise FormatError(f"{inside}: a graph without nodes")
    edges = _edges(group.get("edges"), entries, inside, notes)
    nodes: dict[str, Node] = {}
    ends: dict[str, tuple[list[str], list[str]]] = {}
    inner: list[Edge] = []
    for name in sorted(entries, key=natural):
        node, full = entries[name], prefix + name
        if not kind_of(node):
            raise FormatError(f"{inside}: node '{name}' has no type")
        if kind_of(node) == "NIRGraph":
            below, inner_edges = _flatten(node, f"{full}.", where, notes)
            inner += inner_edges
            ends[name] = _ends(node, below, inner_edges, f"{full}.")
        else:
            below, ends[name] = {full: node}, ([full], [full])
        for twice in nodes.keys() & below.keys():
            raise FormatError(f"{inside}: two nodes are called '{twice}'")
        nodes |= below
    for source, target in edges:
        outs, ins = ends[source][1], ends[target][0]
        for name, ways, which in ((source, outs, "outputs"), (target, ins, "inputs")):
            if len(ways) != 1:
                raise FormatError(
                    f"{inside}: edge '{source}' -> '{target}': subgraph '{name}' has {len(ways)} {which} "
                    f"({_listed(ways)}), allowed: one"
                )
        inner.append((outs[0], ins[0]))
    return nodes, inner


def _ends(group: Node, nodes: Mapping[str, Node], edges: list[Edge], prefix: str) -> tuple[list[str], list[str]]:
    """Where a subgraph is entered and left: its Input and Output nodes, else what reads nothing or is not read."""
    ends = []
    for kind, side in (("Input", 1), ("Output", 0)):
        marked = [prefix + name for name, node in group["nodes"].items() if kind_of(node) == kind]
        touched = {edge[side] for edge in edges}
        ends.append(marked or [name for name in nodes if name not in touched])
    return ends[0], ends[1]


def _edges(value: Any, nodes: Mapping[str, Any], where: str, notes: list[str]) -> list[Edge]:
    """Edges by name, each once; those to a name that no node has are mended where only one node can be meant."""
    array = np.asarray(value) if value is not None else np.zeros((0, 2), np.str_)
    if array.size == 0:
        array = np.zeros((0, 2), np.str_)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "Uiu":
        raise FormatError(f"{where}: edges of shape {list(array.shape)}, {array.dtype}, allowed: pairs of node names")
    pairs = [(str(source), str(target)) for source, target in array.tolist()]
    missing = sorted({name for pair in pairs for name in pair if name not in nodes}, key=natural)
    loose = sorted(nodes.keys() - {name for pair in pairs for name in pair}, key=natural)
    if len(missing) == len(loose) == 1:
        notes.append(
            f"edges name '{missing[0]}', which no node is called{_inside(where)}: taken for '{loose[0]}', the only "
            "node without edges"
        )
        pairs = [tuple(loose[0] if name == missing[0] else name for name in pair) for pair in pairs]  # type: ignore
    elif missing:
        pair = next(pair for pair in pairs if missing[0] in pair)
        raise FormatError(
            f"{where}: edge '{pair[0]}' -> '{pair[1]}': no node is called '{missing[0]}', there are "
            f"{_listed(sorted(nodes, key=natural))}"
        )
    once = list(dict.fromkeys(pairs))
    for source, target in once:
        if pairs.count((source, target)) > 1:
            notes.append(f"edge '{source}' -> '{target}' occurs {pairs.count((source, target))} times: taken once")
    return once


def _inside(where: str) -> str:
    return f" in {where.partition(': ')[2]}" if ": " in where else ""


def _pass_on(nodes: Mapping[str, Node], edges: list[Edge], outer: frozenset[str]) -> tuple[dict[str, Node], list[Edge]]:
    """The same without nodes that hand on what they read, those of the whole graph aside."""
    kept, links = dict(nodes), list(edges)
    for name, node in nodes.items():
        if kind_of(node) not in PASSING or name in outer:
            continue
        before = [source for source, target in links if target == name and source != name]
        after = [target for source, target in links if source == name and target != name]
        links = [edge for edge in links if name not in edge]
        links += [(source, target) for target in after for source in before]
        del kept[name]
    return kept, links


def _ordered(
    nodes: Mapping[str, Node], edges: list[Edge], written: Sequence[Any]
) -> tuple[dict[str, Node], dict[str, tuple[str, ...]], dict[str, str]]:
    """Nodes in topological order, what each reads, and the cycles, of which the edges are left out."""
    reads = {name: [source for source, target in edges if target == name] for name in nodes}
    cycles: dict[str, str] = {}
    while True:
        sorter = graphlib.TopologicalSorter(reads)
        try:
            sorter.prepare()
            break
        except graphlib.CycleError as error:
            ring = error.args[1]
        for source, target in pairwise(ring):
            cycles.setdefault(target, " -> ".join(ring))
            reads[target] = [name for name in reads[target] if name != source]
    places = {name: place for place, name in enumerate(map(str, written))}
    order: list[str] = []
    ready: list[str] = []

    def turn(name: str) -> tuple[bool, int, list[tuple[int, int, str]]]:
        return (kind_of(nodes[name]) != "Input", places.get(name, len(places)), natural(name))

    while sorter.is_active():
        # One at a time, as they were written or by name: the order does not depend on that of the file.
        ready = sorted([*ready, *sorter.get_ready()], key=turn)
        order.append(ready.pop(0))
        sorter.done(order[-1])
    sources = {name: tuple(sorted(reads[name], key=order.index)) for name in order}
    return {name: nodes[name] for name in order}, sources, cycles


def _outputs(
    nodes: Mapping[str, Node], sources: Mapping[str, tuple[str, ...]], where: str, notes: list[str]
) -> list[Output]:
    """Output nodes with what they read; without any, what nothing reads."""
    outputs = [(name, node, sources[name]) for name, node in nodes.items() if kind_of(node) == "Output"]
    for name, _, read in outputs:
        if not read:
            raise FormatError(f"{where}: output '{name}' reads nothing: no edge leads there")
    if outputs:
        return outputs
    taken = {source for names in sources.values() for source in names}
    ends = [name for name, node in nodes.items() if name not in taken and kind_of(node) != "Input"]
    if len(ends) != 1:
        raise FormatError(
            f"{where}: no node of type Output, and {len(ends)} nodes that nothing reads ({_listed(ends) or 'none'}), "
            "allowed: one"
        )
    notes.append(f"no node of type Output: taken to be '{ends[0]}', which nothing reads")
    return [("output", {}, (ends[0],))]


def _reached(edges: Iterable[Edge], outputs: Iterable[Output]) -> set[str]:
    """Nodes from which an output can be reached, by way of a cycle or not."""
    reads: dict[str, list[str]] = {}
    for source, target in edges:
        reads.setdefault(target, []).append(source)
    needed: set[str] = set()
    waiting = [name for _, _, read in outputs for name in read]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += reads.get(name, ())
    return needed
