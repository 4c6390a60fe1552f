"""`Counters`: what a run cost, in the units of the field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counters:
    """Work done since the last reset or restore.

    Parameters
    ----------
    cycles : int
        Cycles run, idle ones included.
    spikes : int
        Spikes of all neurons.
    synaptic_operations : int
        Spikes delivered over synapses; counted when the source fires.
    """

    cycles: int
    spikes: int
    synaptic_operations: int
