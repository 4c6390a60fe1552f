"""What the tensors of an ONNX file are while it is read: constants, maps of layers, and what waits to become a layer.

A map keeps for each of its elements (of one frame) which value of a layer it is, so reshapes, transpositions and
flattenings need no layers: whoever reads the map puts its weights in the layer's order. Additions of maps are kept as
sums of terms, so ``x + (step - x)``, a step in most straight-through trainings, is the step again.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from compiler.networks.layers import Pair, Shape


@dataclass(frozen=True, eq=False)
class Known:
    """A constant.

    Parameters
    ----------
    array : array
    grain : float array of the same shape, or None
        What 1 of each number of the array is worth, where a quantiser made integers; None: 1.
    """

    array: np.ndarray
    grain: np.ndarray | None = None

    @property
    def value(self) -> np.ndarray:
        """The numbers, in the type in which the file would have them."""
        return self.array if self.grain is None else (self.array * self.grain).astype(self.grain.dtype)


@dataclass(frozen=True, eq=False)
class Map:
    """A sum of layers' values.

    Parameters
    ----------
    index : int64[dimensions of the tensor, without the batch]
        Which value of the layers, in their C, H, W order, each element is.
    shape : (C, H, W)
        Of the layers.
    terms : dict of str to Fraction
        How often each layer counts.
    """

    index: np.ndarray
    shape: Shape
    terms: dict[str, Fraction]


@dataclass(frozen=True, eq=False)
class Stair:
    """Values that depend on one comparison: what is below, at and above a level.

    Parameters
    ----------
    index, shape
        As of a `Map`.
    source : str
        The layer that is compared.
    level : float64[C] or float64[1]
    values : float64[3]
        Below, at, above.
    kind : str
        The operation, for messages.
    """

    index: np.ndarray
    shape: Shape
    source: str
    level: np.ndarray
    values: np.ndarray
    kind: str


@dataclass(frozen=True, eq=False)
class Clipped:
    """Values of a layer between two bounds; a layer only if what reads it makes a step of them.

    Parameters
    ----------
    index, shape
        As of a `Map`.
    source : str
    low, high : float
    kind : str
        The operation, for messages.
    """

    index: np.ndarray
    shape: Shape
    source: str
    low: float
    high: float
    kind: str


@dataclass(frozen=True, eq=False)
class Padded:
    """A map with a border, for the convolution or pool that reads it.

    Parameters
    ----------
    inner : Map
    padding : ((top, bottom), (left, right))
    value : float
    """

    inner: Map
    padding: tuple[Pair, Pair]
    value: float


@dataclass(frozen=True)
class Lost:
    """What comes of an operation without words whose shape is not known: nothing after it can be read."""


Value = Known | Map | Stair | Clipped | Padded | Lost
Spread = Map | Stair | Clipped
"""What has an index."""
