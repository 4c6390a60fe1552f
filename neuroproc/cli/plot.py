"""Pictures: drawn into a file with -o (.svg, .png or .pdf; needs the extra 'plot'), or as text without it."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLE = "neuroproc plot raster digits.npi --frames neuroproc/data/digits_frames.npz"
ROOM = "neuroproc.cli.plotting"
KINDS: Mapping[str, str] = {
    "raster": "who fires when, layer by layer",
    "potentials": "what neurons hold before they are reset, against their thresholds",
    "activity": "how much each layer fired in a run",
    "layers": "layers of a network or an image, and what each reads",
    "pareto": "what each fold of a network costs: neurons and synapses against time",
    "spacetime": "which layer computes which place of its map when",
}
"""Each is a module of `ROOM` with ``EXAMPLE``, ``configure(parser)`` and ``execute(args)``, as commands are."""
