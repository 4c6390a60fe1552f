"""``neuroproc plot``: what it takes, what it prints, what it refuses; nothing is half-written."""

import io
import sys

import numpy as np
import pytest
from cli_helpers import call, refused
from picture_helpers import needs_matplotlib, plain_image

import neuroproc
from isa_spec.image import graph_digest
from neuroproc.cli.plotting import raster
from neuroproc.pictures.raster import raster_of
from neuroproc.pictures.text_raster import text_raster


@pytest.fixture
def recorded(case, capsys, monkeypatch):
    """Recordings of one run, beside the case's files; their folder is the current one."""
    monkeypatch.chdir(case.folder)
    run = ("run", case.image, case.spikes, "--cycles", 70, "-o", "out.csv")
    for suffix in (".csv", ".npz"):
        assert call(capsys, *run, "--record", f"all{suffix}").status == 0
    assert call(capsys, *run, "--record-potentials", "held.npz").status == 0
    return case


@pytest.fixture
def without_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def test_a_raster_of_spikes(recorded, capsys, without_matplotlib):
    """Run, or read from a recording, or from standard input: the same lines."""
    result = call(capsys, "plot", "raster", recorded.image, recorded.spikes, "--cycles", 70)
    assert (result.status, result.err) == (0, "")
    image = neuroproc.load_image(recorded.image)
    found = neuroproc.read_recording("all.npz")
    assert result.out == text_raster("tiny.npi", raster_of(image, found.cycle, found.neuron, 70), 80) + "\n"
    again = call(capsys, "plot", "raster", recorded.image, "all.npz")
    assert (again.status, again.err, again.out) == (0, "", result.out)
    short = call(capsys, "plot", "raster", recorded.image, "all.npz", "--cycles", 30)
    assert short.out == call(capsys, "plot", "raster", recorded.image, recorded.spikes, "--cycles", 30).out
    whole = call(capsys, "plot", "raster", recorded.image, recorded.spikes)
    last = 9 + 1 + image.latency
    assert f" {last} cycles, " in whole.out.splitlines()[0]


def test_a_recording_that_does_not_say_who_was_observed(recorded, capsys):
    run = ("run", recorded.image, recorded.spikes, "-o", "out.csv", "--record-layer", "conv1")
    call(capsys, *run, "--record", "conv1.csv")
    result = call(capsys, "plot", "raster", recorded.image, "conv1.csv")
    assert (result.status, result.err) == (
        0, "neuroproc: conv1.csv: layers without a spike are left out: it does not say which were recorded\n"
    )  # fmt: skip
    assert "conv1 (" in result.out
    assert "conv2 (" not in result.out
    call(capsys, *run, "--record", "conv1.npz")
    result = call(capsys, "plot", "raster", recorded.image, "conv1.npz")
    assert (result.status, result.err) == (0, "")
    assert "conv2 (" not in result.out


def test_a_raster_of_frames(recorded, capsys):
    image = neuroproc.load_image(recorded.image)
    for more, n_frames in (((), 3), (("--limit", 2), 2), (("--limit", 999), 12)):
        result = call(capsys, "plot", "raster", recorded.image, "--frames", recorded.frames, *more)
        assert (result.status, result.err) == (0, "")
        n_cycles = image.latency + (n_frames - 1) * image.interval
        assert f" {n_cycles:,} cycles, " in result.out.splitlines()[0]
        begins = [str(image.layers[0].contract.start + n * image.interval) for n in range(min(n_frames, 4))]
        assert result.out.splitlines()[1].removesuffix(", ...") == f"frames begin in cycles {', '.join(begins)}"


def test_only_one_layer_and_all_of_it(recorded, capsys):
    result = call(capsys, "plot", "raster", recorded.image, recorded.spikes, "--layer", "dense")
    lines = result.out.splitlines()
    assert sum(line.startswith("  ") for line in lines) == 1 + 6  # the ruler, and its units
    assert "dense (6)" in lines
    assert "conv1" not in result.out


