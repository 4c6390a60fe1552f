"""What NIR files hold that cannot be had is named, and what is no NIR file is refused in one sentence."""

import json

import numpy as np
import pytest
from nir_helpers import graph_tree, node, read, row, stored, units, write_tree

from compiler.frontends.hdf5 import read_hdf5
from compiler.frontends.imported import Assumptions
from compiler.frontends.model import Unsupported
from compiler.frontends.nir.file import read_nir
from isa_spec.errors import FormatError

h5py = pytest.importorskip("h5py")

ONES = np.ones(2)


def refused(model):
    """Reasons by layer."""
    return {layer.name: layer.reason for layer in model.layers if isinstance(layer, Unsupported)}


def lif(**values):
    return node("LIF", **({"tau": ONES / 100, "r": ONES, "v_leak": 0 * ONES, "v_threshold": ONES} | values))


def cuba(kind, **values):
    defaults = {"tau_mem": ONES / 1000, "tau_syn": ONES / 500, "r": ONES, "v_leak": 0 * ONES, "v_threshold": ONES}
    return node(kind, **(defaults | values))


INFINITE = {"tau": np.full(2, np.inf)}
LEAK = "and this processor has no leak"


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lif(), f"leaks (tau = 0.01), {LEAK}"),
        (lif(tau=np.array([0.01, np.inf])), f"leaks (tau = 0.01 .. inf), {LEAK}"),
        (node("LI", tau=ONES, r=ONES, v_leak=ONES), f"leaks (tau = 1), {LEAK}"),
        (cuba("CubaLIF"), f"leaks (tau_mem = 0.001, tau_syn = 0.002), {LEAK}"),
        (cuba("CubaLI"), f"leaks (tau_mem = 0.001, tau_syn = 0.002), {LEAK}"),
        (units(ONES, v_reset=ONES), "resets to v_reset = 1, and a unit of this processor starts from 0"),
        (lif(**INFINITE, v_leak=ONES), "rests at v_leak = 1, and a unit of this processor starts from 0"),
        (units(ONES, r=np.array([1.0, 0.0])), "has r = 0 .. 1, allowed: above 0"),
        (lif(**INFINITE, r=np.array([1.0, np.inf])), "has r = inf for some units and finite r for others"),
        (node("I", r=ONES), "integrates and never fires; only the last node may, with one r above 0"),
        (node("Delay", delay=np.array([0.1, 0.2])), "delays by different times, 0.1 .. 0.2, within one layer"),
        (node("Flopper", x=ONES), "is of a type that this program does not know"),
        (node("Linear", weight=np.ones((2, 2, 2))), "has weights of 3 axes, allowed: [outputs, inputs]"),
    ],
)
def test_nodes_that_cannot_be_had_are_named(layer, reason, tmp_path):
    model = read(tmp_path, row(layer, units(ONES)))
    assert refused(model) == {"n0": reason}
    assert model.layers[0].kind == layer["type"]


SAME = {"stride": 2, "padding": "same", "dilation": 1, "groups": 1, "bias": np.zeros(1)}


@pytest.mark.parametrize(
    ("layer", "shape", "reason"),
    [
        (
            node("Conv2d", weight=np.ones((1, 1, 3, 3)), **SAME),
            (1, 5, 5),
            "pads by 'same' with a stride of 2, which says no size; give the padding in numbers",
        ),
        (
            node("Linear", weight=np.ones((1, 5))),
            (2, 5),
            "is applied along the last axis of a map [2, 5] alone; flatten the map before it",
        ),
        (
            units(np.arange(1.0, 5.0).reshape(1, 2, 2)),
            (1, 2, 2),
            "v_threshold differs from place to place in a channel, and a channel has one for all its places",
        ),
        (
            node("Scale", scale=np.array([1.0, 2.0])),
            (2, 3, 2),
            "scale is [2] for a map of [2, 3, 2]: by channel, or by column? Give it in the map's shape",
        ),
        (
            node("Threshold", threshold=np.arange(4.0).reshape(1, 2, 2)),
            (1, 2, 2),
            "threshold differs from place to place in a channel, and a channel has one for all its places",
        ),
    ],
)
def test_maps_that_cannot_be_had_are_named(layer, shape, reason, tmp_path):
    assert refused(read(tmp_path, row(layer, shape=shape), dt=1)) == {"n0": reason}


