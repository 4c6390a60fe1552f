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
        Groups of options of `convert` that mean something here.
    """

    sources: tuple[str, ...]
    suffix: str
    target: str
    write: Callable[[Job], Sequence[str]]
    lost: str = ""
    may_lose: str = ""
    options: tuple[str, ...] = ()


OTHERS = (NIR, ONNX, DUMP)
NETWORKS = (NETWORK, *OTHERS)
IMAGES = (IMAGE, TENNLAB)

_BITS = "what is rounded, layer by layer"
_METADATA = "encoding, decoding, reset and floor are metadata that only neuroproc reads"
_VIEW = "a view has no encoding and no decoding, and is not read back"
_TIMES = "when in its bin an event was"
_SILENT = "without --image, ports after the last with a spike"

ROUTES = (
    Route((NETWORK,), ".json", "layered network", networks.network_to_json, options=("import",)),
    Route(OTHERS, ".json", "layered network", networks.network_to_json, "", _BITS, ("import",)),
    Route(NETWORKS, ".nir", "NIR network", networks.network_to_nir, _METADATA, options=("import",)),
    Route(NETWORKS, ".dot", "drawing of layers", networks.network_to_dot, "weights", options=("import",)),
    Route(IMAGES, ".npi", "processor image", images.image_to_image),
    Route((IMAGE,), ".json", "TENNLab network", images.image_to_tennlab, "", "layers, roles, encoding, decoding"),
    Route((TENNLAB,), ".json", "TENNLab network", images.image_to_tennlab),
    Route(IMAGES, ".graphml", "graph of neurons", images.image_to_graphml, _VIEW),
    Route(IMAGES, ".dot", "drawing of neurons", images.image_to_dot, _VIEW),
    Route((SPIKES,), ".csv", "spikes", spikes.spikes_to_spikes, options=("image",)),
    Route((SPIKES,), ".npz", "spikes", spikes.spikes_to_spikes, options=("image",)),
    Route((SPIKES,), ".txt", "raster of spikes", spikes.spikes_to_spikes, "", _SILENT, ("image",)),
    Route((EVENTS,), ".csv", "spikes", events.events_to_spikes, _TIMES, "labels", ("image", "events")),
    Route((EVENTS,), ".npz", "spikes or frames", events.events_to_npz, _TIMES, "labels", ("image", "events", "frames")),
    Route((EVENTS,), ".txt", "raster of spikes", events.events_to_spikes, _TIMES, "labels", ("image", "events")),
    Route((EVENTS,), ".npy", "frames", events.events_to_npy, _TIMES, "labels", ("events", "frames")),
    Route((FRAMES,), ".npz", "frames and labels", frames.frames_to_npz),
    Route((FRAMES,), ".npy", "frames", frames.frames_to_npy, may_lose="labels"),
    Route((PROFILE,), ".json", "TENNLab parameters", profiles.profile_to_parameters, "", "what RISP lacks"),
    Route((PARAMETERS,), ".toml", "profile", profiles.parameters_to_profile, "", "what belongs to the host"),
)
