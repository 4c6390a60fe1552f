"""Dead matter: channels that never fire, always fire, or that nobody hears; found by their sums, removed exactly.

What is found is certain: a channel counts as silent or saturated only if every reachable sum says so, for every frame
that the encoding can make. What is not certain, because padding makes a constant differ at the border, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from compiler.networks.drive import SpikingLayer, Term, spiking_layers
from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork
from isa_spec.coding import spike_levels
from isa_spec.decoding import needs_potentials


@dataclass(frozen=True)
class DeadLayer:
    """Dead channels of one layer, by number; a dense layer's units are channels.

    Parameters
    ----------
    name : str
    n_channels : int
    never : tuple of int
        No input reaches the threshold.
    always : tuple of int
        No input stays below the threshold.
    unheard : tuple of int
        They do depend on the input, but no path of weights other than 0 leads from them to an answer.
    """

    name: str
    n_channels: int
    never: tuple[int, ...]
    always: tuple[int, ...]
    unheard: tuple[int, ...]


@dataclass(frozen=True)
class DeadMatter:
    """Layers that have dead channels, in order."""

    layers: tuple[DeadLayer, ...]

    def __bool__(self) -> bool:
        return bool(self.layers)


@dataclass(frozen=True, eq=False)
class _Found:
    """Of each spiking layer by name: bool[C] that never fire, that always fire, that are heard."""

    never: dict[str, np.ndarray]
    always: dict[str, np.ndarray]
    heard: dict[str, np.ndarray]


def find_dead(network: LayeredNetwork) -> DeadMatter:
    """Channels of spiking layers that never fire, always fire, or are not heard.

    Parameters
    ----------
    network : LayeredNetwork

    Raises
    ------
    NetworkError
        If a linear layer cannot be composed into a layer that reads it.

    Source: ours (docs/folding.md, dead matter).
    """
    found = _find(network)
    layers = []
    for name, never in found.never.items():
        always = found.always[name]
        kinds = (never, always, ~(never | always | found.heard[name]))
        if any(kind.any() for kind in kinds):
            numbers = (tuple(np.flatnonzero(kind).tolist()) for kind in kinds)
            layers.append(DeadLayer(name, len(never), *numbers))
    return DeadMatter(tuple(layers))


def _find(network: LayeredNetwork) -> _Found:
    layers = spiking_layers(network)
    found = _Found({}, {}, {})
    answer = network.answering.name
    for spiking in layers:
        low, high = _sums(spiking, found, network)
        # What a unit gathers over several steps is at most all that is positive; no frame makes it fire in all of them.
        found.never[spiking.layer.name] = high * network.steps < spiking.threshold
        if spiking.layer.name == answer and needs_potentials(network.decode):
            found.never[answer][:] = False  # what it holds decides, whether it fires or not
        found.always[spiking.layer.name] = (low >= spiking.threshold) & (not network.rate)
    for spiking in layers:
        found.heard[spiking.layer.name] = np.full(spiking.shape[0], spiking.layer.name == answer)
    for spiking in reversed(layers):
        name = spiking.layer.name
        listens = found.heard[name] & ~found.never[name] & ~found.always[name]
        for term in spiking.terms:
            if term.source != INPUT:
                out, within = np.nonzero(term.window.weight.any(axis=(2, 3)) & listens[:, None])
                found.heard[term.source][term.window.input_channel(out, within)] = True
    return found


def _sums(spiking: SpikingLayer, found: _Found, network: LayeredNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of what each channel sums anywhere on its map, in one step: two int64[C], potential units."""
    low, high = np.zeros((2, spiking.shape[0]), np.int64)
    most = 1 if network.rate else spike_levels(network.encoding)
    for term in spiking.terms:
        weight = term.window.weight
        negative, positive = np.minimum(weight, 0).sum(axis=(2, 3)), np.maximum(weight, 0).sum(axis=(2, 3))
        if term.source == INPUT:
            negative, positive = (side * most for side in (negative, positive))
        else:
            out, within = np.ogrid[: weight.shape[0], : weight.shape[1]]
            channel = term.window.input_channel(out, within)
            silent, certain = found.never[term.source][channel], found.always[term.source][channel]
            if _reads_blank(term, spiking, network):
                certain = np.zeros_like(certain)
            constant = weight.sum(axis=(2, 3))
            negative = np.where(silent, 0, np.where(certain, constant, negative))
            positive = np.where(silent, 0, np.where(certain, constant, positive))
        low += negative.sum(axis=1)
        high += positive.sum(axis=1)
    return low, high


