"""What comes of a foreign network: integers, what each layer kept of its numbers, and what was taken for granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from compiler.frontends.model import FloatModel
from compiler.networks.network import LayeredNetwork

FIDELITIES = ("exact", "approximate", "unsupported")
"""What a layer's decisions are: those of its numbers; those of rounded ones; not to be had."""


@dataclass(frozen=True)
class Label:
    """How faithful a layer is.

    Parameters
    ----------
    layer : str
    kind : str
        What it is, in the words of the front end.
    fidelity : str
        One of `FIDELITIES`.
    reason : str
        Why it is not exact, as the end of a sentence; empty if it is.
    """

    layer: str
    kind: str
    fidelity: str
    reason: str = ""


@dataclass(frozen=True)
class Assumptions:
    """What a foreign file does not say, as the user says it; None where nobody said anything.

    Parameters
    ----------
    encoding : dict or None
        How a frame becomes spikes, in the words of docs/formats.md.
    input_scale, input_offset : Fraction
        What the network is fed for a frame's value (as the encoding lets it see it): ``scale * value + offset``.
    reset : str or None
        ``zero`` or ``subtract``: what a unit of several steps keeps when it fires.
    strict : bool or None
        Whether a sum has to exceed its level.
    floor : int or None
        Lowest potential of units of several steps; only 0 means the same in any unit.
    weight_bits : int
        Width that weights are rounded to where they are not integers of that width at some scale.
    classes : int or None
        Classes that the outputs are shared out among.
    decode : dict or None
        How the outputs are read, in the words of docs/formats.md.
    allow : frozenset of str
        Layers that may be approximate.
    dt : Fraction or None
        Seconds per step, where a file gives times.
    """

    encoding: Mapping[str, Any] | None = None
    input_scale: Fraction = Fraction(1)
    input_offset: Fraction = Fraction(0)
    reset: str | None = None
    strict: bool | None = None
    floor: int | None = None
    weight_bits: int = 8
    classes: int | None = None
    decode: Mapping[str, Any] | None = None
    allow: frozenset[str] = frozenset()
    dt: Fraction | None = None


@dataclass(frozen=True, eq=False)
class Meaning:
    """What the map of a network's layer says of a foreign layer: its values are ``slope * x + offset``, by channel.

    Parameters
    ----------
    layer : str
        Whose map holds the ``x``, or ``input``.
    slope, offset : tuple of C Fraction
    """

    layer: str
    slope: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]


@dataclass(frozen=True, eq=False)
class Imported:
    """A foreign network brought into integers.

    Parameters
    ----------
    network : LayeredNetwork
    model : FloatModel
        What the file says.
    labels : tuple of Label
        One for each layer of the model, in its order.
    assumptions : dict
        Plain: what was asked for, by option, and under ``notes`` what was concluded, a sentence each.
    meanings : dict of str to Meaning
        Where each layer of the model that decides (a step, and what only takes or arranges its values) has its
        decisions, by its name.
    """

    network: LayeredNetwork
    model: FloatModel
    labels: tuple[Label, ...]
    assumptions: Mapping[str, Any]
    meanings: Mapping[str, Meaning]
