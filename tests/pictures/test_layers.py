"""Layers as boxes: what each reads, where it stands, and that no line crosses a box."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from cli_helpers import axis_entry, call, network_entry, refused, write_json
from compiler_helpers import random_case
from picture_helpers import needs_matplotlib

import neuroproc
from compiler.networks.drive import spiking_layers
from isa_spec.building import build_image
from isa_spec.errors import FormatError
from neuroproc.cli.plotting.layers import layers_of_network
from neuroproc.pictures.layer_graph import LayerBox, layers_of_image, layout_of
from neuroproc.pictures.layers import BELOW, HEIGHT, WIDTH, _corner, draw_boxes, path_of, size_of

DIGITS = "neuroproc/data/digits.json"


def boxes_of(*reads):
    """Boxes by name, each ``name: what it reads``."""
    pairs = [text.partition(":")[::2] for text in reads]
    return [LayerBox(name, "conv2d", "#0072b2", "", None, tuple(sources.split()), {}, ()) for name, sources in pairs]


GRAPHS = {
    "line": boxes_of("in:", "a:in", "b:a", "c:b"),
    "skip": boxes_of("in:", "a:in", "b:a", "c:b", "sum:c a", "d:sum"),
    "two skips": boxes_of("in:", "a:in", "b:a", "c:b", "sum:c a in", "d:sum in"),
    "projection": boxes_of("in:", "a:in", "b:a", "proj:in", "sum:b proj"),
    "three ways": boxes_of("in:", "a:in", "b:in", "c:in", "d:c", "sum:a b d", "e:sum a", "f:e b"),
    "twice the same": boxes_of("in:", "a:in", "both:a a"),
    "apart": boxes_of("in:", "clock:", "a:in"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_layers_stand_below_what_they_read_and_no_line_crosses_a_box(name):
    layers = GRAPHS[name]
    layout = layout_of(layers)
    places = list(zip(layout.row, layout.column, strict=True))
    assert len(set(places)) == len(layers)
    number = {layer.name: index for index, layer in enumerate(layers)}
    pairs = {(number[source], index) for index, layer in enumerate(layers) for source in layer.sources}
    assert {(edge.source, edge.target) for edge in layout.edges} == pairs
    assert len(layout.edges) == len(pairs)
    width, height = size_of(layout)
    for edge in layout.edges:
        assert layout.row[edge.source] < layout.row[edge.target]
        path = path_of(edge, layout)
        assert path[0][1] < path[-1][1]
        for (x0, y0), (x1, y1) in pairwise(path):
            assert x0 == x1 or y0 == y1
            assert 0 <= min(x0, x1) <= max(x0, x1) < width
            assert 0 <= y0 <= y1 < height
            for row, column in places:
                x, y = _corner(row, column)
                across = max(x0, x1) > x and min(x0, x1) < x + WIDTH
                assert not (across and y1 > y and y0 < y + HEIGHT)


def test_a_line_of_layers_is_a_column_and_skips_stand_beside_each_other():
    assert layout_of(GRAPHS["line"]).column == (0, 0, 0, 0)
    assert [edge.lane for edge in layout_of(GRAPHS["line"]).edges] == [None] * 3
    lanes = {(edge.source, edge.target): edge.lane for edge in layout_of(GRAPHS["two skips"]).edges}
    assert len({lanes[1, 4], lanes[0, 4], lanes[0, 5]} - {None}) == 3
    assert layout_of(GRAPHS["projection"]).column == (0, 0, 0, 1, 0)


def test_what_is_joined_to_nothing_stands_last():
    layout = layout_of(GRAPHS["apart"])
    assert (layout.row, layout.column) == ((0, 2, 1), (0, 0, 0))


def test_paths_go_down_and_then_across():
    layout = layout_of(GRAPHS["line"])
    assert path_of(layout.edges[0], layout)[-1][1] - path_of(layout.edges[0], layout)[0][1] == pytest.approx(BELOW)


def reaches(window, shape, read):
    """Whether a weight that is not zero meets a place of the map that is read, at any position."""
    for y, x, (dy, dx) in product(range(shape[1]), range(shape[2]), np.ndindex(window.kernel)):
        at = y * window.stride[0] + dy - window.before[0], x * window.stride[1] + dx - window.before[1]
        if 0 <= at[0] < read[1] and 0 <= at[1] < read[2] and window.weight[:, :, dy, dx].any():
            return True
    return False


@pytest.mark.parametrize("seed", range(12))
def test_an_image_has_the_layers_of_its_network(seed):
    """Layers with neurons read those whose spikes their windows go over."""
    network, spec, plan, _ = random_case(seed, 1)
    image = neuroproc.compile_network(network, spec, plan)
    boxes = {box.name: box for box in layers_of_image(image)}
    control = [name for name in boxes if boxes[name].kind == "control"]
    expected = {"input": set()}
    for layer in spiking_layers(network):
        expected[layer.layer.name] = {
            term.source for term in layer.terms if reaches(term.window, layer.shape, boxes[term.source].shape)
        }
    assert {name: set(box.sources) for name, box in boxes.items() if name not in control} == expected
    assert all(not boxes[name].sources for name in control)
    assert sum(box.numbers["neurons"] for box in boxes.values()) == image.n_neurons
    assert sum(box.numbers["synapses"] for box in boxes.values()) == image.n_synapses


def test_an_image_without_layers_is_refused():
    image = build_image(neuroproc.load_profile("research"), [1], [], [], [], [], (), ())
    with pytest.raises(FormatError, match="the image has no layers: it was not compiled from a layered network"):
        layers_of_image(image)


def test_a_network_has_all_its_layers(tmp_path):
    network = neuroproc.load_network(write_json(tmp_path / "samples.json", axis_entry(2)))
    frame, *boxes = layers_of_network(network)
    assert (frame.name, frame.map, frame.sources) == ("input", "2 x 16 x 1", ())
    assert [(box.name, box.sources) for box in boxes] == [(layer.name, layer.sources) for layer in network.layers]
    assert {box.name for box in boxes if box.faint} == {layer.name for layer in network.layers if not layer.spikes}
    linear = next(box for box in boxes if box.name == "l")
    assert linear.words == "conv2d 1 x 1, linear"
    assert linear.lines == (f"{linear.numbers['parameters']} parameters, {linear.numbers['not zero']} not zero",)
    assert sum(box.numbers["parameters"] for box in boxes) == sum(
        getattr(layer, "n_parameters", 0) for layer in network.layers
    )


@pytest.mark.parametrize("name", ["network", "image", "samples"])
def test_texts_do_not_run_into_each_other(name, tmp_path):
    agg = pytest.importorskip("matplotlib.backends.backend_agg", reason="matplotlib is not installed")
    from matplotlib.figure import Figure

    network = neuroproc.load_network(DIGITS)
    layers = {
        "network": lambda: layers_of_network(network),
        "image": lambda: layers_of_image(
            neuroproc.compile_network(network, neuroproc.load_profile("np8"), neuroproc.FoldPlan((1, 1)))
        ),
        "samples": lambda: layers_of_network(
            neuroproc.load_network(write_json(tmp_path / "samples.json", axis_entry(1)))
        ),
    }[name]()
    layout = layout_of(layers)
    figure = Figure(figsize=size_of(layout))
    canvas = agg.FigureCanvasAgg(figure)
    draw_boxes(figure, "title", layers, layout)
    canvas.draw()
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    assert {layer.name for layer in layers} <= {text.get_text() for text in texts}
    boxes = [text.get_window_extent() for text in texts]
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)


@pytest.mark.golden
def test_text_of_a_network(capsys, tmp_path):
    network = write_json(tmp_path / "tiny.json", network_entry())
    result = call(capsys, "plot", "layers", network)
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines() == [
        "layer    kind                         map        reads    parameters  not zero",
        "------------------------------------------------------------------------------",
        "input    binary                       1 x 4 x 6                    0         0",
        "conv1    conv2d 3 x 3, padding 1 x 1  2 x 4 x 6  input            18        15",
        "pool1    maxpool2d 2 x 2              2 x 2 x 3  conv1             0         0",
        "conv2    conv2d 2 x 3, padding 0 x 1  2 x 1 x 3  pool1            24        20",
        "flatten  flatten                      6 x 1 x 1  conv2             0         0",
        "dense    dense                        6 x 1 x 1  flatten          36        28",
        "total                                                             78        63",
    ]


def test_command(capsys, tmp_path):
    network, image = write_json(tmp_path / "tiny.json", network_entry()), tmp_path / "tiny.npi"
    assert call(capsys, "compile", network, "-o", image, "--profile", "np8", "--unroll", "1x1").status == 0
    result = call(capsys, "plot", "layers", image)
    assert (result.status, result.err) == (0, "")
    loaded = neuroproc.load_image(image)
    over, under, *_ = result.out.splitlines()
    assert over.split() == ["unrolled", "unrolled"]
    assert under.split() == ["layer", "kind", "map", "reads", "neurons", "neurons", "synapses", "synapses"]
    total = result.out.splitlines()[-1].replace(",", "").split()
    assert (int(total[1]), int(total[3])) == (loaded.n_neurons, loaded.n_synapses)
    refused(call(capsys, "plot", "layers", image, "-o", "x.jpg"), "x.jpg: a picture is one of .svg, .png, .pdf")
    frames = tmp_path / "frames.npy"
    np.save(frames, np.zeros((2, 4, 6), np.uint8))
    refused(call(capsys, "plot", "layers", frames), "frames.npy")
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; pip install '.[plot]'")
    made = []
    for source in (network, image):
        target = tmp_path / f"{source.suffix[1:]}.svg"
        result = call(capsys, "plot", "layers", source, "-o", target)
        assert (result.status, result.out, result.err) == (0, "", "")
        made.append(target.read_bytes())
    again = tmp_path / "again.svg"
    for source, picture in ((neuroproc.load_network(network), made[0]), (loaded, made[1])):
        neuroproc.plot_layers(again, "tiny.json" if picture is made[0] else "tiny.npi", source)
        assert again.read_bytes() == picture


@needs_matplotlib
def test_dollars_are_no_formulas(tmp_path):
    """What stands between two is drawn as it is, and need not be one."""
    named = {**network_entry(), "name": "$\\sum$"}
    named["layers"][0]["name"] = "$x^{2$"
    drawn = tmp_path / "named.svg"
    neuroproc.plot_layers(drawn, "$\\sum$", neuroproc.load_network(write_json(tmp_path / "named.json", named)))
    assert "<!-- $x^{2$ -->" in drawn.read_text()
