"""What is trained: layers of weights with pools behind them, from a line like ``32C5-P2-64C5-P2-100``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from isa_spec.errors import NetworkError

ARCHITECTURES: Mapping[str, str] = {
    "lenet": "32C5-P2-64C5-P2-128-100",
    "lenet-small": "12C5-P2-20C5-P2-40",
    "lenet-rate": "12C5-P2-64C5-P2-10",
    "lenet-single-spike": "16C5-P2-64C5-P2-10",
    "vgg-small": "12C3-24C3-P2-32C3-48C3-P2-64C3-P2-128-10",
    "digits": "8C3p1-P2-16C3p1-P2-64-40",
}
"""Architectures that have a name."""
_CONV, _POOL, _DENSE = (
    re.compile(r"([1-9]\d*)C([1-9]\d*)(?:p(\d+))?"),
    re.compile(r"P([1-9]\d*)"),
    re.compile(r"[1-9]\d*"),
)


@dataclass(frozen=True)
class Block:
    """One layer of weights and the pool behind it.

    Parameters
    ----------
    name : str
    units : int
        Channels of a convolution, outputs of a dense layer.
    kernel : int
        Rows and columns of a convolution's kernel; 0: dense.
    padding : int
        Zeros on each side of a convolution's input.
    pool : int
        Rows and columns of the pooling window, its stride too; 1: no pool.
    """

    name: str
    units: int
    kernel: int = 0
    padding: int = 0
    pool: int = 1


@dataclass(frozen=True)
class Architecture:
    """Blocks over frames of one shape.

    Parameters
    ----------
    name : str
    input_shape : (C, H, W)
    blocks : tuple of Block
        Convolutions first, then dense layers; at least one dense layer.
    """

    name: str
    input_shape: tuple[int, int, int]
    blocks: tuple[Block, ...]

    @property
    def weight_shapes(self) -> tuple[tuple[int, int, int, int], ...]:
        """Of each block, (K_h, K_w, I, O); a dense layer's kernel is the whole map it reads.

        Raises
        ------
        NetworkError
            If a kernel or pool is larger than its map.
        """
        channels, rows, columns = self.input_shape
        shapes = []
        for block in self.blocks:
            kernel = (block.kernel, block.kernel) if block.kernel else (rows, columns)
            shapes.append((*kernel, channels, block.units))
            rows, columns = (
                (side + 2 * block.padding - reach + 1) // block.pool
                for side, reach in zip((rows, columns), kernel, strict=True)
            )
            channels = block.units
            if min(rows, columns) < 1:
                raise NetworkError(
                    f"network '{self.name}', layer '{block.name}': frames of {list(self.input_shape)} are too small; "
                    f"take a network with smaller kernels or fewer pools"
                )
        return tuple(shapes)

    @property
    def n_parameters(self) -> int:
        """Weights; thresholds are not counted."""
        return sum(a * b * c * d for a, b, c, d in self.weight_shapes)


def parse_architecture(network: str, input_shape: tuple[int, int, int]) -> Architecture:
    """Architecture from a name of `ARCHITECTURES`, or from notation.

    Parameters
    ----------
    network : str
        Parts joined by hyphens: ``32C5`` is a convolution of 32 channels and 5x5 kernels (``32C5p2``: with two zeros on
        each side), ``P2`` a 2x2 pool, ``128`` a dense layer.
    input_shape : (C, H, W)

    Raises
    ------
    NetworkError
        If the notation is none, or does not fit the frames.
    """
    blocks: list[Block] = []
    n_convs = 0
    for part in ARCHITECTURES.get(network, network).split("-"):
        dense = bool(blocks) and not blocks[-1].kernel
        if (match := _CONV.fullmatch(part)) and not dense:
            n_convs += 1
            blocks.append(Block(f"conv{n_convs}", int(match[1]), int(match[2]), int(match[3] or 0)))
        elif (match := _POOL.fullmatch(part)) and blocks and not dense and blocks[-1].pool == 1:
            blocks[-1] = replace(blocks[-1], pool=int(match[1]))
        elif _DENSE.fullmatch(part):
            blocks.append(Block(f"fc{len(blocks) - n_convs + 1}", int(part)))
        else:
            raise NetworkError(
                f"network '{network}': '{part}' is not understood here, allowed: {', '.join(ARCHITECTURES)}, or "
                "convolutions (32C5), each with a pool behind it (P2) or none, then dense layers (128), joined by '-'"
            )
    if blocks[-1].kernel:
        raise NetworkError(f"network '{network}': ends with a convolution, allowed: a dense layer")
    architecture = Architecture(network, input_shape, tuple(blocks))
    _ = architecture.weight_shapes  # refuses frames that are too small
    return architecture
