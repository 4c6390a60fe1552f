"""What trained networks reach on the emulated processor: over all test frames, by method, by bits and fold, by steps.

    python benchmarks/methods.py methods --data DIR
    python benchmarks/methods.py bits --data DIR
    python benchmarks/methods.py steps --data DIR
    python benchmarks/methods.py times --data DIR

DIR holds the IDX files of MNIST. Networks are those of examples/, each with the record that `neuroproc train --json`
printed when it was trained; what the float network reached is from there, everything else is run here. Classes on the
processor are held against the fast run in integers, frame by frame, and a difference is an error; tests hold that run
against plain evaluation. It needs the extra `train`, as does `steps`, which converts the trained ReLU network anew for
each row. `times` scales the thresholds of single-spike networks to other numbers of steps, and only runs in integers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import neuroproc
from compiler.learning.conversion import Conversion
from compiler.learning.course import Course
from compiler.learning.data import Examples
from neuroproc.cli.classify import positive
from neuroproc.cli.watching import progress

ROOT = Path(__file__).resolve().parents[1]
UNROLL, WINDOWS = (28, 1), (28, 4)
"""Folds of the table of methods: a column at once; where a pool's window has to be together, as many as it takes."""
FOLDS = ((28, 28), (28, 1), (1, 1))
"""Folds of the table of bits."""
STEPS = (10, 15, 20, 30, 40, 60)
"""Columns of the table of steps."""
TIMES = (8, 16, 24, 32, 64)
"""Columns of the table of times."""
RATE = ROOT / "examples" / "rate"


@dataclass(frozen=True)
class Row:
    """A trained network, what its paper says of the same data, and the processor and fold that it is run on."""

    path: str
    paper: str = ""
    profile: str = "np16"
    unroll: tuple[int, int] = UNROLL


METHODS = (
    Row("lenet/whetstone4.json", "99 and more, by its examples"),
    Row("lenet/whetstone_small4.json"),
    Row("lenet/polished4.json"),
    Row("lenet/polished_small4.json"),
    Row("lenet/straight_through4.json"),
    Row("rate/rate8.json", "99.14 (ReLU network, published weights)"),
    Row("rate/rate5.json", "99.14 (ReLU network, published weights)"),
    Row("pooling/or.json"),
    Row("pooling/membrane.json", "", "np16-pool", WINDOWS),
    Row("pooling/membrane_subtract.json", "", "np16-subtract-pool", WINDOWS),
    Row("binary/full.json", "", "np16-subtract"),
    Row("binary/binary.json", "", "np16-subtract"),
    Row("single_spike/real.json", "99.2", "np16-deep"),
    Row("single_spike/real.json", "99.2", "np16-temporal"),
    Row("single_spike/binary.json", "98.6", "np16-deep"),
)
BITS = tuple(f"lenet/polished{bits}.json" for bits in (2, 3, 4, 8))
"""Networks of the table of bits."""


@dataclass(frozen=True)
class Conditions:
    """How a line of the table of steps is converted and run."""

    words: str
    conversion: Conversion


CONDITIONS = (
    Conditions("8 bits, percentile 99", Conversion(bits=8)),
    Conditions("8 bits, data", Conversion(bits=8, normalisation="data")),
    Conditions("8 bits, model", Conversion(bits=8, normalisation="model")),
    Conditions("8 bits, Bernoulli input", Conversion(bits=8, source="bernoulli")),
    Conditions("8 bits, reset by subtraction", Conversion(bits=8, reset="subtract", floor=-32767)),
    Conditions("8 bits, without floor", Conversion(bits=8, floor=None)),
    Conditions("8 bits, first spike", Conversion(bits=8, by="first")),
    *(Conditions(f"{bits} bits", Conversion(bits=bits)) for bits in (6, 5, 4, 3)),
)


@dataclass(frozen=True, eq=False)
class Set:
    """Frames with their labels."""

    frames: np.ndarray
    labels: np.ndarray


class Different(Exception):
    """Classes on the processor that are not those of the run in integers: never to be seen."""


def read_set(folder: Path, part: str, limit: int | None) -> Set:
    """Frames and labels of a part of MNIST, or as many as the limit says."""

    def found(name: str) -> Path:
        return next((path for path in (folder / name, folder / f"{name}.gz") if path.exists()), folder / name)

    frames = neuroproc.read_frames(found(f"{part}-images-idx3-ubyte"))
    return Set(frames[:limit], neuroproc.read_labels(found(f"{part}-labels-idx1-ubyte"))[:limit])


def profile_for(network: neuroproc.LayeredNetwork) -> neuroproc.ProcessorSpec:
    """np16, or np16-subtract for networks that reset so; without a floor where the network has none."""
    spec = neuroproc.load_profile("np16-subtract" if network.reset == "subtract" else "np16")
    if network.rate and network.floor is None:
        return replace(spec, name=f"{spec.name} without floor", potential_floor=None, potential_bits=64)
    return spec


def predicted(network: neuroproc.LayeredNetwork, frames: np.ndarray) -> np.ndarray:
    """Classes by the fast run in integers: int64[n_frames]."""
    from compiler.learning.integer_run import classes_of

    return classes_of(network, frames)


def on_processor(
    network: neuroproc.LayeredNetwork,
    spec: neuroproc.ProcessorSpec,
    unroll: tuple[int, int],
    test: Set,
    right: np.ndarray | None,
    words: str,
) -> tuple[neuroproc.ProcessorImage, neuroproc.Classification]:
    """Image at a fold, and what it makes of the frames.

    Raises
    ------
    Different
        If a class is not that of the run in integers.
    """
    plan = neuroproc.FoldPlan(unroll, gate=unroll != tuple(network.input_shape[1:]))
    image = neuroproc.compile_network(network, spec, plan)
    with progress(words) as show:
        found = neuroproc.classify(image, test.frames, test.labels, progress=show)
    if right is not None and not np.array_equal(found.predictions, right):
        raise Different(f"{words}: {int((found.predictions != right).sum())} of {len(right)} classes differ")
    return image, found


