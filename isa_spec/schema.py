"""A checker for tables of TOML: allowed and required keys, types, enumerations, ranges.

Every complaint is a `SpecError` that names the file and the dotted key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isa_spec.errors import SpecError

KINDS: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "phrase": (str,),  # text that may be empty
    "integer": (int,),
    "boolean": (bool,),
    "list": (list,),
    "table": (dict,),
    "text or integer": (str, int),
    "text or table": (str, dict),
    "integer, boolean or text": (int, bool, str),
}


@dataclass(frozen=True)
class Key:
    """What one key of a table may hold.

    Parameters
    ----------
    kind : str
        Key of `KINDS`.
    required : bool
    choices : tuple of str
        Allowed texts; empty allows every text.
    items : Key or None
        What each item of a list holds; None leaves the list to the caller.
    minimum, maximum : int or None
        Range of an integer, both ends included.
    """

    kind: str
    required: bool = True
    choices: tuple[str, ...] = ()
    items: Key | None = None
    minimum: int | None = None
    maximum: int | None = None


Schema = Mapping[str, Key]


def load_toml(path: Path) -> dict[str, Any]:
    """Content of a TOML file.

    Raises
    ------
    SpecError
        If the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{path.name}: is not TOML: {error}") from None


def place(where: str, key: object) -> str:
    """Place of ``key`` inside ``where``: ``file: a.b.c``."""
    return f"{where}.{key}" if ": " in where else f"{where}: {key}"


def check_table(table: object, schema: Schema, where: str) -> None:
    """Refuse a table that differs from its schema.

    Raises
    ------
    SpecError
        At the first unknown or missing key or wrong value.
    """
    if not isinstance(table, Mapping):
        raise SpecError(f"{where} = {table!r}, allowed: a table")
    for key in table:
        if key not in schema:
            raise SpecError(f"{place(where, key)} is an unknown key, allowed: {', '.join(schema)}")
    for key, rule in schema.items():
        if key in table:
            check_value(table[key], rule, place(where, key))
        elif rule.required:
            raise SpecError(f"{place(where, key)} is missing; add it")


def check_tables(tables: object, schema: Schema, where: str) -> None:
    """Refuse a table of tables, or a list of tables, if one of them differs from the schema.

    Raises
    ------
    SpecError
        At the first unknown or missing key or wrong value, or if there is no table at all.
    """
    if not isinstance(tables, Mapping | list) or not tables:
        raise SpecError(f"{where} = {tables!r}, allowed: tables, at least one")
    entries: Iterable[tuple[object, Any]] = tables.items() if isinstance(tables, Mapping) else enumerate(tables)
    for name, table in entries:
        check_table(table, schema, place(where, name))


def check_value(value: object, rule: Key, where: str) -> None:
    """Refuse a value that its rule does not allow; a boolean is not an integer.

    Raises
    ------
    SpecError
        With the place, the value and what is allowed.
    """
    types = KINDS[rule.kind]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise SpecError(f"{where} = {value!r}, allowed: {rule.kind}")
    if rule.choices and isinstance(value, str) and value not in rule.choices:
        raise SpecError(f"{where} = {value!r}, allowed: {', '.join(rule.choices)}")
    if isinstance(value, int) and not isinstance(value, bool):
        if rule.minimum is not None and value < rule.minimum:
            raise SpecError(f"{where} = {value}, allowed: {rule.minimum} and above")
        if rule.maximum is not None and value > rule.maximum:
            raise SpecError(f"{where} = {value}, allowed: {rule.maximum} and below")
    if isinstance(value, str) and not value.strip() and rule.kind != "phrase":
        raise SpecError(f"{where} is empty; write something")
    if isinstance(value, list) and rule.items is not None:
        for number, item in enumerate(value):
            check_value(item, rule.items, place(where, number))
