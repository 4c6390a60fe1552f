"""The layers a network is made of: frozen, integers only. Each knows the shape it makes of the shapes it reads.

A layer *spikes* if it has thresholds of its own, or is the maximum of spikes. A layer without is *linear*: its sums
are drives, and they count in the thresholds of the layers that read it. Flatten and concat only arrange.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from compiler.networks.checks import integers, names, pair, sides, thresholds
from isa_spec.errors import NetworkError
from isa_spec.showing import brief

POOL_RULES = ("or", "membrane")
"""Ways to take the maximum over several steps: of spikes, or of what units hold before they fire."""
POOL_KINDS = ("maxpool2d", "sumpool2d", "avgpool2d")
Shape = tuple[int, int, int]
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Conv2d:
    """Convolution with zero padding.

    Parameters
    ----------
    name : str
    sources : (str,)
        Layer that it reads.
    weight : int64[O, I / groups, K_h, K_w], potential units
    threshold : int64[O] or None, potential units
        None makes the layer linear.
    stride, dilation : (rows, columns)
    padding : ((top, bottom), (left, right))
    groups : int

    Raises
    ------
    NetworkError
        If a field is anything else, or thresholds are not one per unit.
    """

    name: str
    sources: tuple[str, ...]
    weight: np.ndarray
    threshold: np.ndarray | None
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1
    kind: ClassVar[str] = "conv2d"

    def __post_init__(self) -> None:
        where = f"layer '{self.name}'"
        if type(self.groups) is not int or self.groups < 1:
            raise NetworkError(f"{where}: groups = {self.groups!r}, allowed: an integer of 1 and above")
        weight = integers(self.weight, 4, f"{where}: weight")
        _settle(
            self,
            sources=names(self.sources, False, where),
            weight=weight,
            threshold=thresholds(self.threshold, len(weight), where),
            stride=pair(self.stride, 1, f"{where}: stride"),
            padding=sides(self.padding, f"{where}: padding"),
            dilation=pair(self.dilation, 1, f"{where}: dilation"),
        )

    def __repr__(self) -> str:
        return brief(self)

    @property
    def n_parameters(self) -> int:
        """Weights, zeros included."""
        return self.weight.size

    @property
    def n_nonzero(self) -> int:
        """Weights that are not zero."""
        return int(np.count_nonzero(self.weight))

    @property
    def spikes(self) -> bool:
        """Whether the layer has thresholds."""
        return self.threshold is not None

    @property
    def reach(self) -> Pair:
        """Rows and columns that the kernel covers."""
        k_h, k_w = self.weight.shape[2:]
        return (k_h - 1) * self.dilation[0] + 1, (k_w - 1) * self.dilation[1] + 1

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """Shape of the layer's map.

        Raises
        ------
        NetworkError
            If channels or kernel do not fit the source's map.
        """
        (channels, *_), outputs, groups = shapes[0], len(self.weight), self.groups
        if channels % groups or outputs % groups or self.weight.shape[1] * groups != channels:
            raise NetworkError(
                f"layer '{self.name}': weight {list(self.weight.shape)} in {groups} group(s) reads "
                f"{self.weight.shape[1] * groups} channels, '{self.sources[0]}' has {channels}"
            )
        return (outputs, *_positions(self.name, shapes[0], self.reach, self.stride, self.padding))


@dataclass(frozen=True, eq=False)
class Dense:
    """Fully connected units over the source's values in C, H, W order.

    Parameters
    ----------
    name : str
    sources : (str,)
    weight : int64[O, I], potential units
    threshold : int64[O] or None, potential units
        None makes the layer linear.

    Raises
    ------
    NetworkError
        If a field is anything else, or thresholds are not one per unit.
    """

    name: str
    sources: tuple[str, ...]
    weight: np.ndarray
    threshold: np.ndarray | None
    kind: ClassVar[str] = "dense"

    def __post_init__(self) -> None:
        where = f"layer '{self.name}'"
        weight = integers(self.weight, 2, f"{where}: weight")
        units = thresholds(self.threshold, len(weight), where)
        _settle(self, sources=names(self.sources, False, where), weight=weight, threshold=units)

    def __repr__(self) -> str:
        return brief(self)

    @property
    def n_parameters(self) -> int:
        """Weights, zeros included."""
        return self.weight.size

    @property
    def n_nonzero(self) -> int:
        """Weights that are not zero."""
        return int(np.count_nonzero(self.weight))

    @property
    def spikes(self) -> bool:
        """Whether the layer has thresholds."""
        return self.threshold is not None

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """Shape (O, 1, 1).

        Raises
        ------
        NetworkError
            If the fan-in is not the number of the source's values.
        """
        values = int(np.prod(shapes[0]))
        if self.weight.shape[1] != values:
            raise NetworkError(
                f"layer '{self.name}': weight {list(self.weight.shape)} reads {self.weight.shape[1]} values, "
                f"'{self.sources[0]}' has {values} {list(shapes[0])}"
            )
        return (len(self.weight), 1, 1)


@dataclass(frozen=True, eq=False)
class Pool2d:
    """Maximum (of spikes, so an OR), sum or average over windows.

    Parameters
    ----------
    name : str
    sources : (str,)
    kind : str
        ``"maxpool2d"``, ``"sumpool2d"`` or ``"avgpool2d"``.
    kernel, stride : (rows, columns)
    threshold : int64[C] or None, potential units
        Of sum and average: None makes the layer linear. The maximum has none, it is a spike.
    rule : str
        Of the maximum, one of `POOL_RULES`. With ``"membrane"`` all units of a window that are read start anew as soon
        as one of them reaches its threshold: so the strongest decides how often the window fires.

    Raises
    ------
    NetworkError
        If a field is anything else, or a maximum has thresholds.
    """

    name: str
    sources: tuple[str, ...]
    kind: str
    kernel: Pair
    stride: Pair
    threshold: np.ndarray | None = None
    rule: str = "or"
    n_parameters: ClassVar[int] = 0
    n_nonzero: ClassVar[int] = 0

    def __post_init__(self) -> None:
        where = f"layer '{self.name}'"
        if self.kind not in POOL_KINDS:
            raise NetworkError(f"{where}: kind = {self.kind!r}, allowed: {', '.join(POOL_KINDS)}")
        if self.kind == "maxpool2d" and self.threshold is not None:
            raise NetworkError(f"{where}: a maxpool2d with thresholds, allowed: none, for the maximum of spikes is one")
        _settle(
            self,
            sources=names(self.sources, False, where),
            kernel=pair(self.kernel, 1, f"{where}: kernel"),
            stride=pair(self.stride, 1, f"{where}: stride"),
            threshold=thresholds(self.threshold, None, where),
        )

    def __repr__(self) -> str:
        return brief(self)

    @property
    def spikes(self) -> bool:
        """Whether the layer has units."""
        return self.kind == "maxpool2d" or self.threshold is not None

    @property
    def membrane(self) -> bool:
        """Whether the units of a window that it reads are reset together."""
        return self.rule == "membrane"

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """Shape of the layer's map.

        Raises
        ------
        NetworkError
            If the window does not fit the source's map, or thresholds are not one per channel.
        """
        if self.threshold is not None and len(self.threshold) != shapes[0][0]:
            raise NetworkError(
                f"layer '{self.name}': {len(self.threshold)} thresholds for the {shapes[0][0]} channels of "
                f"'{self.sources[0]}'"
            )
        return (shapes[0][0], *_positions(self.name, shapes[0], self.kernel, self.stride, ((0, 0), (0, 0))))


@dataclass(frozen=True, eq=False)
class Add:
    """Sum of several maps of one shape, drives or spikes, with thresholds: a skip connection.

    Parameters
    ----------
    name : str
    sources : tuple of str
    threshold : int64[C], potential units
    factor : int64[n_sources, C] or None
        How often each map counts; None: once.

    Raises
    ------
    NetworkError
        If a field is anything else.
    """

    name: str
    sources: tuple[str, ...]
    threshold: np.ndarray
    factor: np.ndarray | None = None
    kind: ClassVar[str] = "add"
    n_parameters: ClassVar[int] = 0
    n_nonzero: ClassVar[int] = 0
    spikes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        where = f"layer '{self.name}'"
        sources = names(self.sources, True, where)
        threshold = integers(self.threshold, 1, f"{where}: threshold")
        _settle(self, sources=sources, threshold=threshold)
        if self.factor is None:
            return
        factor, fits = integers(self.factor, 2, f"{where}: factor"), (len(sources), len(threshold))
        if factor.shape != fits:
            raise NetworkError(
                f"{where}: factor of shape {list(factor.shape)}, allowed: {list(fits)}, one for each source and channel"
            )
        _settle(self, factor=factor)

    def __repr__(self) -> str:
        return brief(self)

    @property
    def factors(self) -> np.ndarray:
        """How often each map counts: int64[n_sources, C]."""
        return np.ones((len(self.sources), len(self.threshold)), np.int64) if self.factor is None else self.factor

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """The common shape.

        Raises
        ------
        NetworkError
            If shapes differ, or thresholds are not one per channel.
        """
        if len(set(shapes)) > 1:
            listed = ", ".join(f"'{name}' {list(shape)}" for name, shape in zip(self.sources, shapes, strict=True))
            raise NetworkError(f"layer '{self.name}': adds maps of different shapes: {listed}")
        if len(self.threshold) != shapes[0][0]:
            raise NetworkError(
                f"layer '{self.name}': {len(self.threshold)} thresholds (or normalised units) for {shapes[0][0]} "
                "channels"
            )
        return shapes[0]


@dataclass(frozen=True, eq=False)
class Concat:
    """Maps of one height and width, channels after channels."""

    name: str
    sources: tuple[str, ...]
    kind: ClassVar[str] = "concat"
    n_parameters: ClassVar[int] = 0
    n_nonzero: ClassVar[int] = 0
    spikes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _settle(self, sources=names(self.sources, True, f"layer '{self.name}'"))

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """Shape with all channels.

        Raises
        ------
        NetworkError
            If heights or widths differ.
        """
        if len({shape[1:] for shape in shapes}) > 1:
            listed = ", ".join(f"'{name}' {list(shape)}" for name, shape in zip(self.sources, shapes, strict=True))
            raise NetworkError(f"layer '{self.name}': joins maps of different height or width: {listed}")
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])


@dataclass(frozen=True, eq=False)
class Flatten:
    """Values in C, H, W order; only a dense layer may follow."""

    name: str
    sources: tuple[str, ...]
    kind: ClassVar[str] = "flatten"
    n_parameters: ClassVar[int] = 0
    n_nonzero: ClassVar[int] = 0
    spikes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _settle(self, sources=names(self.sources, False, f"layer '{self.name}'"))

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """Shape (C * H * W, 1, 1)."""
        return (int(np.prod(shapes[0])), 1, 1)


Layer = Conv2d | Dense | Pool2d | Add | Concat | Flatten


def _settle(layer: Layer, **fields: Any) -> None:
    """Put what was checked in the place of what was given."""
    for name, value in fields.items():
        object.__setattr__(layer, name, value)


def _positions(name: str, shape: Shape, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair]) -> Pair:
    """Rows and columns of positions of a window."""
    sizes = [size + before + after for size, (before, after) in zip(shape[1:], padding, strict=True)]
    rows, cols = ((size - reach) // step + 1 for size, reach, step in zip(sizes, kernel, stride, strict=True))
    if rows < 1 or cols < 1:
        raise NetworkError(
            f"layer '{name}': window {kernel[0]}x{kernel[1]} is larger than the padded map {sizes[0]}x{sizes[1]}"
        )
    return rows, cols
