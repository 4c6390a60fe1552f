"""How a session prints: names, rasters, tables, JSON; to the letter as TENNLab's processor tool does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from neuroproc.tennlab.layout import compact


def indented(value: Any) -> str:
    """JSON over several lines, keys sorted."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def aliased(key: str, values: Sequence[Any], ids: Sequence[int]) -> str:
    """One line of JSON: values, and the ids of the nodes that they belong to."""
    return compact({key: values, "Neuron Alias": ids}) + "\n"


def times(cycles: Iterable[int]) -> str:
    """Times, each after a blank."""
    return "".join([f" {cycle}.0" for cycle in cycles])


def rasters(fires: Sequence[Sequence[int]]) -> list[str]:
    """A 0 or 1 for each cycle, up to the last in which any of them fires."""
    width = max((cycles[-1] + 1 for cycles in fires if cycles), default=0)
    blank = "0" * width
    found = []
    for cycles in fires:
        if cycles:
            marks = ["0"] * width
            for cycle in cycles:
                marks[cycle] = "1"
            found.append("".join(marks))
        else:
            found.append(blank)
    return found


def head_of_cycles(names: Sequence[str], width: int) -> str:
    """First line of a table of cycles: names of spikes and of charges."""
    columns = "".join(f" {name:>{width}}" for name in names)
    return f"Time{columns} |{columns}\n"


def line_of_cycle(cycle: int, fired: Iterable[bool], charges: Iterable[float], width: int) -> str:
    """One line of a table of cycles."""
    spikes = "".join(f" {'*' if one else '-':>{width}}" for one in fired)
    levels = "".join(f" {charge:>{width}g}" for charge in charges)
    return f"{cycle:4d}{spikes} |{levels}\n"
