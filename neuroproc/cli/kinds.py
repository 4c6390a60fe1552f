"""What a file is, seen from its content; from its name only where bytes tell nothing."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from compiler.networks.network_file import FORMAT as NETWORK_FORMAT
from isa_spec.arrays import NPY_MAGIC, ZIP_MAGIC, unzip
from isa_spec.codec import HEADER
from isa_spec.errors import FormatError
from isa_spec.files import read_bytes
from isa_spec.tables import processor_tables
from neuroproc.formats.cifar import PICKLE_MAGIC, RECORD
from neuroproc.formats.frames import GZIP_MAGIC, IDX_TYPES
from neuroproc.formats.shd import HDF5_MAGIC, holds_samples, is_hdf5
from neuroproc.formats.spike_csv import COLUMNS, HEADERS

NETWORK, NIR, ONNX, DUMP = "layered network", "NIR network", "ONNX network", "weight dump"
IMAGE, TENNLAB = "processor image", "TENNLab network"
SPIKES, EVENTS, FRAMES = "spikes", "events", "frames"
PROFILE, PARAMETERS = "profile", "TENNLab parameters"

KINDS: Mapping[str, str] = {
    NETWORK: ".json, .toml",
    NIR: ".nir (HDF5)",
    ONNX: ".onnx",
    DUMP: ".npz with the array `model`",
    IMAGE: ".npi",
    TENNLAB: ".json with Nodes and Edges",
    SPIKES: ".csv, .txt (raster), .npz with cycle and port",
    EVENTS: ".bin (N-MNIST), HDF5 (SHD, SSC)",
    FRAMES: ".npy, .npz, IDX, CIFAR-10, gzip of these",
    PROFILE: ".toml",
    PARAMETERS: ".json with min_threshold and max_delay",
}
"""Everything that is known, and what its files are like."""

FOREIGN: Mapping[str, str] = {NIR: ".nir", ONNX: ".onnx", DUMP: ".npz"}
"""Networks of other programs, and the suffixes that `compiler.frontends.importing` knows them by."""

_LABELS = 10
"""Classes of CIFAR-10: the first byte of each of its records is below."""


def kind_of(path: str | Path) -> str:
    """One of `KINDS`.

    Raises
    ------
    FormatError
        If the file cannot be read, or is none of them.
    """
    if is_hdf5(path):
        return EVENTS if holds_samples(path) else NIR
    return kind_of_bytes(read_bytes(path), str(path))


def as_image(path: str) -> str:
    """What to do with a file that should have been an image, as the end of a message; empty of what is not known."""
    try:
        found = kind_of(path)
    except FormatError:
        return ""
    if found == TENNLAB:
        return f"; it is of the kind '{found}': neuroproc convert {path} IMAGE.npi makes an image of it"
    if found == NETWORK or found in FOREIGN:
        return f"; it is of the kind '{found}': neuroproc compile {path} -o IMAGE.npi makes an image of it"
    if found == IMAGE:
        return ""
    what = "holds arrays" if found == FRAMES and Path(path).suffix == ".npz" else f"is of the kind '{found}'"
    return f"; it {what}, wanted: an image, .npi"


def as_network(path: str) -> str:
    """Message on a file that should have been a network, and is something else that is known; else empty.

    Of arrays, a ``.json`` or ``.toml`` of the same stem is named, if it is the network that they may belong to.
    """
    try:
        found = kind_of(path)
    except FormatError:
        return ""
    if found == NETWORK or Path(path).suffix == FOREIGN.get(found):
        return ""
    if found == FRAMES and Path(path).suffix == ".npz":
        beside = next((str(file) for file in _siblings(path) if _is_network(file)), "")
        what = f"these are the arrays beside {beside}; give {beside}" if beside else _NO_DUMP
        return f"{path}: holds arrays, but no network: {what}"
    foreign = ", ".join(FOREIGN.values())
    wanted = f"{path}: is of the kind '{found}', wanted: a layered network, .json or .toml, or a foreign one, {foreign}"
    if found in FOREIGN:
        return f"{wanted}; rename it to end in {FOREIGN[found]}"
    if found == IMAGE:
        return f"{wanted}; give the network that the image was compiled from"
    if found == TENNLAB:
        return f"{wanted}; neuroproc convert {path} IMAGE.npi makes an image of it as it is"
    return wanted


_NO_DUMP = (
    "a weight dump has an array 'model', too, a string of JSON that tells the layers (docs/weights.md has a script), "
    "and a layered network is given by its .json"
)


def _siblings(path: str) -> tuple[Path, ...]:
    return tuple(Path(path).with_suffix(suffix) for suffix in (".json", ".toml"))


def _is_network(path: Path) -> bool:
    try:
        return kind_of(path) == NETWORK
    except FormatError:
        return False


def kind_of_bytes(data: bytes, where: str) -> str:
    """One of `KINDS`, of what is no HDF5 file.

    Parameters
    ----------
    data : bytes
    where : str
        Name of the file: for messages, and for what only its suffix tells.

    Raises
    ------
    FormatError
        If it is none of them.
    """
    if data.startswith(HDF5_MAGIC):
        raise FormatError(f"{where}: HDF5 is read from files, not from a stream; give it by name")
    if data.startswith(ZIP_MAGIC):
        return _kind_of_zip(unzip(data, where, "processor image or numpy archive"))
    if data.startswith((NPY_MAGIC, GZIP_MAGIC, *PICKLE_MAGIC)):
        return FRAMES
    found = _kind_of_text(data, where) or _kind_of_binary(data, Path(where).suffix.lower())
    if found is None:
        begin = data[:8].hex(" ") or "nothing"
        known = "; ".join(f"{kind} ({like})" for kind, like in KINDS.items())
        raise FormatError(f"{where}: in no known format (it begins with {begin}); known are: {known}")
    return found


def _kind_of_zip(members: Collection[str]) -> str:
    if HEADER in members:
        return IMAGE
    names = {name.removesuffix(".npy") for name in members}
    if set(COLUMNS[:2]) <= names:
        return SPIKES
    return DUMP if "model" in names else FRAMES


def _kind_of_text(data: bytes, where: str) -> str | None:
    """Kind of a text; None for bytes, and for a text that says nothing known."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if text.lstrip().startswith("{"):
        try:
            return _kind_of_table(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{where}: not JSON: {error}") from None
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    first = next((line for line in lines if line), "")
    if first and (not first.strip("01") or [cell.strip() for cell in first.split(",")] in HEADERS):
        return SPIKES
    try:
        return _kind_of_table(tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        if where.endswith(".toml"):
            raise FormatError(f"{where}: not TOML: {error}") from None
        return None


def _kind_of_table(entry: Any) -> str | None:
    """Kind of what JSON or TOML hold."""
    if not isinstance(entry, Mapping) or not entry:
        return None
    if entry.get("format") == NETWORK_FORMAT:
        return NETWORK
    keys = set(entry)
    if {"Nodes", "Edges"} <= keys:
        return TENNLAB
    if {"min_threshold", "max_delay"} <= keys:
        return PARAMETERS
    return PROFILE if keys <= {"name", "description", *processor_tables().parameter} else None


def _kind_of_binary(data: bytes, suffix: str) -> str | None:
    records = data[::RECORD]
    if data and len(data) % RECORD == 0 and max(records) < _LABELS:
        return FRAMES
    if data[:2] == b"\0\0" and data[2:3] and data[2] in IDX_TYPES:
        return FRAMES
    if suffix == ".bin":
        # Events of N-MNIST have no mark at all.
        return EVENTS
    return ONNX if _is_onnx(data) else None


def _is_onnx(data: bytes) -> bool:
    """Whether bytes are a protocol buffer with the fields of an ONNX model: version (field 1), graph (7)."""
    place, found = 0, set()
    while place < len(data):
        tag, place = _varint(data, place)
        field, wire = tag >> 3, tag & 7
        if wire not in (0, 2) or not 1 <= field <= 30:
            return False
        value, place = _varint(data, place)
        place += value if wire == 2 else 0
        found.add((field, wire))
    # A cut file ends too early: it is still told by its graph, and its reader says what is wrong.
    return {(1, 0), (7, 2)} <= found


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Number of variable length at a place, and the place after it."""
    value = shift = 0
    while place < len(data):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            break
    return value, place
