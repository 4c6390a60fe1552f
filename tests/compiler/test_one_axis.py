"""Networks over one axis against loops over one axis, folded and not."""

import json

import numpy as np
import pytest

from compiler.emit import compile_network
from compiler.networks.evaluate import evaluate
from compiler.networks.network_file import load_network, parse_network
from compiler.plan import FoldPlan
from isa_spec.errors import FormatError, NetworkError
from isa_spec.spec import load_profile
from neuroproc.classifying.classification import classify
from neuroproc.cli.verify import verify


def random_entry(rng):
    """Convolutions with any stride, padding, dilation and groups, pools, an addition, a concatenation, dense units."""
    channels, length = int(rng.integers(1, 3)), int(rng.choice([12, 16]))

    def conv(name, outputs, inputs, kernel, **keys):
        weight = rng.integers(-3, 4, (outputs, inputs, kernel)).tolist()
        return {
            "name": name,
            "type": "conv1d",
            "weight": weight,
            "threshold": rng.integers(-2, 4, outputs).tolist(),
        } | keys

    ends = rng.integers(0, 3, 2).tolist()
    layers = [
        conv("first", 2, channels, int(rng.integers(1, 4)), stride=int(rng.integers(1, 3)), padding=ends),
        conv("grouped", 4, 1, 3, groups=2, padding=2, dilation=2),
        conv("linear", 4, 4, 1),
        {"name": "add", "type": "add", "inputs": ["linear", "grouped"], "threshold": [1, 2, 0, 3]},
        {"name": "joined", "type": "concat", "inputs": ["add", "grouped"]},
        {"name": "pooled", "type": f"{rng.choice(['max', 'sum', 'avg'])}pool1d", "kernel": 2},
        conv("last", 3, 8, 2),
        {"name": "flat", "type": "flatten"},
    ]
    del layers[2]["threshold"]
    if rng.random() < 0.5:
        layers[5]["stride"] = int(rng.integers(1, 3))
    start = {"format": "layered-network", "version": 1, "name": "axis", "input": {"shape": [channels, length]}}
    units = len(by_loops({**start, "layers": layers}, np.zeros((channels, length), int))["flat"])
    weight = rng.integers(-2, 3, (2, units)).tolist()
    layers.append({"name": "dense", "type": "dense", "weight": weight, "threshold": [1, 0]})
    return {**start, "layers": layers, "output": {"decode": {"kind": "argmax", "classes": 2}}}


def by_loops(entry, frame):
    """Values of every layer of a frame [C, L], number by number; halves are exact in floats."""
    maps, previous = {"input": frame.astype(float)}, "input"
    for layer in entry["layers"]:
        read = [maps[name] for name in layer.get("inputs", [previous])]
        x, kind, previous = read[0], layer["type"], layer["name"]
        if kind == "concat":
            values = np.concatenate(read)
        elif kind == "add":
            values = read[0] + read[1]
        elif kind == "flatten":
            values = x.reshape(-1)
        elif kind == "dense":
            values = np.array(layer["weight"]) @ x
        elif kind == "conv1d":
            values = convolved(layer, x)
        else:
            step = layer.get("stride", 2)
            pairs = [x[:, at : at + 2] for at in range(0, x.shape[1] - 1, step)]
            how = {"max": np.max, "sum": np.sum, "avg": np.mean}[kind[:3]]
            values = np.stack([how(pair, axis=1) for pair in pairs], axis=1)
        if "threshold" in layer:
            reached = [row >= level for row, level in zip(values, layer["threshold"], strict=True)]
            values = np.array(reached).astype(float)
        maps[previous] = values
    return maps


