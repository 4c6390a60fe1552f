"""Blocks of an architecture, with their integers, as the layers of a network."""

from __future__ import annotations

import numpy as np

from compiler.layers import Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.learning.architectures import Architecture
from compiler.network import INPUT, integers


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
