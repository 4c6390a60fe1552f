"""What neurons and synapses may be beyond the base: leak, fire once, be pooled, clear, change slopes."""

from __future__ import annotations

import numpy as np

from isa_spec.errors import FormatError, ResourceError
from isa_spec.spec import ProcessorSpec

KINDS = ("charge", "slope", "clear")
"""What a synapse does to its target; an image stores the index."""

CHARGE, SLOPE, CLEAR = range(len(KINDS))


def check_leaks(spec: ProcessorSpec, leaks: np.ndarray, n_neurons: int) -> None:
    """Refuse neurons that leak where not each has a leak of its own.

    Raises
    ------
    FormatError
        If there is not a 0 or 1 for each neuron.
    ResourceError
        If the processor has no such neurons.
    """
    _check_length("leaks", leaks, n_neurons)
    _check_codes("leaks", leaks, 1)
    _check_switch(spec, "leak", int(np.count_nonzero(leaks)), "neurons with a leak of their own", "per-neuron")


def check_once(spec: ProcessorSpec, once: np.ndarray, n_neurons: int) -> None:
    """Refuse neurons that fire once where there is no such neuron.

    Raises
    ------
    FormatError
        If there is not a 0 or 1 for each neuron.
    ResourceError
        If the processor has no such neurons.
    """
    _check_length("once", once, n_neurons)
    _check_codes("once", once, 1)
    _check_switch(spec, "one_shot", int(np.count_nonzero(once)), "neurons that fire once")


def check_groups(spec: ProcessorSpec, group: np.ndarray, n_neurons: int) -> None:
    """Refuse groups whose output does not exist or is a member of one, and groups where there are none.

    Raises
    ------
    FormatError
        If there is not one entry for each neuron, or an output is none.
    ResourceError
        If the processor has no groups.
    """
    _check_length("group", group, n_neurons)
    wrong = np.flatnonzero((group < -1) | (group >= n_neurons))
    if len(wrong):
        raise FormatError(
            f"group[{wrong[0]}] = {group[wrong[0]]}, allowed -1..{n_neurons - 1}: the neuron that is the output of "
            "the group, or -1"
        )
    member = np.flatnonzero(group >= 0)
    inner = member[group[group[member]] >= 0]
    if len(inner):
        output = group[inner[0]]
        raise FormatError(
            f"group[{inner[0]}] = {output}, whose own group is {group[output]}; the output of a group can be a "
            "member of none"
        )
    _check_switch(spec, "pooling_groups", len(member), "members of groups")


def check_kinds(spec: ProcessorSpec, kind: np.ndarray, weight: np.ndarray) -> None:
    """Refuse kinds of synapses that do not exist, or not on this processor, and a clear synapse with a weight.

    Raises
    ------
    FormatError
        If there is not one code for each synapse, or a clear synapse has another weight than 1.
    ResourceError
        If the processor has no such synapses.
    """
    _check_length("kind", kind, len(weight))
    _check_codes("kind", kind, len(KINDS) - 1)
    clear = np.flatnonzero(kind == CLEAR)
    wrong = clear[weight[clear] != 1]
    if len(wrong):
        raise FormatError(
            f"synapse {wrong[0]} clears, with weight {weight[wrong[0]]}, allowed 1: it is added to nothing"
        )
    _check_switch(spec, "slope_synapses", int(np.count_nonzero(kind == SLOPE)), "slope synapses")
    _check_switch(spec, "clear_synapses", len(clear), "clear synapses")


def _check_length(name: str, values: np.ndarray, length: int) -> None:
    if len(values) != length:
        raise FormatError(f"section {name}: {len(values)} entries, expected {length}")


def _check_codes(name: str, values: np.ndarray, most: int) -> None:
    wrong = np.flatnonzero((values < 0) | (values > most))
    if len(wrong):
        raise FormatError(f"{name}[{wrong[0]}] = {values[wrong[0]]}, allowed 0..{most}")


def _check_switch(spec: ProcessorSpec, limit: str, used: int, what: str, wanted: str | bool = True) -> None:
    if used and getattr(spec, limit) != wanted:
        raise ResourceError(
            f"the image has {used} {what}, allowed 0 ({limit} of profile {spec.name}); choose a profile that has them",
            limit=limit,
            used=used,
            allowed=0,
        )
