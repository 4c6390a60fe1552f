"""NIR files by hand, and what is read of them, made comparable."""

from __future__ import annotations

import gzip
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from compiler.frontends.imported import Assumptions
from compiler.frontends.model import FloatModel
from compiler.frontends.nir_file import read_nir

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
