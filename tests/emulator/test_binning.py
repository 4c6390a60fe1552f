"""Events fall into the bins where exact arithmetic puts them, and nothing is lost on the way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulator_helpers import as_rows
from event_helpers import bin_slowly, n_mnist_bytes, rows_of, write_hdf5

from isa_spec.errors import FormatError
from isa_spec.spikes import SpikeEvents
from neuroproc.formats.binning import bin_events, events_to_frames, parse_time, spikes_to_frames
from neuroproc.formats.events import Events, decode_n_mnist, read_all_events, read_events

SEED = 72
MILLISECOND = Fraction(1, 1000)


def events_at(times: list[int], tick: Fraction = Fraction(1, 10**6), dtype: type = np.int64) -> Events:
    """Events of one place."""
    nothing = np.zeros(len(times), np.int64)
    return Events(np.array(times, dtype), tick, nothing, nothing, nothing, (1, 1, 1), where="a")


def test_bins_are_half_open_and_the_tail_is_kept() -> None:
    spikes = bin_events(events_at([0, 999, 1000, 1999, 2000, 2001]), "1ms", duplicates="count")
    assert as_rows(spikes) == [(0, 0, 2), (1, 0, 2), (2, 0, 2)]
    assert as_rows(bin_events(events_at([5, 1005]), "1ms", "5us")) == [(0, 0, 1), (1, 0, 1)]
    assert as_rows(bin_events(events_at([-1000, -1]), "1ms", "-1ms", "merge")) == [(0, 0, 1)]


def test_floats_are_what_their_bits_say(tmp_path: Path) -> None:
    """0.3 is a little less than three tenths, 0.1 a little more than one: by rounding both would be elsewhere."""
    path = write_hdf5(tmp_path / "a.h5", [([0.1, 0.2, 0.3], [0, 1, 2])], dtype=np.float64)
    assert as_rows(bin_events(read_events(path), Fraction(1, 10))) == [(1, 0, 1), (2, 1, 1), (2, 2, 1)]
    assert 0.3 / 0.1 != 3
    assert as_rows(bin_events(read_events(path), Fraction(0.1))) == [(1, 0, 1), (2, 1, 1), (2, 2, 1)]


def test_ports_are_places_in_c_h_w_order() -> None:
    rng = np.random.default_rng(SEED)
    polarity, row, column = np.indices((2, 5, 7)).reshape(3, -1)
    order = rng.permutation(70)
    events = Events(order, Fraction(1), polarity[order], row[order], column[order], (2, 5, 7))
    spikes = bin_events(events, 1)
    assert as_rows(spikes) == [(number, number, 1) for number in range(70)]
    assert np.array_equal(events_to_frames(events)[0], np.ones((2, 5, 7)))
    assert np.array_equal(events_to_frames(events, 1), np.eye(70, dtype=np.uint8).reshape(70, 2, 5, 7))


@pytest.mark.parametrize("duplicates", ["merge", "count"])
def test_random_events_as_one_by_one(tmp_path: Path, duplicates: str) -> None:
    rng = np.random.default_rng(SEED)
    sensor = (2, 4, 3)
    for trial in range(100):
        count = int(rng.integers(0, 60))
        times = np.sort(rng.integers(0, 2**24, count))
        address = (rng.integers(0, size, count) for size in (3, 4, 2))
        data = n_mnist_bytes(list(zip(times.tolist(), *(column.tolist() for column in address), strict=True)))
        events = decode_n_mnist(data, "a", sensor)
        if trial % 2:
            shuffled = rng.permutation(count)
            columns = (events.polarity[shuffled], events.row[shuffled], events.column[shuffled])
            events = Events(events.time[shuffled].astype(object), events.tick, *columns, sensor)
        width = Fraction(int(rng.integers(1, 10**6)), int(rng.integers(1, 10**7)))
        origin = -Fraction(int(rng.integers(0, 10**6)), int(rng.integers(1, 10**6)))
        spikes = bin_events(events, width, origin, duplicates)
        assert as_rows(spikes) == bin_slowly(rows_of(events), sensor, width, origin, duplicates)
        assert [column.dtype for column in (spikes.cycle, spikes.port, spikes.value)] == [np.int64, np.int32, np.int64]


def test_large_numbers_do_not_wrap() -> None:
    events = events_at([2**62, 2**62 + 1])
    assert as_rows(bin_events(events, Fraction(1, 10**6))) == [(2**62, 0, 1), (2**62 + 1, 0, 1)]
    assert as_rows(bin_events(events, Fraction(10**50 + 1, 10**50), duplicates="merge")) == [(2**62 // 10**6, 0, 1)]
    assert as_rows(bin_events(events_at([10**30], Fraction(1), object), 10**29)) == [(10, 0, 1)]
    assert as_rows(bin_events(events_at([3]), 1, Fraction(-1, 10**40))) == [(0, 0, 1)]


def test_frames_count_or_say_whether() -> None:
    events = events_at([0, 0, 0, 5000])
    assert events_to_frames(events, duplicates="count").tolist() == [[[[4]]]]
    assert events_to_frames(events, duplicates="merge").tolist() == [[[[1]]]]
    assert events_to_frames(events, "2ms", duplicates="count").ravel().tolist() == [3, 0, 1]
    assert events_to_frames(events, "2ms", "-2ms", "merge").ravel().tolist() == [0, 1, 0, 1]
    many = events_to_frames(events_at([0] * 300), duplicates="count")
    assert (many.dtype, many.tolist()) == (np.int64, [[[[300]]]])
    assert events_to_frames(events_at([0] * 255), duplicates="count").dtype == np.uint8
    assert events_to_frames(events_at([])).tolist() == [[[[0]]]]
    assert events_to_frames(events_at([]), "1ms").shape == (0, 1, 1, 1)


def test_a_frame_of_each_sample(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", [([0.5, 0.75], [1, 1]), ([], []), ([-9], [2])])
    frames = events_to_frames(read_all_events(path, (1, 4, 1)), duplicates="count")
    assert frames[:, 0, :, 0].tolist() == [[0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert events_to_frames([]).shape == (0, 1, 1, 1)
    with pytest.raises(FormatError, match=r"sample 1: several samples cannot be cut into bins; choose one of them"):
        events_to_frames(read_all_events(path), "1ms")
    with pytest.raises(FormatError, match="a: sensor 1x1x1, the samples before have 1x700x1"):
        events_to_frames([read_events(path, sample=1), events_at([])])


def test_frames_of_spikes() -> None:
    spikes = SpikeEvents.of([0, 2, 2, 2], [3, 0, 0, 1], [1, 4, 5, -2])
    frames = spikes_to_frames(spikes, (1, 2, 2))
    assert (frames.dtype, frames.tolist()) == (np.int64, [[[[0, 0], [0, 1]]], [[[0, 0], [0, 0]]], [[[9, -2], [0, 0]]]])
    assert spikes_to_frames(spikes.window(0, 1), (4, 1, 1), n_frames=3).reshape(3, 4).tolist() == [
        [0, 0, 0, 1], [0] * 4, [0] * 4
    ]  # fmt: skip
    for shape, n_frames, message in (
        ((1, 1, 3), None, r"port 3, allowed: 0\.\.2 of a 1x1x3 map"),
        ((1, 2, 2), 2, r"a spike in cycle 2, allowed: 0\.\.1"),
        ((1, 2**15, 2**15), None, "3 frames of 1x32768x32768 have 3,221,225,472 values, allowed: 2,147,483,648; make"),
    ):
        with pytest.raises(FormatError, match=message):
            spikes_to_frames(spikes, shape, n_frames=n_frames)
    with pytest.raises(FormatError, match="charges up to 9223372036854775807, allowed: sums that fit 64 bits"):
        spikes_to_frames(SpikeEvents.of([0, 0], [0, 0], 2**63 - 1), (1, 1, 1))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1ms", MILLISECOND), ("1 s", Fraction(1)), ("0.5us", Fraction(1, 2 * 10**6)), ("1/30s", Fraction(1, 30)),
        ("-20ns", Fraction(-20, 10**9)), ("007ms", 7 * MILLISECOND), (" 2.50 ms", MILLISECOND * 5 / 2),
    ],
)  # fmt: skip
def test_times(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.error
@pytest.mark.parametrize("text", ["", "1", "ms", "1 min", "1e-3s", ".5s", "1/0s", "1,5ms", "nan s", "0x1s", "\u0661ms"])
def test_no_times(text: str) -> None:
    with pytest.raises(FormatError, match=r"time '.*', allowed: a number and a unit of s, ms, us, ns, as 1ms, 0\.5ms"):
        parse_time(text)


@pytest.mark.error
@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, {"width": 0}, "bins of 0 s, allowed: wider than 0"),
        ({}, {"width": "-1ms"}, "bins of -1/1000 s, allowed: wider than 0"),
        ({}, {"width": 0.001}, r"time 0\.001 is a float, allowed: text as '1ms', a Fraction or an integer"),
        ({}, {"duplicates": "add"}, "duplicates 'add', allowed: merge or count"),
        (
            {}, {"width": 1},
            r"a: event 2 \(at 1e-06 s\) is not the only one of its address in its bin \(1 such events\), allowed "
            "where duplicates are one of merge or count",
        ),
        (
            {"time": [0, -1, 1]}, {},
            r"a: event 1 \(at -1e-06 s\) is in bin -1, allowed: 0\.\.\d+ \(bins of 1/1000 s from 0 s on\); give an "
            "origin before it",
        ),
        (
            {}, {"origin": "-100000000000000000s"},
            r"event 0 \(at 0 s\) is in bin 1" + "0" * 20 + ", allowed: .*; make bins wider, or give a later",
        ),
        (
            {"row": [0, 1, 0]}, {},
            r"a: event 1 \(at 2e-06 s\) is at polarity 1, row 1, column 0, allowed: a sensor of 2x1x2 \(polarities, "
            r"rows, columns, each from 0 on\); name the sensor if it is another one",
        ),
        ({"column": [0, 0, 2]}, {}, "event 2 .* is at polarity 0, row 0, column 2, allowed"),
        ({"polarity": [2, 0, 0]}, {}, "event 0 .* is at polarity 2, row 0, column 0, allowed"),
        ({"row": [-1, 0, 0]}, {}, "event 0 .* is at polarity 0, row -1, column 0, allowed"),
        ({"time": [10**400, 0, 0]}, {}, "a: event 0 is in bin 1" + "0" * 39 + ", allowed"),
    ],
)  # fmt: skip
def test_refused(change: dict[str, list[int]], arguments: dict[str, object], message: str) -> None:
    content = {"time": [0, 2, 1], "polarity": [0, 1, 0], "row": [0, 0, 0], "column": [0, 0, 0], **change}
    huge = max(map(abs, content["time"])) > 2**63
    columns = {
        name: np.array(values, object if huge and name == "time" else np.int64) for name, values in content.items()
    }
    events = Events(**columns, tick=Fraction(1, 10**6), sensor=(2, 1, 2), where="a")
    given: dict[str, Any] = {"width": MILLISECOND, "duplicates": None if "width" in arguments else "merge", **arguments}
    with pytest.raises(FormatError, match=message):
        bin_events(events, **given)


@pytest.mark.error
def test_too_many_frames() -> None:
    with pytest.raises(FormatError, match="a: 3,000,000,001 frames of 1x1x1 have 3,000,000,001 values, allowed: 2,147"):
        events_to_frames(events_at([3 * 10**9]), "1us")
