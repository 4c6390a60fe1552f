"""Examples, the part that is held out, output keys, input steps."""

import numpy as np
import pytest

from compiler.learning.data import Examples, hold_out
from compiler.learning.keys import n_hot_key
from isa_spec.errors import FormatError, NetworkError

pytestmark = pytest.mark.training


def numbered(n_frames):
    frames = np.arange(n_frames, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return Examples(frames, np.arange(n_frames))


def test_parts_are_disjoint_random_and_complete():
    train, held = hold_out(numbered(60), 1 / 12, 3)
    assert len(held) == 5
    assert sorted([*train.labels, *held.labels]) == list(range(60))
    assert np.array_equal(train.frames.ravel(), train.labels)
    assert np.array_equal(held.frames.ravel(), held.labels)
    again, other = (hold_out(numbered(60), 1 / 12, seed)[1].labels for seed in (3, 4))
    assert np.array_equal(again, held.labels)
    assert not np.array_equal(other, held.labels)


@pytest.mark.parametrize(("share", "n_held"), [(0.0, 1), (1.0, 9), (0.5, 5)])
def test_something_is_left_on_either_side(share, n_held):
    train, held = hold_out(numbered(10), share, 1)
    assert (len(train), len(held)) == (10 - n_held, n_held)


@pytest.mark.parametrize(
    ("frames", "found", "remedy"),
    [
        (
            np.zeros((2, 3, 3), np.uint8),
            "frames of uint8[2, 3, 3]",
            "give a single channel an axis, as frames[:, None]",
        ),
        (np.zeros((2, 9), np.uint8), "frames of uint8[2, 9]", "reshape them"),
        (
            np.zeros((2, 1, 3, 3)),
            "frames of float64[2, 1, 3, 3]",
            "scale and round them, as np.rint(255 * frames).astype(np.uint8) where they go from 0 to 1",
        ),
        (np.zeros((2, 1, 3, 3), int), "frames of int64[2, 1, 3, 3]", "convert them, as frames.astype(np.uint8)"),
    ],
)
def test_other_frames_are_refused(frames, found, remedy):
    with pytest.raises(FormatError) as caught:
        Examples(frames, np.zeros(2, np.int64))
    assert str(caught.value) == f"examples: {found}, allowed: uint8 in [N, C, H, W]; {remedy}"


def test_what_are_no_examples_is_refused():
    with pytest.raises(FormatError, match="a label for each"):
        Examples(np.zeros((2, 1, 3, 3), np.uint8), np.zeros(3, np.int64))
    with pytest.raises(FormatError, match="two and more"):
        hold_out(numbered(1), 0.5, 1)


@pytest.mark.parametrize(("classes", "width"), [(10, 100), (10, 47), (3, 3), (7, 20)])
def test_keys_are_disjoint_and_of_one_weight(classes, width):
    key = n_hot_key(classes, width, 5)
    assert key.shape == (classes, width)
    assert set(key.sum(axis=1)) == {width // classes}
    assert key.sum(axis=0).max() == 1
    assert not np.array_equal(key, n_hot_key(classes, width, 6)) or width == classes
    # The fullest row is the nearest key: with rows of one weight, counting is as good as comparing.
    out = np.random.default_rng(1).integers(0, 2, (50, width))
    nearest = np.abs(out[:, None] - key).sum(axis=2).argmin(axis=1)
    assert np.array_equal((out @ key.T.astype(int)).argmax(axis=1), nearest)


def test_a_class_without_a_unit_is_refused():
    with pytest.raises(NetworkError, match="9 output units for 10 classes"):
        n_hot_key(10, 9, 1)
