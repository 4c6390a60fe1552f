"""What `verify` does across an import: decisions in floats, in integers, unfolded and folded, each against the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compiler.costing.cost import cost_of
from compiler.emit import emit
from compiler.frontends.float_compare import FloatComparison, FloatDivergence, compare_floats
from compiler.frontends.imported import Assumptions, Imported
from compiler.frontends.importing import EVALUATORS, file_digest, float_values, import_network
from compiler.frontends.quantising.records import parse_assumptions
from compiler.networks.dead import remove_dead
from compiler.networks.evaluate import evaluate
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from compiler.schedule import make_schedule
from isa_spec.coding import check_frames
from isa_spec.errors import EmulationError, NetworkError, ResourceError
from isa_spec.frames import as_frames
from isa_spec.image import LayerRecord, ProcessorImage
from neuroproc.cli.comparing import BATCH, Divergence, Reader, divergence, expected_trains
from neuroproc.cli.show import table

PAIRS = ("quantised, spatial", "spatial, folded", "quantised, folded")
"""What integers are held against, and what images are."""
MOST_SYNAPSES = 20_000_000
"""Largest unfolded network that is run for comparison."""


@dataclass
class Across:
    """Decisions compared and different, by layer in order of depth.

    Parameters
    ----------
    frames : int
    compared : dict of str to int
    floats : FloatComparison
        Model and integers.
    different : dict of str to dict of str to int
        By pair of `PAIRS`, then by layer.
    first : dict of str to Divergence
        By pair, the first that differs.
    spatial : str
        Why there is no image that is not folded to compare with; empty if there is one.
    labels : dict of str to str
        Fidelity of the model's layers.
    """

    frames: int
    compared: dict[str, int]
    floats: FloatComparison = field(default_factory=FloatComparison)
    different: dict[str, dict[str, int]] = field(default_factory=dict)
    first: dict[str, Divergence] = field(default_factory=dict)
    spatial: str = ""
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether integers and images agree, and the model with them wherever it is labelled exact."""
        return not self.first and not self.floats.faults


def imported_of(path: Path, image: ProcessorImage) -> tuple[Imported, Assumptions]:
    """The network that an image was compiled from, brought into integers once more, as the image says it was.

    Raises
    ------
    NetworkError
        If the image is of another file, or was not imported.
    """
    origin = image.options.get("origin")
    if origin is None or "file_digest" not in origin:
        raise NetworkError(
            f"{path}: the image does not say that it was compiled from a foreign file; verify it against the network "
            "that it was compiled from, or compile this file"
        )
    if origin["file_digest"] != file_digest(path):
        raise NetworkError(
            f"{path}: the image was compiled from another file ({origin['source']}, {origin['file_digest'][:19]}...); "
            "compile it again"
        )
    assumptions = parse_assumptions(origin["assumptions"])
    imported = import_network(path, assumptions)
    if imported.network.source_digest != image.source_digest:
        raise NetworkError(
            f"{path}: is brought into other integers than those of the image, by another version of this program; "
            "compile it again"
        )
    return imported, assumptions


