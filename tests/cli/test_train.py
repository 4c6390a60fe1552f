"""``neuroproc train``: what it writes and says, and every way in which the folder or the options can be wrong."""

import json
import re
import sys

import numpy as np
import pytest
from cli_helpers import call, refused
from learning_helpers import TINY, digits, write_digits, write_idx

import neuroproc
from neuroproc.cli.train import METHODS

pytestmark = pytest.mark.training

NETWORKS = {
    "whetstone": TINY,
    "straight-through": TINY,
    "rate": "4C3p1-P2-10",
    "single-spike": "4C3p1-P2-10",
    "binary": "4C3-12-10",
}
PROFILES = {"single-spike": "np16-deep", "binary": "np16-subtract"}
"""Other than np16."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    pytest.importorskip("optax")
    return write_digits(tmp_path_factory.mktemp("train") / "digits")


def train(capsys, method, data, output, *options, silent=True):
    silence = ["--no-progress"] if silent else []
    what = ("--data", data, "-o", output, "--network", NETWORKS[method], "--epochs", 2)
    return call(capsys, "train", method, *what, *silence, *options)


@pytest.mark.parametrize("method", METHODS)
def test_it_writes_what_it_says(method, data, tmp_path, capsys):
    result = train(capsys, method, data, tmp_path / "net.json", "--json", "--seed", 5)
    assert (result.status, result.err) == (0, "")
    said = json.loads(result.out)
    network = neuroproc.load_network(tmp_path / "net.json")
    assert said["digest"] == network.digest
    assert said["parameters"] == sum(layer.n_parameters for layer in network.layers)
    assert (said["held_frames"], said["test_frames"]) == (25, 60)
    frames, labels = digits().frames[-60:], digits().labels[-60:]
    profile = neuroproc.load_profile(PROFILES.get(method, "np16"))
    image = neuroproc.compile_network(network, profile, neuroproc.FoldPlan((8, 8)))
    assert neuroproc.classify(image, frames, labels).correct == round(60 * said["test_accuracy_integer"])


def test_the_words_are_the_same_numbers(data, tmp_path, capsys):
    said = json.loads(train(capsys, "rate", data, tmp_path / "a.json", "--json").out)
    text = train(capsys, "rate", data, tmp_path / "b.json").out.splitlines()
    assert text == [
        f"4C3p1-P2-10 by rate: {said['parameters']:,} weights of 8 bits, written to b.json and b.npz",
        f"25 frames held out: floats {said['held_accuracy_float']:.2%}, integers {said['held_accuracy_integer']:.2%}",
        f"60 test frames: floats {said['test_accuracy_float']:.2%}, integers {said['test_accuracy_integer']:.2%}",
    ]


def test_test_frames_only_serve_the_last_line(data, tmp_path, capsys):
    folder = tmp_path / "without"
    folder.mkdir()
    for part in ("images-idx3", "labels-idx1"):
        name = f"train-{part}-ubyte"
        (folder / name).write_bytes((data / name).read_bytes())
    with_test = train(capsys, "rate", data, tmp_path / "a.json")
    without = train(capsys, "rate", folder, tmp_path / "b.json")
    assert with_test.out.splitlines()[1:2] == without.out.splitlines()[1:]
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_finished_checkpoint_is_converted_without_training(data, tmp_path, capsys):
    options = ("--checkpoint", tmp_path / "c.npz")
    assert train(capsys, "rate", data, tmp_path / "a.json", *options).status == 0
    before = (tmp_path / "c.npz").read_bytes()
    more = ("--bits", 5, "--steps", 9, "--normalisation", "data", "--input", "bernoulli", "--decision", "first")
    assert train(capsys, "rate", data, tmp_path / "b.json", *options, *more, "--profile", "np16-subtract").status == 0
    assert (tmp_path / "c.npz").read_bytes() == before
    network = neuroproc.load_network(tmp_path / "b.json")
    assert (network.steps, network.decode["by"]) == (9, "first")
    assert (network.reset, network.floor) == ("subtract", -32767)
    assert max(np.abs(layer.weight).max() for layer in network.layers if hasattr(layer, "weight")) == 15


@pytest.mark.parametrize("terminal", [True, False])
def test_a_line_for_each_epoch_on_terminals_and_in_logs(terminal, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    result = train(capsys, "rate", data, tmp_path / "net.json", "--json", silent=False)
    assert json.loads(result.out)["epochs"] == 2
    for epoch, line in enumerate(result.err.splitlines(), 1):
        assert re.fullmatch(rf"epoch {epoch} of 2: loss \d\.\d{{4}}, held-out accuracy \d+\.\d\d%", line)
    assert len(result.err.splitlines()) == 2


def test_nothing_is_trained_for_a_file_that_cannot_be_written(data, tmp_path, capsys):
    refused(train(capsys, "rate", data, tmp_path / "net.toml"), "net.toml", "NAME.json")


@pytest.mark.error
@pytest.mark.parametrize("option", ["--checkpoint", "--start"])
def test_a_checkpoint_is_not_overwritten_by_the_network(option, data, tmp_path, capsys):
    output, checkpoint = tmp_path / "net.json", tmp_path / "net.npz"
    result = train(capsys, "whetstone", data, output, option, checkpoint)
    words = f"{checkpoint}: this input would be overwritten by the arrays of {output}, which go to net.npz; write to "
    refused(result, words, "another name")
    assert not list(tmp_path.iterdir())


@pytest.mark.error
@pytest.mark.parametrize(("name", "link"), [("train", False), ("test", False), ("net", True)])
def test_the_data_are_not_overwritten_by_the_network(name, link, tmp_path, capsys):
    """Neither under their own name nor by another path."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for part in ("train", "test"):
        np.savez(folder / f"{part}.npz", frames=digits().frames[:20], labels=digits().labels[:20])
    output = tmp_path / "folder" / ".." / "folder" / f"{name}.json"
    if link:
        (folder / "net.npz").symlink_to("train.npz")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    read = folder / ("train.npz" if link else f"{name}.npz")
    words = f"{read}: this input would be overwritten by the arrays of {output}, which go to {name}.npz; write to"
    refused(train(capsys, "whetstone", folder, output), words)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.error
