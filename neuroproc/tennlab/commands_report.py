"""Commands that tell about the last run, and what to keep of the next one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from isa_spec.errors import EmulationError
from neuroproc.tennlab.command import (
    Command,
    flag_and_nodes,
    neuron_of,
    neurons_of,
    no_more,
    outputs_of,
)
from neuroproc.tennlab.session import Session
from neuroproc.tennlab.text import aliased, rasters, times


def _output_times(session: Session, words: Sequence[str]) -> str:
    names = session.chip.names
    return "".join(
        f"node {names[neuron]} spike times:{times(session.told(neuron))}\n" for neuron in outputs_of(session, words)
    )


def _output_vector(session: Session, words: Sequence[str]) -> str:
    return _output_times(session, words).replace("\n", " \n")


def _output_counts(session: Session, words: Sequence[str]) -> str:
    names, fires = session.chip.names, session.machine.fires
    return "".join(
        f"node {names[neuron]} spike counts: {len(fires[neuron])}\n" for neuron in outputs_of(session, words)
    )


def _last(session: Session, neuron: int) -> int:
    return (session.fires(neuron) or [-1])[-1]


def _output_last(session: Session, words: Sequence[str]) -> str:
    names = session.chip.names
    return "".join(
        f"node {names[neuron]} last fire time: {_last(session, neuron)}.0\n" for neuron in outputs_of(session, words)
    )


def _chosen(session: Session, words: Sequence[str]) -> list[int]:
    """Neurons that are named, all by default; after F, only those that fired."""
    silent, nodes = flag_and_nodes(words)
    fires = session.machine.fires
    return [neuron for neuron in neurons_of(session, nodes) if silent or fires[neuron]]


def _neuron_times(session: Session, words: Sequence[str]) -> str:
    ids = session.chip.ids
    return "".join(
        f"Node {ids[neuron]:2d} fire times:{times(session.told(neuron))}\n" for neuron in _chosen(session, words)
    )


def _neuron_counts(session: Session, words: Sequence[str]) -> str:
    fires = session.machine.fires
    return _rows(session, ((neuron, f"fire count: {len(fires[neuron])}") for neuron in _chosen(session, words)))


def _rows(session: Session, rows: Iterable[tuple[int, str]]) -> str:
    names, width = session.chip.names, session.chip.width
    return "".join(f"Node {names[neuron]:>{width}} {text}\n" for neuron, text in rows)


def _neuron_last(session: Session, words: Sequence[str]) -> str:
    return _rows(session, ((neuron, f"last fire: {_last(session, neuron)}.0") for neuron in _chosen(session, words)))


def _neuron_charges(session: Session, words: Sequence[str]) -> str:
    charges = session.charges()
    return _rows(session, ((neuron, f"charge: {charges[neuron]:g}") for neuron in neurons_of(session, words)))


def _total_counts(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    return f"{sum(map(len, session.machine.fires))}\n"


def _total_accumulated(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    return f"{session.machine.accumulated}\n"


def _spike_rasters(session: Session, words: Sequence[str]) -> str:
    hidden, nodes = flag_and_nodes(words)
    chip = session.chip
    lines = rasters([session.told(neuron) for neuron in range(len(chip.ids))])
    return "".join(
        f"{chip.names[neuron]:<{chip.width}} {chip.kinds[neuron]} : {lines[neuron]}\n"
        for neuron in neurons_of(session, nodes)
        if hidden or chip.kinds[neuron] != "HIDDEN"
    )


def _last_json(session: Session, words: Sequence[str]) -> str:
    neurons = neurons_of(session, words)
    return _aliased(session, "Last Fires", [float(_last(session, neuron)) for neuron in neurons], neurons)


def _counts_json(session: Session, words: Sequence[str]) -> str:
    neurons = neurons_of(session, words)
    return _aliased(session, "Event Counts", [len(session.machine.fires[neuron]) for neuron in neurons], neurons)


def _charges_json(session: Session, words: Sequence[str]) -> str:
    neurons, charges = neurons_of(session, words), session.charges()
    return _aliased(session, "Charges", [charges[neuron] for neuron in neurons], neurons)


def _vectors_json(session: Session, words: Sequence[str]) -> str:
    kind = words[0].upper() if words else ""
    if kind not in ("V", "S"):
        raise EmulationError(f"'{kind}', needed: V for times, or S for rasters")
    neurons = neurons_of(session, words[1:])
    if kind == "V":
        vectors = [[float(cycle) for cycle in session.told(neuron)] for neuron in neurons]
        return _aliased(session, "Event Times", vectors, neurons)
    lines = rasters([session.told(neuron) for neuron in range(len(session.chip.ids))])
    return _aliased(session, "Spikes", [lines[neuron] for neuron in neurons], neurons)


def _aliased(session: Session, key: str, values: Sequence[object], neurons: Sequence[int]) -> str:
    return aliased(key, values, [session.chip.ids[neuron] for neuron in neurons])


def _weights(session: Session, words: Sequence[str]) -> str:
    if len(words) % 2:
        raise EmulationError(f"{len(words)} words, needed: FROM TO, once or several times, or nothing for all synapses")
    chip = session.chip
    weights = chip.weights()
    pairs = [(chip.ids[neuron_of(session, word)], to) for word, to in zip(words[::2], words[1::2], strict=True)]
    chosen = []
    for source, to in pairs:
        pair = source, chip.ids[neuron_of(session, to)]
        if pair not in weights:
            raise EmulationError(f"there is no synapse from node {pair[0]} to node {pair[1]}; SW lists all")
        chosen.append(pair)
    return "".join(
        f"{source:6d} -> {target:4d} : {weights[source, target]:7.4f}\n" for source, target in chosen or weights
    )


def _track_neurons(session: Session, words: Sequence[str]) -> str:
    return _track(session, neurons_of(session, words), True)


def _untrack_neurons(session: Session, words: Sequence[str]) -> str:
    return _track(session, neurons_of(session, words), False)


def _track_outputs(session: Session, words: Sequence[str]) -> str:
    return _track(session, outputs_of(session, words), True)


def _untrack_outputs(session: Session, words: Sequence[str]) -> str:
    return _track(session, outputs_of(session, words), False)


def _track(session: Session, neurons: Iterable[int], tracked: bool) -> str:
    for neuron in neurons:
        session.tracked[neuron] = tracked
    return ""


COMMANDS = (
    Command(("OT", "OUTPUT_TIMES"), "[NODE ...]", "When outputs fired.", _output_times),
    Command(("OV", "OUTPUT_VECTOR"), "[NODE ...]", "The same, with a blank at the end.", _output_vector),
    Command(("OC", "OUTPUT_COUNT"), "[NODE ...]", "How often outputs fired.", _output_counts),
    Command(("OLF", "OUTPUT_LAST_FIRE"), "[NODE ...]", "When outputs fired last; -1 is never.", _output_last),
    Command(
        ("NT", "NEURON_TIMES"),
        "[T|F] [NODE ...]",
        "When nodes fired; F leaves out the silent ones.",
        _neuron_times,
    ),
    Command(("NC", "NEURON_COUNTS"), "[T|F] [NODE ...]", "How often nodes fired.", _neuron_counts),
    Command(("NLF", "NEURON_LAST_FIRES"), "[T|F] [NODE ...]", "When nodes fired last; -1 is never.", _neuron_last),
    Command(("NCH", "NEURON_CHARGES"), "[NODE ...]", "What is left in nodes after the last cycle.", _neuron_charges),
    Command(
        ("GSR", "GET_SPIKE_RASTER"),
        "[T|F] [NODE ...]",
        "Rasters up to the last spike; F leaves out hidden nodes.",
        _spike_rasters,
    ),
    Command(("NLFJ", "NEURON_LAST_FIRES_JSON"), "[NODE ...]", "NLF as JSON.", _last_json),
    Command(("NCJ", "NEURON_COUNTS_JSON"), "[NODE ...]", "NC as JSON.", _counts_json),
    Command(("NVJ", "NEURON_VECTORS_JSON"), "V|S [NODE ...]", "NT (V) or GSR (S) as JSON.", _vectors_json),
    Command(("NCHJ", "NEURON_CHARGES_JSON"), "[NODE ...]", "NCH as JSON.", _charges_json),
    Command(("TNC", "TOTAL_NEURON_COUNTS"), "", "How often all nodes together fired.", _total_counts),
    Command(
        ("TNA", "TOTAL_NEURON_ACCUMULATES"), "", "How many charges reached all nodes together.", _total_accumulated
    ),
    Command(("SW", "SYNAPSE_WEIGHTS"), "[FROM TO ...]", "Weights of synapses.", _weights),
    Command(("TRACK_N", "TRACK_NEURONS"), "[NODE ...]", "Keep the times of nodes, as at first.", _track_neurons),
    Command(("UNTRACK_N", "UNTRACK_NEURONS"), "[NODE ...]", "Keep only counts and last times.", _untrack_neurons),
    Command(("TRACK_O", "TRACK_OUTPUTS"), "[NODE ...]", "Keep the times of outputs.", _track_outputs),
    Command(("UNTRACK_O", "UNTRACK_OUTPUTS"), "[NODE ...]", "Keep only counts and last times.", _untrack_outputs),
)
