"""A network over one axis through the whole command line, its frames in every shape that they come in."""

import json

import numpy as np
import pytest
from cli_helpers import axis_entry, call, refused, write_json


@pytest.mark.oracle
@pytest.mark.parametrize("channels", [1, 2])
def test_compile_verify_classify_explore(tmp_path, capsys, channels):
    network, image = write_json(tmp_path / "net.json", axis_entry(channels)), tmp_path / "net.npi"
    frames = np.random.default_rng(0).integers(0, 4, (8, channels, 16)).astype(np.uint8)
    shapes = {"[N, C, L]": frames, "[N, C, L, 1]": frames[..., None]}
    if channels == 1:
        shapes["[N, L]"] = frames[:, 0]
    np.save(tmp_path / "labels.npy", np.zeros(8, np.uint8))
    predictions = []
    for unroll in ("1x1", "4x1", "16x1"):
        assert call(capsys, "compile", network, "-o", image, "--profile", "np8", "--unroll", unroll).status == 0
        for name, array in shapes.items():
            np.save(tmp_path / "frames.npy", array)
            found = call(capsys, "verify", network, image, tmp_path / "frames.npy")
            assert (found.status, "every decision of 8 frames is exact" in found.out) == (0, True), (unroll, name)
            found = call(
                capsys, "classify", image, tmp_path / "frames.npy", "--labels", tmp_path / "labels.npy", "--json"
            )
            predictions.append(json.loads(found.out)["predictions"])
    assert all(found == predictions[0] for found in predictions)
    explored = call(capsys, "explore", network, "--profile", "np8", "--all", "--json")
    unrolls = {fold["unroll"] for fold in json.loads(explored.out)["folds"]}
    assert unrolls == {"1x1", "2x1", "4x1", "8x1", "16x1"}


@pytest.mark.malformed
def test_frames_of_another_shape(tmp_path, capsys):
    network, image = write_json(tmp_path / "net.json", axis_entry(2)), tmp_path / "net.npi"
    assert call(capsys, "compile", network, "-o", image, "--unroll", "1x1").status == 0
    file = tmp_path / "frames.npy"
    for shape in ((8, 16, 2), (8, 32), (8, 2, 1, 16), (8, 1, 2, 16)):
        np.save(file, np.zeros(shape, np.uint8))
        allowed = f"frames.npy: frames of shape {list(shape)}, allowed: [n_frames, 2, 16, 1] or [n_frames, 2, 16]"
        refused(call(capsys, "verify", network, image, file), allowed)
        refused(call(capsys, "classify", image, file), allowed)


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("layer", "change", "words"),
    [
        (0, {"type": "conv2d"}, "layers[0] 'c1': type 'conv2d' reads maps [C, H, W]"),
        (0, {"stride": [1, 1]}, "layers[0] 'c1': stride = [1, 1], allowed: one integer"),
        (0, {"padding": [[1, 1], [1, 1]]}, "'c1': padding = [[1, 1], [1, 1]], allowed: one integer or [before, after]"),
        (0, {"weight": [[[[1]]]]}, "'c1': weight: shape [1, 1, 1, 1], allowed: 3 dimensions"),
        (1, {"type": "maxpool2d", "kernel": [2, 1]}, "layers[1] 'p1': type 'maxpool2d' reads maps [C, H, W]"),
        (1, {"kernel": [2, 1]}, "layers[1] 'p1': kernel = [2, 1], allowed: one integer"),
    ],
    ids=str,
)
def test_keys_of_two_axes(tmp_path, capsys, layer, change, words):
    wrong = axis_entry(1)
    wrong["layers"][layer] |= change
    network = write_json(tmp_path / "net.json", wrong)
    refused(call(capsys, "compile", network, "-o", tmp_path / "net.npi"), "net.json: ", words)
    assert not (tmp_path / "net.npi").exists()
