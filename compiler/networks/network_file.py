"""Reads the project's own layered-network format: JSON or TOML, arrays inline or in an .npz beside the file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np

from compiler.frontends.batchnorm import fold_batchnorm, fold_units
from compiler.frontends.bipolar import from_bipolar
from compiler.networks.checks import integers
from compiler.networks.layers import POOL_RULES, Add, Concat, Conv2d, Dense, Flatten, Layer, Pair, Pool2d
from compiler.networks.network import EXACT, INPUT, LayeredNetwork, fineness_of
from isa_spec.arrays import decode_npz
from isa_spec.errors import FormatError, NetworkError

FORMAT, VERSION = "layered-network", 1
LONGEST = 2**20
"""Most rows or columns of a frame, kernel, stride or padding: beyond lie typing errors, not frames."""
_OPTIONAL = {"name", "output", "values", "reset", "floor", "origin"}
_COMMON = {"name", "type", "inputs"}
_UNITS = {"threshold", "batchnorm"}
_CONV = (frozenset({"weight"}), frozenset({*_UNITS, "stride", "padding", "pad_value", "dilation", "groups"}))
_POOL = (frozenset({"kernel"}), frozenset({"stride", "rule"}))
_SUM = (frozenset({"kernel"}), frozenset({"stride", "threshold"}))
_KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "conv2d": _CONV,
    "conv1d": _CONV,
    "dense": (frozenset({"weight"}), frozenset(_UNITS)),
    "maxpool2d": _POOL,
    "maxpool1d": _POOL,
    "sumpool2d": _SUM,
    "sumpool1d": _SUM,
    "avgpool2d": _SUM,
    "avgpool1d": _SUM,
    "add": (frozenset({"inputs"}), frozenset({*_UNITS, "factor"})),
    "concat": (frozenset({"inputs"}), frozenset()),
    "flatten": (frozenset(), frozenset()),
}
"""Required and optional keys of each layer type."""


def load_network(path: str | Path) -> LayeredNetwork:
    """Layered network from a file.

    Parameters
    ----------
    path : str or Path
        ``.json`` or ``.toml``; see docs/formats.md.

    Raises
    ------
    FormatError
        If the file is not readable as JSON or TOML or names arrays that are not there.
    NetworkError
        If keys, shapes or values are wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows begin files with a mark
        entry = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise FormatError(f"{path}: not {kind}: {error}") from None
    return parse_network(entry, str(path), path.parent)


