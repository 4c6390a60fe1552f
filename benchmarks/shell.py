"""Times of `neuroproc shell`: sessions as a user starts them, and its two engines on a large network.

    python benchmarks/shell.py [FOLDER ...]

Each FOLDER is a case: `network.json`, which `commands.txt` loads as `tmp_network.txt`. A line tells the median of five
runs, start and all. Then, in processor seconds, what a charge costs in plain Python and in the event engine, and what
the change from one to the other costs: with kernels compiled before, or, with NUMBA_CACHE_DIR at an empty folder, for
the first time. `neuroproc/tennlab/machine.py` has its figures from here.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from isa_spec.building import build_image
from isa_spec.image import Port, ProcessorImage
from isa_spec.spec import load_profile
from neuroproc.tennlab.event_machine import EventMachine, taken_over
from neuroproc.tennlab.image import read_tennlab
from neuroproc.tennlab.layout import network_text
from neuroproc.tennlab.plain import PlainMachine
from neuroproc.tennlab.writer import image_to_network

ROOT = Path(__file__).resolve().parents[1]
SHELL = [sys.executable, "-c", "import sys; from neuroproc.cli.main import main; sys.exit(main())", "shell"]
RUNS = 5
NODES, EDGES, INPUTS, CYCLES = 5_000, 100_000, 200, 3_000
CHARGES = 3_000_000


def session(commands: bytes, folder: Path, **env: str) -> float:
    """Seconds of a session."""
    begin = time.perf_counter()
    env = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    subprocess.run(SHELL, input=commands, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def cases(folders: list[Path]) -> None:
    """Times of cases, of a start alone, and of a first one."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        start = statistics.median(session(b"", place) for _ in range(RUNS))
        print(f"start and end: {start:.2f} s")
        print(f"the same with an empty cache of kernels: {session(b'', place, NUMBA_CACHE_DIR=scratch):.2f} s")
        for folder in folders:
            shutil.copy(folder / "network.json", place / "tmp_network.txt")
            commands = (folder / "commands.txt").read_bytes()
            seconds = statistics.median(session(commands, place) for _ in range(RUNS))
            lines = commands.count(b"\n")
            print(f"{folder.name}: {lines:,} lines, {seconds:.2f} s, {lines / seconds:,.0f} lines/s")


def large_network() -> ProcessorImage:
    """Random synapses, busy enough that nearly every neuron fires in nearly every cycle."""
    rng = np.random.default_rng(0)
    pairs = rng.choice(NODES * NODES, EDGES, replace=False)
    image = build_image(
        load_profile("risp127"),
        rng.integers(20, 127, NODES),
        pairs // NODES,
        pairs % NODES,
        rng.integers(-60, 100, EDGES),
        rng.integers(1, 100, EDGES),
        [Port(f"in{n}", n) for n in range(INPUTS)],
        [Port(f"out{n}", NODES - 1 - n) for n in range(50)],
    )
    begin = time.process_time()
    text = network_text(image_to_network(image))
    print(f"{NODES:,} nodes, {EDGES:,} edges: written as JSON in {time.process_time() - begin:.2f} s", end=", ")
    begin = time.process_time()
    image = read_tennlab(text)
    print(f"read in {time.process_time() - begin:.2f} s")
    return image


def engines() -> None:
    """What charges and the change of engines cost, in processor seconds."""
    plain = PlainMachine(large_network())
    for port in range(INPUTS):
        for cycle in range(0, CYCLES, 2):
            plain.inject(cycle, port, 127)
    begin = time.process_time()
    plain.run(CYCLES, CHARGES)
    cost = (time.process_time() - begin) / plain.accumulated
    print(f"plain Python: {cost * 1e6:.2f} microseconds a charge")
    begin = time.process_time()
    event: EventMachine = taken_over(plain)
    event.run(event.cycle + 1)
    print(f"change to the event engine: {time.process_time() - begin:.1f} s")
    event.forget()
    begin = time.process_time()
    event.run(event.cycle + 1000)
    cost = (time.process_time() - begin) / event.accumulated
    print(f"event engine: {cost * 1e6:.3f} microseconds a charge")


if __name__ == "__main__":
    cases([Path(name) for name in sys.argv[1:]])
    engines()
