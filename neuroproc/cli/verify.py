"""Hold every layer's decisions of an image against plain integer evaluation of its network, frames back to back."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from compiler.dead import remove_dead
from compiler.evaluate import evaluate
from compiler.layers import Flatten
from compiler.network import INPUT, LayeredNetwork
from compiler.network_file import load_network
from isa_spec.coding import check_frames
from isa_spec.errors import EmulationError, NetworkError
from isa_spec.frames import as_frames
from isa_spec.image import LayerRecord, ProcessorImage
from isa_spec.trains import spike_trains
from neuroproc.cli.classify import positive
from neuroproc.cli.show import print_json, progress, table
from neuroproc.cli.streams import get_image
from neuroproc.formats.frames import read_frames
from neuroproc.host import MapReader, encode_frames, input_contract, told_trains
from neuroproc.probe import SpikeProbe
from neuroproc.processor import Processor

EXAMPLE = "neuroproc verify digits.json digits.npi digits_frames.npz --limit 20"
DIFFERENT = 5
"""Exit status when a decision differs."""
BATCH = 50
"""Frames that are held in memory at once, every layer of them."""


@dataclass(frozen=True)
class Divergence:
    """One decision that differs: where and when, what was found and what is right."""

    layer: str
    frame: int
    channel: int
    row: int
    column: int
    cycle: int
    found: int
    expected: int


@dataclass(frozen=True)
class Verification:
    """Decisions compared and different, by layer in order of depth; the first that differs, if any."""

    frames: int
    compared: dict[str, int]
    different: dict[str, int]
    first: Divergence | None

    @property
    def exact(self) -> bool:
        """Whether every decision of every layer is right."""
        return self.first is None


def verify(
    network: LayeredNetwork,
    image: ProcessorImage,
    frames: np.ndarray,
    engine: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Compare every decision of every layer; batches of frames run back to back at the initiation interval.

    Parameters
    ----------
    network : LayeredNetwork
    image : ProcessorImage
        Compiled from this very network; if pruned, it is held against the network without its dead matter.
    frames : int[n_frames, C, H, W], or as `as_frames` has it
    engine : str
        As for `Processor`.
    progress : callable, optional
        Called with the frames done and all frames.

    Raises
    ------
    NetworkError
        If the image was compiled from another network.
    EmulationError
        If there are no frames.
    FormatError
        If they do not fit, or the encoding cannot carry their values.
    """
    if image.source_digest != network.source_digest:
        raise NetworkError(
            f"the image was compiled from another network ({image.source_digest[:19]}...) than '{network.name}' "
            f"({network.source_digest[:19]}...); compile it again"
        )
    if image.options.get("prune") and not network.pruned_from:
        network = remove_dead(network)
    frames = as_frames(frames, network.input_shape)
    if not len(frames):
        raise EmulationError("no frames to verify")
    input_contract(image)
    check_frames(network.encoding, frames)
    records = [record for record in image.layers if record.contract is not None]
    compared, different = dict.fromkeys((r.name for r in records), 0), dict.fromkeys((r.name for r in records), 0)
    first: Divergence | None = None
    probe = SpikeProbe()
    processor = Processor(image, engine=engine, probes=[probe])
    for begin in range(0, len(frames), BATCH):
        part = frames[begin : begin + BATCH]
        expected = _decisions(network, part)
        found = _run(processor, probe, image, records, part)
        for record in records:
            right = expected[record.name].reshape(found[record.name].shape)
            wrong = found[record.name] != right
            compared[record.name] += wrong.size
            different[record.name] += int(wrong.sum())
            if first is None and wrong.any():
                first = _divergence(record, right, found[record.name], begin)
        if progress:
            progress(begin + len(part), len(frames))
    return Verification(len(frames), compared, different, first)


def _decisions(network: LayeredNetwork, frames: np.ndarray) -> dict[str, np.ndarray]:
    """What every layer's lanes must say: the oracle's decisions, and spikes where it sees the frame's values."""
    expected = {**evaluate(network, frames), INPUT: spike_trains(network.encoding, frames)}
    for layer in network.layers:
        if isinstance(layer, Flatten):
            expected[layer.name] = expected[layer.sources[0]]
    return expected


def _run(
    processor: Processor, probe: SpikeProbe, image: ProcessorImage, records: list[LayerRecord], frames: np.ndarray
) -> dict[str, np.ndarray]:
    """Spikes of every layer: uint8[n_frames, levels, C, H, W] by name."""
    processor.reset()
    processor.inject(image.start)
    processor.inject(encode_frames(image, frames))
    readers = {r.name: MapReader(r.contract, len(frames)) for r in records if r.contract}
    interval = input_contract(image).interval
    end = max(r.contract.last_cycle for r in records if r.contract) + 1 + (len(frames) - 1) * interval
    while processor.cycle < end:
        processor.run(min(interval, end - processor.cycle))
        cycle, neuron = probe.drain()
        for record in records:
            if record.first_neuron is None or record.contract is None:
                continue
            lane = neuron - record.first_neuron
            mine = (lane >= 0) & (lane < record.contract.n_lanes)
            readers[record.name].read(cycle[mine], lane[mine])
    return {
        record.name: told_trains(image, record.first_neuron, readers[record.name].trains)
        for record in records
        if record.first_neuron is not None
    }


def _divergence(record: LayerRecord, right: np.ndarray, found: np.ndarray, begin: int) -> Divergence:
    contract = record.contract
    assert contract is not None  # records without one are not compared
    place = frame, step, channel, row, column = tuple(int(axis[0]) for axis in np.nonzero(found != right))
    cycle = int(contract.cycles()[channel, row, column]) + step * contract.beat + frame * contract.interval
    return Divergence(record.name, begin + frame, channel, row, column, cycle, int(found[place]), int(right[place]))


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("network", metavar="NETWORK", help="layered network, .json or .toml")
    parser.add_argument("image", metavar="IMAGE", help="processor image compiled from it; - for stdin")
    parser.add_argument("frames", metavar="FRAMES", help="frames: .npy, .npz, IDX or a CIFAR-10 batch (also .gz)")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N frames")
    parser.add_argument("--json", action="store_true", help="for machines")


def execute(args: argparse.Namespace) -> int:
    """Verify and print; exit status 5 if anything differs."""
    network, image = load_network(args.network), get_image(args.image)
    frames = read_frames(args.frames, network.input_shape)[: args.limit]
    result = verify(network, image, frames, progress=progress("frames"))
    if args.json:
        first = None if result.first is None else vars(result.first)
        print_json({**vars(result), "first": first, "exact": result.exact})
    else:
        print(summary(result))
    return 0 if result.exact else DIFFERENT


def summary(result: Verification) -> str:
    """The result for people."""
    rows = [[name, count, result.different[name]] for name, count in result.compared.items()]
    lines = [table(["layer", "decisions", "different"], rows)]
    if result.first is None:
        lines.append(f"every decision of {result.frames:,} frames is exact")
    else:
        d = result.first
        lines.append(
            f"first divergence: layer '{d.layer}', frame {d.frame}, channel {d.channel}, row {d.row}, "
            f"column {d.column}, cycle {d.cycle}: found {d.found}, expected {d.expected}"
        )
    return "\n".join(lines)
