"""What `neuroproc convert` can do: one function for each way, which writes the target and tells what is lost."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from compiler.dot import image_dot, network_dot
from compiler.network import LayeredNetwork
from compiler.network_writer import save_network
from compiler.views import to_graphml
from isa_spec.arrays import ZIP_MAGIC, decode_npz, encode_npy, encode_npz
from isa_spec.errors import FormatError
from isa_spec.files import read_bytes, write_atomically
from isa_spec.image import ProcessorImage, graph_digest
from neuroproc.cli.imports import get_network, origin_lines
from neuroproc.cli.kinds import FOREIGN, NETWORK, kind_of, kind_of_bytes
from neuroproc.cli.streams import STANDARD
from neuroproc.formats.frames import read_examples, read_labels
from neuroproc.formats.images import load_image, save_image
from neuroproc.formats.spikes import read_spike_file, write_spikes

STDIN = "<stdin>"


@dataclass(frozen=True, eq=False)
class Job:
    """One conversion.

    Parameters
    ----------
    source : str
        Path, or ``-``.
    target : str
        Path, or ``-``.
    suffix : str
        Of what is written: ``.csv``.
    data : bytes or None
        Content of standard input.
    args : argparse.Namespace
        Options.
    """

    source: str
    target: str
    suffix: str
    data: bytes | None
    args: argparse.Namespace

    @property
    def where(self) -> str:
        """Name of the source, for messages."""
        return STDIN if self.data is not None else self.source

    @cached_property
    def kind(self) -> str:
        """What the source is, one of `kinds.KINDS`."""
        return kind_of(self.source) if self.data is None else kind_of_bytes(self.data, STDIN)

    def path(self) -> str:
        """Path of a source that is read by name only.

        Raises
        ------
        FormatError
            If it is standard input.
        """
        if self.data is not None:
            raise FormatError(f"{STDIN} ({self.kind}) is read by name only, not from a stream; give its name")
        return self.source

    def stream(self) -> str | io.BytesIO:
        """The source for readers of paths and streams."""
        if self.data is None:
            return self.source
        stream = io.BytesIO(self.data)
        stream.name = STDIN
        return stream

    def put(self, content: bytes) -> None:
        """Write the whole target."""
        if self.target == STANDARD:
            sys.stdout.buffer.write(content)
        else:
            with write_atomically(self.target) as file:
                file.write(content)


def network_to_json(job: Job) -> Sequence[str]:
    """A network in the project's own format: JSON, and its arrays beside it."""
    if job.target == STANDARD:
        raise FormatError("<stdout>: a layered network is two files, NAME.json and NAME.npz; give a name")
    network, notes = _network(job)
    _check_arrays(Path(job.target), Path(job.source))
    save_network(network, job.target)
    return notes


def network_to_dot(job: Job) -> Sequence[str]:
    """A drawing of a network's layers."""
    network, notes = _network(job)
    job.put(network_dot(network).encode())
    return notes


def image_to_image(job: Job) -> Sequence[str]:
    """A processor image."""
    image = _image(job)
    stream = io.BytesIO()
    save_image(stream, image)
    job.put(stream.getvalue())
    return ()


def image_to_graphml(job: Job) -> Sequence[str]:
    """An image as GraphML."""
    job.put(to_graphml(_image(job)))
    return ()


def image_to_dot(job: Job) -> Sequence[str]:
    """A drawing of an image's neurons."""
    job.put(image_dot(_image(job)).encode())
    return ()


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


def frames_to_npz(job: Job) -> Sequence[str]:
    """Frames, and their labels where the source has them."""
    frames, labels, notes = _examples(job.path())
    job.put(encode_npz({"frames": frames} | ({} if labels is None else {"labels": labels})))
    return notes


def frames_to_npy(job: Job) -> Sequence[str]:
    """Frames alone."""
    frames, labels, notes = _examples(job.path())
    job.put(encode_npy(frames))
    return [*notes, *([] if labels is None else [f"{len(labels):,} labels are left out; .npz has room for them"])]


def _examples(path: str) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Frames, labels, and what else the file has."""
    frames, labels = read_examples(path)
    data = read_bytes(path)
    if not data.startswith(ZIP_MAGIC):
        return frames, labels, []
    arrays = list(decode_npz(data, path))
    if "labels" in arrays:
        labels = read_labels(path)
    others = [name for name in arrays if name != "labels"]
    left = [name for name in others if name != ("frames" if "frames" in others else others[0])]
    return frames, labels, [f"array '{name}' is left out" for name in left]


def _check_arrays(target: Path, source: Path) -> None:
    """Refuse to write a network's arrays over a file that is none of its own."""
    arrays = target.with_suffix(".npz")
    if arrays.exists() and (not target.exists() or arrays.resolve() == source.resolve()):
        raise FormatError(
            f"{target}: the arrays of a network go to {arrays.name} beside it, and that is there and belongs to "
            "something else; choose another name"
        )


def _network(job: Job) -> tuple[LayeredNetwork, list[str]]:
    """Network of the source, and what a foreign one lost or left open."""
    path = job.path()
    suffix = FOREIGN.get(job.kind)
    if suffix is not None and Path(path).suffix != suffix:
        raise FormatError(f"{path} ({job.kind}) is read under a name that ends in {suffix}; rename it")
    network = get_network(path, job.args)
    return network, origin_lines(network.origin) if job.kind != NETWORK else []


def _image(job: Job) -> ProcessorImage:
    return load_image(job.stream())


def _named_image(job: Job) -> ProcessorImage | None:
    """The image of ``--image``."""
    return None if job.args.image is None else load_image(job.args.image)
