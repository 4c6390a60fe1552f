"""Rubbish and damaged files of every kind: one message and status 3, or 4 where a number grew too large; no traceback,
and nothing is written."""

import gzip
import pickle
import shutil

import numpy as np
import pytest
from cli_helpers import ROOT, call, network_entry, write_json
from event_helpers import n_mnist_bytes, write_hdf5
from tennlab_helpers import random_network, random_params

import neuroproc
from neuroproc.cli.kinds import KINDS, kind_of
from neuroproc.cli.routes import ROUTES

pytestmark = pytest.mark.malformed

SUFFIXES = (".json", ".toml", ".nir", ".onnx", ".npz", ".npi", ".csv", ".txt", ".bin", ".h5", ".npy", "")
TOML = """format = "layered-network"
version = 1
[input]
shape = [1, 2, 2]
[[layers]]
name = "fc"
type = "dense"
weight = [[1, 2, 3, 4]]
threshold = [2]
"""


def onnx_model(path):
    onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
    from onnx_helpers import Writer

    writer = Writer(17)
    drive = writer.node("Gemm", ["x", writer.constant([[1, -2], [2, 3], [1, 1]]), writer.constant([-0.5, -0.5])])
    onnx.save(
        writer.model([1, 3], writer.node("Cast", [writer.node("Greater", [drive, writer.constant(0)])], to=1)), path
    )


def nir_network(path):
    pytest.importorskip("nir", reason="needs the extra nir")
    neuroproc.write_nir(neuroproc.load_network(write_json(path.with_suffix(".json"), network_entry())), path)


def weight_dump(path):
    pytest.importorskip("onnx", reason="needs the extra onnx")
    from weights_helpers import random_dump

    random_dump(np.random.default_rng(3), path)


def shd(path):
    pytest.importorskip("h5py", reason="needs the extra hdf5")
    write_hdf5(path, [([0.25, 0.5], [3, 699]), ([0.125], [7])], labels=[4, 9])


def text(content):
    return lambda path: path.write_text(content)


def bytes_of(content):
    return lambda path: path.write_bytes(content)


FRAMES = np.arange(48, dtype=np.uint8).reshape(2, 4, 6)
IDX = bytes([0, 0, 8, 3, *(0, 0, 0, 2), *(0, 0, 0, 4), *(0, 0, 0, 6)]) + FRAMES.tobytes()
SAMPLES = {
    "network.json": lambda path: write_json(path, network_entry()),
    "network.toml": text(TOML),
    "network.nir": nir_network,
    "network.onnx": onnx_model,
    "dump.npz": weight_dump,
    "image.npi": lambda path: shutil.copy(path.parent / "tiny.npi", path),
    "tennlab.json": lambda path: write_json(path, random_network(np.random.default_rng(1))),
    "spikes.csv": text("# a comment\ncycle,port,value\n1,0,1\n5,0,2\n9,1,-3\n"),
    "spikes.txt": text("01001\n00000\n10000\n"),
    "spikes.npz": lambda path: np.savez(path, cycle=[1, 5], port=[0, 1], value=[1, 2]),
    "events.bin": bytes_of(n_mnist_bytes([(5, 3, 4, 1), (900, 33, 33, 0)])),
    "events.h5": shd,
    "frames.npy": lambda path: np.save(path, FRAMES),
    "frames.npz": lambda path: np.savez(path, frames=FRAMES, labels=[1, 2]),
    "frames.idx": bytes_of(IDX),
    "frames.gz": bytes_of(gzip.compress(IDX, mtime=0)),
    "batch.bin": bytes_of(bytes([7]) + bytes(range(256)) * 12),
    "batch": bytes_of(pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [3]}, protocol=2)),
    "profile.toml": text((ROOT / "isa_spec" / "profiles" / "np8.toml").read_text()),
    "params.json": lambda path: write_json(path, random_params(np.random.default_rng(2))),
}
"""A file of every kind, in every way that it may be written."""


def damaged(rng, data):
    """Bytes cut, changed, put in or taken out."""
    place = int(rng.integers(len(data) + 1))
    some = rng.integers(0, 256, int(rng.integers(1, 9)), np.uint8).tobytes()
    digits = bytes(rng.choice(list(b'0123456789-.,:"[]{}'), 1).tolist())
    return [
        data[:place],
        data[:place] + some + data[place + len(some) :],
        data[:place] + digits + data[place + 1 :],
        data[:place] + some + data[place:],
        data[:place] + data[place + len(some) :],
    ][int(rng.integers(5))]


def attempts(case, source, suffixes):
    """Commands that read a file, each with what it would write."""
    for suffix in suffixes:
        target = case.folder / f"out{suffix}"
        yield target, ["convert", source, target, *(["--bin", "1s"] if source.suffix in (".bin", ".h5") else [])]
    target = case.folder / "out.npi"
    yield target, ["compile", source, "-o", target, "--encoding", "binary"]
    yield target, ["compile", source, "-o", target]
    yield case.folder / "out.csv", ["run", case.image, source, "--cycles", "20", "-o", case.folder / "out.csv"]


def check(case, capsys, source, suffixes):
    """Every command refuses the file as it should, or takes it for what it still is."""
    before = sorted(case.folder.iterdir())
    for target, arguments in attempts(case, source, suffixes):
        result = call(capsys, *arguments)
        if result.status == 0:
            assert target.exists()
            target.unlink()
            target.with_suffix(".npz").unlink(missing_ok=True)
        else:
            assert result.status in (3, 4), (arguments, result)
            lines = result.err.splitlines()
            assert len(lines) == 1, (arguments, result)
            assert lines[0].startswith("neuroproc: error: ")
            assert result.out == ""
        assert sorted(case.folder.iterdir()) == before, arguments


def suffixes_of(kind):
    return [route.suffix for route in ROUTES if kind in route.sources]


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_files(case, capsys, name):
    check_damage(case, capsys, name, range(12))


@pytest.mark.sweep
@pytest.mark.parametrize("name", SAMPLES)
def test_more_damaged_files(case, capsys, name):
    check_damage(case, capsys, name, range(12, 200))


def check_damage(case, capsys, name, seeds):
    (case.folder / "frames.npy").unlink()
    source = case.folder / name
    SAMPLES[name](source)
    suffixes, whole = suffixes_of(kind_of(source)), source.read_bytes()
    assert call(capsys, *next(attempts(case, source, suffixes))[1]).status in (0, 3)
    for file in case.folder.glob("out*"):
        file.unlink()
    for seed in seeds:
        source.write_bytes(damaged(np.random.default_rng([5, seed]), whole))
        check(case, capsys, source, suffixes)


def test_every_kind_is_here(case):
    found = set()
    for name, write in SAMPLES.items():
        write(case.folder / name)
        found.add(kind_of(case.folder / name))
    assert found == set(KINDS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_random_bytes(case, capsys, suffix):
    check_random(case, capsys, suffix, range(4))


@pytest.mark.sweep
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_more_random_bytes(case, capsys, suffix):
    check_random(case, capsys, suffix, range(4, 60))


def check_random(case, capsys, suffix, seeds):
    source = case.folder / f"rubbish{suffix}"
    for seed in seeds:
        rng = np.random.default_rng([6, seed])
        source.write_bytes(rng.integers(0, 256, int(rng.integers(0, 200)), np.uint8).tobytes())
        check(case, capsys, source, [".json", ".npi", ".csv", ".npy"])
