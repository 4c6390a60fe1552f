"""What is waited for before and between cycles: start-up, compilation, loading, calls. Medians, in seconds."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import neuroproc
from benchmarks.networks import vgg
from benchmarks.workloads import LENET, WORKLOADS
from neuroproc.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "neuroproc" / "data" / "digits.json"
PROGRAM = [
    sys.executable, "-c",
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from neuroproc.cli.main import main; sys.exit(main())",
]  # fmt: skip
CALLS = 2000
"""Most calls of `run` that are timed together."""


def measure_start(rounds: int, quick: bool) -> dict[str, float]:
    """Seconds by what they are spent on, in words; `quick` leaves out the large network."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for words, command, cache in programs(place):
            found[words] = median(partial(start, command, cache), rounds)
        helps = [median(partial(start, [*PROGRAM, command, "--help"], place), rounds) for command in COMMANDS]
        found["the --help of a command, the slowest"] = max(helps)
    plans: list[tuple[str, neuroproc.LayeredNetwork, str, tuple[int, int]]] = []
    network = neuroproc.load_network(LENET)
    plans += [("LeNet", network, "np16", tile) for tile in ((1, 1), (28, 1), (28, 28))]
    if not quick:
        network = vgg()
        plans += [("VGG-like", network, "research", tile) for tile in ((1, 1), (32, 1))]
    for words, network, profile, tile in plans:
        found |= compilation(f"{words} {tile[0]}x{tile[1]}", network, profile, tile, rounds)
    for words, cycles, given in (("run(1)", 1, False), ("run(50)", 50, False), ("inject and run(1)", 1, True)):
        found[f"{words}, workload e"] = calls(cycles, given, rounds)
    return found


def median(work: Callable[[], object], rounds: int) -> float:
    """Median wall time of some rounds."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def programs(place: Path) -> list[tuple[str, list[str], Path | None]]:
    """Programs to start: words, command, and the folder of compiled kernels, None for a fresh one every time."""
    image, spikes = place / "digits.npi", place / "spikes.csv"
    network = neuroproc.load_network(DIGITS)
    neuroproc.save_image(image, neuroproc.compile_network(network, neuroproc.load_profile("np8")))
    spikes.write_text("cycle,port,value\n")
    run = [*PROGRAM, "run", str(image), str(spikes), "--cycles", "10"]
    warm = place / "kernels"
    start(run, warm)
    return [
        ("python alone", [sys.executable, "-c", "pass"], warm),
        ("python with numpy and numba", [sys.executable, "-c", "import numpy, numba"], warm),
        ("neuroproc --help", [*PROGRAM, "--help"], warm),
        ("neuroproc count", [*PROGRAM, "count", str(image)], warm),
        ("neuroproc run", run, warm),
        ("neuroproc run, the first time ever", run, None),
    ]


def start(command: list[str], cache: Path | None) -> None:
    """Run a program to its end, with compiled kernels kept in a folder."""
    with tempfile.TemporaryDirectory() as fresh:
        env = {**os.environ, "NUMBA_CACHE_DIR": str(cache or fresh)}
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)


def compilation(
    words: str, network: neuroproc.LayeredNetwork, profile: str, tile: tuple[int, int], rounds: int
) -> dict[str, float]:
    """Seconds to compile a network, to load its image, and to put it on the engine."""
    plan, spec = neuroproc.FoldPlan(tile), neuroproc.load_profile(profile)
    begin = time.perf_counter()
    image = neuroproc.compile_network(network, spec, plan)
    first = time.perf_counter() - begin
    # A long compilation is timed once.
    often = rounds if first < 1 else 1
    seconds = median(lambda: neuroproc.compile_network(network, spec, plan), rounds) if often > 1 else first
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "image.npi")
        neuroproc.save_image(file, image)
        return {
            f"compile {words}, {image.n_synapses:,} synapses": seconds,
            f"load the image of {words}": median(lambda: neuroproc.load_image(file), rounds),
            f"processor for {words}": median(lambda: neuroproc.Processor(image), often),
        }


def calls(cycles: int, given: bool, rounds: int) -> float:
    """Seconds of one call of `run`, each after an input of its own or none."""
    workload = WORKLOADS["e"]()
    processor = neuroproc.Processor(workload.image)
    # Not beyond the workload's end: without input it falls silent.
    n_calls = min(CALLS, workload.cycles // cycles)
    parts = [workload.events.window(cycle, cycle + 1) for cycle in range(n_calls)]

    def some() -> float:
        processor.reset()
        if not given:
            processor.inject(workload.events)
        begin = time.perf_counter()
        for part in parts:
            if given:
                processor.inject(part)
            processor.run(cycles)
        return (time.perf_counter() - begin) / n_calls

    return statistics.median([some() for _ in range(rounds)])
