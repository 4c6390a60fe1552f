"""Runs as files: what ``classify --json`` printed, or a recording; each is held against the image that it is of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isa_spec.arrays import ZIP_MAGIC, unzip
from isa_spec.errors import FormatError
from isa_spec.files import read_bytes
from isa_spec.image import ProcessorImage, graph_digest
from isa_spec.showing import brief
from neuroproc.classifying.classification import Classification
from neuroproc.formats.recording_reader import holds_recording, read_recording

WANTED = "give what `neuroproc classify --json` printed, or a recording of `neuroproc run --record`"


@dataclass(frozen=True, eq=False)
class Run:
    """What is known of a run of an image; None where its file does not say.

    Parameters
    ----------
    spike_count : int64[n_neurons]
        Spikes of each neuron.
    synaptic_operations : int
        Spikes times the synapses that they left by.
    cycles : int
        In which the spikes were counted.
    observed : int32[n_observed] or None
        Whose spikes were counted: those of all where it is None.
    frames, correct : int or None
    confusion : int64[n_classes, n_classes] or None
        Frames by label and prediction.
    exits : dict or None
        Of a run with early exit: ``margin``, ``margin_reached``, ``all_steps``, ``mean_steps``, ``median_steps``.
    engine, frames_file, labels_file : str
        Empty where the file does not say.
    """

    spike_count: np.ndarray
    synaptic_operations: int
    cycles: int
    observed: np.ndarray | None = None
    frames: int | None = None
    correct: int | None = None
    confusion: np.ndarray | None = None
    exits: Mapping[str, float] | None = None
    engine: str = ""
    frames_file: str = ""
    labels_file: str = ""

    def __repr__(self) -> str:
        return brief(self)

    @property
    def spikes(self) -> int:
        """Spikes of all neurons."""
        return int(self.spike_count.sum())

    @property
    def accuracy(self) -> float | None:
        """Share of correct frames; None without labels."""
        return None if self.correct is None or not self.frames else self.correct / self.frames


def read_run(source: str | Path | bytes, image: ProcessorImage, where: str = "") -> Run:
    """Run of an image, from a file that is told by its content.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or its content.
    image : ProcessorImage
        The one that ran.
    where : str
        Name of the content, for messages.

    Raises
    ------
    FormatError
        If the file cannot be read, is no run, is of another image, or contradicts itself.
    """
    data = source if isinstance(source, bytes) else read_bytes(source)
    where = where or ("<run>" if isinstance(source, bytes) else str(source))
    if holds_recording(data):
        return _recorded(data, where, image)
    if data.startswith(ZIP_MAGIC):
        unzip(data, where, "numpy archive")  # says so if it is truncated
        raise FormatError(f"{where}: no run; {WANTED}")
    return _classified(data, where, image)


def _recorded(data: bytes, where: str, image: ProcessorImage) -> Run:
    """Run of a recording."""
    recording = read_recording(data, image, where)
    try:
        counts = recording.spike_count(image.n_neurons)
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from None
    return Run(
        spike_count=counts,
        synaptic_operations=int(counts @ np.diff(image.row_start)),
        cycles=recording.n_cycles,
        observed=recording.observed,
    )


MOST = 2**62
"""No run counts so far."""
_EXITS = {"margin": int, "margin_reached": int, "all_steps": int, "mean_steps": float, "median_steps": float}


def _classified(data: bytes, where: str, image: ProcessorImage) -> Run:
    """Run of what ``classify --json`` printed."""
    try:
        entry = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where}: neither JSON ({error}) nor a recording; {WANTED}") from None
    if not isinstance(entry, dict) or "spikes_by_neuron" not in entry or "image" not in entry:
        raise FormatError(f"{where}: no run, for it lacks the keys 'image' and 'spikes_by_neuron'; {WANTED}")
    fields = _Fields(entry, where)
    _check_image(fields.text("image"), where, image)
    frames, correct = fields.number("frames", 1), fields.number("correct", 0, optional=True)
    counts = fields.numbers("spikes_by_neuron", image.n_neurons)
    run = Run(
        spike_count=counts,
        synaptic_operations=int(counts @ np.diff(image.row_start)),
        cycles=fields.number("cycles", 0),
        frames=frames,
        correct=correct,
        confusion=fields.square("confusion"),
        exits={key: fields.real(key) for key in _EXITS} if "margin" in entry else None,
        engine=fields.text("engine", optional=True),
        frames_file=fields.text("frames_file", optional=True),
        labels_file=fields.text("labels_file", optional=True),
    )
    _check_sums(run, entry, where)
    return run


def _check_image(digest: str, where: str, image: ProcessorImage) -> None:
    found = graph_digest(image)
    if digest != found:
        raise FormatError(
            f"{where}: is of another image ({digest[:19]}), this one is {found[:19]}; give the image that ran, or run "
            "this one"
        )


def _check_sums(run: Run, entry: Mapping[str, Any], where: str) -> None:
    """Figures that say the same thing twice have to agree."""
    pairs = [
        ("spikes", entry.get("spikes"), "the sum of spikes_by_neuron", run.spikes),
        (
            "synaptic_operations",
            entry.get("synaptic_operations"),
            "what spikes_by_neuron give",
            run.synaptic_operations,
        ),
    ]
    if run.confusion is not None:
        pairs.append(("frames", run.frames, "the sum of confusion", int(run.confusion.sum())))
        pairs.append(("correct", run.correct, "the diagonal of confusion", int(np.trace(run.confusion))))
    for key, said, other, found in pairs:
        if said != found:
            raise FormatError(f"{where}: {key} = {said}, but {other} is {found}; the file was altered, run it again")
    if run.spike_count.max(initial=0) > run.cycles:
        neuron = int(run.spike_count.argmax())
        raise FormatError(
            f"{where}: spikes_by_neuron[{neuron}] = {run.spike_count[neuron]} in {run.cycles} cycles, but a neuron "
            "fires once a cycle at most; the file was altered, run it again"
        )
    if run.correct is not None and run.frames is not None and run.correct > run.frames:
        raise FormatError(
            f"{where}: correct = {run.correct} of {run.frames} frames; the file was altered, run it again"
        )


def run_of(image: ProcessorImage, result: Classification) -> Run:
    """The same of a result that was never a file."""
    return Run(
        spike_count=result.spike_count,
        synaptic_operations=result.synaptic_operations,
        cycles=result.cycles,
        frames=len(result.outputs),
        correct=result.correct,
        confusion=result.confusion(),
        engine=result.engine,
    )


@dataclass(frozen=True)
class _Fields:
    """Entries of a JSON object, each of the type that it has to be."""

    entry: Mapping[str, Any]
    where: str

    def number(self, key: str, least: int, optional: bool = False) -> Any:
        value = self.entry.get(key)
        if value is None and optional:
            return None
        if type(value) is not int or not least <= value < MOST:
            raise self._wrong(key, value, f"an integer, {least} and above, below {MOST}")
        return value

    def real(self, key: str) -> float:
        value: Any = self.entry.get(key)
        if type(value) not in (int, float) or not 0 <= value < MOST:
            raise self._wrong(key, value, f"a number, 0 and above, below {MOST}")
        return float(value)

    def text(self, key: str, optional: bool = False) -> str:
        value = self.entry.get(key)
        if value is None and optional:
            return ""
        if not isinstance(value, str):
            raise self._wrong(key, value, "text")
        return value

    def numbers(self, key: str, length: int) -> np.ndarray:
        value = self.entry.get(key)
        if not isinstance(value, list) or not all(type(one) is int and 0 <= one < MOST for one in value):
            raise self._wrong(key, value, "a list of integers, 0 and above")
        if len(value) != length:
            raise FormatError(f"{self.where}: {key} has {len(value)} entries, the image has {length} neurons")
        return np.array(value, np.int64)

    def square(self, key: str) -> np.ndarray | None:
        value = self.entry.get(key)
        if value is None:
            return None
        rows = value if isinstance(value, list) and value else [None]
        for row in rows:
            if not isinstance(row, list) or len(row) != len(rows):
                raise self._wrong(key, value, "a list of as many rows as columns")
            if not all(type(one) is int and 0 <= one < MOST for one in row):
                raise self._wrong(key, value, "integers, 0 and above")
        return np.array(rows, np.int64)

    def _wrong(self, key: str, value: Any, allowed: str) -> FormatError:
        shown = json.dumps(value)
        shown = shown if len(shown) <= 40 else shown[:40] + "..."
        return FormatError(f"{self.where}: {key} = {shown}, allowed: {allowed}; {WANTED}")
