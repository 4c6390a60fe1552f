"""Weight dumps: one .npz with a header and the arrays of each layer, as docs/weights.md has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compiler.frontends.model import FloatModel
from compiler.frontends.weights.dump import LAYOUTS, Dump, Entry
from compiler.frontends.weights.layers import OPTIONS, read_layers
from compiler.networks.network import INPUT
from isa_spec.arrays import decode_npz
from isa_spec.errors import FormatError

FORMAT = "layer-weights"
HEADER = "model"
"""Key of the header, a string of JSON."""
REQUIRED = ("format", "version", "layout", "input", "layers")


def read_dump(path: str | Path) -> FloatModel:
    """Layers of a weight dump.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FormatError
        If it is no such file, is damaged, or contradicts itself.
    """
    name = Path(path).name
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from None
    arrays = decode_npz(data, name)
    dump = _dump(name, _header(name, arrays), arrays)
    model = read_layers(dump)
    extra = sorted(set(arrays) - dump.taken - {HEADER})
    if extra:
        layers = ", ".join(entry.name for entry in dump.entries)
        raise FormatError(f"{name}: array '{extra[0]}' is read by no layer, allowed: LAYER.NAME of the layers {layers}")
    return model


def _header(name: str, arrays: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
    header = arrays.get(HEADER)
    if header is None or header.shape != () or header.dtype.kind != "U":
        raise FormatError(
            f"{name}: no weight dump: '{HEADER}' has to be a string of JSON; docs/weights.md has a script"
        )
    try:
        said = json.loads(str(header))
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"{name}: '{HEADER}' is no JSON: {error}") from None
    if not isinstance(said, dict) or said.get("format") != FORMAT or said.get("version") != 1:
        found = (
            f"format {said.get('format')!r}, version {said.get('version')!r}" if isinstance(said, dict) else "a list"
        )
        raise FormatError(f"{name}: '{HEADER}' has {found}, allowed: format '{FORMAT}', version 1")
    for key in REQUIRED:
        if key not in said:
            raise FormatError(f"{name}: '{HEADER}': key '{key}' is missing")
    unknown = sorted(set(said) - {*REQUIRED, "name"})
    if unknown:
        raise FormatError(f"{name}: '{HEADER}': unknown key '{unknown[0]}', allowed: {', '.join(REQUIRED)}, name")
    return said


def _dump(name: str, said: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Dump:
    shape = said["input"]
    if said["layout"] not in LAYOUTS:
        raise FormatError(f"{name}: layout = {said['layout']!r}, allowed: {', '.join(LAYOUTS)}")
    if (
        not isinstance(shape, list)
        or not 1 <= len(shape) <= 3
        or any(type(size) is not int or size < 1 for size in shape)
    ):
        raise FormatError(f"{name}: input = {shape!r}, allowed: one to three integers above 0, without the batch")
    if not isinstance(said["layers"], list) or not said["layers"]:
        raise FormatError(f"{name}: layers = {said['layers']!r}, allowed: a list of layers")
    entries: list[Entry] = []
    for place, given in enumerate(said["layers"]):
        entries.append(_entry(name, place, given, entries))
    return Dump(name, said["layout"], tuple(shape), tuple(entries), arrays)


def _entry(name: str, place: int, given: Any, before: list[Entry]) -> Entry:
    where = f"{name}: layers[{place}]"
    if not isinstance(given, dict) or not all(isinstance(given.get(key), str) for key in ("name", "type")):
        raise FormatError(f"{where} = {given!r}, allowed: a table with the strings 'name' and 'type'")
    own, names = given["name"], [INPUT, *[entry.name for entry in before]]
    if own in names[given["type"] == "InputLayer" :]:
        raise FormatError(f"{where}: the name '{own}' occurs twice (or is the reserved '{INPUT}')")
    inputs = given.get("inputs", names[-1:])
    if not isinstance(inputs, list) or not inputs or any(source not in names for source in inputs):
        raise FormatError(f"{where} ('{own}'): inputs = {inputs!r}, allowed: a list of {', '.join(names)}")
    options = {key: value for key, value in given.items() if key not in ("name", "type", "inputs")}
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise FormatError(f"{where} ('{own}'): unknown key '{unknown[0]}', allowed: inputs, {', '.join(OPTIONS)}")
    return Entry(own, given["type"], tuple(inputs), options)
