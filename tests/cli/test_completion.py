"""The Tab key, in the shells themselves: commands, options, their values, and files."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest
from cli_helpers import ROOT

from neuroproc.cli import completion
from neuroproc.cli.main import COMMANDS, build_parser
from neuroproc.processor import ENGINES


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "completion.sh"
    path.write_text(completion.script(build_parser()))
    return path


def offered(script, *words):
    """What bash offers for the last of some words."""
    line = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _neuroproc; printf "%s\\n" "${COMPREPLY[@]}"'
    found = subprocess.run(
        ["bash", "--norc", "-c", line, "bash", script, "neuroproc", *words], capture_output=True, text=True, check=True
    )
    assert found.stderr == ""
    return found.stdout.split()


def test_commands(script):
    assert offered(script, "cla") == ["classify"]
    assert offered(script, "") == list(COMMANDS)
    assert offered(script, "nothing") == []


def test_commands_below_commands(script):
    from neuroproc.cli.plot import KINDS
    from neuroproc.cli.train import METHODS

    assert offered(script, "train", "") == list(METHODS)
    assert offered(script, "train", "str") == ["straight-through"]
    assert offered(script, "plot", "") == list(KINDS)


def test_options(script):
    assert offered(script, "--v") == ["--version"]
    assert offered(script, "classify", "digits.npi", "--no") == ["--no-progress"]
    assert offered(script, "train", "straight-through", "--che") == ["--checkpoint"]
    assert set(offered(script, "run", "-")) >= {"-h", "--help", "-o", "--output", "--cycles"}


def test_values(script):
    assert offered(script, "classify", "--engine", "") == list(ENGINES)
    assert offered(script, "run", "digits.npi", "--to", "c") == ["csv"]
    # Words in the place of other values name no commands.
    assert offered(script, "classify", "--limit", "") == []
    assert offered(script, "train", "rate", "--data", "r") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_every_command(script, command):
    """As its help names them."""
    parser = next(iter(action.choices for action in build_parser([command])._actions if action.dest == "command"))
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", parser[command].format_usage()))
    assert told <= set(offered(script, command, "-"))


def in_terminal(shell, setup, folder, typed):
    """What a shell's terminal shows when something is typed."""
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(shell[0], shell, {**os.environ, "TERM": "dumb", "HOME": str(folder), "PS1": "> "})
    shown = b""

    def wait_for(word):
        nonlocal shown
        end = time.monotonic() + 30
        while word not in shown and time.monotonic() < end:
            if select.select([screen], [], [], 0.1)[0]:
                shown += os.read(screen, 4096)
        return shown

    try:
        os.write(screen, f"{setup}; echo rea''dy\n".encode())
        assert b"ready" in wait_for(b"ready")
        shown = b""
        os.write(screen, typed[0].encode())
        return wait_for(typed[1].encode()).decode()
    finally:
        os.write(screen, b"\x03\x04")
        os.close(screen)
        os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("neuroproc cla\t", "neuroproc classify "), ("neuroproc classify dig\t", "neuroproc classify digits.npi ")],
    ids=["command", "file"],
)
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_key_itself(script, tmp_path, shell, typed, shown):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "digits.npi").touch()
    words, setup = {
        "bash": (["bash", "--norc", "--noprofile", "-i"], f"source {script}"),
        "zsh": (["zsh", "-f", "-i"], f"autoload -U compinit bashcompinit; compinit -u; bashcompinit; source {script}"),
    }[shell]
    assert shown in in_terminal(words, setup, tmp_path, (typed, shown))


def test_the_line_for_startup_files(script):
    """As the command's help says it."""
    (told,) = re.findall(r"`(eval .*?)`", completion.__doc__)
    line = f"neuroproc() {{ cat {script}; }}; {told}; complete -p neuroproc"
    found = subprocess.run(["bash", "--norc", "-c", line], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout == "complete -o default -F _neuroproc neuroproc\n"
