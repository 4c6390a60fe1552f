"""Train a network on a folder of labelled frames, and write it with integer weights and thresholds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from compiler.learning.architectures import ARCHITECTURES
from compiler.learning.binary_conversion import WEIGHTS, BinaryConversion
from compiler.learning.conversion import DECISIONS, NORMALISATIONS, POOLINGS, Conversion
from compiler.learning.course import Course, Progress, jitter_of
from compiler.learning.data import Examples
from compiler.learning.grid import BITS
from compiler.learning.sharpening import SCHEDULES
from compiler.learning.train import (
    FEW,
    STEPS,
    Trained,
    train_binary,
    train_rate,
    train_single_spike,
    train_straight_through,
    train_whetstone,
)
from compiler.networks.network_writer import check_path, save_network
from isa_spec.coding import RATE_SOURCES
from isa_spec.errors import FormatError, NetworkError
from isa_spec.spec import load_profile
from neuroproc.cli.classify import positive
from neuroproc.cli.outputs import check_output
from neuroproc.cli.show import print_json
from neuroproc.cli.watching import configure_progress, lines
from neuroproc.formats.folders import Layout, files_of, find_layout, read_part

EXAMPLE = "neuroproc train whetstone --data digits --network 8C3p1-P2-50 --epochs 3 -o trained.json"
METHODS: Mapping[str, str] = {
    "whetstone": "0/1 units: bounded ReLUs that are sharpened to steps",
    "straight-through": "0/1 units: steps, trained with the gradient of ramps",
    "single-spike": "units that fire once or never, trained by the errors of their spike times; the first one decides",
    "rate": "ReLU units, converted to a rate-coded network by weight and threshold balancing",
    "binary": "ReLU units with signs as inner weights, converted to a network of several steps",
}
NETWORKS: Mapping[str, str] = {"rate": "lenet-rate", "binary": "vgg-small", "single-spike": "lenet-single-spike"}
"""Other networks than lenet-small that a method trains if none is named."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    methods = parser.add_subparsers(dest="method", metavar="METHOD", required=True)
    for name, summary in METHODS.items():
        method = methods.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        method.add_argument(
            "--data", required=True, metavar="DIR", type=Path,
            help="folder with train.npz (arrays frames and labels), and for the last line test.npz; or with IDX files "
            "as MNIST has them: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
            "t10k-labels-idx1-ubyte; or with the batches of CIFAR-10, binary or Python: data_batch_1 .. 5 and "
            "test_batch (also .gz)",
        )  # fmt: skip
        method.add_argument("-o", "--output", required=True, metavar="NETWORK", help="network to write: NAME.json")
        network = NETWORKS.get(name, "lenet-small")
        method.add_argument(
            "--network", default=network, metavar="NAME",
            help=f"{', '.join(ARCHITECTURES)}, or written out, as in 16C5-P2-128-100 (default: {network})",
        )  # fmt: skip
        method.add_argument("--epochs", type=positive, default=12, metavar="N", help="default: 12")
        method.add_argument("--seed", type=natural, default=1, metavar="N", help="default: 1")
        method.add_argument(
            "--jitter", type=factor, default=1.0, metavar="F",
            help="how much frames are shifted, turned and zoomed at random; 0: not at all (default: 1)",
        )  # fmt: skip
        bits = 4 if name in ("whetstone", "straight-through") else 8
        which = "weights that are no signs, at most" if name == "binary" else "the weights"
        fewest = "1 (signs)" if name == "single-spike" else BITS[0]
        method.add_argument(
            "--bits", type=positive, default=bits, metavar="N",
            help=f"of {which}, {fewest} to {BITS[-1]} (default: {bits})",
        )  # fmt: skip
        method.add_argument(
            "--checkpoint", type=Path, metavar="FILE", help="written after each epoch; goes on from it if it is there"
        )
        if name == "rate":
            _configure_rate(method)
        elif name == "binary":
            _configure_binary(method)
        else:
            method.add_argument(
                "--start", type=Path, metavar="FILE", help="checkpoint of the same network to take the first weights of"
            )
        if name == "single-spike":
            _configure_single_spike(method)
        elif name in ("whetstone", "straight-through"):
            method.add_argument(
                "--planes", type=positive, default=4, metavar="N", help="input spikes of the largest value (default: 4)"
            )
        if name == "whetstone":
            method.add_argument(
                "--schedule", choices=SCHEDULES, default=SCHEDULES[0], help=f"of sharpening (default: {SCHEDULES[0]})"
            )
        configure_progress(method)
        method.add_argument("--json", action="store_true", help="for machines")


