"""Encodings: what is refused, how planes lie, and that they add up to the values."""

import numpy as np
import pytest

from isa_spec.coding import check_encoding, check_frames, plane_weights, to_planes, to_values
from isa_spec.errors import FormatError

ENCODINGS = [
    {"kind": "binary", "threshold": 3},
    {"kind": "bitplanes", "bits": 1},
    {"kind": "bitplanes", "bits": 8},
    {"kind": "thermometer", "thresholds": [5]},
    {"kind": "thermometer", "thresholds": [-3, 1, 2, 40, 200]},
    {"kind": "bitplanes", "bits": 4, "steps": 9},
]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_planes_of_a_channel_add_up_to_its_value(encoding, dtype):
    highest = 2 ** encoding.get("bits", 8) - 1
    frames = np.random.default_rng(0).integers(0, highest + 1, (4, 3, 5, 2)).astype(dtype)
    weights = np.array(plane_weights(encoding))
    planes = to_planes(encoding, frames)
    assert planes.dtype == np.uint8
    assert planes.max() <= 1
    by_channel = planes.reshape(4, 3, len(weights), 5, 2)
    values = to_values(encoding, frames)
    assert np.array_equal(np.tensordot(by_channel, weights, axes=(2, 0)), values)
    assert values.max() <= weights.sum()


def test_values_and_planes_by_hand():
    frames = np.array([5, 0, 2]).reshape(1, 3, 1, 1)
    bits, steps = {"kind": "bitplanes", "bits": 3}, {"kind": "thermometer", "thresholds": [1, 3]}
    assert to_values(bits, frames).ravel().tolist() == [5, 0, 2]
    assert to_planes(bits, frames).ravel().tolist() == [1, 0, 1, 0, 0, 0, 0, 1, 0]
    assert to_values(steps, frames).ravel().tolist() == [2, 0, 1]
    assert to_planes(steps, frames).ravel().tolist() == [1, 1, 0, 0, 1, 0]
    assert plane_weights(bits) == (1, 2, 4)
    assert plane_weights(steps) == (1, 1)
    assert plane_weights({"kind": "binary", "threshold": 1}) == (1,)


def test_defaults_are_filled_in():
    assert check_encoding(None, "here") == check_encoding({"kind": "binary"}, "here")
    assert check_encoding({"kind": "binary"}, "here") == {"kind": "binary", "threshold": 1}
    latency = check_encoding({"kind": "latency", "steps": 16}, "here")
    assert latency == {"kind": "latency", "steps": 16, "levels": 255}
    for encoding in (*ENCODINGS, latency):
        assert check_encoding(encoding, "here") == encoding


@pytest.mark.error
@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("binary", "encoding 'binary' is not supported, allowed: binary, bitplanes, count, thermometer"),
        ({"kind": "phase"}, "encoding 'phase' is not supported, allowed: binary, bitplanes, count, .*, rate, latency"),
        ({"kind": []}, r"encoding \[\] is not supported"),
        ({}, "encoding None is not supported"),
        ({"kind": "binary", "bits": 3}, "unknown key 'bits', encoding 'binary' has kind, steps, threshold"),
        ({"kind": "binary", "steps": 0}, r"steps = 0, allowed: an integer in 1\.\.255"),
        ({"kind": "bitplanes", "bits": 2, "steps": "9"}, r"steps = '9', allowed: an integer in 1\.\.255"),
        ({"kind": "count", "levels": 2, "steps": 9}, "unknown key 'steps', encoding 'count' has kind, levels"),
        ({"kind": "binary", "threshold": 0.5}, r"threshold = 0\.5, allowed: an integer"),
        ({"kind": "bitplanes"}, "missing key 'bits', encoding 'bitplanes' has kind, bits"),
        ({"kind": "bitplanes", "bits": 0}, r"bits = 0, allowed: an integer in 1\.\.16"),
        ({"kind": "bitplanes", "bits": 17}, r"bits = 17, allowed: an integer in 1\.\.16"),
        ({"kind": "bitplanes", "bits": True}, "bits = True, allowed"),
        ({"kind": "thermometer"}, "missing key 'thresholds', encoding 'thermometer' has kind, steps, thresholds"),
        ({"kind": "thermometer", "thresholds": []}, r"thresholds = \[\], allowed: a list of integers, each above"),
        ({"kind": "thermometer", "thresholds": [1, 1]}, r"thresholds = \[1, 1\], allowed"),
        ({"kind": "thermometer", "thresholds": [2, 1]}, r"thresholds = \[2, 1\], allowed"),
        ({"kind": "thermometer", "thresholds": [1.0]}, r"thresholds = \[1\.0\], allowed"),
        ({"kind": "thermometer", "thresholds": 1}, "thresholds = 1, allowed"),
        ({"kind": "rate"}, "missing key 'steps', encoding 'rate' has kind, levels, seed, source, steps"),
        ({"kind": "rate", "steps": 0}, r"steps = 0, allowed: an integer in 1\.\.255"),
        ({"kind": "rate", "steps": 256}, r"steps = 256, allowed: an integer in 1\.\.255"),
        ({"kind": "rate", "steps": 9, "levels": 2**31}, r"levels = 2147483648, allowed: an integer in 1\.\.2147483647"),
        ({"kind": "rate", "steps": 9, "source": "poisson"}, "source = 'poisson', allowed: bernoulli, even"),
        ({"kind": "rate", "steps": 9, "seed": -1}, r"seed = -1, allowed: an integer in 0\.\."),
        (
            {"kind": "rate", "steps": 9, "source": "even", "seed": 1},
            "key 'seed', but source 'even' has no chance in it",
        ),
        ({"kind": "latency"}, "missing key 'steps', encoding 'latency' has kind, levels, steps"),
        ({"kind": "latency", "steps": 256}, r"steps = 256, allowed: an integer in 1\.\.255"),
        ({"kind": "latency", "steps": 9, "levels": 0}, r"levels = 0, allowed: an integer in 1\.\.2147483647"),
        ({"kind": "latency", "steps": 9, "seed": 1}, "unknown key 'seed', encoding 'latency' has kind, levels, steps"),
    ],
    ids=str,
)
def test_malformed_encodings_are_refused(entry, words):
    with pytest.raises(FormatError, match="^here: " + words):
        check_encoding(entry, "here")


@pytest.mark.error
@pytest.mark.parametrize("value", [4, -1, 2**40])
def test_values_of_too_many_bits_are_refused(value):
    frames = np.zeros((3, 2, 4, 5), np.int64)
    frames[2, 1, 3, 4] = value
    message = rf"frame 2, channel 1, row 3, column 4: value {value}, allowed: 0\.\.3 \(encoding 'bitplanes' of 2 bits\)"
    for check in (check_frames, to_values, to_planes):
        with pytest.raises(FormatError, match=message):
            check({"kind": "bitplanes", "bits": 2}, frames)


@pytest.mark.error
def test_frames_of_floats_have_no_bits():
    with pytest.raises(FormatError, match="frames of float64, allowed: integers"):
        to_values({"kind": "bitplanes", "bits": 2}, np.zeros((1, 1, 1, 1)))
