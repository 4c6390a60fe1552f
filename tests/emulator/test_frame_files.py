"""Frames and labels from every file they come in, and from none that is damaged."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from isa_spec.arrays import encode_npz
from isa_spec.errors import FormatError
from neuroproc.formats.frames import read_frames, read_labels

FRAMES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([7, 2], np.uint8)


def idx(array: np.ndarray, code: int = 0x08, kind: str = ">u1") -> bytes:
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(kind).tobytes()


def npy(path: Path, array: np.ndarray) -> bytes:
    np.save(path.with_suffix(".tmp.npy"), array)
    return path.with_suffix(".tmp.npy").read_bytes()


WRITERS: dict[str, Callable[[Path, np.ndarray, str], bytes]] = {
    "npy": lambda path, array, key: npy(path, array),
    "npy, other order": lambda path, array, key: npy(path, np.asfortranarray(array)),
    "npz": lambda path, array, key: encode_npz({"x": np.zeros(3), key: array}),
    "npz, any name": lambda path, array, key: encode_npz({"only": array}),
    "npz, one name": lambda path, array, key: encode_npz(
        {"frames" if key == "labels" else "labels": LABELS, "x": array}
    ),
    "idx": lambda path, array, key: idx(array),
    "idx of 32 bits": lambda path, array, key: idx(array, 0x0C, ">i4"),
    "idx, gzip": lambda path, array, key: gzip.compress(idx(array), mtime=0),
    "npy, gzip": lambda path, array, key: gzip.compress(npy(path, array), mtime=0),
    "npy, big-endian": lambda path, array, key: npy(path, array.astype(">i2")),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_read(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "no suffix needed"
    path.write_bytes(WRITERS[writer](path, FRAMES, "frames"))
    frames = read_frames(path)
    assert frames.dtype == (np.int64 if "32" in writer or "big" in writer else np.uint8)
    assert np.array_equal(frames, FRAMES[:, None])
    path.write_bytes(WRITERS[writer](path, LABELS, "labels"))
    labels = read_labels(path)
    assert labels.dtype == np.int64
    assert labels.tolist() == [7, 2]


def test_channels_and_kinds(tmp_path: Path) -> None:
    path = tmp_path / "frames.npy"
    for array in (np.zeros((5, 3, 2, 2), np.int16) - 4, np.zeros((0, 3, 2, 2), np.uint8), np.ones((1, 2, 2), bool)):
        np.save(path, array)
        frames = read_frames(path)
        assert np.array_equal(frames, array if array.ndim == 4 else array[:, None])
        assert frames.dtype in (np.uint8, np.int64)


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "begins with nothing, allowed: .npy, .npz, IDX, Python batches of CIFAR-10 or"),
        (b"\0\0", "begins with 00 00"),
        (b"GIF89a", "begins with 47 49 46 38"),
        (idx(FRAMES)[:3], "begins with 00 00 08"),
        (idx(FRAMES)[:9], "truncated in the IDX header"),
        (idx(FRAMES)[:-1], r"23 bytes of values, expected 24 for IDX \[2, 3, 4\]"),
        (idx(FRAMES) + b"\0", "25 bytes of values, expected 24"),
        (b"\0\0\x07\x01\0\0\0\0", "begins with 00 00 07 01"),
        (b"\0\0\x08\xff" + b"\xff" * 1020, "0 bytes of values, expected"),
        (idx(FRAMES, 0x0D, ">f4"), "frames are float32, allowed: integers; scale and round them before"),
        (idx(LABELS), r"frames have shape \[2\], allowed: \[N, C, H, W\] or \[N, H, W\]"),
        (gzip.compress(idx(FRAMES), mtime=0)[:-9], "not gzip, or truncated or altered"),
        (b"\x1f\x8b" + b"\0" * 30, "not gzip, or truncated or altered"),
        (gzip.compress(b"", mtime=0), "begins with nothing"),
        (b"PK\x03\x04" + b"\0" * 50, "not a numpy archive"),
        (encode_npz({}), "holds no array, expected 'frames'"),
        (
            encode_npz({"x": FRAMES, "y": LABELS}),
            "no array 'frames', found: x, y; allowed: one of this name, or a single one of another",
        ),
        (encode_npz({"x": FRAMES + np.uint64(2**63)}), f"frames go up to {2**63 + 23}, allowed: integers below 2"),
        (b"\x93NUMPY", "not a numpy array, or truncated"),
        (b"\x93NUMPY\x09\x00\x76\x00" + b"x" * 118, "not a numpy array"),
        (b"\x93NUMPY\x01\x00\xff\xff{", "not a numpy array, or truncated"),
    ],
)  # fmt: skip
def test_malformed(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.dat"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=message) as caught:
        read_frames(path)
    assert str(caught.value).startswith(str(path))


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4)}", "0 bytes of values, expected 24 for uint8"),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (999999999, 999999999, 9)}", "0 bytes of values"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 0, 4)}", "0 bytes of values|not a numpy array"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (0, 3, 4)}", "holds Python objects"),
        ("{'descr': '|u1', 'shape': (2, 3, 4)}", "not a numpy array"),
        ("{'descr': 'what', 'fortran_order': False, 'shape': (2, 3, 4)}", "not a numpy array"),
        ("__import__('os').getcwd()", "not a numpy array"),
        ("[" * 400, "not a numpy array"),
    ],
)
def test_malformed_header(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.npy"
    path.write_bytes(header(text))
    with pytest.raises(FormatError, match=message):
        read_frames(path)


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), "labels are float64, allowed: integers"),
        (np.zeros((3, 1), int), r"labels have shape \[3, 1\], allowed: \[N\]"),
        (np.array([2, -1]), "label -1 is negative"),
        (np.array([2**63], np.uint64), f"labels go up to {2**63}, allowed: integers below 2"),
        (np.array(["a"]), "labels are <U1"),
        (np.array(3), r"labels have shape \[\]"),
    ],
)
def test_malformed_labels(array: np.ndarray, message: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.npy"
    np.save(path, array)
    with pytest.raises(FormatError, match=message):
        read_labels(path)


@pytest.mark.malformed
def test_any_damage(tmp_path: Path) -> None:
    """Whatever bytes come: frames, or one message."""
    rng = np.random.default_rng(3)
    path = tmp_path / "frames"
    for writer in WRITERS.values():
        whole = writer(path, FRAMES, "frames")
        for _ in range(60):
            damaged = bytearray(whole)
            for place in rng.integers(0, min(len(whole), 200), int(rng.integers(1, 4))):
                damaged[place] = rng.integers(0, 256)
            path.write_bytes(damaged[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.3 else damaged)
            try:
                frames = read_frames(path)
            except FormatError as error:
                assert str(error).startswith(str(path))  # noqa: PT017
            else:
                assert frames.ndim == 4


@pytest.mark.error
def test_missing(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"frames\.npy: cannot be read \(No such file"):
        read_frames(tmp_path / "frames.npy")


def test_a_shape_puts_missing_axes_back(tmp_path: Path) -> None:
    path = tmp_path / "frames.npy"
    np.save(path, FRAMES)
    for shape in ((3, 4, 1), (1, 3, 4)):
        assert np.array_equal(read_frames(path, shape), FRAMES.reshape(2, *shape))
    np.save(path, FRAMES.reshape(2, 12))
    assert np.array_equal(read_frames(path, (1, 12, 1)), FRAMES.reshape(2, 1, 12, 1))
    with pytest.raises(FormatError, match=r"frames\.npy: frames of shape \[2, 12\], allowed: \[n_frames, 3, 4, 1\] or"):
        read_frames(path, (3, 4, 1))
