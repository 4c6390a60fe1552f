"""Writes a layered network to NIR, with the library ``nir``: the optional extra of that name.

A layer becomes a node that sums and, if it has thresholds, one of type IF. A unit fires at sums of its threshold t and
above; the file says t - 1/2 (where averages are summed, half of their step below t), which no sum is equal to, so tools
that want a threshold exceeded and tools that want it reached read the same network. Only units that are reset by
subtraction lose t, so for them the file says t. What NIR has no words for goes into metadata, see `own`.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from compiler.frontends.nir.own import HELPER, MAXIMUM, pack
from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork, fineness_of
from isa_spec.coding import largest_value
from isa_spec.errors import FormatError, NetworkError, NeuroprocError
from isa_spec.files import write_atomically


def write_nir(network: LayeredNetwork, path: str | Path) -> None:
    """Write a network as NIR, so that `import_network` makes an equal one of it.

    Parameters
    ----------
    network : LayeredNetwork
    path : str or Path
        ``NAME.nir``.

    Raises
    ------
    FormatError
        If the path does not end in ``.nir``.
    NetworkError
        If NIR cannot hold the network; says which layer, and why.
    NeuroprocError
        If the library is missing, or the file cannot be written.
    """
    if Path(path).suffix != ".nir":
        raise FormatError(f"{path}: a network in NIR is written to NAME.nir")
    try:
        import nir
    except ImportError:
        raise NeuroprocError(f"{path}: needs the library nir; pip install 'neuroproc[nir]'") from None
    graph = _Graph(network, nir)
    for layer in network.layers:
        graph.add(layer)
    content = io.BytesIO()
    nir.write(content, graph.finish())
    with write_atomically(path) as file:
        file.write(content.getbuffer())


@dataclass
class _Graph:
    """Nodes and edges so far; for each layer the node that hands on its values, and their axes in NIR."""

    network: LayeredNetwork
    nir: Any
    nodes: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)
    axes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    fineness: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.network.latched:
            raise self._refusal("with the encoding 'latency' a unit that has fired fires to the end, and IF does not")
        gathers = any(getattr(layer, "threshold", None) is not None for layer in self.network.layers)
        if self.network.floor is not None and not gathers:
            raise self._refusal(f"its floor of {self.network.floor} is that of units that integrate, and it has none")
        self.taken |= {layer.name for layer in self.network.layers} | {INPUT, "output"}
        shape = np.array(self.network.input_shape)
        self._node(INPUT, (), self.nir.Input(input_type={"input": shape}), {})
        self.ends[INPUT], self.axes[INPUT] = INPUT, self.network.input_shape

    def add(self, layer: Layer) -> None:
        """Nodes of one layer."""
        match layer:
            case Conv2d():
                self._conv(layer)
            case Dense():
                self._dense(layer)
            case Pool2d():
                self._pool(layer)
            case Add():
                self._sum(layer)
            case Flatten():
                self._flatten(layer)
            case Concat():
                raise self._refusal("NIR has no node that joins maps", layer)
        self.fineness[layer.name] = fineness_of(layer, self.fineness)

    def finish(self) -> Any:
        """The library's graph."""
        last = self.network.layers[-1].name
        output = self.nir.Output(output_type={"output": np.array(self.axes[last])})
        self._node("output", (self.ends[last],), output, {})
        network = self.network
        said: dict[str, Any] = {
            "name": network.name,
            "encoding": dict(network.encoding),
            "decode": dict(network.decode),
        }
        if network.rate:
            said |= {"reset": network.reset, "floor": network.floor, "strict": False}
        return _made(
            self.nir.NIRGraph, nodes=self.nodes, edges=self.edges, metadata=pack(said, self.said), type_check=False
        )

    def _conv(self, layer: Conv2d) -> None:
        if any(before != after for before, after in layer.padding):
            raise self._refusal(f"NIR pads both ends alike, not by {[list(sides) for sides in layer.padding]}", layer)
        source = self._map(layer)
        node = self.nir.Conv2d(
            input_shape=self.network.shapes[layer.sources[0]][1:],
            weight=_floats(layer.weight),
            stride=layer.stride,
            padding=tuple(before for before, _ in layer.padding),
            dilation=layer.dilation,
            groups=layer.groups,
            bias=np.zeros(len(layer.weight), np.float32),
        )
        self._units(layer, self._weighted(layer, source, node), self.network.shapes[layer.name])

    def _dense(self, layer: Dense) -> None:
        node = self.nir.Linear(weight=_floats(layer.weight))
        source = self._vector(layer.sources[0])
        self._units(layer, self._weighted(layer, source, node), (len(layer.weight),))

    def _pool(self, layer: Pool2d) -> None:
        if layer.membrane:
            raise self._refusal(f"NIR has no words for a maximum by the rule '{layer.rule}'", layer)
        if layer.kind == "maxpool2d" and not self._of_spikes(layer.sources[0]):
            raise self._refusal("NIR has no maximum; one of spikes is a sum that reaches 1, but these are none", layer)
        said = {"layer": layer.name} | ({"role": MAXIMUM} if layer.kind == "maxpool2d" else {})
        make = self.nir.AvgPool2d if layer.kind == "avgpool2d" else self.nir.SumPool2d
        node = make(
            kernel_size=np.array(layer.kernel), stride=np.array(layer.stride), padding=np.zeros(2, np.int64)
        )  # fmt: skip
        end = self._node(layer.name, (self._map(layer),), node, said)
        self._units(layer, end, self.network.shapes[layer.name])

    def _sum(self, layer: Add) -> None:
        shapes = {self.axes[source] for source in layer.sources}
        sources = [self.ends[source] if len(shapes) == 1 else self._vector(source) for source in layer.sources]
        axes = shapes.pop() if len(shapes) == 1 else (prod(self.network.shapes[layer.name]),)
        scaled = layer.factor is not None or len(set(sources)) < len(sources)
        if scaled:
            rows = layer.factors.astype(np.float64).reshape(*layer.factors.shape, *[1] * (len(axes) - 1))
            sources = [
                self._node(
                    self._free(f"{layer.name}.scale{index}"),
                    (source,),
                    self.nir.Scale(scale=np.broadcast_to(row, axes).copy()),
                    {"role": HELPER},
                )
                for index, (source, row) in enumerate(zip(sources, rows, strict=True))
            ]
        said = {"layer": layer.name, "order": sources, "factors": layer.factor is not None}
        self._fire(layer, layer.name, tuple(sources), axes, said)

    def _flatten(self, layer: Flatten) -> None:
        said = {"layer": layer.name}
        self.ends[layer.name] = self._flat(layer.name, layer.sources[0], said)
        self.axes[layer.name] = (prod(self.axes[layer.sources[0]]),)

    def _flat(self, name: str, source: str, said: Mapping[str, Any]) -> str:
        shape = np.array(self.axes[source])
        node = self.nir.Flatten(input_type={"input": shape}, start_dim=0, end_dim=-1)
        return self._node(name, (self.ends[source],), node, said)

    def _vector(self, source: str) -> str:
        """The node that hands on a layer's values along one axis."""
        if len(self.axes[source]) == 1:
            return self.ends[source]
        name = self._free(f"{source}.flat")
        return self._flat(name, source, {"role": HELPER})

    def _map(self, layer: Conv2d | Pool2d) -> str:
        """The node that hands on the map that a layer reads."""
        source = layer.sources[0]
        if len(self.axes[source]) == 1:
            raise self._refusal(f"NIR has no node that makes a map of the vector of '{source}'", layer)
        return self.ends[source]

    def _units(self, layer: Conv2d | Dense | Pool2d, node: str, axes: tuple[int, ...]) -> None:
        """The units behind a sum, if the layer has any."""
        self.ends[layer.name], self.axes[layer.name] = node, axes
        if layer.spikes:
            maximum = isinstance(layer, Pool2d) and layer.kind == "maxpool2d"
            self._fire(layer, self._free(f"{layer.name}.fire"), (node,), axes, {"role": HELPER} if maximum else {})

    def _fire(
        self, layer: Layer, name: str, sources: tuple[str, ...], axes: tuple[int, ...], said: Mapping[str, Any]
    ) -> None:
        level = self._levels(layer).reshape(-1, *[1] * (len(axes) - 1))
        threshold = np.broadcast_to(level, axes).copy()
        node = _made(
            self.nir.IF,
            r=np.ones_like(threshold),
            v_threshold=threshold,
            v_reset=np.zeros_like(threshold),
        )
        self.ends[layer.name], self.axes[layer.name] = self._node(name, sources, node, said), axes

    def _levels(self, layer: Layer) -> np.ndarray:
        """Thresholds as the file says them, by channel: float32[C] where that holds them, else float64."""
        assert not isinstance(layer, Concat | Flatten)  # they have no units
        thresholds = [1] if layer.threshold is None else layer.threshold.tolist()
        step = Fraction(1, self._grain(layer))
        below = 0 if self.network.reset == "subtract" else step / 2
        exact = [value - below for value in thresholds]
        levels = np.array([float(value) for value in exact])
        for unit, (value, level) in enumerate(zip(thresholds, levels.tolist(), strict=True)):
            if not value - step < Fraction(level) <= value or (below and level == value):
                raise self._refusal(
                    f"threshold[{unit}] = {value} is beyond what floats tell from its neighbours", layer
                )
        narrow = levels.astype(np.float32)
        return narrow if np.array_equal(narrow, levels) else levels

    def _grain(self, layer: Layer) -> int:
        """What the sums of a layer's units are multiples of, as the denominator."""
        area = prod(layer.kernel) if isinstance(layer, Pool2d) and layer.kind == "avgpool2d" else 1
        return area * int(np.lcm.reduce([self.fineness.get(source, 1) for source in layer.sources]))

    def _of_spikes(self, source: str) -> bool:
        if source == INPUT:
            return largest_value(self.network.encoding) == 1
        return next(layer for layer in self.network.layers if layer.name == source).spikes

    def _weighted(self, layer: Conv2d | Dense, source: str, node: Any) -> str:
        return self._node(layer.name, (source,), node, {"layer": layer.name, "integers": True})

    def _node(self, name: str, sources: tuple[str, ...], node: Any, said: Mapping[str, Any]) -> str:
        """A node and the edges to it; what NIR does not say of it is kept."""
        if "/" in name or name in (".", ".."):
            raise self._refusal(f"a node cannot be called '{name}': '/' and dots alone name places in an HDF5 file")
        self.nodes[name], self.said[name] = node, said
        self.edges += [(source, name) for source in sources]
        return name

    def _free(self, name: str) -> str:
        """The name, or one like it that no layer and no node has."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _refusal(self, why: str, layer: Layer | None = None) -> NetworkError:
        where = f"layer '{layer.name}'" if layer else f"network '{self.network.name}'"
        return NetworkError(f"{where} cannot be written to NIR: {why}; keep it as .json")


def _floats(weight: np.ndarray) -> np.ndarray:
    """Integers as float32 where that holds them, else float64."""
    return weight.astype(np.float32 if np.abs(weight).max() < 2**24 else np.float64)


def _made(kind: Any, **values: Any) -> Any:
    """An object of the library, with those of the values that its revision knows."""
    known = inspect.signature(kind).parameters
    return kind(**{key: value for key, value in values.items() if key in known})
