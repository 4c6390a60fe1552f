"""Channels that share a neuron: each has its turn, a cycle of its own in time that would be idle.

A neuron that carries several channels holds the weights of all of them. Which one it computes is a matter of when: a
synapse brings its source's spike to the turn of its own channel, and everything else that the source says, in other
turns and other tiles, arrives at cycles that are nobody's. So turns are chosen (`turn_search`) such that no stray
arrival meets an evaluation: with ``t`` a turn of the source and ``u`` one of the reader, a spike of ``t'`` over
the synapse from ``t`` to ``u`` arrives ``t' - t + u`` after the tile that it belongs to, and must not be at a ``u'``.

In every cycle the steady clock sends such a neuron a charge that silences it and drives it to the floor, whatever
arrives (`TurnCharges.hush`); in the turns of its tiles, and only there, the lift takes that back and brings what the
threshold of the channel whose turn it is falls short of the neuron's. So the neuron starts every turn at the floor,
compares the sum of its channel with that channel's threshold, and is silent at all other times: strays end with it.

A window of the same weights for every channel, each on its own (pooling, a serialiser), needs no turns of its own: one
synapse brings each channel in its source's turn.

Source: ours, after the phases of the folding scheme (docs/folding.md, channels).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from compiler.charging.charges import check_thresholds, sum_range
from compiler.folding.geometry import Carrier, Geometry
from compiler.networks.drive import Window
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.potentials import signed_bits
from isa_spec.spec import ProcessorSpec

Turns = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class TurnCharges:
    """Threshold and charges of neurons that take turns, potential units.

    Parameters
    ----------
    threshold : int64[lane_channels]
        The largest of the neuron's channels.
    hush : int64[lane_channels]
        Arrives in every cycle.
    lift : int64[O]
        Arrives in the channel's turn.
    """

    threshold: np.ndarray
    hush: np.ndarray
    lift: np.ndarray


def followed(carrier: Carrier) -> int | None:
    """Carrier whose turns this one keeps, because every channel of it reads the same way the one of that number."""
    if carrier.serialises is not None:
        return carrier.serialises
    if len(carrier.readings) != 1:
        return None
    window = carrier.readings[0].window
    alone = window.groups == window.n_channels == carrier.shape[0] and window.weight.shape[1] == 1
    return carrier.readings[0].source if alone and np.all(window.weight == window.weight[:1]) else None


def shared_channels(geometry: Geometry, wanted: Mapping[str, int]) -> list[int]:
    """Channels on each neuron of every carrier, by the plan.

    Parameters
    ----------
    geometry : Geometry
    wanted : dict of str to int
        By layer; 1 for all others.

    Raises
    ------
    ScheduleError
        If a layer does not exist, cannot share, or has fewer channels.
    """
    names = [carrier.name for carrier in geometry.carriers if may_share(carrier)]
    for name, count in wanted.items():
        if name not in names:
            raise ScheduleError(
                f"channels of '{name}': no such layer has units with turns of their own (pooling keeps those of its "
                f"source), allowed: {', '.join(names)}"
            )
        channels = geometry.carriers[geometry.home[name]].shape[0]
        if not 1 <= count <= channels:
            raise ScheduleError(f"channels of '{name}': {count} on one neuron, allowed: 1..{channels}")
    counts: list[int] = []
    for carrier in geometry.carriers:
        source = followed(carrier)
        counts.append(wanted.get(carrier.name, 1) if source is None else counts[source])
        several = any(reading.source != source and counts[reading.source] > 1 for reading in carrier.readings)
        if (counts[-1] > 1 or several) and any(geometry.carriers[r.source].levels > 1 for r in carrier.readings):
            raise ScheduleError(
                f"layer '{carrier.name}' reads counted values, which take a whole slot, and cannot take turns; give it "
                "one channel on a neuron, or use another encoding"
            )
    return counts


def may_share(carrier: Carrier) -> bool:
    """Whether it has units with turns of their own."""
    return bool(carrier.readings) and followed(carrier) is None


def turn_charges(
    windows: Sequence[Window],
    sources: Sequence[Turns],
    shared: bool,
    turns: Turns,
    steps: Sequence[int],
    wanted: np.ndarray,
    spec: ProcessorSpec,
    clearing: str,
    name: str,
) -> TurnCharges:
    """Charges of neurons that take turns, proven from their own weight sums.

    What arrives in one cycle came over synapses whose strays are due then, each at most once: their positive weights,
    summed for the worst cycle, are all that `hush` has to silence.

    Parameters
    ----------
    windows : sequence of Window
        All that a neuron's channels read.
    sources : sequence of Turns
        Turns of what each window reads.
    shared : bool
        Whether one synapse serves all channels of a neuron, in its source's turns (`followed`).
    turns : Turns
    steps : sequence of int, cycles
        For each window a common divisor of all that its source's tiles and its own are apart.
    wanted : int64[O], potential units
        Thresholds of the network.
    spec : ProcessorSpec
    clearing : str
        As `clearing_way` gives it.
    name : str
        Layer, for messages.

    Raises
    ------
    ResourceError
        If a threshold does not fit, or the processor has neither floor nor leak.
    """
    if clearing == "force" or spec.weight_min >= 0 or spec.reset != "zero":
        key = "weight_min" if clearing != "force" else "potential_floor"
        key = key if spec.reset == "zero" else "reset"
        raise ResourceError(
            f"layer '{name}': channels cannot take turns with clearing '{clearing}', weights {spec.weight_min}.."
            f"{spec.weight_max} and reset {spec.reset} (profile {spec.name}), allowed: clearing 'floor' or 'leak', "
            f"negative weights and reset zero ({key}); give every channel a neuron, or choose such a profile",
            limit=key,
            used=1,
            allowed=0,
        )
    positive, negative = sum_range(windows)
    reached = np.clip(wanted, negative, positive + 1)
    n_turns = len(turns)
    threshold = _by_neuron(np.maximum(reached, 1), n_turns).max(axis=1)
    check_thresholds(threshold, spec, name)
    most = np.zeros_like(threshold)
    for window, source, step in zip(windows, sources, steps, strict=True):
        most += _by_neuron(window.positive, n_turns)[:, 0] if shared else _worst_cycle(window, source, turns, step)
    if clearing == "leak":
        hush, depth = -np.maximum(most - threshold + 1, 0), 0
    else:
        assert spec.potential_floor is not None  # else the way is another
        depth = -spec.potential_floor
        hush = -(most + threshold - 1 + depth)
    of_channel = np.arange(len(reached)) // n_turns
    lift = (threshold - hush + depth)[of_channel] - reached
    rises, falls, lifts = (_by_neuron(side, n_turns) for side in (positive, negative, lift))
    if shared:
        rises, falls = rises[:, :1], falls[:, :1]
    rest = 0 if clearing == "leak" else threshold - 1
    _check_range(hush + falls.sum(axis=1) - depth, rest + rises.sum(axis=1) + lifts.sum(axis=1), n_turns, spec, name)
    return TurnCharges(threshold, hush, lift)


def _check_range(lowest: np.ndarray, highest: np.ndarray, n_turns: int, spec: ProcessorSpec, name: str) -> None:
    """Refuse neurons whose synapses could bring more in one cycle than the adder holds."""
    needed = max(signed_bits(int(low), int(high)) for low, high in zip(lowest, highest, strict=True))
    if needed > spec.potential_bits:
        raise ResourceError(
            f"layer '{name}': a neuron of {n_turns} channels and those that it reads needs {needed} bits, allowed "
            f"{spec.potential_bits} (potential_bits of profile {spec.name}); put fewer channels on a neuron, here or "
            "in the layers before, or choose a profile with a wider potential",
            limit="potential_bits",
            used=needed,
            allowed=spec.potential_bits,
        )


def _by_neuron(values: np.ndarray, n_turns: int) -> np.ndarray:
    """Values of channels by neuron and turn, 0 where a neuron has fewer: int64[lane_channels, n_turns]."""
    padded = np.zeros(-(-len(values) // n_turns) * n_turns, np.int64)
    padded[: len(values)] = values
    return padded.reshape(-1, n_turns)


def _worst_cycle(window: Window, source: Turns, turns: Turns, step: int) -> np.ndarray:
    """Most charge that can arrive at each neuron in one cycle: int64[lane_channels]."""
    # Where what leaves in any turn arrives, over the synapses of each pair of turns.
    spoken = np.array(source)
    strays = ((np.array(turns)[:, None, None] + spoken - spoken[:, None]) % step).ravel()
    between = _between_turns(window, len(source), len(turns))
    worst = [np.bincount(strays, np.repeat(charge.ravel(), len(source))).max() for charge in between]
    return np.array(worst).astype(np.int64)  # exact: sums are below 2**52


@lru_cache(maxsize=256)
def _between_turns(window: Window, n_source: int, n_turns: int) -> np.ndarray:
    """Positive weights from sources' turns to neurons' turns, summed: float64[lane_channels, n_turns, n_source]."""
    excited = window.excited
    neurons, groups = -(-len(excited) // n_turns), -(-excited.shape[1] // n_source)
    padded = np.zeros((neurons * n_turns, groups * n_source))
    padded[: len(excited), : excited.shape[1]] = excited
    summed: np.ndarray = padded.reshape(neurons, n_turns, groups, n_source).sum(axis=2)
    return summed
