"""``neuroproc classify --margin``: what it says, and what it refuses."""

import json

import numpy as np
import pytest
from cli_helpers import call, refused, write_json

import neuroproc

STEPS = 12


def entry():
    """A network of two layers whose last one only gathers."""
    rng = np.random.default_rng(1)
    conv, fc = rng.integers(-2, 5, (2, 1, 3, 3)).tolist(), rng.integers(-3, 5, (3, 16)).tolist()
    return {
        "format": "layered-network",
        "version": 1,
        "reset": "subtract",
        "input": {"shape": [1, 4, 6], "encoding": {"kind": "rate", "steps": STEPS, "levels": 16}},
        "layers": [
            {
                "name": "conv",
                "type": "conv2d",
                "weight": conv,
                "threshold": [9, 7],
            },
            {"name": "flatten", "type": "flatten"},
            {"name": "fc", "type": "dense", "weight": fc, "threshold": [10**6] * 3},
        ],
        "output": {"decode": {"kind": "argmax", "classes": 3, "by": "potential"}},
    }


@pytest.fixture
def image(case, capsys):
    network = write_json(case.folder / "gather.json", entry())
    image = case.folder / "gather.npi"
    result = call(capsys, "compile", network, "-o", image, "--profile", "np16-subtract")
    assert result.status == 0, result.err
    return image


def test_what_it_says(image, case, capsys):
    arguments = ("classify", image, case.frames, "--labels", case.labels, "--margin", 25)
    said = json.loads(call(capsys, *arguments, "--json").out)
    loaded, frames = neuroproc.load_image(image), neuroproc.read_frames(case.frames)
    found = neuroproc.classify_by_margin(loaded, frames, 25, neuroproc.read_labels(case.labels))
    counts = found.classification
    assert said["steps"] == found.steps.tolist()
    assert (said["margin"], said["margin_reached"]) == (25, found.reached.sum())
    assert (said["mean_steps"], said["median_steps"]) == (found.steps.mean(), np.median(found.steps))
    assert (said["all_steps"], said["frames"]) == (STEPS, 12)
    assert said["predictions"] == counts.predictions.tolist()
    assert (said["cycles"], said["spikes"]) == (counts.cycles, counts.spikes)
    assert said["spikes_by_neuron"] == counts.spike_count.tolist()
    assert said["synaptic_operations"] == counts.synaptic_operations
    assert said["accuracy"] == counts.accuracy
    assert 1 < len(set(said["steps"])) <= STEPS
    lines = call(capsys, *arguments).out.splitlines()
    assert lines[-4:-1] == [
        f"accuracy {counts.accuracy:.2%}: {counts.correct} of 12 frames",
        f"steps per frame: mean {found.steps.mean():.1f}, median {np.median(found.steps):g}, of {STEPS}; "
        f"{found.reached.sum()} of 12 frames reached margin 25",
        f"per frame: {counts.cycles / 12:,.1f} cycles, {counts.spikes / 12:,.1f} spikes, "
        f"{counts.synaptic_operations / 12:,.1f} synaptic operations",
    ]


def test_a_margin_out_of_reach_gives_the_classes_of_all_steps(image, case, capsys):
    whole = json.loads(call(capsys, "classify", image, case.frames, "--json").out)
    said = json.loads(call(capsys, "classify", image, case.frames, "--margin", 10**30, "--json").out)
    assert said["predictions"] == whole["predictions"]
    assert (said["margin_reached"], said["mean_steps"]) == (0, STEPS)
    assert "steps" not in whole
    limited = json.loads(call(capsys, "classify", image, case.frames, "--margin", 10**30, "--limit", 5, "--json").out)
    assert limited["predictions"] == whole["predictions"][:5]


@pytest.mark.error
def test_what_is_refused(image, case, capsys):
    refused(call(capsys, "classify", case.image, case.frames, "--margin", 5), "decides by kind 'argmax' by count")
    assert call(capsys, "classify", image, case.frames, "--margin", 0).status == 2
    assert call(capsys, "classify", image, case.frames, "--margin", "1.5").status == 2
