"""Recordings: what the probes see, on the disk as it comes, whole or not at all, and never too long for memory."""

import csv
import io
import shutil
import subprocess
import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from cli_helpers import PROGRAM, ROOT, call, refused, run_in

import neuroproc
from isa_spec.image import ROLES
from isa_spec.names import neuron_names
from neuroproc.cli import recorders
from neuroproc.cli.main import main
from neuroproc.formats.recordings import largest_size


def observed(case, engine, cycles, neurons=None):
    """What probes see of a run: spikes and potentials of some neurons."""
    image = neuroproc.load_image(case.image)
    spikes, potentials = neuroproc.SpikeProbe(neurons), neuroproc.PotentialProbe(neurons)
    processor = neuroproc.Processor(image, engine, [spikes, potentials])
    processor.inject(image.start)
    processor.inject(neuroproc.read_spikes(case.spikes, image.inputs))
    processor.run(cycles)
    return image, spikes.events(), potentials.samples()


def words(image, neuron):
    return [image.layers[image.layer[neuron]].name, ROLES[image.role[neuron]]]


def record(case, capsys, suffix, *more):
    """Bytes of both recordings."""
    places = [case.folder / f"{name}{suffix}" for name in ("fired", "held")]
    arguments = ["-o", case.folder / "out.csv", "--cycles", 60, "--record", places[0], "--record-potentials", places[1]]
    result = call(capsys, "run", case.image, case.spikes, *arguments, *more)
    assert (result.status, result.out, result.err) == (0, "", "")
    return [place.read_bytes() for place in places]


@pytest.mark.parametrize("engine", ["reference", "event", "batch"])
@pytest.mark.parametrize("kept", [1, recorders.KEPT])
def test_as_csv(case, capsys, monkeypatch, engine, kept):
    monkeypatch.setattr(recorders, "KEPT", kept)
    image, (cycle, neuron), (sampled, potential) = observed(case, engine, 60)
    spikes, potentials = (
        list(csv.reader(io.StringIO(data.decode()))) for data in record(case, capsys, ".csv", "--engine", engine)
    )
    assert spikes[0] == ["cycle", "neuron", "layer", "role"]
    assert spikes[1:] == [[str(c), str(n), *words(image, n)] for c, n in zip(cycle, neuron, strict=True)]
    assert potentials[0] == ["cycle", "neuron", "layer", "role", "potential"]
    assert potentials[1:] == [
        [str(c), str(n), *words(image, n), str(value)]
        for c, row in zip(sampled, potential.tolist(), strict=True)
        for n, value in enumerate(row)
    ]


@pytest.mark.parametrize("kept", [1, recorders.KEPT])
def test_as_npz(case, capsys, monkeypatch, kept):
    monkeypatch.setattr(recorders, "KEPT", kept)
    image, (cycle, neuron), (sampled, potential) = observed(case, "event", 60)
    spikes, potentials = (np.load(io.BytesIO(data)) for data in record(case, capsys, ".npz"))
    digest = (case.folder / "out.csv").read_text().splitlines()[0].removeprefix("# image ")
    for found, expected in ((spikes, {"neuron": neuron, "cycle": cycle}), (potentials, {"potential": potential})):
        for name, array in expected.items():
            assert (found[name].dtype, found[name].tolist()) == (array.dtype, array.tolist())
        assert str(found["image"]) == digest
        assert found["name"].tolist() == neuron_names(image)
        assert [[*pair] for pair in zip(found["layer"], found["role"], strict=True)] == [
            words(image, number) for number in range(image.n_neurons)
        ]
    assert potentials["cycle"].tolist() == sampled.tolist()
    assert potentials["neuron"].tolist() == list(range(image.n_neurons))


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_only_some_layers(case, capsys, suffix):
    image, _, _ = observed(case, "event", 1)
    names = [layer.name for layer in image.layers]
    wanted = np.flatnonzero(np.isin(image.layer, [names.index("conv1"), names.index("dense")]))
    _, (cycle, neuron), (_, potential) = observed(case, "event", 60, wanted)
    spikes, potentials = record(case, capsys, suffix, "--record-layer", "dense", "--record-layer", "conv1")
    if suffix == ".npz":
        assert np.load(io.BytesIO(spikes))["neuron"].tolist() == neuron.tolist()
        assert np.load(io.BytesIO(spikes))["cycle"].tolist() == cycle.tolist()
        assert np.load(io.BytesIO(potentials))["neuron"].tolist() == wanted.tolist()
        assert np.load(io.BytesIO(potentials))["potential"].tolist() == potential.tolist()
    else:
        assert [line.split(",")[1] for line in spikes.decode().splitlines()[1:]] == [str(n) for n in neuron]
        assert len(potentials.splitlines()) == 1 + potential.size


