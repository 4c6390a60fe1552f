"""The space-time picture: outlines, words and text exactly; the drawing by what is in it."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from cli_helpers import call, refused

import neuroproc
from isa_spec.building import build_image
from isa_spec.image import LayerRecord
from neuroproc.pictures.outlines import outline, outline_in_time
from neuroproc.pictures.spacetime import draw_spacetime, plot_spacetime, rows_of
from neuroproc.pictures.spacetime_words import headline, notes
from neuroproc.pictures.text_spacetime import text_spacetime
from neuroproc.pictures.timetable import marks_of, merges_for, shown_until, timetable
from neuroproc.pictures.traces import telling_trace

DIGITS = "neuroproc/data/digits.json"


@pytest.fixture(scope="module")
def images():
    """Digits in several folds, by name."""
    network, spec = neuroproc.load_network(DIGITS), neuroproc.load_profile("np8")
    plans = {f"{h}x{w}": neuroproc.FoldPlan((h, w)) for h, w in ((1, 1), (8, 1), (2, 2), (8, 8))}
    plans["turns"] = neuroproc.FoldPlan((1, 1), channels={"conv2": 2, "fc1": 16, "fc2": 8})
    return {name: neuroproc.compile_network(network, spec, plan) for name, plan in plans.items()}


def test_an_outline_of_a_field_is_around_it():
    field = np.zeros((4, 5), bool)
    field[1:3, 2:5] = True
    lines = {tuple(map(tuple, line)) for line in outline(field).tolist()}
    assert lines == {((2, 1), (5, 1)), ((2, 3), (5, 3)), ((2, 1), (2, 3)), ((5, 1), (5, 3))}


def test_outlines_of_two_fields_are_two():
    assert len(outline(np.array([[True, False, True]]))) == 8
    assert len(outline(np.zeros((2, 2), bool))) == 0


def test_an_outline_in_time_goes_around_what_follows_without_a_break(images):
    band = timetable(images["1x1"]).band("conv1")
    field = np.zeros((8, 8), bool)
    field[2, 1:4] = True
    begin, end = band.first[2, 1], band.first[2, 3] + band.slot
    lines = {tuple(map(tuple, line)) for line in outline_in_time(band, field).tolist()}
    assert lines == {((begin, y), (end, y)) for y in (2, 3)} | {((x, 2), (x, 3)) for x in (begin, end)}
    # Rows are computed at other times, pooled places with breaks between them.
    field[3, 1:4] = True
    assert len(outline_in_time(band, field)) == 8
    pool = timetable(images["1x1"]).band("pool1")
    row = np.zeros((4, 4), bool)
    row[0, :2] = True
    assert len(outline_in_time(pool, row)) == 8
    assert len(outline_in_time(pool, row, near=2)) == 4


def test_an_outline_in_time_of_a_tile_is_one_and_turns_have_one_each(images):
    field = np.zeros((4, 4), bool)
    field[:3, :2] = True
    assert len(outline_in_time(timetable(images["8x8"]).band("conv2"), field)) == 4
    conv2 = timetable(images["turns"]).band("conv2")
    one = np.zeros((4, 4), bool)
    one[1, 1] = True
    lines = outline_in_time(conv2, one)
    assert len(lines) == 8
    assert sorted(set(lines[:, :, 1].ravel())) == [1, 1.5, 2]


def test_words(images):
    image = images["turns"]
    table = timetable(image)
    lanes = sum(band.neurons for band in table.bands)
    values = sum(layer.unrolled_neurons for layer in image.layers)
    first, second = headline(image, table)
    assert first == (
        f"In space every value of a map has a neuron of its own: {values:,}. In time places of a map share their "
        f"neurons: {lanes}, and {image.n_neurons - lanes} for clocks, gates and delays."
    )
    assert second == (
        f"The fold computes one place of the 8 x 8 frame at a time; a frame may enter every {image.interval} cycles, "
        f"and is decided after {image.latency} cycles."
    )
    found = telling_trace(image, table)
    assert [line.partition(":")[0] for line in notes(image, table, found)] == [
        "Colour", "Outlined", "Pale", "Divided rows", "Gaps in the input",
    ]  # fmt: skip
    assert "row 0, column 0 of pool2" in notes(image, table, found)[1]
    assert f"{found.fields[0].sum()} of 64 places" in notes(image, table, found)[1]
    whole = timetable(images["8x8"])
    assert headline(images["8x8"], whole)[0] == (
        f"In space every value of a map has a neuron of its own: {values:,}. Nothing is folded."
    )
    assert [line.partition(":")[0] for line in notes(images["8x8"], whole, None)] == ["Colour", "Pale"]


def test_words_of_tiles(images):
    said = {name: headline(image, timetable(image))[1].partition(";")[0] for name, image in images.items()}
    assert said == {
        "1x1": "The fold computes one place of the 8 x 8 frame at a time",
        "8x1": "The fold computes one column of the 8 x 8 frame at a time",
        "2x2": "The fold computes a tile of 2 x 2 of the 8 x 8 frame at a time",
        "8x8": "The fold computes the whole frame at once",
        "turns": "The fold computes one place of the 8 x 8 frame at a time",
    }


def test_frames_that_come_after_each_other_are_not_said_to_be_inside_together():
    contract = neuroproc.StreamContract(1, 2, 2, 1, 1, 0, 1, 2, 1, 4)
    image = replace(build_image(neuroproc.load_profile("research"), [1], [], [], [], [], (), ()), interval=4, latency=4)
    image = replace(image, layers=(LayerRecord("input", "input", 0, contract, 0, 0, 4, 0),))
    assert "Pale: the next frames." in notes(image, timetable(image), None)
    image = replace(image, latency=5)
    assert "Pale: the next frames. They enter while frame 0 is still inside." in notes(image, timetable(image), None)


def test_trains_are_named():
    image = neuroproc.compile_network(
        neuroproc.load_network("examples/rate/rate5.json"), neuroproc.load_profile("np16"), neuroproc.FoldPlan((7, 7))
    )
    levels = image.layers[0].contract.levels
    assert f"A value is a train of up to {levels} spikes, in the cycles of its slot." in notes(
        image, timetable(image), None
    )


@pytest.mark.golden
def test_text(images):
    assert text_spacetime(timetable(images["8x1"]), "digits.npi", 80).splitlines() == [
        "digits.npi: one column of the 8 x 8 frame at a time, a frame every 18 cycles, decided after 28",
        "a character is 1 cycle: the column of its map that a layer computes (0..9, a..z), # all of it, . none",
        "",
        "layer    neurons   frame 0           frame 1",
        "input    8 of 64  .0011223344556677..0011223344556677..",
        "conv1  64 of 512  ....0011223344556677..001122334455667",
        "pool1  32 of 128  .......00..11..22..33....00..11..22..",
        "conv2  64 of 256  ............00..11..22..33....00..11.",
        "pool2   32 of 64  .................00......11........00",
        "fc1     64 of 64  ..........................##.........",
        "fc2     40 of 40  ...........................##........",
    ]


@pytest.mark.parametrize("width", [30, 60, 100, 400])
def test_text_fits_and_says_the_first_place(images, width):
    for image in images.values():
        table = timetable(image)
        _, _, _, ruler, *lines = text_spacetime(table, "x", width).splitlines()
        margin = ruler.index("neurons") + len("neurons") + 2
        step = -(-shown_until(table) // max(width - margin, 10))
        assert max(map(len, lines)) <= max(width, margin + 10)
        for band, line in zip(table.bands, lines, strict=True):
            marks = line[margin:]
            column = int(band.first.min()) // step
            assert set(marks[:column]) <= {"."}
            assert marks[column] == ("0" if band.streamed else "#")


def test_large_pictures_have_fewer_marks():
    contracts = [neuroproc.StreamContract(1, size, size, 1, 1, 0, 1, size, 1, size**2) for size in (32, 4)]
    image = build_image(neuroproc.load_profile("research"), [1, 1], [], [], [], [], (), ())
    layers = [LayerRecord(f"l{n}", "conv2d", n, contract, 0, 0, 1, 0) for n, contract in enumerate(contracts)]
    table = timetable(replace(image, layers=tuple(layers), interval=1024, latency=1024))

    def count(most):
        merges = merges_for(table, 1024, most)
        bands = zip(table.bands, merges, strict=True)
        return merges, sum(len(marks_of(table, band, 1024, merge).frame) for band, merge in bands)

    small = 1024 // table.interval * 16
    assert count(32 * 32 + small) == ((1, 1), 32 * 32 + small)
    assert count(32 * 32) == ((2, 1), 32 * 16 + small)
    assert count(1) == ((4, 1), 32 * 8 + small)


def drawn(image):
    figure_of = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed; pip install '.[plot]'")
    table = timetable(image)
    figure = figure_of.Figure(figsize=(10.5, 9))
    found = telling_trace(image, table)
    draw_spacetime(figure, table, found, ["title", *headline(image, table)], notes(image, table, found))
    return table, {axes.get_label(): axes for axes in figure.axes}


@pytest.mark.parametrize("name", ["1x1", "8x8", "turns"])
def test_a_drawing_has_every_mark_in_its_band(images, name):
    table, axes = drawn(images[name])
    until, rows = shown_until(table), rows_of(table)
    boxes = [group for group in axes["time"].collections if group.get_zorder() == 2]
    assert len(boxes) == len(table.bands)
    for band, top, height, group in zip(table.bands, rows.top, rows.height, boxes, strict=True):
        marks = marks_of(table, band, until)
        corners = np.array([path.vertices for path in group.get_paths()])
        assert len(corners) == len(marks.frame)
        assert corners[:, :, 1].min() >= top - 1e-9
        assert corners[:, :, 1].max() <= top + height + 1e-9
        if band.height * band.width > 1:
            assert np.allclose(corners[:, :, 0].min(axis=1), marks.begin)
        assert len({tuple(colour) for colour in group.get_facecolor()}) >= min(len(marks.frame), 2)
    assert axes["time"].get_xlim() == (0, until)
    assert "cycles" in axes["time"].get_xlabel()
    words = [text.get_text() for text in axes["page"].texts]
    for band in table.bands:
        assert band.name in words
        assert f"{band.neurons:,}" in words
    assert "frame 0 is decided" in [text.get_text() for text in axes["time"].texts]


def test_nothing_runs_out_of_the_page(images):
    """Every text is inside, and none runs into another."""
    for image in images.values():
        _, axes = drawn(image)
        figure = axes["page"].figure
        canvas = pytest.importorskip("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
        canvas.draw()
        boxes = [text.get_window_extent() for some in axes.values() for text in some.texts if text.get_text()]
        for number, box in enumerate(boxes):
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.x1
            assert not any(box.overlaps(other) for other in boxes[:number])


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_image_gives_the_same_bytes(images, tmp_path, suffix):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; pip install '.[plot]'")
    found = set()
    for number in range(2):
        path = tmp_path / f"{number}.{suffix}"
        plot_spacetime(path, "digits", images["8x1"], ("conv1", 3, 4))
        found.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(found) == 1


@pytest.fixture
def image_file(images, tmp_path):
    path = tmp_path / "digits.npi"
    neuroproc.save_image(path, images["2x2"])
    return path


def test_command(capsys, image_file, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    result = call(capsys, "plot", "spacetime", image_file)
    assert (result.status, result.err) == (0, "")
    assert result.out == text_spacetime(timetable(neuroproc.load_image(image_file)), "digits.npi", 72) + "\n"
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; pip install '.[plot]'")
    picture = tmp_path / "out.svg"
    result = call(capsys, "plot", "spacetime", image_file, "--trace", "conv1[2,3]", "-o", picture)
    assert (result.status, result.out, result.err) == (0, "", "")
    assert picture.read_bytes().startswith(b"<?xml")


@pytest.mark.error
def test_mistakes(capsys, image_file, tmp_path):
    refused(call(capsys, "plot", "spacetime", image_file, "-o", "x.gif"), "x.gif: a picture is one of .svg, .png, .pdf")
    refused(
        call(capsys, "plot", "spacetime", image_file, "--trace", "conv1[2,3]"),
        "--trace conv1[2,3]: is outlined in pictures only; give -o FILE",
    )
    usage = call(capsys, "plot", "spacetime", image_file, "--trace", "conv1[2]")
    assert usage.status == 2
    assert "'conv1[2]' is not LAYER[row,column], as 'conv1[2,3]'" in usage.err
    refused(call(capsys, "plot", "spacetime", DIGITS), "neuroproc compile")
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; pip install '.[plot]'")
    target = tmp_path / "out.png"
    refused(
        call(capsys, "plot", "spacetime", image_file, "--trace", "conv1[2,8]", "-o", target),
        "conv1[2,8] is outside the layer's map, allowed: row 0..7, column 0..7",
    )
    refused(
        call(capsys, "plot", "spacetime", image_file, "--trace", "flatten[0,0]", "-o", target),
        "'flatten' is no layer with a time, allowed: input, conv1, pool1, conv2, pool2, fc1, fc2",
    )
    assert not target.exists()
