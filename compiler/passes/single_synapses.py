"""An image with one synapse for each ordered pair of neurons, for what has no more."""

from __future__ import annotations

import numpy as np

from compiler.graph import NeuronGraph
from compiler.passes.one_per_pair import one_per_pair
from isa_spec.building import build_image
from isa_spec.image import ProcessorImage


def single_synapses(image: ProcessorImage) -> ProcessorImage:
    """The image with proxy neurons in the place of parallel synapses; every other neuron does what it did.

    Proxies come after the neurons that there are, which keep their numbers. An image that has no parallel synapses is
    given back as it is.

    Raises
    ------
    ResourceError
        If several synapses of one pair have a delay of 1, so that no proxy can come before them, or the proxies do not
        fit the processor.
    """
    graph = NeuronGraph(
        threshold=image.threshold.astype(np.int64),
        role=image.role,
        layer=image.layer,
        once=image.once.astype(bool),
        group=image.group.astype(np.int64),
        source=image.source().astype(np.int64),
        target=image.target.astype(np.int64),
        weight=image.weight.astype(np.int64),
        delay=image.delay.astype(np.int64),
        kind=image.kind,
    )
    single = one_per_pair(graph, None, [layer.name for layer in image.layers] or [""])
    if single is graph:
        return image
    return build_image(
        image.spec,
        single.threshold,
        single.source,
        single.target,
        single.weight,
        single.delay,
        image.inputs,
        image.outputs,
        leaks=np.pad(image.leaks, (0, len(single.threshold) - image.n_neurons)),
        once=single.once,
        group=single.group,
        kind=single.kind,
        role=single.role,
        layer=single.layer,
        layers=image.layers,
        start=image.start,
        encoding=image.encoding,
        decode=image.decode,
        latency=image.latency,
        interval=image.interval,
        source_digest=image.source_digest,
        options=image.options,
    )
