"""Numbers and shapes of NIR nodes: scalars spread over axes, padding in words, parameters of units by channel.

A map's axes are those of the file, without a batch: (N,), (C, L) or (C, H, W). None where nothing can be said, because
a layer before is of a kind that is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from compiler.networks.layers import Pair, Shape
from compiler.networks.network_file import LONGEST
from isa_spec.errors import FormatError

Axes = tuple[int, ...] | None


def numbers(node: Mapping[str, Any], key: str, where: str, infinite: bool = False) -> np.ndarray:
    """Numbers of a node's key: integers as int64, else float64.

    Parameters
    ----------
    node : dict
    key : str
    where : str
        The node, for messages.
    infinite : bool
        Whether infinity is a value.

    Raises
    ------
    FormatError
        If the key is missing, or holds anything but finite numbers of at most 64 bits.
    """
    if key not in node:
        raise FormatError(f"{where}: key '{key}' is missing, it has {', '.join(sorted(node))}")
    array = np.asarray(node[key])
    if isinstance(node[key], Mapping) or array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        found = "a group" if isinstance(node[key], Mapping) else f"{array.dtype} values"
        raise FormatError(f"{where}: {key}: {found}, allowed: numbers of at most 64 bits")
    if array.size == 0:
        raise FormatError(f"{where}: {key}: shape {list(array.shape)}, allowed: one number and more")
    wrong = np.isnan(array) if infinite else ~np.isfinite(array)
    if wrong.any():
        index = tuple(int(axis[0]) for axis in np.nonzero(wrong))
        at = f"[{', '.join(map(str, index))}]" if index else ""
        raise FormatError(
            f"{where}: {key}{at} = {array[index]}, allowed: {'numbers' if infinite else 'finite numbers'}"
        )
    if array.dtype.kind == "u" and array.max() > np.iinfo(np.int64).max:
        raise FormatError(f"{where}: {key}: {array.max()} does not fit 64 bits")
    return array.astype(np.int64 if array.dtype.kind in "iu" else np.float64)


def whole(node: Mapping[str, Any], key: str, axes: int, where: str, least: int = 1) -> tuple[int, ...]:
    """As many integers as there are axes; one stands for all.

    Raises
    ------
    FormatError
        If they are no integers, out of range, or of another number.
    """
    array = numbers(node, key, where).ravel()
    if array.size not in (1, axes) or np.any(array != np.floor(array)) or array.min() < least or array.max() > LONGEST:
        raise FormatError(
            f"{where}: {key} = {array.tolist()}, allowed: {axes} integer(s) (or one for all) in {least}..{LONGEST}"
        )
    return tuple(int(value) for value in np.broadcast_to(array, axes))


def padding_of(
    node: Mapping[str, Any], kernel: tuple[int, ...], dilation: tuple[int, ...], where: str
) -> tuple[Pair, ...]:
    """Both sides of each axis: from numbers, or from 'valid' or 'same'.

    With 'same' the map keeps its size; what cannot be halved is one more at the end, as in PyTorch.

    Raises
    ------
    FormatError
        If it is neither.
    """
    value = node.get("padding")
    if isinstance(value, str):
        if value not in ("valid", "same"):
            raise FormatError(f"{where}: padding = {value!r}, allowed: integers, 'same' or 'valid'")
        whole_reach = [(size - 1) * step * (value == "same") for size, step in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in whole_reach)
    return tuple((side, side) for side in whole(node, "padding", len(kernel), where, least=0))


def window_axes(
    axes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[Pair, ...],
    dilation: tuple[int, ...],
    where: str,
) -> tuple[int, ...]:
    """Positions of a window along each axis.

    Raises
    ------
    FormatError
        If it is larger than the padded map.
    """
    sizes = [size + before + after for size, (before, after) in zip(axes, padding, strict=True)]
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
    positions = [(size - own) // step + 1 for size, own, step in zip(sizes, reach, stride, strict=True)]
    if min(positions) < 1:
        raise FormatError(f"{where}: a window of {reach} is larger than the padded map {sizes}")
    return tuple(positions)


def frame_shape(axes: tuple[int, ...], where: str) -> Shape:
    """(C, H, W) of a map with such axes; what has one axis less lies along the rows.

    Raises
    ------
    FormatError
        If it has none, or more than three.
    """
    if not 1 <= len(axes) <= 3 or min(axes) < 1 or max(axes) > LONGEST:
        raise FormatError(f"{where}: shape {list(axes)}, allowed: [N], [C, L] or [C, H, W], each in 1..{LONGEST}")
    c, h, w = (*axes, 1, 1)[:3]
    return c, h, w


def by_channel(values: np.ndarray, axes: Axes, where: str) -> np.ndarray | str:
    """A parameter of units as one number for each channel, or one for all.

    Parameters
    ----------
    values : int64 or float64[...]
        A number; one per unit, in the shape of the map; or one per channel.
    axes : tuple of int or None
        Of the map.
    where : str
        The node and its key, for messages.

    Returns
    -------
    float64[C] or float64[1], or str
        The end of a sentence, if units of one channel differ.

    Raises
    ------
    FormatError
        If the shape is none of the map's.
    """
    if axes is not None and len(axes) == 1 and values.size == axes[0]:
        values = values.reshape(-1)
    if np.all(values == values.flat[0]) and (axes is None or values.size == 1 or _fits(values, axes)):
        return np.array([values.flat[0]], np.float64)
    if axes is None:
        return values.reshape(-1).astype(np.float64)
    if not _fits(values, axes):
        raise FormatError(
            f"{where}: shape {list(values.shape)}, allowed: that of the map, {list(axes)}, one number per channel, "
            f"[{axes[0]}], or one number"
        )
    shape = _without_ones(values.shape, len(axes))
    if len(shape) == 1 < len(axes):
        if axes[-1] == axes[0]:
            return f"is {list(shape)} for a map of {list(axes)}: by channel, or by column? Give it in the map's shape"
        return values.reshape(-1).astype(np.float64)
    full = np.broadcast_to(values.reshape(shape), axes).reshape(axes[0], -1)
    if np.any(full != full[:, :1]):
        return "differs from place to place in a channel, and a channel has one for all its places"
    return full[:, 0].astype(np.float64)


def _without_ones(shape: tuple[int, ...], most: int) -> tuple[int, ...]:
    """The shape without leading ones that a batch has left there."""
    while len(shape) > most and shape[0] == 1:
        shape = shape[1:]
    return shape


def _fits(values: np.ndarray, axes: tuple[int, ...]) -> bool:
    shape = _without_ones(values.shape, len(axes))
    if shape == (axes[0],) or not shape:
        return True
    return len(shape) == len(axes) and all(own in (1, size) for own, size in zip(shape, axes, strict=True))
