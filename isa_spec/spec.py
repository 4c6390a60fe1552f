"""`ProcessorSpec`: the limits of one processor, the only source of a limit; and the profiles shipped with it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from isa_spec.errors import SpecError
from isa_spec.schema import Key, check_table, load_toml, place
from isa_spec.tables import FOLDER, ProcessorTables, check_setting, processor_tables

PROFILES = FOLDER / "profiles"
_LABELS = ("name", "description")
_BESIDE_DELAYED_FIRE = {"reset": "zero", "one_shot": False, "slope_synapses": False, "pooling_groups": False}
"""Values that parameters have where spikes are seen a cycle later."""


@dataclass(frozen=True)
class ProcessorSpec:
    """The limits of one processor.

    A contradictory or mistyped one cannot be made: the constructor raises SpecError. What each field means, its range
    and who fixes it is said in the `parameter` tables of ``processor.toml``.

    Parameters
    ----------
    name, description : str
    weight_min, weight_max : int, potential units
    threshold_min, threshold_max : int, potential units
    input_min, input_max : int, potential units
        Charge of one input port in one cycle, the sum of what was given for it.
    max_delay : int or None, cycles
        None is unlimited.
    potential_floor : int or None, potential units
        Lowest resting potential; None is no floor.
    potential_bits : int, bits
        Two's complement width of the adder; sums are proven to fit, nothing wraps.
    parallel_synapses : bool
        Whether several synapses may join one ordered pair of neurons.
    max_neurons, max_synapses : int or None
        None is unlimited.
    evaluation : str
        ``every-cycle`` or ``on-delivery``.
    max_fan_in, max_fan_out : int or None
        Most synapses onto one neuron, and from one; None is unlimited.
    leak : str
        ``none``, or ``all``: potentials do not outlive their cycle; or ``per-neuron``: those of some neurons do not.
    reset : str
        ``zero``, or ``subtract``: a neuron that fired keeps what it had above its threshold.
    one_shot : bool
        Whether neurons may be spent by a spike.
    clear_synapses, slope_synapses : bool
        Whether synapses may clear their target, or change its slope.
    pooling_groups : bool
        Whether neurons may form groups.
    delayed_fire : bool
        Whether spikes are seen, and reset their neuron, a cycle later.

    Source: isa_spec/processor.toml, `parameter`.
    """

    name: str
    description: str
    weight_min: int
    weight_max: int
    threshold_min: int
    threshold_max: int
    input_min: int
    input_max: int
    max_delay: int | None
    potential_floor: int | None
    potential_bits: int
    parallel_synapses: bool
    max_neurons: int | None
    max_synapses: int | None
    evaluation: str
    max_fan_in: int | None = None
    max_fan_out: int | None = None
    leak: str = "none"
    reset: str = "zero"
    one_shot: bool = False
    clear_synapses: bool = False
    slope_synapses: bool = False
    pooling_groups: bool = False
    delayed_fire: bool = False

    def __post_init__(self) -> None:
        check_parameters(self.to_dict(), f"profile '{self.name}'")

    @property
    def digest(self) -> str:
        """SHA-256 of `to_dict` without the description: ``sha256:...``."""
        entry = self.to_dict()
        del entry["description"]
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @property
    def extensions(self) -> tuple[str, ...]:
        """Names of the extensions that this processor needs."""
        tables = processor_tables().extension
        return tuple(name for name, entry in tables.items() if getattr(self, entry["parameter"]) == entry["value"])

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary, for a header; None stands for no limit. An optional parameter is there if it is set."""
        default = _optional_defaults()
        return {key: value for key, value in asdict(self).items() if key not in default or value != default[key]}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any], where: str) -> ProcessorSpec:
        """Processor from what `to_dict` gave.

        Parameters
        ----------
        entry : dict
        where : str
            Place of the entry, for messages.

        Raises
        ------
        SpecError
            If a field is unknown, missing, mistyped or contradicts another.
        """
        if not isinstance(entry, Mapping):
            raise SpecError(f"{where}: a processor is a table of its fields, found {type(entry).__name__}")
        names = [field.name for field in fields(cls)]
        for key in entry:
            if key not in names:
                raise SpecError(f"{place(where, key)} is an unknown key, allowed: {', '.join(names)}")
        for key in names:
            if key not in entry and key not in _optional_defaults():
                raise SpecError(f"{place(where, key)} is missing; add it")
        check_parameters(entry, where)
        return cls(**(_optional_defaults() | dict(entry)))


