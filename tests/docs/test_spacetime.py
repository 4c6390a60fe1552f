"""The commands below the picture of docs/folding.md make exactly that picture."""

import importlib.util
import re
import shlex

import numpy as np
import pytest
from cli_helpers import call
from docs_examples import ROOT

import neuroproc
from neuroproc.pictures.timetable import marks_of, shown_until, timetable

pytestmark = pytest.mark.docs
MAKER = re.compile(r"<dc:title>(Matplotlib v[0-9.]+)")
SHAPE = re.compile(r'd="(M [^"]*)"(?:[^>]*fill: (#[0-9a-f]{6}))?')
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def marks(svg):
    """Fill and corners of whatever is drawn as a group of polygons."""
    groups = re.findall(r'<g id="PolyCollection_\d+">(.*?)</g>', svg, re.DOTALL)
    return [
        (fill, [float(number) for number in NUMBER.findall(path)])
        for some in groups
        for path, fill in SHAPE.findall(some)
    ]


def test_the_picture_of_folding(capsys, monkeypatch, tmp_path):
    if importlib.util.find_spec("matplotlib") is None:
        pytest.skip("matplotlib is not installed; pip install '.[plot]'")
    page = (ROOT / "docs" / "folding.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    neuroproc (compile .*|plot spacetime .* -o docs/spacetime\.svg)$", page, re.MULTILINE)
    assert len(lines) == 2
    (tmp_path / "docs").mkdir()
    (tmp_path / "neuroproc").symlink_to(ROOT / "neuroproc")
    monkeypatch.chdir(tmp_path)
    for line in lines:
        assert call(capsys, *shlex.split(line)).status == 0
    made, shown = ((root / "docs" / "spacetime.svg").read_text(encoding="utf-8") for root in (tmp_path, ROOT))
    if MAKER.findall(made) == MAKER.findall(shown):
        assert made == shown
    # Another version of matplotlib writes other letters and numbers; what is drawn where, and how it is filled, stays.
    (fills, corners), (shown_fills, shown_corners) = (zip(*marks(svg), strict=True) for svg in (made, shown))
    assert fills == shown_fills
    table = timetable(neuroproc.load_image("digits.npi"))
    squares = sum(band.height * band.width for band in table.bands)
    assert len(fills) == squares + sum(len(marks_of(table, band, shown_until(table)).frame) for band in table.bands)
    for one, other in zip(corners, shown_corners, strict=True):
        assert np.allclose(one, other, atol=0.01)
