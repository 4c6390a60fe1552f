"""Files of events go into images as spikes, or as frames; options say how, and have no defaults that guess."""

import json

import numpy as np
import pytest
from cli_helpers import call, refused
from event_helpers import n_mnist_bytes, record, write_hdf5

import neuroproc
from isa_spec.image import graph_digest

SENSOR = (2, 4, 6)


@pytest.fixture
def place(tmp_path, monkeypatch, capsys):
    """A folder with a network for a small sensor, not folded and folded, and a file of events."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(6)
    weight = rng.integers(-3, 5, (8, 48)).tolist()
    layer = {"name": "fc", "type": "dense", "weight": weight, "threshold": [20] * 8}
    entry = {
        "format": "layered-network",
        "version": 1,
        "input": {"shape": list(SENSOR)},
        "layers": [layer],
        "output": {"decode": {"kind": "argmax", "classes": 4}},
    }
    neuroproc.save_network(network_of(entry, tmp_path), tmp_path / "net.json")
    for name, unroll in (("flat.npi", "4x6"), ("folded.npi", "1x1")):
        assert call(capsys, "compile", "net.json", "-o", name, "--unroll", unroll).status == 0
    rows = [(int(t), int(x), int(y), int(p)) for t, x, y, p in rng.integers(0, [5000, 6, 4, 2], (40, 4))]
    (tmp_path / "a.bin").write_bytes(n_mnist_bytes(sorted(rows)))
    return tmp_path


def network_of(entry, folder):
    (folder / "entry.json").write_text(json.dumps(entry))
    return neuroproc.load_network(folder / "entry.json")


EVENTS = ("--sensor", "2x4x6", "--bin", "1ms", "--duplicates", "count")


def test_events_are_spikes_in_cycles(place, capsys):
    spikes = neuroproc.bin_events(neuroproc.read_events("a.bin", SENSOR), "1ms", duplicates="count")
    image = neuroproc.load_image("flat.npi")
    neuroproc.write_spikes("a.csv", spikes, image.inputs)
    direct = call(capsys, "run", "flat.npi", "a.bin", *EVENTS)
    assert direct == call(capsys, "run", "flat.npi", "a.csv")
    assert direct.status == 0
    assert direct.out.splitlines()[0] == f"# image {graph_digest(image)}"
    later = call(capsys, "run", "flat.npi", "a.bin", *EVENTS, "--origin=-3ms", "--cycles", 30)
    neuroproc.write_spikes("later.csv", spikes.shifted(3), image.inputs)
    assert later == call(capsys, "run", "flat.npi", "later.csv", "--cycles", 30)


def test_a_frame_of_events_is_decided_alike_by_all(place, capsys):
    """Events in the cycle in which the image takes a frame, the same events as a frame, and the layers themselves."""
    events = neuroproc.read_events("a.bin", SENSOR)
    frames = neuroproc.events_to_frames(events, duplicates="merge")
    image, network = neuroproc.load_image("flat.npi"), neuroproc.load_network("net.json")
    expected = neuroproc.evaluate(network, frames)["fc"].ravel()
    assert np.array_equal(neuroproc.classify(image, frames).outputs.ravel(), expected)
    assert 0 < expected.sum() < 8
    start = image.layers[0].contract.start
    arguments = ("--bin", "1s", f"--origin=-{start}s", "--duplicates", "merge", "--sensor", "2x4x6")
    out = call(capsys, "run", "flat.npi", "a.bin", *arguments).out
    assert [int(line.split(",")[1]) for line in out.splitlines()[2:]] == np.flatnonzero(expected).tolist()


def test_one_sample_of_many(place, capsys):
    samples = [([0.001, 0.0125], [3, 47]), ([0.002], [5])]
    write_hdf5("b", samples, [1, 2])
    for number, cycles in ((0, [1, 12]), (1, [2])):
        spikes = neuroproc.bin_events(neuroproc.read_events("b", (1, 48, 1), number), "1ms")
        assert spikes.cycle.tolist() == cycles
        neuroproc.write_spikes("b.csv", spikes, neuroproc.load_image("flat.npi").inputs)
        found = call(capsys, "run", "flat.npi", "b", "--bin", "1ms", "--sensor", "1x48x1", "--sample", number)
        assert found == call(capsys, "run", "flat.npi", "b.csv")
    refused(call(capsys, "run", "flat.npi", "b", "--bin", "1ms"), "b: holds 2 samples; choose one by its number, 0..1")


@pytest.mark.error
def test_what_is_missing(place, capsys):
    run = ("run", "flat.npi", "a.bin")
    refused(call(capsys, *run), "a.bin: holds events; say what a cycle is worth, as --bin 1ms")
    refused(
        call(capsys, *run, "--bin", "1ms"),
        "a.bin: the sensor 2x34x34 has 2,312 places, the image takes values at 48 inputs, allowed: as many; take an "
        "image that is not folded, say what the sensor is (--sensor), or make frames of the events",
    )
    refused(call(capsys, "run", "folded.npi", "a.bin", *EVENTS), "has 48 places, the image takes values at 2 inputs")
    refused(call(capsys, *run, *EVENTS[:4]), "is not the only one of its address in its bin")
    refused(call(capsys, *run, *EVENTS, "--origin", "2ms"), "a.bin: event 0", "give an origin before it")
    refused(call(capsys, *run, *EVENTS, "--sample", "1"), "a.bin: sample 1, allowed: 0")
    (place / "out.bin").write_bytes(record(0, 6, 0, 0))
    refused(
        call(capsys, "run", "flat.npi", "out.bin", *EVENTS),
        "out.bin: event 0 (at 0 s) is at polarity 0, row 0, column 6",
    )
    (place / "cut.bin").write_bytes(bytes(7))
    refused(call(capsys, "run", "flat.npi", "cut.bin", *EVENTS), "cut.bin: 7 bytes, allowed: a multiple of 5")
    assert not [path for path in place.iterdir() if path.name.startswith(".")]


@pytest.mark.error
@pytest.mark.parametrize("option", [("--bin", "1ms"), ("--origin", "0s"), ("--sensor", "2x4x6"), ("--sample", "0")])
def test_options_without_events(place, capsys, option):
    (place / "a.csv").write_text("cycle,port\n")
    message = f"a.csv: {option[0]} is for event files (.bin, HDF5), and this one has no events"
    refused(call(capsys, "run", "flat.npi", "a.csv", *option), message)


@pytest.mark.error
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--bin", "1", "time '1', allowed: a number and a unit of s, ms, us, ns, as 1ms, 0.5ms, 1/30s"),
        ("--origin", "soon", "time 'soon', allowed"),
        ("--sensor", "34x34", "'34x34' is not polarities x rows x columns, as 2x34x34"),
        ("--sensor", "2x0x34", "'2x0x34' is not polarities x rows x columns"),
        ("--sample", "all", "'all' is not a number of 0 or above"),
        ("--duplicates", "add", "invalid choice: 'add'"),
    ],
)
def test_options_that_say_nothing(capsys, option, value, message):
    result = call(capsys, "run", "flat.npi", "a.bin", option, value)
    assert result.status == 2
    assert message in result.err
