"""Decisions of a foreign network in floats against those of the integers that it was brought into.

Floats are rounded after every addition, so a sum next to its level may fall on the other side of it. Of each frame,
only the first layer that differs is judged: what follows reads other values. It is at fault if it and all that it reads
are exact, and the sum is farther from its level than rounding can bring it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.frontends.float_run import integrated
from compiler.frontends.imported import Assumptions, Imported, Meaning
from compiler.frontends.model import Fire, FloatLayer, Step
from compiler.networks.evaluate import classes
from compiler.networks.network import INPUT

ROUNDINGS = 2**10
"""How many roundings of the largest value of a map may add up in a sum."""


@dataclass(frozen=True)
class FloatDivergence:
    """One decision that differs: where, what is decided upon in floats, and what it is held against.

    Parameters
    ----------
    layer : str
        Of the model.
    frame : int
    step : int or None
        None where units decide once.
    channel, row, column : int
    value, level : float or None
        None where the layer holds nothing against a level.
    found : int
        The integers' decision: 1 or 0.
    """

    layer: str
    frame: int
    step: int | None
    channel: int
    row: int
    column: int
    value: float | None
    level: float | None
    found: int


@dataclass
class FloatComparison:
    """Decisions compared and different, so far.

    Parameters
    ----------
    compared, different : dict of str to int
        By layer of the network of integers.
    answers : int or None
        Frames whose class differs; None where the model's last layer decides itself.
    faults : int
        Frames in which an exact layer differs first, by more than rounding.
    first, fault : FloatDivergence or None
        The first that differs, and the first that is at fault.
    """

    compared: dict[str, int] = field(default_factory=dict)
    different: dict[str, int] = field(default_factory=dict)
    answers: int | None = None
    faults: int = 0
    first: FloatDivergence | None = None
    fault: FloatDivergence | None = None


def compare_floats(
    so_far: FloatComparison,
    imported: Imported,
    assumptions: Assumptions,
    values: Mapping[str, np.ndarray],
    decisions: Mapping[str, np.ndarray],
    begin: int,
    precision: type[np.floating[Any]] = np.float64,
) -> None:
    """Count what differs in some frames, and judge it.

    Parameters
    ----------
    so_far : FloatComparison
        Is added to.
    imported : Imported
    assumptions : Assumptions
    values : dict of str to float64[n_frames, C, H, W] or [n_frames, n_steps, C, H, W]
        Of the model, by layer.
    decisions : dict of str to int[n_frames, ...]
        Of the network, from `evaluate`.
    begin : int
        Number of the first frame.
    precision : numpy type
        In which the floats were rounded.
    """
    judged = np.zeros(len(values[INPUT]), bool)
    uncertain = _uncertain(imported)
    seen = set()
    for layer in imported.model.layers:
        meaning = imported.meanings.get(layer.name)
        if meaning is None or meaning.layer in seen:
            continue
        seen.add(meaning.layer)
        found = decisions[meaning.layer].reshape(values[layer.name].shape)
        wrong = found != _spikes(values[layer.name], meaning, found)
        so_far.compared[meaning.layer] = so_far.compared.get(meaning.layer, 0) + wrong.size
        so_far.different[meaning.layer] = so_far.different.get(meaning.layer, 0) + int(wrong.sum())
        if not wrong.any():
            continue
        held, level = _held(layer, values, assumptions)
        if so_far.first is None:
            so_far.first = _divergence(layer, wrong, held, level, found, begin)
        wrong = _first_steps(wrong, imported.network.rate) & ~judged.reshape(-1, *[1] * (wrong.ndim - 1))
        judged |= wrong.reshape(len(wrong), -1).any(axis=1)
        if uncertain[layer.name]:
            continue
        if held is not None and level is not None:
            slack = ROUNDINGS * np.finfo(precision).eps * (np.abs(held).max() + np.abs(level))
            wrong &= np.abs(held - level) > slack
        so_far.faults += int(wrong.reshape(len(wrong), -1).any(axis=1).sum())
        if so_far.fault is None and wrong.any():
            so_far.fault = _divergence(layer, wrong, held, level, found, begin)
    _compare_answers(so_far, imported, values, decisions, judged, uncertain, precision)


def _uncertain(imported: Imported) -> dict[str, bool]:
    """Whether a layer, or one that it reads, is not exact; by name."""
    exact = {label.layer: label.fidelity == "exact" for label in imported.labels}
    found = {INPUT: False}
    for layer in imported.model.layers:
        found[layer.name] = not exact[layer.name] or any(found[source] for source in layer.sources)
    return found


def _spikes(values: np.ndarray, meaning: Meaning, found: np.ndarray) -> np.ndarray:
    """What floats are in integers, as the meaning has it; of what is always one value, what was found."""
    slope, offset = (
        np.array([float(one) for one in part]).reshape(-1, 1, 1) for part in (meaning.slope, meaning.offset)
    )
    one = np.where(slope == 0, 1, slope)
    return np.where(slope == 0, found, np.rint((values - offset) / one))


def _held(
    layer: FloatLayer, values: Mapping[str, np.ndarray], assumptions: Assumptions
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """What a layer decides upon, and its levels in the same shape; None where it holds nothing against a level."""
    read = values[layer.sources[0]]
    match layer:
        case Step():
            level, held = layer.level, read
        case Fire() if read.ndim == 5:
            level, held = layer.threshold, integrated(layer, read, assumptions)[1]
        case Fire():
            level, held = layer.threshold, read * np.asarray(layer.gain, np.float64).reshape(-1, 1, 1)
        case _:
            return None, None
    return held, np.broadcast_to(np.asarray(level, np.float64).reshape(-1, 1, 1), held.shape)


def _first_steps(wrong: np.ndarray, rate: bool) -> np.ndarray:
    """Of each frame's steps, only the first in which something differs."""
    if not rate:
        return wrong.copy()
    by_step = wrong.reshape(*wrong.shape[:2], -1).any(axis=2)
    first = by_step & (np.cumsum(by_step, axis=1) == 1)
    return wrong & first.reshape(*first.shape, 1, 1, 1)


