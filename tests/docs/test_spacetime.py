"""The commands below the picture of docs/folding.md make exactly that picture."""

import importlib.util
import re
import shlex
from xml.etree import ElementTree

import numpy as np
import pytest
from cli_helpers import call
from docs_examples import ROOT

import neuroproc
from neuroproc.pictures.spacetime import GROUND
from neuroproc.pictures.timetable import marks_of, shown_until, timetable

pytestmark = pytest.mark.docs
MAKER = re.compile(r"<dc:title>(Matplotlib v[0-9.]+)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"


def marks(svg):
    """Fill and corners, [n, 2], of polygons in groups but the ground, whether drawn in their place or moved there."""
    found = []
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if not re.fullmatch(r"PolyCollection_\d+", group.get("id", "")):
            continue
        shapes = {f"#{path.get('id')}": path for path in group.iter(f"{SVG}path") if path.get("id")}
        for mark in group.iter():
            path = shapes.get(mark.get(LINK), mark)
            fill = re.search(r"fill: (#[0-9a-f]{6})", mark.get("style", ""))
            if path.tag == f"{SVG}path" and mark not in shapes.values() and fill and fill[1] != GROUND:
                corners = np.array(NUMBER.findall(path.get("d")), float).reshape(-1, 2)
                found.append((fill[1], corners + [float(mark.get(axis, 0)) for axis in "xy"]))
    return found


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
