"""Spikes of frames: one stream of chance for one frame, evenly spread ones by arithmetic, counts first of all."""

import numpy as np
import pytest

from isa_spec.coding import check_encoding
from isa_spec.decoding import check_decode, to_classes
from isa_spec.errors import FormatError
from isa_spec.trains import latency_trains, rate_trains, spike_trains, step_values


def encoding(**keys):
    return check_encoding({"kind": "rate", **keys}, "here")


def test_even_spikes_are_as_many_as_the_value_says_at_any_time():
    frames = np.arange(11).reshape(1, 1, 1, 11)
    trains = rate_trains(encoding(steps=30, levels=10, source="even"), frames)
    so_far = trains[0, :, 0, 0].cumsum(axis=0)
    for step in range(30):
        assert so_far[step].tolist() == [(step + 1) * value // 10 for value in range(11)]
    assert trains.max() == 1


def test_chance_has_the_rate_and_no_pattern():
    frames = np.repeat(np.arange(0, 256, 51), 2000).reshape(1, 1, 6, 2000)
    trains = rate_trains(encoding(steps=40), frames)[0, :, 0].astype(int)
    for row, value in enumerate(range(0, 256, 51)):
        spread = np.sqrt(value * (255 - value) / 255**2 / 80_000)
        assert abs(trains[:, row].mean() - value / 255) <= 5 * spread
    middle = trains[:, 2] - trains[:, 2].mean()
    assert abs((middle[1:] * middle[:-1]).mean()) < 0.005
    assert abs((middle[:, 1:] * middle[:, :-1]).mean()) < 0.005


def test_chance_is_this_stream_on_every_machine():
    trains = rate_trains(encoding(steps=4, seed=7), np.array([[[[100, 200], [30, 255]]]]))
    assert trains[0, :, 0].reshape(4, 4).tolist() == [[1, 0, 0, 1], [0, 1, 0, 1], [0, 1, 0, 1], [0, 1, 0, 1]]


def test_a_frame_has_its_spikes_wherever_it_stands():
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (5, 2, 3, 4))
    trains = rate_trains(encoding(steps=9), frames)
    order = rng.permutation(5)
    assert np.array_equal(rate_trains(encoding(steps=9), frames[order]), trains[order])
    assert np.array_equal(rate_trains(encoding(steps=9), frames.astype(np.uint8)), trains)
    assert not np.array_equal(rate_trains(encoding(steps=9, seed=1), frames), trains)
    changed = frames[:1].copy()
    changed[0, 0, 0, 0] = (changed[0, 0, 0, 0] + 1) % 256
    assert not np.array_equal(rate_trains(encoding(steps=9), changed)[0, :, 1], trains[0, :, 1])


def latency(**keys):
    return check_encoding({"kind": "latency", **keys}, "here")


@pytest.mark.parametrize(("steps", "levels"), [(1, 1), (4, 10), (10, 4), (16, 255), (255, 255), (7, 2**31 - 1)])
def test_a_latency_is_a_time_and_lasts(steps, levels):
    values = sorted({round(part * levels / 97) for part in range(98)})
    frames = np.array(values).reshape(1, 1, 1, -1)
    trains = latency_trains(latency(steps=steps, levels=levels), frames)[0, :, 0, 0]
    for number, value in enumerate(values):
        first = (levels - value) * steps // levels  # of integers without width
        assert trains[:, number].tolist() == [0] * min(first, steps) + [1] * (steps - first)
    assert not trains[:, 0].any()
    assert trains[:, -1].all()
    assert np.array_equal(step_values(latency(steps=steps, levels=levels), frames)[0, :, 0, 0], trains)
    assert np.array_equal(spike_trains(latency(steps=steps, levels=levels), frames)[0, :, 0, 0], trains)


def test_counts_come_first_and_planes_once():
    frames = np.array([3, 0, 2]).reshape(1, 1, 1, 3)
    counted = spike_trains(check_encoding({"kind": "count", "levels": 3}, ""), frames)
    assert counted[0, :, 0, 0].tolist() == [[1, 0, 1], [1, 0, 1], [1, 0, 0]]
    planes = spike_trains(check_encoding({"kind": "bitplanes", "bits": 2}, ""), frames)
    assert planes[0].tolist() == [[[[1, 0, 0]], [[1, 0, 1]]]]


