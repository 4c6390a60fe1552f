"""What arrives otherwise than from near by over the ring: input, and charge that was far away; see `cycle`."""

from __future__ import annotations

from typing import Any

from numba.extending import register_jitable

from neuroproc.kernels.memory import Number
from neuroproc.kernels.vectors import BLOCK, get, put

FAR_AWAY = 2**62 + 2**32
"""First cycle of an empty far list."""


@register_jitable(forceinline=True)
def take_near(arrays: Any, cycle: int) -> int:
    """Move far charge that is near by now into the ring; the last cycle in which any of it arrives."""
    n_slots, stride = arrays.numbers[Number.N_SLOTS], arrays.numbers[Number.STRIDE]
    last, n_kept, first_kept = cycle, 0, FAR_AWAY
    for entry in range(arrays.numbers[Number.N_FAR]):
        arrival, neuron, charge = arrays.far_cycle[entry], arrays.far_neuron[entry], arrays.far_charge[entry]
        if arrival - cycle < n_slots:
            place = (arrival & (n_slots - 1)) * stride + neuron
            arrays.ring[place] += charge
            arrays.flags[place // BLOCK] = 1
            if arrays.numbers[Number.TRACKS_TOUCH]:
                arrays.touched[place] = 1
            last = max(last, arrival)
        else:
            arrays.far_cycle[n_kept], arrays.far_neuron[n_kept], arrays.far_charge[n_kept] = arrival, neuron, charge
            first_kept = min(first_kept, arrival)
            n_kept += 1
    arrays.numbers[Number.N_FAR] = n_kept
    arrays.numbers[Number.FAR_FIRST] = first_kept
    return last


@register_jitable(forceinline=True)
def give_input(
    arrays: Any, base: int, neurons: Any, charges: Any, first: int, last: int, surplus: int, has_more: int
) -> None:
    """Deliver the input of a cycle: entries ``first .. last - 1``.

    Input has 64 bits, whatever potentials have: a sum that the narrower type may not hold is replaced by one that has
    the same effect. Above the threshold that is the threshold, below the lowest number the lowest: the floor is higher.
    Where a surplus is left, all of it counts, and the type holds it.
    """
    lowest, keep = arrays.numbers[Number.LOWEST], arrays.numbers[Number.KEEP]
    tracks_touch = arrays.numbers[Number.TRACKS_TOUCH] != 0
    potential, threshold, ring, charge, flags = (
        arrays.potential, arrays.threshold, arrays.ring, arrays.charge, arrays.flags
    )  # fmt: skip
    may_be_spent = has_more and arrays.takes.shape[0] > 0
    for k in range(first, last):
        n = get(neurons, k)
        given = get(charges, k)
        if may_be_spent:
            given &= get(arrays.takes, n)
        put(charge, n, get(charge, n) + given)
    for k in range(first, last):
        n = get(neurons, k)
        place = base + n
        # A neuron may come twice: the second time nothing is added to what the first time left.
        total = (get(potential, n) & keep) + get(ring, place) + get(charge, n)
        total = max(total, lowest)
        if not surplus:
            total = min(total, get(threshold, n))
        put(charge, n, 0)
        if keep:
            put(potential, n, total)
            put(ring, place, 0)
        else:
            put(ring, place, total)
        put(flags, place // BLOCK, 1)
        if tracks_touch:
            put(arrays.touched, place, 1)


@register_jitable(forceinline=True)
def send_far(arrays: Any, cycle: int, source: int) -> None:
    """Put what a spike delivers beyond the ring on the far list."""
    n_far, first = arrays.numbers[Number.N_FAR], arrays.numbers[Number.FAR_FIRST]
    for synapse in range(arrays.far_row[source], arrays.far_row[source + 1]):
        arrival = cycle + arrays.far_delay[synapse]
        first = min(first, arrival)
        arrays.far_cycle[n_far] = arrival
        arrays.far_neuron[n_far] = arrays.far_target[synapse]
        arrays.far_charge[n_far] = arrays.far_weight[synapse]
        n_far += 1
    arrays.numbers[Number.N_FAR], arrays.numbers[Number.FAR_FIRST] = n_far, first