def _configure_steps(method: argparse.ArgumentParser, default: Conversion | BinaryConversion, profile: str) -> None:
    method.add_argument(
        "--steps", type=positive, default=default.steps, metavar="N", help=f"of a frame (default: {default.steps})"
    )
    method.add_argument(
        "--profile", default=profile, metavar="NAME|FILE",
        help=f"processor whose reset and potential floor the network takes over (default: {profile})",
    )  # fmt: skip


def _configure_binary(method: argparse.ArgumentParser) -> None:
    default = BinaryConversion()
    _configure_steps(method, default, "np16-subtract")
    method.add_argument(
        "--weights", choices=WEIGHTS, default=default.weights,
        help=f"between the first layer and the last: signs, or weights as in these (default: {default.weights})",
    )  # fmt: skip
    method.add_argument(
        "--percentile", type=float, default=default.percentile, metavar="P",
        help=f"of what a layer answers, for which a rate of 1 stands (default: {default.percentile})",
    )  # fmt: skip


def _configure_rate(method: argparse.ArgumentParser) -> None:
    default = Conversion()
    _configure_steps(method, default, "np16")
    method.add_argument(
        "--pooling", choices=POOLINGS, default=default.pooling,
        help="the mean of rates, or their maximum: by any spike, or by potential; a network for the maximum is trained "
        f"with it (default: {default.pooling})",
    )  # fmt: skip
    method.add_argument(
        "--normalisation", choices=NORMALISATIONS, default=default.normalisation,
        help=f"what a rate of 1 stands for (default: {default.normalisation})",
    )  # fmt: skip
    method.add_argument(
        "--percentile", type=float, default=default.percentile, metavar="P",
        help=f"for the normalisation of this name (default: {default.percentile})",
    )  # fmt: skip
    method.add_argument(
        "--input", choices=RATE_SOURCES, default=default.source, help=f"its spikes (default: {default.source})"
    )
    method.add_argument(
        "--decision", choices=DECISIONS, default=default.by,
        help=f"by most output spikes or the first one (default: {default.by})",
    )  # fmt: skip


def _configure_single_spike(method: argparse.ArgumentParser) -> None:
    method.add_argument(
        "--steps", type=positive, default=STEPS, metavar="N", help=f"times at which a unit may fire (default: {STEPS})"
    )
    method.add_argument(
        "--profile", default="np16-deep", metavar="NAME|FILE",
        help="processor whose potential floor the network takes over (default: np16-deep)",
    )  # fmt: skip


def execute(args: argparse.Namespace) -> int:
    """Train, write, and say how good it is."""
    check_path(args.output)
    layout = find_layout(args.data)
    read = (*files_of(args.data, layout), args.checkpoint, getattr(args, "start", None))
    check_output(args.output, *read, with_arrays=True)
    check_output(args.checkpoint)
    examples, test = (_read(args.data, layout, part) for part in ("train", "test"))
    assert examples is not None  # or there would be no layout
    if test is not None and test.frames.shape[1:] != examples.frames.shape[1:]:
        raise FormatError(
            f"{args.data}: {layout.files['test'][0][0]} has frames of {list(test.frames.shape[1:])}, those to train on "
            f"are {list(examples.frames.shape[1:])}, allowed: one shape"
        )
    if test is not None and test.labels.max() >= examples.classes:
        raise FormatError(
            f"{args.data}: labels to test by go up to {test.labels.max()}, those to train by up to "
            f"{examples.classes - 1}, allowed: the same classes"
        )
    trained = train(args, examples)
    save_network(trained.network, args.output)
    result = measured(args, trained, test)
    if args.json:
        print_json(result)
    else:
        print("\n".join(summary(result, Path(args.output))))
    return 0


