"""RISP's parameters (``proc_params``): checked, completed, and to a processor's limits and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from isa_spec.errors import FormatError, SpecError
from isa_spec.spec import ProcessorSpec
from neuroproc.tennlab.network import number
from neuroproc.tennlab.numbers import fraction

NUMBERS = ("min_weight", "max_weight", "min_threshold", "max_threshold", "min_potential", "spike_value_factor")
FLAGS: Mapping[str, bool] = {
    "discrete": False,
    "fire_like_ravens": False,
    "inputs_from_weights": False,
    "run_time_inclusive": False,
    "threshold_inclusive": True,
}
"""Switches, each with what it is where nothing is said."""
LEAKS: Mapping[str, str] = {"none": "none", "all": "all", "configurable": "per-neuron"}
"""``leak_mode`` and the processor's ``leak``."""
NOISE = ("noisy_seed", "noisy_stddev", "stds")
KEYS = (*NUMBERS, *FLAGS, "leak_mode", "max_delay", "weights", *NOISE, "log")
REQUIRED = ("min_threshold", "max_threshold", "min_potential", "max_delay", "discrete")
EXTENSIONS = ("on-delivery", "leak", "leak-per-neuron", "delayed-fire")
"""Extensions of the processor that RISP has, too."""

LARGEST = 2**31 - 1


@dataclass(frozen=True)
class RispParameters:
    """Parameters of one RISP processor, in the file's own numbers.

    Parameters
    ----------
    given : dict
        As the file has them.
    weights : tuple of Fraction
        Table that edges point into; empty where they hold weights.
    limits : dict of Fraction
        ``min_weight`` .. ``min_potential``; of the table where there is one.
    spike_value_factor : Fraction
        What a normalised input of 1 is worth.
    """

    given: Mapping[str, Any]
    discrete: bool
    leak_mode: str
    threshold_inclusive: bool
    fire_like_ravens: bool
    run_time_inclusive: bool
    inputs_from_weights: bool
    max_delay: int
    weights: tuple[Fraction, ...]
    limits: Mapping[str, Fraction]
    spike_value_factor: Fraction


def check_params(given: Any, where: str) -> RispParameters:
    """Parameters from the entry ``proc_params`` of a network, or from a file of their own.

    Raises
    ------
    FormatError
        If a key is unknown, missing or mistyped, or asks for noise.
    """
    if not isinstance(given, dict):
        raise FormatError(f"{where} = {json.dumps(given)}, allowed: a table of RISP's parameters")
    for key in given:
        if key not in KEYS:
            raise FormatError(f"{where}.{key} is an unknown key, allowed: {', '.join(sorted(KEYS))}")
    _refuse_noise(given, where)
    for key in REQUIRED:
        if key not in given:
            raise FormatError(f"{where}.{key} is missing; add it")
    for key in FLAGS:
        if type(given.get(key, False)) is not bool:
            raise FormatError(f"{where}.{key} = {json.dumps(given[key])}, allowed: true, false")
    leak = given.get("leak_mode", "none")
    if leak not in tuple(LEAKS):
        raise FormatError(f"{where}.leak_mode = {json.dumps(leak)}, allowed: {', '.join(LEAKS)}")
    delay = given["max_delay"]
    if type(delay) is float and delay.is_integer():
        delay = int(delay)
    if type(delay) is not int or not 1 <= delay <= LARGEST:
        raise FormatError(f"{where}.max_delay = {json.dumps(given['max_delay'])}, allowed: 1..{LARGEST}")
    flags = {key: given.get(key, default) for key, default in FLAGS.items()}
    weights, limits = _limits(given, where)
    if flags["inputs_from_weights"] and not weights:
        raise FormatError(f"{where}.inputs_from_weights = true, allowed: only with a table of weights; add 'weights'")
    values = (*limits.values(), *weights)
    if flags["discrete"] and any(value.denominator != 1 for value in values):
        odd = next(value for value in values if value.denominator != 1)
        raise FormatError(f"{where}: {float(odd)!r}, allowed: whole numbers (discrete = true); set discrete to false")
    factor = fraction(
        number(given.get("spike_value_factor", float(limits["max_weight"])), f"{where}.spike_value_factor")
    )
    return RispParameters(
        given=given, leak_mode=leak, max_delay=delay, weights=weights, limits=limits, spike_value_factor=factor, **flags
    )


def _refuse_noise(given: Mapping[str, Any], where: str) -> None:
    noise = [key for key in ("noisy_stddev", "stds") if given.get(key) not in (None, 0, 0.0)]
    if "stds" in noise and isinstance(given["stds"], list) and not any(given["stds"]):
        noise.remove("stds")
    if noise:
        raise FormatError(
            f"{where}.{noise[0]} = {json.dumps(given[noise[0]])}: noise, and this processor is exact and has none; "
            "set it to 0"
        )
    if given.get("log", False) is not False:
        raise FormatError(
            f"{where}.log = {json.dumps(given['log'])}, allowed: false; the command RSC shows every cycle"
        )


