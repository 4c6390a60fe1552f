"""Folded batch normalisation against the formula itself, evaluated in exact rationals for every sum there is."""

from fractions import Fraction

import numpy as np
import pytest

from compiler.emit import compile_network
from compiler.frontends.batchnorm import ceil_with_root, fold_batchnorm
from compiler.networks.dead import remove_dead
from compiler.networks.evaluate import evaluate
from compiler.networks.network_file import parse_network
from compiler.plan import FoldPlan
from isa_spec.errors import NetworkError
from isa_spec.spec import load_profile
from neuroproc.cli.verify import verify

UNITS, LAYERS = 25, 400


def get(value, where):
    return value


def reaches_root(value, factor, square):
    """``value >= factor * sqrt(square)``, by signs and squares."""
    if factor >= 0:
        return value >= 0 and value**2 >= factor**2 * square
    return value >= 0 or value**2 <= factor**2 * square


def fires(u, entry, unit):
    """The formula, number by number."""
    gamma, beta, mean, variance = (Fraction(float(entry[key][unit])) for key in ("gamma", "beta", "mean", "variance"))
    spread = variance + Fraction(entry.get("epsilon", 1e-5))
    return reaches_root(gamma * (u - mean), Fraction(entry.get("level", 0.0)) - beta, spread)


def random_entry(rng, n_units):
    """Trained-looking numbers, and round ones whose thresholds are met exactly; some gammas 0, some numbers extreme."""
    width = rng.choice([np.float16, np.float32, np.float64])
    if rng.random() < 0.5:
        entry = {
            "gamma": rng.normal(0, 1, n_units) * (rng.random(n_units) < 0.9),
            "beta": rng.normal(0, 1, n_units),
            "mean": rng.normal(0, 4, n_units),
            "variance": rng.exponential(4, n_units) * rng.choice([1e-4, 1], n_units),
        }
    else:
        entry = {
            "gamma": rng.choice([-2, -1, -0.5, 0, 0.5, 1, 2], n_units),
            "beta": rng.integers(-4, 5, n_units) / 2,
            "mean": rng.integers(-8, 9, n_units) / 4,
            "variance": rng.choice([0.25, 1, 2, 4, 9], n_units),
            "epsilon": 0.0,
        }
    if rng.random() < 0.5:
        entry["level"] = float(rng.choice([-1, -0.5, 0.5, 1]))
    return {key: value.astype(width) if isinstance(value, np.ndarray) else value for key, value in entry.items()}


