"""What the kernel runs on, against the slow and obvious way to say it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from emulator_helpers import ALL_FAMILIES, family_spec, loosened, make_spec, random_image
from kernel_helpers import check_tables

from isa_spec.building import build_image
from isa_spec.image import Port, ProcessorImage
from isa_spec.potentials import synaptic_range
from neuroproc.bounds import falls_without_end, rising, steepest_fall
from neuroproc.kernels.memory import Number
from neuroproc.kernels.prepare import RING_BYTES, potential_type, prepare, ring_slots
from neuroproc.kernels.structure import Synapses, merged, renumbered

pytestmark = pytest.mark.differential


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_tables(family: str, seed: int) -> None:
    rng = np.random.default_rng([seed, 77])
    n_neurons = int(rng.choice([1, 12, 40]))
    image = random_image(rng, family_spec(family), n_neurons, int(rng.choice([0, 5, 100, 2000])), 6)
    tables = check_tables(image, max_slots=int(rng.choice([2, 2**16])))
    settings, rules = tables.settings, image.spec
    low = bool((image.threshold < 1).any())
    assert settings[Number.TRACKS_TOUCH] == ((low or rising(image).any()) and rules.evaluation == "on-delivery")
    assert settings[Number.ALWAYS] == (low and rules.evaluation == "every-cycle")
    lowest = np.iinfo(tables.arrays["threshold"].dtype).min
    assert settings[Number.LOWEST] == lowest
    assert settings[Number.FLOOR] == (lowest if rules.potential_floor is None else rules.potential_floor)
    assert settings[Number.KEEP] == (0 if family_spec(family).leak == "all" else -1)


def one_synapse(delay: int, n_neurons: int = 2) -> ProcessorImage:
    return build_image(make_spec(), np.ones(n_neurons, int), [0], [1], [1], [delay], [Port("a", 0)], [])


def test_ring_is_a_power_of_two_above_the_delay() -> None:
    assert [ring_slots(one_synapse(delay), 4) for delay in (1, 2, 3, 4, 15, 16)] == [2, 4, 4, 8, 16, 32]
    no_synapse = build_image(make_spec(), [1], [], [], [], [], [], [])
    assert ring_slots(no_synapse, 4) == 1


def test_ring_fits_in_memory() -> None:
    for n_neurons in (2, 1000, 100_000):
        tables = prepare(one_synapse(2**31 - 1, n_neurons))
        n_slots, stride = tables.settings[Number.N_SLOTS], tables.settings[Number.STRIDE]
        assert n_slots * stride * tables.arrays["threshold"].itemsize <= RING_BYTES
        for factor in (n_slots, stride):
            assert factor & (factor - 1) == 0
        assert stride >= n_neurons
        assert tables.settings[Number.N_FAR_SYNAPSES] == 1


def test_charge_by_loops() -> None:
    rng = np.random.default_rng(3)
    image = random_image(rng, make_spec(input_min=-7), 10, 60)
    least, most, fall = [0] * 10, [0] * 10, [0] * 10
    for target, weight in zip(image.target.tolist(), image.weight.tolist(), strict=True):
        least[target] += min(weight, 0)
        most[target] += max(weight, 0)
    for neuron in range(10):
        fall[neuron] = -least[neuron] + 7 * sum(port.neuron == neuron for port in image.inputs)
    assert [column.tolist() for column in synaptic_range(image)] == [least, most]
    assert steepest_fall(image) == max(fall)


@pytest.mark.parametrize(
    ("floor", "endless"), [(-(2**62) + 1, False), (-(2**62), True), (-(2**63), True), (None, True)]
)
def test_a_floor_out_of_sight_is_none(floor: int | None, endless: bool) -> None:
    image = build_image(loosened(make_spec(), potential_floor=floor), [1, 1], [0], [1], [-1], [1], [], [])
    assert falls_without_end(image) == endless
    assert potential_type(image) == np.int64
    assert prepare(image).settings[Number.FLOOR] == (-(2**63) if floor is None else floor)


@pytest.mark.parametrize("floor", [0, -(2**40), -(2**63), None])
def test_what_leaks_needs_neither_floor_nor_room(floor: int | None) -> None:
    image = build_image(make_spec(leak="all", potential_floor=floor), [1, 1], [0], [1], [-1], [1], [], [])
    assert not falls_without_end(image)
    assert potential_type(image) == np.int16
    assert prepare(image).settings[Number.FLOOR] == (0 if floor == 0 else -(2**15))


@pytest.mark.parametrize(
    ("changes", "threshold", "weight", "dtype"),
    [
        ({}, 1, 2**15 - 1, "int16"),
        ({}, 2, 2**15 - 1, "int32"),
        ({}, 2**15 - 1, 1, "int16"),
        ({}, 2**15, 0, "int32"),
        ({}, 1, -(2**15), "int16"),
        ({}, 1, -(2**15) - 1, "int32"),
        ({"potential_floor": -(2**15)}, 1, 0, "int16"),
        ({"potential_floor": -(2**15)}, 1, -1, "int32"),
        ({"potential_floor": -(2**31)}, 1, -1, "int64"),
        ({"input_min": -(2**31), "input_max": 2**31 - 1}, 1, 5, "int16"),
        ({"evaluation": "on-delivery", "threshold_min": -(2**31)}, -(2**15) + 1, 5, "int16"),
        ({"evaluation": "on-delivery", "threshold_min": -(2**31)}, -(2**15), 5, "int32"),
        ({"leak": "all", "potential_floor": None, "input_min": -(2**15)}, 1, 0, "int16"),
        ({"leak": "all", "potential_floor": None, "input_min": -(2**15)}, 1, -1, "int32"),
        ({"leak": "all", "potential_floor": 0, "input_min": -(2**31)}, 1, -1, "int16"),
    ],
)
def test_width(changes: dict[str, Any], threshold: int, weight: int, dtype: str) -> None:
    spec = make_spec(**changes)
    image = build_image(spec, [1, threshold], [0], [1], [weight], [1], [Port("a", 1)], [])
    assert potential_type(image) == dtype
    assert potential_type(image, 32) == ("int32" if dtype == "int16" else dtype)


def test_merging() -> None:
    columns = ([0, 0, 0, 1, 1], [1, 1, 1, 2, 2], [2, 2, 3, 2, 2], [5, -2, 4, 1, -1])
    source, target, delay, weight = (np.array(column) for column in columns)
    for keep_zero in (False, True):
        found = merged(Synapses(source, target, delay, weight), keep_zero)
        expected = [(0, 1, 2, 3), (0, 1, 3, 4)] + [(1, 2, 2, 0)] * keep_zero
        rows = zip(found.source, found.target, found.delay, found.weight, strict=True)
        assert [tuple(map(int, row)) for row in rows] == expected
    # A sum that takes more than 32 bits stays apart.
    weight = np.array([2**31 - 1, 1, 4, 1, -1])
    assert merged(Synapses(source, target, delay, weight), False).weight.tolist() == weight.tolist()


@pytest.mark.parametrize("longest", [5, 2**31 - 1])
def test_renumbering_sorts_again(longest: int) -> None:
    # With the longest delays a single number for source, delay and target would take more than 64 bits.
    rng = np.random.default_rng(12)
    number = rng.permutation(60_000)
    source, target, delay = rng.integers(0, 60_000, 300), rng.integers(0, 60_000, 300), rng.integers(1, longest, 300)
    source[:200], delay[:100] = source[0], longest
    found = renumbered(Synapses(source, target, delay, np.arange(300)), number)
    rows = list(zip(found.source, found.delay, found.target, strict=True))
    assert rows == sorted(zip(number[source], delay, number[target], strict=True))
    assert np.array_equal(found.target, number[target][found.weight])
