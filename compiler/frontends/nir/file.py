"""Reads NIR files of any revision: what they say, as layers in real numbers, and what they leave open, as notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from compiler.frontends.hdf5 import read_hdf5
from compiler.frontends.imported import Assumptions
from compiler.frontends.model import Conv, Fire, Flat, FloatLayer, FloatModel, Linear, Pool, Scale, Sum, Unsupported
from compiler.frontends.nir.graph import NirGraph, Node, kind_of, nir_graph
from compiler.frontends.nir.neurons import LEAKING, Clock, clock_of, leak_of, leaking, unit_layer
from compiler.frontends.nir.nodes import LAYERS, flattened
from compiler.frontends.nir.own import HELPER, MAXIMUM
from compiler.frontends.nir.shapes import Axes, frame_shape, numbers, whole
from compiler.networks.network import EXACT, INPUT
from compiler.networks.network_file import LONGEST
from isa_spec.errors import FormatError

UNITS = ("IF", "LIF")
READ = (*UNITS, "Flatten", "Delay", "I", *LAYERS)
"""Types of nodes that there are words for."""


def read_nir(path: str | Path, assumptions: Assumptions) -> FloatModel:
    """Network as a NIR file tells it.

    Parameters
    ----------
    path : str or Path
    assumptions : Assumptions
        Of which ``dt`` counts here: without, steps are taken to be so long that every unit adds its input once in each.

    Raises
    ------
    NeuroprocError
        If h5py is missing.
    FormatError
        If it is no NIR file, is damaged, or contradicts itself.
    NetworkError
        If dt has to be given.
    """
    where = str(path)
    graph = nir_graph(read_hdf5(path), where)
    own = graph.own
    # What this program writes has steps of 1.
    dt = Fraction(1) if own and assumptions.dt is None else assumptions.dt
    reader = _Reader(graph, clock_of(graph.nodes, dt, where), own, where)
    for name in graph.nodes:
        reader.add(name)
    reader.finish()
    _check_names(reader.layers, where)
    if reader.frame is None or not reader.layers:
        raise FormatError(f"{where}: there are no layers between its input and its output")
    return FloatModel(
        name=str(own.get("name") or Path(path).stem or "network"),
        format="NIR",
        input_shape=frame_shape(reader.frame, where),
        layers=tuple(reader.layers),
        encoding=own.get("encoding"),
        decode=own.get("decode"),
        notes=(*graph.notes, *reader.clock.notes, *reader.notes),
    )


@dataclass(frozen=True)
class _Values:
    """What a node hands on: the layer whose values they are, their axes, and by how much they come late."""

    layer: str
    axes: Axes
    late: float = 0.0


@dataclass
class _Reader:
    """Layers so far, and what the nodes so far hand on."""

    graph: NirGraph
    clock: Clock
    own: Mapping[str, Any]
    where: str
    layers: list[FloatLayer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    values: dict[str, _Values] = field(default_factory=dict)
    scaled: dict[str, tuple[_Values, Scale]] = field(default_factory=dict)
    frame: Axes = None

    def add(self, name: str) -> None:
        """Read one node; those that it reads have been."""
        node, sources = self.graph.nodes[name], self.graph.sources[name]
        kind, place = kind_of(node), self._place(name)
        said = self.own.get("nodes", {}).get(name, {})
        if kind == "Input":
            self._input(name, _shape(node, place))
        elif kind in LEAKING:
            self._keep(name, leaking(name, node, self._layers(sources), place))
        elif name in self.graph.cycles:
            reason = leak_of(node, place) if kind == "LIF" else ""
            cycle = f"is part of the cycle {self.graph.cycles[name]}, and only what feeds forward is compiled"
            self._refuse(name, kind, sources, reason or cycle)
        elif kind not in READ:
            self._refuse(name, kind, sources, "is of a type that this program does not know")
        elif not sources and self.frame is not None:
            self._refuse(name, kind, sources, "reads nothing: no edge leads there")
        else:
            if not sources:
                self._input(name, _told(node, place))
                self.notes.append(f"no node of type Input: '{name}' reads the frame")
                sources = (name,)
            read = self._summed(name, sources, kind, said)
            if read is not None:
                self._read(name, read, said)

    def finish(self) -> None:
        """Read the outputs: the first one is the last layer, others are named."""
        (name, node, sources), *others = self.graph.outputs
        read = self._summed(name, sources, "Output", {})
        shape = _shape(node, self._place(name)) if "shape" in node else None
        if read is not None and None not in (shape, read.axes) and prod(shape or ()) != prod(read.axes or ()):
            self.notes.append(
                f"output '{name}' says {list(shape or ())}, and {list(read.axes or ())} arrives: that counts"
            )
        for other, _, sources in others:
            self._refuse(other, "Output", sources, f"is an output besides '{name}', and a network answers by one layer")

    def _read(self, name: str, read: _Values, said: Mapping[str, Any]) -> None:
        """Read a node whose type has words here."""
        node, place = self.graph.nodes[name], self._place(name)
        kind, called = kind_of(node), self._called(name, said)
        helps = said.get("role") == HELPER
        match kind:
            case "IF" | "LIF":
                self._unit(name, called, read, helps)
            case "Flatten":
                axes, note = flattened(node, read.axes, place)
                self._note(note and f"'{name}' {note}")
                through = replace(read, axes=axes)
                if helps or ("layer" not in said and axes is not None and axes == read.axes):
                    self.values[name] = through
                else:
                    self._keep(name, Flat(called, (read.layer,), kept="layer" in said), through)
            case "Delay":
                self._delay(name, read)
            case "I":
                self._integrator(name, read)
            case _:
                layer, axes, note = LAYERS[kind](called, node, read.layer, read.axes, place)
                self._note(note)
                if helps and isinstance(layer, Scale):
                    self.scaled[name] = (read, layer)
                else:
                    self._keep(name, _as_written(layer, said), replace(read, axes=axes))

    def _unit(self, name: str, called: str, read: _Values, helps: bool) -> None:
        """Units that integrate and fire; those behind a maximum of this program's own writing are part of it."""
        before = next((layer for layer in self.layers if layer.name == read.layer), None)
        if helps and isinstance(before, Pool) and before.rule == "max":
            self.values[name] = read
            return
        if before is not None and before.name == called:
            called = self._free(f"{called}.fire")
        layer, notes = unit_layer(called, self.graph.nodes[name], read.layer, read.axes, self.clock, self._place(name))
        self.notes += notes
        if isinstance(layer, Fire):
            own = self.own
            layer = replace(layer, reset=own.get("reset"), floor=own.get("floor"), strict=own.get("strict"))
        self._keep(name, layer, read)

    def _delay(self, name: str, read: _Values) -> None:
        times = numbers(self.graph.nodes[name], "delay", self._place(name))
        low, high = float(times.min()), float(times.max())
        if low < 0:
            raise FormatError(f"{self._place(name)}: delay = {low:g}, allowed: 0 and above")
        if low != high:
            reason = f"delays by different times, {low:g} .. {high:g}, within one layer"
            self._refuse(name, "Delay", self.graph.sources[name], reason)
            return
        if low:
            self._note(f"'{name}' delays all that comes by {low:g}: the same spikes later, so it is left out")
        self.values[name] = replace(read, late=read.late + low)

    def _integrator(self, name: str, read: _Values) -> None:
        """An integrator that answers is a sum as any other; elsewhere there is none."""
        resistance = numbers(self.graph.nodes[name], "r", self._place(name))
        readers = [other for other, sources in self.graph.sources.items() if name in sources]
        if readers or resistance.min() != resistance.max() or resistance.min() <= 0:
            reason = "integrates and never fires; only the last node may, with one r above 0"
            self._refuse(name, "I", self.graph.sources[name], reason)
            return
        self._note(f"'{name}' integrates what '{read.layer}' sums: the largest sum at the end is the answer")
        self.values[name] = read

    def _summed(self, name: str, sources: Sequence[str], kind: str, said: Mapping[str, Any]) -> _Values | None:
        """What several nodes bring together; None if that cannot be had."""
        order = said.get("order")
        if order is None and len(sources) == 1:
            return self._value(sources[0])
        if order is not None and sorted(map(str, order)) != sorted(sources):
            raise FormatError(f"{self._place(name)}: metadata: order = {order}, but the node reads {list(sources)}")
        factor = None
        if order is not None and said.get("factors") and all(source in self.scaled for source in order):
            read = [self.scaled[source][0] for source in order]
            factor = self._factors(name, order)
        else:
            read = [self._value(source) for source in order or sources]
        late = sorted({values.late for values in read})
        if len(late) > 1:
            reason = f"adds what comes late by different times ({', '.join(f'{time:g}' for time in late)})"
            self._refuse(name, kind, sources, reason)
            return None
        shapes = {values.axes for values in read if values.axes is not None}
        if len(shapes) > 1:
            listed = ", ".join(f"'{values.layer}' {list(values.axes or ())}" for values in read)
            raise FormatError(f"{self._place(name)}: adds maps of different shapes: {listed}")
        called = self._called(name, said)
        summed = _Values(
            called if kind in UNITS or kind == "Output" else f"{called}.sum", next(iter(shapes), None), late[0]
        )
        self.layers.append(Sum(summed.layer, tuple(values.layer for values in read), factor))
        return summed

    def _factors(self, name: str, order: Sequence[str]) -> np.ndarray:
        """How often each map counts in a sum of this program's own writing: int64[n_sources, C]."""
        rows = [self.scaled[source][1].factor for source in order]
        most = max(len(row) for row in rows)
        axes = self.scaled[order[0]][0].axes
        factor = np.stack([np.broadcast_to(row, axes[0] if axes else most) for row in rows])
        if np.any(factor != np.floor(factor)) or np.abs(factor).max() >= EXACT:
            raise FormatError(f"{self._place(name)}: metadata: factors that are no integers")
        return factor.astype(np.int64)

    def _value(self, source: str) -> _Values:
        """What a node hands on; a scale that was left for a sum to read becomes a layer where something else does."""
        if source in self.scaled:
            read, layer = self.scaled.pop(source)
            self._keep(source, layer, read)
        return self.values[source]

    def _input(self, name: str, axes: tuple[int, ...]) -> None:
        if self.frame is not None:
            self._refuse(name, "Input", (), "is a second input, and a network reads one frame")
            return
        while len(axes) > 3 and axes[0] == 1:
            axes = axes[1:]
            self._note(f"input '{name}' has a leading axis of 1: left out, taken for a batch")
        frame_shape(axes, self._place(name))
        self.frame = axes
        self.values[name] = _Values(INPUT, axes)

    def _refuse(self, name: str, kind: str, sources: Sequence[str], reason: str) -> None:
        self._keep(name, Unsupported(self._called(name, {}), self._layers(sources), kind, reason))

    def _keep(self, name: str, layer: FloatLayer, values: _Values | None = None) -> None:
        """A layer, and that the node hands on its values, in axes and time as given."""
        self.layers.append(layer)
        known = values or _Values(layer.name, None)
        axes = None if isinstance(layer, Unsupported) else known.axes
        self.values[name] = _Values(layer.name, axes, known.late)

    def _note(self, note: str) -> None:
        if note:
            self.notes.append(note)

    def _layers(self, sources: Sequence[str]) -> tuple[str, ...]:
        return tuple(self._value(source).layer for source in sources)

    def _called(self, name: str, said: Mapping[str, Any]) -> str:
        """Name of a node's layer."""
        called = str(said.get("layer", name))
        return f"{called}.node" if called == INPUT else called

    def _free(self, called: str) -> str:
        """The name, or one like it that no node has."""
        while called in self.graph.nodes:
            called += "_"
        return called

    def _place(self, name: str) -> str:
        return f"{self.where}: node '{name}'"


