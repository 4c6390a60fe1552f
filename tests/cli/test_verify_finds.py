"""A spoiled image is caught: status 5, and the first decision that differs is named exactly."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cli_helpers import call

import neuroproc
from isa_spec.image import ROLES
from neuroproc.classifying.host import encode_frames

pytestmark = pytest.mark.oracle


def spoil(case, change):
    """Change the image's arrays, keeping the seal whole."""
    image = neuroproc.load_image(case.image)
    neuroproc.save_image(case.image, change(image))
    return image


def test_an_exact_image_has_status_0(case, capsys):
    assert call(capsys, "verify", case.network, case.image, case.frames).status == 0


@pytest.mark.parametrize("layer", ["conv1", "conv2", "dense"])
def test_names_layer_channel_row_column_and_cycle(case, capsys, layer):
    """One unit whose threshold is far too high: its first spike is missing at exactly the named place and cycle."""
    image = neuroproc.load_image(case.image)
    record = next(record for record in image.layers if record.name == layer)
    network, frames = neuroproc.load_network(case.network), np.load(case.frames)[:, None]
    right = neuroproc.evaluate(network, frames)[layer]
    channel = int(np.flatnonzero(right.any(axis=(0, 2, 3)))[0])
    neuron = record.first_neuron + channel * record.contract.lane_rows * record.contract.lane_cols

    def never_fires(image):
        threshold = image.threshold.copy()
        threshold[neuron] = 255
        return replace(image, threshold=threshold)

    spoil(case, never_fires)
    result = call(capsys, "verify", case.network, case.image, case.frames)
    assert (result.status, result.err) == (5, "")
    found = json.loads(call(capsys, "verify", case.network, case.image, case.frames, "--json").out)
    first = found["first"]
    frame, row, column = (int(axis[0]) for axis in np.nonzero(right[:, channel]))
    assert (first["layer"], first["channel"], first["frame"]) == (layer, channel, frame)
    assert (first["row"], first["column"]) == (row, column)
    assert (first["found"], first["expected"]) == (0, 1)
    # Never cleared as far up as that, it may fire once in a while all the same.
    assert 0 < found["different"][layer] <= right[:, channel].sum()
    words = f"first divergence: layer '{layer}', frame {frame}, channel {channel}, row {row}, column {column}, cycle"
    assert f"{words} {first['cycle']}: found 0, expected 1" in result.out
    # In the sound image the neuron fires in just that cycle.
    probe = neuroproc.SpikeProbe([neuron])
    processor = neuroproc.Processor(image, probes=[probe])
    processor.inject(image.start)
    processor.inject(encode_frames(image, frames))
    processor.run(first["cycle"] + 1)
    assert first["cycle"] in probe.events()[0]


def test_residue_between_frames_is_found(case, capsys):
    """Without clearing, what one slot leaves behind reaches the next."""

    def never_cleared(image):
        clock = np.isin(image.source(), np.flatnonzero(image.role == ROLES.index("clock")))
        return replace(image, weight=np.where(clock & (image.weight < 0), 0, image.weight).astype(np.int32))

    spoil(case, never_cleared)
    result = call(capsys, "verify", case.network, case.image, case.frames)
    assert result.status == 5
    assert "first divergence: layer 'conv" in result.out
