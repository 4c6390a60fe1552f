"""What the lane kernel runs on: every neuron's incoming synapses, read in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from isa_spec.kinds import CHARGE
from isa_spec.potentials import highest_rest, leaking, potential_bounds, slope_range, synaptic_range
from neuroproc.bounds import falls_without_end, rising
from neuroproc.kernels.cache import keep_kernels
from neuroproc.slopes import adder_range
from neuroproc.state import tracks_touch

keep_kernels()

SMALL = 31
"""Weights up to this size are summed in bytes first: at least four fit, whatever their signs."""

HISTORY_BYTES = 2**30
"""Most memory for the spikes that are still under way."""


@dataclass(frozen=True, eq=False)
class LaneTables:
    """The image as the lane kernel reads it.

    Parameters
    ----------
    depth : int, cycles
        How long spikes are remembered: the longest delay.
    threshold : int16, int32 or int64[n_neurons], potential units
        Its type is that of potentials, wide enough for every sum.
    floor : int, potential units
    least_input, most_input : int64[n_neurons], potential units
        Any other charge given to a neuron in one cycle has the effect of the nearer of the two, and so it has with a
        charge of 1 at each of its ports on top.
    part_row : uint64[n_neurons + 1]
        Parts ``part_row[n] .. part_row[n + 1] - 1`` of the small synapses arrive at neuron ``n``.
    part_begin : uint64[n_parts + 1]
        Small synapses ``part_begin[p] .. part_begin[p + 1] - 1`` are part ``p``; their sum fits 8 bits.
    small_place, small_weight : uint32[n_small]
        Where the source's spikes are in the history, from `depth` cycles ago on; and the weight four times, in bytes.
    large_row : uint64[n_neurons + 1]
    large_place : uint32[n_large]
    large_weight : as `threshold`[n_large], potential units
        The same for the other synapses.
    tracks_touch : bool
        Whether neurons are compared only when something reached them.
    always : bool
        Whether a neuron may fire though nothing reached it.
    leaks : bool
    subtracts : bool
        Whether a spike leaves what was above the threshold.
    """

    depth: int
    threshold: np.ndarray
    floor: int
    least_input: np.ndarray
    most_input: np.ndarray
    part_row: np.ndarray
    part_begin: np.ndarray
    small_place: np.ndarray
    small_weight: np.ndarray
    large_row: np.ndarray
    large_place: np.ndarray
    large_weight: np.ndarray
    tracks_touch: bool
    always: bool
    leaks: bool
    subtracts: bool


def history_bytes(image: ProcessorImage) -> int:
    """Memory that the lane kernel needs for spikes under way."""
    return 2 * max(image.max_delay, 1) * image.n_neurons * 8


def history_fits(image: ProcessorImage) -> bool:
    """Whether the lane kernel may use so much memory."""
    return history_bytes(image) <= HISTORY_BYTES


def prepare_lanes(image: ProcessorImage) -> LaneTables:
    """Tables of an image for the lane kernel.

    Raises
    ------
    EmulationError
        If the spikes under way would take too much memory.
    """
    n_neurons, depth = image.n_neurons, max(image.max_delay, 1)
    if not history_fits(image):
        raise EmulationError(
            f"engine 'batch' would keep {depth} cycles of {n_neurons} neurons' spikes, {history_bytes(image):,} bytes, "
            f"allowed {HISTORY_BYTES:,}; use engine 'event'"
        )
    touch = tracks_touch(image)
    source, target, delay, weight = _merged(image, keep_zero=touch)
    place = (depth - delay) * n_neurons + source
    small = np.abs(weight) <= SMALL
    by_target = np.lexsort((place, target))
    place, target, weight, small = place[by_target], target[by_target], weight[by_target], small[by_target]
    small_row, small_weight = _rows(target[small], n_neurons), weight[small]
    part_row, part_begin = cut_parts(small_row, small_weight)
    least_input, most_input, dtype = input_range(image)
    floor = image.spec.potential_floor
    lowest = int(np.iinfo(dtype).min)
    return LaneTables(
        depth=depth,
        threshold=image.threshold.astype(dtype),
        floor=lowest if floor is None else max(floor, lowest),
        least_input=least_input,
        most_input=most_input,
        part_row=part_row,
        part_begin=part_begin,
        small_place=place[small].astype(np.uint32),
        small_weight=(small_weight & 0xFF).astype(np.uint32) * np.uint32(0x01010101),
        large_row=_rows(target[~small], n_neurons),
        large_place=place[~small].astype(np.uint32),
        large_weight=weight[~small].astype(dtype),
        tracks_touch=touch,
        always=image.spec.evaluation == "every-cycle" and bool(np.any(image.threshold <= 0)),
        leaks=image.spec.leak == "all",
        subtracts=image.spec.reset == "subtract",
    )


def _merged(image: ProcessorImage, keep_zero: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Source, target, delay and weight of what charges: int64[n], four times; parallel ones with one delay are one."""
    charges = image.kind == CHARGE
    columns = (image.source(), image.target, image.delay, image.weight)
    source, target, delay, weight = (column[charges].astype(np.int64) for column in columns)
    # The image sorts synapses by source, delay, target.
    fresh = np.ones(len(source), bool)
    fresh[1:] = (source[1:] != source[:-1]) | (delay[1:] != delay[:-1]) | (target[1:] != target[:-1])
    begins = np.flatnonzero(fresh)
    weight = np.add.reduceat(weight, begins) if len(begins) else weight
    kept = begins if keep_zero else begins[weight != 0]
    return source[kept], target[kept], delay[kept], weight if keep_zero else weight[weight != 0]


