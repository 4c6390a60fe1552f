"""What the programs of this folder share: each runs a workload on another simulator, whenever it is asked to.

    PYTHON benchmarks/peers/NAME.py NETWORK.npz SPIKES.npz

PYTHON is one that has the simulator. The network is what `running.py` writes. A line on standard input asks for a run,
and is answered by the seconds that it took, building left out; the line ``record`` also writes all spikes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Network:
    """A workload in plain arrays.

    Parameters
    ----------
    threshold : int[n_neurons], potential units
    source, target : int[n_synapses]
    weight : int[n_synapses], potential units
    delay : int[n_synapses], cycles
    input_cycle, input_neuron, input_charge : int[n_inputs]
    floor : int, potential units
    cycles : int
    """

    threshold: np.ndarray
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    input_cycle: np.ndarray
    input_neuron: np.ndarray
    input_charge: np.ndarray
    floor: int
    cycles: int


Spikes = tuple[np.ndarray, np.ndarray]
"""Cycle and neuron of every spike."""

Run = Callable[[bool], tuple[float, Spikes | None]]
"""Runs the workload from its start; gives seconds, and the spikes if they are wanted."""


def save_network(path: Path, network: Network) -> None:
    """Write a network for `serve`."""
    np.savez(path, **vars(network))


def load_network(path: str) -> Network:
    """Read what `save_network` wrote."""
    with np.load(path) as arrays:
        values = {name: arrays[name] for name in arrays.files}
    return Network(**{**values, "floor": int(values["floor"]), "cycles": int(values["cycles"])})


def serve(prepare: Callable[[Network], Run]) -> None:
    """Answer until standard input ends."""
    # Simulators greet on standard output: answers go to a copy of it, the rest to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    network_file, spikes_file = sys.argv[1:]
    run = prepare(load_network(network_file))
    for line in sys.stdin:
        seconds, spikes = run(line.strip() == "record")
        if spikes is not None:
            np.savez(spikes_file, cycle=spikes[0], neuron=spikes[1])
        print(json.dumps({"seconds": seconds}), file=answers, flush=True)
