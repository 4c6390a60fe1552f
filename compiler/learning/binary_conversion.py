"""A ReLU network that pools before its ReLUs, in several steps: pools go into the kernels, scales into the thresholds.

What a rate of 1 stands for in a layer is a percentile of all that its ReLUs answered on frames of the training set,
zeros included. With it, and with a size for every filter whose weights are signs, the threshold of filter f in layer l
is ``pool ** 2 * scale[l] / (scale[l - 1] * size[f])`` for the sums of +1 and -1 over its pooling window. Of an inner
layer nothing but that threshold is rounded.

The frame is shown by its bit planes in every step, so it is an analogue input; the answer is read from the potentials
of the last layer, whose thresholds are out of reach. Both need sums below the processor's largest threshold, so weights
that are no signs are as fine as that and their bits allow.

Source: Lu and Sengupta 2020, "Exploring the connection between binary and spiking neural networks".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.learning.balancing import check_percentile, percentile_scales
from compiler.learning.blocks import layers_of
from compiler.learning.conversion import ReluWeights
from compiler.learning.grid import largest
from compiler.learning.widening import widened
from compiler.networks.network import RESETS, LayeredNetwork
from isa_spec.coding import check_encoding
from isa_spec.errors import NetworkError

WEIGHTS = ("binary", "full")
"""What weights between the first layer and the last are: signs, or of full precision like the others."""
MARGIN = 2
"""How far the largest threshold is above the largest potential that the last layer had by the training frames."""


@dataclass(frozen=True)
class BinaryConversion:
    """How a ReLU network that pools before its ReLUs becomes one of several steps.

    Parameters
    ----------
    weights : str
        One of `WEIGHTS`: those between the first layer and the last are signs, or of full precision as well.
    bits : int
        Most bits of weights that are no signs.
    steps : int
        For which a frame is shown.
    percentile : float
        Of all answers of a layer, zeros included.
    reset : "zero" or "subtract"
    floor : int or None, potential units
    threshold_max : int, potential units
        Largest threshold of the processor.

    Raises
    ------
    NetworkError, FormatError
        If one of them is none of these.
    """

    weights: str = "binary"
    bits: int = 8
    steps: int = 24
    percentile: float = 99.0
    reset: str = "subtract"
    floor: int | None = -32767
    threshold_max: int = 65535

    def __post_init__(self) -> None:
        # All of it now: a training may lie between this and the network.
        largest(self.bits)
        check_percentile(self.percentile)
        check_encoding(self.encoding(1), "conversion")
        if self.weights not in WEIGHTS:
            raise NetworkError(f"weights {self.weights!r}, allowed: {', '.join(WEIGHTS)}")
        if self.reset not in RESETS:
            raise NetworkError(f"reset {self.reset!r}, allowed: {', '.join(RESETS)}")
        if self.floor is not None and self.floor > 0:
            raise NetworkError(f"floor {self.floor}, allowed: 0 or below, or none")

    def encoding(self, highest: int) -> dict[str, Any]:
        """The input encoding, for values up to the highest."""
        return {"kind": "bitplanes", "bits": highest.bit_length(), "steps": self.steps}


def to_binary_network(relu: ReluWeights, conversion: BinaryConversion, name: str) -> LayeredNetwork:
    """Network of several steps with a convolution for each convolution and the pool behind it.

    Parameters
    ----------
    relu : ReluWeights
        Weights are those behind the signs; activations those of each layer behind its pool and ReLU, the last without.
    conversion : BinaryConversion
    name : str

    Raises
    ------
    NetworkError, FormatError
        As `LayeredNetwork`; or if the processor's thresholds are too small for weights of any precision.
    """
    blocks, last = relu.architecture.blocks, len(relu.weights) - 1
    scales = percentile_scales(relu.activations[:-1], conversion.percentile, zeros=True)
    # What one spike, or one unit of a frame's value, stands for in each layer.
    units = (1 / relu.highest, *scales)
    weights, thresholds = [], []
    for i, (block, real) in enumerate(zip(blocks, relu.weights, strict=True)):
        needed = largest_potential(relu, conversion) if i == last else scales[i]
        # For weights of size 1 a threshold has to be so large.
        relative = block.pool**2 * needed / units[i]
        if conversion.weights == "binary" and 0 < i < last:
            weight, finer = signs_of(real)
        else:
            weight, finer = _grid(real, relative, conversion, block.name)
        weights.append(widened(weight, block.pool))
        wanted = np.full(len(weight), np.inf) if i == last else np.rint(relative * finer)
        thresholds.append(np.clip(wanted, 1, conversion.threshold_max).astype(np.int64))
    return LayeredNetwork(
        name,
        relu.architecture.input_shape,
        layers_of(relu.architecture, weights, thresholds, None),
        conversion.encoding(relu.highest),
        {"kind": "argmax", "classes": blocks[-1].units, "by": "potential"},
        reset=conversion.reset,
        floor=conversion.floor,
    )


def largest_potential(relu: ReluWeights, conversion: BinaryConversion) -> float:
    """What the last layer's largest potential stands for, by the training frames, times `MARGIN`."""
    return MARGIN * conversion.steps * max(float(relu.activations[-1].max()), 0.0)


def signs_of(real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signs of weights, +1 for 0, and how many times too large they are: int64[O, ...] and float64[O].

    A filter of zeros is infinitely too large: it never fires.

    Parameters
    ----------
    real : float64[O, ...]
    """
    size = np.abs(real).reshape(len(real), -1).mean(axis=1)
    with np.errstate(divide="ignore"):
        return np.where(real >= 0, 1, -1), 1 / size


def _grid(real: np.ndarray, relative: float, conversion: BinaryConversion, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Weights as fine as bits and thresholds allow, and how many times too large: int64[O, ...] and float64[O]."""
    peak = float(np.abs(real).max()) or 1.0
    finest = largest(conversion.bits) / peak
    fits = conversion.threshold_max / relative if relative > 0 else finest
    finer = min(finest, fits)
    if finer * peak < 1:
        raise NetworkError(
            f"layer '{layer}': with a largest weight of 1 it needs a threshold of {relative / peak:.0f}, threshold_max "
            f"is {conversion.threshold_max}; show the frame for fewer steps, or choose a profile with larger thresholds"
        )
    return np.rint(real * finer).astype(np.int64), np.full(len(real), finer)
