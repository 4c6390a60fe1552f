"""Dead matter: what is found is certain, and what is removed is not missed."""

import json

import numpy as np
import pytest
from cli_helpers import call, write_json
from compiler_helpers import random_frames, random_network, random_pair, random_plan

import neuroproc
from compiler.costing.cost import cost_of
from compiler.emit import compile_network, emit
from compiler.networks.dead import DeadLayer, find_dead, remove_dead
from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.schedule import make_schedule
from isa_spec.errors import NetworkError
from isa_spec.spec import load_profile

BINARY, SPIKES = {"kind": "binary", "threshold": 1}, {"kind": "spikes"}


def network_of(shape, *layers):
    return LayeredNetwork("dead", shape, layers, BINARY, SPIKES)


def conv(name, weight, threshold, source="input", **more):
    return Conv2d(name, (source,), np.array(weight, np.int64), np.array(threshold, np.int64), **more)


def dense(name, weight, threshold, source):
    return Dense(name, (source,), np.array(weight, np.int64), np.array(threshold, np.int64))


def by_layer(network):
    return {layer.name: layer for layer in find_dead(network).layers}


def small():
    """Of conv's four channels one is silent, one saturated, one unheard; the second unit of fc is then constant."""
    weight = np.ones((4, 1, 2, 2), np.int64)
    columns = np.zeros((3, 4, 4), np.int64)
    columns[0, 0], columns[0, 1], columns[0, 2] = 1, 5, 2
    columns[1, 1], columns[1, 2] = 9, -1
    columns[2, 0] = -1
    return network_of(
        (1, 3, 3),
        conv("conv", weight, [2, 5, 0, 1]),
        Flatten("flatten", ("conv",)),
        dense("fc", columns.reshape(3, 16), [10, 0, -2], "flatten"),
    )


def test_silent_saturated_and_unheard_channels_are_found():
    found = by_layer(small())
    # fc 1: the silent channel brings nothing, the saturated one takes 4 from 0: it never fires.
    assert found["conv"] == DeadLayer("conv", 4, never=(1,), always=(2,), unheard=(3,))
    assert found["fc"] == DeadLayer("fc", 3, never=(1,), always=(), unheard=())


def test_constants_fold_into_thresholds_and_dead_channels_vanish():
    pruned = remove_dead(small())
    kernel, _, fc = pruned.layers
    assert kernel.weight.shape == (1, 1, 2, 2)
    assert fc.weight.tolist() == [[1, 1, 1, 1], [0, 0, 0, 0], [-1, -1, -1, -1]]
    assert fc.threshold.tolist() == [10 - 8, 1, -2]
    assert pruned.source_digest == small().digest != pruned.digest


def test_a_constant_that_padding_interrupts_is_left_alone():
    """Next to the border a saturated channel brings less: the second layer's sum is 4 inside, 1 in the corner."""
    first = conv("first", [[[[1]]], [[[1]]]], [0, 1])
    second = conv("second", [[[[1] * 3] * 3, [[0] * 3] * 3]], [9], "first", padding=((1, 1), (1, 1)))
    network = network_of((1, 3, 3), first, second)
    found = by_layer(network)
    assert found["first"] == DeadLayer("first", 2, never=(), always=(0,), unheard=(1,))
    assert "second" not in found  # not said to fire never or always: it does both, by position
    pruned = remove_dead(network)
    assert pruned.layers[0].weight.shape[0] == 1  # the constant stays, what nobody hears goes
    frames = random_frames(np.random.default_rng(0), network, 4)
    values = evaluate(pruned, frames)["second"]
    assert np.array_equal(values, evaluate(network, frames)["second"])
    assert values[:, 0, 1, 1].all()
    assert values.sum() == len(frames)


def test_dead_layers_go_and_the_output_stays():
    dead_end = conv("dead_end", [[[[1]]]], [1])
    used = conv("used", [[[[2]]], [[[3]]]], [1, 9])
    network = network_of((1, 2, 2), dead_end, used)
    assert by_layer(network)["dead_end"].unheard == (0,)
    pruned = remove_dead(network)
    assert [layer.name for layer in pruned.layers] == ["used"]
    assert pruned.shapes["used"] == (2, 2, 2)
    assert pruned.layers[0].n_nonzero == 1


def test_what_shape_ties_together_goes_together():
    """A depthwise layer, pooling and a concatenation carry a silent channel on; the dense layer forgets it."""
    first = conv("first", np.ones((3, 1, 1, 1), np.int64), [1, 2, 1])
    depthwise = conv("depthwise", np.ones((3, 1, 1, 1), np.int64), [1, 1, 1], "first", groups=3)
    pool = Pool2d("pool", ("depthwise",), "maxpool2d", (2, 2), (2, 2))
    both = Concat("both", ("pool", "pool"))
    fc = dense("fc", np.arange(1, 13).reshape(2, 6), [4, 9], "both")
    network = network_of((1, 2, 2), first, depthwise, pool, both, fc)
    assert {name: layer.never for name, layer in by_layer(network).items()} == dict.fromkeys(
        ("first", "depthwise", "pool"), (1,)
    )
    pruned = remove_dead(network)
    assert [pruned.shapes[layer.name][0] for layer in pruned.layers] == [2, 2, 2, 4, 2]
    assert pruned.layers[1].groups == 2
    assert pruned.layers[-1].weight.tolist() == [[1, 3, 4, 6], [7, 9, 10, 12]]


