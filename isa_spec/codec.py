"""The image as bytes: a zip of plain arrays and one JSON header, with a checksum over all of it.

Nothing is compressed: the bytes are then the same on every machine, and loading costs little more than reading.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from isa_spec.errors import FormatError, SpecError
from isa_spec.image import LayerRecord, Port, ProcessorImage, check_image
from isa_spec.spec import ProcessorSpec
from isa_spec.spikes import SpikeEvents
from isa_spec.stream import StreamContract

FORMAT = "neuroproc-image"
VERSION = 1
EXTENSIONS = ("on-delivery",)
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
    "start": np.int64,
}
"""Arrays of an image; `start` holds rows of cycle, port, value."""

_KEYS = {
    "format", "version", "tool", "profile", "extensions", "inputs", "outputs", "layers", "encoding", "decode",
    "latency", "interval", "source_digest", "options",
}  # fmt: skip


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
        "layers": [asdict(layer) for layer in image.layers],
        "encoding": image.encoding,
        "decode": image.decode,
        "latency": image.latency,
        "interval": image.interval,
        "source_digest": image.source_digest,
        "options": dict(image.options),
    }
    members = {HEADER: json.dumps(header, sort_keys=True, separators=(",", ":")).encode()}
    for name, dtype in SECTIONS.items():
        if name == "start":
            array = np.stack([image.start.cycle, image.start.port, image.start.value], axis=1)
        else:
            array = getattr(image, name)
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.ascontiguousarray(array, dtype), version=(1, 0), allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    members[CHECKSUM] = _checksum(members).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


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
    members = _members(data, where)
    header = _header(members, where)
    arrays: dict[str, Any] = {}
    for name, dtype in SECTIONS.items():
        try:
            array = np.lib.format.read_array(io.BytesIO(members[f"{name}.npy"]), allow_pickle=False)
        except KeyError:
            raise FormatError(f"{where}: section {name} is missing") from None
        except ValueError as error:
            raise FormatError(f"{where}: section {name}: {error}") from None
        if array.dtype != dtype or array.ndim != (2 if name == "start" else 1):
            raise FormatError(f"{where}: section {name} is {array.dtype}{list(array.shape)}, expected {dtype.__name__}")
        arrays[name] = array
    start = arrays.pop("start")
    if start.shape[1:] != (3,):
        raise FormatError(f"{where}: section start has shape {list(start.shape)}, expected rows of cycle, port, value")
    try:
        image = ProcessorImage(
            spec=ProcessorSpec.from_dict(header["profile"], f"{where}: profile"),
            inputs=_ports(header["inputs"]),
            outputs=_ports(header["outputs"]),
            layers=tuple(_layer(entry, where) for entry in header["layers"]),
            start=SpikeEvents.of(*start.T),
            **{key: header[key] for key in ("encoding", "decode", "latency", "interval", "source_digest", "options")},
            **arrays,
        )
    except (TypeError, KeyError, ValueError) as error:
        raise FormatError(f"{where}: header: {error}") from None
    except SpecError as error:
        raise FormatError(str(error)) from None
    check_image(image)
    return image


def _members(data: bytes, where: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise FormatError(
            f"{where}: not a processor image, or truncated or altered ({error}); compile it again"
        ) from None
    if HEADER not in members:
        raise FormatError(f"{where}: not a processor image (no {HEADER} inside)")
    return members


def _header(members: Mapping[str, bytes], where: str) -> dict[str, Any]:
    try:
        header = json.loads(members[HEADER])
    except (ValueError, UnicodeDecodeError) as error:
        raise FormatError(f"{where}: header is not JSON ({error})") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise FormatError(f"{where}: not a processor image (format is not '{FORMAT}')")
    version = header.get("version")
    if type(version) is not int or version > VERSION:
        raise FormatError(
            f"{where}: image version {version}, this program reads up to {VERSION}; use a newer neuroproc"
        )
    found = members.get(CHECKSUM, b"").decode("ascii", "replace")
    if found != _checksum({name: content for name, content in members.items() if name != CHECKSUM}):
        raise FormatError(f"{where}: checksum differs, the image was altered; compile it again")
    missing = _KEYS - set(header)
    if missing:
        raise FormatError(f"{where}: header key '{min(missing)}' is missing")
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


def _ports(entries: Any) -> tuple[Port, ...]:
    ports = tuple(Port(name, neuron) for name, neuron in entries)
    if not all(isinstance(port.name, str) and type(port.neuron) is int for port in ports):
        raise TypeError("a port is a name and a neuron number")
    return ports


def _layer(entry: Mapping[str, Any], where: str) -> LayerRecord:
    contract = entry["contract"]
    if contract is not None:
        contract = StreamContract.from_dict(contract, f"{where}: layer '{entry['name']}'")
    return LayerRecord(**{**entry, "contract": contract})
