"""Trained 0/1 units as a layered network: integer weights, and thresholds that hold the normalisation exactly."""

from __future__ import annotations

import numpy as np

from compiler.frontends.batchnorm import fold_batchnorm
from compiler.learning.activations import LEVEL
from compiler.learning.blocks import layers_of
from compiler.learning.grid import largest
from compiler.learning.integers import to_grid
from compiler.learning.spiking_units import SpikingUnits, UnitsState
from compiler.learning.thermometer import encoding_of
from compiler.learning.units import EPSILON, output_first
from compiler.networks.network import LayeredNetwork


def to_network(method: SpikingUnits, state: UnitsState, name: str) -> LayeredNetwork:
    """Layered network that decides as the trained one does with its integer weights, unit for unit.

    Parameters
    ----------
    method : SpikingUnits
    state : UnitsState
        After its weights became integers.
    name : str

    Raises
    ------
    NetworkError
        As `LayeredNetwork`.
    """
    weights, thresholds = [], []
    for unit, moments, scale in zip(state.units, state.moments, state.scales, strict=True):
        grid = np.asarray(to_grid(unit.weight, scale, largest(method.bits)))
        normalisation = {
            "gamma": np.ones(len(unit.beta)),
            "beta": np.asarray(unit.beta),
            "mean": np.asarray(moments.mean),
            "variance": np.asarray(moments.variance),
            "epsilon": EPSILON,
            "level": LEVEL,
        }
        weight = output_first(grid).astype(np.int64)
        weight, threshold = fold_batchnorm(normalisation, weight, 1, lambda value, where: value, f"network '{name}'")
        weights.append(weight)
        thresholds.append(threshold)
    layers = layers_of(method.architecture, weights, thresholds, "maxpool2d", None)
    decode = {"kind": "n-hot", "key": method.key}
    return LayeredNetwork(name, method.architecture.input_shape, layers, encoding_of(method.steps), decode)
