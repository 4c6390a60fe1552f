"""Axes of length 1 that callers leave out."""

import numpy as np
import pytest

from isa_spec.errors import FormatError
from isa_spec.frames import as_frames


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((2, 3, 4), [(5, 2, 3, 4)]),
        ((1, 3, 4), [(5, 1, 3, 4), (5, 3, 4)]),
        ((2, 4, 1), [(5, 2, 4, 1), (5, 2, 4)]),
        ((1, 4, 1), [(5, 1, 4, 1), (5, 4, 1), (5, 1, 4), (5, 4)]),
        ((1, 1, 1), [(5, 1, 1, 1), (5, 1, 1), (5, 1)]),
    ],
)
def test_values_keep_their_order(shape, given):
    values = np.arange(5 * np.prod(shape), dtype=np.int16)
    for axes in given:
        frames = as_frames(values.reshape(axes), shape)
        assert (frames.shape, frames.dtype) == ((5, *shape), np.int16)
        assert np.array_equal(frames.ravel(), values)
    assert as_frames(np.zeros((0, *given[-1][1:])), shape).shape == (0, *shape)


@pytest.mark.error
@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((2, 3, 4), (5, 3, 4)),
        ((2, 3, 4), (2, 3, 4)),
        ((2, 1, 4), (5, 2, 4)),
        ((1, 3, 4), (5, 4, 3)),
        ((2, 4, 1), (5, 4)),
    ],
)
def test_other_shapes_are_refused(shape, given):
    with pytest.raises(
        FormatError, match=rf"^a\.npy: frames of shape \[{', '.join(map(str, given))}\], allowed: \[n_frames, "
    ):
        as_frames(np.zeros(given, np.uint8), shape, "a.npy")


@pytest.mark.error
@pytest.mark.parametrize(
    ("shape", "given"), [((64, 1, 1), (5, 1, 8, 8)), ((64, 1, 1), (5, 8, 8)), ((3, 8, 4), (5, 96))]
)
def test_frames_that_are_flat_on_one_side_are_told_how_to_fit(shape, given):
    frames = np.zeros(given, np.uint8)
    with pytest.raises(FormatError) as caught:
        as_frames(frames, shape)
    channels, height, width = shape
    remedy = f"frames.reshape(-1, {channels}, {height}, {width})"
    assert str(caught.value).endswith(f"; {remedy} has it, if the values are in C, H, W order")
    assert as_frames(frames.reshape(-1, channels, height, width), shape).shape == (5, *shape)


@pytest.mark.error
@pytest.mark.parametrize(("shape", "given"), [((3, 8, 8), (5, 8, 8, 3)), ((64, 1, 1), (5, 7, 9))])
def test_frames_that_may_have_other_axes_are_told_no_more(shape, given):
    with pytest.raises(FormatError, match=r"\]$"):
        as_frames(np.zeros(given, np.uint8), shape)


@pytest.mark.error
def test_floats_are_refused():
    """Between 0 and 1 all of them are dark to a threshold above 1, and a class would be told nevertheless."""
    with pytest.raises(FormatError) as caught:
        as_frames(np.full((1, 1, 2, 2), 0.5), (1, 2, 2))
    assert str(caught.value) == "frames of float64, allowed: integers; scale and round them before, as you mean it"
    assert as_frames(np.ones((1, 2, 2), bool), (1, 2, 2)).dtype == bool
