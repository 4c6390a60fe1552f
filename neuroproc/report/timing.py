"""When each layer has its values."""

from __future__ import annotations

from isa_spec.image import ProcessorImage
from neuroproc.pictures.timetable import timetable
from neuroproc.report.html import Html, element, section
from neuroproc.report.layers import layer_name
from neuroproc.report.spacetime import picture
from neuroproc.report.tables import Column, table


def timing(image: ProcessorImage) -> Html | None:
    """Interval, latency, and the cycles of each layer; nothing of an image without a stream."""
    if image.interval is None or image.latency is None or not any(record.contract for record in image.layers):
        return None
    return section("Space and time", "time", element("p", _sentence(image)), picture(image), _cycles(image))


def _sentence(image: ProcessorImage) -> str:
    within = -(-image.latency // image.interval) if image.latency and image.interval else 1
    said = (
        f"A frame enters every {image.interval:,} cycles, and its decision is there {image.latency:,} cycles after it "
        "began (the first one after a reset)"
    )
    return f"{said}: up to {within:,} frames are under way at once." if within > 1 else f"{said}."


def _cycles(image: ProcessorImage) -> Html:
    columns = (
        Column("Layer", "text"), Column("First cycle"), Column("Last cycle"), Column("Tiles"), Column("Neurons"),
        Column("Values"), Column("Values per neuron"),
    )  # fmt: skip
    rows = []
    for band in timetable(image).bands:
        contract = image.layers[band.layer].contract
        assert contract is not None
        rows.append((
            layer_name(image, band.layer), contract.start, band.last, contract.tile_rows * contract.tile_cols,
            band.neurons, band.values, f"{band.values / band.neurons:,.4g}",
        ))  # fmt: skip
    return table(
        "Frame 0: from a layer's first value to its last, and how many neurons share its values", columns, rows
    )
