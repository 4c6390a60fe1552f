"""Outlines around some places of a map: in the map itself, and in time."""

from __future__ import annotations

import numpy as np

from neuroproc.pictures.timetable import Band, drawn_from


def outline(field: np.ndarray) -> np.ndarray:
    """Lines around the places of a field.

    Parameters
    ----------
    field : bool[height, width]

    Returns
    -------
    float64[n_lines, 2, 2]
        Column and row of both ends.
    """
    row, column = np.mgrid[: field.shape[0], : field.shape[1]].astype(float)
    alone = np.zeros(field.shape, bool)
    return _lines(field, column, column + 1, row, row + 1, alone, alone)


def outline_in_time(band: Band, field: np.ndarray, near: float = 0.0) -> np.ndarray:
    """Lines around the marks of frame 0 that are of a field: one around those that follow each other without a break.

    Parameters
    ----------
    band : Band
    field : bool[height, width]
    near : float, cycles
        A break that is shorter is none.

    Returns
    -------
    float64[n_lines, 2, 2]
        Cycle and row of both ends.
    """
    begin, length = drawn_from(band)
    row, n_turns = np.arange(band.height)[:, None].astype(float), len(band.turns)
    breaks = np.ones(field.shape, bool)
    end = begin + length
    breaks[:, 1:] = np.abs(begin[:, 1:] - end[:, :-1]) > near + 1e-6
    end[:, :-1] = np.where(breaks[:, 1:] | ~field[:, 1:], end[:, :-1], begin[:, 1:])
    # Rows of a tile are drawn below each other, unless turns come between them.
    steps = np.broadcast_to((np.arange(band.height) % band.tile[0] == 0)[:, None], field.shape) | (n_turns > 1)
    found = []
    for number, turn in enumerate(band.turns):
        top = np.broadcast_to(row + number / n_turns, field.shape)
        found.append(_lines(field, begin + turn, end + turn, top, top + 1 / n_turns, breaks, steps))
    return np.concatenate(found)


def _lines(
    field: np.ndarray, left: np.ndarray, right: np.ndarray, top: np.ndarray, bottom: np.ndarray,
    breaks: np.ndarray, steps: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Sides of places at which no other place of the field follows.

    ``breaks`` and ``steps``, bool[height, width], are of places that do not touch the one before, or the one above.
    """
    beside, above = np.zeros((2, *field.shape), bool)
    beside[:, 1:] = field[:, :-1] & ~breaks[:, 1:]
    above[1:] = field[:-1] & ~steps[1:]
    after, below = np.zeros((2, *field.shape), bool)
    after[:, :-1] = field[:, 1:] & ~breaks[:, 1:]
    below[:-1] = field[1:] & ~steps[1:]
    sides = [
        (beside, left, left, top, bottom),
        (after, right, right, top, bottom),
        (above, left, right, top, top),
        (below, left, right, bottom, bottom),
    ]
    found = []
    for goes_on, x0, x1, y0, y1 in sides:
        here = field & ~goes_on
        found.append(np.stack([x0[here], y0[here], x1[here], y1[here]], axis=1).reshape(-1, 2, 2))
    return _joined(np.concatenate(found))


def _joined(lines: np.ndarray) -> np.ndarray:
    """Lines of which those that go on in the same direction are one."""
    found: list[list[float]] = []
    level = lines[:, 0, 1] == lines[:, 1, 1]
    for along, some in ((0, lines[level]), (1, lines[~level])):
        order = np.lexsort((some[:, 0, along], some[:, 0, 1 - along]))
        before = len(found)
        for line in some[order].reshape(-1, 4).tolist():
            if len(found) > before and np.allclose(found[-1][2:], line[:2]):
                found[-1][2:] = line[2:]
            else:
                found.append(line)
    return np.array(found).reshape(-1, 2, 2)
