"""Activity by layer: held against counting value by value, and against networks whose units always or never fire."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from compiler_helpers import random_case
from emulator_helpers import make_spec
from latched_helpers import classifier

import neuroproc
from compiler.networks.layers import Conv2d
from compiler.networks.network import LayeredNetwork
from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.spec import load_profile
from isa_spec.spikes import SpikeEvents
from neuroproc.measuring.activity import activity_by_layer, decided_frames, most_spikes
from neuroproc.processor import Processor

ONE, RAW = {"kind": "binary", "threshold": 1}, {"kind": "spikes"}


def most_by_hand(image: ProcessorImage, cycles: int, frames: int) -> list[int]:
    """Count every value of every frame that a neuron carries."""
    counts = [cycles] * image.n_neurons
    for number, record in enumerate(image.layers):
        if record.contract is None or record.first_neuron is None:
            continue
        at = record.contract
        chances: dict[int, int] = {}
        for c, y, x in itertools.product(range(at.channels), range(at.height), range(at.width)):
            lane = (c // at.n_turns * at.lane_rows + y % at.unroll_h) * at.lane_cols + x % at.unroll_w
            neuron = record.first_neuron + lane
            chances[neuron] = chances.get(neuron, 0) + frames * (1 if image.once[neuron] else at.levels)
        counts = [chances.get(n, counts[n]) if image.layer[n] == number else counts[n] for n in range(image.n_neurons)]
    return counts


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(20))
def test_layers_add_up_and_chances_are_those_of_every_value(seed: int) -> None:
    network, spec, plan, frames = random_case(seed, 3)
    image = neuroproc.compile_network(network, spec, plan)
    found = neuroproc.classify(image, frames, engine="event", threads=1)
    assert decided_frames(image, found.cycles) == 3
    assert decided_frames(image, found.cycles - 1) == 2
    assert most_spikes(image, found.cycles).tolist() == most_by_hand(image, found.cycles, 3)
    layers = activity_by_layer(image, found.spike_count, found.cycles)
    assert [layer.name for layer in layers] == [record.name for record in image.layers]
    assert sum(layer.spikes for layer in layers) == found.spikes
    assert sum(layer.neurons for layer in layers) == image.n_neurons
    silent = np.sort(np.concatenate([layer.silent for layer in layers]))
    assert silent.tolist() == [n for n in range(image.n_neurons) if not found.spike_count[n]]
    for layer in layers:
        assert layer.mean_rate * layer.neurons * found.cycles == pytest.approx(layer.spikes, rel=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("unroll", [(6, 6), (2, 3)])
def test_neurons_that_fire_once_have_one_chance_for_each_value(unroll: tuple[int, int]) -> None:
    image = neuroproc.compile_network(classifier(), load_profile("np16-temporal"), neuroproc.FoldPlan(unroll))
    assert image.once.any()
    assert image.layers[-1].contract is not None
    assert image.layers[-1].contract.levels == 8
    assert most_spikes(image, 1000, 7).tolist() == most_by_hand(image, 1000, 7)


def three_channels() -> LayeredNetwork:
    """Three channels on each pixel: one that always fires, one that never does, one that repeats it."""
    weight, threshold = np.ones((3, 1, 1, 1), int), np.array([0, 2, 1])
    return LayeredNetwork("three", (1, 4, 6), (Conv2d("conv", ("input",), weight, threshold),), ONE, RAW)


@pytest.mark.oracle
@pytest.mark.parametrize("unroll", [(4, 6), (2, 3), (1, 1), (4, 2)])
@pytest.mark.parametrize("gate", [False, True])
def test_units_that_always_or_never_fire_are_found(unroll: tuple[int, int], gate: bool) -> None:
    image = neuroproc.compile_network(three_channels(), make_spec(), neuroproc.FoldPlan(unroll, gate))
    frames = np.zeros((5, 1, 4, 6), int)
    frames[3, 0, 2, 1] = 1
    found = neuroproc.classify(image, frames)
    conv = activity_by_layer(image, found.spike_count, found.cycles)[-1]
    first, tile = image.layers[-1].first_neuron, unroll[0] * unroll[1]
    assert first is not None
    assert conv.name == "conv"
    assert conv.saturated.tolist() == list(range(first, first + tile))
    repeats = first + 2 * tile + 2 % unroll[0] * unroll[1] + 1 % unroll[1]
    units = set(range(first, first + 3 * tile))
    assert set(conv.silent.tolist()) & units == units - set(range(first, first + tile)) - {repeats}
    # One frame more, and none of them has fired for every value.
    assert not activity_by_layer(image, found.spike_count, found.cycles + 10**6, 6)[-1].saturated.size


def test_without_layers_a_neuron_is_saturated_that_fires_in_every_cycle() -> None:
    image = build_image(make_spec(), [1, 1, 9], [0], [1], [1], [1], [Port("a", 0)], [Port("b", 1)])
    processor = Processor(image, "reference")
    processor.inject(SpikeEvents([0, 1, 2, 3], [0, 0, 0, 0], [1, 1, 1, 1]))
    processor.run(4)
    (found,) = activity_by_layer(image, processor.spike_counts, 4)
    assert (found.name, found.kind, found.neurons, found.spikes) == ("", "", 3, 4 + 3)
    assert (found.silent.tolist(), found.saturated.tolist()) == ([2], [0])
    assert found.mean_rate == 7 / 12
    assert decided_frames(image, 4) == 0


@pytest.mark.error
@pytest.mark.parametrize(
    ("counts", "cycles", "words"),
    [
        ([1, 2], 4, "spikes by neuron: int64[2], allowed: integers[3], one for each neuron of the image"),
        ([1.0, 2.0, 3.0], 4, "spikes by neuron: float64[3], allowed: integers[3]"),
        ([1, 5, 2], 4, "spikes by neuron[1] = 5, allowed: 0..4, one in every cycle"),
        ([1, 0, -1], 4, "spikes by neuron[2] = -1, allowed: 0..4"),
        ([0, 0, 0], 0, "cycles = 0, allowed: 1 and above; run something"),
    ],
)
def test_counts_that_no_run_gives(counts: list[float], cycles: int, words: str) -> None:
    image = build_image(make_spec(), [1, 1, 9], [0], [1], [1], [1], [Port("a", 0)], [Port("b", 1)])
    with pytest.raises(EmulationError, match=re.escape(words)):
        activity_by_layer(image, np.array(counts), cycles)
