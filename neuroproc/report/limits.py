"""What an image uses of its processor, limit by limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.image import ProcessorImage
from neuroproc.measuring.measures import count, layers_of_units
from neuroproc.report.html import Content, Html, element, joined, name_of, section
from neuroproc.report.svg import bar
from neuroproc.report.tables import Column, table
from neuroproc.report.words import signed


@dataclass(frozen=True)
class Limit:
    """A limit of a processor, and what an image uses of it.

    Parameters
    ----------
    name : str
    unit : str
    lowest, highest : int or None
        What is used; no lowest where it is a size, no highest where nothing bounds it.
    allowed_lowest, allowed_highest : int or None
        What is allowed; None is no limit.
    key : str
        Of the profile.
    """

    name: str
    unit: str
    lowest: int | None
    highest: int | None
    allowed_lowest: int | None
    allowed_highest: int | None
    key: str

    @property
    def share(self) -> float | None:
        """What is used of what is allowed, on the fuller side; None without a limit or a use."""
        shares = []
        if self.highest is not None and self.allowed_highest is not None and self.allowed_highest > 0:
            shares.append(max(self.highest, 0) / self.allowed_highest)
        if self.lowest is not None and self.allowed_lowest is not None and self.allowed_lowest < 0:
            shares.append(min(self.lowest, 0) / self.allowed_lowest)
        return max(shares, default=None)


def limits_of(image: ProcessorImage) -> tuple[Limit, ...]:
    """Limits that a profile can set, each with what the image uses of it."""
    spec, measures = image.spec, count(image)
    fan_in = np.bincount(image.target, minlength=image.n_neurons)
    fan_out = np.diff(image.row_start)
    weight, threshold = _range(image.weight), _range(image.threshold)
    bits = measures["potential_bits"]
    return (
        Limit("Neurons", "", None, image.n_neurons, None, spec.max_neurons, "max_neurons"),
        Limit("Synapses", "", None, image.n_synapses, None, spec.max_synapses, "max_synapses"),
        Limit("Weights of synapses", "", *weight, spec.weight_min, spec.weight_max, "weight_min, weight_max"),
        Limit("Thresholds", "", *threshold, spec.threshold_min, spec.threshold_max, "threshold_min, threshold_max"),
        Limit("Longest delay", "cycles", None, image.max_delay, None, spec.max_delay, "max_delay"),
        Limit("Largest fan-in", "synapses", None, int(fan_in.max(initial=0)), None, spec.max_fan_in, "max_fan_in"),
        Limit("Largest fan-out", "synapses", None, int(fan_out.max(initial=0)), None, spec.max_fan_out, "max_fan_out"),
        Limit("Potential of any neuron", "bits", None, bits, None, spec.potential_bits, "potential_bits"),
    )


def _range(values: np.ndarray) -> tuple[int, int]:
    return (int(values.min()), int(values.max())) if len(values) else (0, 0)


def limits(image: ProcessorImage) -> Html:
    """Used and allowed, and what kind of processor it is."""
    columns = (
        Column("Limit", "text"), Column("Used"), Column("Allowed"), Column("Share"), Column("How full", "bar"),
        Column("Name in the profile", "text"),
    )  # fmt: skip
    rows = []
    for limit in limits_of(image):
        share = limit.share
        rows.append((
            limit.name, _span(limit.lowest, limit.highest, "not bounded", limit.unit),
            _span(limit.allowed_lowest, limit.allowed_highest, "no limit", ""),
            None if share is None else _percent(share), None if share is None else bar(share, 1, "used"),
            element("code", limit.key),
        ))  # fmt: skip
    return section(
        "The processor",
        "limits",
        element("p", *_manners(image)),
        table(f"What the image uses of profile {image.spec.name}", columns, rows),
        element("p", _apart(image), class_="note"),
    )


def _apart(image: ProcessorImage) -> str:
    """What these figures hold beside the network's own."""
    if not image.layers:
        return "Weights are those of all synapses; potentials are those of all neurons, before they are reset."
    units = layers_of_units(count(image))
    bits = [layer["potential_bits"] for layer in units]
    alone = "" if not bits or None in bits else f"; the units of the network's layers alone need {max(bits)} bits"
    return (
        "Weights are those of all synapses: beside the network's own also what clocks, gates and relays charge, which "
        f"may be larger. Potentials are those of all neurons, inputs and clocks included{alone}."
    )


def _span(lowest: int | None, highest: int | None, without: str, unit: str) -> str:
    if highest is None:
        return without
    words = f"{highest:,}" if lowest is None else f"{lowest:,} to {highest:,}"
    return signed(f"{words} {unit.removesuffix('s') if highest == 1 else unit}".rstrip())


def _percent(share: float) -> str:
    return "< 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")


def _manners(image: ProcessorImage) -> list[Content]:
    spec = image.spec
    floor = "no floor" if spec.potential_floor is None else signed(f"floor {spec.potential_floor:,}")
    leak = {"none": "no leak", "all": "all potentials leak", "per-neuron": "leak by neuron"}[spec.leak]
    reset = {"zero": "reset to zero", "subtract": "reset by subtraction"}[spec.reset]
    parallel = "several synapses may join a pair" if spec.parallel_synapses else "one synapse at most joins a pair"
    more = [name.replace("-", " ") for name in spec.extensions]
    facts = "; ".join([reset, leak, floor, parallel])
    said: list[Content] = [element("strong", name_of(spec.name)), ": ", facts, "."]
    if spec.description:
        said += [" ", element("bdi", spec.description.rstrip(".")), "."]
    if more:
        said.append(f" Extensions: {', '.join(more)}.")
    return [joined(*said)]
