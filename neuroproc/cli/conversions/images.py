"""Processor images and TENNLab's networks."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.passes.single_synapses import single_synapses
from compiler.views.dot import image_dot
from isa_spec.errors import ResourceError
from isa_spec.image import ProcessorImage
from neuroproc.cli.conversions.job import Job
from neuroproc.cli.kinds import TENNLAB
from neuroproc.cli.streams import put_image
from neuroproc.formats.images import load_image
from neuroproc.tennlab.image import read_tennlab
from neuroproc.tennlab.layout import network_text
from neuroproc.tennlab.writer import image_to_network


def image_to_image(job: Job) -> Sequence[str]:
    """A processor image."""
    put_image(job.target, _image(job))
    return ()


def image_to_tennlab(job: Job) -> Sequence[str]:
    """An image as a TENNLab network, with proxies for parallel synapses."""
    image = _image(job)
    try:
        single = single_synapses(image)
    except ResourceError as error:
        words = f"{job.where}: TENNLab's networks have one synapse for a pair of neurons: {error}"
        raise ResourceError(words, limit=error.limit, used=error.used, allowed=error.allowed) from None
    job.put(network_text(image_to_network(single)).encode("utf-8", "backslashreplace"))
    added, notes = single.n_neurons - image.n_neurons, []
    if added:
        notes.append(f"{added:,} proxy neurons stand for parallel synapses: TENNLab's networks have one for a pair")
    if image.layers:
        notes.append("layers, roles, encoding and decoding are left out: verify and classify want the processor image")
    return notes


def image_to_graphml(job: Job) -> Sequence[str]:
    """An image as GraphML."""
    from compiler.views.graphs import to_graphml  # late: networkx takes longer to load than most conversions

    job.put(to_graphml(_image(job)))
    return ()


def image_to_dot(job: Job) -> Sequence[str]:
    """A drawing of an image's neurons."""
    job.put(image_dot(_image(job)).encode())
    return ()


def _image(job: Job) -> ProcessorImage:
    if job.kind == TENNLAB:
        return read_tennlab(job.source if job.data is None else job.data.decode("utf-8-sig"))
    return load_image(job.stream())
