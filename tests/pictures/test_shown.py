"""Every picture is a file, and what a notebook shows of it is that file."""

import pytest
from picture_helpers import DATA, digits_image, needs_matplotlib, spikes_of

import neuroproc
from neuroproc.cli.main import main

pytestmark = needs_matplotlib


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A picture of each kind, by the function that drew it, as SVG."""
    folder, profile = tmp_path_factory.mktemp("drawn"), neuroproc.load_profile("np8")
    network = neuroproc.load_network(DATA / "digits.json")
    image, frames = digits_image((8, 8))
    events = neuroproc.encode_frames(image, frames[:1])
    raster = neuroproc.raster_of(image, *spikes_of(image, events, 9), 9)
    trace = neuroproc.trace_of(image, events, 3, 9)
    result = neuroproc.classify(image, frames[:9], engine="event", threads=1)
    asked = {
        "plot_activity": (image, result),
        "plot_layers": (image,),
        "plot_potentials": ([trace],),
        "plot_raster": (raster,),
        "plot_spacetime": (image,),
    }
    pictures = {name: getattr(neuroproc, name)(folder / f"{name}.svg", "x", *more) for name, more in asked.items()}
    pictures["plot_pareto"] = neuroproc.plot_pareto(folder / "plot_pareto.svg", network, profile)
    return pictures


def test_each_function_gives_its_file(drawn):
    assert sorted(drawn) == sorted(name for name in neuroproc.__all__ if name.startswith("plot_"))
    for name, picture in drawn.items():
        assert picture.path.name == f"{name}.svg"
        assert picture._repr_svg_() == picture.path.read_text(encoding="utf-8")
        assert picture._repr_png_() is None


def test_pixels_and_pages(tmp_path):
    image, _ = digits_image((8, 8))
    pixels = neuroproc.plot_layers(str(tmp_path / "layers.PNG"), "digits", image)
    assert pixels._repr_png_() == (tmp_path / "layers.PNG").read_bytes()
    assert pixels._repr_svg_() is None
    page = neuroproc.plot_layers(tmp_path / "layers.pdf", "digits", image)
    assert (page._repr_svg_(), page._repr_png_()) == (None, None)


def test_a_result_is_drawn_as_its_file_is(tmp_path, capsys):
    image, frames = digits_image((8, 8))
    neuroproc.save_image(tmp_path / "digits.npi", image)
    frames_file = DATA / "digits_frames.npz"
    asked = ("classify", tmp_path / "digits.npi", frames_file, "--labels", frames_file, "--json")
    assert main([str(word) for word in asked]) == 0
    told = neuroproc.read_run(capsys.readouterr().out.encode(), image)
    result = neuroproc.classify(image, frames, neuroproc.read_labels(frames_file))
    one = neuroproc.plot_activity(tmp_path / "one.svg", "digits", image, result)
    other = neuroproc.plot_activity(tmp_path / "other.svg", "digits", image, told)
    assert one.path.read_bytes() == other.path.read_bytes()
