"""The whole page, and the file that it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from isa_spec.files import write_atomically
from isa_spec.image import ProcessorImage
from neuroproc.classifying.classification import Classification
from neuroproc.formats.runs import Run, run_of
from neuroproc.measuring.cost_table import CostTable
from neuroproc.report.activity import activity
from neuroproc.report.answers import answers
from neuroproc.report.costs import costs
from neuroproc.report.headline import headline
from neuroproc.report.html import element
from neuroproc.report.layers import layers
from neuroproc.report.limits import limits
from neuroproc.report.provenance import provenance
from neuroproc.report.style import style_sheet
from neuroproc.report.timing import timing
from neuroproc.report.trade import trade

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing is fetched and nothing runs, whatever a name says."""


def write_report(
    target: str | Path | IO[bytes],
    image: ProcessorImage,
    run: Classification | Run | None = None,
    *,
    prices: CostTable | None = None,
    name: str = "image",
    command: str = "",
) -> None:
    """Write one page of HTML on an image that needs nothing else: no script, no other file, no net.

    The same image and run give the same bytes.

    Parameters
    ----------
    target : str, Path or stream
    image : ProcessorImage
    run : Classification or Run, optional
        What `classify` gave for this image, or what `read_run` read.
    prices : CostTable, optional
        For a bill of the run; without one nothing is said of energy.
    name : str
        What the page calls it.
    command : str
        What made the page, for its last lines.

    Raises
    ------
    NeuroprocError
        If the file cannot be written; nothing is left behind then.
    """
    known = run_of(image, run) if isinstance(run, Classification) else run
    data = report_page(image, name, known, prices, command).encode()
    if isinstance(target, str | Path):
        with write_atomically(target) as file:
            file.write(data)
    else:
        target.write(data)


def report_page(
    image: ProcessorImage, name: str, run: Run | None = None, prices: CostTable | None = None, command: str = ""
) -> str:
    """The page as text.

    Parameters
    ----------
    image, name, run, prices, command
        As for `write_report`.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{name}: report"),
        element("link", rel="icon", href="data:,"),
        style_sheet(),
    )
    parts = (
        headline(image, name, run),
        trade(image),
        layers(image),
        timing(image),
        answers(run),
        activity(image, run),
        costs(image, run, prices),
        limits(image),
        provenance(image, run, command),
    )
    body = element("body", element("main", *parts))
    return f"<!doctype html>\n{element('html', head, body, lang='en').markup}\n"
