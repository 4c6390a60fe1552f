"""`neuroproc convert`: every way of the table, what it loses, and what is refused."""

import json
import shutil

import networkx as nx
import numpy as np
import pytest
from cli_helpers import axis_entry, call, refused, write_json
from convert_helpers import Standard, lost, silent

import neuroproc
from compiler.views.dot import image_dot, network_dot
from isa_spec.image import graph_digest
from neuroproc.cli import convert
from neuroproc.cli.kinds import KINDS
from neuroproc.cli.routes import ROUTES
from neuroproc.formats.frames import read_examples


@pytest.mark.parametrize("entry", [None, axis_entry(2)], ids=["two axes", "one axis"])
def test_a_network_to_json(case, capsys, entry):
    source = case.network if entry is None else write_json(case.folder / "axis.json", entry)
    silent(call(capsys, "convert", source, case.folder / "copy.json"))
    network, copy = neuroproc.load_network(source), neuroproc.load_network(case.folder / "copy.json")
    assert (copy.digest, copy.name) == (network.digest, network.name)


def test_toml_to_json(case, capsys):
    text = (
        'format = "layered-network"\nversion = 1\n[input]\nshape = [1, 2, 2]\n[[layers]]\nname = "fc"\n'
        'type = "dense"\nweight = [[1, 2, 3, 4]]\nthreshold = [2]\n'
    )
    (case.folder / "net.toml").write_text(text)
    silent(call(capsys, "convert", case.folder / "net.toml", case.folder / "net.json"))
    one, other = (neuroproc.load_network(case.folder / f"net{suffix}") for suffix in (".toml", ".json"))
    assert one.digest == other.digest


def test_a_networks_arrays_are_not_written_over_something_else(case, capsys):
    target = case.folder / "other.json"
    np.savez(case.folder / "other.npz", frames=np.zeros((1, 2, 2), np.uint8))
    kept = (case.folder / "other.npz").read_bytes()
    words = (
        "other.json: the arrays of a network go to other.npz beside it, and that is there and belongs to something else"
    )
    refused(call(capsys, "convert", case.network, target), words)
    assert not target.exists()
    assert (case.folder / "other.npz").read_bytes() == kept
    (case.folder / "other.npz").unlink()
    for _ in range(2):  # its own arrays may be written again
        silent(call(capsys, "convert", case.network, target))


def test_a_network_to_a_drawing(case, capsys):
    lost(call(capsys, "convert", case.network, case.folder / "net.dot"), "lost: weights")
    assert (case.folder / "net.dot").read_text() == network_dot(neuroproc.load_network(case.network))
    shown = call(capsys, "convert", case.network, "-", "--to", "dot")
    assert shown.out == (case.folder / "net.dot").read_text()


def test_an_image_to_itself(case, capsys):
    silent(call(capsys, "convert", case.image, case.folder / "copy.npi"))
    assert (case.folder / "copy.npi").read_bytes() == case.image.read_bytes()


def test_an_image_to_views(case, capsys, monkeypatch):
    image = neuroproc.load_image(case.image)
    lost(
        call(capsys, "convert", case.image, case.folder / "a.dot"),
        "lost: a view has no encoding",
    )
    assert (case.folder / "a.dot").read_text() == image_dot(image)
    lost(
        call(capsys, "convert", case.image, case.folder / "a.graphml"),
        "lost: a view has no encoding",
    )
    graph = nx.read_graphml(case.folder / "a.graphml", force_multigraph=True)
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (image.n_neurons, image.n_synapses)
    monkeypatch.setattr("sys.stdin", Standard(case.image.read_bytes()))
    assert call(capsys, "convert", "-", "-", "--to", "graphml").out == (case.folder / "a.graphml").read_text()


def test_spikes_around(case, capsys):
    """CSV to an archive and back; a raster where every charge is 1."""
    image = neuroproc.load_image(case.image)
    events = neuroproc.SpikeEvents.of([0, 3, 3], [1, 0, 2], [1, 5, -2])
    digest = graph_digest(image)
    neuroproc.write_spikes(case.spikes, events, image.inputs, digest)
    silent(call(capsys, "convert", case.spikes, case.folder / "s.npz"))
    silent(call(capsys, "convert", case.folder / "s.npz", case.folder / "t.csv"))
    assert (case.folder / "t.csv").read_text() == case.spikes.read_text()
    assert digest in case.spikes.read_text()
    message = refused(call(capsys, "convert", case.spikes, case.folder / "s.txt"), "found charge 5; write .csv or .npz")
    assert "s.txt" in message
    assert not (case.folder / "s.txt").exists()


