"""Frames and their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isa_spec.arrays import ZIP_MAGIC, decode_npz, encode_npy, encode_npz
from isa_spec.files import read_bytes
from neuroproc.cli.conversions.job import Job
from neuroproc.formats.frames import read_examples, read_labels


def frames_to_npz(job: Job) -> Sequence[str]:
    """Frames, and their labels where the source has them."""
    frames, labels, notes = _examples(job.path())
    job.put(encode_npz({"frames": frames} | ({} if labels is None else {"labels": labels})))
    return notes


def frames_to_npy(job: Job) -> Sequence[str]:
    """Frames alone."""
    frames, labels, notes = _examples(job.path())
    job.put(encode_npy(frames))
    return [*notes, *([] if labels is None else [f"{len(labels):,} labels are left out; .npz has room for them"])]


def _examples(path: str) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Frames, labels, and what else the file has."""
    frames, labels = read_examples(path)
    data = read_bytes(path)
    if not data.startswith(ZIP_MAGIC):
        return frames, labels, []
    arrays = list(decode_npz(data, path))
    if "labels" in arrays:
        labels = read_labels(path)
    others = [name for name in arrays if name != "labels"]
    left = [name for name in others if name != ("frames" if "frames" in others else others[0])]
    return frames, labels, [f"array '{name}' is left out" for name in left]
