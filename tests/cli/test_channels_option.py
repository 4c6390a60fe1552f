"""Channels in turns, as a user asks for them."""

import json

import pytest
from cli_helpers import call

import neuroproc

DIGITS = "neuroproc/data/digits.json"
COMPILE = ("compile", DIGITS, "--profile", "np8", "--unroll", "1x1")


def image_at(path):
    return neuroproc.load_image(path)


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    from docs_examples import ROOT

    monkeypatch.chdir(ROOT)


def test_auto_fills_idle_time(capsys, tmp_path):
    alone, shared = tmp_path / "alone.npi", tmp_path / "shared.npi"
    assert call(capsys, *COMPILE, "-o", alone).status == 0
    told = call(capsys, *COMPILE, "-o", shared, "--channels", "auto", "--report", tmp_path / "report.json")
    assert told.status == 0
    assert "unroll 1x1 conv2:2 fc1:" in told.out
    before, after = image_at(alone), image_at(shared)
    assert after.interval == before.interval
    assert after.n_neurons < before.n_neurons / 2
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["channels"] == after.options["channels"]
    assert report["slot"] == after.options["slot"] == 2
    frames = "neuroproc/data/digits_frames.npz"
    assert call(capsys, "verify", DIGITS, shared, frames, "--limit", "20").status == 0


def test_given_by_layer_and_with_longer_slots(capsys, tmp_path):
    path = tmp_path / "x.npi"
    assert (
        call(capsys, *COMPILE, "-o", path, "--slot", "8", "--channels", "conv1=4", "--channels", "fc2=10").status == 0
    )
    image = image_at(path)
    assert image.options["channels"] == {"conv1": 4, "fc2": 10}
    assert (image.options["slot"], image.interval) == (8, 4 * 162)
    # What is given bounds what auto takes.
    assert call(capsys, *COMPILE, "-o", path, "--channels", "auto", "--channels", "fc1=2").status == 0
    assert image_at(path).options["channels"]["fc1"] == 2


@pytest.mark.error
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--channels", "conv1=2"), 3, "channels of 'conv1': 2 on one neuron, allowed: 1..1 in the idle time"),
        (("--channels", "pool1=2"), 3, "pooling keeps those of its source), allowed: conv1, conv2, fc1, fc2"),
        (("--channels", "fc1=0"), 2, "'fc1=0' is not auto or LAYER=N"),
        (("--channels", "many"), 2, "'many' is not auto or LAYER=N"),
        (("--slot", "1"), 3, "slot of 1 cycles, allowed 2..26512143 for this"),
        (("--slot", "0"), 2, "'0' is not a positive integer"),
    ],
)  # fmt: skip
def test_what_cannot_be(capsys, tmp_path, arguments, status, words):
    result = call(capsys, *COMPILE, "-o", tmp_path / "x.npi", *arguments)
    assert result.status == status
    assert words in result.err
    assert not list(tmp_path.iterdir())


def test_explore_tells_channels(capsys):
    result = call(capsys, "explore", DIGITS, "--profile", "np8", "--json")
    folds = json.loads(result.out)["folds"]
    turning = [fold for fold in folds if fold["channels"]]
    assert turning
    assert {fold["slot"] for fold in folds} > {None, 4}
    alone = min(fold["neurons"] for fold in folds if not fold["channels"])
    assert min(fold["neurons"] for fold in turning) < alone / 3
    given = call(capsys, "explore", DIGITS, "--profile", "np8", "--json", "--all", "--channels", "fc2=4", "--slot", "4")
    assert all((fold["channels"], fold["slot"]) == ({"fc2": 4}, 4) for fold in json.loads(given.out)["folds"])
