"""What a unit needs beside its weights, so that every slot starts clean and blank slots stay silent.

All delays are whole slots and the distance between two starts. So whatever leaves a unit in the cycle of an evaluation
arrives at its readers in the cycle of theirs, and what leaves it in the cycle between (where slots have two) arrives in
theirs between. Below, P >= 0 and N <= 0 are the sums of a unit's positive and negative weights. A unit has at most one
synapse for each of its weights, so what data brings in one cycle lies in N .. P, whatever slot, frame or phantom it is
from. (A serialiser has several, all of weight 1; its source speaks only in values, and they take turns.) Bias and
inhibition come only with data, the clearing charge only between. To be proven is that the potential is the same at the
start of every evaluation, that the unit then fires iff its sum reaches the threshold of the network, and that a unit
that is inhibited does not fire.

*Threshold, bias, inhibition.* The chip's threshold is t >= 1 and the bias b makes up for what the network's is less. An
evaluation from potential 0 compares the sum s + b with t. Inhibited, it is at most P + b + i = t - 1.

*Leak.* Every cycle starts at 0. There is nothing to clear, and a slot takes one cycle.

*Floor* at -B. After an evaluation the potential is at most a = min(t - 1, P + b), or P + b - t where a reset only
subtracts t and that is more. Between, nothing but the clearing
charge -(a + B) arrives (no unit fires there), so it ends at -B; the bias is B larger, and brings it to 0 together with
the data. With B = 0 this holds from the first cycle on; else the first clearing comes before the first bias, and that
before the first evaluation (`control.bias_delay`). Units that can never be left above 0 or below are not touched.

*Counted values.* A value of k is k spikes, in the first cycles of its slot, and the evaluation is in the last of them,
with the bias as a release: the threshold is above every sum before it. Cleared to the floor, the unit is first
preloaded with what negative weights can take away at most, so that no partial sum meets the floor. A slot has one cycle
more than spikes, for the clearing. Inhibited, the unit misses the release.

*Force.* After an evaluation the potential is at least r = N + min(b + i, 0) (the first data may come before the first
bias), or the floor if that is higher. Between, the forced spikes of the sources bring at least N. None of them arrives
without the unit's own charge: the clock sends the first charges to all within two cycles, and a spike takes one more.
With the charge t - r - N the potential reaches t whatever came, so the unit fires and ends at 0. Units with t = 1 that
nothing can leave below 0 are left out: what they hold is 0, and if they fire between, they end at 0 as well. Spikes
between are nobody's values: they reach only what is between, and the contract has no value there. Gates fire with the
data, input lanes never between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.networks.drive import Window
from isa_spec.errors import ResourceError
from isa_spec.spec import ProcessorSpec


@dataclass(frozen=True, eq=False)
class Charges:
    """Threshold on the chip and clock charges of each output channel: int64[O], potential units.

    Parameters
    ----------
    threshold
        At least 1.
    bias
        Arrives with the data of every slot: what a threshold of 0 or below is short of, and the lift from the floor.
    clear
        Arrives one cycle after the evaluation: drives any potential that may be left to the floor (below 0), or makes
        the unit fire (above 0). 0 where none is left, or it is forgotten.
    inhibit
        Arrives with the data of a blank slot of a gated layer: whatever the data, the unit stays silent.
    preload
        Arrives with the first spikes of counted values: what negative weights can take away at most. 0 elsewhere.
    latch
        Arrives from the unit itself, one cycle after it fired: whatever the data, it fires again. 0 for most.
    """

    threshold: np.ndarray
    bias: np.ndarray
    clear: np.ndarray
    inhibit: np.ndarray
    preload: np.ndarray
    latch: np.ndarray


def no_charges(threshold: np.ndarray) -> Charges:
    """Thresholds without any charge of the phase clock."""
    return Charges(threshold, *(np.zeros_like(threshold) for _ in range(5)))


def ways_to_clear(spec: ProcessorSpec) -> tuple[str, ...]:
    """Ways of clearing that a processor has, the cheapest first."""
    ways: tuple[str, ...]
    if spec.leak == "all":
        ways = ("leak", "force")  # nothing rests at a floor
    elif spec.potential_floor is None:
        ways = ("force",)
    else:
        ways = ("floor", "force") if spec.weight_min < 0 else ("force", "floor")
    # What is forced to fire has to be at 0 then.
    return ways if spec.reset == "zero" else tuple(way for way in ways if way != "force")


def clearing_way(wanted: str, spec: ProcessorSpec) -> str:
    """Way of clearing for a wish, which may be ``auto``.

    Parameters
    ----------
    wanted : str
        One of `compiler.plan.CLEARINGS`.
    spec : ProcessorSpec

    Raises
    ------
    ResourceError
        If the processor does not have it.
    """
    ways = ways_to_clear(spec)
    if wanted == "auto" and ways:
        return ways[0]
    if wanted not in ways:
        key = "leak" if wanted == "leak" or spec.leak == "all" else "potential_floor"
        if wanted == "force":
            key = "reset"
        found = "none" if getattr(spec, key) is None else getattr(spec, key)
        remedy = {
            "auto": "with a floor",
            "leak": "whose potentials leak",
            "floor": "with a floor and without leak",
            "force": "with reset zero",
        }[wanted]
        raise ResourceError(
            f"clearing '{wanted}' does not work with {key} = {found} (profile {spec.name}), allowed: "
            f"{', '.join(ways) or 'none'}; choose one of these, or a profile {remedy}",
            limit=key,
            used=1,
            allowed=0,
        )
    return wanted


def layer_charges(
    windows: Sequence[Window],
    levels: Sequence[int],
    wanted: np.ndarray,
    spec: ProcessorSpec,
    gated: bool,
    clearing: str,
    name: str,
) -> Charges:
    """Charges of a layer, proven from its own weight sums (see the module).

    Parameters
    ----------
    windows : sequence of Window
        All that a unit reads.
    levels : sequence of int
        Largest value of what each window reads.
    wanted : int64[O], potential units
        Thresholds of the network.
    spec : ProcessorSpec
    gated : bool
        Whether the layer must be silent in blank slots.
    clearing : str
        As `clearing_way` gives it.
    name : str
        Layer, for messages.

    Raises
    ------
    ResourceError
        If a threshold does not fit, or counted values cannot be gathered.

    Source: ours (docs/folding.md, clearing).
    """
    positive, negative = sum_range(windows, levels)
    wanted = np.clip(wanted, negative, positive + 1)
    if max(levels, default=1) > 1:
        return _counting_charges(positive, negative, wanted, spec, gated, clearing, name)
    threshold = np.maximum(wanted, 1)
    check_thresholds(threshold, spec, name)
    bias = threshold - wanted
    nothing = np.zeros_like(bias)
    inhibit = -np.maximum(positive + bias - threshold + 1, 0) if gated else nothing
    if clearing == "leak":
        return Charges(threshold, bias, nothing, inhibit, nothing, nothing)
    floor = spec.potential_floor
    above = np.minimum(threshold - 1, positive + bias)
    if spec.reset == "subtract":
        above = np.maximum(above, positive + bias - threshold)
    keeps = above > 0 if floor == 0 else (above > 0) | (negative < 0) | (inhibit < 0)
    if clearing == "force":
        lowest = negative + np.minimum(bias + inhibit, 0)
        if floor is not None:
            lowest = np.maximum(lowest, floor)
        return Charges(threshold, bias, np.where(keeps, threshold - lowest - negative, 0), inhibit, nothing, nothing)
    assert floor is not None  # else the way is another
    lift, clear = bias - np.where(keeps, floor, 0), np.where(keeps, floor - above, 0)
    return Charges(threshold, lift, clear, inhibit, nothing, nothing)


def _counting_charges(
    positive: np.ndarray,
    negative: np.ndarray,
    wanted: np.ndarray,
    spec: ProcessorSpec,
    gated: bool,
    clearing: str,
    name: str,
) -> Charges:
    """Charges of a layer that gathers counted values (see the module)."""
    for key, needed in (("leak", "none"), ("reset", "zero")):
        if getattr(spec, key) != needed:
            raise ResourceError(
                f"layer '{name}' cannot gather counted values with {key} = {getattr(spec, key)} (profile {spec.name}), "
                f"allowed: {needed}; use the encoding 'bitplanes' or 'thermometer', or choose a profile with {key} = "
                f"{needed}",
                limit=key,
                used=1,
                allowed=0,
            )
    floor = spec.potential_floor
    rest = floor if clearing == "floor" and floor is not None else 0
    preload = np.zeros_like(negative) if floor is None else -negative
    threshold = np.maximum(np.maximum(rest + preload, 0) + positive, 0) + 1
    check_thresholds(threshold, spec, name)
    release = threshold - rest - preload - wanted
    inhibit = -release if gated else np.zeros_like(release)
    if clearing == "floor":
        clear = rest - threshold + 1
    else:
        # The first inhibition may come before there is a release that it takes back.
        lowest = negative + inhibit if floor is None else np.maximum(negative + inhibit, floor)
        clear = threshold - lowest - negative
    return Charges(threshold, release, clear, inhibit, preload, np.zeros_like(release))


def sum_range(windows: Sequence[Window], levels: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Largest and least sum of each unit: int64[O] each, potential units.

    Beyond them a threshold only says always or never; the nearest reachable value costs least.

    Parameters
    ----------
    windows : sequence of Window
    levels : sequence of int, optional
        Largest value of what each window reads; 1 by default.
    """
    times = [1] * len(windows) if levels is None else levels
    positive = sum(window.positive * most for window, most in zip(windows, times, strict=True))
    negative = sum(window.negative * most for window, most in zip(windows, times, strict=True))
    return np.asarray(positive, np.int64), np.asarray(negative, np.int64)


