"""Profiles, their derived values, and every contradiction."""

import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from isa_spec.building import build_image
from isa_spec.errors import ResourceError, SpecError
from isa_spec.image import Port
from isa_spec.potentials import potential_bounds
from isa_spec.schema import load_toml
from isa_spec.spec import (
    PROFILES,
    ProcessorSpec,
    field_range,
    field_width,
    load_profile,
    profile_names,
    spec_from_profile,
    state_width,
)
from isa_spec.tables import processor_tables


def test_shipped_profiles():
    names = (
        "np8", "np16", "np16-deep", "np16-leak", "np16-pool", "np16-subtract", "np16-subtract-pool", "np16-temporal",
        "research",
        "risp1", "risp1+", "risp7", "risp15+", "risp127", "risp255+",
    )  # fmt: skip
    assert profile_names() == names
    for name in names:
        spec = load_profile(name)
        assert spec.name == name
        assert spec.description


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_says_only_what_differs_from_the_base(name):
    parameters = processor_tables().parameter
    content = load_toml(PROFILES / f"{name}.toml")
    assert not [key for key in content if key in parameters and content[key] == parameters[key]["default"]]


def test_research_is_the_base():
    spec = load_profile("research")
    assert set(load_toml(PROFILES / "research.toml")) == {"name", "description"}
    assert (spec.max_delay, spec.max_neurons, spec.max_synapses) == (None, None, None)
    assert (spec.weight_min, spec.weight_max) == (-(2**31), 2**31 - 1)
    assert (spec.threshold_min, spec.potential_floor, spec.potential_bits) == (1, 0, 64)
    assert spec.parallel_synapses
    assert spec.extensions == ()


@pytest.mark.parametrize("n", [1, 7, 127])
def test_risp_with_inhibition(n):
    spec = load_profile(f"risp{n}")
    assert (spec.weight_min, spec.weight_max) == (-n, n)
    assert (spec.threshold_min, spec.threshold_max) == (0, n)
    assert (spec.input_min, spec.input_max) == (-n, n)
    assert spec.max_delay == max(n, 15)
    assert spec.potential_floor == -n
    assert not spec.parallel_synapses
    assert spec.extensions == ("on-delivery",)


@pytest.mark.parametrize("n", [1, 15, 255])
def test_risp_without_inhibition(n):
    spec = load_profile(f"risp{n}+")
    assert (spec.weight_min, spec.weight_max) == (1, n)
    assert (spec.threshold_min, spec.threshold_max) == (1, n)
    assert (spec.input_min, spec.input_max) == (0, n)
    assert spec.max_delay == max(n, 15)
    assert spec.potential_floor == 0
    assert not spec.parallel_synapses
    assert spec.extensions == ("on-delivery",)


WIDTHS = {
    "np8": (8, 8, 8, 8, 16),
    "np16": (16, 16, 16, 16, 32),
    "research": (31, 32, None, 32, 64),
    "risp1": (1, 2, 4, 2, 32),
    "risp1+": (0, 0, 4, 1, 32),
    "risp127": (7, 8, 7, 8, 32),
    "risp255+": (8, 8, 8, 8, 32),
}


@pytest.mark.parametrize("name", WIDTHS)
def test_widths_are_derived(name):
    spec = load_profile(name)
    fields = tuple(field_width(spec, field) for field in ("threshold", "weight", "delay", "charge"))
    assert (*fields, state_width(spec, "potential")) == WIDTHS[name]
    assert state_width(spec, "cycle") == 64
    assert state_width(spec, "in_flight") == 1
    assert state_width(spec, "pending_input") == field_width(spec, "charge")


@pytest.mark.parametrize(
    ("low", "high", "bits"),
    [(0, 0, 0), (5, 5, 0), (-5, -5, 0), (0, 1, 1), (1, 255, 8), (0, 256, 9), (-1, 0, 1), (-1, 1, 2), (-8, 7, 4),
     (-9, 0, 5), (-3, 8, 5), (-9, -8, 5)],
)  # fmt: skip
def test_width_of_a_range(low, high, bits):
    spec = replace(load_profile("research"), weight_min=low, weight_max=high)
    assert field_range(spec, "weight") == (low, high)
    assert field_width(spec, "weight") == bits


@pytest.mark.parametrize(("neurons", "bits"), [(1, 0), (2, 1), (256, 8), (257, 9), (None, None)])
def test_width_of_a_neuron_number(neurons, bits):
    spec = replace(load_profile("research"), max_neurons=neurons)
    assert field_width(spec, "target") == bits
    assert field_width(spec, "source") == bits


def star(spec, fan_in):
    """`fan_in` synapses of the largest weight onto a neuron of the largest threshold that has an input, too."""
    n = fan_in + 1
    weight = spec.weight_max if abs(spec.weight_max) >= abs(spec.weight_min) else spec.weight_min
    sources = np.arange(1, n)
    return build_image(
        spec,
        [spec.threshold_max] + [1] * fan_in,
        sources,
        np.zeros(fan_in, int),
        np.full(fan_in, weight),
        np.ones(fan_in, int),
        inputs=[Port("i0", 0)],
        outputs=[],
    )


