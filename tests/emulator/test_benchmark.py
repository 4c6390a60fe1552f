"""NeuroBench's metrics, held against a network that is counted by hand and against the loops of their definitions."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from compiler_helpers import random_case
from emulator_helpers import FAMILIES, family_spec, make_spec, random_image

import neuroproc
from compiler.networks.layers import Dense
from compiler.networks.network import LayeredNetwork
from isa_spec.building import build_image
from isa_spec.image import Port
from isa_spec.spec import load_profile
from neuroproc.measuring.benchmark import footprint_bits, neurobench, static_metrics
from neuroproc.probe import SpikeProbe
from neuroproc.processor import Processor

NP8 = load_profile("np8")


def two_units() -> LayeredNetwork:
    """Two pixels, two dense units that fire at 2: unit 0 for pixel 0, unit 1 for both."""
    layer = Dense("fc", ("input",), np.array([[2, 0], [1, 1]]), np.array([2, 2]))
    return LayeredNetwork("two", (2, 1, 1), (layer,), {"kind": "binary"}, {"kind": "argmax", "classes": 2})


@pytest.mark.oracle
def test_a_network_counted_by_hand() -> None:
    """Two pixels, two units and a clock, which inhibits both units after every frame, two cycles apart."""
    image = neuroproc.compile_network(two_units(), NP8, neuroproc.FoldPlan((1, 1)))
    synapses = zip(image.source().tolist(), image.target.tolist(), image.delay.tolist(), strict=True)
    assert list(synapses) == [(0, 3, 1), (0, 4, 1), (1, 4, 1), (2, 2, 2), (2, 3, 2), (2, 4, 2)]
    frames = np.array([[1, 0], [1, 1], [0, 0], [1, 0]]).reshape(4, 2, 1, 1)
    result = neuroproc.classify(image, frames, np.array([0, 1, 0, 0]))
    # Four frames, two cycles each. The clock fires in cycles 0, 2, 4, 6.
    assert result.cycles == 8
    assert result.spike_count.tolist() == [3, 1, 4, 3, 1]
    # Of frame 1 both units fire, and the lower class is taken, which is wrong.
    assert neurobench(image, result) == {
        # Thresholds and potentials, 6 synapses of 8 + 8 + 3 bits, 6 starts of 3, delays of 1, 1 and 2: 256 bits.
        "Footprint": (5 * (8 + 16) + 6 * (8 + 8 + 3) + 6 * 3 + 1 + 1 + 2) // 8,
        "ConnectionSparsity": 1 / 4,
        "ActivationSparsity": 1 - (3 + 1 + 4 + 3 + 1) / (5 * 8),
        "SynapticOperations": {
            "Effective_MACs": 0,
            "Effective_ACs": (3 * 2 + 1 * 1 + 4 * 3) / 4,
            "Dense": 6 * 8 / 4,
        },
        "ClassificationAccuracy": 3 / 4,
    }
    assert neurobench(image, neuroproc.classify(image, frames))["ClassificationAccuracy"] is None


@pytest.mark.oracle
def test_a_footprint_counted_by_hand() -> None:
    """Five neurons and four synapses on np8: every bit of them."""
    source, target, weight, delay = [0, 0, 1, 3], [1, 2, 3, 3], [5, -5, 7, 1], [1, 9, 4, 2]
    image = build_image(NP8, [1, 2, 3, 4, 5], source, target, weight, delay, [Port("a", 0)], [Port("b", 3)])
    assert {name: bits for name, bits in footprint_bits(image).items() if bits} == {
        "threshold": 5 * 8,
        "potential": 5 * 16,
        "weight": 4 * 8,
        "delay": 4 * 8,
        "target": 4 * 3,  # neuron 4 is 100
        "row_start": 6 * 3,  # six starts, of 0 to 4 synapses
        "in_flight": 9 + 4 + 2,  # neurons 0, 1 and 3
    }
    assert static_metrics(image) == {
        "Footprint": (40 + 80 + 32 + 32 + 12 + 18 + 15 + 7) // 8,
        "ConnectionSparsity": None,
    }
    wider = dataclasses.replace(NP8, max_neurons=1000, max_synapses=5000, one_shot=True, clear_synapses=True)
    found = footprint_bits(dataclasses.replace(image, spec=wider))
    assert (found["target"], found["row_start"]) == (4 * 10, 6 * 13)
    assert (found["once"], found["spent"], found["kind"]) == (5, 5, 4 * 2)
    unlimited = dataclasses.replace(NP8, max_delay=None, slope_synapses=True)
    found = footprint_bits(dataclasses.replace(image, spec=unlimited))
    assert (found["delay"], found["slope"], found["kind"]) == (4 * 4, 5 * 16, 4 * 2)
    # A group is -1 or a neuron, 4 at most.
    grouped = dataclasses.replace(NP8, pooling_groups=True)
    assert footprint_bits(dataclasses.replace(image, spec=grouped))["group"] == 5 * 4
    delayed = dataclasses.replace(NP8, delayed_fire=True)
    assert footprint_bits(dataclasses.replace(image, spec=delayed))["due"] == 5
    leaking = dataclasses.replace(NP8, leak="per-neuron")
    assert footprint_bits(dataclasses.replace(image, spec=leaking))["leaks"] == 5


def bits_of(low: int, high: int) -> int:
    """Bits that tell ``low .. high`` apart, in two's complement if some are negative: by trying."""
    if low == high:
        return 0
    for bits in itertools.count(1):
        least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if low < 0 else (0, 2**bits - 1)
        if least <= low and high <= most:
            return bits
    raise AssertionError


