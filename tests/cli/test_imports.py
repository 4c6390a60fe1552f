"""Foreign files on the command line: options, labels, what images keep, and verification across the import."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from cli_helpers import call, refused, write_json

import neuroproc
from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import read_model
from isa_spec.errors import FormatError
from neuroproc.cli import across
from neuroproc.cli.imports import fraction

onnx = pytest.importorskip("onnx")

SAID = ("--encoding", "bitplanes,bits=3", "--input-scale", "1/7")


def write_onnx(path, fine=False):
    """A convolution, a normalisation, a step, a maximum and two sums that compete; with weights that fit, or not."""
    rng = np.random.default_rng(1)
    conv = rng.integers(-3, 4, (2, 1, 3, 3)) / 4
    fc = rng.normal(size=(3, 8)) if fine else rng.integers(-3, 4, (3, 8)) / 2
    arrays = {
        "conv_w": conv, "gamma": [1.0, -0.5], "beta": [0.1, 0.2], "mean": [0.3, -0.2], "variance": [0.5, 2.0],
        "zero": 0.0, "fc_w": fc, "fc_b": [0.0, 0.25, -0.5],
    }  # fmt: skip
    node, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        node("Conv", ["x", "conv_w"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["a", "gamma", "beta", "mean", "variance"], ["b"], name="bn"),
        node("Greater", ["b", "zero"], ["c"], name="step"),
        node("Cast", ["c"], ["d"], name="cast", to=onnx.TensorProto.FLOAT),
        node("MaxPool", ["d"], ["e"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["e"], ["f"], name="flat"),
        node("Gemm", ["f", "fc_w", "fc_b"], ["y"], name="fc", transB=1),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "tiny",
        [info("x", onnx.TensorProto.FLOAT, [1, 1, 4, 4])],
        [info("y", onnx.TensorProto.FLOAT, [1, 3])],
        [onnx.numpy_helper.from_array(np.asarray(array, np.float32), name) for name, array in arrays.items()],
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a model that fits, one that has to be rounded, and frames."""
    monkeypatch.chdir(tmp_path)
    write_onnx("tiny.onnx")
    write_onnx("fine.onnx", fine=True)
    rng = np.random.default_rng(2)
    sparse = rng.random((120, 4, 4)) < rng.random((120, 1, 1))
    np.save("frames.npy", (rng.integers(0, 8, (120, 4, 4)) * sparse).astype(np.uint8))
    return tmp_path


def compiled(capsys, model="tiny.onnx", *more):
    """Compile into single pixels; what is said."""
    result = call(capsys, "compile", model, "-o", "tiny.npi", "--profile", "np16", "--unroll", "1x1", *SAID, *more)
    assert result.status == 0, result.err
    return result.out.splitlines()


def test_compile_says_how_faithful_an_import_is(place, capsys):
    said = compiled(capsys, "tiny.onnx", "--report", "report.json")
    assert "from ONNX (tiny.onnx): all 5 layers exact" in said
    assert (
        "from ONNX (tiny.onnx): the largest of the 3 values of 'fc' is found by comparing every two; the first of "
        "equals wins" in said
    )
    origin = neuroproc.load_image("tiny.npi").options["origin"]
    assert (origin["format"], origin["source"]) == ("ONNX", "tiny.onnx")
    assert origin["labels"] == [[name, "exact", ""] for name in ("conv", "bn", "cast", "pool", "fc")]
    assert origin["assumptions"]["encoding"] == {"kind": "bitplanes", "bits": 3}
    assert origin["assumptions"]["input_scale"] == "1/7"
    assert json.loads((place / "report.json").read_text())["origin"] == origin


def test_what_is_approximate_has_to_be_allowed(place, capsys):
    text = refused(call(capsys, "compile", "fine.onnx", "-o", "no.npi", *SAID))
    assert "1 of 5 layers are not exact; layer 'fc' (linear) is approximate: weights are no integers of 8 bits" in text
    assert text.endswith("accept what is approximate by --allow fc")
    assert not (place / "no.npi").exists()
    said = compiled(capsys, "fine.onnx", "--allow", "fc")
    (line,) = (line for line in said if "approximate" in line)
    assert line.startswith("from ONNX (fine.onnx): layer 'fc' is approximate: weights are no integers of 8 bits at any")
    assert "from ONNX (fine.onnx): the other layers exact, 4 of 5" in said


