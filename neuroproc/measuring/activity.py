"""How much each layer of an image fired in a run: its spikes, and which of its neurons never fire, or always."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ROLES, ProcessorImage


@dataclass(frozen=True, eq=False)
class LayerActivity:
    """What the neurons of one layer did, those of every role.

    Parameters
    ----------
    name, kind : str
        Of the layer; empty where the image has no layers.
    neurons, spikes : int
    silent : int64[n_silent]
        Neurons without a spike, by number.
    saturated : int64[n_saturated]
        Neurons that fired as often as they can: see `most_spikes`.
    mean_rate : float
        Spikes per neuron and cycle; 0 of a layer without neurons.
    """

    name: str
    kind: str
    neurons: int
    spikes: int
    silent: np.ndarray
    saturated: np.ndarray
    mean_rate: float


def activity_by_layer(
    image: ProcessorImage, spike_count: np.ndarray, cycles: int, frames: int | None = None
) -> tuple[LayerActivity, ...]:
    """Activity of each layer, in the order of the image; of all neurons, where it has no layers.

    Parameters
    ----------
    image : ProcessorImage
    spike_count : int64[n_neurons]
    cycles : int
        Over which spikes were counted.
    frames : int, optional
        That were shown. By default as many as are decided in one stream of so many cycles.

    Raises
    ------
    EmulationError
        If there is not one count for each neuron, a count is impossible, or there are no cycles.
    """
    counts = _checked(image, spike_count, cycles)
    most = most_spikes(image, cycles, frames)
    saturated = (counts >= most) & (counts > 0)
    layers = [(record.name, record.kind) for record in image.layers] or [("", "")]
    found = []
    for number, (name, kind) in enumerate(layers):
        own = np.flatnonzero(image.layer == number)
        spikes = int(counts[own].sum())
        rate = spikes / (len(own) * cycles) if len(own) else 0.0
        found.append(
            LayerActivity(name, kind, len(own), spikes, own[counts[own] == 0], own[saturated[own]], rate),
        )
    return tuple(found)


def most_spikes(image: ProcessorImage, cycles: int, frames: int | None = None) -> np.ndarray:
    """Spikes that each neuron has in a run if it fires whenever it may: int64[n_neurons].

    Of a neuron that carries the map of its layer: one for every value that it carries, in every step and every frame
    (of a neuron that fires once: one for every value and frame). Of every other neuron: one in every cycle. Only
    counts are compared: outside the slots of its layer, where nobody listens, a neuron without a gate may fire besides,
    and then has more; and of frames that were stopped early it has had fewer chances.

    Parameters
    ----------
    image : ProcessorImage
    cycles, frames : int
        As for `activity_by_layer`.
    """
    if frames is None:
        frames = decided_frames(image, cycles)
    most = np.full(image.n_neurons, cycles, np.int64)
    for number, record in enumerate(image.layers):
        if record.contract is None or record.first_neuron is None:
            continue
        values = np.bincount(record.contract.lanes().ravel())
        neurons = record.first_neuron + np.arange(len(values))
        steps = np.where(image.once[neurons] == 1, 1, record.contract.levels)
        # A layer that only renames values has those of the layer before it.
        own = image.layer[neurons] == number
        most[neurons[own]] = (frames * values * steps)[own]
    return most


def told_saturated(image: ProcessorImage, number: int, layer: LayerActivity, frames: int | None) -> np.ndarray | None:
    """Saturated neurons of a layer but for clocks, which have to be: int64[n_saturated]; None where counts do not tell.

    They do where a layer's neurons are silent, but for the first few cycles of a run, in slots that carry no value:
    where every slot carries one, where gates silence the others, and where channels take turns.

    Parameters
    ----------
    image : ProcessorImage
    number : int
        Of the layer, in the order of the image.
    layer : LayerActivity
        Of that layer.
    frames : int or None
        That were shown.
    """
    neurons = layer.saturated[image.role[layer.saturated] != ROLES.index("clock")]
    record = image.layers[number] if image.layers else None
    contract = None if record is None else record.contract
    if record is None or contract is None or record.kind == "input":
        return neurons
    full = contract.tile_rows * contract.tile_cols * contract.slot >= contract.interval
    gated = bool(np.any((image.layer == number) & (image.role == ROLES.index("gate"))))
    told = frames is not None and (full or gated or contract.n_turns > 1)
    return neurons if told and image.options.get("clearing") != "force" else None


def decided_frames(image: ProcessorImage, cycles: int) -> int:
    """Frames that are decided in one stream of so many cycles from a reset; 0 where the image has no frames."""
    if image.latency is None or image.interval is None or cycles < image.latency:
        return 0
    return (cycles - image.latency) // image.interval + 1


def _checked(image: ProcessorImage, spike_count: np.ndarray, cycles: int) -> np.ndarray:
    counts = np.asarray(spike_count)
    if counts.shape != (image.n_neurons,) or counts.dtype.kind not in "iu":
        raise EmulationError(
            f"spikes by neuron: {counts.dtype}{list(counts.shape)}, allowed: integers[{image.n_neurons}], one for each "
            "neuron of the image"
        )
    if cycles < 1:
        raise EmulationError(f"cycles = {cycles}, allowed: 1 and above; run something")
    wrong = np.flatnonzero((counts < 0) | (counts > cycles))
    if len(wrong):
        raise EmulationError(
            f"spikes by neuron[{wrong[0]}] = {counts[wrong[0]]}, allowed: 0..{cycles}, one in every cycle"
        )
    return counts.astype(np.int64)
