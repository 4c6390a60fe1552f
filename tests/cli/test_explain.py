"""What `neuroproc explain` says to people and to machines, and what it refuses."""

import json
import re

import numpy as np
import pytest
from cli_helpers import ROOT, call, refused
from emulator_helpers import make_spec

import neuroproc
from isa_spec.building import build_image
from isa_spec.image import Port
from isa_spec.kinds import CHARGE, CLEAR, SLOPE
from neuroproc.cli.explain import MOST

DATA = ROOT / "neuroproc" / "data"


def asked(tmp_path, capsys, image, rows, *arguments):
    """Lines of the answer."""
    neuroproc.save_image(tmp_path / "a.npi", image)
    (tmp_path / "a.csv").write_text("cycle,port,value\n" + "".join(f"{row}\n" for row in rows))
    result = call(capsys, "explain", tmp_path / "a.npi", tmp_path / "a.csv", *arguments)
    assert (result.status, result.err) == (0, "")
    return result.out.splitlines()


def lone(**changes):
    """A neuron with an input, and one that it reaches."""
    more = {name: changes.pop(name) for name in ("leaks", "once", "group", "kind") if name in changes}
    doors, weight = ([Port("a", 0), Port("b", 1)], [Port("o", 1)]), changes.pop("weight", [4, -1])
    return build_image(make_spec(**changes), [3, 5], [0, 0], [1, 1], weight, [1, 2], *doors, **more)


def test_a_neuron_that_fires(tmp_path, capsys):
    assert asked(tmp_path, capsys, lone(), ["0,a,3", "1,b,2"], "o@1") == [
        "cycle 1: b (neuron 1, unit)",
        "potential before: 0",
        "",
        "arrives from                weight  delay  sent",
        "-----------------------------------------------",
        "a             unit, charge      +4      1     0",
        "port b               input      +2            1",
        "",
        "sum: 0 + 6 = 6",
        "it fires: 6 >= 5, the threshold",
        "potential after: 0",
    ]


def test_several_cycles(tmp_path, capsys):
    lines = asked(tmp_path, capsys, lone(), ["0,a,3"], "1@2", "--cycles", "2")
    assert lines[0] == "cycle 1: b (neuron 1, unit)"
    second = lines.index("cycle 2: b (neuron 1, unit)")
    assert lines[second - 2 : second] == ["potential after: 4", ""]
    assert lines[-3:] == [
        "sum: 4 - 1 = 3",
        "it does not fire: 3 < 5, the threshold; 2 more would do",
        "potential after: 3",
    ]
    # Not more than there are.
    assert asked(tmp_path, capsys, lone(), ["0,a,3"], "1@0", "--cycles", "9") == [
        "cycle 0: b (neuron 1, unit)",
        "potential before: 0",
        "nothing arrives",
        "sum: 0 + 0 = 0",
        "it does not fire: 0 < 5, the threshold; 5 more would do",
        "potential after: 0",
    ]


@pytest.mark.parametrize(
    ("changes", "rows", "where", "lines"),
    [
        ({"leak": "all"}, ["0,b,2"], "1@1", ["potential before: 2, but it starts from 0: it leaks"]),
        (
            {"leak": "per-neuron", "leaks": [0, 1]}, ["0,b,2"], "1@1",
            ["potential before: 2, but it starts from 0: it leaks"],
        ),
        (
            {"delayed_fire": True}, ["0,b,7"], "1@0",
            ["it fires: 7 >= 5, the threshold; that is seen, and resets it, in cycle 1", "potential after: 7"],
        ),
        (
            {"delayed_fire": True}, ["0,b,7"], "1@1",
            ["potential before: 7, but it starts from 0: its spike of the cycle before is seen now, and resets it",
             "potential after: 0", "its spike of cycle 0 is seen in this cycle"],
        ),
        (
            {"clear_synapses": True, "kind": [CHARGE, CLEAR], "weight": [4, 1]}, ["0,a,3", "1,b,-2"], "1@2",
            ["potential before: 2, but it starts from 0: it is cleared"],
        ),
        (
            {"evaluation": "on-delivery"}, [], "1@2",
            ["it does not fire: nothing is delivered to it, so it is not compared (evaluation on-delivery)"],
        ),
        (
            {"one_shot": True, "once": [0, 1]}, ["0,b,9", "1,b,9"], "1@1",
            ["sum: 0, as before",
             "it does not fire: it fires once, has fired, and ignores what arrives until it is cleared"],
        ),
        (
            {"slope_synapses": True, "kind": [SLOPE, CHARGE]}, ["0,a,3"], "1@2",
            ["sum: 4 - 1 + 4 = 7, +4 of it by its slope"],
        ),
        (
            {"pooling_groups": True, "group": [1, -1]}, ["0,a,3"], "1@0",
            ["it fires as the output of its group, in which a fires: 0 < 5, the threshold"],
        ),
        ({"reset": "subtract"}, ["0,b,7"], "1@0", ["potential after: 2"]),
        ({"potential_floor": -3}, ["0,b,-7"], "1@0", ["sum: 0 - 7 = -7", "potential after: -3, the floor"]),
    ],
)  # fmt: skip
def test_every_outcome_has_its_words(tmp_path, capsys, changes, rows, where, lines):
    found = asked(tmp_path, capsys, lone(**changes), rows, where)
    for line in lines:
        assert line in found