def test_explore_reads_foreign_files(place, capsys):
    result = call(capsys, "explore", "tiny.onnx", "--profile", "np16", *SAID)
    assert result.status == 0
    assert "on the Pareto front, profile np16" in result.out
    refused(call(capsys, "explore", "tiny.onnx"), "give --encoding: how a frame becomes spikes")


def test_times_are_for_files_that_have_some(place, capsys):
    text = refused(call(capsys, "compile", "tiny.onnx", "-o", "no.npi", *SAID, "--dt", "1e-3"))
    assert text.endswith("tiny.onnx: --dt says something about times, and such files give none; leave it out")


def test_a_converted_network_still_says_where_it_is_from(place, capsys):
    assert call(capsys, "convert", "tiny.onnx", "tiny.json", *SAID).status == 0
    result = call(capsys, "compile", "tiny.json", "-o", "tiny.npi", "--unroll", "1x1")
    assert (result.status, result.out.splitlines()[-2]) == (0, "from ONNX (tiny.onnx): all 5 layers exact")
    assert call(capsys, "verify", "tiny.onnx", "tiny.npi", "frames.npy").status == 0
    assert call(capsys, "verify", "tiny.json", "tiny.npi", "frames.npy").status == 0


def test_options_are_for_foreign_files(case, capsys):
    text = refused(call(capsys, "compile", case.network, "-o", "no.npi", "--allow", "conv1", "--classes", "3"))
    assert text.endswith(
        "--classes, --allow says something about a foreign network, but a layered network says it itself; leave it out"
    )


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--encoding", "bitplanes,bits", "'bitplanes,bits' is not KIND,KEY=VALUE,..., for example bitplanes,bits=8"),
        ("--input-scale", "1/0", "'1/0' is no number, or too large or too small, allowed: 0, or a size of"),
        ("--input-scale", "1e999999999", "'1e999999999' is no number, or too large or too small, allowed: 0, or"),
        ("--input-offset", "-1e-999999999", "'-1e-999999999' is no number, or too large or too small, allowed: 0, or"),
        ("--dt", "nan", "'nan' is no number, or too large or too small, allowed: 0, or a size of"),
        ("--weight-bits", "1", "'1' is no width, allowed: an integer in 2..24"),
    ],
)
def test_options_that_cannot_be_read(capsys, option, value, words):
    result = call(capsys, "compile", "tiny.onnx", "-o", "no.npi", f"{option}={value}")
    assert result.status == 2
    assert words in result.err


@pytest.mark.parametrize(("text", "right"), [("0", 0), ("1e-30", Fraction(1, 10**30)), ("-2/6", Fraction(-1, 3))])
def test_numbers_are_exact(text, right):
    assert fraction(text) == right


def test_an_encoding_with_a_list(place, capsys):
    said = ("--encoding", "thermometer,thresholds=2:4:6")
    assert call(capsys, "compile", "tiny.onnx", "-o", "tiny.npi", *said).status == 0
    assert neuroproc.load_image("tiny.npi").encoding == {"kind": "thermometer", "thresholds": [2, 4, 6]}


def test_verify_across_an_import(place, capsys):
    compiled(capsys)
    result = call(capsys, "verify", "tiny.onnx", "tiny.npi", "frames.npy")
    assert (result.status, result.err) == (0, "")
    over, under, _, *rows = result.out.splitlines()
    assert over.split() == ["float,", "quantised,", "spatial,"]
    assert under.split() == ["layer", "decisions", "quantised", "spatial", "folded"]
    counts = {row.split()[0]: row.split()[1:] for row in rows[:-2]}
    assert counts["conv"] == ["3,840", "0", "0", "0"]
    assert counts["pool"] == ["960", "0", "0", "0"]
    assert rows[-2:] == [
        "every decision of 120 frames is the integers'",
        "floats decide as integers do, in every layer of 120 frames",
    ]
    found = json.loads(call(capsys, "verify", "tiny.onnx", "tiny.npi", "frames.npy", "--json").out)
    assert (found["exact"], found["frames"], found["floats"]["answers"], found["spatial"]) == (True, 120, 0, "")
    assert found["different"]["quantised, spatial"] == dict.fromkeys(found["compared"], 0)
    assert found["labels"]["conv"] == "exact"


