"""Say why a neuron fired in a cycle, or did not: its potential before, every arrival, the sum, the threshold."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from isa_spec.spec import ProcessorSpec
from neuroproc.classifying.host import input_contract
from neuroproc.cli.classify import positive
from neuroproc.cli.events import configure_events
from neuroproc.cli.given import FRAMES_HELP, SPIKES_HELP, check_given, get_frame_spikes, get_spikes
from neuroproc.cli.show import print_json, table
from neuroproc.cli.streams import get_image
from neuroproc.explaining.explanation import Arrival, Explanation, explain_cycles
from neuroproc.explaining.places import Places, is_value

EXAMPLE = "neuroproc explain digits.npi --frames neuroproc/data/digits_frames.npz 'fc2[3,0,0]'"
MOST = 12
"""Arrivals that are shown of a cycle; --json has them all."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("image", metavar="IMAGE", help="processor image; - for stdin")
    parser.add_argument("spikes", metavar="SPIKES", nargs="?", help=SPIKES_HELP)
    parser.add_argument(
        "asked", metavar="NEURON@CYCLE", type=neuron_at_cycle,
        help="a neuron by number, name, port or LAYER[channel,row,column], and a cycle since the reset; after "
        "LAYER[...] it may be left out: the first that carries this value of frame 0 (the last line tells the others)",
    )  # fmt: skip
    parser.add_argument("--frames", metavar="FRAMES", help=FRAMES_HELP)
    parser.add_argument(
        "--cycles", type=positive, default=1, metavar="N", help="so many cycles, up to that one (default: 1)"
    )
    parser.add_argument("--json", action="store_true", help="for machines, with all arrivals")
    configure_events(parser)


def neuron_at_cycle(text: str) -> tuple[str, int | None]:
    """A neuron and a cycle; None for the one that a value of frame 0 begins in."""
    if is_value(text):
        return text, None
    neuron, _, cycle = text.rpartition("@")
    if not neuron or not cycle.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not NEURON@CYCLE, as 12@40, in.0.0.0@3 or 'conv1[0,2,3]@40'")
    return neuron, int(cycle)


def execute(args: argparse.Namespace) -> int:
    """Run and print."""
    check_given(args)
    image = get_image(args.image)
    neuron, asked = args.asked
    cycle = _first_cycle(image, neuron) if asked is None else asked
    if args.frames is None:
        events = get_spikes(args, image)
    else:
        # Those that have begun by that cycle.
        events, _ = get_frame_spikes(args, image, cycle // input_contract(image).interval + 1)
    found = explain_cycles(image, events, neuron, range(max(cycle + 1 - args.cycles, 0), cycle + 1))
    if args.json:
        print_json({"cycles": [asdict(explanation) for explanation in found]})
    else:
        print("\n\n".join(summary(explanation, image.spec) for explanation in found))
        when = Places(image).cycles_of(neuron)
        if when is not None:
            print(f"\n{neuron} of frame n begins in cycle {when[0][0]:,} + {when[1]:,} n")
    return 0


def _first_cycle(image: ProcessorImage, value: str) -> int:
    """Cycle in which a value of frame 0 begins."""
    places = Places(image)
    places.find(value)
    when = places.cycles_of(value)
    if when is None:
        raise EmulationError(f"'{value}' is a name here, and no value of a layer; write {value}@CYCLE")
    return when[0][0]


def summary(explanation: Explanation, spec: ProcessorSpec) -> str:
    """One cycle for people."""
    place = explanation.place
    carries = "" if place.channel is None else f", carries {place}"
    lines = [f"cycle {explanation.cycle:,}: {place.name} (neuron {place.neuron}, {place.role}){carries}"]
    lines += [f"potential before: {explanation.before:,}{_begins(explanation)}"]
    lines += _arrivals(explanation.arrivals)
    floor = ", the floor" if explanation.total < explanation.after == spec.potential_floor else ""
    lines += [_sum(explanation), outcome(explanation, spec), f"potential after: {explanation.after:,}{floor}"]
    if explanation.seen and not explanation.fired:
        lines.append(f"its spike of cycle {explanation.cycle - 1:,} is seen in this cycle")
    return "\n".join(lines)


_WHY = {
    "delayed-fire": "its spike of the cycle before is seen now, and resets it",
    "clear-synapse": "it is cleared",
    "leak": "it leaks",
}


def _begins(explanation: Explanation) -> str:
    reasons = " and ".join(_WHY[why] for why in explanation.begin_why)
    return f", but it starts from {explanation.begin}: {reasons}" if reasons else ""


def _sum(explanation: Explanation) -> str:
    terms = [explanation.begin, explanation.charge, *([explanation.slope] if explanation.slope else [])]
    text = " ".join([f"{terms[0]:,}", *(f"{'+' if term >= 0 else '-'} {abs(term):,}" for term in terms[1:])])
    slope = f", {explanation.slope:+,} of it by its slope" if explanation.slope else ""
    if explanation.spent:
        return f"sum: {explanation.total:,}, as before"
    return f"sum: {text} = {explanation.total:,}{slope}"


def outcome(explanation: Explanation, spec: ProcessorSpec) -> str:
    """What a sum leads to, in one sentence."""
    total, threshold = explanation.total, explanation.threshold
    comparison = f"{total:,} {'>=' if total >= threshold else '<'} {threshold:,}, the threshold"
    pooled = _pooled(explanation)
    if explanation.spent:
        return "it does not fire: it fires once, has fired, and ignores what arrives until it is cleared"
    if not explanation.compared and not explanation.fired:
        text = "it does not fire: nothing is delivered to it, so it is not compared (evaluation on-delivery)"
    elif explanation.compared and total >= threshold:
        text = f"it fires: {comparison}"
    elif explanation.fired:
        text = f"it fires as the output of its group, in which {pooled}: {comparison}"
    else:
        text = f"it does not fire: {comparison}; {threshold - total:,} more would do"
    if explanation.pooled and not explanation.fired:
        text += f"; it is reset with its group, in which {pooled}"
    if explanation.fired and spec.delayed_fire:
        text += f"; that is seen, and resets it, in cycle {explanation.cycle + 1:,}"
    return text


def _pooled(explanation: Explanation) -> str:
    """Who of the group fires."""
    if not explanation.pooled:
        return ""
    first, more = explanation.pooled[0].name, len(explanation.pooled) - 1
    return f"{first} and {more} more fire" if more else f"{first} fires"


def _arrivals(arrivals: Sequence[Arrival]) -> list[str]:
    """The strongest arrivals as a table, and what the others are by their layers."""
    if not arrivals:
        return ["nothing arrives"]
    strongest = sorted(arrivals, key=lambda arrival: -abs(arrival.weight))
    rows = [
        [
            f"port {arrival.port}" if arrival.source is None else str(arrival.source),
            arrival.kind if arrival.source is None else f"{arrival.source.role}, {arrival.kind}",
            f"{arrival.weight:+,}",
            arrival.delay,
            arrival.sent,
        ]
        for arrival in strongest[:MOST]
    ]
    lines = ["", table(["arrives from", "", "weight", "delay", "sent"], rows)]
    others: dict[str, list[int]] = {}
    for arrival in strongest[MOST:]:
        source = arrival.source
        who = "ports" if source is None else f"{source.layer or 'the image'} ({source.role}, {arrival.kind})"
        others.setdefault(who, []).append(arrival.weight)
    for who, weights in others.items():
        up, down = sum(max(weight, 0) for weight in weights), sum(min(weight, 0) for weight in weights)
        lines.append(f"and {len(weights):,} more from {who}: {up:+,} and {down:+,}")
    return [*lines, ""]
