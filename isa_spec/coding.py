"""Frames to 0/1 planes and decisions to classes: what both the oracle and the host of the chip must do alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isa_spec.errors import FormatError


def check_encoding(entry: Any, where: str) -> dict[str, Any]:
    """The input encoding with its defaults filled in.

    Raises
    ------
    FormatError
        If the kind is unknown or a key is unknown or mistyped.
    """
    encoding = {"kind": "binary"} if entry is None else entry
    if not isinstance(encoding, Mapping) or encoding.get("kind") != "binary":
        kind = encoding.get("kind") if isinstance(encoding, Mapping) else encoding
        raise FormatError(f"{where}: encoding {kind!r} is not supported, allowed: 'binary'")
    unknown = set(encoding) - {"kind", "threshold"}
    if unknown:
        raise FormatError(f"{where}: unknown key '{min(unknown)}', allowed: kind, threshold")
    threshold = encoding.get("threshold", 1)
    if type(threshold) is not int:
        raise FormatError(f"{where}: threshold = {threshold!r}, allowed: an integer")
    return {"kind": "binary", "threshold": threshold}


def check_decode(entry: Any, n_outputs: int, where: str) -> dict[str, Any]:
    """The output decoding, with an n-hot key as nested lists.

    Raises
    ------
    FormatError
        If the kind is unknown, a key is unknown, or the key does not fit the outputs.
    """
    decode = {"kind": "spikes"} if entry is None else entry
    kind = decode.get("kind") if isinstance(decode, Mapping) else decode
    allowed = {"spikes": {"kind"}, "argmax": {"kind", "classes"}, "n-hot": {"kind", "key"}}
    if kind not in allowed:
        raise FormatError(f"{where}: decode {kind!r} is not supported, allowed: {', '.join(sorted(allowed))}")
    wrong = set(decode) ^ allowed[kind]
    if wrong:
        state = "unknown" if min(wrong) in decode else "missing"
        raise FormatError(
            f"{where}: {state} key '{min(wrong)}', decode {kind!r} has {', '.join(sorted(allowed[kind]))}"
        )
    if kind == "spikes":
        return {"kind": "spikes"}
    if kind == "argmax":
        classes = decode["classes"]
        if type(classes) is not int or classes < 1 or n_outputs % classes:
            raise FormatError(f"{where}: classes = {classes!r}, allowed: a divisor of the {n_outputs} outputs")
        return {"kind": "argmax", "classes": classes}
    key = np.asarray(decode["key"])
    if key.ndim != 2 or key.shape[1] != n_outputs or key.dtype.kind not in "iub" or not np.isin(key, (0, 1)).all():
        raise FormatError(f"{where}: key of shape {list(key.shape)}, allowed: 0/1 in [classes][{n_outputs}]")
    return {"kind": "n-hot", "key": key.astype(int).tolist()}


def to_planes(encoding: Mapping[str, Any], frames: np.ndarray) -> np.ndarray:
    """0/1 planes of integer frames.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    frames : int[n_frames, C, H, W]

    Returns
    -------
    uint8[n_frames, C, H, W]
    """
    return (np.asarray(frames) >= encoding["threshold"]).astype(np.uint8)


def to_classes(decode: Mapping[str, Any], outputs: np.ndarray) -> np.ndarray | None:
    """Class of each frame, the lowest index on a tie; None if the network has no classes.

    Parameters
    ----------
    decode : dict
        As `check_decode` returns it.
    outputs : uint8[n_frames, n_outputs]
        Decisions of the last layer in C, H, W order.

    Returns
    -------
    int64[n_frames] or None
    """
    if decode["kind"] == "spikes":
        return None
    if decode["kind"] == "argmax":
        scores = outputs.reshape(len(outputs), decode["classes"], -1).sum(axis=2, dtype=np.int64)
    else:
        scores = outputs.astype(np.int64) @ np.asarray(decode["key"], np.int64).T
    return np.argmax(scores, axis=1)
