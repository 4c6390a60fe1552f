"""``neuroproc compile --clearing``: recorded in the image, and refused where the processor does not have it."""

import json

import pytest
from cli_helpers import call, refused

import neuroproc


@pytest.mark.parametrize(
    ("profile", "option", "way", "slot"),
    [
        ("np16", [], "floor", 2),
        ("np16", ["--clearing", "floor"], "floor", 2),
        ("np16", ["--clearing", "force"], "force", 2),
        ("np16-leak", [], "leak", 1),
        ("np16-leak", ["--clearing", "force"], "force", 2),
        ("np16", ["--clearing", "force", "--unroll", "auto", "--max-neurons", "60"], "force", 2),
    ],
)
def test_the_way_is_in_the_image_and_in_what_is_said(case, capsys, profile, option, way, slot):
    arguments = ["--unroll", "1x1", "--profile", profile, *option, "--report", case.folder / "report.json"]
    result = call(capsys, "compile", case.network, "-o", case.folder / "new.npi", *arguments)
    assert (result.status, result.err) == (0, "")
    assert f"profile {profile}, clearing {way}: a frame every" in result.out
    image = neuroproc.load_image(case.folder / "new.npi")
    assert image.options["clearing"] == json.loads((case.folder / "report.json").read_text())["clearing"] == way
    assert image.layers[0].contract.slot == slot
    verified = call(capsys, "verify", case.network, case.folder / "new.npi", case.frames)
    assert verified.status == 0


@pytest.mark.error
@pytest.mark.parametrize("option", [["--unroll", "1x1"], ["--unroll", "auto"]])
def test_what_the_processor_does_not_have_is_refused(case, capsys, option):
    target = case.folder / "new.npi"
    base = ["compile", case.network, "-o", target, *option]
    result = call(capsys, *base, "--profile", "np8", "--clearing", "leak")
    refused(result, "clearing 'leak'", "leak = none (profile np8)", "allowed: floor, force", status=4)
    result = call(capsys, *base, "--profile", "np16-leak", "--clearing", "floor")
    refused(result, "clearing 'floor'", "leak = all (profile np16-leak)", "allowed: leak, force", status=4)
    result = call(capsys, *base, "--clearing", "twin")
    assert (result.status, result.out) == (2, "")
    assert not target.exists()
