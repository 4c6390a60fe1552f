"""What a run costs: NeuroBench's metrics, and a bill where there is a table of prices."""

from __future__ import annotations

from isa_spec.image import ProcessorImage
from neuroproc.formats.runs import Run
from neuroproc.measuring.benchmark import metrics_of_counts
from neuroproc.measuring.cost_table import Bill, CostTable, WorkCounts, bill_of
from neuroproc.measuring.quantities import quantity
from neuroproc.report.html import Content, Html, count_of, element, joined, section
from neuroproc.report.tables import Column, table


def costs(image: ProcessorImage, run: Run | None, prices: CostTable | None) -> Html | None:
    """Metrics, and the bill; nothing without a run of frames."""
    if run is None or run.frames is None or not run.cycles:
        return None
    bill = None if prices is None else bill_of(prices, _work(image, run, run.frames))
    return section("Cost", "cost", _metrics(image, run, run.frames), None if bill is None else _bill(bill))


def _work(image: ProcessorImage, run: Run, frames: int) -> WorkCounts:
    return WorkCounts(frames, run.synaptic_operations, run.spikes, image.n_neurons * run.cycles, run.cycles)


def _metrics(image: ProcessorImage, run: Run, frames: int) -> Html:
    found = metrics_of_counts(image, frames, run.cycles, run.spikes, run.synaptic_operations, run.accuracy)
    operations = found["SynapticOperations"]
    rows: list[tuple[str, str, str]] = [
        ("Footprint", f"{found['Footprint']:,} bytes", "memory of neurons and synapses, at the profile's widths"),
        ("ConnectionSparsity", _share(found["ConnectionSparsity"]), "share of the network's weights that are 0"),
        ("ActivationSparsity", _share(found["ActivationSparsity"]), "1 - spikes / (neurons x cycles)"),
        ("SynapticOperations: Effective_ACs", f"{operations['Effective_ACs']:,.1f}", "spikes over synapses, per frame"),
        ("SynapticOperations: Dense", f"{operations['Dense']:,.1f}", "synapses x cycles, per frame"),
        ("SynapticOperations: Effective_MACs", f"{operations['Effective_MACs']:,}", "a spike multiplies nothing"),
        ("ClassificationAccuracy", _share(found["ClassificationAccuracy"]), "share of frames that are right"),
    ]
    columns = (Column("Metric", "text"), Column("Value"), Column("What it is", "text"))
    cells = [(element("code", name), value, meaning) for name, value, meaning in rows if value]
    return table("NeuroBench's metrics, of the image as it is: clocks, gates and relays included", columns, cells)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _bill(bill: Bill) -> Html:
    columns = (Column("Operation", "text"), Column("Count per frame"), Column("Price"), Column("Energy per frame"))
    rows = [
        (
            _words(charge.operation),
            f"{charge.count / bill.frames:,.1f}",
            quantity(charge.price, "J"),
            quantity(charge.joules / bill.frames, "J"),
        )
        for charge in bill.charges
    ]
    total = ("All", None, None, quantity(bill.joules / bill.frames, "J"))
    said: list[Content] = [f"Prices: {bill.table.name}. Source: {bill.table.source}. "]
    if bill.seconds is not None:
        said.append(f"By them a frame takes {quantity(bill.seconds / bill.frames, 's')}. ")
    if bill.free:
        said.append(f"Without a price: {', '.join(map(_words, bill.free))}.")
    caption = f"The bill by a table of prices, over {count_of(bill.frames, 'frame')}"
    return joined(table(caption, columns, rows, total), element("p", *said, class_="note"))


def _words(operation: str) -> str:
    return operation.replace("_", " ")
