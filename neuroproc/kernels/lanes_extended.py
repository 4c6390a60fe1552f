"""What the lane kernel does besides where a processor has more than leak and reset beyond the base."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import register_jitable

from isa_spec.image import ProcessorImage
from isa_spec.kinds import CLEAR, SLOPE
from neuroproc.kernels.lanes_vectors import (
    LANES,
    add_sum,
    add_where,
    clear_or_raise,
    count_lanes,
    keep_where,
    lanes_nonzero,
    load_row,
    lower_or_raise,
    store_row,
)


class LaneExtras(NamedTuple):
    """Tables and state beyond the base; arrays of what an image does not have are empty.

    Parameters
    ----------
    clear_neuron : int64[n_cleared]
        Neurons that clear synapses reach.
    clear_row : int64[n_cleared + 1]
        Synapses ``clear_row[k] .. clear_row[k + 1] - 1`` clear the k-th of them.
    clear_place : uint32[n_clear]
        As `LaneTables.small_place`.
    slope_row : int64[n_neurons + 1] or [0]
    slope_place : uint32[n_slope]
    slope_weight : as potentials[n_slope], potential units per cycle
    group_row : int64[n_groups + 1]
    group_member : int64[n_members]
    group_output : int64[n_groups]
    once : uint8[n_neurons]
    slope : as potentials[n_neurons, 64] or [0, 64], potential units per cycle
        State.
    spent : uint64[n_neurons]
        State: lanes in which each neuron is spent.
    leaky : int64[n_leaky]
        Neurons that leak, where each has a leak of its own.
    due : uint64[n_neurons] or [0]
        State: lanes in which each neuron's spike is seen in the next cycle.
    """

    clear_neuron: np.ndarray
    clear_row: np.ndarray
    clear_place: np.ndarray
    slope_row: np.ndarray
    slope_place: np.ndarray
    slope_weight: np.ndarray
    group_row: np.ndarray
    group_member: np.ndarray
    group_output: np.ndarray
    once: np.ndarray
    slope: np.ndarray
    spent: np.ndarray
    leaky: np.ndarray
    due: np.ndarray


def lane_extras(image: ProcessorImage, dtype: np.dtype, depth: int, keep_zero: bool) -> LaneExtras | None:
    """What an image has beyond the base, or None: all is as after a reset.

    Parameters
    ----------
    image : ProcessorImage
    dtype : numpy.dtype
        Of potentials.
    depth : int, cycles
        Of the history.
    keep_zero : bool
        Whether a slope synapse of weight 0 can be felt.
    """
    member = np.flatnonzero(image.group >= 0)
    flags = (image.kind, image.once, image.leaks)
    if not (len(member) or any(np.any(flag) for flag in flags) or image.spec.delayed_fire):
        return None
    place = (depth - image.delay.astype(np.int64)) * image.n_neurons + image.source()
    slopes = np.flatnonzero((image.kind == SLOPE) & ((image.weight != 0) | keep_zero))
    clears = np.flatnonzero(image.kind == CLEAR)
    slopes, clears = (which[np.argsort(image.target[which], kind="stable")] for which in (slopes, clears))
    cleared, clear_row = _starts(image.target[clears])
    outputs, group_row = _starts(np.sort(image.group[member]))
    n_sloped = image.n_neurons if len(slopes) else 0
    return LaneExtras(
        clear_neuron=cleared,
        clear_row=clear_row,
        clear_place=place[clears].astype(np.uint32),
        slope_row=np.searchsorted(image.target[slopes], np.arange(n_sloped + 1)) if n_sloped else np.zeros(0, np.int64),
        slope_place=place[slopes].astype(np.uint32),
        slope_weight=image.weight[slopes].astype(dtype),
        group_row=group_row,
        group_member=member[np.argsort(image.group[member], kind="stable")],
        group_output=outputs,
        once=image.once.copy(),
        slope=np.zeros((n_sloped, LANES), dtype),
        spent=np.zeros(image.n_neurons, np.uint64),
        leaky=np.flatnonzero(image.leaks),
        due=np.zeros(image.n_neurons if image.spec.delayed_fire else 0, np.uint64),
    )


def _starts(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different numbers of a sorted list, and where each begins, and the end: int64, twice."""
    different, first = np.unique(numbers, return_index=True)
    return different.astype(np.int64), np.append(first, len(numbers)).astype(np.int64)


@register_jitable
def forget_rows(more: Any, potential: Any) -> None:
    """Set the potentials of neurons that leak to 0."""
    for k in range(more.leaky.shape[0]):
        potential[more.leaky[k]] = 0