def _reads_blank(term: Term, spiking: SpikingLayer, network: LayeredNetwork) -> bool:
    """Whether some position of a window reads beyond the map."""
    window, sizes = term.window, network.shapes[term.source][1:]
    axes = zip(sizes, spiking.shape[1:], window.kernel, window.stride, window.before, strict=True)
    return any(
        before > 0 or (places - 1) * stride - before + kernel > size for size, places, kernel, stride, before in axes
    )


def remove_dead(network: LayeredNetwork) -> LayeredNetwork:
    """The network without its dead channels: the channels and layers that stay decide as before, for every frame.

    A channel goes if it is 0 everywhere, or only channels that go listen to it, or if it is 1 everywhere and its
    listeners' thresholds can take that. Units of the output stay, and so does what shape ties to something that stays
    (pooling, addition, groups). Constant units that stay lose their weights.

    Parameters
    ----------
    network : LayeredNetwork

    Raises
    ------
    NetworkError
        If a linear layer cannot be composed into a layer that reads it.
    """
    found = _find(network)
    layers = tuple(_without_weights(layer, found) for layer in network.layers)
    maps = _Maps(network, layers, found)
    kept = maps.kept()
    remaining = tuple(_cut(layer, maps, kept) for layer in layers if kept[layer.name].any())
    return replace(network, layers=remaining, pruned_from=network.source_digest)


def _without_weights(layer: Layer, found: _Found) -> Layer:
    """A layer whose constant units read nothing."""
    if not isinstance(layer, Conv2d | Dense) or layer.threshold is None:
        return layer
    never, always = found.never[layer.name], found.always[layer.name]
    weight, threshold = layer.weight.copy(), layer.threshold.copy()
    weight[never | always] = 0
    threshold[never], threshold[always] = 1, 0
    return replace(layer, weight=weight, threshold=threshold)


