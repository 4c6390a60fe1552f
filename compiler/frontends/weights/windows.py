"""Layers of a weight dump that slide a window over a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from compiler.frontends.model import Conv, Pool
from compiler.frontends.weights.dump import Entry
from compiler.frontends.weights.state import Map, State, bias_of, kernel_of, scale_of
from compiler.networks.layers import Pair


def conv(state: State, entry: Entry, read: list[Map]) -> Map:
    """Conv1D, Conv2D and DepthwiseConv2D."""
    dump, source = state.dump, read[0]
    depthwise = entry.kind.endswith("DepthwiseConv2D")
    n_axes = 1 if entry.kind.endswith("1D") else 2
    older = f"{entry.name}.depthwise_kernel" in dump.arrays  # Keras 3 calls it kernel, as everywhere
    kernel, scale = kernel_of(state, entry, "depthwise_kernel" if older else "kernel", n_axes + 2)
    if source.order is not None or source.n_axes != n_axes:
        raise dump.wrong(entry, f"reads '{source.layer}', which is no map over {n_axes} axis(es)")
    if dump.last and depthwise:
        kernel = np.moveaxis(kernel, (-2, -1), (0, 1)).reshape(-1, 1, *kernel.shape[:n_axes])
    elif dump.last:
        kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
    kernel = kernel.reshape(*kernel.shape, *[1] * (2 - n_axes))
    groups = source.shape[0] if depthwise else dump.sizes(entry, "groups", 1, 1)[0]
    outputs, per_group = kernel.shape[:2]
    if per_group * groups != source.shape[0] or outputs % groups:
        raise dump.wrong(entry, f"a kernel for {per_group * groups} channels, '{source.layer}' has {source.shape[0]}")
    strides, dilation = (_pair(dump.sizes(entry, key, 1, n_axes)) for key in ("strides", "dilation_rate"))
    reach = _pair([(size - 1) * apart + 1 for size, apart in zip(kernel.shape[2:], dilation, strict=True)])
    padding = _padding(state, entry, source, reach, strides)
    if np.any(source.padding):
        if np.any(padding):
            return state.unsupported(entry, source, "pads a map that has a border already")
        padding = source.padding
    layer = Conv(
        entry.name, (source.layer,), np.ascontiguousarray(kernel), bias_of(state, entry, outputs),
        scale_of(state, entry, scale, outputs), strides, padding, dilation, groups,
        Fraction(dump.number(entry, "pad_values", 0.0)),
    )  # fmt: skip
    sizes = [size + sum(border) for size, border in zip(source.shape[1:], padding, strict=True)]
    rows, columns = ((size - span) // step + 1 for size, span, step in zip(sizes, reach, strides, strict=True))
    if min(rows, columns) < 1:
        raise dump.wrong(entry, f"a window of {list(reach)} is larger than the padded map of {sizes}")
    return state.add(layer, (outputs, rows, columns), source)


def _padding(state: State, entry: Entry, source: Map, reach: Pair, strides: Pair) -> tuple[Pair, Pair]:
    """``valid``, ``same`` (more at the end), or ``causal`` (all before)."""
    said = entry.options.get("padding", "valid")
    if said == "valid":
        return ((0, 0), (0, 0))
    if said not in ("same", "causal") or (said == "causal" and source.n_axes != 1):
        raise state.dump.wrong(entry, f"padding = {said!r}, allowed: valid, same, and causal of one axis")
    borders = []
    for size, span, step in zip(source.shape[1:], reach, strides, strict=True):
        total = span - 1 if said == "causal" else max(0, (-(-size // step) - 1) * step + span - size)
        before = total if said == "causal" else total // 2
        borders.append((before, total - before))
    return borders[0], borders[1]


def _pair(sizes: Sequence[int]) -> Pair:
    return sizes[0], sizes[1] if len(sizes) > 1 else 1


def pool(state: State, entry: Entry, read: list[Map]) -> Map:
    """Max and average pools, of windows or of the whole map."""
    dump, source = state.dump, read[0]
    rule = "max" if "Max" in entry.kind else "avg"
    n_axes = 1 if entry.kind.endswith("1D") else 2
    if source.order is not None or source.n_axes != n_axes:
        raise dump.wrong(entry, f"reads '{source.layer}', which is no map over {n_axes} axis(es)")
    if entry.kind.startswith("Global"):
        layer = Pool(entry.name, (source.layer,), rule, source.shape[1:], source.shape[1:])
        state.layers.append(layer)
        return Map(entry.name, (source.shape[0], 1, 1), np.arange(source.shape[0]), 0)
    pool_size = dump.sizes(entry, "pool_size", 2, n_axes)
    kernel, strides = _pair(pool_size), _pair(dump.sizes(entry, "strides", pool_size, n_axes))
    if np.any(_padding(state, entry, source, kernel, strides)) or np.any(source.padding):
        return state.unsupported(entry, source, "pads its windows; use windows that lie within the map")
    if any(size < span for size, span in zip(source.shape[1:], kernel, strict=True)):
        raise dump.wrong(entry, f"a window of {list(kernel)} is larger than the map of {list(source.shape[1:])}")
    rows, columns = ((size - k) // step + 1 for size, k, step in zip(source.shape[1:], kernel, strides, strict=True))
    return state.add(Pool(entry.name, (source.layer,), rule, kernel, strides), (source.shape[0], rows, columns), source)


def zero_padding(state: State, entry: Entry, read: list[Map]) -> Map:
    """ZeroPadding1D and ZeroPadding2D, for the convolution that follows."""
    source, said = read[0], entry.options.get("padding", 1)
    sides = said if isinstance(said, list) else [said] * source.n_axes
    sides = [sides] if source.n_axes == 1 and isinstance(said, list) else sides
    pairs = [tuple(side) if isinstance(side, list) else (side, side) for side in sides]
    whole = all(len(pair) == 2 and all(type(size) is int and size >= 0 for size in pair) for pair in pairs)
    if source.order is not None or len(pairs) != source.n_axes or not whole:
        raise state.dump.wrong(entry, f"padding = {said!r}, allowed: borders of {source.n_axes} axis(es)")
    rows, columns = (*pairs, (0, 0))[:2]
    return replace(source, padding=(rows, columns))