def check_thresholds(threshold: np.ndarray, spec: ProcessorSpec, name: str) -> None:
    """Refuse thresholds on the chip that the processor cannot hold.

    Raises
    ------
    ResourceError
        With the largest.
    """
    unit = int(np.argmax(threshold))
    if threshold[unit] > spec.threshold_max:
        raise ResourceError(
            f"layer '{name}', threshold[{unit}] = {threshold[unit]}, allowed {spec.threshold_min}.."
            f"{spec.threshold_max} (threshold_max of profile {spec.name}); use smaller weights or a wider profile",
            limit="threshold_max",
            used=int(threshold[unit]),
            allowed=spec.threshold_max,
        )


def least_delay(spec: ProcessorSpec) -> int:
    """Shortest delay from clocks and gates to units, in cycles.

    Their charges may have to be split; where a pair has one synapse that takes proxies, and a proxy takes a cycle.
    """
    return 1 if spec.parallel_synapses else 2


def window_pieces(window: Window, spec: ProcessorSpec, what: str) -> np.ndarray:
    """Synapses that carry a window's weights at each of its places: int64[K_h, K_w].

    Raises
    ------
    ResourceError
        As `pieces`.
    """
    low, high = window.extremes
    if spec.weight_min <= low and high <= spec.weight_max:
        return window.uses
    return pieces(window.weight, spec, what).sum(axis=(0, 1))


