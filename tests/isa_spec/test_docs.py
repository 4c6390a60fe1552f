"""docs/isa.md is what the program prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from isa_spec import __main__ as program
from isa_spec.describe import COMMAND, describe
from isa_spec.spec import profile_names
from isa_spec.tables import processor_tables
from isa_spec.vectors import load_vectors

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.docs


def test_docs_are_printed_from_the_tables():
    page = (ROOT / "docs" / "isa.md").read_text(encoding="utf-8")
    assert page == describe(), f"docs/isa.md is not what the tables say: run `{COMMAND}`"


def test_the_command_in_the_docs_prints_the_page():
    command = [sys.executable, *COMMAND.split(" > ")[0].split()[1:]]
    environment = os.environ | {"PYTHONUTF8": "1"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == describe()


def test_everything_is_on_the_page():
    page, tables = describe(), processor_tables()
    names = [*tables.state, *tables.parameter, *tables.field, *tables.extension, *profile_names()]
    names += [vector.name for vector in load_vectors()] + [entry["name"] for entry in tables.error]
    assert not [name for name in names if f"`{name}`" not in page]
    assert all(vector.corner in page for vector in load_vectors())


def test_every_table_is_rectangular():
    widths = []
    for line in describe().splitlines():
        if not line.startswith("|"):
            assert len(set(widths)) <= 1
            widths = []
        else:
            widths.append(line.replace("\\|", "").count("|"))


def test_arguments_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["isa_spec", "--colour"])
    with pytest.raises(SystemExit) as caught:
        program.main()
    assert caught.value.code == 2
    assert "--colour" in capsys.readouterr().err
