"""No command replaces what it reads or writes two things into one file, whatever the path; all files are as before."""

import json
import os

import numpy as np
import pytest
from cli_helpers import call, refused
from learning_helpers import write_digits
from picture_helpers import needs_matplotlib

pytestmark = pytest.mark.error


@pytest.fixture
def files(case, capsys, monkeypatch):
    """The case's folder as the current one, with a run, a recording, a price list, a profile and a picture's name."""
    monkeypatch.chdir(case.folder)
    (case.folder / "run.json").write_text(call(capsys, "classify", "tiny.npi", "frames.npy", "--json").out)
    (case.folder / "other.toml").write_text('name = "other"\n')
    np.savez("tiny.npz", weight=[1])
    for name, source in (("image.svg", "tiny.npi"), ("run.svg", "run.json"), ("spikes.svg", "spikes.csv")):
        (case.folder / name).write_bytes((case.folder / source).read_bytes())
    os.symlink("tiny.npi", "link.npi")
    return case.folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check(capsys, folder, given, written, *arguments):
    before = contents(folder)
    words = f"{given}: this input would be overwritten by what goes to {written}; write to another name"
    refused(call(capsys, *arguments), f"error: {words} (nothing was done)")
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("given", "written", "arguments"),
    [
        ("tiny.json", "tiny.json", ("compile", "tiny.json", "-o", "tiny.json")),
        ("tiny.npz", "tiny.npz", ("compile", "tiny.json", "-o", "tiny.npz")),
        ("tiny.json", "./tiny.json", ("compile", "tiny.json", "-o", "a.npi", "--report", "./tiny.json")),
        ("other.toml", "other.toml", ("compile", "tiny.json", "--profile", "other.toml", "-o", "other.toml")),
        ("tiny.json", "tiny.json", ("convert", "tiny.json", "tiny.json")),
        ("link.npi", "tiny.npi", ("convert", "link.npi", "tiny.npi")),
        ("tiny.npi", "link.npi", ("convert", "spikes.csv", "link.npi", "--image", "tiny.npi")),
        ("tiny.npi", "tiny.npi", ("report", "tiny.npi", "-o", "tiny.npi")),
        ("run.json", "run.json", ("report", "tiny.npi", "run.json", "-o", "run.json")),
        ("spikes.csv", "spikes.csv", ("run", "tiny.npi", "spikes.csv", "-o", "spikes.csv")),
        ("spikes.csv", "spikes.csv", ("run", "tiny.npi", "spikes.csv", "--record", "spikes.csv")),
        ("tiny.npi", "tiny.npi", ("run", "tiny.npi", "spikes.csv", "--record-potentials", "tiny.npi")),
        ("tiny.json", "tiny.json", ("explore", "tiny.json", "--plot", "tiny.json")),
        ("tiny.json", "tiny.json", ("plot", "pareto", "tiny.json", "-o", "tiny.json")),
        ("tiny.json", "tiny.json", ("plot", "layers", "tiny.json", "-o", "tiny.json")),
        ("image.svg", "image.svg", ("plot", "layers", "image.svg", "-o", "image.svg")),
        ("image.svg", "image.svg", ("plot", "spacetime", "image.svg", "-o", "image.svg")),
        ("run.svg", "run.svg", ("plot", "activity", "tiny.npi", "run.svg", "-o", "run.svg")),
        ("spikes.svg", "spikes.svg", ("plot", "raster", "tiny.npi", "spikes.svg", "-o", "spikes.svg")),
        ("spikes.svg", "spikes.svg", ("plot", "potentials", "tiny.npi", "spikes.svg", "0", "-o", "spikes.svg")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_input_is_not_overwritten(files, capsys, given, written, arguments):
    check(capsys, files, given, written, *arguments)


RUN, COMPILE = ("run", "tiny.npi", "spikes.csv"), ("compile", "tiny.json")


@pytest.mark.parametrize(
    ("named", "arguments"),
    [
        ("-o a.csv and --record a.csv", (*RUN, "-o", "a.csv", "--record", "a.csv")),
        ("-o a.npz and --record-potentials ./a.npz", (*RUN, "-o", "a.npz", "--record-potentials", "./a.npz")),
        ("--record b.csv and --record-potentials a.csv", (*RUN, "--record", "b.csv", "--record-potentials", "a.csv")),
        ("-o link.csv and --record old.csv", (*RUN, "-o", "link.csv", "--record", "old.csv")),
        ("-o a.npi and --report a.npi", (*COMPILE, "-o", "a.npi", "--report", "a.npi")),
        ("-o old.csv and --report hard.csv", (*COMPILE, "-o", "old.csv", "--report", "hard.csv")),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else value,
)
def test_two_outputs_are_two_files(files, capsys, named, arguments):
    (files / "old.csv").write_text("kept\n")
    os.symlink("old.csv", "link.csv")
    os.link("old.csv", "hard.csv")
    os.symlink("a.csv", "b.csv")  # to what is not there yet
    before = {path.name: path.read_bytes() for path in files.iterdir() if path.exists()}
    words = f"error: {named} are one file, and it cannot hold both; give each a file of its own (nothing was done)"
    refused(call(capsys, *arguments), words)
    assert {path.name: path.read_bytes() for path in files.iterdir() if path.exists()} == before


def test_standard_output_is_one_file(files, capsys):
    words = "standard output cannot be several files; give all but one of them by name"
    refused(call(capsys, *RUN, "--record", "-"), words)
    refused(call(capsys, *COMPILE, "-o", "-", "--report", "-"), words)


def test_links_that_go_in_circles(files, capsys):
    os.symlink("round.csv", "round.csv")
    assert call(capsys, *RUN, "-o", "round.csv", "--record", "a.csv").status == 0
    refused(call(capsys, *RUN, "-o", "a.csv", "--record", "a.csv"), "-o a.csv and --record a.csv are one file")


def test_what_is_no_file_may_be_both(files, capsys):
    """What a device reads is not lost by writing to it; the refusal is of its content."""
    refused(call(capsys, "convert", "/dev/null", "/dev/null"), "/dev/null: in no known format")
    assert call(capsys, *RUN, "--record", "/dev/null", "--record-potentials", "/dev/null").status == 0


def test_a_profile_by_name_is_no_file(files, capsys):
    assert call(capsys, "compile", "tiny.json", "-o", "np8", "--profile", "np8").status == 0
    assert call(capsys, "compile", "tiny.json", "-o", "np8", "--profile", "np8").status == 0


@needs_matplotlib
def test_other_files_of_the_folder_are_written(files, capsys):
    for _ in range(2):
        assert call(capsys, "report", "tiny.npi", "run.json", "-o", "page.html").status == 0
        assert call(capsys, "plot", "layers", "tiny.npi", "-o", "layers.svg").status == 0
        assert call(capsys, "run", "tiny.npi", "spikes.csv", "-o", "o.csv", "--record", "r.csv").status == 0
    assert json.loads((files / "run.json").read_text())


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("nowhere/a.{}", "No such file or directory"),
        ("tiny.npi/a.{}", "Not a directory"),
        ("folder.{}", "Is a directory"),
    ],
)
@pytest.mark.parametrize(
    ("suffix", "work", "arguments"),
    [
        ("json", "neuroproc.cli.train.train", ("train", "whetstone", "--data", "digits", "--network", "4-10", "-o")),
        ("npi", "neuroproc.cli.compile.make_schedule", ("compile", "tiny.json", "-o")),
        pytest.param(
            "svg", "neuroproc.cli.explore.explore", ("explore", "tiny.json", "--plot"), marks=needs_matplotlib
        ),
    ],
    ids=["train", "compile", "explore"],
)
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    files, capsys, monkeypatch, place, reason, suffix, work, arguments
):
    write_digits(files / "digits")
    (files / f"folder.{suffix}").mkdir()
    monkeypatch.setattr(work, lambda *given, **more: pytest.fail("the work was begun"))
    place = place.format(suffix)
    refused(call(capsys, *arguments, place), f"error: {place}: cannot be written ({reason}); nothing was left behind")


def test_a_checkpoint_that_cannot_be_written_is_told_before_the_work(files, capsys, monkeypatch):
    write_digits(files / "digits")
    monkeypatch.setattr("neuroproc.cli.train.train", lambda *given: pytest.fail("the work was begun"))
    train = ("train", "whetstone", "--data", "digits", "--network", "4-10", "-o", "net.json")
    refused(call(capsys, *train, "--checkpoint", "nowhere/a.npz"), "nowhere/a.npz: cannot be written (No such file")


def test_a_folder_that_may_not_be_written_to_is_told(files, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda place, mode: str(place) != str(files))  # whoever runs this may be root
    refused(call(capsys, "compile", "tiny.json", "-o", "a.npi"), "a.npi: cannot be written (Permission denied)")
