"""A workload on SuperNeuroMAT, with its numba backend.

It has no floor, and delays are chains of neurons: only networks with hardly any delays fit, and spikes are the same
only where potentials are cleared before they are used. There its leak does that. Time is CPU time of the run.
"""

from __future__ import annotations

import time

import numpy as np
from serving import Network, Run, Spikes, serve
from superneuromat import SNN


def build(network: Network) -> SNN:
    """Neurons, synapses and input."""
    model = SNN()
    # Where the floor is 0, as in clocked networks, forgetting is exact; else potentials are kept.
    leak = np.inf if network.floor == 0 else 0.0
    for threshold in network.threshold.tolist():
        model.create_neuron(threshold=threshold - 0.5, leak=leak)
    columns = (network.source, network.target, network.weight, network.delay)
    for source, target, weight, delay in zip(*(column.tolist() for column in columns), strict=True):
        model.create_synapse(source, target, weight=weight, delay=delay)
    columns = (network.input_cycle, network.input_neuron, network.input_charge)
    for cycle, neuron, charge in zip(*(column.tolist() for column in columns), strict=True):
        model.add_spike(cycle, neuron, charge)
    return model


def prepare(network: Network) -> Run:
    """Build once; a run starts from zero again."""
    model = build(network)
    model.manual_setup = True
    n_neurons = len(network.threshold)

    def run(record: bool) -> tuple[float, Spikes | None]:
        model.setup(sparse=False)
        model.setup_input_spikes(network.cycles)
        begin = time.process_time()
        model.simulate(network.cycles, use="jit")
        seconds = time.process_time() - begin
        spikes = None
        if record:
            cycle, neuron = np.nonzero(np.asarray(model.spike_train)[:, :n_neurons])
            spikes = cycle, neuron
        model.clear_spike_train()
        return seconds, spikes

    return run


if __name__ == "__main__":
    serve(prepare)