def test_an_addition_keeps_a_silent_channel_beside_a_live_one():
    first = conv("first", [[[[1]]], [[[1]]]], [1, 2])
    second = conv("second", [[[[1]]], [[[1]]]], [1, 1])
    network = network_of((1, 2, 2), first, second, Add("sum", ("first", "second"), np.array([2, 1])))
    pruned = remove_dead(network)
    assert [pruned.shapes[layer.name][0] for layer in pruned.layers] == [2, 2, 2]


@pytest.mark.oracle
@pytest.mark.parametrize("block", range(5))
def test_what_is_found_in_random_networks_is_true_and_what_stays_decides_as_before(block):
    seen = 0
    for seed in range(40 * block, 40 * block + 40):
        rng = np.random.default_rng(seed)
        network = random_network(rng)
        frames = random_frames(rng, network, 6)
        values = evaluate(network, frames)
        for layer in find_dead(network).layers:
            assert not values[layer.name][:, list(layer.never)].any(), seed
            assert values[layer.name][:, list(layer.always)].all(), seed
            seen += 1
        pruned = remove_dead(network)
        left = evaluate(pruned, frames)
        assert np.array_equal(left[network.layers[-1].name], values[network.layers[-1].name]), seed
        for layer in pruned.layers:
            if layer.spikes:
                before = {channel.tobytes() for channel in values[layer.name].swapaxes(0, 1)}
                assert all(channel.tobytes() in before for channel in left[layer.name].swapaxes(0, 1)), seed
        assert sum(layer.n_parameters for layer in pruned.layers) <= sum(layer.n_parameters for layer in network.layers)
    assert seen > 50


@pytest.mark.oracle
def test_pruned_images_are_verified_with_the_network_as_it_was_given():
    changed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        network, spec = random_pair(rng)
        pruned = remove_dead(network)
        schedule = make_schedule(pruned, spec, random_plan(rng, pruned, spec))
        image = emit(schedule, cost_of(schedule))
        assert (image.source_digest, image.options["prune"]) == (network.digest, True)
        frames = random_frames(rng, network, 3)
        assert neuroproc.verify(network, image, frames).exact, seed
        assert neuroproc.verify(pruned, image, frames).exact, seed
        last = evaluate(network, frames)[network.layers[-1].name]
        assert np.array_equal(neuroproc.classify(image, frames).outputs.reshape(last.shape), last), seed
        changed += pruned.digest != network.digest
    assert changed > 20


@pytest.mark.error
def test_a_pruned_network_does_not_stand_for_another():
    image = compile_network(remove_dead(small()), load_profile("research"))
    other = network_of((1, 3, 3), conv("conv", np.ones((1, 1, 2, 2), np.int64), [2]))
    with pytest.raises(NetworkError, match="compiled from another network"):
        neuroproc.verify(other, image, random_frames(np.random.default_rng(0), other, 2))


def test_nothing_dead_is_nothing_changed():
    network = network_of((1, 2, 2), conv("conv", np.ones((1, 1, 2, 2), np.int64), [2]))
    assert not find_dead(network)
    assert remove_dead(network).digest == network.digest


def test_the_command_line_reports_prunes_and_verifies(tmp_path, capsys):
    weight = [[[[1, 1], [1, 1]]]] * 4
    columns = np.arange(32).reshape(2, 16).tolist()
    entry = {
        "format": "layered-network", "version": 1, "name": "dead",
        "input": {"shape": [1, 3, 3], "encoding": {"kind": "binary", "threshold": 1}},
        "layers": [
            {"name": "conv", "type": "conv2d", "weight": weight, "threshold": [2, 5, 0, 1]},
            {"name": "flatten", "type": "flatten"},
            {"name": "fc", "type": "dense", "weight": columns, "threshold": [40, 200]},
        ],
        "output": {"decode": {"kind": "spikes"}},
    }  # fmt: skip
    network, image, table = write_json(tmp_path / "dead.json", entry), tmp_path / "dead.npi", tmp_path / "report.json"
    np.save(tmp_path / "frames.npy", np.random.default_rng(1).integers(0, 2, (5, 3, 3)).astype(np.uint8))
    sizes = {}
    for options in ((), ("--prune",)):
        done = call(capsys, "compile", network, "-o", image, "--unroll", "1x1", "--report", table, *options)
        assert done.status == 0, done.err
        assert "layer 'conv': of 4 channels 1 never fire (1), 1 always fire (2)\n" in done.out
        assert ("pruned: 24 of 48 parameters, 2 of 6 channels" in done.out) == bool(options)
        assert "potentials of units fit " in done.out
        written = json.loads(table.read_text())
        assert written["dead"] == [{"name": "conv", "n_channels": 4, "never": [1], "always": [2], "unheard": []}]
        assert written["prune"] == bool(options)
        sizes[options] = written["synapses"]
        checked = call(capsys, "verify", network, image, tmp_path / "frames.npy")
        assert checked.status == 0, checked.out
    assert sizes["--prune",] < sizes[()]
