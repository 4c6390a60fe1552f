"""Where neurons and synapses went: by layer, and by role."""

from __future__ import annotations

from typing import Any

from isa_spec.image import ROLES, LayerRecord, ProcessorImage
from neuroproc.measuring.measures import count
from neuroproc.report.html import Html, element, joined, name_of, section
from neuroproc.report.style import layer_class
from neuroproc.report.tables import Column, table

_SIZES = ("parameters", "unrolled_neurons", "unrolled_synapses", "neurons", "synapses")


def layers(image: ProcessorImage) -> Html | None:
    """Sizes and roles; nothing of an image without layers."""
    if not image.layers:
        return None
    measures = count(image)
    return section("Layers", "layers", _sizes(image, measures), _roles(image, measures))


def layer_name(image: ProcessorImage, number: int) -> Html:
    """Name of a layer, with its colour before it."""
    swatch = element("span", class_=f"swatch {layer_class(image, number)}", aria_hidden="true")
    return joined(swatch, name_of(image.layers[number].name))


def shape(record: LayerRecord) -> str:
    """Channels, rows and columns of a layer's map; empty where it has none of its own."""
    contract = record.contract
    return "" if contract is None else f"{contract.channels}x{contract.height}x{contract.width}"


def _sizes(image: ProcessorImage, measures: dict[str, Any]) -> Html:
    plain, folded = "Plain network", "This image"
    columns = (
        Column("Layer", "text"), Column("Kind", "text"), Column("Map"), Column("Weights"),
        Column("Neurons", group=plain), Column("Synapses", group=plain),
        Column("Neurons", group=folded), Column("Synapses", group=folded),
    )  # fmt: skip
    rows = [
        (layer_name(image, number), name_of(record.kind), shape(record), *(layer[key] for key in _SIZES))
        for number, (record, layer) in enumerate(zip(image.layers, measures["layers"], strict=True))
    ]
    total = ("All layers", None, None, *(measures[key] for key in _SIZES))
    caption = "Sizes by layer. A map is channels x rows x columns; synapses are those that arrive."
    return table(caption, columns, rows, total)


def _roles(image: ProcessorImage, measures: dict[str, Any]) -> Html:
    used = [role for role in ROLES if any(role in layer["roles"] for layer in measures["layers"])]
    columns = (Column("Layer", "text"), *(Column(role) for role in used), Column("All"))
    rows = [
        (layer_name(image, number), *(layer["roles"].get(role) for role in used), layer["neurons"])
        for number, layer in enumerate(measures["layers"])
        if layer["neurons"]
    ]
    sums = (sum(layer["roles"].get(role, 0) for layer in measures["layers"]) for role in used)
    return table("Neurons by layer and role", columns, rows, ("All layers", *sums, measures["neurons"]))
