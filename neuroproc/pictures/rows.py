"""Neurons of an image layer by layer, as pictures show them: a row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from neuroproc.pictures.colours import layer_colours, lighter

FAINT = 0.62
"""Share of white in the colour of spikes that carry no value."""
DOORS = ("inputs", "hidden", "outputs")
"""What neurons are grouped by where an image has no layers."""


@dataclass(frozen=True, eq=False)
class LayerRows:
    """Neurons of one layer.

    Parameters
    ----------
    name : str
        Of the layer, or of `DOORS`.
    colour : str
        ``#rrggbb``.
    neurons : int64[n_rows]
        Ascending.
    """

    name: str
    colour: str
    neurons: np.ndarray

    @property
    def faint(self) -> str:
        """Colour of what carries no value."""
        return lighter(self.colour, FAINT)


def rows_of(
    image: ProcessorImage, layers: Sequence[str] = (), observed: np.ndarray | None = None
) -> tuple[LayerRows, ...]:
    """Layers with neurons, from the input on; where an image has no layers, inputs, hidden neurons and outputs.

    Parameters
    ----------
    image : ProcessorImage
    layers : sequence of str
        Only these, if any are named.
    observed : int[n_observed], optional
        Only these neurons.

    Raises
    ------
    EmulationError
        If the image has no such layer, or the layer no such neurons.
    """
    if image.layers:
        names, of = [record.name for record in image.layers], image.layer
        colours = layer_colours([record.kind for record in image.layers])
    else:
        names, of, colours = list(DOORS), _doors(image), layer_colours(DOORS)
    shown = np.ones(image.n_neurons, bool)
    if observed is not None:
        shown[:] = False
        shown[observed] = True
    found = []
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        neurons = np.flatnonzero((of == number) & shown)
        if len(neurons):
            found.append(LayerRows(name, colour, neurons))
    known = [rows.name for rows in found]
    for name in layers:
        if name not in known:
            raise EmulationError(f"layer '{name}' has no neurons to show, allowed: {', '.join(known)}")
    return tuple(rows for rows in found if rows.name in layers or not layers)


def _doors(image: ProcessorImage) -> np.ndarray:
    """Index into `DOORS` of each neuron; what is input and output is an output: int64[n_neurons]."""
    found = np.full(image.n_neurons, DOORS.index("hidden"))
    found[[port.neuron for port in image.inputs]] = DOORS.index("inputs")
    found[[port.neuron for port in image.outputs]] = DOORS.index("outputs")
    return found
