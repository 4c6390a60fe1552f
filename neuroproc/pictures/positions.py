"""Colours of places in a map: the same place of the frame has the same colour in every layer's map."""

from __future__ import annotations

import numpy as np

CORNERS = np.array([[[59, 76, 192], [26, 158, 153]], [[192, 38, 101], [250, 192, 50]]], float)
"""Red, green and blue of the corners: top left, top right; bottom left, bottom right."""
WHOLE = "#4b5563"
"""Colour of a map of one place: it stands for all of the frame."""


def position_colours(row: np.ndarray, column: np.ndarray, pale: np.ndarray | float = 0.0) -> list[str]:
    """Colour of each place, ``#rrggbb``: between those of the corners.

    Parameters
    ----------
    row, column : float64[n]
        Shares of the way from top to bottom and from left to right, 0 to 1.
    pale : float64[n] or float
        Share of white, 0 to 1.
    """
    down, right = np.asarray(row, float)[:, None], np.asarray(column, float)[:, None]
    above = CORNERS[0, 0] * (1 - right) + CORNERS[0, 1] * right
    below = CORNERS[1, 0] * (1 - right) + CORNERS[1, 1] * right
    return _paled(above * (1 - down) + below * down, pale)


def whole_colours(n: int, pale: np.ndarray | float = 0.0) -> list[str]:
    """`WHOLE` for each of ``n`` marks, with its share of white (float64[n] or float)."""
    rgb = np.array([int(WHOLE[at : at + 2], 16) for at in (1, 3, 5)], float)
    return _paled(np.broadcast_to(rgb, (n, 3)), pale)


def _paled(rgb: np.ndarray, pale: np.ndarray | float) -> list[str]:
    white = np.broadcast_to(np.asarray(pale, float), (len(rgb),))[:, None]
    mixed = np.rint(rgb * (1 - white) + 255 * white).astype(int)
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in mixed.tolist()]