def parse_network(entry: Any, where: str, folder: Path) -> LayeredNetwork:
    """Layered network from the plain dictionary of a file.

    Parameters
    ----------
    entry : dict
    where : str
        Name of the source, for messages.
    folder : Path
        Where the ``.npz`` files lie.

    Raises
    ------
    FormatError, NetworkError
        As `load_network`.
    """
    if not isinstance(entry, Mapping) or entry.get("format") != FORMAT:
        raise FormatError(f"{where}: not a layered network (format is not '{FORMAT}')")
    if type(entry.get("version")) is not int or not 1 <= entry["version"] <= VERSION:
        raise FormatError(f"{where}: version {entry.get('version')!r}, this program reads 1..{VERSION}")
    _check_keys(entry, {"format", "version", "input", "layers"}, _OPTIONAL, where)
    values = entry.get("values", "binary")
    if values not in ("binary", "bipolar"):
        raise NetworkError(f"{where}: values = {values!r}, allowed: 'binary' (0 and 1) or 'bipolar' (-1 and +1)")
    arrays = _Arrays(folder)
    source = entry["input"]
    _check_keys(source, {"shape"}, {"encoding"}, f"{where}: input")
    shape = source["shape"]
    if not (_is_integers(shape, 3) or _is_integers(shape, 2)) or min(shape) < 1 or max(shape) > LONGEST:
        raise NetworkError(
            f"{where}: input.shape = {shape!r}, allowed: [C, H, W] (or [C, L] of a network over one axis), integers in "
            f"1..{LONGEST}"
        )
    axes = len(shape) - 1
    if not isinstance(entry["layers"], list):
        raise NetworkError(f"{where}: layers is not a list")
    layers: list[Layer] = []
    fineness: dict[str, int] = {}
    pads = set()
    for index, item in enumerate(entry["layers"]):
        previous = layers[-1].name if layers else INPUT
        layers.append(_layer(item, f"{where}: layers[{index}]", previous, fineness, arrays, axes))
        fineness[layers[-1].name] = fineness_of(layers[-1], fineness)
        if _pad_value(item.get("pad_value", 0), values, f"{where}: layers[{index}] '{layers[-1].name}'"):
            pads.add(layers[-1].name)
    output = entry.get("output", {})
    _check_keys(output, set(), {"decode"}, f"{where}: output")
    decode = output.get("decode")
    if decode is not None and not (isinstance(decode, Mapping) and isinstance(decode.get("kind"), str)):
        raise NetworkError(f"{where}: output.decode = {decode!r}, allowed: a table with a kind")
    if decode is not None and isinstance(decode.get("key"), str):
        decode = {**decode, "key": arrays.get(decode["key"], f"{where}: output.decode.key")}
    name = _name(entry.get("name", Path(where).stem or "network"), where)
    # A network over one axis lies along the rows: that takes fewer relays than along the columns.
    frame = (shape[0], shape[1], shape[2] if axes == 2 else 1)
    network = LayeredNetwork(
        name,
        frame,
        tuple(layers),
        source.get("encoding"),
        decode,
        reset=entry.get("reset", "zero"),
        floor=entry.get("floor"),
        origin=_origin(entry.get("origin"), where),
    )
    return from_bipolar(network, pads) if values == "bipolar" else network


def _origin(value: Any, where: str) -> Mapping[str, Any] | None:
    """Where a network comes from; it is only kept."""
    if value is not None and not isinstance(value, Mapping):
        raise NetworkError(f"{where}: origin = {value!r}, allowed: a table, as an import writes it")
    return value


