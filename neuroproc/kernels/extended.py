"""What the cycle kernel does besides where a processor has more than leak and reset beyond the base.

Slopes and clears travel like charge: the ring has a place for them, too, of every neuron and cycle, `SLOPE_AT` and
`CLEAR_AT` numbers behind that of its charge. A neuron that is spent has a threshold that nothing reaches, and a mask
of 0 that all that arrives for it goes through. Where spikes are seen a cycle later, a kernel for reset by subtraction
is used, for potentials have to hold what is above the threshold; and the threshold is added again. Kernels of the base
are compiled without any of this.
"""

from __future__ import annotations

from typing import Any

from numba.extending import register_jitable

from neuroproc.kernels.memory import Number
from neuroproc.kernels.vectors import BLOCK, get, put


@register_jitable(forceinline=True)
def forget(arrays: Any) -> None:
    """Set the potentials of neurons that leak to 0."""
    for k in range(arrays.leaky.shape[0]):
        put(arrays.potential, get(arrays.leaky, k), 0)


@register_jitable(forceinline=True)
def see_due(arrays: Any, cycle: int) -> None:
    """Reset, count and log the neurons that fired in the cycle before."""
    n_due, n_logged = arrays.numbers[Number.N_DUE], arrays.numbers[Number.N_LOGGED]
    spike_count = arrays.spike_count
    for k in range(n_due):
        n = get(arrays.fired, k)
        put(arrays.potential, n, 0)
        put(spike_count, n, get(spike_count, n) + 1)
    log_again(arrays, cycle, n_logged, n_due)
    arrays.numbers[Number.N_DUE] = 0


@register_jitable(forceinline=True)
def keep_potentials(arrays: Any, n_logged: int, n_fired: int) -> None:
    """Take back what a sweep did to neurons that fired, and to the log, and what will be counted, until `see_due`."""
    potential, floor, spike_count = arrays.potential, arrays.numbers[Number.FLOOR], arrays.spike_count
    for k in range(n_fired):
        n = get(arrays.fired, k)
        # In two steps: what was above a threshold below 0 may have wrapped in a narrow type, and wraps back in it.
        put(potential, n, get(potential, n) + get(arrays.threshold, n))
        put(potential, n, max(get(potential, n), floor))
        put(spike_count, n, get(spike_count, n) - 1)
    arrays.numbers[Number.N_LOGGED] = n_logged
    arrays.numbers[Number.N_DUE] = n_fired


@register_jitable(forceinline=True)
def clear_neurons(arrays: Any, base: int) -> None:
    """Let neurons that a clear reaches start over."""
    first = base + arrays.numbers[Number.CLEAR_AT]
    tracks_touch = arrays.numbers[Number.TRACKS_TOUCH] != 0
    has_slopes, may_be_spent = arrays.slope.shape[0] > 0, arrays.level.shape[0] > 0
    ring, potential = arrays.ring, arrays.potential
    for n in range(potential.shape[0]):
        if get(ring, first + n) != 0:
            put(ring, first + n, 0)
            put(potential, n, 0)
            if has_slopes:
                put(arrays.slope, n, 0)
            if may_be_spent:
                put(arrays.takes, n, -1)
                put(arrays.threshold, n, get(arrays.level, n))
            if tracks_touch:
                put(arrays.touched, first + n, 0)
                put(arrays.touched, base + n, 1)