def test_spikes_with_names_need_the_image(case, capsys):
    image = neuroproc.load_image(case.image)
    case.spikes.write_text(f"cycle,port\n4,{image.inputs[0].name}\n6,0\n")
    target = case.folder / "s.txt"
    refused(call(capsys, "convert", case.spikes, target), f"port '{image.inputs[0].name}' is unknown, allowed: 0..")
    silent(call(capsys, "convert", case.spikes, target, "--image", case.image))
    rows = "0000101\n" + "0000000\n" * (len(image.inputs) - 1)
    assert target.read_text() == f"# image {graph_digest(image)}\n{rows}"
    silent(call(capsys, "convert", case.spikes, case.folder / "s.csv", "--image", case.image))
    assert (case.folder / "s.csv").read_text() == f"# image {graph_digest(image)}\ncycle,port,value\n4,0,1\n6,0,1\n"


def test_a_raster_without_an_image(case, capsys):
    case.spikes.write_text("cycle,port\n4,2\n")
    words = "written are 3, up to the last with a spike, and 5 cycles; --image says how many ports there are"
    lost(call(capsys, "convert", case.spikes, case.folder / "s.txt"), words)
    assert (case.folder / "s.txt").read_text() == "00000\n00000\n00001\n"
    silent(call(capsys, "convert", case.folder / "s.txt", case.folder / "t.csv"))
    assert (case.folder / "t.csv").read_text() == "cycle,port,value\n4,2,1\n"


def test_spikes_of_another_image(case, capsys):
    case.spikes.write_text(f"# image sha256:{'0' * 64}\ncycle,port\n4,0\n")
    refused(
        call(capsys, "convert", case.spikes, case.folder / "s.npz", "--image", case.image), "made for image sha256:0"
    )


