"""Sessions of RISP's own test suite, to the letter, as a user runs them."""

import shutil
import subprocess

import pytest
from cli_helpers import PROGRAM, ROOT
from tennlab_helpers import SHARED

from neuroproc.tennlab.image import read_tennlab
from neuroproc.tennlab.layout import network_text
from neuroproc.tennlab.network import parse_network
from neuroproc.tennlab.writer import image_to_network

CASES = sorted(folder.name for folder in SHARED.iterdir()) if SHARED.is_dir() else []
if not CASES:
    pytest.skip(f"{SHARED} is not there: RISP's cases belong to TENNLab", allow_module_level=True)


@pytest.mark.parametrize("case", CASES)
def test_sessions_to_the_letter(tmp_path, monkeypatch, case):
    folder = SHARED / case
    shutil.copy(folder / "network.json", tmp_path / "tmp_network.txt")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with open(folder / "commands.txt", "rb") as commands:
        run = subprocess.run([*PROGRAM, "shell"], stdin=commands, capture_output=True, check=False, cwd=tmp_path)
    assert (run.stdout, run.stderr, run.returncode) == ((folder / "expected.txt").read_bytes(), b"", 0)


@pytest.mark.parametrize("case", CASES)
def test_files_come_back(case):
    text = (SHARED / case / "network.json").read_text()
    network = parse_network(text, case)
    assert network_text(network) == text
    back = image_to_network(read_tennlab(text))
    assert back.nodes == tuple(sorted(network.nodes))
    assert back.edges == tuple(sorted(network.edges))
    for key in ("properties", "inputs", "outputs", "values", "associated", "extra"):
        assert getattr(back, key) == getattr(network, key)
