"""Files of event-based sensors: what is read is what is in them, and what is wrong is refused with its place."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from event_helpers import n_mnist_bytes, read_slowly, record, rows_of, write_hdf5

from isa_spec.errors import FormatError, NeuroprocError
from neuroproc.formats.events import decode_n_mnist, is_event_file, read_all_events, read_events
from neuroproc.formats.shd import exact_ticks

SEED = 71


def test_n_mnist(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(record(5, 33, 2, 1) + bytes([9, 240, 255, 255, 255]) + record(2**23 - 1, 0, 7, 0))
    events = read_events(path)
    assert events.time.tolist() == [5, 2**23 - 1 + 2**13]
    assert (events.column.tolist(), events.row.tolist(), events.polarity.tolist()) == ([33, 0], [2, 7], [1, 0])
    assert (events.tick, events.sensor, events.label, len(events)) == (Fraction(1, 10**6), (2, 34, 34), None, 2)
    assert read_events(path, (2, 240, 180), 0).sensor == (2, 240, 180)


def test_any_bytes_are_read_as_one_by_one() -> None:
    rng = np.random.default_rng(SEED)
    for length in range(200):
        data = rng.integers(0, 256, 5 * length).astype(np.uint8)
        data[1::5][rng.random(length) < 0.2] = 240
        events = decode_n_mnist(data.tobytes(), "a")
        columns = (events.time, events.column, events.row, events.polarity)
        assert list(zip(*(column.tolist() for column in columns), strict=True)) == read_slowly(data.tobytes())


def test_long_recordings_of_n_mnist() -> None:
    rows = [(time, time % 34, 1, time % 2) for time in (0, 2**23 - 1, 2**23, 2**23 + 2**13 + 1, 2**25)]
    assert read_slowly(n_mnist_bytes(rows)) == rows


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_shd(tmp_path: Path, dtype: type) -> None:
    time = np.array([0.0, 0.1, 0.1, 1.25], dtype)
    path = write_hdf5(tmp_path / "a", [(time, [3, 699, 0, 5]), ([], []), ([0.5], [1])], [4, 0, 19], dtype)
    assert is_event_file(path)
    events = read_events(path, sample=0)
    assert rows_of(events) == [(Fraction(float(t)), 0, u, 0) for t, u in zip(time, [3, 699, 0, 5], strict=True)]
    assert (events.sensor, events.label, events.where) == ((1, 700, 1), 4, f"{path} sample 0")
    assert events.time.dtype == np.int64
    assert [(len(sample), sample.label) for sample in read_all_events(path)] == [(4, 4), (0, 0), (1, 19)]


def test_shd_of_one_sample_and_no_labels(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", [([0.5], [1])])
    assert read_events(path).label is None
    assert rows_of(read_events(path)) == rows_of(read_events(path, sample=0)) == [(Fraction(1, 2), 0, 1, 0)]
    assert [event.sensor for event in read_all_events(path, (1, 20, 35))] == [(1, 20, 35)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_bit_of_a_time_counts(dtype: type) -> None:
    """Integers and their unit are the floats, bit by bit, the smallest and the largest too."""
    rng = np.random.default_rng(SEED)
    info = np.finfo(dtype)
    extremes = [0, -0.0, info.max, info.min, info.tiny, info.smallest_subnormal, 1, 1 + info.eps]
    for count in range(1, 60):
        time = np.concatenate([rng.random(count), rng.choice(extremes, count % 7)]).astype(dtype)
        ticks, tick = exact_ticks(time, "a")
        assert ticks.dtype in (np.int64, object)
        assert [int(number) * tick for number in ticks] == [Fraction(float(number)) for number in time]
    assert exact_ticks(np.array([0.25, 3], dtype), "a")[0].tolist() == [1, 12]


@pytest.mark.malformed
@pytest.mark.parametrize("length", [1, 4, 6, 3073])
def test_truncated_n_mnist(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(length))
    with pytest.raises(FormatError, match=rf"a\.bin: {length} bytes, allowed: a multiple of 5, the bytes of an event"):
        read_events(path)


@pytest.mark.malformed
def test_no_events(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("cycle,port\n")
    with pytest.raises(FormatError, match=r"a\.csv: no events, allowed: \.bin \(N-MNIST\) or HDF5 \(SHD, SSC\)"):
        read_events(tmp_path / "a.csv")
    with pytest.raises(FormatError, match=r"none\.h5: cannot be read \(No such file"):
        read_events(tmp_path / "none.h5")
    (tmp_path / "a.bin").write_bytes(b"")
    assert len(read_events(tmp_path / "a.bin")) == 0
    with pytest.raises(FormatError, match=r"a\.bin: sample 1, allowed: 0; a file of N-MNIST is one sample"):
        read_events(tmp_path / "a.bin", sample=1)
    for sensor in ((0, 3, 4), (2, 2**16, 2**15)):
        with pytest.raises(FormatError, match=r"sensor .*, allowed: 1 and above, and 2,147,483,647 places together"):
            read_events(tmp_path / "a.bin", sensor)


@pytest.mark.malformed
def test_which_sample(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", [([0.5], [1]), ([], [])])
    with pytest.raises(FormatError, match=r"a\.h5: holds 2 samples; choose one by its number, 0\.\.1"):
        read_events(path)
    for sample in (2, -1):
        with pytest.raises(FormatError, match=rf"a\.h5: sample {sample}, allowed: 0\.\.1"):
            read_events(path, sample=sample)
    with pytest.raises(FormatError, match="holds 0 samples"):
        read_events(write_hdf5(tmp_path / "none.h5", []))


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"spikes/times": None},
            "no data set spikes/times, or damaged, allowed: spikes/times, spikes/units and labels",
        ),
        ({"spikes/units": None}, "no data set spikes/units"),
        ({"spikes/times": np.zeros((2, 3))}, r"spikes/times is \[2, 3\], allowed: \[samples\], each a list"),
        ({"spikes/times": np.zeros(2)}, r"sample 0: times are float64\[\], allowed: floats in seconds, \[n\]"),
        ({"labels": np.zeros(3, int)}, "3 entries in labels, 2 in spikes/times, allowed: as many"),
        ({"labels": np.zeros(2)}, r"sample 0: label 0\.0, allowed: an integer"),
        ({"spikes/units": np.zeros(1, int)}, "1 entries in spikes/units, 2 in spikes/times"),
    ],
)
def test_other_hdf5(tmp_path: Path, change: dict[str, np.ndarray | None], message: str) -> None:
    import h5py

    path = write_hdf5(tmp_path / "a.h5", [([0.5], [1]), ([], [])], [1, 2])
    with h5py.File(path, "r+") as file:
        for name, value in change.items():
            del file[name]
            if value is not None:
                file[name] = value
    with pytest.raises(FormatError, match=message):
        read_events(path, sample=0)


@pytest.mark.malformed
def test_ragged_samples(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", [([0.5, 0.75], [1])])
    with pytest.raises(FormatError, match=r"a\.h5 sample 0: 2 times and 1 units, allowed: as many"):
        read_events(path)
    for wrong in (np.nan, np.inf):
        write_hdf5(path, [([0.5, wrong], [1, 2])])
        with pytest.raises(FormatError, match=rf"sample 0: event 1 has time {wrong}, allowed: finite numbers"):
            read_events(path)


@pytest.mark.malformed
def test_damaged_hdf5(tmp_path: Path) -> None:
    """Cut anywhere, or a byte changed anywhere: read as it is or refused, never anything else."""
    path = write_hdf5(tmp_path / "a.h5", [([0.5, 0.75], [1, 2]), ([0.1], [3])], [1, 2])
    whole = path.read_bytes()
    rng = np.random.default_rng(SEED)
    refused = 0
    for trial in range(200):
        damaged = bytearray(whole)
        if trial % 2:
            damaged[rng.integers(8, len(whole))] ^= 1 << rng.integers(0, 8)
        else:
            del damaged[rng.integers(0, len(whole)) :]
        path.write_bytes(damaged)
        try:
            for sample in read_all_events(path):
                assert len(sample.time) == len(sample.row)
        except FormatError:
            refused += 1
    assert refused >= 100


@pytest.mark.error
def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_hdf5(tmp_path / "a.h5", [([0.5], [1])])
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(NeuroprocError, match=r"HDF5 needs h5py; install the extra: pip install 'neuroproc\[hdf5\]'"):
        read_events(path)
