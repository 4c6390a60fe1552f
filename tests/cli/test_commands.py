"""Every command as a user calls it."""

import json
import re

import numpy as np
import pytest
from cli_helpers import call, network_entry, refused, spawn, write_json

import neuroproc
from isa_spec.image import graph_digest

COUNT_KEYS = {
    "neurons", "synapses", "parameters", "unrolled_neurons", "unrolled_synapses", "max_delay", "latency",
    "initiation_interval", "profile", "source_digest", "layers",
}  # fmt: skip
LAYER_KEYS = {"name", "kind", "parameters", "neurons", "synapses", "unrolled_neurons", "unrolled_synapses", "roles"}
CLASSIFY_KEYS = {
    "frames", "correct", "accuracy", "predictions", "spikes", "synaptic_operations", "cycles", "seconds", "engine",
    "threads",
}  # fmt: skip


def decided(case):
    """Classes of the frames, from plain integer evaluation."""
    network = neuroproc.load_network(case.network)
    outputs = neuroproc.evaluate(network, np.load(case.frames)[:, None])["dense"]
    return outputs.reshape(len(outputs), 3, 2).sum(axis=2).argmax(axis=1)


def test_compile_prints_a_row_per_layer_and_the_times(case, capsys):
    result = call(capsys, "compile", case.network, "-o", case.folder / "new.npi", "--profile", "np8", "--unroll", "2x2")
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    assert [line.split()[0] for line in lines[3:11]] == [
        "input", "control", "conv1", "pool1", "conv2", "flatten", "dense", "total",
    ]  # fmt: skip
    image = neuroproc.load_image(case.folder / "new.npi")
    times = next(line for line in lines if line.startswith("unroll 2x2, profile np8"))
    for number in (image.interval, image.latency):
        assert f"{number:,}" in times
    assert f"{image.n_neurons:,}" in lines[10]
    assert f"{image.n_synapses:,}" in lines[10]


def test_compile_unfolded_by_default_and_says_so(case, capsys):
    result = call(capsys, "compile", case.network, "-o", case.folder / "new.npi")
    assert "unroll 4x6 (the whole frame: not folded), profile research" in result.out
    assert neuroproc.load_image(case.folder / "new.npi").spec.name == "research"


def test_compile_says_which_way_potentials_have_no_bound(case, capsys):
    entry = network_entry()
    entry["layers"] = [{"name": "flatten", "type": "flatten"}, {"name": "fc", "type": "dense"}]
    entry["layers"][1] |= {"weight": [[2] * 23 + [-1]], "threshold": [3]}
    entry |= {"reset": "subtract", "output": {}}
    entry["input"]["encoding"]["steps"] = 4
    network, image = write_json(case.folder / "gather.json", entry), case.folder / "gather.npi"
    said = call(capsys, "compile", network, "-o", image, "--profile", "np16-subtract").out.splitlines()[-1]
    assert said == "potentials may rise without end: no width is proven, and a run is checked as it goes on"
    endless = 'name = "endless"\ndescription = "without a floor"\npotential_floor = "none"\n'
    (case.folder / "endless.toml").write_text(endless)
    write_json(network, {**entry, "reset": "zero"})
    result = call(capsys, "compile", network, "-o", image, "--profile", case.folder / "endless.toml")
    said = result.out.splitlines()[-1]
    assert said == "potentials fall without end: the processor has no floor"


def test_compile_report_holds_the_table(case, capsys):
    report = case.folder / "report.json"
    call(capsys, "compile", case.network, "-o", case.folder / "new.npi", "--unroll", "4x1", "--report", report)
    written, counted = json.loads(report.read_text()), neuroproc.count(neuroproc.load_image(case.folder / "new.npi"))
    for key in ("neurons", "synapses", "latency", "initiation_interval", "profile", "source_digest"):
        assert written[key] == counted[key]
    assert [layer["synapses"] for layer in written["layers"]] == [layer["synapses"] for layer in counted["layers"]]
    told = call(capsys, "compile", case.network, "-o", case.folder / "new.npi", "--unroll", "4x1", "--report", "-")
    assert json.loads(told.out) == written
    assert "\ntotal " in told.err