def _name(value: Any, where: str) -> str:
    """A name that any terminal can show on one line."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise NetworkError(f"{where}: name = {value!r}, allowed: printable text")
    return value


def _layer(item: Any, where: str, previous: str, fineness: Mapping[str, int], arrays: _Arrays, axes: int) -> Layer:
    if not isinstance(item, Mapping) or "name" not in item:
        raise NetworkError(f"{where}: a layer has a name and a type")
    name = _name(item["name"], where)
    where = f"{where} '{name}'"
    kind = item.get("type")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise NetworkError(f"{where}: type {kind!r} is not supported, allowed: {', '.join(_KEYS)}")
    _check_axes(kind, axes, where)
    required, optional = _KEYS[kind]
    _check_keys(item, required | {"name", "type"}, optional | _COMMON, where)
    sources = _sources(item, kind, previous, where)
    if kind == "flatten":
        return Flatten(name, sources)
    if kind == "concat":
        return Concat(name, sources)
    threshold = None
    if "threshold" in item:
        threshold = integers(arrays.get(item["threshold"], f"{where}: threshold"), 1, f"{where}: threshold")
    if "kernel" in required:
        kernel = _per_axis(item["kernel"], axes, f"{where}: kernel")
        stride = _per_axis(item.get("stride", item["kernel"]), axes, f"{where}: stride")
        rule = item.get("rule", POOL_RULES[0])
        if rule not in POOL_RULES:
            raise NetworkError(f"{where}: rule = {rule!r}, allowed: {', '.join(POOL_RULES)}")
        return Pool2d(name, sources, f"{kind[:-2]}2d", kernel, stride, threshold, rule)
    if threshold is not None and "batchnorm" in item:
        raise NetworkError(f"{where}: has both threshold and batchnorm, allowed: one (level is its threshold)")
    grain = lcm(*(fineness.get(source, 1) for source in sources))
    if kind == "add":
        return _addition(item, name, sources, threshold, grain, arrays, where)
    ndim = 2 if kind == "dense" else 2 + axes
    weight = integers(arrays.get(item["weight"], f"{where}: weight"), ndim, f"{where}: weight")
    if threshold is not None and len(threshold) != len(weight):
        raise NetworkError(f"{where}: {len(threshold)} thresholds for {len(weight)} units")
    if np.abs(weight.astype(np.float64)).reshape(len(weight), -1).sum(axis=1).max() >= EXACT:
        raise NetworkError(f"{where}: the absolute weights of a unit sum to 2**52 or more, allowed: less")
    if "batchnorm" in item:
        weight, threshold = fold_batchnorm(item["batchnorm"], weight, grain, arrays.get, f"{where}: batchnorm")
    if kind == "dense":
        return Dense(name, sources, weight, threshold)
    groups = item.get("groups", 1)
    if type(groups) is not int or groups < 1:
        raise NetworkError(f"{where}: groups = {groups!r}, allowed: an integer of 1 and above")
    return Conv2d(
        name,
        sources,
        weight if axes == 2 else weight[..., None],
        threshold,
        stride=_per_axis(item.get("stride", [1, 1] if axes == 2 else 1), axes, f"{where}: stride"),
        padding=_padding(item.get("padding", [0, 0]), axes, f"{where}: padding"),
        dilation=_per_axis(item.get("dilation", [1, 1] if axes == 2 else 1), axes, f"{where}: dilation"),
        groups=groups,
    )


def _check_axes(kind: str, axes: int, where: str) -> None:
    """Windows over two axes do not slide over one, nor the other way round."""
    other = {"1d": (2, f"{kind[:-2]}2d", "[C, L]"), "2d": (1, f"{kind[:-2]}1d", "[C, H, W]")}.get(kind[-2:])
    if other is None or axes != other[0]:
        return
    _, instead, shape = other
    found = "[C, H, W]" if axes == 2 else "[C, L]"
    raise NetworkError(
        f"{where}: type '{kind}' reads maps {shape}, but the network's input.shape is {found}, and so are all its "
        f"maps; use {instead}, or give input.shape as {shape}"
    )


def _addition(
    item: Mapping[str, Any],
    name: str,
    sources: tuple[str, ...],
    threshold: np.ndarray | None,
    grain: int,
    arrays: _Arrays,
    where: str,
) -> Add:
    if "factor" in item and "batchnorm" in item:
        raise NetworkError(f"{where}: has both factor and batchnorm, allowed: one (gamma's sign is its factor)")
    if "batchnorm" in item:
        factor, threshold = fold_units(item["batchnorm"], None, grain, arrays.get, f"{where}: batchnorm")
        return Add(name, sources, threshold, np.tile(factor, (len(sources), 1)) if np.any(factor != 1) else None)
    if threshold is None:
        raise NetworkError(f"{where}: an add needs a threshold or batchnorm")
    if "factor" not in item:
        return Add(name, sources, threshold)
    factor = integers(arrays.get(item["factor"], f"{where}: factor"), 2, f"{where}: factor")
    if factor.shape != (len(sources), len(threshold)):
        raise NetworkError(
            f"{where}: factor of shape {list(factor.shape)}, allowed: one for each input and channel, "
            f"[{len(sources)}, {len(threshold)}]"
        )
    return Add(name, sources, threshold, factor)


def _sources(item: Mapping[str, Any], kind: str, previous: str, where: str) -> tuple[str, ...]:
    inputs = item.get("inputs", [previous])
    several = kind in ("add", "concat")
    named = isinstance(inputs, list) and all(isinstance(name, str) for name in inputs)
    if not named or not (len(inputs) == 1 or (several and len(inputs) > 1)):
        count = "one or more earlier layers" if several else "one earlier layer"
        raise NetworkError(f"{where}: inputs = {inputs!r}, allowed: a list with the name of {count}")
    return tuple(inputs)


class _Arrays:
    """The .npz files a network refers to, each opened once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, dict[str, np.ndarray]] = {}

    def get(self, value: Any, where: str) -> Any:
        """The array that ``"file.npz:key"`` names; anything else unchanged."""
        if not isinstance(value, str):
            return value
        file, colon, key = value.rpartition(":")
        if not colon:
            raise NetworkError(f"{where} = {value!r}, allowed: nested lists or 'FILE.npz:KEY'")
        if file not in self._files:
            try:
                data = (self._folder / file).read_bytes()
            except (OSError, ValueError) as error:
                raise FormatError(f"{where}: {file}: {getattr(error, 'strerror', None) or error}") from None
            self._files[file] = decode_npz(data, f"{where}: {file}")
        if key not in self._files[file]:
            raise FormatError(f"{where}: {file} has no array '{key}', it has {', '.join(sorted(self._files[file]))}")
        return self._files[file][key]