def test_all_members_of_a_cycle_are_named(tmp_path):
    nodes = row(units(ONES), node("Linear", weight=np.eye(2)))
    edges = [["input", "n0"], ["n0", "n1"], ["n1", "n0"], ["n0", "output"]]
    reasons = refused(read(tmp_path, nodes, edges))
    assert reasons.keys() == {"n0", "n1"}
    for reason in reasons.values():
        assert reason.startswith("is part of the cycle n")
        assert reason.endswith(", and only what feeds forward is compiled")
    infinite = lif(**INFINITE)
    nodes = row(infinite)
    alone = refused(read(tmp_path, nodes, [["input", "n0"], ["n0", "n0"], ["n0", "output"]]))
    assert alone == {"n0": "is part of the cycle n0 -> n0, and only what feeds forward is compiled"}


def test_paths_that_meet_with_different_delays(tmp_path):
    nodes = row(units(ONES), node("Delay", delay=ONES), units(ONES))
    edges = [["input", "n0"], ["n0", "n1"], ["n0", "n2"], ["n1", "n2"], ["n2", "output"]]
    assert refused(read(tmp_path, nodes, edges)) == {"n2": "adds what comes late by different times (0, 1)"}


def test_second_inputs_and_outputs_are_named(tmp_path):
    nodes = row(units(ONES)) | {"other": node("Input", shape=[2]), "second": node("Output", shape=[2])}
    edges = [["input", "n0"], ["other", "n0"], ["n0", "output"], ["n0", "second"]]
    assert refused(read(tmp_path, nodes, edges)) == {
        "other": "is a second input, and a network reads one frame",
        "second": "is an output besides 'output', and a network answers by one layer",
    }


def test_a_node_that_reads_nothing_is_named(tmp_path):
    nodes = row(units(ONES)) | {"loose": units(ONES)}
    edges = [["input", "n0"], ["loose", "n0"], ["n0", "output"]]
    assert refused(read(tmp_path, nodes, edges)) == {"loose": "reads nothing: no edge leads there"}


SHAPES = [
    (node("Linear", weight=np.ones((1, 3))), (2,), r"weight \[1, 3\] reads 3 values, 'input' has 2 \[2\]"),
    (node("Affine", weight=np.ones((1, 2)), bias=np.ones(3)), (2,), r"bias of shape \[3\], allowed: .* \[1\]"),
    (
        units(np.ones(3)),
        (2,),
        r"v_threshold: shape \[3\], allowed: that of the map, \[2\], one number per channel, \[2\]",
    ),
    (
        node("Conv2d", weight=np.ones((1, 3, 2, 2)), **(SAME | {"padding": 0})),
        (2, 4, 4),
        r"reads 3 channels over 2 axes",
    ),
    (node("Conv2d", weight=np.ones((1, 2, 2, 2)), **(SAME | {"padding": 0})), (2, 4), r"'input' has \[2, 4\]"),
    (
        node("Conv2d", weight=np.ones((1, 2, 5, 5)), **(SAME | {"padding": 0})),
        (2, 4, 4),
        r"window of \[5, 5\] is larger",
    ),
    (node("Conv2d", weight=np.ones((1, 2, 5)), **SAME), (2, 4, 4), r"weight of shape \[1, 2, 5\], allowed: \[O, I"),
    (
        node("Conv2d", weight=np.ones((3, 1, 1, 1)), **(SAME | {"groups": 2, "padding": 0})),
        (2, 4, 4),
        "3 outputs in 2 groups",
    ),
    (
        node("Conv2d", weight=np.ones((1, 2, 1, 1)), **(SAME | {"padding": "full"})),
        (2, 4, 4),
        "allowed: integers, 'same'",
    ),
    (node("Conv2d", weight=np.ones((1, 2, 1, 1)), **(SAME | {"stride": 0})), (2, 4, 4), r"stride = \[0\], allowed: 2"),
    (
        node("Conv2d", weight=np.ones((1, 2, 1, 1)), **(SAME | {"stride": [1, 1, 1]})),
        (2, 4, 4),
        r"stride = \[1, 1, 1\]",
    ),
    (node("Conv2d", weight=np.ones((1, 2, 1, 1)), **(SAME | {"stride": 1.5})), (2, 4, 4), r"stride = \[1.5\]"),
    (node("SumPool2d", kernel_size=2, stride=2, padding=0), (2, 4), r"reads a map \[C, H, W\], 'input' has \[2, 4\]"),
    (node("Flatten", start_dim=4, end_dim=-1), (2, 4), "start_dim = 4, end_dim = -1, allowed: axes of the map"),
]


@pytest.mark.parametrize(("layer", "shape", "words"), SHAPES)
def test_shapes_that_do_not_fit(layer, shape, words, tmp_path):
    with pytest.raises(FormatError, match=r"net\.nir: node 'n0'.*" + words):
        read(tmp_path, row(layer, shape=shape))


