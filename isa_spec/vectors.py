"""Conformance vectors: small networks with their exact answer, or with the error that refuses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.building import build_image
from isa_spec.errors import SpecError
from isa_spec.image import Port, ProcessorImage
from isa_spec.kinds import CHARGE, KINDS
from isa_spec.schema import Key, check_table, load_toml, place
from isa_spec.spec import ProcessorSpec, load_profile, spec_from_profile
from isa_spec.tables import FOLDER, processor_tables

VECTORS = FOLDER / "vectors"
REFUSED_BY = ("profile", "image", "emulator")
"""Who refuses: the making of the processor, the making of the image, or the emulator that is given input."""

_INTEGERS = Key("list", items=Key("integer"))
_ROWS = Key("list", items=_INTEGERS)
_TEXT = Key("text")
_COMMON = {
    "name": _TEXT,
    "corner": _TEXT,
    "processor": Key("text or table"),
    "neurons": _INTEGERS,
    "synapses": _ROWS,
    "leaks": Key("list", required=False, items=Key("integer")),
    "once": Key("list", required=False, items=Key("integer")),
    "groups": Key("list", required=False, items=Key("integer")),
    "kind": Key("list", required=False, items=_TEXT),
    "inputs": _INTEGERS,
    "events": _ROWS,
    "runs": Key("list"),
}
_ANSWER = {
    "raster": Key("list", items=_TEXT),
    "potentials": _ROWS,
    "spikes": Key("integer", minimum=0),
    "synaptic_operations": Key("integer", minimum=0),
}
_REFUSAL = {"refused_by": Key("text", choices=REFUSED_BY), "error": _TEXT, "says": _TEXT}


@dataclass(frozen=True, eq=False)
class Vector:
    """One conformance case. It has an answer (`raster` and what follows) or an error, never both.

    Parameters
    ----------
    name, corner, group : str
        Unique name, the one sentence it pins, and the file it is from.
    processor : str or dict
        Name of a profile, or what differs from the base.
    threshold : int64[n_neurons], potential units
    synapses : int64[n_synapses, 4]
        Rows of source, target, weight, delay.
    leaks, once, groups : int64[n_neurons]
        As `leaks`, `once` and `group` in `ProcessorImage`; left out where nobody leaks, fires once, or is a member.
    kind : int64[n_synapses]
        Index into `KINDS`, whose names the file has; left out where all charge.
    inputs : int64[n_inputs]
        Neuron of each input port.
    events : int64[n_events, 3]
        Rows of cycle, port, value; given before the first run. Cycles count from the last reset.
    runs : tuple
        What follows: an int is a run of that many cycles, ``"reset"`` is a reset, an int64[n, 3] is more events.
    raster : uint8[n_neurons, n_cycles] or None
        Spikes in all cycles run, resets do not interrupt the count.
    potentials : int64[n_neurons, n_cycles] or None, potential units
        At the end of each cycle.
    spikes, synaptic_operations : int or None
        Sums over all cycles run. A synaptic operation is counted in the cycle in which its spike is sent.
    refused_by : str or None
        One of `REFUSED_BY`.
    error, says : str or None
        Class of the error, and a word that its message contains.
    """

    name: str
    corner: str
    group: str
    processor: str | Mapping[str, Any]
    threshold: np.ndarray
    synapses: np.ndarray
    leaks: np.ndarray
    once: np.ndarray
    groups: np.ndarray
    kind: np.ndarray
    inputs: np.ndarray
    events: np.ndarray
    runs: tuple[int | str | np.ndarray, ...]
    raster: np.ndarray | None = None
    potentials: np.ndarray | None = None
    spikes: int | None = None
    synaptic_operations: int | None = None
    refused_by: str | None = None
    error: str | None = None
    says: str | None = None

    @property
    def n_cycles(self) -> int:
        """Cycles of all runs together."""
        return sum(step for step in self.runs if isinstance(step, int))

    def __str__(self) -> str:
        return self.name


@cache
def load_vectors() -> tuple[Vector, ...]:
    """All shipped vectors, checked, in the order of file names and of each file.

    Raises
    ------
    SpecError
        If a file is wrong, or a name or corner occurs twice.
    """
    vectors = tuple(vector for path in sorted(VECTORS.glob("*.toml")) for vector in read_vectors(path))
    for key in ("name", "corner"):
        seen: dict[str, str] = {}
        for vector in vectors:
            text = getattr(vector, key)
            if text in seen:
                raise SpecError(f"{vector.group}.toml: {key} '{text}' occurs in {seen[text]}.toml too; change one")
            seen[text] = vector.group
    return vectors


def read_vectors(path: Path) -> tuple[Vector, ...]:
    """Vectors of one file.

    Raises
    ------
    SpecError
        If an entry is unknown, missing, mistyped, or contradicts another.
    """
    return parse_vectors(load_toml(path), path.name)


def parse_vectors(content: Mapping[str, Any], where: str) -> tuple[Vector, ...]:
    """Vectors from the content of a file.

    Parameters
    ----------
    content : dict
    where : str
        Name of the file, for messages.

    Raises
    ------
    SpecError
        If an entry is unknown, missing, mistyped, or contradicts another.
    """
    check_table(content, {"vector": Key("list")}, where)
    vectors = []
    for number, entry in enumerate(content["vector"]):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        here = place(where, f"vector.{name if isinstance(name, str) else number}")
        refused = isinstance(entry, Mapping) and "error" in entry
        check_table(entry, {**_COMMON, **(_REFUSAL if refused else _ANSWER)}, here)
        vectors.append(_refusal(entry, where, here) if refused else _answer(entry, where, here))
    return tuple(vectors)


def vector_spec(vector: Vector) -> ProcessorSpec:
    """Processor of a vector.

    Raises
    ------
    SpecError
        If there is no such profile or it contradicts itself (some vectors want that).
    """
    if isinstance(vector.processor, str):
        return load_profile(vector.processor)
    entry = {"name": vector.name, "description": vector.corner, **vector.processor}
    return spec_from_profile(entry, f"{vector.group}.toml: vector.{vector.name}.processor")


def vector_image(vector: Vector) -> ProcessorImage:
    """Image of a vector: neuron n is the output port ``n{n}``, and the k-th input is the port ``i{k}``.

    Raises
    ------
    SpecError, FormatError, ResourceError
        If the vector is one that must be refused.
    """
    source, target, weight, delay = vector.synapses.T
    return build_image(
        vector_spec(vector),
        vector.threshold,
        source,
        target,
        weight,
        delay,
        inputs=[Port(f"i{number}", int(neuron)) for number, neuron in enumerate(vector.inputs)],
        outputs=[Port(f"n{neuron}", neuron) for neuron in range(len(vector.threshold))],
        leaks=vector.leaks,
        once=vector.once,
        group=vector.groups,
        kind=vector.kind,
    )


def _network(entry: Mapping[str, Any], where: str, here: str) -> dict[str, Any]:
    """The fields that every vector has."""
    n_neurons, n_synapses = len(entry["neurons"]), len(entry["synapses"])
    kinds = entry.get("kind", [KINDS[CHARGE]] * n_synapses)
    for kind in kinds:
        if kind not in KINDS:
            raise SpecError(f"{place(here, 'kind')}: {kind!r}, allowed: {', '.join(KINDS)}")
    return {
        "name": entry["name"],
        "corner": entry["corner"],
        "group": where.removesuffix(".toml"),
        "processor": entry["processor"],
        "threshold": np.array(entry["neurons"], np.int64),
        "synapses": _rows(entry["synapses"], 4, place(here, "synapses")),
        "leaks": np.array(entry.get("leaks", [0] * n_neurons), np.int64),
        "once": np.array(entry.get("once", [0] * n_neurons), np.int64),
        "groups": np.array(entry.get("groups", [-1] * n_neurons), np.int64),
        "kind": np.array([KINDS.index(kind) for kind in kinds], np.int64),
        "inputs": np.array(entry["inputs"], np.int64),
        "events": _rows(entry["events"], 3, place(here, "events")),
        "runs": tuple(_step(step, place(here, f"runs.{number}")) for number, step in enumerate(entry["runs"])),
    }


def _answer(entry: Mapping[str, Any], where: str, here: str) -> Vector:
    network = _network(entry, where, here)
    shape = (len(entry["neurons"]), sum(step for step in entry["runs"] if isinstance(step, int)))
    for key in ("raster", "potentials"):
        if len(entry[key]) != shape[0] or any(len(row) != shape[1] for row in entry[key]):
            raise SpecError(f"{place(here, key)} has another shape, allowed: {shape[0]} neurons of {shape[1]} cycles")
    if set("".join(entry["raster"])) - {"0", "1"}:
        raise SpecError(f"{place(here, 'raster')} has other characters, allowed: 0 and 1")
    raster = np.array([[int(digit) for digit in row] for row in entry["raster"]], np.uint8).reshape(shape)
    fan_out = np.bincount(network["synapses"][:, 0], minlength=shape[0])
    counts = {"spikes": int(raster.sum()), "synaptic_operations": int(raster.sum(axis=1) @ fan_out)}
    for key, count in counts.items():
        if entry[key] != count:
            raise SpecError(f"{place(here, key)} = {entry[key]}, allowed: {count}, which is what the raster says")
    potentials = np.array(entry["potentials"], np.int64).reshape(shape)
    network |= {"raster": raster, "potentials": potentials, **counts}
    return Vector(**network)


def _refusal(entry: Mapping[str, Any], where: str, here: str) -> Vector:
    errors = [error["name"] for error in processor_tables().error]
    if entry["error"] not in errors:
        raise SpecError(f"{place(here, 'error')} = {entry['error']!r}, allowed: {', '.join(errors)}")
    return Vector(**_network(entry, where, here) | {key: entry[key] for key in _REFUSAL})


def _rows(rows: list[list[int]], width: int, where: str) -> np.ndarray:
    if any(len(row) != width for row in rows):
        raise SpecError(f"{where} has a row of another length, allowed: rows of {width}")
    return np.array(rows, np.int64).reshape(-1, width)


def _step(step: object, where: str) -> int | str | np.ndarray:
    if type(step) is int or (isinstance(step, str) and step == "reset"):
        return step
    if isinstance(step, list) and all(isinstance(row, list) and all(type(cell) is int for cell in row) for row in step):
        return _rows(step, 3, where)
    raise SpecError(f"{where} = {step!r}, allowed: a number of cycles, 'reset', or rows of cycle, port, value")
