"""Max-pooling by membrane potential: how the units of a window start anew together.

*Groups.* Where the processor has pooling groups, a window's units are one, and the pool's neuron is its output. It has
no synapse, and fires in the cycle of its members; so the pool's map comes when the map that it reads does.

*Circuit.* Elsewhere, with reset to zero and a floor at 0, steps are two cycles apart. Every unit sends
-(threshold - 1) to all others of its window, which arrives in the cycle between, and the pool's neuron is an ordinary
maximum of spikes. After a step a unit that has fired holds 0, any other at most threshold - 1, and as soon as one has
fired it receives at least -(threshold - 1) from it: the floor leaves 0. Nothing else comes between but the clearing
after the last step, which has the same sign: all delays from map to map are whole slots and the distance of two starts,
so what leaves a unit in a step arrives in one.

Either way the neurons of a window are the same in every slot, so a tile has to hold whole windows, and no value beyond
the last window may be on the lanes of one (unless all its rows or columns are there at once).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from compiler.charging.charges import Charges, no_charges, pieces
from compiler.folding.axis import Axis
from compiler.folding.geometry import Geometry
from isa_spec.errors import ResourceError
from isa_spec.spec import ProcessorSpec


@dataclass(frozen=True, eq=False)
class Rivals:
    """Units that reset each other by synapses between the steps.

    Parameters
    ----------
    members : int64[n_windows, area]
        Lanes of a channel that form each window.
    charge : int64[C], potential units
        What a unit that has fired sends to each of the others; 0 where they keep nothing.
    windows : int
        On the whole map, of one channel.
    """

    members: np.ndarray
    charge: np.ndarray
    windows: int

    @property
    def heard(self) -> int:
        """From how many others of its window a unit hears."""
        return self.members.shape[1] - 1

    def copies(self, spec: ProcessorSpec, name: str) -> np.ndarray:
        """Synapses from one unit to another of each channel: int64[C]."""
        return pieces(self.charge, spec, f"layer '{name}', reset of a window")


def window_lanes(rows: Axis, cols: Axis, lane_cols: int) -> np.ndarray:
    """Lanes of a channel that each lane of its pool reads: int64[n_windows, area].

    Parameters
    ----------
    rows, cols : Axis
        Of the pool's reading.
    lane_cols : int
        Columns of lanes of what it reads.
    """
    read = (rows.lane_in[:, None] * lane_cols + cols.lane_in).ravel()
    window = (rows.lane_out[:, None] * cols.unroll + cols.lane_out).ravel()
    return read[np.argsort(window, kind="stable")].reshape(rows.unroll * cols.unroll, -1)


def rivals_of(rows: Axis, cols: Axis, lane_cols: int, threshold: np.ndarray, spec: ProcessorSpec, name: str) -> Rivals:
    """How the units of a layer reset each other, by what its pool reads of them.

    Parameters
    ----------
    rows, cols, lane_cols
        As for `window_lanes`.
    threshold : int64[C], potential units
        On the chip.
    spec : ProcessorSpec
    name : str
        Layer, for messages.

    Raises
    ------
    ResourceError
        If a charge takes several synapses, and the processor allows one for each pair.
    """
    rivals = Rivals(window_lanes(rows, cols, lane_cols), 1 - threshold, rows.size * cols.size)
    copies = rivals.copies(spec, name)
    if rivals.heard and not spec.parallel_synapses and copies.max() > 1:
        unit = int(copies.argmax())
        raise ResourceError(
            f"layer '{name}', channel {unit}: a window is reset by charges of {rivals.charge[unit]}, {copies[unit]} "
            f"synapses of weight_min = {spec.weight_min}, allowed 1 (parallel_synapses of profile {spec.name} is "
            "false); use smaller thresholds, or choose a profile with wider weights or with pooling_groups",
            limit="parallel_synapses",
            used=int(copies[unit]),
            allowed=1,
        )
    return rivals


def output_charges(channels: int, spec: ProcessorSpec) -> Charges:
    """Charges of the outputs of groups.

    Nothing reaches an output, but reset by subtraction takes its threshold off with every spike. Held at the floor, it
    is the same in every frame.
    """
    charges = no_charges(np.ones(channels, np.int64))
    if spec.reset == "zero" or spec.potential_floor is None:
        return charges
    return replace(charges, clear=np.full(channels, spec.potential_floor))


def reset_together(
    geometry: Geometry, charges: list[Charges], spec: ProcessorSpec
) -> tuple[dict[int, np.ndarray], dict[int, Rivals]]:
    """Lanes of the groups that carriers are outputs of, and carriers whose units reset each other by synapses."""
    groups, rivals = {}, {}
    for number, carrier in enumerate(geometry.carriers):
        if carrier.pools is None:
            continue
        (reading,), source = carrier.readings, geometry.carriers[carrier.pools]
        lane_cols = min(source.tile[1], source.shape[2])
        if spec.pooling_groups:
            groups[number] = window_lanes(reading.rows, reading.cols, lane_cols)
        else:
            threshold = charges[carrier.pools - 1].threshold
            rivals[carrier.pools] = rivals_of(reading.rows, reading.cols, lane_cols, threshold, spec, source.name)
    return groups, rivals


def check_late(names: list[str], spec: ProcessorSpec) -> None:
    """Refuse to make delays longer, so that fan-outs can be split, where units reset each other: it would be too late.

    Parameters
    ----------
    names : list of str
        Layers whose units do.
    spec : ProcessorSpec

    Raises
    ------
    ResourceError
        If there is one.
    """
    if names:
        most = spec.max_fan_out or 0
        raise ResourceError(
            f"layer '{names[0]}': its units reset each other a cycle after they fire, and more synapses leave a neuron "
            f"than max_fan_out = {most} of profile {spec.name} allows without delays that are longer; choose a profile "
            "with pooling_groups or a larger max_fan_out, or the rule 'or'",
            limit="max_fan_out",
            used=most + 1,
            allowed=most,
        )