def test_spikes_through_pipes(case, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", Standard(case.spikes.read_bytes()))
    result = call(capsys, "convert", "-", "-", "--to", "csv")
    assert (result.status, result.err) == (0, "")
    assert result.out == "cycle,port,value\n1,0,1\n5,0,1\n9,0,1\n"
    monkeypatch.setattr("sys.stdin", Standard(b"cycle,port\n2,0\n0,0\n"))
    assert call(capsys, "convert", "-", "-", "--to", "txt").out == "101\n"


def test_frames(case, capsys, tmp_path):
    frames = np.load(case.frames)
    silent(call(capsys, "convert", case.frames, case.folder / "f.npz"))
    silent(call(capsys, "convert", case.folder / "f.npz", case.folder / "g.npy"))
    with np.load(case.folder / "f.npz") as arrays:
        assert set(arrays) == {"frames"}
    assert np.array_equal(np.load(case.folder / "g.npy"), frames[:, None])
    idx = bytes([0, 0, 8, 3, *(0, 0, 0, 12), *(0, 0, 0, 4), *(0, 0, 0, 6)]) + frames.tobytes()
    (case.folder / "frames-idx3-ubyte").write_bytes(idx)
    silent(call(capsys, "convert", case.folder / "frames-idx3-ubyte", case.folder / "h.npy"))
    assert np.array_equal(np.load(case.folder / "h.npy"), frames[:, None])


def test_frames_with_their_labels(case, capsys):
    batch = case.folder / "test_batch.bin"
    batch.write_bytes(b"".join(bytes([label]) + bytes(range(256)) * 12 for label in (7, 2)))
    silent(call(capsys, "convert", batch, case.folder / "f.npz"))
    with np.load(case.folder / "f.npz") as arrays:
        assert arrays["labels"].tolist() == [7, 2]
        assert np.array_equal(arrays["frames"], read_examples(batch)[0])
    lost(call(capsys, "convert", batch, case.folder / "f.npy"), "2 labels are left out; .npz has room for them")
    assert np.load(case.folder / "f.npy").shape == (2, 3, 32, 32)


def test_labels_and_other_arrays_of_an_archive(case, capsys):
    source = case.folder / "all.npz"
    np.savez(source, frames=np.load(case.frames), labels=np.load(case.labels), note=np.arange(3))
    lost(call(capsys, "convert", source, case.folder / "f.npz"), "array 'note' is left out")
    with np.load(case.folder / "f.npz") as arrays:
        assert set(arrays) == {"frames", "labels"}
        assert np.array_equal(arrays["labels"], np.load(case.labels))
    words = ("array 'note' is left out", "12 labels are left out; .npz has room for them")
    lost(call(capsys, "convert", source, case.folder / "f.npy"), *words)


def test_the_list_has_every_way(capsys):
    result = call(capsys, "convert", "--list")
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()[2:]
    assert len(lines) == len(ROUTES)
    ways = [(kind, route.suffix) for route in ROUTES for kind in route.sources]
    assert len(set(ways)) == len(ways), "two ways from one kind to one suffix"
    assert {kind for kind, _ in ways} <= set(KINDS)
    assert result.out.rstrip("\n") == convert.listing()


@pytest.mark.error
def test_what_cannot_become_what(case, capsys):
    folder = case.folder
    refused(
        call(capsys, "convert", case.network, folder / "a.npi"),
        "tiny.json (layered network) cannot become '.npi', allowed: .json (layered network), ",
        "an image is made by neuroproc compile",
    )
    refused(call(capsys, "convert", case.network, folder / "a"), "cannot become ''")
    refused(call(capsys, "convert", case.image, folder / "a.toml"), "no network comes back of an image")
    refused(call(capsys, "convert", case.spikes, folder / "a.npy"), "cannot become '.npy'")
    words = "standard output has no suffix that says what is written; add --to csv, json, dot, ..."
    refused(call(capsys, "convert", case.spikes, "-"), words)
    words = "--to csv: the target's name says what is written; leave it out"
    refused(call(capsys, "convert", case.spikes, folder / "a.npz", "--to", "csv"), words)
    words = "--image means nothing where layered network becomes .dot; leave it out"
    refused(call(capsys, "convert", case.network, folder / "a.dot", "--image", case.image), words)
    words = "a layered network is two files, NAME.json and NAME.npz; give a name"
    refused(call(capsys, "convert", case.network, "-", "--to", "json"), words)
    assert not list(folder.glob("a*"))


@pytest.mark.error
def test_what_is_read_by_name_only(case, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", Standard(case.network.read_bytes()))
    words = "<stdin> (layered network) is read by name only, not from a stream; give its name"
    refused(call(capsys, "convert", "-", "-", "--to", "dot"), words)
    monkeypatch.setattr("sys.stdin", Standard(b"\x89HDF\r\n\x1a\n"))
    refused(
        call(capsys, "convert", "-", "-", "--to", "dot"), "HDF5 is read from files, not from a stream; give it by name"
    )


@pytest.mark.error
def test_a_file_that_is_nothing_known(case, capsys):
    for name, content in (
        ("a", b""),
        ("b.json", b"{}"),
        ("c.txt", b"hello\n"),
        ("d.onnx", b"\x08\x07"),
        ("e", b"\xff"),
    ):
        source = case.folder / name
        source.write_bytes(content)
        begin = content[:8].hex(" ") or "nothing"
        message = refused(
            call(capsys, "convert", source, case.folder / "x.npi"),
            f"{name}: in no known format (it begins with {begin})",
        )
        for kind, like in KINDS.items():
            assert f"{kind} ({like})" in message
    (case.folder / "b.json").write_text('{"format": ')
    refused(call(capsys, "convert", case.folder / "b.json", case.folder / "x.npi"), "b.json: not JSON: ")
    (case.folder / "b.toml").write_text("format = ")
    refused(call(capsys, "convert", case.folder / "b.toml", case.folder / "x.npi"), "b.toml: not TOML: ")
    refused(call(capsys, "convert", case.folder / "none", case.folder / "x.npi"), "none: cannot be read")


def test_a_full_disk_leaves_nothing(case, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    shutil.copy(case.spikes, case.folder / "kept.csv")
    monkeypatch.setattr("os.replace", full)
    before = sorted(case.folder.iterdir())
    for source, target in ((case.spikes, "kept.csv"), (case.image, "x.dot"), (case.network, "x.json")):
        result = call(capsys, "convert", source, case.folder / target)
        assert "No space left on device" in result.err
        assert result.status == 3
    assert sorted(case.folder.iterdir()) == before
    assert json.loads(case.network.read_text())
