"""Frames to values and spikes: what both the oracle and the host of the chip must do alike."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from isa_spec.errors import FormatError

MAX_BITS = 16
"""Most bit planes of a channel."""
MAX_LEVELS = 255
"""Most spikes that count a value, and most steps of a frame."""
MAX_RATE = 2**31 - 1
"""Largest value of which a rate code can speak in every step, and a latency code in the first."""
_ENCODINGS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "binary": (frozenset(), frozenset({"threshold", "steps"})),
    "bitplanes": (frozenset({"bits"}), frozenset({"steps"})),
    "count": (frozenset({"levels"}), frozenset()),
    "thermometer": (frozenset({"thresholds"}), frozenset({"steps"})),
    "rate": (frozenset({"steps"}), frozenset({"levels", "source", "seed"})),
    "latency": (frozenset({"steps"}), frozenset({"levels"})),
}
"""Required and optional keys of each encoding, beside its kind."""
RATE_SOURCES = ("bernoulli", "even")
"""Where the spikes of a rate code come from: chance, or as evenly spread as can be."""


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
    if kind in ("rate", "latency"):
        return _check_steps(encoding, where)
    checked = _check_planes(encoding, where)
    if "steps" in encoding:
        checked["steps"] = _integer(encoding["steps"], 1, MAX_LEVELS, f"{where}: steps")
    return checked


def _check_planes(encoding: Mapping[str, Any], where: str) -> dict[str, Any]:
    kind, (required, _) = encoding["kind"], _ENCODINGS[encoding["kind"]]
    for key, most in (("bits", MAX_BITS), ("levels", MAX_LEVELS)):
        if key in required:
            return {"kind": kind, key: _integer(encoding[key], 1, most, f"{where}: {key}")}
    if kind == "thermometer":
        rises = encoding["thresholds"]
        integers = isinstance(rises, list) and rises and all(type(rise) is int for rise in rises)
        if not integers or any(low >= high for low, high in pairwise(rises)):
            raise FormatError(f"{where}: thresholds = {rises!r}, allowed: a list of integers, each above the last")
        return {"kind": kind, "thresholds": list(rises)}
    threshold = encoding.get("threshold", 1)
    if type(threshold) is not int:
        raise FormatError(f"{where}: threshold = {threshold!r}, allowed: an integer")
    return {"kind": kind, "threshold": threshold}


def _integer(value: Any, least: int, most: int, what: str) -> int:
    if type(value) is not int or not least <= value <= most:
        raise FormatError(f"{what} = {value!r}, allowed: an integer in {least}..{most}")
    return value


def _check_steps(encoding: Mapping[str, Any], where: str) -> dict[str, Any]:
    checked = {
        "kind": encoding["kind"],
        "steps": _integer(encoding["steps"], 1, MAX_LEVELS, f"{where}: steps"),
        "levels": _integer(encoding.get("levels", 255), 1, MAX_RATE, f"{where}: levels"),
    }
    if encoding["kind"] == "latency":
        return checked
    source = encoding.get("source", "bernoulli")
    if source not in RATE_SOURCES:
        raise FormatError(f"{where}: source = {source!r}, allowed: {', '.join(RATE_SOURCES)}")
    if source == "even" and "seed" in encoding:
        raise FormatError(f"{where}: key 'seed', but source 'even' has no chance in it; leave it out")
    checked["source"] = source
    if source == "bernoulli":
        checked["seed"] = _integer(encoding.get("seed", 0), 0, 2**63 - 1, f"{where}: seed")
    return checked


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


def is_rate(encoding: Mapping[str, Any]) -> bool:
    """Whether a frame is shown for several steps, in each of which every layer is evaluated.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    """
    return "steps" in encoding


def is_latency(encoding: Mapping[str, Any]) -> bool:
    """Whether a value is told by when it is first heard, and is heard in every step from then on.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    """
    return bool(encoding["kind"] == "latency")


def spike_levels(encoding: Mapping[str, Any]) -> int:
    """Most spikes by which one lane tells one value: 1 unless values are counted, or shown for several steps.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    """
    if is_rate(encoding):
        return int(encoding["steps"])
    return int(encoding["levels"]) if encoding["kind"] == "count" else 1


def largest_value(encoding: Mapping[str, Any]) -> int:
    """Largest value of a channel as the network sees it at once, or in one step; the least is 0.

    Parameters
    ----------
    encoding : dict
        As `check_encoding` returns it.
    """
    return sum(plane_weights(encoding)) * (1 if is_rate(encoding) else spike_levels(encoding))


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
    if kind not in ("bitplanes", "count", "rate", "latency"):
        return
    highest = encoding["levels"] if kind in ("rate", "latency") else largest_value(encoding)
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
