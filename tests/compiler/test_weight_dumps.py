"""Weight dumps against what Keras, Larq and Whetstone answer, worked out in their own order of axes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from foreign_helpers import import_or_refuse
from weights_helpers import random_dump

from compiler.frontends.float_run import run_floats
from compiler.frontends.imported import Assumptions
from compiler.frontends.weights.file import read_dump
from compiler.networks.evaluate import evaluate

pytestmark = pytest.mark.oracle


def check_dump(seed, folder):
    """Read a random dump; its last layer is what Keras says."""
    frames, expected = random_dump(np.random.default_rng(seed), folder / "dump.npz")
    model = read_dump(folder / "dump.npz")
    assert model.input_shape == frames.shape[1:]
    mine = run_floats(model, frames, Assumptions())[model.layers[-1].name].reshape(expected.shape)
    np.testing.assert_array_equal(mine, expected)


def check_decisions(seed, folder):
    """Import a random dump that can be; the class is what Keras says."""
    assumptions = Assumptions(encoding={"kind": "bitplanes", "bits": 4}, input_scale=Fraction(1, 16))
    imported = None
    while imported is None:  # of one dump in six, borders are neither of two values
        frames, expected = random_dump(np.random.default_rng(seed), folder / "dump.npz")
        imported, seed = import_or_refuse(folder / "dump.npz", assumptions), seed + 10_000
    values = evaluate(imported.network, (frames * 16).astype(np.int64))
    answer = values[imported.network.layers[-1].name].reshape(len(expected), -1)
    assert np.array_equal(answer.argmax(1), expected.argmax(1))


@pytest.mark.parametrize("seed", range(200))
def test_random_dumps(seed, tmp_path):
    check_dump(seed, tmp_path)
    check_decisions(seed, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(200, 1000))
def test_more_random_dumps(seed, tmp_path):
    check_dump(seed, tmp_path)
    check_decisions(seed, tmp_path)
