"""What bounds potentials, and which runs are proven to keep within the adder where nothing does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from isa_spec.potentials import charge_range, group_fall, leaking, slope_range

LOWEST = -(2**62)
"""Potentials below this could wrap in 64 bits; a run that might get there is refused."""


def falls_without_end(image: ProcessorImage) -> bool:
    """Whether only the length of a run keeps potentials above `LOWEST`: no floor, or one out of sight, and no leak."""
    floor = image.spec.potential_floor
    if image.spec.leak != "none" and np.all(leaking(image)):
        return False
    return floor is None or floor - steepest_fall(image) < LOWEST


def steepest_fall(image: ProcessorImage) -> int:
    """Most that any potential can fall in one cycle, in potential units, as a number of 0 or above."""
    return -int((charge_range(image)[0] - group_fall(image)).min(initial=0))


def endless_fall(image: ProcessorImage) -> int:
    """Most that any potential can fall in one cycle if nothing holds it, else 0; in potential units."""
    return steepest_fall(image) if falls_without_end(image) else 0


def refuse_fall(image: ProcessorImage, fall: int, end: int) -> None:
    """Refuse to run to a cycle by which a potential might leave the range of 64-bit numbers.

    Parameters
    ----------
    image : ProcessorImage
    fall : int, potential units
        Its `endless_fall`.
    end : int, cycles

    Raises
    ------
    EmulationError
        If it might.
    """
    if end * fall > -LOWEST:
        raise EmulationError(
            f"run: by cycle {end} a potential could fall to {-end * fall}, allowed {LOWEST} and "
            f"above, and no floor holds it (potential_floor of profile {image.spec.name}); "
            f"run at most to cycle {-LOWEST // fall}, then reset"
        )


def rising(image: ProcessorImage) -> np.ndarray:
    """Neurons whose potential can rise without end, for a spike takes less than can arrive: bool[n_neurons].

    Source: ours; with reset by subtraction a spike takes the threshold, so a potential that rests below it does so
    again if no more than the threshold arrived. What a slope adds has no end.
    """
    if image.spec.reset != "subtract":
        return np.zeros(image.n_neurons, bool)
    return ~leaking(image) & ((charge_range(image)[1] > image.threshold) | (slope_range(image)[1] > 0))


@dataclass(frozen=True, eq=False)
class EndlessRise:
    """Neurons whose potential can rise without end: only so many cycles at once are proven to fit the adder.

    Parameters
    ----------
    neuron : int64[n_rising]
    threshold : int64[n_rising], potential units
    most : int64[n_rising], potential units
        Most that can arrive in one cycle, above the threshold.
    highest : int, potential units
        Largest number that the adder holds.
    proven : int, cycles
        A run from a reset to this cycle fits, whatever arrives.
    profile : str
    """

    neuron: np.ndarray
    threshold: np.ndarray
    most: np.ndarray
    highest: int
    proven: int
    profile: str

    @property
    def steps(self) -> np.ndarray:
        """Most that each resting potential can rise in one cycle: int64[n_rising], potential units, 1 or above."""
        return self.most - self.threshold


def endless_rise(image: ProcessorImage) -> EndlessRise | None:
    """What can rise without end, and has no slope (`slopes.endless_slopes`); None where nothing can."""
    neuron = np.flatnonzero(rising(image) & (slope_range(image)[1] == 0))
    if not len(neuron):
        return None
    threshold, most = image.threshold[neuron].astype(np.int64), charge_range(image)[1][neuron]
    highest = min(2 ** (image.spec.potential_bits - 1) - 1, -LOWEST)
    cycles = (highest - most - (threshold - 1)) // (most - threshold) + 1
    return EndlessRise(neuron, threshold, most, highest, int(cycles.min()), image.spec.name)


def proven_end(rise: EndlessRise, cycle: int, end: int, potential: np.ndarray) -> int:
    """Cycle up to which a run is proven to fit the adder, at most `end`.

    Parameters
    ----------
    rise : EndlessRise
    cycle, end : int, cycles
    potential : int64[n_neurons], potential units
        After the cycle before `cycle`.

    Raises
    ------
    EmulationError
        If not even one cycle is.
    """
    # k cycles on, a potential rests at most at rest + k * steps, and the sum of the next one is within most of that.
    rest = np.maximum(potential[rise.neuron], rise.threshold - 1)
    cycles = (rise.highest - rise.most - rest) // rise.steps + 1
    first = int(cycles.argmin())
    if cycles[first] < 1:
        raise EmulationError(
            f"run: in cycle {cycle} neuron {rise.neuron[first]} could reach {rest[first] + rise.most[first]}, allowed "
            f"up to {rise.highest} (potential_bits of profile {rise.profile}): reset by subtraction takes "
            f"{rise.threshold[first]} for each spike, and up to {rise.most[first]} can arrive in a cycle; give it "
            "less, or inhibit it in time"
        )
    return min(end, cycle + int(cycles[first]))
