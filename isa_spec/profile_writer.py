"""Writes a profile file: TOML with what differs from the base, as the shipped profiles are."""

from __future__ import annotations

import json

from isa_spec.spec import ProcessorSpec
from isa_spec.tables import processor_tables


def profile_text(spec: ProcessorSpec) -> str:
    """TOML text of a processor; `load_profile` reads it back equal."""
    entries: dict[str, object] = {"name": spec.name, "description": spec.description}
    for key, parameter in processor_tables().parameter.items():
        value = getattr(spec, key)
        value = parameter["none"] if value is None else value
        if value != parameter["default"]:
            entries[key] = value
    # Texts, integers and booleans are the same in JSON and TOML.
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in entries.items())
