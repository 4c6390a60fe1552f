"""Units of NIR files: which integrate without leak and can be had, and by how much they count what they read.

``IF`` says ``dv/dt = R * I``, so each step of length dt adds ``R * dt`` times the input; files do not say dt. ``LIF``
says ``tau * dv/dt = (v_leak - v) + R * I``, which leaks nothing where tau is infinite. snnTorch writes an infinite R
besides: there each step adds the input as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from compiler.frontends.model import Fire, Unsupported
from compiler.frontends.nir.graph import Node, kind_of
from compiler.frontends.nir.shapes import Axes, by_channel, numbers
from isa_spec.errors import FormatError, NetworkError

LEAKING = ("LI", "CubaLI", "CubaLIF")
NO_LEAK = "and this processor has no leak"


@dataclass(frozen=True)
class Clock:
    """Length of a step, as it was given or as it has to be.

    Parameters
    ----------
    dt : Fraction
        In the file's unit of time.
    notes : tuple of str
        What was taken for granted, a sentence each.
    """

    dt: Fraction = Fraction(1)
    notes: tuple[str, ...] = field(default=())


def clock_of(nodes: Mapping[str, Node], dt: Fraction | None, where: str) -> Clock:
    """The step's length: as given, else the one by which every unit counts its input once.

    Parameters
    ----------
    nodes : dict of str to dict
    dt : Fraction or None
        None: 1 / r, if that is the same for all units.
    where : str
        The file, for messages.

    Raises
    ------
    FormatError
        If ``r`` or ``tau`` are missing or no numbers.
    NetworkError
        If dt is not given and ``r`` differs.
    """
    if dt is not None:
        return Clock(dt)
    resistances: dict[float, str] = {}
    for name, node in nodes.items():
        if kind_of(node) == "IF" or (kind_of(node) == "LIF" and not leak_of(node, f"{where}: node '{name}'")):
            for value in np.unique(numbers(node, "r", f"{where}: node '{name}'", infinite=True)).tolist():
                if 0 < value < np.inf:
                    resistances.setdefault(value, name)
    if not resistances:
        return Clock()
    if len(resistances) > 1:
        (one, first), (two, second) = list(resistances.items())[:2]
        apart = f"node '{first}' has r = {one:g} and {two:g}"
        if first != second:
            apart = f"node '{first}' has r = {one:g} and node '{second}' r = {two:g}"
        raise NetworkError(
            f"{where}: {apart}: a step of dt adds r * dt times the input, and the file does not say dt; say the one "
            "that the network was trained with: --dt"
        )
    (resistance,) = resistances
    note = f"the file does not say dt: taken to be 1 / r = {1 / resistance:g}, so that each step adds its input once"
    return Clock(1 / Fraction(resistance), (note,))


def unit_layer(
    name: str, node: Node, source: str, axes: Axes, clock: Clock, where: str
) -> tuple[Fire | Unsupported, tuple[str, ...]]:
    """Layer of an ``IF`` or ``LIF`` node, and notes.

    Parameters
    ----------
    name, source : str
    node : dict
    axes : tuple of int or None
        Of the map that it reads.
    clock : Clock
    where : str
        The node, for messages.

    Raises
    ------
    FormatError
        If a key is missing, no number, or does not fit the map.
    """
    kind = kind_of(node)
    threshold_key = "theta" if "theta" in node and "v_threshold" not in node else "v_threshold"
    threshold = by_channel(numbers(node, threshold_key, where), axes, f"{where}: {threshold_key}")
    resistance = numbers(node, "r", where, infinite=kind == "LIF")
    infinite = bool(np.isinf(resistance).all())
    notes: tuple[str, ...] = ()
    if kind == "LIF":
        leak = leak_of(node, where)
        if leak:
            return Unsupported(name, (source,), kind, leak), ()
        what = "tau = inf and r = inf, as written for beta = 1: each step adds its input once"
        notes = (
            f"'{name}' is an LIF with {what if infinite else 'tau = inf: it does not leak, and is taken for an IF'}",
        )
    problem = _odd(node, where) or _odd_resistance(resistance)
    gain = np.ones(1) if infinite else by_channel(resistance, axes, f"{where}: r")
    for key, value in ((threshold_key, threshold), ("r", gain)):
        if isinstance(value, str):
            problem = problem or f"{key} {value}"
    if problem or isinstance(threshold, str) or isinstance(gain, str):
        return Unsupported(name, (source,), kind, problem), ()
    if not infinite:
        gain = np.array([float(Fraction(value) * clock.dt) for value in gain.tolist()])
    return Fire(name, (source,), threshold, gain), notes


def leak_of(node: Node, where: str) -> str:
    """Why an ``LIF`` node cannot be had, as the end of a sentence; empty if its time constants are infinite.

    Raises
    ------
    FormatError
        If they are missing, no numbers, or not above 0.
    """
    tau = numbers(node, "tau", where, infinite=True)
    if np.any(tau <= 0):
        raise FormatError(f"{where}: tau = {_span(tau)}, allowed: above 0")
    return "" if np.isinf(tau).all() else f"leaks (tau = {_span(tau)}), {NO_LEAK}"


def leaking(name: str, node: Node, sources: tuple[str, ...], where: str) -> Unsupported:
    """What becomes of a unit with a leak: it is named, with its time constants.

    Raises
    ------
    FormatError
        If a time constant is missing or no number.
    """
    keys = ("tau",) if kind_of(node) == "LI" else ("tau_mem", "tau_syn")
    constants = ", ".join(f"{key} = {_span(numbers(node, key, where, infinite=True))}" for key in keys)
    return Unsupported(name, sources, kind_of(node), f"leaks ({constants}), {NO_LEAK}")


def _odd(node: Node, where: str) -> str:
    """What is odd about where the potential goes; empty if it goes to 0."""
    for key, what in (("v_reset", "resets to"), ("v_leak", "rests at")):
        if key in node and np.any(values := numbers(node, key, where)):
            return f"{what} {key} = {_span(values)}, and a unit of this processor starts from 0"
    return ""


def _odd_resistance(resistance: np.ndarray) -> str:
    if np.any(resistance <= 0):
        return f"has r = {_span(resistance)}, allowed: above 0"
    if np.isinf(resistance).any() and not np.isinf(resistance).all():
        return "has r = inf for some units and finite r for others"
    return ""


def _span(values: np.ndarray) -> str:
    low, high = f"{values.min():g}", f"{values.max():g}"
    return low if low == high else f"{low} .. {high}"
