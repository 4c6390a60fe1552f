"""The vectors are well-formed, and what can be refused without an engine is refused; engines run them elsewhere."""

import copy
import tomllib

import numpy as np
import pytest

from isa_spec import errors, vectors
from isa_spec.errors import NeuroprocError, SpecError
from isa_spec.spikes import SpikeEvents
from isa_spec.vectors import VECTORS, load_vectors, parse_vectors, read_vectors, vector_image, vector_spec

RUNNING = [vector for vector in load_vectors() if vector.error is None]
REFUSED = [vector for vector in load_vectors() if vector.error is not None]


def test_there_are_enough_and_each_has_its_own_name_and_corner():
    assert len(RUNNING) >= 40
    assert len(REFUSED) >= 12
    for key in ("name", "corner"):
        assert len({getattr(vector, key) for vector in load_vectors()}) == len(load_vectors())


@pytest.mark.parametrize("vector", load_vectors(), ids=str)
def test_a_corner_is_one_sentence(vector):
    assert vector.corner.endswith(".")
    assert ". " not in vector.corner
    assert len(vector.corner) <= 120


@pytest.mark.parametrize("vector", RUNNING, ids=str)
def test_an_answer_fits_its_network(vector):
    spec, image = vector_spec(vector), vector_image(vector)
    n_neurons = len(vector.threshold)
    assert vector.raster.shape == vector.potentials.shape == (n_neurons, vector.n_cycles)
    assert vector.n_cycles > 0
    assert vector.spikes == vector.raster.sum()
    assert vector.synaptic_operations == vector.raster.sum(axis=1) @ np.diff(image.row_start)
    # A neuron that fired is at 0, and none rests at or above a threshold it was compared with, or below the floor.
    # The output of a group may have been below its threshold, and a spent neuron is not compared.
    own, output = vector.raster == 1, np.isin(np.arange(n_neurons), vector.groups)[:, None]
    reached = vector.potentials >= vector.threshold[:, None]
    if spec.delayed_fire:
        # What reached its threshold is kept, and the spike is seen in the next cycle.
        if spec.evaluation == "every-cycle" and "reset" not in map(str, vector.runs):
            assert np.array_equal(vector.raster[:, 1:] == 1, reached[:, :-1])
    elif spec.reset == "subtract":
        assert (vector.potentials[own & ~output] >= 0).all()
    else:
        assert not vector.potentials[own].any()
    if spec.evaluation == "every-cycle" and not spec.delayed_fire:
        assert (~reached | ((own | (vector.once == 1)[:, None]) & (spec.reset == "subtract"))).all()
    if spec.potential_floor is not None:
        assert (vector.potentials >= spec.potential_floor).all()
    assert [port.name for port in image.inputs] == [f"i{k}" for k in range(len(vector.inputs))]
    assert [port.name for port in image.outputs] == [f"n{n}" for n in range(n_neurons)]


@pytest.mark.error
@pytest.mark.parametrize("vector", [vector for vector in REFUSED if vector.refused_by != "emulator"], ids=str)
def test_a_wrong_processor_or_network_is_refused(vector):
    if vector.refused_by == "image":
        vector_spec(vector)
    with pytest.raises(getattr(errors, vector.error)) as caught:
        vector_image(vector)
    assert type(caught.value).__name__ == vector.error
    assert vector.says in str(caught.value)


@pytest.mark.parametrize("vector", [vector for vector in REFUSED if vector.refused_by == "emulator"], ids=str)
def test_what_the_emulator_refuses_is_a_good_image(vector):
    vector_image(vector)


@pytest.mark.error
@pytest.mark.parametrize("name", ["cycle-negative", "port-negative"])
def test_negative_events_are_refused_before_they_reach_an_engine(name):
    vector = next(vector for vector in REFUSED if vector.name == name)
    with pytest.raises(NeuroprocError, match=vector.says):
        SpikeEvents.of(*vector.events.T)


def test_split_runs_have_the_answer_of_the_whole():
    whole, *parts = (
        next(v for v in RUNNING if v.name == name) for name in ("one-run", "split-in-two", "split-in-many")
    )
    for part in parts:
        assert np.array_equal(part.raster, whole.raster)
        assert np.array_equal(part.potentials, whole.potentials)
        assert np.array_equal(part.synapses, whole.synapses)
        assert part.n_cycles == whole.n_cycles
        assert len(part.runs) > 1


@pytest.mark.parametrize(
    "key",
    ["parallel_synapses", "max_delay", "weight_min", "weight_max", "threshold_min", "threshold_max", "input_min",
     "input_max", "potential_bits", "potential_floor", "max_neurons", "max_synapses", "max_fan_in",
     "max_fan_out", "evaluation", "leak", "reset", "one_shot", "clear_synapses", "slope_synapses", "pooling_groups",
     "delayed_fire"],
)  # fmt: skip
def test_every_limit_of_a_processor_refuses_something(key):
    assert any(vector.says == key for vector in REFUSED)


