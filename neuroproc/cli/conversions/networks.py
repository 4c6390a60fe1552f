"""Layered networks and those of other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compiler.frontends.nir.writer import write_nir
from compiler.networks.network import LayeredNetwork
from compiler.networks.network_writer import save_network
from compiler.views.dot import network_dot
from isa_spec.errors import FormatError
from neuroproc.cli.conversions.job import Job
from neuroproc.cli.imports import get_network, origin_lines
from neuroproc.cli.kinds import FOREIGN, NETWORK
from neuroproc.cli.streams import STANDARD


def network_to_json(job: Job) -> Sequence[str]:
    """A network in the project's own format: JSON, and its arrays beside it."""
    if job.target == STANDARD:
        raise FormatError("<stdout>: a layered network is two files, NAME.json and NAME.npz; give a name")
    network, notes = _network(job)
    _check_arrays(Path(job.target), Path(job.source))
    save_network(network, job.target)
    return notes


def network_to_nir(job: Job) -> Sequence[str]:
    """A network as NIR."""
    if job.target == STANDARD:
        raise FormatError("<stdout>: NIR is HDF5, which is no stream; give a name")
    network, notes = _network(job)
    write_nir(network, job.target)
    return notes


def network_to_dot(job: Job) -> Sequence[str]:
    """A drawing of a network's layers."""
    network, notes = _network(job)
    job.put(network_dot(network).encode())
    return notes


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
