"""What foreign files are read into: layers in real numbers, before anything is rounded or turned into spikes.

A front end only tells what its file says, in these words; `quantise.py` makes integers of it. Maps are C, H, W; what
has one axis lies along the rows, as (C, L, 1). Numbers are float64 or int64, taken for exactly what their bits say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from compiler.networks.layers import Pair, Shape


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution: ``sum(weight * scale * x) + bias``, padded by ``pad_value``.

    Parameters
    ----------
    name : str
    sources : (str,)
    weight : float64 or int64[O, I / groups, K_h, K_w]
        Integers are kept as they are.
    bias : float64[O] or None
    scale : tuple of O Fraction, or None
        What a weight of 1 of each output is worth; None is 1.
    stride, dilation : (rows, columns)
    padding : ((top, bottom), (left, right))
    groups : int
    pad_value : Fraction
        What stands around the map; -1 around one of -1 and +1.
    """

    name: str
    sources: tuple[str, ...]
    weight: np.ndarray
    bias: np.ndarray | None = None
    scale: tuple[Fraction, ...] | None = None
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1
    pad_value: Fraction = Fraction(0)
    kind: ClassVar[str] = "conv"


@dataclass(frozen=True, eq=False)
class Linear:
    """Fully connected: ``sum(weight * scale * x) + bias`` over the source's values in C, H, W order.

    Parameters
    ----------
    name : str
    sources : (str,)
    weight : float64 or int64[O, I]
        As for `Conv`.
    bias : float64[O] or None
    scale : tuple of O Fraction, or None
        As for `Conv`.
    """

    name: str
    sources: tuple[str, ...]
    weight: np.ndarray
    bias: np.ndarray | None = None
    scale: tuple[Fraction, ...] | None = None
    kind: ClassVar[str] = "linear"


@dataclass(frozen=True, eq=False)
class Pool:
    """Maximum, sum or average over windows.

    Parameters
    ----------
    name : str
    sources : (str,)
    rule : str
        ``max``, ``sum`` or ``avg``.
    kernel, stride : (rows, columns)
    padding : ((top, bottom), (left, right))
        With zeros, which an average counts as values; not of a maximum.
    """

    name: str
    sources: tuple[str, ...]
    rule: str
    kernel: Pair
    stride: Pair
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    kind: ClassVar[str] = "pool"


@dataclass(frozen=True, eq=False)
class Scale:
    """``factor * x + shift``, by channel.

    Parameters
    ----------
    name : str
    sources : (str,)
    factor, shift : float64[C], or float64[1] for all channels
        Arrays of Fraction where no float is exact.
    """

    name: str
    sources: tuple[str, ...]
    factor: np.ndarray
    shift: np.ndarray
    kind: ClassVar[str] = "scale"


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, by channel.

    Parameters
    ----------
    name : str
    sources : (str,)
    gamma, beta, mean, variance : float64[C]
    epsilon : float
    """

    name: str
    sources: tuple[str, ...]
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    kind: ClassVar[str] = "batchnorm"


@dataclass(frozen=True, eq=False)
class Sum:
    """Addition of several maps.

    Parameters
    ----------
    name : str
    sources : tuple of str
    factor : int64[n_sources, C] or None
        How often each map counts, kept as it is; None: once.
    """

    name: str
    sources: tuple[str, ...]
    factor: np.ndarray | None = None
    kind: ClassVar[str] = "add"


@dataclass(frozen=True, eq=False)
class Join:
    """Channels of several maps, one after the other."""

    name: str
    sources: tuple[str, ...]
    kind: ClassVar[str] = "concat"


@dataclass(frozen=True, eq=False)
class Flat:
    """The values of a map as channels, in C, H, W order.

    Parameters
    ----------
    name : str
    sources : (str,)
    kept : bool
        Whether it is a layer even where there is one value to a channel, and nothing to do.
    """

    name: str
    sources: tuple[str, ...]
    kept: bool = False
    kind: ClassVar[str] = "flatten"


@dataclass(frozen=True, eq=False)
class Step:
    """``high`` where ``x >= level`` (``x > level`` if strict), else ``low``.

    Parameters
    ----------
    name : str
    sources : (str,)
    level : float64[C], or float64[1] for all channels
    strict : bool or None
        None: the file does not say.
    low, high : Fraction
    """

    name: str
    sources: tuple[str, ...]
    level: np.ndarray
    strict: bool | None
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(1)
    kind: ClassVar[str] = "step"


@dataclass(frozen=True, eq=False)
class Fire:
    """Integrate and fire without leak: ``V += gain * x`` in each step; a spike where V reaches the threshold.

    Parameters
    ----------
    name : str
    sources : (str,)
    threshold : float64[C], or float64[1] for all channels
    gain : float64[C], or float64[1] for all channels
    strict : bool or None
        Whether V has to exceed the threshold; None: the file does not say.
    reset : str or None
        ``zero`` or ``subtract``; None: the file does not say.
    floor : float or None
        Lowest V between steps.
    """

    name: str
    sources: tuple[str, ...]
    threshold: np.ndarray
    gain: np.ndarray
    strict: bool | None = None
    reset: str | None = None
    floor: float | None = None
    kind: ClassVar[str] = "fire"


@dataclass(frozen=True, eq=False)
class Unsupported:
    """A layer that there are no words for: it keeps its place, so that it is named and never dropped.

    Parameters
    ----------
    name : str
    sources : tuple of str
    kind : str
        What the file calls it.
    reason : str
        Why it cannot be had, as the end of a sentence: "leaks (tau = 0.02), and this processor has no leak".
    """

    name: str
    sources: tuple[str, ...]
    kind: str
    reason: str


FloatLayer = Conv | Linear | Pool | Scale | BatchNorm | Sum | Join | Flat | Step | Fire | Unsupported


@dataclass(frozen=True, eq=False)
class FloatModel:
    """A network as a foreign file tells it.

    Parameters
    ----------
    name : str
    format : str
        What the file is: ``NIR``, ``ONNX``, ``weights``.
    input_shape : (C, H, W)
    layers : tuple of FloatLayer
        Every layer after those that it reads, ``input`` being the frame; the last one answers.
    encoding, decode : dict or None
        Where the file says it, in the words of docs/formats.md.
    notes : tuple of str
        What was taken for granted in reading, a sentence each.
    tensors : dict of str to str
        What a layer's values are called in the file, where that is another name (for the file's own evaluator).
    """

    name: str
    format: str
    input_shape: Shape
    layers: tuple[FloatLayer, ...]
    encoding: Mapping[str, Any] | None = None
    decode: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    tensors: Mapping[str, str] = field(default_factory=dict)