def test_what_is_itself_not_folded_is_held_against_the_integers(place, capsys):
    assert call(capsys, "compile", "tiny.onnx", "-o", "flat.npi", *SAID).status == 0
    result = call(capsys, "verify", "tiny.onnx", "flat.npi", "frames.npy", "--limit", "5")
    assert result.status == 0
    assert "not compared with the unfolded network: the image is itself not folded" in result.out
    above, below = (line for line in result.out.splitlines() if "quantised" in line and "  " in line)
    assert (above.split(), below.split()) == (["float,", "quantised,"], ["layer", "decisions", "quantised", "folded"])


def test_what_does_not_fit_unfolded_is_held_against_the_integers(place, capsys):
    profile = place / "small.toml"
    profile.write_text('name = "small"\ndescription = "few"\nmax_neurons = 60\n')
    options = ("--profile", profile, "--unroll", "1x1", *SAID)
    assert call(capsys, "compile", "tiny.onnx", "-o", "small.npi", *options).status == 0
    result = call(capsys, "verify", "tiny.onnx", "small.npi", "frames.npy", "--limit", "5")
    assert result.status == 0
    line = next(line for line in result.out.splitlines() if line.startswith("not compared"))
    assert "unfolded, the network does not fit the processor: the image needs" in line
    assert "allowed 60 (max_neurons of profile small)" in line


def test_what_is_too_large_unfolded_is_held_against_the_integers(place, capsys, monkeypatch):
    compiled(capsys)
    monkeypatch.setattr(across, "MOST_SYNAPSES", 100)
    result = call(capsys, "verify", "tiny.onnx", "tiny.npi", "frames.npy", "--limit", "5")
    assert result.status == 0
    line = next(line for line in result.out.splitlines() if line.startswith("not compared"))
    assert re.fullmatch(
        r"not compared with the unfolded network: unfolded, the network takes \d+ synapses, allowed here: 100", line
    )


def test_a_pruned_image_is_verified(place, capsys):
    compiled(capsys, "tiny.onnx", "--prune")
    assert call(capsys, "verify", "tiny.onnx", "tiny.npi", "frames.npy").status == 0


def test_a_spoiled_image_is_found(place, capsys):
    compiled(capsys)
    image = neuroproc.load_image("tiny.npi")
    record = next(record for record in image.layers if record.name == "pool")
    threshold = image.threshold.copy()
    threshold[record.first_neuron] = 9
    neuroproc.save_image("tiny.npi", replace(image, threshold=threshold))
    result = call(capsys, "verify", "tiny.onnx", "tiny.npi", "frames.npy")
    assert result.status == 5
    assert "first divergence of spatial and folded: layer 'pool', frame" in result.out
    assert "found 0, expected 1" in result.out
    assert "floats decide as integers do" in result.out


def test_rounded_layers_may_differ_from_floats(place, capsys):
    compiled(capsys, "fine.onnx", "--allow", "fc", "--allow", "conv", "--weight-bits", "2")
    result = call(capsys, "verify", "fine.onnx", "tiny.npi", "frames.npy")
    assert result.status == 0
    lines = result.out.splitlines()
    assert "every decision of 120 frames is the integers'" in lines
    (line,) = (line for line in lines if line.startswith("floats and integers: "))
    differ, answers = int(line.split()[3].replace(",", "")), int(line.split()[-4])
    assert line == f"floats and integers: {differ:,} of 4,800 decisions differ, and {answers} of 120 answers"
    assert differ > 0
    (line,) = (line for line in lines if line.startswith("the first: "))
    assert re.fullmatch(
        r"the first: layer 'cast', frame \d+, channel \d, row \d, column \d: float \S+ against 0, integers say [01]",
        line,
    )
    assert lines[-1] == (
        "all of it comes from layers that are approximate (conv, fc) or sums so near to their level that floats round "
        "across it"
    )
    found = json.loads(call(capsys, "verify", "fine.onnx", "tiny.npi", "frames.npy", "--json").out)
    assert sum(found["floats"]["different"].values()) == differ
    assert (found["exact"], found["floats"]["faults"], found["floats"]["answers"]) == (True, 0, answers)


