"""The cycles of the batch engine: 64 streams in lockstep, every neuron in every cycle, compiled.

Potentials are one row of 64 per neuron, spikes one 64-bit mask per neuron and cycle. A neuron looks back at the spikes
of its sources, so nothing has to be sent, and its sum stays in registers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from neuroproc.kernels.cache import keep_kernels
from neuroproc.kernels.lanes_extended import (
    add_slope,
    change_slope,
    clear_from_history,
    clear_lanes,
    forget_rows,
    pool_lanes,
    see_due,
    slope_touches,
    sloped_lanes,
)
from neuroproc.kernels.lanes_vectors import (
    add_bytes,
    add_sum,
    add_where,
    choose,
    clear_or_raise,
    count_lanes,
    lanes_at_least,
    load_row,
    lower_or_raise,
    no_charge,
    store_row,
)

keep_kernels()


@njit(cache=True, nogil=True)
def run_lanes(
    cycle: int,
    end: int,
    work_limit: int,
    always: bool,
    leaks: bool,
    threshold: np.ndarray,
    floor: Any,
    part_row: np.ndarray,
    part_begin: np.ndarray,
    small_place: np.ndarray,
    small_weight: np.ndarray,
    large_row: np.ndarray,
    large_place: np.ndarray,
    large_weight: np.ndarray,
    potential: np.ndarray,
    history: np.ndarray,
    reached: np.ndarray | None,
    subtracts: bool | None,
    more: Any,
    clock: np.ndarray,
    counted: Any,
    spike_count: np.ndarray,
    input_cycle: np.ndarray,
    input_neuron: np.ndarray,
    input_charge: np.ndarray,
    input_lanes: np.ndarray,
    watched: np.ndarray,
    n_watched: int,
    log_cycle: np.ndarray,
    log_neuron: np.ndarray,
    log_lanes: np.ndarray,
) -> tuple[int, int]:
    """Cycle reached and number of entries logged, after at most ``end - cycle`` cycles.

    Comes back early where the next cycle could overflow the log, or where `work_limit` is spent; the log must hold
    `n_watched` entries.

    Parameters
    ----------
    cycle, end : int64, cycles
    work_limit : int64
    always .. large_weight
        Fields of `LaneTables`.
    potential : as `threshold`[n_neurons, 64], potential units
    history : uint64[2 * depth * n_neurons]
        Spikes, a mask of lanes each: cycle by cycle, neuron by neuron.
    reached : uint64[n_neurons] or None
        Scratch, 0 between cycles; None where it makes no difference whether something arrived.
    subtracts : True or None
        None where a spike resets to 0; the kernel is then compiled without the other way.
    more : LaneExtras or None
        None where there is nothing beyond the base; the kernel is then compiled without.
    clock : int64[2]
        Where in the history the next cycle goes, in cycles, and how many cycles have passed without a spike.
    counted : uint64
        Lanes whose spikes are counted.
    spike_count : int64[n_neurons]
        Is added to.
    input_cycle : int64[n_inputs], cycles
        Ascending, none before `cycle`.
    input_neuron : int64[n_inputs]
        With `more` also `n_neurons` further on for changes of the slope, and twice as far for clears.
    input_charge : as `threshold`[n_inputs], potential units
    input_lanes : uint64[n_inputs]
    watched : uint64[n_neurons]
        Lanes in which a neuron's spikes are logged.
    n_watched : int64
        Neurons watched in any lane.
    log_cycle : int64[n_log], cycles
    log_neuron : int64[n_log]
    log_lanes : uint64[n_log]
    """
    n_neurons = threshold.shape[0]
    depth = history.shape[0] // (2 * max(n_neurons, 1))
    n_inputs = input_cycle.shape[0]
    log_room = log_cycle.shape[0] - n_watched
    row, silent = clock[0], clock[1]
    work_per_cycle = n_neurons + small_place.shape[0] + large_place.shape[0]
    work = n_logged = next_input = 0
    while cycle < end:
        if silent >= depth and not always:
            # Nothing is under way: nothing can happen before the next input.
            upcoming = min(end, input_cycle[next_input]) if next_input < n_inputs else end
            if upcoming > cycle:
                if leaks:
                    potential[:] = 0
                if more is not None:
                    forget_rows(more, potential)
                cycle = upcoming
                continue
        if n_logged > log_room or work > work_limit:
            break
        work += work_per_cycle
        if row == 2 * depth:
            # The history's end: its later half becomes the earlier one.
            history[: depth * n_neurons] = history[depth * n_neurons :]
            row = depth
        if leaks:
            potential[:] = 0

        past, now = np.uint64((row - depth) * n_neurons), np.uint64(row * n_neurons)
        seen_later = False
        if more is not None:
            forget_rows(more, potential)
            seen_later = more.due.shape[0] > 0
            if seen_later:
                log = (log_cycle, log_neuron, log_lanes)
                n_logged = see_due(more, cycle, potential, counted, spike_count, watched, log, n_logged)
            # Deliver clears before anything else.
            clear_from_history(more, history, past, potential, reached)
            upcoming = next_input
            while upcoming < n_inputs and input_cycle[upcoming] == cycle:
                if input_neuron[upcoming] >= 2 * n_neurons:
                    into = np.uint64(input_neuron[upcoming] - 2 * n_neurons)
                    clear_lanes(more, into, input_lanes[upcoming], potential, reached)
                upcoming += 1

        # Deliver: input goes into the potentials at once, spikes follow below.
        while next_input < n_inputs and input_cycle[next_input] == cycle:
            into = np.uint64(input_neuron[next_input])
            charge, lanes = input_charge[next_input], input_lanes[next_input]
            if more is not None:
                if into >= np.uint64(2 * n_neurons):
                    next_input += 1
                    continue
                if into >= np.uint64(n_neurons):
                    into -= np.uint64(n_neurons)
                    change_slope(more, into, lanes & ~more.spent[into], charge)
                    if reached is not None:
                        reached[into] |= lanes
                    next_input += 1
                    continue
                lanes &= ~more.spent[into]
            store_row(potential, into, add_where(load_row(potential, into), lanes, charge))
            if reached is not None:
                reached[into] |= lanes
            next_input += 1

        anywhere = np.uint64(0)
        observes_later = False
        if more is not None:
            observes_later = more.group_output.shape[0] > 0
        for number in range(n_neurons):
            # Numbers without a sign: no index has to be looked at for a wrap.
            n = np.uint64(number)
            # Deliver and integrate.
            total = load_row(potential, n)
            touched = np.uint64(0)
            for part in range(part_row[n], part_row[n + np.uint64(1)]):
                charge = no_charge()
                for synapse in range(part_begin[part], part_begin[np.uint64(part) + np.uint64(1)]):
                    lanes = history[past + np.uint64(small_place[synapse])]
                    charge = add_bytes(charge, lanes, small_weight[synapse])
                    if reached is not None:
                        touched |= lanes
                total = add_sum(total, charge)
            for synapse in range(large_row[n], large_row[n + np.uint64(1)]):
                lanes = history[past + np.uint64(large_place[synapse])]
                total = add_where(total, lanes, large_weight[synapse])
                if reached is not None:
                    touched |= lanes
            if more is not None:
                takes = ~more.spent[n]
                if more.slope.shape[0] > 0:
                    touched |= slope_touches(more, n, takes, history, past)
                    total = add_slope(more, n, takes, total)
                    sloped = sloped_lanes(more, n) & takes
                    touched |= sloped
                    anywhere |= sloped
                total = choose(takes, total, load_row(potential, n))
            # Compare, reset, propagate: the spikes are where their targets will look.
            fired = lanes_at_least(total, threshold[n])
            if more is not None:
                fired &= takes
            if reached is not None:
                fired &= touched | reached[n]
                reached[n] = np.uint64(0)
            if subtracts is not None:
                store_row(potential, n, lower_or_raise(total, fired, threshold[n], floor))
            elif more is not None and seen_later:
                store_row(potential, n, clear_or_raise(total, np.uint64(0), floor))
                more.due[n] = fired
            else:
                store_row(potential, n, clear_or_raise(total, fired, floor))
            history[now + n] = fired
            anywhere |= fired
            if more is not None:
                if more.once[n]:
                    more.spent[n] |= fired
                if observes_later or seen_later:
                    continue
            # Observe.
            spike_count[n] += count_lanes(fired & counted)
            if fired & watched[n]:
                log_cycle[n_logged] = cycle
                log_neuron[n_logged] = n
                log_lanes[n_logged] = fired & watched[n]
                n_logged += 1
        if more is not None and observes_later:
            pool_lanes(more, history, now, potential, threshold, floor, subtracts)
            for number in range(n_neurons):
                n = np.uint64(number)
                fired = history[now + n]
                spike_count[n] += count_lanes(fired & counted)
                if fired & watched[n]:
                    log_cycle[n_logged] = cycle
                    log_neuron[n_logged] = n
                    log_lanes[n_logged] = fired & watched[n]
                    n_logged += 1
        silent = 0 if anywhere else silent + 1
        row += 1
        cycle += 1
    clock[0], clock[1] = row, silent
    return cycle, n_logged
