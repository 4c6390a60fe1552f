"""Weight dumps against what Keras, Larq and Whetstone answer, worked out in their own order of axes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_helpers import run_model
from weights_helpers import random_dump

from compiler.frontends.weights.file import read_dump

pytestmark = pytest.mark.oracle


def check_dump(seed, folder):
    """Read a random dump; its last layer is what Keras says."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        try:
            frames, expected = random_dump(rng, folder / "dump.npz")
            break
        except ValueError:  # a window larger than its map: another one
            continue
    model = read_dump(folder / "dump.npz")
    assert model.input_shape == frames.shape[1:]
    mine = run_model(model, frames)[model.layers[-1].name].reshape(expected.shape)
    np.testing.assert_array_equal(mine, expected)
    return model


@pytest.mark.parametrize("seed", range(200))
def test_random_dumps(seed, tmp_path):
    check_dump(seed, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(200, 1000))
def test_more_random_dumps(seed, tmp_path):
    check_dump(seed, tmp_path)
