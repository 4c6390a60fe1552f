"""Where a pair of neurons may have but one synapse, a source's other delays and copies speak through proxy neurons.

It runs after `split_weights`, whose copies it has to part, and before `insert_relays`: proxies hang on the delay line
that insert_relays builds, so all of a neuron's proxies and relays share one line. The relays to come part synapses too,
for those whose delays differ by a relay leave different neurons in the end; `max_delay` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from compiler.graph import NeuronGraph
from isa_spec.errors import ResourceError


def one_per_pair(graph: NeuronGraph, max_delay: int | None, layers: list[str]) -> NeuronGraph:
    """Graph with one synapse per ordered pair, once its delays are cut by relays.

    Of the synapses that join a pair by equally many relays the shortest stays. Every other goes through a proxy: a
    neuron that the source makes fire one cycle before the synapse is to deliver, shared by all targets of that delay;
    for several copies of one delay there are several proxies. They belong to the layer of their source and are
    numbered by source, delay and copy. What a proxy says is of the synapse's kind.

    Parameters
    ----------
    graph : NeuronGraph
    max_delay : int or None, cycles
    layers : list of str
        Names, for messages.

    Raises
    ------
    ResourceError
        If several synapses of one pair have a delay of 1, so that no proxy can come before them.
    """
    order = np.lexsort((graph.delay, graph.target, graph.source))
    source, target, delay = graph.source[order], graph.target[order], graph.delay[order]
    hop = np.zeros_like(delay) if max_delay is None else (delay - 1) // max_delay
    pair_begins = _begins(source, target)
    hop_begins = pair_begins | _begins(hop)
    delay_begins = pair_begins | _begins(delay)
    # Copies of one delay, counted from 0; the first of the shortest delay needs no proxy, so there they count from -1.
    place = np.arange(len(order))
    copy = place - np.maximum.accumulate(np.where(delay_begins, place, 0))
    shortest = delay[np.maximum.accumulate(np.where(hop_begins, place, 0))] == delay
    copy -= shortest
    tapped = copy >= 0
    if not tapped.any():
        return graph
    _check_delays(graph, order, tapped & (delay == 1), layers)
    keys = np.stack([source, delay, copy], axis=1)[tapped]
    proxies, which = np.unique(keys, axis=0, return_inverse=True)
    number = len(graph.threshold) + np.arange(len(proxies))
    through = number[which.reshape(-1)]
    direct, rest = order[~tapped], order[tapped]
    ones = np.ones(len(proxies), np.int64)
    return graph.with_helpers(
        "proxy",
        proxies[:, 0],
        source=np.concatenate([graph.source[direct], proxies[:, 0], through]),
        target=np.concatenate([graph.target[direct], number, graph.target[rest]]),
        weight=np.concatenate([graph.weight[direct], ones, graph.weight[rest]]),
        delay=np.concatenate([graph.delay[direct], proxies[:, 1] - 1, np.ones(len(rest), np.int64)]),
        kind=np.concatenate([graph.kind[direct], np.zeros(len(proxies), np.uint8), graph.kind[rest]]),
    )


def _begins(*keys: np.ndarray) -> np.ndarray:
    """Whether any key differs from the entry before: bool, same shape."""
    return np.any([np.diff(key, prepend=-1) != 0 for key in keys], axis=0)


def _check_delays(graph: NeuronGraph, order: np.ndarray, clash: np.ndarray, layers: list[str]) -> None:
    if not clash.any():
        return
    synapse = order[np.argmax(clash)]
    layer, weight = layers[graph.layer[graph.target[synapse]]], int(graph.weight[synapse])
    same = (graph.source == graph.source[synapse]) & (graph.target == graph.target[synapse])
    uses = int((same & (graph.delay == 1)).sum())
    raise ResourceError(
        f"layer '{layer}': {uses} synapses between one ordered pair of neurons are to deliver after 1 cycle (one of "
        f"weight {weight}), allowed 1 (parallel_synapses is false), and no proxy can come before them; use smaller "
        "weights, or choose a profile with wider weights or with parallel synapses",
        limit="parallel_synapses",
        used=uses,
        allowed=1,
    )


@dataclass(eq=False)
class Line:
    """What leaves some neurons, counted as `one_per_pair` will lay it out, without a graph.

    Parameters
    ----------
    n_sources : int
    max_delay : int or None, cycles
    """

    n_sources: int
    max_delay: int | None
    _proxies: dict[int, np.ndarray] = field(default_factory=dict)
    _direct: dict[int, np.ndarray] = field(default_factory=dict)

    def add(self, delays: Sequence[int], copies: Sequence[np.ndarray]) -> None:
        """Add synapses onto targets that no other call names.

        Parameters
        ----------
        delays : int[n], cycles
            Each once, ascending.
        copies : int64[n_targets, n_sources] for each delay
            Synapses from each source to each target.
        """
        spoken, of_hop = np.zeros((1, self.n_sources), bool), 0
        for when, some in zip(delays, copies, strict=True):
            hop = 0 if self.max_delay is None else (when - 1) // self.max_delay
            if hop != of_hop:
                spoken, of_hop = np.zeros_like(spoken), hop
            stays = (some > 0) & ~spoken
            spoken = spoken | stays
            self._keep(self._proxies, when, (some - stays).max(axis=0, initial=0))
            self._keep(self._direct, when, np.any(stays, axis=0))

    def merge(self, other: Line) -> None:
        """Add what leaves the same neurons towards other targets."""
        for mine, theirs in ((self._proxies, other._proxies), (self._direct, other._direct)):
            for when, some in theirs.items():
                self._keep(mine, when, some)

    def _keep(self, kept: dict[int, np.ndarray], when: int, some: np.ndarray) -> None:
        before = kept.get(when)
        kept[when] = some if before is None else np.maximum(before, some)

    def proxies(self) -> np.ndarray:
        """Proxy neurons of each source: int64[n_sources]."""
        return sum(self._proxies.values(), np.zeros(self.n_sources, np.int64))

    def longest(self) -> np.ndarray:
        """Longest delay that leaves each source, before relays cut it: int64[n_sources], cycles."""
        longest = np.zeros(self.n_sources, np.int64)
        for when, some in self._direct.items():
            np.maximum(longest, when * some, out=longest)
        for when, some in self._proxies.items():
            np.maximum(longest, (when - 1) * (some > 0), out=longest)
        return longest
