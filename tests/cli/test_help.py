"""Every ``--help`` ends with an example, and the examples work as they stand."""

import io
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import ROOT, call
from learning_helpers import write_digits
from tennlab_helpers import small_network, write_network

import neuroproc
from neuroproc.cli.main import COMMANDS
from neuroproc.cli.plot import KINDS

CALLS = [*COMMANDS, *(f"plot {kind}" for kind in KINDS)]
DATA = ROOT / "neuroproc" / "data"


@pytest.mark.parametrize("command", CALLS)
def test_help_ends_with_an_example(capsys, command):
    result = call(capsys, *command.split(), "--help")
    assert (result.status, result.err) == (0, "")
    *_, title, example = result.out.rstrip().splitlines()
    assert title == "example:"
    assert example.startswith(f"  neuroproc {command}")


def test_help_of_the_program(capsys):
    result = call(capsys, "--help")
    assert result.status == 0
    assert result.out.rstrip().endswith("example:\n  neuroproc demo")
    for command, summary in COMMANDS.items():
        assert f"{command} " in result.out
        assert summary.split()[0] in result.out


def test_the_package_is_the_program():
    program = [sys.executable, "-m", "neuroproc", "--version"]
    called = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (called.returncode, called.stdout, called.stderr) == (0, f"neuroproc {neuroproc.__version__}\n", "")


def test_help_of_pictures(capsys):
    result = call(capsys, "plot", "--help")
    for kind, summary in KINDS.items():
        assert kind in result.out.split()
        assert summary.split()[0] in result.out


def test_without_a_command_the_commands_are_listed(capsys):
    result = call(capsys)
    assert (result.status, result.out) == (2, "")
    assert result.err == call(capsys, "--help").out


@pytest.fixture
def workplace(tmp_path, monkeypatch, capsys):
    """A folder with the files that the examples name: those of a checkout, and those that other examples write."""
    if not (DATA / "digits.json").exists() or not (ROOT / "examples" / "lenet" / "lenet.json").exists():
        pytest.skip("the shipped networks are not there yet")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "neuroproc").mkdir()
    shutil.copytree(DATA, tmp_path / "neuroproc" / "data")
    network, frames = "neuroproc/data/digits.json", "neuroproc/data/digits_frames.npz"
    assert call(capsys, "compile", network, "-o", "digits.npi", "--unroll", "1x1").status == 0
    image = neuroproc.load_image("digits.npi")
    write_digits(tmp_path / "digits")
    events = neuroproc.encode_frames(image, neuroproc.read_frames(frames)[:1])
    neuroproc.write_spikes("spikes.csv", events, image.inputs)
    write_network(tmp_path / "network.json", small_network())
    (tmp_path / "run.json").write_text(call(capsys, "classify", "digits.npi", frames, "--json").out)
    (tmp_path / "session.txt").write_text("ML network.json\nASV 0 0 1  1 0 1\nRUN 8\nGSR\n")
    return tmp_path


@pytest.mark.docs
@pytest.mark.parametrize("command", CALLS)
def test_the_example_works(workplace, monkeypatch, capsys, command):
    example = call(capsys, *command.split(), "--help").out.rstrip().splitlines()[-1]
    program, *arguments = shlex.split(example)
    assert program == "neuroproc"
    if "<" in arguments:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(arguments.pop()).read_bytes())))
        assert arguments.pop() == "<"
    before = {file: file.stat().st_mtime_ns for file in workplace.iterdir()}
    result = call(capsys, *arguments)
    assert result.status == 0
    said = result.err.splitlines()
    assert all(line.startswith("epoch ") for line in said) if command == "train" else not said
    if "-o" in arguments:
        written = workplace / arguments[arguments.index("-o") + 1]
        assert written.stat().st_mtime_ns != before.get(written)
    elif command == "convert":
        assert (workplace / arguments[-1]).exists()
    else:
        assert result.out
    if "--json" in arguments:
        json.loads(result.out)


@pytest.mark.docs
def test_the_demo_says_how_to_do_it_by_hand(workplace, capsys):
    """Its commands work, and give what the demo gave."""
    shown = call(capsys, "demo")
    assert (shown.status, shown.err) == (0, "")
    commands = [line.strip() for line in shown.out.splitlines() if line.startswith("  neuroproc ")]
    assert [line.split()[1] for line in commands] == ["compile", "count", "classify", "verify"]
    outputs = [call(capsys, *shlex.split(line)[1:]) for line in commands]
    assert [output.status for output in outputs] == [0, 0, 0, 0]
    row = next(line for line in shown.out.splitlines() if line.startswith("1x1 in turns ")).split()[2:]
    image = neuroproc.load_image("digits.npi")
    assert row[1:5] == [f"{n:,}" for n in (image.n_neurons, image.n_synapses, image.interval, image.latency)]
    assert f"accuracy {row[5]}" in outputs[2].out
    assert "is exact" in outputs[3].out


@pytest.mark.docs
def test_the_demo_for_machines(workplace, capsys):
    results = json.loads(call(capsys, "demo", "--json").out)
    assert all(result["different"] == 0 for result in results)
    assert len({result["accuracy"] for result in results}) == 1
    *results, turns = results
    assert not any(result["channels"] for result in results)
    assert turns["channels"]
    assert turns["interval"] == results[-1]["interval"]
    assert turns["neurons"] < results[-1]["neurons"] / 2
    synapses = [result["synapses"] for result in results]
    assert synapses == sorted(synapses, reverse=True)
    assert np.all(np.diff([result["interval"] for result in results]) > 0)
