"""What has been read of a weight dump so far: maps, and the layers made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from compiler.frontends.model import Flat, FloatLayer, Unsupported
from compiler.frontends.weights.dump import Dump, Entry
from compiler.frontends.weights.quantisers import PLAIN, SIGN, STEPS, plain_name, signs
from compiler.networks.layers import Pair, Shape


@dataclass(frozen=True, eq=False)
class Map:
    """Values of a layer.

    Parameters
    ----------
    layer : str
    shape : (C, H, W)
    order : int64[values] or None
        Of a vector: which value of the layer, in C, H, W order, each element is. None: a map of channels.
    n_axes : int
        Of a map, without the channels.
    padding : ((top, bottom), (left, right))
        Border of zeros that a layer before gave it.
    """

    layer: str
    shape: Shape
    order: np.ndarray | None
    n_axes: int
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))


@dataclass(eq=False)
class State:
    """What has been read so far."""

    dump: Dump
    maps: dict[str, Map] = field(default_factory=dict)
    layers: list[FloatLayer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    decode: Mapping[str, Any] | None = None

    def add(self, layer: FloatLayer, shape: Shape, like: Map) -> Map:
        """Keep a layer; its map has the axes of the one it reads."""
        self.layers.append(layer)
        return Map(layer.name, shape, like.order if shape == like.shape else None, like.n_axes)

    def unsupported(self, entry: Entry, read: Map, reason: str) -> Map:
        """Keep a layer for which there are no words, as if it kept its map."""
        return self.add(Unsupported(entry.name, (read.layer,), entry.kind, reason), read.shape, read)


def per_channel(state: State, entry: Entry, read: Map, arrays: list[np.ndarray]) -> tuple[Map, list[np.ndarray]]:
    """Numbers per channel; a vector made of a map gets a channel for each value."""
    expected = read.shape[0] if read.order is None else len(read.order)
    for array in arrays:
        if len(array) != expected:
            raise state.dump.wrong(entry, f"{len(array)} numbers for {expected} channels of '{read.layer}'")
    if read.order is None:
        return read, arrays
    if read.shape[1:] != (1, 1):
        flat = Flat(f"{entry.name}.flat", (read.layer,))
        state.layers.append(flat)
        read = replace(read, layer=flat.name, shape=(len(read.order), 1, 1))
    placed = []
    for array in arrays:
        numbers = np.empty(len(array))
        numbers[read.order] = array
        placed.append(numbers)
    return read, placed


def kernel_of(state: State, entry: Entry, key: str, ndim: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Weights as the layout has them, signs where a quantiser makes signs of them, and their scale."""
    kernel = state.dump.needed(entry, key, ndim)
    name = plain_name(entry.options.get("depthwise_quantizer") or entry.options.get("kernel_quantizer"))
    if name not in PLAIN:
        if STEPS.get(name) != SIGN:
            raise state.dump.wrong(
                entry,
                f"kernel_quantizer '{name}': what it makes of weights is not known here; dump the quantised weights "
                "(Larq: within larq.context.quantized_scope(True)) and leave the key out",
            )
        kernel = signs(kernel)
    return kernel, state.dump.array(entry, f"{key}_scale", 1)


def scale_of(state: State, entry: Entry, scale: np.ndarray | None, outputs: int) -> tuple[Fraction, ...] | None:
    """What 1 of each output's weights is worth."""
    if scale is None:
        return None
    if len(scale) not in (1, outputs):
        raise state.dump.wrong(entry, f"a scale of {len(scale)} numbers for {outputs} outputs")
    return tuple(Fraction(float(number)) for number in np.broadcast_to(scale, outputs))


def bias_of(state: State, entry: Entry, outputs: int) -> np.ndarray | None:
    """Bias of each output, None where the layer was made without."""
    bias = state.dump.array(entry, "bias", 1)
    if bias is not None and len(bias) != outputs:
        raise state.dump.wrong(entry, f"a bias of {len(bias)} numbers for {outputs} outputs")
    return None if bias is None else bias.astype(np.float64)