VALUES = [
    (node("Linear", weight=np.array([[1.0, np.nan]])), r"weight\[0, 1\] = nan, allowed: finite numbers"),
    (node("Linear", weight=np.array([[np.inf, 1.0]])), r"weight\[0, 0\] = inf, allowed: finite numbers"),
    (node("Linear", weight="much"), "weight: <U4 values, allowed: numbers of at most 64 bits"),
    (node("Linear", weight={"a": 1}), "weight: a group, allowed: numbers"),
    (node("Linear", weight=np.ones((0, 2))), r"weight: shape \[0, 2\], allowed: one number and more"),
    (node("Linear", weight=np.array([[2**63, 1]], np.uint64)), "weight: 9223372036854775808 does not fit 64 bits"),
    (node("Linear"), "key 'weight' is missing, it has type"),
    (node("IF", r=ONES), "key 'v_threshold' is missing, it has r, type"),
    (node("IF", v_threshold=ONES), "key 'r' is missing"),
    (lif(tau=np.array([np.nan, 1.0])), r"tau\[0\] = nan, allowed: numbers"),
    (lif(tau=-ONES), "tau = -1, allowed: above 0"),
    (units(ONES, v_reset=ONES * np.nan), r"v_reset\[0\] = nan"),
    (node("Delay", delay=-ONES), "delay = -1, allowed: 0 and above"),
]


@pytest.mark.malformed
@pytest.mark.parametrize(("layer", "words"), VALUES)
def test_wrong_values(layer, words, tmp_path):
    with pytest.raises(FormatError, match=r"net\.nir: node 'n0': " + words):
        read(tmp_path, row(layer))


INPUT, OUTPUT = node("Input", shape=[2]), node("Output", shape=[2])


def trees():
    """Trees that are no NIR graph, and what is said."""
    fine = graph_tree(row(units(ONES)))
    yield {"other": {"x": 1}}, "not a NIR file: has no group 'node'"
    yield {"node": 1}, "not a NIR file: has no group 'node'"
    yield {"node": {"type": "NIRGraph", "edges": [["a", "b"]]}}, "a graph without nodes"
    yield {"node": {"type": "NIRGraph", "nodes": {"a": {"x": 1}}}}, "node 'a' has no type"
    yield {"node": {"type": "NIRGraph", "nodes": {"a": 1}}}, "node 'a' has no type"
    yield {"node": fine["node"] | {"edges": np.zeros((2, 3))}}, r"edges of shape \[2, 3\], float64, allowed: pairs"
    yield {"node": fine["node"] | {"edges": "input n0"}}, r"edges of shape \[\]"
    lost = graph_tree(row(units(ONES)), [["input", "n0"], ["n0", "n7"], ["n0", "output"]])
    yield lost, "edge 'n0' -> 'n7': no node is called 'n7', there are 'input', 'n0', 'output'"
    yield graph_tree(row(units(ONES)), [["input", "n0"]]), "output 'output' reads nothing: no edge leads there"
    yield graph_tree({"input": INPUT, "output": OUTPUT}), "there are no layers between its input and its output"
    loose = {"input": INPUT, "a": units(ONES), "b": units(ONES)}
    ends = r"no node of type Output, and 2 nodes that nothing reads \('a', 'b'\)"
    yield graph_tree(loose, [["input", "a"], ["input", "b"]]), ends
    yield graph_tree(row(units(ONES), shape=(2, 3, 4, 5))), r"node 'input': shape \[2, 3, 4, 5\], allowed: \[N\]"
    yield graph_tree(row(units(ONES), shape=(0,))), r"node 'input': shape = \[0\], allowed: integers in 1"
    yield graph_tree(row(units(ONES), shape=(1.5,))), r"node 'input': shape = \[1.5\]"
    yield graph_tree({"a": node("AvgPool2d", kernel_size=2, stride=2, padding=0)}), "does not tell its shape"
    inner = {"i": INPUT, "j": INPUT, "u": units(ONES), "o": OUTPUT}
    inner = graph_tree(inner, [["i", "u"], ["j", "u"], ["u", "o"]])["node"]
    yield graph_tree(row(inner)), r"subgraph 'n0' has 2 inputs \('n0.i', 'n0.j'\), allowed: one"
    inner = graph_tree({"u": units(ONES)})["node"]
    twice = {"input": INPUT, "a": inner, "a.u": units(ONES), "output": OUTPUT}
    yield graph_tree(twice), "two nodes are called 'a.u'"
    sums = {"input": INPUT, "a": node("Linear", weight=np.ones((3, 2))), "b": node("Linear", weight=np.ones((2, 2)))}
    both = [["input", "a"], ["input", "b"], ["a", "output"], ["b", "output"]]
    yield graph_tree(sums | {"output": OUTPUT}, both), r"adds maps of different shapes: 'a' \[3\], 'b' \[2\]"
    odd = {"input": INPUT, "\x07": units(ONES), "output": OUTPUT}
    yield graph_tree(odd), "the name of layer .* is no printable text"
    linear, said = node("Linear", weight=np.eye(2)), {"layer": "x"}
    twice = own(nodes=[["n0", said], ["n1", said]])
    yield graph_tree(row(linear, linear), metadata=twice), "the name of layer 'x' is there twice"
    unread = own(nodes=[["n0", {"order": ["x"]}]])
    words = r"node 'n0': metadata: order = \['x'\], but the node reads \['input'\]"
    yield graph_tree(row(units(ONES)), metadata=unread), words
    odd = [
        own(nodes=[["n0", {"integers": 1}]]),
        own(nodes=["n"]),
        own(nodes=[[["n"], {}]]),
        own(depth=3),
        own(floor="0"),
    ]
    for metadata in ({"neuroproc": "{"}, {"neuroproc": 3}, *odd):
        words = "metadata 'neuroproc' is not as this program writes it, allowed: JSON with name, encoding"
        yield graph_tree(row(units(ONES)), metadata=metadata), words


