"""What can arrive at the neurons of an image in one cycle, and the proof that its processor's adder holds it."""

from __future__ import annotations

import numpy as np

from isa_spec.errors import ResourceError
from isa_spec.image import ProcessorImage
from isa_spec.kinds import KINDS


def leaking(image: ProcessorImage) -> np.ndarray:
    """Neurons that start every cycle at potential 0: bool[n_neurons]."""
    return (image.leaks == 1) | (image.spec.leak == "all")


def synaptic_range(image: ProcessorImage) -> tuple[np.ndarray, np.ndarray]:
    """Least and most charge that synapses can deliver to each neuron in one cycle: int64[n_neurons], twice."""
    return _delivered(image, "charge")


def slope_range(image: ProcessorImage) -> tuple[np.ndarray, np.ndarray]:
    """Most by which synapses can lower and raise each slope in one cycle: int64[n_neurons], twice, one of each sign."""
    return _delivered(image, "slope")


def _delivered(image: ProcessorImage, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Least and most that synapses of a kind can bring to each neuron in one cycle: int64[n_neurons], twice."""
    these = image.kind == KINDS.index(kind)
    target, weight = image.target[these], image.weight[these].astype(np.int64)
    least, most = np.zeros((2, image.n_neurons), np.int64)
    np.add.at(least, target, np.minimum(weight, 0))
    np.add.at(most, target, np.maximum(weight, 0))
    return least, most


def charge_range(image: ProcessorImage) -> tuple[np.ndarray, np.ndarray]:
    """Least and most charge that can reach each neuron in one cycle, input and all: int64[n_neurons], twice."""
    least, most = synaptic_range(image)
    for port in image.inputs:
        least[port.neuron] += min(image.spec.input_min, 0)
        most[port.neuron] += max(image.spec.input_max, 0)
    return least, most


def potential_bounds(image: ProcessorImage) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest sum each neuron can hold inside a cycle, from one resting range to the next comparison.

    Returns
    -------
    lowest, highest : int64[n_neurons], potential units
        For one cycle only where there is no end: `lowest` without floor or leak, `highest` with reset by subtraction,
        both with slopes, which count as they are one cycle after a reset.

    Source: ours; resting potentials lie in floor .. threshold - 1 (0 is always possible), and where potentials leak
    every cycle starts from 0.
    """
    least, most = (one + other for one, other in zip(charge_range(image), slope_range(image), strict=True))
    least -= group_fall(image)
    stays = ~leaking(image)
    return stays * (image.spec.potential_floor or 0) + least, stays * highest_rest(image) + most


def highest_rest(image: ProcessorImage) -> np.ndarray:
    """Highest potential of each neuron that is not enough to fire, 0 at least: int64[n_neurons]."""
    return np.maximum(image.threshold.astype(np.int64) - 1, 0)


def group_fall(image: ProcessorImage) -> np.ndarray:
    """Most by which a group's reset by subtraction lowers each neuron in one cycle: int64[n_neurons], potential units.

    A neuron that reached its threshold is at 0 or above after it; a member or an output of a group need not have.
    """
    fall = np.zeros(image.n_neurons, np.int64)
    if image.spec.reset == "subtract":
        member = image.group >= 0
        fall[member] = image.threshold[member]
        fall[image.group[member]] = image.threshold[image.group[member]]
    return fall


def signed_bits(lowest: int, highest: int) -> int:
    """Smallest two's complement width that holds ``lowest .. highest``, 0 among them."""
    return max(~min(lowest, 0), highest).bit_length() + 1


def check_potentials(image: ProcessorImage) -> None:
    """Prove that the processor's adder holds every reachable sum.

    Raises
    ------
    ResourceError
        With the neuron whose sum needs more than `potential_bits`.
    """
    lowest, highest = potential_bounds(image)
    room = 2 ** (image.spec.potential_bits - 1)
    wrong = np.flatnonzero((lowest < -room) | (highest >= room))
    if len(wrong):
        neuron = wrong[0]
        needed = signed_bits(int(lowest[neuron]), int(highest[neuron]))
        raise ResourceError(
            f"neuron {neuron} can reach {lowest[neuron]}..{highest[neuron]}, which needs {needed} bits, "
            f"allowed {image.spec.potential_bits} (potential_bits of profile {image.spec.name}); "
            "use smaller weights, or a profile with a wider potential",
            limit="potential_bits",
            used=needed,
            allowed=image.spec.potential_bits,
        )
