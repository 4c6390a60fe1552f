"""A weight dump as plain data: its header, its layers' entries, and the arrays that are taken from it one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isa_spec.errors import FormatError

LAYOUTS = ("channels-last", "channels-first")
"""Keras's order of axes (H, W, C; kernels H, W, I, O; dense I, O), and PyTorch's (C, H, W; O, I, H, W; O, I)."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One layer of the header.

    Parameters
    ----------
    name, kind : str
        What it is called, and its class in the framework.
    inputs : tuple of str
        Layers that it reads.
    options : dict
        The other keys.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Dump:
    """A dump while it is read.

    Parameters
    ----------
    name : str
        The file, for messages.
    layout : str
        One of `LAYOUTS`.
    shape : tuple of int
        Of a frame, in the layout's order.
    entries : tuple of Entry
    arrays : dict of str to array
    taken : set of str
        Arrays that a layer has read.
    """

    name: str
    layout: str
    shape: tuple[int, ...]
    entries: tuple[Entry, ...]
    arrays: Mapping[str, np.ndarray]
    taken: set[str] = field(default_factory=set)

    @property
    def last(self) -> bool:
        """Whether channels come last."""
        return self.layout == LAYOUTS[0]

    def wrong(self, entry: Entry, problem: str) -> FormatError:
        """What to raise where a layer contradicts itself or its arrays."""
        return FormatError(f"{self.name}: layer '{entry.name}' ({entry.kind}): {problem}")

    def array(self, entry: Entry, key: str, ndim: int | None = None) -> np.ndarray | None:
        """Numbers of a layer, None where there are none.

        Raises
        ------
        FormatError
            If they are no finite numbers, or have another number of dimensions.
        """
        name = f"{entry.name}.{key}"
        if name not in self.arrays:
            return None
        self.taken.add(name)
        array = self.arrays[name]
        if array.dtype.kind not in "iufb" or array.dtype.itemsize > 8:
            raise self.wrong(entry, f"array '{name}' holds {array.dtype}, allowed: numbers of at most 64 bits")
        if ndim is not None and array.ndim != ndim:
            raise self.wrong(entry, f"array '{name}' has shape {list(array.shape)}, allowed: {ndim} dimension(s)")
        if not np.isfinite(array).all():
            raise self.wrong(entry, f"array '{name}' holds numbers that are not finite")
        return array.astype(np.float64) if array.dtype.kind == "f" else array.astype(np.int64)

    def needed(self, entry: Entry, key: str, ndim: int | None = None) -> np.ndarray:
        """As `array`, of what has to be there."""
        array = self.array(entry, key, ndim)
        if array is None:
            raise self.wrong(entry, f"array '{entry.name}.{key}' is missing")
        return array

    def sizes(self, entry: Entry, key: str, default: Any, n_axes: int) -> tuple[int, ...]:
        """One positive integer per axis; one number stands for all."""
        value = entry.options.get(key)
        value = default if value is None else value
        sizes = list(value) if isinstance(value, list | tuple) else [value] * n_axes
        if len(sizes) != n_axes or any(type(size) is not int or size < 1 for size in sizes):
            raise self.wrong(entry, f"{key} = {value!r}, allowed: {n_axes} integer(s) above 0")
        return tuple(sizes)

    def number(self, entry: Entry, key: str, default: float) -> float:
        """A finite number."""
        value = entry.options.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise self.wrong(entry, f"{key} = {value!r}, allowed: a number")
        return float(value)
