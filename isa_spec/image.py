"""The processor image: all that crosses from the compiler to the emulator."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isa_spec.errors import FormatError
from isa_spec.spec import ProcessorSpec
from isa_spec.spikes import SpikeEvents
from isa_spec.stream import StreamContract

ROLES = ("input", "unit", "relay", "clock", "gate", "serialiser", "proxy", "select", "demux")
"""What a neuron is for; an image stores the index."""


@dataclass(frozen=True)
class Port:
    """A named door of the chip: events never carry neuron numbers.

    Parameters
    ----------
    name : str
    neuron : int
        That gets the charges of an input, or whose spikes an output tells.
    """

    name: str
    neuron: int


@dataclass(frozen=True)
class LayerRecord:
    """Where a layer of the source network went, and what it was before it was folded.

    Parameters
    ----------
    name, kind : str
    first_neuron : int or None
        Lane 0 of the layer's map; None for the control layer.
    contract : StreamContract or None
        Which lane fires in which cycle for each value; None for the control layer.
    parameters, nonzero_parameters : int
        Weights.
    unrolled_neurons, unrolled_synapses : int
        One neuron per value and one synapse per use of a weight that is not zero.
    """

    name: str
    kind: str
    first_neuron: int | None
    contract: StreamContract | None
    parameters: int
    nonzero_parameters: int
    unrolled_neurons: int
    unrolled_synapses: int


@dataclass(frozen=True, eq=False)
class ProcessorImage:
    """A flat neuron/synapse graph for one processor, with everything needed to feed and read it.

    Parameters
    ----------
    spec : ProcessorSpec
        The processor it was made for.
    threshold : int32[n_neurons], potential units
    row_start : int64[n_neurons + 1]
        Synapses ``row_start[n] .. row_start[n + 1] - 1`` leave neuron ``n``.
    target : int32[n_synapses]
    weight : int32[n_synapses], potential units
    delay : int32[n_synapses], cycles
        Synapses are ordered by source, delay, target, weight, kind.
    inputs, outputs : tuple of Port
    role : uint8[n_neurons]
        Index into `ROLES`.
    layer : int16[n_neurons]
        Index into `layers`.
    leaks : uint8[n_neurons]
        1 for neurons that start every cycle at potential 0, where each has a leak of its own.
    once : uint8[n_neurons]
        1 for neurons that fire once, until they are cleared.
    group : int32[n_neurons]
        Output of the group that each neuron is a member of; -1 for none.
    kind : uint8[n_synapses]
        Index into `kinds.KINDS`.
    layers : tuple of LayerRecord
    start : SpikeEvents
        What the host sends once after a reset, to start the clocks.
    encoding, decode : dict or None
        How frames become 0/1 planes and how the last layer becomes a class (the source network's own entries).
    latency : int or None, cycles
        Cycles to run after a reset until frame 0 is decided; each further frame takes `interval` more.
    interval : int or None, cycles
        Initiation interval.
    source_digest : str
        SHA-256 of the source network.
    options : dict
        The compile options.
    """

    spec: ProcessorSpec
    threshold: np.ndarray
    row_start: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    role: np.ndarray
    layer: np.ndarray
    leaks: np.ndarray
    once: np.ndarray
    group: np.ndarray
    kind: np.ndarray
    layers: tuple[LayerRecord, ...] = ()
    start: SpikeEvents = field(default_factory=SpikeEvents.none)
    encoding: Mapping[str, Any] | None = None
    decode: Mapping[str, Any] | None = None
    latency: int | None = None
    interval: int | None = None
    source_digest: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        size = f"{self.n_neurons:,} neurons, {self.n_synapses:,} synapses"
        ports = f"{len(self.inputs):,} inputs, {len(self.outputs):,} outputs"
        time = ""
        if self.interval is not None and self.latency is not None:
            time = f"; a frame every {self.interval:,} cycles, decided after {self.latency:,}"
        return f"<ProcessorImage for {self.spec.name}: {size}, {ports}{time}>"

    @property
    def n_neurons(self) -> int:
        """Neurons of every role."""
        return len(self.threshold)

    @property
    def n_synapses(self) -> int:
        """Synapses, parallel ones counted each."""
        return len(self.target)

    @property
    def max_delay(self) -> int:
        """Longest delay in use, in cycles (0 without synapses)."""
        return int(self.delay.max(initial=0))

    def source(self) -> np.ndarray:
        """Source of every synapse: int32[n_synapses]."""
        return np.repeat(np.arange(self.n_neurons, dtype=np.int32), np.diff(self.row_start))

    def input_number(self, name: str) -> int:
        """Port number of the input called ``name``.

        Raises
        ------
        FormatError
            If there is no such input.
        """
        return _port_number(self.inputs, "input", name)

    def output_number(self, name: str) -> int:
        """Port number of the output called ``name``.

        Raises
        ------
        FormatError
            If there is no such output.
        """
        return _port_number(self.outputs, "output", name)


def _port_number(ports: Sequence[Port], kind: str, name: str) -> int:
    for number, port in enumerate(ports):
        if port.name == name:
            return number
    known = ", ".join(port.name for port in ports[:8]) + (", ..." if len(ports) > 8 else "")
    raise FormatError(f"{kind} port '{name}' is unknown, the image has {len(ports)}: {known}")


def graph_digest(image: ProcessorImage) -> str:
    """SHA-256 of what decides an image's behaviour: processor, graph, ports and start events."""
    digest = hashlib.sha256(image.spec.digest.encode())
    for array in (image.threshold, image.row_start, image.target, image.weight, image.delay):
        digest.update(array.tobytes())
    for used, array in (
        (image.spec.leak == "per-neuron", image.leaks),
        (image.spec.one_shot, image.once),
        (image.spec.pooling_groups, image.group),
        (image.spec.slope_synapses or image.spec.clear_synapses, image.kind),
    ):
        if used:
            digest.update(array.tobytes())
    for ports in (image.inputs, image.outputs):
        digest.update(repr([(port.name, port.neuron) for port in ports]).encode())
    for array in (image.start.cycle, image.start.port, image.start.value):
        digest.update(array.tobytes())
    return "sha256:" + digest.hexdigest()
