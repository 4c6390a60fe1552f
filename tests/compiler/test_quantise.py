"""Foreign models become integers: every decision is that of the model's numbers, evaluated in fractions."""

from __future__ import annotations

import numpy as np
import pytest
from fraction_helpers import exact_run, exact_steps, seen
from import_helpers import random_gathering, random_model

from compiler.frontends.quantising.quantise import quantise
from compiler.networks.evaluate import classes, evaluate
from isa_spec.trains import step_values

pytestmark = pytest.mark.oracle


def meant(meaning, decisions):
    """What decisions stand for, in fractions."""
    slope, offset = (np.array(part, object)[:, None, None] for part in (meaning.slope, meaning.offset))
    return decisions.astype(object) * slope + offset


def decisions_differ(imported, assumptions, frames):
    """Layers whose decisions are not the model's; and how many layers were compared."""
    network = imported.network
    found = evaluate(network, frames)
    fed = seen(network.encoding, frames, assumptions)
    right = exact_run(imported.model, fed, bool(assumptions.strict))
    wrong = []
    for name, meaning in imported.meanings.items():
        values = meant(meaning, found[meaning.layer])
        expected = np.vectorize(lambda value: value.plain, otypes=[object])(right[name])
        if not np.array_equal(values, expected):
            wrong.append(name)
    last = imported.model.layers[-1].name
    if last not in imported.meanings and network.decode["kind"] == "argmax":
        scores = np.vectorize(lambda value: value.plain, otypes=[object])(right[last]).reshape(len(frames), -1)
        best = [row.tolist().index(max(row)) for row in scores]
        if classes(network, found).tolist() != best:
            wrong.append(last)
    return wrong, len(imported.meanings)


@pytest.mark.parametrize("seed", range(150))
def test_every_decision_is_the_models(seed):
    model, assumptions, frames = random_model(seed)
    imported = quantise(model, assumptions)
    assert {label.fidelity for label in imported.labels} == {"exact"}
    assert decisions_differ(imported, assumptions, frames)[0] == []


def trains_differ(imported, assumptions, frames):
    """Layers whose spikes are not the model's in some step."""
    network = imported.network
    found = evaluate(network, frames)
    shown = np.broadcast_to(
        step_values(network.encoding, frames), (len(frames), network.steps, *network.input_shape)
    ).astype(int)
    right = exact_steps(imported.model, shown.astype(object), assumptions)
    plain = np.vectorize(lambda value: value.plain, otypes=[object])
    wrong = [
        name
        for name, meaning in imported.meanings.items()
        if not np.array_equal(meant(meaning, found[meaning.layer]), plain(right[name]))
    ]
    last = imported.model.layers[-1].name
    if last not in imported.meanings:
        scores = plain(right[last]).reshape(len(frames), network.steps, -1).sum(axis=1)
        if classes(network, found).tolist() != [row.tolist().index(max(row)) for row in scores]:
            wrong.append(last)
    return wrong


@pytest.mark.parametrize("seed", range(100))
def test_every_spike_of_every_step_is_the_models(seed):
    model, assumptions, frames = random_gathering(seed)
    imported = quantise(model, assumptions)
    assert {label.fidelity for label in imported.labels} == {"exact"}
    assert trains_differ(imported, assumptions, frames) == []