def test_as_wide_as_the_terminal(recorded, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    narrow = call(capsys, "plot", "raster", recorded.image, recorded.spikes).out.splitlines()
    monkeypatch.setenv("COLUMNS", "120")
    wide = call(capsys, "plot", "raster", recorded.image, recorded.spikes).out.splitlines()
    assert max(map(len, narrow[6:])) <= 50 < max(map(len, wide[6:])) <= 120


@needs_matplotlib
@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_a_picture(recorded, capsys, suffix):
    result = call(capsys, "plot", "raster", recorded.image, "all.npz", "-o", f"raster{suffix}")
    assert (result.status, result.out, result.err) == (0, "", "")
    data = (recorded.folder / f"raster{suffix}").read_bytes()
    assert data.startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix])
    again = call(capsys, "plot", "raster", recorded.image, recorded.spikes, "--cycles", 70, "-o", f"again{suffix}")
    assert again.status == 0
    assert (recorded.folder / f"again{suffix}").read_bytes() == data


@needs_matplotlib
def test_a_picture_of_very_many_spikes_says_that_it_has_not_all(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = [(number, number, 1, 1) for number in range(300)]
    image = plain_image(300, [*cells, *((0, number, 1, 1) for number in range(1, 300))])
    neuroproc.save_image("busy.npi", image)
    (tmp_path / "start.csv").write_text("cycle,port\n0,0\n")
    result = call(capsys, "plot", "raster", "busy.npi", "start.csv", "--cycles", 400, "-o", "busy.png")
    assert (result.status, result.out) == (0, "")
    n_spikes = 300 * 400 - 299
    # Every second one of each neuron: the first neuron has 400, all others 399.
    assert result.err == (
        f"neuroproc: busy.png: {200 * 300:,} of {n_spikes:,} spikes are drawn: an even choice of each neuron's\n"
    )


@pytest.mark.error
def test_what_is_refused(recorded, capsys, without_matplotlib):
    before = sorted(recorded.folder.iterdir())
    plot = ("plot", "raster", recorded.image)
    refused(
        call(capsys, *plot, recorded.spikes, "-o", "raster.svg"),
        "pictures need matplotlib; install the extra: pip install 'neuroproc[plot]'",
    )
    refused(
        call(capsys, *plot, recorded.spikes, "-o", "raster.jpg"), "raster.jpg: a picture is one of .svg, .png, .pdf"
    )
    refused(call(capsys, *plot), "either SPIKES or --frames FRAMES is the input; give one of them")
    refused(call(capsys, *plot, recorded.spikes, "--frames", recorded.frames), "either SPIKES or --frames FRAMES is")
    refused(
        call(capsys, *plot, recorded.spikes, "--limit", 2),
        "--limit 2 says how many of --frames are run, and there are none",
    )
    refused(
        call(capsys, *plot, "held.npz"),
        "held.npz: holds potentials, which do not say who fired; give one of --record",
    )
    refused(call(capsys, *plot, "all.npz", "--bin", "1ms"), "all.npz: --bin is for event files")
    refused(
        call(capsys, *plot, recorded.spikes, "--layer", "flatten"), "layer 'flatten' has no neurons to show, allowed"
    )
    refused(call(capsys, *plot, "nobody.csv"), "nobody.csv: cannot be read")
    other = plain_image()
    neuroproc.save_image("other.npi", other)
    digest = graph_digest(neuroproc.load_image(recorded.image))
    refused(
        call(capsys, "plot", "raster", "other.npi", "all.npz"),
        f"all.npz: recorded of image {digest}, this image is {graph_digest(other)}; use that image",
    )
    refused(
        call(capsys, "plot", "raster", "other.npi", "--frames", recorded.frames),
        "the image has no stream contracts: it was not compiled from a layered network",
    )
    (recorded.folder / "other.npi").unlink()
    assert sorted(recorded.folder.iterdir()) == before
    assert call(capsys, "plot").status == 2
    assert call(capsys, "plot", "portrait").status == 2


@pytest.mark.error
def test_more_spikes_than_memory_has_room_for(recorded, capsys, monkeypatch):
    monkeypatch.setattr(raster, "SPIKE_CAPACITY", 100)
    refused(
        call(capsys, "plot", "raster", recorded.image, recorded.spikes),
        "more than 100 spikes by cycle ", "allowed 100 in a raster; show fewer cycles (--cycles)",
    )  # fmt: skip


def test_spikes_through_a_pipe(recorded, capsys, monkeypatch):
    text = io.TextIOWrapper(io.BytesIO(recorded.spikes.read_bytes()))
    monkeypatch.setattr("sys.stdin", text)
    result = call(capsys, "plot", "raster", recorded.image, "-", "--cycles", 70)
    assert result.out == call(capsys, "plot", "raster", recorded.image, recorded.spikes, "--cycles", 70).out


def test_potentials_as_a_table(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    neuroproc.save_image("plain.npi", plain_image())
    (tmp_path / "in.csv").write_text("cycle,port\n2,0\n1003,0\n")
    result = call(capsys, "plot", "potentials", "plain.npi", "in.csv", "0", "unit.1")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines() == [
        "cycle  0 >= 1    unit.1 >= 1",
        "------------------------------",
        "2           1 *            0",
        "3           0              1 *",
        "1,003       1 *            0",
        "1,004       0              1 *",
        "potentials before reset and floor, compared with the threshold; * it fires",
        "1,002 of 1,006 cycles are left out: nothing arrives in them, and nothing changes",
    ]


def test_potentials_of_a_value(recorded, capsys):
    result = call(capsys, "plot", "potentials", recorded.image, "--frames", recorded.frames, "conv1[1,2,3]")
    when = neuroproc.load_image(recorded.image).layers[2].contract.cycles()[1, 2, 3]
    rows = [line for line in result.out.splitlines() if "[" in line and line[0].isdigit()]
    assert [int(row.split()[0]) for row in rows] == [when]
    assert "in [ ]: the cycles in which it computes the value that was asked for" in result.out.splitlines()


@pytest.mark.error
def test_potentials_of_nobody(recorded, capsys):
    plot = ("plot", "potentials", recorded.image)
    refused(
        call(capsys, *plot, recorded.spikes),
        f"'{recorded.spikes}' is the input, and no neuron is named; give SPIKES or --frames FRAMES, and neurons",
    )
    refused(call(capsys, *plot, recorded.spikes, "conv9[0,0,0]"), "'conv9' is no layer with a map, allowed:")
    refused(call(capsys, *plot, recorded.spikes, "0", "-o", "a.gif"), "a.gif: a picture is one of .svg, .png, .pdf")


def test_activity_of_a_recording_and_of_frames(recorded, capsys):
    image = neuroproc.load_image(recorded.image)
    result = call(capsys, "plot", "activity", recorded.image, "all.npz")
    assert (result.status, result.err) == (0, "")
    found = neuroproc.read_recording("all.npz")
    lines = result.out.splitlines()
    assert lines[1] == f"70 cycles, {len(found.cycle):,} spikes"
    assert lines[3].split() == ["of", "the"]
    assert lines[4].split() == ["layer", "neurons", "silent", "saturated", "spikes", "busiest", "of", "all", "spikes"]
    rows = {line.split()[0]: line.split() for line in lines[6:]}
    for number, record in enumerate(image.layers):
        own = np.flatnonzero(image.layer == number)
        if len(own):
            counts = found.spike_count(image.n_neurons)[own]
            cells = rows[record.name]
            assert (cells[1], cells[2]) == (str(len(own)), str(np.count_nonzero(counts == 0)))
            assert f"{counts.sum() / len(found.cycle):.0%}" in cells
    (recorded.folder / "run.json").write_text(call(capsys, "classify", recorded.image, recorded.frames, "--json").out)
    of_frames = call(capsys, "plot", "activity", recorded.image, "run.json").out.splitlines()
    assert of_frames[1].startswith("12 frames, ")
    assert of_frames[3].split() == ["spikes", "of", "the"]
    assert of_frames[4].split()[4:6] == ["per", "frame"]
    assert of_frames[0] == lines[0]
    from_csv = call(capsys, "plot", "activity", recorded.image, "all.csv").out.splitlines()
    assert from_csv[-1] == "the recording does not say who was observed: who was not looks silent"


@pytest.mark.error
def test_activity_of_nothing(recorded, capsys, without_matplotlib):
    plot = ("plot", "activity", recorded.image)
    refused(call(capsys, *plot, "held.npz"), "held.npz: holds potentials, which do not say who fired")
    refused(call(capsys, *plot, recorded.spikes), "neither JSON", "nor a recording")
    refused(call(capsys, *plot, "all.npz", "-o", "a.svg"), "pip install 'neuroproc[plot]'")
    refused(call(capsys, *plot, "nobody.json"), "nobody.json: cannot be read")
