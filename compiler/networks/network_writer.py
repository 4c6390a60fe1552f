"""Writes a layered network to the project's own format: JSON, and its arrays in an .npz beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Layer, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork
from compiler.networks.network_file import FORMAT, VERSION
from isa_spec.arrays import encode_npz
from isa_spec.errors import FormatError
from isa_spec.files import write_atomically


def save_network(network: LayeredNetwork, path: str | Path) -> None:
    """Write a network so that `load_network` reads it back equal; the same network always gives the same bytes.

    Parameters
    ----------
    network : LayeredNetwork
    path : str or Path
        ``NAME.json``; the arrays go to ``NAME.npz`` beside it.

    Raises
    ------
    FormatError
        If the path does not end in ``.json``.
    NeuroprocError
        If a file cannot be written. The arrays are written first: what is there then is the old network, or arrays
        that no network of this name refers to.
    """
    path = check_path(path)
    arrays_path = path.with_suffix(".npz")
    arrays: dict[str, np.ndarray] = {}

    def keep(name: str, value: Any) -> str:
        arrays[name] = _smallest(np.asarray(value))
        return f"{arrays_path.name}:{name}"

    text = json.dumps(_entry(network, keep), indent=2) + "\n"
    with write_atomically(path) as file:
        file.write(text.encode())
        with write_atomically(arrays_path) as array_file:
            array_file.write(encode_npz(arrays))


def check_path(path: str | Path) -> Path:
    """The path, if a network can be written there.

    Raises
    ------
    FormatError
        If it does not end in ``.json``.
    """
    if Path(path).suffix != ".json":
        raise FormatError(f"{path}: a network is written to NAME.json, with NAME.npz beside it")
    return Path(path)


def _entry(network: LayeredNetwork, keep: Any) -> dict[str, Any]:
    """The plain dictionary of the file."""
    decode = dict(network.decode)
    if "key" in decode:
        decode["key"] = keep("key", decode["key"])
    entry = {
        "format": FORMAT,
        "version": VERSION,
        "name": network.name,
        "input": {"shape": list(network.input_shape), "encoding": dict(network.encoding)},
        "layers": [
            _layer(layer, f"{index}", previous, keep)
            for index, (layer, previous) in enumerate(
                zip(network.layers, [INPUT, *(layer.name for layer in network.layers)], strict=False)
            )
        ],
        "output": {"decode": decode},
    }
    if network.rate:
        entry |= {"reset": network.reset, "floor": network.floor}
    if network.origin is not None:
        entry["origin"] = dict(network.origin)
    return entry


def _layer(layer: Layer, index: str, previous: str, keep: Any) -> dict[str, Any]:
    """The entry of one layer."""
    entry: dict[str, Any] = {"name": layer.name, "type": layer.kind}
    if layer.sources != (previous,) or isinstance(layer, Add | Concat):
        entry["inputs"] = list(layer.sources)
    if isinstance(layer, Conv2d | Dense):
        entry["weight"] = keep(f"weight{index}", layer.weight)
    if not isinstance(layer, Concat | Flatten) and layer.threshold is not None:
        entry["threshold"] = keep(f"threshold{index}", layer.threshold)
    match layer:
        case Conv2d():
            entry |= {
                "stride": list(layer.stride),
                "padding": [list(sides) for sides in layer.padding],
                "dilation": list(layer.dilation),
                "groups": layer.groups,
            }
        case Pool2d():
            entry |= {"kernel": list(layer.kernel), "stride": list(layer.stride)}
            if layer.membrane:
                entry["rule"] = layer.rule
        case Add() if layer.factor is not None:
            entry["factor"] = keep(f"factor{index}", layer.factor)
    return entry


def _smallest(array: np.ndarray) -> np.ndarray:
    """The same integers in the narrowest signed type that holds them, little-endian."""
    low, high = int(array.min()), int(array.max())
    for width in (1, 2, 4):
        limits = np.iinfo(f"<i{width}")
        if limits.min <= low and high <= limits.max:
            return array.astype(f"<i{width}")
    return array.astype("<i8")