def test_steps_between_runs_are_events():
    vector = next(vector for vector in RUNNING if vector.name == "reset-stops-loop")
    kinds = [step if isinstance(step, int | str) else step.tolist() for step in vector.runs]
    assert kinds == [5, "reset", 4, "reset", [[0, 0, 1]], 4]
    assert vector.n_cycles == 13
    assert str(vector) == "reset-stops-loop"


CORRUPTIONS = [
    ("sums.toml", {"colour": "red"}, "one-cycle-sum.colour is an unknown key"),
    ("sums.toml", {"name": None}, "vector.0.name is missing"),
    ("sums.toml", {"corner": None}, "one-cycle-sum.corner is missing"),
    ("sums.toml", {"corner": ""}, "one-cycle-sum.corner is empty"),
    ("sums.toml", {"processor": 8}, "one-cycle-sum.processor = 8"),
    ("sums.toml", {"neurons": [1, 1, 1, True]}, "one-cycle-sum.neurons.3 = True"),
    ("sums.toml", {"synapses": [[0, 1, 1]]}, "one-cycle-sum.synapses has a row of another length"),
    ("sums.toml", {"kind": ["charge", "ramp"]}, "one-cycle-sum.kind: 'ramp', allowed: charge, slope, clear"),
    ("sums.toml", {"once": [True]}, "one-cycle-sum.once.0 = True"),
    ("sums.toml", {"groups": -1}, "one-cycle-sum.groups = -1"),
    ("sums.toml", {"events": [[0, 0]]}, "one-cycle-sum.events has a row of another length"),
    ("sums.toml", {"runs": ["again"]}, "one-cycle-sum.runs.0 = 'again'"),
    ("sums.toml", {"runs": [True]}, "one-cycle-sum.runs.0 = True"),
    ("sums.toml", {"runs": [[[0, 0, "1"]]]}, "one-cycle-sum.runs.0"),
    ("sums.toml", {"runs": [4]}, "one-cycle-sum.raster has another shape"),
    ("sums.toml", {"raster": ["100", "100", "100"]}, "one-cycle-sum.raster has another shape"),
    ("sums.toml", {"raster": ["100", "100", "100", "0x0"]}, "one-cycle-sum.raster has other characters"),
    ("sums.toml", {"raster": ["100", "100", "100", "000"]}, "one-cycle-sum.spikes = 4"),
    ("sums.toml", {"potentials": [[0], [0], [0], [0]]}, "one-cycle-sum.potentials has another shape"),
    ("sums.toml", {"spikes": 5}, "one-cycle-sum.spikes = 5, allowed: 4"),
    ("sums.toml", {"synaptic_operations": 1}, "one-cycle-sum.synaptic_operations = 1, allowed: 3"),
    ("refused_images.toml", {"error": "ValueError"}, "delay-zero.error = 'ValueError'"),
    ("refused_images.toml", {"refused_by": "chance"}, "delay-zero.refused_by = 'chance'"),
    ("refused_images.toml", {"says": None}, "delay-zero.says is missing"),
    ("refused_images.toml", {"raster": ["0"]}, "delay-zero.raster is an unknown key"),
]


@pytest.mark.error
@pytest.mark.parametrize(("name", "change", "words"), CORRUPTIONS)
def test_a_corrupt_vector_is_refused_with_its_place(name, change, words):
    content = tomllib.loads((VECTORS / name).read_text())
    entry = content["vector"][0]
    for key, value in copy.deepcopy(change).items():
        if value is None:
            del entry[key]
        else:
            entry[key] = value
    with pytest.raises(SpecError) as caught:
        parse_vectors(content, name)
    assert words in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.error
def test_a_file_without_vectors_is_refused(tmp_path):
    (tmp_path / "none.toml").write_text("vectors = []\n")
    with pytest.raises(SpecError, match=r"none\.toml: vectors is an unknown key"):
        read_vectors(tmp_path / "none.toml")
    (tmp_path / "none.toml").write_text("vector = [3]\n")
    with pytest.raises(SpecError, match=r"none\.toml: vector\.0 = 3"):
        read_vectors(tmp_path / "none.toml")


@pytest.mark.error
@pytest.mark.parametrize("key", ["name", "corner"])
def test_a_name_or_corner_that_occurs_twice_is_refused(tmp_path, monkeypatch, key):
    text = (VECTORS / "weight.toml").read_text()
    (tmp_path / "a.toml").write_text(text)
    other = "corner" if key == "name" else "name"
    lines = [line[:-1] + 'x"' if line.startswith(f"{other} =") else line for line in text.splitlines()]
    (tmp_path / "b.toml").write_text("\n".join(lines))
    monkeypatch.setattr(vectors, "VECTORS", tmp_path)
    with pytest.raises(SpecError, match=rf"b\.toml: {key} '.*' occurs in a\.toml too"):
        load_vectors.__wrapped__()
