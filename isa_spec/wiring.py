"""Images of networks made by hand: neurons by name, synapses one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from isa_spec.building import build_image
from isa_spec.errors import FormatError
from isa_spec.image import Port, ProcessorImage
from isa_spec.spec import ProcessorSpec
from isa_spec.spikes import SpikeEvents


def wire_image(
    spec: ProcessorSpec,
    neurons: Mapping[str, int],
    synapses: Iterable[tuple[str, str, int, int]],
    inputs: Sequence[str],
    outputs: Sequence[str] | None = None,
    start: Sequence[str] = (),
) -> ProcessorImage:
    """Image of a network that is written down neuron by neuron.

    Parameters
    ----------
    spec : ProcessorSpec
    neurons : dict of str to int
        Threshold of each neuron, in potential units; their order is that of the image.
    synapses : iterable of (str, str, int, int)
        Source, target, weight in potential units and delay in cycles of each.
    inputs : sequence of str
        Neurons that spikes may be given to; the ports are called after them.
    outputs : sequence of str, optional
        Neurons whose spikes leave the chip; by default all.
    start : sequence of str
        Inputs that are given their threshold in cycle 0, once after each reset: clocks.

    Raises
    ------
    FormatError
        If a neuron is not there, or a value is no integer or out of range.
    ResourceError
        If the network does not fit the processor.
    """
    number = {name: index for index, name in enumerate(neurons)}

    def find(name: str, where: str) -> int:
        if name not in number:
            raise FormatError(f"{where}: '{name}' is no neuron, allowed: {', '.join(number)}")
        return number[name]

    rows = list(synapses)
    for index, row in enumerate(rows):
        if len(row) != 4:
            raise FormatError(f"synapse {index}: {row!r}, allowed: (source, target, weight, delay)")
    for name in start:
        if name not in inputs:
            raise FormatError(f"start: '{name}' is no input, allowed: {', '.join(inputs)}; add it to the inputs")
    ports = [inputs.index(name) for name in start]
    return build_image(
        spec,
        list(neurons.values()),
        [find(row[0], f"synapse {index}: source") for index, row in enumerate(rows)],
        [find(row[1], f"synapse {index}: target") for index, row in enumerate(rows)],
        [row[2] for row in rows],
        [row[3] for row in rows],
        [Port(name, find(name, "inputs")) for name in inputs],
        [Port(name, find(name, "outputs")) for name in (neurons if outputs is None else outputs)],
        start=SpikeEvents.of(np.zeros(len(ports), np.int64), np.array(ports, np.int64), [neurons[n] for n in start]),
    )
