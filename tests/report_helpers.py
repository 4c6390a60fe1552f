"""Reads a page as strictly as a browser does not, and finds in it what a reader finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import numpy as np

import neuroproc
from compiler.networks.layers import Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from isa_spec.image import ProcessorImage
from neuroproc.report.page import report_page

VOID = {"meta", "link"}
OUTSIDE = ("src", "href", "srcset", "action", "data", "poster", "xlink:href", "style")


@dataclass
class Table:
    """A table's caption and its rows of text, heads included."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)

    def row(self, name: str) -> list[str]:
        """Cells of the row that begins with a name, without it."""
        (found,) = [row[1:] for row in self.rows if row[0] == name]
        return found


class Page(HTMLParser):
    """A page in parts; whatever is not opened and closed in order is an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.tables: list[Table] = []
        self.style = ""
        self.bare: list[str] = []
        assert text.startswith("<!doctype html>\n")
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, names)
        self.elements.append((tag, dict(attrs)))
        if tag in VOID:
            return
        self.open.append(tag)
        if tag == "table":
            self.tables.append(Table())
        if tag == "tr":
            self.tables[-1].rows.append([])
        if tag in ("td", "th"):
            self.tables[-1].rows[-1].append("")
        if tag in ("h1", "h2", "h3"):
            self.headings.append((int(tag[1]), ""))

    def handle_startendtag(self, tag, attrs):
        raise AssertionError(f"<{tag}/>")

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            self.style += data
            return
        self.bare.append(data)
        if {"td", "th"} & set(self.open):
            self.tables[-1].rows[-1][-1] += data
        elif "caption" in self.open:
            self.tables[-1].caption += data
        for level in (1, 2, 3):
            if f"h{level}" in self.open:
                self.headings[-1] = (level, self.headings[-1][1] + data)

    def handle_decl(self, decl):
        assert decl == "doctype html"

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def table(self, begin: str, whole: bool = False) -> Table:
        """The table whose caption begins so, or is this."""
        (found,) = [t for t in self.tables if (t.caption == begin if whole else t.caption.startswith(begin))]
        return found

    @property
    def text(self) -> str:
        """All that can be read, the style sheet aside."""
        return "".join(self.bare)


def page_of(image: ProcessorImage, run=None, name: str = "net") -> Page:
    """A page, read."""
    return Page(report_page(image, name, run))


def tiny_network(always: bool = False) -> LayeredNetwork:
    """Convolution, pool, dense on 4x6 frames; one channel of the convolution never fires, another may do so always."""
    rng = np.random.default_rng(3)
    threshold = np.array([-99 if always else 2, 3, 99])
    layers = (
        Conv2d("conv", ("input",), rng.integers(-2, 4, (3, 1, 3, 3)), threshold, padding=((1, 1), (1, 1))),
        Pool2d("pool", ("conv",), "maxpool2d", (2, 2), (2, 2)),
        Flatten("flat", ("pool",)),
        Dense("dense", ("flat",), rng.integers(-3, 4, (4, 18)), np.array([1, 2, 1, 2])),
    )
    decode = {"kind": "argmax", "classes": 4}
    return LayeredNetwork("tiny", (1, 4, 6), layers, {"kind": "binary", "threshold": 8}, decode)


def tiny_image(unroll: tuple[int, int] = (1, 1), always: bool = False, **plan: Any) -> ProcessorImage:
    """The same, folded."""
    return neuroproc.compile_network(
        tiny_network(always), neuroproc.load_profile("np8"), neuroproc.FoldPlan(unroll, **plan)
    )


def tiny_frames() -> tuple[np.ndarray, np.ndarray]:
    """Frames and labels."""
    rng = np.random.default_rng(5)
    return rng.integers(0, 17, (12, 1, 4, 6)), rng.integers(0, 4, 12)