@register_jitable(forceinline=True)
def add_slopes(arrays: Any, base: int) -> bool:
    """Change slopes, and put them where charge arrives; whether any of them will do so in the next cycle."""
    first = base + arrays.numbers[Number.SLOPE_AT]
    tracks_touch = arrays.numbers[Number.TRACKS_TOUCH] != 0
    tracks_blocks = arrays.numbers[Number.TRACKS_BLOCKS] != 0
    ring, slope, takes = arrays.ring, arrays.slope, arrays.takes
    left = False
    for at in range(0, slope.shape[0], BLOCK):
        some = 0
        for n in range(at, at + BLOCK):
            changed = get(slope, n) + (get(ring, first + n) & get(takes, n))
            put(ring, first + n, 0)
            put(slope, n, changed)
            changed &= get(takes, n)
            put(ring, base + n, get(ring, base + n) + changed)
            some |= changed
        if some != 0:
            left = True
            if tracks_blocks:
                put(arrays.flags, (base + at) // BLOCK, 1)
    if tracks_touch:
        for n in range(slope.shape[0]):
            if get(slope, n) != 0 or get(arrays.touched, first + n) != 0:
                put(arrays.touched, base + n, 1)
                put(arrays.touched, first + n, 0)
    return left


@register_jitable(forceinline=True)
def ignore_arrivals(arrays: Any, base: int) -> None:
    """Take from spent neurons what arrives."""
    ring, takes = arrays.ring, arrays.takes
    for n in range(takes.shape[0]):
        put(ring, base + n, get(ring, base + n) & get(takes, n))


@register_jitable(forceinline=True)
def deliver_more(arrays: Any, base: int) -> bool:
    """Deliver clears, then slopes; whether any slope will add something in the next cycle."""
    left = False
    if arrays.numbers[Number.CLEAR_AT]:
        clear_neurons(arrays, base)
    if arrays.numbers[Number.SLOPE_AT]:
        left = add_slopes(arrays, base)
    if arrays.level.shape[0] > 0:
        ignore_arrivals(arrays, base)
    return left


@register_jitable(forceinline=True)
def spend(arrays: Any, n_fired: int) -> None:
    """Spend the neurons that fired and fire once."""
    beyond = -(arrays.numbers[Number.LOWEST] + 1)
    for k in range(n_fired):
        n = get(arrays.fired, k)
        if get(arrays.once, n) != 0:
            put(arrays.takes, n, 0)
            put(arrays.threshold, n, beyond)


@register_jitable(forceinline=True)
def reset_member(arrays: Any, n: int, surplus: int) -> None:
    """Reset a neuron that did not reach its threshold as if it had."""
    rest = (get(arrays.potential, n) - get(arrays.threshold, n)) & surplus
    put(arrays.potential, n, max(rest, arrays.numbers[Number.FLOOR]))


@register_jitable(forceinline=True)
def pool_groups(arrays: Any, n_fired: int, surplus: int) -> int:
    """Reset the groups of which a member fired, and let their outputs fire; number of neurons that fired.

    The neurons in `fired` are ascending, before and after.
    """
    fired, fires, group, hit = arrays.fired, arrays.fires, arrays.group, arrays.group_hit
    n_hit = 0
    for k in range(n_fired):
        which = get(group, get(fired, k))
        if which >= 0 and get(hit, which) == 0:
            put(hit, which, 1)
            n_hit += 1
    if n_hit == 0:
        return n_fired
    for k in range(n_fired):
        put(fires, get(fired, k), 1)
    may_be_spent = arrays.takes.shape[0] > 0
    n_more = 0
    # Groups are in the order of their outputs.
    for which in range(hit.shape[0]):
        if get(hit, which) != 0:
            put(hit, which, 0)
            for place in range(get(arrays.group_first, which), get(arrays.group_first, which + 1)):
                n = get(arrays.group_member, place)
                if get(fires, n) == 0 and not (may_be_spent and get(arrays.takes, n) == 0):
                    reset_member(arrays, n, surplus)
            n = get(arrays.group_output, which)
            if get(fires, n) == 0 and not (may_be_spent and get(arrays.takes, n) == 0):
                reset_member(arrays, n, surplus)
                put(arrays.more, n_more, n)
                n_more += 1
    for k in range(n_fired):
        put(fires, get(fired, k), 0)
    total = n_fired + n_more
    last = n_fired - 1
    while n_more > 0:
        n = get(arrays.more, n_more - 1)
        if last >= 0 and get(fired, last) > n:
            put(fired, last + n_more, get(fired, last))
            last -= 1
        else:
            put(fired, last + n_more, n)
            n_more -= 1
    return total


@register_jitable(forceinline=True)
def log_again(arrays: Any, cycle: int, n_logged: int, n_fired: int) -> None:
    """Log the watched spikes of a cycle, in the place of those that were logged before groups were looked at."""
    for k in range(n_fired):
        n = get(arrays.fired, k)
        if (arrays.watched[n // BLOCK] >> (n % BLOCK)) & 1:
            put(arrays.log_cycle, n_logged, cycle)
            put(arrays.log_neuron, n_logged, n)
            n_logged += 1
    arrays.numbers[Number.N_LOGGED] = n_logged