def _limits(given: Mapping[str, Any], where: str) -> tuple[tuple[Fraction, ...], dict[str, Fraction]]:
    limits = {key: fraction(number(given[key], f"{where}.{key}")) for key in NUMBERS[:5] if key in given}
    weights: tuple[Fraction, ...] = ()
    if "weights" in given:
        table = given["weights"]
        if not isinstance(table, list) or not table:
            raise FormatError(f"{where}.weights = {json.dumps(table)}, allowed: a list of numbers, at least one")
        weights = tuple(fraction(number(value, f"{where}.weights[{n}]")) for n, value in enumerate(table))
        for key in ("min_weight", "max_weight"):
            if key in limits:
                raise FormatError(f"{where} has both weights and {key}, allowed: one of them; take {key} out")
        limits |= {"min_weight": min(weights), "max_weight": max(weights)}
    for key in ("min_weight", "max_weight"):
        if key not in limits:
            raise FormatError(f"{where}.{key} is missing; add it, or a table of weights")
    for low, high in (("min_weight", "max_weight"), ("min_threshold", "max_threshold")):
        if limits[low] > limits[high]:
            raise FormatError(f"{where}.{low} = {given[low]}, allowed: at most {high} = {given[high]}")
    if limits["min_potential"] > 0:
        raise FormatError(f"{where}.min_potential = {given['min_potential']}, allowed: 0 and below")
    return weights, limits


def completed(params: RispParameters) -> dict[str, Any]:
    """All that decides, defaults written out, as RISP tells its parameters: keys sorted, numbers with a point."""
    entry = {key: float(value) if key in NUMBERS else value for key, value in params.given.items()}
    entry |= {key: entry.get(key, default) for key, default in FLAGS.items() if key != "inputs_from_weights"}
    entry |= {"leak_mode": params.leak_mode, "max_delay": params.max_delay}
    if not params.inputs_from_weights:
        entry["spike_value_factor"] = float(params.spike_value_factor)
    if params.weights:
        entry["weights"] = [float(value) for value in params.weights]
    return dict(sorted(entry.items()))


def params_to_spec(params: RispParameters, unit: Fraction = Fraction(1)) -> ProcessorSpec:
    """Processor with the limits of a RISP one; inputs of one cycle add without a limit, as there.

    A threshold that has to be exceeded is one unit higher here, where reaching it is enough. Run times, input scale and
    the table of weights belong to the host.

    Parameters
    ----------
    params : RispParameters
    unit : Fraction
        What a potential unit is worth in the file's numbers; everything has to be whole in it.

    Raises
    ------
    FormatError
        If a limit does not fit 32 bits in this unit.
    """
    whole = {key: scaled(value, unit, f"proc_params.{key}") for key, value in params.limits.items()}
    above = 0 if params.threshold_inclusive else 1
    extras = {"leak": LEAKS[params.leak_mode]} if params.leak_mode != "none" else {}
    if params.fire_like_ravens:
        extras["delayed_fire"] = True  # type: ignore[assignment]
    try:
        return ProcessorSpec(
            name="risp",
            description="RISP as proc_params say.",
            weight_min=whole["min_weight"],
            weight_max=whole["max_weight"],
            threshold_min=whole["min_threshold"] + above,
            threshold_max=whole["max_threshold"] + above,
            input_min=-LARGEST - 1,
            input_max=LARGEST,
            max_delay=params.max_delay,
            potential_floor=whole["min_potential"],
            potential_bits=64,
            parallel_synapses=False,
            max_neurons=None,
            max_synapses=None,
            evaluation="on-delivery",
            **extras,  # type: ignore[arg-type]
        )
    except SpecError as error:
        raise FormatError(f"proc_params in units of {unit}: {error}") from None


def scaled(value: Fraction, unit: Fraction, what: str) -> int:
    """A value in units.

    Raises
    ------
    FormatError
        If that is not whole, or does not fit 32 bits.
    """
    units = value / unit
    if units.denominator != 1:
        raise FormatError(f"{what} = {float(value)!r} is no whole number of units of {unit}")
    if not -LARGEST - 1 <= units <= LARGEST:
        raise FormatError(
            f"{what} = {float(value)!r} is {units} units of {unit}, allowed -{LARGEST + 1}..{LARGEST}: the numbers "
            "need more than 32 bits together; round them to fewer digits"
        )
    return int(units)


def spec_to_params(spec: ProcessorSpec, max_delay: int, lowest: int) -> dict[str, Any]:
    """RISP's parameters for a processor.

    Parameters
    ----------
    spec : ProcessorSpec
    max_delay : int, cycles
        Where the processor has no limit.
    lowest : int, potential units
        Lowest sum of a cycle, for the floor where potentials leak and the processor has none.

    Raises
    ------
    FormatError
        If the processor does what RISP cannot.
    """
    foreign = [name for name in spec.extensions if name not in EXTENSIONS]
    if foreign:
        raise FormatError(
            f"profile {spec.name} has the extension {foreign[0]}, and RISP has no such thing (it has "
            f"{', '.join(EXTENSIONS)}); compile for a profile without it, for example risp127"
        )
    floor = spec.potential_floor
    if floor is None and spec.leak != "all":
        raise FormatError(
            f"profile {spec.name} has no potential_floor, and RISP needs one (min_potential); compile for a profile "
            "that has one, for example risp127"
        )
    leak = next(mode for mode, name in LEAKS.items() if name == spec.leak)
    numbers = {
        "min_weight": spec.weight_min,
        "max_weight": spec.weight_max,
        "min_threshold": spec.threshold_min,
        "max_threshold": spec.threshold_max,
        "min_potential": min(lowest, 0) if floor is None else floor,
        "spike_value_factor": spec.weight_max,
    }
    return {
        **{key: float(value) for key, value in numbers.items()},
        "discrete": True,
        "fire_like_ravens": "delayed-fire" in spec.extensions,
        "leak_mode": leak,
        "max_delay": max(max_delay if spec.max_delay is None else spec.max_delay, 1),
        "run_time_inclusive": False,
        "threshold_inclusive": True,
    }
