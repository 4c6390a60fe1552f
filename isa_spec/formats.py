"""The tables of the image, the stream contract and the spike files, loaded and held against the code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np

from isa_spec import codec
from isa_spec.errors import SpecError
from isa_spec.image import ROLES, LayerRecord, ProcessorImage
from isa_spec.kinds import KINDS
from isa_spec.schema import Key, Schema, check_table, check_tables, load_toml, place
from isa_spec.spikes import SpikeEvents
from isa_spec.stream import StreamContract
from isa_spec.tables import FOLDER, Table, processor_tables

_TEXT, _NUMBER = Key("text"), Key("integer")
_TEXTS = Key("list", items=_TEXT)
_PHRASE = Key("phrase")
_REQUIRED = Key("boolean")
_DTYPE = Key("text", choices=("uint8", "int16", "int32", "int64"))
_NAMED = {"name": _TEXT, "meaning": _TEXT}

_IMAGE: Mapping[str, Schema] = {
    "container": {"member": _TEXT, "meaning": _TEXT},
    "rule": _NAMED,
    "role": _NAMED,
    "kind": _NAMED,
    "section": {
        "dtype": _DTYPE,
        "shape": _TEXTS,
        "unit": _TEXT,
        "required": _REQUIRED,
        "extensions": Key("list", required=False, items=_TEXT),
        "meaning": _TEXT,
    },
    "header": {
        "type": _TEXT,
        "field": Key("phrase", required=False),
        "required": _REQUIRED,
        "meaning": _TEXT,
    },
    "layer": {"type": _TEXT, "meaning": _TEXT},
}
_STREAM: Mapping[str, Schema] = {
    "field": {"unit": _TEXT, "minimum": _NUMBER, "meaning": _TEXT},
    "rule": {"expression": _PHRASE, "meaning": _TEXT},
}
_SPIKES: Mapping[str, Schema] = {
    "field": {
        "dtype": _DTYPE,
        "unit": _TEXT,
        "minimum": Key("integer", required=False),
        "default": Key("integer", required=False),
        "meaning": _TEXT,
    },
    "format": {"suffix": _TEXT, "holds": _TEXTS, "form": _TEXT, "rules": _TEXTS, "image_digest": _PHRASE},
    "rule": _NAMED,
}


@dataclass(frozen=True)
class FormatTables:
    """Content of ``image.toml``, ``stream.toml`` and ``spike_formats.toml``, each a dictionary of tables."""

    image: Mapping[str, Any]
    stream: Mapping[str, Any]
    spikes: Mapping[str, Any]


@cache
def format_tables() -> FormatTables:
    """The shipped tables, checked.

    Raises
    ------
    SpecError
        If a file contradicts itself or the code.
    """
    image, stream, spikes = (
        (load_toml(FOLDER / name), name) for name in ("image.toml", "stream.toml", "spike_formats.toml")
    )
    return FormatTables(check_image_table(*image), check_stream_table(*stream), check_spike_table(*spikes))


def check_image_table(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """``content`` again, if it is a table of the image that agrees with `ProcessorImage` and the codec.

    Raises
    ------
    SpecError
        At the first entry that is wrong or disagrees.
    """
    _check_all(content, {"format": _TEXT, "version": _NUMBER}, _IMAGE, where)
    _agree(
        [content["format"], content["version"]],
        [codec.FORMAT, codec.VERSION],
        f"{where}: format and version",
        "codec.py",
    )
    _agree([role["name"] for role in content["role"]], ROLES, f"{where}: role", "ROLES of image.py")
    _agree([kind["name"] for kind in content["kind"]], KINDS, f"{where}: kind", "KINDS of kinds.py")
    sections, headers = content["section"], content["header"]
    dtypes = {name: np.dtype(dtype).name for name, dtype in codec.SECTIONS.items()}
    found = {name: entry["dtype"] for name, entry in sections.items()}
    _agree(found.items(), dtypes.items(), f"{where}: section", "SECTIONS of codec.py")
    for name, entry in sections.items():
        if entry["required"] == ("extensions" in entry):
            raise SpecError(f"{place(where, f'section.{name}')}: either required, or with extensions; mend one")
    needed = {name: tuple(entry["extensions"]) for name, entry in sections.items() if not entry["required"]}
    _agree(needed.items(), codec.OPTIONAL.items(), f"{where}: section, required or not", "OPTIONAL of codec.py")
    stored = {*sections, *(entry.get("field", name) for name, entry in headers.items())} - {""}
    _agree(
        sorted(stored), sorted(_names(ProcessorImage)), f"{where}: section and header", "the fields of ProcessorImage"
    )
    _agree(content["layer"], _names(LayerRecord), f"{where}: layer", "the fields of LayerRecord")
    _agree(codec.EXTENSIONS, processor_tables().extension, "EXTENSIONS of codec.py", "processor.toml: extension")
    return content


def check_stream_table(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """``content`` again, if it is a table of the stream contract that agrees with `StreamContract`.

    Raises
    ------
    SpecError
        At the first entry that is wrong or disagrees.
    """
    _check_all(content, {}, _STREAM, where)
    _agree(content["field"], _names(StreamContract), f"{where}: field", "the fields of StreamContract")
    return content


def check_spike_table(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """``content`` again, if it is a table of the spike files that agrees with `SpikeEvents`.

    Raises
    ------
    SpecError
        At the first entry that is wrong or disagrees.
    """
    _check_all(content, {}, _SPIKES, where)
    _agree(content["field"], _names(SpikeEvents), f"{where}: field", "the fields of SpikeEvents")
    suffixes = [entry["suffix"] for entry in content["format"].values()]
    if len(set(suffixes)) != len(suffixes):
        raise SpecError(f"{where}: format: a suffix occurs twice in {', '.join(suffixes)}; change one")
    for name, entry in content["format"].items():
        for held in entry["holds"]:
            if held not in content["field"]:
                allowed = ", ".join(content["field"])
                raise SpecError(f"{place(where, f'format.{name}.holds')}: {held!r} does not exist, allowed: {allowed}")
    return content


def _check_all(content: Table, scalars: Schema, tables: Mapping[str, Schema], where: str) -> None:
    lists = ("container", "role", "kind") if "container" in tables else ()
    outer = dict(scalars)
    for name, schema in tables.items():
        outer[name] = Key("list" if name in lists or schema is _NAMED else "table")
    check_table(content, outer, where)
    for name, schema in tables.items():
        check_tables(content[name], schema, place(where, name))


def _names(record: type) -> list[str]:
    return [field.name for field in fields(record)]


def _agree(left: Iterable[object], right: Iterable[object], left_name: str, right_name: str) -> None:
    """Two lists, order included, are the same."""
    one, other = list(left), list(right)
    if one != other:
        wrong = [item for item in one if item not in other] + [item for item in other if item not in one]
        what = ", ".join(str(item) for item in wrong) or "their order"
        raise SpecError(f"{left_name} and {right_name} differ in {what}; mend one")