@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("whetstone", ("--network", "nothing"), ("'nothing'", "lenet-small")),
        ("whetstone", ("--network", "4C9-10"), ("[1, 8, 8]", "too small")),
        ("whetstone", ("--bits", 9), ("9 bits", "2..8")),
        ("whetstone", ("--planes", 17), ("17 planes", "1..16")),
        (
            "whetstone",
            ("--epochs", 1),
            (
                "1 epoch of training: too short for the schedule 'scheduled', which needs at least 2 epochs to sharpen "
                "2 layers to steps; train for more epochs",
            ),
        ),
        (
            "whetstone",
            ("--epochs", 3, "--schedule", "simple"),
            ("3 epochs of training: too short for the schedule 'simple', which needs at least 4 epochs to sharpen 2 ",),
        ),
        ("straight-through", ("--start", "none.npz"), ("none.npz",)),
        ("rate", ("--network", "4C3-12"), ("12 outputs for 10 classes",)),
        ("rate", ("--steps", 256), ("steps", "1..255")),
        ("rate", ("--percentile", 0), ("percentile 0",)),
        ("single-spike", ("--bits", 9), ("9 bits", "2..8, or 1")),
        ("single-spike", ("--steps", 256), ("steps", "1..255")),
        ("single-spike", ("--network", "4C3-12"), ("12 outputs for 10 classes",)),
        ("single-spike", ("--start", "none.npz"), ("none.npz",)),
        ("single-spike", ("--profile", "np16-subtract"), ("np16-subtract", "reset")),
        ("rate", ("--pooling", "or", "--profile", "np16-subtract"), ("pooling 'or'", "reset 'zero'")),
        ("binary", ("--network", "4C3-12"), ("12 outputs for 10 classes",)),
        ("binary", ("--percentile", 101), ("percentile 101",)),
    ],
)
def test_wrong_options(method, options, words, data, tmp_path, capsys):
    before = ("--epochs", 1) if "--epochs" not in options else ()
    arguments = ("train", method, "--data", data, "-o", tmp_path / "net.json")
    network = () if "--network" in options else ("--network", NETWORKS[method])
    if method == "whetstone" and before:
        before = ("--epochs", 2)
    refused(call(capsys, *arguments, *network, *before, *options), *words)
    assert not list(tmp_path.iterdir())


