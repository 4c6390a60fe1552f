"""Networks that are written down by name: the same images as from arrays, and what is wrong said by name."""

from __future__ import annotations

import numpy as np
import pytest

from isa_spec.building import build_image
from isa_spec.errors import FormatError, ResourceError
from isa_spec.image import Port, graph_digest
from isa_spec.spec import load_profile
from isa_spec.spikes import SpikeEvents
from isa_spec.wiring import wire_image

RESEARCH = load_profile("research")
NEURONS = {"clock": 3, "a": 1, "both": 2}
SYNAPSES = [("clock", "clock", 3, 2), ("clock", "both", -1, 2), ("a", "both", 1, 1)]


def test_names_stand_for_numbers():
    wired = wire_image(RESEARCH, NEURONS, iter(SYNAPSES), ["a", "clock"], ["both"], start=["clock"])
    built = build_image(
        RESEARCH, [3, 1, 2], [0, 0, 1], [0, 2, 2], [3, -1, 1], [2, 2, 1],
        [Port("a", 1), Port("clock", 0)], [Port("both", 2)], start=SpikeEvents.of([0], [1], [3]),
    )  # fmt: skip
    assert graph_digest(wired) == graph_digest(built)


def test_every_neuron_is_an_output_unless_some_are_named():
    image = wire_image(RESEARCH, NEURONS, SYNAPSES, ["a"])
    assert image.outputs == (Port("clock", 0), Port("a", 1), Port("both", 2))
    assert len(image.start) == 0
    assert wire_image(RESEARCH, NEURONS, SYNAPSES, ["a"], []).outputs == ()


def test_networks_without_synapses_are_networks():
    image = wire_image(RESEARCH, {"a": 1}, [], ["a"])
    assert (image.n_neurons, image.n_synapses) == (1, 0)
    assert np.array_equal(image.row_start, [0, 0])


@pytest.mark.error
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"synapses": [*SYNAPSES, ("a", "bth", 1, 1)]},
            FormatError,
            "synapse 3: target: 'bth' is no neuron, allowed: clock, a, both",
        ),
        ({"synapses": [("b", "a", 1, 1)]}, FormatError, "synapse 0: source: 'b' is no neuron, allowed: clock, a, both"),
        (
            {"synapses": [("a", "both", 1)]},
            FormatError,
            "synapse 0: ('a', 'both', 1), allowed: (source, target, weight, delay)",
        ),
        ({"inputs": ["b"]}, FormatError, "inputs: 'b' is no neuron, allowed: clock, a, both"),
        ({"outputs": ["b"]}, FormatError, "outputs: 'b' is no neuron, allowed: clock, a, both"),
        ({"start": ["clock"]}, FormatError, "start: 'clock' is no input, allowed: a; add it to the inputs"),
        ({"neurons": {**NEURONS, "a": 0.5}}, FormatError, "threshold: float64 values, allowed: integers"),
        (
            {"synapses": [("a", "both", 1, 0)]},
            FormatError,
            "delay 0, allowed 1 and above: nothing arrives in the cycle it was sent",
        ),
        (
            {"spec": load_profile("risp7"), "synapses": [("a", "both", 8, 1)]},
            ResourceError,
            "weight[0] = 8, allowed -7..7 (weight_max of profile risp7); choose a wider profile",
        ),
    ],
)
def test_what_is_wrong_is_said_by_name(change, error, message):
    right = {"spec": RESEARCH, "neurons": NEURONS, "synapses": SYNAPSES, "inputs": ["a"]}
    with pytest.raises(error) as caught:
        wire_image(**{**right, **change})
    assert str(caught.value) == message
