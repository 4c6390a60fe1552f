"""Latched units in slots of many steps: a synapse of a unit onto itself that makes it fire to the end of its slot.

A slot has T cycles for the T steps of a frame and one for the clearing, as in `rate`, whose proof this one extends.
Below, t >= 1 is a unit's threshold on the chip, and P >= 0 and N <= 0 are the sums of its positive and negative
weights: what its windows bring in one cycle lies in N .. P. Its latch is a synapse onto itself of delay 1 and weight
M = t - N. Units that cannot reach t in T steps have none.

*It holds.* A unit that fired starts the next step at 0, and M arrives with N at least: it has t or more, so it fires.
Until it fires, nothing of the latch arrives, and its potential is the network's (`rate`). A maximum of latched trains
is one itself, and needs no latch; nor do the units that answer.

*It ends.* The last delivery is that of step T - 1, in the cycle of the clearing.

*Floor clearing.* A unit that fired in step T - 1 has M then, and one that did not has at most what `rate` proves, a.
The charge floor - max(a, M) brings either to the floor or below without a spike, and the floor of the chip raises it.
So no unit speaks in the cycle of the clearing or after it, and none hears of its latch in the next slot.

*Forced clearing.* Every unit with a latch is forced, also one that keeps nothing else, for M would make it fire
unasked. Nothing that arrives in this cycle can prevent it: M only adds. Its forced spike delivers M one cycle later,
and there the clock takes it back: a bias of -M, sent with each forced charge, to arrive one cycle after it. So in the
very first slot, which no forced spike came before, there is no bias either. A slot that is longer than it needs to be
is silent from that cycle on.

*Inhibition* in a blank slot is -P in every step: no unit fires, so no latch begins, and none is left from before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compiler.charging.charges import Charges, pieces, sum_range
from compiler.charging.rate import rate_charges
from compiler.networks.drive import Window
from isa_spec.errors import ResourceError
from isa_spec.spec import ProcessorSpec


def latch_charges(
    windows: Sequence[Window],
    wanted: np.ndarray,
    steps: int,
    floor: int | None,
    spec: ProcessorSpec,
    gated: bool,
    clearing: str,
    name: str,
) -> Charges:
    """Charges of a layer whose units have a synapse onto themselves; parameters as for `rate_charges`.

    Raises
    ------
    ResourceError
        As `rate_charges`; or if the processor cannot hold a latch.

    Source: ours (docs/folding.md, single-spike codes).
    """
    plain = rate_charges(windows, wanted, steps, floor, spec, gated, clearing, name)
    positive, negative = sum_range(windows)
    fires = plain.threshold <= steps * positive
    latch = np.where(fires, plain.threshold - negative, 0)
    _check_latch(latch, spec, name)
    if clearing == "floor":
        rest = spec.potential_floor
        assert rest is not None  # else the way is another
        clear = np.where(fires, np.minimum(plain.clear, rest - latch), plain.clear)
        return replace(plain, bias=np.where(fires, -rest, plain.bias), clear=clear, latch=latch)
    return replace(plain, bias=plain.bias - latch, clear=np.maximum(plain.clear, latch), latch=latch)


def _check_latch(latch: np.ndarray, spec: ProcessorSpec, name: str) -> None:
    """Refuse latches that a single synapse, or so many as may leave a unit, cannot be: they deliver after 1 cycle."""
    unit = int(np.argmax(latch))
    most = int(latch[unit])
    what = f"layer '{name}', unit {unit}: its latch, a charge of {most} onto itself after 1 cycle,"
    if not spec.parallel_synapses and most > spec.weight_max:
        raise ResourceError(
            f"{what} has to be one synapse (parallel_synapses of profile {spec.name} is false), allowed a weight of "
            f"{spec.weight_max} (weight_max); use smaller weights and thresholds, or a profile with wider weights or "
            "with parallel synapses",
            limit="weight_max",
            used=most,
            allowed=spec.weight_max,
        )
    if spec.max_fan_out is not None and spec.parallel_synapses:
        used = int(pieces(latch[unit : unit + 1], spec, f"layer '{name}', latch")[0]) + 1
        if most and used > spec.max_fan_out:
            raise ResourceError(
                f"{what} takes {used - 1} synapses, and its readers are reached by one more, allowed "
                f"{spec.max_fan_out} in all (max_fan_out of profile {spec.name}): no relay can come before them; use "
                "smaller weights and thresholds, or a profile with wider weights or a larger fan-out",
                limit="max_fan_out",
                used=used,
                allowed=spec.max_fan_out,
            )