class _Maps:
    """Channels of all maps, which of them are constant, and which stand or fall together.

    Every channel of every map has a number, every group of channels that stand or fall together a root among them.
    """

    def __init__(self, network: LayeredNetwork, layers: tuple[Layer, ...], found: _Found) -> None:
        self.shapes, self.layers = network.shapes, layers
        sizes = [shape[0] for shape in self.shapes.values()]
        self._first = dict(zip(self.shapes, np.cumsum([0, *sizes]).tolist(), strict=False))
        self._root = list(range(sum(sizes)))
        self.zero = {INPUT: np.zeros(network.input_shape[0], bool)}
        self.one = dict(self.zero)
        for layer in layers:
            self.zero[layer.name], self.one[layer.name] = self._constant(layer, found)
            for source, mine in self._ties(layer):
                for pair in zip(source.tolist(), mine.tolist(), strict=True):
                    self._tie(*pair)
        self._pinned = [*self._numbers(INPUT), *self._numbers(network.answering.name)]

    def _numbers(self, name: str) -> np.ndarray:
        return self._first[name] + np.arange(self.shapes[name][0])

    def _constant(self, layer: Layer, found: _Found) -> tuple[np.ndarray, np.ndarray]:
        """Which channels of a layer's map are 0 everywhere, and which are 1."""
        zero, one = ([some[source] for source in layer.sources] for some in (self.zero, self.one))
        if layer.spikes:
            return found.never[layer.name], found.always[layer.name]
        nothing = np.zeros(self.shapes[layer.name][0], bool)
        match layer:
            case Concat():
                return np.concatenate(zero), np.concatenate(one)
            case Flatten():
                area = len(nothing) // len(zero[0])
                return np.repeat(zero[0], area), np.repeat(one[0], area)
            case Pool2d():
                return zero[0], nothing
            case Conv2d() if layer.groups > 1:
                return np.logical_not(layer.weight.any(axis=(1, 2, 3))), nothing
            case Conv2d() | Dense():
                return np.logical_not((self.reads(layer) & ~zero[0]).any(axis=1)), nothing
        return nothing, nothing

    def reads(self, layer: Conv2d | Dense) -> np.ndarray:
        """Whether a unit has a weight other than 0 from a channel of its source: bool[O, I]; without groups."""
        channels = self.shapes[layer.sources[0]][0]
        return np.asarray(layer.weight.reshape(len(layer.weight), channels, -1).any(axis=2))

    def _ties(self, layer: Layer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Channels of a layer's sources, and those of its own that shape ties to them."""
        mine, sources = self._numbers(layer.name), [self._numbers(source) for source in layer.sources]
        match layer:
            case Add() | Pool2d():
                yield from ((source, mine) for source in sources)
            case Concat():
                yield np.concatenate(sources), mine
            case Flatten():
                yield np.repeat(sources[0], len(mine) // len(sources[0])), mine
            case Conv2d() if layer.groups > 1:
                for source, own in zip(np.split(sources[0], layer.groups), np.split(mine, layer.groups), strict=True):
                    yield source, np.full_like(source, own[0])
                    yield np.full_like(own, source[0]), own

    def _find_root(self, number: int) -> int:
        while self._root[number] != number:
            self._root[number] = self._root[self._root[number]]
            number = self._root[number]
        return number

    def _tie(self, one: int, other: int) -> None:
        self._root[self._find_root(one)] = self._find_root(other)

    def kept(self) -> dict[str, np.ndarray]:
        """Channels of every map that have to stay: bool[C] by name.

        All go that may: what has to stay is found step by step, until nothing that stays needs anything that goes.
        """
        root = np.array([self._find_root(number) for number in range(len(self._root))])
        stays = np.zeros(len(root), bool)
        needed = np.array(self._pinned)
        while len(needed):
            stays[root[needed]] = True
            kept = {name: stays[root[self._numbers(name)]] for name in self.shapes}
            wanted = [self._needed(layer, kept) for layer in self.layers if kept[layer.name].any()]
            needed = np.concatenate([np.zeros(0, np.int64), *wanted])
        return kept

    def _needed(self, layer: Layer, kept: dict[str, np.ndarray]) -> np.ndarray:
        """Numbers of channels that go although a layer that stays needs them."""
        found = [self._numbers(source)[:1] for source in layer.sources if not kept[source].any()]
        if isinstance(layer, Conv2d | Dense) and getattr(layer, "groups", 1) == 1:
            source = layer.sources[0]
            missed = self.reads(layer)[kept[layer.name]].any(axis=0) & ~kept[source] & ~self.zero[source]
            if _takes_constants(layer):
                missed &= ~self.one[source]
            found.append(self._numbers(source)[missed])
        return np.concatenate([np.zeros(0, np.int64), *found])


def _takes_constants(layer: Conv2d | Dense) -> bool:
    """Whether a constant 1 on a channel that the layer reads is the same to it everywhere: its thresholds take it."""
    padded = isinstance(layer, Conv2d) and layer.padding != ((0, 0), (0, 0))
    return layer.threshold is not None and not padded


def _cut(layer: Layer, maps: _Maps, kept: dict[str, np.ndarray]) -> Layer:
    """A layer without the channels that go."""
    mine = kept[layer.name]
    match layer:
        case Add():
            factor = None if layer.factor is None else layer.factor[:, mine]
            return replace(layer, threshold=layer.threshold[mine], factor=factor)
        case Conv2d() if layer.groups > 1:
            groups = int(mine.reshape(layer.groups, -1)[:, 0].sum())
            threshold = None if layer.threshold is None else layer.threshold[mine]
            return replace(layer, weight=layer.weight[mine], threshold=threshold, groups=groups)
        case Conv2d() | Dense():
            source = layer.sources[0]
            by_channel = layer.weight.reshape(len(layer.weight), len(kept[source]), -1)[mine]
            threshold = layer.threshold
            if threshold is not None:
                constant = maps.one[source] & ~kept[source] & _takes_constants(layer)
                threshold = threshold[mine] - by_channel[:, constant].sum(axis=(1, 2))
            weight = by_channel[:, kept[source]].reshape(len(by_channel), -1, *layer.weight.shape[2:])
            return replace(layer, weight=weight, threshold=threshold)
        case Pool2d() if layer.threshold is not None:
            return replace(layer, threshold=layer.threshold[mine])
    return layer
