"""Delays beyond the processor's become taps of one delay line per neuron, shared by all its synapses."""

from __future__ import annotations

import numpy as np

from compiler.graph import NeuronGraph


def relays_needed(longest: np.ndarray, max_delay: int | None) -> np.ndarray:
    """Relays of a delay line with taps up to ``longest`` cycles: int64, same shape."""
    if max_delay is None:
        return np.zeros_like(longest)
    return np.maximum(-(-longest // max_delay) - 1, 0)


def insert_relays(graph: NeuronGraph, max_delay: int | None) -> NeuronGraph:
    """Graph whose delays all fit.

    Relay ``k`` of a neuron fires ``k * max_delay`` cycles after it; relays are numbered by hop, then by neuron, and
    belong to the layer of their neuron. The last hop is of the synapse's kind.
    """
    longest = np.zeros(len(graph.threshold), np.int64)
    np.maximum.at(longest, graph.source, graph.delay)
    hops = relays_needed(longest, max_delay)
    if max_delay is None or not hops.any():
        return graph
    # tapped[k, n]: the neuron that fires k * max_delay cycles after neuron n.
    tapped = np.full((int(hops.max()) + 1, len(longest)), -1, np.int64)
    tapped[0] = np.arange(len(longest))
    exists = np.arange(1, len(tapped))[:, None] <= hops
    hop, owner = np.nonzero(exists)
    tapped[hop + 1, owner] = len(longest) + np.arange(len(owner))
    relay = tapped[hop + 1, owner]
    tap = -(-graph.delay // max_delay) - 1
    ones = np.ones(len(relay), np.int64)
    return graph.with_helpers(
        "relay",
        owner,
        source=np.concatenate([tapped[tap, graph.source], tapped[hop, owner]]),
        target=np.concatenate([graph.target, relay]),
        weight=np.concatenate([graph.weight, ones]),
        delay=np.concatenate([graph.delay - tap * max_delay, ones * max_delay]),
        kind=np.concatenate([graph.kind, np.zeros(len(relay), np.uint8)]),
    )
