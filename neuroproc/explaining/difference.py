"""What differs between two processor images, named by layer and place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from isa_spec.codec import encode_image
from isa_spec.image import ROLES, LayerRecord, ProcessorImage, graph_digest
from isa_spec.kinds import KINDS
from isa_spec.names import neuron_names
from neuroproc.explaining.alignment import Changes, changes_by_layer
from neuroproc.measuring.measures import count

Pair = tuple[Any, Any]
"""What the one image has, and what the other has; None where it has no such thing."""

NAMELESS = ""
"""Stands for the layer of images that have none."""
_TOTALS = ("neurons", "synapses", "max_delay", "latency", "initiation_interval", "potential_bits", "source_digest")
_SIZES = ("kind", "parameters", "nonzero_parameters", "synapses", "potential_bits")


@dataclass(frozen=True)
class LayerDifference:
    """What differs in one layer.

    Parameters
    ----------
    name : str
    facts : dict of str to Pair
        Only those that differ: neurons by role, synapses that arrive, their longest delay, the cycle of the first
        value, lanes, parameters and so on.
    changes : tuple of Changes
        Of neurons and of the synapses that arrive, one by one; empty where the layer has other neurons.
    """

    name: str
    facts: Mapping[str, Pair]
    changes: tuple[Changes, ...] = ()


@dataclass(frozen=True)
class ImageDifference:
    """What differs between two images; everything that is equal is left out.

    Parameters
    ----------
    equal : bool
        Whether the images are the same in everything.
    same_behaviour : bool
        Whether their graph digests are equal: the same spikes in give the same spikes out. Where they are not, two
        images may still behave alike.
    digests : (str, str)
        Graph digests.
    facts : dict of str to Pair
        Sizes, times, encoding, decoding, ports.
    profile : dict of str to Pair
        Parameters of the processors.
    options : dict of str to Pair
        Compile options, and what else the image keeps; of tables in it only the entries that differ: ``table.key``.
    layers : tuple of LayerDifference
        In the order of the first image, then those that only the second has.
    """

    equal: bool
    same_behaviour: bool
    digests: tuple[str, str]
    facts: Mapping[str, Pair] = field(default_factory=dict)
    profile: Mapping[str, Pair] = field(default_factory=dict)
    options: Mapping[str, Pair] = field(default_factory=dict)
    layers: tuple[LayerDifference, ...] = ()


def diff(a: ProcessorImage, b: ProcessorImage) -> ImageDifference:
    """What differs between two images.

    Neurons are compared one by one in layers that have the same neurons in both images (as many of each role, lanes
    alike), synapses where that is true of both of their ends.

    Parameters
    ----------
    a, b : ProcessorImage
    """
    digests = (graph_digest(a), graph_digest(b))
    if encode_image(a, "") == encode_image(b, ""):
        return ImageDifference(True, True, digests)
    a, b = _layered(a), _layered(b)
    measures = (count(a), count(b))
    totals = [
        {key.replace("_", " "): measure[key] for key in _TOTALS} | _ends(image)
        for measure, image in zip(measures, (a, b), strict=True)
    ]
    return ImageDifference(
        equal=False,
        same_behaviour=digests[0] == digests[1],
        digests=digests,
        facts=_differing(totals[0], totals[1]) | _first_port(a, b),
        profile=_differing(_parameters(a), _parameters(b)),
        options=_differing_within(a.options, b.options),
        layers=_layers(a, b, measures),
    )


def _parameters(image: ProcessorImage) -> dict[str, Any]:
    """All of a processor but what is said about it."""
    return {f.name: getattr(image.spec, f.name) for f in fields(image.spec) if f.name != "description"}


def _layered(image: ProcessorImage) -> ProcessorImage:
    """The image with at least one layer."""
    if image.layers:
        return image
    return replace(image, layers=(LayerRecord(NAMELESS, "", None, None, 0, 0, 0, 0),))


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Pair]:
    """Entries that are not equal in both; None where there is none."""
    pairs = {key: (one.get(key), other.get(key)) for key in {**one, **other}}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _differing_within(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Pair]:
    """As `_differing`, and within tables that both have."""
    found: dict[str, Pair] = {}
    for key, pair in _differing(one, other).items():
        if isinstance(pair[0], Mapping) and isinstance(pair[1], Mapping):
            found |= {f"{key}.{inner}": within for inner, within in _differing_within(*pair).items()}
        else:
            found[key] = pair
    return found


def _ends(image: ProcessorImage) -> dict[str, Any]:
    """How frames get in and answers come out."""
    start = zip(image.start.cycle.tolist(), image.start.port.tolist(), image.start.value.tolist(), strict=True)
    return {
        "encoding": None if image.encoding is None else dict(image.encoding),
        "decode": None if image.decode is None else dict(image.decode),
        "inputs": len(image.inputs),
        "outputs": len(image.outputs),
        "start events": [f"{value} at {image.inputs[port].name} in cycle {cycle}" for cycle, port, value in start],
    }


def _first_port(a: ProcessorImage, b: ProcessorImage) -> dict[str, Pair]:
    """The first input and the first output that differ."""
    found = {}
    sides = [(image, neuron_names(image)) for image in (a, b)]
    for kind in ("inputs", "outputs"):
        words = [[f"{port.name} at {names[port.neuron]}" for port in getattr(image, kind)] for image, names in sides]
        pairs = list(enumerate(zip_longest(*words)))
        wrong = next(((number, pair[0], pair[1]) for number, pair in pairs if pair[0] != pair[1]), None)
        if wrong:
            found[f"first other {kind[:-1]}: {wrong[0]}"] = wrong[1:]
    return found


def _layers(a: ProcessorImage, b: ProcessorImage, measures: Sequence[Mapping[str, Any]]) -> tuple[LayerDifference, ...]:
    one, other = _facts(a, measures[0]), _facts(b, measures[1])
    same = ("lanes", *map(_of_role, ROLES))
    alike = [name for name in one if name in other and all(one[name].get(k) == other[name].get(k) for k in same)]
    numbers = [{name: index for index, name in enumerate(layer)} for layer in (one, other)]
    changed = changes_by_layer(a, b, [(numbers[0][name], numbers[1][name]) for name in alike])
    changes = dict(zip(alike, changed, strict=True))
    found = []
    for name in {**one, **other}:
        facts = _differing(one.get(name, {}), other.get(name, {}))
        if facts or changes.get(name):
            found.append(LayerDifference(name, facts, changes.get(name, ())))
    return tuple(found)


def layer_names(image: ProcessorImage) -> list[str]:
    """Names of an image's layers, each once: a number tells those apart that have the same."""
    names: list[str] = []
    for record in image.layers:
        name, again = record.name, 1
        while name in names:
            again += 1
            name = f"{record.name} ({again})"
        names.append(name)
    return names


def _of_role(role: str) -> str:
    return f"{role} neurons"


def _facts(image: ProcessorImage, measures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Everything to be compared of each layer, by its name."""
    longest = np.zeros(len(image.layers), np.int64)
    np.maximum.at(longest, image.layer[image.target], image.delay)
    kinds = np.zeros((len(image.layers), len(KINDS)), np.int64)
    np.add.at(kinds, (image.layer[image.target], image.kind), 1)
    facts = {}
    for index, (name, measure) in enumerate(zip(layer_names(image), measures["layers"], strict=True)):
        contract = image.layers[index].contract
        facts[name] = {
            **{_of_role(role): number for role, number in measure["roles"].items()},
            **{key.replace("_", " "): measure[key] for key in _SIZES},
            **{f"{kind} synapses": int(n) for kind, n in zip(KINDS[1:], kinds[index, 1:], strict=True) if n},
            "longest delay": int(longest[index]),
        }
        if contract is not None:
            lanes = (contract.lane_channels, contract.lane_rows, contract.lane_cols)
            facts[name] |= {"lanes": "x".join(map(str, lanes)), "from cycle": contract.start}
    return facts
