"""Who fires when, as data and as a picture: every spike at its place, silent rows, what carries a value, thinning."""

import numpy as np
import pytest
from picture_helpers import digits_image, needs_matplotlib, plain_image, spikes_of, words_on, xor_image

import neuroproc
from neuroproc.explaining.places import Places, carries_value
from neuroproc.pictures.canvas import picture
from neuroproc.pictures.colours import CONTROL, PALETTE, layer_colours, lighter
from neuroproc.pictures.raster import NAMED_ROWS, draw_raster, plot_raster, raster_of, thinned, thinning_words


@pytest.fixture(scope="module")
def digits():
    """Image, cycle and neuron of spikes, cycles and frames of a short run."""
    image, frames = digits_image((8, 1))
    n_cycles = image.latency + image.interval
    return image, *spikes_of(image, neuroproc.encode_frames(image, frames[:2]), n_cycles), n_cycles


def test_layers_have_colours_that_differ():
    kinds = ["input", "control", "conv2d", "maxpool2d"] + ["dense"] * 9
    found = layer_colours(kinds)
    assert found[1] == CONTROL
    del found[1]
    assert found == [PALETTE[number % len(PALETTE)] for number in range(12)]
    assert len(set(PALETTE) | {CONTROL}) == len(PALETTE) + 1
    assert lighter("#204060", 0) == "#204060"
    assert lighter("#204060", 1) == "#ffffff"
    assert lighter("#006400", 0.5) == "#80b280"


def test_every_spike_is_kept_and_silent_rows_too(digits):
    image, cycle, neuron, n_cycles = digits
    raster = raster_of(image, cycle[::-1], neuron[::-1], n_cycles)
    assert (raster.cycle.tolist(), raster.neuron.tolist()) == (cycle.tolist(), neuron.tolist())
    assert np.concatenate([rows.neurons for rows in raster.layers]).tolist() == list(range(image.n_neurons))
    assert [rows.name for rows in raster.layers] == [
        "input",
        "control",
        "conv1",
        "pool1",
        "conv2",
        "pool2",
        "fc1",
        "fc2",
    ]
    silent = image.n_neurons - len(set(neuron.tolist()))
    assert silent > 0
    assert raster.words("run") == (
        f"run: {image.n_neurons:,} neurons ({silent:,} silent), {n_cycles} cycles, {len(cycle):,} spikes"
    )
    assert (
        raster.frames.tolist()
        == [image.layers[0].contract.start + n * image.interval for n in range(3)][: len(raster.frames)]
    )


def test_some_cycles_of_some_layers(digits):
    image, cycle, neuron, _ = digits
    raster = raster_of(image, cycle, neuron, 20, layers=["fc2", "pool1"], n_frames=1)
    names = [record.name for record in image.layers]
    mine = np.isin(image.layer[neuron], [names.index("fc2"), names.index("pool1")]) & (cycle < 20)
    assert (raster.cycle.tolist(), raster.neuron.tolist()) == (cycle[mine].tolist(), neuron[mine].tolist())
    assert [rows.name for rows in raster.layers] == ["pool1", "fc2"]
    assert len(raster.frames) == 1


def test_only_who_was_observed_has_a_row(digits):
    image, cycle, neuron, n_cycles = digits
    some = np.array([3, 70, 71])
    raster = raster_of(image, cycle, neuron, n_cycles, observed=some)
    assert np.concatenate([rows.neurons for rows in raster.layers]).tolist() == some.tolist()
    assert set(raster.neuron.tolist()) <= set(some.tolist())


@pytest.mark.parametrize("unroll", [(1, 1), (8, 1), (2, 4)])
def test_what_carries_a_value_is_what_has_a_place(unroll):
    """The fast way against the slow one: each spike alone."""
    channels = {"conv2": 2, "fc1": 16, "fc2": 8} if unroll == (1, 1) else {}
    image, frames = digits_image(unroll, channels=channels)
    cycle, neuron = spikes_of(image, neuroproc.encode_frames(image, frames[:2]), image.latency + image.interval)
    places = Places(image)
    for n_frames in (None, 2, 1):
        found = carries_value(image, cycle, neuron, n_frames)
        at = [places.at(*pair) for pair in zip(neuron.tolist(), cycle.tolist(), strict=True)]
        assert found.tolist() == [
            place.frame is not None and (n_frames is None or place.frame < n_frames) for place in at
        ]
        assert found.any()
        assert not found.all()


def test_an_image_without_layers(tmp_path):
    image = xor_image(tmp_path)
    raster = raster_of(image, [1, 1, 2], [0, 1, 2], 4)
    assert [(rows.name, rows.neurons.tolist()) for rows in raster.layers] == [
        ("inputs", [0, 1]), ("hidden", [2, 3]), ("outputs", [4])
    ]  # fmt: skip
    assert raster.carries.all()
    assert not len(raster.frames)


@pytest.mark.error
def test_what_is_not_there(digits):
    image, cycle, neuron, n_cycles = digits
    with pytest.raises(
        neuroproc.NeuroprocError, match=f"neuron {image.n_neurons} is unknown, allowed 0..{image.n_neurons - 1}"
    ):
        raster_of(image, [0], [image.n_neurons], 1)
    with pytest.raises(neuroproc.NeuroprocError) as refused:
        raster_of(image, cycle, neuron, n_cycles, layers=["flatten"])
    assert str(refused.value) == (
        "layer 'flatten' has no neurons to show, allowed: input, control, conv1, pool1, conv2, pool2, fc1, fc2"
    )


