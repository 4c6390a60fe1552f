"""Compiled images whose sizes are those that were planned: what the tables of this folder are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import neuroproc
from compiler.emit import emit
from isa_spec.image import ROLES


@dataclass(frozen=True)
class Sizes:
    """What a table tells of a fold; delay storage in bits, times in cycles."""

    neurons: int
    synapses: int
    relays: int
    delay_storage: int
    interval: int
    latency: int


def planned_sizes(cost: neuroproc.Cost) -> Sizes:
    """Sizes in closed form, before a neuron exists."""
    relays = sum(layer.roles.get("relay", 0) for layer in cost.layers)
    return Sizes(cost.neurons, cost.synapses, relays, cost.delay_storage, cost.interval, cost.latency)


def emitted_sizes(image: neuroproc.ProcessorImage) -> Sizes:
    """Sizes counted in an image."""
    relays = int(np.count_nonzero(image.role == ROLES.index("relay")))
    longest = np.zeros(image.n_neurons, np.int64)
    np.maximum.at(longest, image.source(), image.delay)
    assert image.interval is not None
    assert image.latency is not None
    return Sizes(image.n_neurons, image.n_synapses, relays, int(longest.sum()), image.interval, image.latency)


def compiled(
    network: neuroproc.LayeredNetwork, spec: neuroproc.ProcessorSpec, plan: neuroproc.FoldPlan
) -> tuple[neuroproc.Cost, neuroproc.ProcessorImage]:
    """Cost of a plan and its image.

    Raises
    ------
    AssertionError
        If the image has other sizes than the cost says.
    """
    schedule = neuroproc.make_schedule(network, spec, plan)
    cost = neuroproc.cost_of(schedule)
    image = emit(schedule, cost)
    planned, emitted = planned_sizes(cost), emitted_sizes(image)
    if planned != emitted:
        raise AssertionError(f"unroll {plan.words} on {spec.name}: planned {planned}, emitted {emitted}")
    return cost, image
