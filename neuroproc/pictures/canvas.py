"""What pictures are drawn on, and how they become files: matplotlib, the optional extra ``plot``.

The same picture gives the same bytes: no dates, no random names, no style that somebody has set.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.errors import NeuroprocError
from isa_spec.files import read_bytes, write_atomically
from neuroproc.pictures.colours import GRID

FORMATS = ("svg", "png", "pdf")
MANY = 5_000
"""Marks from which on a drawing is made of pixels inside of a file of lines (``rasterized``)."""


@dataclass(frozen=True)
class Picture:
    """A picture that was drawn into a file; a notebook shows it, if it is one of lines or pixels (not ``.pdf``).

    Parameters
    ----------
    path : Path
    """

    path: Path

    def _repr_svg_(self) -> str | None:
        return read_bytes(self.path).decode() if self._is("svg") else None

    def _repr_png_(self) -> bytes | None:
        return read_bytes(self.path) if self._is("png") else None

    def _is(self, kind: str) -> bool:
        return self.path.suffix.lower() == f".{kind}"


def check_target(path: str | Path) -> str:
    """Format of a picture's file, if it can be made: ask before a long run.

    Raises
    ------
    NeuroprocError
        If the suffix is unknown, or matplotlib is missing.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise NeuroprocError(f"{path}: a picture is one of {', '.join('.' + name for name in FORMATS)}")
    _matplotlib()
    return kind


@contextlib.contextmanager
def picture(path: str | Path, title: str, width: float, height: float) -> Iterator[Any]:
    """Empty figure that becomes a file when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    title : str
        What the file is of; not drawn.
    width, height : float, inches

    Raises
    ------
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    kind = check_target(path)
    matplotlib, figure_class, canvas_class = _matplotlib()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        # Names inside of a file would be random otherwise.
        matplotlib.rcParams["svg.hashsalt"] = title
        # Names are anybody's: dollars in them are no formulas.
        matplotlib.rcParams["text.parse_math"] = False
        figure = figure_class(figsize=(width, height), layout="constrained")
        canvas_class(figure)
        yield figure
        content = io.BytesIO()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
        figure.savefig(content, format=kind, dpi=160, metadata=metadata)
    with write_atomically(path) as file:
        file.write(content.getvalue())


def bare(axes: Any, sides: Sequence[str] = ("top", "right"), grid: str | None = "major") -> None:
    """Take away what says nothing: sides of the frame; and put a faint grid behind, at ticks of a kind, if any."""
    for side in sides:
        axes.spines[side].set_visible(False)
    if grid:
        axes.grid(which=grid, color=GRID, lw=0.6)


def raised(axes: Any, points: float) -> Any:
    """Where data stand on axes, so many points higher."""
    from matplotlib.transforms import ScaledTranslation

    return axes.transData + ScaledTranslation(0, points / 72, axes.get_figure().dpi_scale_trans)


def polygons(axes: Any, corners: np.ndarray, **style: Any) -> None:
    """Draw many polygons at once: float64[n, n_corners, 2], x and y of each corner."""
    from matplotlib.collections import PolyCollection

    axes.add_collection(PolyCollection(list(corners), **style))


def segments(axes: Any, ends: np.ndarray, **style: Any) -> None:
    """Draw many lines at once: float64[n, 2, 2], x and y of both ends."""
    from matplotlib.collections import LineCollection

    axes.add_collection(LineCollection(list(ends), **style))


def _matplotlib() -> tuple[Any, Any, Any]:
    """The package, its figures and what they are drawn on."""
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NeuroprocError("pictures need matplotlib; install the extra: pip install 'neuroproc[plot]'") from None
    return matplotlib, Figure, FigureCanvasAgg