@pytest.mark.parametrize("suffix", ["json", "toml", "npz"])
def test_the_same_network_in_any_form_gives_the_same_image(case, capsys, suffix):
    """JSON, TOML and arrays in a file beside it; the bytes of an image depend on nothing else."""
    entry = network_entry()
    if suffix == "npz":
        arrays = {}
        for layer in entry["layers"]:
            for key in ("weight", "threshold"):
                if key in layer:
                    arrays[f"{layer['name']}_{key}"] = np.array(layer[key], np.int8)
                    layer[key] = f"arrays.npz:{layer['name']}_{key}"
        np.savez(case.folder / "arrays.npz", **arrays)
    if suffix == "toml":
        layers = entry.pop("layers")
        text = "\n".join(f"{key} = {json.dumps(entry[key])}" for key in ("format", "version", "name"))
        text += '\ninput = { shape = [1, 4, 6], encoding = { kind = "binary", threshold = 8 } }'
        text += '\noutput = { decode = { kind = "argmax", classes = 3 } }\n'
        for layer in layers:
            text += "[[layers]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in layer.items())
        (case.folder / "again.toml").write_text(text)
        network = case.folder / "again.toml"
    else:
        network = write_json(case.folder / "again.json", entry)
    again = case.folder / "again.npi"
    assert call(capsys, "compile", network, "-o", again, "--profile", "np8", "--unroll", "1x1").status == 0
    assert again.read_bytes() == case.image.read_bytes()


@pytest.mark.parametrize("unroll", ["4x6", "2x3", "1x1"])
def test_the_same_bytes_in_every_process(case, unroll):
    images = []
    for seed in ("1", "2"):
        done = spawn("compile", case.network, "-o", "-", "--unroll", unroll, env={"PYTHONHASHSEED": seed})
        assert done.returncode == 0, done.stderr
        images.append(done.stdout)
    assert images[0] == images[1]


def test_count_for_machines(case, capsys):
    result = call(capsys, "count", case.image, "--json")
    measures, image = json.loads(result.out), neuroproc.load_image(case.image)
    assert (result.status, result.err) == (0, "")
    assert measures.keys() >= COUNT_KEYS
    assert measures == neuroproc.count(image)
    assert all(layer.keys() >= LAYER_KEYS for layer in measures["layers"])
    assert (measures["neurons"], measures["synapses"]) == (image.n_neurons, image.n_synapses)
    assert sum(layer["neurons"] for layer in measures["layers"]) == image.n_neurons
    assert sum(layer["synapses"] for layer in measures["layers"]) == image.n_synapses
    for layer in measures["layers"]:
        assert sum(layer["roles"].values()) == layer["neurons"]


def test_unrolled_counts_one_synapse_per_use_of_a_weight(case, capsys):
    """By counting: every output value and every tap that lands inside the map."""
    measures = json.loads(call(capsys, "count", case.image, "--json").out)
    weight = np.array(network_entry()["layers"][0]["weight"])
    uses = sum(
        np.count_nonzero(weight[:, 0, ky, kx])
        for y in range(4)
        for x in range(6)
        for ky in range(3)
        for kx in range(3)
        if 0 <= y + ky - 1 < 4 and 0 <= x + kx - 1 < 6
    )
    layers = {layer["name"]: layer for layer in measures["layers"]}
    assert layers["conv1"]["unrolled_synapses"] == uses
    assert layers["conv1"]["unrolled_neurons"] == 2 * 4 * 6
    assert layers["conv1"]["parameters"] == 18
    assert layers["pool1"]["unrolled_synapses"] == 2 * 4 * 6
    assert layers["dense"]["unrolled_synapses"] == np.count_nonzero(network_entry()["layers"][4]["weight"])


def test_count_for_people(case, capsys):
    result = call(capsys, "count", case.image)
    measures = neuroproc.count(neuroproc.load_image(case.image))
    for words in (
        "conv1",
        "conv2d",
        "1 input in input, 2 clock in control",
        "profile np8 (sha256:",
        f"latency: {measures['latency']}",
    ):
        assert words in result.out


def test_count_of_an_image_without_layers(tmp_path, capsys):
    research = neuroproc.load_profile("research")
    image = neuroproc.wire_image(research, {"a": 1, "b": 2}, [("a", "b", 2, 3)], inputs=["a"])
    neuroproc.save_image(tmp_path / "ab.npi", image)
    lines = call(capsys, "count", tmp_path / "ab.npi").out.splitlines()
    assert lines[0].startswith("profile research (sha256:")
    footprint = neuroproc.count(image)["neurobench"]["Footprint"]
    assert lines[1:] == [
        "no layers: it was not compiled from a layered network",
        "neurons: 2",
        "synapses: 1",
        "max delay: 3",
        f"potential range: {neuroproc.count(image)['potential_range']}",
        f"potential bits: {neuroproc.count(image)['potential_bits']}",
        f"footprint: {footprint} bytes",
    ]


def test_run_until_the_image_is_through(case, capsys):
    result = call(capsys, "run", case.image, case.spikes)
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("# image sha256:")
    assert lines[1] == "cycle,port,value"
    image = neuroproc.load_image(case.image)
    processor = neuroproc.Processor(image, engine="reference")
    processor.inject(image.start)
    processor.inject(neuroproc.read_spikes(case.spikes, image.inputs))
    right = processor.run(9 + 1 + image.latency)
    assert lines[2:] == [f"{cycle},{port},1" for cycle, port in zip(right.cycle, right.port, strict=True)]
    assert len(right)


