"""The image as bytes: a zip of plain arrays and one JSON header, with a checksum over all of it.

Nothing is compressed: the bytes are then the same on every machine, and loading costs little more than reading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from isa_spec.arrays import decode_npy, encode_npy, to_zip, unzip
from isa_spec.building import check_image
from isa_spec.coding import check_encoding, plane_weights
from isa_spec.decoding import check_decode
from isa_spec.errors import EmulationError, FormatError, SpecError
from isa_spec.image import LayerRecord, Port, ProcessorImage
from isa_spec.spec import ProcessorSpec
from isa_spec.spikes import SpikeEvents
from isa_spec.stream import LONGEST_INTERVAL, StreamContract

FORMAT = "neuroproc-image"
VERSION = 1
EXTENSIONS = (
    "on-delivery", "leak", "leak-per-neuron", "reset-subtract", "one-shot", "clear-synapse", "slope-synapse",
    "pooling-group", "delayed-fire"
)  # fmt: skip
"""Extensions that this version knows; an image that needs another is refused."""

HEADER, CHECKSUM = "header.json", "checksum"
SECTIONS: Mapping[str, type] = {
    "threshold": np.int32,
    "row_start": np.int64,
    "target": np.int32,
    "weight": np.int32,
    "delay": np.int32,
    "role": np.uint8,
    "layer": np.int16,
    "leaks": np.uint8,
    "once": np.uint8,
    "group": np.int32,
    "kind": np.uint8,
    "start": np.int64,
}
"""Arrays of an image; `start` holds rows of cycle, port, value."""

OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "leaks": ("leak-per-neuron",),
    "once": ("one-shot",),
    "group": ("pooling-group",),
    "kind": ("slope-synapse", "clear-synapse"),
}
"""Arrays that are there if and only if the processor has one of their extensions."""

_HEADER: Mapping[str, tuple[type, ...]] = {
    "format": (str,),
    "version": (int,),
    "tool": (str,),
    "profile": (dict,),
    "extensions": (list,),
    "inputs": (list,),
    "outputs": (list,),
    "layers": (list,),
    "encoding": (dict, type(None)),
    "decode": (dict, type(None)),
    "latency": (int, type(None)),
    "interval": (int, type(None)),
    "source_digest": (str,),
    "options": (dict,),
}
"""Keys of the header and their types; a reader ignores others."""

_PORT: tuple[type, ...] = (str, int)


def encode_image(image: ProcessorImage, tool: str) -> bytes:
    """Bytes of an image; the same image always gives the same bytes.

    Parameters
    ----------
    image : ProcessorImage
    tool : str
        Name and version of the writer, for provenance.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "tool": tool,
        "profile": image.spec.to_dict(),
        "extensions": list(image.spec.extensions),
        "inputs": [[port.name, port.neuron] for port in image.inputs],
        "outputs": [[port.name, port.neuron] for port in image.outputs],
        "layers": [
            {**asdict(layer), "contract": None if layer.contract is None else layer.contract.to_dict()}
            for layer in image.layers
        ],
        "encoding": image.encoding,
        "decode": image.decode,
        "latency": image.latency,
        "interval": image.interval,
        "source_digest": image.source_digest,
        "options": dict(image.options),
    }
    members = {HEADER: json.dumps(header, sort_keys=True, separators=(",", ":")).encode()}
    for name in sections(image.spec):
        dtype = SECTIONS[name]
        if name == "start":
            array = np.stack([image.start.cycle, image.start.port, image.start.value], axis=1)
        else:
            array = getattr(image, name)
        members[f"{name}.npy"] = encode_npy(np.ascontiguousarray(array, dtype))
    members[CHECKSUM] = _checksum(members).encode()
    return to_zip(members)


def sections(spec: ProcessorSpec) -> tuple[str, ...]:
    """Names of the arrays that an image for a processor has."""
    return tuple(name for name in SECTIONS if name not in OPTIONAL or set(OPTIONAL[name]) & set(spec.extensions))


def decode_image(data: bytes, where: str) -> ProcessorImage:
    """Image from bytes, checked in full.

    Parameters
    ----------
    data : bytes
    where : str
        Name of the file, for messages.

    Raises
    ------
    FormatError
        If the file is no image, is truncated, altered, inconsistent, from a newer version, or needs unknown extensions.
    ResourceError
        If the graph does not fit the processor it names.
    """
    members = unzip(data, where, "processor image")
    if HEADER not in members:
        raise FormatError(f"{where}: not a processor image (no {HEADER} inside)")
    header = _header(members, where)
    try:
        spec = ProcessorSpec.from_dict(header["profile"], f"{where}: profile")
    except SpecError as error:
        raise FormatError(f"{where}: {error}") from None
    if header["extensions"] != list(spec.extensions):
        raise FormatError(f"{where}: extensions {header['extensions']}, its profile has {list(spec.extensions)}")
    arrays: dict[str, Any] = {}
    for name in sections(spec):
        dtype = SECTIONS[name]
        if f"{name}.npy" not in members:
            raise FormatError(f"{where}: section {name} is missing")
        array = decode_npy(members[f"{name}.npy"], f"{where}: section {name}")
        if array.dtype != dtype or array.ndim != (2 if name == "start" else 1):
            raise FormatError(f"{where}: section {name} is {array.dtype}{list(array.shape)}, expected {dtype.__name__}")
        arrays[name] = array
    start = arrays.pop("start")
    if start.shape[1:] != (3,):
        raise FormatError(f"{where}: section start has shape {list(start.shape)}, expected rows of cycle, port, value")
    try:
        events = SpikeEvents.of(*start.T)
    except EmulationError as error:
        raise FormatError(f"{where}: {error}") from None
    image = ProcessorImage(
        spec=spec,
        inputs=_ports(header, "inputs", where),
        outputs=_ports(header, "outputs", where),
        layers=tuple(_layer(entry, where) for entry in header["layers"]),
        start=events,
        **_defaults(arrays),
        **{key: header[key] for key in ("encoding", "decode", "latency", "interval", "source_digest", "options")},
        **arrays,
    )
    check_image(image)
    _check_stream(image, where)
    return image


