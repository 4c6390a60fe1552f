"""What neurons of a layer are called, many at once: by channel, by role where they carry no map, by node."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from isa_spec.image import ROLES, ProcessorImage
from isa_spec.names import node_names
from neuroproc.report.html import Content, Html, count_of, joined, name_of

_MOST_NAMED = 12
"""Channels, or spans of channels, that are named of a layer; of more, their number is told."""


def names_of(image: ProcessorImage, number: int, neurons: np.ndarray) -> Html | None:
    """Neurons of one layer in words: whole channels, channels in part, other neurons by role; None of no neurons.

    Parameters
    ----------
    image : ProcessorImage
    number : int
        Of the layer.
    neurons : int64[n]
    """
    if not len(neurons):
        return None
    parts: list[Content] = []
    record = image.layers[number] if image.layers else None
    nodes = node_names(image)
    if nodes:
        shown = [name_of(nodes[neuron][1] or nodes[neuron][0]) for neuron in neurons[:_MOST_NAMED].tolist()]
        return joined(*_between(shown, ", "), _more(len(neurons) - len(shown)))
    lanes = np.zeros(0, np.int64)
    if record is not None and record.contract is not None and record.first_neuron is not None:
        contract = record.contract
        lanes = neurons[(neurons >= record.first_neuron) & (neurons < record.first_neuron + contract.n_lanes)]
        size = contract.lane_rows * contract.lane_cols
        counts = np.bincount((lanes - record.first_neuron) // size, minlength=contract.lane_channels)
        parts += _channels(counts, size, contract.n_turns, contract.channels)
    others = image.role[np.setdiff1d(neurons, lanes)]
    for role, many in zip(*np.unique(others, return_counts=True), strict=True):
        parts.append(count_of(int(many), ROLES[role]))
    return joined(*_between(parts, "; "))


def _channels(counts: np.ndarray, size: int, turns: int, channels: int) -> list[Content]:
    """Channels all of whose neurons are meant, then those of which some are; channels in turns share theirs."""
    parts: list[Content] = []
    whole = [
        c
        for group in np.flatnonzero(counts == size).tolist()
        for c in range(group * turns, min((group + 1) * turns, channels))
    ]
    if len(whole) == channels:
        return [f"all {count_of(channels, 'channel')}"]
    if whole:
        parts.append(("channel " if len(whole) == 1 else f"{len(whole):,} channels: ") + _runs(whole))
    partly = np.flatnonzero((counts > 0) & (counts < size)).tolist()
    if partly:
        shown = [
            f"{_runs(_group(group, turns, channels))} ({counts[group]:,} of {size:,})" for group in partly[:_MOST_NAMED]
        ]
        parts.append(f"channels in part: {', '.join(shown)}{_more(len(partly) - len(shown))}")
    return parts


def _group(group: int, turns: int, channels: int) -> list[int]:
    """Channels that share neurons."""
    return list(range(group * turns, min((group + 1) * turns, channels)))


def _runs(numbers: list[int]) -> str:
    """Ascending numbers, with those that follow each other as a span: ``0, 3-5``."""
    spans = []
    for _, members in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        span = [number for _, number in members]
        spans.append(str(span[0]) if len(span) == 1 else f"{span[0]}\N{EN DASH}{span[-1]}")
    return ", ".join(spans[:_MOST_NAMED]) + _more(len(spans) - _MOST_NAMED)


def _more(number: int) -> str:
    return f" and {number:,} more" if number > 0 else ""


def _between(parts: list[Content] | list[Html], mark: str) -> list[Content]:
    found: list[Content] = []
    for part in parts:
        found += [mark, part] if found else [part]
    return found
