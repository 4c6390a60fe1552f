"""Networks of -1 and +1 against their plain evaluation, layer by layer."""

from fractions import Fraction

import numpy as np
import pytest
from compiler_helpers import random_frames, random_network, random_weights

from compiler.emit import compile_network
from compiler.frontends.bipolar import from_bipolar
from compiler.networks.drive import spiking_layers
from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.networks.network_file import parse_network
from compiler.plan import FoldPlan
from isa_spec.errors import NetworkError
from isa_spec.spec import load_profile
from neuroproc.cli.verify import verify


def seen(encoding, frame):
    """Values of a frame: -1 and +1 if they are binary, else as they are."""
    if encoding["kind"] == "binary":
        return np.where(frame >= encoding["threshold"], 1, -1).astype(object)
    steps = encoding.get("thresholds")
    return frame.astype(object) if steps is None else sum((frame >= step).astype(int) for step in steps).astype(object)


def signs(network, frame, pads):
    """Values of every layer of one frame: -1 and +1 where it decides, fractions where it sums."""
    maps = {"input": seen(network.encoding, frame)}
    for layer in network.layers:
        values = by_signs(layer, [maps[source] for source in layer.sources], -1 if layer.name in pads else 0)
        threshold = getattr(layer, "threshold", None)
        if threshold is not None:
            fired = [[[v >= t for v in row] for row in plane] for plane, t in zip(values, threshold, strict=True)]
            values = np.where(np.array(fired), 1, -1).astype(object)
        maps[layer.name] = values
    return maps


def by_signs(layer, maps, pad):
    """Sums of one layer, position by position."""
    x = maps[0]
    if isinstance(layer, Flatten):
        return x.reshape(-1, 1, 1)
    if isinstance(layer, Concat):
        return np.concatenate(maps)
    if isinstance(layer, Add):
        return sum(values * often[:, None, None] for values, often in zip(maps, layer.factors, strict=True))
    if isinstance(layer, Dense):
        return (layer.weight.astype(object) @ x.ravel())[:, None, None]
    out = np.zeros(layer.output_shape([x.shape]), object)
    if isinstance(layer, Conv2d):
        x = np.pad(x, ((0, 0), *layer.padding), constant_values=pad)
    for o, r, q in np.ndindex(*out.shape):
        row, col = r * layer.stride[0], q * layer.stride[1]
        if isinstance(layer, Pool2d):
            values = x[o, row : row + layer.kernel[0], col : col + layer.kernel[1]].ravel().tolist()
            total = sum(values)
            out[o, r, q] = {
                "maxpool2d": max(values), "sumpool2d": total, "avgpool2d": Fraction(total) / len(values),
            }[layer.kind]  # fmt: skip
            continue
        _, within, k_h, k_w = layer.weight.shape
        first = o // (len(layer.weight) // layer.groups) * within
        for c, i, j in np.ndindex(within, k_h, k_w):
            at = (first + c, row + i * layer.dilation[0], col + j * layer.dilation[1])
            out[o, r, q] += int(layer.weight[o, c, i, j]) * x[at]
    return out


def random_bipolar(seed):
    """A random network, its convolutions that pad by -1, and frames."""
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    plain = set() if network.encoding["kind"] == "binary" else {"input"}
    pads = set()
    for layer in network.layers:
        if layer.kind == "maxpool2d" and plain.issuperset(layer.sources):
            plain.add(layer.name)
        if isinstance(layer, Conv2d) and np.any(layer.padding) and not plain.issuperset(layer.sources):
            pads.add(layer.name)
    return network, pads, random_frames(rng, network, 3)