def _rows(target: np.ndarray, n_neurons: int) -> np.ndarray:
    """Where the synapses of each target begin, and the end: uint64[n_neurons + 1]."""
    return np.searchsorted(target, np.arange(n_neurons + 1)).astype(np.uint64)


@njit(cache=True)
def cut_parts(row: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parts of every neuron's synapses whose sums fit 8 bits, whichever of them carry a spike; each as long as can be.

    Parameters
    ----------
    row : uint64[n_neurons + 1]
    weight : int64[n_synapses], potential units
        Up to `SMALL` in size.

    Returns
    -------
    part_row : uint64[n_neurons + 1]
    part_begin : uint64[n_parts + 1]
    """
    n_neurons, n_parts = len(row) - 1, 0
    part_row = np.zeros(n_neurons + 1, np.uint64)
    part_begin = np.zeros(len(weight) + 1, np.uint64)
    for n in range(n_neurons):
        least, most = 0, 0
        for synapse in range(row[n], row[n + 1]):
            least += min(weight[synapse], 0)
            most += max(weight[synapse], 0)
            if synapse == row[n] or least < -128 or most > 127:
                part_begin[n_parts] = synapse
                n_parts += 1
                least, most = min(weight[synapse], 0), max(weight[synapse], 0)
        part_row[n + 1] = n_parts
    part_begin[n_parts] = len(weight)
    return part_row, part_begin[: n_parts + 1].copy()


def input_range(image: ProcessorImage) -> tuple[np.ndarray, np.ndarray, np.dtype]:
    """Charges beyond which more makes no difference, and the narrowest type that then holds every sum.

    Charge that makes a neuron fire, or sends it to the floor, whatever its potential and its synapses add, may be cut
    down to what is just enough. So potentials can be narrow on a processor with a wide input. There is room for a
    charge of 1 at every port besides: the spikes of frames need no look. With reset by subtraction, or where spikes are
    seen a cycle later, all charge makes a difference; and potentials that rise without end take all the room of the
    processor's adder (`bounds.proven_end`), as those with slopes do (`slopes.sloped_end`).

    Returns
    -------
    least, most : int64[n_neurons], potential units
    dtype : numpy.dtype
    """
    spec, wide = image.spec, np.iinfo(np.int64)
    nothing = np.zeros(image.n_neurons, np.int64)
    if falls_without_end(image):
        return nothing + wide.min, nothing + wide.max, np.dtype(np.int64)
    if any(np.any(changes) for changes in slope_range(image)):
        return nothing + wide.min, nothing + wide.max, _narrowest(*adder_range(image))
    stays, floor = ~leaking(image), spec.potential_floor
    threshold = image.threshold.astype(np.int64)
    ports = np.bincount([port.neuron for port in image.inputs], minlength=image.n_neurons).astype(np.int64)
    if spec.reset == "subtract" or spec.delayed_fire:
        lows, highs = potential_bounds(image)
        lowest, highest = int(lows.min(initial=0)), int(np.maximum(highs + ports, threshold).max(initial=0))
        if np.any(rising(image)):
            highest = 2 ** (spec.potential_bits - 1) - 1
        return nothing + wide.min, nothing + wide.max, _narrowest(lowest, highest)
    low, high = synaptic_range(image)
    # Without a floor all leak, else potentials fall without end.
    resting_low, resting_high = stays * (floor or 0), stays * highest_rest(image)
    most = threshold - resting_low - low
    if floor is None:
        least = ports * min(spec.input_min, 0) + low
    else:
        least = np.minimum(floor, threshold - 1) - resting_high - high - ports
    lowest = int((resting_low + low + np.minimum(least, 0)).min(initial=0))
    highest = int(np.maximum(resting_high + high + np.maximum(most, 0) + ports, threshold).max(initial=0))
    lowest = min(lowest, int(resting_low.min(initial=0)))
    return least, most, _narrowest(lowest, highest)


def _narrowest(lowest: int, highest: int) -> np.dtype:
    """Narrowest type of potentials that holds a range."""
    for kind in (np.int16, np.int32):
        if np.iinfo(kind).min <= lowest and highest <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.int64)
