"""What the shell answers against RISP's own way in floats, on random networks with all options."""

import json

import numpy as np
import pytest
from risp_twin import RispTwin
from tennlab_helpers import answers, random_network

pytestmark = pytest.mark.differential

QUESTIONS = "GT\nNVJ V\nNCJ\nNLFJ\nNCHJ\nTNC\nTNA\n"


def told(twin):
    """What the twin answers to the questions."""
    ids, fired = twin.ids, twin.fired
    rows = [
        ("Event Times", [[float(time) for time in fired[node]] for node in ids]),
        ("Event Counts", [len(fired[node]) for node in ids]),
        ("Last Fires", [float(fired[node][-1]) if fired[node] else -1.0 for node in ids]),
        ("Charges", [twin.charge[node] for node in ids]),
    ]
    answers = [{key: values, "Neuron Alias": ids} for key, values in rows]
    return [f"time: {twin.time}.0", *answers, sum(map(len, fired.values())), twin.accumulated]


def session(rng, entry, n_runs):
    """Random commands, and what the twin answers."""
    twin, lines, expected = RispTwin(entry), [f"ML {json.dumps(entry)}"], []
    params = entry["Associated_Data"]["proc_params"]
    for _ in range(n_runs):
        if rng.random() < 0.1:
            lines.append("CA")
            twin.clear_activity()
        for _ in range(int(rng.integers(0, 8))):
            node, time = int(rng.choice(entry["Inputs"])), int(rng.integers(0, 12))
            normalised = not params.get("inputs_from_weights") and rng.random() < 0.7
            if params.get("inputs_from_weights"):
                value = int(rng.integers(0, len(params["weights"])))
            elif normalised:
                value = float(rng.integers(-8, 9)) / 8
            else:
                value = float(rng.integers(-40, 60)) / 8
            lines.append(f"{'AS' if normalised else 'ASV'} {node} {time} {value}")
            twin.apply(node, time, value, normalised)
        duration = int(rng.integers(0, 14))
        lines += [f"RUN {duration}", *QUESTIONS.splitlines()]
        twin.run(duration)
        expected += told(twin)
    return "\n".join(lines), expected


def parsed(line):
    return line if line.startswith("time") else json.loads(line)


def compare(seeds):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        commands, expected = session(
            rng,
            random_network(rng),
            int(rng.integers(1, 8)),
        )
        assert [parsed(line) for line in answers(commands).splitlines()] == expected, f"seed {seed}"


def test_random_networks():
    compare(range(300))


@pytest.mark.sweep
def test_many_random_networks():
    compare(range(300, 5000))
