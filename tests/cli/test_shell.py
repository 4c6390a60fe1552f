"""The shell as a program: streams, prompts, ends; and that it starts at once."""

import json
import os
import subprocess
import sys

import pytest
from cli_helpers import PROGRAM, ROOT, spawn
from tennlab_helpers import small_network

from neuroproc.cli.shell import WELCOME


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a network, to start the program in."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "net.json").write_text(json.dumps(small_network()))
    return tmp_path


def shell(folder, commands, *arguments):
    run = spawn("shell", *arguments, input=commands, cwd=folder)
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def test_answers_on_one_stream_and_mistakes_on_the_other(folder):
    assert shell(folder, b"ML net.json\nFROB\nGT\n") == (
        0, "time: 0.0\n", "neuroproc shell: line 2: FROB: no such command (? lists the commands)\n"
    )  # fmt: skip


@pytest.mark.parametrize("end", [b"", b"\n", b"\nQ", b"\nq\nGT\n", b"\r\nQUIT\r\nGT\r\n"])
def test_ends(folder, end):
    assert shell(folder, b"ML net.json\nGT" + end) == (0, "time: 0.0\n", "")


def test_no_input(folder):
    assert shell(folder, b"") == (0, "", "")
    run = subprocess.run([*PROGRAM, "shell"], check=False, capture_output=True, cwd=folder, stdin=subprocess.DEVNULL)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


@pytest.mark.error
def test_json_cut_by_the_end(folder):
    status, out, err = shell(folder, b"LOAD\n{\n")
    assert (status, out) == (0, "")
    assert err == "neuroproc shell: line 1: LOAD: the JSON that follows does not end\n"


def test_a_prompt(folder):
    assert shell(folder, b"ML net.json\nGT\n", "RISP> ")[1] == "RISP> RISP> time: 0.0\nRISP> "
    assert shell(folder, b"ML net.json\nGT\n", "-")[1] == "time: 0.0\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind there")
def test_a_terminal_without_a_prompt_is_told_what_this_is(folder):
    import pty

    for arguments, told in (((), f"neuroproc shell: {WELCOME}\n".encode()), (("> ",), b"")):
        typed, terminal = pty.openpty()
        command = [*PROGRAM, "shell", *arguments]
        with subprocess.Popen(
            command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
        ) as run:
            os.write(typed, b"Q\n")
            assert run.communicate(timeout=60)[1] == told
        os.close(typed)
        os.close(terminal)


def test_names_that_are_no_ascii_and_lines_that_are_no_text(folder):
    entry = small_network()
    entry["Nodes"][1]["name"] = "é\ud800"
    (folder / "net.json").write_text(json.dumps(entry))
    status, out, err = shell(folder, b"\xff\xfe\nML net.json\nNC T 0\nPULL out.json\n")
    assert (status, out) == (0, "Node  0(é\\ud800) fire count: 0\n")
    assert "line 1" in err
    assert '"name":"é\\ud800"' in (folder / "out.json").read_text(encoding="utf-8")


def test_it_answers_before_more_is_asked(folder):
    """Over a pipe, line by line, as a program would talk to it."""
    talk = subprocess.Popen(
        [*PROGRAM, "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, text=True, bufsize=1
    )
    with talk:
        talk.stdin.write("ML net.json\n")
        for time in range(1, 4):
            talk.stdin.write("RUN 1\nGT\n")
            assert talk.stdout.readline() == f"time: {time}.0\n"
        talk.stdin.close()


@pytest.mark.architecture
def test_a_session_loads_no_compiler_and_no_graphs(folder):
    code = (
        "import io, sys\n"
        "sys.stdin = io.TextIOWrapper(io.BytesIO(b'ML net.json\\nAS 0 0 1\\nRUN 50\\nGT\\n'))\n"
        "from neuroproc.cli.main import main\n"
        "assert main(['shell']) == 0\n"
        "print(sorted({'numba', 'networkx', 'compiler', 'neuroproc.kernels'} & set(sys.modules)))\n"
    )
    run = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, text=True, check=False, cwd=folder)
    assert (run.stdout, run.stderr) == ("time: 50.0\n[]\n", "")
