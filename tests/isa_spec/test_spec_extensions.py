"""Processors with extensions: what they need, what does not go together, and what bits it takes."""

from dataclasses import replace

import pytest

from isa_spec.building import build_image
from isa_spec.errors import SpecError
from isa_spec.image import Port
from isa_spec.potentials import potential_bounds
from isa_spec.spec import field_width, load_profile, state_width


def test_a_leaking_processor():
    assert load_profile("np16-leak").extensions == ("leak",)
    # Nothing falls beyond one cycle, so a narrow adder does without a floor.
    narrow = replace(load_profile("np8"), leak="all", potential_floor=None)
    image = build_image(narrow, [9], [0], [0], [-128], [1], [Port("i", 0)], [])
    assert [bound.tolist() for bound in potential_bounds(image)] == [[-256], [127]]
    spec = replace(narrow, evaluation="on-delivery")
    assert spec.extensions == ("on-delivery", "leak")


def test_a_processor_with_leaks_of_neurons_own():
    spec = replace(load_profile("np8"), leak="per-neuron", evaluation="on-delivery")
    assert spec.extensions == ("on-delivery", "leak-per-neuron")
    assert spec.to_dict()["leak"] == "per-neuron"
    # A neuron that leaks starts each cycle at 0, any other at the floor, or just below its threshold.
    image = build_image(spec, [9, 9], [0, 0], [0, 1], [-128, -128], [1, 1], [Port("i", 1)], [], leaks=[1, 0])
    least, most = spec.input_min, spec.input_max
    floor = spec.potential_floor
    assert [bound.tolist() for bound in potential_bounds(image)] == [[-128, floor - 128 + least], [0, 8 + most]]


@pytest.mark.error
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"reset": "subtract"},
            "reset = subtract, for what a spike leaves or stops would come too late; set reset = zero, or delayed_fire",
        ),
        ({"one_shot": True}, "one_shot = True, for"),
        ({"slope_synapses": True}, "slope_synapses = True, for"),
        ({"pooling_groups": True}, "pooling_groups = True, for"),
    ],
)
def test_what_does_not_go_with_delayed_fire_is_refused_by_name(change, words):
    spec = replace(load_profile("np8"), delayed_fire=True, clear_synapses=True)
    assert spec.extensions == ("clear-synapse", "delayed-fire")
    assert (spec.to_dict()["delayed_fire"], "delayed_fire" in load_profile("np8").to_dict()) == (True, False)
    with pytest.raises(SpecError) as caught:
        replace(spec, **change)
    assert f"profile 'np8': delayed_fire = True, allowed: False with {words}" in str(caught.value)


def test_a_subtracting_processor():
    assert load_profile("np16-subtract").extensions == ("reset-subtract",)
    spec = replace(load_profile("np8"), leak="all", evaluation="on-delivery", reset="subtract")
    assert spec.extensions == ("on-delivery", "leak", "reset-subtract")


NEEDS = {
    "np16-deep": (),
    "np16-temporal": ("one-shot", "clear-synapse", "slope-synapse"),
    "np16-pool": ("pooling-group",),
    "np16-subtract-pool": ("reset-subtract", "pooling-group"),
}


@pytest.mark.parametrize("name", NEEDS)
def test_profiles_for_other_codes_need_what_they_say(name):
    spec = load_profile(name)
    assert spec.extensions == NEEDS[name]
    switches = ("one_shot", "clear_synapses", "slope_synapses", "pooling_groups")
    entry = spec.to_dict()
    assert [key for key in switches if entry.get(key)] == [key for key in switches if getattr(spec, key)]
    plain = replace(spec, **dict.fromkeys(switches, False))
    assert not set(switches) & set(plain.to_dict())
    assert (plain.digest == spec.digest) == (not set(NEEDS[name]) - {"reset-subtract"})


@pytest.mark.parametrize(
    ("change", "widths"),
    [
        ({}, (0, 0, 0, 0)),
        ({"leak": "per-neuron"}, (1, 0, 0, 0)),
        ({"leak": "all"}, (0, 0, 0, 0)),
        ({"one_shot": True}, (0, 1, 0, 0)),
        ({"pooling_groups": True, "max_neurons": 256}, (0, 0, 9, 0)),
        ({"pooling_groups": True}, (0, 0, None, 0)),
        ({"slope_synapses": True}, (0, 0, 0, 2)),
        ({"clear_synapses": True}, (0, 0, 0, 2)),
    ],
)
def test_fields_of_extensions_take_no_bits_without_them(change, widths):
    spec = replace(load_profile("np8"), **change)
    assert tuple(field_width(spec, name) for name in ("leaks", "once", "group", "kind")) == widths
    assert [state_width(spec, name) for name in ("slope", "spent", "due")] == [16, 1, 1]
