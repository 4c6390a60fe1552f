"""Frames to spikes and decisions to classes: what both the oracle and the host of the chip must do alike."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from isa_spec.errors import FormatError

MAX_BITS = 16
"""Most bit planes of a channel."""
MAX_LEVELS = 255
"""Most spikes that count a value."""
_ENCODINGS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "binary": (frozenset(), frozenset({"threshold"})),
    "bitplanes": (frozenset({"bits"}), frozenset()),
    "count": (frozenset({"levels"}), frozenset()),
    "thermometer": (frozenset({"thresholds"}), frozenset()),
}
"""Required and optional keys of each encoding, beside its kind."""


def check_encoding(entry: Any, where: str) -> dict[str, Any]:
    """The input encoding with its defaults filled in.

    Raises
    ------
    FormatError
        If the kind is unknown or a key is unknown, missing or mistyped.
    """
    encoding: Any = {"kind": "binary"} if entry is None else entry
    kind = encoding.get("kind") if isinstance(encoding, Mapping) else encoding
    if not isinstance(encoding, Mapping) or not isinstance(kind, str) or kind not in _ENCODINGS:
        raise FormatError(f"{where}: encoding {kind!r} is not supported, allowed: {', '.join(_ENCODINGS)}")
    required, optional = _ENCODINGS[kind]
    missing, unknown = required - set(encoding), set(encoding) - required - optional - {"kind"}
    if missing or unknown:
        state, key = ("missing", min(missing)) if missing else ("unknown", min(unknown))
        allowed = ", ".join(["kind", *sorted(required | optional)])
        raise FormatError(f"{where}: {state} key '{key}', encoding '{kind}' has {allowed}")
    for key, most in (("bits", MAX_BITS), ("levels", MAX_LEVELS)):
        if key in required:
            number = encoding[key]
            if type(number) is not int or not 1 <= number <= most:
                raise FormatError(f"{where}: {key} = {number!r}, allowed: an integer in 1..{most}")
            return {"kind": kind, key: number}
    if kind == "thermometer":
        steps = encoding["thresholds"]
        integers = isinstance(steps, list) and steps and all(type(step) is int for step in steps)
        if not integers or any(low >= high for low, high in pairwise(steps)):
            raise FormatError(f"{where}: thresholds = {steps!r}, allowed: a list of integers, each above the last")
        return {"kind": kind, "thresholds": list(steps)}
    threshold = encoding.get("threshold", 1)
    if type(threshold) is not int:
        raise FormatError(f"{where}: threshold = {threshold!r}, allowed: an integer")
    return {"kind": kind, "threshold": threshold}


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


def plane_weights(encoding: Mapping[str, Any]) -> tuple[int, ...]:
    """What a spike in each plane of a channel is worth: the value of a channel is the sum over its planes.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    """
    match encoding["kind"]:
        case "bitplanes":
            return tuple(2**bit for bit in range(encoding["bits"]))
        case "thermometer":
            return (1,) * len(encoding["thresholds"])
    return (1,)


def spike_levels(encoding: Mapping[str, Any]) -> int:
    """Most spikes by which one lane tells one value: 1 unless values are counted.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    """
    return int(encoding["levels"]) if encoding["kind"] == "count" else 1


def largest_value(encoding: Mapping[str, Any]) -> int:
    """Largest value of a channel as the network sees it; the least is 0.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    """
    return sum(plane_weights(encoding)) * spike_levels(encoding)


def check_frames(encoding: Mapping[str, Any], frames: np.ndarray) -> None:
    """Refuse frames that the encoding cannot carry.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    frames : int[n_frames, C, H, W]

    Raises
    ------
    FormatError
        If a value is beyond what the encoding can tell, or is no integer.
    """
    kind = encoding["kind"]
    if kind not in ("bitplanes", "count"):
        return
    highest = largest_value(encoding)
    if frames.dtype.kind not in "iub":
        raise FormatError(f"frames of {frames.dtype}, allowed: integers; scale and round them before, as you mean it")
    wrong = np.argwhere((frames < 0) | (frames > highest))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        words = ("frame", "channel", "row", "column")
        at = ", ".join(f"{word} {number}" for word, number in zip(words, place, strict=True))
        size = f"{encoding['bits']} bits" if kind == "bitplanes" else f"{highest} levels"
        raise FormatError(
            f"{at}: value {frames[place]}, allowed: 0..{highest} (encoding '{kind}' of {size}); "
            f"scale the frames or give the encoding more {size.split()[1]}"
        )


def to_values(encoding: Mapping[str, Any], frames: np.ndarray) -> np.ndarray:
    """What a network sees of integer frames: 0 or 1, the value itself, or the number of thresholds reached.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    frames : int[n_frames, C, H, W]

    Returns
    -------
    uint8 (binary) or int64[n_frames, C, H, W]

    Raises
    ------
    FormatError
        If a value is beyond what the encoding can tell.
    """
    frames = np.asarray(frames)
    match encoding["kind"]:
        case "bitplanes" | "count":
            check_frames(encoding, frames)
            return frames.astype(np.int64)
        case "thermometer":
            values = np.zeros(frames.shape, np.int64)
            for threshold in encoding["thresholds"]:
                values += frames >= threshold
            return values
    return np.asarray(frames >= encoding["threshold"]).astype(np.uint8)


def to_planes(encoding: Mapping[str, Any], frames: np.ndarray) -> np.ndarray:
    """Spikes on each plane of integer frames, 0 or 1 unless counted; planes of one channel lie next to each other.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    frames : int[n_frames, C, H, W]

    Returns
    -------
    uint8[n_frames, C * n_planes, H, W]
        Plane ``i`` of channel ``c`` is channel ``c * n_planes + i``, least bit or lowest threshold first.

    Raises
    ------
    FormatError
        If a value is beyond what the encoding can tell.
    """
    frames = np.asarray(frames)
    match encoding["kind"]:
        case "bitplanes":
            check_frames(encoding, frames)
            planes = [frames >> bit & 1 for bit in range(encoding["bits"])]
        case "count":
            check_frames(encoding, frames)
            planes = [frames]
        case "thermometer":
            planes = [frames >= threshold for threshold in encoding["thresholds"]]
        case _:
            planes = [frames >= encoding["threshold"]]
    n_frames, channels, height, width = frames.shape
    return np.stack(planes, axis=2).astype(np.uint8).reshape(n_frames, channels * len(planes), height, width)


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
