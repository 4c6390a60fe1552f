"""Without the extra there is nothing to train with."""

import importlib.util

import pytest


@pytest.fixture(autouse=True)
def _extra(request):
    if any(importlib.util.find_spec(name) is None for name in ("jax", "optax")):
        pytest.skip("JAX or optax is not installed; pip install '.[test]'")