@pytest.mark.parametrize("engine", ["reference", "event", "batch"])
def test_run_cycles_record_and_engine(case, capsys, engine):
    out, record = case.folder / "out.csv", case.folder / "record.csv"
    result = call(
        capsys, "run", case.image, case.spikes, "-o", out, "--cycles", 20, "--record", record, "--engine", engine
    )
    assert (result.status, result.out, result.err) == (0, "", "")
    lines = record.read_text().splitlines()
    assert lines[0] == "cycle,neuron,layer,role"
    assert {line.split(",")[2] for line in lines[1:]} >= {"input", "control"}
    assert max(int(line.split(",")[0]) for line in lines[1:]) < 20
    assert [int(line.split(",")[0]) for line in lines[1:] if line.endswith(",input,input")] == [1, 5, 9]
    assert out.read_text().splitlines()[1] == "cycle,port,value"


def test_spikes_written_by_run_can_be_read_again_for_this_image_only(case, capsys):
    call(capsys, "run", case.image, case.spikes, "-o", case.folder / "out.csv")
    text = (case.folder / "out.csv").read_text()
    digest = text.splitlines()[0]
    (case.folder / "in.csv").write_text(digest + "\ncycle,port,value\n1,in.0.0.0,1\n")
    assert call(capsys, "run", case.image, case.folder / "in.csv").status == 0
    other = case.folder / "other.npi"
    call(capsys, "compile", case.network, "-o", other, "--unroll", "1x1")
    refused(call(capsys, "run", other, case.folder / "in.csv"), "in.csv", "sha256:")


def test_classify_for_machines(case, capsys):
    result = call(capsys, "classify", case.image, case.frames, "--labels", case.labels, "--json")
    found = json.loads(result.out)
    assert (result.status, result.err) == (0, "")
    assert found.keys() >= CLASSIFY_KEYS
    right, labels = decided(case), np.load(case.labels)
    assert found["predictions"] == right.tolist()
    assert found["correct"] == (right == labels).sum()
    assert found["accuracy"] == found["correct"] / 12
    assert sum(map(sum, found["confusion"])) == found["frames"] == 12
    image = neuroproc.load_image(case.image)
    assert found["cycles"] == image.latency + 11 * image.interval
    assert found["engine"] in ("event", "batch")
    assert (found["image"], found["profile"]) == (graph_digest(image), "np8")
    assert found["profile_digest"] == image.spec.digest
    assert (found["frames_file"], found["labels_file"]) == (case.frames.name, case.labels.name)
    counts = neuroproc.classify(image, neuroproc.read_frames(case.frames), engine="reference").spike_count
    assert found["spikes_by_neuron"] == counts.tolist()
    assert sum(found["spikes_by_neuron"]) == found["spikes"]
    assert np.dot(found["spikes_by_neuron"], np.diff(image.row_start)) == found["synaptic_operations"]


def test_classify_without_labels_and_with_a_limit(case, capsys):
    found = json.loads(call(capsys, "classify", case.image, case.frames, "--limit", 5, "--json").out)
    assert (found["frames"], found["correct"], found["accuracy"], found["confusion"]) == (5, None, None, None)
    assert (found["frames_file"], found["labels_file"]) == (case.frames.name, None)
    assert found["predictions"] == decided(case)[:5].tolist()
    result = call(capsys, "classify", case.image, case.frames, "--limit", 5)
    assert "predictions " + " ".join(map(str, found["predictions"])) in result.out


def test_classify_counts_what_the_reference_counts(case, capsys):
    """Spikes and synaptic operations depend on neither the engine nor the threads."""
    ways = [(engine, threads) for engine in ("reference", "event", "batch") for threads in (1, 2)]
    for engine, threads in ways:
        call_of = ("classify", case.image, case.frames, "--engine", engine, "--threads", threads, "--json")
        found = json.loads(call(capsys, *call_of).out)
        assert found["engine"] == engine
        assert 1 <= found["threads"] <= threads
        if (engine, threads) == ways[0]:
            right = found
        for key in ("spikes", "spikes_by_neuron", "synaptic_operations", "cycles", "predictions"):
            assert found[key] == right[key]


@pytest.mark.error
@pytest.mark.parametrize("threads", ["0", "-1", "two"])
def test_classify_refuses_numbers_of_threads(case, capsys, threads):
    result = call(capsys, "classify", case.image, case.frames, "--threads", threads)
    assert result.status == 2
    assert "positive integer" in result.err or "expected one argument" in result.err


