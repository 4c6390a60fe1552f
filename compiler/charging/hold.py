"""A layer of one position after a stream, by hold and release: short delays, wide thresholds.

Aligned by delay, every value of the frame waits on a delay line until the last is there. Held, each value is picked out
of the stream by a neuron of its own, a demultiplexer that the select neuron of its tile opens, and charges the units
when it comes; they remember, for nothing leaks. The frame clock clears the units and preloads them before the first
value, so that no partial sum meets the floor, and releases them with the last: then, and only then, they may fire.

From the floor ``f`` a unit is preloaded to ``f + N``, where ``N`` is the sum of its negative weights' sizes. With ``P``
the sum of its positive weights, every partial sum lies in ``f .. f + N + P``, and the threshold is one above. The
release is ``threshold - f - N - t``: a sum ``s`` then fires iff ``s >= t``, the network's threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.charging.charges import Charges, check_thresholds, layer_charges, sum_range
from compiler.networks.drive import Window
from isa_spec.errors import ResourceError
from isa_spec.spec import ProcessorSpec

FROM_STREAM = 2
"""Cycles from a value in the stream to the units: through its demultiplexer."""


@dataclass(frozen=True, eq=False)
class HoldCharges:
    """Threshold of each unit and what the frame clock sends it once a frame: int64[O], potential units.

    Parameters
    ----------
    threshold
        Above every partial sum.
    clear
        One cycle before the first value can come: to the floor.
    preload
        With the first value: what negative weights can take away at most.
    release
        With the last value: lifts a sum that reaches the network's threshold to the unit's.
    demux
        Of a demultiplexer, cleared in every slot.
    """

    threshold: np.ndarray
    clear: np.ndarray
    preload: np.ndarray
    release: np.ndarray
    demux: Charges


def hold_charges(
    windows: Sequence[Window], wanted: np.ndarray, spec: ProcessorSpec, clearing: str, name: str
) -> HoldCharges:
    """Charges of a held layer, proven from its own weight sums (see the module).

    Parameters
    ----------
    windows : sequence of Window
        All that a unit reads.
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
        If a threshold does not fit, or the processor cannot hold sums or clear them.
    """
    if clearing != "floor" or not spec.parallel_synapses or spec.reset != "zero":
        key = "potential_floor" if spec.parallel_synapses else "parallel_synapses"
        key = key if spec.reset == "zero" else "reset"
        raise ResourceError(
            f"layer '{name}' cannot be held with clearing '{clearing}' on profile {spec.name}, allowed: clearing "
            f"'floor' with parallel synapses and reset zero ({key}); align it by delay, or choose such a profile",
            limit=key,
            used=1,
            allowed=0,
        )
    floor = spec.potential_floor
    assert floor is not None  # else it would not be cleared by it
    positive, negative = sum_range(windows)
    reached = np.clip(wanted, negative, positive + 1)
    threshold = np.maximum(floor - negative + positive + 1, 1)
    check_thresholds(threshold, spec, name)
    both = Window(np.ones((1, 2, 1, 1), np.int64), (1, 1), (0, 0), 1)
    return HoldCharges(
        threshold=threshold,
        clear=floor - threshold + 1,
        preload=-negative,
        release=threshold - floor + negative - reached,
        demux=layer_charges([both], [1], np.array([2]), spec, False, clearing, name),
    )
