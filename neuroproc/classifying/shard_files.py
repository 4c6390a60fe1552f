"""Results of parts of a stream of frames as files, bound to image and frames."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isa_spec.arrays import decode_npz, encode_npz
from isa_spec.errors import FormatError
from isa_spec.files import read_bytes, write_atomically
from neuroproc.classifying.stretches import Seen
from neuroproc.state import ProcessorState, decode_state, encode_state

FORMAT = "neuroproc-shard"
VERSION = 1
_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Shard:
    """What a stretch of a stream gave.

    Parameters
    ----------
    begin, end : int
        Intervals of the stream.
    before, after : ProcessorState
        At its begin and its end; their clocks may be any.
    spike_count : int64[n_neurons]
    seen : Seen
        Of the frames that are decided within, and of those that it shares with its neighbours.
    """

    begin: int
    end: int
    before: ProcessorState
    after: ProcessorState
    spike_count: np.ndarray
    seen: Seen


def frames_digest(frames: np.ndarray) -> str:
    """Digest of frames [n_frames, C, H, W], whatever integers they are stored as."""
    digest = hashlib.sha256(str(frames.shape).encode())
    for first in range(0, len(frames), _AT_ONCE):
        digest.update(np.ascontiguousarray(frames[first : first + _AT_ONCE], "<i8").tobytes())
    return f"sha256:{digest.hexdigest()}"


def save_shard(path: Path, shard: Shard, frames: str) -> None:
    """Write a shard to a file; it appears whole or not at all. `frames` is the digest of all frames.

    Raises
    ------
    NeuroprocError
        If the file cannot be written.
    """
    arrays = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION),
        "frames": np.array(frames),
        "stretch": np.array([shard.begin, shard.end, shard.seen.first], np.int64),
        "before": np.frombuffer(encode_state(shard.before), np.uint8),
        "after": np.frombuffer(encode_state(shard.after), np.uint8),
        "spike_count": shard.spike_count,
        "trains": shard.seen.trains,
        "potentials": shard.seen.potentials,
    }
    with write_atomically(path) as file:
        file.write(encode_npz({name: array for name, array in arrays.items() if array is not None}))


def load_shard(path: Path, image: str, frames: str) -> Shard:
    """Shard from a file.

    Parameters
    ----------
    path : Path
    image, frames : str
        Digests of the image and of all frames that it has to be of.

    Raises
    ------
    FormatError
        If the file is no shard, damaged, from a newer version, or of another image or other frames.
    """
    content = decode_npz(read_bytes(path), str(path))
    found = content.get("format", np.zeros(0))
    if found.shape != () or str(found) != FORMAT:
        raise FormatError(f"{path}: not a shard of a run (format is not '{FORMAT}'); give another folder")
    version = content["version"] if "version" in content else np.zeros(0)
    if version.dtype.kind != "i" or version.shape != () or version > VERSION:
        raise FormatError(f"{path}: shard version {version}, this program reads up to {VERSION}")
    expected = {
        "frames": (0, "U"), "stretch": (1, "i"), "before": (1, "u"), "after": (1, "u"), "spike_count": (1, "i"),
        "trains": (5, "u"), "potentials": (2, "i"),
    }  # fmt: skip
    for name, (axes, kind) in expected.items():
        array = content.get(name)
        if array is None or array.ndim != axes or array.dtype.kind != kind:
            raise FormatError(f"{path}: section {name} is missing or damaged; remove the file to have it run again")
    if str(content["frames"]) != frames:
        raise FormatError(f"{path}: of other frames ({content['frames']}, now {frames}); give another folder")
    before, after = (decode_state(content[name].tobytes(), f"{path}, {name}") for name in ("before", "after"))
    if {before.image, after.image} != {image}:
        raise FormatError(f"{path}: of another image ({before.image}, now {image}); give another folder")
    begin, end, first = content["stretch"].tolist()
    seen = Seen(first, content["trains"], content["potentials"])
    return Shard(begin, end, before, after, content["spike_count"], seen)
