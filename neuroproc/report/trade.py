"""Space against time: parameters, the plain network, and this image."""

from __future__ import annotations

from isa_spec.image import ProcessorImage
from neuroproc.measuring.measures import count
from neuroproc.report.html import Html, element, section
from neuroproc.report.svg import bar
from neuroproc.report.tables import Column, table
from neuroproc.report.words import beside

PARAMETERS, PLAIN, FOLDED = "Weights of the network", "Plain network", "This image"


def trade(image: ProcessorImage) -> Html | None:
    """Bars and numbers; nothing of an image that has no layers."""
    measures = count(image)
    if not measures["unrolled_neurons"]:
        return None
    synapses = {
        PARAMETERS: measures["parameters"],
        PLAIN: measures["unrolled_synapses"],
        FOLDED: measures["synapses"],
    }
    neurons = {PLAIN: measures["unrolled_neurons"], FOLDED: measures["neurons"]}
    return section(
        "Space against time",
        "trade",
        element("div", _bars("Neurons", neurons), _bars("Synapses", synapses), class_="pair"),
        element("p", *_sentences(image, measures)),
    )


def _bars(caption: str, sizes: dict[str, int]) -> Html:
    longest = max(sizes.values())
    columns = (Column("What", "text"), Column("Number"), Column("Beside the others", "bar"))
    rows = [(name, size, bar(size, longest, "folded" if name == FOLDED else "plain")) for name, size in sizes.items()]
    return table(caption, columns, rows, plain=True)


def _sentences(image: ProcessorImage, measures: dict[str, int]) -> list[str]:
    found = [
        "The plain network has a neuron for every value and a synapse for every use of a weight that is not zero, and "
        "no clocks. "
    ]
    zeros = measures["parameters"] - measures["nonzero_parameters"]
    if zeros:
        found.append(f"Of the {measures['parameters']:,} weights {zeros:,} are zero, and need no synapse. ")
    neurons, _ = beside(image.n_neurons, measures["unrolled_neurons"])
    synapses, _ = beside(image.n_synapses, measures["unrolled_synapses"])
    if neurons and synapses and image.interval is not None:
        found.append(
            f"This image has {neurons} neurons and {synapses} synapses; a frame takes {image.interval:,} cycles for it."
        )
    return found
