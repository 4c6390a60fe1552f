"""Output spikes to classes: what both the oracle and the host of the chip must do alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isa_spec.errors import FormatError

DECISIONS: Mapping[str, tuple[str, ...]] = {
    "by": ("count", "first", "potential"),
    "ties": ("lowest", "potential", "next"),
}
"""How argmax tells classes apart: by most spikes, the first one or potential; on a tie by number, by potential, or by
the first spike that one has and another has not, then by potential. Defaults first.
"""
_KEYS: Mapping[str, frozenset[str]] = {
    "spikes": frozenset({"kind"}),
    "argmax": frozenset({"kind", "classes"}),
    "n-hot": frozenset({"kind", "key"}),
}
"""Required keys of each way of decoding; argmax may have those of `DECISIONS`, too."""


def check_decode(entry: Any, n_outputs: int, where: str) -> dict[str, Any]:
    """The output decoding, with an n-hot key as nested lists, and without what is a default.

    Parameters
    ----------
    entry : dict or None
        None: the spikes as they are.
    n_outputs : int
        Units of the last layer.
    where : str
        For messages.

    Raises
    ------
    FormatError
        If the kind is unknown, a key is unknown, or the key does not fit the outputs.
    """
    decode = {"kind": "spikes"} if entry is None else entry
    kind = decode.get("kind") if isinstance(decode, Mapping) else decode
    if not isinstance(decode, Mapping) or not isinstance(kind, str) or kind not in _KEYS:
        raise FormatError(f"{where}: decode {kind!r} is not supported, allowed: {', '.join(sorted(_KEYS))}")
    required, optional = _KEYS[kind], frozenset(DECISIONS if kind == "argmax" else ())
    missing, unknown = required - set(decode), set(decode) - required - optional
    if missing or unknown:
        state, key = ("unknown", min(unknown)) if unknown else ("missing", min(missing))
        allowed = ", ".join(sorted(required | optional))
        raise FormatError(f"{where}: {state} key '{key}', decode {kind!r} has {allowed}")
    if kind == "spikes":
        return {"kind": "spikes"}
    if kind == "argmax":
        classes = decode["classes"]
        if type(classes) is not int or classes < 1 or n_outputs % classes:
            raise FormatError(f"{where}: classes = {classes!r}, allowed: a divisor of the {n_outputs} outputs")
        return {"kind": "argmax", "classes": classes, **_check_decision(decode, where)}
    key = np.asarray(decode["key"])
    if key.ndim != 2 or key.shape[1] != n_outputs or key.dtype.kind not in "iub" or not np.isin(key, (0, 1)).all():
        raise FormatError(f"{where}: key of shape {list(key.shape)}, allowed: 0/1 in [classes][{n_outputs}]")
    return {"kind": "n-hot", "key": key.astype(int).tolist()}


def _check_decision(decode: Mapping[str, Any], where: str) -> dict[str, str]:
    chosen = {}
    for key, ways in DECISIONS.items():
        way = decode.get(key, ways[0])
        if way not in ways:
            raise FormatError(f"{where}: {key} = {way!r}, allowed: {', '.join(ways)}")
        if way != ways[0]:
            chosen[key] = way
    if chosen.get("by") == "potential" and "ties" in chosen:
        raise FormatError(
            f"{where}: ties = {chosen['ties']!r} with by = 'potential': where potentials are equal, spikes tell "
            "nothing more; leave ties out"
        )
    return chosen


def n_classes(decode: Mapping[str, Any]) -> int | None:
    """How many classes there are, None if the network has none.

    Parameters
    ----------
    decode : dict
        As `check_decode` returns it.
    """
    if decode["kind"] == "spikes":
        return None
    return len(decode["key"]) if decode["kind"] == "n-hot" else int(decode["classes"])


def needs_potentials(decode: Mapping[str, Any]) -> bool:
    """Whether classes, or ties, are decided by the potentials of the output units after a frame's last step.

    Parameters
    ----------
    decode : dict
        As `check_decode` returns it.
    """
    return decode.get("by") == "potential" or decode.get("ties") in ("potential", "next")


def needs_steps(decode: Mapping[str, Any]) -> bool:
    """Whether classes are decided by something that only a network of several steps has.

    Parameters
    ----------
    decode : dict
        As `check_decode` returns it.
    """
    return any(key in decode for key in DECISIONS)


def to_classes(decode: Mapping[str, Any], trains: np.ndarray, potential: np.ndarray | None = None) -> np.ndarray | None:
    """Class of each frame, the lowest index where nothing tells two apart; None if the network has no classes.

    Parameters
    ----------
    decode : dict
        As `check_decode` returns it.
    trains : uint8[n_frames, n_steps, n_outputs]
        Spikes of the last layer in every step, units in C, H, W order.
    potential : int64[n_frames, n_outputs], optional, potential units
        Of its units after the last step; for `needs_potentials`.

    Returns
    -------
    int64[n_frames] or None
    """
    if decode["kind"] == "spikes":
        return None
    if decode["kind"] == "n-hot":
        counts = trains.sum(axis=1, dtype=np.int64)
        return np.argmax(counts @ np.asarray(decode["key"], np.int64).T, axis=1)
    n_frames, n_steps, n_outputs = trains.shape
    charge = np.zeros((n_frames, decode["classes"]), np.int64)
    if needs_potentials(decode):
        assert potential is not None  # whoever decides this way has looked
        charge = class_potentials(decode, potential)
    if decode.get("by") == "potential":
        return np.argmax(charge, axis=1)
    by_class = trains.reshape(n_frames, n_steps, decode["classes"], n_outputs // decode["classes"])
    fires = by_class.max(axis=3) > 0
    if decode.get("by") == "first":
        # Silent to the end is later than any step.
        score = -np.where(fires.any(axis=1), fires.argmax(axis=1), n_steps)
    else:
        score = by_class.sum(axis=(1, 3), dtype=np.int64)
    best = score == score.max(axis=1, keepdims=True)
    if decode.get("ties") == "next":
        best = _first_to_speak(fires, best)
    return np.argmax(np.where(best, charge, np.iinfo(np.int64).min), axis=1)


def _first_to_speak(fires: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Of some classes those whose trains come first: bool[n_frames, classes].

    Trains are compared step by step: where some fire and others do not, those that fire remain.
    """
    for step in range(fires.shape[1]):
        speak = among & fires[:, step]
        among = np.where(speak.any(axis=1, keepdims=True), speak, among)
    return among


def class_potentials(decode: Mapping[str, Any], potential: np.ndarray) -> np.ndarray:
    """What the units of each class hold together: int64[n_frames, n_classes], potential units.

    Parameters
    ----------
    decode : dict
        Of kind ``argmax``, as `check_decode` returns it.
    potential : int64[n_frames, n_outputs], potential units
    """
    return potential.reshape(len(potential), decode["classes"], -1).sum(axis=2)
