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

from compiler.networks.checks import frame_shape
from compiler.networks.layers import POOL_RULES, Concat, Conv2d, Dense, Flatten, Layer, Pool2d, Shape
from isa_spec.coding import check_encoding, is_latency, is_rate, spike_levels
from isa_spec.decoding import check_decode, needs_potentials, needs_steps
from isa_spec.errors import NetworkError

INPUT = "input"
"""Name under which layers refer to the frame."""
RESETS = ("zero", "subtract")
"""What a unit of a rate-coded network keeps when it fires: nothing, or what exceeds its threshold."""
EXACT = 2**52
"""Absolute sums stay below: they are then exact in any arithmetic that is in use."""


@dataclass(frozen=True, eq=False)
class LayeredNetwork:
    """Layers in order, each reading the frame or an earlier layer; the last one is the output.

    With an encoding that has steps a frame is shown for several of them, and in each every layer is evaluated: a unit
    adds up what its spikes bring, from step to step and from 0 at the frame's begin, fires in a step in which the sum
    reaches its threshold, and is then reset. Such a network is called rate-coded. With ``latency`` it is latched
    besides: a unit that has fired fires in every later step of the frame, whatever comes, so its train tells one time;
    only the units that answer are not. With any other encoding, a unit decides once.

    Parameters
    ----------
    name : str
    input_shape : (C, H, W)
    layers : tuple of Layer
    encoding, decode : dict
        As in the file format; see docs/formats.md.
    pruned_from : str
        `source_digest` of the network that this one is without its dead matter; empty for one as it was given.
    reset : str
        One of `RESETS`; other than ``zero`` only with rates.
    floor : int or None, potential units
        To which a unit that does not fire is raised after each step; None: its potential may fall. Only with steps.
    origin : dict or None
        Of a network from a foreign file: what that was, how faithful each layer is, and what was taken for granted; see
        docs/importing.md. It decides nothing.

    Raises
    ------
    NetworkError
        If the shape or a layer is none, names clash, a source is unknown, shapes do not fit, a unit of several steps
        would fire without a cause, or a latched network has what a single time cannot tell.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    encoding: Mapping[str, Any]
    decode: Mapping[str, Any]
    pruned_from: str = ""
    reset: str = "zero"
    floor: int | None = None
    origin: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.layers:
            raise NetworkError(f"network '{self.name}' has no layers")
        object.__setattr__(self, "input_shape", frame_shape(self.input_shape, f"network '{self.name}': input_shape"))
        object.__setattr__(self, "layers", tuple(self.layers))
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise NetworkError(f"network '{self.name}': layers has a {type(layer).__name__}, allowed: layers")
        shapes = self.shapes  # first of all: refuses sources that are not there
        c, h, w = shapes[self.answering.name]
        object.__setattr__(self, "encoding", check_encoding(self.encoding, f"network '{self.name}', input"))
        object.__setattr__(self, "decode", check_decode(self.decode, c * h * w, f"network '{self.name}', output"))
        if self.latched:
            self._check_latched()
        self._check_steps()

    def __repr__(self) -> str:
        frame, layers = "x".join(map(str, self.input_shape)), ", ".join(layer.name for layer in self.layers)
        parameters = sum(layer.n_parameters for layer in self.layers)
        return f"<LayeredNetwork {self.name}: {frame} frames, {layers}; {parameters:,} parameters>"

    def _check_steps(self) -> None:
        """Refuse what only a network of several steps can have, and what it cannot."""
        if self.reset not in RESETS:
            raise NetworkError(f"network '{self.name}': reset = {self.reset!r}, allowed: {', '.join(RESETS)}")
        if self.floor is not None and (type(self.floor) is not int or self.floor > 0):
            raise NetworkError(
                f"network '{self.name}': floor = {self.floor!r}, allowed: an integer of 0 or below, or none"
            )
        self._check_pools()
        if not self.rate:
            given = {"reset": self.reset != "zero", "floor": self.floor is not None, "decode": needs_steps(self.decode)}
            if any(given.values()):
                key = next(key for key, found in given.items() if found)
                raise NetworkError(
                    f"network '{self.name}': {key} = {getattr(self, key)!r} says something about several steps, but "
                    f"with the encoding '{self.encoding['kind']}' units decide once; leave it out, or use the encoding "
                    "'rate', or one with steps"
                )
            return
        for layer in self.layers:
            threshold = getattr(layer, "threshold", None)
            if threshold is not None and threshold.min() < 1:
                unit = int(threshold.argmin())
                raise NetworkError(
                    f"layer '{layer.name}', threshold[{unit}] = {threshold[unit]}, allowed 1 and above: with the "
                    f"encoding '{self.encoding['kind']}' such a unit would fire in every step"
                )
            if layer.kind == "maxpool2d" and self.reset == "subtract" and layer not in self.pools:
                raise NetworkError(
                    f"layer '{layer.name}': the maximum of spikes keeps nothing, so it cannot be reset by subtraction; "
                    "use the rule 'membrane', or sumpool2d or avgpool2d with a threshold, or reset 'zero'"
                )

    def _check_latched(self) -> None:
        """Refuse what says nothing where every train tells one time."""
        if self.reset != "zero":
            raise NetworkError(
                f"network '{self.name}': reset = {self.reset!r}, allowed with the encoding 'latency': zero (a unit "
                "that has fired fires to the end of the frame, and keeps nothing); leave it out, or use the encoding "
                "'rate'"
            )
        for layer in self.layers:
            if isinstance(layer, Pool2d) and layer.membrane:
                raise NetworkError(
                    f"layer '{layer.name}', rule '{layer.rule}': with the encoding 'latency' the earliest spike of a "
                    "window is its maximum, and nothing starts anew; leave it out"
                )
            if isinstance(layer, Pool2d) and layer.threshold is not None:
                raise NetworkError(
                    f"layer '{layer.name}': a {layer.kind} with thresholds, but with the encoding 'latency' a train "
                    "tells a time, and a sum of such trains is no mean of times; use maxpool2d, the earliest of them"
                )

    def _check_pools(self) -> None:
        """Refuse pools that reset what they read, where that is not theirs alone to reset."""
        by_name = {layer.name: layer for layer in self.layers}
        for layer in self.layers:
            if not isinstance(layer, Pool2d) or layer.rule == POOL_RULES[0]:
                continue
            where, source = f"layer '{layer.name}', rule '{layer.rule}'", layer.sources[0]
            if layer.rule not in POOL_RULES or layer.kind != "maxpool2d":
                raise NetworkError(f"{where}: allowed: {', '.join(POOL_RULES)}, and only of a maximum")
            if not self.rate:
                raise NetworkError(
                    f"{where}: says something about several steps, but with the encoding '{self.encoding['kind']}' "
                    "units decide once, and it would be the maximum of spikes; leave it out, or use an encoding with "
                    "steps"
                )
            read = by_name.get(source)
            if not isinstance(read, Conv2d | Dense) or not read.spikes:
                raise NetworkError(
                    f"{where}: reads '{source}', allowed: a conv2d or dense layer with thresholds, whose units it "
                    "resets"
                )
            if any(step < size for size, step in zip(layer.kernel, layer.stride, strict=True)):
                raise NetworkError(
                    f"{where}: windows of {list(layer.kernel)}, moved by {list(layer.stride)}, overlap: a unit can be "
                    "reset with one window; allowed: a stride of the kernel and above"
                )
            others = [other for other in self.pools if other.sources == layer.sources and other is not layer]
            if others:
                raise NetworkError(
                    f"{where}: '{others[0].name}' resets the units of '{source}', too; allowed: one such pool of a "
                    "layer"
                )
            if layer is self.answering and needs_potentials(self.decode):
                raise NetworkError(
                    f"{where}: is the output, and classes are told apart by potentials, but it holds none; decode by "
                    "count or first, or add a layer"
                )

    @property
    def pools(self) -> tuple[Pool2d, ...]:
        """Pools that reset the units of their windows together."""
        return tuple(layer for layer in self.layers if isinstance(layer, Pool2d) and layer.membrane)

    def resets_of(self, layer: Layer) -> Pool2d | None:
        """The pool that resets the units of a layer together, if there is one."""
        return next((pool for pool in self.pools if pool.sources[0] == layer.name), None)

    @property
    def rate(self) -> bool:
        """Whether a frame is shown for several steps."""
        return is_rate(self.encoding)

    @property
    def latched(self) -> bool:
        """Whether a unit that has fired fires to the end of the frame, those that answer aside."""
        return is_latency(self.encoding)

    def latches(self, layer: Layer) -> bool:
        """Whether a layer's units are latched: those of all layers that integrate, but the answering one."""
        return self.latched and getattr(layer, "threshold", None) is not None and layer is not self.answering

    @property
    def steps(self) -> int:
        """For how many steps a frame is shown."""
        return spike_levels(self.encoding) if self.rate else 1

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
        plain: list[Any] = [list(self.input_shape), dict(self.encoding), dict(self.decode)]
        if self.rate:
            plain += [self.reset, self.floor]
        digest.update(json.dumps(plain, sort_keys=True).encode())
        for layer in self.layers:
            fields = {key: value for key, value in vars(layer).items() if not isinstance(value, np.ndarray)}
            if isinstance(layer, Pool2d):
                fields.pop("threshold", None)  # counts below if it is an array, else there is none
                if layer.rule == POOL_RULES[0]:
                    del fields["rule"]
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
