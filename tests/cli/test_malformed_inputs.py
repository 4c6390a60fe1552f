"""Spikes, frames, labels and options that are wrong: one message, status 3, no output file."""

import gzip
import io
import struct

import numpy as np
import pytest
from cli_helpers import call, refused

pytestmark = pytest.mark.malformed


def run_refused(case, capsys, content, *words, name="bad.csv", options=()):
    """Message of a run that fails and writes nothing."""
    file = case.folder / name
    if isinstance(content, dict):
        np.savez(file, **content)
    else:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(case.folder.iterdir())
    out = case.folder / "out.csv"
    message = refused(call(capsys, "run", case.image, file, "-o", out, *options), *words)
    assert sorted(case.folder.iterdir()) == before
    return message


CSV = [
    ("", "empty"),
    ("# nothing\n\n", "empty"),
    ("time,port\n1,0\n", "header 'time,port'"),
    ("1,0\n", "header '1,0'"),
    ("cycle,port,value,more\n1,0,1,1\n", "header"),
    ("cycle,port\n1\n", "line 2: 1 values, expected 2"),
    ("cycle,port\n1,0,1\n", "line 2: 3 values, expected 2"),
    ("cycle,port\n-1,0\n", "line 2: cycle -1 is negative"),
    ("cycle,port\n1.5,0\n", "line 2: cycle '1.5'"),
    ("cycle,port\n1,0\n\n# more\nsoon,0\n", "line 5: cycle 'soon'"),
    ("cycle,port\n99999999999999999999,0\n", "64 bits"),
    ("cycle,port,value\n1,0,0.5\n", "line 2: value '0.5'"),
    ("cycle,port,value\n1,0,\n", "line 2: value ''"),
    ("cycle,port\n1,99\n", "line 2: port '99' is unknown, allowed: 0.."),
    ("cycle,port\n1,-1\n", "line 2: port '-1' is unknown"),
    ("cycle,port\n1,nobody\n", "line 2: port 'nobody' is unknown"),
    ("cycle,port,value\n1,0,1000\n", "charge 1000"),
    ("cycle,port,value\n1,0,100\n1,0,100\n", "charge 200", "input_max of profile np8"),
    ("cycle,port\n9223372036854775807,0\n", "cycle"),
]


@pytest.mark.parametrize(("content", *["words"]), [(entry[0], entry[1:]) for entry in CSV], ids=lambda v: str(v)[:30])
def test_csv(case, capsys, content, words):
    run_refused(case, capsys, content, *words)


def test_binary_rubbish(case, capsys):
    run_refused(case, capsys, b"\xff\xfe\x00\x01", "bad.csv", "neither text nor a numpy archive")


