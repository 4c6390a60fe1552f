"""The site builds without a warning: every page in the table of contents, every link with something at its end."""

import os
import re
import subprocess
import sys

import pytest
from docs_examples import ROOT

import neuroproc

pytestmark = pytest.mark.docs


def test_the_site_builds_without_warnings(tmp_path):
    for module in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(module, reason="the site needs the extra docs")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-b", "html", "docs", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "index.html").exists()


def test_every_public_name_has_one_place():
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.md")]
    found = [name for page in pages for name in re.findall(r"^\.\. (?:auto\w+|py:data):: (\w+)$", page, re.MULTILINE)]
    assert sorted(found) == sorted(neuroproc.__all__)
