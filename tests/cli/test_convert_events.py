"""`neuroproc convert` of files of events: to spikes, and to frames with their labels."""

import numpy as np
import pytest
from cli_helpers import call, refused
from convert_helpers import lost
from event_helpers import n_mnist_bytes, write_hdf5

import neuroproc
from neuroproc.cli.kinds import EVENTS, kind_of
from neuroproc.formats.binning import bin_events, events_to_frames
from neuroproc.formats.events import read_all_events, read_events
from neuroproc.formats.spikes import read_spikes

TIMES = "lost: when in its bin an event was"


@pytest.fixture
def sensed(tmp_path):
    """Events of N-MNIST, in microseconds."""
    rng = np.random.default_rng(5)
    rows = [(int(t), int(x), int(y), int(p)) for t, x, y, p in zip(
        np.sort(rng.integers(0, 9000, 40)), rng.integers(0, 34, 40), rng.integers(0, 34, 40), rng.integers(0, 2, 40),
        strict=True,
    )]  # fmt: skip
    path = tmp_path / "00001.bin"
    path.write_bytes(n_mnist_bytes(rows))
    return path


@pytest.fixture
def heard(tmp_path):
    """Two samples of SHD, in seconds."""
    pytest.importorskip("h5py", reason="needs the extra hdf5")
    path = tmp_path / "shd.h5"
    write_hdf5(path, [([0.25, 0.5], [3, 699]), ([0.125], [7])], labels=[4, 9])
    return path


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".txt"])
def test_events_to_spikes(sensed, tmp_path, capsys, suffix):
    assert kind_of(sensed) == EVENTS
    target = tmp_path / f"spikes{suffix}"
    notes = ("a raster has a line for each port",) if suffix == ".txt" else ()
    lost(call(capsys, "convert", sensed, target, "--bin", "1ms"), TIMES, *notes)
    expected, found = bin_events(read_events(sensed), "1ms"), read_spikes(target, None)
    for name in ("cycle", "port", "value"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))


def test_events_to_frames(sensed, tmp_path, capsys):
    lost(call(capsys, "convert", sensed, tmp_path / "f.npy", "--bin", "1ms"), TIMES)
    frames = np.load(tmp_path / "f.npy")
    assert np.array_equal(frames, events_to_frames(read_events(sensed), "1ms"))
    assert frames.shape == (9, 2, 34, 34)
    lost(call(capsys, "convert", sensed, tmp_path / "g.npz", "--frames"), TIMES)
    with np.load(tmp_path / "g.npz") as arrays:
        assert set(arrays) == {"frames"}
        assert np.array_equal(arrays["frames"], events_to_frames(read_events(sensed)))


def test_samples_to_frames_and_labels(heard, tmp_path, capsys):
    assert kind_of(heard) == EVENTS
    lost(call(capsys, "convert", heard, tmp_path / "f.npz", "--frames"), TIMES)
    with np.load(tmp_path / "f.npz") as arrays:
        assert arrays["labels"].tolist() == [4, 9]
        assert np.array_equal(arrays["frames"], events_to_frames(read_all_events(heard)))
    assert neuroproc.read_labels(tmp_path / "f.npz").tolist() == [4, 9]
    words = (TIMES, "2 labels are left out; .npz has room for them")
    lost(call(capsys, "convert", heard, tmp_path / "f.npy"), *words)
    lost(call(capsys, "convert", heard, tmp_path / "one.npz", "--frames", "--sample", 1), TIMES)
    with np.load(tmp_path / "one.npz") as arrays:
        assert arrays["labels"].tolist() == [9]
        assert arrays["frames"].sum() == 1
    words = (TIMES, "the label 4 is left out: frames are bins of one sample")
    lost(call(capsys, "convert", heard, tmp_path / "b.npz", "--frames", "--sample", 0, "--bin", "125ms"), *words)
    with np.load(tmp_path / "b.npz") as arrays:
        assert arrays["frames"].sum(axis=(1, 2, 3)).tolist() == [0, 0, 1, 0, 1]


def test_a_sample_to_spikes(heard, tmp_path, capsys):
    target = tmp_path / "s.csv"
    words = (TIMES, "the label 4 of the sample is left out")
    lost(call(capsys, "convert", heard, target, "--bin", "1/4 s", "--sample", 0), *words)
    assert target.read_text() == "cycle,port,value\n1,3,1\n2,699,1\n"


@pytest.mark.error
def test_what_is_missing_or_means_nothing(sensed, heard, case, tmp_path, capsys):
    target = tmp_path / "s.csv"
    refused(call(capsys, "convert", sensed, target), "holds events; say what a cycle is worth, as --bin 1ms")
    refused(call(capsys, "convert", heard, target, "--bin", "1ms"), "holds 2 samples; choose one by its number, 0..1")
    words = "--frames means nothing where events becomes .csv; leave it out"
    refused(call(capsys, "convert", sensed, target, "--bin", "1ms", "--frames"), words)
    words = "--origin means nothing where each sample becomes one frame; leave it out, or add --bin"
    refused(call(capsys, "convert", sensed, tmp_path / "f.npy", "--origin", "1ms"), words)
    words = "--image means nothing where events become frames; leave it out"
    refused(call(capsys, "convert", sensed, tmp_path / "f.npz", "--frames", "--image", case.image), words)
    words = "--bin means nothing where spikes becomes .npz; leave it out"
    refused(call(capsys, "convert", case.spikes, tmp_path / "s.npz", "--bin", "1ms"), words)
    words = "--sample means nothing where spikes becomes .npz; leave it out"
    refused(call(capsys, "convert", case.spikes, tmp_path / "s.npz", "--sample", "0"), words)
    refused(call(capsys, "convert", sensed, target, "--bin", "1ms", "--image", case.image), "allowed: as many")
    sensed.write_bytes(sensed.read_bytes()[:-1])
    refused(call(capsys, "convert", sensed, target, "--bin", "1ms"), "199 bytes, allowed: a multiple of 5")
    heard.write_bytes(heard.read_bytes()[:-100])
    refused(call(capsys, "convert", heard, target, "--bin", "1ms"), "shd.h5")
    assert not target.exists()
