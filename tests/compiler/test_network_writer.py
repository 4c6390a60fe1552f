"""Networks that are written are read back equal, and the same network always gives the same bytes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from compiler_helpers import random_network

from compiler.frontends.bipolar import from_bipolar
from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Add, Conv2d, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork
from compiler.networks.network_file import load_network, parse_network
from compiler.networks.network_writer import save_network
from isa_spec.errors import FormatError, NetworkError, NeuroprocError


def rate_network():
    layers = (
        Conv2d("conv", (INPUT,), np.array([[[[3, -2], [100, -1]]]]), np.array([70])),
        Pool2d("pool", ("conv",), "sumpool2d", (2, 2), (2, 1), np.array([4])),
    )
    encoding = {"kind": "rate", "steps": 7, "levels": 9, "source": "even"}
    decode = {"kind": "argmax", "classes": 1, "by": "first", "ties": "potential"}
    return LayeredNetwork("rates", (1, 6, 5), layers, encoding, decode, reset="subtract", floor=-3)


def networks():
    """Random ones, one whose additions have factors, one of rates, and shipped ones."""
    rng = np.random.default_rng(8)
    yield from (random_network(rng) for _ in range(40))
    network = random_network(rng)
    shape = network.shapes[network.layers[-1].name]
    factor = rng.integers(-3, 4, (2, shape[0]))
    names = (network.layers[-1].name,) * 2
    added = Add("added", names, rng.integers(-3, 4, shape[0]), factor)
    yield replace(network, layers=(*network.layers, added), decode={"kind": "spikes"})
    yield rate_network()


@pytest.mark.parametrize("network", list(networks()), ids=lambda network: network.name)
def test_read_back_equal(network, tmp_path):
    save_network(network, tmp_path / "a.json")
    again = load_network(tmp_path / "a.json")
    assert again.digest == network.digest
    assert (again.name, again.shapes) == (network.name, network.shapes)
    save_network(again, tmp_path / "b.json")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.json").read_text().replace("a.npz", "b.npz") == (tmp_path / "b.json").read_text()


def test_a_bipolar_network_is_written_as_the_binary_one_that_it_is(tmp_path):
    layers = (Conv2d("conv", (INPUT,), np.array([[[[1, -1], [1, 1]]]]), np.array([1])),)
    network = from_bipolar(LayeredNetwork("b", (1, 3, 3), layers, {"kind": "binary"}, None), set())
    save_network(network, tmp_path / "b.json")
    again = load_network(tmp_path / "b.json")
    frames = np.random.default_rng(1).integers(-1, 2, (20, 1, 3, 3))
    assert again.digest == network.digest
    assert np.array_equal(evaluate(again, frames)["conv"], evaluate(network, frames)["conv"])


def test_arrays_are_as_narrow_as_they_can_be(tmp_path):
    save_network(rate_network(), tmp_path / "r.json")
    with np.load(tmp_path / "r.npz") as arrays:
        assert {name: array.dtype.str for name, array in arrays.items()} == {
            "weight0": "|i1", "threshold0": "|i1", "threshold1": "|i1"
        }  # fmt: skip
    wide = np.array([[[[2**40, -129], [0, 1]]]])
    conv = replace(rate_network().layers[0], weight=wide, threshold=np.array([2**15]))
    save_network(replace(rate_network(), layers=(conv,), decode={"kind": "spikes"}), tmp_path / "w.json")
    with np.load(tmp_path / "w.npz") as arrays:
        assert {name: array.dtype.str for name, array in arrays.items()} == {"weight0": "<i8", "threshold0": "<i4"}


def test_only_json_is_written(tmp_path):
    for name in ("net.toml", "net", "net.npz"):
        with pytest.raises(FormatError, match=r"NAME\.json"):
            save_network(rate_network(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(NeuroprocError, match="cannot be written"):
        save_network(rate_network(), tmp_path / "none" / "net.json")


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"factor": [[1, 2]]}, r"allowed: one for each input and channel, \[2, 1\]"),
        ({"factor": [1, 2]}, "2 dimensions"),
        ({"factor": [[1.5], [2]]}, "integers"),
        ({"threshold": None, "batchnorm": {}, "factor": [[1], [1]]}, "both factor and batchnorm"),
    ],
)
def test_wrong_factors_are_refused(change, words, tmp_path):
    add = {"name": "add", "type": "add", "inputs": ["input", "input"], "threshold": [1], **change}
    add = {key: value for key, value in add.items() if value is not None}
    entry = {"format": "layered-network", "version": 1, "input": {"shape": [1, 2, 2]}, "layers": [add]}
    with pytest.raises(NetworkError, match=words):
        parse_network(json.loads(json.dumps(entry)), "x", tmp_path)
