"""Images and files that pictures are tried on, and what is seen on a figure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import neuroproc

DATA = Path(__file__).resolve().parents[1] / "neuroproc" / "data"
needs_matplotlib = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("matplotlib"),
    reason="matplotlib is not installed; pip install 'neuroproc[plot]'",
)


def plain_image(n_neurons=3, synapses=((0, 1, 1, 1), (1, 2, 1, 2)), outputs=None):
    """A network without layers: a chain that passes on what comes in, unless other synapses are given."""
    source, target, weight, delay = np.array(synapses, int).reshape(-1, 4).T
    last = n_neurons - 1 if outputs is None else outputs
    return neuroproc.build_image(
        neuroproc.load_profile("research"), np.ones(n_neurons, int), source, target, weight, delay,
        [neuroproc.Port("in", 0)], [neuroproc.Port("out", last)],
    )  # fmt: skip


def digits_image(unroll=(1, 1), **more):
    """The shipped network, and its frames."""
    network = neuroproc.load_network(DATA / "digits.json")
    plan = neuroproc.FoldPlan(unroll, **more)
    image = neuroproc.compile_network(network, neuroproc.load_profile("np8"), plan)
    return image, neuroproc.read_frames(DATA / "digits_frames.npz")


def spikes_of(image, events, n_cycles):
    """Cycle and neuron of every spike of a run."""
    probe = neuroproc.SpikeProbe()
    processor = neuroproc.Processor(image, "event", [probe])
    processor.inject(image.start)
    processor.inject(events)
    processor.run(n_cycles)
    return probe.events()


def xor_entry():
    """A network of TENNLab: no layers, names of nodes, an exclusive or."""
    thresholds = {"name": "Threshold", "type": 73, "index": 0, "size": 1, "min_value": 0, "max_value": 1}
    delay = {"name": "Delay", "type": 73, "index": 1, "size": 1, "min_value": 1, "max_value": 15}
    weight = {"name": "Weight", "type": 73, "index": 0, "size": 1, "min_value": -1, "max_value": 1}
    edges = [(0, 2, 1), (0, 3, -1), (1, 2, -1), (1, 3, 1), (2, 4, 1), (3, 4, 1)]
    params = {
        "discrete": True, "leak_mode": "all", "max_delay": 15, "min_weight": -1, "max_weight": 1,
        "min_threshold": 0, "max_threshold": 1, "min_potential": -1,
    }  # fmt: skip
    return {
        "Properties": {"node_properties": [thresholds], "edge_properties": [delay, weight], "network_properties": []},
        "Nodes": [
            {"id": node, **({"name": name} if name else {}), "values": [1]}
            for node, name in enumerate(["A", "B", "", "", "A^B"])
        ],
        "Edges": [{"from": begin, "to": end, "values": [value, 1]} for begin, end, value in edges],
        "Inputs": [0, 1],
        "Outputs": [4],
        "Network_Values": [],
        "Associated_Data": {"other": {"proc_name": "risp"}, "proc_params": params},
    }


def xor_image(folder):
    """Its image."""
    place = folder / "xor.json"
    place.write_text(json.dumps(xor_entry()))
    return neuroproc.read_tennlab(place)


def words_on(axes):
    """All words on axes: titles, labels, ticks, annotations."""
    return [text.get_text() for text in axes.findobj(match=lambda artist: hasattr(artist, "get_text"))]
