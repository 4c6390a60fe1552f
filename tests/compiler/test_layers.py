"""Layers that are made by hand: what is not a layer of integers is refused where it is made, never in the run."""

import dataclasses

import numpy as np
import pytest

from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from isa_spec.errors import NetworkError

ONES, TWO = np.ones((2, 1, 3, 3), np.int64), np.array([2, 3])
MISTAKES = {
    "floats": (
        lambda: Conv2d("c", ("input",), ONES * 0.5, TWO),
        "layer 'c': weight: float64 values, allowed: integers; quantise before importing",
    ),
    "floats of a dense layer": (
        lambda: Dense("d", ("input",), [[1.5]], None),
        "layer 'd': weight: float64 values, allowed: integers; quantise before importing",
    ),
    "rank": (
        lambda: Conv2d("c", ("input",), ONES[0], TWO),
        "layer 'c': weight: shape [1, 3, 3], allowed: 4 dimensions, none empty",
    ),
    "one threshold for all": (
        lambda: Conv2d("c", ("input",), ONES, 2),
        "layer 'c': threshold: shape [], allowed: 1 dimensions, none empty",
    ),
    "too many thresholds": (
        lambda: Conv2d("c", ("input",), ONES, [1, 2, 3]),
        "layer 'c': 3 thresholds for 2 units",
    ),
    "a name for names": (
        lambda: Dense("d", "input", [[1]], [1]),
        "layer 'd': sources = 'input', allowed: a tuple with the name of one earlier layer, as ('input',)",
    ),
    "two sources": (
        lambda: Flatten("f", ("a", "b")),
        "layer 'f': sources = ('a', 'b'), allowed: a tuple with the name of one earlier layer, as ('input',)",
    ),
    "no sources": (
        lambda: Concat("j", ()),
        "layer 'j': sources = (), allowed: a tuple with the name of one or more earlier layers, as ('input',)",
    ),
    "stride": (
        lambda: Conv2d("c", ("input",), ONES, TWO, stride=2),
        "layer 'c': stride = 2, allowed: two integers (rows, columns), each 1 and above",
    ),
    "dilation": (
        lambda: Conv2d("c", ("input",), ONES, TWO, dilation=(1, 0)),
        "layer 'c': dilation = (1, 0), allowed: two integers (rows, columns), each 1 and above",
    ),
    "padding": (
        lambda: Conv2d("c", ("input",), ONES, TWO, padding=(1, 1)),
        "layer 'c': padding = (1, 1), allowed: ((top, bottom), (left, right)), each 0 and above",
    ),
    "groups": (
        lambda: Conv2d("c", ("input",), ONES, TWO, groups=0),
        "layer 'c': groups = 0, allowed: an integer of 1 and above",
    ),
    "kind of pool": (
        lambda: Pool2d("p", ("c",), "max", (2, 2), (2, 2)),
        "layer 'p': kind = 'max', allowed: maxpool2d, sumpool2d, avgpool2d",
    ),
    "kernel": (
        lambda: Pool2d("p", ("c",), "maxpool2d", 2, (2, 2)),
        "layer 'p': kernel = 2, allowed: two integers (rows, columns), each 1 and above",
    ),
    "maximum with thresholds": (
        lambda: Pool2d("p", ("c",), "maxpool2d", (2, 2), (2, 2), TWO),
        "layer 'p': a maxpool2d with thresholds, allowed: none, for the maximum of spikes is one",
    ),
    "factor": (
        lambda: Add("a", ("b", "c"), TWO, [[1, 1]]),
        "layer 'a': factor of shape [1, 2], allowed: [2, 2], one for each source and channel",
    ),
    "frame without channels": (
        lambda: network(input_shape=(8, 8)),
        "network 'mine': input_shape = (8, 8), allowed: three integers (channels, rows, columns), each 1 and above",
    ),
    "what is no layer": (
        lambda: network(layers=[Flatten("f", ("input",)), ONES]),
        "network 'mine': layers has a ndarray, allowed: layers",
    ),
}


def network(**changes):
    layers = (
        Conv2d("conv", ("input",), ONES, TWO, padding=((1, 1), (1, 1))),
        Pool2d("pool", ("conv",), "maxpool2d", (2, 2), (2, 2)),
        Flatten("flat", ("pool",)),
        Dense("fc", ("flat",), np.eye(4, 8, dtype=np.int64), np.ones(4, np.int64)),
    )
    given = {"name": "mine", "input_shape": (1, 4, 4), "layers": layers, "encoding": {"kind": "binary"}}
    return LayeredNetwork(**{**given, "decode": {"kind": "argmax", "classes": 4}, **changes})


@pytest.mark.error
@pytest.mark.parametrize("mistake", MISTAKES)
def test_refuses(mistake):
    make, message = MISTAKES[mistake]
    with pytest.raises(NetworkError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.oracle
def test_lists_and_small_integers_are_the_same_network():
    plain = network()
    conv, pool, flat, fc = plain.layers
    lists = dataclasses.replace(conv, weight=conv.weight.tolist(), threshold=[2, 3], padding=[[1, 1], [1, 1]])
    bytes_only = dataclasses.replace(fc, weight=fc.weight.astype(np.int8), threshold=fc.threshold.astype(np.uint8))
    other = network(input_shape=[1, 4, 4], layers=[lists, dataclasses.replace(pool, kernel=[2, 2]), flat, bytes_only])
    assert other.digest == plain.digest
    frames = np.random.default_rng(3).integers(0, 2, (5, 1, 4, 4))
    for name, values in evaluate(plain, frames).items():
        assert (evaluate(other, frames)[name] == values).all()


@pytest.mark.oracle
def test_small_integers_do_not_wrap():
    """127 times 100 is beyond a byte, and so is their sum."""
    wide = Dense("fc", ("input",), np.full((1, 100), 127, np.int8), np.array([12700], np.int16))
    made = network(layers=(wide,), input_shape=(1, 1, 100), decode={"kind": "spikes"})
    assert evaluate(made, np.ones((1, 1, 1, 100), np.uint8))["fc"].ravel().tolist() == [1]


def test_a_network_keeps_its_digest_whatever_becomes_of_the_arrays_that_it_was_made_of():
    weight = np.eye(4, 8, dtype=np.int64)
    made = network(layers=(*network().layers[:-1], Dense("fc", ("flat",), weight, [1] * 4)))
    digest = made.digest
    weight[0, 0] = 5
    assert made.layers[-1].weight[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        made.layers[-1].weight[0, 0] = 5
    assert dataclasses.replace(made).digest == digest
