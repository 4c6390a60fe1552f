"""Passes hand on what a synapse delivers: of whatever kind, it arrives where and when it did."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import graph_of

from compiler.passes.insert_relays import insert_relays
from compiler.passes.one_per_pair import one_per_pair
from compiler.passes.split_fan_out import split_fan_out
from compiler.passes.split_weights import split_weights
from isa_spec.spec import load_profile

N_NEURONS = 8
PASSES = {
    "weights": lambda graph: split_weights(graph, replace(load_profile("research"), weight_min=-3, weight_max=2)),
    "pairs": lambda graph: one_per_pair(graph, None, ["units"]),
    "pairs and relays": lambda graph: insert_relays(one_per_pair(graph, 3, ["units"]), 3),
    "fan-out": lambda graph: split_fan_out(graph, 4, None),
    "fan-out and relays": lambda graph: insert_relays(split_fan_out(graph, 4, 3), 3),
    "relays": lambda graph: insert_relays(graph, 2),
}


def random_graph(rng):
    synapses = [
        (int(source), int(target), int(weight), int(delay))
        for source, target, weight, delay in zip(
            rng.integers(0, N_NEURONS, 60),
            rng.integers(0, N_NEURONS, 60),
            rng.integers(1, 9, 60) * rng.choice([-1, 1], 60),
            rng.integers(5, 12, 60),
            strict=True,
        )
    ]
    return replace(
        graph_of(N_NEURONS, synapses),
        kind=rng.integers(0, 3, 60).astype(np.uint8),
        once=rng.random(N_NEURONS) < 0.5,
        group=rng.integers(-1, N_NEURONS, N_NEURONS),
    )


def arrivals(graph, neuron, after=0):
    """What each kind brings to a neuron of the first ones when, after one fired, through those added."""
    found = Counter()
    for synapse in np.flatnonzero(graph.source == neuron):
        target, when = int(graph.target[synapse]), after + int(graph.delay[synapse])
        if target >= N_NEURONS:
            assert (graph.kind[synapse], graph.weight[synapse], graph.threshold[target]) == (0, 1, 1)
            found.update(arrivals(graph, target, when))
        else:
            found[target, when, int(graph.kind[synapse])] += int(graph.weight[synapse])
    return found


@pytest.mark.parametrize("name", PASSES)
def test_every_kind_arrives_as_before(name):
    grown = 0
    for seed in range(20):
        graph = random_graph(np.random.default_rng(seed))
        done = PASSES[name](graph)
        for neuron in range(N_NEURONS):
            assert arrivals(done, neuron) == arrivals(graph, neuron), f"seed {seed}, neuron {neuron}"
        assert np.array_equal(done.once, [*graph.once, *[False] * (len(done.threshold) - N_NEURONS)])
        assert np.array_equal(done.group, [*graph.group, *[-1] * (len(done.threshold) - N_NEURONS)])
        grown += len(done.weight) - len(graph.weight)
    assert grown > 0
