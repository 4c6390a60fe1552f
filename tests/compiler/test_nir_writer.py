"""Layered networks are written to NIR and read back equal; what NIR cannot hold is refused in a sentence."""

import builtins
import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nir_helpers import holdable

from compiler.frontends.hdf5 import read_hdf5
from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import import_network
from compiler.frontends.nir.file import read_nir
from compiler.frontends.nir.writer import write_nir
from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import INPUT, LayeredNetwork
from compiler.networks.network_file import load_network
from isa_spec.errors import FormatError, NetworkError, NeuroprocError

pytest.importorskip("h5py")
nir = pytest.importorskip("nir")

ROOT = Path(__file__).resolve().parents[2]
BLOCK = 20


def again(network, folder):
    """The network that is read back."""
    write_nir(network, folder / "net.nir")
    return import_network(folder / "net.nir", Assumptions())


def check(seed, folder):
    network = holdable(seed)
    imported = again(network, folder)
    assert imported.network.digest == network.digest, f"seed {seed}"
    assert imported.network.name == network.name
    assert {label.fidelity for label in imported.labels} == {"exact"}, f"seed {seed}"


@pytest.mark.parametrize("block", range(200 // BLOCK))
def test_random_networks_are_read_back_equal(block, tmp_path):
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        check(seed, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("block", range(200 // BLOCK, 1000 // BLOCK))
def test_sweep_of_random_networks(block, tmp_path):
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        check(seed, tmp_path)


def test_random_networks_reach_the_corners():
    seen = set()
    for seed in range(200):
        network = holdable(seed)
        seen |= {layer.kind for layer in network.layers} | {network.encoding["kind"], network.decode["kind"]}
        seen |= {f"{layer.kind} of units" for layer in network.layers if isinstance(layer, Pool2d) and layer.spikes}
        seen |= {f"linear {layer.kind}" for layer in network.layers if not layer.spikes}
        seen |= {"factor" for layer in network.layers if isinstance(layer, Add) and layer.factor is not None}
        seen |= {"grouped" for layer in network.layers if isinstance(layer, Conv2d) and layer.groups > 1}
        if network.rate:
            seen |= {network.reset, f"floor {network.floor if network.floor is None else np.sign(network.floor)}"}
    wanted = {"conv2d", "dense", "add", "flatten", "maxpool2d", "linear sumpool2d", "linear avgpool2d", "linear conv2d"}
    wanted |= {"binary", "bitplanes", "count", "thermometer", "rate", "spikes", "argmax", "zero", "subtract"}
    wanted |= {"sumpool2d of units", "factor", "grouped", "floor None", "floor 0", "floor -1"}
    assert wanted <= seen, wanted - seen


def network(*layers, shape=(2, 4, 4), encoding=None, decode=None, **more):
    return LayeredNetwork("n", shape, layers, encoding or {"kind": "binary"}, decode, **more)


def conv(**more):
    values = {"weight": np.array([[[[2]], [[4]]]]), "threshold": np.array([3])}
    return Conv2d("conv", (INPUT,), **(values | more))


RATE = {"kind": "rate", "steps": 4}


@pytest.mark.parametrize(
    "whole",
    [
        network(conv(weight=np.array([[[[2**30]], [[-(2**40)]]]]), threshold=np.array([2**50]))),
        network(
            conv(threshold=np.array([2**52])), Dense("fc", ("conv",), np.eye(3, 16, dtype=int), np.array([1, 0, -4]))
        ),
        network(
            Dense("fc", (INPUT,), np.ones((2, 32), int), np.array([1, 2])), Add("sum", ("fc", "fc"), np.array([2, 2]))
        ),
        network(conv(), Add("sum", ("conv", "conv"), np.array([2]), np.array([[2], [4]]))),
        network(conv(), Add("alone", ("conv",), np.array([1]))),
        network(conv(), Flatten("flat", ("conv",)), Flatten("again", ("flat",))),
        network(
            Pool2d("pool", (INPUT,), "avgpool2d", (2, 3), (2, 1)),
            Pool2d("units", ("pool",), "avgpool2d", (1, 2), (1, 2), np.array([1, 0])),
        ),
        network(replace(conv(), name="a.fire"), Dense("a", ("a.fire",), np.ones((2, 16), int), np.array([1, 5]))),
        network(
            conv(), encoding=RATE, reset="subtract", floor=-7, decode={"kind": "argmax", "classes": 16, "by": "first"}
        ),
        network(conv(), decode={"kind": "n-hot", "key": [[1, 0] * 8, [0, 1] * 8]}),
        network(Dense("fc", (INPUT,), np.ones((3, 3), int), np.arange(3)), shape=(3, 1, 1)),
        network(
            Dense("fc", (INPUT,), np.ones((2, 4), int), np.arange(2)),
            Conv2d("conv", (INPUT,), np.ones((2, 4, 1, 1), int), None),
            Add("sum", ("fc", "conv"), np.array([2, 3])),
            shape=(4, 1, 1),
        ),
    ],
    ids=lambda whole: "-".join(layer.name for layer in whole.layers),
)
def test_corners_are_read_back_equal(whole, tmp_path):
    assert again(whole, tmp_path).network.digest == whole.digest


@pytest.mark.parametrize("name", ["neuroproc/data/digits", "examples/lenet/polished8", "examples/rate/rate5"])
def test_shipped_networks_are_read_back_equal(name, tmp_path):
    shipped = load_network(ROOT / f"{name}.json")
    assert again(shipped, tmp_path).network.digest == shipped.digest


def test_files_are_those_of_the_library(tmp_path):
    whole = network(
        conv(),
        Pool2d("pool", ("conv",), "maxpool2d", (2, 2), (2, 2)),
        Dense("fc", ("pool",), np.eye(3, 4, dtype=int), np.arange(3)),
    )
    write_nir(whole, tmp_path / "net.nir")
    graph = nir.read(tmp_path / "net.nir")
    assert {name: type(node).__name__ for name, node in graph.nodes.items()} == {
        "input": "Input", "conv": "Conv2d", "conv.fire": "IF", "pool": "SumPool2d", "pool.fire": "IF",
        "pool.flat": "Flatten", "fc": "Linear", "fc.fire": "IF", "output": "Output",
    }  # fmt: skip
    assert graph.nodes["conv.fire"].v_threshold.tolist() == np.full((1, 4, 4), 2.5).tolist()
    assert graph.nodes["pool.fire"].v_threshold.tolist() == np.full((1, 2, 2), 0.5).tolist()
    assert graph.nodes["fc.fire"].v_threshold.tolist() == [-0.5, 0.5, 1.5]


def library_reads(path, check):
    """The library's graph; older revisions check no shapes when they read."""
    options = {"type_check": check} if "type_check" in inspect.signature(nir.read).parameters else {}
    return nir.read(path, **options)


def test_what_the_library_reads_and_writes_is_the_same_network(tmp_path):
    for seed in range(20):
        whole = holdable(seed)
        write_nir(whole, tmp_path / "net.nir")
        # The library takes kernels for square where it checks shapes.
        nir.write(tmp_path / "copy.nir", library_reads(tmp_path / "net.nir", False))
        assert import_network(tmp_path / "copy.nir", Assumptions()).network.digest == whole.digest, seed


def test_the_library_checks_the_shapes_of_square_kernels(tmp_path):
    checked = 0
    for seed in range(40):
        whole = holdable(seed)
        kernels = [layer.weight.shape[2:] for layer in whole.layers if isinstance(layer, Conv2d)]
        if all(rows == columns for rows, columns in kernels):
            write_nir(whole, tmp_path / "net.nir")
            library_reads(tmp_path / "net.nir", True)
            checked += 1
    assert checked > 5


def test_thresholds_lie_between_sums(tmp_path):
    """Above and at least agree, also behind averages; only what is taken off by subtraction is the threshold itself."""
    average = Pool2d("pool", (INPUT,), "avgpool2d", (2, 2), (2, 2))
    whole = network(average, Conv2d("conv", ("pool",), np.array([[[[1]], [[1]]]]), np.array([1])))
    write_nir(whole, tmp_path / "net.nir")
    assert nir.read(tmp_path / "net.nir").nodes["conv.fire"].v_threshold.tolist() == np.full((1, 2, 2), 0.875).tolist()
    for strict in (False, True):
        assert import_network(tmp_path / "net.nir", Assumptions(strict=strict)).network.digest == whole.digest
    write_nir(network(conv(), encoding=RATE, reset="subtract"), tmp_path / "net.nir")
    assert nir.read(tmp_path / "net.nir").nodes["conv.fire"].v_threshold.tolist() == np.full((1, 4, 4), 3).tolist()


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_nir(holdable(3), tmp_path / f"{name}.nir")
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()


def test_nodes_alone_tell_the_same_network(tmp_path):
    """Without metadata a factor is a scale."""
    whole = network(conv(), Add("sum", ("conv", "conv"), np.array([2]), np.array([[2], [4]])))
    write_nir(whole, tmp_path / "net.nir")
    graph = nir.read(tmp_path / "net.nir")
    assert len(graph.metadata) == 1
    graph.metadata = {}
    nir.write(tmp_path / "net.nir", graph)
    layers = {layer.name: layer for layer in read_nir(tmp_path / "net.nir", Assumptions()).layers}
    assert layers["sum"].sources == ("sum.scale0", "sum.scale1")
    assert layers["sum.scale1"].factor.tolist() == [4.0]


CANNOT = "cannot be written to NIR: "


def refused():
    """Networks, and why they cannot be held."""
    dense = Dense("fc", (INPUT,), np.ones((2, 32), int), np.ones(2, int))
    pool = Pool2d("pool", (INPUT,), "maxpool2d", (2, 2), (2, 2))
    uneven = r"NIR pads both ends alike, not by \[\[1, 0\], \[0, 0\]\]; keep it as \.json"
    yield network(conv(padding=((1, 0), (0, 0)))), f"layer 'conv' {CANNOT}{uneven}"
    joined = Concat("both", ("conv", "b"))
    last = Dense("fc", ("both",), np.ones((1, 32), int), np.array([1]))
    whole = network(conv(), replace(conv(), name="b"), joined, last)
    yield whole, f"layer 'both' {CANNOT}NIR has no node that joins maps"
    whole = network(conv(), encoding={"kind": "latency", "steps": 4})
    yield whole, f"network 'n' {CANNOT}with the encoding 'latency' a unit that has fired fires to the end"
    membrane = replace(pool, sources=("conv",), rule="membrane")
    whole = network(conv(), membrane, encoding=RATE)
    yield whole, f"layer 'pool' {CANNOT}NIR has no words for a maximum by the rule 'membrane'"
    whole = network(pool, encoding={"kind": "bitplanes", "bits": 4})
    yield whole, f"layer 'pool' {CANNOT}NIR has no maximum; one of spikes is a sum that reaches 1, but these are none"
    whole = network(pool, encoding=RATE, floor=-3)
    yield whole, f"network 'n' {CANNOT}its floor of -3 is that of units that integrate, and it has none"
    whole = network(dense, Conv2d("conv", ("fc",), np.ones((1, 2, 1, 1), int), np.array([1])))
    yield whole, f"layer 'conv' {CANNOT}NIR has no node that makes a map of the vector of 'fc'"
    whole = network(conv(threshold=np.array([2**60])))
    yield whole, rf"layer 'conv' {CANNOT}threshold\[0\] = 1152921504606846976 is beyond what floats tell"
    named = "a node cannot be called 'a/b': '/' and dots alone name places in an HDF5 file"
    yield network(replace(conv(), name="a/b")), named


@pytest.mark.error
@pytest.mark.parametrize(("whole", "words"), list(refused()))
def test_what_nir_cannot_hold_is_refused(whole, words, tmp_path):
    with pytest.raises(NetworkError, match=words):
        write_nir(whole, tmp_path / "net.nir")
    assert not list(tmp_path.iterdir())


@pytest.mark.error
def test_where_it_can_be_written(tmp_path):
    with pytest.raises(FormatError, match=r"net\.h5: a network in NIR is written to NAME\.nir"):
        write_nir(network(conv()), tmp_path / "net.h5")
    with pytest.raises(NeuroprocError, match="cannot be written"):
        write_nir(network(conv()), tmp_path / "none" / "net.nir")


@pytest.mark.error
def test_missing_libraries_are_named(tmp_path, monkeypatch):
    write_nir(network(conv()), tmp_path / "net.nir")
    plain = builtins.__import__

    def without(name, *rest, **more):
        if name in ("h5py", "nir"):
            raise ImportError(name)
        return plain(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NeuroprocError, match=r"net\.nir: needs h5py; pip install 'neuroproc\[nir\]'"):
        read_hdf5(tmp_path / "net.nir")
    with pytest.raises(NeuroprocError, match=r"net\.nir: needs the library nir; pip install 'neuroproc\[nir\]'"):
        write_nir(network(conv()), tmp_path / "net.nir")
