"""How fast the engines are: synaptic operations, cycles and frames a second, beside what the machine and others do.

Rows, limits of the machine and peers take turns, for some rounds; figures are medians, a share or a ratio is the median
of those within each round. Rows are CPU time, those of sets of frames wall time. Before anything is timed, spikes of
all neurons, with their cycles, are compared with those of the reference engine.

    python benchmarks/speed.py                              all of it, with random frames
    python benchmarks/speed.py a b e e50 --rounds 7         some workloads (`workloads.py`)
    python benchmarks/speed.py f --frames t10k-images-idx3-ubyte.gz
    python benchmarks/speed.py a e --peer brian2=/tmp/brian2/bin/python
    python benchmarks/speed.py start                        start-up, latency, compilation

``e50`` is e with a call from the host every 50 cycles; ``d64`` and ``e64`` are 64 streams in lockstep; ``f`` is LeNet
at five folds, on one thread and on two.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before numpy: a matrix product on one core, as all else.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import neuroproc
from benchmarks.machine import PRODUCT_FRAMES, Limit, limit_rate, limits, machine_name, rate
from benchmarks.peers.running import PEERS, Peer, PeerError, start_peer
from benchmarks.rows import FOLDS, LANES, STREAMS, Row, WrongSpikes, fold_rows, lane_row, stream_row
from benchmarks.startup import measure_start
from neuroproc.cli.classify import positive

NAMES = (*STREAMS, *LANES, "f", "start")
ENGINES = ("auto", "event", "batch")
N_FRAMES = 10_000
QUICK = 50
"""How much less of everything is run with --quick."""


def rows_of(names: list[str], engine: str, frames: np.ndarray, quick: int, shuffled: bool) -> Iterator[Row]:
    """Rows of workloads, each checked."""
    for name in names:
        if name in STREAMS:
            yield stream_row(name, engine, quick, shuffled)
        elif name in LANES and engine != "event":
            yield lane_row(name, quick)
        elif name == "f":
            for fold in FOLDS:
                yield from fold_rows(fold, engine, frames)


def frames_of(path: str | None, quick: int) -> np.ndarray:
    """Frames from a file, or random ones that are as full as those of MNIST: uint8[n_frames, 1, 28, 28]."""
    n_frames = N_FRAMES // quick
    if path is not None:
        return neuroproc.read_frames(path, (1, 28, 28))[:n_frames]
    frames = np.zeros((n_frames, 1, 28, 28), np.uint8)
    frames[:, :, 4:24, 4:24] = 255 * (np.random.default_rng(1).random((n_frames, 1, 20, 20)) < 0.2)
    return frames


def measure(rows: list[Row], bounds: list[Limit], peers: list[Peer], rounds: int) -> dict[str, np.ndarray]:
    """Rates in operations per second of every row, limit and peer: float64[rounds], by name."""
    for bound in bounds:
        bound.play()
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for bound in bounds:
            rates.setdefault(bound.name, []).append(limit_rate(bound))
        for row in rows:
            rates.setdefault(row.name, []).append(rate(row.operations, row.play))
            for peer in peers:
                if peer.workload == row.name:
                    rates.setdefault(peer.name, []).append(rate(peer.operations, peer.play))
    return {name: np.array(values) for name, values in rates.items()}


def figures(rows: list[Row], bounds: list[Limit], peers: list[Peer], rates: dict[str, np.ndarray]) -> dict[str, Any]:
    """All figures, for machines."""
    median = {name: float(np.median(values)) for name, values in rates.items()}
    found: list[dict[str, Any]] = []
    for row in rows:
        seconds = row.operations / median[row.name]
        share = np.median(rates[row.name] / rates[row.limit.name]) * row.limited / row.operations
        found.append(
            {
                "workload": row.name,
                "engine": row.engine,
                "threads": row.threads,
                "operations_per_second": median[row.name],
                "spread": [float(rates[row.name].min()), float(rates[row.name].max())],
                "cycles_per_second": row.cycles / seconds,
                "frames_per_second": row.frames / seconds if row.frames else None,
                "peak_memory_mib": row.memory,
                "limit": row.limit.name,
                "share_of_limit": float(share) / row.threads,
                "checked": row.checked,
            }
        )
    return {
        "version": neuroproc.__version__,
        "commit": commit(),
        "machine": machine_name(),
        "rounds": len(next(iter(rates.values()), [])),
        "limits": {bound.name: {"per_second": median[bound.name], "unit": bound.unit} for bound in bounds},
        "workloads": found,
        "product": product(rows, bounds, median),
        "peers": [
            {
                "workload": peer.workload,
                "peer": peer.words,
                "operations_per_second": median[peer.name],
                "ratio": float(np.median(rates[peer.workload] / rates[peer.name])),
                "spikes": peer.spikes,
            }
            for peer in peers
        ],
    }


def product(rows: list[Row], bounds: list[Limit], median: dict[str, float]) -> dict[str, float] | None:
    """Frames a second of c and of its matrix products in float32; None without c."""
    found = [row for row in rows if row.name == "c" and row.frames]
    if not found:
        return None
    [row], [bound] = found, [bound for bound in bounds if bound.kind == "product"]
    here = (row.frames or 0) * median["c"] / row.operations
    return {"c": here, "float32": PRODUCT_FRAMES * median[bound.name] / bound.operations}


def commit() -> str | None:
    """Commit of the checkout, if it is one."""
    found = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.stdout.strip() or None


def show(result: dict[str, Any]) -> Iterator[str]:
    """The figures as Markdown."""
    yield f"{result['machine']}; neuroproc {result['version']}, commit {result['commit']}"
    if not result["workloads"]:
        return
    yield f"medians of {result['rounds']} rounds"
    yield "\n| limit | rate |\n|---|---:|"
    for name, limit in result["limits"].items():
        yield f"| {name} | {limit['per_second'] / 1e9:.2f} G {limit['unit']}/s |"
    yield (
        "\n| workload | engine | threads | G synaptic operations/s | cycles/s | frames/s | peak MiB | limit "
        "| share of it |\n|---|---|---:|---:|---:|---:|---:|---|---:|"
    )
    for row in result["workloads"]:
        frames = "" if row["frames_per_second"] is None else f"{row['frames_per_second']:,.0f}"
        yield (
            f"| {row['workload']} | {row['engine']} | {row['threads']} | {row['operations_per_second'] / 1e9:.3g} "
            f"| {row['cycles_per_second']:,.0f} | {frames} | {row['peak_memory_mib']:,.0f} | {row['limit']} "
            f"| {row['share_of_limit']:.0%} |"
        )
    yield ""
    if result["product"]:
        here, there = result["product"]["c"], result["product"]["float32"]
        yield f"c: {here:,.0f} frames/s, {here / there:.2f} times as many as its matrix products in float32\n"
    for row in result["workloads"]:
        yield f"{row['workload']}: {row['checked']}"
    if result["peers"]:
        yield "\n| workload | peer | M synaptic operations/s | here, times as many | spikes |\n|---|---|---:|---:|---|"
        for row in result["peers"]:
            rate, ratio = row["operations_per_second"], row["ratio"]
            yield f"| {row['workload']} | {row['peer']} | {rate / 1e6:.3g} | {ratio:.3g} | {row['spikes']} |"


def show_start(start: dict[str, float]) -> Iterator[str]:
    """Start-up figures as Markdown."""
    if start:
        yield "\n| | |\n|---|---:|"
    for words, seconds in start.items():
        unit, value = next((u, v) for u, v in (("s", 1), ("ms", 1e3), ("µs", 1e6)) if seconds * v >= 1 or u == "µs")
        yield f"| {words} | {seconds * value:.3g} {unit} |"


def peer_python(text: str) -> tuple[str, str]:
    """Name of a peer and the Python that has it, from ``NAME=PATH``."""
    name, _, path = text.partition("=")
    if name not in PEERS or not path:
        raise argparse.ArgumentTypeError(f"'{text}', allowed: NAME=PYTHON, NAME one of {', '.join(PEERS)}")
    return name, path


def main() -> int:
    """Check, measure and print; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="default: auto")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="default: 5")
    parser.add_argument("--frames", metavar="FILE", help="frames of f: .npy, .npz or IDX (also .gz); default: random")
    parser.add_argument(
        "--peer", nargs="+", type=peer_python, default=[], metavar="NAME=PYTHON",
        help=f"also run another simulator, in its own environment: {', '.join(PEERS)}",
    )  # fmt: skip
    parser.add_argument("--shuffled", action="store_true", help="number the neurons of single streams at random")
    parser.add_argument("--quick", action="store_true", help=f"run {QUICK} times less of everything")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    args = parser.parse_args()
    names = args.names or list(NAMES)
    if unknown := set(names) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; allowed: {', '.join(NAMES)}")
    quick = QUICK if args.quick else 1
    with tempfile.TemporaryDirectory() as folder:
        peers: list[Peer] = []
        try:
            rows = list(rows_of(names, args.engine, frames_of(args.frames, quick), quick, args.shuffled))
            for row in rows:
                for name, python in args.peer:
                    peers += start_peer(name, python, row.name, row.workload, Path(folder))
            # Rows may share a limit.
            bounds = list({bound.name: bound for bound in [*limits(), *(row.limit for row in rows)]}.values())
            bounds = bounds if rows else []
            result = figures(rows, bounds, peers, measure(rows, bounds, peers, args.rounds))
        except WrongSpikes as wrong:
            print(f"speed.py: {wrong}", file=sys.stderr)
            return 5
        except PeerError as error:
            print(f"speed.py: error: {error}", file=sys.stderr)
            return 3
        except neuroproc.NeuroprocError as error:
            print(f"speed.py: error: {error}", file=sys.stderr)
            return error.exit_status
        finally:
            for peer in peers:
                peer.stop()
    result["start"] = measure_start(args.rounds, quick > 1) if "start" in names else {}
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        print(*show(result), *show_start(result["start"]), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