def record_of(path: Path) -> dict[str, object]:
    """What `neuroproc train --json` printed when the network was trained."""
    record: dict[str, object] = json.loads(path.with_suffix(".training.json").read_text())
    return record


def percent(share: object) -> str:
    """A share as a number of per cent."""
    assert isinstance(share, float)
    return f"{100 * share:.2f}"


def method_lines(test: Set) -> Iterator[str]:
    """The table of methods."""
    yield (
        "| method | network | parameters | bits | float | integer | processor | profile | fold | steps | neurons | "
        "synapses | spikes | synaptic operations | paper |"
    )
    yield "|---|---|" + "---:|" * 5 + "---|---|" + "---:|" * 5 + "---|"
    for row in METHODS:
        path = ROOT / "examples" / row.path
        network, record = neuroproc.load_network(path), record_of(path)
        right = predicted(network, test.frames)
        image, found = on_processor(
            network, neuroproc.load_profile(row.profile), row.unroll, test, right, f"{path.stem} on {row.profile}"
        )
        cells = (
            record["method"], f"`{row.path}`", f"{record['parameters']:,}", record["bits"],
            percent(record["test_accuracy_float"]), percent(float((right == test.labels).mean())),
            percent(found.accuracy), row.profile, "x".join(map(str, row.unroll)), network.steps,
            f"{image.n_neurons:,}", f"{image.n_synapses:,}",
            f"{found.spikes // len(test.frames):,}", f"{found.synaptic_operations // len(test.frames):,}", row.paper,
        )  # fmt: skip
        yield f"| {' | '.join(map(str, cells))} |"


def bit_lines(test: Set) -> Iterator[str]:
    """The table of bits and folds; last, what the run in integers says."""
    folds = [f"{rows}x{cols}" for rows, cols in FOLDS]
    yield f"| bits | {' | '.join(folds)} | in integers |\n|---|{'---:|' * (len(FOLDS) + 1)}"
    for name in BITS:
        path = ROOT / "examples" / name
        network = neuroproc.load_network(path)
        right = predicted(network, test.frames)
        runs = [
            on_processor(network, neuroproc.load_profile("np16"), unroll, test, right, f"{path.stem} {fold}")[1]
            for unroll, fold in zip(FOLDS, folds, strict=True)
        ]
        cells = [percent(run.accuracy) for run in runs] + [percent(float((right == test.labels).mean()))]
        yield f"| {record_of(path)['bits']} | {' | '.join(cells)} |"


def step_lines(test: Set, train: Set) -> Iterator[str]:
    """The table of steps: accuracies of conversions of one ReLU network, and its own."""
    yield f"| conversion | {' | '.join(map(str, STEPS))} |\n|---|{'---:|' * len(STEPS)}"
    record = record_of(RATE / "rate8.json")
    examples = Examples(train.frames, train.labels, "MNIST")
    course = Course(epochs=int(str(record["epochs"])))
    for conditions in CONDITIONS:
        trained = neuroproc.train_rate(
            examples,
            str(record["network"]),
            course=course,
            conversion=conditions.conversion,
            checkpoint=RATE / "checkpoint.npz",
        )
        cells = []
        for steps in STEPS:
            network = replace(trained.network, encoding={**trained.network.encoding, "steps": steps})
            words = f"{conditions.words}, {steps} steps"
            found = on_processor(network, profile_for(network), (28, 28), test, None, words)[1]
            cells.append(percent(found.accuracy))
        yield f"| {conditions.words} | {' | '.join(cells)} |"
    yield f"\nThe ReLU network itself: {percent(record['test_accuracy_float'])} of all test frames."


def rescaled(network: neuroproc.LayeredNetwork, steps: int) -> neuroproc.LayeredNetwork:
    """A latched network for another number of steps: ramps are as much longer, and thresholds as much larger."""
    layers = tuple(
        replace(layer, threshold=-(-layer.threshold * steps // network.steps)) if hasattr(layer, "weight") else layer
        for layer in network.layers
    )
    return replace(network, layers=layers, encoding={**network.encoding, "steps": steps})


def time_lines(test: Set) -> Iterator[str]:
    """The table of times: accuracies of single-spike networks with other numbers of steps than in training."""
    yield f"| network | {' | '.join(map(str, TIMES))} |\n|---|{'---:|' * len(TIMES)}"
    for name in sorted({row.path for row in METHODS if row.path.startswith("single_spike/")}, reverse=True):
        network = neuroproc.load_network(ROOT / "examples" / name)
        right = (predicted(rescaled(network, steps), test.frames) == test.labels for steps in TIMES)
        yield f"| `{name}` | {' | '.join(percent(float(some.mean())) for some in right)} |"


def main() -> int:
    """Print a table; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=("methods", "bits", "steps", "times"))
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="folder of the IDX files")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N test frames")
    args = parser.parse_args()
    try:
        test = read_set(args.data, "t10k", args.limit)
        lines = {
            "methods": lambda: method_lines(test),
            "bits": lambda: bit_lines(test),
            "steps": lambda: step_lines(test, read_set(args.data, "train", None)),
            "times": lambda: time_lines(test),
        }[args.table]()
        for line in lines:
            print(line, flush=True)
    except neuroproc.NeuroprocError as error:
        print(f"methods.py: error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