@pytest.mark.oracle
@pytest.mark.parametrize("fineness", [1, 4, 9])
def test_every_sum_of_random_units_decides_as_the_formula(fineness):
    """10,000 units over integers, and some over averages."""
    rng = np.random.default_rng(fineness)
    ties = constant = flipped = 0
    for _ in range(LAYERS if fineness == 1 else LAYERS // 20):
        weight = rng.integers(-4, 5, (UNITS, 4))
        entry = random_entry(rng, UNITS)
        folded, threshold = fold_batchnorm(entry, weight, fineness, get, "here")
        for unit, row in enumerate(weight):
            factor = factor_of(row, folded[unit])
            sums = range(fineness * min(row.clip(max=0).sum(), -1), fineness * max(row.clip(min=0).sum(), 1) + 1)
            for u in (Fraction(int(s), fineness) for s in sums):
                assert (factor * u >= threshold[unit]) == fires(u, entry, unit), (entry, unit, u)
                ties += factor * u == threshold[unit]
            constant += entry["gamma"][unit] == 0
            flipped += factor < 0
    assert min(ties, constant, flipped) > 10


def factor_of(before, after):
    """What a row of weights was multiplied by; 1 for zeros, whose sum is 0 either way."""
    used = np.flatnonzero(before)
    if not len(used):
        return 1
    factor = after[used[0]] // before[used[0]]
    assert np.array_equal(before * factor, after)
    return int(factor)


def test_roots_are_rounded_up_exactly():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        value = Fraction(int(rng.integers(-50, 50)), int(rng.integers(1, 9)))
        square = Fraction(int(rng.integers(0, 100)), int(rng.integers(1, 9)))
        for sign in (-1, 1):
            found = ceil_with_root(value, sign, square)
            assert reaches_root(found - value, Fraction(sign), square)
            assert not reaches_root(found - 1 - value, Fraction(sign), square)


def test_a_rounding_error_would_flip_this_decision():
    """2 + 2**-60 is 2 in floats, but a sum of 2 does not reach it."""
    entry = {"gamma": [1.0], "beta": [-2.0], "mean": [2.0**-60], "variance": [1.0], "epsilon": 0.0}
    assert fold_batchnorm(entry, np.array([[1]]), 1, get, "here")[1].tolist() == [3]


def test_without_gamma_a_unit_is_constant_and_keeps_its_weights():
    entry = {"gamma": [0.0, -0.0], "beta": [0.5, -0.5], "mean": [0, 0], "variance": [1, 1]}
    weight = np.array([[3, -2], [3, -2]])
    folded, threshold = fold_batchnorm(entry, weight, 1, get, "here")
    assert np.array_equal(folded, weight)
    assert threshold.tolist() == [-(2**52), 2**52]


def test_extreme_numbers_stay_within_the_sums():
    entry = {"gamma": [5e-324] * 3, "beta": [1e308, -1e308, 0], "mean": [0, 0, 1.5], "variance": [1e308, 1e308, 0]}
    threshold = fold_batchnorm(entry, np.ones((3, 1), np.int64), 1, get, "here")[1]
    assert threshold.tolist() == [-(2**52), 2**52, 2]


NORM = {"gamma": [1.0, -0.5], "beta": [0.25, -0.5], "mean": [0.3, -0.2], "variance": [1.5, 2.0]}


def network_with(batchnorm, **layer):
    """An average, then two normalised units over 2x2 windows of it."""
    weight = [[[[1, -2], [3, 1]]], [[[2, 1], [-1, -1]]]]
    return {
        "format": "layered-network",
        "version": 1,
        "input": {"shape": [1, 6, 6], "encoding": {"kind": "bitplanes", "bits": 3}},
        "layers": [
            {"name": "mean", "type": "avgpool2d", "kernel": [2, 2]},
            {"name": "conv", "type": "conv2d", "weight": weight, "batchnorm": batchnorm, **layer},
        ],
    }


@pytest.mark.oracle
def test_a_normalised_layer_over_averages_of_a_file(tmp_path):
    np.savez(tmp_path / "w.npz", **{key: np.array(value, np.float32) for key, value in NORM.items()})
    network = parse_network(network_with({key: f"w.npz:{key}" for key in NORM}), "n", tmp_path)
    exact = {key: np.array(value, np.float32) for key, value in NORM.items()}
    weight = np.array(network_with(NORM)["layers"][1]["weight"])
    frames = np.random.default_rng(0).integers(0, 8, (40, 1, 6, 6))
    found = evaluate(network, frames)["conv"]
    for frame, decisions in zip(frames, found, strict=True):
        mean = frame[0].reshape(3, 2, 3, 2).sum(axis=(1, 3))
        for (unit, row, col), decision in np.ndenumerate(decisions):
            u = Fraction(int((weight[unit, 0] * mean[row : row + 2, col : col + 2]).sum()), 4)
            assert decision == fires(u, exact, unit)
    assert 0 < found.mean() < 1
    assert network.layers[1].n_parameters == 8
    assert verify(network, compile_network(network, load_profile("research")), frames[:5]).exact


@pytest.mark.error
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gamma": None}, "batchnorm: key 'gamma' is missing"),
        ({"sigma": [1, 1]}, "unknown key 'sigma', allowed: gamma, beta, mean, variance, epsilon, level"),
        ({"mean": [1.0]}, r"batchnorm\.mean: shape \[1\], allowed: one number per unit, \[2\]"),
        ({"mean": ["a", "b"]}, r"batchnorm\.mean: .* values, allowed: numbers of at most 64 bits"),
        ({"mean": [1, [2]]}, r"batchnorm\.mean: nested lists of uneven length"),
        ({"mean": [0.0, float("nan")]}, r"batchnorm\.mean: nan, allowed: finite numbers"),
        ({"mean": [2**70, 0]}, r"batchnorm\.mean: object values"),
        ({"level": float("inf")}, r"batchnorm\.level: inf, allowed: finite"),
        ({"level": [0.0]}, r"batchnorm\.level: shape \[1\], allowed: one number"),
        ({"epsilon": "small"}, r"batchnorm\.epsilon = 'small'"),
        ({"epsilon": True}, r"batchnorm\.epsilon: bool values"),
        ({"variance": [1.0, -1.0]}, r"variance\[1\] = -1\.0 and epsilon = 1e-05, allowed: none negative"),
        ({"variance": [1.0, 0.0], "epsilon": 0}, r"variance\[1\] = 0\.0 and epsilon = 0\.0, .* sum above 0"),
    ],
)
def test_malformed_entries_are_refused(tmp_path, change, words):
    entry = {key: value for key, value in {**NORM, **change}.items() if value is not None}
    with pytest.raises(NetworkError, match=r"n: layers\[1\] 'conv': " + ".*" * (not words.startswith("b")) + words):
        parse_network(network_with(entry), "n", tmp_path)


