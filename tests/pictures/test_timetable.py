"""What is computed when, as pictures show it, is what the stream contracts say."""

from dataclasses import replace

import numpy as np
import pytest

import neuroproc
from isa_spec.building import build_image
from isa_spec.errors import FormatError
from isa_spec.image import LayerRecord
from isa_spec.stream import StreamContract
from neuroproc.pictures.positions import position_colours, whole_colours
from neuroproc.pictures.timetable import marks_of, timetable

N_RANDOM = 40


def random_contract(rng):
    """Any contract: tiles that do not divide the map, blank slots, turns, values of several spikes."""
    channels, height, width = rng.integers(1, 7, 3).tolist()
    unroll_h, unroll_w, slot = rng.integers(1, 5, 3).tolist()
    row_pitch, col_pitch, levels, beat = rng.integers(1, 4, 4).tolist()
    turns = (0, *np.cumsum(rng.integers(1, 9, rng.integers(0, channels))).tolist())
    return StreamContract(
        channels, height, width, unroll_h, unroll_w, int(rng.integers(0, 20)), slot, row_pitch * width, col_pitch,
        int(rng.integers(1, 90)), turns, levels, beat,
    )  # fmt: skip


def image_of(*contracts):
    """An image with such layers, and as many neurons as they have lanes."""
    first, records = 0, []
    for number, contract in enumerate(contracts):
        records.append(LayerRecord(f"layer{number}", "conv2d", first, contract, 0, 0, contract.n_values, 0))
        first += contract.n_lanes
    spec = neuroproc.load_profile("research")
    image = build_image(spec, np.ones(first, int), [], [], [], [], (), ())
    return replace(image, layers=tuple(records), interval=contracts[0].interval, latency=contracts[-1].last_cycle + 1)


@pytest.mark.parametrize("seed", range(N_RANDOM))
def test_bands_say_what_contracts_say(seed):
    rng = np.random.default_rng(seed)
    contract = random_contract(rng)
    table = timetable(image_of(contract))
    (band,) = table.bands
    cycles = contract.cycles()
    for channel in range(contract.channels):
        assert np.array_equal(band.first + band.turns[channel % len(band.turns)], cycles[channel])
    assert (band.channels, band.height, band.width) == cycles.shape
    assert band.neurons == len(np.unique(contract.lanes()))
    assert band.values == cycles.size
    assert band.last == contract.last_cycle
    assert band.tile[0] * band.tile[1] * -(-contract.channels // contract.n_turns) == band.neurons
    assert band.streamed == (contract.tile_rows * contract.tile_cols > 1)


@pytest.mark.parametrize("seed", range(N_RANDOM))
def test_marks_are_where_contracts_put_values(seed):
    """Every value of every frame that begins in time has its mark, and nothing else has."""
    rng = np.random.default_rng(seed)
    contract = random_contract(rng)
    table = timetable(image_of(contract))
    (band,) = table.bands
    until = int(rng.integers(0, contract.last_cycle + 4 * contract.interval))
    marks = marks_of(table, band, until)
    found = set()
    for begin, end, top, bottom, frame in zip(
        marks.begin, marks.end, marks.top, marks.bottom, marks.frame, strict=True
    ):
        row, turn = divmod(round(float(top) * len(band.turns)), len(band.turns))
        assert bottom - top == pytest.approx(1 / len(band.turns))
        assert end - begin == pytest.approx(band.length / band.tile[1])
        for column in range(contract.width):
            # Side by side within the slot are places that are computed at once.
            at = begin - band.length * (column % band.tile[1]) / band.tile[1]
            if at == pytest.approx(band.first[row, column] + band.turns[turn] + frame * contract.interval):
                found.add((int(frame), turn, row, column))
    assert len(found) == len(marks.frame)
    expected = set()
    cycles = contract.cycles()
    for frame in range(until // contract.interval + 1):
        for channel, row, column in np.ndindex(cycles.shape):
            inside = band.length * (column % band.tile[1]) / band.tile[1]
            if cycles[channel, row, column] + frame * contract.interval + inside < until:
                expected.add((frame, channel % contract.n_turns, row, column))
    assert found == expected
    assert (marks.begin < until).all()


def test_places_of_a_row_can_be_one_mark():
    contract = StreamContract(1, 2, 5, 1, 1, 3, 2, 6, 1, 24)
    table = timetable(image_of(contract))
    marks = marks_of(table, table.bands[0], 24, merge=2)
    assert marks.begin.tolist() == [3, 7, 11, 15, 19, 23]
    assert marks.end.tolist() == [7, 11, 13, 19, 23, 25]
    assert marks.column.tolist() == [1 / 8, 5 / 8, 1, 1 / 8, 5 / 8, 1]


def test_a_mark_ends_where_the_next_turn_begins():
    contract = StreamContract(6, 1, 1, 1, 1, 0, 8, 1, 1, 64, turns=(0, 3, 8))
    (band,) = timetable(image_of(contract)).bands
    assert band.length == 3


def test_layers_without_neurons_of_their_own_have_no_band():
    image = neuroproc.compile_network(
        neuroproc.load_network("neuroproc/data/digits.json"), neuroproc.load_profile("np8"), neuroproc.FoldPlan((1, 1))
    )
    table = timetable(image)
    assert [band.name for band in table.bands] == ["input", "conv1", "pool1", "conv2", "pool2", "fc1", "fc2"]
    assert (table.latency, table.interval) == (image.latency, image.interval)
    assert table.band("conv2").values == 16 * 4 * 4
    with pytest.raises(FormatError, match="'flatten' is no layer with a time, allowed: input, conv1, pool1"):
        table.band("flatten")


def test_an_image_of_no_network_is_refused():
    image = build_image(neuroproc.load_profile("research"), [1], [], [], [], [], (), ())
    with pytest.raises(FormatError, match=r"no stream contracts, .* allowed: images that 'neuroproc compile' made"):
        timetable(image)


def test_colours_of_places():
    corners = position_colours(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert len(set(corners)) == 4
    assert position_colours(np.array([0]), np.array([0]), 1.0) == ["#ffffff"]
    assert whole_colours(2, np.array([0, 1])) == ["#4b5563", "#ffffff"]