def check_parameters(entry: Mapping[str, Any], where: str) -> None:
    """Refuse parameters of a wrong type, out of their range, or in contradiction.

    Parameters
    ----------
    entry : dict
        All fields of a `ProcessorSpec`; optional ones may be missing.
    where : str
        Place of the entry, for messages.

    Raises
    ------
    SpecError
        With the place, the value and what is allowed.
    """
    entry = _optional_defaults() | dict(entry)
    for key in _LABELS:
        if not isinstance(entry[key], str) or (key == "name" and not entry[key].strip()):
            raise SpecError(f"{place(where, key)} = {entry[key]!r}, allowed: text")
    for key, parameter in _checked_tables().parameter.items():
        check_setting(parameter, entry[key], place(where, key))
        if isinstance(entry[key], str) and parameter["type"] == "integer":
            raise SpecError(f"{place(where, key)} = {entry[key]!r}, allowed: integer or None")
    for kind in ("weight", "threshold", "input"):
        low, high = entry[f"{kind}_min"], entry[f"{kind}_max"]
        if low > high:
            raise SpecError(f"{place(where, f'{kind}_min')} = {low}, allowed: at most {kind}_max = {high}")
    if entry["threshold_min"] < 1 and entry["evaluation"] != "on-delivery":
        raise SpecError(
            f"{place(where, 'threshold_min')} = {entry['threshold_min']}, allowed: 1 and above with evaluation "
            f"{entry['evaluation']}; a neuron with a threshold below 1 needs on-delivery"
        )
    if entry["threshold_min"] < 1 and entry["reset"] != "zero":
        raise SpecError(
            f"{place(where, 'threshold_min')} = {entry['threshold_min']}, allowed: 1 and above with reset "
            f"{entry['reset']}; a neuron with a threshold below 1 needs reset zero"
        )
    floor, bits = entry["potential_floor"], entry["potential_bits"]
    widest = processor_tables().parameter["potential_bits"]["maximum"]
    if floor is None and entry["leak"] != "all" and bits != widest:
        raise SpecError(
            f"{place(where, 'potential_bits')} = {bits}, allowed: {widest} without a potential_floor, "
            "for nothing bounds the potential from below; set a floor, or let all potentials leak"
        )
    if floor is None and entry["leak"] != "all" and entry["slope_synapses"]:
        raise SpecError(
            f"{place(where, 'slope_synapses')} = True, allowed: False without a potential_floor, for nothing bounds "
            "from below what a slope adds up to; set a floor, or let all potentials leak"
        )
    for key, usual in _BESIDE_DELAYED_FIRE.items():
        if entry["delayed_fire"] and entry[key] != usual:
            raise SpecError(
                f"{place(where, 'delayed_fire')} = True, allowed: False with {key} = {entry[key]}, for what a spike "
                f"leaves or stops would come too late; set {key} = {usual}, or delayed_fire = False"
            )
    lowest, highest = floor or 0, max(entry["threshold_max"] - 1, 0)
    room = 1 << (bits - 1)
    if lowest < -room or highest >= room:
        raise SpecError(
            f"{place(where, 'potential_bits')} = {bits} holds {-room}..{room - 1}, needed: the resting potentials "
            f"{lowest}..{highest} (potential_floor .. threshold_max - 1); widen it"
        )


@cache
def _optional_defaults() -> dict[str, Any]:
    """Parameters that are left out while they have their default, and that default."""
    optional = {name: entry for name, entry in processor_tables().parameter.items() if entry.get("optional", False)}
    return {
        name: None if entry["default"] == entry.get("none") else entry["default"] for name, entry in optional.items()
    }


@cache
def _checked_tables() -> ProcessorTables:
    """The processor tables, once it is certain that their parameters are the fields of `ProcessorSpec`, in order."""
    tables = processor_tables()
    check_fields(tables)
    return tables