@register_jitable
def see_due(
    more: Any, cycle: int, potential: Any, counted: Any, spike_count: Any, watched: Any, log: Any, n_logged: int
) -> int:
    """Reset, count and log the neurons that fired in the cycle before; number of entries logged by then.

    Who is due next is written when neurons are compared. All of them in one call: what a call costs is more than what
    it does for a neuron.
    """
    for number in range(more.due.shape[0]):
        n = np.uint64(number)
        lanes = more.due[n]
        if lanes:
            store_row(potential, n, keep_where(load_row(potential, n), ~lanes))
            spike_count[n] += count_lanes(lanes & counted)
            if lanes & watched[n]:
                log[0][n_logged] = cycle
                log[1][n_logged] = number
                log[2][n_logged] = lanes & watched[n]
                n_logged += 1
    return n_logged


@register_jitable
def clear_lanes(more: Any, n: Any, lanes: Any, potential: Any, reached: Any) -> None:
    """Let a neuron start over in some lanes."""
    others = ~lanes
    store_row(potential, n, keep_where(load_row(potential, n), others))
    if more.slope.shape[0] > 0:
        store_row(more.slope, n, keep_where(load_row(more.slope, n), others))
    more.spent[n] &= others
    if reached is not None:
        reached[n] |= lanes


@register_jitable
def clear_from_history(more: Any, history: Any, past: Any, potential: Any, reached: Any) -> None:
    """Deliver the clears of a cycle."""
    for k in range(more.clear_neuron.shape[0]):
        lanes = np.uint64(0)
        for synapse in range(more.clear_row[k], more.clear_row[k + 1]):
            lanes |= history[past + np.uint64(more.clear_place[synapse])]
        if lanes:
            clear_lanes(more, np.uint64(more.clear_neuron[k]), lanes, potential, reached)


@register_jitable
def change_slope(more: Any, n: Any, lanes: Any, change: Any) -> None:
    """Add to a neuron's slope in some lanes."""
    store_row(more.slope, n, add_where(load_row(more.slope, n), lanes, change))


@register_jitable
def slope_touches(more: Any, n: Any, takes: Any, history: Any, past: Any) -> Any:
    """Deliver a neuron's slope synapses in some lanes; lanes in which any of them did."""
    touched = np.uint64(0)
    for synapse in range(more.slope_row[n], more.slope_row[n + np.uint64(1)]):
        lanes = history[past + np.uint64(more.slope_place[synapse])] & takes
        if lanes:
            change_slope(more, n, lanes, more.slope_weight[synapse])
            touched |= lanes
    return touched


@register_jitable
def add_slope(more: Any, n: Any, takes: Any, total: Any) -> Any:
    """A row of sums with a neuron's slope added in some lanes."""
    return add_sum(total, keep_where(load_row(more.slope, n), takes))


@register_jitable
def sloped_lanes(more: Any, n: Any) -> Any:
    """Lanes in which a neuron's slope is not 0."""
    return lanes_nonzero(load_row(more.slope, n))


@register_jitable
def reset_lanes(potential: Any, n: Any, lanes: Any, threshold: Any, floor: Any, subtracts: Any) -> None:
    """Reset a neuron that did not reach its threshold as if it had, in some lanes."""
    row = load_row(potential, n)
    if subtracts is not None:
        lowered = lower_or_raise(row, lanes, threshold, floor)
        store_row(potential, n, clear_or_raise(lowered, np.uint64(0), floor))
    else:
        store_row(potential, n, keep_where(row, ~lanes))


@register_jitable
def pool_lanes(more: Any, history: Any, now: Any, potential: Any, threshold: Any, floor: Any, subtracts: Any) -> None:
    """Reset the groups of which a member fired, and let their outputs fire."""
    for k in range(more.group_output.shape[0]):
        hit = np.uint64(0)
        for place in range(more.group_row[k], more.group_row[k + 1]):
            hit |= history[now + np.uint64(more.group_member[place])]
        if hit:
            for place in range(more.group_row[k], more.group_row[k + 1]):
                n = np.uint64(more.group_member[place])
                lanes = hit & ~(history[now + n] | more.spent[n])
                if lanes:
                    reset_lanes(potential, n, lanes, threshold[n], floor, subtracts)
            n = np.uint64(more.group_output[k])
            lanes = hit & ~(history[now + n] | more.spent[n])
            if lanes:
                reset_lanes(potential, n, lanes, threshold[n], floor, subtracts)
                history[now + n] |= lanes
                if more.once[n]:
                    more.spent[n] |= lanes
