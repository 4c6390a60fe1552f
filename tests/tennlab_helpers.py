"""Random TENNLab networks and commands, from an explicit generator."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from neuroproc.tennlab.interpreter import Interpreter
from neuroproc.tennlab.parameters import LEAKS

SHARED = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "risp"
NAMES = ("", "A", "A^B", "~(x|y)", "Core[0][1]", 'quo"te', "naïve", "#1")


def answers(commands, *, whole=False):
    """What a session prints; it may complain of nothing, unless both streams are asked for."""
    out, errors = io.StringIO(), io.StringIO()
    interpreter = Interpreter(out, errors)
    for line in commands.splitlines():
        if not interpreter.over:
            interpreter.feed(line)
    interpreter.end()
    if whole:
        return out.getvalue(), errors.getvalue()
    assert errors.getvalue() == ""
    return out.getvalue()


def random_params(rng, **fixed):
    """``proc_params``; what is not fixed is random. Numbers are multiples of 1/8, so that floats add them exactly."""
    discrete = fixed.get("discrete", bool(rng.random() < 0.5))
    step = 1.0 if discrete else 0.125
    positive = rng.random() < 0.2
    params = {
        "discrete": discrete,
        "fire_like_ravens": bool(rng.random() < 0.3),
        "leak_mode": str(rng.choice(list(LEAKS))),
        "max_delay": int(rng.integers(1, 16)),
        "max_threshold": 7 * step,
        "max_weight": 7 * step,
        "min_potential": 0.0 if positive else -float(rng.integers(0, 12)) * step,
        "min_threshold": step if positive else -float(rng.integers(0, 3)) * step,
        "min_weight": step if positive else -7 * step,
        "run_time_inclusive": bool(rng.random() < 0.3),
        "spike_value_factor": float(rng.choice([1.0, 7.0, 3.5])) * step,
        "threshold_inclusive": bool(rng.random() < 0.7),
    } | fixed
    if "weights" not in fixed and rng.random() < 0.2:
        params["weights"] = np.unique(rng.integers(-7, 8, 5) * step).tolist()
        params["inputs_from_weights"] = bool(rng.random() < 0.5)
    if "weights" in params:
        del params["min_weight"], params["max_weight"]
        if params.get("inputs_from_weights"):
            del params["spike_value_factor"]
    return params


def random_network(rng, n_nodes=None, n_edges=None, **fixed):
    """Entry of a file: random ids, names, thresholds, edges, inputs and outputs, in random order."""
    params = random_params(rng, **fixed)
    step = 1.0 if params["discrete"] else 0.125
    n_nodes = int(rng.integers(1, 9)) if n_nodes is None else n_nodes
    ids = rng.choice(3 * n_nodes, n_nodes, replace=False).tolist()
    n_edges = int(rng.integers(0, min(n_nodes * n_nodes, 3 * n_nodes) + 1)) if n_edges is None else n_edges
    pairs = rng.choice(n_nodes * n_nodes, n_edges, replace=False)

    def values(low, high, size):
        return (rng.integers(round(low / step), round(high / step) + 1, size) * step).tolist()

    thresholds = values(params["min_threshold"], params["max_threshold"], n_nodes)
    leaks = rng.integers(0, 2, n_nodes).astype(float).tolist()
    configurable = params["leak_mode"] == "configurable"
    nodes = [
        {"id": node, "name": str(rng.choice(NAMES)), "values": [threshold, leak] if configurable else [threshold]}
        for node, threshold, leak in zip(ids, thresholds, leaks, strict=True)
    ]
    for node in nodes:
        if not node["name"]:
            del node["name"]
    if "weights" in params:
        weights = rng.integers(0, len(params["weights"]), n_edges).astype(float).tolist()
        weight_range = (0.0, len(params["weights"]) - 1.0)
    else:
        weight_range = (params["min_weight"], params["max_weight"])
        weights = values(*weight_range, n_edges)
    delays = rng.integers(1, params["max_delay"] + 1, n_edges).astype(float).tolist()
    edges = [
        {"from": ids[pair // n_nodes], "to": ids[pair % n_nodes], "values": [weight, delay]}
        for pair, weight, delay in zip(pairs.tolist(), weights, delays, strict=True)
    ]
    kind = 73 if params["discrete"] else 68
    node_properties = [property_of("Threshold", kind, 0, params["min_threshold"], params["max_threshold"])]
    if configurable:
        node_properties.insert(0, property_of("Leak", 66, 1, 0.0, 1.0))
    return {
        "Properties": {
            "node_properties": node_properties,
            "edge_properties": [
                property_of("Delay", 73, 1, 1.0, float(params["max_delay"])),
                property_of("Weight", 73 if "weights" in params else kind, 0, *weight_range),
            ],
            "network_properties": [],
        },
        "Nodes": nodes,
        "Edges": edges,
        "Inputs": some(rng, ids),
        "Outputs": some(rng, ids),
        "Network_Values": [],
        "Associated_Data": {"other": {"proc_name": "risp"}, "proc_params": params},
    }


def property_of(name, kind, index, low, high):
    return {"name": name, "type": kind, "index": index, "size": 1, "min_value": low, "max_value": high}


def some(rng, ids):
    """At least one of some ids, in random order."""
    return rng.choice(ids, int(rng.integers(1, len(ids) + 1)), replace=False).tolist()


def small_network(**params):
    """A fresh network of four nodes by hand; parameters may be changed."""
    return {
        "Properties": {
            "node_properties": [property_of("Threshold", 73, 0, 0.0, 127.0)],
            "edge_properties": [property_of("Delay", 73, 1, 1.0, 127.0), property_of("Weight", 73, 0, -127.0, 127.0)],
            "network_properties": [],
        },
        "Nodes": [
            {"id": 7, "name": "Out", "values": [2.0]},
            {"id": 0, "name": "A", "values": [1.0]},
            {"id": 2, "values": [1.0]},
            {"id": 1, "name": "B", "values": [1.0]},
        ],
        "Edges": [
            {"from": 1, "to": 2, "values": [1.0, 3.0]},
            {"from": 0, "to": 7, "values": [-2.0, 1.0]},
            {"from": 0, "to": 2, "values": [2.0, 1.0]},
            {"from": 2, "to": 7, "values": [2.0, 2.0]},
        ],
        "Inputs": [0, 1],
        "Outputs": [7],
        "Network_Values": [],
        "Associated_Data": {
            "other": {"proc_name": "risp"},
            "proc_params": {
                "discrete": True,
                "leak_mode": "none",
                "max_delay": 127,
                "max_threshold": 127.0,
                "max_weight": 127.0,
                "min_potential": -127.0,
                "min_threshold": 0.0,
                "min_weight": -127.0,
            }
            | params,
        },
    }


def write_network(path, entry):
    """Write an entry as JSON."""
    path.write_text(json.dumps(entry), encoding="utf-8")
    return path
