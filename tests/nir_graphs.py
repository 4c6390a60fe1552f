"""Small graphs for the reader of NIR files, and how tests/data/nir was made of them.

`python tests/nir_graphs.py FOLDER REVISION` writes each graph that the installed revision of the library can hold,
gzipped. It was run with each of the revisions in the names of the files.
"""

from __future__ import annotations

import gzip
import inspect
import io
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np


def eighths(seed, *shape, dtype=np.float32):
    """Multiples of 1/8 in -2 .. 2."""
    return (np.random.default_rng(seed).integers(-16, 17, shape) / 8).astype(dtype)


def made(kind, **values):
    """A node with those of the values that the revision has words for."""
    known = inspect.signature(kind).parameters
    return kind(**{key: value for key, value in values.items() if key in known})


def ends(nir, before, after):
    """Input and output nodes."""
    before, after = np.array(before), np.array(after)
    return (
        made(nir.Input, input_type={"input": before}, shape=before),
        made(nir.Output, output_type={"output": after}, shape=after),
    )


def graph(nir, nodes, edges):
    """A graph; up to 0.0.6 its nodes are numbered."""
    if "List" in str(nir.NIRGraph.__annotations__["nodes"]):
        numbers = {name: index for index, name in enumerate(nodes)}
        nodes, edges = list(nodes.values()), [(numbers[source], numbers[target]) for source, target in edges]
    return nir.NIRGraph(nodes=nodes, edges=edges)


def in_a_row(nir, nodes):
    """A graph of nodes, each reading the one before."""
    return graph(nir, nodes, list(pairwise(nodes)))


def chain(nir):
    """Vectors: affine, units, linear, units, with names that sort otherwise than they follow."""
    entry, leave = ends(nir, [4], [2])
    nodes = {
        "input": entry,
        "0": nir.Affine(weight=eighths(1, 3, 4), bias=eighths(2, 3)),
        "1": nir.IF(r=np.ones(3), v_threshold=np.array([0.5, 1.0, 0.75])),
        "2": nir.Linear(weight=eighths(3, 12, 3)),
        "10": nir.IF(r=np.ones(12), v_threshold=np.full(12, 1.0)),
        "11": nir.Linear(weight=eighths(4, 2, 12)),
        "output": leave,
    }
    return in_a_row(nir, nodes)


def maps(nir):
    """Maps: convolutions padded in words, by pairs and not at all, pools, a subgraph, infinite time constants."""
    entry, leave = ends(nir, [1, 8, 8], [3])
    before, after = ends(nir, [2, 4, 4], [2, 4, 4])
    inner = {
        "input": before,
        "scale": nir.Scale(scale=np.full((2, 4, 4), 0.5)),
        "spike": lif(nir, (2, 4, 4)),
        "output": after,
    }
    nodes = {
        "input": entry,
        "conv1": conv(nir, (8, 8), eighths(5, 2, 1, 3, 3), 1, "same"),
        "pool1": nir.AvgPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])),
        "units": in_a_row(nir, inner),
        "conv2": conv(nir, (4, 4), eighths(6, 4, 2, 3, 3), (2, 2), (1, 1)),
        "step": nir.Threshold(threshold=np.full((4, 2, 2), 0.25)),
        "flat": flatten(nir, [4, 2, 2]),
        "fc": nir.Affine(weight=eighths(7, 3, 16), bias=eighths(8, 3)),
        "out": nir.IF(r=np.full(3, 1e4), v_threshold=np.ones(3)),
        "output": leave,
    }
    return in_a_row(nir, nodes)


def lif(nir, shape):
    """As snnTorch writes beta = 1: time constant and resistance are infinite."""
    infinite, ones = np.full(shape, np.inf), np.ones(shape)
    return nir.LIF(tau=infinite, r=infinite, v_leak=0 * ones, v_threshold=ones)


def conv(nir, shape, weight, stride, padding):
    """A convolution over two axes."""
    values = {"weight": weight, "stride": stride, "padding": padding, "dilation": 1, "groups": 1}
    return made(nir.Conv2d, input_shape=np.array(shape), bias=eighths(9, len(weight)), **values)


def flatten(nir, shape):
    """Of the whole map."""
    return made(nir.Flatten, input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1)


def line(nir):
    """One axis, and what meets behind two delays alike."""
    entry, leave = ends(nir, [2, 9], [2])
    numbers = {"stride": 2, "padding": 1, "dilation": 1, "groups": 1}
    nodes = {
        "input": entry,
        "conv": made(nir.Conv1d, input_shape=9, weight=eighths(10, 3, 2, 3), bias=np.zeros(3), **numbers),
        "spike": nir.IF(r=np.ones((3, 5)), v_threshold=np.ones((3, 5))),
        "late": nir.Delay(delay=np.full((3, 5), 0.5)),
        "later": nir.Delay(delay=np.full((3, 5), 0.5)),
        "sum": nir.IF(r=np.ones((3, 5)), v_threshold=np.full((3, 5), 1.5)),
        "flat": flatten(nir, [3, 5]),
        "fc": nir.Linear(weight=eighths(11, 2, 15)),
        "answer": nir.IF(r=np.ones(2), v_threshold=np.ones(2)),
        "output": leave,
    }
    edges = [
        ("input", "conv"), ("conv", "spike"), ("spike", "late"), ("spike", "later"), ("late", "sum"), ("later", "sum"),
        ("sum", "flat"), ("flat", "fc"), ("fc", "answer"), ("answer", "output"),
    ]  # fmt: skip
    return graph(nir, nodes, edges)


GRAPHS = {"chain": chain, "maps": maps, "line": line}


def main(folder, revision):
    """Write all graphs that the installed revision can hold."""
    import nir

    for name, build in GRAPHS.items():
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "graph.nir"
            try:
                nir.write(path, build(nir))
            except (AttributeError, TypeError) as error:
                print(f"{name}: {error}")
                continue
            packed = io.BytesIO()
            with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
                file.write(path.read_bytes())
        target = Path(folder) / f"{name}-{revision}.nir.gz"
        target.write_bytes(packed.getvalue())
        print(target, len(packed.getvalue()))


if __name__ == "__main__":
    main(*sys.argv[1:])