@pytest.mark.parametrize("most", [1, 10, 99, 100, 101, 1000, 5000])
def test_thinning_is_even_and_leaves_no_row_silent(most):
    rng = np.random.default_rng(most)
    image = plain_image(100, ())
    neuron = np.sort(np.append(np.arange(100), rng.choice(100, 4900, p=rng.dirichlet(np.ones(100)))))
    cycle = np.arange(5000)  # more than one spike in a cycle makes no difference here
    raster = raster_of(image, cycle, neuron, 5000)
    shown = thinned(raster, most)
    if most >= 5000:
        assert shown.all()
        return
    assert set(raster.neuron[shown].tolist()) == set(range(100))
    assert np.count_nonzero(shown) <= max(most, 100)
    of_each = [shown[raster.neuron == number] for number in range(100)]
    steps = {int(step) for some in of_each for step in np.diff(np.flatnonzero(some))}
    assert len(steps) <= 1
    assert all(some[0] for some in of_each)


def test_what_carries_a_value_is_thinned_last(digits):
    raster = raster_of(*digits)
    n_values = int(np.count_nonzero(raster.carries))
    shown = thinned(raster, 2 * n_values + 10)
    assert shown[raster.carries].all()
    assert not shown.all()
    assert thinning_words(raster, shown) == (
        f"{np.count_nonzero(shown):,} of {len(shown):,} spikes are drawn: all that carry a value, and an even choice "
        "of each neuron's others"
    )
    shown = thinned(raster, n_values)
    assert not shown[raster.carries].all()
    assert thinning_words(raster, shown) == (
        f"{np.count_nonzero(shown):,} of {len(shown):,} spikes are drawn: an even choice of each neuron's"
    )


def drawn(raster, tmp_path):
    """The axes of a picture, and its marks: colour, cycle, top and bottom of each."""
    with picture(tmp_path / "raster.png", "run", 9, 5) as figure:
        draw_raster(figure, "run", raster)
        figure.canvas.draw()
        axes = figure.axes[0]
        marks = [
            (matplotlib_hex(collection), *segment[0], segment[1][1])
            for collection in axes.collections
            for segment in collection.get_segments()
            if segment[0][0] == segment[1][0]
        ]
        return figure, axes, marks


def matplotlib_hex(collection):
    return "#" + "".join(f"{round(255 * part):02x}" for part in collection.get_color()[0][:3])


@needs_matplotlib
def test_marks_are_the_spikes(digits, tmp_path):
    raster = raster_of(*digits)
    figure, axes, marks = drawn(raster, tmp_path)
    assert len(marks) == len(raster.cycle)
    assert sorted(mark[1] for mark in marks) == sorted(raster.cycle.tolist())
    for rows in raster.layers:
        mine = np.isin(raster.neuron, rows.neurons)
        for colour, some in ((rows.colour, mine & raster.carries), (rows.faint, mine & ~raster.carries)):
            assert sum(mark[0] == colour for mark in marks) == np.count_nonzero(some)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"{rows.name} ({len(rows.neurons):,})" for rows in raster.layers]
    assert [label.get_color() for label in axes.get_yticklabels()] == [rows.colour for rows in raster.layers]
    # Rows go down from the input to the output, one above the other.
    middles = {mark[1:] for mark in marks}
    assert len({(low + high) / 2 for _, low, high in middles}) == len(set(raster.neuron.tolist()))
    assert axes.get_ylim() == (1, 0)
    assert axes.get_xlim() == (-0.5, raster.n_cycles - 0.5)
    assert {"frame 0", "frame 1", raster.words("run"), "cycle"} <= set(words_on(axes))
    assert figure.get_supxlabel() == (
        "pale: spikes that carry no value of a frame (clocks, gates, relays, and units between values)"
    )


@needs_matplotlib
def test_few_rows_have_the_names_of_neurons(tmp_path):
    image = xor_image(tmp_path)
    raster = raster_of(image, [1, 2, 3, 3], [0, 2, 4, 1], 6)
    figure, axes, marks = drawn(raster, tmp_path)
    assert image.n_neurons <= NAMED_ROWS
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0(A)", "1(B)", "2", "3", "4(A^B)"]
    assert len(marks) == 4
    assert figure.get_supxlabel() == ""


@needs_matplotlib
@pytest.mark.parametrize(("n_neurons", "n_cycles"), [(1, 1), (1, 40), (2000, 3)])
def test_nothing_fires(tmp_path, n_neurons, n_cycles):
    raster = raster_of(plain_image(n_neurons, (), outputs=0), [], [], n_cycles)
    _, axes, marks = drawn(raster, tmp_path)
    assert not marks
    silent = "1 neuron (1 silent)" if n_neurons == 1 else "2,000 neurons (2,000 silent)"
    cycles = "1 cycle" if n_cycles == 1 else f"{n_cycles} cycles"
    assert axes.get_title(loc="left") == f"run: {silent}, {cycles}, no spikes"
    assert (tmp_path / "raster.png").stat().st_size > 0


@needs_matplotlib
@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_same_run_gives_the_same_bytes(digits, tmp_path, monkeypatch, suffix):
    raster = raster_of(*digits)
    for name in ("a", "b"):
        plot_raster(tmp_path / f"{name}{suffix}", "run", raster)
        # Whatever somebody has set for pictures of their own.
        import matplotlib

        monkeypatch.setitem(matplotlib.rcParams, "font.size", 23)
        monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert matplotlib.rcParams["font.size"] == 23
