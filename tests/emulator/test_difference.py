"""Two images: what differs is found, named, and nothing else is."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import random_network, small_network
from emulator_helpers import FAMILIES, family_spec, make_spec, random_image

import neuroproc
from isa_spec.building import build_image
from isa_spec.image import LayerRecord, Port, ProcessorImage
from isa_spec.names import neuron_names
from neuroproc.explaining.difference import NAMELESS, diff
from neuroproc.explaining.matching import DELAY, KIND, SOURCE, TARGET, WEIGHT, match_synapses


def compiled(unroll=(2, 2), network=None, profile="research"):
    plan = neuroproc.FoldPlan(unroll)
    return neuroproc.compile_network(network or small_network(6), neuroproc.load_profile(profile), plan)


def rebuilt(image: ProcessorImage, **changes) -> ProcessorImage:
    """The image with other arrays, synapses put in order again."""
    arrays = {
        name: getattr(image, name).astype(np.int64)
        for name in ("threshold", "target", "weight", "delay", "leaks", "once", "group", "kind", "role", "layer")
    }
    more = {name: getattr(image, name) for name in (
        "layers", "start", "encoding", "decode", "latency", "interval", "source_digest", "options", "inputs", "outputs"
    )}  # fmt: skip
    values = {"spec": image.spec, "source": image.source(), **arrays, **more, **changes}
    return build_image(**values)


def changed_at(image, name, index, value):
    array = getattr(image, name).astype(np.int64).copy()
    array[index] = value
    return rebuilt(image, **{name: array})


def only_change(difference):
    """Layer's name and the change, if there is one of one layer alone."""
    assert not difference.equal
    assert not difference.same_behaviour
    layers = [layer for layer in difference.layers if layer.changes]
    assert len(layers) == len(layers[0].changes) == 1
    return layers[0].name, layers[0].changes[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_and_itself(family):
    image = random_image(np.random.default_rng(4), family_spec(family))
    difference = diff(image, rebuilt(image))
    assert difference.equal
    assert difference.same_behaviour
    assert (difference.facts, difference.profile, difference.options, difference.layers) == ({}, {}, {}, ())


@pytest.mark.parametrize("seed", range(10))
def test_a_threshold_is_named(seed):
    rng = np.random.default_rng(seed)
    image = compiled(network=random_network(rng), unroll=(1, 1))
    neuron = int(rng.integers(image.n_neurons))
    value = int(image.threshold[neuron]) + 1
    layer, change = only_change(diff(image, changed_at(image, "threshold", neuron, value)))
    assert layer == image.layers[image.layer[neuron]].name
    assert (change.what, change.number, change.first) == ("thresholds", 1, neuron_names(image)[neuron])
    assert (change.a, change.b) == (value - 1, value)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("column", ["weight", "delay"])
def test_a_synapse_is_named(seed, column):
    """Among many of the same pair, whatever their delays and weights are."""
    rng = np.random.default_rng(seed)
    image = random_image(rng, make_spec(), n_neurons=4, n_synapses=60)
    synapse = int(rng.integers(image.n_synapses))
    value = 50 + seed
    other = changed_at(image, column, synapse, value)
    layer, change = only_change(diff(image, other))
    ends = f"unit.{image.source()[synapse]} -> unit.{image.target[synapse]}"
    assert (layer, change.what, change.number, change.first) == (NAMELESS, f"{column}s", 1, ends)
    assert (change.a, change.b) == (int(getattr(image, column)[synapse]), value)


def test_a_synapse_removed_and_one_added():
    image = random_image(np.random.default_rng(2), make_spec(), n_neurons=5, n_synapses=40)
    synapse, columns = 7, ("source", "target", "weight", "delay", "kind")
    arrays = {name: image.source() if name == "source" else getattr(image, name) for name in columns}
    fewer = rebuilt(image, **{name: np.delete(array, synapse) for name, array in arrays.items()})
    ends = f"unit.{image.source()[synapse]} -> unit.{image.target[synapse]}"
    words = f"weight {image.weight[synapse]}, delay {image.delay[synapse]}"
    _, change = only_change(diff(image, fewer))
    assert (change.what, change.first, change.a, change.b) == ("synapses removed", ends, words, None)
    _, change = only_change(diff(fewer, image))
    assert (change.what, change.first, change.a, change.b) == ("synapses added", ends, None, words)
    assert diff(image, fewer).facts["synapses"] == (image.n_synapses, image.n_synapses - 1)


def test_neurons_that_leak_or_fire_once_and_groups():
    image = random_image(np.random.default_rng(5), family_spec("everything, own leak"))
    _, change = only_change(diff(image, changed_at(image, "leaks", 3, 1 - image.leaks[3])))
    assert (change.what, change.first, change.a, change.b) == ("leak", "unit.3", image.leaks[3], 1 - image.leaks[3])
    once = changed_at(image, "once", 3, 1 - image.once[3])
    _, change = only_change(diff(image, once))
    assert (change.what, change.first, change.a, change.b) == ("fire once", "unit.3", image.once[3], 1 - image.once[3])
    member = int(np.flatnonzero(image.group >= 0)[0])
    _, change = only_change(diff(image, changed_at(image, "group", member, -1)))
    assert (change.what, change.first, change.a, change.b) == (
        "groups", f"unit.{member}", f"unit.{image.group[member]}", None
    )  # fmt: skip


def test_a_synapse_of_another_kind():
    image = random_image(np.random.default_rng(6), family_spec("once and clear"))
    synapse = int(np.flatnonzero((image.kind == 0) & (image.weight == 1))[0])
    layer = diff(image, changed_at(image, "kind", synapse, 2)).layers[0]
    words = f"weight 1, delay {image.delay[synapse]}"
    assert [(c.what, c.number, c.a, c.b) for c in layer.changes] == [
        ("synapses removed", 1, words, None), ("synapses added", 1, None, f"{words}, clear")
    ]  # fmt: skip
    clearing = int((image.kind == 2).sum())
    assert layer.facts["clear synapses"] == (clearing, clearing + 1)


def test_what_is_said_beside_the_graph():
    image = compiled()
    relabelled = replace(image, options={**image.options, "note": "x"}, decode={"kind": "argmax", "classes": 5})
    difference = diff(image, relabelled)
    assert (difference.equal, difference.same_behaviour, difference.layers) == (False, True, ())
    assert difference.options == {"note": (None, "x")}
    kept = [
        {"note": {"b": one, "same": {"a": [1]}, "same too": 3}} for one in ({"c": 1, "d": [5]}, {"c": 2, "d": [5]}, 7)
    ]
    tables = [replace(image, options=options) for options in kept]
    assert diff(tables[0], tables[1]).options == {"note.b.c": (1, 2)}
    assert diff(tables[0], tables[2]).options == {"note.b": ({"c": 1, "d": [5]}, 7)}
    assert difference.facts == {"decode": ({"kind": "spikes"}, relabelled.decode)}


def test_a_parameter_of_the_processor():
    image = compiled()
    difference = diff(image, rebuilt(image, spec=replace(image.spec, name="short", max_delay=100)))
    assert difference.profile == {"name": ("research", "short"), "max_delay": (None, 100)}
    assert (difference.equal, difference.same_behaviour, difference.facts, difference.layers) == (False, False, {}, ())


def test_ports():
    image = compiled()
    inputs = list(image.inputs)
    inputs[1] = Port(inputs[1].name, inputs[0].neuron)
    difference = diff(image, replace(image, inputs=tuple(inputs), outputs=image.outputs[:-1]))
    assert difference.facts == {
        "outputs": (len(image.outputs), len(image.outputs) - 1),
        "first other input: 1": ("in.0.0.1 at input.0.0.1", "in.0.0.1 at input.0.0.0"),
        f"first other output: {len(image.outputs) - 1}": (
            f"{image.outputs[-1].name} at {neuron_names(image)[image.outputs[-1].neuron]}", None
        ),
    }  # fmt: skip


def test_a_fold_changes_delays_and_no_weights():
    """Where the neurons stay, whatever the delays became."""
    network = small_network(6)
    a, b = compiled((1, 1), network), compiled((2, 2), network)
    difference = diff(a, b)
    assert difference.options == {"unroll": ([1, 1], [2, 2])}
    assert difference.facts["initiation interval"] == (a.interval, b.interval)
    by_name = {layer.name: layer for layer in difference.layers}
    assert by_name["conv1"].facts["unit neurons"] == (3, 12)
    assert by_name["conv1"].changes == ()
    assert {change.what for layer in difference.layers for change in layer.changes} == {"delays"}
    assert by_name["conv2"].facts["from cycle"] == tuple(
        next(r.contract.start for r in image.layers if r.name == "conv2") for image in (a, b)
    )


def test_layers_that_only_one_has_and_layers_of_one_name():
    image = compiled()
    renamed = [replace(record, name="other" if record.name == "fc" else record.name) for record in image.layers]
    difference = diff(image, replace(image, layers=tuple(renamed)))
    assert [layer.name for layer in difference.layers] == ["fc", "other"]
    assert difference.layers[0].facts["unit neurons"] == (5, None)
    assert difference.layers[1].facts["unit neurons"] == (None, 5)
    twins = tuple(replace(record, name="twin") for record in image.layers)
    twice = replace(image, layers=twins)
    first = next(record for record in image.layers if record.name == "conv2").first_neuron
    layer, change = only_change(diff(twice, changed_at(twice, "threshold", first, 99)))
    number = [record.name for record in image.layers].index("conv2") + 1
    assert (layer, change.number, change.b) == (f"twin ({number})", 1, 99)


def test_an_image_without_layers_and_one_with():
    image = random_image(np.random.default_rng(1), make_spec())
    layered = replace(image, layers=(LayerRecord(NAMELESS, "", None, None, 0, 0, 0, 0),))
    difference = diff(image, layered)
    assert (difference.equal, difference.same_behaviour, difference.layers) == (False, True, ())


def random_table(rng):
    n = int(rng.integers(0, 40))
    columns = [rng.integers(0, most, n) for most in (2, 2, 2, 4, 4)]
    return np.stack(columns, axis=1)


def rows(table, columns=range(5)):
    return Counter(map(tuple, table[:, list(columns)].tolist()))


@pytest.mark.parametrize("seed", range(100))
def test_every_synapse_meets_one_or_none(seed):
    """Nothing is lost or found twice, and nothing is left that could meet."""
    rng = np.random.default_rng(seed)
    left, right = random_table(rng), random_table(rng)
    if seed % 3 == 0:
        right = left.copy()
        right[:, (DELAY, WEIGHT)[seed % 2]] = rng.integers(0, 4, len(left))
    removed, added, before, after = match_synapses(left, right)
    assert rows(removed) + rows(before) == rows(left)
    assert rows(added) + rows(after) == rows(right)
    assert np.array_equal(before[:, [SOURCE, TARGET, KIND]], after[:, [SOURCE, TARGET, KIND]])
    for column in (DELAY, WEIGHT):
        assert not rows(removed, (SOURCE, TARGET, KIND, column)) & rows(added, (SOURCE, TARGET, KIND, column))
    assert np.all((before[:, DELAY] == after[:, DELAY]) | (before[:, WEIGHT] == after[:, WEIGHT]))
