"""The three schedules: when which layer is how sharp."""

from itertools import pairwise

import numpy as np
import pytest

from compiler.learning.sharpening import Adaptive, Scheduled, Simple, after_epoch, begin, sharpness, spread
from isa_spec.errors import NetworkError

pytestmark = pytest.mark.training


def course(schedule, n_layers, losses):
    """Sharpness at the begin of each epoch, the one after the last loss included."""
    state, seen = begin(n_layers), []
    for epoch, loss in enumerate(losses):
        seen.append(sharpness(schedule, state, epoch, 0.0))
        state = after_epoch(schedule, state, epoch, loss)
    return np.array([*seen, sharpness(schedule, state, len(losses), 0.0)])


def test_simple_deals_equal_increments_bottom_up():
    seen = course(Simple(start=2, steps=2), 3, [1.0] * 8)
    expected = [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0.5, 0, 0], [1, 0, 0], [1, 0.5, 0], [1, 1, 0], [1, 1, 0.5], [1, 1, 1]]
    assert seen.tolist() == expected
    inside = sharpness(Simple(2, 2), begin(3), 3, 0.9)
    assert inside.tolist() == expected[3], "only whole epochs count"


def test_the_published_simple_demo_is_sharp_in_its_last_epoch():
    seen = course(Simple(start=5, steps=5), 3, [1.0] * 21)
    assert seen[20].tolist() == [1, 1, 1]
    assert seen[19].min() < 1


def test_scheduled_is_linear_within_the_spans():
    schedule = Scheduled(((1.0, 3.0), (4.0, 4.5)))
    times = [0.0, 1.0, 1.5, 2.75, 3.0, 4.25, 5.0]
    seen = [sharpness(schedule, begin(2), int(time), time % 1).tolist() for time in times]
    assert seen == [[0, 0], [0, 0], [0.25, 0], [0.875, 0], [1, 0], [1, 0.5], [1, 1]]


def test_scheduled_may_not_begin_in_the_first_epoch():
    with pytest.raises(NetworkError, match="start"):
        Scheduled(((0.5, 3.0),))
    with pytest.raises(NetworkError, match="start"):
        Scheduled(((2.0, 2.0),))


@pytest.mark.parametrize("n_layers", [1, 2, 5])
def test_spread_takes_its_time_with_pauses_of_half_a_layer(n_layers):
    spans = spread(2.0, 12.0, n_layers).spans
    assert spans[0][0] == 2
    assert np.isclose(spans[-1][1], 12)
    durations = [stop - start for start, stop in spans]
    pauses = [after[0] - before[1] for before, after in pairwise(spans)]
    assert np.allclose(durations, durations[0])
    assert np.allclose(pauses, durations[0] / 2)


def test_adaptive_waits_then_sharpens_slower_when_it_is_critical():
    schedule = Adaptive(start=2, rate=0.25, critical_rate=0.125, critical=0.75)
    seen = course(schedule, 2, [1.0] * 9)
    assert seen[:, 0].tolist() == [0, 0, 0, 0.25, 0.5, 0.75, 0.875, 1, 1, 1]
    assert seen[:, 1].tolist() == [0] * 8 + [0.25, 0.5], "the next layer waits for the next epoch"


def test_adaptive_crosses_into_the_critical_zone_within_an_epoch():
    schedule = Adaptive(start=1, rate=0.5, critical_rate=0.1, critical=0.75)
    state = begin(1)
    state = after_epoch(schedule, state, 0, 1.0)
    state = after_epoch(schedule, state, 1, 1.0)
    assert [float(sharpness(schedule, state, 2, part)[0]) for part in (0.0, 0.25, 0.5, 1.0)] == pytest.approx(
        [0.5, 0.625, 0.75, 0.8]
    )


def test_adaptive_stops_when_the_loss_rises_and_goes_on_after_patience():
    schedule = Adaptive(start=1, rate=0.1, critical=0.75, patience=1)
    #       begin  +0.1  +0.1 degraded   no gain      on      +0.1
    losses = [1.0, 1.0, 1.2, 1.25, 1.25]
    assert course(schedule, 1, losses)[:, 0].tolist() == pytest.approx([0, 0, 0.1, 0.2, 0.2, 0.3])


def test_adaptive_waits_as_long_as_the_loss_falls():
    schedule = Adaptive(start=1, rate=0.1, patience=1)
    #         start  +0.1, degraded  improved  improved  not      +0.1
    losses = [1.0, 2.0, 1.6, 1.3, 1.2, 1.2]
    assert course(schedule, 1, losses)[:, 0].tolist() == pytest.approx([0, 0, 0.1, 0.1, 0.1, 0.1, 0.2])


def test_adaptive_patience():
    schedule = Adaptive(start=1, rate=0.1, patience=3)
    losses = [1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert course(schedule, 1, losses)[:, 0].tolist() == pytest.approx([0, 0, 0.1, 0.1, 0.1, 0.1, 0.2])


@pytest.mark.parametrize("schedule", [Simple(1, 1), Scheduled(((1.0, 2.0), (2.0, 3.0))), Adaptive()])
def test_sharpness_never_falls_and_stays_in_range(schedule):
    rng = np.random.default_rng(7)
    seen = course(schedule, 2, rng.uniform(0.1, 2.0, 60))
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert np.diff(seen, axis=0).min() >= 0
    # Bottom-up: no layer begins before the one below is a step.
    assert not np.any((seen[:, 1] > 0) & (seen[:, 0] < 1))
