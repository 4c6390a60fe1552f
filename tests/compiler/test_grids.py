"""Integers for rows of real weights: exact where there are any of the width, near where there are not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from compiler.frontends.quantising.grids import grid, integer_rows

pytestmark = pytest.mark.oracle

COLUMN = np.arange(5)[None]


def product(values, scale, slope):
    """What the rows are, in fractions: object[O, 5]."""
    return np.array(
        [
            [Fraction(value) * by * own for value, own in zip(row, slope, strict=True)]
            for row, by in zip(values.tolist(), scale, strict=True)
        ],
        object,
    )


@pytest.mark.parametrize("seed", range(60))
def test_exact_or_near(seed):
    rng = np.random.default_rng(seed)
    kind = seed % 4
    values = rng.normal(size=(6, 5)) * rng.choice([1e-9, 1.0, 1e6], (6, 1))
    if kind == 1:
        values = values.astype(np.float32).astype(float)
    if kind >= 2:
        values = rng.integers(-9, 10, (6, 5)) * rng.choice([0.5, 0.3, 3.0], (6, 1)) * (rng.random((6, 5)) < 0.7)
    if kind == 3:
        values = rng.integers(-300, 300, (6, 5))
    slope = [Fraction(int(one), 7) for one in rng.integers(-3, 4, 5)] if rng.random() < 0.5 else [Fraction(2, 3)] * 5
    scale = [Fraction(int(one), 5) for one in rng.choice([-2, 1, 3], 6)] if rng.random() < 0.5 else None
    bits, way = int(rng.integers(3, 12)), str(rng.choice(["unit", "power", "shared"]))
    rows = integer_rows(values, scale, slope, COLUMN, bits, way, None, "rows")
    right = product(values, scale or [Fraction(1)] * 6, slope)
    limit = 2 ** (bits - 1) - 1
    rounded = rows.error > 0
    if values.dtype.kind == "i":
        assert not rounded.any()
    else:
        assert np.abs(rows.weight).max() <= limit
    for row in range(6):
        step = rows.step[row]
        found = [int(weight) * step for weight in rows.weight[row]]
        if not rounded[row]:
            assert found == right[row].tolist()
            continue
        top = max(map(abs, right[row]))
        near = max(abs(one - other) for one, other in zip(found, right[row], strict=True))
        assert near <= abs(step) * Fraction(51, 100)
        assert float(near) == pytest.approx(float(top) * rows.error[row], rel=1e-6, abs=float(top) * 1e-12)
    if way == "shared" and rounded.any():
        assert len(set(rows.step)) == 1
    if way == "power":
        steps = [step for step, rough in zip(rows.step, rounded, strict=True) if rough]
        assert all(step.numerator.bit_count() == step.denominator.bit_count() == 1 for step in steps)


def test_a_row_is_exact_only_if_no_width_is_needed_beyond():
    """Of 4 bits: 7 : 1 fits, 8 : 1 does not."""
    for largest, exact in ((7, True), (8, False)):
        rows = integer_rows(
            np.array([[largest, 1.0]]) / 8, None, [Fraction(1)] * 2, COLUMN[:, :2], 4, "unit", None, "rows"
        )
        assert (rows.error[0] == 0) == exact


def test_what_is_multiplied_afterwards_counts_for_the_way():
    values = np.random.default_rng(1).normal(size=(3, 5))
    behind = [Fraction(1), Fraction(-1, 3), Fraction(5)]
    rows = integer_rows(values, None, [Fraction(1)] * 5, COLUMN, 8, "shared", behind, "rows")
    assert len({abs(step * by) for step, by in zip(rows.step, behind, strict=True)}) == 1
    assert all(step > 0 for step in rows.step)


def test_widely_spread_floats_are_handled_one_by_one():
    """53 bits of weight times slopes of 40 bits: no machine integer holds them, but their ratios are small."""
    slope = [Fraction(2**40 + 1, 3), Fraction(2 * (2**40 + 1), 3)]
    values = np.array([[0.1, 0.1], [0.1, 0.3]])
    rows = integer_rows(values, None, slope, COLUMN[:, :2], 8, "unit", None, "rows")
    assert rows.weight[0].tolist() == [1, 2]
    assert rows.step[0] == Fraction(0.1) * slope[0]
    assert rows.error[0] == 0


def test_the_largest_number_that_all_are_multiples_of():
    assert grid([Fraction(1, 2), Fraction(-3, 4), Fraction(0)]) == Fraction(1, 4)
    assert grid([Fraction(0)]) == 1
    assert grid([]) == 1
