"""Layers as boxes, what each reads, and where they stand in a picture: a layout for graphs that are mostly a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isa_spec.errors import FormatError
from isa_spec.image import ProcessorImage
from neuroproc.measuring.measures import count
from neuroproc.pictures.colours import layer_colours

CONTROL = "control"
"""Kind of the layer of clocks, which drives others but tells them nothing."""


@dataclass(frozen=True)
class LayerBox:
    """A layer.

    Parameters
    ----------
    name, kind : str
    colour : str
        ``#rrggbb``.
    words : str
        What it does, in words.
    shape : (C, H, W) or None
        Of its map; None where it has none.
    sources : tuple of str
        Layers that it reads.
    numbers : dict of str to int
        What it has, by the head of a table's column.
    lines : tuple of str
        The same for people, at most two lines.
    faint : bool
        Whether it only arranges, or is part of the layers that read it.
    """

    name: str
    kind: str
    colour: str
    words: str
    shape: tuple[int, int, int] | None
    sources: tuple[str, ...]
    numbers: Mapping[str, int]
    lines: tuple[str, ...]
    faint: bool = False

    @property
    def map(self) -> str:
        """Shape of its map in words."""
        return "" if self.shape is None else " x ".join(map(str, self.shape))


def layers_of_image(image: ProcessorImage) -> tuple[LayerBox, ...]:
    """Layers that have neurons of their own; a layer reads another if a synapse goes from that one's to its neurons.

    Raises
    ------
    FormatError
        If the image has no layers.
    """
    if not image.layers:
        raise FormatError("the image has no layers: it was not compiled from a layered network")
    measured = count(image)["layers"]
    joined = np.zeros((len(image.layers), len(image.layers)), bool)
    joined[image.layer[image.source()], image.layer[image.target]] = True
    members = np.flatnonzero(image.group >= 0)
    joined[image.layer[members], image.layer[image.group[members]]] = True
    reads = [
        source for source, record in enumerate(image.layers) if record.kind != CONTROL and measured[source]["neurons"]
    ]
    boxes = []
    colours = layer_colours([record.kind for record in image.layers])
    for number, (record, has) in enumerate(zip(image.layers, measured, strict=True)):
        if not has["neurons"]:
            continue
        contract, control = record.contract, record.kind == CONTROL
        before = [other for other in reads if other < number and joined[other, number] and not control]
        boxes.append(
            LayerBox(
                record.name,
                record.kind,
                colours[number],
                "clocks" if control else record.kind,
                None if contract is None else (contract.channels, contract.height, contract.width),
                tuple(image.layers[other].name for other in before),
                {
                    "neurons": has["neurons"],
                    "unrolled neurons": has["unrolled_neurons"],
                    "synapses": has["synapses"],
                    "unrolled synapses": has["unrolled_synapses"],
                },
                tuple(_instead(has, what) for what in ("neurons", "synapses") if has[what]),
            )
        )
    return tuple(boxes)


def _instead(has: Mapping[str, int], what: str) -> str:
    """How many there are, and how many there would be."""
    number, before = has[what], has[f"unrolled_{what}"]
    words = f"{number:,} {what.removesuffix('s') if number == 1 else what}"
    return f"{words} instead of {before:,}" if before not in (0, number) else words


@dataclass(frozen=True)
class Edge:
    """What a layer reads.

    Parameters
    ----------
    source, target : int
        Numbers of the layers.
    column : int
        Column in which it passes the rows between the two.
    lane : int or None
        None where that is free; else it passes to the right of the column, this far out, 0 being the nearest.
    """

    source: int
    target: int
    column: int
    lane: int | None = None


@dataclass(frozen=True)
class Layout:
    """Where layers stand.

    Parameters
    ----------
    row, column : tuple of int
        Of each layer.
    edges : tuple of Edge
    """

    row: tuple[int, ...]
    column: tuple[int, ...]
    edges: tuple[Edge, ...]


def layout_of(layers: Sequence[LayerBox]) -> Layout:
    """Each layer below all that it reads, in the column of the first of them if that is free; clocks below all others.

    What passes other rows goes where no layer stands, if need be beside all that stand there.
    """
    number = {layer.name: index for index, layer in enumerate(layers)}
    row: list[int] = []
    column: list[int] = []
    taken: set[tuple[int, int]] = set()
    read = {name for layer in layers for name in layer.sources}
    deepest = len(layers)
    for layer in layers:
        sources = [number[name] for name in layer.sources]
        level = 1 + max((row[source] for source in sources), default=-1)
        if not sources and layer.name not in read and row:
            level = deepest = deepest + 1
        wanted = column[sources[0]] if sources else 0
        free = next(place for place in (wanted, *range(len(layers) + 1)) if (place, level) not in taken)
        taken.add((free, level))
        row.append(level)
        column.append(free)
    edges: list[Edge] = []
    ends: list[int] = []  # the row in which the last edge of each lane ends
    pairs = [(number[name], target) for target, layer in enumerate(layers) for name in dict.fromkeys(layer.sources)]
    for source, target in sorted(pairs, key=lambda pair: (row[pair[0]], -row[pair[1]])):
        between = range(row[source] + 1, row[target])
        free_ones = [
            place for place in (column[target], column[source]) if taken.isdisjoint((place, at) for at in between)
        ]
        if free_ones:
            edges.append(Edge(source, target, free_ones[0]))
            continue
        lane = next((lane for lane, end in enumerate(ends) if end <= row[source]), len(ends))
        ends[lane : lane + 1] = [row[target]]
        widest = max(place for place, at in taken if row[source] <= at <= row[target])
        edges.append(Edge(source, target, widest, lane))
    rows = sorted(set(row))
    return Layout(tuple(rows.index(at) for at in row), tuple(column), tuple(edges))
