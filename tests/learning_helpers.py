"""Shipped frames to train on, and networks that take seconds."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

import numpy as np

from compiler.learning.data import Examples
from neuroproc.formats.frames import read_frames, read_labels

ROOT = Path(__file__).resolve().parents[1]
FRAMES = ROOT / "neuroproc" / "data" / "digits_frames.npz"
TINY, DEEPER = "4C3p1-P2-20", "4C3p1-P2-6C3-P2-20"
"""Over 8x8 frames: a padded convolution, a pool and a dense layer, and one with a second convolution and pool."""


@cache
def digits() -> Examples:
    """The shipped frames of handwritten digits."""
    return Examples(read_frames(FRAMES), read_labels(FRAMES))


def write_idx(path: Path, values: np.ndarray) -> None:
    """Write bytes as MNIST is published."""
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes())


def write_digits(folder: Path, n_test: int = 60) -> Path:
    """Write a folder as MNIST is published, of the shipped digits; the last ones are to test."""
    folder.mkdir()
    frames, labels = digits().frames[:, 0], digits().labels.astype(np.uint8)
    cut = len(frames) - n_test
    for part, some in (("train", slice(cut)), ("t10k", slice(cut, None))):
        write_idx(folder / f"{part}-images-idx3-ubyte", frames[some])
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels[some])
    return folder
