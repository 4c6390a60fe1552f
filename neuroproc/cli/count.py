"""Print the static measures of an image: neurons by role, synapses, parameters, delays, latency, interval."""

from __future__ import annotations

import argparse

from neuroproc.cli.show import headline, print_json, table
from neuroproc.cli.streams import get_image
from neuroproc.measuring.measures import count

EXAMPLE = "neuroproc count digits.npi --json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument("--json", action="store_true", help="for machines")


def execute(args: argparse.Namespace) -> int:
    """Count and print."""
    image = get_image(args.image)
    measures = count(image)
    if args.json:
        print_json(measures)
        return 0
    head = [
        "layer",
        "kind",
        "parameters",
        "unrolled\nneurons",
        "unrolled\nsynapses",
        "folded\nneurons",
        "folded\nsynapses",
        "bits",
    ]
    keys = ("parameters", "unrolled_neurons", "unrolled_synapses", "neurons", "synapses")
    rows = [
        [
            layer["name"],
            layer["kind"],
            *(layer[key] for key in keys),
            layer["potential_bits"],
        ]
        for layer in measures["layers"]
    ]
    rows.append(["total", "", *(measures[key] for key in keys), measures["potential_bits"]])
    print(headline(image))
    facts: tuple[str, ...] = ("max_delay", "latency", "initiation_interval", "potential_range", "potential_bits")
    if measures["layers"]:
        print(table(head, rows))
        others = [
            f"{number:,} {role} in {layer['name']}"
            for layer in measures["layers"]
            for role, number in layer["roles"].items()
            if role != "unit"
        ]
        if others:
            print(f"roles other than unit: {', '.join(others)}")
    else:
        print("no layers: it was not compiled from a layered network")
        facts = ("neurons", "synapses", *(key for key in facts if measures[key] is not None))
    for key in (*facts, *(["source_digest"] if measures["source_digest"] else [])):
        print(f"{key.replace('_', ' ')}: {measures[key]}")
    print(f"footprint: {measures['neurobench']['Footprint']:,} bytes")
    return 0
