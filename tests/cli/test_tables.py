"""Tables of the commands: headings of two lines, columns in their places, and no wider than a small terminal."""

import pytest
from cli_helpers import call, network_entry, write_json

from neuroproc.cli.show import WIDTH, table

HEAD = ["layer", "unrolled\nneurons", "unrolled\nsynapses", "cycles\nper frame", "latency"]


@pytest.mark.golden
def test_headings_of_two_lines():
    rows = [["conv1", 512, 1_003_129, 2, None], ["a.layer.of.a.long.name", 1, 2, 18, 1_234]]
    assert table(HEAD, rows).splitlines() == [
        "                        ---- unrolled ----     cycles",
        "layer                   neurons   synapses  per frame  latency",
        "--------------------------------------------------------------",
        "conv1                       512  1,003,129          2",
        "a.layer.of.a.long.name        1          2         18    1,234",
    ]
    assert table(["a", "wide heading\nb"], [["x", 1]]).splitlines() == [
        "   wide heading",
        "a             b",
        "---------------",
        "x             1",
    ]


def test_words_in_the_last_column_may_be_long():
    long = "1x1 " * 30
    shown = table(["neurons", "unroll"], [[12_345, "2x2"], [6, long]], words=1).splitlines()
    assert shown == ["neurons  unroll", "-" * WIDTH, " 12,345  2x2", f"      6  {long.rstrip()}"]


def test_tables_fit_a_small_terminal(case, capsys):
    """With names of up to 13 characters, that is."""
    entry = network_entry()
    entry["layers"][0]["name"] = "features.conv"
    network = write_json(case.folder / "named.json", entry)
    commands = [
        ("compile", network, "-o", case.image, "--unroll", "1x1"),
        ("count", case.image),
        ("verify", network, case.image, case.frames),
    ]
    for command in commands:
        result = call(capsys, *command)
        assert (result.status, result.err) == (0, "")
        rule = next(number for number, line in enumerate(result.out.splitlines()) if line.startswith("---"))
        rows = result.out.splitlines()[max(rule - 2, 0) : rule + 6]
        assert max(map(len, rows)) <= WIDTH, rows
