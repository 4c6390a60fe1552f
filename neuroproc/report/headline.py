"""What the image is, and its figures in large."""

from __future__ import annotations

from isa_spec.image import ProcessorImage, graph_digest
from neuroproc.formats.runs import Run
from neuroproc.report.html import Content, Html, element, joined, name_of
from neuroproc.report.words import beside, brief, lead


def headline(image: ProcessorImage, name: str, run: Run | None) -> Html:
    """Name, processor, a sentence, figures."""
    digests = brief(image.spec.digest), brief(graph_digest(image))
    identity = joined("profile ", name_of(image.spec.name), f" ({digests[0]}), image {digests[1]}")
    return element(
        "header",
        element("h1", element("bdi", name)),
        element("p", identity, class_="identity"),
        element("p", lead(image), class_="lead"),
        element("dl", *figures(image, run), class_="figures"),
    )


def figures(image: ProcessorImage, run: Run | None) -> list[Html]:
    """Size, time and quality."""
    unrolled_neurons = sum(record.unrolled_neurons for record in image.layers)
    unrolled_synapses = sum(record.unrolled_synapses for record in image.layers)
    found = [
        _figure("Neurons", f"{image.n_neurons:,}", _beside(image.n_neurons, unrolled_neurons)),
        _figure("Synapses", f"{image.n_synapses:,}", _beside(image.n_synapses, unrolled_synapses)),
    ]
    if image.interval is not None and image.latency is not None:
        found.append(
            _figure(
                "Cycles per frame", f"{image.interval:,}", f"a frame is decided {image.latency:,} cycles after a reset"
            )
        )
    if run is not None and run.accuracy is not None and run.frames is not None:
        found.append(_figure("Accuracy", f"{run.accuracy:.2%}", f"{run.correct:,} of {run.frames:,} frames"))
    return found


def _beside(folded: int, unrolled: int) -> str:
    words, than = beside(folded, unrolled)
    return f"{words} {than} the plain network's {unrolled:,}" if words else ""


def _figure(name: str, value: str, note: str) -> Html:
    parts: list[Content] = [element("dt", name), element("dd", value, class_="value")]
    if note:
        parts.append(element("dd", note, class_="note"))
    return element("div", joined(*parts))
