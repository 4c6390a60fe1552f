"""Encode frames, run them through an image back to back, decode their classes."""

from __future__ import annotations

import argparse

from isa_spec.errors import EmulationError
from neuroproc.classification import Classification, classify
from neuroproc.cli.show import print_json, progress, table
from neuroproc.cli.streams import get_image
from neuroproc.formats.frames import read_examples, read_labels
from neuroproc.host import input_shape
from neuroproc.processor import ENGINES

EXAMPLE = "neuroproc classify digits.npi digits_frames.npz --labels digits_frames.npz --limit 100"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image, compiled from a layered network; - for stdin")
    parser.add_argument("frames", metavar="FRAMES", help="frames: .npy, .npz, IDX or a CIFAR-10 batch (also .gz)")
    parser.add_argument(
        "--labels", metavar="LABELS",
        help="labels: .npy, .npz, IDX or a CIFAR-10 batch (also .gz); where FRAMES is such a batch: those inside it, "
        "unless others are given",
    )  # fmt: skip
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N frames")
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="default: auto, the faster")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="stretches of the stream side by side (default: all cores)"
    )
    parser.add_argument("--json", action="store_true", help="for machines")


def execute(args: argparse.Namespace) -> int:
    """Classify and print."""
    image = get_image(args.image)
    frames, labels = read_examples(args.frames, input_shape(image))
    if args.labels:
        labels = read_labels(args.labels)
    if labels is not None and len(labels) != len(frames):
        raise EmulationError(f"{args.labels}: {len(labels)} labels for the {len(frames)} frames of {args.frames}")
    labels = labels if labels is None else labels[: args.limit]
    result = classify(image, frames[: args.limit], labels, args.engine, progress("frames"), args.threads)
    if args.json:
        print_json(as_dict(result))
    else:
        print(summary(result))
    return 0


def positive(text: str) -> int:
    """A positive integer."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive integer")
    return int(text)


def as_dict(result: Classification) -> dict[str, object]:
    """The result for machines."""
    confusion = result.confusion()
    return {
        "frames": len(result.outputs),
        "correct": result.correct,
        "accuracy": result.accuracy,
        "predictions": None if result.predictions is None else result.predictions.tolist(),
        "confusion": None if confusion is None else confusion.tolist(),
        "spikes": result.spikes,
        "synaptic_operations": result.synaptic_operations,
        "cycles": result.cycles,
        "seconds": result.seconds,
        "engine": result.engine,
        "threads": result.threads,
    }


def summary(result: Classification) -> str:
    """The result for people."""
    frames = len(result.outputs)
    lines = []
    confusion = result.confusion()
    if confusion is not None:
        head = ["label", *(f"-> {label}" for label in range(len(confusion)))]
        lines += [table(head, [[str(label), *row] for label, row in enumerate(confusion.tolist())]), ""]
        lines.append(f"accuracy {result.accuracy:.2%}: {result.correct:,} of {frames:,} frames")
    elif result.predictions is not None:
        lines.append("predictions " + " ".join(map(str, result.predictions.tolist())))
    else:
        fired = result.outputs.reshape(frames, -1).sum(axis=1).tolist()
        lines.append("the network has no classes; output units fired per frame: " + " ".join(map(str, fired)))
    lines.append(
        f"per frame: {result.cycles / frames:,.1f} cycles, {result.spikes / frames:,.1f} spikes, "
        f"{result.synaptic_operations / frames:,.1f} synaptic operations"
    )
    threads = f"{result.threads} thread" + ("s" if result.threads > 1 else "")
    lines.append(f"{frames / result.seconds:,.0f} frames/s ({result.seconds:.2f} s, engine {result.engine}, {threads})")
    return "\n".join(lines)
