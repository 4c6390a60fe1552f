"""Figures that the pages on other tools give are those of the examples."""

import re

import pytest
from docs_examples import ROOT

pytestmark = pytest.mark.docs


@pytest.mark.parametrize(
    ("page", "table"),
    [("snntorch", "nir"), ("sinabs", "nir"), ("whetstone", "weights")],
)
def test_accuracies_of_the_trainers_are_those_of_the_examples(page, table):
    text = (ROOT / "docs" / "coming_from" / f"{page}.md").read_text(encoding="utf-8")
    rows = (ROOT / "examples" / table / "README.md").read_text(encoding="utf-8").splitlines()
    known = {figure for row in rows if row.startswith("| `") for figure in re.findall(r"\d+\.\d\d %", row)}
    # The last column of sinabs' table is what its script prints besides, with many spikes in a step.
    said = set(re.findall(r"\d+\.\d\d %", text)) - ({"93.61 %", "89.44 %"} if page == "sinabs" else set())
    assert said
    assert said <= known
