"""Weights beyond the processor's range become parallel synapses of equal delay and kind: they add in one cycle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph import NeuronGraph
from isa_spec.spec import ProcessorSpec


def split_weights(graph: NeuronGraph, spec: ProcessorSpec) -> NeuronGraph:
    """Graph whose weights all fit: as many full weights as needed, then the remainder."""
    weight = graph.weight
    limit = np.where(weight > 0, spec.weight_max, -spec.weight_min)
    if np.all(np.abs(weight) <= limit):
        return graph
    count = -(-np.abs(weight) // limit)
    first = np.repeat(np.cumsum(count) - count, count)
    rest = np.repeat(np.abs(weight), count) - (np.arange(len(first)) - first) * np.repeat(limit, count)
    return replace(
        graph,
        source=np.repeat(graph.source, count),
        target=np.repeat(graph.target, count),
        weight=np.repeat(np.sign(weight), count) * np.minimum(rest, np.repeat(limit, count)),
        delay=np.repeat(graph.delay, count),
        kind=np.repeat(graph.kind, count),
    )
