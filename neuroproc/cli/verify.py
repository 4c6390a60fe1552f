"""Hold every layer's decisions of an image against plain integer evaluation of its network, frames back to back."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compiler.frontends.importing import is_foreign
from compiler.networks.dead import remove_dead
from compiler.networks.network import LayeredNetwork
from isa_spec.coding import check_frames
from isa_spec.errors import EmulationError, NetworkError
from isa_spec.frames import as_frames
from isa_spec.image import ProcessorImage
from neuroproc.classifying.host import input_shape
from neuroproc.cli import across
from neuroproc.cli.classify import positive
from neuroproc.cli.comparing import BATCH, Divergence, Reader, divergence, expected_trains
from neuroproc.cli.imports import NETWORK_HELP, get_own_network
from neuroproc.cli.show import print_json, table
from neuroproc.cli.streams import get_image
from neuroproc.cli.watching import configure_progress, progress
from neuroproc.formats.frames import read_frames

EXAMPLE = "neuroproc verify neuroproc/data/digits.json digits.npi neuroproc/data/digits_frames.npz --limit 20"
DIFFERENT = 5
"""Exit status when a decision differs."""


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
    frames : int[n_frames, C, H, W]; C and W may be missing where they are 1
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
    reader = Reader(image, engine)
    check_frames(network.encoding, frames)
    compared, different = ({record.name: 0 for record in reader.records} for _ in range(2))
    first: Divergence | None = None
    for begin in range(0, len(frames), BATCH):
        part = frames[begin : begin + BATCH]
        expected, found = expected_trains(network, part), reader.run(part)
        for record in reader.records:
            right = expected[record.name].reshape(found[record.name].shape)
            wrong = found[record.name] != right
            compared[record.name] += wrong.size
            different[record.name] += int(wrong.sum())
            if first is None and wrong.any():
                first = divergence(record, right, found[record.name], begin)
        if progress:
            progress(begin + len(part), len(frames))
    return Verification(len(frames), compared, different, first)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("network", metavar="NETWORK", help=NETWORK_HELP)
    parser.add_argument("image", metavar="IMAGE", help="processor image compiled from it; - for stdin")
    parser.add_argument("frames", metavar="FRAMES", help="frames: .npy, .npz, IDX or a CIFAR-10 batch (also .gz)")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N frames")
    configure_progress(parser)
    parser.add_argument("--json", action="store_true", help="for machines")


def execute(args: argparse.Namespace) -> int:
    """Verify and print; exit status 5 if anything differs."""
    if is_foreign(args.network):
        return _execute_across(args)
    network, image = get_own_network(args.network), get_image(args.image)
    frames = read_frames(args.frames, network.input_shape)[: args.limit]
    with progress("frames", args) as show:
        result = verify(network, image, frames, progress=show)
    if args.json:
        first = None if result.first is None else vars(result.first)
        print_json({**vars(result), "first": first, "exact": result.exact})
    else:
        print(summary(result))
    return 0 if result.exact else DIFFERENT


def _execute_across(args: argparse.Namespace) -> int:
    """Verify an image of a foreign file and print."""
    image = get_image(args.image)
    frames = read_frames(args.frames, input_shape(image))[: args.limit]
    with progress("frames", args) as show:
        result = across.verify_import(Path(args.network), image, frames, progress=show)
    if args.json:
        print_json(across.as_dict(result))
    else:
        print(across.summary(result))
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
