"""Floats of a foreign model beside its fractions and its integers: what agrees, what is rounding, what is a fault."""

from __future__ import annotations

import numpy as np
import pytest
from fraction_helpers import exact_run, exact_steps, seen
from import_helpers import brought, random_gathering, random_model, step

from compiler.frontends.float_compare import FloatComparison, compare_floats
from compiler.frontends.float_run import float_frames, run_floats
from compiler.frontends.imported import Assumptions
from compiler.frontends.model import (
    FloatModel,
    Linear,
    Unsupported,
)
from compiler.frontends.quantising.quantise import quantise
from compiler.networks.evaluate import evaluate
from isa_spec.errors import NetworkError
from isa_spec.trains import step_values

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("seed", range(40))
def test_floats_follow_the_fractions(seed):
    model, assumptions, frames = random_model(seed)
    network = quantise(model, assumptions).network
    found = run_floats(model, float_frames(model, network, assumptions, frames), assumptions)
    right = exact_run(model, seen(network.encoding, frames, assumptions), bool(assumptions.strict))
    compare_values(found, right)


@pytest.mark.parametrize("seed", range(40))
def test_floats_follow_the_fractions_in_every_step(seed):
    model, assumptions, frames = random_gathering(seed)
    network = quantise(model, assumptions).network
    found = run_floats(model, float_frames(model, network, assumptions, frames), assumptions)
    shown = np.broadcast_to(step_values(network.encoding, frames), (len(frames), network.steps, *network.input_shape))
    compare_values(found, exact_steps(model, shown.astype(int).astype(object), assumptions))


def test_floats_of_a_layer_without_words():
    layers = (Unsupported("lif", ("input",), "LIF", "leaks"),)
    with pytest.raises(NetworkError, match=r"layer 'lif' \(LIF\) leaks"):
        run_floats(FloatModel("net", "test", (1, 1, 1), layers), np.zeros((1, 1, 1, 1)), Assumptions())


def compare_values(found, right):
    """All values are near, up to the first layer with a sum so near to its level that floats may round across it."""
    real = np.vectorize(lambda value: float(value.value) + float(value.factor) * float(value.square) ** 0.5)
    assert found.keys() == right.keys()
    for name, values in right.items():
        if not np.allclose(found[name], real(values), rtol=1e-9, atol=1e-9):
            assert name.startswith(("step", "fire")), name
            return


def compared(imported, values, frames):
    found = FloatComparison()
    decisions = evaluate(imported.network, frames)
    compare_floats(found, imported, Assumptions(strict=False), values, decisions, 10)
    return found


def judged_model():
    """Two layers that decide, frames, and what the model answers in floats."""
    imported = brought(
        Linear("fc", ("input",), np.eye(3)), step("fc"), Linear("fc2", ("step",), np.eye(2, 3)), step("fc2", "end")
    )
    frames = np.random.default_rng(9).integers(0, 2, (6, 3, 1, 1))
    return imported, frames, run_floats(imported.model, frames.astype(float), Assumptions())


def test_floats_that_agree_are_counted():
    imported, frames, values = judged_model()
    found = compared(imported, values, frames)
    assert (found.compared, found.different) == ({"fc": 18, "fc2": 12}, {"fc": 0, "fc2": 0})
    assert (found.faults, found.first, found.fault, found.answers) == (0, None, None, None)


@pytest.mark.parametrize(("shift", "faults"), [(1e-14, 0), (1e-3, 1)])
def test_floats_that_differ_by_rounding_are_no_fault(shift, faults):
    imported, frames, values = judged_model()
    values["step"][3, 1] = 1 - values["step"][3, 1]
    values["fc"][3, 1] = 0.5 - shift
    values["end"][3, 1] = 1 - values["end"][3, 1]  # what follows is not judged again
    found = compared(imported, values, frames)
    assert (found.different, found.faults) == ({"fc": 1, "fc2": 1}, faults)
    assert (found.first.layer, found.first.frame, found.first.channel, found.first.step) == ("step", 13, 1, None)
    assert (found.first.value, found.first.level) == (0.5 - shift, 0.5)
    assert found.fault == (found.first if faults else None)


def test_what_lies_behind_a_rounded_layer_is_no_fault():
    rng = np.random.default_rng(10)
    layers = (Linear("fc", ("input",), rng.normal(size=(3, 3))), step("fc"),
              Linear("fc2", ("step",), np.eye(2, 3)), step("fc2", "end"))  # fmt: skip
    imported = brought(*layers, allow=frozenset({"fc"}))
    frames = rng.integers(0, 2, (6, 3, 1, 1))
    values = run_floats(imported.model, frames.astype(float), Assumptions())
    values["end"][...] = 1 - values["end"]
    found = compared(imported, values, frames)
    assert (found.different["fc2"] >= 10, found.faults) == (True, 0)


def test_competing_numbers_that_differ_are_judged():
    imported = brought(Linear("fc", ("input",), np.eye(3)))
    frames = np.array([[1, 0, 0], [0, 1, 0]]).reshape(2, 3, 1, 1)
    values = run_floats(imported.model, frames.astype(float), Assumptions())
    values["fc"][:, 2] = [[[1 + 1e-14]], [[1.5]]]
    found = compared(imported, values, frames)
    assert (found.answers, found.faults) == (2, 1)


def test_spikes_that_differ_are_judged_in_the_first_step():
    model, assumptions, frames = random_gathering(1)
    imported = quantise(model, assumptions)
    values = run_floats(model, float_frames(model, imported.network, assumptions, frames), assumptions)
    name = next(layer.name for layer in model.layers if layer.kind == "fire")
    values[name][1, 1:] = 1 - values[name][1, 1:]
    found = FloatComparison()
    compare_floats(found, imported, assumptions, values, evaluate(imported.network, frames), 0)
    assert (found.first.layer, found.first.frame, found.first.step, found.faults) == (name, 1, 1, 1)