def _check_names(layers: Sequence[FloatLayer], where: str) -> None:
    seen = {INPUT}
    for layer in layers:
        if layer.name in seen or not layer.name.isprintable() or not layer.name.strip():
            why = "there twice" if layer.name in seen else "no printable text"
            raise FormatError(f"{where}: the name of layer {layer.name!r} is {why}")
        seen.add(layer.name)


def _as_written(layer: FloatLayer, said: Mapping[str, Any]) -> FloatLayer:
    """A layer of this program's own writing as what it was: weights integers, a sum a maximum."""
    if isinstance(layer, Conv | Linear) and said.get("integers") and np.all(layer.weight == np.floor(layer.weight)):
        return replace(layer, weight=layer.weight.astype(np.int64))
    if isinstance(layer, Pool) and said.get("role") == MAXIMUM and layer.rule == "sum":
        return replace(layer, rule="max")
    return layer


def _shape(node: Node, place: str) -> tuple[int, ...]:
    """Axes that an input or output says that it has."""
    sizes = numbers(node, "shape", place).ravel()
    if np.any(sizes != np.floor(sizes)) or sizes.min() < 1 or sizes.max() > LONGEST:
        raise FormatError(f"{place}: shape = {sizes.tolist()}, allowed: integers in 1..{LONGEST}")
    return tuple(int(size) for size in sizes)


def _told(node: Node, place: str) -> tuple[int, ...]:
    """Axes of what a node reads, as far as it tells itself."""
    for key in ("weight", "weights"):
        if kind_of(node) in ("Affine", "Linear") and key in node:
            return (numbers(node, key, place).shape[-1],)
    for key in ("v_threshold", "threshold", "scale", "delay"):
        if key in node and numbers(node, key, place).ndim:
            return numbers(node, key, place).shape
    if kind_of(node) in ("Conv1d", "Conv2d") and "input_shape" in node and "groups" in node:
        sizes = numbers(node, "input_shape", place).ravel()
        (groups,) = whole(node, "groups", 1, place)
        return (numbers(node, "weight", place).shape[1] * groups, *(int(size) for size in sizes))
    raise FormatError(f"{place}: reads the frame, as no node of type Input does, and does not tell its shape")
