"""NeuroBench's metrics of an image and a run, under NeuroBench's names; exact, of the processor as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isa_spec.image import ProcessorImage
from isa_spec.spec import ProcessorSpec, field_width, state_width
from isa_spec.tables import processor_tables

if TYPE_CHECKING:
    # Late: what only counts images needs nothing that runs them.
    from neuroproc.classifying.classification import Classification

_STATES = {"potential": None, "slope": "slope_synapses", "spent": "one_shot", "due": "delayed_fire"}
"""What each neuron keeps from cycle to cycle, and the parameter of the profile without which it does not exist."""


def neurobench(image: ProcessorImage, result: Classification) -> dict[str, Any]:
    """All metrics of a run: those of an image, and activity, operations per frame, accuracy.

    ``ActivationSparsity`` is ``1 - spikes / (neurons * cycles)``, of neurons of every role. ``SynapticOperations`` are
    per frame: ``Effective_ACs`` spikes that were delivered over synapses, ``Dense`` what they would be if every neuron
    fired in every cycle, and ``Effective_MACs`` 0, since a spike is 1 and multiplies nothing.
    ``ClassificationAccuracy`` is None without labels or classes.

    Parameters
    ----------
    image : ProcessorImage
    result : Classification
        Of this image.

    Source: Yik et al. 2025 (NeuroBench); where its program counts otherwise: docs/energy.md.
    """
    return metrics_of_counts(
        image, len(result.outputs), result.cycles, result.spikes, result.synaptic_operations, result.accuracy
    )


def metrics_of_counts(
    image: ProcessorImage, frames: int, cycles: int, spikes: int, synaptic_operations: int, accuracy: float | None
) -> dict[str, Any]:
    """The same of a run that is known by its counts alone."""
    return {
        **static_metrics(image),
        "ActivationSparsity": 1 - spikes / (image.n_neurons * cycles),
        "SynapticOperations": {
            "Effective_MACs": 0,
            "Effective_ACs": synaptic_operations / frames,
            "Dense": image.n_synapses * cycles / frames,
        },
        "ClassificationAccuracy": accuracy,
    }


def static_metrics(image: ProcessorImage) -> dict[str, Any]:
    """The metrics that need no run.

    ``Footprint`` is in bytes: the bits of `footprint_bits`, rounded up to whole bytes at the end.
    ``ConnectionSparsity`` is the share of the network's weights that are 0, and so are no synapses; None where an image
    has no layers that say so.
    """
    weights = sum(record.parameters for record in image.layers)
    nonzero = sum(record.nonzero_parameters for record in image.layers)
    return {
        "Footprint": -(-sum(footprint_bits(image).values()) // 8),
        "ConnectionSparsity": 1 - nonzero / weights if weights else None,
    }


def footprint_bits(image: ProcessorImage) -> dict[str, int]:
    """Bits of memory that an image and its state take, by what they are for.

    Each neuron has its fields (``threshold``, and of extensions ``leaks``, ``once``, ``group``), its state
    (``potential``, and of extensions ``slope``, ``spent``, ``due``), and ``in_flight``, its own spikes of as many
    cycles as its longest synapse takes. Each synapse has ``target``, ``weight``, ``delay`` and, of extensions,
    ``kind``. Synapses lie by source: ``row_start`` is the number of the first one of each neuron, and the end. Widths
    are those of the profile (`isa_spec.spec.field_width`); where it has no limit, those that the image needs.

    Source: isa_spec/processor.toml, `field` and `state`.
    """
    spec, fields = _bounded(image), processor_tables().field
    each = {"neuron": image.n_neurons, "synapse": image.n_synapses}
    bits = {
        name: each[entry["record"]] * (field_width(spec, name) or 0)
        for name, entry in fields.items()
        if entry["record"] in each and name != "source"
    }
    for name, parameter in _STATES.items():
        there = parameter is None or getattr(spec, parameter)
        bits[name] = image.n_neurons * (state_width(spec, name) or 0) if there else 0
    bits["row_start"] = (image.n_neurons + 1) * (spec.max_synapses or image.n_synapses).bit_length()
    longest = np.zeros(image.n_neurons, np.int64)
    np.maximum.at(longest, image.source(), image.delay)
    bits["in_flight"] = int(longest.sum())
    return bits


def _bounded(image: ProcessorImage) -> ProcessorSpec:
    """The image's processor with no more neurons and delays than the image has, where nothing else limits them."""
    spec = image.spec
    return replace(
        spec,
        max_neurons=spec.max_neurons or max(image.n_neurons, 1),
        max_delay=spec.max_delay or max(image.max_delay, 1),
    )
