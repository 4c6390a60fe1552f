"""Layers of a network or an image and what each reads, with their maps and sizes. Without -o as a table."""

from __future__ import annotations

import argparse
from pathlib import Path

from compiler.networks.layers import Concat, Flatten, Layer
from compiler.networks.network import INPUT, LayeredNetwork
from compiler.views.dot import kind_words
from isa_spec.image import ProcessorImage
from neuroproc.cli.imports import configure_import, get_network
from neuroproc.cli.kinds import IMAGE, kind_of
from neuroproc.cli.outputs import check_output, network_files
from neuroproc.cli.show import table
from neuroproc.cli.streams import STANDARD, get_image
from neuroproc.pictures.canvas import Picture, check_target
from neuroproc.pictures.colours import layer_colours
from neuroproc.pictures.layer_graph import LayerBox, layers_of_image
from neuroproc.pictures.layers import plot_boxes

EXAMPLE = "neuroproc plot layers neuroproc/data/digits.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "source", metavar="NETWORK|IMAGE",
        help="layered network, foreign network or processor image; - for an image from stdin",
    )  # fmt: skip
    parser.add_argument("-o", "--output", metavar="FILE", help="picture: .svg, .png or .pdf (default: a table)")
    configure_import(parser)


def execute(args: argparse.Namespace) -> int:
    """Draw or print."""
    check_output(args.output, *network_files(args.source))
    if args.output:
        check_target(args.output)
    layers = _layers(args)
    if args.output:
        plot_boxes(args.output, Path(args.source).name, layers)
    else:
        print(summary(layers))
    return 0


def _layers(args: argparse.Namespace) -> tuple[LayerBox, ...]:
    if args.source == STANDARD or kind_of(args.source) == IMAGE:
        return layers_of_image(get_image(args.source))
    return layers_of_network(get_network(args.source, args))


def plot_layers(path: str | Path, title: str, source: LayeredNetwork | ProcessorImage) -> Picture:
    """Draw the layers of a network or an image and what each reads.

    Parameters
    ----------
    path : str or Path
        ``.svg``, ``.png`` or ``.pdf``.
    title : str
        What it is of.
    source : LayeredNetwork or ProcessorImage

    Returns
    -------
    Picture
        The file; a notebook shows it.

    Raises
    ------
    FormatError
        If an image has no layers.
    NeuroprocError
        If matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    layers = layers_of_image(source) if isinstance(source, ProcessorImage) else layers_of_network(source)
    return plot_boxes(path, title, layers)


def layers_of_network(network: LayeredNetwork) -> tuple[LayerBox, ...]:
    """The input and every layer."""
    first, *colours = layer_colours([INPUT, *(layer.kind for layer in network.layers)])
    frame = LayerBox(INPUT, INPUT, first, str(network.encoding["kind"]), network.input_shape, (), _sizes(0, 0), ())
    return (frame, *(_box(network, layer, colour) for layer, colour in zip(network.layers, colours, strict=True)))


def _box(network: LayeredNetwork, layer: Layer, colour: str) -> LayerBox:
    arranges = isinstance(layer, Flatten | Concat)
    words = [*kind_words(layer), *["linear"] * (not layer.spikes and not arranges)]
    numbers = _sizes(0, 0) if arranges else _sizes(layer.n_parameters, layer.n_nonzero)
    lines = [f"{layer.n_parameters:,} parameters, {layer.n_nonzero:,} not zero"] if numbers["parameters"] else []
    return LayerBox(
        layer.name, layer.kind, colour, ", ".join(words), network.shapes[layer.name], layer.sources, numbers,
        tuple(lines), faint=not layer.spikes,
    )  # fmt: skip


def _sizes(parameters: int, nonzero: int) -> dict[str, int]:
    return {"parameters": parameters, "not zero": nonzero}


def summary(layers: tuple[LayerBox, ...]) -> str:
    """Layers for people."""
    heads = list(layers[0].numbers)
    texts = [("kind", "map", "reads"), *((box.words, box.map, ", ".join(box.sources)) for box in layers)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    # Words begin at the left, numbers end at the right.
    head, *words = [[text.ljust(width) for text, width in zip(line, widths, strict=True)] for line in texts]
    rows = [[box.name, *line, *box.numbers.values()] for box, line in zip(layers, words, strict=True)]
    rows.append(["total", None, None, None, *(sum(box.numbers[name] for box in layers) for name in heads)])
    return table(["layer", *head, *(name.replace("unrolled ", "unrolled\n") for name in heads)], rows)
