"""Max-pooling by membrane potential: units of a window start anew together."""

import json
from dataclasses import replace

import numpy as np
import pytest

from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.networks.network_file import load_network
from compiler.networks.network_writer import save_network
from isa_spec.errors import NetworkError
from isa_spec.trains import rate_trains


def network_of(reset="zero", floor=0, kernel=(2, 2), stride=(2, 2), **decode):
    rng = np.random.default_rng(5)
    layers = (
        Conv2d("conv", ("input",), rng.integers(-3, 6, (4, 1, 3, 3)), np.array([11, 17, 23, 31])),
        Pool2d("pool", ("conv",), "maxpool2d", kernel, stride, rule="membrane"),
        Flatten("flatten", ("pool",)),
        Dense("fc", ("flatten",), rng.integers(-4, 7, (6, 16)), np.full(6, 23)),
    )
    encoding = {"kind": "rate", "steps": 12, "levels": 9}
    decode = {"kind": "argmax", "classes": 6, **decode}
    return LayeredNetwork("pooled", (1, 7, 7), layers, encoding, decode, reset=reset, floor=floor)


def frames_of(n_frames):
    return np.random.default_rng(n_frames).integers(0, 10, (n_frames, 1, 7, 7))


@pytest.mark.oracle
@pytest.mark.parametrize(("kernel", "stride"), [((2, 2), (2, 2)), ((1, 2), (2, 3))])
@pytest.mark.parametrize(("reset", "floor"), [("zero", None), ("zero", 0), ("subtract", 0), ("subtract", -20)])
def test_evaluation_is_the_plain_loop(reset, floor, kernel, stride):
    """Window by window, unit by unit and step by step in plain integers, against `evaluate`."""
    network, frames = network_of(reset, floor), frames_of(2)
    conv, pool, flat, fc = network.layers
    pool = replace(pool, kernel=kernel, stride=stride)
    rows, cols = ((5 - size) // step + 1 for size, step in zip(kernel, stride, strict=True))
    fc = replace(fc, weight=np.ones((6, 4 * rows * cols), np.int64))
    network = replace(network, layers=(conv, pool, flat, fc))
    trains, found = rate_trains(network.encoding, frames).astype(int), evaluate(network, frames)
    together = 0
    for n in range(len(frames)):
        for unit in range(4):
            level, spikes, pooled = int(conv.threshold[unit]), np.zeros((12, 5, 5)), np.zeros((12, rows, cols))
            held = dict.fromkeys(np.ndindex(5, 5), 0)
            for step in range(12):
                fires = {}
                for row, col in held:
                    seen = trains[n, step, 0, row : row + 3, col : col + 3]
                    held[row, col] += int((seen * conv.weight[unit, 0]).sum())
                    fires[row, col] = held[row, col] >= level
                    spikes[step, row, col] = fires[row, col]
                start_anew = {place for place in held if fires[place]}
                for row, col in np.ndindex(rows, cols):
                    window = {(row * stride[0] + y, col * stride[1] + x) for y, x in np.ndindex(*kernel)}
                    if window & start_anew:
                        together += len(window - start_anew)
                        pooled[step, row, col] = 1
                        start_anew |= window
                for place in held:
                    if place in start_anew:
                        held[place] = held[place] - level if reset == "subtract" else 0
                    if floor is not None:
                        held[place] = max(held[place], floor)
            assert np.array_equal(spikes, found["conv"][n, :, unit])
            assert np.array_equal(pooled, found["pool"][n, :, unit])
    assert together > 50
    assert 0.02 < found["pool"].mean() < 0.98


@pytest.mark.oracle
def test_the_rule_makes_a_difference():
    network, frames = network_of(), frames_of(20)
    conv, pool, *rest = network.layers
    either = replace(network, layers=(conv, replace(pool, rule="or"), *rest))
    mine, theirs = evaluate(network, frames), evaluate(either, frames)
    assert mine["pool"].mean() < theirs["pool"].mean()
    assert mine["conv"].mean() < theirs["conv"].mean()
    assert network.digest != either.digest


def test_a_file_keeps_the_rule_and_leaves_out_the_default(tmp_path):
    network = network_of("subtract")
    save_network(network, tmp_path / "net.json")
    entry = json.loads((tmp_path / "net.json").read_text())
    assert entry["layers"][1]["rule"] == "membrane"
    assert load_network(tmp_path / "net.json").digest == network.digest
    entry["layers"][1]["rule"] = "or"
    entry["reset"] = "zero"
    (tmp_path / "or.json").write_text(json.dumps(entry))
    plain = load_network(tmp_path / "or.json")
    del entry["layers"][1]["rule"]
    (tmp_path / "left_out.json").write_text(json.dumps(entry))
    assert load_network(tmp_path / "left_out.json").digest == plain.digest
    save_network(plain, tmp_path / "again.json")
    assert "rule" not in (tmp_path / "again.json").read_text()
    samples = {
        "format": "layered-network",
        "version": 1,
        "input": {"shape": [1, 8], "encoding": {"kind": "binary", "steps": 3}},
        "layers": [
            {"name": "conv", "type": "conv1d", "weight": [[[1, 2]]], "threshold": [2]},
            {"name": "pool", "type": "maxpool1d", "kernel": 3, "rule": "membrane"},
        ],
    }
    (tmp_path / "samples.json").write_text(json.dumps(samples))
    assert load_network(tmp_path / "samples.json").pools[0].kernel == (3, 1)
    entry["layers"][1]["rule"] = "mean"
    (tmp_path / "mean.json").write_text(json.dumps(entry))
    with pytest.raises(NetworkError, match=r"layers\[1\] 'pool': rule = 'mean', allowed: or, membrane"):
        load_network(tmp_path / "mean.json")


@pytest.mark.error
def test_pools_that_cannot_be():
    network = network_of()
    conv, pool, flat, fc = network.layers

    def layers_with(*layers):
        return replace(network, layers=layers)

    with pytest.raises(NetworkError, match="'pool', rule 'membrane': says something about several steps, but with the"):
        replace(network, encoding={"kind": "binary"}, floor=None)
    with pytest.raises(NetworkError, match=r"'pool', rule 'membrane': windows of \[2, 2\], moved by \[1, 2\], overlap"):
        replace(network, layers=(conv, replace(pool, stride=(1, 2))), decode={"kind": "spikes"})
    with pytest.raises(NetworkError, match="'pool', rule 'membrane': reads 'input', allowed: a conv2d or dense layer"):
        replace(network, layers=(replace(pool, sources=("input",)),), decode={"kind": "spikes"})
    with pytest.raises(NetworkError, match="'pool', rule 'membrane': reads 'conv', allowed: a conv2d or dense layer"):
        layers_with(replace(conv, threshold=None), pool, flat, fc)
    with pytest.raises(NetworkError, match="'pool', rule 'membrane': 'second' resets the units of 'conv', too"):
        layers_with(conv, pool, replace(pool, name="second", sources=("conv",)), flat, fc)
    with pytest.raises(NetworkError, match="'pool', rule 'membrane': allowed: or, membrane, and only of a maximum"):
        layers_with(conv, replace(pool, kind="sumpool2d"), flat, fc)
    with pytest.raises(NetworkError, match="'pool', rule 'mean': allowed: or, membrane"):
        layers_with(conv, replace(pool, rule="mean"), flat, fc)
    with pytest.raises(NetworkError, match="'pool', rule 'membrane': with the encoding 'latency' the earliest spike"):
        replace(network, encoding={"kind": "latency", "steps": 5}, floor=None)
    decode = {"kind": "argmax", "classes": 4}
    with pytest.raises(NetworkError, match="is the output, and classes are told apart by potentials"):
        replace(network, layers=(conv, pool), decode={**decode, "ties": "potential"})
    assert replace(network, layers=(conv, pool), decode=decode).answering is pool
