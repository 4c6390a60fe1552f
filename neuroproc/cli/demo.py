"""Compile the shipped network at several folds, run and verify the shipped frames, and say which commands did it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import neuroproc
from compiler.costing.cost import cost_of
from compiler.emit import emit
from compiler.networks.network_file import load_network
from compiler.plan import FoldPlan
from compiler.schedule import fill_channels, make_schedule
from isa_spec.spec import load_profile
from neuroproc.classifying.classification import classify
from neuroproc.cli.show import print_json, table
from neuroproc.cli.verify import DIFFERENT, verify
from neuroproc.cli.watching import configure_progress, lines, progress
from neuroproc.formats.frames import read_frames, read_labels

EXAMPLE = "neuroproc demo"
PROFILE = "np8"
DATA = Path(neuroproc.__file__).parent / "data"
NETWORK, FRAMES = DATA / "digits.json", DATA / "digits_frames.npz"


def demo(progress: Callable[[int, int], None] | None = None) -> list[dict[str, Any]]:
    """Sizes, times and answers of the shipped network, from one tile for the whole frame down to one pixel at a time.

    And once more pixel by pixel, with several channels on a neuron.

    Parameters
    ----------
    progress : callable, optional
        Called with the folds done and all folds.

    Returns
    -------
    list of dict
        One entry per fold: ``unroll``, ``channels`` (on a neuron, by layer), ``neurons``, ``synapses``, ``interval``
        and ``latency`` in cycles, ``accuracy``, ``different`` (decisions that differ from plain integer evaluation,
        over every layer and frame) and ``frames_per_second``.
    """
    network, spec = load_network(NETWORK), load_profile(PROFILE)
    frames, labels = read_frames(FRAMES), read_labels(FRAMES)
    _, height, width = network.input_shape
    results = []
    plans = [FoldPlan(unroll) for unroll in ((height, width), (height, 1), (2, 2), (1, 1))]
    plans.append(fill_channels(network, spec, plans[-1]))
    for number, plan in enumerate(plans):
        if progress:
            progress(number, len(plans))
        schedule = make_schedule(network, spec, plan)
        image = emit(schedule, cost_of(schedule))
        found = classify(image, frames, labels)
        checked = verify(network, image, frames)
        results.append({
            "unroll": f"{plan.unroll[0]}x{plan.unroll[1]}",
            "channels": dict(plan.channels),
            "neurons": image.n_neurons,
            "synapses": image.n_synapses,
            "interval": image.interval,
            "latency": image.latency,
            "accuracy": found.accuracy,
            "different": sum(checked.different.values()),
            "frames_per_second": len(frames) / found.seconds,
        })  # fmt: skip
    if progress:
        progress(len(plans), len(plans))
    return results


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    configure_progress(parser)
    parser.add_argument("--json", action="store_true", help="for machines")


def execute(args: argparse.Namespace) -> int:
    """Run the demo and print it; exit status 5 if any decision differs."""
    say = lines(args)
    if say:
        say("compiling the shipped network at five folds; the first run also compiles the emulator")
    with progress("folds", args) as show:
        results = demo(show)
    if args.json:
        print_json(results)
    else:
        print(summary(results))
    return DIFFERENT if any(result["different"] for result in results) else 0


def summary(results: list[dict[str, Any]]) -> str:
    """The results for people."""
    network = load_network(NETWORK)
    parameters = sum(layer.n_parameters for layer in network.layers)
    shape = "x".join(map(str, network.input_shape))
    head = ["unroll", "neurons", "synapses", "cycles\nper frame", "latency", "accuracy", "wrong", "frames/s"]
    keys = ("neurons", "synapses", "interval", "latency")
    rows = [
        [
            r["unroll"] + " in turns" * bool(r["channels"]),
            *(r[key] for key in keys),
            f"{r['accuracy']:.2%}",
            r["different"],
            round(r["frames_per_second"]),
        ]
        for r in results
    ]
    kinds = ", ".join(layer.name for layer in network.layers)
    net, data = shlex.quote(str(NETWORK)), shlex.quote(str(FRAMES))
    return "\n".join([
        f"{network.name}: {shape} frames, {parameters:,} parameters, profile {PROFILE}",
        f"layers {kinds}",
        f"{len(read_labels(FRAMES))} frames, back to back; the unroll is the tile that is processed at once,",
        "in turns: several channels on a neuron, each in time that would be idle;",
        "wrong: decisions, of all layers, that differ from plain integer evaluation",
        "",
        table(head, rows),
        "",
        "the same by hand, for one fold:",
        f"  neuroproc compile {net} -o digits.npi --profile {PROFILE} --unroll 1x1 --channels auto",
        "  neuroproc count digits.npi",
        f"  neuroproc classify digits.npi {data} --labels {data}",
        f"  neuroproc verify {net} digits.npi {data}",
    ])  # fmt: skip
