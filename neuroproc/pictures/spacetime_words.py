"""What a space-time picture says in words."""

from __future__ import annotations

from isa_spec.image import ProcessorImage
from neuroproc.pictures.timetable import Timetable
from neuroproc.pictures.traces import Trace


def headline(image: ProcessorImage, table: Timetable) -> list[str]:
    """What a stranger has to know, in two lines."""
    values, lanes = sum(band.values for band in table.bands), sum(band.neurons for band in table.bands)
    rest = image.n_neurons - lanes
    others = f", and {rest:,} for clocks, gates and delays" if rest and lanes < values else ""
    folded = f"In time places of a map share their neurons: {lanes:,}" if lanes < values else "Nothing is folded"
    return [
        f"In space every value of a map has a neuron of its own: {values:,}. {folded}{others}.",
        f"The fold computes {tile_words(table)}; a frame may enter every {_cycles(table.interval)}, and is decided "
        f"after {_cycles(table.latency)}.",
    ]


def tile_words(table: Timetable) -> str:
    """What of the frame is there at once."""
    frame = table.bands[0]
    if not frame.streamed:
        return "the whole frame at once"
    if frame.tile == (1, 1):
        return f"one place of the {frame.height} x {frame.width} frame at a time"
    if frame.tile == (frame.height, 1):
        return f"one column of the {frame.height} x {frame.width} frame at a time"
    if frame.tile == (1, frame.width):
        return f"one row of the {frame.height} x {frame.width} frame at a time"
    return f"a tile of {frame.tile[0]} x {frame.tile[1]} of the {frame.height} x {frame.width} frame at a time"


def notes(image: ProcessorImage, table: Timetable, traced: Trace | None) -> list[str]:
    """How to read the picture, one line each; only what there is to see."""
    lines = []
    if any(band.height * band.width > 1 for band in table.bands):
        grey = "; grey is all of the frame" if any(band.height * band.width == 1 for band in table.bands) else ""
        lines.append(f"Colour: where in the frame. A place keeps its colour from layer to layer{grey}.")
    if traced is not None:
        band = table.bands[traced.band]
        seen = int(traced.fields[0].sum())
        lines.append(
            f"Outlined: row {traced.row}, column {traced.column} of {band.name} and all that it is computed from, "
            f"{seen:,} of {traced.fields[0].size:,} places of the frame. In the wedges spikes wait in delays."
        )
    inside = int(table.bands[0].first.min()) + table.interval < table.latency
    lines.append("Pale: the next frames." + " They enter while frame 0 is still inside." * inside)
    if any(len(band.turns) > 1 for band in table.bands):
        lines.append("Divided rows: channels that take turns on the same neurons, one below the other.")
    contract = image.layers[0].contract
    if contract is not None and contract.levels > 1:
        lines.append(f"A value is a train of up to {contract.levels:,} spikes, in the cycles of its slot.")
    frame = table.bands[0]
    n_tiles = -(-frame.height // frame.tile[0]) * -(-frame.width // frame.tile[1])
    if table.interval > n_tiles * frame.slot and n_tiles > 1:
        lines.append("Gaps in the input: blank slots. Windows that reach beyond the border read them.")
    return lines


def _cycles(number: int) -> str:
    return f"{number:,} cycle{'s' * (number != 1)}"
