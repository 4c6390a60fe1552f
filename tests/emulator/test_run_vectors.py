"""Every conformance vector on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from emulator_helpers import as_rows

from isa_spec import errors
from isa_spec.spikes import SpikeEvents
from isa_spec.vectors import Vector, load_vectors, vector_image
from neuroproc.probe import PotentialProbe, SpikeProbe
from neuroproc.processor import EXTENSIONS, Processor

VECTORS = load_vectors()


def play(vector: Vector, processor: Processor) -> Iterator[tuple[int, SpikeEvents | None]]:
    """Do what the vector says; give length and spikes of each run; (0, None) before each reset and at the end."""
    processor.inject(SpikeEvents.of(*vector.events.T))
    for step in vector.runs:
        if isinstance(step, str):
            yield 0, None
            processor.reset()
        elif isinstance(step, int):
            yield step, processor.run(step)
        else:
            processor.inject(SpikeEvents.of(*step.T))
    yield 0, None


def skip_what_it_lacks(vector: Vector, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["engine"]
    if set(vector_image(vector).spec.extensions) - set(EXTENSIONS[name]):
        pytest.skip(f"engine {name} refuses it")


@pytest.mark.vector
@pytest.mark.parametrize("vector", [vector for vector in VECTORS if vector.error is None], ids=str)
def test_answer(vector: Vector, engine: Callable[..., Processor], request: pytest.FixtureRequest) -> None:
    skip_what_it_lacks(vector, request)
    n_neurons = len(vector.threshold)
    spike_probe, potential_probe = SpikeProbe(), PotentialProbe()
    processor = engine(vector_image(vector), probes=[spike_probe, potential_probe])
    rasters, potentials = [np.zeros((n_neurons, 0), np.uint8)], [np.zeros((n_neurons, 0), np.int64)]
    spikes = operations = 0
    for n_cycles, events in play(vector, processor):
        if events is None:
            spikes += processor.counters.spikes
            operations += processor.counters.synaptic_operations
            continue
        begin = processor.cycle - n_cycles
        cycle, neuron = spike_probe.drain()
        raster = np.zeros((n_neurons, n_cycles), np.uint8)
        raster[neuron, cycle - begin] = 1
        rasters.append(raster)
        # Each neuron is the output port of its own number.
        assert as_rows(events) == [(c, n, 1) for c, n in zip(cycle.tolist(), neuron.tolist(), strict=True)]
        cycle, potential = potential_probe.drain()
        assert cycle.tolist() == list(range(begin, processor.cycle))
        potentials.append(potential.T)
    assert np.array_equal(np.hstack(rasters), vector.raster)
    assert np.array_equal(np.hstack(potentials), vector.potentials)
    assert (spikes, operations) == (vector.spikes, vector.synaptic_operations)


@pytest.mark.vector
@pytest.mark.error
@pytest.mark.parametrize("vector", [vector for vector in VECTORS if vector.refused_by == "emulator"], ids=str)
def test_refusal(vector: Vector, engine: Callable[..., Processor], request: pytest.FixtureRequest) -> None:
    skip_what_it_lacks(vector, request)
    assert vector.error is not None
    assert vector.says is not None
    processor = engine(vector_image(vector))
    with pytest.raises(getattr(errors, vector.error), match=vector.says):
        list(play(vector, processor))