def check_fields(tables: ProcessorTables) -> None:
    """Hold the parameters of the tables against the fields of `ProcessorSpec`.

    Raises
    ------
    SpecError
        If names, order or types differ.
    """
    code = [field for field in fields(ProcessorSpec) if field.name not in _LABELS]
    if [field.name for field in code] != list(tables.parameter):
        wrong = sorted({field.name for field in code} ^ set(tables.parameter)) or ["their order"]
        raise SpecError(
            f"processor.toml: parameter and the fields of ProcessorSpec differ in {', '.join(wrong)}; mend one"
        )
    types = {"integer": "int", "boolean": "bool", "choice": "str"}
    for field in code:
        entry = tables.parameter[field.name]
        wanted = types[entry["type"]] + (" | None" if "none" in entry else "")
        if field.type != wanted:
            raise SpecError(
                f"processor.toml: parameter.{field.name}.type = {entry['type']!r} means {wanted}, "
                f"ProcessorSpec has {field.type}; mend one"
            )


def profile_names() -> tuple[str, ...]:
    """Names of the shipped profiles, in the order of their families and sizes."""
    names = (path.stem for path in PROFILES.glob("*.toml"))
    return tuple(sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in _parts(name)]))


def _parts(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def load_profile(name_or_path: str | Path) -> ProcessorSpec:
    """Processor of a shipped profile, or of a profile file.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a shipped profile, or path of a TOML file (it ends in ``.toml`` or names a folder).

    Raises
    ------
    SpecError
        If there is no such profile, or the file is wrong.
    """
    text = str(name_or_path)
    if text in profile_names():
        path = PROFILES / f"{text}.toml"
    elif text.endswith(".toml") or "/" in text or "\\" in text or isinstance(name_or_path, Path):
        path = Path(name_or_path)
    else:
        raise SpecError(
            f"profile '{text}' is unknown, allowed: {', '.join(profile_names())}, or a path to a .toml file"
        )
    return spec_from_profile(load_toml(path), path.name)


def spec_from_profile(content: Mapping[str, Any], where: str) -> ProcessorSpec:
    """Processor from the content of a profile file, which says only what differs from the base.

    Parameters
    ----------
    content : dict
        ``name``, ``description``, and any parameters; no limit is written as the parameter's ``none`` word.
    where : str
        Name of the file, for messages.

    Raises
    ------
    SpecError
        If a key is unknown, mistyped or contradicts another.
    """
    parameters = _checked_tables().parameter
    for key in content:
        if key not in (*_LABELS, *parameters):
            raise SpecError(f"{place(where, key)} is an unknown key, allowed: {', '.join((*_LABELS, *parameters))}")
    check_table({key: content[key] for key in _LABELS if key in content}, {key: Key("text") for key in _LABELS}, where)
    entry: dict[str, Any] = {key: content[key] for key in _LABELS}
    for key, parameter in parameters.items():
        value = content.get(key, parameter["default"])
        check_setting(parameter, value, place(where, key))
        entry[key] = None if "none" in parameter and value == parameter["none"] else value
    return ProcessorSpec.from_dict(entry, where)


def field_range(spec: ProcessorSpec, name: str) -> tuple[int, int | None]:
    """Smallest and largest value of a field of the processor's records; None is unlimited.

    Parameters
    ----------
    spec : ProcessorSpec
    name : str
        Key of a `field` table.
    """
    entry = processor_tables().field[name]
    if "needs" in entry and not set(entry["needs"]) & set(spec.extensions):
        return entry["low"], entry["low"]
    low, high = (getattr(spec, end) if isinstance(end, str) else end for end in (entry["low"], entry["high"]))
    return low, None if high is None else high + entry["offset"]


def field_width(spec: ProcessorSpec, name: str) -> int | None:
    """Bits of a field of the processor's records: 0 where only one value is possible, None where it is unlimited.

    A range with negative values is stored in two's complement, every other as it is.

    Parameters
    ----------
    spec : ProcessorSpec
    name : str
        Key of a `field` table.
    """
    low, high = field_range(spec, name)
    if high is None:
        return None
    if low == high:
        return 0
    if low >= 0:
        return high.bit_length()
    # Two's complement of b bits holds -2^(b-1) .. 2^(b-1) - 1.
    return max((-low - 1).bit_length(), high.bit_length() if high > 0 else 0) + 1


def state_width(spec: ProcessorSpec, name: str) -> int | None:
    """Bits of one element of the processor's state; None where it is unlimited.

    Parameters
    ----------
    spec : ProcessorSpec
    name : str
        Key of a `state` table.
    """
    tables = processor_tables()
    width = tables.state[name]["width"]
    if isinstance(width, int):
        return width
    if width in tables.field:
        return field_width(spec, width)
    value: int | None = getattr(spec, width)
    return value
