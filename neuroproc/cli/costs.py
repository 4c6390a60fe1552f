"""The bill of a run for people: what a cost table says that it takes."""

from __future__ import annotations

from neuroproc.cli.show import table
from neuroproc.measuring.cost_table import Bill
from neuroproc.measuring.quantities import quantity


def bill_lines(bill: Bill) -> list[str]:
    """The bill per frame, with the table's name and source below it."""
    frames = bill.frames
    rows = [
        [_words(charge.operation), f"{charge.count / frames:,.1f}", quantity(charge.price, "J"),
         quantity(charge.joules / frames, "J")]
        for charge in bill.charges
    ]  # fmt: skip
    rows.append(["total", "", "", quantity(bill.joules / frames, "J")])
    lines = table(["per frame", "count", "price", "energy"], rows).splitlines()
    if bill.seconds is not None:
        lines.append(f"time per frame: {quantity(bill.seconds / frames, 's')}")
    if bill.free:
        lines.append(f"without a price: {', '.join(map(_words, bill.free))}")
    return [*lines, f"prices: {bill.table.name}", f"source: {bill.table.source}"]


def _words(operation: str) -> str:
    return operation.replace("_", " ")
