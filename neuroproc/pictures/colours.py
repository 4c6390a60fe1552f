"""Colours of every picture: a palette for layers that colour-blind eyes tell apart, and what else is drawn."""

from __future__ import annotations

from collections.abc import Sequence

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#882255", "#999933")
"""For layers, in their order; after the last the first again. None is near to white or to black.

Source: the first six are Okabe and Ito's, the last two of Tol's "muted" scheme.
"""
CONTROL = "#6b7280"
"""For the layer of clocks, which no network has."""
REFERENCE, GRID, ALARM = "#6b7280", "#e5e7eb", "#b42318"
"""For lines that something is held against, for the grid, and for what is wrong."""
SYNAPSES, NEURONS = "#1f6f8b", "#d1495b"


def layer_places(kinds: Sequence[str]) -> list[int | None]:
    """Place of each layer's colour in `PALETTE`; None for clocks, which have `CONTROL`.

    Layers are counted whether or not they have neurons, so that a network and its images have the same colours.

    Parameters
    ----------
    kinds : sequence of str
        Kinds of all layers of an image, in their order; those of a network are the same, but for ``control``.
    """
    found: list[int | None] = []
    number = 0
    for kind in kinds:
        found.append(None if kind == "control" else number % len(PALETTE))
        number += kind != "control"
    return found


def layer_colours(kinds: Sequence[str]) -> list[str]:
    """A colour for each layer, ``#rrggbb``, by `layer_places`."""
    return [CONTROL if place is None else PALETTE[place] for place in layer_places(kinds)]


def lighter(colour: str, share: float) -> str:
    """A colour with some white in it.

    Parameters
    ----------
    colour : str
        ``#rrggbb``.
    share : float
        Of white: 0 is the colour, 1 is white.
    """
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02x}" for part in parts)
