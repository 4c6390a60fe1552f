"""The layered network: layers in order, shapes inferred and checked when it is built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import lcm
from typing import Any

import numpy as np

from compiler.layers import Concat, Dense, Flatten, Layer, Pool2d, Shape
from isa_spec.coding import check_decode, check_encoding
from isa_spec.errors import NetworkError

INPUT = "input"
"""Name under which layers refer to the frame."""
EXACT = 2**52
"""Absolute sums stay below: they are then exact in any arithmetic that is in use."""


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
    pruned_from : str
        `source_digest` of the network that this one is without its dead matter; empty for one as it was given.

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
    pruned_from: str = ""

    def __post_init__(self) -> None:
        if not self.layers:
            raise NetworkError(f"network '{self.name}' has no layers")
        shapes = self.shapes  # first of all: refuses sources that are not there
        c, h, w = shapes[self.answering.name]
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
            for source in layer.sources:
                if source not in shapes:
                    raise NetworkError(
                        f"layer '{layer.name}': input '{source}' is no earlier layer, allowed: {', '.join(shapes)}"
                    )
            if flat.intersection(layer.sources):
                if not isinstance(layer, Dense | Flatten | Concat):
                    raise NetworkError(f"layer '{layer.name}': a {layer.kind} cannot read a flattened map")
                if not isinstance(layer, Dense):
                    flat.add(layer.name)
            if isinstance(layer, Flatten):
                flat.add(layer.name)
            shapes[layer.name] = layer.output_shape([shapes[source] for source in layer.sources])
        return shapes

    @cached_property
    def answering(self) -> Layer:
        """The layer whose spikes are the answer: the last, or the one that the last flattens."""
        by_name = {layer.name: layer for layer in self.layers}
        last = self.layers[-1]
        while isinstance(last, Flatten) and last.sources[0] in by_name:
            last = by_name[last.sources[0]]
        if not last.spikes:
            raise NetworkError(f"layer '{last.name}' is the output but has no thresholds: a chip answers in spikes")
        return last

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

    @property
    def source_digest(self) -> str:
        """Digest of the network as it was given, before anything was pruned."""
        return self.pruned_from or self.digest


def fineness_of(layer: Layer, known: Mapping[str, int]) -> int:
    """What a layer's values are multiples of, as the denominator: 1 for spikes and sums, more where averages are taken.

    Parameters
    ----------
    layer : Layer
    known : dict of str to int
        The same of its sources; 1 for those that are missing.
    """
    if layer.spikes:
        return 1
    own = layer.kernel[0] * layer.kernel[1] if isinstance(layer, Pool2d) and layer.kind == "avgpool2d" else 1
    return own * lcm(*(known.get(source, 1) for source in layer.sources))


def beyond_exact(name: str) -> NetworkError:
    """What to raise where a layer's sums could reach `EXACT`."""
    return NetworkError(f"layer '{name}': the absolute drives of a unit can sum to 2**52 or more, allowed: less")


def scaled(threshold: np.ndarray, scale: int) -> np.ndarray:
    """Thresholds for sums that are ``scale`` times too large: int64, same shape.

    Beyond `EXACT` a threshold says always or never, and need not grow further.
    """
    most = EXACT // scale + 1
    return np.clip(threshold, -most, most) * scale


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
