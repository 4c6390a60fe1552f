"""Compile a layered network to a processor image, folded so that each tile of the frame has a slot of its own."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys

from compiler.costing.cost import Cost, cost_of
from compiler.costing.search import WORDS, Bounds, Option, best_option, explore
from compiler.emit import emit
from compiler.networks.dead import DeadMatter, find_dead, remove_dead
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan, Tile
from compiler.schedule import fill_channels, make_schedule
from compiler.stages import Schedule
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.files import write_atomically
from isa_spec.image import ProcessorImage
from isa_spec.spec import ProcessorSpec, load_profile
from neuroproc.bounds import falls_without_end
from neuroproc.cli.classify import positive
from neuroproc.cli.imports import NETWORK_HELP, configure_import, get_network, origin_lines
from neuroproc.cli.outputs import check_output, fold_files, refuse_one_file
from neuroproc.cli.plans import AUTO_CHANNELS, configure_plan, plan_of
from neuroproc.cli.show import table
from neuroproc.cli.streams import STANDARD, put_image, standard_output
from neuroproc.cli.watching import configure_progress, progress
from neuroproc.measuring.measures import count, layers_of_units

EXAMPLE = "neuroproc compile neuroproc/data/digits.json -o digits.npi --profile np8 --unroll 1x1"
MOST_SHOWN = 8
"""Dead channels that a line names."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("network", metavar="NETWORK", help=NETWORK_HELP)
    parser.add_argument("-o", "--output", metavar="IMAGE", required=True, help="processor image to write; - for stdout")
    parser.add_argument("--profile", default="research", metavar="NAME|FILE", help="processor (default: research)")
    parser.add_argument(
        "--unroll",
        type=unroll,
        metavar="UHxUW|auto",
        help="rows x columns of the tile; auto: within the bounds, the one of the fewest cycles per frame, or, where "
        "these are bounded, of the fewest synapses, then neurons (default: the whole frame, not folded)",
    )
    parser.add_argument(
        "--tile",
        type=tile,
        action="append",
        default=[],
        metavar="LAYER=UHxUW",
        help="other tile for the layers that read LAYER (may be repeated); a smaller one uses idle slots",
    )
    parser.add_argument("--max-neurons", type=positive, metavar="N", help="most neurons")
    parser.add_argument("--max-synapses", type=positive, metavar="N", help="most synapses")
    parser.add_argument("--max-cycles", type=positive, metavar="N", help="most cycles per frame (initiation interval)")
    configure_plan(parser)
    parser.add_argument(
        "--prune",
        action="store_true",
        help="leave out channels that never fire, always fire or are not heard; the answers stay the same",
    )
    parser.add_argument("--report", metavar="FILE", help="write the table as JSON, too; - for stdout")
    configure_import(parser)
    configure_progress(parser)


def execute(args: argparse.Namespace) -> int:
    """Compile; print the cost by layer."""
    refuse_one_file({"-o": args.output, "--report": args.report})
    for output in (args.output, args.report):
        check_output(output, *fold_files(args))
    given = get_network(args.network, args)
    network = remove_dead(given) if args.prune else given
    dead = find_dead(given)
    spec = load_profile(args.profile)
    plan, chosen = _plan(args, network, spec)
    schedule = make_schedule(network, spec, plan)
    cost = cost_of(schedule)
    image = emit(schedule, cost)
    entry = {**report(schedule, cost), **image_report(image), "dead": [vars(layer) for layer in dead.layers]}
    _write(args, image, entry if given.origin is None else {**entry, "origin": given.origin})
    # What is said goes aside where a file itself is what comes out.
    said = sys.stderr if STANDARD in (args.output, args.report) else sys.stdout
    print(cost_table(schedule, cost), file=said)
    pruned = prune_note(given, network) if args.prune else ""
    for note in (chosen, bits_note(image), *dead_notes(dead), pruned, *origin_lines(given.origin)):
        if note:
            print(note, file=said)
    return 0


def _write(args: argparse.Namespace, image: ProcessorImage, entry: dict[str, object]) -> None:
    """Write the image and, where it was asked for, the table: neither is there without the other."""
    with contextlib.ExitStack() as stack:
        if args.report is not None:
            place = standard_output() if args.report == STANDARD else write_atomically(args.report)
            file = stack.enter_context(place)
            file.write(json.dumps(entry, indent=2).encode() + b"\n")
            # A full disk is seen before the image is in its place; the table gets there after it.
            file.flush()
        put_image(args.output, image)


def _plan(args: argparse.Namespace, network: LayeredNetwork, spec: ProcessorSpec) -> tuple[FoldPlan, str]:
    """Plan that the arguments ask for, and what is to be said of the choice."""
    bounds = Bounds(args.max_neurons, args.max_synapses, args.max_cycles)
    if args.unroll != "auto":
        plan = plan_of(args, args.unroll or network.input_shape[1:], dict(args.tile))
        if AUTO_CHANNELS in args.channels:
            plan = fill_channels(network, spec, plan)
        if bounds.given():
            _check_bounds(Option(plan, cost_of(make_schedule(network, spec, plan))), bounds, folded=bool(args.unroll))
        return plan, ""
    if args.tile:
        raise ScheduleError("--tile and --unroll auto exclude each other; give the unroll that the tiles are meant for")
    with progress("unrolls", args) as show:
        options = explore(network, spec, plan_of(args, (1, 1)), show)
    choice = best_option(options, bounds)
    binding = ", ".join(f"--max-{'cycles' if name == 'interval' else name}" for name in choice.binding)
    held = f"; held back by {binding}" if binding else ""
    return choice.option.plan, f"chosen for the fewest {WORDS[choice.minimised]}{held}"