def _check_keys(
    entry: Any, required: set[str] | frozenset[str], optional: set[str] | frozenset[str], where: str
) -> None:
    if not isinstance(entry, Mapping):
        raise NetworkError(f"{where}: not a table of keys")
    for key in sorted(required):
        if key not in entry:
            raise NetworkError(f"{where}: key '{key}' is missing")
    for key in entry:
        if key not in required and key not in optional:
            raise NetworkError(f"{where}: unknown key '{key}', allowed: {', '.join(sorted(required | optional))}")


def _is_integers(value: Any, length: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == length and all(type(item) is int for item in value)


def _per_axis(value: Any, axes: int, where: str) -> Pair:
    """Rows and columns, from ``[rows, columns]``, or one integer over one axis."""
    if axes == 1:
        if type(value) is not int or not 1 <= value <= LONGEST:
            raise NetworkError(f"{where} = {value!r}, allowed: one integer in 1..{LONGEST} (the network has one axis)")
        return (value, 1)
    if not _is_integers(value, 2) or min(value) < 1 or max(value) > LONGEST:
        raise NetworkError(f"{where} = {value!r}, allowed: two integers [rows, columns], each in 1..{LONGEST}")
    return (value[0], value[1])


def _pad_value(value: Any, values: str, where: str) -> int:
    allowed = (0, -1) if values == "bipolar" else (0,)
    if type(value) is not int or value not in allowed:
        listed = " or ".join(map(str, allowed))
        raise NetworkError(f"{where}: pad_value = {value!r}, allowed: {listed} (the network's values are '{values}')")
    return value


def _padding(value: Any, axes: int, where: str) -> tuple[Pair, Pair]:
    """Both sides of each axis, from ``[rows, columns]`` or ``[[top, bottom], [left, right]]``.

    Over one axis, from one integer or ``[before, after]``.
    """
    if axes == 1:
        ends = [value, value] if type(value) is int else value
        if not _is_integers(ends, 2) or min(ends) < 0 or max(ends) > LONGEST:
            raise NetworkError(
                f"{where} = {value!r}, allowed: one integer or [before, after], each in 0..{LONGEST} (the network has "
                "one axis)"
            )
        return (ends[0], ends[1]), (0, 0)
    sides = [[side, side] for side in value] if _is_integers(value, 2) else value
    known = isinstance(sides, list) and len(sides) == 2 and all(_is_integers(side, 2) for side in sides)
    if not known or min(map(min, sides)) < 0 or max(map(max, sides)) > LONGEST:
        raise NetworkError(
            f"{where} = {value!r}, allowed: [rows, columns] or [[top, bottom], [left, right]], each in 0..{LONGEST}"
        )
    return (sides[0][0], sides[0][1]), (sides[1][0], sides[1][1])