def mixed_network(rng):
    """Values of a frame and decisions in one concatenation, in one addition, in averages of both."""
    channels, size = int(rng.integers(1, 3)), int(rng.integers(4, 7))

    def conv(name, source, outputs, inputs, kernel, threshold=True, groups=1):
        weight = random_weights(rng, (outputs, inputs // groups, kernel, kernel))
        return Conv2d(name, (source,), weight, rng.integers(-5, 6, outputs) if threshold else None, groups=groups)

    both, few = 2 * channels, rng.integers(-3, 9, channels)
    layers = [
        conv("decided", "input", channels, channels, 1),
        conv("drive", "decided", channels, channels, 1, threshold=False),
        Add("skip", ("drive", "input", "decided"), few, rng.integers(-2, 3, (3, channels))),
        Concat("both", ("decided", "input")),
        Concat("turned", ("input", "decided")),
        conv("mixed", "both", 3, both, 2, threshold=bool(rng.random() < 0.5)),
        conv("again", "mixed", 2, 3, 1),
        conv("grouped", "both", both, both, 2, groups=2),
        Add("crossed", ("both", "turned"), rng.integers(-3, 9, both)),
        Pool2d("pooled", ("both",), str(rng.choice(["sumpool2d", "avgpool2d"])), (2, 2), (2, 2)),
        Add("means", ("pooled", "pooled"), rng.integers(-3, 9, both)),
        conv("over", "pooled", 2, both, 1),
        Flatten("flat", ("both",)),
        Dense("answer", ("flat",), random_weights(rng, (3, both * size * size)), rng.integers(-9, 10, 3)),
    ]
    encodings = [
        {"kind": "bitplanes", "bits": 3},
        {"kind": "count", "levels": 5},
        {"kind": "thermometer", "thresholds": [1, 2, 5]},
        {"kind": "binary"},
    ]
    return LayeredNetwork("mixed", (channels, size, size), tuple(layers), rng.choice(encodings), {"kind": "spikes"})


@pytest.mark.oracle
@pytest.mark.parametrize("block", range(4))
def test_every_decision_is_the_one_of_plain_signs(block):
    doubled = 0
    for seed in range(block * 100, (block + 1) * 100):
        network, pads, frames = random_bipolar(seed)
        mapped = from_bipolar(network, pads)
        found = evaluate(mapped, frames)
        for number, frame in enumerate(frames):
            compare(network, found, number, signs(network, frame, pads), seed)
        assert [layer.n_parameters for layer in mapped.layers] == [layer.n_parameters for layer in network.layers]
        weighted = [pair for pair in zip(network.layers, mapped.layers, strict=True) if hasattr(pair[0], "weight")]
        doubled += any(not np.array_equal(before.weight, after.weight) for before, after in weighted)
    assert doubled > 0


def compare(network, found, number, right, seed):
    """Every decision of a frame in the network of 0 and 1 with that of the signs."""
    for layer in network.layers:
        if layer.spikes:
            # The maximum of a frame's 0 and 1 is no sign.
            own = found[layer.name][number] if 0 in right[layer.name] else np.where(found[layer.name][number], 1, -1)
            assert np.array_equal(own, right[layer.name]), (seed, layer.name)


@pytest.mark.oracle
def test_frames_of_many_values_among_signs():
    kinds = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        network = mixed_network(rng)
        frames = random_frames(rng, network, 3)
        mapped = from_bipolar(network, ())
        found = evaluate(mapped, frames)
        for number, frame in enumerate(frames):
            compare(network, found, number, signs(network, frame, ()), seed)
        if seed < 12:
            image = compile_network(mapped, load_profile("research"), FoldPlan((1, 1)))
            assert verify(mapped, image, frames).exact, seed
        kinds.add(network.encoding["kind"])
    assert len(kinds) == 4


@pytest.mark.oracle
def test_the_chip_decides_as_plain_signs():
    for seed in range(20):
        network, pads, frames = random_bipolar(seed)
        mapped = from_bipolar(network, pads)
        image = compile_network(mapped, load_profile("research"), FoldPlan((1, 1)))
        assert verify(mapped, image, frames).exact, seed


def test_the_threshold_moves_by_half_the_weights():
    """Of weights 1 and -1: s0 - s1 >= 2 is s0 and not s1, and so is >= 1, for such sums are even."""
    layer = Dense("d", ("input",), np.array([[1, -1], [1, -1], [1, 1]]), np.array([2, 1, -1]))
    network = LayeredNetwork("n", (2, 1, 1), (layer,), {"kind": "binary"}, {"kind": "spikes"})
    assert from_bipolar(network, ()).layers[0].threshold.tolist() == [1, 1, 1]


def entry(padding=(0, 0), values="bipolar", **layer):
    """A normalised convolution over a -1/+1 frame, as a file has it."""
    norm = {"gamma": [1.0, -2.0], "beta": [0.1, 0.3], "mean": [0.5, -1.5], "variance": [2.0, 3.0]}
    weight = [[[[1, -1, 1], [1, 1, -1]]], [[[-1, -1, 1], [1, -1, 1]]]]
    conv = {"name": "conv", "type": "conv2d", "weight": weight, "batchnorm": norm, "padding": list(padding), **layer}
    start = {"format": "layered-network", "version": 1, "values": values, "input": {"shape": [1, 4, 5]}}
    return {**start, "layers": [conv]}


@pytest.mark.oracle
@pytest.mark.parametrize("padding", [(0, 0), (1, 1)])
def test_a_normalised_file_of_signs(tmp_path, padding):
    """The weights of the second unit change sign, and its threshold with them, before the values are mapped."""
    found = parse_network(entry(padding, pad_value=-1), "n", tmp_path)
    norm, weight = entry()["layers"][0]["batchnorm"], np.array(entry()["layers"][0]["weight"])
    frames = np.random.default_rng(1).integers(0, 2, (30, 1, 4, 5))
    decisions = evaluate(found, frames)["conv"]
    plain = Conv2d("conv", ("input",), weight, None, padding=tuple((p, p) for p in padding))
    for frame, decided in zip(frames, decisions, strict=True):
        sums = by_signs(plain, [np.where(frame, 1, -1).astype(object)], -1).astype(float)
        gamma, beta, mean, variance = (
            np.array(norm[key])[:, None, None] for key in ("gamma", "beta", "mean", "variance")
        )
        assert np.array_equal(decided, gamma * (sums - mean) / np.sqrt(variance + 1e-5) + beta >= 0)
    assert 0 < decisions.mean() < 1


def many_valued(network):
    """The same over a frame of two bits."""
    return {**network, "input": {"shape": [1, 4, 5], "encoding": {"kind": "bitplanes", "bits": 2}}}


@pytest.mark.error
@pytest.mark.parametrize(
    ("network", "words"),
    [
        (entry((1, 1)), r"'conv': pads a map of -1 and \+1 with zeros.* train with padding by -1 .*\"pad_value\": -1"),
        (entry((1, 1), pad_value=1), r"layers\[0\] 'conv': pad_value = 1, allowed: 0 or -1 .*'bipolar'"),
        (entry((1, 1), pad_value="-1"), r"pad_value = '-1', allowed: 0 or -1"),
        (entry((1, 1), values="binary", pad_value=-1), r"pad_value = -1, allowed: 0 .*'binary'"),
        (entry(values="ternary"), r"values = 'ternary', allowed: 'binary' .* or 'bipolar'"),
        (entry(values=[]), r"values = \[\], allowed"),
        (many_valued(entry((1, 1), pad_value=-1)), r"'conv': pads the frame by -1, .*\"pad_value\": 0, or use no"),
        (
            many_valued({**entry(), "layers": [{"name": "p", "type": "maxpool2d", "kernel": [2, 2]}]}),
            r"'p': the maximum of input values 0\.\.3 \(encoding 'bitplanes'\) is not a spike; put a layer",
        ),
    ],
)
def test_malformed_entries_are_refused(tmp_path, network, words):
    with pytest.raises(NetworkError, match=words):
        spiking_layers(parse_network(network, "n", tmp_path))


@pytest.mark.oracle
def test_a_padded_frame_of_many_values(tmp_path):
    """Its border is 0, as silence is."""
    network = many_valued(entry((1, 1)))
    plain = Conv2d("conv", ("input",), np.array(network["layers"][0]["weight"]), None, padding=((1, 1), (1, 1)))
    del network["layers"][0]["batchnorm"]
    network["layers"][0]["threshold"] = [2, 3]
    frames = np.random.default_rng(1).integers(0, 4, (10, 1, 4, 5))
    found = evaluate(parse_network(network, "n", tmp_path), frames)["conv"]
    for frame, decided in zip(frames, found, strict=True):
        sums = by_signs(plain, [frame.astype(object)], 0)
        assert np.array_equal(decided, sums >= np.array([2, 3])[:, None, None])


def network_of(*layers):
    return LayeredNetwork("n", (1, 4, 4), layers, {"kind": "binary"}, {"kind": "spikes"})


@pytest.mark.error
def test_padding_of_drives_is_refused():
    """The border of a sum is not the sum of a border."""
    total = Pool2d("sum", ("input",), "sumpool2d", (2, 2), (2, 2))
    conv = Conv2d("conv", ("sum",), np.ones((1, 1, 3, 3), np.int64), np.array([1]), padding=((1, 1), (1, 1)))
    with pytest.raises(NetworkError, match=r"'conv': pads the drives of a linear layer by -1.* give 'sum' thresholds"):
        from_bipolar(network_of(total, conv), {"conv"})


@pytest.mark.oracle
def test_a_sum_of_averages_with_a_threshold_between_integers():
    """2 * mean - 1, twice, reaches 1 where four times the mean reaches 3: no integer, so the sum is doubled."""
    mean = Pool2d("mean", ("input",), "avgpool2d", (2, 2), (2, 2))
    for threshold in (0, 1):
        network = network_of(mean, Add("add", ("mean", "mean"), np.array([threshold])))
        add = from_bipolar(network, ()).layers[1]
        assert (add.threshold.tolist(), add.factors.tolist()) == ([[1], [3]][threshold], [[1 + threshold]] * 2)
        frame = np.random.default_rng(0).integers(0, 2, (1, 4, 4))
        found = evaluate(from_bipolar(network, ()), frame[None])
        compare(network, found, 0, signs(network, frame, ()), 0)


@pytest.mark.error
def test_sums_beyond_exact_arithmetic_are_refused():
    heavy = Dense("a", ("input",), np.full((1, 16), 2**47), None)
    again = Dense("b", ("a",), np.array([[2]]), np.array([0]))
    with pytest.raises(NetworkError, match=r"layer 'b': .* 2\*\*52 or more"):
        from_bipolar(network_of(heavy, again), ())