def verify_import(
    path: Path,
    image: ProcessorImage,
    frames: np.ndarray,
    engine: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Across:
    """Compare every decision of every layer: floats, integers, the image unfolded, the image.

    Parameters
    ----------
    path : Path
        Foreign file.
    image : ProcessorImage
        Compiled from it; if pruned, images are held against the network without its dead matter.
    frames : int[n_frames, C, H, W]; C and W may be missing where they are 1
    engine : str
        As for `Processor`.
    progress : callable, optional
        Called with the frames done and all frames.

    Raises
    ------
    NetworkError
        As `imported_of`.
    EmulationError
        If there are no frames.
    FormatError
        If they do not fit, or the encoding cannot carry their values.
    """
    imported, assumptions = imported_of(path, image)
    network = imported.network
    frames = as_frames(frames, network.input_shape)
    if not len(frames):
        raise EmulationError("no frames to verify")
    check_frames(network.encoding, frames)
    if image.options.get("prune"):
        network = remove_dead(network)
    folded = Reader(image, engine)
    spatial, why = _spatial(network, image, engine)
    result = Across(len(frames), dict.fromkeys((r.name for r in folded.records), 0), spatial=why)
    result.labels = {label.layer: label.fidelity for label in imported.labels}
    precision = np.float32 if path.suffix in EVALUATORS else np.float64
    for begin in range(0, len(frames), BATCH):
        part = frames[begin : begin + BATCH]
        decisions = evaluate(imported.network, part)
        values = float_values(path, imported, assumptions, part)
        compare_floats(result.floats, imported, assumptions, values, decisions, begin, precision)
        right, found = expected_trains(network, part), folded.run(part)
        for record in folded.records:
            result.compared[record.name] += found[record.name].size
        if spatial is None:
            _count(result, PAIRS[2], folded.records, right, found, begin)
        else:
            unfolded = spatial.run(part)
            _count(result, PAIRS[0], spatial.records, right, unfolded, begin)
            _count(result, PAIRS[1], folded.records, unfolded, found, begin)
        if progress:
            progress(begin + len(part), len(frames))
    return result


def _spatial(network: LayeredNetwork, image: ProcessorImage, engine: str) -> tuple[Reader | None, str]:
    """The network on the same processor, not folded; or why there is nothing to compare with."""
    whole = list(network.input_shape[1:])
    if image.options["unroll"] == whole and not image.options["tiles"] and not image.options["channels"]:
        return None, "the image is itself not folded"
    try:
        schedule = make_schedule(network, image.spec, FoldPlan(network.input_shape[1:]))
        cost = cost_of(schedule)
        if cost.synapses > MOST_SYNAPSES:
            return None, f"unfolded, the network takes {cost.synapses:,} synapses, allowed here: {MOST_SYNAPSES:,}"
        return Reader(emit(schedule, cost), engine), ""
    except ResourceError as error:
        return None, f"unfolded, the network does not fit the processor: {error}"


def _count(
    result: Across,
    pair: str,
    records: list[LayerRecord],
    right: dict[str, np.ndarray],
    found: dict[str, np.ndarray],
    begin: int,
) -> None:
    """Add up what differs between two sides."""
    counts = result.different.setdefault(pair, dict.fromkeys(result.compared, 0))
    for record in records:
        wanted = right[record.name].reshape(found[record.name].shape)
        wrong = found[record.name] != wanted
        counts[record.name] += int(wrong.sum())
        if pair not in result.first and wrong.any():
            result.first[pair] = divergence(record, wanted, found[record.name], begin)


def as_dict(result: Across) -> dict[str, Any]:
    """The result for machines."""
    floats = asdict(result.floats)
    return {
        "frames": result.frames,
        "exact": result.exact,
        "compared": result.compared,
        "floats": floats,
        "different": result.different,
        "first": {pair: vars(found) for pair, found in result.first.items()},
        "spatial": result.spatial,
        "labels": result.labels,
    }


def summary(result: Across) -> str:
    """The result for people."""
    pairs = list(result.different)
    head = ["layer", "decisions", "float,\nquantised", *(pair.replace(" ", "\n") for pair in pairs)]
    rows = [
        [name, count, result.floats.different.get(name), *(result.different[pair][name] for pair in pairs)]
        for name, count in result.compared.items()
    ]
    lines = [table(head, rows)]
    if result.spatial:
        lines.append(f"not compared with the unfolded network: {result.spatial}")
    for pair, found in result.first.items():
        lines.append(
            f"first divergence of {pair.replace(', ', ' and ')}: layer '{found.layer}', frame {found.frame}, channel "
            f"{found.channel}, row {found.row}, column {found.column}, cycle {found.cycle}: found {found.found}, "
            f"expected {found.expected}"
        )
    if not result.first:
        lines.append(f"every decision of {result.frames:,} frames is the integers'")
    return "\n".join(lines + _float_lines(result))


def _float_lines(result: Across) -> list[str]:
    """What is to be said of floats and integers."""
    floats = result.floats
    differ = sum(floats.different.values())
    if not differ and not floats.answers:
        return [f"floats decide as integers do, in every layer of {result.frames:,} frames"]
    lines = [f"floats and integers: {differ:,} of {sum(floats.compared.values()):,} decisions differ"]
    if floats.answers is not None:
        lines[0] += f", and {floats.answers:,} of {result.frames:,} answers"
    if floats.first is not None:
        lines.append(f"the first: {_place(floats.first)}")
    if floats.faults:
        lines.append(f"{floats.faults:,} frames differ first in a layer that is labelled exact, by more than rounding")
        if floats.fault is not None:
            lines.append(f"the first of these: {_place(floats.fault)}")
        return lines
    approximate = [name for name, fidelity in result.labels.items() if fidelity != "exact"]
    behind = f"layers that are approximate ({', '.join(approximate)}) or " if approximate else ""
    lines.append(f"all of it comes from {behind}sums so near to their level that floats round across it")
    return lines


def _place(found: FloatDivergence) -> str:
    held = "" if found.value is None else f"float {found.value:.9g} against {found.level:.9g}, "
    step = "" if found.step is None else f"step {found.step}, "
    return (
        f"layer '{found.layer}', frame {found.frame}, {step}channel {found.channel}, row {found.row}, column "
        f"{found.column}: {held}integers say {found.found}"
    )