@pytest.mark.parametrize("name", [name for name in profile_names() if name.startswith("risp")])
def test_risp_potentials_are_wide_enough_for_its_fan_in_and_the_profile_says_so(name):
    spec = load_profile(name)
    image = star(spec, 32)
    wanted = []
    for weights in ({spec.weight_max}, {spec.weight_min}):
        lowest, highest = potential_bounds(replace(image, weight=np.full(32, *weights)))
        wanted += [int(-lowest[0] - 1).bit_length() + 1, int(highest[0]).bit_length() + 1]
    assert f"a fan-in of 32 with one input needs {max(wanted)} bits" in spec.description
    assert max(wanted) <= spec.potential_bits


def test_np8_holds_the_fan_in_that_it_promises():
    spec = load_profile("np8")
    assert "255 synapses" in spec.description
    star(spec, 255)
    with pytest.raises(ResourceError, match="potential_bits"):
        star(spec, 256)


def test_np16_holds_the_fan_in_that_it_promises():
    spec = load_profile("np16")
    assert "65535 synapses" in spec.description
    star(spec, 65535)
    with pytest.raises(ResourceError, match="potential_bits"):
        star(spec, 65536)


@pytest.mark.parametrize("name", ["np16-subtract", "np16-deep"])
def test_np16_with_a_floor_holds_the_fan_in_that_it_promises_and_leaves_its_floor_by_one_weight(name):
    spec = load_profile(name)
    assert "65534 synapses" in spec.description
    star(spec, 65534)
    with pytest.raises(ResourceError, match="potential_bits"):
        star(spec, 65535)
    assert spec.potential_floor == -spec.weight_max


CONTRADICTIONS = [
    ({"weight_min": 128}, "weight_min"),
    ({"threshold_min": 256}, "threshold_min"),
    ({"input_min": 128}, "input_min"),
    ({"threshold_min": 0}, "threshold_min"),
    ({"threshold_min": -1}, "threshold_min"),
    ({"potential_floor": 1}, "potential_floor"),
    ({"potential_floor": -(2**15) - 1}, "potential_bits"),
    ({"potential_floor": None}, "potential_bits"),
    ({"potential_bits": 8}, "potential_bits"),
    ({"potential_bits": 1}, "potential_bits"),
    ({"potential_bits": 65}, "potential_bits"),
    ({"evaluation": "lazy"}, "evaluation"),
    ({"evaluation": None}, "evaluation"),
    ({"leak": "some"}, "leak"),
    ({"leak": True}, "leak"),
    ({"leak": None}, "leak"),
    ({"reset": "half"}, "reset"),
    ({"reset": None}, "reset"),
    ({"reset": "subtract", "evaluation": "on-delivery", "threshold_min": 0}, "threshold_min"),
    ({"one_shot": 1}, "one_shot"),
    ({"clear_synapses": "yes"}, "clear_synapses"),
    ({"slope_synapses": None}, "slope_synapses"),
    ({"pooling_groups": 2}, "pooling_groups"),
    ({"slope_synapses": True, "potential_floor": None, "potential_bits": 64}, "slope_synapses"),
    ({"max_delay": 0}, "max_delay"),
    ({"max_delay": -1}, "max_delay"),
    ({"max_delay": "unlimited"}, "max_delay"),
    ({"max_delay": True}, "max_delay"),
    ({"max_delay": 2**31}, "max_delay"),
    ({"max_neurons": 0}, "max_neurons"),
    ({"max_synapses": 0}, "max_synapses"),
    ({"max_synapses": 1.0}, "max_synapses"),
    ({"weight_max": 127.0}, "weight_max"),
    ({"weight_max": "127"}, "weight_max"),
    ({"weight_max": None}, "weight_max"),
    ({"weight_max": 2**31}, "weight_max"),
    ({"weight_min": False}, "weight_min"),
    ({"parallel_synapses": 1}, "parallel_synapses"),
    ({"parallel_synapses": "yes"}, "parallel_synapses"),
    ({"name": ""}, "name"),
    ({"name": 8}, "name"),
    ({"description": None}, "description"),
]


@pytest.mark.error
@pytest.mark.parametrize(("change", "key"), CONTRADICTIONS)
def test_a_contradiction_is_refused_wherever_it_comes_from(change, key):
    spec = load_profile("np8")
    with pytest.raises(SpecError) as caught:
        ProcessorSpec.from_dict(spec.to_dict() | change, "header: profile")
    assert str(caught.value).startswith(f"header: profile.{key}")
    with pytest.raises(SpecError, match=key):
        replace(spec, **change)


