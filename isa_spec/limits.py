"""Values of an image against the limits of its processor, each with its message."""

from __future__ import annotations

import numpy as np

from isa_spec.errors import FormatError, ResourceError
from isa_spec.spec import ProcessorSpec


def check_delays(spec: ProcessorSpec, delay: np.ndarray) -> None:
    """Refuse delays below 1, and those that the profile does not have.

    Raises
    ------
    FormatError
        If one is below 1.
    ResourceError
        With the longest, if it is too long.
    """
    shortest, longest = int(delay.min(initial=1)), int(delay.max(initial=1))
    if shortest < 1:
        raise FormatError(f"delay {shortest}, allowed 1 and above: nothing arrives in the cycle it was sent")
    allowed = np.iinfo(np.int32).max if spec.max_delay is None else spec.max_delay
    if longest > allowed:
        raise ResourceError(
            f"delay {longest}, allowed 1..{allowed} (max_delay of profile {spec.name}); insert relays or choose a "
            "profile with longer delays",
            limit="max_delay",
            used=longest,
            allowed=int(allowed),
        )


def check_range(spec: ProcessorSpec, key: str, values: np.ndarray) -> None:
    """Refuse values outside ``key_min .. key_max`` of the profile.

    Raises
    ------
    ResourceError
        With the first offending value.
    """
    low, high = getattr(spec, f"{key}_min"), getattr(spec, f"{key}_max")
    wrong = np.flatnonzero((values < low) | (values > high))
    if len(wrong):
        value = int(values[wrong[0]])
        limit, allowed = (f"{key}_min", low) if value < low else (f"{key}_max", high)
        raise ResourceError(
            f"{key}[{wrong[0]}] = {value}, allowed {low}..{high} ({limit} of profile {spec.name}); "
            "choose a wider profile",
            limit=limit,
            used=value,
            allowed=allowed,
        )


def check_fans(spec: ProcessorSpec, arriving: np.ndarray, leaving: np.ndarray) -> None:
    """Refuse neurons with more synapses than the processor lets arrive at one, or leave one.

    Parameters
    ----------
    spec : ProcessorSpec
    arriving, leaving : int[n_neurons]
        Synapses of each neuron.

    Raises
    ------
    ResourceError
        With the neuron that has most.
    """
    for limit, verb, fan in (("max_fan_in", "arrive at", arriving), ("max_fan_out", "leave", leaving)):
        allowed, used = getattr(spec, limit), int(fan.max(initial=0))
        if allowed is not None and used > allowed:
            found = f"{used} synapses {verb} neuron {np.argmax(fan)}, allowed {allowed} ({limit} of profile "
            remedy = f"{spec.name}); use fewer, or a profile that allows more"
            raise ResourceError(found + remedy, limit=limit, used=used, allowed=allowed)
