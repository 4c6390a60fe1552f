"""A workload on NEST, with neurons of its model iaf_psc_delta that do not leak.

A millisecond is a cycle; all happens two of them later than on the processor. NEST raises potentials to the floor
before it compares: that changes no spike. Time is CPU time of the run, preparations left out.
"""

from __future__ import annotations

import time

import nest
import numpy as np
from serving import Network, Run, Spikes, serve

LATER = 2


def build(network: Network) -> nest.NodeCollection:
    """Neurons, synapses and input, on a fresh kernel."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.resolution = 1.0
    rest = {"E_L": 0.0, "V_reset": 0.0, "V_m": 0.0, "t_ref": 0.0, "tau_m": 1e30, "V_min": float(network.floor)}
    rest["V_th"] = network.threshold.astype(float)
    neurons = nest.Create("iaf_psc_delta", len(network.threshold), params=rest)
    number = np.array(neurons.tolist())
    synapses = {"weight": network.weight.astype(float), "delay": network.delay.astype(float)}
    nest.Connect(number[network.source], number[network.target], "one_to_one", synapses)
    order = np.lexsort((network.input_cycle, network.input_neuron))
    reached, begin = np.unique(network.input_neuron[order], return_index=True)
    times = np.split(network.input_cycle[order] + LATER - 1.0, begin[1:])
    charges = np.split(network.input_charge[order].astype(float), begin[1:])
    given = nest.Create("spike_generator", len(reached))
    given.set([{"spike_times": t, "spike_weights": c} for t, c in zip(times, charges, strict=True)])
    entry = {"weight": np.ones(len(reached)), "delay": np.ones(len(reached))}
    nest.Connect(np.array(given.tolist()), number[reached], "one_to_one", entry)
    return neurons


def prepare(network: Network) -> Run:
    """Say how to run: built afresh every time, for a network goes on where it was."""

    def run(record: bool) -> tuple[float, Spikes | None]:
        neurons = build(network)
        recorder = nest.Create("spike_recorder") if record else None
        if recorder:
            nest.Connect(neurons, recorder)
        nest.Prepare()
        begin = time.process_time()
        nest.Run(float(network.cycles + LATER))
        seconds = time.process_time() - begin
        nest.Cleanup()
        if recorder is None:
            return seconds, None
        cycle = np.rint(recorder.events["times"]).astype(np.int64) - LATER
        return seconds, (cycle, recorder.events["senders"] - neurons.tolist()[0])

    return run


if __name__ == "__main__":
    serve(prepare)
