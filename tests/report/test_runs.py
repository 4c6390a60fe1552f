"""Files of runs: read as they were printed or recorded, and refused in one line whatever is wrong with them."""

from __future__ import annotations

import html
import io
import json
import shlex

import numpy as np
import pytest
from cli_helpers import ROOT, call, refused, write_case
from report_helpers import Page

import neuroproc
from isa_spec.errors import FormatError
from isa_spec.image import graph_digest
from neuroproc.formats.runs import run_of


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return write_case(tmp_path_factory.mktemp("case"))


@pytest.fixture
def printed(case, capsys):
    """What `classify --json` printed, read."""
    return json.loads(call(capsys, "classify", case.image, case.frames, "--labels", case.labels, "--json").out)


def test_a_run_is_what_classify_gave(case, printed, tmp_path):
    image = neuroproc.load_image(case.image)
    (tmp_path / "run.json").write_text(json.dumps(printed))
    run = neuroproc.read_run(tmp_path / "run.json", image)
    result = neuroproc.classify(image, neuroproc.read_frames(case.frames), neuroproc.read_labels(case.labels))
    same = run_of(image, result)
    for field in ("synaptic_operations", "cycles", "frames", "correct", "spikes", "accuracy"):
        assert getattr(run, field) == getattr(same, field)
    assert run.spike_count.tolist() == result.spike_count.tolist()
    assert run.confusion.tolist() == result.confusion().tolist()
    assert (run.frames_file, run.labels_file, run.exits) == (case.frames.name, case.labels.name, None)


@pytest.mark.parametrize("suffix", ["csv", "npz"])
@pytest.mark.parametrize("layers", [[], ["conv1", "dense"]])
def test_a_recording_is_a_run(case, tmp_path, capsys, suffix, layers):
    recording = tmp_path / f"recording.{suffix}"
    only = [word for layer in layers for word in ("--record-layer", layer)]
    assert call(capsys, "run", case.image, case.spikes, "--cycles", 90, "--record", recording, *only).status == 0
    image = neuroproc.load_image(case.image)
    processor = neuroproc.Processor(image, "reference")
    processor.inject(image.start)
    processor.inject(neuroproc.read_spikes(case.spikes, image.inputs))
    processor.run(90)
    seen = np.isin(
        image.layer, [number for number, layer in enumerate(image.layers) if layer.name in layers or not layers]
    )
    run = neuroproc.read_run(recording, image)
    assert run.spike_count.tolist() == np.where(seen, processor.spike_counts, 0).tolist()
    assert run.synaptic_operations == int(run.spike_count @ np.diff(image.row_start))
    assert run.frames is None
    assert call(capsys, "report", case.image, recording, "-o", tmp_path / "page.html").status == 0
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert f"{run.spikes:,} spikes" in page.text
    if suffix == "npz":
        assert run.cycles == 90
        assert (f"{seen.sum()} neurons of {image.n_neurons} were observed" in page.text) == bool(layers)
        silent = {layer.name: 0 for layer in image.layers}
        for neuron in np.flatnonzero(seen & (processor.spike_counts == 0)):
            silent[image.layers[image.layer[neuron]].name] += 1
        rows = page.table("Spikes by layer").rows[1:]
        assert {row[0]: int(row[5]) for row in rows} == {row[0]: silent[row[0]] for row in rows}
    else:
        assert "does not say who was observed" in page.text


