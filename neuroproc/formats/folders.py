"""Folders of labelled frames: arrays of one's own, and data sets as published, MNIST and its kin, CIFAR-10."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isa_spec.errors import FormatError
from neuroproc.formats.frames import read_examples, read_frames, read_labels, read_named

PARTS = ("train", "test")


@dataclass(frozen=True)
class Layout:
    """Names of a data set's files.

    Parameters
    ----------
    name : str
    files : dict
        For each of `PARTS`, pairs of a file with frames and the one with their labels; None: they are in the same.
    """

    name: str
    files: Mapping[str, tuple[tuple[str, str | None], ...]]


def _cifar(suffix: str) -> Mapping[str, tuple[tuple[str, str | None], ...]]:
    batches = tuple((f"data_batch_{number}{suffix}", None) for number in range(1, 6))
    return {"train": batches, "test": ((f"test_batch{suffix}", None),)}


LAYOUTS = (
    # One file has both: `read_named` looks for the arrays of their names.
    Layout("NumPy", {part: ((f"{part}.npz", f"{part}.npz"),) for part in PARTS}),
    Layout(
        "MNIST",
        {
            "train": (("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),),
            "test": (("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),),
        },
    ),
    Layout("CIFAR-10, binary", _cifar(".bin")),
    Layout("CIFAR-10, Python", _cifar("")),
)
"""What a folder may hold; any file may be gzipped, and then ends in ``.gz``."""


def find_layout(folder: Path) -> Layout:
    """What a folder holds, by its files to train on.

    Raises
    ------
    FormatError
        If it holds no data set, or more than one, or is a file.
    """
    if folder.is_file():
        raise FormatError(f"{folder}: is a file; give the folder: {folder.parent}")
    found = [layout for layout in LAYOUTS if any(_find(folder, frames) for frames, _ in layout.files["train"])]
    if len(found) != 1:
        known = "; ".join(f"{_range(layout)} ({layout.name})" for layout in LAYOUTS)
        what = "has files of " + " and of ".join(layout.name for layout in found) if found else "has no data set"
        raise FormatError(f"{folder}: {what}, allowed: one of {known}, each with or without .gz")
    return found[0]


def files_of(folder: Path, layout: Layout) -> tuple[Path, ...]:
    """Those of a layout's files that a folder has, of all parts."""
    names = dict.fromkeys(name for part in PARTS for pair in layout.files[part] for name in pair if name)
    return tuple(path for name in names if (path := _find(folder, name)))


def read_part(folder: Path, layout: Layout, part: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Frames and labels of a part of a data set, None if the folder has no file of it.

    Parameters
    ----------
    folder : Path
    layout : Layout
    part : str
        One of `PARTS`.

    Returns
    -------
    frames : uint8 or int64[n_frames, C, H, W]
    labels : int64[n_labels]
        In as many files as there are, so perhaps not one for each frame.

    Raises
    ------
    FormatError
        If only some of the files are there, or one is not what it should be.
    """
    files = [name for pair in layout.files[part] for name in pair if name]
    there = {name: path for name in files if (path := _find(folder, name))}
    if not there:
        return None
    missing = [name for name in files if name not in there]
    if missing:
        raise FormatError(f"{folder}: has {next(iter(there))}, but no {missing[0]} (nor .gz)")
    parts = [_read_pair(there[frames], there[labels] if labels else None) for frames, labels in layout.files[part]]
    return np.concatenate([frames for frames, _ in parts]), np.concatenate([labels for _, labels in parts])


def _read_pair(frames: Path, labels: Path | None) -> tuple[np.ndarray, np.ndarray]:
    if frames == labels:
        return read_named(frames)
    if labels is not None:
        return read_frames(frames), read_labels(labels)
    values, inside = read_examples(frames)
    if inside is None:
        raise FormatError(f"{frames}: has no labels inside, allowed: a batch of CIFAR-10")
    return values, inside


def _find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.exists()), None)


def _range(layout: Layout) -> str:
    first, *more = dict.fromkeys(name for pair in layout.files["train"] for name in pair if name)
    return f"{first} .. {more[-1]}" if len(more) > 1 else " and ".join([first, *more])
