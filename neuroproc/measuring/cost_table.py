"""Cost tables: what somebody says that one operation of a chip takes, and the bill of a run by it.

Nothing here knows a joule: every price is the table's, and every bill names the table and its source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isa_spec.errors import SpecError
from isa_spec.image import ProcessorImage
from isa_spec.schema import load_toml

if TYPE_CHECKING:
    # Late: a table is read without what runs images.
    from neuroproc.classifying.classification import Classification

HIGHEST = 1e6
"""No price is above, nor infinite: bills are numbers."""
_TEXTS = ("name", "source")
_SECONDS = ("cycle",)


@dataclass(frozen=True)
class WorkCounts:
    """What a run did, in units that have a price.

    Parameters
    ----------
    frames : int
    synaptic_operation : int
        Spikes delivered over synapses.
    spike : int
        Spikes of all neurons, each counted once however many synapses it goes over.
    neuron_update : int
        Neurons times cycles: every neuron is evaluated in every cycle.
    cycle : int
    """

    frames: int
    synaptic_operation: int
    spike: int
    neuron_update: int
    cycle: int


PRICED = tuple(field.name for field in fields(WorkCounts) if field.name != "frames")
"""Operations that a table may have a price for."""


@dataclass(frozen=True)
class CostTable:
    """Prices, and whose they are.

    Parameters
    ----------
    name, source : str
    joules : dict of str to float
        Of one operation, by its name in `PRICED`; one that is missing costs nothing.
    seconds_per_cycle : float or None
    """

    name: str
    source: str
    joules: Mapping[str, float]
    seconds_per_cycle: float | None


@dataclass(frozen=True)
class Charge:
    """One line of a bill.

    Parameters
    ----------
    operation : str
        One of `PRICED`.
    count : int
        Of the whole run.
    price : float, joules
        Of one.
    joules : float
        Of all.
    """

    operation: str
    count: int
    price: float
    joules: float


@dataclass(frozen=True)
class Bill:
    """What a run takes by a table.

    Parameters
    ----------
    table : CostTable
    frames : int
    charges : tuple of Charge
        What the table has a price for, in the order of `PRICED`.
    free : tuple of str
        What it has none for.
    joules : float
        Sum of the charges.
    seconds : float or None
        None where the table does not say how long a cycle takes.
    """

    table: CostTable
    frames: int
    charges: tuple[Charge, ...]
    free: tuple[str, ...]
    joules: float
    seconds: float | None


def work_of(image: ProcessorImage, result: Classification) -> WorkCounts:
    """What a classification did.

    Parameters
    ----------
    image : ProcessorImage
    result : Classification
        Of this image.
    """
    return WorkCounts(
        frames=len(result.outputs),
        synaptic_operation=result.synaptic_operations,
        spike=result.spikes,
        neuron_update=image.n_neurons * result.cycles,
        cycle=result.cycles,
    )


def bill_of(table: CostTable, work: WorkCounts) -> Bill:
    """The bill. Counts are exact, each is multiplied once with its price in floats, and the products are summed.

    Parameters
    ----------
    table : CostTable
    work : WorkCounts
    """
    charges = tuple(
        Charge(name, count, table.joules[name], count * table.joules[name])
        for name, count in ((name, getattr(work, name)) for name in PRICED if name in table.joules)
    )
    return Bill(
        table=table,
        frames=work.frames,
        charges=charges,
        free=tuple(name for name in PRICED if name not in table.joules),
        joules=math.fsum(charge.joules for charge in charges),
        seconds=None if table.seconds_per_cycle is None else work.cycle * table.seconds_per_cycle,
    )


def as_dict(bill: Bill) -> dict[str, Any]:
    """The bill for machines: counts, joules and seconds of the whole run, and per frame what is called so."""
    seconds = bill.seconds
    return {
        "table": bill.table.name,
        "source": bill.table.source,
        "frames": bill.frames,
        "charges": [
            {"operation": charge.operation, "count": charge.count, "joules_each": charge.price, "joules": charge.joules}
            for charge in bill.charges
        ],
        "without_price": list(bill.free),
        "joules": bill.joules,
        "joules_per_frame": bill.joules / bill.frames,
        "seconds": seconds,
        "seconds_per_frame": None if seconds is None else seconds / bill.frames,
    }


def load_cost_table(path: str | Path) -> CostTable:
    """Cost table from a TOML file: ``name``, ``source``, and prices under ``[joules]`` and ``[seconds]``.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    SpecError
        If the file cannot be read, a key is unknown or missing, a price is no number from 0 on, or there is no price.
    """
    content, where = load_toml(Path(path)), Path(path).name
    _check_keys(content, (*_TEXTS, "joules", "seconds"), where)
    texts = {key: _text(content, key, where) for key in _TEXTS}
    joules = _prices(content, "joules", PRICED, where)
    seconds = _prices(content, "seconds", _SECONDS, where)
    if not joules and not seconds:
        raise SpecError(f"{where}: has no price, allowed: at least one under [joules] or [seconds]")
    return CostTable(texts["name"], texts["source"], joules, seconds.get("cycle"))


def _check_keys(table: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise SpecError(f"{where}: '{key}' is an unknown key, allowed: {', '.join(allowed)}")


def _text(content: Mapping[str, Any], key: str, where: str) -> str:
    if key not in content:
        what = {"name": "what it is the cost of", "source": "where its figures are published"}[key]
        raise SpecError(f"{where}: '{key}' is missing; say {what}")
    value = content[key]
    if not isinstance(value, str) or not value.strip():
        raise SpecError(f"{where}: {key} = {value!r}, allowed: text that is not empty")
    return " ".join(value.split())


def _prices(content: Mapping[str, Any], unit: str, allowed: tuple[str, ...], where: str) -> dict[str, float]:
    table = content.get(unit, {})
    if not isinstance(table, dict):
        raise SpecError(f"{where}: {unit} = {table!r}, allowed: a table, [{unit}], with {', '.join(allowed)}")
    _check_keys(table, allowed, f"{where}: [{unit}]")
    return {key: _price(value, unit, f"{where}: {unit}.{key}") for key, value in table.items()}


def _price(value: object, unit: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(f"{where} = {value!r}, allowed: a number of {unit}, 0 and above, as 23.6e-12")
    if not 0 <= value <= HIGHEST:
        raise SpecError(f"{where} = {value}, allowed: a number of {unit}, 0 to {HIGHEST:g}, as 23.6e-12")
    return float(value)