def test_a_group_that_resets_and_members_that_fire_beside(tmp_path, capsys):
    doors = [Port(f"i{n}", n) for n in range(4)], []
    image = build_image(make_spec(pooling_groups=True), [3, 3, 9, 1], [], [], [], [], *doors, group=[3, 3, 3, -1])
    rows = ["0,i0,3", "0,i1,4", "0,i2,2"]
    lines = asked(tmp_path, capsys, image, rows, "2@0")
    assert lines[-2:] == [
        "it does not fire: 2 < 9, the threshold; 7 more would do; it is reset with its group, in which i0 and 1 "
        "more fire",
        "potential after: 0",
    ]


def many(n_sources):
    """A neuron that as many others reach, the last with the largest weight, one of its input ports besides."""
    sources = np.arange(n_sources)
    weight = np.where(sources % 2, sources + 1, -sources - 1)
    doors = [Port(f"i{n}", n) for n in range(n_sources + 1)], [Port("o", n_sources)]
    target = np.full(n_sources, n_sources)
    return build_image(make_spec(), [*[1] * n_sources, 99], sources, target, weight, target * 0 + 1, *doors)


def test_long_lists_are_cut_short_for_people_and_whole_for_machines(tmp_path, capsys):
    image = many(20)
    rows = [f"0,i{n},1" for n in range(20)] + ["1,i20,1"]
    lines = asked(tmp_path, capsys, image, rows, "o@1")
    shown = [line for line in lines if re.match(r"i\d|port ", line)]
    assert [line.split()[0] for line in shown] == [f"i{n}" for n in range(19, 19 - MOST, -1)]
    # 1 to 8 are left, odd ones inhibit, and the port's 1.
    rest = lines.index("and 8 more from the image (unit, charge): +20 and -16")
    assert lines[rest + 1] == "and 1 more from ports: +1 and +0"
    (found,) = json.loads("\n".join(asked(tmp_path, capsys, image, rows, "o@1", "--json")))["cycles"]
    assert len(found["arrivals"]) == 21
    assert found["charge"] == sum(arrival["weight"] for arrival in found["arrivals"]) == 10 + 1
    assert found["arrivals"][3] == {
        "kind": "charge", "weight": 4, "sent": 0, "delay": 1, "port": None,
        "source": {"neuron": 3, "name": "i3", "layer": "", "role": "unit", "channel": None, "row": None,
                   "column": None, "frame": None, "step": None},
    }  # fmt: skip
    assert found["arrivals"][-1] == {
        "kind": "input", "weight": 1, "sent": 1, "source": None, "delay": None, "port": "i20"
    }  # fmt: skip


@pytest.fixture
def digits(tmp_path):
    """The shipped network, folded, as a file, with the spikes of some frames."""
    spec, plan = neuroproc.load_profile("np16"), neuroproc.FoldPlan((2, 2))
    image = neuroproc.compile_network(neuroproc.load_network(DATA / "digits.json"), spec, plan)
    neuroproc.save_image(tmp_path / "digits.npi", image)
    frames = neuroproc.read_frames(DATA / "digits_frames.npz")[:4]
    neuroproc.write_spikes(tmp_path / "spikes.csv", neuroproc.encode_frames(image, frames), image.inputs)
    return tmp_path, image