def convolved(layer, x):
    padding = layer.get("padding", 0)
    before, after = padding if isinstance(padding, list) else (padding, padding)
    x = np.concatenate([np.zeros((len(x), before)), x, np.zeros((len(x), after))], axis=1)
    weight, stride, dilation = np.array(layer["weight"]), layer.get("stride", 1), layer.get("dilation", 1)
    outputs, within, kernel = weight.shape
    per_group = outputs // layer.get("groups", 1)
    places = (x.shape[1] - (kernel - 1) * dilation - 1) // stride + 1
    sums = np.zeros((outputs, places))
    for o, p, c, k in np.ndindex(outputs, places, within, kernel):
        sums[o, p] += weight[o, c, k] * x[o // per_group * within + c, p * stride + k * dilation]
    return sums


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(12))
def test_every_layer_and_every_fold(tmp_path, seed):
    rng = np.random.default_rng(seed)
    entry = random_entry(rng)
    network = parse_network(entry, "n", tmp_path)
    channels, length = entry["input"]["shape"]
    assert network.input_shape == (channels, length, 1)
    frames = rng.integers(0, 2, (4, channels, length))
    found = evaluate(network, frames)
    for number, frame in enumerate(frames):
        right = by_loops(entry, frame)
        for layer in network.layers:
            if layer.spikes:
                assert np.array_equal(found[layer.name][number].ravel(), right[layer.name].ravel()), layer.name
    for samples in (1, 2, 4, length):
        plan = FoldPlan((samples, 1), gate=bool(rng.random() < 0.5))
        image = compile_network(network, load_profile("research"), plan)
        assert verify(network, image, frames).exact, samples
        if samples == 1:
            outputs = classify(image, frames).outputs
            assert np.array_equal(outputs, classify(image, frames[..., None]).outputs)
            assert np.array_equal(outputs.ravel(), found["dense"].ravel())


def test_it_is_the_network_of_one_column(tmp_path):
    """The same numbers, written over two axes."""
    entry = random_entry(np.random.default_rng(3))
    other = json.loads(json.dumps(entry))
    other["input"]["shape"].append(1)
    for layer in other["layers"]:
        layer["type"] = layer["type"].replace("1d", "2d")
        if layer["type"] == "conv2d":
            layer["weight"] = np.array(layer["weight"])[..., None].tolist()
        for key, beside in (("stride", 1), ("dilation", 1), ("kernel", 1)):
            if key in layer:
                layer[key] = [layer[key], beside]
        if "padding" in layer:
            sides = layer["padding"]
            layer["padding"] = [sides if isinstance(sides, list) else [sides, sides], [0, 0]]
    assert parse_network(entry, "n", tmp_path).digest == parse_network(other, "n", tmp_path).digest


def test_toml_says_the_same(tmp_path):
    entry = {
        "format": "layered-network",
        "version": 1,
        "input": {"shape": [2, 5]},
        "layers": [{"name": "c", "type": "conv1d", "weight": [[[1, 2], [0, -1]]], "threshold": [1], "padding": [1, 0]}],
    }
    (tmp_path / "n.json").write_text(json.dumps(entry))
    (tmp_path / "n.toml").write_text(
        'format = "layered-network"\nversion = 1\n[input]\nshape = [2, 5]\n[[layers]]\nname = "c"\ntype = "conv1d"\n'
        "weight = [[[1, 2], [0, -1]]]\nthreshold = [1]\npadding = [1, 0]\n"
    )
    assert load_network(tmp_path / "n.json").digest == load_network(tmp_path / "n.toml").digest


def test_signs_and_normalisation_over_one_axis(tmp_path):
    norm = {"gamma": [1.0, -1.0], "beta": [0.5, 0.5], "mean": [0.0, 1.0], "variance": [1.0, 4.0]}
    conv = {"name": "c", "type": "conv1d", "weight": [[[1, -1, 1]], [[1, 1, 1]]], "batchnorm": norm}
    entry = {"format": "layered-network", "version": 1, "values": "bipolar", "input": {"shape": [1, 6]}}
    entry["layers"] = [{**conv, "padding": 1, "pad_value": -1}]
    network = parse_network(entry, "n", tmp_path)
    frames = np.random.default_rng(0).integers(0, 2, (20, 6))
    found = evaluate(network, frames)["c"].reshape(20, 2, 6)
    for frame, decided in zip(frames, found, strict=True):
        x = np.pad(2 * frame - 1, 1, constant_values=-1)
        for place in range(6):
            sums = [x[place] - x[place + 1] + x[place + 2], x[place : place + 3].sum()]
            above = [sums[0] / np.sqrt(1 + 1e-5) + 0.5 >= 0, -(sums[1] - 1) / np.sqrt(4 + 1e-5) + 0.5 >= 0]
            assert decided[:, place].tolist() == above


