"""The specification as Markdown, generated from the tables, the profiles and the vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from isa_spec.formats import FormatTables, format_tables
from isa_spec.spec import ProcessorSpec, field_range, field_width, load_profile, profile_names, state_width
from isa_spec.tables import ProcessorTables, Table, processor_tables
from isa_spec.vectors import Vector, load_vectors

COMMAND = "python -m isa_spec > docs/isa.md"


def describe() -> str:
    """Markdown of the whole specification; the content of ``docs/isa.md``.

    Raises
    ------
    SpecError
        If a table contradicts itself or the code.
    """
    tables, formats = processor_tables(), format_tables()
    specs = [load_profile(name) for name in profile_names()]
    parts = [
        "# The processor and its files",
        f"This page is printed from the tables in `isa_spec/` by `{COMMAND}`. Change the tables, never this page.",
        "A discrete threshold neuroprocessor: integer potentials, thresholds, weights and delays; a clock of cycles; "
        "each cycle is one evaluation of all neurons at once. `run(N)` runs N cycles of a clock that goes on "
        "from run to run; `reset` clears all state.",
        *_cycle(tables),
        *_state(tables),
        *_parameters(tables),
        *_fields(tables),
        *_profiles(tables, specs),
        *_extensions(tables),
        *_image(formats),
        *_stream(formats),
        *_spikes(formats),
        *_errors(tables),
        *_vectors(load_vectors()),
    ]
    return "\n\n".join(parts) + "\n"


def _cycle(tables: ProcessorTables) -> list[str]:
    phases = [
        f"{number}. **{entry['name']}**: {entry['rule']}\n\n   {entry['note']}\n\n"
        f"   Reads {_codes(entry['reads'])}; writes {_codes(entry['writes'])}."
        for number, entry in enumerate(tables.phase, 1)
    ]
    signals = [(f"`{name}`", entry["meaning"]) for name, entry in tables.signal.items()]
    return [
        "## A cycle",
        "One cycle t is these phases, in this order, each for all neurons at once.",
        *phases,
        "Signals live inside one cycle:",
        _table(("signal", "meaning"), signals),
    ]


def _state(tables: ProcessorTables) -> list[str]:
    columns = ("per", "width", "sign", "reset", "overflow")
    meanings = [
        f"- `{name}`: {entry['meaning']} Cleared by {'; '.join(entry['cleared_by'])}."
        for name, entry in tables.state.items()
    ]
    return [
        "## State",
        "Everything that lives from one cycle to the next. The width is a number of bits, or the parameter or field "
        "that gives it.",
        _entries("state", tables.state, columns, width=_code_or_number),
        "\n".join(meanings),
    ]


def _parameters(tables: ProcessorTables) -> list[str]:
    def values(entry: Table) -> str:
        if entry["type"] == "choice":
            return ", ".join(entry["choices"])
        if entry["type"] == "boolean":
            return "no, yes"
        return f"{_value(entry['minimum'])} .. {_value(entry['maximum'])}" + (
            f", {entry['none']}" if "none" in entry else ""
        )

    rows = [
        (f"`{name}`", values(entry), _value(entry["default"]), entry["unit"], entry["fixed_by"], entry["meaning"])
        for name, entry in tables.parameter.items()
    ]
    return [
        "## Parameters",
        "The limits that a profile sets, and the only source of a limit. The defaults are the base: the unlimited "
        "research processor. A profile file has `name`, `description`, and what differs from the base.",
        _table(("parameter", "values", "default", "unit", "fixed by", "meaning"), rows),
    ]


def _fields(tables: ProcessorTables) -> list[str]:
    def bounds(entry: Table) -> str:
        low, high = (f"`{end}`" if isinstance(end, str) else str(end) for end in (entry["low"], entry["high"]))
        return f"{low} .. {high}" + (f" - {-entry['offset']}" if entry["offset"] < 0 else "")

    rows = [
        (
            f"`{name}`",
            entry["record"],
            bounds(entry),
            entry["sign"],
            _codes(entry.get("needs", ())),
            entry["fixed_by"],
            entry["meaning"],
        )
        for name, entry in tables.field.items()
    ]
    return [
        "## Fields",
        "What the records of neurons, synapses and input hold. Signed by range means: two's complement if the range "
        "has negative values, else as it is. A field that needs an extension has its lowest value, and no bits, where "
        "none of those it names is there.",
        _table(("field", "record", "range", "signed", "needs", "fixed by", "meaning"), rows),
    ]


def _profiles(tables: ProcessorTables, specs: Sequence[ProcessorSpec]) -> list[str]:
    def value(spec: ProcessorSpec, name: str) -> str:
        found = getattr(spec, name)
        return str(tables.parameter[name]["none"]) if found is None else _value(found)

    def bits(spec: ProcessorSpec, name: str) -> str:
        width = field_width(spec, name)
        if width is None:
            return "unlimited"
        return f"0 (always {field_range(spec, name)[0]})" if width == 0 else str(width)

    names = [f"`{spec.name}`" for spec in specs]
    limits = [(f"`{name}`", *(value(spec, name) for spec in specs)) for name in tables.parameter]
    needs = ("extensions", *(", ".join(spec.extensions) or "none" for spec in specs))
    widths = [(f"`{name}`", *(bits(spec, name) for spec in specs)) for name in tables.field]
    potential = ("`potential`", *(str(state_width(spec, "potential")) for spec in specs))
    return [
        "## Profiles",
        _table(("profile", "description"), zip(names, (spec.description for spec in specs), strict=True)),
        "Limits:",
        _table(("", *names), [*limits, needs]),
        "Widths in bits, derived from the limits. A field with one possible value takes no bits.",
        _table(("", *names), [*widths, potential]),
    ]


def _extensions(tables: ProcessorTables) -> list[str]:
    rows = [
        (f"`{name}`", f"`{entry['parameter']}` = {_value(entry['value'])}", entry["rule"], entry["why"])
        for name, entry in tables.extension.items()
    ]
    return [
        "## Extensions",
        "What a profile may need beyond the base. An image names those it needs, and a reader without them refuses it.",
        _table(("extension", "when", "rule", "why"), rows),
    ]


def _image(formats: FormatTables) -> list[str]:
    image = formats.image
    roles, kinds = (
        [(code, f"`{entry['name']}`", entry["meaning"]) for code, entry in enumerate(image[name])]
        for name in ("role", "kind")
    )
    return [
        "## The image",
        f"Format `{image['format']}`, version {image['version']}: all that crosses from the compiler to the emulator.",
        _entries("member", {entry["member"]: entry for entry in image["container"]}, ("meaning",)),
        "Rules:",
        _rules(image["rule"]),
        "Sections:",
        _entries(
            "section",
            image["section"],
            ("dtype", "shape", "unit", "required", "extensions", "meaning"),
            shape=lambda shape: f"`[{', '.join(shape)}]`",
            extensions=" or ".join,
        ),
        "Header:",
        _entries("key", image["header"], ("type", "required", "meaning")),
        "Each entry of `layers`:",
        _entries("key", image["layer"], ("type", "meaning")),
        "Roles of neurons:",
        _table(("code", "role", "meaning"), roles),
        "Kinds of synapses:",
        _table(("code", "kind", "meaning"), kinds),
    ]


def _stream(formats: FormatTables) -> list[str]:
    rows = [
        (f"`{name}`", f"`{entry['expression']}`" if entry["expression"] else "", entry["meaning"])
        for name, entry in formats.stream["rule"].items()
    ]
    return [
        "## The stream contract",
        "Where in space and when in time each value of a feature map is a spike, or the silence that stands for 0.",
        _entries("field", formats.stream["field"], ("unit", "minimum", "meaning")),
        "Rules, with `//` rounding down and `%` the remainder:",
        _table(("rule", "expression", "meaning"), rows),
    ]


def _spikes(formats: FormatTables) -> list[str]:
    spikes = formats.spikes
    return [
        "## Spike events and files",
        _entries("field", spikes["field"], ("dtype", "unit", "minimum", "default", "meaning")),
        "Files:",
        _entries(
            "format",
            spikes["format"],
            ("suffix", "holds", "form", "rules", "image_digest"),
            holds=_codes,
            rules=" ".join,
            suffix=_code_or_number,
        ),
        "Rules:",
        _rules(spikes["rule"]),
    ]


def _errors(tables: ProcessorTables) -> list[str]:
    rows = [(f"`{entry['name']}`", entry["exit_status"], entry["meaning"]) for entry in tables.error]
    return [
        "## Errors",
        "All that a user can cause, with the exit status of the command line.",
        _table(("error", "exit status", "meaning"), rows),
    ]


def _vectors(vectors: Sequence[Vector]) -> list[str]:
    def row(vector: Vector) -> tuple[str, str, str]:
        return f"`{vector.name}`", vector.corner, f"{vector.error} ({vector.refused_by})" if vector.error else "runs"

    refused = sum(vector.error is not None for vector in vectors)
    parts = [
        "## Conformance vectors",
        f"{len(vectors) - refused} networks with their exact raster and potentials, and {refused} that must be "
        "refused. Every engine runs them all; they are in `isa_spec/vectors/`.",
    ]
    for group in dict.fromkeys(vector.group for vector in vectors):
        rows = [row(vector) for vector in vectors if vector.group == group]
        parts += [f"### {group.replace('_', ' ').capitalize()}", _table(("vector", "corner", "outcome"), rows)]
    return parts


def _entries(title: str, entries: Mapping[str, Table], columns: Sequence[str], **show: Callable[[Any], str]) -> str:
    """Table of named entries, one column per key; ``show`` says how a key is printed."""
    rows = [
        (f"`{name}`", *(show.get(column, _value)(entry[column]) if column in entry else "" for column in columns))
        for name, entry in entries.items()
    ]
    return _table((title, *(column.replace("_", " ") for column in columns)), rows)


def _rules(rules: Iterable[Table]) -> str:
    return "\n".join(f"- *{rule['name']}*: {rule['meaning']}" for rule in rules)


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _value(value: object) -> str:
    """A value as it is read best: yes and no, and powers of two where digits say nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int) or abs(value) < 1 << 20:
        return str(value)
    sign = "-" if value < 0 else ""
    for offset in (0, 1):
        power = abs(value) + offset
        if power & (power - 1) == 0:
            return f"{sign}2^{power.bit_length() - 1}" + (" - 1" if offset else "")
    return str(value)


def _code_or_number(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else str(value)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