def train(args: argparse.Namespace, examples: Examples) -> Trained:
    """Train by the method that was asked for."""
    course = Course(epochs=args.epochs, seed=args.seed, jitter=jitter_of(args.jitter))
    watch = _watch(args)
    if args.method == "rate":
        spec = load_profile(args.profile)
        conversion = Conversion(
            bits=args.bits,
            steps=args.steps,
            normalisation=args.normalisation,
            percentile=args.percentile,
            reset=spec.reset,
            source=args.input,
            by=args.decision,
            floor=spec.potential_floor,
            pooling=args.pooling,
        )
        return train_rate(
            examples, args.network, course=course, conversion=conversion, checkpoint=args.checkpoint, watch=watch
        )
    if args.method == "single-spike":
        spec = load_profile(args.profile)
        if spec.reset != "zero":
            raise NetworkError(
                f"profile '{spec.name}' has reset = {spec.reset!r}, allowed for single spikes: zero (a unit that has "
                "fired keeps nothing); take another profile"
            )
        return train_single_spike(
            examples,
            args.network,
            course=replace(course, batch=FEW),
            bits=args.bits,
            steps=args.steps,
            floor=spec.potential_floor,
            start=args.start,
            checkpoint=args.checkpoint,
            watch=watch,
        )
    if args.method == "binary":
        spec = load_profile(args.profile)
        signs = BinaryConversion(
            weights=args.weights,
            bits=args.bits,
            steps=args.steps,
            percentile=args.percentile,
            reset=spec.reset,
            floor=spec.potential_floor,
            threshold_max=spec.threshold_max,
        )
        return train_binary(
            examples, args.network, course=course, conversion=signs, checkpoint=args.checkpoint, watch=watch
        )
    units = {
        "course": course,
        "bits": args.bits,
        "planes": args.planes,
        "start": args.start,
        "checkpoint": args.checkpoint,
        "watch": watch,
    }
    if args.method == "whetstone":
        return train_whetstone(examples, args.network, schedule=args.schedule, **units)
    return train_straight_through(examples, args.network, **units)


def natural(text: str) -> int:
    """An integer of 0 or above."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not an integer of 0 or above")
    return int(text)


def factor(text: str) -> float:
    """A finite number of 0 or above."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of 0 or above")
    return value


def _read(folder: Path, layout: Layout, part: str) -> Examples | None:
    """Examples of a part, None if the folder has no file of it."""
    arrays = read_part(folder, layout, part)
    return None if arrays is None else Examples(*arrays, str(folder))


def _watch(args: argparse.Namespace) -> Any:
    """Callable that says on standard error how it goes, a line for each epoch; None where that is not wanted."""
    show = lines(args, logged=True)
    if show is None:
        return None

    def watch(progress: Progress) -> None:
        note = f", {progress.note}" if progress.note else ""
        show(
            f"epoch {progress.epoch} of {progress.epochs}: loss {progress.loss:.4f}, "
            f"held-out accuracy {progress.held_accuracy:.2%}{note}"
        )

    return watch


def measured(args: argparse.Namespace, trained: Trained, test: Examples | None) -> dict[str, Any]:
    """What was done and what came out, for machines."""
    result: dict[str, Any] = {
        "method": args.method,
        "network": args.network,
        "bits": args.bits,
        "epochs": args.epochs,
        "seed": args.seed,
        "parameters": trained.architecture.n_parameters,
        "digest": trained.network.digest,
    }
    result |= {option: getattr(args, option) for option in ("weights", "pooling") if option in args}
    for name, examples in (("held", trained.held), ("test", test)):
        if examples is not None:
            result[f"{name}_frames"] = len(examples)
            result[f"{name}_accuracy_float"] = trained.float_accuracy(examples)
            result[f"{name}_accuracy_integer"] = trained.accuracy(examples)
    return result


def summary(result: Mapping[str, Any], out: Path) -> Sequence[str]:
    """The same for people."""
    signs = " or signs" if result.get("weights") == "binary" else ""
    said = [
        f"{result['network']} by {result['method']}: {result['parameters']:,} weights of {result['bits']} bits{signs}, "
        f"written to {out.name} and {out.with_suffix('.npz').name}",
    ]
    for name, words in (("held", "frames held out"), ("test", "test frames")):
        if f"{name}_frames" in result:
            said.append(
                f"{result[f'{name}_frames']:,} {words}: floats {result[f'{name}_accuracy_float']:.2%}, "
                f"integers {result[f'{name}_accuracy_integer']:.2%}"
            )
    return said
