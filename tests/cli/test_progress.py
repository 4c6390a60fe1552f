"""Progress: on terminals only, on standard error only, with tqdm or without, and out of the way of everything else."""

from __future__ import annotations

import importlib.util
import os
import pty
import subprocess
import sys
import termios
from argparse import Namespace

import pytest
from cli_helpers import PROGRAM, ROOT

from neuroproc.cli.main import main
from neuroproc.cli.watching import lines, progress


def on_terminal(*arguments, without_tqdm=False):
    """Exit status, standard output, and what a terminal at standard error is shown."""
    hidden = "import sys; sys.modules['tqdm'] = None; " if without_tqdm else ""
    program = [*PROGRAM[:2], hidden + PROGRAM[2]]
    mine, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with os.fdopen(mine, "rb", buffering=0) as screen:
        child = subprocess.Popen(
            [*program, *map(str, arguments)], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = screen.read(4096)
            except OSError:  # nobody holds the other end any more
                break
            if not piece:
                break
            shown += piece
        out = child.stdout.read().decode()
        return child.wait(), out, shown.decode()


@pytest.mark.parametrize("without_tqdm", [False, True], ids=["tqdm", "counter"])
def test_a_terminal_sees_how_far_it_is(case, without_tqdm):
    if not without_tqdm and importlib.util.find_spec("tqdm") is None:
        pytest.skip("the extra 'progress' is not installed")
    command = ["classify", case.image, case.frames, "--threads", "1"]
    status, out, shown = on_terminal(*command, without_tqdm=without_tqdm)
    assert status == 0
    assert "\npredictions " in out
    assert shown.endswith("\r\n")
    last = shown.removesuffix("\r\n").rpartition("\r")[2]
    if without_tqdm:
        assert last == "frames 12 of 12"
    else:
        assert "100%" in last
        assert "12/12" in last
        assert "frames/s" in last


def test_a_terminal_is_left_alone_on_request(case):
    command = ["classify", case.image, case.frames, "--threads", "1"]
    status, out, shown = on_terminal(*command, "--no-progress")
    assert (status, shown) == (0, "")
    assert "\npredictions " in out


@pytest.fixture
def watched(capsys, monkeypatch):
    """Standard error as a terminal; a function gives what it was shown since the last call."""
    # pytest takes a new object of this class for each phase of a test.
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda stream: stream is sys.stderr)
    return lambda: capsys.readouterr().err


SHOW, HIDE = Namespace(no_progress=False), Namespace(no_progress=True)


def test_nobody_watches(capsys):
    with progress("frames", SHOW) as show:
        assert show is None
    assert lines(SHOW) is None
    lines(SHOW, logged=True)("epoch 1")
    assert capsys.readouterr().err == "epoch 1\n"
    assert lines(HIDE, logged=True) is None
    assert capsys.readouterr().err == ""


def test_it_can_be_switched_off(watched):
    with progress("frames", HIDE) as show:
        assert show is None
    assert lines(HIDE) is None
    assert watched() == ""


@pytest.mark.parametrize("without_tqdm", [False, True], ids=["tqdm", "counter"])
def test_an_error_begins_a_line_of_its_own(watched, monkeypatch, without_tqdm):
    if without_tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    else:
        pytest.importorskip("tqdm", reason="the extra 'progress' is not installed")

    def fail():
        with progress("cycles", SHOW) as show:
            show(3, 10_000)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    told = watched()
    assert told.endswith("\n")
    assert told == "\rcycles 3 of 10,000\n" if without_tqdm else "/10000" in told


def test_what_never_began_shows_nothing(watched):
    with progress("frames", SHOW):
        pass
    assert watched() == ""


def test_the_counter_is_not_printed_for_every_step(watched, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with progress("cycles", SHOW) as show:
        for done in range(10_001):
            show(done, 10_000)
    told = watched().split("\r")[1:]
    assert told[0] == "cycles 0 of 10,000"
    assert told[-1] == "cycles 10,000 of 10,000\n"
    assert len(told) < 1000


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        ("unrolls", ["explore", "NETWORK"]),
        ("unrolls", ["compile", "NETWORK", "-o", "OUT", "--unroll", "auto"]),
        ("frames", ["verify", "NETWORK", "IMAGE", "FRAMES"]),
        ("frames", ["classify", "IMAGE", "FRAMES"]),
        ("cycles", ["run", "IMAGE", "SPIKES", "--cycles", "20", "-o", "SPIKES_OUT"]),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_every_command_that_takes_its_time(case, watched, monkeypatch, what, arguments, tmp_path):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    names = {
        "NETWORK": case.network, "IMAGE": case.image, "FRAMES": case.frames, "SPIKES": case.spikes,
        "OUT": tmp_path / "out.npi", "SPIKES_OUT": tmp_path / "out.csv",
    }  # fmt: skip
    words = [str(names.get(word, word)) for word in arguments]
    assert main(words) == 0
    told = watched().removesuffix("\n").rpartition("\r")[2].split()
    assert told[0] == what
    assert told[1] == told[3]
    assert main([*words, "--no-progress"]) == 0
    assert watched() == ""