@pytest.mark.error
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": "sha256:" + 64 * "0"}, ["is of another image (sha256:000000000000), this one is sha256:"]),
        ({"image": 3}, ["image = 3, allowed: text"]),
        ({"frames": 0}, ["frames = 0, allowed: an integer, 1 and above"]),
        ({"frames": True}, ["frames = true, allowed: an integer"]),
        ({"cycles": "many"}, ['cycles = "many", allowed: an integer']),
        ({"cycles": 2**62}, [f"cycles = {2**62}, allowed: an integer, 0 and above, below {2**62}"]),
        ({"cycles": 3}, ["in 3 cycles, but a neuron fires once a cycle at most; the file was altered"]),
        ({"spikes": 1}, ["spikes = 1, but the sum of spikes_by_neuron is "]),
        ({"synaptic_operations": 1}, ["synaptic_operations = 1, but what spikes_by_neuron give is "]),
        ({"correct": 13, "confusion": None}, ["correct = 13 of 12 frames"]),
        ({"correct": 1}, ["correct = 1, but the diagonal of confusion is "]),
        ({"confusion": [[1, 2], [3]]}, ["confusion = [[1, 2], [3]], allowed: a list of as many rows as columns"]),
        ({"confusion": [[1.5]]}, ["confusion = [[1.5]], allowed: integers, 0 and above"]),
        ({"confusion": [[1]]}, ["frames = 12, but the sum of confusion is 1"]),
        ({"confusion": []}, ["confusion = [], allowed: a list of as many rows as columns"]),
        ({"spikes_by_neuron": [1]}, ["spikes_by_neuron has 1 entries, the image has ", " neurons"]),
        ({"spikes_by_neuron": [1, -1]}, ["spikes_by_neuron = [1, -1], allowed: a list of integers, 0 and above"]),
        ({"margin": "x"}, ['margin = "x", allowed: a number, 0 and above']),
        ({"margin": 10**400}, [f"margin = {10**39}..., allowed: a number, 0 and above, below {2**62}"]),
        ({"engine": [1]}, ["engine = [1], allowed: text"]),
    ],
)
def test_a_run_that_was_altered_is_refused(case, printed, tmp_path, capsys, changes, words):
    (tmp_path / "run.json").write_text(json.dumps({**printed, **changes}))
    result = call(capsys, "report", case.image, tmp_path / "run.json", "-o", tmp_path / "page.html")
    refused(result, "run.json: ", *words)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.error
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"",
            "neither JSON (",
        ),
        (b'{"spikes_by_neuron": [1, 2', "neither JSON ("),
        (b'{"frames": 3}', "no run, for it lacks the keys 'image' and 'spikes_by_neuron'"),
        (b"[1, 2]", "no run, for it lacks the keys"),
        (b"\xff\xfe", "neither JSON ("),
        (b"cycle,port\n1,0\n", "neither JSON ("),
        (b"[" * 100_000, "neither JSON ("),
    ],
)
def test_what_is_no_run_is_refused(case, tmp_path, capsys, content, words):
    (tmp_path / "run").write_bytes(content)
    result = call(capsys, "report", case.image, tmp_path / "run", "-o", tmp_path / "page.html")
    refused(result, words, "give what `neuroproc classify --json` printed, or a recording of `neuroproc run --record`")


@pytest.mark.error
def test_arrays_are_no_run(case, tmp_path, capsys):
    """Frames, for example; of both things that are runs, the usual one is named first."""
    path, report = tmp_path / "test.npz", ("report", case.image, tmp_path / "test.npz", "-o", tmp_path / "page.html")
    np.savez(path, frames=np.zeros((1, 4, 6), np.uint8))
    wanted = "no run; give what `neuroproc classify --json` printed, or a recording of `neuroproc run --record`"
    refused(call(capsys, *report), f"{path}: {wanted}")
    path.write_bytes(path.read_bytes()[:-10])
    refused(call(capsys, *report), f"{path}: ", "truncated")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.error
def test_recordings_that_do_not_fit_are_refused(case, tmp_path, capsys):
    image = neuroproc.load_image(case.image)
    potentials = tmp_path / "potentials.npz"
    call(capsys, "run", case.image, case.spikes, "--cycles", 9, "--record-potentials", potentials)
    with pytest.raises(FormatError, match=r"potentials\.npz: holds potentials, which do not say who fired"):
        neuroproc.read_run(potentials, image)
    potentials.write_bytes(potentials.read_bytes()[:-40])
    with pytest.raises(FormatError, match=r"potentials\.npz: "):
        neuroproc.read_run(potentials, image)
    with pytest.raises(FormatError, match=r"nowhere\.json: cannot be read \(No such file or directory\)"):
        neuroproc.read_run(tmp_path / "nowhere.json", image)


