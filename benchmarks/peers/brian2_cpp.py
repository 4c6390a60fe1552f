"""A workload on Brian2, compiled to a C++ program. Needs brian2, numpy below 2.4 and a C++ compiler.

A step is a cycle. Charge is delivered behind the comparison of a step, so delays are one step shorter, and all happens
one step later than on the processor. Time is what Brian2 says that the program simulated for.
"""

from __future__ import annotations

import tempfile

import brian2
import numpy as np
from brian2 import ms
from serving import Network, Run, Spikes, serve


def build(network: Network, folder: str, monitored: bool) -> brian2.SpikeMonitor | None:
    """Write and compile the program, and run it once."""
    brian2.device.reinit()
    brian2.device.activate(build_on_run=False, directory=folder)
    brian2.defaultclock.dt = 1 * ms
    parts = brian2.Network()
    neurons = brian2.NeuronGroup(
        len(network.threshold), "v : 1\ntheta : 1 (constant)", threshold="v >= theta", reset="v = 0", method="exact"
    )
    neurons.theta = network.threshold
    neurons.run_regularly(f"v = clip(v, {network.floor}, 1e9)", when="resets", order=1)
    synapses = brian2.Synapses(neurons, neurons, "w : 1 (constant)", on_pre="v_post += w")
    synapses.connect(i=network.source, j=network.target)
    synapses.w = network.weight
    synapses.delay = (network.delay - 1) * ms
    charges = np.unique(network.input_charge)
    assert len(charges) == 1, "one charge for all input"
    given = brian2.SpikeGeneratorGroup(len(network.threshold), network.input_neuron, network.input_cycle * ms)
    entry = brian2.Synapses(given, neurons, on_pre=f"v_post += {charges[0]}")
    reached = np.unique(network.input_neuron)
    entry.connect(i=reached, j=reached)
    parts.add(neurons, synapses, given, entry)
    parts.schedule = ["start", "groups", "thresholds", "resets", "synapses", "end"]
    monitor = brian2.SpikeMonitor(neurons) if monitored else None
    if monitor is not None:
        parts.add(monitor)
    parts.run((network.cycles + 1) * ms)
    brian2.device.build(directory=folder, run=True)
    return monitor


def prepare(network: Network) -> Run:
    """Compile the program; spikes come from another one, which keeps them."""
    folder = tempfile.mkdtemp()
    brian2.set_device("cpp_standalone", build_on_run=False)
    recorded: list[Spikes] = []

    def run(record: bool) -> tuple[float, Spikes | None]:
        if record:
            monitor = build(network, folder, monitored=True)
            assert monitor is not None
            cycle = np.rint(monitor.t / ms).astype(np.int64) - 1
            recorded.append((cycle, np.asarray(monitor.i, np.int64)))
            build(network, folder, monitored=False)
            return 0.0, recorded[-1]
        brian2.device.run(with_output=False)
        return brian2.device._last_run_time, None

    return run


if __name__ == "__main__":
    serve(prepare)
