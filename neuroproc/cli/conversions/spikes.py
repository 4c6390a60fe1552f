"""Spikes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from isa_spec.image import ProcessorImage, graph_digest
from isa_spec.spikes import SpikeEvents
from neuroproc.cli.conversions.job import Job
from neuroproc.cli.streams import STANDARD, standard_output
from neuroproc.formats.images import load_image
from neuroproc.formats.spikes import read_spike_file, write_spikes


def spikes_to_spikes(job: Job) -> Sequence[str]:
    """Spikes in another format."""
    image = given_image(job)
    ports = None if image is None else image.inputs
    events, digest = read_spike_file(job.stream(), ports, None if image is None else graph_digest(image))
    return put_spikes(job, events, image, digest)


def given_image(job: Job) -> ProcessorImage | None:
    """The image of ``--image``."""
    return None if job.args.image is None else load_image(job.args.image)


def put_spikes(job: Job, events: SpikeEvents, image: ProcessorImage | None, digest: str | None) -> Sequence[str]:
    """Write spikes for an image, or for any that a digest names; what the target has no place for."""
    ports, digest = (None, digest) if image is None else (image.inputs, graph_digest(image))
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(standard_output()) if job.target == STANDARD else job.target
        write_spikes(target, events, ports, digest, job.suffix)
    if job.suffix != ".txt" or image is not None:
        return ()
    n_ports, n_cycles = (int(field.max(initial=-1)) + 1 for field in (events.port, events.cycle))
    return (
        f"a raster has a line for each port: written are {n_ports}, up to the last with a spike, and {n_cycles} "
        "cycles; --image says how many ports there are",
    )
