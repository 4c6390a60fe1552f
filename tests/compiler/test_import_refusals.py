"""What cannot be brought into integers is refused in a sentence: which layer, what was found, what to do."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from compiler.frontends.imported import Assumptions
from compiler.frontends.model import (
    BatchNorm,
    Conv,
    Fire,
    Flat,
    FloatModel,
    Join,
    Linear,
    Pool,
    Scale,
    Step,
    Sum,
    Unsupported,
)
from compiler.frontends.quantising.quantise import quantise
from isa_spec.errors import FormatError, NetworkError

pytestmark = pytest.mark.error

BINARY, RATE = {"kind": "binary", "threshold": 1}, {"kind": "rate", "steps": 4}
ONE, NIL = np.ones(1), np.zeros(1)
SIGNS = {"low": Fraction(-1), "high": Fraction(1)}
BORDER = ((1, 1), (1, 1))


def conv(source="input", name="conv", channels=1, **options):
    return Conv(name, (source,), options.pop("weight", np.ones((2, channels, 1, 1))), **options)


def fc(source, units=2, values=2, name="fc", **options):
    return Linear(name, (source,), options.pop("weight", np.eye(units, values)), **options)


def step(source, name="step", level=0.5, strict=False, **ends):
    return Step(name, (source,), np.array([level]), strict, **ends)


def fire(source, name="fire", threshold=1.0, **options):
    return Fire(name, (source,), np.array([threshold]), ONE, options.pop("strict", False), **options)


def norm(source, name="bn", variance=2.0):
    return BatchNorm(name, (source,), ONE, NIL, NIL, np.array([variance]), 0.0)


def model(*layers, shape=(1, 1, 1), **options):
    return FloatModel("net", "test", shape, layers, **options)


def message(layers, shape=(1, 1, 1), decode=None, **said):
    said.setdefault("encoding", BINARY)
    with pytest.raises(NetworkError) as caught:
        quantise(model(*layers, shape=shape, decode=decode), Assumptions(**said))
    return str(caught.value)


CASES = {
    "fire in every step": (
        [conv(), fire("conv", threshold=0.0)],
        {"encoding": RATE, "reset": "zero"},
        "layer 'fire' (fire) is unsupported: fires in every step (unit 0: threshold 0); use thresholds above 0",
    ),
    "bias in steps": (
        [conv(bias=np.array([0.0, 0.25])), fire("conv")],
        {"encoding": RATE, "reset": "zero"},
        "is given 0.25 in every step whatever comes (unit 1), and units of several steps gather only what spikes "
        "bring; "
        "use no biases, or an encoding without steps",
    ),
    "two resets": (
        [conv(), fire("conv", reset="zero"), fire("fire", name="late", reset="subtract")],
        {"encoding": RATE},
        "layer 'late' (fire) is unsupported: is reset by subtract with floor None, but 'fire' by zero with floor None; "
        "allowed: the same for all layers",
    ),
    "step in steps": (
        [conv(), step("conv")],
        {"encoding": RATE},
        "layer 'step' (step) is unsupported: decides anew in every step, and units of several steps gather; use an "
        "encoding without steps",
    ),
    "floor under potentials": (
        [conv(), fire("conv"), fc("fire")],
        {"encoding": RATE, "reset": "zero", "floor": 0},
        "layer 'fc' (linear) is unsupported: gathers without end, but a floor of 0 would hold it; end with units that "
        "fire",
    ),
    "potentials with biases": (
        [conv(), fire("conv"), fc("fire", bias=np.array([0.0, 1.0]))],
        {"encoding": RATE, "reset": "zero"},
        "adds different constants in every step, and units of several steps gather only what spikes bring",
    ),
    "potentials of other scales": (
        [conv(), fire("conv"), fc("fire", weight=np.eye(2, dtype=int), scale=(Fraction(1), Fraction(1, 3**40)))],
        {"encoding": RATE, "reset": "zero"},
        "answers by potentials of too different scales to be compared; round them before",
    ),
    "one number": (
        [fc("input", 1, 1)],
        {},
        "layer 'fc' (linear) is unsupported: answers by one real number, and a chip answers in spikes; end with a step",
    ),
    "many numbers": (
        [fc("input", 257, 1)],
        {},
        "answers by 257 real numbers, allowed: 256, for every two are compared; end with a step",
    ),
    "numbers of other scales": (
        [fc("input", 2, 1, weight=np.ones((2, 1), int), scale=(Fraction(1), Fraction(1, 3**40)))],
        {},
        "answers by real numbers of too different scales to be compared exactly; round them before",
    ),
    "other classes": (
        [fc("input", 4, 1)],
        {"classes": 2},
        "answers by 4 real numbers, of which only the largest can be told: argmax of 4",
    ),
    "lower classes": (
        [fc("input", 2, 1), step("fc", low=Fraction(0), high=Fraction(-1))],
        {"classes": 2},
        "layer 'step' (step) is unsupported: answers by spikes that mean the lower of two values, so the most of them "
        "is "
        "not the class",
    ),
    "zeros around signs": (
        [conv(), step("conv", **SIGNS), conv("step", "late", 2, padding=BORDER), step("late", "end")],
        {},
        "layer 'late' (conv) is unsupported: pads a map of -1 and +1 with zeros, and 0 is neither: silence already "
        "means "
        "-1, so no spikes can stand for it; train with padding by -1, or use no padding; not judged, for they read "
        "these: "
        "end",
    ),
    "zeros around an offset": (
        [conv(padding=BORDER), step("conv")],
        {"input_offset": Fraction(1, 2)},
        "pads with 0, but silence stands for 0.5 there (channel 0), so no spikes can stand for the border; use no "
        "padding, "
        "or one by what silence means",
    ),
    "convolution of a flattened map": (
        [Flat("flat", ("input",)), conv("flat", channels=4), step("conv")],
        {"shape": (1, 2, 2)},
        "layer 'conv' (conv) is unsupported: is a convolution of a flattened map; flatten after it",
    ),
    "pool of a flattened map": (
        [Flat("flat", ("input",)), Pool("pool", ("flat",), "sum", (1, 1), (1, 1)), step("pool")],
        {"shape": (1, 2, 2)},
        "layer 'pool' (pool) is unsupported: pools a flattened map; flatten after it",
    ),
    "sum of flattened maps": (
        [Flat("flat", ("input",)), Sum("sum", ("flat", "flat")), step("sum")],
        {"shape": (1, 2, 2)},
        "layer 'sum' (add) is unsupported: adds flattened maps; flatten the sum instead",
    ),
    "step on a large flattened map": (
        [Flat("flat", ("input",)), Join("join", ("flat", "flat")), step("join")],
        {"shape": (1, 64, 64)},
        "decides on the 8192 values of a flattened map, allowed: 4096; put the step before flattening",
    ),
    "maximum of sums": (
        [conv(), Pool("pool", ("conv",), "max", (1, 1), (1, 1)), fc("pool")],
        {},
        "layer 'pool' (pool) is unsupported: takes a maximum of sums, which is no sum, and no step follows; put one "
        "after it",
    ),
    "options": (
        [
            conv(),
            norm("conv"),
            step("bn", strict=None, level=0.0),
            fc("step", name="late"),
            step("late", "end", 1.0, None),
        ],
        {},
        "the file does not say all that has to be known, give --comparison at-least or above: whether a sum that "
        "meets its "
        "level suffices, as can be in 'step' (unit 0), 'end' (unit 0)",
    ),
    "reset": (
        [conv(), fire("conv", strict=None), fire("fire", "late", strict=None)],
        {"encoding": RATE},
        "'late' (unit 0); and --reset zero or subtract: what a unit keeps when it fires, in 'fire', 'late'",
    ),
    "allowed, but not there": (
        [conv(), step("conv")],
        {"allow": frozenset({"fc9"})},
        "--allow fc9: network 'net' has no such layer, it has conv, step",
    ),
    "names": ([conv(), conv()], {}, "layer 'conv': the name occurs twice (or is the reserved 'input')"),
    "order": ([conv("late"), step("conv", "late")], {}, "layer 'conv': input 'late' is no earlier layer, allowed: "
    "input"),
    "nothing": ([], {}, "network 'net' (test) has no layers"),
    "shape": (
        [conv(channels=3), step("conv")],
        {},
        "layer 'conv': weight [2, 3, 1, 1] in 1 group(s) reads 3 channels, 'input' has 1",
    ),
    "not finite": (
        [conv(weight=np.full((1, 1, 1, 1), np.nan)), step("conv")],
        {},
        "layer 'conv', weight: holds numbers that are not finite",
    ),
    "level not finite": ([conv(), step("conv", level=np.inf)], {}, "layer 'step', level: holds numbers that are not "
    "finite"),
    "count": (
        [conv(), Scale("scale", ("conv",), np.ones(3), NIL), step("scale")],
        {},
        "layer 'scale', factor: 3 numbers for 2 channels, allowed: 1 or 2",
    ),
    "variance": (
        [conv(), norm("conv", variance=0.0), step("bn")],
        {},
        "layer 'bn': variance[0] = 0.0 and epsilon = 0.0, allowed: none negative, their sum above 0",
    ),
    "factor": (
        [Sum("sum", ("input", "input"), np.ones((1, 1), int)), step("sum")],
        {},
        "layer 'sum': factor of shape [1, 1], allowed: [2, 1]",
    ),
    "integers": (
        [conv(weight=np.full((1, 1, 1, 1), 2**52)), step("conv")],
        {},
        "layer 'conv', weight: the integer weights of a unit sum to 2**52 or more, allowed: less",
    ),
    "scale of the frame": ([conv(), step("conv")], {"input_scale": Fraction(0)}, "--input-scale 0 makes all frames "
    "alike"),
    "latency": (
        [conv(), step("conv")],
        {"encoding": {"kind": "latency", "steps": 4}},
        "--encoding latency: units that have fired then fire to the end of the frame, which no foreign file means; "
        "allowed: binary, bitplanes, count, thermometer, rate",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_refused_in_a_sentence(case):
    layers, said, text = CASES[case]
    said = dict(said)
    assert text in message(layers, said.pop("shape", (1, 1, 1)), **said)


def test_a_minimum_over_a_border():
    """Values fall as spikes come, so the maximum of a window is what stays silent in all of it."""
    layers = (
        conv(),
        step("conv", low=Fraction(-1), high=Fraction(0)),
        Pool("pool", ("step",), "max", (2, 2), (2, 2), BORDER),
        conv("pool", "late", 2),
        step("late", "end"),
    )
    text = message(layers, (1, 2, 2))
    assert (
        "layer 'pool' (pool) is unsupported: takes a maximum of values that rise as spikes fall away, over a padded "
        "map: a "
        "window would spike if all of it does, and at the border it holds less; use no padding" in text
    )


def wrong_layers(*between):
    """Weights that have to be rounded, and a maximum that is none; between them what is given."""
    rng = np.random.default_rng(1)
    last = between[-1].name if between else "step2"
    return (
        conv(weight=np.array([[[[1.0]]], [[[-3.0]]]])),
        step("conv", strict=None),
        fc("step", 3, 2, "fc1", weight=rng.normal(size=(3, 2))),
        step("fc1", "step2"),
        *between,
        fc(last, 2, 3, "fc2"),
        Pool("pool", ("fc2",), "max", (1, 1), (1, 1)),
        fc("pool", 2, 2, "fc3"),
    )


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(NetworkError) as caught:
        quantise(model(*wrong_layers()), Assumptions())
    text = str(caught.value)
    assert text.startswith(
        "network 'net' (test): 2 of 7 layers are not exact; layer 'fc1' (linear) is approximate: weights are no "
        "integers "
        "of 8 bits at any scale; rounded to that width, the largest error is "
    )
    assert text.endswith(
        "; layer 'pool' (pool) is unsupported: takes a maximum of sums, which is no sum, and no step follows; put one "
        "after it; accept what is approximate by --allow fc1; not judged, for they read these: fc3; the file does not "
        "say "
        "all that has to be known, give --encoding: how a frame becomes spikes (binary,threshold=128 or "
        "bitplanes,bits=8 "
        "or rate,steps=20 or another), with --input-scale and --input-offset if the network was trained on scaled "
        "values "
        "(1/255)"
    )


def test_what_units_keep_is_asked_for_with_the_encoding():
    """Whether it matters depends on the encoding that is still to come."""
    layers = [conv(), fire("conv"), fire("fire", name="late", reset="subtract")]
    for given, end in (
        (Assumptions(), ", and with --reset zero or subtract if it has steps: what a unit keeps when it fires"),
        (Assumptions(reset="subtract"), "on scaled values (1/255)"),
    ):
        with pytest.raises(NetworkError) as caught:
            quantise(model(*layers), given)
        assert str(caught.value).endswith(end)


def test_what_no_option_mends_is_told_alone():
    reason = "leaks (tau = 0.02), and this processor has no leak"
    layers = wrong_layers(Unsupported("lif", ("step2",), "LIF", reason), Unsupported("lif2", ("lif",), "LIF", reason))
    with pytest.raises(NetworkError) as caught:
        quantise(model(*layers), Assumptions())
    assert str(caught.value) == (
        f"network 'net' (test): layer 'lif' (LIF) is unsupported: {reason}; layer 'lif2' (LIF) is unsupported: {reason}"
    )


def test_an_encoding_that_is_none():
    with pytest.raises(FormatError, match="--encoding: encoding 'morse' is not supported, allowed: binary"):
        quantise(model(conv(), step("conv")), Assumptions(encoding={"kind": "morse"}))
