"""Rate-coded networks in slots of many steps: what a unit needs so that it gathers one frame's spikes, and no other's.

A slot has T cycles for the T steps of a frame and one more for the clearing. All delays are whole slots and the
distance between two starts, so what leaves a unit in step s arrives at its readers in theirs, and nothing but forced
spikes arrives in the cycle of the clearing. Below, P >= 0 and N <= 0 are the sums of a unit's positive and negative
weights: what arrives in one step lies in N .. P. To be proven is that the potential is 0 at the start of every slot;
then it is the network's in each of its steps, if the chip's floor does what the network's does.

*The floor of the chip.* From 0, potentials fall to T * N at most; to T * (N - threshold) where a unit is reset by
subtraction with others of its window. A floor that is not above that is never met, and as good as none. Else it has to
be the network's own.

*Floor clearing.* With reset to zero a potential is at most a = min(threshold - 1, T * P) after any step. By
subtraction, a step adds at most P - threshold to what was there before or else ends below the threshold: so at most
a = threshold - 1 + T * max(P - threshold, 0). Either way it is at most T * P. The charge floor - a brings it to the
floor without a spike, and a lift of -floor comes with the first step. The first clearing comes before the first lift
(`control.bias_delay`). Units that can never be left above 0 or below are not touched.

*Forced clearing*, for reset to zero: as in `charges`, with the potential at least T * (N + inhibition).

*Inhibition* in a blank slot is -P in every step: the potential stays at 0 or below, and no unit fires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from compiler.charging.charges import Charges, check_thresholds, sum_range
from compiler.networks.drive import Window
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.spec import ProcessorSpec, load_profile, profile_names


def check_rate(network: LayeredNetwork, spec: ProcessorSpec, plan: FoldPlan) -> None:
    """Refuse a processor that resets otherwise than a rate-coded network, and folds that its units cannot be part of.

    Raises
    ------
    ResourceError
        If the processor lacks, or has, reset by subtraction; or if its potentials leak.
    ScheduleError
        If channels shall take turns, or dense layers be held.
    """
    if not network.rate:
        return
    needs = {"reset": network.reset, "leak": "none"}
    for key in needs:
        if getattr(spec, key) != needs[key]:
            raise _lacking(f"rate-coded network '{network.name}'", needs, key, spec)
    if plan.channels:
        raise ScheduleError(
            f"channels of {', '.join(map(repr, plan.channels))} cannot take turns: units of rate-coded network "
            f"'{network.name}' remember from step to step, so every channel needs its own"
        )
    if plan.dense == "held":
        raise ScheduleError(
            f"dense layers of rate-coded network '{network.name}' cannot be held, they have to fire in every step; "
            "align them by delay"
        )


def _lacking(who: str, needs: Mapping[str, str], key: str, spec: ProcessorSpec) -> ResourceError:
    """What to raise where a processor is not as a network needs it; names the shipped ones that are in all."""
    having = []
    for name in profile_names():
        shipped = load_profile(name)
        if all(getattr(shipped, need) == wanted for need, wanted in needs.items()):
            having.append(name)
    return ResourceError(
        f"{who} needs {key} = {needs[key]}, profile {spec.name} has {key} = {getattr(spec, key)}; choose a profile "
        f"that fits ({', '.join(having)}), or another network",
        limit=key,
        used=1,
        allowed=0,
    )


def rate_charges(
    windows: Sequence[Window],
    wanted: np.ndarray,
    steps: int,
    floor: int | None,
    spec: ProcessorSpec,
    gated: bool,
    clearing: str,
    name: str,
    together: bool = False,
) -> Charges:
    """Charges of a layer that gathers spikes over the steps of a frame, proven from its own weight sums.

    Parameters
    ----------
    windows : sequence of Window
        All that a unit reads.
    wanted : int64[O], potential units
        Thresholds of the network.
    steps : int
    floor : int or None, potential units
        Of the network.
    spec : ProcessorSpec
    gated : bool
        Whether the layer must be silent in blank slots.
    clearing : str
        As `clearing_way` gives it, or ``clear``.
    name : str
        Layer, for messages.
    together : bool
        Whether units are reset with others of their window.

    Raises
    ------
    ResourceError
        If a threshold does not fit, or the chip's floor is neither out of reach nor the network's.

    Source: ours (docs/folding.md, rate codes).
    """
    positive, negative = sum_range(windows)
    threshold = np.minimum(wanted, steps * positive + 1)
    check_thresholds(threshold, spec, name)
    lowest = steps * negative
    if together and spec.reset == "subtract":
        lowest = lowest - np.where(steps * positive >= threshold, steps * threshold, 0)
    _check_floor(lowest, floor, spec, name)
    nothing = np.zeros_like(threshold)
    inhibit = np.where(gated & (steps * positive >= threshold), -positive, 0)
    if clearing == "clear":
        return Charges(threshold, nothing, nothing, inhibit, nothing, nothing)
    above = threshold - 1
    if spec.reset == "subtract":
        above = above + steps * np.maximum(positive - threshold, 0)
    above = np.minimum(above, steps * positive)
    chip = spec.potential_floor
    keeps = above > 0 if chip == 0 else (above > 0) | (lowest < 0) | (inhibit < 0)
    if clearing == "floor":
        assert chip is not None  # else the way is another
        return Charges(
            threshold, np.where(keeps, -chip, 0), np.where(keeps, chip - above, 0), inhibit, nothing, nothing
        )
    lowest = steps * (negative + inhibit)  # only with reset to zero
    if chip is not None:
        lowest = np.maximum(lowest, chip)
    return Charges(threshold, nothing, np.where(keeps, threshold - lowest - negative, 0), inhibit, nothing, nothing)


def _check_floor(lowest: np.ndarray, floor: int | None, spec: ProcessorSpec, name: str) -> None:
    """Refuse a floor of the chip that would be met, and is not the network's; or that the network meets alone."""
    chip = spec.potential_floor
    if chip == floor:
        return
    unit = int(lowest.argmin())
    reached = int(lowest[unit])
    if all(one is None or one <= reached for one in (chip, floor)):
        return
    own, its = ("none" if one is None else str(one) for one in (floor, chip))
    option = ", by --floor 0 where it comes from another tool" if chip == 0 else ""
    raise ResourceError(
        f"layer '{name}', unit {unit}: its potential may fall to {reached} in the steps of a frame; the network's "
        f"floor is {own}, potential_floor of profile {spec.name} is {its}, allowed: the same, or both {reached} and "
        f"below; choose another profile ({_with_floor(floor, reached, spec)}), or give the network the floor of the "
        f"profile{option} (it may then decide otherwise)",
        limit="potential_floor",
        used=reached,
        allowed=0 if chip is None else chip,
    )


def _with_floor(floor: int | None, reached: int, spec: ProcessorSpec) -> str:
    """Names of the shipped profiles that are as this one, and whose floor is right."""

    def is_right(other: ProcessorSpec) -> bool:
        chip = other.potential_floor
        return chip == floor or all(one is None or one <= reached for one in (chip, floor))

    profiles = map(load_profile, profile_names())
    alike = [other for other in profiles if (other.reset, other.leak) == (spec.reset, spec.leak)]
    return ", ".join(other.name for other in alike if is_right(other)) or "none of the shipped ones"
