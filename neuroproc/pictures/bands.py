"""Neurons of an image layer by layer, as pictures show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ROLES, ProcessorImage
from neuroproc.pictures.colours import layer_colours, lighter

FAINT = 0.5
"""Share of white in the colour of what is no input and no unit: relays, clocks, gates."""


@dataclass(frozen=True, eq=False)
class Band:
    """Neurons of one layer.

    Parameters
    ----------
    name : str
        Of the layer; empty where the image has no layers.
    colour : str
        ``#rrggbb``.
    neurons : int64[n_rows]
        Ascending.
    helps : bool[n_rows]
        Which of them are no inputs and no units: relays, clocks, gates and the like.
    """

    name: str
    colour: str
    neurons: np.ndarray
    helps: np.ndarray

    @property
    def faint(self) -> str:
        """Colour of those that help."""
        return lighter(self.colour, FAINT)


def bands_of(image: ProcessorImage, layers: Sequence[str] = ()) -> list[Band]:
    """Layers with neurons, from the input on; those that are named, or all.

    Raises
    ------
    EmulationError
        If the image has no such layer, or the layer no neurons.
    """
    names = [record.name for record in image.layers] or [""]
    colours = layer_colours([record.kind for record in image.layers] or [""])
    helps = ~np.isin(image.role, [ROLES.index("input"), ROLES.index("unit")])
    found = []
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        neurons = np.flatnonzero(image.layer == number)
        if len(neurons):
            found.append(Band(name, colour, neurons, helps[neurons]))
    known = [band.name for band in found if band.name]
    for name in layers:
        if name not in known:
            raise EmulationError(
                f"layer '{name}' has no neurons, allowed: {', '.join(known) or 'none, the image has no layers'}"
            )
    return [band for band in found if band.name in layers] if layers else found
