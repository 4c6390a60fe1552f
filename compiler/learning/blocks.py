"""Blocks of an architecture, with their integers, as the layers of a network."""

from __future__ import annotations

import numpy as np

from compiler.learning.architectures import Architecture
from compiler.networks.checks import integers
from compiler.networks.layers import Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.networks.network import INPUT


def layers_of(
    architecture: Architecture,
    weights: list[np.ndarray],
    thresholds: list[np.ndarray],
    pool: str | None,
    pool_threshold: int | None = None,
    pool_rule: str = "or",
) -> tuple[Layer, ...]:
    """Layers of a network: convolutions and dense layers with pools between them.

    Parameters
    ----------
    architecture : Architecture
    weights : list of int64[O, I, K_h, K_w], potential units
    thresholds : list of int64[O], potential units
    pool : str or None
        Kind of the pools; None: they are part of the convolutions, which have their strides.
    pool_threshold : int or None, potential units
        Of each unit of a pool, times the values of its window; None: none.
    pool_rule : str
        Of pools that are a maximum: as `Pool2d` has it.
    """
    layers: list[Layer] = []
    source = INPUT
    for i, (block, weight, threshold) in enumerate(zip(architecture.blocks, weights, thresholds, strict=True)):
        if block.kernel:
            padding = ((block.padding, block.padding), (block.padding, block.padding))
            weight, threshold = integers(weight, 4, block.name), integers(threshold, 1, block.name)
            stride = (1, 1) if pool else (block.pool, block.pool)
            layers.append(Conv2d(block.name, (source,), weight, threshold, stride, padding))
        else:
            if not i or architecture.blocks[i - 1].kernel:
                layers.append(Flatten("flatten", (source,)))
                source = "flatten"
            flat = integers(weight.reshape(len(weight), -1), 2, block.name)
            layers.append(Dense(block.name, (source,), flat, integers(threshold, 1, block.name)))
        source = block.name
        if pool and block.pool > 1:
            source = block.name.replace("conv", "pool")
            window = (block.pool, block.pool)
            fires = None
            if pool_threshold is not None:
                fires = integers(np.full(block.units, pool_threshold * block.pool**2), 1, source)
            layers.append(Pool2d(source, (block.name,), pool, window, window, fires, pool_rule))
    return tuple(layers)
