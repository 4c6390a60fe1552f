"""Nodes of NIR files that are no units, as layers in real numbers; each with the axes of the map that it makes."""

from __future__ import annotations

from math import prod

import numpy as np

from compiler.frontends.model import Conv, FloatLayer, Linear, Pool, Scale, Step, Unsupported
from compiler.frontends.nir.graph import Node, kind_of
from compiler.frontends.nir.shapes import Axes, by_channel, numbers, padding_of, whole, window_axes
from isa_spec.errors import FormatError


def linear_layer(name: str, node: Node, source: str, axes: Axes, where: str) -> tuple[FloatLayer, Axes, str]:
    """Layer of an ``Affine`` or ``Linear`` node, its axes and a note or none.

    Parameters
    ----------
    name, source : str
    node : dict
    axes : tuple of int or None
        Of the map that it reads.
    where : str
        The node, for messages.

    Raises
    ------
    FormatError
        If a key is missing, no number, or does not fit the map.
    """
    weight = numbers(node, "weights" if "weights" in node and "weight" not in node else "weight", where)
    if weight.ndim != 2:
        return (
            _unsupported(name, node, source, f"has weights of {weight.ndim} axes, allowed: [outputs, inputs]"),
            None,
            "",
        )
    outputs, inputs = weight.shape
    note = ""
    if axes is not None:
        if inputs != prod(axes):
            if inputs == axes[-1]:
                reason = f"is applied along the last axis of a map {list(axes)} alone; flatten the map before it"
                return _unsupported(name, node, source, reason), (*axes[:-1], outputs), ""
            raise FormatError(
                f"{where}: weight {list(weight.shape)} reads {inputs} values, '{source}' has {prod(axes)} {list(axes)}"
            )
        if len(axes) > 1:
            note = f"'{name}' reads a map {list(axes)} without a Flatten: taken in C, H, W order"
    return Linear(name, (source,), weight, _bias(node, outputs, where)), (outputs,), note


def conv_layer(name: str, node: Node, source: str, axes: Axes, where: str) -> tuple[FloatLayer, Axes, str]:
    """Layer of a ``Conv1d`` or ``Conv2d`` node, as `linear_layer`.

    Raises
    ------
    FormatError
        As `linear_layer`.
    """
    n_axes = 1 if kind_of(node) == "Conv1d" else 2
    weight = numbers(node, "weights" if "weights" in node and "weight" not in node else "weight", where)
    if weight.ndim != n_axes + 2:
        raise FormatError(
            f"{where}: weight of shape {list(weight.shape)}, allowed: [O, I / groups, {', '.join('K' * n_axes)}]"
        )
    kernel = weight.shape[2:]
    stride, dilation = (whole(node, key, n_axes, where) for key in ("stride", "dilation"))
    (groups,) = whole(node, "groups", 1, where)
    padding = padding_of(node, kernel, dilation, where)
    if isinstance(node.get("padding"), str) and node["padding"] == "same" and max(stride) > 1:
        reason = f"pads by 'same' with a stride of {max(stride)}, which says no size; give the padding in numbers"
        return _unsupported(name, node, source, reason), None, ""
    note = ""
    said = _said_axes(node, weight.shape[1] * groups, n_axes, where)
    if axes is None:
        axes = said
    elif said is not None and said != axes:
        note = f"'{name}' says that it reads a map {list(said)}, and one of {list(axes)} arrives: that counts"
    if len(weight) % groups:
        raise FormatError(f"{where}: {len(weight)} outputs in {groups} groups, allowed: a multiple")
    made: Axes = None
    if axes is not None:
        if len(axes) != n_axes + 1 or axes[0] != weight.shape[1] * groups:
            raise FormatError(
                f"{where}: weight {list(weight.shape)} in {groups} group(s) reads {weight.shape[1] * groups} channels "
                f"over {n_axes} axes, '{source}' has {list(axes)}"
            )
        made = (len(weight), *window_axes(axes[1:], kernel, stride, padding, dilation, where))
    layer = Conv(
        name,
        (source,),
        weight if n_axes == 2 else weight[..., None],
        _bias(node, len(weight), where),
        stride=_pair(stride, 1),
        padding=(padding[0], padding[1] if n_axes == 2 else (0, 0)),
        dilation=_pair(dilation, 1),
        groups=groups,
    )
    return layer, made, note


