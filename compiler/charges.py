"""What a leak-free unit needs beside its weights, so that every slot starts clean and blank slots stay silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.drive import Window
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
        Arrives one cycle after the evaluation: drives any potential that may be left to the floor. 0 where none is.
    inhibit
        Arrives with the data of a blank slot of a gated layer: whatever the data, the unit stays silent.
    """

    threshold: np.ndarray
    bias: np.ndarray
    clear: np.ndarray
    inhibit: np.ndarray


def layer_charges(
    windows: Sequence[Window], wanted: np.ndarray, spec: ProcessorSpec, gated: bool, name: str
) -> Charges:
    """Charges of a layer, proven from its own weight sums.

    Parameters
    ----------
    windows : sequence of Window
        All that a unit reads.
    wanted : int64[O], potential units
        Thresholds of the network.
    spec : ProcessorSpec
    gated : bool
        Whether the layer must be silent in blank slots.
    name : str
        Layer, for messages.

    Raises
    ------
    ResourceError
        If a threshold does not fit, or units keep a potential and the processor has no floor to clear it by.

    Source: ours (docs/folding.md, clearing).
    """
    positive, negative = np.zeros((2, len(wanted)), np.int64)
    for window in windows:
        positive += np.maximum(window.weight, 0).sum(axis=(1, 2, 3))
        negative += np.minimum(window.weight, 0).sum(axis=(1, 2, 3))
    # Beyond the reachable sums a threshold only says always or never; the nearest such value costs least.
    wanted = np.clip(wanted, negative, positive + 1)
    threshold = np.maximum(wanted, 1)
    _check_thresholds(threshold, spec, name)
    bias = threshold - wanted
    inhibit = -np.maximum(positive + bias - threshold + 1, 0) if gated else np.zeros_like(bias)
    above = np.minimum(threshold - 1, positive + bias)
    below = (negative < 0) | (inhibit < 0)
    if spec.potential_floor == 0:
        return Charges(threshold, bias, -above, inhibit)
    keeps = (above > 0) | below
    if spec.potential_floor is None:
        if keeps.any():
            raise ResourceError(
                f"layer '{name}', unit {np.argmax(keeps)} keeps a potential after its slot, and profile {spec.name} "
                "has no potential_floor to clear it by; choose a profile with a floor",
                limit="potential_floor",
                used=1,
                allowed=0,
            )
        return Charges(threshold, bias, np.zeros_like(bias), inhibit)
    depth = -spec.potential_floor
    return Charges(threshold, bias + np.where(keeps, depth, 0), np.where(keeps, -above - depth, 0), inhibit)


def _check_thresholds(threshold: np.ndarray, spec: ProcessorSpec, name: str) -> None:
    unit = int(np.argmax(threshold))
    if threshold[unit] > spec.threshold_max:
        raise ResourceError(
            f"layer '{name}', threshold[{unit}] = {threshold[unit]}, allowed {spec.threshold_min}.."
            f"{spec.threshold_max} (threshold_max of profile {spec.name}); use smaller weights or a wider profile",
            limit="threshold_max",
            used=int(threshold[unit]),
            allowed=spec.threshold_max,
        )


def pieces(weight: np.ndarray, spec: ProcessorSpec, what: str) -> np.ndarray:
    """Parallel synapses that carry each weight: int64, same shape; 0 for a weight of 0.

    Parameters
    ----------
    weight : int64[...], potential units
    spec : ProcessorSpec
    what : str
        Layer and array, for messages.

    Raises
    ------
    ResourceError
        If a weight has a sign the processor lacks, or is too large where parallel synapses are forbidden.
    """
    sides = (
        (np.maximum(weight, 0), spec.weight_max, "weight_max"),
        (np.maximum(-weight, 0), -spec.weight_min, "weight_min"),
    )
    count = np.zeros(weight.shape, np.int64)
    for size, limit, key in sides:
        worst = int(size.max(initial=0))
        if worst > max(limit, 0) and (limit <= 0 or not spec.parallel_synapses):
            place = np.unravel_index(int(np.argmax(size)), weight.shape)
            raise ResourceError(
                f"{what}[{','.join(map(str, place))}] = {weight[place]}, allowed {spec.weight_min}..{spec.weight_max} "
                f"({key} of profile {spec.name}, which cannot split it); requantise or choose a wider profile",
                limit=key,
                used=int(weight[place]),
                allowed=getattr(spec, key),
            )
        if limit > 0:
            count += -(-size // limit)
    return count