def test_classify_for_people(case, capsys):
    result = call(capsys, "classify", case.image, case.frames, "--labels", case.labels)
    correct = int((decided(case) == np.load(case.labels)).sum())
    assert f"accuracy {correct / 12:.2%}: {correct} of 12 frames" in result.out
    assert "synaptic operations" in result.out
    assert re.search(r"frames/s \(\d+\.\d\d s, engine (event|batch), \d+ threads?\)", result.out)


def test_a_network_without_classes_shows_what_fired(case, capsys):
    entry = network_entry()
    del entry["output"]
    write_json(case.network, entry)
    call(capsys, "compile", case.network, "-o", case.image, "--unroll", "1x1")
    result = call(capsys, "classify", case.image, case.frames, "--limit", 3)
    assert (result.status, "no classes" in result.out) == (0, True)
    assert json.loads(call(capsys, "classify", case.image, case.frames, "--json").out)["predictions"] is None


def test_verify_is_exact(case, capsys):
    result = call(capsys, "verify", case.network, case.image, case.frames)
    assert (result.status, result.err) == (0, "")
    assert "every decision of 12 frames is exact" in result.out
    found = json.loads(call(capsys, "verify", case.network, case.image, case.frames, "--limit", 3, "--json").out)
    assert found["exact"] is True
    assert found["first"] is None
    assert found["frames"] == 3
    assert found["compared"] == {"input": 72, "conv1": 144, "pool1": 36, "conv2": 18, "flatten": 18, "dense": 18}
    assert set(found["different"].values()) == {0}


def test_frames_and_labels_in_one_archive(case, capsys):
    both = case.folder / "both.npz"
    np.savez(both, frames=np.load(case.frames)[:, None], labels=np.load(case.labels))
    one = json.loads(call(capsys, "classify", case.image, both, "--labels", both, "--json").out)
    two = json.loads(call(capsys, "classify", case.image, case.frames, "--labels", case.labels, "--json").out)
    assert one["confusion"] == two["confusion"]


@pytest.mark.parametrize("arguments", [["nothing"], ["count"], ["compile", "x.json"], ["count", "a", "b"]])
def test_usage_errors(capsys, arguments):
    result = call(capsys, *arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("usage: neuroproc")
    assert result.err.splitlines()[-1].startswith("neuroproc")
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--unroll", "3"), ("--unroll", "1x"), ("--unroll", "-1x1"), ("--max-neurons", "0"), ("--max-cycles", "many")],
)
def test_usage_errors_in_values(case, capsys, option, value):
    result = call(capsys, "compile", case.network, "-o", case.folder / "new.npi", option, value)
    assert (result.status, result.out) == (2, "")
    assert f"'{value}'" in result.err or "expected one argument" in result.err
    assert not (case.folder / "new.npi").exists()


def test_version(capsys):
    assert call(capsys, "--version").out == f"neuroproc {neuroproc.__version__}\n"


def test_classify_in_shards_goes_on_after_an_interruption(case, capsys, monkeypatch):
    monkeypatch.setattr("neuroproc.cli.classify.SHARD_FRAMES", 4)
    command = ["classify", case.image, case.frames, "--labels", case.labels, "--engine", "event", "--threads", "1"]
    right = call(capsys, *command).out.splitlines()[:-1]
    first = call(capsys, *command, "--shards", case.folder / "kept")
    assert first.out.splitlines()[:-1] == right
    files = sorted((case.folder / "kept").iterdir())
    assert [file.name for file in files] == [f"shard-{number}-of-3.npz" for number in (1, 2, 3)]
    files[1].unlink()
    times = [file.stat().st_mtime_ns for file in (files[0], files[2])]
    assert call(capsys, *command, "--shards", case.folder / "kept").out.splitlines()[:-1] == right
    assert files[1].exists()
    assert [file.stat().st_mtime_ns for file in (files[0], files[2])] == times
    refused(call(capsys, *command, "--shards", "kept", "--margin", 3), "--shards and --margin exclude each other")
    other = ["classify", case.image, case.frames, "--limit", 11, "--shards", case.folder / "kept"]
    refused(call(capsys, *other), "shard-1-of-3.npz: of other frames", "give another folder")


@pytest.mark.parametrize(
    ("where", "arguments"),
    [
        ("the argument after 'classify'", ("classify", "", "frames.npy")),
        ("the argument after '--labels'", ("classify", "a.npi", "frames.npy", "--labels", "")),
        ("--labels=", ("classify", "a.npi", "frames.npy", "--labels=")),
        ("--slot=", ("compile", "a.json", "-o", "a.npi", "--slot=--")),
    ],
)
def test_an_empty_argument(capsys, where, arguments):
    """What an unset variable leaves is not taken for an option that was left out."""
    result = call(capsys, *arguments)
    assert (result.status, result.out) == (2, "")
    words = "is empty (a variable that is not set?); give a value, or leave it out"
    assert result.err.splitlines()[-1] == f"neuroproc: error: {where} {words}"