@pytest.mark.oracle
@pytest.mark.parametrize("family", FAMILIES)
def test_every_value_of_an_image_fits_its_bits(family: str) -> None:
    rng = np.random.default_rng(len(family))
    image = random_image(rng, family_spec(family))
    spec, bits, n, m = image.spec, footprint_bits(image), image.n_neurons, image.n_synapses
    assert bits["threshold"] == n * bits_of(spec.threshold_min, spec.threshold_max)
    assert bits["weight"] == m * bits_of(spec.weight_min, spec.weight_max)
    assert bits["delay"] == m * bits_of(0, image.max_delay if spec.max_delay is None else spec.max_delay)
    assert bits["target"] == m * bits_of(0, n - 1)
    assert bits["group"] == (n * bits_of(-1, n - 1) if spec.pooling_groups else 0)
    assert bits["potential"] == n * spec.potential_bits
    longest = [0] * n
    for source, delay in zip(image.source().tolist(), image.delay.tolist(), strict=True):
        longest[source] = max(longest[source], delay)
    assert bits["in_flight"] == sum(longest)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(6))
def test_runs_counted_spike_by_spike(seed: int) -> None:
    """The raster of the reference: each spike over each of its synapses, each silence of each neuron."""
    network, spec, plan, frames = random_case(seed, 3)
    image = neuroproc.compile_network(network, spec, plan)
    result = neuroproc.classify(image, frames)
    probe = SpikeProbe()
    processor = Processor(image, "reference", [probe])
    processor.inject(image.start)
    processor.inject(neuroproc.encode_frames(image, frames))
    processor.run(result.cycles)
    fired = np.zeros((result.cycles, image.n_neurons), bool)
    fired[probe.events()] = True
    found = neurobench(image, result)
    assert found["ActivationSparsity"] == pytest.approx((~fired).sum() / fired.size, rel=1e-12)
    operations = sum(int(fired[:, source].sum()) for source in image.source().tolist())
    assert found["SynapticOperations"]["Effective_ACs"] == operations / 3
    assert found["SynapticOperations"]["Dense"] == image.n_synapses * result.cycles / 3
    assert found["SynapticOperations"]["Effective_MACs"] == 0
    weights = [layer.weight for layer in network.layers if getattr(layer, "weight", None) is not None]  # type: ignore[attr-defined]
    if weights:
        zeros, all_of_them = sum(int((w == 0).sum()) for w in weights), sum(w.size for w in weights)
        assert found["ConnectionSparsity"] == pytest.approx(zeros / all_of_them, rel=1e-12, abs=1e-12)
    else:
        assert found["ConnectionSparsity"] is None


@pytest.mark.metamorphic
def test_early_exit_counts_what_was_run() -> None:
    layer = Dense("fc", ("input",), np.array([[3, 0], [1, 1]]), np.array([2**20, 2**20]))
    encoding = {"kind": "rate", "steps": 8, "levels": 8, "source": "even"}
    decode = {"kind": "argmax", "classes": 2, "by": "potential"}
    network = LayeredNetwork("two", (2, 1, 1), (layer,), encoding, decode, reset="subtract")
    image = neuroproc.compile_network(network, make_spec(reset="subtract"), neuroproc.FoldPlan((1, 1)))
    frames = np.array([[8, 0], [1, 8]]).reshape(2, 2, 1, 1)
    stopped = neuroproc.classify_by_margin(image, frames, 4)
    assert stopped.steps[0] < 8
    found = neurobench(image, stopped.classification)
    whole = neurobench(image, neuroproc.classify_by_margin(image, frames, 2**40).classification)
    assert found["SynapticOperations"]["Effective_ACs"] == stopped.classification.synaptic_operations / 2
    assert found["SynapticOperations"]["Dense"] < whole["SynapticOperations"]["Dense"]
    assert found["Footprint"] == whole["Footprint"]
