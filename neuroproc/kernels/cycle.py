"""Cycle after cycle in one call: deliver, then integrate, compare and reset, then propagate what fired.

Neurons are numbered as `structure` has them. What arrives in cycle ``t`` for neuron ``n`` is in the ring, at
``(t mod n_slots) * stride + n``; both factors are powers of two, so that a mask wraps every place.

What a spike leaves is known when a kernel is compiled: `surplus` is the number -1 in kernels for reset by subtraction,
where a spike leaves what was above the threshold, and 0 in all others, which have no trace of it. The same goes for
what `extended` has: `has_more` is 1 in kernels for processors that need it, and 0 in all others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from neuroproc.kernels.arrivals import give_input, send_far, take_near
from neuroproc.kernels.extended import deliver_more, forget, keep_potentials, log_again, pool_groups, see_due, spend
from neuroproc.kernels.memory import Number
from neuroproc.kernels.vectors import (
    BLOCK,
    FLAGS,
    add_row,
    add_rows,
    first_of,
    flagged,
    get,
    mark_places,
    prefetch,
    put,
    scatter,
    sweep_block,
    without_first,
)

LARGE = 2**16
"""Single synapses from which on they are fetched ahead of their use."""

AHEAD = 2
"""Spikes ahead of which single synapses are fetched."""

FEW_ROWS = 3
"""Rows up to which each is added by itself; more are summed first."""


@register_jitable(forceinline=True)
def log_spikes(arrays: Any, cycle: int, at: int, fires: Any) -> None:
    """Log the spikes of a block that are watched: a mask."""
    n_logged = arrays.numbers[Number.N_LOGGED]
    log_cycle, log_neuron = arrays.log_cycle, arrays.log_neuron
    while fires != 0:
        put(log_cycle, n_logged, cycle)
        put(log_neuron, n_logged, at + first_of(fires))
        n_logged += 1
        fires = without_first(fires)
    arrays.numbers[Number.N_LOGGED] = n_logged


@register_jitable(forceinline=True)
def take_spikes(arrays: Any, cycle: int, block: int, fires: Any, n_fired: int) -> int:
    """Note which neurons of a block fire: a mask that is not 0; number of spikes with these."""
    seen = fires & get(arrays.watched, block)
    if seen != 0:
        log_spikes(arrays, cycle, block * BLOCK, seen)
    fired = arrays.fired
    while fires != 0:
        put(fired, n_fired, block * BLOCK + first_of(fires))
        n_fired += 1
        fires = without_first(fires)
    return n_fired


@register_jitable(forceinline=True)
def sweep(arrays: Any, cycle: int, base: int, surplus: int) -> int:
    """Integrate, compare and reset; number of neurons that fired. Their numbers are in `fired`, ascending."""
    if arrays.numbers[Number.TRACKS_TOUCH]:
        return sweep_touched(arrays, cycle, base, surplus)
    floor, keep = arrays.numbers[Number.FLOOR], arrays.numbers[Number.KEEP]
    potential, threshold, ring, flags = arrays.potential, arrays.threshold, arrays.ring, arrays.flags
    tracks_blocks = arrays.numbers[Number.TRACKS_BLOCKS] != 0
    n_blocks = arrays.watched.shape[0]
    flag = base // BLOCK
    n_fired = 0
    if not tracks_blocks or cycle <= arrays.numbers[Number.SWEEP_UNTIL]:
        for block in range(n_blocks):
            at = block * BLOCK
            fires = sweep_block(potential, threshold, ring, at, base + at, floor, keep, surplus)
            if fires != 0:
                n_fired = take_spikes(arrays, cycle, block, fires, n_fired)
        if tracks_blocks:
            flags[flag : flag + n_blocks] = 0
        return n_fired
    for begin in range(0, n_blocks, FLAGS):
        up = flagged(flags, flag + begin)
        while up != 0:
            block = begin + first_of(up)
            up = without_first(up)
            put(flags, flag + block, 0)
            at = block * BLOCK
            fires = sweep_block(potential, threshold, ring, at, base + at, floor, keep, surplus)
            if fires != 0:
                n_fired = take_spikes(arrays, cycle, block, fires, n_fired)
    return n_fired


@register_jitable(forceinline=True)
def sweep_touched(arrays: Any, cycle: int, base: int, surplus: int) -> int:
    """`sweep` where only neurons that something reached are compared, be it a charge of 0."""
    floor, keep = arrays.numbers[Number.FLOOR], arrays.numbers[Number.KEEP]
    potential, threshold, ring, touched = arrays.potential, arrays.threshold, arrays.ring, arrays.touched
    n_fired = 0
    for n in range(potential.shape[0]):
        resting = potential[n] & keep
        potential[n] = resting
        if touched[base + n]:
            total = resting + ring[base + n]
            touched[base + n] = 0
            ring[base + n] = 0
            if total >= threshold[n]:
                potential[n] = (total - threshold[n]) & surplus
                if (arrays.watched[n // BLOCK] >> (n % BLOCK)) & 1:
                    log_spikes(arrays, cycle, n, np.uint64(1))
                arrays.fired[n_fired] = n
                n_fired += 1
            else:
                potential[n] = max(total, floor)
    return n_fired


@register_jitable(forceinline=True)
def look_again(arrays: Any, cycle: int, n_fired: int) -> None:
    """See to it that who fired is looked at in the next cycle, when what a spike left may be enough for another."""
    if arrays.numbers[Number.TRACKS_BLOCKS]:
        slot = (cycle + 1) & (arrays.numbers[Number.N_SLOTS] - 1)
        first = slot * arrays.numbers[Number.STRIDE] // BLOCK
        for k in range(n_fired):
            put(arrays.flags, first + get(arrays.fired, k) // BLOCK, 1)


@register_jitable(forceinline=True)
def propagate(arrays: Any, cycle: int, base: int, n_fired: int) -> int:
    """Send the spikes of a cycle; number of charges that were added to the ring."""
    fired, flags = arrays.fired, arrays.flags
    mask = arrays.ring.shape[0] - 1
    marks = arrays.numbers[Number.TRACKS_BLOCKS] != 0
    marks_single = marks and n_fired <= arrays.numbers[Number.FEW_SPIKES]
    if marks and not marks_single:
        arrays.numbers[Number.SWEEP_UNTIL] = max(
            arrays.numbers[Number.SWEEP_UNTIL], cycle + arrays.numbers[Number.REACH]
        )
    spike_count = arrays.spike_count
    for k in range(n_fired):
        put(spike_count, get(fired, k), get(spike_count, get(fired, k)) + 1)
    pool_of, pool_first, pool_end = arrays.pool, arrays.pool_first, arrays.pool_end
    row_first, row_place, scatter_row = arrays.row_first, arrays.row_place, arrays.scatter_row
    work = 0
    begin = 0
    while begin < n_fired:
        # Those of one pool lie together.
        pool = get(pool_of, get(fired, begin))
        last_of_pool = get(pool_end, pool) - 1
        end = begin + 1
        if get(fired, n_fired - 1) <= last_of_pool:
            end = n_fired
        while end < n_fired and get(fired, end) <= last_of_pool:
            end += 1
        first, last = get(row_first, pool), get(row_first, pool + 1)
        if first < last:
            work += add_pool(arrays, base, mask, pool, begin, end)
            if marks:
                for row in range(first, last):
                    put(flags, ((base + get(row_place, row)) & mask) // BLOCK, 1)
        if get(scatter_row, get(pool_first, pool)) < get(scatter_row, last_of_pool + 1):
            if arrays.packed.shape[0]:
                work += add_single(arrays, arrays.packed, base, mask, begin, end, marks_single)
            else:
                work += add_single(arrays, arrays.packed_wide, base, mask, begin, end, marks_single)
        begin = end
    if arrays.numbers[Number.N_FAR_SYNAPSES]:
        for k in range(n_fired):
            send_far(arrays, cycle, fired[k])
    return work


@register_jitable(forceinline=True)
def add_single(arrays: Any, synapses: Any, base: int, mask: int, begin: int, end: int, marks: bool) -> int:
    """Add single weights of the neurons ``fired[begin:end]``, and raise the flags they reach; number of charges."""
    fired, scatter_row, ring, flags = arrays.fired, arrays.scatter_row, arrays.ring, arrays.flags
    is_large = synapses.shape[0] > LARGE
    work = 0
    for k in range(begin, end):
        source = get(fired, k)
        first, last = get(scatter_row, source), get(scatter_row, source + 1)
        work += last - first
        if is_large and k + AHEAD < end:
            soon = get(fired, k + AHEAD)
            for at in range(get(scatter_row, soon), get(scatter_row, soon + 1), 16):
                prefetch(synapses, at)
        scatter(ring, base, mask, synapses, first, last)
        if marks:
            mark_places(flags, BLOCK, base, mask, synapses, first, last)
    if arrays.numbers[Number.TRACKS_TOUCH]:
        for k in range(begin, end):
            source = get(fired, k)
            mark_places(arrays.touched, 1, base, mask, synapses, get(scatter_row, source), get(scatter_row, source + 1))
    return work


@register_jitable(forceinline=True)
def add_pool(arrays: Any, base: int, mask: int, pool: int, begin: int, end: int) -> int:
    """Add the rows of the neurons ``fired[begin:end]``, all of one pool; number of charges."""
    fired, ring, row_place, row_run = arrays.fired, arrays.ring, arrays.row_place, arrays.row_run
    narrow, wide = arrays.bytes, arrays.words
    first_row, last_row = arrays.row_first[pool], arrays.row_first[pool + 1]
    stride = (last_row - first_row) * BLOCK
    most = arrays.most_rows[pool]
    first = arrays.weight_first[pool]
    origin = arrays.pool_first[pool]
    if most > FEW_ROWS and end - begin > FEW_ROWS:
        first -= origin * stride
        row = first_row
        while row < last_row:
            place = (base + get(row_place, row)) & mask
            done = 0
            for low in range(begin, end, most):
                high = min(low + most, end)
                done = add_rows(ring, place, get(row_run, row), narrow, first, stride, fired, low, high)
            row += done
            first += done * BLOCK
    else:
        for k in range(begin, end):
            weight = first + (get(fired, k) - origin) * stride
            if most:
                for row in range(first_row, last_row):
                    add_row(ring, (base + get(row_place, row)) & mask, narrow, weight)
                    weight += BLOCK
            else:
                for row in range(first_row, last_row):
                    add_row(ring, (base + get(row_place, row)) & mask, wide, weight)
                    weight += BLOCK
    return stride * (end - begin)


@register_jitable(forceinline=True)
def run_cycles(
    arrays: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any, surplus: int, has_more: int
) -> None:
    """Run to the start of cycle `end`, or less far.

    Comes back early where the next cycle could overflow the log or the far list, or where the work limit is spent; how
    far it came is in its numbers.

    Parameters
    ----------
    arrays : Arrays
    end : int
    input_cycle : int64[n_inputs], cycles
        Ascending, none before the present one.
    input_neuron : int32[n_inputs]
    input_charge : int64[n_inputs], potential units
    surplus : int
        -1, or 0 where a spike leaves nothing.
    has_more : int
        1, or 0 where there is nothing of what `extended` has.
    """
    cycle, work_limit = arrays.numbers[Number.CYCLE], arrays.numbers[Number.WORK_LIMIT]
    n_slots, stride, reach = arrays.numbers[Number.N_SLOTS], arrays.numbers[Number.STRIDE], arrays.numbers[Number.REACH]
    always, leaks = arrays.numbers[Number.ALWAYS] != 0, arrays.numbers[Number.KEEP] == 0
    last_arrival = arrays.numbers[Number.LAST_ARRIVAL]
    log_room = arrays.log_cycle.shape[0] - arrays.numbers[Number.N_WATCHED]
    far_room = arrays.far_cycle.shape[0] - arrays.numbers[Number.N_FAR_SYNAPSES]
    n_inputs = input_cycle.shape[0]
    arrays.numbers[Number.N_LOGGED] = 0
    next_input = 0
    work = 0
    # The cycle whose potentials are in `potential`: the last in which anything happened.
    latest = cycle - 1
    while cycle < end:
        if last_arrival < cycle and not always:
            # Nothing can happen before the next input, or before far charge comes near.
            upcoming = end
            if next_input < n_inputs:
                upcoming = min(upcoming, input_cycle[next_input])
            if arrays.numbers[Number.N_FAR] > 0:
                upcoming = min(upcoming, arrays.numbers[Number.FAR_FIRST] - n_slots // 2)
            cycle = max(cycle, upcoming)
            if cycle == end:
                break
        if arrays.numbers[Number.N_LOGGED] > log_room or arrays.numbers[Number.N_FAR] > far_room or work > work_limit:
            break
        if arrays.numbers[Number.N_FAR] > 0 and arrays.numbers[Number.FAR_FIRST] - cycle <= n_slots // 2:
            # Half a ring ahead, so that the next look at the list is at least half a ring away.
            work += arrays.numbers[Number.N_FAR]
            last_arrival = max(last_arrival, take_near(arrays, cycle))
        base = (cycle & (n_slots - 1)) * stride
        given = next_input < n_inputs and input_cycle[next_input] == cycle
        if has_more:
            see_due(arrays, cycle)
            forget(arrays)
        if has_more and (given or always or last_arrival >= cycle) and deliver_more(arrays, base):
            last_arrival = max(last_arrival, cycle + 1)
        if given:
            first = next_input
            while next_input < n_inputs and get(input_cycle, next_input) == cycle:
                next_input += 1
            give_input(arrays, base, input_neuron, input_charge, first, next_input, surplus, has_more)
        elif last_arrival < cycle and not always:
            cycle += 1
            continue
        latest = cycle
        n_logged = arrays.numbers[Number.N_LOGGED]
        n_fired = sweep(arrays, cycle, base, surplus)
        if has_more and n_fired > 0:
            if arrays.numbers[Number.DELAYS]:
                keep_potentials(arrays, n_logged, n_fired)
            if arrays.group.shape[0] > 0:
                n_fired = pool_groups(arrays, n_fired, surplus)
                log_again(arrays, cycle, n_logged, n_fired)
            if arrays.once.shape[0] > 0:
                spend(arrays, n_fired)
        work += arrays.potential.shape[0]
        if n_fired > 0:
            last_arrival = max(last_arrival, cycle + reach)
            work += propagate(arrays, cycle, base, n_fired)
            if surplus:
                look_again(arrays, cycle, n_fired)
        cycle += 1
    if leaks and latest < cycle - 1:
        # Forgotten in the idle cycles since.
        arrays.potential[:] = 0
    if has_more and latest < cycle - 1:
        forget(arrays)
    arrays.numbers[Number.CYCLE] = cycle
    arrays.numbers[Number.LAST_ARRIVAL] = last_arrival
