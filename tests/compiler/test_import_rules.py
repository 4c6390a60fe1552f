"""What becomes of single layers: what is kept, what is rounded and how it is told, what is taken for granted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from fraction_helpers import exact_run, seen
from import_helpers import brought, random_gathering, random_model, step

from compiler.emit import compile_network
from compiler.frontends.float_run import run_floats
from compiler.frontends.imported import Assumptions
from compiler.frontends.model import (
    BatchNorm,
    Conv,
    Fire,
    Flat,
    FloatModel,
    Linear,
    Pool,
    Scale,
    Step,
    Sum,
)
from compiler.frontends.quantising.quantise import quantise
from compiler.frontends.quantising.records import parse_assumptions, plain_assumptions
from compiler.networks.evaluate import classes, evaluate
from compiler.networks.network_file import load_network
from compiler.networks.network_writer import save_network
from compiler.plan import FoldPlan
from isa_spec.spec import load_profile
from neuroproc.cli.verify import verify

pytestmark = pytest.mark.oracle

BYTES = {"kind": "bitplanes", "bits": 8}
NIL = np.zeros(1)


def reason(imported, layer):
    (label,) = (label for label in imported.labels if label.layer == layer)
    return label.fidelity, label.reason


def test_a_scale_goes_into_the_threshold():
    weight = np.array([[0.5, -0.25, 0.75], [3.0, 0.0, -6.0]])
    imported = brought(Linear("fc", ("input",), weight, np.array([0.1, -1.0])), step("fc"))
    (fc,) = imported.network.layers
    assert fc.weight.tolist() == [[2, -1, 3], [1, 0, -2]]
    # 0.5 - 0.1 is two quarters at least, 1.5 is one three.
    assert fc.threshold.tolist() == [2, 1]


def test_integers_are_kept_even_where_they_have_a_divisor():
    weight = np.array([[2, -4, 6]])
    imported = brought(Linear("fc", ("input",), weight, scale=(Fraction(1, 3),)), step("fc", level=1.0))
    assert imported.network.layers[0].weight.tolist() == weight.tolist()
    assert imported.network.layers[0].threshold.tolist() == [3]


def test_integers_may_be_wider_than_what_floats_are_rounded_to():
    imported = brought(Linear("fc", ("input",), np.array([[1000, -1, 0]])), step("fc"), weight_bits=4)
    assert reason(imported, "fc") == ("exact", "")


@pytest.mark.parametrize(("strict", "threshold"), [(False, 2), (True, 3)])
def test_a_level_that_a_sum_can_meet(strict, threshold):
    imported = brought(Linear("fc", ("input",), np.array([[1.0, 1.0, -1.0]])), step("fc", level=2.0, strict=strict))
    assert imported.network.layers[0].threshold.tolist() == [threshold]


@pytest.mark.parametrize("said", [False, True])
def test_comparison_is_not_asked_for_where_no_sum_meets_its_level(said):
    weight = np.array([[1.0, 1.0, -1.0]])
    imported = brought(Linear("fc", ("input",), weight), step("fc", level=1.5, strict=None))
    (note,) = imported.assumptions["notes"]
    assert note == "no sum can meet its level exactly, so it does not matter whether equality suffices: step"
    named = brought(Linear("fc", ("input",), weight), step("fc", level=1.5, strict=None), strict=said)
    assert named.network.digest == imported.network.digest


def test_a_sign_of_an_odd_number_of_signs_has_no_tie():
    ends = {"low": Fraction(-1), "high": Fraction(1)}
    first = step("input", "sign", 0.5, **ends)
    for count in (3, 4):
        last = Linear("fc", ("sign",), np.ones((1, count))), step("fc", "end", 0.0, None, **ends)
        imported = quantise(
            FloatModel("net", "test", (count, 1, 1), (first, *last)), Assumptions(strict=None if count % 2 else True)
        )
        assert bool(imported.assumptions["notes"][1:]) == (count % 2 == 1)


def test_a_step_on_the_frame_is_its_encoding():
    layers = (step("input", "first", 0.3, None), Linear("fc", ("first",), np.eye(2, 3)), step("fc"))
    model = FloatModel("net", "test", (3, 1, 1), layers)
    imported = quantise(model, Assumptions(input_scale=Fraction(1, 255)))
    assert imported.network.encoding == {"kind": "binary", "threshold": 77}
    assert imported.assumptions["notes"][0] == (
        "the step 'first' on the frame is its encoding: a spike where a value is 77 or more"
    )
    given = quantise(model, Assumptions(encoding=BYTES, input_scale=Fraction(1, 255)))
    assert [layer.name for layer in given.network.layers] == ["first", "fc"]
    frames = np.random.default_rng(1).integers(0, 256, (20, 3, 1, 1))
    frames[:2] = [[[[76]], [[77]], [[78]]]]
    assert np.array_equal(evaluate(imported.network, frames)["fc"], evaluate(given.network, frames)["fc"])


def test_float_weights_are_rounded_told_and_have_to_be_allowed():
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(4, 3))
    layers = Linear("fc", ("input",), weight), step("fc", level=0.1)
    imported = brought(*layers, allow=frozenset({"fc"}), weight_bits=6)
    fidelity, why = reason(imported, "fc")
    rounded = imported.network.layers[0].weight
    assert np.abs(rounded).max(axis=1).tolist() == [31] * 4
    size = np.abs(weight).max(axis=1, keepdims=True)
    error = (np.abs(rounded * (size / 31) - weight) / size).max()
    assert fidelity == "approximate"
    assert why == (
        "weights are no integers of 6 bits at any scale; rounded to that width, the largest error is "
        f"{error:.1e} of a unit's largest"
    )
    assert reason(imported, "step") == ("exact", "")


@pytest.mark.parametrize("bits", [3, 8])
def test_a_rounded_layer_is_the_exact_layer_of_its_rounded_weights(bits):
    """With its bias, its normalisation and values of -1 and +1 in between: as a file of these integers would be."""
    rng = np.random.default_rng(bits)
    most = 2 ** (bits - 1) - 1
    first, second = rng.normal(size=(4, 3)), rng.normal(size=(3, 4))

    def layers(one, two):
        return (
            Linear("fc1", ("input",), one[0], bias, one[1]),
            BatchNorm(
                "bn", ("fc1",), np.array([1.0, -0.5, 2.0, 1.0]), np.full(4, 0.1), np.zeros(4), np.full(4, 0.7), 0.0
            ),
            step("bn", "sign", 0.0, low=Fraction(-1), high=Fraction(1)),
            Linear("fc2", ("sign",), two[0], None, two[1]),
            step("fc2", "end", 0.25),
        )

    def integers(weight):
        scale = np.abs(weight).max(axis=1) / most
        return np.rint(weight / scale[:, None]).astype(int), tuple(map(Fraction, scale.tolist()))

    bias = rng.normal(size=4)
    rough = brought(*layers((first, None), (second, None)), allow=frozenset({"fc1", "fc2"}), weight_bits=bits)
    exact = brought(*layers(integers(first), integers(second)), weight_bits=bits)
    assert {label.fidelity for label in exact.labels} == {"exact"}
    assert reason(rough, "fc1")[0] == reason(rough, "fc2")[0] == "approximate"
    assert rough.network.digest == exact.network.digest


def test_floats_that_were_integers_once_are_found():
    """Multiplied by a normalisation in single precision, they are integers no more, but nearly."""
    rng = np.random.default_rng(4)
    whole = rng.integers(-7, 8, (5, 3))
    whole[:, :2] = [7, -5]
    weight = (whole * rng.normal(size=(5, 1)).astype(np.float32)).astype(np.float32).astype(float)
    imported = brought(Linear("fc", ("input",), weight), step("fc", level=0.01), allow=frozenset({"fc"}))
    found = imported.network.layers[0].weight
    assert np.abs(found).tolist() == np.abs(whole).tolist()
    assert float(reason(imported, "fc")[1].split()[-5]) < 1e-6


def test_numbers_that_compete_have_one_scale_behind_their_normalisation():
    rng = np.random.default_rng(5)
    fc = Linear("fc", ("input",), rng.normal(size=(4, 3)), rng.normal(size=4))
    norm = BatchNorm("bn", ("fc",), np.array([1.0, 0.5, -1.0, 2.0]), rng.normal(size=4), NIL, np.full(4, 0.3), 0.0)
    imported = brought(fc, norm, allow=frozenset({"fc", "bn"}), weight_bits=12)
    fidelity, why = reason(imported, "bn")
    assert (fidelity, why) == (
        "approximate",
        "its standard deviations are no rational numbers, and no step follows that could take them up: 53 bits are "
        "kept",
    )
    pairs = imported.network.layers[1]
    assert set(np.unique(pairs.weight)) == {-1, 0, 1}
    frames = np.random.default_rng(6).integers(0, 2, (8, 3, 1, 1))
    values = run_floats(imported.model, frames.astype(float), Assumptions())["bn"].reshape(8, -1)
    assert np.array_equal(classes(imported.network, evaluate(imported.network, frames)), values.argmax(axis=1))


@pytest.mark.parametrize("seed", range(20))
def test_units_that_gather_decide_once_without_steps(seed):
    """Reset and floor then do not matter, and are not asked for."""
    model, assumptions, frames = random_gathering(seed)
    said = replace(assumptions, encoding={"kind": "bitplanes", "bits": 3}, reset=None, floor=None)
    imported = quantise(model, said)
    network = imported.network
    assert imported.assumptions["notes"][0].startswith(
        "units decide once, from 0, so it does not matter what they keep when they fire: fire"
    )
    assert (network.rate, network.reset, network.floor) == (False, "zero", None)
    right = exact_run(model, seen(network.encoding, frames, said), bool(said.strict))
    for name, meaning in imported.meanings.items():
        slope, offset = (np.array(part, object)[:, None, None] for part in (meaning.slope, meaning.offset))
        plain = np.vectorize(lambda value: value.plain, otypes=[object])(right[name])
        assert np.array_equal(evaluate(network, frames)[meaning.layer].astype(object) * slope + offset, plain), name


def gathering(weight, threshold, **said):
    fc = Linear("fc", ("input",), np.array(weight))
    fire = Fire("fire", ("fc",), np.array([threshold]), np.ones(1), said.pop("strict", False))
    rate = {"kind": "rate", "steps": 4, "levels": 1}
    return brought(fc, fire, shape=(2, 1, 1), encoding=rate, reset="subtract", **said)


def test_weights_grow_until_a_threshold_that_is_taken_off_is_a_multiple():
    (fc,) = gathering([[0.5, -0.25]], 0.875).network.layers
    assert (fc.weight.tolist(), fc.threshold.tolist()) == ([[4, -2]], [7])


@pytest.mark.parametrize("weight", [[[0.5, -0.25]], [[1000, -500]]])
def test_a_strict_threshold_that_is_taken_off(weight):
    """The weights times the steps, however wide the integers of the file are."""
    imported = gathering(weight, weight[0][0] * 2.0, strict=True)
    fc = imported.network.layers[0]
    times = np.array(weight) / 0.25 if weight[0][0] == 0.5 else np.array(weight)
    assert fc.weight.tolist() == (times * 4).tolist()
    assert fc.threshold.tolist() == [int(times[0, 0]) * 2 * 4 + 1]
    assert reason(imported, "fire") == ("exact", "")


def test_a_threshold_that_is_taken_off_is_rounded_where_weights_would_be_too_wide():
    text = (
        "what is taken off when a unit fires is no multiple of what its weights are worth; the threshold is rounded to "
        "one, the largest error is "
    )
    imported = gathering([[3.0, -1.0]], 1.7, allow=frozenset({"fire"}))
    assert imported.network.layers[0].threshold.tolist() == [2]
    assert reason(imported, "fire") == ("approximate", f"{text}{0.3 / 1.7:.1e} of a threshold")
    rough = gathering([[np.pi / 10, -np.e / 20]], 1.0, allow=frozenset({"fire", "fc"}), strict=None)
    fidelity, why = reason(rough, "fire")
    assert (fidelity, why.startswith(text)) == ("approximate", True)
    assert rough.network.layers[0].threshold.tolist() == [round(1270 / np.pi)]


def test_the_first_of_equals_wins():
    imported = brought(Linear("fc", ("input",), np.array([[0.0, 1, 0], [0, 1, 0], [1, 0, 0]])))
    frames = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0]]).reshape(4, 3, 1, 1)
    decisions = evaluate(imported.network, frames)
    assert classes(imported.network, decisions).tolist() == [0, 0, 0, 2]
    assert decisions["fc.winner"].reshape(4, 3).sum(axis=1).tolist() == [1, 1, 1, 1]


def test_an_average_of_integers_stays_one_and_of_floats_is_a_sum():
    for weight, kind in ((np.eye(1, 1, dtype=np.int64), "avgpool2d"), (np.eye(1, 1), "sumpool2d")):
        pool = Pool("pool", ("input",), "avg", (2, 2), (2, 2))
        imported = brought(pool, Linear("fc", ("pool",), weight), step("fc", level=0.75), shape=(1, 2, 2))
        assert imported.network.layers[0].kind == kind
        frames = np.array([1, 1, 1, 0, 1, 1, 0, 0]).reshape(2, 1, 2, 2)
        assert evaluate(imported.network, frames)["fc"].ravel().tolist() == [1, 0]


def test_maps_of_other_worth_are_added_by_factors():
    layers = (
        Conv("a", ("input",), np.full((3, 3, 1, 1), 0.5)),
        Conv("b", ("input",), np.full((3, 3, 1, 1), 1.5)),
        Sum("sum", ("a", "b", "input"), None),
        step("sum", level=2.0),
    )
    imported = brought(*layers)
    assert imported.network.layers[2].factors.tolist() == [[1] * 3, [3] * 3, [2] * 3]
    assert imported.network.layers[2].threshold.tolist() == [4] * 3
    rough = brought(*layers[:2], Scale("scale", ("b",), np.array([1 / 3]), NIL),
                    Sum("sum", ("a", "scale"), None), step("sum"), allow=frozenset({"sum"}))  # fmt: skip
    fidelity, why = reason(rough, "sum")
    assert fidelity == "approximate"
    assert why.startswith("what its maps are worth to each other are no integers of 8 bits at any scale; rounded")


def test_flattening_before_the_step_that_it_does_not_concern():
    layers = (
        Conv("conv", ("input",), np.ones((2, 3, 1, 1)), np.array([0.5, 0.25])),
        Flat("flat", ("conv",)),
        Step("step", ("flat",), np.repeat([1.0, 2.0], 4), False),
    )
    imported = brought(*layers, shape=(3, 2, 2))
    assert [layer.kind for layer in imported.network.layers] == ["conv2d", "flatten"]
    uneven = (*layers[:2], Step("step", ("flat",), np.arange(8.0), False))
    imported = brought(*uneven, shape=(3, 2, 2))
    assert [layer.kind for layer in imported.network.layers] == ["conv2d", "flatten", "dense"]
    frames = np.random.default_rng(7).integers(0, 2, (9, 3, 2, 2))
    right = run_floats(imported.model, frames.astype(float), Assumptions())["step"]
    assert np.array_equal(evaluate(imported.network, frames)["step"], right)


def test_values_of_a_map_that_are_normalised_one_by_one():
    rng = np.random.default_rng(8)
    layers = (
        Conv("conv", ("input",), rng.normal(size=(2, 3, 1, 1))),
        Flat("flat", ("conv",)),
        BatchNorm("bn", ("flat",), np.ones(8), rng.normal(size=8), np.zeros(8), np.full(8, 4.0), 0.0),
        Linear("fc", ("bn",), rng.integers(-3, 4, (3, 8)) / 4),
    )
    imported = brought(*layers, shape=(3, 2, 2), allow=frozenset({"conv"}))
    assert reason(imported, "conv")[0] == "approximate"
    assert {reason(imported, name)[0] for name in ("flat", "bn", "fc")} == {"exact"}


@pytest.mark.parametrize("seed", range(12))
def test_folded_on_a_chip(seed):
    """Imported, compiled into single pixels, and every decision that of the integers."""
    model, assumptions, frames = random_model(seed)
    network = quantise(model, assumptions).network
    image = compile_network(network, load_profile("np16"), FoldPlan((1, 1)))
    assert verify(network, image, frames).exact
    assert image.options["origin"] == network.origin


def test_origin_is_kept_and_decides_nothing(tmp_path):
    imported = brought(Linear("fc", ("input",), np.eye(2, 3)), step("fc", strict=None, level=0.3))
    network = imported.network
    assert network.origin == {
        "format": "test",
        "labels": [["fc", "exact", ""], ["step", "exact", ""]],
        "assumptions": imported.assumptions,
    }
    save_network(network, tmp_path / "net.json")
    read = load_network(tmp_path / "net.json")
    assert (read.origin, read.digest) == (network.origin, network.digest)


def test_assumptions_are_written_and_read_back():
    said = Assumptions(BYTES, Fraction(1, 255), Fraction(-1, 2), "subtract", True, 0, 5, 3, None, frozenset({"b", "a"}),
                       Fraction(1, 1000))  # fmt: skip
    plain = plain_assumptions(said)
    assert (plain["comparison"], plain["input_scale"], plain["allow"]) == ("above", "1/255", ["a", "b"])
    assert parse_assumptions({**plain, "notes": ["x"]}) == said
    assert parse_assumptions(plain_assumptions(Assumptions())) == Assumptions()