def test_verify_wants_the_file_of_the_image(place, case, capsys):
    compiled(capsys)
    refused(
        call(capsys, "verify", "fine.onnx", "tiny.npi", "frames.npy"),
        "fine.onnx: the image was compiled from another file (tiny.onnx, sha256:",
    )
    refused(
        call(capsys, "verify", place / "tiny.onnx", case.image, case.frames),
        "the image does not say that it was compiled from a foreign file; verify it against the network that it was "
        "compiled from, or compile this file",
    )
    image = neuroproc.load_image("tiny.npi")
    origin = image.options["origin"]
    other = {**origin, "assumptions": {**origin["assumptions"], "input_scale": "1/3"}}
    neuroproc.save_image("tiny.npi", replace(image, options={**image.options, "origin": other}))
    refused(
        call(capsys, "verify", "tiny.onnx", "tiny.npi", "frames.npy"),
        "tiny.onnx: is brought into other integers than those of the image, by another version of this program",
    )


def test_verify_across_an_import_of_several_steps(tmp_path, monkeypatch, capsys):
    """A rate-coded network, written to NIR and brought back: every step of every frame."""
    pytest.importorskip("nir")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    conv, fc = rng.integers(-2, 4, (2, 1, 3, 3)).tolist(), rng.integers(-2, 4, (3, 8)).tolist()
    entry = {
        "format": "layered-network",
        "version": 1,
        "name": "rate",
        "floor": 0,
        "input": {"shape": [1, 4, 4], "encoding": {"kind": "rate", "steps": 6, "levels": 7, "source": "even"}},
        "layers": [
            {
                "name": "conv",
                "type": "conv2d",
                "weight": conv,
                "threshold": [3, 4],
            },
            {"name": "fc", "type": "dense", "weight": fc, "threshold": [4, 3, 5]},
        ],
        "output": {"decode": {"kind": "argmax", "classes": 3}},
    }
    write_json(tmp_path / "rate.json", entry)
    assert call(capsys, "convert", "rate.json", "rate.nir").status == 0
    assert call(capsys, "compile", "rate.nir", "-o", "rate.npi", "--profile", "np16", "--unroll", "1x1").status == 0
    np.save("frames.npy", rng.integers(0, 8, (20, 4, 4)).astype(np.uint8))
    result = call(capsys, "verify", "rate.nir", "rate.npi", "frames.npy")
    assert (result.status, result.err) == (0, "")
    rows = {row.split()[0]: row.split()[1:] for row in result.out.splitlines()[2:-2]}
    assert rows["conv"] == [f"{20 * 6 * 8}", "0", "0", "0"]
    assert rows["fc"] == [f"{20 * 6 * 3}", "0", "0", "0"]
    assert result.out.splitlines()[-1] == "floats decide as integers do, in every layer of 20 frames"


def test_an_origin_that_is_none(case, capsys):
    entry = json.loads(case.network.read_text())
    write_json(case.network, {**entry, "origin": 5})
    text = refused(call(capsys, "compile", case.network, "-o", "no.npi"))
    assert text.endswith("tiny.json: origin = 5, allowed: a table, as an import writes it")


def test_a_suffix_that_is_none():
    with pytest.raises(
        FormatError, match=r"net\.foo: suffix '\.foo', allowed for foreign networks: \.nir, \.npz, \.onnx"
    ):
        read_model("net.foo", Assumptions())
