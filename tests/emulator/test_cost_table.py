"""Cost tables and bills: exact counts times prices; every wrong table is refused in one line."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from isa_spec.errors import SpecError
from neuroproc.cli.costs import bill_lines
from neuroproc.measuring.cost_table import PRICED, CostTable, WorkCounts, as_dict, bill_of, load_cost_table
from neuroproc.measuring.quantities import quantity

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples" / "cost_tables").glob("*.toml"))
HEAD = 'name = "a chip"\nsource = "a paper"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.oracle
def test_a_bill_is_counts_times_prices_and_their_sum() -> None:
    work = WorkCounts(frames=7, synaptic_operation=10**17 + 3, spike=11, neuron_update=10**9, cycle=77)
    prices = {"synaptic_operation": 23.6e-12, "neuron_update": 81e-12, "cycle": 2.0}
    bill = bill_of(CostTable("a chip", "a paper", prices, 465e-9), work)
    assert [charge.operation for charge in bill.charges] == ["synaptic_operation", "neuron_update", "cycle"]
    assert [charge.count for charge in bill.charges] == [10**17 + 3, 10**9, 77]
    assert bill.free == ("spike",)
    for charge in bill.charges:
        exact = charge.count * Fraction(prices[charge.operation])
        # One multiplication, so no more than one rounding besides that of the count.
        assert abs(Fraction(charge.joules) - exact) <= exact * Fraction(1, 2**51)
    exact = sum((charge.count * Fraction(charge.price) for charge in bill.charges), Fraction(0))
    assert abs(Fraction(bill.joules) - exact) <= exact * Fraction(1, 2**50)
    assert bill.seconds == 77 * 465e-9
    said = as_dict(bill)
    assert (said["table"], said["source"], said["without_price"]) == ("a chip", "a paper", ["spike"])
    assert said["charges"][2] == {"operation": "cycle", "count": 77, "joules_each": 2.0, "joules": 154.0}
    assert (said["joules_per_frame"], said["seconds_per_frame"]) == (bill.joules / 7, bill.seconds / 7)


def test_what_is_printed() -> None:
    work = WorkCounts(frames=2, synaptic_operation=3000, spike=5, neuron_update=10**7, cycle=8)
    table = CostTable("a chip", "a paper", {"synaptic_operation": 2e-12, "spike": 0.0}, 1e-3)
    assert bill_lines(bill_of(table, work)) == [
        "per frame             count  price  energy",
        "------------------------------------------",
        "synaptic operation  1,500.0   2 pJ    3 nJ",
        "spike                   2.5    0 J     0 J",
        "total                                 3 nJ",
        "time per frame: 4 ms",
        "without a price: neuron update, cycle",
        "prices: a chip",
        "source: a paper",
    ]
    everything = CostTable("a chip", "a paper", dict.fromkeys(PRICED, 1.0), None)
    lines = bill_lines(bill_of(everything, work))
    assert not any(line.startswith(("time", "without")) for line in lines)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 J"), (1.0, "1 J"), (0.9999, "999.9 mJ"), (0.99999, "1 J"), (1234.5, "1.234 kJ"), (1e-12, "1 pJ"),
        (23.6e-12, "23.6 pJ"), (3.14159e-7, "314.2 nJ"), (999.96e-9, "1 uJ"), (5e-22, "0.0005 aJ"), (2e10, "2e+04 MJ"),
    ],
)  # fmt: skip
def test_quantities(value: float, text: str) -> None:
    assert quantity(value, "J") == text


def test_integers_and_floats_are_numbers_and_zero_is_a_price(tmp_path: Path) -> None:
    table = load_cost_table(written(tmp_path, HEAD + "[joules]\nspike = 1\ncycle = 0\n[seconds]\ncycle = 0.5\n"))
    assert table == CostTable("a chip", "a paper", {"spike": 1.0, "cycle": 0.0}, 0.5)
    assert all(type(price) is float for price in table.joules.values())
    only_time = load_cost_table(written(tmp_path, HEAD + "[seconds]\ncycle = 1\n"))
    assert (only_time.joules, only_time.seconds_per_cycle) == ({}, 1.0)
    long = 'name = """\na\n  chip"""\nsource = "a paper"\n[joules]\nspike = 1\n'
    assert load_cost_table(written(tmp_path, long)).name == "a chip"


@pytest.mark.error
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD, "prices.toml: has no price, allowed: at least one under [joules] or [seconds]"),
        (HEAD + "[joules]\n[seconds]\n", "prices.toml: has no price"),
        ('name = "a"\n[joules]\nspike = 1', "prices.toml: 'source' is missing; say where its figures are published"),
        ('source = "a"\n[joules]\nspike = 1', "prices.toml: 'name' is missing; say what it is the cost of"),
        ('name = " "\nsource = "a"', "prices.toml: name = ' ', allowed: text that is not empty"),
        ('name = "a"\nsource = 3', "prices.toml: source = 3, allowed: text that is not empty"),
        (HEAD + "price = 1", "prices.toml: 'price' is an unknown key, allowed: name, source, joules, seconds"),
        (
            HEAD + "[joules]\nspikes = 1",
            "prices.toml: [joules]: 'spikes' is an unknown key, allowed: synaptic_operation, spike, neuron_update, c",
        ),
        (HEAD + "[seconds]\nspike = 1", "prices.toml: [seconds]: 'spike' is an unknown key, allowed: cycle"),
        (HEAD + "joules = 3", "prices.toml: joules = 3, allowed: a table, [joules], with synaptic_operation, spike"),
        (
            HEAD + "[joules]\nspike = -1e-12",
            "prices.toml: joules.spike = -1e-12, allowed: a number of joules, 0 to 1e+06, as 23.6e-12",
        ),
        (HEAD + "[joules]\nspike = -1", "prices.toml: joules.spike = -1, allowed: a number of joules, 0 to"),
        (HEAD + "[joules]\nspike = nan", "prices.toml: joules.spike = nan, allowed: a number of joules"),
        (HEAD + "[joules]\nspike = inf", "prices.toml: joules.spike = inf, allowed: a number of joules"),
        (HEAD + f"[joules]\nspike = 1{'0' * 400}", "prices.toml: joules.spike = 1000"),
        (HEAD + "[joules]\nspike = true", "prices.toml: joules.spike = True, allowed: a number of joules"),
        (HEAD + '[seconds]\ncycle = "1 ms"', "prices.toml: seconds.cycle = '1 ms', allowed: a number of seconds"),
        (HEAD + "[seconds]\ncycle = [1]", "prices.toml: seconds.cycle = [1], allowed: a number of seconds"),
        (HEAD + "[joules\nspike = 1", "prices.toml: is not TOML"),
    ],
)
def test_wrong_tables(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)):
        load_cost_table(written(tmp_path, text))


@pytest.mark.error
def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.toml: cannot be read: No such file"):
        load_cost_table(tmp_path / "none.toml")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_tables_say_where_they_are_from(path: Path) -> None:
    table = load_cost_table(path)
    assert re.search(r"\b20\d\d\b", table.source)
    remarks = " ".join(line[2:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    for words in ("Covered:", "Left out:", "emulated here"):
        assert words in remarks


def test_there_are_example_tables() -> None:
    assert len(EXAMPLES) >= 3
