"""Small sets of frames in the very bytes in which CIFAR-10 is published."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np


def examples(n_frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Frames of 3x32x32 whose class is where they are bright, and their labels: each class once before any twice."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_frames) % 10
    frames = rng.integers(0, 60, (n_frames, 3, 32, 32))
    for frame, label in zip(frames, labels, strict=True):
        frame[label % 3, 3 * label : 3 * label + 4, 8:24] += 180
    return frames.astype(np.uint8), labels


def records(frames: np.ndarray, labels: np.ndarray) -> bytes:
    """A binary batch: a label and three planes, frame after frame."""
    parts = (bytes([label]) + frame.tobytes() for frame, label in zip(frames, labels.tolist(), strict=True))
    return b"".join(parts)


class _Python2(pickle._Pickler):
    """Writes strings of bytes and the names of numpy's functions as Python 2 did."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value: bytes) -> None:
        head = b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<I", len(value))
        self.write(head + value)
        self.memoize(value)

    dispatch[bytes] = save_bytes

    def save_text(self, value: str) -> None:
        self.save_bytes(value.encode())

    dispatch[str] = save_text

    def save_global(self, value: Any, name: str | None = None) -> None:
        module = "numpy.core.multiarray" if value.__name__ == "_reconstruct" else value.__module__
        self.write(f"c{module}\n{name or value.__name__}\n".encode())
        self.memoize(value)


def as_python2(value: Any) -> bytes:
    """A pickle as Python 2 wrote it: protocol 2."""
    stream = io.BytesIO()
    _Python2(stream, 2).dump(value)
    return stream.getvalue()


def batch(frames: np.ndarray, labels: np.ndarray) -> dict[bytes, Any]:
    """What a Python batch holds."""
    return {
        b"batch_label": b"training batch 1 of 5",
        b"labels": labels.tolist(),
        b"data": frames.reshape(len(frames), frames[0].size if len(frames) else 3072),
        b"filenames": [b"a_picture_s_%06d.png" % number for number in range(len(frames))],
    }


def pickled(frames: np.ndarray, labels: np.ndarray) -> bytes:
    """A Python batch."""
    return as_python2(batch(frames, labels))


KINDS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], bytes], str]] = {
    "binary": (records, ".bin"),
    "Python": (pickled, ""),
}
"""What makes a batch of each kind, and how its name ends."""


def write_folder(folder: Path, kind: str, n_each: int, n_test: int) -> Path:
    """Write a folder as CIFAR-10 is published, of `examples`."""
    folder.mkdir()
    make, suffix = KINDS[kind]
    frames, labels = examples(5 * n_each + n_test)
    for number in range(5):
        part = slice(number * n_each, (number + 1) * n_each)
        (folder / f"data_batch_{number + 1}{suffix}").write_bytes(make(frames[part], labels[part]))
    (folder / f"test_batch{suffix}").write_bytes(make(frames[5 * n_each :], labels[5 * n_each :]))
    return folder