def pieces(weight: np.ndarray, spec: ProcessorSpec, what: str) -> np.ndarray:
    """Synapses that carry each weight: int64, same shape; 0 for a weight of 0.

    Parameters
    ----------
    weight : int64[...], potential units
    spec : ProcessorSpec
    what : str
        Layer and array, for messages.

    Raises
    ------
    ResourceError
        If a weight has a sign that the processor lacks, or is more than its adder can hold.
    """
    size = int(np.abs(weight).max(initial=0))
    if size >> (spec.potential_bits - 1):
        # Before anything is emitted: it would take any number of synapses, and then not fit the adder.
        raise ResourceError(
            f"{what}: a charge of {size} needs {size.bit_length() + 1} bits, allowed {spec.potential_bits} "
            f"(potential_bits of profile {spec.name}); use smaller weights, or a profile with a wider potential",
            limit="potential_bits",
            used=size.bit_length() + 1,
            allowed=spec.potential_bits,
        )
    sides = (
        (np.maximum(weight, 0), spec.weight_max, "weight_max"),
        (np.maximum(-weight, 0), -spec.weight_min, "weight_min"),
    )
    count = np.zeros(weight.shape, np.int64)
    for size, limit, key in sides:
        worst = int(size.max(initial=0))
        if worst > 0 and limit <= 0:
            place = np.unravel_index(int(np.argmax(size)), weight.shape)
            raise ResourceError(
                f"{what}[{','.join(map(str, place))}] = {weight[place]}, allowed {spec.weight_min}..{spec.weight_max} "
                f"({key} of profile {spec.name}); requantise to weights of the other sign, or choose another profile",
                limit=key,
                used=int(weight[place]),
                allowed=getattr(spec, key),
            )
        if limit > 0:
            count += -(-size // limit)
    return count
