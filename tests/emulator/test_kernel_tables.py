"""What the kernel runs on, against the slow and obvious way to say it."""

from __future__ import annotations

import numpy as np
import pytest
from emulator_helpers import ALL_FAMILIES, family_spec, loosened, make_spec, random_image

from isa_spec.image import Port, ProcessorImage, build_image
from neuroproc.kernels.prepare import RING_BYTES, potential_type, prepare, ring_slots
from neuroproc.state import falls_without_end, steepest_fall, synaptic_range

pytestmark = pytest.mark.differential


def segments_by_loops(image: ProcessorImage) -> list[list[tuple[int, list[tuple[int, int]]]]]:
    """Per source, its delays, and per delay its targets and weights."""
    sources: list[dict[int, list[tuple[int, int]]]] = [{} for _ in range(image.n_neurons)]
    for source in range(image.n_neurons):
        for synapse in range(image.row_start[source], image.row_start[source + 1]):
            delay = int(image.delay[synapse])
            sources[source].setdefault(delay, []).append((int(image.target[synapse]), int(image.weight[synapse])))
    return [sorted(delays.items()) for delays in sources]


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_segments(family: str, seed: int) -> None:
    rng = np.random.default_rng([seed, 77])
    image = random_image(rng, family_spec(family), 12, int(rng.choice([0, 5, 100])), 6)
    tables = prepare(image)
    found = []
    for source in range(image.n_neurons):
        delays = []
        for segment in range(tables.segment_row[source], tables.segment_row[source + 1]):
            which = slice(tables.segment_begin[segment], tables.segment_begin[segment + 1])
            synapses = list(zip(tables.target[which].tolist(), tables.weight[which].tolist(), strict=True))
            delays.append((int(tables.segment_delay[segment]), synapses))
        found.append(delays)
    assert found == segments_by_loops(image)
    assert tables.threshold.tolist() == image.threshold.tolist()
    rules = image.spec
    low = bool((image.threshold < 1).any())
    assert tables.tracks_touch == (low and rules.evaluation == "on-delivery")
    assert tables.always == (low and rules.evaluation == "every-cycle")
    lowest = np.iinfo(tables.threshold.dtype).min
    assert tables.floor == (lowest if rules.potential_floor is None else rules.potential_floor)
    assert tables.leaks == family.startswith("leak")


def one_synapse(delay: int, n_neurons: int = 2) -> ProcessorImage:
    return build_image(make_spec(), np.ones(n_neurons, int), [0], [1], [1], [delay], [Port("a", 0)], [])


def test_ring_is_a_power_of_two_above_the_delay() -> None:
    assert [ring_slots(one_synapse(delay), 4) for delay in (1, 2, 3, 4, 15, 16)] == [2, 4, 4, 8, 16, 32]
    no_synapse = build_image(make_spec(), [1], [], [], [], [], [], [])
    assert ring_slots(no_synapse, 4) == 1


def test_ring_fits_in_memory() -> None:
    for n_neurons in (2, 1000, 100_000):
        image = one_synapse(2**31 - 1, n_neurons)
        tables = prepare(image)
        assert tables.n_slots * n_neurons * tables.threshold.itemsize <= RING_BYTES
        assert tables.n_slots & (tables.n_slots - 1) == 0
        assert tables.n_far == 1


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
    assert prepare(image).floor == (-(2**63) if floor is None else floor)


@pytest.mark.parametrize("floor", [0, -(2**40), -(2**63), None])
def test_what_leaks_needs_neither_floor_nor_room(floor: int | None) -> None:
    image = build_image(make_spec(leak="all", potential_floor=floor), [1, 1], [0], [1], [-1], [1], [], [])
    assert not falls_without_end(image)
    assert potential_type(image) == np.int32
    assert prepare(image).floor == (0 if floor == 0 else -(2**31))
