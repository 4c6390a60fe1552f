"""NIR files, by hand and by every revision of the library, are read as what they say."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from nir_helpers import STORED, graph_tree, node, plain, read, row, stored, units, write_tree

from compiler.frontends.imported import Assumptions
from compiler.frontends.model import Conv, Fire, Flat, Linear, Pool, Scale, Step, Sum
from compiler.frontends.nir.file import read_nir
from isa_spec.errors import NetworkError

pytest.importorskip("h5py")

OUTSIDE = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "nir"
FILES = sorted(path.name for path in STORED.iterdir())


def of_graph(name):
    return [file for file in FILES if file.startswith(f"{name}-")]


@pytest.mark.parametrize("graph", ["chain", "maps", "line"])
def test_revisions_of_the_library_are_read_alike(graph, tmp_path):
    """Names aside, which the oldest one does not know."""
    read_of = {name: read_nir(stored(name, tmp_path), Assumptions()) for name in of_graph(graph)}
    assert {name.split("-")[1].removesuffix(".nir.gz") for name in read_of} >= {"1.0.4", "1.0.8"}
    first = read_of[f"{graph}-1.0.8.nir.gz"]
    for name, model in read_of.items():
        assert (model.input_shape, model.notes) == (first.input_shape, first.notes), name
        if "0.0.6" in name:
            assert [vars(layer).keys() for layer in model.layers] == [vars(layer).keys() for layer in first.layers]
            without = [
                [plain(v) for k, v in vars(layer).items() if k not in ("name", "sources")] for layer in model.layers
            ]
            wanted = [
                [plain(v) for k, v in vars(layer).items() if k not in ("name", "sources")] for layer in first.layers
            ]
            assert without == wanted
        else:
            assert plain(model.layers) == plain(first.layers), name


@pytest.mark.parametrize("graph", ["chain", "maps", "line"])
def test_the_installed_library_writes_what_is_stored(graph, tmp_path):
    nir = pytest.importorskip("nir")
    import nir_graphs

    nir.write(tmp_path / "net.nir", nir_graphs.GRAPHS[graph](nir))
    own = read_nir(tmp_path / "net.nir", Assumptions())
    assert plain(own.layers) == plain(read_nir(stored(f"{graph}-1.0.8.nir.gz", tmp_path), Assumptions()).layers)


def test_a_stored_graph_is_what_was_written(tmp_path):
    import nir_graphs

    model = read_nir(stored("chain-1.0.4.nir.gz", tmp_path), Assumptions())
    assert [(layer.name, layer.kind, layer.sources) for layer in model.layers] == [
        ("0", "linear", ("input",)), ("1", "fire", ("0",)), ("2", "linear", ("1",)), ("10", "fire", ("2",)),
        ("11", "linear", ("10",)),
    ]  # fmt: skip
    assert np.array_equal(model.layers[0].weight, nir_graphs.eighths(1, 3, 4))
    assert model.layers[1].threshold.tolist() == [0.5, 1.0, 0.75]
    assert (model.name, model.format, model.input_shape) == ("chain-1.0.4", "NIR", (4, 1, 1))


@pytest.mark.parametrize(
    ("file", "where", "leak"),
    [
        ("lif_norse.nir", "1", "tau = 0.0025"),
        ("braille_noDelay_bias_zero.nir", "lif1.lif", "tau_mem = 0.001, tau_syn = 0.000222222"),
        ("braille_noDelay_noBias_subtract_subgraph.nir", "lif1.lif1", "tau_mem = 0.000666667, tau_syn = 0.0004"),
    ],
)
def test_outside_files_are_parsed_and_their_leak_is_named(file, where, leak):
    if not (OUTSIDE / file).exists():
        pytest.skip(f"needs {OUTSIDE / file}, which is not part of the project")
    model = read_nir(OUTSIDE / file, Assumptions())
    refused = {layer.name: layer.reason for layer in model.layers if layer.kind in ("LIF", "CubaLIF")}
    assert refused[where] == f"leaks ({leak}), and this processor has no leak"


def test_layers_in_a_row(tmp_path):
    weight = np.array([[1.5, -2.0]])
    model = read(tmp_path, row(node("Affine", weight=weight, bias=np.array([0.25])), units([0.5])))
    linear, fire = model.layers
    assert isinstance(linear, Linear)
    assert isinstance(fire, Fire)
    assert (linear.weight.tolist(), linear.bias.tolist()) == (weight.tolist(), [0.25])
    assert (fire.threshold.tolist(), fire.gain.tolist(), fire.strict, fire.reset) == ([0.5], [1.0], None, None)
    assert (linear.sources, fire.sources, model.input_shape) == (("input",), ("n0",), (2, 1, 1))


def test_a_bias_of_zeros_is_none(tmp_path):
    (linear,) = read(tmp_path, row(node("Affine", weight=np.ones((1, 2)), bias=np.zeros(1)))).layers
    assert linear.bias is None


def test_integers_stay_integers(tmp_path):
    (linear,) = read(tmp_path, row(node("Linear", weight=np.array([[3, -4]], np.int8)))).layers
    assert linear.weight.dtype == np.int64


def conv(shape=(2, 1, 3, 3), **values):
    weight = np.arange(np.prod(shape), dtype=float).reshape(shape)
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": np.zeros(shape[0])}
    return node("Conv2d" if len(shape) == 4 else "Conv1d", weight=weight, **(defaults | values))


@pytest.mark.parametrize(
    ("values", "padding"),
    [
        ({"padding": "same"}, ((1, 1), (1, 1))),
        ({"padding": "valid"}, ((0, 0), (0, 0))),
        ({"padding": "same", "dilation": 2}, ((2, 2), (2, 2))),
        ({"padding": [2, 1]}, ((2, 2), (1, 1))),
        ({"padding": np.int64(1)}, ((1, 1), (1, 1))),
        ({"padding": np.array([1])}, ((1, 1), (1, 1))),
    ],
)
def test_padding_in_words_and_numbers(values, padding, tmp_path):
    (layer,) = read(tmp_path, row(conv(**values), shape=(1, 7, 8))).layers
    assert isinstance(layer, Conv)
    assert layer.padding == padding


def test_an_even_kernel_is_padded_more_at_the_end(tmp_path):
    (layer,) = read(tmp_path, row(conv((1, 1, 2, 4), padding="same"), shape=(1, 5, 5))).layers
    assert layer.padding == ((0, 1), (1, 2))


def test_scalars_and_pairs_of_a_convolution(tmp_path):
    (layer,) = read(tmp_path, row(conv((4, 1, 3, 3), stride=[2, 1], dilation=2, groups=2), shape=(2, 9, 9))).layers
    assert (layer.stride, layer.dilation, layer.groups) == ((2, 1), (2, 2), 2)


def test_one_axis_lies_along_the_rows(tmp_path):
    model = read(tmp_path, row(conv((3, 2, 3), stride=2, padding=1, dilation=1), shape=(2, 9)))
    (layer,) = model.layers
    assert model.input_shape == (2, 9, 1)
    assert (layer.weight.shape, layer.stride, layer.padding) == ((3, 2, 3, 1), (2, 1), ((1, 1), (0, 0)))


def test_pools_scales_steps(tmp_path):
    pools = [node(f"{kind}Pool2d", kernel_size=[2, 2], stride=2, padding=[0, 1]) for kind in ("Sum", "Avg")]
    scale = node("Scale", scale=np.full((1, 2, 3), 0.5))
    step = node("Threshold", threshold=np.array(0.25))
    model = read(tmp_path, row(*pools, scale, step, shape=(1, 8, 8)))
    assert [type(layer) for layer in model.layers] == [Pool, Pool, Scale, Step]
    assert [layer.rule for layer in model.layers[:2]] == ["sum", "avg"]
    assert (model.layers[0].kernel, model.layers[0].stride) == ((2, 2), (2, 2))
    assert model.layers[0].padding == ((0, 0), (1, 1))
    assert (model.layers[2].factor.tolist(), model.layers[2].shift.tolist()) == ([0.5], [0.0])
    assert (model.layers[3].level.tolist(), model.layers[3].strict) == ([0.25], None)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (1.5, [1.5]),
        ([1.5], [1.5]),
        ([1.5, 2.5], [1.5, 2.5]),
        (np.array([1.5, 2.5]).reshape(2, 1, 1), [1.5, 2.5]),
        (np.array([1.5, 2.5]).reshape(1, 2, 1, 1), [1.5, 2.5]),
        (np.stack([np.full((3, 4), 1.5), np.full((3, 4), 2.5)]), [1.5, 2.5]),
    ],
)
def test_thresholds_by_channel(threshold, expected, tmp_path):
    layer = units(threshold, r=np.array(1.0), v_reset=np.array(0.0))
    (fire,) = read(tmp_path, row(layer, shape=(2, 3, 4))).layers
    assert fire.threshold.tolist() == expected


@pytest.mark.parametrize(("r", "dt", "gain"), [(1.0, None, 1), (1e4, None, 1), (1e4, "1e-4", 1), (2.0, "3/4", 1.5)])
def test_a_step_adds_r_times_dt(r, dt, gain, tmp_path):
    model = read(tmp_path, row(units([1.0, 2.0], r=np.full(2, r))), dt=dt)
    assert model.layers[0].gain.tolist() == [gain]
    taken = f"the file does not say dt: taken to be 1 / r = {1 / r:g}, so that each step adds its input once"
    assert model.notes == (() if dt else (taken,))


def test_several_r_need_a_dt(tmp_path):
    nodes = row(units([1.0, 2.0]), units([1.0, 2.0], r=np.full(2, 4.0)))
    message = (
        r"net\.nir: node 'n0' has r = 1 and node 'n1' r = 4: a step of dt adds r \* dt times the input, and the file "
        r"does not say dt; say the one that the network was trained with: --dt"
    )
    with pytest.raises(NetworkError, match=message):
        read(tmp_path, nodes)
    assert [layer.gain.tolist() for layer in read(tmp_path, nodes, dt="1/4").layers] == [[0.25], [1.0]]
    with pytest.raises(NetworkError, match="node 'n0' has r = 1 and 2: "):
        read(tmp_path, row(units([1.0, 2.0], r=np.array([1.0, 2.0]))))


def test_a_time_constant_of_infinity_is_no_leak(tmp_path):
    infinite, ones = np.full(2, np.inf), np.ones(2)
    lif = {"tau": infinite, "v_leak": 0 * ones, "v_threshold": ones}
    model = read(tmp_path, row(node("LIF", r=infinite, **lif), node("LIF", r=ones, **lif)))
    assert [type(layer) for layer in model.layers] == [Fire, Fire]
    assert [layer.gain.tolist() for layer in model.layers] == [[1.0], [1.0]]
    assert model.notes[1:] == (
        "'n0' is an LIF with tau = inf and r = inf, as written for beta = 1: each step adds its input once",
        "'n1' is an LIF with tau = inf: it does not leak, and is taken for an IF",
    )


def test_what_passes_on_vanishes(tmp_path):
    nodes = row(node("Linear", weight=np.ones((3, 2))), node("Identity", input_type=[3]), units([1.0] * 3))
    assert [layer.kind for layer in read(tmp_path, nodes).layers] == ["linear", "fire"]


def test_an_integrator_that_answers_is_the_sum_that_it_reads(tmp_path):
    model = read(tmp_path, row(node("Linear", weight=np.ones((3, 2))), node("I", r=np.ones(3))))
    assert [layer.kind for layer in model.layers] == ["linear"]
    assert model.notes == ("'n1' integrates what 'n0' sums: the largest sum at the end is the answer",)


def test_several_edges_to_a_node_are_a_sum(tmp_path):
    nodes = {
        "input": node("Input", shape=[2]),
        "a": node("Linear", weight=np.ones((3, 2))),
        "b": node("Linear", weight=np.ones((3, 2))),
        "spike": units([1.0] * 3),
        "c": node("Linear", weight=np.ones((1, 3))),
        "output": node("Output", shape=[1]),
    }
    edges = [
        ["input", "a"],
        ["input", "b"],
        ["b", "spike"],
        ["a", "spike"],
        ["spike", "c"],
        ["a", "c"],
        ["c", "output"],
    ]
    layers = {layer.name: layer for layer in read(tmp_path, nodes, edges).layers}
    assert isinstance(layers["spike"], Sum)
    assert layers["spike"].sources == ("a", "b")
    assert layers["spike.fire"].sources == ("spike",)
    assert layers["c.sum"].sources == ("a", "spike.fire")
    assert layers["c"].sources == ("c.sum",)
    assert list(layers)[-1] == "c"


def test_subgraphs_are_dissolved_at_any_depth(tmp_path):
    inmost = graph_tree({"in": node("Input", shape=[2]), "u": units([1.0, 1.0]), "out": node("Output", shape=[2])})
    inner = graph_tree({"l": node("Linear", weight=np.eye(2)), "deep": inmost["node"]})["node"]
    model = read(tmp_path, row(inner, node("Linear", weight=np.ones((1, 2)))))
    assert [layer.name for layer in model.layers] == ["n0.l", "n0.deep.u", "n1"]
    assert model.layers[-1].sources == ("n0.deep.u",)


def test_layers_follow_their_sources_whatever_their_names(tmp_path):
    nodes = {"input": node("Input", shape=[2]), "output": node("Output", shape=[2])}
    names = [str(number) for number in (11, 2, 10, 1, 0)]
    nodes |= {name: units([1.0, 1.0]) for name in names}
    edges = [list(pair) for pair in zip(["input", *names], [*names, "output"], strict=True)]
    assert [layer.name for layer in read(tmp_path, nodes, edges[::-1]).layers] == names


@pytest.mark.parametrize("first", [1, 0, 3])
def test_flatten_takes_all_of_a_map(first, tmp_path):
    nodes = row(
        node("Flatten", start_dim=min(first, 2), end_dim=-1), node("Linear", weight=np.ones((1, 12))), shape=(3, 2, 2)
    )
    model = read(tmp_path, nodes)
    assert isinstance(model.layers[0], Flat)
    assert bool(model.notes) == (first > 0)
    if first == 1:
        note = "'n0' flattens axes 1 to -1 of a map [3, 2, 2], as if a batch came first: taken for all"
        assert model.notes == (note,)


def test_a_linear_node_may_read_a_map(tmp_path):
    model = read(tmp_path, row(node("Linear", weight=np.ones((1, 12))), shape=(3, 2, 2)))
    assert [layer.kind for layer in model.layers] == ["linear"]
    assert model.notes == ("'n0' reads a map [3, 2, 2] without a Flatten: taken in C, H, W order",)


def test_a_uniform_delay_changes_no_decision(tmp_path):
    model = read(tmp_path, row(units([1.0, 1.0]), node("Delay", delay=np.full(2, 0.25))))
    assert [layer.name for layer in model.layers] == ["n0"]
    assert model.notes[-1] == "'n1' delays all that comes by 0.25: the same spikes later, so it is left out"


def test_a_graph_without_input_and_output_nodes(tmp_path):
    model = read(tmp_path, {"a": node("Linear", weight=np.ones((3, 2))), "b": units([1.0] * 3)})
    assert (model.input_shape, [layer.name for layer in model.layers]) == ((2, 1, 1), ["a", "b"])
    assert model.notes[:1] == ("no node of type Output: taken to be 'b', which nothing reads",)
    assert model.notes[-1] == "no node of type Input: 'a' reads the frame"


def test_a_batch_of_one_is_left_out(tmp_path):
    model = read(tmp_path, row(conv(), shape=(1, 1, 7, 8)))
    assert model.input_shape == (1, 7, 8)
    assert model.notes == ("input 'input' has a leading axis of 1: left out, taken for a batch",)


def test_what_decides_nothing_is_left_out_and_named(tmp_path):
    nodes = row(units([1.0, 1.0])) | {"dead": units([1.0, 1.0])}
    edges = [["input", "n0"], ["n0", "output"], ["n0", "dead"]]
    model = read(tmp_path, nodes, edges)
    assert [layer.name for layer in model.layers] == ["n0"]
    assert model.notes[0] == "no output can be reached from 'dead': left out, it decides nothing"


def test_an_edge_that_occurs_twice_is_taken_once(tmp_path):
    model = read(tmp_path, row(units([1.0, 1.0])), [["input", "n0"], ["n0", "output"], ["input", "n0"]])
    assert [layer.sources for layer in model.layers] == [("input",)]
    assert model.notes[0] == "edge 'input' -> 'n0' occurs 2 times: taken once"


def test_one_wrong_name_of_one_node_is_mended(tmp_path):
    model = read(tmp_path, row(units([1.0, 1.0])), [["input", "m0"], ["m0", "output"]])
    assert [layer.name for layer in model.layers] == ["n0"]
    assert model.notes[0] == "edges name 'm0', which no node is called: taken for 'n0', the only node without edges"


def test_a_single_node_is_a_network(tmp_path):
    path = write_tree(tmp_path / "one.nir", {"node": node("Linear", weight=np.ones((3, 2)))})
    assert [layer.name for layer in read_nir(path, Assumptions()).layers] == ["linear"]


def test_other_metadata_is_ignored(tmp_path):
    nodes = row(units([1.0, 1.0], metadata={"trainer": "x", "epochs": 3}))
    assert [layer.kind for layer in read(tmp_path, nodes, metadata={"by": "hand"}).layers] == ["fire"]


def test_dt_is_exact(tmp_path):
    model = read(tmp_path, row(units([1.0, 1.0], r=np.full(2, 3.0))), dt=Fraction(1, 3))
    assert model.layers[0].gain.tolist() == [1.0]


def test_an_output_of_another_size_is_told(tmp_path):
    nodes = row(units([1.0, 1.0])) | {"output": node("Output", shape=[5])}
    assert read(tmp_path, nodes).notes[-1] == "output 'output' says [5], and [2] arrives: that counts"
