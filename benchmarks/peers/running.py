"""Other simulators at work: each is a program of this folder, run by the Python of an environment that has it."""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import neuroproc
from benchmarks.peers.serving import Network, save_network
from benchmarks.workloads import Workload

PEERS = {
    "brian2": ("brian2_cpp.py", "Brian2, C++", {"a": None, "b": None, "c": None, "d": None, "e": None}),
    "nest": ("nest_delta.py", "NEST", {"a": None, "b": None, "c": None, "d": None, "e": None}),
    "superneuromat": ("superneuromat_jit.py", "SuperNeuroMAT", {"c": 40, "e": 200}),
}
"""Program, name in words, and which workloads it runs, with the cycles of them where all would take too long."""


class PeerError(Exception):
    """A peer does not start, or came to an end."""


@dataclass(frozen=True)
class Peer:
    """A simulator that waits for what to do.

    Parameters
    ----------
    name, words, workload : str
    operations : int
        Synaptic operations of a run, by its own spikes.
    spikes : str
        How they compare with ours, in words.
    process : Popen
    """

    name: str
    words: str
    workload: str
    operations: int
    spikes: str
    process: subprocess.Popen[str]

    def play(self) -> float:
        """Run once; seconds."""
        return ask(self.process, "run")

    def stop(self) -> None:
        """End the program."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def ask(process: subprocess.Popen[str], what: str) -> float:
    """Have a program do something; the seconds that it says it took.

    Raises
    ------
    PeerError
        If it came to an end instead; what it said is on standard error.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(what + "\n")
        process.stdin.flush()
    for line in process.stdout:
        # Before they are stopped, some greet.
        if line.startswith("{"):
            return float(json.loads(line)["seconds"])
    raise PeerError(f"{Path(str(process.args[1])).name} ended with status {process.wait()}")


def start_peer(name: str, python: str, row: str, workload: Workload, folder: Path) -> list[Peer]:
    """Start a peer on a workload, with its spikes compared; none if it does not run this one.

    Raises
    ------
    PeerError
        If it does not start, or stops.
    """
    program, words, cycles_of = PEERS[name]
    if row not in cycles_of:
        return []
    image, cycles = workload.image, cycles_of[row] or workload.cycles
    events = workload.events.window(0, cycles)
    neuron = np.array([port.neuron for port in image.inputs])
    floor = image.spec.potential_floor
    assert floor is not None  # all workloads have one
    network = Network(
        image.threshold, image.source(), image.target, image.weight, image.delay, events.cycle, neuron[events.port],
        events.value, floor, cycles,
    )  # fmt: skip
    network_file, spikes_file = folder / f"{row}.npz", folder / f"{row}-{name}.npz"
    save_network(network_file, network)
    command = [python, str(Path(__file__).parent / program), str(network_file), str(spikes_file)]
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        raise PeerError(f"{python}: {error.strerror}; give the Python of an environment that has {words}") from None
    ask(process, "record")
    with np.load(spikes_file) as arrays:
        keep = (arrays["cycle"] >= 0) & (arrays["cycle"] < cycles)
        theirs = arrays["cycle"][keep], arrays["neuron"][keep]
    probe = neuroproc.SpikeProbe(capacity=10**9)
    processor = neuroproc.Processor(image, probes=[probe])
    processor.inject(events)
    processor.run(cycles)
    order = np.lexsort(theirs[::-1])
    same = all(np.array_equal(mine, other[order]) for mine, other in zip(probe.events(), theirs, strict=True))
    share = len(theirs[0]) / max(len(probe), 1)
    spikes = f"all {len(probe):,} the same, cycle by cycle" if same else f"others, {share:.2f} times as many"
    operations = int(np.bincount(theirs[1], minlength=image.n_neurons) @ np.diff(image.row_start))
    ask(process, "run")  # not counted: the first one may still compile
    return [Peer(f"{row} on {name}", words, row, operations, spikes, process)]