@pytest.mark.error
def test_what_cannot_be_recorded(case, capsys):
    before = sorted(case.folder.iterdir())
    run = ("run", case.image, case.spikes)
    refused(
        call(capsys, *run, "--record", "a.csv", "--record-layer", "conv9"),
        "layer 'conv9' is unknown, allowed: input, control, conv1, pool1, conv2, flatten, dense",
    )
    refused(call(capsys, *run, "--record", "a.csv", "--record-layer", "flatten"), "layer 'flatten' has no neurons")
    refused(
        call(capsys, *run, "--record-layer", "conv1"),
        "--record-layer says what is recorded, but not where to; add --record or --record-potentials",
    )
    refused(call(capsys, *run, "-o", "a.csv", "--to", "npz"), "a.csv: its name says its format; --to is for standard")
    spec, port = neuroproc.load_profile("research"), neuroproc.Port
    plain = neuroproc.build_image(spec, [1], [], [], [], [], [port("in", 0)], [port("out", 0)])
    neuroproc.save_image(case.folder / "plain.npi", plain)
    refused(
        call(capsys, "run", case.folder / "plain.npi", case.spikes, "--record", "a.csv", "--record-layer", "x"),
        "layer 'x' is unknown, allowed: none, the image has no layers",
    )
    (case.folder / "plain.npi").unlink()
    assert sorted(case.folder.iterdir()) == before


def test_on_standard_output(case, capsys):
    spikes, potentials = record(case, capsys, ".csv")
    run = ("run", case.image, case.spikes, "--cycles", 60, "-o", case.folder / "out.npz")
    result = call(capsys, *run, "--record", "-")
    assert (result.status, result.err, result.out) == (0, "", spikes.decode())
    assert call(capsys, *run, "--record-potentials", "-").out == potentials.decode()


@pytest.mark.error
@pytest.mark.parametrize("error", [KeyboardInterrupt, neuroproc.NeuroprocError("the disk is full")])
@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_an_interruption_leaves_nothing(case, capsys, monkeypatch, error, suffix):
    before = {path: path.read_bytes() for path in case.folder.iterdir()}
    monkeypatch.setattr(recorders, "KEPT", 1)
    flush, calls = recorders.Recorder.flush, []

    def break_off(self):
        calls.append(self)
        if len(calls) > 9:
            raise error
        flush(self)

    monkeypatch.setattr(recorders.Recorder, "flush", break_off)
    places = [case.folder / f"{name}{suffix}" for name in ("out", "fired", "held")]
    result = call(
        capsys, "run", case.image, case.spikes, "-o", places[0], "--record", places[1], "--record-potentials", places[2]
    )
    assert (result.status, result.out) == (130 if error is KeyboardInterrupt else 3, "")
    assert {path: path.read_bytes() for path in case.folder.iterdir()} == before


@pytest.mark.error
def test_no_room_on_the_disk(case, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1_200_000))
    before = sorted(case.folder.iterdir())
    run = ("run", case.image, case.spikes, "-o", case.folder / "out.csv")
    n_neurons = neuroproc.load_image(case.image).n_neurons
    place = case.folder / "all.npz"
    needed = n_neurons * 20
    refused(
        call(capsys, *run, "--cycles", 10**6, "--record", place),
        f"{place}: recording 1,000,000 cycles may need up to {needed:.1f} MB, the disk has 1.2 MB left; record fewer "
        "cycles or layers (--record-layer), or .npz instead of .csv, or start anyway (--force): if the disk is full "
        "before the end, nothing is left behind",
    )
    refused(
        call(capsys, *run, "--cycles", 10**9, "--record-potentials", place),
        f"{(1 + 2 * n_neurons) * 8:.1f} GB, the disk has",
    )
    assert sorted(case.folder.iterdir()) == before
    assert call(capsys, *run, "--cycles", 2000, "--record", place, "--force").status == 0
    assert place.exists()
    assert call(capsys, *run, "--cycles", 60, "--record", place).status == 0


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_the_estimate_is_a_bound(case, capsys, suffix):
    image = neuroproc.load_image(case.image)
    for data, potentials in zip(record(case, capsys, suffix), (False, True), strict=True):
        bound = largest_size(image, np.arange(image.n_neurons), 60, suffix == ".npz", potentials)
        # Names of neurons and the heads of arrays come to this once, however long the recording is.
        assert len(data) - 100 * image.n_neurons - 3000 <= bound <= 40 * len(data)


