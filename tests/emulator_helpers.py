"""Random images, and spikes for them, from an explicit generator."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from isa_spec.building import build_image
from isa_spec.image import Port, ProcessorImage
from isa_spec.kinds import CLEAR, SLOPE
from isa_spec.spec import ProcessorSpec, load_profile
from isa_spec.spikes import SpikeEvents


def make_spec(**changes: Any) -> ProcessorSpec:
    """The base processor with some fields changed."""
    base = load_profile("research")
    # Narrow input, so that sums fit in 32 bits and the narrow kernel is used.
    return dataclasses.replace(base, **{"name": "test", "input_min": -1000, "input_max": 1000, **changes})


def loosened(spec: ProcessorSpec, **changes: Any) -> ProcessorSpec:
    """A processor with fields that no profile may have: the engines know more than the profiles allow today."""
    other = dataclasses.replace(spec)
    for name, value in changes.items():
        object.__setattr__(other, name, value)
    return other


FAMILIES: dict[str, dict[str, Any]] = {
    "floor 0": {},
    "floor -50": {"potential_floor": -50},
    "no floor": {"potential_floor": None},
    "wide input": {"input_min": -(2**31), "input_max": 2**31 - 1},
    "on delivery": {"evaluation": "on-delivery", "potential_floor": -7},
    "on delivery, any threshold": {"evaluation": "on-delivery", "potential_floor": -20, "threshold_min": -30},
    "on delivery, no floor": {"evaluation": "on-delivery", "potential_floor": None, "threshold_min": -30},
    "leak": {"leak": "all"},
    "leak, floor -5": {"leak": "all", "potential_floor": -5},
    "leak, no floor": {"leak": "all", "potential_floor": None},
    "leak, wide input": {"leak": "all", "potential_floor": None, "input_min": -(2**31), "input_max": 2**31 - 1},
    "leak, on delivery": {"leak": "all", "evaluation": "on-delivery", "potential_floor": -20, "threshold_min": -30},
    "subtract": {"reset": "subtract"},
    "subtract, floor -50": {"reset": "subtract", "potential_floor": -50, "potential_bits": 32},
    "subtract, no floor": {"reset": "subtract", "potential_floor": None},
    "subtract, on delivery": {"reset": "subtract", "evaluation": "on-delivery", "potential_floor": -20},
    "leak, subtract": {"reset": "subtract", "leak": "all", "potential_floor": -5},
    "leak, subtract, on delivery": {"reset": "subtract", "leak": "all", "evaluation": "on-delivery"},
}


_TEMPORAL = {"one_shot": True, "clear_synapses": True, "slope_synapses": True}
_EVERYTHING = {**_TEMPORAL, "pooling_groups": True}
FAMILIES |= {
    "own leak": {"leak": "per-neuron", "potential_floor": -50},
    "own leak, no floor": {"leak": "per-neuron", "potential_floor": None},
    "own leak, subtract": {"leak": "per-neuron", "reset": "subtract", "potential_floor": -20},
    "own leak, on delivery": {
        "leak": "per-neuron", "evaluation": "on-delivery", "potential_floor": -20, "threshold_min": -30
    },
    "late": {"delayed_fire": True, "potential_floor": -50},
    "late, no floor": {"delayed_fire": True, "potential_floor": None},
    "late, wide input": {"delayed_fire": True, "input_min": -(2**31), "input_max": 2**31 - 1},
    "late, leak": {"delayed_fire": True, "leak": "all", "potential_floor": None},
    "late, on delivery": {
        "delayed_fire": True, "evaluation": "on-delivery", "potential_floor": -20, "threshold_min": -30
    },
    "late, own leak, clear": {"delayed_fire": True, "leak": "per-neuron", "clear_synapses": True},
    "once": {"one_shot": True, "potential_floor": -50},
    "once and clear": {"one_shot": True, "clear_synapses": True},
    "clear, subtract": {"clear_synapses": True, "reset": "subtract", "potential_floor": -20},
    "slope": {"slope_synapses": True, "potential_floor": -50},
    "slope, 32 bits": {"slope_synapses": True, "potential_floor": -50, "potential_bits": 32, "threshold_max": 50},
    "pool": {"pooling_groups": True, "potential_floor": -50},
    "pool, subtract": {"pooling_groups": True, "reset": "subtract", "potential_floor": -50},
    "pool, subtract, no floor": {"pooling_groups": True, "reset": "subtract", "potential_floor": None},
    "pool, leak, subtract": {"pooling_groups": True, "reset": "subtract", "leak": "all", "potential_floor": None},
    "temporal": {**_TEMPORAL, "potential_floor": -50},
    "temporal, leak": {**_TEMPORAL, "leak": "all", "potential_floor": None},
    "everything": {**_EVERYTHING, "potential_floor": -20},
    "everything, own leak": {**_EVERYTHING, "potential_floor": -20, "leak": "per-neuron"},
    "everything, own leak, subtract": {
        **_EVERYTHING, "potential_floor": -20, "leak": "per-neuron", "reset": "subtract"
    },
    "everything, subtract": {**_EVERYTHING, "potential_floor": -20, "reset": "subtract"},
    "everything, on delivery": {
        **_EVERYTHING, "potential_floor": -20, "evaluation": "on-delivery", "threshold_min": -30
    },
    "everything, on delivery, subtract": {
        **_EVERYTHING, "potential_floor": -20, "evaluation": "on-delivery", "reset": "subtract"
    },
    "everything, leak, on delivery": {
        **_EVERYTHING, "leak": "all", "evaluation": "on-delivery", "threshold_min": -30
    },
}  # fmt: skip
"""The extensions that change what neurons and synapses may be, alone and together."""


def family_spec(family: str) -> ProcessorSpec:
    """Processor of one of `FAMILIES`, or of the family that profiles cannot have."""
    if family == "every cycle, any threshold":
        return loosened(make_spec(potential_floor=-20), threshold_min=-30)
    return make_spec(**FAMILIES[family])


ALL_FAMILIES = (*FAMILIES, "every cycle, any threshold")


def random_image(
    rng: np.random.Generator, spec: ProcessorSpec, n_neurons: int = 20, n_synapses: int = 100, max_delay: int = 40
) -> ProcessorImage:
    """An image with self-synapses, parallel synapses, neurons with several ports and neurons with none."""
    lowest = max(spec.threshold_min, -30)
    source, target = rng.integers(0, n_neurons, (2, n_synapses))
    weight = rng.integers(-8, 14, n_synapses)
    delay = rng.integers(1, max_delay + 1, n_synapses)
    # Twins: the same synapse several times.
    again = rng.integers(0, n_synapses, n_synapses // 5) if n_synapses else np.zeros(0, np.int64)
    source, target, weight, delay = (np.append(column, column[again]) for column in (source, target, weight, delay))
    threshold = np.where(
        rng.random(n_neurons) < 0.3, lowest + rng.integers(0, 40, n_neurons), rng.integers(1, 25, n_neurons)
    )
    inputs = [Port(f"in{i}", int(n)) for i, n in enumerate(rng.integers(0, n_neurons, min(n_neurons, 6)))]
    outputs = [Port(f"out{i}", int(n)) for i, n in enumerate(rng.integers(0, n_neurons, min(2 * n_neurons, 12)))]
    more = random_extras(rng, spec, n_neurons, weight)
    return build_image(spec, threshold, source, target, weight, delay, inputs, outputs, **more)


def random_extras(
    rng: np.random.Generator, spec: ProcessorSpec, n_neurons: int, weight: np.ndarray
) -> dict[str, np.ndarray]:
    """Arrays of the extensions with what a processor has; weights are changed where a kind wants another."""
    more = {}
    if spec.leak == "per-neuron":
        more["leaks"] = rng.random(n_neurons) < 0.4
    if spec.one_shot:
        more["once"] = rng.random(n_neurons) < 0.4
    if spec.pooling_groups:
        outputs = rng.choice(n_neurons, n_neurons // 5, replace=False)
        more["group"] = group = np.full(n_neurons, -1)
        if len(outputs):
            members = np.setdiff1d(np.flatnonzero(rng.random(n_neurons) < 0.6), outputs)
            group[members] = rng.choice(outputs, len(members))
    kinds = [0, 0, 0, *[SLOPE] * spec.slope_synapses, *[CLEAR] * spec.clear_synapses]
    if len(kinds) > 3:
        more["kind"] = kind = rng.choice(kinds, len(weight))
        weight[kind == SLOPE] = rng.integers(-3, 4, np.count_nonzero(kind == SLOPE))
        weight[kind == CLEAR] = 1
    return more


def random_events(rng: np.random.Generator, image: ProcessorImage, begin: int, end: int, n_events: int) -> SpikeEvents:
    """Input of any sign, several events for one port and cycle among them, 0 too."""
    n_ports = len(image.inputs)
    return SpikeEvents.of(
        rng.integers(begin, end, n_events), rng.integers(0, n_ports, n_events), rng.integers(-12, 25, n_events)
    )


def as_rows(events: SpikeEvents) -> list[tuple[int, int, int]]:
    """Events as a list, for comparison."""
    return list(zip(events.cycle.tolist(), events.port.tolist(), events.value.tolist(), strict=True))
