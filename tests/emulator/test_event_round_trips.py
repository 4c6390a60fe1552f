"""Random events through every kind of file: what comes back is what went in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from emulator_helpers import as_rows
from event_helpers import bin_slowly, n_mnist_bytes, rows_of, write_hdf5

from isa_spec.image import Port
from isa_spec.spikes import SpikeEvents
from neuroproc.formats.binning import bin_events, events_to_frames, spikes_to_frames
from neuroproc.formats.events import read_events
from neuroproc.formats.spikes import read_spike_file, write_spikes

SEED = 91
SENSOR = (2, 5, 4)
PORTS = [Port(f"in.{number}", number) for number in range(40)]
DIGEST = "sha256:" + "0123456789abcdef" * 4
MANY = [pytest.param(200, id="200"), pytest.param(1000, id="1000", marks=pytest.mark.sweep)]


def random_rows(rng: np.random.Generator, last: int) -> list[tuple[int, int, int, int]]:
    """(time, column, row, polarity) of some events, often none, often several at once."""
    count = int(rng.choice([0, 1, 5, 40]))
    times = np.sort(rng.integers(0, int(rng.choice([3, 1000, last])), count))
    columns = (times, *(rng.integers(0, size, count) for size in (SENSOR[2], SENSOR[1], SENSOR[0])))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def random_width(rng: np.random.Generator) -> Fraction:
    return Fraction(int(rng.integers(1, 10**6)), int(rng.choice([10**6, 10**5, 999983, 3 * 2**20])))


@pytest.mark.parametrize("trials", MANY)
@pytest.mark.parametrize("suffix", [".csv", ".txt", ".npz"])
def test_spikes(tmp_path: Path, suffix: str, trials: int) -> None:
    for trial in range(trials):
        rng = np.random.default_rng((SEED, trial))
        count = int(rng.choice([0, 1, 5, 60]))
        last = 40 if suffix == ".txt" else int(rng.choice([3, 10**4, 2**62]))
        events = SpikeEvents.of(
            rng.integers(0, last, count), rng.integers(0, 40, count), rng.integers(-(2**63), 2**63 - 1, count)
        )
        if suffix == ".txt":
            place = np.unique(events.cycle * 40 + events.port)
            events = SpikeEvents.of(place // 40, place % 40)
        digest = DIGEST if trial % 2 else None
        path = tmp_path / f"a{suffix}"
        write_spikes(path, events, PORTS, digest)
        found, named = read_spike_file(path, PORTS, DIGEST)
        assert (as_rows(found), named) == (as_rows(events), digest), trial


@pytest.mark.parametrize("trials", MANY)
def test_n_mnist(tmp_path: Path, trials: int) -> None:
    for trial in range(trials):
        rng = np.random.default_rng((SEED, trial))
        rows = random_rows(rng, 2**25)
        path = tmp_path / "a.bin"
        path.write_bytes(n_mnist_bytes(rows))
        events = read_events(path, SENSOR)
        assert rows_of(events) == [(Fraction(t, 10**6), p, y, x) for t, x, y, p in rows], trial
        width, origin = random_width(rng), -random_width(rng)
        for duplicates in ("merge", "count"):
            spikes = bin_events(events, width, origin, duplicates)
            assert as_rows(spikes) == bin_slowly(rows_of(events), SENSOR, width, origin, duplicates), trial


@pytest.mark.parametrize("trials", MANY)
def test_shd(tmp_path: Path, trials: int) -> None:
    for trial in range(trials):
        rng = np.random.default_rng((SEED, trial))
        dtype = (np.float16, np.float32, np.float64)[trial % 3]
        count = int(rng.choice([0, 1, 30]))
        time, unit = (rng.random(count) * 3 - 1).astype(dtype), rng.integers(0, 700, count)
        path = write_hdf5(tmp_path / "a.h5", [(time, unit)], [trial], dtype)
        events = read_events(path)
        assert rows_of(events) == [(Fraction(float(t)), 0, int(u), 0) for t, u in zip(time, unit, strict=True)], trial
        width = random_width(rng)
        spikes = bin_events(events, width, -1, "count")
        assert as_rows(spikes) == bin_slowly(rows_of(events), (1, 700, 1), width, -1, "count"), trial


@pytest.mark.parametrize("trials", MANY)
def test_from_events_by_spikes_to_frames(tmp_path: Path, trials: int) -> None:
    """Frames of events are those of the file of spikes that they were binned to, and have all events together."""
    for trial in range(trials):
        rng = np.random.default_rng((SEED, trial))
        rows = random_rows(rng, 10**6)
        path = tmp_path / "a.bin"
        path.write_bytes(n_mnist_bytes(rows))
        events = read_events(path, SENSOR)
        width = Fraction(int(rng.integers(10**4, 10**6)), 10**6)
        spikes = bin_events(events, width, duplicates="count")
        write_spikes(tmp_path / "a.csv", spikes, None)
        frames = spikes_to_frames(read_spike_file(tmp_path / "a.csv", None)[0], SENSOR)
        assert np.array_equal(frames, events_to_frames(events, width, duplicates="count")), trial
        whole = events_to_frames(events, duplicates="count")
        assert np.array_equal(whole[0], frames.sum(axis=0)), trial
        assert whole.sum() == len(rows), trial
        assert np.array_equal(events_to_frames(events, duplicates="merge"), whole > 0), trial
