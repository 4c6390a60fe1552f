"""How good the answers of a run are: accuracy, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroproc.formats.runs import Run
from neuroproc.report.html import Html, element, joined, section
from neuroproc.report.tables import Column, scrolling, table

MOST_CLASSES = 25
"""Of a table of all pairs; of more classes only the pairs that are taken for each other most often are shown."""
_MOST_PAIRS = 25
RIGHT_LEVELS, WRONG_LEVELS = (0.5, 0.8, 0.9, 0.97), (0.004, 0.02, 0.06, 0.2)
"""Shares of a label's frames above which a cell has the next darker shade: finest where most cells are."""
_WIDE = 1_000
"""Frames of a cell from which on all columns are wider."""


def answers(run: Run | None) -> Html | None:
    """Accuracy in a sentence, confusion as a table; nothing without labels."""
    if run is None or run.correct is None or run.accuracy is None or run.frames is None:
        return None
    said = f"{run.correct:,} of {run.frames:,} frames are right: {run.accuracy:.2%}. {_stopped(run)}"
    return section("Answers", "answers", element("p", said.rstrip()), _confusion(run.confusion))


def _stopped(run: Run) -> str:
    """When frames were stopped early, in a sentence; empty where they were not."""
    if run.exits is None or run.frames is None:
        return ""
    exits = run.exits
    return (
        f"Frames were stopped as soon as the best class led by {exits['margin']:,.0f}: after {exits['mean_steps']:.1f} "
        f"of {exits['all_steps']:,.0f} steps on average (median {exits['median_steps']:g}); "
        f"{exits['margin_reached']:,.0f} frames got so far."
    )


def _confusion(counts: np.ndarray | None) -> Html | None:
    if counts is None:
        return None
    if len(counts) > MOST_CLASSES:
        return _pairs(counts)
    classes = range(len(counts))
    head = element(
        "tr", element("th", "Label", scope="col", class_="text"), *(_head(str(k)) for k in classes), _head("Right")
    )
    rows = [element("tr", element("th", str(label), scope="row"), *_cells(counts[label], label)) for label in classes]
    caption = (
        "Frames by label (rows) and answer (columns). Blue is right, orange is wrong, and the stronger, the larger "
        "a share of the label's frames: of orange in finer steps."
    )
    parts = element("caption", element("span", caption)), element("thead", head), element("tbody", *rows)
    wide = " wide" if counts.max() >= _WIDE else ""
    return scrolling("Confusion of classes", element("table", *parts, class_=f"confusion{wide}"))


def _head(text: str) -> Html:
    return element("th", text, scope="col", class_="number")


def _cells(row: np.ndarray, label: int) -> list[Html]:
    all_frames = int(row.sum())
    cells = []
    for answer, frames in enumerate(row.tolist()):
        word, levels = ("right", RIGHT_LEVELS) if answer == label else ("wrong", WRONG_LEVELS)
        shade = f"{word}{level(frames / all_frames, levels)}" if frames else None
        cells.append(element("td", f"{frames:,}", class_=" ".join(filter(None, ("number", shade or "none")))))
    right = f"{row[label] / all_frames:.1%}" if all_frames else ""
    return [*cells, element("td", right, class_="number")]


def level(share: float, levels: Sequence[float]) -> int:
    """Shade of a share above 0: 0 is the palest."""
    return sum(share > bound for bound in levels)


def _pairs(counts: np.ndarray) -> Html:
    """The pairs of classes that are taken for each other most often."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_PAIRS]
    labels, found = np.unravel_index(order, wrong.shape)
    rows = [
        (str(label), str(answer), frames, f"{frames / int(counts[label].sum()):.1%}")
        for label, answer, frames in zip(labels.tolist(), found.tolist(), wrong[labels, found].tolist(), strict=True)
        if frames
    ]
    columns = (Column("Label", "text"), Column("Answer"), Column("Frames"), Column("Share of the label's frames"))
    caption = f"The most frequent mistakes among {len(counts)} classes"
    return table(caption, columns, rows) if rows else joined(element("p", "No frame is wrong."))
