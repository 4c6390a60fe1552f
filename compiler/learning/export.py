"""Trained 0/1 units as a layered network: integer weights, and thresholds that hold the normalisation exactly."""

from __future__ import annotations

import numpy as np

from compiler.frontends.batchnorm import fold_batchnorm
from compiler.layers import Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.learning.activations import LEVEL
from compiler.learning.architectures import Architecture
from compiler.learning.integers import largest, to_grid
from compiler.learning.spiking_units import SpikingUnits, UnitsState
from compiler.learning.thermometer import encoding_of
from compiler.learning.units import EPSILON
from compiler.network import INPUT, LayeredNetwork, integers


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


def output_first(weight: np.ndarray) -> np.ndarray:
    """Weights [O, I, K_h, K_w] of those [K_h, K_w, I, O] that are trained."""
    return weight.transpose(3, 2, 0, 1)


def layers_of(
    architecture: Architecture,
    weights: list[np.ndarray],
    thresholds: list[np.ndarray],
    pool: str,
    pool_threshold: int | None,
) -> tuple[Layer, ...]:
    """Layers of a network: convolutions and dense layers with pools between them.

    Parameters
    ----------
    architecture : Architecture
    weights : list of int64[O, I, K_h, K_w], potential units
    thresholds : list of int64[O], potential units
    pool : str
        Kind of the pools.
    pool_threshold : int or None, potential units
        Of each unit of a pool, times the values of its window; None: none.
    """
    layers: list[Layer] = []
    source = INPUT
    for i, (block, weight, threshold) in enumerate(zip(architecture.blocks, weights, thresholds, strict=True)):
        if block.kernel:
            padding = ((block.padding, block.padding), (block.padding, block.padding))
            weight, threshold = integers(weight, 4, block.name), integers(threshold, 1, block.name)
            layers.append(Conv2d(block.name, (source,), weight, threshold, padding=padding))
        else:
            if not i or architecture.blocks[i - 1].kernel:
                layers.append(Flatten("flatten", (source,)))
                source = "flatten"
            flat = integers(weight.reshape(len(weight), -1), 2, block.name)
            layers.append(Dense(block.name, (source,), flat, integers(threshold, 1, block.name)))
        source = block.name
        if block.pool > 1:
            source = block.name.replace("conv", "pool")
            window = (block.pool, block.pool)
            fires = None
            if pool_threshold is not None:
                fires = integers(np.full(block.units, pool_threshold * block.pool**2), 1, source)
            layers.append(Pool2d(source, (block.name,), pool, window, window, fires))
    return tuple(layers)
