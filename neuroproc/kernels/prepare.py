"""What a kernel runs on: the image's arrays, in the widths and the order that make the inner loops short."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.image import ProcessorImage
from isa_spec.kinds import CHARGE, CLEAR, KINDS, SLOPE
from isa_spec.potentials import (
    group_fall,
    highest_rest,
    leaking,
    potential_bounds,
    slope_range,
    synaptic_range,
)
from neuroproc.bounds import falls_without_end, rising
from neuroproc.kernels.memory import Number, zeros
from neuroproc.kernels.order import number_neurons
from neuroproc.kernels.structure import ROW_MOST, Synapses, find_rows, merged, renumbered
from neuroproc.kernels.vectors import BLOCK, FLAGS, packed
from neuroproc.slopes import adder_range
from neuroproc.state import tracks_touch

MAX_SLOTS = 2**16
RING_BYTES = 2**30
"""Most slots and most memory of the ring of pending charge; synapses with a longer delay go through a list."""

LEAST_TRACKED = BLOCK * FLAGS
"""Neurons from which on blocks have flags, so that a cycle need not look at all of them."""


@dataclass(frozen=True, eq=False)
class KernelTables:
    """The image as the event kernel reads it.

    Parameters
    ----------
    number : int64[n_neurons]
        Number of each neuron in the kernel; between them there may be numbers of no neuron.
    neuron : int64[n_numbers]
        Neuron of each number, or -1.
    kinds : tuple of int
        Kinds of synapses (`isa_spec.kinds.KINDS`) that have places in the ring, one after the other in every slot.
    room : int
        How far apart, in numbers.
    settings : dict
        By `memory.Number`: what does not change.
    arrays : dict
        By name in `memory.Arrays`: what does not change. The type of `threshold` is the type of potentials.
    """

    number: np.ndarray
    neuron: np.ndarray
    kinds: tuple[int, ...]
    room: int
    settings: dict[int, int]
    arrays: dict[str, np.ndarray]


def prepare(image: ProcessorImage, max_slots: int = MAX_SLOTS, least_bits: int = 16) -> KernelTables:
    """Tables of an image for the event kernel.

    Parameters
    ----------
    image : ProcessorImage
    max_slots : int
        A power of two, 2 or above.
    least_bits : int
        Narrowest type of potentials that may be used.
    """
    dtype = potential_type(image, least_bits)
    touch = tracks_touch(image)
    kinds = (CHARGE, *(kind for kind in range(1, len(KINDS)) if np.any(image.kind == kind)))
    synapses = merged(_synapses(image, kinds), keep_zero=touch)
    # Where it matters that something arrives, there are no rows: a weight of 0 is no padding.
    number = np.arange(image.n_neurons) if touch else number_neurons(_by_neuron(synapses, image), image.n_neurons)
    n_numbers = (int(number.max(initial=0)) // BLOCK + 1) * BLOCK
    neuron = np.full(n_numbers, -1)
    neuron[number] = np.arange(image.n_neurons)
    leaks = image.spec.leak == "all"
    always = image.spec.evaluation == "every-cycle" and bool(np.any(image.threshold <= 0))
    tracks = 1 << (n_numbers - 1).bit_length() >= LEAST_TRACKED and not (leaks or always or touch)
    # Flags of charge are looked at many at a time, and must not be mistaken for others.
    room = -(-n_numbers // LEAST_TRACKED) * LEAST_TRACKED if tracks else n_numbers
    synapses = renumbered(synapses, np.concatenate([number + place * room for place in range(len(kinds))]))
    n_places = n_numbers if len(kinds) == 1 else len(kinds) * room
    real = np.append(neuron >= 0, np.zeros(n_places - n_numbers, bool))
    stride = 1 << (n_places - 1).bit_length()
    n_slots = min(ring_slots(image, dtype.itemsize * stride), max_slots)
    is_far = synapses.delay >= n_slots
    far, near = synapses.those(is_far), synapses.those(~is_far)
    rows, single = find_rows(near, n_places, real, stride, -1 if touch else ROW_MOST)
    synapses_left = packed(single.delay * stride + single.target, single.weight)
    is_narrow = synapses_left.dtype == np.uint32
    threshold = zeros(n_numbers, dtype)
    threshold.fill(np.iinfo(dtype).max)
    threshold[number] = image.threshold
    floor, lowest = image.spec.potential_floor, int(np.iinfo(dtype).min)
    n_blocks = n_numbers // BLOCK
    settings = {
        Number.N_SLOTS: n_slots,
        Number.STRIDE: stride,
        # What a spike leaves may be enough for the next one, or is seen and reset in the next cycle.
        Number.REACH: int(near.delay.max(initial=int(image.spec.reset == "subtract" or image.spec.delayed_fire))),
        Number.N_FAR_SYNAPSES: len(far),
        # Where potentials leak, a floor may be out of reach of a narrow type.
        Number.FLOOR: lowest if floor is None else max(floor, lowest),
        Number.LOWEST: lowest,
        Number.KEEP: 0 if leaks else -1,
        Number.ALWAYS: always,
        Number.TRACKS_TOUCH: touch,
        Number.TRACKS_BLOCKS: tracks,
        Number.FEW_SPIKES: n_blocks * image.n_neurons // (2 * max(len(single), 1)),
        Number.SLOPE_AT: kinds.index(SLOPE) * room if SLOPE in kinds else 0,
        Number.CLEAR_AT: kinds.index(CLEAR) * room if CLEAR in kinds else 0,
        Number.DELAYS: image.spec.delayed_fire,
    }
    return KernelTables(
        number=number,
        neuron=neuron,
        kinds=kinds,
        room=room,
        settings=settings,
        arrays={
            **vars(rows),
            "packed": synapses_left if is_narrow else np.zeros(0, np.uint32),
            "packed_wide": synapses_left if not is_narrow else np.zeros(0, np.int64),
            "threshold": threshold,
            "scatter_row": _row_starts(single, n_places),
            "far_row": _row_starts(far, n_numbers),
            "far_delay": far.delay,
            "far_target": far.target.astype(np.int32),
            "far_weight": far.weight,
            **_groups(image, number, n_numbers),
            **_firing_once(image, number, threshold),
            "leaky": number[image.leaks == 1].astype(np.int32),
        },
    )


def _synapses(image: ProcessorImage, kinds: tuple[int, ...]) -> Synapses:
    """Synapses of an image; those of another kind than charge have targets of their own, behind the neurons."""
    columns = (image.source(), image.target, image.delay, image.weight)
    source, target, delay, weight = (column.astype(np.int64) for column in columns)
    if len(kinds) == 1:
        return Synapses(source, target, delay, weight)
    target += np.searchsorted(kinds, image.kind) * image.n_neurons
    order = np.lexsort((target, delay, source))
    return Synapses(source, target, delay, weight).those(order)


def _by_neuron(synapses: Synapses, image: ProcessorImage) -> Synapses:
    """Synapses as if all of them were charges."""
    target = synapses.target % max(image.n_neurons, 1)
    return Synapses(synapses.source, target, synapses.delay, synapses.weight)


def _groups(image: ProcessorImage, number: np.ndarray, n_numbers: int) -> dict[str, np.ndarray]:
    """Groups by the number of their output; no entry for any neuron where there are none."""
    member = np.flatnonzero(image.group >= 0)
    output, which = np.unique(number[image.group[member]], return_inverse=True)
    group = np.full(n_numbers if len(member) else 0, -1, np.int32)
    group[number[member]] = which
    by_group = np.argsort(which, kind="stable")
    return {
        "group": group,
        "group_first": np.append(0, np.cumsum(np.bincount(which, minlength=len(output)))),
        "group_member": number[member][by_group].astype(np.int32),
        "group_output": output.astype(np.int32),
    }


def _firing_once(image: ProcessorImage, number: np.ndarray, threshold: np.ndarray) -> dict[str, np.ndarray]:
    """Who fires once, and thresholds to come back to; empty where nobody does."""
    length = len(threshold) if np.any(image.once) else 0
    once, level = np.zeros(length, np.uint8), zeros(length, threshold.dtype)
    if length:
        once[number] = image.once
        level[:] = threshold
    return {"once": once, "level": level}


def _row_starts(synapses: Synapses, n_numbers: int) -> np.ndarray:
    """First synapse of each source, and the end of the last: int64[n_numbers + 1]."""
    return np.append(0, np.cumsum(np.bincount(synapses.source, minlength=n_numbers)))


def ring_slots(image: ProcessorImage, width: int) -> int:
    """Slots of the ring: the least power of two above the longest delay, or what memory allows; a mask wraps it.

    Parameters
    ----------
    image : ProcessorImage
    width : int, bytes
        Of one slot.
    """
    wanted = 1 << image.max_delay.bit_length()
    affordable = RING_BYTES // width
    return min(wanted, 1 << max(affordable.bit_length() - 1, 1))


def potential_type(image: ProcessorImage, least_bits: int = 16) -> np.dtype:
    """Narrowest type of 16, 32 or 64 bits that provably holds every sum of a resting potential and what synapses bring.

    Input needs no room: the kernel adds it in 64 bits. Where there is neither floor nor room below it does: what the
    input leaves has to be remembered; and so it does above, where a spike leaves the surplus, or all of the potential
    until it is seen. Potentials that rise
    without end take all the room of the processor's adder, which no run leaves (`bounds.proven_end`), and so do those
    with slopes (`slopes.sloped_end`). Pending charge needs no proof of its own: a resting potential may be 0, so the
    bounds cover it, in any order of arrival.
    """
    if falls_without_end(image):
        return np.dtype(np.int64)
    least, most = synaptic_range(image)
    least = least - group_fall(image)
    # As many clears as can arrive at once are counted.
    clears = np.bincount(image.target[image.kind == CLEAR], minlength=1).max()
    floor, threshold, stays = image.spec.potential_floor, image.threshold.astype(np.int64), ~leaking(image)
    # Without a floor all leak, else potentials fall without end.
    lowest = int((least + stays * (floor or 0)).min(initial=0))
    highest = int((most + stays * highest_rest(image)).max(initial=0))
    with_input = int(potential_bounds(image)[0].min(initial=0))
    rests = with_input if floor is None else max(floor, with_input)
    if image.spec.reset == "subtract" or image.spec.delayed_fire:
        highest = int(potential_bounds(image)[1].max(initial=0))
        if np.any(rising(image)):
            highest = 2 ** (image.spec.potential_bits - 1) - 1
    if any(np.any(changes) for changes in slope_range(image)):
        lowest, highest = adder_range(image)
    highest = max(highest, int(clears))
    for bits in (16, 32):
        room = 2 ** (bits - 1)
        # The threshold stands for whatever is above it, the lowest number for whatever is below.
        compares = -room < threshold.min(initial=0) and threshold.max(initial=0) < room
        if bits >= least_bits and min(lowest, rests) >= -room and highest < room and compares:
            return np.dtype(f"int{bits}")
    return np.dtype(np.int64)