def _defaults(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Optional arrays that are not stored: nobody leaks, fires once or is in a group, every synapse charges."""
    n_neurons, n_synapses = len(arrays["threshold"]), len(arrays["target"])
    lengths = {"leaks": (n_neurons, 0), "once": (n_neurons, 0), "group": (n_neurons, -1), "kind": (n_synapses, 0)}
    return {
        name: np.full(length, value, SECTIONS[name]) for name, (length, value) in lengths.items() if name not in arrays
    }


def _header(members: Mapping[str, bytes], where: str) -> dict[str, Any]:
    try:
        header = json.loads(members[HEADER])
    except (ValueError, UnicodeDecodeError) as error:
        raise FormatError(f"{where}: header is not JSON ({error})") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise FormatError(f"{where}: not a processor image (format is not '{FORMAT}')")
    version = header.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise FormatError(
            f"{where}: image version {version}, this program reads 1..{VERSION}; use a newer neuroproc or compile again"
        )
    found = members.get(CHECKSUM, b"").decode("ascii", "replace")
    if found != _checksum({name: content for name, content in members.items() if name != CHECKSUM}):
        raise FormatError(f"{where}: checksum differs, the image was altered; compile it again")
    for key, types in _HEADER.items():
        if key not in header:
            raise FormatError(f"{where}: header key '{key}' is missing")
        if type(header[key]) not in types:
            raise FormatError(f"{where}: header key '{key}' is {header[key]!r}, allowed: {types[0].__name__}")
    for extension in header["extensions"]:
        if extension not in EXTENSIONS:
            raise FormatError(f"{where}: needs extension '{extension}', this program has {', '.join(EXTENSIONS)}")
    return header


def _checksum(members: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(members):
        digest.update(f"{name}\0{len(members[name])}\0".encode())
        digest.update(members[name])
    return "sha256:" + digest.hexdigest()


def _ports(header: Mapping[str, Any], key: str, where: str) -> tuple[Port, ...]:
    for entry in header[key]:
        if not isinstance(entry, list) or tuple(map(type, entry)) != _PORT:
            raise FormatError(f"{where}: header key '{key}' holds {entry!r}, allowed: a name and a neuron number")
    return tuple(Port(name, neuron) for name, neuron in header[key])


def _layer(entry: Any, where: str) -> LayerRecord:
    names = {field.name for field in fields(LayerRecord)}
    if not isinstance(entry, dict) or set(entry) != names:
        raise FormatError(f"{where}: a layer has exactly the keys {', '.join(sorted(names))}")
    contract = entry["contract"]
    if contract is not None:
        if not isinstance(contract, dict):
            raise FormatError(f"{where}: layer '{entry['name']}': contract = {contract!r}, allowed: a table, or null")
        contract = StreamContract.from_dict(contract, f"{where}: layer '{entry['name']}'")
    for key in names - {"contract"}:
        allowed: tuple[type, ...] = (str,) if key in ("name", "kind") else (int,)
        if type(entry[key]) not in allowed and not (key == "first_neuron" and contract is entry[key] is None):
            raise FormatError(
                f"{where}: layer '{entry['name']}': {key} = {entry[key]!r}, allowed: {allowed[0].__name__}"
            )
    return LayerRecord(**{**entry, "contract": contract})


def _check_stream(image: ProcessorImage, where: str) -> None:
    """Hold the contracts of a compiled image against its neurons, its encoding and its decoding."""
    for record in image.layers:
        contract, first = record.contract, record.first_neuron
        if contract is None or first is None:
            continue
        if first < 0 or first + contract.n_lanes > image.n_neurons:
            raise FormatError(f"{where}: layer '{record.name}' has lanes beyond the {image.n_neurons} neurons")
        if contract.interval != image.interval or image.latency is None:
            raise FormatError(f"{where}: layer '{record.name}' and the header disagree about the interval")
        # No two tiles share a cycle; and who reads a map makes room for its tiles.
        if not contract.tile_rows * contract.tile_cols <= contract.interval <= LONGEST_INTERVAL:
            raise FormatError(f"{where}: layer '{record.name}' has more tiles than cycles, or 2**31 cycles or more")
    if image.encoding is not None:
        encoding = check_encoding(image.encoding, f"{where}: encoding")
        if encoding != image.encoding:
            missing = min(set(encoding) - set(image.encoding))
            raise FormatError(f"{where}: encoding = {image.encoding!r}, allowed: with every key, {missing} too")
        n_planes = len(plane_weights(encoding))
        frame = image.layers[0].contract if image.layers else None
        if frame is not None and frame.channels % n_planes:
            raise FormatError(
                f"{where}: the input has {frame.channels} planes, the encoding makes {n_planes} of each channel"
            )
    last = image.layers[-1].contract if image.layers else None
    if image.decode is not None and last is not None:
        check_decode(image.decode, last.channels * last.height * last.width, f"{where}: decode")
