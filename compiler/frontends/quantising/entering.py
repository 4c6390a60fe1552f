"""The frame of a foreign model: how its values become spikes, and what they mean to the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from compiler.frontends.imported import Assumptions
from compiler.frontends.model import Fire, FloatModel, Step
from compiler.frontends.quantising.levels import Condition
from compiler.frontends.quantising.records import Records
from compiler.frontends.quantising.sums import Map
from compiler.networks.network import INPUT
from isa_spec.coding import check_encoding, is_latency, is_rate, largest_value, spike_levels
from isa_spec.errors import NetworkError

STANDING_IN: Mapping[str, Any] = {"kind": "bitplanes", "bits": 8}
"""With what a model is judged whose encoding nobody said, so that one message tells all that is missing."""
QUESTION = (
    "--encoding: how a frame becomes spikes (binary,threshold=128 or bitplanes,bits=8 or rate,steps=20 or another), "
    "with --input-scale and --input-offset if the network was trained on scaled values (1/255)"
)
OF_STEPS = ", and with --reset zero or subtract if it has steps: what a unit keeps when it fires"


@dataclass(frozen=True, eq=False)
class Entrance:
    """How frames enter.

    Parameters
    ----------
    encoding : dict
    map : Map
        Of the frame.
    step : str
        Layer that the encoding takes the place of; empty if none.
    steps : int
        For how many a frame is shown.
    """

    encoding: Mapping[str, Any]
    map: Map
    step: str
    steps: int


def enter(model: FloatModel, assumptions: Assumptions, records: Records) -> Entrance:
    """The entrance of a model; asks for the encoding if neither the file nor the user says it, and no step does.

    Raises
    ------
    FormatError
        If the encoding is none.
    NetworkError
        If it cannot be that of a foreign model, or scales every value to 0.
    """
    if assumptions.input_scale == 0:
        raise NetworkError("--input-scale 0 makes all frames alike, allowed: any other number")
    step, encoding = "", assumptions.encoding or model.encoding
    if encoding is None:
        step, encoding = _by_step(model, assumptions, records)
    if encoding is None:
        keeps = any(isinstance(layer, Fire) and not (layer.reset or assumptions.reset) for layer in model.layers)
        records.ask(QUESTION + OF_STEPS * keeps)
        encoding = STANDING_IN
    encoding = check_encoding(encoding, "--encoding")
    if is_latency(encoding):
        raise NetworkError(
            "--encoding latency: units that have fired then fire to the end of the frame, which no foreign file means; "
            "allowed: binary, bitplanes, count, thermometer, rate"
        )
    channels = model.input_shape[0]
    spikes = largest_value(encoding) == 1
    slope, offset = (assumptions.input_scale,) * channels, (assumptions.input_offset,) * channels
    entered = Map(INPUT, model.input_shape, slope, offset, spikes)
    return Entrance(encoding, entered, step, spike_levels(encoding) if is_rate(encoding) else 1)


def _by_step(model: FloatModel, assumptions: Assumptions, records: Records) -> tuple[str, Mapping[str, Any] | None]:
    """The encoding that a step on the frame alone makes of it, and its name."""
    readers = [layer for layer in model.layers if INPUT in layer.sources]
    if len(readers) != 1 or not isinstance(readers[0], Step):
        return "", None
    step = readers[0]
    levels = np.unique(np.asarray(step.level))
    rises = assumptions.input_scale > 0 and not (step.high == 0 and step.low != 0)
    if len(levels) != 1 or not np.isfinite(levels[0]) or not rises:
        return "", None
    strict = assumptions.strict if step.strict is None else step.strict
    condition = Condition(Fraction(float(levels[0])), strict=bool(strict))
    _, threshold, tie = condition.threshold(assumptions.input_scale, assumptions.input_offset)
    if step.strict is None and assumptions.strict is None:
        records.compared(step.name, (0,) if tie else ())
    records.note(f"the step '{step.name}' on the frame is its encoding: a spike where a value is {threshold} or more")
    return step.name, {"kind": "binary", "threshold": threshold}
