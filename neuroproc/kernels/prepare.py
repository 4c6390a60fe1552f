"""What a kernel runs on: the image's arrays, in the widths and the order that make the inner loops short."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.image import ProcessorImage
from isa_spec.potentials import potential_bounds, synaptic_range
from neuroproc.bounds import falls_without_end, rising
from neuroproc.kernels.memory import Number, zeros
from neuroproc.kernels.order import number_neurons
from neuroproc.kernels.structure import ROW_MOST, Synapses, find_rows, merged, renumbered
from neuroproc.kernels.vectors import BLOCK, FLAGS, packed
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
    settings : dict
        By `memory.Number`: what does not change.
    arrays : dict
        By name in `memory.Arrays`: what does not change. The type of `threshold` is the type of potentials.
    """

    number: np.ndarray
    neuron: np.ndarray
    settings: dict[Number, int]
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
    synapses = merged(_synapses(image), keep_zero=touch)
    # Where it matters that something arrives, there are no rows: a weight of 0 is no padding.
    number = np.arange(image.n_neurons) if touch else number_neurons(synapses, image.n_neurons)
    n_numbers = (int(number.max(initial=0)) // BLOCK + 1) * BLOCK
    neuron = np.full(n_numbers, -1)
    neuron[number] = np.arange(image.n_neurons)
    synapses = renumbered(synapses, number)
    stride = 1 << (n_numbers - 1).bit_length()
    n_slots = min(ring_slots(image, dtype.itemsize * stride), max_slots)
    is_far = synapses.delay >= n_slots
    far, near = synapses.those(is_far), synapses.those(~is_far)
    rows, single = find_rows(near, n_numbers, neuron >= 0, stride, -1 if touch else ROW_MOST)
    synapses_left = packed(single.delay * stride + single.target, single.weight)
    is_narrow = synapses_left.dtype == np.uint32
    threshold = zeros(n_numbers, dtype)
    threshold.fill(np.iinfo(dtype).max)
    threshold[number] = image.threshold
    leaks = image.spec.leak == "all"
    always = image.spec.evaluation == "every-cycle" and bool(np.any(image.threshold <= 0))
    floor, lowest = image.spec.potential_floor, int(np.iinfo(dtype).min)
    n_blocks = n_numbers // BLOCK
    tracks = stride >= LEAST_TRACKED and not (leaks or always or touch)
    settings = {
        Number.N_SLOTS: n_slots,
        Number.STRIDE: stride,
        # What a spike leaves may be enough for the next one.
        Number.REACH: int(near.delay.max(initial=1 if image.spec.reset == "subtract" else 0)),
        Number.N_FAR_SYNAPSES: len(far),
        # Where potentials leak, a floor may be out of reach of a narrow type.
        Number.FLOOR: lowest if floor is None else max(floor, lowest),
        Number.LOWEST: lowest,
        Number.KEEP: 0 if leaks else -1,
        Number.ALWAYS: always,
        Number.TRACKS_TOUCH: touch,
        Number.TRACKS_BLOCKS: tracks,
        Number.FEW_SPIKES: n_blocks * image.n_neurons // (2 * max(len(single), 1)),
    }
    return KernelTables(
        number=number,
        neuron=neuron,
        settings=settings,
        arrays={
            **vars(rows),
            "packed": synapses_left if is_narrow else np.zeros(0, np.uint32),
            "packed_wide": synapses_left if not is_narrow else np.zeros(0, np.int64),
            "threshold": threshold,
            "scatter_row": _row_starts(single, n_numbers),
            "far_row": _row_starts(far, n_numbers),
            "far_delay": far.delay,
            "far_target": far.target.astype(np.int32),
            "far_weight": far.weight,
        },
    )


def _synapses(image: ProcessorImage) -> Synapses:
    """Synapses of an image."""
    long = np.int64
    return Synapses(*(column.astype(long) for column in (image.source(), image.target, image.delay, image.weight)))


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
    input leaves has to be remembered; and so it does above, where a spike leaves the surplus. Potentials that rise
    without end take all the room of the processor's adder, which no run leaves (`bounds.proven_end`). Pending charge
    needs no proof of its own: a resting potential may be 0, so the bounds cover it, in any order of arrival.
    """
    if falls_without_end(image):
        return np.dtype(np.int64)
    least, most = synaptic_range(image)
    floor, threshold = image.spec.potential_floor, image.threshold.astype(np.int64)
    if image.spec.leak == "all":
        lowest, highest = int(least.min(initial=0)), int(most.max(initial=0))
        with_input = int(potential_bounds(image)[0].min(initial=0))
        rests = with_input if floor is None else max(floor, with_input)
    else:
        assert floor is not None  # else potentials fall without end
        lowest, highest = floor + int(least.min(initial=0)), int((np.maximum(threshold - 1, 0) + most).max(initial=0))
        rests = floor
    if image.spec.reset == "subtract":
        highest = int(potential_bounds(image)[1].max(initial=0))
        if np.any(rising(image)):
            highest = 2 ** (image.spec.potential_bits - 1) - 1
    for bits in (16, 32):
        room = 2 ** (bits - 1)
        # The threshold stands for whatever is above it, the lowest number for whatever is below.
        compares = -room < threshold.min(initial=0) and threshold.max(initial=0) < room
        if bits >= least_bits and min(lowest, rests) >= -room and highest < room and compares:
            return np.dtype(f"int{bits}")
    return np.dtype(np.int64)