def test_a_run_may_come_from_standard_input(case, printed, tmp_path, capsys, monkeypatch):
    def asked(*arguments):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(printed).encode())))
        return call(capsys, "report", *arguments, "-o", tmp_path / "page.html")

    assert asked(case.image, "-").status == 0
    assert f"neuroproc report {case.image} - -o {tmp_path / 'page.html'}" in (tmp_path / "page.html").read_text(
        encoding="utf-8"
    )
    printed["frames"] = 0
    refused(asked(case.image, "-"), "<stdin>: frames = 0, allowed: an integer, 1 and above")
    refused(asked("-", "-"), "IMAGE and RUN cannot both be standard input; give one of them by name")


@pytest.mark.error
def test_a_bill_needs_a_run_of_frames(case, printed, tmp_path, capsys):
    prices = ROOT / "examples" / "cost_tables" / "loihi.toml"
    asked = ("--cost-table", prices, "-o", tmp_path / "page.html")
    refused(
        call(capsys, "report", case.image, *asked), "--cost-table makes a bill of what a run did, and there is none"
    )
    call(capsys, "run", case.image, case.spikes, "--cycles", 9, "--record", tmp_path / "spikes.csv")
    found = call(capsys, "report", case.image, tmp_path / "spikes.csv", *asked)
    refused(
        found, "spikes.csv: a recording does not tell frames, and a bill is for a frame; give what `neuroproc classify"
    )
    (tmp_path / "run.json").write_text(json.dumps(printed))
    assert call(capsys, "report", case.image, tmp_path / "run.json", *asked).status == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    words = [
        "neuroproc",
        "report",
        case.image,
        tmp_path / "run.json",
        "--cost-table",
        prices,
        "-o",
        tmp_path / "page.html",
    ]
    assert html.escape(shlex.join(map(str, words))) in text


def test_early_exit_is_told(case, printed, tmp_path):
    exits = {"margin": 5, "margin_reached": 9, "all_steps": 8, "mean_steps": 3.25, "median_steps": 3.0}
    (tmp_path / "run.json").write_text(json.dumps({**printed, **exits}))
    image = neuroproc.load_image(case.image)
    run = neuroproc.read_run(tmp_path / "run.json", image)
    neuroproc.write_report(tmp_path / "page.html", image, run)
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "led by 5: after 3.2 of 8 steps on average (median 3); 9 frames got so far." in page.text


def test_the_command_writes_the_page(case, printed, tmp_path, capsys):
    (tmp_path / "run.json").write_text(json.dumps(printed))
    page = tmp_path / "page.html"
    done = call(capsys, "report", case.image, tmp_path / "run.json", "-o", page)
    assert (done.status, done.out, done.err) == (0, "", "")
    read = Page(page.read_text(encoding="utf-8"))
    assert read.headings[0] == (1, "tiny")
    words = ["neuroproc", "report", case.image, tmp_path / "run.json", "-o", page]
    assert shlex.join(map(str, words)) in read.text
    assert graph_digest(neuroproc.load_image(case.image)) in read.text
    shown = call(capsys, "report", case.image, tmp_path / "run.json", "-o", "-")
    assert shown.status == 0
    assert shown.out.replace("-o -", f"-o {page}") == page.read_text(encoding="utf-8")
    refused(call(capsys, "report", case.image, "-o", tmp_path / "no" / "page.html"), "page.html: cannot be written")
    refused(call(capsys, "report", case.network, "-o", page), "neuroproc compile")
    assert call(capsys, "report", case.image).status == 2
