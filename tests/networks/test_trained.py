"""The trained networks of examples/: exact at any fold, and as good as the records of their training say."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import neuroproc
from compiler.networks.evaluate import classes, evaluate

ROOT = Path(__file__).resolve().parents[2]
MNIST = ROOT.parent / "shared" / "data" / "mnist"
RECORDS = sorted((ROOT / "examples").glob("*/*.training.json"))
FOLDS = [(28, 28), (28, 1), (4, 4), (1, 1)]
BARS = {"polished4": 0.992, "polished_small4": 0.985}
"""What the networks of 4 bits are for."""


def name_of(record):
    return record.name.removesuffix(".training.json")


def network_of(record):
    return neuroproc.load_network(record.parent / f"{name_of(record)}.json")


def image_of(network, unroll):
    plan = neuroproc.FoldPlan(unroll, gate=unroll != (28, 28))
    profile = neuroproc.load_profile("np16-deep" if network.latched else "np16")
    return neuroproc.compile_network(network, profile, plan)


@pytest.fixture(scope="module")
def mnist():
    if not MNIST.is_dir():
        pytest.skip(f"MNIST is not at {MNIST}")
    frames = neuroproc.read_frames(MNIST / "t10k-images-idx3-ubyte.gz")
    return frames, neuroproc.read_labels(MNIST / "t10k-labels-idx1-ubyte.gz")


def test_there_are_records():
    assert {name_of(record) for record in RECORDS} >= {*BARS, "rate8", "rate5"}


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_the_record_is_of_this_network(record):
    said, network = json.loads(record.read_text()), network_of(record)
    assert said["digest"] == network.digest
    weights = [layer.weight for layer in network.layers if hasattr(layer, "weight")]
    most, counted = max(1, 2 ** (said["bits"] - 1) - 1), sum(layer.n_parameters for layer in network.layers)
    if said["method"] == "binary":
        # Pools of 2x2 are in the kernels: a weight is the sum of up to four, and a kernel has a row and a column more.
        first, *inner, last = weights
        assert max(np.abs(first).max(), np.abs(last).max()) <= most
        assert max(np.abs(weight).max() for weight in inner) <= 4 * (1 if said["weights"] == "binary" else most)
        counted -= sum(7 * weight.shape[0] * weight.shape[1] for weight in inner if weight.shape[2:] == (4, 4))
    else:
        assert max(np.abs(weight).max() for weight in weights) <= most
    if said["bits"] == 1:
        assert all(np.all(weight != 0) for weight in weights)
    assert said["parameters"] == counted


@pytest.mark.oracle
@pytest.mark.parametrize("unroll", FOLDS, ids=str)
@pytest.mark.parametrize(
    "record",
    [record for record in RECORDS if name_of(record) in (*BARS, "rate5") or record.parent.name == "single_spike"],
    ids=name_of,
)
def test_every_layer_is_exact_on_random_frames(record, unroll):
    network = network_of(record)
    if network.rate:  # long slots make long runs
        network = replace(network, encoding={**network.encoding, "steps": 12 if network.latched else 6})
    frames = np.random.default_rng(1).integers(0, 256, (3, 1, 28, 28)) * (np.indices((28, 28)).sum(axis=0) % 3 > 0)
    assert neuroproc.verify(network, image_of(network, unroll), frames).exact


@pytest.mark.oracle
@pytest.mark.parametrize("name", BARS)
def test_they_are_as_good_as_they_have_to_be(name, mnist):
    frames, labels = mnist
    (record,) = (record for record in RECORDS if name_of(record) == name)
    found = neuroproc.classify(image_of(network_of(record), (28, 28)), frames, labels)
    assert found.accuracy == json.loads(record.read_text())["test_accuracy_integer"]
    assert found.accuracy >= BARS[name]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "bar"), [("real", 0.99), ("binary", 0.985)])
def test_single_spikes_are_as_good_as_their_records(name, bar, mnist):
    path = ROOT / "examples" / "single_spike" / f"{name}.training.json"
    found = neuroproc.classify(image_of(network_of(path), (28, 28)), *mnist)
    assert found.accuracy == json.loads(path.read_text())["test_accuracy_integer"]
    assert found.accuracy >= bar


@pytest.mark.oracle
def test_rates_decide_as_plain_evaluation_does(mnist):
    frames = mnist[0][:100]
    (record,) = (record for record in RECORDS if name_of(record) == "rate5")
    network = network_of(record)
    found = neuroproc.classify(image_of(network, (28, 1)), frames)
    assert np.array_equal(found.predictions, classes(network, evaluate(network, frames)))


@pytest.mark.parametrize("name", ["rate8", "rate5"])
def test_rates_lose_next_to_nothing_in_twenty_steps(name):
    """Half a point is the bar; that the record is true is for `test_all_frames_at_every_fold`."""
    (record,) = (record for record in RECORDS if name_of(record) == name)
    said = json.loads(record.read_text())
    assert network_of(record).steps == 20
    assert said["test_accuracy_integer"] >= said["test_accuracy_float"] - 0.005


@pytest.mark.sweep
@pytest.mark.oracle
@pytest.mark.parametrize("unroll", FOLDS, ids=str)
@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_all_frames_at_every_fold(record, unroll, mnist):
    frames, labels = mnist
    image = image_of(network_of(record), unroll)
    assert neuroproc.verify(network_of(record), image, frames[:20]).exact
    found = neuroproc.classify(image, frames, labels)
    assert found.accuracy == json.loads(record.read_text())["test_accuracy_integer"]