def addition(rng, batchnorm, values="binary"):
    """A normalised addition of decisions, of drives that others read too, and perhaps of averages."""
    weight = rng.integers(-3, 4, (2, 3, 2, 2, 2))
    pool = str(rng.choice(["avgpool2d", "sumpool2d", "maxpool2d"]))
    encoding = {"kind": "binary"} if pool == "maxpool2d" else {"kind": "bitplanes", "bits": 2}
    layers = [
        {"name": "decided", "type": "conv2d", "weight": weight[0, :2].tolist(), "threshold": [1, 2], "stride": [2, 2]},
        {"name": "drive", "type": "conv2d", "weight": weight[1, :2].tolist(), "inputs": ["input"], "stride": [2, 2]},
        {"name": "pooled", "type": pool, "kernel": [2, 2], "inputs": ["input"]},
        {"name": "add", "type": "add", "inputs": ["decided", "drive", "pooled"], "batchnorm": batchnorm},
        {"name": "other", "type": "add", "inputs": ["drive", "add"], "threshold": [1, 0]},
    ]
    start = {"format": "layered-network", "version": 1, "values": values}
    return {**start, "input": {"shape": [2, 4, 6], "encoding": encoding}, "layers": layers}


def plain_sums(network, frame, values):
    """What the addition of such a network sums of one frame, in fractions, by position."""
    by_name = {layer["name"]: layer for layer in network["layers"]}
    signs = values == "bipolar"
    x = (2 * frame - 1 if signs and network["input"]["encoding"]["kind"] == "binary" else frame).astype(object)
    sums = {name: np.zeros((2, 2, 3), object) for name in ("decided", "drive", "pooled")}
    for c, r, q in np.ndindex(2, 2, 3):
        square = x[:, 2 * r : 2 * r + 2, 2 * q : 2 * q + 2]
        for name in ("decided", "drive"):
            sums[name][c, r, q] = int((np.array(by_name[name]["weight"][c]) * square).sum())
        fired = sums["decided"][c, r, q] >= by_name["decided"]["threshold"][c]
        sums["decided"][c, r, q] = int(fired) * (1 + signs) - signs
        kind, four = by_name["pooled"]["type"], square[c].ravel().tolist()
        sums["pooled"][c, r, q] = max(four) if kind[0] == "m" else Fraction(sum(four), 4 if kind[0] == "a" else 1)
    return sums, sum(sums.values())


