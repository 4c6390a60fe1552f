"""Foreign models become integers: every decision is that of the model's numbers, evaluated in fractions."""

from __future__ import annotations

import numpy as np
import pytest
from fraction_helpers import exact_run, seen
from import_helpers import random_model

from compiler.evaluate import classes, evaluate
from compiler.frontends.quantising.quantise import quantise

pytestmark = pytest.mark.oracle


def decisions_differ(imported, assumptions, frames):
    """Layers whose decisions are not the model's; and how many layers were compared."""
    network = imported.network
    found = evaluate(network, frames)
    fed = seen(network.encoding, frames, assumptions)
    right = exact_run(imported.model, fed, bool(assumptions.strict))
    wrong = []
    for name, meaning in imported.meanings.items():
        slope, offset = (np.array(part, object)[:, None, None] for part in (meaning.slope, meaning.offset))
        values = found[meaning.layer].astype(object) * slope + offset
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
