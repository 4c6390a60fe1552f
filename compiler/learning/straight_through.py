"""The straight-through step: units are steps from the beginning, and the gradient passes as if they were ramps.

Source: Bengio, Leonard, Courville 2013, "Estimating or propagating gradients through stochastic neurons"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from compiler.learning.activations import straight_through_step
from compiler.learning.spiking_units import SpikingUnits, UnitsState
from compiler.learning.units import Activate


@dataclass(frozen=True)
class StraightThrough(SpikingUnits):
    """Units that are steps all the time.

    Parameters
    ----------
    settle_from : int
        Epoch from which the moments stay as they are: the last epochs train the network that is written.
    """

    settle_from: int

    def activation(self, sharpness: Any) -> Activate:
        """The step, whatever the sharpness."""

        def activate(i: int, y: jax.Array) -> jax.Array:
            return straight_through_step(y)

        return activate

    def sharpness(self, state: UnitsState, epoch: int, fraction: float) -> np.ndarray:
        """1 everywhere."""
        return np.ones(len(state.units))

    def n_settled(self, sharpness: np.ndarray, epoch: int) -> tuple[int, int]:
        """Every layer is trained to the end."""
        return 0, len(sharpness) if epoch >= self.settle_from else 0