def pool_layer(name: str, node: Node, source: str, axes: Axes, where: str) -> tuple[FloatLayer, Axes, str]:
    """Layer of a ``SumPool2d`` or ``AvgPool2d`` node, as `linear_layer`.

    Raises
    ------
    FormatError
        As `linear_layer`.
    """
    kernel, stride = (whole(node, key, 2, where) for key in ("kernel_size", "stride"))
    padding = padding_of(node, kernel, (1, 1), where)
    made: Axes = None
    if axes is not None:
        if len(axes) != 3:
            raise FormatError(f"{where}: reads a map [C, H, W], '{source}' has {list(axes)}")
        made = (axes[0], *window_axes(axes[1:], kernel, stride, padding, (1, 1), where))
    rule = "sum" if kind_of(node) == "SumPool2d" else "avg"
    layer = Pool(name, (source,), rule, _pair(kernel, 1), _pair(stride, 1), (padding[0], padding[1]))
    return layer, made, ""


def scale_layer(name: str, node: Node, source: str, axes: Axes, where: str) -> tuple[FloatLayer, Axes, str]:
    """Layer of a ``Scale`` node, as `linear_layer`.

    Raises
    ------
    FormatError
        As `linear_layer`.
    """
    factor = by_channel(numbers(node, "scale", where), axes, f"{where}: scale")
    if isinstance(factor, str):
        return _unsupported(name, node, source, f"scale {factor}"), axes, ""
    return Scale(name, (source,), factor, np.zeros(1)), axes, ""


def threshold_layer(name: str, node: Node, source: str, axes: Axes, where: str) -> tuple[FloatLayer, Axes, str]:
    """Layer of a ``Threshold`` node, as `linear_layer`.

    Raises
    ------
    FormatError
        As `linear_layer`.
    """
    level = by_channel(numbers(node, "threshold", where), axes, f"{where}: threshold")
    if isinstance(level, str):
        return _unsupported(name, node, source, f"threshold {level}"), axes, ""
    return Step(name, (source,), level, strict=None), axes, ""


LAYERS = {
    "Affine": linear_layer,
    "Linear": linear_layer,
    "Conv1d": conv_layer,
    "Conv2d": conv_layer,
    "SumPool2d": pool_layer,
    "AvgPool2d": pool_layer,
    "Scale": scale_layer,
    "Threshold": threshold_layer,
}
"""What makes a layer of each type of node."""


def flattened(node: Node, axes: Axes, where: str) -> tuple[Axes, str]:
    """Axes of a ``Flatten`` node's map, one axis for all, and a note or none.

    Raises
    ------
    FormatError
        If its axes are not there.
    """
    if axes is None:
        return None, ""
    first, last = (
        int(numbers(node, key, where).ravel()[0]) if key in node else default
        for key, default in (("start_dim", 1), ("end_dim", -1))
    )
    n_axes = len(axes)
    if not -n_axes <= last <= n_axes or not -n_axes <= first <= n_axes:
        raise FormatError(f"{where}: start_dim = {first}, end_dim = {last}, allowed: axes of the map {list(axes)}")
    covers = first % n_axes == 0 and last in (-1, n_axes - 1)
    if covers or n_axes == 1:
        return (prod(axes),), ""
    return (
        prod(axes),
    ), f"flattens axes {first} to {last} of a map {list(axes)}, as if a batch came first: taken for all"


def _unsupported(name: str, node: Node, source: str, reason: str) -> Unsupported:
    return Unsupported(name, (source,), kind_of(node), reason)


def _pair(values: tuple[int, ...], second: int) -> tuple[int, int]:
    return (values[0], values[1] if len(values) > 1 else second)


def _bias(node: Node, outputs: int, where: str) -> np.ndarray | None:
    """What is added to each output; None if that is nothing."""
    if "bias" not in node:
        return None
    bias = numbers(node, "bias", where)
    if bias.size not in (1, outputs):
        raise FormatError(f"{where}: bias of shape {list(bias.shape)}, allowed: one number per output, [{outputs}]")
    return np.broadcast_to(bias.ravel(), outputs).astype(np.float64) if bias.any() else None


def _said_axes(node: Node, channels: int, n_axes: int, where: str) -> Axes:
    """Axes of the map that a convolution says that it reads; None if it does not."""
    if "input_shape" not in node or isinstance(node["input_shape"], str):
        return None
    sizes = numbers(node, "input_shape", where).ravel()
    return (channels, *(int(size) for size in sizes)) if sizes.size == n_axes else None
