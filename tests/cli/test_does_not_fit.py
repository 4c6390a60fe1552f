"""Networks that do not fit their processor: status 4, which limit, how much, what would help; and bad profiles."""

import pytest
from cli_helpers import call, changed, network_entry, refused, write_json

import neuroproc

pytestmark = pytest.mark.error

PROFILE = """
name = "small"
description = "for tests"
"""


def compiled(case, capsys, *options):
    """Result of a compile; nothing new lies in the folder unless it went well."""
    before = sorted(case.folder.iterdir())
    result = call(capsys, "compile", case.network, "-o", case.folder / "new.npi", *options)
    assert (sorted(case.folder.iterdir()) == before) == (result.status != 0)
    return result


def write_profile(case, text):
    file = case.folder / "small.toml"
    file.write_text(PROFILE + text)
    return file


@pytest.mark.parametrize("unroll", ["3x1", "1x4", "0x1", "5x7", "8x12"])
def test_illegal_unroll_lists_the_legal_ones(case, capsys, unroll):
    message = refused(compiled(case, capsys, "--unroll", unroll), f"unroll {unroll}", "allowed: ")
    assert message.endswith(("allowed: 1, 2, 4", "allowed: 1, 2, 3, 6"))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("max_neurons = 10", ["neurons, allowed 10 (max_neurons of profile small)", "fold more"]),
        ("max_synapses = 50", ["synapses, allowed 50 (max_synapses of profile small)", "fold more"]),
        ("max_fan_in = 8", ["layer 'conv2', unit 0", "arrive at it, allowed 8 (max_fan_in of profile small)", "prune"]),
        ("max_fan_out = 1", ["layer 'input', input 0", "leave it, allowed 1 (max_fan_out of profile small)", "prune"]),
        ("weight_min = 0", ["weight", "allowed 0..", "(weight_min of profile small", "requantise"]),
        ("threshold_max = 1", ["threshold", "(threshold_max of profile small)", "wider profile"]),
        (
            "potential_floor = -500\npotential_bits = 17\nthreshold_max = 900\ninput_max = 1\ninput_min = 0",
            ["bits, allowed 17", "potential_bits"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_limit(case, capsys, limits, words):
    if "bits" in limits:
        large = [[[[60000] * 3] * 3]] * 2
        write_json(case.network, changed(network_entry(), ("layers", 0, "weight"), large))
    result = compiled(case, capsys, "--profile", write_profile(case, limits), "--unroll", "1x1")
    refused(result, *words, status=4)


def test_bounds_of_the_user(case, capsys):
    message = refused(compiled(case, capsys, "--max-neurons", 20, "--max-cycles", 10, "--unroll", "auto"), status=4)
    assert "allowed 20" in message
    assert "cycles per frame" in message


def test_the_fold_that_was_asked_for_is_held_against_the_bounds(case, capsys):
    """Alone: nothing is said of folds that nobody looked at, but how they are looked at."""
    look = "; allow as much, or let --unroll auto look for a fold within the bounds"
    message = refused(compiled(case, capsys, "--max-synapses", 100), "synapses (allowed 100)" + look, status=4)
    assert ": without --unroll nothing is folded, and the whole frame needs " in message
    sizes = ["--max-neurons", 2, "--max-synapses", 10**6, "--max-cycles", 10]
    message = refused(compiled(case, capsys, "--unroll", "1x1", *sizes), ": unroll 1x1 needs ", look, status=4)
    assert "neurons (allowed 2), " in message
    assert "cycles per frame (allowed 10);" in message
    assert "synapses" not in message
    assert compiled(case, capsys, "--unroll", "1x1", "--max-synapses", 10**6).status == 0


def test_auto_keeps_within_the_bounds(case, capsys):
    result = compiled(case, capsys, "--unroll", "auto", "--max-neurons", 60)
    assert result.status == 0
    assert "held back by --max-neurons" in result.out


def test_shipped_profile_that_cannot_fold(case, capsys):
    refused(compiled(case, capsys, "--profile", "risp255+", "--unroll", "1x1"), "profile risp255+", status=4)


def test_shipped_profile_with_one_synapse_per_pair(case, capsys):
    """It folds all the same, and as exactly."""
    assert compiled(case, capsys, "--profile", "risp127", "--unroll", "2x1").status == 0
    assert not neuroproc.load_image(case.folder / "new.npi").spec.parallel_synapses
    assert call(capsys, "verify", case.network, case.folder / "new.npi", case.frames).status == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("surprise = 1", "surprise"),
        ("max_delay = 0", "max_delay"),
        ("max_delay = 1.5", "max_delay"),
        ("max_delay = true", "max_delay"),
        ("weight_min = 5\nweight_max = 1", "weight_min"),
        ("threshold_min = 0", "threshold_min"),
        ("potential_floor = 3", "potential_floor"),
        ("evaluation = 'sometimes'", "evaluation"),
        ("name = 'twice'", "TOML"),
        ("max_delay =", "TOML"),
    ],
)
def test_profile_that_is_wrong(case, capsys, text, words):
    refused(compiled(case, capsys, "--profile", write_profile(case, text)), words)


def test_profile_that_is_unknown(case, capsys):
    message = refused(compiled(case, capsys, "--profile", "risp128"), "risp128", "research", "np8", "risp127")
    assert "allowed" in message
    refused(compiled(case, capsys, "--profile", case.folder / "none.toml"), "none.toml")
