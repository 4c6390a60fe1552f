"""CIFAR-10's batches through the command line: train on a folder, classify and verify a file that has its labels."""

import json

import numpy as np
import pytest
from cifar_helpers import KINDS, examples, records, write_folder
from cli_helpers import call, refused

import neuroproc

NETWORK = {
    "format": "layered-network",
    "version": 1,
    "input": {"shape": [3, 32, 32], "encoding": {"kind": "binary", "threshold": 128}},
    "layers": [
        {"name": "pool", "type": "sumpool2d", "kernel": [1, 32], "threshold": [12, 12, 12]},
        {"name": "fc", "type": "dense", "weight": "net.npz:fc", "threshold": [1] * 10},
    ],
    "output": {"decode": {"kind": "argmax", "classes": 10}},
}
"""Looks for the bright rows of `examples`, and is right about all of them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network and its image, and sets of frames of either kind."""
    folder = tmp_path_factory.mktemp("cifar")
    weight = np.zeros((10, 3, 32), int)
    for label in range(10):
        weight[label, label % 3, 3 * label : 3 * label + 3] = 1
    np.savez(folder / "net.npz", fc=weight.reshape(10, -1))
    (folder / "net.json").write_text(json.dumps(NETWORK))
    for kind in KINDS:
        write_folder(folder / kind, kind, n_each=8, n_test=20)
    return folder


@pytest.fixture(scope="module")
def image(folder):
    network, spec = neuroproc.load_network(folder / "net.json"), neuroproc.load_profile("np16")
    neuroproc.save_image(folder / "net.npi", neuroproc.compile_network(network, spec, neuroproc.FoldPlan((32, 32))))
    return folder / "net.npi"


@pytest.mark.parametrize("kind", KINDS)
def test_classify_takes_the_labels_inside(kind, folder, image, capsys):
    frames = folder / kind / f"test_batch{KINDS[kind][1]}"
    result = json.loads(call(capsys, "classify", image, frames, "--json").out)
    assert (result["frames"], result["correct"]) == (20, 20)
    assert (result["frames_file"], result["labels_file"]) == (frames.name, frames.name)
    assert result["predictions"] == examples(60)[1][40:].tolist()
    result = json.loads(call(capsys, "classify", image, frames, "--json", "--limit", 7).out)
    assert (result["frames"], result["correct"]) == (7, 7)


def test_labels_that_are_given_go_before_those_inside(folder, image, tmp_path, capsys):
    frames, labels = folder / "binary" / "test_batch.bin", examples(60)[1][40:]
    np.save(tmp_path / "labels.npy", np.where(labels == 3, 4, labels))
    result = json.loads(call(capsys, "classify", image, frames, "--labels", tmp_path / "labels.npy", "--json").out)
    assert (result["frames"], result["correct"]) == (20, 18)
    assert (result["frames_file"], result["labels_file"]) == (frames.name, "labels.npy")
    np.save(tmp_path / "labels.npy", labels[1:])
    words = ("labels.npy: 19 labels for the 20 frames of", "test_batch.bin")
    refused(call(capsys, "classify", image, frames, "--labels", tmp_path / "labels.npy"), *words)
    np.save(tmp_path / "frames.npy", examples(60)[0][40:])
    result = json.loads(call(capsys, "classify", image, tmp_path / "frames.npy", "--labels", frames, "--json").out)
    assert result["correct"] == 20
    result = json.loads(call(capsys, "classify", image, tmp_path / "frames.npy", "--json").out)
    assert result["correct"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_verify(kind, folder, image, capsys):
    result = call(capsys, "verify", folder / "net.json", image, folder / kind / f"data_batch_5{KINDS[kind][1]}")
    assert (result.status, result.err) == (0, "")
    assert result.out.endswith("every decision of 8 frames is exact\n")


@pytest.mark.malformed
@pytest.mark.parametrize("command", ["classify", "verify"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_damaged_is_refused(kind, command, folder, image, tmp_path, capsys):
    whole = KINDS[kind][0](*examples(4))
    bad = tmp_path / f"bad{KINDS[kind][1]}"
    arguments = [command, *([folder / "net.json"] if command == "verify" else []), image, bad]
    bad.write_bytes(whole[:-7])
    refused(call(capsys, *arguments), str(bad), "3073 bytes each" if kind == "binary" else "truncated")
    bad.write_bytes(KINDS[kind][0](examples(4)[0], examples(4)[1] + 7))
    refused(call(capsys, *arguments), str(bad), "frame 3 has label 10, allowed: 0..9")
    bad.write_bytes(KINDS[kind][0](examples(0)[0], examples(0)[1]))
    refused(call(capsys, *arguments), "nothing" if kind == "binary" else "no frames")


@pytest.mark.malformed
def test_frames_of_another_network(case, image, tmp_path, capsys):
    (tmp_path / "batch.bin").write_bytes(records(*examples(2)))
    words = ("batch.bin", "[2, 3, 32, 32]", "allowed: [n_frames, 1, 4, 6]")
    refused(call(capsys, "classify", case.image, tmp_path / "batch.bin"), *words)
    refused(call(capsys, "classify", image, case.frames), "[12, 4, 6]", "allowed: [n_frames, 3, 32, 32]")


@pytest.mark.training
def test_train(folder, tmp_path, capsys):
    """Both kinds are the same examples, and what is trained on them is the same network."""
    pytest.importorskip("optax")
    written = []
    for kind in KINDS:
        result = call(
            capsys, "train", "rate", "--data", folder / kind, "-o", tmp_path / f"{kind}.json", "--network", "2C5-P4-10",
            "--epochs", 2, "--jitter", 0, "--json", "--no-progress",
        )  # fmt: skip
        assert (result.status, result.err) == (0, "")
        said = json.loads(result.out)
        assert (said["held_frames"], said["test_frames"]) == (3, 20)
        assert said["parameters"] == 2 * 3 * 25 + 2 * 7 * 7 * 10
        written.append(said["digest"])
    assert len(set(written)) == 1
    image, test = tmp_path / "net.npi", folder / "binary" / "test_batch.bin"
    assert call(capsys, "compile", tmp_path / "binary.json", "-o", image, "--profile", "np16").status == 0
    result = json.loads(call(capsys, "classify", image, test, "--json").out)
    assert result["correct"] == round(20 * said["test_accuracy_integer"])


@pytest.mark.training
@pytest.mark.malformed
def test_damaged_folders_are_refused_before_anything_is_trained(tmp_path, capsys):
    folder = write_folder(tmp_path / "set", "binary", n_each=2, n_test=2)
    arguments = ("train", "rate", "--data", folder, "-o", tmp_path / "net.json", "--network", "2C5-P4-10")
    whole = (folder / "test_batch.bin").read_bytes()
    (folder / "test_batch.bin").write_bytes(whole[:-1])
    refused(call(capsys, *arguments), "test_batch.bin", "3073 bytes each, found 6145")
    (folder / "test_batch.bin").write_bytes(whole)
    (folder / "data_batch_4.bin").unlink()
    refused(call(capsys, *arguments), "has data_batch_1.bin, but no data_batch_4.bin")
    assert not list(tmp_path.glob("net.*"))
