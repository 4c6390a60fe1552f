"""Weight and threshold balancing: what a rate of 1 stands for in each layer of a ReLU network.

A neuron fires at most once in a step, so a layer can tell activations up to some scale, and no larger ones. Each
function below chooses these scales; with ``scale[0] = 1`` for the input, layer l has the threshold
``scale[l] / scale[l - 1]`` for its weights as they were trained, since what arrives are rates of the layer before. (The
published program divides by the factor it applied to the layer before instead of by that layer's scale, which is
another number from the third layer on.) Statistics are those of frames of the training set.

Source: Diehl et al. 2015 (model, data), Rueckauer et al. 2017 (percentile).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isa_spec.errors import NetworkError


def model_scales(weights: Sequence[np.ndarray]) -> tuple[float, ...]:
    """Scales that no activation can exceed: all positive weights of a unit at the largest input.

    Parameters
    ----------
    weights : list of float[O, ...]
    """
    scales, scale = [], 1.0
    for weight in weights:
        scale *= _positive(float(np.maximum(weight, 0).reshape(len(weight), -1).sum(axis=1).max()))
        scales.append(scale)
    return tuple(scales)


def data_scales(weights: Sequence[np.ndarray], activations: Sequence[np.ndarray]) -> tuple[float, ...]:
    """Scales that no activation exceeded, nor any single weight: one spike makes no more than one.

    Parameters
    ----------
    weights : list of float[O, ...]
    activations : list of float[...]
        Of the same layers.
    """
    pairs = zip(weights, activations, strict=True)
    return tuple(_positive(max(float(weight.max()), float(values.max()))) for weight, values in pairs)


def percentile_scales(activations: Sequence[np.ndarray], percentile: float, zeros: bool = False) -> tuple[float, ...]:
    """Scales that so many per cent of the activations do not exceed: a few large ones do not slow the rest.

    Parameters
    ----------
    activations : list of float[...]
        Of ReLUs: 0 or above.
    percentile : float
        In 0..100.
    zeros : bool
        Whether those that are 0 count as well; the more there are, the lower the scale.

    Raises
    ------
    NetworkError
        If the percentile is out of range.
    """
    check_percentile(percentile)
    alive = [values if zeros else values[values > 0] for values in activations]
    return tuple(_positive(float(np.percentile(values, percentile)) if len(values) else 0.0) for values in alive)


def check_percentile(percentile: float) -> None:
    """Refuse what is none.

    Raises
    ------
    NetworkError
        If it is not above 0 and at most 100.
    """
    if not 0 < percentile <= 100:
        raise NetworkError(f"percentile {percentile}, allowed: above 0, at most 100")


def _positive(scale: float) -> float:
    """A layer in which nothing is ever active may have any scale."""
    return scale if scale > 0 else 1.0