def busy_image(folder, n_neurons):
    """An image all of whose neurons fire in every cycle, once they were started, and one that nobody reaches."""
    spec, port = neuroproc.load_profile("research"), neuroproc.Port
    neurons = np.arange(n_neurons)
    source, target = np.append(neurons, np.zeros(n_neurons - 1, int)), np.append(neurons, neurons[1:])
    weight = np.append(np.ones(n_neurons, int), np.ones(n_neurons - 1, int))
    image = neuroproc.build_image(
        spec, np.ones(n_neurons, int), source, target, weight, np.ones(len(source), int), [port("in", 0)],
        [port("out", 0), port("last", n_neurons - 1)],
    )  # fmt: skip
    neuroproc.save_image(folder / "busy.npi", image)
    (folder / "start.csv").write_text("cycle,port\n0,0\n")


def peak_of(folder, cycles, suffix):
    out, record = folder / f"out{suffix}", folder / f"all{suffix}"
    run = ["run", folder / "busy.npi", folder / "start.csv", "--cycles", cycles, "-o", out, "--record", record]
    tracemalloc.start()
    try:
        status = main([str(argument) for argument in run])
        assert status == 0
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("suffix", "bound"), [(".csv", 60e6), (".npz", 20e6)])
def test_memory_does_not_grow_with_the_recording(tmp_path, suffix, bound):
    busy_image(tmp_path, 1000)
    peaks = [peak_of(tmp_path, cycles, suffix) for cycles in (600, 3000)]
    assert peaks[1] < min(1.2 * peaks[0], bound)
    if suffix == ".npz":
        assert len(np.load(tmp_path / "all.npz")["cycle"]) == 1000 * 3000 - 999


def test_cycles_of_nothing_are_free(tmp_path, capsys):
    """No array is as long as a run."""
    busy_image(tmp_path, 3)
    (tmp_path / "start.csv").write_text("cycle,port\n")
    run = ("run", tmp_path / "busy.npi", tmp_path / "start.csv", "--record", tmp_path / "all.npz", "--force")
    result = call(capsys, *run, "--cycles", 10**15)
    assert (result.status, len(result.out.splitlines())) == (0, 2)


def test_a_reader_that_has_gone_does_not_break_a_recording(tmp_path):
    busy_image(tmp_path, 20)
    line = 'neuroproc run "$IMAGE" "$SPIKES" --cycles 90000 --record "$ALL" | head -n 1; echo ${PIPESTATUS[0]}'
    places = {"image": tmp_path / "busy.npi", "spikes": tmp_path / "start.csv", "all": tmp_path / "all.npz"}
    found = run_in(line, **places)
    assert (found.stdout.splitlines()[1:], found.stderr) == (["0"], "")
    assert len(np.load(tmp_path / "all.npz")["cycle"]) == 20 * 90000 - 19


def test_a_run_of_any_pieces_is_the_same(case, capsys, monkeypatch):
    """Large input, in pieces of some lines, from a file and through a pipe."""
    from neuroproc.formats import spike_csv, spikes

    rng = np.random.default_rng(4)
    rows = sorted({(int(cycle), 0) for cycle in rng.integers(0, 400, 300)})
    case.spikes.write_text("cycle,port\n" + "".join(f"{cycle},{port}\n" for cycle, port in rows))
    whole = call(capsys, "run", case.image, case.spikes).out
    monkeypatch.setattr(spike_csv, "FIRST_BLOCK", 20)
    monkeypatch.setattr(spike_csv, "BLOCK", 40)
    monkeypatch.setattr(spikes.open_pieces.__wrapped__, "__defaults__", (None, 0))
    assert call(capsys, "run", case.image, case.spikes).out == whole
    short = call(capsys, "run", case.image, case.spikes, "--cycles", 200).out
    assert short == "".join(
        line + "\n" for line in whole.splitlines() if not line[0].isdigit() or int(line.split(",")[0]) < 200
    )


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".npz"])
def test_every_format_on_standard_output(case, capsys, suffix):
    out = case.folder / f"out{suffix}"
    assert call(capsys, "run", case.image, case.spikes, "-o", out).status == 0
    arguments = [*PROGRAM, "run", case.image, case.spikes, "--to", suffix[1:]]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    if suffix == ".npz":
        there, here = np.load(out), np.load(io.BytesIO(done.stdout))
        assert {name: there[name].tolist() for name in there} == {name: here[name].tolist() for name in here}
    else:
        assert done.stdout == out.read_bytes()


def test_a_large_recording_is_said_where_somebody_watches(tmp_path, capsys, monkeypatch):
    busy_image(tmp_path, 3)
    (tmp_path / "start.csv").write_text("cycle,port\n")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=7 * 10**12))
    run = ("run", tmp_path / "busy.npi", tmp_path / "start.csv", "-o", tmp_path / "out.csv", "--cycles", 10**8)
    place = tmp_path / "all.npz"
    said = call(capsys, *run, "--record", place).err.splitlines()[0]
    assert said == f"{place}: recording will need up to 6.0 GB, the disk has 7.0 TB left"
    assert "recording" not in call(capsys, *run).err
