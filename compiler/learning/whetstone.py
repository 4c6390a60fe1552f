"""Whetstone: bounded ReLUs are sharpened to steps, layer after layer, while the network is trained.

Source: Severa et al. 2019, "Training deep neural networks for binary communication with the Whetstone method"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from compiler.learning.activations import bounded_relu
from compiler.learning.sharpening import Schedule, after_epoch, sharpness
from compiler.learning.spiking_units import SpikingUnits, UnitsState
from compiler.learning.units import Activate


@dataclass(frozen=True)
class Whetstone(SpikingUnits):
    """Units that become steps; a layer that is one is done, its moments included.

    Parameters
    ----------
    schedule : Schedule
    """

    schedule: Schedule

    def activation(self, sharpness: Any) -> Activate:
        """Bounded ReLU, each layer as sharp as it is."""

        def activate(i: int, y: jax.Array) -> jax.Array:
            return bounded_relu(y, sharpness[i])

        return activate

    def sharpness(self, state: UnitsState, epoch: int, fraction: float) -> np.ndarray:
        """By the schedule."""
        return sharpness(self.schedule, state.sharpening, epoch, fraction)

    def n_settled(self, sharpness: np.ndarray, epoch: int) -> tuple[int, int]:
        """Layers that are steps: no gradient passes them, so nothing below can learn."""
        steps = int(np.cumprod(sharpness == 1).sum())
        return steps, steps

    def after_epoch(self, state: UnitsState, epoch: int, loss: float) -> UnitsState:
        """The adaptive schedule looks at the loss."""
        return state._replace(sharpening=after_epoch(self.schedule, state.sharpening, epoch, loss))