def _divergence(
    layer: FloatLayer,
    wrong: np.ndarray,
    held: np.ndarray | None,
    level: np.ndarray | None,
    found: np.ndarray,
    begin: int,
) -> FloatDivergence:
    place = tuple(int(axis[0]) for axis in np.nonzero(wrong))
    frame, *step, channel, row, column = place
    value = None if held is None else float(held[place])
    against = None if level is None else float(level[place])
    where = (begin + frame, step[0] if step else None, channel, row, column)
    return FloatDivergence(layer.name, *where, value, against, int(found[place]))


def _compare_answers(
    so_far: FloatComparison,
    imported: Imported,
    values: Mapping[str, np.ndarray],
    decisions: Mapping[str, np.ndarray],
    judged: np.ndarray,
    uncertain: Mapping[str, bool],
    precision: type[np.floating[Any]],
) -> None:
    """Count frames whose class differs, where the model ends in sums."""
    network, last = imported.network, imported.model.layers[-1].name
    if last in imported.meanings or network.decode["kind"] != "argmax":
        return
    scores = values[last].sum(axis=1) if network.rate else values[last]
    scores = scores.reshape(len(scores), -1)
    found = classes(network, dict(decisions))
    assert found is not None  # argmax has classes
    wrong = found != scores.argmax(axis=1)
    so_far.answers = (so_far.answers or 0) + int(wrong.sum())
    if not uncertain[last]:
        gap = scores.max(axis=1) - np.take_along_axis(scores, found[:, None], axis=1)[:, 0]
        slack = ROUNDINGS * np.finfo(precision).eps * np.abs(scores).max(axis=1)
        so_far.faults += int((wrong & ~judged & (gap > slack)).sum())
