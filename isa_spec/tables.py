"""The table of the processor (``processor.toml``), loaded and checked against itself and against `isa_spec.errors`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from isa_spec import errors
from isa_spec.errors import SpecError
from isa_spec.schema import Key, Schema, check_table, check_tables, load_toml, place

Table = Mapping[str, Any]

FOLDER = Path(__file__).parent
OVERFLOW_RULES = ("cannot-occur", "saturate", "wrap", "fault")
FIXED_BY = ("architecture", "build", "image", "run")
SIGNS = ("signed", "unsigned", "by-range")

_TEXT, _NUMBER = Key("text"), Key("integer")
_TEXTS = Key("list", items=_TEXT)

_SCHEMAS: Mapping[str, Schema] = {
    "phase": {"name": _TEXT, "rule": _TEXT, "reads": _TEXTS, "writes": _TEXTS, "note": _TEXT},
    "signal": {"meaning": _TEXT},
    "state": {
        "symbol": _TEXT,
        "per": _TEXT,
        "width": Key("text or integer", minimum=0),
        "sign": Key("text", choices=SIGNS),
        "reset": _NUMBER,
        "cleared_by": _TEXTS,
        "overflow": Key("text", choices=OVERFLOW_RULES),
        "meaning": _TEXT,
    },
    "parameter": {
        "type": Key("text", choices=("integer", "boolean", "choice")),
        "default": Key("integer, boolean or text"),
        "none": Key("text", required=False),
        "minimum": Key("integer", required=False),
        "maximum": Key("integer", required=False),
        "choices": Key("list", required=False, items=_TEXT),
        "optional": Key("boolean", required=False),
        "unit": _TEXT,
        "fixed_by": Key("text", choices=FIXED_BY),
        "meaning": _TEXT,
    },
    "field": {
        "record": Key("text", choices=("neuron", "synapse", "input")),
        "low": Key("text or integer"),
        "high": Key("text or integer"),
        "offset": _NUMBER,
        "sign": Key("text", choices=SIGNS),
        "needs": Key("list", required=False, items=_TEXT),
        "fixed_by": Key("text", choices=FIXED_BY),
        "meaning": _TEXT,
    },
    "extension": {"parameter": _TEXT, "value": Key("integer, boolean or text"), "rule": _TEXT, "why": _TEXT},
    "error": {"name": _TEXT, "exit_status": _NUMBER, "meaning": _TEXT},
}
_LISTS = ("phase", "error")


@dataclass(frozen=True)
class ProcessorTables:
    """The tables of ``processor.toml``, one field per table; the order of entries is that of the file.

    Parameters
    ----------
    phase, error : tuple of tables
    signal, state, parameter, field, extension : tables by name
    """

    phase: tuple[Table, ...]
    signal: Mapping[str, Table]
    state: Mapping[str, Table]
    parameter: Mapping[str, Table]
    field: Mapping[str, Table]
    extension: Mapping[str, Table]
    error: tuple[Table, ...]


@cache
def processor_tables() -> ProcessorTables:
    """The shipped tables, checked.

    Raises
    ------
    SpecError
        If the file contradicts itself or the code.
    """
    path = FOLDER / "processor.toml"
    return check_processor(load_toml(path), path.name)


def check_processor(content: Mapping[str, Any], where: str) -> ProcessorTables:
    """Tables from the content of a processor file.

    Parameters
    ----------
    content : dict
    where : str
        Name of the file, for messages.

    Raises
    ------
    SpecError
        At the first entry that is unknown, missing, mistyped, or names something that does not exist.
    """
    check_table(content, {name: Key("list" if name in _LISTS else "table") for name in _SCHEMAS}, where)
    for name, schema in _SCHEMAS.items():
        check_tables(content[name], schema, place(where, name))
    parts: dict[str, Any] = {name: tuple(content[name]) if name in _LISTS else content[name] for name in _SCHEMAS}
    tables = ProcessorTables(**parts)
    for name, entry in tables.parameter.items():
        _check_parameter(entry, place(where, f"parameter.{name}"))
    for name, entry in tables.field.items():
        for end in ("low", "high"):
            _check_bound(tables, entry[end], place(where, f"field.{name}.{end}"))
        for extension in entry.get("needs", ()):
            _check_known(extension, tables.extension, place(where, f"field.{name}.needs"))
    for name, entry in tables.state.items():
        if isinstance(entry["width"], str):
            _check_known(entry["width"], [*tables.parameter, *tables.field], place(where, f"state.{name}.width"))
    for name, entry in tables.extension.items():
        here = place(where, f"extension.{name}")
        _check_known(entry["parameter"], tables.parameter, place(here, "parameter"))
        parameter = tables.parameter[entry["parameter"]]
        check_setting(parameter, entry["value"], place(here, "value"))
        if entry["value"] == parameter["default"]:
            raise SpecError(f"{place(here, 'value')} = {entry['value']!r} is the default; the base needs no extension")
    _check_phases(tables, place(where, "phase"))
    _check_errors(tables, place(where, "error"))
    return tables


def check_setting(parameter: Table, value: object, where: str) -> None:
    """Refuse a value that a parameter cannot have; the word of its ``none`` (or None) is allowed where there is one.

    Raises
    ------
    SpecError
        With the place, the value and what is allowed.
    """
    none = parameter.get("none")
    if none is not None and (value is None or value == none):
        return
    allowed = parameter["type"]
    if allowed == "choice":
        good = isinstance(value, str) and value in parameter["choices"]
        allowed = ", ".join(parameter["choices"])
    elif allowed == "boolean":
        good = isinstance(value, bool)
    else:
        low, high = parameter["minimum"], parameter["maximum"]
        good = type(value) is int and low <= value <= high
        allowed = f"integer {low}..{high}" + (f", or '{none}'" if none else "")
    if not good:
        raise SpecError(f"{where} = {value!r}, allowed: {allowed}")


def _check_parameter(entry: Table, where: str) -> None:
    """A parameter has the keys of its type, and its default is one of its values."""
    wanted = {"integer": {"minimum", "maximum"}, "choice": {"choices"}, "boolean": set[str]()}[entry["type"]]
    for key in ("minimum", "maximum", "choices", "none"):
        if key in wanted and key not in entry:
            raise SpecError(f"{place(where, key)} is missing; type {entry['type']} needs it")
        if key in entry and key not in wanted and not (key == "none" and entry["type"] == "integer"):
            raise SpecError(f"{place(where, key)} does not belong to type {entry['type']}; remove it")
    if entry["type"] == "integer" and entry["minimum"] > entry["maximum"]:
        raise SpecError(f"{place(where, 'minimum')} = {entry['minimum']}, allowed: at most maximum {entry['maximum']}")
    check_setting(entry, entry["default"], place(where, "default"))


def _check_bound(tables: ProcessorTables, bound: str | int, where: str) -> None:
    """A bound of a field is a number or an integer parameter."""
    if isinstance(bound, str):
        _check_known(bound, [name for name, entry in tables.parameter.items() if entry["type"] == "integer"], where)


def _check_known(name: str, known: Iterable[str], where: str) -> None:
    names = list(known)
    if name not in names:
        raise SpecError(f"{where} = {name!r} does not exist, allowed: {', '.join(names)}")


def _check_phases(tables: ProcessorTables, where: str) -> None:
    """A phase reads only what exists by then, and every signal and state element is written by some phase."""
    names = [phase["name"] for phase in tables.phase]
    if len(set(names)) != len(names):
        raise SpecError(f"{where}: a name occurs twice in {', '.join(names)}; rename one")
    readable = {*tables.state, *tables.field, *tables.parameter}
    for number, phase in enumerate(tables.phase):
        here = place(where, number)
        for name in phase["reads"]:
            _check_known(name, sorted(readable), place(here, "reads"))
        for name in phase["writes"]:
            _check_known(name, [*tables.state, *tables.signal], place(here, "writes"))
        readable |= set(phase["writes"])
    for name in tables.signal:
        if name not in readable:
            raise SpecError(f"{where}: no phase writes the signal '{name}'; remove it or write it")


def _check_errors(tables: ProcessorTables, where: str) -> None:
    """The list of errors is exactly that of the code."""
    code = {
        name: thing.exit_status
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, errors.NeuroprocError) and thing is not errors.NeuroprocError
    }
    found = {entry["name"]: entry["exit_status"] for entry in tables.error}
    if len(found) != len(tables.error) or found != code:
        wrong = sorted(set(found.items()) ^ set(code.items()))
        raise SpecError(f"{where} and isa_spec/errors.py disagree (or repeat): {wrong}; mend one")
