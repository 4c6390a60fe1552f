"""Commands that make processors, load networks, and tell about both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from isa_spec.errors import EmulationError
from isa_spec.files import read_bytes, write_atomically
from neuroproc.tennlab.command import Command, no_more
from neuroproc.tennlab.image import params_of, read_network
from neuroproc.tennlab.layout import compact, network_text, properties_text
from neuroproc.tennlab.network import Network, load_json
from neuroproc.tennlab.parameters import check_params, completed
from neuroproc.tennlab.session import Session, loaded
from neuroproc.tennlab.text import indented
from neuroproc.tennlab.writer import empty_network


def _make(session: Session, words: Sequence[str]) -> str:
    if len(words) < 2:
        raise EmulationError("needed: the name of the processor (risp), and a file with its parameters, or JSON")
    no_more(words, 2)
    if words[0].lower() != "risp":
        raise EmulationError(f"processor '{words[0]}' is unknown, allowed: risp")
    if words[1].startswith("{"):
        session.make(check_params(load_json(words[1], "parameters"), "parameters"))
    else:
        text = read_bytes(words[1]).decode("utf-8-sig", "replace")
        session.make(check_params(load_json(text, words[1]), words[1]))
    return ""


def _network(words: Sequence[str]) -> tuple[Network, str]:
    no_more(words, 1)
    if not words:
        raise EmulationError("needed: a file with a network, or JSON")
    return read_network(words[0])


def _load(session: Session, words: Sequence[str]) -> str:
    params = session.made
    network, where = _network(words)
    session.load(loaded(network, params, where))
    return ""


def _make_and_load(session: Session, words: Sequence[str]) -> str:
    network, where = _network(words)
    session.load(loaded(network, params_of(network, where), where))
    return ""


def _clear(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    session.unload()
    return ""


def _pull(session: Session, words: Sequence[str]) -> str:
    chip = session.chip
    associated = {**chip.network.associated, "proc_params": completed(chip.params)}
    return _put(replace(chip.network, associated=associated), words)


def _empty(session: Session, words: Sequence[str]) -> str:
    return _put(empty_network(session.made), words)


def _put(network: Network, words: Sequence[str]) -> str:
    no_more(words, 1)
    text = network_text(network)
    if not words:
        return text
    with write_atomically(words[0]) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
    return ""


def _name(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    assert session.made
    return "risp\n"


def _info(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    chip = session.chip
    outside = {*chip.network.inputs, *chip.network.outputs}
    hidden = [node for node in chip.neurons if node not in outside]
    lines = (("Input nodes:  ", chip.inputs), ("Hidden nodes: ", hidden), ("Output nodes: ", chip.outputs))
    names = {node: chip.names[neuron] for node, neuron in chip.neurons.items()}
    return "".join(title + "".join(f"{names[node]} " for node in nodes) + "\n" for title, nodes in lines) + "\n"


def _params(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    return indented(completed(session.made))


def _network_properties(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    return properties_text(session.chip.network.properties) + "\n"


def _processor_properties(session: Session, words: Sequence[str]) -> str:
    no_more(words, 0)
    params = session.made
    properties = {
        "binary_input": False,
        "integration_delay": params.fire_like_ravens,
        "plasticity": "none",
        "run_time_inclusive": params.run_time_inclusive,
        "spike_raster_info": True,
        "spike_value_factor": float(params.spike_value_factor),
        "threshold_inclusive": params.threshold_inclusive,
    }
    return compact(properties) + "\n"


COMMANDS = (
    Command(("M", "MAKE"), "risp FILE|JSON", "Make a processor from its parameters.", _make, document=1),
    Command(("L", "LOAD"), "FILE|JSON", "Load a network into the processor that was made.", _load, document=0),
    Command(
        ("ML", "MAKE_LOAD"),
        "FILE|JSON",
        "Make the processor of a network, and load it.",
        _make_and_load,
        document=0,
    ),
    Command(("C", "CLEAR"), "", "Forget the network; the processor stays.", _clear),
    Command(("PULL", "PULL_NETWORK"), "[FILE]", "Write the network that is loaded to a file, or here.", _pull),
    Command(("EMPTYNET", "EMPTY_NETWORK"), "[FILE]", "Write a network without nodes for this processor.", _empty),
    Command(("INFO",), "", "Input, hidden and output nodes.", _info),
    Command(("NAME",), "", "Name of the processor.", _name),
    Command(("PARAMS",), "", "Parameters of the processor, defaults written out.", _params),
    Command(("NP", "NETWORK_PROPERTIES"), "", "Properties of the network that is loaded.", _network_properties),
    Command(("PP", "PROCESSOR_PROPERTIES"), "", "What applications ask of the processor.", _processor_properties),
)
