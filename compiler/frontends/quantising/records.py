"""What is found out while a model is brought into integers: labels, questions and conclusions, told in one message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from compiler.frontends.imported import Assumptions, Label
from compiler.frontends.model import FloatLayer, FloatModel, Unsupported
from isa_spec.errors import NetworkError

COMPARISONS: Mapping[bool, str] = {False: "at-least", True: "above"}
"""Words for a comparison that is strict, or is not."""


class Records:
    """Labels of a model's layers, and what its file would have to say besides."""

    def __init__(self, model: FloatModel, assumptions: Assumptions) -> None:
        self._model, self._assumptions = model, assumptions
        self._labels: dict[str, Label] = {}
        self._asked: list[str] = []
        self._unjudged: list[str] = []
        self._notes: list[str] = list(model.notes)
        self._ties: list[tuple[str, int]] = []
        self._untied: list[str] = []
        self._unreset: list[str] = []

    def refuse(self, layer: FloatLayer, reason: str) -> None:
        """The layer cannot be had; the reason is the end of a sentence."""
        self._labels[layer.name] = Label(layer.name, layer.kind, "unsupported", reason)

    def approximate(self, layer: FloatLayer, reason: str) -> None:
        """The layer was rounded; the reason is the end of a sentence."""
        known = self._labels.get(layer.name)
        said = reason if known is None else f"{known.reason}; {reason}"
        self._labels[layer.name] = Label(layer.name, layer.kind, "approximate", said)

    def leave(self, layer: FloatLayer) -> None:
        """The layer was not judged, for it reads one that cannot be had."""
        self._unjudged.append(layer.name)

    def ask(self, question: str) -> None:
        """What has to be known: an option, a colon, and why."""
        self._asked.append(question)

    def note(self, sentence: str) -> None:
        """What was concluded."""
        self._notes.append(sentence)

    def compared(self, layer: str, ties: Sequence[int]) -> None:
        """What has to be known of a layer whose file does not say whether equality suffices: where that matters."""
        if ties:
            self._ties.append((layer, ties[0]))
        else:
            self._untied.append(layer)

    def ask_reset(self, layer: str) -> None:
        """What a unit keeps when it fires has to be known."""
        self._unreset.append(layer)

    @property
    def notes(self) -> list[str]:
        """What was concluded, a sentence each."""
        found = list(self._notes)
        if self._untied:
            found.append(
                "no sum can meet its level exactly, so it does not matter whether equality suffices: "
                + ", ".join(self._untied)
            )
        return found

    def _questions(self) -> list[str]:
        """Options that have to be given, each with the reason."""
        found = list(self._asked)
        if self._ties:
            named = ", ".join(f"'{layer}' (unit {unit})" for layer, unit in self._ties)
            found.append(
                f"--comparison at-least or above: whether a sum that meets its level suffices, as can be in {named}"
            )
        if self._unreset:
            named = ", ".join(f"'{layer}'" for layer in self._unreset)
            found.append(f"--reset zero or subtract: what a unit keeps when it fires, in {named}")
        return found

    @property
    def labels(self) -> tuple[Label, ...]:
        """One for each layer, in the model's order."""
        return tuple(
            self._labels.get(layer.name, Label(layer.name, layer.kind, "exact")) for layer in self._model.layers
        )

    def check(self) -> None:
        """Refuse a model of which something is unsupported, approximate and not allowed, or unknown.

        Raises
        ------
        NetworkError
            Names every such layer with its reason, and every option that answers; only those without words for them, if
            there are any: then no option helps.
        """
        names = [layer.name for layer in self._model.layers]
        for name in sorted(self._assumptions.allow - set(names)):
            raise NetworkError(
                f"--allow {name}: network '{self._model.name}' has no such layer, it has {', '.join(names)}"
            )
        wrong = [
            label
            for label in self.labels
            if label.fidelity == "unsupported"
            or (label.fidelity == "approximate" and label.layer not in self._assumptions.allow)
        ]
        hopeless = {layer.name for layer in self._model.layers if isinstance(layer, Unsupported)}
        if hopeless:
            parts = [
                f"layer '{one.layer}' ({one.kind}) is unsupported: {one.reason}"
                for one in wrong
                if one.layer in hopeless
            ]
            raise NetworkError(f"network '{self._model.name}' ({self._model.format}): " + "; ".join(parts))
        questions = self._questions()
        if not wrong and not questions:
            return
        parts = []
        if wrong:
            parts.append(f"{len(wrong)} of {len(names)} layers are not exact")
        parts += [f"layer '{one.layer}' ({one.kind}) is {one.fidelity}: {one.reason}" for one in wrong]
        rounded = [one.layer for one in wrong if one.fidelity == "approximate"]
        if rounded:
            parts.append(f"accept what is approximate by {' '.join(f'--allow {name}' for name in rounded)}")
        if self._unjudged:
            parts.append(f"not judged, for they read these: {', '.join(self._unjudged)}")
        if questions:
            parts.append("the file does not say all that has to be known, give " + "; and ".join(questions))
        raise NetworkError(f"network '{self._model.name}' ({self._model.format}): " + "; ".join(parts))

    def plain(self) -> dict[str, Any]:
        """What was asked for, by option, and what was concluded."""
        return {**plain_assumptions(self._assumptions), "notes": self.notes}


def plain_assumptions(assumptions: Assumptions) -> dict[str, Any]:
    """What was said, in plain values; without what nobody said.

    Parameters
    ----------
    assumptions : Assumptions

    Returns
    -------
    dict
        Fractions as text; `parse_assumptions` reads it back.
    """
    found: dict[str, Any] = {
        "encoding": None if assumptions.encoding is None else dict(assumptions.encoding),
        "input_scale": str(assumptions.input_scale),
        "input_offset": str(assumptions.input_offset),
        "reset": assumptions.reset,
        "comparison": None if assumptions.strict is None else COMPARISONS[assumptions.strict],
        "floor": assumptions.floor,
        "weight_bits": assumptions.weight_bits,
        "classes": assumptions.classes,
        "decode": None if assumptions.decode is None else dict(assumptions.decode),
        "allow": sorted(assumptions.allow),
        "dt": None if assumptions.dt is None else str(assumptions.dt),
    }
    return {key: value for key, value in found.items() if value is not None}


def parse_assumptions(plain: Mapping[str, Any]) -> Assumptions:
    """What was said, from what `plain_assumptions` made of it."""
    given: dict[str, Any] = dict(plain)
    given.pop("notes", None)
    for key in ("input_scale", "input_offset", "dt"):
        if key in given:
            given[key] = Fraction(given[key])
    if "comparison" in given:
        given["strict"] = {word: strict for strict, word in COMPARISONS.items()}[given.pop("comparison")]
    return Assumptions(**{**given, "allow": frozenset(given.get("allow", ()))})
