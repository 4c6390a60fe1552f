"""A trained ReLU network as a rate-coded one of integers: normalised, rounded, with thresholds instead of scales.

Converting needs no training: one float network gives as many integer networks as there are ways to convert it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.learning.architectures import Architecture
from compiler.learning.balancing import data_scales, model_scales, percentile_scales
from compiler.learning.blocks import layers_of
from compiler.learning.grid import largest
from compiler.network import LayeredNetwork
from isa_spec.errors import NetworkError

NORMALISATIONS = ("model", "data", "percentile")


@dataclass(frozen=True)
class Conversion:
    """How a ReLU network becomes a rate-coded one.

    Parameters
    ----------
    bits : int
        Of the weights.
    steps : int
        For which a frame is shown.
    normalisation : str
        One of `NORMALISATIONS`.
    percentile : float
        For the last of them.
    reset : "zero" or "subtract"
    source : "even" or "bernoulli"
        Spikes of the input.
    seed : int
        Of the latter.
    by : "count" or "first"
        Most output spikes, or the first one; ties go to the largest potential.
    floor : int or None, potential units

    Raises
    ------
    NetworkError
        If bits or normalisation are none of these.
    """

    bits: int = 8
    steps: int = 20
    normalisation: str = "percentile"
    percentile: float = 99.9
    reset: str = "zero"
    source: str = "even"
    seed: int = 0
    by: str = "count"
    floor: int | None = 0

    def __post_init__(self) -> None:
        largest(self.bits)  # refuses what is no width
        if self.normalisation not in NORMALISATIONS:
            raise NetworkError(f"normalisation {self.normalisation!r}, allowed: {', '.join(NORMALISATIONS)}")


@dataclass(frozen=True, eq=False)
class ReluWeights:
    """A trained ReLU network, and what it did on frames of its training set.

    Parameters
    ----------
    architecture : Architecture
    weights : tuple of float64[O, I, K_h, K_w]
    activations : tuple of float32[...]
        Of each layer, before its pool.
    highest : int
        Largest value of the frames.
    """

    architecture: Architecture
    weights: tuple[np.ndarray, ...]
    activations: tuple[np.ndarray, ...]
    highest: int


def scales_of(relu: ReluWeights, conversion: Conversion) -> tuple[float, ...]:
    """What a rate of 1 stands for in each layer."""
    match conversion.normalisation:
        case "model":
            return model_scales(relu.weights)
        case "data":
            return data_scales(relu.weights, relu.activations)
    return percentile_scales(relu.activations, conversion.percentile)


def rounded(
    weights: Sequence[np.ndarray], scales: Sequence[float], bits: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Integer weights and thresholds, in the same proportion as the floats: int64[O, ...] and int64[O] each.

    The grid of a layer just holds its largest weight; a threshold is rounded to the next integer of 1 or above.

    Parameters
    ----------
    weights : list of float[O, ...]
    scales : list of float
        As `scales_of` gives them.
    bits : int
    """
    grids, thresholds = [], []
    for weight, scale, before in zip(weights, scales, [1.0, *scales[:-1]], strict=True):
        peak = float(np.abs(weight).max())
        steps = largest(bits) / peak if peak else 1.0
        grids.append(np.rint(weight * steps).astype(np.int64))
        thresholds.append(np.full(len(weight), max(1, round(steps * scale / before)), np.int64))
    return grids, thresholds


def to_rate_network(relu: ReluWeights, conversion: Conversion, name: str) -> LayeredNetwork:
    """Rate-coded network; of an average pool, units fire when as many spikes came as their window has places.

    Raises
    ------
    NetworkError, FormatError
        As `LayeredNetwork`.
    """
    weights, thresholds = rounded(relu.weights, scales_of(relu, conversion), conversion.bits)
    layers = layers_of(relu.architecture, weights, thresholds, "sumpool2d", 1)
    encoding = {
        "kind": "rate", "steps": conversion.steps, "levels": relu.highest, "source": conversion.source,
    }  # fmt: skip
    if conversion.source == "bernoulli":
        encoding["seed"] = conversion.seed
    decode = {
        "kind": "argmax", "classes": relu.architecture.blocks[-1].units, "by": conversion.by, "ties": "potential",
    }  # fmt: skip
    return LayeredNetwork(
        name,
        relu.architecture.input_shape,
        layers,
        encoding,
        decode,
        reset=conversion.reset,
        floor=conversion.floor,
    )
