"""What a kernel runs on: the image's arrays, in the widths and the order that make the inner loop short."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.image import ProcessorImage, potential_bounds
from neuroproc.state import falls_without_end, tracks_touch

MAX_SLOTS = 2**16
RING_BYTES = 2**30
"""Most slots and most memory of the ring of pending charge; synapses with a longer delay go through a list."""


@dataclass(frozen=True, eq=False)
class KernelTables:
    """The image as the event kernel reads it.

    Synapses are in the image's order; those of one source with one delay are one segment.

    Parameters
    ----------
    n_slots : int
        Slots of the ring of pending charge: a power of two, above the longest delay if the ring may be so large.
    n_far : int
        Synapses with a delay beyond the ring.
    threshold : int32 or int64[n_neurons], potential units
        Its type is the type of potentials and pending charge, wide enough for every reachable sum.
    floor : int, potential units
        The lowest number of that type if there is no floor.
    segment_row : int64[n_neurons + 1]
        Segments ``segment_row[n] .. segment_row[n + 1] - 1`` leave neuron ``n``.
    segment_delay : int64[n_segments], cycles
    segment_begin : int64[n_segments + 1]
        Synapses ``segment_begin[s] .. segment_begin[s + 1] - 1`` are segment ``s``.
    target : uint32[n_synapses]
    weight : int32[n_synapses], potential units
    tracks_touch : bool
        Whether neurons are compared only when something reached them.
    always : bool
        Whether a neuron may fire though nothing reached it, so that no cycle is idle.
    leaks : bool
        Whether every cycle starts at potential 0.
    """

    n_slots: int
    n_far: int
    threshold: np.ndarray
    floor: int
    segment_row: np.ndarray
    segment_delay: np.ndarray
    segment_begin: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    tracks_touch: bool
    always: bool
    leaks: bool


def prepare(image: ProcessorImage, max_slots: int = MAX_SLOTS) -> KernelTables:
    """Tables of an image for the event kernel.

    Parameters
    ----------
    image : ProcessorImage
    max_slots : int
        A power of two, 2 or above.
    """
    dtype = potential_type(image)
    n_slots = min(ring_slots(image, dtype.itemsize), max_slots)
    source, delay = image.source(), image.delay
    # A segment begins where the source or the delay changes.
    begins = np.ones(image.n_synapses, bool)
    begins[1:] = (source[1:] != source[:-1]) | (delay[1:] != delay[:-1])
    first = np.flatnonzero(begins)
    floor = image.spec.potential_floor
    return KernelTables(
        n_slots=n_slots,
        n_far=int(np.count_nonzero(delay >= n_slots)),
        threshold=image.threshold.astype(dtype),
        # Where potentials leak, a floor may be out of reach of a narrow type.
        floor=int(np.iinfo(dtype).min) if floor is None else max(floor, int(np.iinfo(dtype).min)),
        segment_row=np.searchsorted(first, image.row_start).astype(np.int64),
        segment_delay=delay[first].astype(np.int64),
        segment_begin=np.append(first, image.n_synapses).astype(np.int64),
        target=image.target.astype(np.uint32),
        weight=image.weight.astype(np.int32),
        tracks_touch=tracks_touch(image),
        always=image.spec.evaluation == "every-cycle" and bool(np.any(image.threshold <= 0)),
        leaks=image.spec.leak == "all",
    )


def ring_slots(image: ProcessorImage, width: int) -> int:
    """Slots of the ring: the least power of two above the longest delay, or what memory allows; a mask wraps it.

    Parameters
    ----------
    image : ProcessorImage
    width : int, bytes
        Of one charge.
    """
    wanted = 1 << image.max_delay.bit_length()
    affordable = RING_BYTES // (width * max(image.n_neurons, 1))
    return min(wanted, 1 << max(affordable.bit_length() - 1, 1))


def potential_type(image: ProcessorImage) -> np.dtype:
    """int32 where it provably holds every sum inside a cycle, else int64; int64 too where touches are tracked.

    Pending charge needs no proof of its own: a resting potential may be 0, so the bounds cover it, in any order of
    arrival.
    """
    # Tracked touches are rare, and one specialisation of the kernel is enough for them.
    if falls_without_end(image) or tracks_touch(image):
        return np.dtype(np.int64)
    lowest, highest = potential_bounds(image)
    narrow = np.iinfo(np.int32)
    fits = narrow.min <= lowest.min(initial=0) and highest.max(initial=0) <= narrow.max
    return np.dtype(np.int32 if fits else np.int64)
