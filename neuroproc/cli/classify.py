"""Encode frames, run them through an image back to back (or one by one, until the class is clear), decode classes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage, graph_digest
from neuroproc.classifying.classification import Classification, check_labels, classify
from neuroproc.classifying.early_exit import EarlyExit, classify_by_margin
from neuroproc.classifying.host import input_shape
from neuroproc.classifying.shards import classify_shards
from neuroproc.cli.costs import bill_lines
from neuroproc.cli.show import headline, print_json, table
from neuroproc.cli.streams import get_image
from neuroproc.cli.watching import Progress, configure_progress, progress
from neuroproc.formats.frames import read_examples, read_labels
from neuroproc.measuring.benchmark import neurobench
from neuroproc.measuring.cost_table import as_dict as bill_as_dict
from neuroproc.measuring.cost_table import bill_of, load_cost_table, work_of
from neuroproc.processor import ENGINES

EXAMPLE = "neuroproc classify digits.npi neuroproc/data/digits_frames.npz --labels neuroproc/data/digits_frames.npz"
SHARD_FRAMES = 1000
"""About how many frames are run between two results that are kept."""


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
    parser.add_argument(
        "--margin", type=positive, metavar="M",
        help="early exit, for images that decide by potential: frames one by one, each until its best class leads by M "
        "potential units (default: all steps of all frames, back to back)",
    )  # fmt: skip
    parser.add_argument(
        "--cost-table", metavar="FILE",
        help="prices of operations, with their source (.toml): adds what a frame takes by them; without one, no energy "
        "and no time of a chip is printed",
    )  # fmt: skip
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="default: auto, the faster")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="stretches of the stream side by side (default: all cores)"
    )
    parser.add_argument(
        "--shards", metavar="DIR",
        help=f"keep the results of every {SHARD_FRAMES} frames in this folder; with what is there, a run that was "
        "interrupted goes on",
    )  # fmt: skip
    configure_progress(parser)
    parser.add_argument("--json", action="store_true", help="for machines")


def execute(args: argparse.Namespace) -> int:
    """Classify and print."""
    if args.margin and args.shards:
        raise EmulationError("--shards and --margin exclude each other: frames that stop early are no stream")
    prices = load_cost_table(args.cost_table) if args.cost_table else None
    image = get_image(args.image)
    frames, labels = read_examples(args.frames, input_shape(image))
    if args.labels:
        labels = read_labels(args.labels)
    if labels is not None and len(labels) != len(frames):
        raise EmulationError(f"{args.labels}: {len(labels)} labels for the {len(frames)} frames of {args.frames}")
    if labels is not None:
        check_labels(image, labels, args.labels or args.frames)
    frames, labels = frames[: args.limit], labels if labels is None else labels[: args.limit]
    with progress("frames", args) as show:
        request = (labels, args.engine, show, args.threads)
        stopped = classify_by_margin(image, frames, args.margin, *request) if args.margin else None
        if stopped:
            result = stopped.classification
        elif args.shards:
            result = _in_shards(args, image, frames, labels, show)
        else:
            result = classify(image, frames, *request)
    bill = bill_of(prices, work_of(image, result)) if prices else None
    if args.json:
        labelled = args.labels or (args.frames if labels is not None else None)
        files = {"frames_file": Path(args.frames).name, "labels_file": Path(labelled).name if labelled else None}
        exited = exits_as_dict(stopped) if stopped else {}
        priced = {"energy": bill_as_dict(bill)} if bill else {}
        metrics = {"neurobench": neurobench(image, result)}
        print_json({**identity(image), **files, **as_dict(result), **exited, **metrics, **priced})
    else:
        lines = [headline(image), *summary(result, [exits(stopped)] if stopped else [])]
        print("\n".join([*lines, "", *bill_lines(bill)] if bill else lines))
    return 0


def _in_shards(
    args: argparse.Namespace,
    image: ProcessorImage,
    frames: np.ndarray,
    labels: np.ndarray | None,
    show: Progress | None,
) -> Classification:
    """Shards one after the other, each on all threads."""
    with ThreadPoolExecutor(1) as executor:
        return classify_shards(
            image,
            frames,
            labels,
            executor=executor,
            n_shards=max(-(-len(frames) // SHARD_FRAMES), 1),
            folder=args.shards,
            engine=args.engine,
            threads=args.threads,
            progress=show,
        )


def positive(text: str) -> int:
    """A positive integer."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive integer")
    return int(text)


def identity(image: ProcessorImage) -> dict[str, object]:
    """What ran, for machines."""
    return {"image": graph_digest(image), "profile": image.spec.name, "profile_digest": image.spec.digest}


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
        "spikes_by_neuron": result.spike_count.tolist(),
        "cycles": result.cycles,
        "seconds": result.seconds,
        "engine": result.engine,
        "threads": result.threads,
    }


def exits_as_dict(stopped: EarlyExit) -> dict[str, object]:
    """When frames were stopped, for machines."""
    return {
        "margin": stopped.margin,
        "margin_reached": int(stopped.reached.sum()),
        "all_steps": stopped.n_steps,
        "mean_steps": float(stopped.steps.mean()),
        "median_steps": float(np.median(stopped.steps)),
        "steps": stopped.steps.tolist(),
    }


def exits(stopped: EarlyExit) -> str:
    """The same for people."""
    return (
        f"steps per frame: mean {stopped.steps.mean():.1f}, median {np.median(stopped.steps):g}, of {stopped.n_steps}; "
        f"{stopped.reached.sum():,} of {len(stopped.steps):,} frames reached margin {stopped.margin}"
    )


def summary(result: Classification, more: Sequence[str]) -> list[str]:
    """The result for people, with more lines after the decisions."""
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
    lines += more
    lines.append(
        f"per frame: {result.cycles / frames:,.1f} cycles, {result.spikes / frames:,.1f} spikes, "
        f"{result.synaptic_operations / frames:,.1f} synaptic operations"
    )
    threads = f"{result.threads} thread" + ("s" if result.threads > 1 else "")
    lines.append(f"{frames / result.seconds:,.0f} frames/s ({result.seconds:.2f} s, engine {result.engine}, {threads})")
    return lines