@pytest.mark.oracle
@pytest.mark.parametrize("values", ["binary", "bipolar"])
def test_normalised_additions_decide_as_the_formula(tmp_path, values):
    flipped = between = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        norm = random_entry(rng, 2)
        entry = addition(rng, norm, values)
        network = parse_network(entry, "n", tmp_path)
        flipped += (network.layers[3].factors < 0).any()
        between += (np.abs(network.layers[3].factors) > 1).any()
        frames = rng.integers(0, 2 if entry["input"]["encoding"]["kind"] == "binary" else 4, (4, 2, 4, 6))
        found = evaluate(network, frames)
        for number, frame in enumerate(frames):
            parts, sums = plain_sums(entry, frame, values)
            added = np.zeros((2, 2, 3), object)
            for (unit, row, col), u in np.ndenumerate(sums):
                added[unit, row, col] = fires(Fraction(u), norm, unit)
            assert np.array_equal(found["add"][number], added.astype(int)), seed
            if values == "bipolar":
                added = 2 * added - 1
            # The drives are still those of before to whoever else reads them.
            other = parts["drive"] + added >= np.array([1, 0])[:, None, None]
            assert np.array_equal(found["other"][number], other), seed
        if seed < 10:
            plan = FoldPlan([(1, 1), (2, 2), (4, 6), (4, 1)][seed % 4], gate=seed % 3 == 0)
            assert verify(network, compile_network(network, load_profile("research"), plan), frames).exact
    assert min(flipped, between) > 10


def test_a_normalised_addition_can_be_pruned(tmp_path):
    """Its factors go with the channels they belong to."""
    norm = {"gamma": [-1.0, -2.0], "beta": [0.1, -500.0], "mean": [0.5, 1.5], "variance": [2.0, 3.0]}
    entry = addition(np.random.default_rng(0), norm)
    last = {"name": "last", "type": "conv2d", "weight": [[[[1]], [[1]]]], "threshold": [1], "inputs": ["add"]}
    entry["layers"][3]["inputs"].remove("pooled")  # channels of the frame stay, and with them what is tied to them
    entry["layers"][4:] = [last]
    network = parse_network(entry, "n", tmp_path)
    pruned = remove_dead(network)
    add = next(layer for layer in pruned.layers if layer.name == "add")
    assert (len(add.threshold), add.factors.shape) == (1, (2, 1))
    frames = np.random.default_rng(1).integers(0, 2, (20, 2, 4, 6))
    assert np.array_equal(evaluate(pruned, frames)["last"], evaluate(network, frames)["last"])


@pytest.mark.error
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batchnorm": None}, r"layers\[3\] 'add': an add needs a threshold or batchnorm"),
        ({"threshold": [1, 1]}, r"'add': has both threshold and batchnorm"),
        (
            {"batchnorm": {**NORM, "gamma": [1.0] * 3}},
            r"batchnorm\.beta: shape \[2\], allowed: one number per unit, \[3\]",
        ),
        ({"batchnorm": {**NORM, "gamma": []}}, r"batchnorm\.gamma: shape \[0\], allowed: one number per unit, \[1\]"),
        ({"batchnorm": {**NORM, "gamma": [1, [2]]}}, r"batchnorm\.gamma: nested lists of uneven length"),
        ({"batchnorm": {**NORM, "gamma": 1.0}}, r"batchnorm\.gamma: shape \[\], allowed: one number per unit"),
        (
            {"batchnorm": {key: [1.0] * 3 for key in NORM}},
            r"layer 'add': 3 thresholds \(or normalised units\) for 2 channels",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_malformed_additions_are_refused(tmp_path, change, words):
    entry = addition(np.random.default_rng(0), NORM)
    entry["layers"][3] = {key: value for key, value in {**entry["layers"][3], **change}.items() if value is not None}
    with pytest.raises(NetworkError, match=words):
        parse_network(entry, "n", tmp_path)


@pytest.mark.error
def test_an_entry_is_a_table_and_takes_the_place_of_thresholds(tmp_path):
    with pytest.raises(NetworkError, match=r"batchnorm = \[1\], allowed: a table with gamma, beta"):
        parse_network(network_with([1]), "n", tmp_path)
    with pytest.raises(NetworkError, match="has both threshold and batchnorm, allowed: one"):
        parse_network(network_with(NORM, threshold=[1, 1]), "n", tmp_path)
    entry = network_with(NORM)
    entry["layers"][0]["batchnorm"] = NORM
    with pytest.raises(NetworkError, match="unknown key 'batchnorm'"):
        parse_network(entry, "n", tmp_path)
