"""Arrays of the extensions in an image: their order, their bytes, and what is refused."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from isa_spec.building import build_image, check_image
from isa_spec.codec import HEADER, SECTIONS, decode_image, encode_image, sections
from isa_spec.errors import FormatError, ResourceError
from isa_spec.image import Port, graph_digest
from isa_spec.kinds import CHARGE, CLEAR, SLOPE
from isa_spec.potentials import group_fall, leaking, potential_bounds, slope_range, synaptic_range
from isa_spec.spec import load_profile, profile_names

EVERYTHING = replace(
    load_profile("np16-subtract-pool"), name="all", one_shot=True, clear_synapses=True, slope_synapses=True,
    leak="per-neuron",
)  # fmt: skip


def full(spec=EVERYTHING, **changes):
    """An image with everything: neurons 0 and 1 are pooled into 2, neuron 0 fires once, neuron 1 leaks."""
    arrays = {
        "source": [2, 2, 2, 2, 2], "target": [0, 0, 0, 1, 1], "weight": [5, 1, -3, 1, 7], "delay": [1, 1, 1, 2, 1],
        "leaks": [0, 1, 0], "once": [1, 0, 0], "group": [2, 2, -1], "kind": [SLOPE, CLEAR, SLOPE, CLEAR, CHARGE],
        **changes,
    }  # fmt: skip
    return build_image(spec, [4, 5, 6], **arrays, inputs=[Port("a", 0)], outputs=[Port("b", 2)])


def test_synapses_are_sorted_with_their_kind():
    image = full()
    rows = np.stack([image.source(), image.delay, image.target, image.weight, image.kind], axis=1).tolist()
    assert rows == [[2, 1, 0, -3, 1], [2, 1, 0, 1, 2], [2, 1, 0, 5, 1], [2, 1, 1, 7, 0], [2, 2, 1, 1, 2]]
    # Parallel synapses that differ in their kind alone are sorted by it, however they come.
    kinds = [
        build_image(EVERYTHING, [1], [0, 0, 0], [0, 0, 0], [1, 1, 1], [1, 1, 1], [], [], kind=order).kind.tolist()
        for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0])
    ]
    assert kinds == [[0, 1, 2]] * 3


def test_flags_are_numbers():
    assert graph_digest(full(once=np.array([True, False, False]))) == graph_digest(full())


def test_bytes_and_back():
    image = full()
    data = encode_image(image, "test")
    again = decode_image(data, "here")
    assert encode_image(again, "test") == data
    for name in SECTIONS:
        if name != "start":
            assert getattr(again, name).dtype == getattr(image, name).dtype == SECTIONS[name]
            assert np.array_equal(getattr(again, name), getattr(image, name))
    assert graph_digest(again) == graph_digest(image)


@pytest.mark.parametrize(
    "change", [{"leaks": [1, 0, 0]}, {"once": [0, 1, 0]}, {"group": [2, -1, -1]}, {"kind": [1, 2, 1, 2, 1]}]
)
def test_the_graph_digest_is_that_of_the_arrays(change):
    assert graph_digest(full(**change)) != graph_digest(full())


@pytest.mark.parametrize("name", profile_names())
def test_what_is_not_stored_reads_as_its_default(name):
    spec = load_profile(name)
    image = build_image(spec, [1, 1], [0], [1], [1], [1], [Port("a", 0)], [Port("b", 1)])
    with zipfile.ZipFile(io.BytesIO(encode_image(image, "test"))) as archive:
        assert {f"{section}.npy" for section in sections(spec)} == set(archive.namelist()) - {HEADER, "checksum"}
    for one in (image, decode_image(encode_image(image, "test"), "here")):
        assert (one.leaks.tolist(), one.once.tolist(), one.group.tolist(), one.kind.tolist()) == (
            [0, 0], [0, 0], [-1, -1], [0]
        )  # fmt: skip


REFUSED = [
    ({"leaks": [0, 0, 2]}, FormatError, r"leaks\[2\] = 2, allowed 0\.\.1"),
    ({"leaks": [0, 1]}, FormatError, "section leaks: 2 entries, expected 3"),
    ({"leaks": [0.5, 0, 0]}, FormatError, "leaks: float64 values"),
    ({"once": [2, 0, 0]}, FormatError, r"once\[0\] = 2, allowed 0\.\.1"),
    ({"once": [0, -1, 0]}, FormatError, r"once\[1\] = -1, allowed 0\.\.1"),
    ({"once": [0, 1]}, FormatError, "section once: 2 entries, expected 3"),
    ({"once": [0.5, 0, 0]}, FormatError, "once: float64 values"),
    ({"group": [3, -1, -1]}, FormatError, r"group\[0\] = 3, allowed -1\.\.2"),
    ({"group": [-2, -1, -1]}, FormatError, r"group\[0\] = -2, allowed -1\.\.2"),
    ({"group": [1, 2, -1]}, FormatError, r"group\[0\] = 1, whose own group is 2"),
    ({"group": [0, -1, -1]}, FormatError, r"group\[0\] = 0, whose own group is 0"),
    ({"group": [-1]}, FormatError, "section group: 1 entries, expected 3"),
    ({"kind": [3, 0, 0, 0, 0]}, FormatError, r"kind\[0\] = 3, allowed 0\.\.2"),
    ({"kind": [0, 256, 0, 0, 0]}, FormatError, r"kind\[1\] = 256, allowed 0\.\.2"),
    ({"kind": [0]}, FormatError, "section kind: 1 entries, expected 5"),
    ({"kind": [2, 0, 0, 0, 0]}, FormatError, "synapse 0 clears, with weight 5, allowed 1"),
]


@pytest.mark.error
@pytest.mark.parametrize(("change", "error", "words"), REFUSED)
def test_wrong_arrays_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        full(**change)


@pytest.mark.error
@pytest.mark.parametrize(
    ("array", "values", "words"),
    [
        ("leaks", [1, 0, 7], r"leaks\[2\] = 7"),
        ("once", [1, 0, 7], r"once\[2\] = 7"),
        ("group", [2, 2, 2], r"whose own group is 2"),
        ("group", [2, 2, 9], r"group\[2\] = 9"),
        ("kind", [1, 1, 1, 1, 9], r"kind\[4\] = 9"),
        ("kind", [1, 2, 2, 0, 2], "synapse 2 clears, with weight 5"),
        ("kind", [1], "section kind: 1 entries"),
    ],
)
def test_wrong_arrays_of_a_file_are_refused(array, values, words):
    image = full()
    spoiled = replace(image, **{array: np.array(values, getattr(image, array).dtype)})
    with pytest.raises(FormatError, match=words):
        decode_image(encode_image(spoiled, "test"), "a.npi")


@pytest.mark.error
@pytest.mark.parametrize("limit", ["one_shot", "pooling_groups", "slope_synapses", "clear_synapses"])
def test_what_a_processor_does_not_have_is_refused(limit):
    with pytest.raises(ResourceError, match=rf"allowed 0 \({limit} of profile all\)") as caught:
        full(replace(EVERYTHING, **{limit: False}))
    assert (caught.value.limit, caught.value.allowed) == (limit, 0)
    assert caught.value.used == {"one_shot": 1, "pooling_groups": 2, "slope_synapses": 2, "clear_synapses": 2}[limit]
    with pytest.raises(ResourceError, match=limit):
        check_image(replace(full(), spec=replace(EVERYTHING, **{limit: False})))


def test_only_charges_count_as_charge():
    image = full()
    least, most = synaptic_range(image)
    assert (least.tolist(), most.tolist()) == ([0, 0, 0], [0, 7, 0])
    least, most = slope_range(image)
    assert (least.tolist(), most.tolist()) == ([-3, 0, 0], [5, 0, 0])
    assert group_fall(image).tolist() == [4, 5, 6]
    assert group_fall(replace(image, spec=replace(image.spec, reset="zero"))).tolist() == [0, 0, 0]
    lowest, highest = potential_bounds(image)
    assert leaking(image).tolist() == [False, True, False]
    assert lowest.tolist() == [-32767 - 32768 - 3 - 4, -5, -32767 - 6]
    assert highest.tolist() == [3 + 32767 + 5, 7, 5]


@pytest.mark.error
@pytest.mark.parametrize("leak", ["none", "all"])
def test_leaks_where_not_each_neuron_has_one_are_refused(leak):
    spec = replace(EVERYTHING, leak=leak)
    words = (
        r"the image has 1 neurons with a leak of their own, allowed 0 \(leak of profile all\); choose a profile that"
    )
    with pytest.raises(ResourceError, match=words) as caught:
        full(spec)
    assert (caught.value.limit, caught.value.used, caught.value.allowed) == ("leak", 1, 0)
    with pytest.raises(ResourceError, match=words):
        check_image(replace(full(), spec=spec))
    assert leaking(full(spec, leaks=None)).tolist() == [leak == "all"] * 3


@pytest.mark.error
def test_a_slope_and_a_group_need_room_in_the_adder():
    spec = replace(EVERYTHING, potential_bits=6, potential_floor=-10, threshold_max=9, input_min=0, input_max=0)
    kinds = {"kind": [SLOPE]}
    build_image(spec, [9], [0], [0], [23], [1], [], [], **kinds)
    with pytest.raises(ResourceError, match=r"neuron 0 can reach -10\.\.32, which needs 7 bits"):
        build_image(spec, [9], [0], [0], [24], [1], [], [], **kinds)
    build_image(spec, [9, 1], [1], [0], [-13], [1], [], [], group=[1, -1])
    with pytest.raises(ResourceError, match=r"neuron 0 can reach -33\.\.8, which needs 7 bits"):
        build_image(spec, [9, 1], [1], [0], [-14], [1], [], [], group=[1, -1])