def own(**entries):
    """Metadata as this program writes it."""
    return {"neuroproc": json.dumps(entries)}


@pytest.mark.malformed
@pytest.mark.parametrize(("tree", "words"), list(trees()))
def test_what_is_no_graph(tree, words, tmp_path):
    path = write_tree(tmp_path / "net.nir", tree)
    with pytest.raises(FormatError, match=r"net\.nir: .*" + words):
        read_nir(path, Assumptions())


@pytest.mark.malformed
def test_truncated_files(tmp_path):
    path = stored("chain-1.0.8.nir.gz", tmp_path)
    whole = path.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError, match=r"chain-1\.0\.8\.nir: not an HDF5 file, or a damaged one \("):
            read_nir(path, Assumptions())


@pytest.mark.malformed
def test_damaged_files_are_refused_or_read(tmp_path):
    """Some bytes are not used, and some are numbers; what counts is that nothing else is ever raised."""
    path = stored("chain-1.0.4.nir.gz", tmp_path)
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    refusals = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 40):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_nir(path, Assumptions())
        except FormatError:
            refusals += 1
    assert refusals > 10


@pytest.mark.malformed
def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FormatError, match=r"none\.nir: cannot be read \(No such file"):
        read_nir(tmp_path / "none.nir", Assumptions())


@pytest.mark.malformed
def test_what_an_hdf5_file_may_not_hold(tmp_path):
    path = tmp_path / "odd.h5"
    cases = {
        "a link to elsewhere": lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/hosts", "/")),
        "groups more than 32 deep": lambda file: file.__setitem__("a", file["/"]),
        "neither numbers nor text": lambda file: file.create_dataset("a", data=[1 + 2j]),
        "a: neither numbers nor text": lambda file: file.create_dataset("a", (2,), h5py.vlen_dtype(np.int8)),
        "text that is not UTF-8": lambda file: file.create_dataset("a", data=np.bytes_(b"\xff\xfe")),
        "a named type": lambda file: file.__setitem__("a", np.dtype("f8")),
        "an array of 8589934592 bytes": lambda file: file.create_dataset("a", (2**30,), "f8", chunks=(1024,)),
    }
    for words, fill in cases.items():
        with h5py.File(path, "w") as file:
            fill(file)
        with pytest.raises(FormatError, match=rf"odd\.h5: .*{words}"):
            read_hdf5(path)


def test_hdf5_as_dictionaries(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["group/number"] = 3
        file["group/text"] = "wörd"
        file["fixed"] = np.array([b"ab", b"c"])
        file["nothing"] = h5py.Empty("f8")
    found = read_hdf5(path)
    assert found.keys() == {"group", "fixed"}
    assert (found["group"]["number"], found["group"]["text"], found["fixed"].tolist()) == (3, "wörd", ["ab", "c"])


@pytest.mark.malformed
def test_texts_without_an_end(tmp_path):
    """The HDF5 library follows a list of texts that does not go on for ever."""
    path = stored("chain-1.0.4.nir.gz", tmp_path)
    damaged = bytearray(path.read_bytes())
    first = damaged.index(b"GCOL") + 16
    assert damaged[first] == 1
    damaged[first : first + 16] = bytes(16)
    path.write_bytes(damaged)
    with pytest.raises(FormatError, match=r"not an HDF5 file, or a damaged one \(its texts have no end\)"):
        read_hdf5(path)
