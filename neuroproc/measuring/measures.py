"""Static measures of an image, from the image itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isa_spec.image import ROLES, ProcessorImage, graph_digest
from isa_spec.potentials import leaking, potential_bounds, signed_bits, slope_range
from neuroproc.bounds import rising
from neuroproc.measuring.benchmark import static_metrics


def count(image: ProcessorImage) -> dict[str, Any]:
    """Sizes of an image, folded and unrolled, in all and by layer, as a dictionary.

    A layer's synapses are those that arrive at its neurons; ``unrolled`` is one neuron per value and one synapse per
    use of a non-zero weight, without clocks; ``latency`` and ``initiation_interval`` are in cycles.
    ``potential_range`` holds every sum that can be reached, ``potential_bits`` is the smallest two's complement width
    for it: None where nothing bounds a potential from below, or from above, or where slopes do not end.
    ``image`` is the digest of the graph, ``neurobench`` those of its metrics that need no run.

    Parameters
    ----------
    image : ProcessorImage
    """
    n_layers = max(len(image.layers), 1)
    per_role = np.zeros((n_layers, len(ROLES)), np.int64)
    np.add.at(per_role, (image.layer, image.role), 1)
    arriving = np.bincount(image.layer[image.target], minlength=n_layers)
    ranges = _potential_ranges(image, n_layers)
    layers = [
        {
            "name": record.name,
            "kind": record.kind,
            "parameters": record.parameters,
            "nonzero_parameters": record.nonzero_parameters,
            "neurons": int(roles.sum()),
            "synapses": int(synapses),
            "unrolled_neurons": record.unrolled_neurons,
            "unrolled_synapses": record.unrolled_synapses,
            "roles": {role: int(number) for role, number in zip(ROLES, roles, strict=True) if number},
            "potential_range": list(reached[:2]),
            "potential_bits": None if reached[2] else signed_bits(*reached[:2]),
        }
        for record, roles, synapses, reached in zip(image.layers, per_role, arriving, ranges, strict=False)
    ]
    lowest, highest = min(low for low, _, _ in ranges), max(high for _, high, _ in ranges)
    return {
        "neurons": image.n_neurons,
        "synapses": image.n_synapses,
        "parameters": sum(record.parameters for record in image.layers),
        "nonzero_parameters": sum(record.nonzero_parameters for record in image.layers),
        "unrolled_neurons": sum(record.unrolled_neurons for record in image.layers),
        "unrolled_synapses": sum(record.unrolled_synapses for record in image.layers),
        "max_delay": image.max_delay,
        "latency": image.latency,
        "initiation_interval": image.interval,
        "potential_range": [lowest, highest],
        "potential_bits": None if any(endless for _, _, endless in ranges) else signed_bits(lowest, highest),
        "neurobench": static_metrics(image),
        "image": graph_digest(image),
        "profile": image.spec.name,
        "profile_digest": image.spec.digest,
        "source_digest": image.source_digest,
        "options": dict(image.options),
        "inputs": len(image.inputs),
        "outputs": len(image.outputs),
        "layers": layers,
    }


def layers_of_units(measures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Layers of `count` that have neurons and are neither the input nor clocks."""
    return [layer for layer in measures["layers"] if layer["kind"] not in ("input", "control") and layer["neurons"]]


def _potential_ranges(image: ProcessorImage, n_layers: int) -> list[tuple[int, int, bool]]:
    """Lowest and highest sum that any neuron of each layer can reach in one cycle; whether it has no end."""
    lowest, highest = potential_bounds(image)
    low, high = np.zeros((2, n_layers), np.int64)
    np.minimum.at(low, image.layer, lowest)
    np.maximum.at(high, image.layer, highest)
    endless = np.zeros(n_layers, bool)
    if image.spec.potential_floor is None:
        endless[image.layer[(lowest < 0) & ~leaking(image)]] = True
    fall, rise = slope_range(image)
    endless[image.layer[rising(image) | (fall < 0) | (rise > 0)]] = True
    return list(zip(low.tolist(), high.tolist(), endless.tolist(), strict=True))
