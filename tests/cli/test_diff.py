"""`neuroproc diff`: one line for the same image, a table and exit status 5 for another one."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from cli_helpers import call, refused

import neuroproc


@pytest.fixture
def images(case):
    """The small case, and the same network not folded."""
    other = case.folder / "spatial.npi"
    plan = neuroproc.FoldPlan((4, 6))
    image = neuroproc.compile_network(neuroproc.load_network(case.network), neuroproc.load_profile("np8"), plan)
    neuroproc.save_image(other, image)
    return case.image, other


def test_the_same_image(case, capsys):
    shutil.copy(case.image, case.folder / "copy.npi")
    result = call(capsys, "diff", case.image, case.folder / "copy.npi")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("the same image: sha256:")
    assert result.out.count("\n") == 1


def test_another_fold(images, capsys):
    result = call(capsys, "diff", *images)
    assert (result.status, result.err) == (5, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("behaviour may differ: the graph digests are sha256:")
    cells = {line.split("  ")[0]: line.split()[-2:] for line in lines[2:]}
    a, b = map(neuroproc.load_image, images)
    assert cells["neurons"] == [f"{a.n_neurons:,}", f"{b.n_neurons:,}"]
    assert cells["initiation interval"] == [str(a.interval), str(b.interval)]
    assert "option: unroll" in cells
    assert not any(name.startswith("profile") for name in cells)


def test_a_weight(images, capsys, tmp_path):
    image = neuroproc.load_image(images[0])
    weight = image.weight.copy()
    weight[-1] += 1
    neuroproc.save_image(tmp_path / "w.npi", replace(image, weight=weight))
    result = call(capsys, "diff", images[0], tmp_path / "w.npi")
    assert result.status == 5
    assert result.out.splitlines()[-1].split()[:3] == ["dense:", "weights", "1"]
    assert result.out.splitlines()[-1].split()[-2:] == [str(weight[-1] - 1), str(weight[-1])]


def test_only_what_is_said(images, capsys, tmp_path):
    image = neuroproc.load_image(images[0])
    neuroproc.save_image(tmp_path / "o.npi", replace(image, options={}))
    result = call(capsys, "diff", images[0], tmp_path / "o.npi")
    assert result.status == 5
    assert result.out.startswith("same behaviour (sha256:")
    assert "option: unroll" in result.out


def test_for_machines(images, capsys):
    result = call(capsys, "diff", *images, "--json")
    found = json.loads(result.out)
    difference = neuroproc.diff(*map(neuroproc.load_image, images))
    assert (result.status, found["equal"], found["same_behaviour"]) == (5, False, False)
    assert found["facts"]["neurons"] == list(difference.facts["neurons"])
    assert [layer["name"] for layer in found["layers"]] == [layer.name for layer in difference.layers]


def test_one_image_from_standard_input(images, capsys, monkeypatch):
    class Standard:
        buffer = images[0].open("rb")

    monkeypatch.setattr("sys.stdin", Standard)
    assert call(capsys, "diff", "-", images[0]).status == 0
    refused(call(capsys, "diff", "-", "-"), "standard input cannot be both images")


def test_what_is_no_image(images, capsys, tmp_path):
    refused(call(capsys, "diff", images[0], tmp_path / "none.npi"), "none.npi: cannot be read")
    np.save(tmp_path / "a.npy", np.zeros(3))
    refused(call(capsys, "diff", images[0], tmp_path / "a.npy"), "a.npy")