def test_jitter_changes_what_is_learnt(data, tmp_path, capsys):
    digests = []
    for jitter in (1, 0.5, 0):
        result = train(capsys, "rate", data, tmp_path / "net.json", "--json", "--jitter", jitter)
        digests.append(json.loads(result.out)["digest"])
    assert len(set(digests)) == 3


@pytest.mark.error
@pytest.mark.parametrize(
    "options",
    [
        ("--input", "poisson"),
        ("--seed", "-1"),
        ("--jitter", "-1"),
        ("--jitter", "nan"),
        ("--schedule", "fast"),
    ],
)
def test_wrong_usage(options, data, tmp_path, capsys):
    method = "rate" if "--input" in options else "whetstone"
    assert train(capsys, method, data, tmp_path / "net.json", *options).status == 2


@pytest.mark.error
def test_an_unknown_profile_is_refused_before_anything_is_trained(data, tmp_path, capsys):
    result = train(capsys, "rate", data, tmp_path / "net.json", "--profile", "np3", "--checkpoint", tmp_path / "c.npz")
    refused(result, "np3", "np16-subtract")
    assert not list(tmp_path.iterdir())


@pytest.mark.error
@pytest.mark.parametrize("method", METHODS)
def test_labels_that_do_not_begin_at_0(method, tmp_path, capsys):
    pytest.importorskip("optax")
    frames, labels = digits().frames[:60], digits().labels[:60]
    np.savez(tmp_path / "train.npz", frames=frames, labels=labels + 1)
    result = train(capsys, method, tmp_path, tmp_path / "net.json", "--checkpoint", tmp_path / "c.npz")
    refused(result, f"{tmp_path}: labels go from 1 to 10, allowed: from 0 on; subtract 1 from all")
    np.savez(tmp_path / "train.npz", frames=frames, labels=labels)
    np.savez(tmp_path / "test.npz", frames=frames, labels=labels + 1)
    result = train(capsys, method, tmp_path, tmp_path / "net.json", "--checkpoint", tmp_path / "c.npz")
    words = f"{tmp_path}: labels to test by go up to 10, those to train by up to 9, allowed: the same classes"
    refused(result, words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.npz", "train.npz"]


@pytest.mark.error
def test_wrong_folders(data, tmp_path, capsys):
    folder = tmp_path / "folder"
    refused(train(capsys, "rate", folder, tmp_path / "n.json"), "train-images-idx3-ubyte", str(folder))
    folder.mkdir()
    frames, labels = digits().frames[:20, 0], digits().labels[:20].astype(np.uint8)
    write_idx(folder / "train-images-idx3-ubyte", frames)
    refused(train(capsys, "rate", folder, tmp_path / "n.json"), "no train-labels-idx1-ubyte")
    write_idx(folder / "train-labels-idx1-ubyte", labels[:19])
    refused(train(capsys, "rate", folder, tmp_path / "n.json"), "20 frames", "19")
    write_idx(folder / "train-labels-idx1-ubyte", labels)
    write_idx(folder / "t10k-images-idx3-ubyte", frames[:, :7])
    write_idx(folder / "t10k-labels-idx1-ubyte", labels)
    refused(train(capsys, "rate", folder, tmp_path / "n.json"), "t10k", "[1, 7, 8]", "[1, 8, 8]")
    assert not list(tmp_path.glob("n.*"))


@pytest.mark.error
def test_without_jax_the_extra_is_named(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optax", None)
    refused(train(capsys, "rate", data, tmp_path / "n.json"), "optax", "pip install 'neuroproc[train]'")
