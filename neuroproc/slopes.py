"""What bounds slopes and the potentials they add to: nothing but how long a run is proven to keep within the adder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from isa_spec.potentials import charge_range, group_fall, highest_rest, leaking, slope_range
from neuroproc.bounds import LOWEST

_FOR_EVER = 2**62


@dataclass(frozen=True, eq=False)
class EndlessSlopes:
    """Neurons with slopes: only so many cycles at once are proven to fit the adder.

    Parameters
    ----------
    neuron : int64[n_sloped]
    rest : int64[n_sloped], potential units
        Highest potential from which a cycle begins, unless a surplus is kept.
    keeps_surplus : bool[n_sloped]
        Whose potentials may rest above that.
    least, most : int64[n_sloped], potential units
        Lowest sum of a cycle, from the lowest potential at rest, and most charge that can arrive in one; both without
        the slope.
    fall, rise : int64[n_sloped], potential units per cycle
        Most by which the slope can change in one cycle, down and up, as numbers of 0 and above.
    lowest, highest : int, potential units
        Numbers that the adder holds.
    profile : str
    """

    neuron: np.ndarray
    rest: np.ndarray
    keeps_surplus: np.ndarray
    least: np.ndarray
    most: np.ndarray
    fall: np.ndarray
    rise: np.ndarray
    lowest: int
    highest: int
    profile: str

    @property
    def proven(self) -> int:
        """A run from a reset to this cycle fits, whatever arrives."""
        nothing = np.zeros(int(self.neuron.max()) + 1, np.int64)
        return int(self.cycles(nothing, nothing, nothing).min())

    def cycles(self, potential: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """How many cycles each neuron is proven to keep within the adder: int64[n_sloped].

        Parameters
        ----------
        potential : int64[n_neurons], potential units
        low, high : int64[n_neurons], potential units per cycle
            Lowest and highest slope it may have.
        """
        low, high = np.minimum(low[self.neuron], 0), np.maximum(high[self.neuron], 0)
        down = _times(self.least + low - self.lowest, self.fall)
        first = self.most + high
        plain = np.minimum(down, _times(self.highest - self.rest - first, self.rise))
        if not np.any(self.keeps_surplus):
            return plain
        # In each of k cycles no more arrives than in the last one, and what is kept is no more than all of it:
        # k * (first + k * rise) is at most the room.
        room = (self.highest - np.maximum(potential[self.neuron], self.rest)).astype(float)
        per_cycle = first + np.sqrt(first.astype(float) ** 2 + 4 * self.rise * room.clip(0))
        many = np.full(len(first), float(_FOR_EVER))
        np.divide(2 * room, per_cycle, out=many, where=per_cycle > 0)
        # A little less, for these numbers are rounded; whether one cycle fits is known exactly.
        many = np.minimum(many * (1 - 1e-6), _FOR_EVER).astype(np.int64)
        one = np.maximum(potential[self.neuron], self.rest) + first + self.rise <= self.highest
        return np.where(self.keeps_surplus, np.minimum(down, np.where(one, np.maximum(many, 1), 0)), plain)


def _times(room: np.ndarray, step: np.ndarray) -> np.ndarray:
    """How many steps there is room for: int64."""
    steps = np.where(room >= 0, _FOR_EVER, 0)
    np.floor_divide(room, step, out=steps, where=step > 0)
    return steps


def endless_slopes(image: ProcessorImage) -> EndlessSlopes | None:
    """What has a slope; None where nothing has."""
    spec = image.spec
    down, up = slope_range(image)
    neuron = np.flatnonzero((down < 0) | (up > 0))
    if not len(neuron):
        return None
    least, most = charge_range(image)
    stays = ~leaking(image)
    least = least - group_fall(image) + stays * (spec.potential_floor or 0)
    lowest, highest = adder_range(image)
    return EndlessSlopes(
        neuron=neuron,
        rest=(stays * highest_rest(image))[neuron],
        keeps_surplus=stays[neuron] & (spec.reset == "subtract"),
        least=least[neuron],
        most=most[neuron],
        fall=-down[neuron],
        rise=up[neuron],
        lowest=lowest,
        highest=highest,
        profile=spec.name,
    )


def adder_range(image: ProcessorImage) -> tuple[int, int]:
    """Lowest and highest number of a processor's adder that the engines work with, in potential units."""
    room = 2 ** (image.spec.potential_bits - 1)
    return max(-room, LOWEST), min(room - 1, -LOWEST)


def sloped_end(
    slopes: EndlessSlopes, cycle: int, end: int, potential: np.ndarray, low: np.ndarray, high: np.ndarray
) -> int:
    """Cycle up to which a run is proven to fit the adder, at most `end`.

    Parameters
    ----------
    slopes : EndlessSlopes
    cycle, end : int, cycles
    potential : int64[n_neurons], potential units
        After the cycle before `cycle`; 0 for spent neurons.
    low, high : int64[n_neurons], potential units per cycle
        Lowest and highest slope; 0 for spent neurons.

    Raises
    ------
    EmulationError
        If not even one cycle is.
    """
    cycles = slopes.cycles(potential, low, high)
    first = int(cycles.argmin())
    if cycles[first] < 1:
        neuron = slopes.neuron[first]
        rest = max(potential[neuron], slopes.rest[first]) if slopes.keeps_surplus[first] else slopes.rest[first]
        lowest = slopes.least[first] + min(low[neuron], 0) - slopes.fall[first]
        highest = rest + slopes.most[first] + max(high[neuron], 0) + slopes.rise[first]
        raise EmulationError(
            f"run: in cycle {cycle} neuron {neuron} could reach {lowest}..{highest}, allowed {slopes.lowest}.."
            f"{slopes.highest} (potential_bits of profile {slopes.profile}): its slope is {high[neuron]}, and a cycle "
            f"can change it by {-slopes.fall[first]}..{slopes.rise[first]}; clear it in time, or give it less"
        )
    return min(end, cycle + int(cycles[first]))
