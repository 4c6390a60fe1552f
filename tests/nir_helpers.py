"""NIR files by hand, and what is read of them, made comparable."""

from __future__ import annotations

import gzip
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from compiler_helpers import random_network

from compiler.frontends.imported import Assumptions
from compiler.frontends.model import FloatModel
from compiler.frontends.nir.file import read_nir
from compiler.networks.layers import Add, Concat, Conv2d, Pool2d
from compiler.networks.network import LayeredNetwork
from isa_spec.errors import NetworkError

STORED = Path(__file__).parent / "data" / "nir"


def write_tree(path, tree):
    """An HDF5 file of nested dictionaries, by h5py; text as the library writes it."""
    import h5py

    def fill(group, content):
        for key, value in content.items():
            if isinstance(value, dict):
                fill(group.create_group(key), value)
            elif isinstance(value, str) or (isinstance(value, list) and value and isinstance(value[0], list | tuple)):
                group.create_dataset(key, data=value, dtype=h5py.string_dtype())
            else:
                group.create_dataset(key, data=value)

    with h5py.File(path, "w") as file:
        fill(file, tree)
    return path


def graph_tree(nodes, edges=None, **more):
    """The tree of a file whose nodes are given; without edges, each reads the one before."""
    names = list(nodes)
    edges = edges if edges is not None else [list(pair) for pair in pairwise(names)]
    return {"version": "1.0", "node": {"type": "NIRGraph", "nodes": nodes, "edges": edges, **more}}


def node(kind, **values):
    """One node."""
    return {"type": kind, **values}


def units(threshold, **values):
    """Units with r = 1."""
    level = np.asarray(threshold, float)
    return node("IF", **{"r": np.ones_like(level), "v_threshold": level, **values})


def read(tmp_path, nodes, edges=None, dt=None, **more) -> FloatModel:
    """What is read of a file with such nodes between input and output."""
    path = write_tree(tmp_path / "net.nir", graph_tree(nodes, edges, **more))
    return read_nir(path, Assumptions(dt=None if dt is None else Fraction(dt)))


def row(*layers, shape=(2,)):
    """Nodes in a row between an input of such a shape and an output."""
    names = {f"n{index}": layer for index, layer in enumerate(layers)}
    return {"input": node("Input", shape=list(shape)), **names, "output": node("Output")}


def stored(name, folder):
    """A file of tests/data/nir, unpacked; see tests/nir_graphs.py."""
    path = folder / name.removesuffix(".gz")
    path.write_bytes(gzip.decompress((STORED / name).read_bytes()))
    return path


def plain(value):
    """Layers, models and arrays as what == compares; arrays with their type."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tolist())
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return (type(value).__name__, {key: plain(item) for key, item in vars(value).items()})
    return value


def holdable(seed) -> LayeredNetwork:
    """A random network that NIR can hold: padding alike at both ends, nothing joined, no maximum of values.

    Half of them are rate-coded; some additions have factors; some answer by classes.
    """
    rng = np.random.default_rng([seed, 7])
    while True:
        network = random_network(rng)
        if any(isinstance(layer, Concat) for layer in network.layers):
            continue
        layers = tuple(_alike(layer, rng) for layer in network.layers)
        try:
            network = replace(network, layers=layers)
        except NetworkError:  # padding made maps of another size, which no longer meet
            continue
        gathers = any(getattr(layer, "threshold", None) is not None for layer in layers)
        network = _counting(network, rng) if gathers and rng.random() < 0.5 else network
        n_outputs = int(np.prod(network.shapes[network.answering.name]))
        if rng.random() < 0.3:
            network = replace(network, decode={"kind": "argmax", "classes": n_outputs})
        return replace(network, name=f"seed {seed}")


def _alike(layer, rng):
    """The layer, padded alike at both ends; an addition perhaps with factors."""
    if isinstance(layer, Conv2d):
        return replace(layer, padding=tuple((max(sides), max(sides)) for sides in layer.padding))
    if isinstance(layer, Add) and rng.random() < 0.5:
        return replace(layer, factor=rng.integers(-3, 4, layer.factors.shape))
    return layer


def _counting(network, rng) -> LayeredNetwork:
    """The network with steps: any reset, any floor."""
    reset, floor = str(rng.choice(["zero", "subtract"])), [None, 0, -int(rng.integers(1, 9))][rng.integers(3)]
    layers = []
    for layer in network.layers:
        if getattr(layer, "threshold", None) is not None:
            layer = replace(layer, threshold=np.maximum(layer.threshold * int(rng.integers(1, 4)), 1))
        if isinstance(layer, Pool2d) and layer.kind == "maxpool2d" and reset == "subtract":
            channels = network.shapes[layer.name][0]
            layer = replace(layer, kind="sumpool2d", threshold=rng.integers(1, 5, channels))
        layers.append(layer)
    encoding = {"kind": "rate", "steps": int(rng.integers(1, 7)), "source": str(rng.choice(["bernoulli", "even"]))}
    if network.encoding["kind"] != "count" and rng.random() < 0.4:
        encoding = {**network.encoding, "steps": encoding["steps"]}
    return replace(network, layers=tuple(layers), encoding=encoding, reset=reset, floor=floor)
