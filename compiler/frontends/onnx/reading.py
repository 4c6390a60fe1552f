"""State of a reading: the values of an ONNX file's tensors so far, and the layers made of them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from compiler.frontends.model import BatchNorm, Flat, FloatLayer, Scale, Step, Sum, Unsupported
from compiler.frontends.onnx.graph import Graph, Node
from compiler.frontends.onnx.values import Clipped, Known, Lost, Map, Padded, Spread, Stair, Value
from compiler.networks.layers import Shape
from compiler.networks.network import INPUT
from isa_spec.errors import FormatError

NO_WORD = "has no counterpart here; docs/onnx.md lists what has"
REAL = (
    "answers with real numbers, and a unit here with 0 or 1; train with steps (Whetstone, straight-through) "
    "or convert the network to rates"
)


class OtherLayout(Exception):
    """The frame has to be laid out otherwise: raised once, and the reading starts again."""

    def __init__(self, index: np.ndarray, shape: Shape) -> None:
        super().__init__()
        self.index = index
        self.shape = shape


class Reading:
    """Values and layers while a graph is read.

    Parameters
    ----------
    graph : Graph
    frame : Map
        What the input's tensor is of the frame.
    laid_out : bool
        Whether the frame's layout was chosen by what reads it, so that no other is looked for.
    """

    def __init__(self, graph: Graph, frame: Map, laid_out: bool) -> None:
        self.graph = graph
        self.laid_out = laid_out
        self.values: dict[str, Value] = {name: Known(array) for name, array in graph.constants.items()}
        self.values[graph.input] = frame
        self.makers: dict[str, Node] = {}
        self.readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)
        self.layers: dict[str, FloatLayer] = {}
        self.notes: list[str] = []
        self.tensors: dict[str, str] = {}
        self.chosen: set[str] = set()
        """Tensors that only choose a class among the values they stand for."""

    def where(self, node: Node) -> str:
        """A node, for messages."""
        return f"{self.graph.name}: node '{node.name}' ({node.op})"

    def wrong(self, node: Node, problem: str) -> FormatError:
        """What to raise where a node contradicts itself or its tensors."""
        return FormatError(f"{self.where(node)}: {problem}")

    def constant(self, node: Node, place: int) -> np.ndarray | None:
        """Numbers of an input that is constant; None where it is left out or not constant."""
        value = self.values.get(node.inputs[place]) if place < len(node.inputs) else None
        return value.value if isinstance(value, Known) else None

    def add(self, layer: FloatLayer, tensor: str, index: np.ndarray, shape: Shape) -> Map:
        """Keep a layer, whose values are the tensor's; gives them as a map."""
        self.layers[layer.name] = layer
        if index.size and np.array_equal(index.ravel(), np.arange(index.size)):
            self.tensors[layer.name] = tensor
        return Map(index, shape, {layer.name: Fraction(1)})

    def unsupported(self, node: Node, sources: tuple[str, ...], reason: str, like: Spread | None = None) -> Value:
        """Keep a node for which there are no words; its values look like those of ``like``, where that is known."""
        self.layers[node.name] = Unsupported(node.name, sources, node.op, reason)
        return Lost() if like is None else Map(like.index, like.shape, {node.name: Fraction(1)})

    def no_words(self, node: Node, reason: str, like: Spread | None = None) -> Value:
        """As `unsupported`, reading all inputs that are maps."""
        sources = [self.settle(name) for name in node.inputs if name and not isinstance(self.values[name], Known)]
        return self.unsupported(node, tuple(name for part in sources for name in part.terms), reason, like)

    def settle(self, tensor: str) -> Map:
        """A tensor as the values of one layer; what waited becomes a layer now, named after its node."""
        value = self.values[tensor]
        assert not isinstance(value, Known | Lost)  # callers look before
        if isinstance(value, Map) and list(value.terms.values()) == [1]:
            return value
        node = self.makers[tensor]
        settled = self._settled(value, node, tensor)
        self.values[tensor] = settled
        return settled

    def _settled(self, value: Map | Stair | Clipped | Padded, node: Node, tensor: str) -> Map:
        match value:
            case Map():
                return self.summed(value, node.name, tensor)
            case Stair():
                return self._stepped(value, node, tensor)
            case Clipped():
                reason = REAL if value.kind != "Clip" else f"{REAL}; or round what it clips to 0 and 1"
                made = self.unsupported(node, (value.source,), reason, value)
            case Padded():
                reason = "pads what no convolution reads; pad in the convolution itself"
                made = self.unsupported(node, tuple(value.inner.terms), reason, value.inner)
        assert isinstance(made, Map)
        return made

    def summed(self, value: Map, name: str, tensor: str) -> Map:
        """A sum of terms as layers, the last of which has the name."""
        parts = []
        for source, factor in value.terms.items():
            if factor == 1:
                parts.append(source)
                continue
            scaled = name if len(value.terms) == 1 else f"{name}.{source}"
            self.layers[scaled] = Scale(scaled, (source,), _numbers(factor), np.zeros(1))
            parts.append(scaled)
        if len(parts) > 1:
            self.layers[name] = Sum(name, tuple(parts))
        last = self.layers.pop(name)
        return self.add(last, tensor, value.index, value.shape)

    def _stepped(self, value: Stair, node: Node, tensor: str) -> Map:
        below, at, above = value.values.tolist()
        if below == above:
            reason = "gives the same for all numbers but one" if at != above else "gives the same for all numbers"
            made = self.unsupported(node, (value.source,), f"{reason}, which no unit can tell apart", value)
            assert isinstance(made, Map)
            return made
        strict = {below: True, above: False}.get(at)
        if strict is None:
            self.notes.append(
                f"layer '{node.name}': the file's {value.kind} gives {at:g} at its level, a unit only {below:g} or "
                f"{above:g}: exact where no sum meets the level"
            )
        step = Step(node.name, (value.source,), value.level, strict, Fraction(below), Fraction(above))
        return self.add(step, tensor, value.index, value.shape)

    def flat(self, value: Map) -> Map:
        """The same map of one layer, whose every value is a channel."""
        if value.shape[1:] == (1, 1):
            return value
        (source,) = value.terms
        name = f"{source}.flat"
        self.layers.setdefault(name, Flat(name, (source,)))
        return Map(value.index, (value.index.size, 1, 1), {name: Fraction(1)})

    def by_channel(self, value: Map, node: Node, arrays: list[np.ndarray]) -> tuple[Map, list[np.ndarray]]:
        """Constants that broadcast against a map, as numbers per channel of its layer (which is flattened if need be).

        Raises
        ------
        FormatError
            If they do not broadcast.
        """
        dims = (1, *value.index.shape)
        spread = []
        for array in arrays:
            if array.size == 1:
                spread.append(np.full(1, array.ravel()[0], np.float64))
                continue
            try:
                full = np.broadcast_to(array, dims)
            except ValueError:
                problem = f"a constant of shape {list(array.shape)} does not fit a map of {list(dims)}"
                raise self.wrong(node, problem) from None
            placed = np.empty(value.index.size)
            placed[value.index.ravel()] = full.ravel()
            spread.append(placed)
        n_channels = value.shape[0]
        narrow = [array if array.size == 1 else array.reshape(n_channels, -1) for array in spread]
        if all(array.ndim == 1 or np.all(array == array[:, :1]) for array in narrow):
            return value, [_shared(array if array.ndim == 1 else array[:, 0]) for array in narrow]
        return self.flat(value), [_shared(array) for array in spread]

    def canonical(self, tensor: str, node: Node) -> Map | None:
        """A tensor as a layer's map of rows and columns, in its order; None where it is not one.

        Raises
        ------
        OtherLayout
            If it is the frame in another order.
        """
        value = self.settle(tensor)
        dims = value.index.shape
        if len(dims) not in (2, 3):
            return None
        shape = (dims[0], dims[1], dims[2] if len(dims) == 3 else 1)
        if shape == value.shape and np.array_equal(value.index.ravel(), np.arange(value.index.size)):
            return value
        if not self.laid_out and all(self._arranged_as_frame(name) for name in value.terms):
            raise OtherLayout(value.index.ravel(), shape)
        return None

    def _arranged_as_frame(self, name: str) -> bool:
        """Whether a layer's values are those of the frame, one by one."""
        if name == INPUT:
            return True
        layer = self.layers[name]
        return isinstance(layer, Scale | Step | BatchNorm | Flat) and self._arranged_as_frame(layer.sources[0])


def _numbers(factor: Fraction) -> np.ndarray:
    """A factor as a float where that is exact, else as itself."""
    rounded = float(factor)
    return np.array([rounded if Fraction(rounded) == factor else factor])


def _shared(numbers: np.ndarray) -> np.ndarray:
    return numbers[:1] if np.all(numbers == numbers[0]) else numbers
