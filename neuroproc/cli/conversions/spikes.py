"""Spikes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from isa_spec.image import ProcessorImage, graph_digest
from neuroproc.cli.conversions.job import Job
from neuroproc.cli.streams import STANDARD
from neuroproc.formats.images import load_image
from neuroproc.formats.spikes import read_spike_file, write_spikes


def spikes_to_spikes(job: Job) -> Sequence[str]:
    """Spikes in another format."""
    image = _named_image(job)
    ports = None if image is None else image.inputs
    events, digest = read_spike_file(job.stream(), ports, None if image is None else graph_digest(image))
    digest = digest if image is None else graph_digest(image)
    target = sys.stdout.buffer if job.target == STANDARD else job.target
    write_spikes(target, events, ports, digest, job.suffix)
    if job.suffix != ".txt" or image is not None:
        return ()
    n_ports, n_cycles = (int(field.max(initial=-1)) + 1 for field in (events.port, events.cycle))
    return (
        f"a raster has a line for each port: written are {n_ports}, up to the last with a spike, and {n_cycles} "
        "cycles; --image says how many ports there are",
    )


def _named_image(job: Job) -> ProcessorImage | None:
    """The image of ``--image``."""
    return None if job.args.image is None else load_image(job.args.image)
