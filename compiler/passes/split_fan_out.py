"""Fan-outs beyond the processor's become trees of relays; every synapse delivers when it did before.

A relay (threshold 1, weight 1) fires at a fixed time after its neuron and takes over the latest synapses: so the first
ones stay where they are, and what is spread over time needs little time ahead. Where a delay is limited, the tree is
the neuron's delay line as well, and `insert_relays` finds nothing more to do there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.graph import NeuronGraph


@dataclass(frozen=True, eq=False)
class FanTree:
    """Who speaks for a neuron to its targets.

    Parameters
    ----------
    fires : int64[n_relays], cycles
        When each relay fires, after the neuron; descending. Below 1 there is no such tree: all delays would have to be
        longer by as much as is missing.
    speaker : int64[n_synapses + n_relays]
        For each synapse, then for each relay, the relay that reaches it; -1 is the neuron itself.
    """

    fires: np.ndarray
    speaker: np.ndarray

    def delays(self, due: np.ndarray) -> np.ndarray:
        """Delay of every synapse, then of what makes each relay fire, from its speaker: int64, as `speaker`."""
        spoken = np.append(self.fires, 0)[self.speaker]
        return np.concatenate([due, self.fires]) - spoken


def fan_tree(due: Sequence[int], max_fan_out: int, max_delay: int | None) -> FanTree:
    """Tree for one neuron: while too many are open, or one is too far, the latest go to a relay as late as may be.

    No more than have to: a relay takes as many as it can, or as are too many. What lies within its reach alone, and is
    less, it takes from as far as it reaches.

    Parameters
    ----------
    due : sequence of int, cycles
        Delays of the neuron's synapses, ascending.
    max_fan_out : int
        At least 2.
    max_delay : int or None, cycles
    """
    times, speaker = list(due), [-1] * len(due)
    synapse, relay, n_open = len(due) - 1, len(due), len(due)  # the latest open ones
    while True:
        latest = max(times[synapse] if synapse >= 0 else 0, times[relay] if relay < len(times) else 0)
        far, crowded = max_delay is not None and latest > max_delay, n_open > max_fan_out
        if not (far or crowded):
            break
        reach = latest - max_delay if far and max_delay is not None else None
        size = max_fan_out if far else min(max_fan_out, n_open - max_fan_out + 1)
        number, taken, first = len(times), 0, latest
        while taken < size:
            of_relay = relay < number and (synapse < 0 or times[relay] > times[synapse])
            which = relay if of_relay else synapse
            if which < 0 or (reach is not None and times[which] <= reach):
                break
            speaker[which], first, taken = number - len(due), times[which], taken + 1
            relay, synapse = (relay + 1, synapse) if of_relay else (relay, synapse - 1)
        times.append(first - 1 if reach is None or (crowded and taken == size) else reach)
        speaker.append(-1)
        n_open += 1 - taken
    return FanTree(np.array(times[len(due) :], np.int64), np.array(speaker, np.int64))


def split_fan_out(graph: NeuronGraph, max_fan_out: int, max_delay: int | None) -> NeuronGraph:
    """Graph in which at most so many synapses leave a neuron; parallel ones count each, and one onto itself.

    Relays belong to the layer of their neuron and are numbered by neuron, the last to fire first. Synapses are handed
    on in the order of delay, target and weight, each of its kind.

    Parameters
    ----------
    graph : NeuronGraph
    max_fan_out : int
        At least 2.
    max_delay : int or None, cycles
    """
    crowded = np.bincount(graph.source, minlength=len(graph.threshold)) > max_fan_out
    if not crowded.any():
        return graph
    order = np.lexsort((graph.weight, graph.target, graph.delay, graph.source))
    order = order[crowded[graph.source[order]]]
    owners, begins = np.unique(graph.source[order], return_index=True)
    trees: dict[bytes, FanTree] = {}
    source, delay = graph.source.copy(), graph.delay.copy()
    fed = []  # of the synapses that make relays fire: source, delay
    owner, n_neurons = [], len(graph.threshold)
    for neuron, synapses in zip(owners, np.split(order, begins[1:]), strict=True):
        due = graph.delay[synapses]
        tree = trees.get(due.tobytes())
        if tree is None:
            tree = trees[due.tobytes()] = fan_tree(due.tolist(), max_fan_out, max_delay)
        delays, n_synapses, n_relays = tree.delays(due), len(synapses), len(tree.fires)
        speakers = np.append(n_neurons + np.arange(n_relays), neuron)[tree.speaker]
        source[synapses], delay[synapses] = speakers[:n_synapses], delays[:n_synapses]
        fed.append((speakers[n_synapses:], delays[n_synapses:]))
        owner.append(np.full(n_relays, neuron))
        n_neurons += n_relays
    of_relays, ones = np.concatenate(owner), np.ones(n_neurons - len(graph.threshold), np.int64)
    feeders, feeding = (np.concatenate(part) for part in zip(*fed, strict=True))
    return graph.with_helpers(
        "relay",
        of_relays,
        source=np.concatenate([source, feeders]),
        target=np.concatenate([graph.target, np.arange(len(graph.threshold), n_neurons)]),
        weight=np.concatenate([graph.weight, ones]),
        delay=np.concatenate([delay, feeding]),
        kind=np.concatenate([graph.kind, np.zeros(len(ones), np.uint8)]),
    )