CONV = {"name": "c", "type": "conv1d", "weight": [[[1, 1]]], "threshold": [1]}
POOL = {"name": "p", "type": "maxpool1d", "kernel": 2}
FLAT_CONV = {"name": "c", "type": "conv2d", "weight": [[[[1, 1]]]], "threshold": [1]}


@pytest.mark.error
@pytest.mark.parametrize(
    ("shape", "layer", "words"),
    [
        (
            [1, 6],
            FLAT_CONV,
            r"layers\[0\] 'c': type 'conv2d' reads maps \[C, H, W\], but .* \[C, L\].*; use conv1d, or give",
        ),
        ([1, 1, 6], CONV, r"'c': type 'conv1d' reads maps \[C, L\], but .* \[C, H, W\].*; use conv2d, or give"),
        (
            [1, 6],
            {**POOL, "type": "avgpool2d", "kernel": [2, 1]},
            r"'p': type 'avgpool2d' reads maps .*; use avgpool1d",
        ),
        ([1, 6, 1], POOL, r"'p': type 'maxpool1d' reads maps .*; use maxpool2d"),
        ([6], CONV, r"input\.shape = \[6\], allowed: \[C, H, W\] \(or \[C, L\]"),
        ([1, 2, 3, 4], CONV, r"input\.shape = \[1, 2, 3, 4\], allowed"),
        ([1, 0], CONV, r"input\.shape = \[1, 0\], allowed"),
        ([1, 6], {**CONV, "weight": [[[[1, 1]]]]}, r"'c': weight: shape \[1, 1, 1, 2\], allowed: 3 dimensions"),
        ([1, 6], {**CONV, "weight": [[1, 1]]}, r"weight: shape \[1, 2\], allowed: 3 dimensions"),
        ([1, 6], {**CONV, "stride": [1, 1]}, r"stride = \[1, 1\], allowed: one integer in 1\.\."),
        ([1, 6], {**CONV, "stride": 0}, r"stride = 0, allowed: one integer in 1\.\."),
        ([1, 6], {**CONV, "stride": True}, r"stride = True, allowed: one integer"),
        ([1, 6], {**CONV, "dilation": [1, 1]}, r"dilation = \[1, 1\], allowed: one integer"),
        (
            [1, 6],
            {**CONV, "padding": [[0, 0], [1, 1]]},
            r"padding = \[\[0, 0\], .*allowed: one integer or \[before, after\]",
        ),
        ([1, 6], {**CONV, "padding": -1}, r"padding = -1, allowed: one integer or \[before, after\], each in 0\.\."),
        ([1, 6], {**CONV, "padding": [1, 1, 1]}, r"padding = \[1, 1, 1\], allowed: one integer or"),
        ([1, 6], {**POOL, "kernel": [2, 2]}, r"kernel = \[2, 2\], allowed: one integer"),
        ([1, 6], {**POOL, "kernel": 7}, r"layer 'p': window 7x1 is larger than the padded map 6x1"),
        ([2, 6], CONV, r"layer 'c': weight \[1, 1, 2, 1\] in 1 group\(s\) reads 1 channels, 'input' has 2"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_other_ranks_are_refused(tmp_path, shape, layer, words):
    entry = {"format": "layered-network", "version": 1, "input": {"shape": shape}, "layers": [layer]}
    with pytest.raises(NetworkError, match=words):
        parse_network(entry, "n", tmp_path)


@pytest.mark.error
@pytest.mark.parametrize("shape", [(3, 2, 6), (3, 6, 2), (3, 1, 1, 6), (6,), (1, 3, 6), ()])
def test_frames_of_other_shapes_are_refused(tmp_path, shape):
    entry = {"format": "layered-network", "version": 1, "input": {"shape": [1, 6]}, "layers": [CONV]}
    allowed = r"allowed: \[n_frames, 1, 6, 1\] or \[n_frames, 6, 1\] or \[n_frames, 1, 6\] or \[n_frames, 6\]$"
    network = parse_network(entry, "n", tmp_path)
    for use in (lambda frames: evaluate(network, frames), lambda frames: verify(network, compiled(network), frames)):
        with pytest.raises(FormatError, match=rf"^frames of shape \[{', '.join(map(str, shape))}\], {allowed}"):
            use(np.zeros(shape, np.uint8))


def compiled(network):
    return compile_network(network, load_profile("research"), FoldPlan((1, 1)))
