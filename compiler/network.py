"""The layered network: frozen layers, integers only, shapes inferred and checked when it is built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from isa_spec.coding import check_decode, check_encoding
from isa_spec.errors import NetworkError

Shape = tuple[int, int, int]
INPUT = "input"
"""Name under which layers refer to the frame."""


@dataclass(frozen=True, eq=False)
class Conv2d:
    """Convolution with a threshold per output channel, zero padding.

    Parameters
    ----------
    name : str
    weight : int64[O, I, K_h, K_w], potential units
    threshold : int64[O], potential units
    stride, padding : (rows, columns)
    source : str
        Layer it reads.
    """

    name: str
    weight: np.ndarray
    threshold: np.ndarray
    stride: tuple[int, int]
    padding: tuple[int, int]
    source: str
    kind = "conv2d"

    @property
    def n_parameters(self) -> int:
        """Weights, zeros included."""
        return self.weight.size

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the layer's map.

        Raises
        ------
        NetworkError
            If the kernel does not fit the source's map.
        """
        if self.weight.shape[1] != shape[0]:
            raise NetworkError(
                f"layer '{self.name}': weight {list(self.weight.shape)} reads {self.weight.shape[1]} channels, "
                f"'{self.source}' has {shape[0]}"
            )
        return (len(self.weight), *window_positions(self.name, shape, self.weight.shape[2:], self.stride, self.padding))


@dataclass(frozen=True, eq=False)
class MaxPool2d:
    """Maximum over windows; of 0/1 values, so an OR."""

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    source: str
    kind = "maxpool2d"
    n_parameters = 0

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the layer's map.

        Raises
        ------
        NetworkError
            If the window does not fit the source's map.
        """
        return (shape[0], *window_positions(self.name, shape, self.kernel, self.stride, (0, 0)))


@dataclass(frozen=True, eq=False)
class Flatten:
    """Values in C, H, W order; only a dense layer may follow."""

    name: str
    source: str
    kind = "flatten"
    n_parameters = 0

    def output_shape(self, shape: Shape) -> Shape:
        """Shape (C * H * W, 1, 1)."""
        return (shape[0] * shape[1] * shape[2], 1, 1)


@dataclass(frozen=True, eq=False)
class Dense:
    """Fully connected units over the source's values in C, H, W order.

    Parameters
    ----------
    name : str
    weight : int64[O, I], potential units
    threshold : int64[O], potential units
    source : str
    """

    name: str
    weight: np.ndarray
    threshold: np.ndarray
    source: str
    kind = "dense"

    @property
    def n_parameters(self) -> int:
        """Weights, zeros included."""
        return self.weight.size

    def output_shape(self, shape: Shape) -> Shape:
        """Shape (O, 1, 1).

        Raises
        ------
        NetworkError
            If the fan-in is not the number of the source's values.
        """
        values = shape[0] * shape[1] * shape[2]
        if self.weight.shape[1] != values:
            raise NetworkError(
                f"layer '{self.name}': weight {list(self.weight.shape)} reads {self.weight.shape[1]} values, "
                f"'{self.source}' has {values} {list(shape)}"
            )
        return (len(self.weight), 1, 1)


Layer = Conv2d | MaxPool2d | Flatten | Dense


def window_positions(
    name: str, shape: Shape, kernel: Sequence[int], stride: tuple[int, int], padding: tuple[int, int]
) -> tuple[int, int]:
    """Rows and columns of positions of a window.

    Raises
    ------
    NetworkError
        If the window is larger than the padded map.
    """
    rows, cols = (
        (size + 2 * pad - k) // step + 1 for size, k, step, pad in zip(shape[1:], kernel, stride, padding, strict=True)
    )
    if rows < 1 or cols < 1:
        raise NetworkError(
            f"layer '{name}': window {kernel[0]}x{kernel[1]} is larger than the map {shape[1]}x{shape[2]} "
            f"with padding {padding[0]}x{padding[1]}"
        )
    return rows, cols


@dataclass(frozen=True, eq=False)
class LayeredNetwork:
    """Layers in order, each reading the frame or an earlier layer; the last one is the output.

    Parameters
    ----------
    name : str
    input_shape : (C, H, W)
    layers : tuple of Layer
    encoding, decode : dict
        As in the file format; see docs/formats.md.

    Raises
    ------
    NetworkError
        If names clash, a source is unknown, or shapes do not fit.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    encoding: Mapping[str, Any]
    decode: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self.layers:
            raise NetworkError(f"network '{self.name}' has no layers")
        c, h, w = self.shapes[self.layers[-1].name]
        object.__setattr__(self, "encoding", check_encoding(self.encoding, f"network '{self.name}', input"))
        object.__setattr__(self, "decode", check_decode(self.decode, c * h * w, f"network '{self.name}', output"))

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shape (C, H, W) of the frame and of every layer, by name."""
        shapes: dict[str, Shape] = {INPUT: self.input_shape}
        flat: set[str] = set()
        for layer in self.layers:
            if layer.name in shapes:
                raise NetworkError(f"layer '{layer.name}': the name occurs twice (or is the reserved '{INPUT}')")
            if layer.source not in shapes:
                raise NetworkError(
                    f"layer '{layer.name}': input '{layer.source}' is no earlier layer, allowed: {', '.join(shapes)}"
                )
            if layer.source in flat and not isinstance(layer, Dense | Flatten):
                raise NetworkError(f"layer '{layer.name}': a {layer.kind} cannot read the flattened '{layer.source}'")
            if isinstance(layer, Flatten):
                flat.add(layer.name)
            shapes[layer.name] = layer.output_shape(shapes[layer.source])
        return shapes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that decides the network's answers."""
        digest = hashlib.sha256()
        plain = [list(self.input_shape), dict(self.encoding), dict(self.decode)]
        digest.update(json.dumps(plain, sort_keys=True).encode())
        for layer in self.layers:
            fields = {key: value for key, value in vars(layer).items() if not isinstance(value, np.ndarray)}
            digest.update(json.dumps([layer.kind, fields], sort_keys=True).encode())
            for key, value in sorted(vars(layer).items()):
                if isinstance(value, np.ndarray):
                    digest.update(f"{key}{value.shape}".encode() + value.astype("<i8").tobytes())
        return "sha256:" + digest.hexdigest()


def integers(value: Any, ndim: int, where: str) -> np.ndarray:
    """Frozen int64 array of ``ndim`` dimensions.

    Raises
    ------
    NetworkError
        If the value is ragged, not integer, of another rank, or empty.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise NetworkError(f"{where}: nested lists of uneven length") from None
    if array.dtype.kind not in "iu":
        raise NetworkError(f"{where}: {array.dtype} values, allowed: integers; quantise before importing")
    if array.ndim != ndim or not array.size:
        raise NetworkError(f"{where}: shape {list(array.shape)}, allowed: {ndim} dimensions, none empty")
    if array.dtype.kind == "u" and array.max() > np.iinfo(np.int64).max:
        raise NetworkError(f"{where}: {array.max()} does not fit 64 bits")
    frozen = array.astype(np.int64)
    frozen.flags.writeable = False
    return frozen
