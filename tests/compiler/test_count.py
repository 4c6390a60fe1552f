"""Values told by how many spikes: one lane each, a slot as long as they take, gathered exactly."""

from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import cost_by_layer

import neuroproc
from compiler.charging.charges import layer_charges, ways_to_clear
from compiler.costing.cost import cost_of
from compiler.emit import compile_network, emit
from compiler.networks.drive import Window
from compiler.networks.layers import Conv2d, Dense, Flatten
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan, legal_unrolls
from compiler.schedule import make_schedule
from isa_spec.coding import to_planes
from isa_spec.errors import FormatError, ResourceError, ScheduleError
from isa_spec.spec import load_profile
from neuroproc.classifying.host import encode_frames

RESEARCH = load_profile("research")


def network_of(levels, seed=0):
    rng = np.random.default_rng(seed)
    layers = (
        Conv2d(
            "conv", ("input",), rng.integers(-4, 5, (3, 2, 3, 3)), rng.integers(-9, 20, 3), padding=((1, 0), (0, 2))
        ),
        Conv2d("next", ("conv",), rng.integers(-2, 3, (2, 3, 2, 2)), np.array([0, 2])),
        Flatten("flat", ("next",)),
        Dense("dense", ("flat",), rng.integers(-3, 4, (4, 2 * 3 * 5)), rng.integers(-2, 4, 4)),
    )
    return LayeredNetwork("n", (2, 5, 6), layers, {"kind": "count", "levels": levels}, {"kind": "spikes"})


@pytest.mark.oracle
@pytest.mark.parametrize("levels", [1, 2, 5])
@pytest.mark.parametrize("floor", [0, -7, None])
def test_counted_values_are_exact_in_every_fold(levels, floor):
    network, rng = network_of(levels), np.random.default_rng(levels)
    spec = load_profile("research").__class__.from_dict({**RESEARCH.to_dict(), "potential_floor": floor}, "test")
    frames = rng.integers(0, levels + 1, (6, 2, 5, 6))
    frames[0], frames[1] = 0, levels
    for clearing in ways_to_clear(spec):
        for unroll in legal_unrolls(5, 6):
            schedule = make_schedule(network, spec, FoldPlan(unroll, gate=levels == 2, clearing=clearing))
            assert schedule.slot == levels + 1
            cost = cost_of(schedule)
            image = emit(schedule, cost)
            assert cost_by_layer(image) == [(layer.name, dict(layer.roles), layer.synapses) for layer in cost.layers]
            assert neuroproc.verify(network, image, frames).exact, (clearing, unroll)


def test_a_value_has_one_lane_and_as_many_spikes():
    image = compile_network(network_of(5), RESEARCH, FoldPlan((1, 1)))
    frames = np.zeros((2, 2, 5, 6), int)
    frames[0, 1, 0, 1], frames[1, 0, 0, 0] = 3, 5
    contract = image.layers[0].contract
    spikes = encode_frames(image, frames)
    first = int(contract.cycles()[1, 0, 1])
    second = contract.start + contract.interval
    assert spikes.cycle.tolist() == [first, first + 1, first + 2, *range(second, second + 5)]
    assert spikes.port.tolist() == [1] * 3 + [0] * 5
    assert np.array_equal(to_planes({"kind": "count", "levels": 5}, frames), frames)


def test_a_count_that_differs_is_told_by_the_first_spike_that_does():
    image = compile_network(network_of(5), RESEARCH, FoldPlan((1, 1)))
    frames = np.zeros((2, 2, 5, 6), int)
    frames[1, 1, 2, 3] = 3
    deaf = image.threshold.copy()
    deaf[1] = 2  # the lane of channel 1: its first spike is not passed on, but the second is
    found = neuroproc.verify(network_of(5), replace(image, threshold=deaf), frames)
    cycle = int(image.layers[0].contract.cycles()[1, 2, 3]) + image.interval
    assert found.first is not None
    assert vars(found.first) == {
        "layer": "input", "frame": 1, "channel": 1, "row": 2, "column": 3, "cycle": cycle, "found": 0, "expected": 1,
    }  # fmt: skip


def test_no_partial_sum_fires_or_meets_the_floor():
    """Any order in which the spikes of a value may come, cut anywhere: the unit decides as the whole sum does."""
    rng = np.random.default_rng(4)
    for _ in range(300):
        weight = rng.integers(-6, 7, (1, int(rng.integers(1, 5)), 1, 1))
        levels, floor = int(rng.integers(2, 5)), -int(rng.integers(0, 9))
        wanted = np.array([int(rng.integers(-20, 21))])
        spec = RESEARCH.__class__.from_dict({**RESEARCH.to_dict(), "potential_floor": floor}, "test")
        charges = layer_charges([Window(weight, (1, 1), (0, 0), 1)], [levels], wanted, spec, False, "floor", "x")
        values = rng.integers(0, levels + 1, weight.shape[1])
        potential, fired = floor, []
        for cycle in range(levels):
            potential += int(weight[0, values > cycle].sum())
            potential += int(charges.preload[0]) * (cycle == 0) + int(charges.bias[0]) * (cycle == levels - 1)
            fired.append(potential >= charges.threshold[0])
            potential = max(potential, floor)
        total = int((weight[0, :, 0, 0] * values).sum())
        assert fired == [False] * (levels - 1) + [total >= wanted[0]]
        left = 0 if fired[-1] else potential
        assert max(left + int(charges.clear[0]), floor) == floor


@pytest.mark.error
def test_what_cannot_be():
    with pytest.raises(
        ResourceError, match=r"layer 'conv' cannot gather counted values with leak = all .* 'bitplanes'"
    ):
        make_schedule(network_of(3), load_profile("np16-leak"), FoldPlan((1, 1)))
    with pytest.raises(ScheduleError, match=r"slot of 3 cycles, allowed 4\.\.\d"):
        make_schedule(network_of(3), RESEARCH, FoldPlan((1, 1), slot=3))
    image = compile_network(network_of(3), RESEARCH, FoldPlan((1, 1)))
    with pytest.raises(FormatError, match=r"value 4, allowed: 0\.\.3 \(encoding 'count' of 3 levels\)"):
        encode_frames(image, np.full((1, 2, 5, 6), 4))
    for levels in (0, 256, "3", True):
        with pytest.raises(FormatError, match=r"levels = .*, allowed: an integer in 1\.\.255"):
            network_of(levels)


@pytest.mark.oracle
@pytest.mark.parametrize("slot", [3, 4, 8])
@pytest.mark.parametrize("floor", [None, -500])
def test_gates_inhibit_no_earlier_than_releases_make_up_for_it(floor, slot):
    """A forced fire would not reach the threshold from so low, and what is left would be in the first frame's sums."""
    conv = Conv2d("conv", ("input",), np.ones((1, 1, 1, 2), np.int64), np.array([1]))
    network = LayeredNetwork("n", (1, 1, 4), (conv,), {"kind": "count", "levels": 2}, {"kind": "spikes"})
    spec = load_profile("research").__class__.from_dict({**RESEARCH.to_dict(), "potential_floor": floor}, "test")
    image = compile_network(network, spec, FoldPlan((1, 1), gate=True, clearing="force", slot=slot))
    assert neuroproc.verify(network, image, np.zeros((2, 1, 1, 4), np.uint8)).exact