@pytest.mark.error
def test_values_beyond_the_levels_are_refused():
    with pytest.raises(FormatError, match=r"value 256, allowed: 0\.\.255 \(encoding 'rate' of 255 levels\)"):
        rate_trains(encoding(steps=3), np.full((1, 1, 1, 1), 256))
    with pytest.raises(FormatError, match="frames of float64, allowed: integers"):
        rate_trains(encoding(steps=3), np.full((1, 1, 1, 1), 0.5))
    with pytest.raises(FormatError, match=r"value 256, allowed: 0\.\.255 \(encoding 'latency' of 255 levels\)"):
        latency_trains(latency(steps=3), np.full((1, 1, 1, 1), 256))


def test_ways_to_decide():
    trains = np.zeros((1, 4, 6), np.uint8)
    trains[0, :, 1] = [0, 1, 1, 0]  # class 0: units 0 and 1
    trains[0, :, 2] = [1, 0, 0, 0]  # class 1
    trains[0, :, 4] = [1, 0, 1, 0]  # class 2
    potential = np.array([[9, 9, 5, -1, -3, 0]])

    def decided(**keys):
        decode = check_decode({"kind": "argmax", "classes": 3, **keys}, 6, "here")
        return to_classes(decode, trains, potential).tolist()

    assert decided() == [0]
    assert decided(ties="potential") == [0]
    assert decided(by="first") == [1]
    assert decided(by="first", ties="potential") == [1]
    potential[0, 5] = 8
    assert decided(by="first", ties="potential") == [2]
    potential[0, :2] = -9
    assert decided(ties="potential") == [2]
    assert decided(by="potential") == [2]
    trains[:] = 0
    assert decided(by="first") == [0]
    assert decided(by="potential") == [2]
    potential[0, 4] = -potential[0, 5]
    assert decided(by="potential") == [1]


def lexicographic(trains, potential, classes, by):
    """The class whose train comes first in an ordered list of all: one frame."""
    fires = trains.reshape(len(trains), classes, -1).max(axis=2).T.tolist()
    charge = potential.reshape(classes, -1).sum(axis=1).tolist()
    count = trains.reshape(len(trains), classes, -1).sum(axis=(0, 2)).tolist()
    rank = [(count[c] if by == "count" else 0, fires[c], charge[c], -c) for c in range(classes)]
    return max(range(classes), key=rank.__getitem__)


@pytest.mark.oracle
@pytest.mark.parametrize("by", ["first", "count"])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_ties_go_to_who_speaks_next(by, classes):
    rng = np.random.default_rng(classes)
    trains = (rng.random((400, 4, 6)) < rng.choice([0.0, 0.2, 0.6], (400, 1, 1))).astype(np.uint8)
    potential = rng.integers(-1, 2, (400, 6))
    decode = {"kind": "argmax", "classes": classes, "by": by}
    found = to_classes(check_decode({**decode, "ties": "next"}, 6, ""), trains, potential)
    for frame in range(400):
        assert found[frame] == lexicographic(trains[frame], potential[frame], classes, by)
    for ties in ("lowest", "potential"):
        assert (found != to_classes(check_decode({**decode, "ties": ties}, 6, ""), trains, potential)).any()


@pytest.mark.error
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"by": "latency"}, "by = 'latency', allowed: count, first, potential"),
        ({"by": "potential", "ties": "potential"}, "ties = 'potential' with by = 'potential'"),
        ({"by": "potential", "ties": "next"}, "ties = 'next' with by = 'potential'"),
        ({"ties": 1}, "ties = 1, allowed: lowest, potential, next"),
        ({"tie": "lowest"}, "unknown key 'tie', decode 'argmax' has by, classes, kind, ties"),
    ],
)
def test_ways_that_do_not_exist(keys, words):
    with pytest.raises(FormatError, match=f"here: {words}"):
        check_decode({"kind": "argmax", "classes": 3, **keys}, 6, "here")


def test_defaults_say_nothing():
    assert check_decode({"kind": "argmax", "classes": 2, "by": "count", "ties": "lowest"}, 2, "") == {
        "kind": "argmax",
        "classes": 2,
    }
