"""Where the image and its figures come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isa_spec.image import ProcessorImage, graph_digest
from neuroproc.formats.runs import Run
from neuroproc.report.html import Content, Html, count_of, element, joined, name_of, section
from neuroproc.report.tables import Column, table
from neuroproc.report.words import decode_words, kind_words, setting
from neuroproc.version import VERSION

_APART = ("origin", "tennlab")
"""Options that are more than a setting: what an import was told and found, and TENNLab's network."""


def provenance(image: ProcessorImage, run: Run | None, command: str) -> Html:
    """Digests, options, the import and its labels, the run, the program."""
    facts: list[tuple[str, Content]] = [
        ("Image", element("code", graph_digest(image))),
        ("Source network", element("code", image.source_digest or "none: it was not compiled from a layered network")),
        ("Profile", joined(element("bdi", image.spec.name), " ", element("code", image.spec.digest))),
    ]
    if image.encoding is not None:
        facts.append(("Encoding", kind_words(image.encoding)))
    if image.decode is not None:
        facts.append(("Decoding", _decoding(image.decode)))
    facts += _options(image.options)
    tennlab = image.options.get("tennlab")
    if isinstance(tennlab, Mapping):
        facts.append(("TENNLab parameters", setting(tennlab.get("params"))))
    facts += _of_run(run)
    facts.append(("Report", f"neuroproc {VERSION}"))
    if command:
        facts.append(("Command", element("code", command)))
    listed = element("dl", *(joined(element("dt", word), element("dd", fact)) for word, fact in facts), class_="facts")
    return section("Provenance", "provenance", listed, _import(image.options.get("origin")))


def _options(options: Mapping[str, Any]) -> list[tuple[str, Content]]:
    """Options that say something, and the names of the others."""
    told = {key: value for key, value in sorted(options.items()) if key not in _APART}
    used = [f"{key} {_tile(value) if key == 'unroll' else setting(value)}" for key, value in told.items() if value]
    others = [key for key, value in told.items() if not value]
    facts: list[tuple[str, Content]] = []
    if used:
        facts.append(("Options", "; ".join(used)))
    if others:
        facts.append(("Options not used", ", ".join(others)))
    return facts


def _tile(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else setting(value)


def _decoding(decode: Mapping[str, Any]) -> str:
    """The decoding, with the sizes of a key in its place."""
    entry = dict(decode)
    key = entry.pop("key", None)
    if not key:
        return kind_words(entry)
    units = count_of(len(key[0]), "unit")
    return f"{kind_words(entry)} key: {decode_words(decode)}, spoken for by {units} together"


def _of_run(run: Run | None) -> list[tuple[str, Content]]:
    if run is None:
        return []
    named = (("Frames", run.frames_file), ("Labels", run.labels_file), ("Engine", run.engine))
    return [(f"Run: {word.lower()}", element("bdi", value)) for word, value in named if value]


def _import(origin: Any) -> Html | None:
    """What an import was told and found, and how faithful each layer is."""
    if not isinstance(origin, Mapping):
        return None
    assumptions = origin.get("assumptions")
    told = dict(assumptions) if isinstance(assumptions, Mapping) else {}
    notes = told.pop("notes", [])
    facts = [(key.replace("_", " "), origin[key]) for key in ("format", "source", "file_digest") if key in origin]
    facts += [(f"told: {key.replace('_', ' ')}", value) for key, value in sorted(told.items())]
    listed = element(
        "dl", *(joined(element("dt", word), element("dd", setting(fact))) for word, fact in facts), class_="facts"
    )
    concluded = [element("p", note) for note in notes if isinstance(note, str)] if isinstance(notes, list) else []
    return joined(element("h3", "Imported network"), listed, *concluded, _labels(origin.get("labels")))


def _labels(labels: Any) -> Html | None:
    if not isinstance(labels, list):
        return None
    rows = [row for row in labels if isinstance(row, list) and len(row) == 3 and all(isinstance(x, str) for x in row)]
    if all(fidelity == "exact" for _, fidelity, _ in rows):
        return element("p", f"All {len(rows)} layers of the file are exact.")
    columns = (Column("Layer of the file", "text"), Column("Fidelity", "text"), Column("Reason", "text"))
    cells = [(name_of(layer), fidelity, reason) for layer, fidelity, reason in rows]
    return table("How faithful the import is, layer by layer", columns, cells)
