"""Weight dumps that are damaged or contradict themselves, layers without words, and the ways of the frameworks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import import_network
from compiler.frontends.model import Step, Unsupported
from compiler.frontends.weights.file import read_dump
from compiler.networks.evaluate import evaluate
from isa_spec.decoding import to_classes
from isa_spec.errors import FormatError

HEADER = {"format": "layer-weights", "version": 1, "layout": "channels-last", "input": [4, 4, 1]}
CONV = {"name": "conv", "type": "Conv2D"}
KERNEL = {"conv.kernel": np.ones((3, 3, 1, 2))}


def saved(path, layers, arrays, **header):
    np.savez(path, model=json.dumps({**HEADER, "layers": layers, **header}), **arrays)
    return path


def refused(path):
    with pytest.raises(FormatError) as caught:
        read_dump(path)
    return str(caught.value)


FILES = {
    "no header": (
        {"a": np.ones(2)},
        "no weight dump: 'model' has to be a string of JSON; docs/weights.md has a script",
    ),
    "no text": (
        {"model": np.ones(())},
        "no weight dump: 'model' has to be a string of JSON; docs/weights.md has a script",
    ),
    "no JSON": (
        {"model": "{"},
        "'model' is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    "list": ({"model": "[]"}, "'model' has a list, allowed: format 'layer-weights', version 1"),
    "format": (
        {"model": '{"version": 2}'},
        "'model' has format None, version 2, allowed: format 'layer-weights', version 1",
    ),
    "missing": ({"model": '{"format": "layer-weights", "version": 1}'}, "'model': key 'layout' is missing"),
}


@pytest.mark.malformed
@pytest.mark.parametrize(("arrays", "said"), FILES.values(), ids=FILES)
def test_other_files_are_refused(arrays, said, tmp_path):
    np.savez(tmp_path / "dump.npz", **arrays)
    assert refused(tmp_path / "dump.npz") == f"dump.npz: {said}"


@pytest.mark.malformed
def test_truncated_files_are_refused(tmp_path):
    path = saved(tmp_path / "dump.npz", [CONV], KERNEL)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        assert refused(path).startswith("dump.npz")
    assert refused(tmp_path / "none.npz") == f"{tmp_path / 'none.npz'}: No such file or directory"


HEADERS = {
    "unknown": (
        {"lay": 1},
        [CONV],
        "'model': unknown key 'lay', allowed: format, version, layout, input, layers, name",
    ),
    "layout": ({"layout": "NHWC"}, [CONV], "layout = 'NHWC', allowed: channels-last, channels-first"),
    "input": ({"input": [0]}, [CONV], "input = [0], allowed: one to three integers above 0, without the batch"),
    "layers": ({}, {}, "layers = {}, allowed: a list of layers"),
    "layer": ({}, [{"name": "a"}], "layers[0] = {'name': 'a'}, allowed: a table with the strings 'name' and 'type'"),
    "twice": ({}, [CONV, CONV], "layers[1]: the name 'conv' occurs twice (or is the reserved 'input')"),
    "inputs": (
        {},
        [{**CONV, "inputs": ["b"]}],
        "layers[0] ('conv'): inputs = ['b'], allowed: a list of input",
    ),
    "data format": (
        {},
        [{**CONV, "data_format": "channels_first"}],
        "layer 'conv' (Conv2D): data_format = 'channels_first' in a dump of layout 'channels-last'",
    ),
    "several": (
        {},
        [{"name": "a", "type": "Dropout"}, {**CONV, "inputs": ["a", "input"]}],
        "layer 'conv' (Conv2D): reads 2 layers, allowed: one",
    ),
    "padding": (
        {},
        [{**CONV, "padding": "reflect"}],
        "layer 'conv' (Conv2D): padding = 'reflect', allowed: valid, same, and causal of one axis",
    ),
    "strides": (
        {},
        [{**CONV, "strides": [1, 0]}],
        "layer 'conv' (Conv2D): strides = [1, 0], allowed: 2 integer(s) above 0",
    ),
    "order": (
        {},
        [{"name": "f", "type": "Flatten"}, CONV],
        "layer 'conv' (Conv2D): reads 'input', which is no map over 2 axis(es)",
    ),
    "quantiser": (
        {},
        [{**CONV, "kernel_quantizer": "ste_tern"}],
        "layer 'conv' (Conv2D): kernel_quantizer 'stetern': what it makes of weights is not known here; dump the "
        "quantised weights (Larq: within larq.context.quantized_scope(True)) and leave the key out",
    ),
    "nothing": (
        {},
        [{"name": "a", "type": "InputLayer"}],
        "layer 'a' (InputLayer): nothing is left of the network; allowed: layers with weights",
    ),
}


@pytest.mark.parametrize(("header", "layers", "said"), HEADERS.values(), ids=HEADERS)
def test_contradictions_are_refused(header, layers, said, tmp_path):
    assert refused(saved(tmp_path / "dump.npz", layers, KERNEL, **header)) == f"dump.npz: {said}"


def test_an_unknown_key_is_refused_with_those_allowed(tmp_path):
    said = refused(saved(tmp_path / "dump.npz", [{**CONV, "stride": 2}], KERNEL))
    assert said.startswith("dump.npz: layers[0] ('conv'): unknown key 'stride', allowed: inputs, strides, padding, ")


ARRAYS = {
    "missing": ({}, "layer 'conv' (Conv2D): array 'conv.kernel' is missing"),
    "extra": (
        {**KERNEL, "conv.bais": np.ones(2)},
        "array 'conv.bais' is read by no layer, allowed: LAYER.NAME of the layers conv",
    ),
    "bias": ({**KERNEL, "conv.bias": np.ones(3)}, "layer 'conv' (Conv2D): a bias of 3 numbers for 2 outputs"),
    "kernel": (
        {"conv.kernel": np.ones((3, 3))},
        "layer 'conv' (Conv2D): array 'conv.kernel' has shape [3, 3], allowed: 4 dimension(s)",
    ),
    "channels": (
        {"conv.kernel": np.ones((3, 3, 2, 2))},
        "layer 'conv' (Conv2D): a kernel for 2 channels, 'input' has 1",
    ),
    "window": (
        {"conv.kernel": np.ones((5, 3, 1, 2))},
        "layer 'conv' (Conv2D): a window of [5, 3] is larger than the padded map of [4, 4]",
    ),
    "finite": (
        {"conv.kernel": np.full((3, 3, 1, 2), np.nan)},
        "layer 'conv' (Conv2D): array 'conv.kernel' holds numbers that are not finite",
    ),
    "text": (
        {"conv.kernel": np.full((3, 3, 1, 2), "a")},
        "layer 'conv' (Conv2D): array 'conv.kernel' holds <U1, allowed: numbers of at most 64 bits",
    ),
    "scale": (
        {**KERNEL, "conv.kernel_scale": np.ones(3)},
        "layer 'conv' (Conv2D): a scale of 3 numbers for 2 outputs",
    ),
}


@pytest.mark.parametrize(("arrays", "said"), ARRAYS.values(), ids=ARRAYS)
def test_wrong_arrays_are_refused(arrays, said, tmp_path):
    assert refused(saved(tmp_path / "dump.npz", [CONV], arrays)) == f"dump.npz: {said}"


REAL = (
    "answers with real numbers, and a unit here with 0 or 1; train with steps (Whetstone, straight-through) "
    "or convert the network to rates"
)
UNSUPPORTED = {
    "relu": ({"type": "Activation", "activation": "relu"}, REAL),
    "ReLU": ({"type": "ReLU"}, REAL),
    "softmax inside": ({"type": "Activation", "activation": "softmax"}, REAL),
    "sharpness": (
        {"type": "Spiking_BRelu", "sharpness": 0.5},
        "is no step yet: its sharpness is 0.5; train until it is 1",
    ),
    "LSTM": ({"type": "LSTM"}, "has no counterpart here; docs/weights.md lists what has"),
    "pool": (
        {"type": "MaxPooling2D", "pool_size": 2, "strides": 1, "padding": "same"},
        "pads its windows; use windows that lie within the map",
    ),
}


@pytest.mark.parametrize(("layer", "reason"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_layers_without_words_keep_their_place(layer, reason, tmp_path):
    layers = [CONV, {"name": "a", **layer}, {"name": "norm", "type": "BatchNormalization"}]
    arrays = {**KERNEL, "norm.moving_mean": np.zeros(2), "norm.moving_variance": np.ones(2)}
    read = read_dump(saved(tmp_path / "dump.npz", layers, arrays))
    assert [part.reason for part in read.layers if isinstance(part, Unsupported)][:1] == [reason]


def test_an_answer_that_is_a_map_has_an_order(tmp_path):
    read = read_dump(saved(tmp_path / "dump.npz", [CONV, {"name": "f", "type": "Flatten"}], KERNEL))
    assert read.layers[-1].reason == (
        "answers with a map, whose values come in C, H, W order here; end with a dense layer"
    )


@pytest.mark.parametrize(
    "written", ["ste_sign", "SteSign", {"class_name": "SteSign", "config": {"clip_value": 1.0}}, {"config": "ste_sign"}]
)
def test_a_quantiser_is_known_however_it_is_written(written, tmp_path):
    layers = [{**CONV, "type": "QuantConv2D", "input_quantizer": written, "pad_values": -1.0, "padding": "same"}]
    first, conv = read_dump(saved(tmp_path / "dump.npz", layers, KERNEL)).layers
    assert isinstance(first, Step)
    assert (first.low, first.high, conv.pad_value) == (-1, 1, -1)


def test_integers_keep_their_scale_apart(tmp_path):
    arrays = {"conv.kernel": np.arange(18).reshape(3, 3, 1, 2), "conv.kernel_scale": np.array([0.1], np.float32)}
    (conv,) = read_dump(saved(tmp_path / "dump.npz", [CONV], arrays)).layers
    assert conv.weight.dtype == np.int64
    assert {float(scale) for scale in conv.scale} == {float(np.float32(0.1))}


@pytest.mark.parametrize("turned", [False, True])
def test_a_key_of_whetstone_decodes(turned, tmp_path):
    rng = np.random.default_rng(7)
    key = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 1]])
    kernel = rng.integers(-3, 4, (16, 6))
    layers = [
        {"name": "flat", "type": "Flatten"},
        {"name": "fc", "type": "Dense"},
        {"name": "spikes", "type": "Spiking_BRelu", "sharpness": 1.0},
        {"name": "answer", "type": "Softmax_Decode"},
    ]
    path = saved(tmp_path / "dump.npz", layers, {"fc.kernel": kernel, "answer.key": key.T if turned else key})
    imported = import_network(path, Assumptions(encoding={"kind": "bitplanes", "bits": 4}))
    frames = rng.integers(0, 16, (20, 1, 4, 4))
    units = (frames.reshape(20, 16) @ kernel >= 0.5).astype(int)
    values = evaluate(imported.network, frames)[imported.network.layers[-1].name]
    assert np.array_equal(values.reshape(20, 6), units)
    assert np.array_equal(to_classes(imported.network.decode, values.reshape(20, 1, 6)), (units @ key.T).argmax(1))