PROFILE_CORRUPTIONS = [
    ("weigth_max = 7", "weigth_max is an unknown key"),
    ("weight_max = 1.5", "weight_max = 1.5"),
    ("weight_max = true", "weight_max = True"),
    ("weight_max = []", "weight_max = []"),
    ("max_delay = 'none'", "max_delay = 'none'"),
    ("potential_floor = 'unlimited'", "potential_floor = 'unlimited'"),
    ("evaluation = 'lazy'", "evaluation = 'lazy', allowed: every-cycle, on-delivery"),
    ("potential_bits = 16", "potential_bits = 16"),
    ("[weight_max]\nvalue = 3", "weight_max = {'value': 3}"),
]


@pytest.mark.error
@pytest.mark.parametrize(("line", "words"), PROFILE_CORRUPTIONS)
def test_a_wrong_profile_file_is_refused_with_file_and_key(tmp_path, line, words):
    path = tmp_path / "mine.toml"
    path.write_text(f"name = 'mine'\ndescription = 'Mine.'\n{line}\n")
    with pytest.raises(SpecError) as caught:
        load_profile(path)
    assert str(caught.value).startswith("mine.toml: ")
    assert words in str(caught.value)


@pytest.mark.error
@pytest.mark.parametrize("key", ["name", "description"])
def test_a_profile_file_needs_name_and_description(key):
    content = {"name": "mine", "description": "Mine."}
    del content[key]
    with pytest.raises(SpecError, match=rf"mine\.toml: {key} is missing"):
        spec_from_profile(content, "mine.toml")


@pytest.mark.error
def test_an_unknown_profile_lists_those_that_exist():
    with pytest.raises(SpecError) as caught:
        load_profile("risp8")
    assert "'risp8' is unknown" in str(caught.value)
    assert all(name in str(caught.value) for name in profile_names())


def test_a_profile_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("name = 'mine'\ndescription = 'Mine.'\nmax_delay = 'unlimited'\npotential_floor = 'none'\n")
    spec = load_profile(str(path))
    assert spec == load_profile(path)
    assert spec.max_delay is None
    assert spec.potential_floor is None


@pytest.mark.parametrize("name", profile_names())
def test_a_processor_survives_json(name):
    spec = load_profile(name)
    entry = json.loads(json.dumps(spec.to_dict()))
    again = ProcessorSpec.from_dict(entry, "header")
    assert again == spec
    assert again.digest == spec.digest


@pytest.mark.error
@pytest.mark.parametrize("entry", [None, [], "np8", 3])
def test_from_dict_wants_a_table(entry):
    with pytest.raises(SpecError, match="header: profile"):
        ProcessorSpec.from_dict(entry, "header: profile")


@pytest.mark.error
def test_from_dict_wants_exactly_the_fields():
    entry = load_profile("np8").to_dict()
    with pytest.raises(SpecError, match=r"header: profile\.colour is an unknown key"):
        ProcessorSpec.from_dict(entry | {"colour": 1}, "header: profile")
    for key in entry:
        less = {name: value for name, value in entry.items() if name != key}
        with pytest.raises(SpecError, match=rf"header: profile\.{key} is missing"):
            ProcessorSpec.from_dict(less, "header: profile")


def test_the_digest_is_that_of_the_limits():
    spec = load_profile("np8")
    assert spec.digest.startswith("sha256:")
    assert len(spec.digest) == 7 + 64
    assert replace(spec, description="Other words.").digest == spec.digest
    changes = ({"name": "np9"}, {"weight_max": 126}, {"max_delay": None}, {"parallel_synapses": False},
               {"evaluation": "on-delivery"}, {"potential_floor": -1})  # fmt: skip
    digests = {spec.digest, *(replace(spec, **change).digest for change in changes)}
    assert len(digests) == len(changes) + 1
    assert len({load_profile(name).digest for name in profile_names()}) == len(profile_names())


def test_an_optional_parameter_is_not_mentioned_while_it_has_its_default():
    """So digests and headers of processors without it are those from before there was one."""
    spec, leaking = load_profile("np16"), load_profile("np16-leak")
    assert "leak" not in spec.to_dict()
    assert leaking.to_dict()["leak"] == "all"
    assert ProcessorSpec.from_dict(spec.to_dict() | {"leak": "none"}, "header") == spec
    assert replace(leaking, name=spec.name, leak="none").digest == spec.digest
    assert replace(leaking, name=spec.name).digest != spec.digest
    subtracting = load_profile("np16-subtract")
    assert "reset" not in spec.to_dict()
    assert subtracting.to_dict()["reset"] == "subtract"
    assert replace(subtracting, name=spec.name, reset="zero", potential_floor=0).digest == spec.digest
    assert replace(subtracting, name=spec.name, potential_floor=0).digest != spec.digest


def test_the_digest_does_not_move_between_releases():
    # Images carry it: a new value here means that old images name another processor.
    assert load_profile("np8").digest == "sha256:8074dadd5892af671e4b3899eeaeac88536279cfe4f824d0a1f198aef6b3afd0"


def test_a_processor_is_frozen():
    with pytest.raises(FrozenInstanceError):
        load_profile("np8").max_delay = 3
