"""The geometry of a folded window against a loop over every position."""

import itertools

import numpy as np
import pytest

from compiler.folding.axis import axis_taps

CASES = [
    (size, unroll, kernel, stride, padding)
    for size, unroll, kernel, stride, padding in itertools.product(
        (1, 4, 6, 7), (1, 2, 3, 6), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2)
    )
    if kernel <= size + 2 * padding
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_every_read_is_found_by_lane_and_tile(case):
    size, unroll, kernel, stride, padding = case
    positions = (size + 2 * padding - kernel) // stride + 1
    axis = axis_taps(size, unroll, kernel, stride, padding, positions)
    assert axis.size == positions
    taps = {
        (int(lane), int(tap)): (int(lane_in), int(tile))
        for lane, tap, lane_in, tile in zip(axis.lane_out, axis.tap, axis.lane_in, axis.tile, strict=True)
    }
    blank, first, last = False, 0, 0
    for position in range(positions):
        tile_out, lane_out = divmod(position, axis.unroll)
        for tap in range(kernel):
            value = stride * position + tap - padding
            inside = 0 <= value < size
            if (lane_out, tap) in taps:
                lane_in, tile = taps[lane_out, tap]
                found = (tile_out * axis.pitch + tile) * unroll + lane_in
                assert found == value
                blank |= not inside
                first, last = min(first, value // unroll), max(last, value // unroll)
            else:
                assert not inside
    assert (axis.reads_blank, axis.first_tile, axis.last_tile) == (blank, first, last)
    assert len(axis.tap) == len(taps)


def test_the_whole_frame_never_reads_blanks():
    for size, kernel, stride, padding in itertools.product((3, 8), (1, 3), (1, 2), (0, 1)):
        positions = (size + 2 * padding - kernel) // stride + 1
        axis = axis_taps(size, size, kernel, stride, padding, positions)
        assert not axis.reads_blank
        assert np.all(axis.tile == 0)
