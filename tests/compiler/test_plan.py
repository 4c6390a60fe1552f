"""Plans that are no plans are refused in words, where they are made."""

import numpy as np
import pytest

from compiler.plan import FoldPlan
from isa_spec.errors import ScheduleError


@pytest.mark.error
@pytest.mark.parametrize("unroll", ["2x2", "auto", 2, (2,), (1, 1, 1), (1.0, 1.0)])
def test_what_is_no_tile_is_refused(unroll):
    with pytest.raises(ScheduleError) as caught:
        FoldPlan(unroll)
    assert str(caught.value) == (
        f"unroll = {unroll!r}, allowed: two integers (rows, columns); `explore` has the folds that there are, and "
        "`best_option` the best of them"
    )


@pytest.mark.error
def test_channels_without_layers_are_refused():
    with pytest.raises(ScheduleError) as caught:
        FoldPlan((1, 1), channels="auto")
    assert str(caught.value) == (
        "channels = 'auto', allowed: a number of channels by layer, as {'conv1': 2}; `fill_channels` finds them"
    )


def test_integers_of_numpy_are_integers():
    plan = FoldPlan([np.int64(2), np.uint8(4)])
    assert plan == FoldPlan((2, 4))
    assert [type(side) for side in plan.unroll] == [int, int]
