"""Which file can become which: one row for each way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from neuroproc.cli.conversions import events, frames, images, networks, profiles, spikes
from neuroproc.cli.conversions.job import Job
from neuroproc.cli.kinds import DUMP, EVENTS, FRAMES, IMAGE, NETWORK, NIR, ONNX, PARAMETERS, PROFILE, SPIKES, TENNLAB


@dataclass(frozen=True)
class Route:
    """One way.

    Parameters
    ----------
    sources : tuple of str
        Kinds of files that go it.
    suffix : str
        Of the target.
    target : str
        What the target is.
    write : callable
        Writes the target and returns what this source loses, a sentence each.
    lost : str
        What every source loses; empty for nothing.
    may_lose : str
        What a source loses that has it.
    options : tuple of str
        Those of `convert` that mean something here.
    """

    sources: tuple[str, ...]
    suffix: str
    target: str
    write: Callable[[Job], Sequence[str]]
    lost: str = ""
    may_lose: str = ""
    options: tuple[str, ...] = ()


NETWORKS = (NETWORK, NIR, ONNX, DUMP)
IMAGES = (IMAGE, TENNLAB)
_TIMES = "when in its bin an event was"
_METADATA = "encoding, decoding, reset and floor have no words in NIR: they are metadata that only neuroproc reads"
_ROUNDED = "of foreign networks what is rounded, layer by layer"
_VIEW = "a view is not read back: how frames go in and come out is not in it"

ROUTES = (
    Route(NETWORKS, ".json", "layered network", networks.network_to_json, may_lose=_ROUNDED, options=("import",)),
    Route(NETWORKS, ".nir", "NIR network", networks.network_to_nir, _METADATA, options=("import",)),
    Route(
        NETWORKS,
        ".dot",
        "drawing of layers",
        networks.network_to_dot,
        "a drawing has no weights",
        options=("import",),
    ),
    Route(IMAGES, ".npi", "processor image", images.image_to_image),
    Route(
        IMAGES,
        ".json",
        "TENNLab network",
        images.image_to_tennlab,
        may_lose="layers, roles, encoding, decoding",
    ),
    Route(IMAGES, ".graphml", "graph of neurons", images.image_to_graphml, _VIEW),
    Route(IMAGES, ".dot", "drawing of neurons", images.image_to_dot, _VIEW),
    Route((SPIKES,), ".csv", "spikes", spikes.spikes_to_spikes, options=("image",)),
    Route((SPIKES,), ".npz", "spikes", spikes.spikes_to_spikes, options=("image",)),
    Route(
        (SPIKES,),
        ".txt",
        "spikes (raster)",
        spikes.spikes_to_spikes,
        may_lose="ports after the last with a spike, without --image",
        options=("image",),
    ),
    Route((EVENTS,), ".csv", "spikes", events.events_to_spikes, _TIMES, "labels", options=("image", "events")),
    Route(
        (EVENTS,),
        ".npz",
        "spikes, or frames with --frames",
        events.events_to_npz,
        _TIMES,
        "labels of spikes",
        options=("image", "events", "frames"),
    ),
    Route((EVENTS,), ".txt", "spikes (raster)", events.events_to_spikes, _TIMES, "labels", options=("image", "events")),
    Route((EVENTS,), ".npy", "frames", events.events_to_npy, _TIMES, "labels", options=("events", "frames")),
    Route(
        (PROFILE,),
        ".json",
        "TENNLab parameters",
        profiles.profile_to_parameters,
        may_lose="what RISP has no parameter for",
    ),
    Route(
        (PARAMETERS,),
        ".toml",
        "profile",
        profiles.parameters_to_profile,
        may_lose="what belongs to the host, as a table of weights",
    ),
    Route((FRAMES,), ".npz", "frames", frames.frames_to_npz),
    Route((FRAMES,), ".npy", "frames", frames.frames_to_npy, may_lose="labels"),
)
