"""An ONNX file as plain data: what the readers of its nodes need, without the package that parsed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

STANDARD = ""
"""Domain of the operators that ONNX itself defines."""
QONNX = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
"""Domains under which BipolarQuant and Quant are written."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operation.

    Parameters
    ----------
    name : str
        That of PyTorch's module, of the node, or ``OP_number``: whichever the file has; made unique.
    op, domain : str
        What it does; the domain is ``""`` for ONNX itself.
    inputs, outputs : tuple of str
        Names of tensors, ``""`` for one that is left out.
    attributes : dict
        Plain numbers, strings, lists and arrays.
    raw : object
        The node as the package has it, for `Graph.fold`.
    """

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    raw: Any


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which they can be run.

    Parameters
    ----------
    name : str
        The file, for messages.
    input, output : str
        The tensor with the frame, and the one that answers.
    shape : tuple of int
        Of the input, without the batch.
    batch : int or None
        Frames of a batch; None: any number.
    dtype : numpy.dtype
        Of the input.
    nodes : tuple of Node
    constants : dict of str to array
        Initialisers.
    opset : int
        Version of ONNX's own operators.
    fold : callable
        ``fold(node, arrays)`` runs a node on arrays (None for inputs that are left out) and gives its outputs.
    """

    name: str
    input: str
    output: str
    shape: tuple[int, ...]
    batch: int | None
    dtype: np.dtype[Any]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
    opset: int
    fold: Callable[[Node, Sequence[np.ndarray | None]], list[np.ndarray]]