def _check_bounds(option: Option, bounds: Bounds, folded: bool) -> None:
    """The fold that was asked for, if one was, must be within the bounds."""
    over = {name: bound for name, bound in bounds.given().items() if option.measure(name) > bound}
    if not over:
        return
    needs = ", ".join(f"{option.measure(name):,} {WORDS[name]} (allowed {bound:,})" for name, bound in over.items())
    what = f"unroll {option.plan.words}" if folded else "without --unroll nothing is folded, and the whole frame"
    worst = max(over, key=lambda name: option.measure(name) / over[name])
    raise ResourceError(
        f"{what} needs {needs}; allow as much, or let --unroll auto look for a fold within the bounds",
        limit=worst,
        used=option.measure(worst),
        allowed=over[worst],
    )


def unroll(text: str) -> Tile | str:
    """Rows and columns of ``UHxUW``, or ``auto``."""
    return text if text == "auto" else rows_by_cols(text)


def rows_by_cols(text: str) -> Tile:
    """Rows and columns of ``UHxUW``."""
    rows, cross, cols = text.lower().partition("x")
    if not (cross and rows.isdecimal() and cols.isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}' is not UHxUW, for example 1x1 or 28x1")
    return int(rows), int(cols)


def tile(text: str) -> tuple[str, Tile]:
    """Layer and tile of ``LAYER=UHxUW``."""
    layer, equals, size = text.rpartition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not LAYER=UHxUW, for example pool1=7x1")
    return layer, rows_by_cols(size)


def cost_table(schedule: Schedule, cost: Cost) -> str:
    """Parameters, unrolled and folded sizes by layer, then times."""
    rows = []
    for layer in cost.layers:
        carrier = schedule.home.get(layer.name)
        ready = None if carrier is None else schedule.contract(carrier).start
        rows.append([
            layer.name, layer.parameters, layer.unrolled_neurons, layer.unrolled_synapses,
            layer.neurons, layer.synapses, layer.roles.get("relay", 0), ready,
        ])  # fmt: skip
    fields = ("parameters", "unrolled_neurons", "unrolled_synapses", "neurons", "synapses")
    relays = sum(layer.roles.get("relay", 0) for layer in cost.layers)
    rows.append(["total", *(cost.total(field) for field in fields), relays, None])
    head = [
        "layer",
        "parameters",
        "unrolled\nneurons",
        "unrolled\nsynapses",
        "folded\nneurons",
        "folded\nsynapses",
        "folded\nrelays",
        "from\ncycle",
    ]
    whole = " (the whole frame: not folded)" if schedule.plan.unroll == schedule.network.input_shape[1:] else ""
    return (
        f"{table(head, rows)}\n"
        f"unroll {schedule.plan.words}{whole}, profile {schedule.spec.name}, clearing {schedule.clearing}: "
        f"a frame every {cost.interval:,} cycles, decided after {cost.latency:,}"
    )


def report(schedule: Schedule, cost: Cost) -> dict[str, object]:
    """The table for machines."""
    return {
        "network": schedule.network.name,
        "source_digest": schedule.network.source_digest,
        "profile": schedule.spec.name,
        "unroll": list(schedule.plan.unroll),
        "clearing": schedule.clearing,
        "channels": dict(schedule.plan.channels),
        "slot": schedule.slot,
        "neurons": cost.neurons,
        "synapses": cost.synapses,
        "latency": cost.latency,
        "initiation_interval": cost.interval,
        "layers": [{**vars(layer), "roles": dict(layer.roles), "neurons": layer.neurons} for layer in cost.layers],
    }


def image_report(image: ProcessorImage) -> dict[str, object]:
    """What only the emitted image tells, for machines."""
    measures = count(image)
    return {"prune": measures["options"]["prune"], "potential_bits": measures["potential_bits"]}


def bits_note(image: ProcessorImage) -> str:
    """The width that the proof against overflow implies, for the units alone."""
    units = layers_of_units(count(image))
    if any(layer["potential_bits"] is None for layer in units):
        if falls_without_end(image):
            return "potentials fall without end: the processor has no floor"
        return "potentials may rise without end: no width is proven, and a run is checked as it goes on"
    widest = max(units, key=lambda layer: layer["potential_bits"], default=None)
    if widest is None:
        return ""
    return f"potentials of units fit {widest['potential_bits']} bits (layer '{widest['name']}' needs them)"


def dead_notes(dead: DeadMatter) -> list[str]:
    """One line for each layer that has dead channels."""
    notes = []
    for layer in dead.layers:
        kinds = (("never fire", layer.never), ("always fire", layer.always), ("are not heard", layer.unheard))
        found = ", ".join(f"{len(numbers)} {what} ({_some(numbers)})" for what, numbers in kinds if numbers)
        notes.append(f"layer '{layer.name}': of {layer.n_channels} channels {found}")
    return notes


def _some(numbers: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, numbers[:MOST_SHOWN]))
    return shown + (", ..." if len(numbers) > MOST_SHOWN else "")


def prune_note(given: LayeredNetwork, network: LayeredNetwork) -> str:
    """What pruning took away."""
    sizes = []
    for one in (given, network):
        units = [layer for layer in one.layers if layer.spikes]
        sizes.append((sum(layer.n_parameters for layer in one.layers), sum(one.shapes[unit.name][0] for unit in units)))
    (parameters, channels), (fewer_parameters, fewer_channels) = sizes
    return (
        f"pruned: {parameters - fewer_parameters:,} of {parameters:,} parameters, "
        f"{channels - fewer_channels:,} of {channels:,} channels"
    )
