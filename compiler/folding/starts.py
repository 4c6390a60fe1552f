"""Cycles: when the first tile of every carrier comes, no earlier than all that it needs."""

from __future__ import annotations

import numpy as np

from compiler.charging.charges import Charges, clearing_way, least_delay
from compiler.charging.hold import FROM_STREAM, HoldCharges
from compiler.folding.geometry import Carrier, Geometry
from compiler.folding.pitches import Pitch
from compiler.folding.turns import Turns
from compiler.plan import FoldPlan
from compiler.stages import Part, Taps
from isa_spec.spec import ProcessorSpec


def stream_extent(carrier: Carrier, pitch: Pitch) -> int:
    """Slots from a map's first tile to its last."""
    return (carrier.tiles[0] - 1) * pitch[0] + (carrier.tiles[1] - 1) * pitch[1]


def starts_of(
    geometry: Geometry,
    parts: list[tuple[Part, ...]],
    pitches: list[Pitch],
    holds: list[HoldCharges | None],
    turns: list[Turns],
    slot: int,
    spec: ProcessorSpec,
    lead: int,
) -> list[int]:
    """Cycle of every carrier's first tile: one after the last of the values that it needs; the input's is 0.

    Two where that value comes over several synapses of one pair and the processor allows one: a proxy takes a cycle;
    and later by ``lead`` than that. The output of a group fires with its members.
    """
    starts = [0]
    for carrier, read, hold in zip(geometry.carriers[1:], parts[1:], holds, strict=True):
        if carrier.pools is not None and spec.pooling_groups:
            starts.append(starts[carrier.pools])
            continue
        if hold:
            extents = [stream_extent(geometry.carriers[part.source], pitches[part.source]) for part in read]
            last = max(starts[part.source] + slot * extent for part, extent in zip(read, extents, strict=True))
            starts.append(last + FROM_STREAM * (1 + lead))
            continue
        ready = []
        for part in read:
            turn = 0 if part.together else turns[part.source][-1]
            taps = slot * (_latest(part.rows) + _latest(part.cols))
            ready.append(starts[part.source] + turn + part.levels - 1 + taps)
        starts.append(max(ready) + lead + (2 if _several(read, spec) else 1))
    return starts


def _several(read: tuple[Part, ...], spec: ProcessorSpec) -> bool:
    """Whether a pair may need synapses of equal delay that the processor does not have."""
    if spec.parallel_synapses:
        return False
    ends = [part.window.extremes for part in read]
    wide = any(low < min(spec.weight_min, 0) or high > max(spec.weight_max, 0) for low, high in ends)
    return wide or len({part.source for part in read}) < len(read)


def _latest(taps: Taps) -> int:
    return int(taps.age.max()) if len(taps.age) else 0


def earliest_start(
    read: tuple[Part, ...], charges: Charges, turns: bool, rest: int, spec: ProcessorSpec, plan: FoldPlan, lead: int
) -> int:
    """First cycle in which a stage may be evaluated when the clocks start in cycle 0.

    Parameters
    ----------
    read : tuple of Part
    charges : Charges
    turns : bool
        Whether its units are silent but in turns.
    rest : int, cycles
        From the clearing after a slot's last comparison to the first of the next slot.
    spec : ProcessorSpec
    plan : FoldPlan
    lead : int, cycles
        As in `Schedule`.
    """
    hop, least = 1 + lead, least_delay(spec) + lead
    earliest = least if charges.bias.any() else 1
    if turns or charges.inhibit.any():
        earliest = 2 * hop + least  # from frame clock to row gate and gate, and on to the units
    lifted = clearing_way(plan.clearing, spec) == "floor" and spec.potential_floor and np.any(charges.clear)
    if lifted or any(part.levels > 1 for part in read):
        # Cleared once before the first bias, which lifts it from the floor, or the first preload.
        earliest = max(2 * hop + least, least + rest)
    return earliest