def test_spikes_for_another_image(case, capsys):
    text = f"# image sha256:{'0' * 64}\ncycle,port\n1,0\n"
    run_refused(case, capsys, text, "made for image sha256:000", "this image is sha256:")
    arrays = {"cycle": [1], "port": [0], "image": f"sha256:{'0' * 64}"}
    run_refused(case, capsys, arrays, "made for image sha256:000", name="bad.npz")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("0101\n", "1 lines, expected 3"),
        ("0101\n010\n0000\n", "line 2: 3 cycles, expected 4"),
        ("0101\n0120\n0000\n", "line 2: '2' in a text raster"),
    ],
)
def test_raster(case, capsys, content, words):
    run_refused(case, capsys, content, words, name="bad.txt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"cycle": [1]}, "'port' is missing"),
        ({"cycle": [1], "port": [0], "time": [2]}, "'time' is unknown"),
        ({"cycle": [1.0], "port": [0]}, "cycle is float64"),
        ({"cycle": [[1]], "port": [[0]]}, "cycle is int64[1, 1]"),
        ({"cycle": [1, 2], "port": [0]}, "port has 1 entries, cycle has 2"),
        ({"cycle": [-4], "port": [0]}, "cycle -4 is negative"),
        ({"cycle": [4], "port": [70]}, "port 70 is unknown"),
        ({"cycle": np.array([{}]), "port": [0]}, "Python objects"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_npz(case, capsys, content, words):
    run_refused(case, capsys, content, words, name="bad.npz")


def test_truncated_npz(case, capsys):
    out = io.BytesIO()
    np.savez(out, cycle=[1], port=[0])
    for length in range(2, len(out.getvalue()), 40):
        run_refused(case, capsys, out.getvalue()[:length], "bad.npz", "truncated", name="bad.npz")


@pytest.mark.parametrize("cycles", ["-1", "99999999999999999999"])
def test_cycles_that_cannot_be_run(case, capsys, cycles):
    out = case.folder / "out.csv"
    refused(call(capsys, "run", case.image, case.spikes, "-o", out, f"--cycles={cycles}"), "cycles")
    assert not out.exists()


@pytest.mark.parametrize("name", ["out.nothing", "out"])
def test_an_output_format_that_is_unknown(case, capsys, name):
    before = sorted(case.folder.iterdir())
    refused(call(capsys, "run", case.image, case.spikes, "-o", case.folder / name), "suffix", ".csv")
    assert sorted(case.folder.iterdir()) == before


def npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def idx(array, code=8):
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


RIGHT = np.zeros((3, 4, 6), np.uint8)
FRAMES = [
    (b"", "nothing"),
    (b"not frames", "IDX"),
    (npy(RIGHT)[:-5], "truncated"),
    (npy(RIGHT)[:20], "truncated"),
    (npy(RIGHT) + b"more", "altered"),
    (npy(RIGHT.astype(float)), "float64"),
    (npy(np.array([{}, {}])), "objects"),
    (npy(RIGHT[0]), "shape [4, 6]"),
    (npy(RIGHT.reshape(3, 6, 4)), "allowed: [n_frames, 1, 4, 6]"),
    (npy(RIGHT[:, None].repeat(2, axis=1)), "allowed: [n_frames, 1, 4, 6]"),
    (npy(RIGHT[:0]), "no frames"),
    (idx(RIGHT)[:-1], "truncated"),
    (idx(RIGHT)[:9], "truncated"),
    (idx(RIGHT, code=7), "IDX"),
    (gzip.compress(idx(RIGHT))[:-9], "truncated"),
    (gzip.compress(b"rubbish"), "IDX"),
]


@pytest.mark.parametrize("command", ["classify", "verify"])
@pytest.mark.parametrize(("content", "words"), FRAMES, ids=[entry[1] for entry in FRAMES])
def test_frames(case, capsys, command, content, words):
    case.frames.write_bytes(content)
    before = [case.network] if command == "verify" else []
    refused(call(capsys, command, *before, case.image, case.frames), words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(np.zeros(11, np.uint8)), "11 labels for the 12 frames"),
        (npy(np.zeros((12, 1), np.uint8)), "shape [12, 1]"),
        (npy(np.zeros(12)), "float64"),
        (npy(np.full(12, -1)), "-1 is negative"),
        (
            npy(np.arange(12) % 3 + 1),
            "labels.npy: labels go from 1 to 3, allowed: 0..2, the 3 classes of the image; subtract 1 from all",
        ),
        (
            npy(np.arange(12) * 10**6),
            "go from 0 to 11000000, allowed: 0..2, the 3 classes of the image; number them as the network was trained",
        ),
        (b"0\n1\n2\n", "IDX"),
    ],
)
def test_labels(case, capsys, content, words):
    case.labels.write_bytes(content)
    for options in ((), ("--limit", 1)):
        refused(call(capsys, "classify", case.image, case.frames, "--labels", case.labels, *options), words)


@pytest.mark.parametrize("name", ["frames", "labels", "spikes"])
def test_no_such_file(case, capsys, name):
    getattr(case, name).unlink()
    command = {
        "frames": ["classify", case.image, case.frames],
        "labels": ["classify", case.image, case.frames, "--labels", case.labels],
        "spikes": ["run", case.image, case.spikes],
    }[name]
    refused(call(capsys, *command), name, "No such file")
