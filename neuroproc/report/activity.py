"""How much each layer fired in a run, and which of its neurons never did, or whenever they could."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from isa_spec.image import ProcessorImage
from neuroproc.formats.runs import Run
from neuroproc.measuring.activity import LayerActivity, activity_by_layer, told_saturated
from neuroproc.report.html import Html, count_of, element, joined, section
from neuroproc.report.layers import layer_name
from neuroproc.report.neurons import names_of
from neuroproc.report.style import layer_class
from neuroproc.report.svg import bar
from neuroproc.report.tables import Column, table


def activity(image: ProcessorImage, run: Run | None) -> Html | None:
    """Spikes by layer, and neurons that stand out."""
    if run is None or not run.cycles:
        return None
    found = [_observed(layer, run) for layer in activity_by_layer(image, run.spike_count, run.cycles, run.frames)]
    saturated = [told_saturated(image, number, layer, run.frames) for number, layer in enumerate(found)]
    return section(
        "Activity",
        "activity",
        element("p", _sentence(run)),
        _spikes(image, run, found, saturated),
        _standing_out(image, found, saturated),
    )


def _sentence(run: Run) -> str:
    delivered = "synaptic operations (a spike that is delivered over one synapse)"
    if run.frames is not None:
        cycles, spikes, operations = (n / run.frames for n in (run.cycles, run.spikes, run.synaptic_operations))
        return f"Per frame: {cycles:,.1f} cycles, {spikes:,.1f} spikes, {operations:,.1f} {delivered}."
    said = f"Recorded over {run.cycles:,} cycles: {run.spikes:,} spikes, {run.synaptic_operations:,} {delivered}."
    if run.observed is None:
        return f"{said} The recording does not say who was observed: who was not looks silent."
    if len(run.observed) < len(run.spike_count):
        return f"{said} {count_of(len(run.observed), 'neuron')} of {len(run.spike_count):,} were observed."
    return said


def _observed(layer: LayerActivity, run: Run) -> LayerActivity:
    """The activity, without neurons that nobody looked at among the silent ones."""
    if run.observed is None:
        return layer
    return replace(layer, silent=np.intersect1d(layer.silent, run.observed))


def _spikes(
    image: ProcessorImage, run: Run, found: Sequence[LayerActivity], saturated: Sequence[np.ndarray | None]
) -> Html:
    per = run.frames or 1
    columns = (
        Column("Layer", "text"), Column("Neurons"), Column("Spikes per frame" if run.frames else "Spikes"),
        Column("Beside other layers", "bar"), Column("Spikes per neuron and cycle"), Column("Silent"),
        Column("Saturated"),
    )  # fmt: skip
    most = max(layer.spikes for layer in found)
    rows = []
    for number, (layer, full) in enumerate(zip(found, saturated, strict=True)):
        if layer.neurons:
            colour = layer_class(image, number) if image.layers else "folded"
            rows.append((
                _name(image, number), layer.neurons, f"{layer.spikes / per:,.1f}" if run.frames else layer.spikes,
                bar(layer.spikes, most, colour), f"{layer.mean_rate:.3f}", len(layer.silent),
                "not told" if full is None else len(full),
            ))  # fmt: skip
    return table("Spikes by layer", columns, rows)


def _name(image: ProcessorImage, number: int) -> Html | str:
    return layer_name(image, number) if image.layers else "all neurons"


def _standing_out(
    image: ProcessorImage, found: Sequence[LayerActivity], saturated: Sequence[np.ndarray | None]
) -> Html:
    rows = []
    for number, (layer, full) in enumerate(zip(found, saturated, strict=True)):
        silent = names_of(image, number, layer.silent)
        always = None if full is None else names_of(image, number, full)
        if silent or always:
            rows.append((_name(image, number), silent, always))
    note = "Silent neurons had no spike in the whole run; saturated ones had one for every value that they carry."
    if any(layer.neurons and full is None for layer, full in zip(found, saturated, strict=True)):
        note += (
            " Counts do not tell who is saturated in a layer whose neurons also fire in slots that nobody reads; gates "
            "silence these."
        )
    if not rows:
        note = f"No neuron stands out. {note}"
    columns = (Column("Layer", "text"), Column("Silent", "text"), Column("Saturated", "text"))
    named = table("Neurons that stand out, by channel", columns, rows) if rows else None
    return joined(named, element("p", note, class_="note"))