def test_frames_are_the_spikes_that_they_make(digits, capsys):
    folder, image = digits
    contract = image.layers[-1].contract
    for frame in range(3):
        where = f"fc2[3,0,0]@{contract.cycles()[3, 0, 0] + frame * image.interval}"
        given = call(capsys, "explain", folder / "digits.npi", folder / "spikes.csv", where)
        framed = call(capsys, "explain", folder / "digits.npi", "--frames", DATA / "digits_frames.npz", where)
        assert (given.status, framed.status) == (0, 0)
        assert given.out == framed.out
        lines = given.out.splitlines()
        assert lines[0].endswith(f"unit), carries fc2[3,0,0] of frame {frame}")
        assert lines[-1] == f"fc2[3,0,0] of frame n begins in cycle {contract.cycles()[3, 0, 0]} + {image.interval} n"
        assert f" of frame {frame}  " in given.out


def test_a_value_without_a_cycle_is_that_of_frame_0(digits, capsys):
    folder, image = digits
    contract = next(layer.contract for layer in image.layers if layer.name == "conv1")
    inputs = ("--frames", DATA / "digits_frames.npz")
    for where in ((0, 0, 0), (2, 3, 4), (7, 7, 7)):
        value = "conv1[{},{},{}]".format(*where)
        alone = call(capsys, "explain", folder / "digits.npi", *inputs, value)
        first = call(capsys, "explain", folder / "digits.npi", *inputs, f"{value}@{contract.cycles()[where]}")
        assert (alone.status, alone.err) == (0, "")
        assert alone.out == first.out
        assert alone.out.splitlines()[0].endswith(f"carries {value} of frame 0")


@pytest.mark.error
def test_a_name_that_looks_like_a_value_wants_its_cycle(tmp_path, capsys):
    image = build_image(make_spec(), [3], [], [], [], [], [Port("a", 0)], [Port("o[0,0,0]", 0)])
    neuroproc.save_image(tmp_path / "a.npi", image)
    (tmp_path / "a.csv").write_text("cycle,port,value\n0,a,3\n")
    result = call(capsys, "explain", tmp_path / "a.npi", tmp_path / "a.csv", "o[0,0,0]")
    assert (result.status, result.out) == (3, "")
    assert "'o[0,0,0]' is a name here, and no value of a layer; write o[0,0,0]@CYCLE" in result.err
    assert call(capsys, "explain", tmp_path / "a.npi", tmp_path / "a.csv", "o[0,0,0]@0").status == 0


@pytest.mark.error
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["spikes.csv", "12"], 2, "'12' is not NEURON@CYCLE, as 12@40, in.0.0.0@3 or 'conv1[0,2,3]@40'"),
        (["spikes.csv", "12@-1"], 2, "'12@-1' is not NEURON@CYCLE"),
        (["spikes.csv", "@1"], 2, "'@1' is not NEURON@CYCLE"),
        (["spikes.csv", "1@1", "--cycles", "0"], 2, "'0' is not a positive integer"),
        (["1@1"], 3, "either SPIKES or --frames FRAMES is the input; give one of them"),
        (["spikes.csv", "1@1", "--frames", "f.npz"], 3, "either SPIKES or --frames FRAMES is the input"),
        (["spikes.csv", "conv1[9,0,0]"], 3, "conv1[9,0,0] is outside the layer's map, allowed: channel 0..7"),
        (["spikes.csv", "nobody[0,0,0]"], 3, "'nobody' is no layer with a map"),
        (["spikes.csv", "nobody@1"], 3, "'nobody' is no neuron of the image"),
        (["missing.csv", "1@1"], 3, "missing.csv"),
        (["spikes.csv", "1@1", "--bin", "1ms"], 3, "--bin is for event files"),
        (["--frames", "f.npz", "1@1", "--bin", "1ms"], 3, "f.npz: --bin is for event files"),
        (
            ["spikes.csv", f"1@{2**63}"],
            3,
            f"cycles {2**63}..{2**63} cannot be explained, allowed: 0..4611686018427387903",
        ),
    ],
)
def test_what_is_refused(digits, monkeypatch, capsys, arguments, status, words):
    monkeypatch.chdir(digits[0])
    result = call(capsys, "explain", "digits.npi", *arguments)
    assert (result.status, result.out) == (status, "")
    assert words in result.err


@pytest.mark.error
def test_frames_of_which_there_are_none(case, capsys):
    np.save(case.frames, np.zeros((0, 4, 6), np.uint8))
    words = f"{case.frames}: holds no frames, allowed: at least one"
    refused(call(capsys, "explain", case.image, "--frames", case.frames, "3@4"), words)
    refused(call(capsys, "plot", "raster", case.image, "--frames", case.frames), words)


def test_one_standard_input_only(capsys):
    result = call(capsys, "explain", "-", "-", "1@1")
    assert result.status == 3
    assert "standard input cannot be both the image and the spikes" in result.err
