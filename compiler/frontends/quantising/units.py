"""Layers of units: sums with thresholds, and maxima of spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compiler.frontends.quantising.levels import Maximum
from compiler.frontends.quantising.sums import Map, Refused, frozen
from compiler.networks.layers import Add, Conv2d, Dense, Layer, Pool2d
from compiler.networks.network import scaled


def with_thresholds(layer: Layer, factor: np.ndarray, threshold: np.ndarray) -> Layer:
    """A layer of sums that decides: units fire where so many times the sum reaches the threshold.

    Parameters
    ----------
    layer : Layer
        Of `Sums`.
    factor : int64[C]
    threshold : int64[C], potential units
    """
    threshold, plain = frozen(threshold), bool(np.all(factor == 1))
    match layer:
        case Add():
            return replace(layer, threshold=threshold, factor=layer.factor if plain else frozen(layer.factors * factor))
        case Pool2d() if plain:
            return replace(layer, threshold=threshold)
        case Pool2d():
            area = layer.kernel[0] * layer.kernel[1]
            limit = scaled(threshold, area) if layer.kind == "avgpool2d" else threshold
            weight = np.ones((len(factor), 1, *layer.kernel), np.int64) * factor[:, None, None, None]
            return Conv2d(layer.name, layer.sources, frozen(weight), frozen(limit), layer.stride, groups=len(factor))
        case Conv2d() | Dense() if plain:
            return replace(layer, threshold=threshold)
        case Conv2d() | Dense():
            by_row = factor.reshape(-1, *[1] * (layer.weight.ndim - 1))
            return replace(layer, weight=frozen(layer.weight * by_row), threshold=threshold)
    raise AssertionError(layer)


def maximum(pool: Maximum, source: Map, any_of: Sequence[bool]) -> Layer:
    """Over windows of spikes, whether one fires (of channels where any of them does), or all do.

    What is beyond the border counts for nothing.

    Raises
    ------
    Refused
        If all of a window that reaches beyond the border had to fire.
    """
    padded = bool(np.any(pool.padding))
    if padded and not all(any_of):
        raise Refused(
            "takes a maximum of values that rise as spikes fall away, over a padded map: a window would spike if all "
            "of it does, and at the border it holds less; use no padding"
        )
    threshold = frozen(np.where(any_of, 1, pool.kernel[0] * pool.kernel[1]))
    if padded:
        ones = frozen(np.ones((source.shape[0], 1, *pool.kernel)))
        return Conv2d(pool.name, (source.layer,), ones, threshold, pool.stride, pool.padding, groups=source.shape[0])
    if all(any_of):
        return Pool2d(pool.name, (source.layer,), "maxpool2d", pool.kernel, pool.stride)
    return Pool2d(pool.name, (source.layer,), "sumpool2d", pool.kernel, pool.stride, threshold)
