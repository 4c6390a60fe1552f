"""First lines, NeuroBench's names and bills, as the commands give them."""

import json

import numpy as np
import pytest
from cli_helpers import call, refused

import neuroproc
from isa_spec.image import graph_digest
from neuroproc.measuring.benchmark import neurobench, static_metrics

TABLE = 'name = "a chip"\nsource = "a paper"\n[joules]\nsynaptic_operation = 2e-12\nneuron_update = 3\n'


@pytest.fixture
def prices(case):
    path = case.folder / "prices.toml"
    path.write_text(TABLE + "[seconds]\ncycle = 1e-3\n")
    return path


def headline_of(image):
    return f"profile np8 ({image.spec.digest[:19]}...), image {graph_digest(image)[:19]}..."


def test_people_see_first_what_it_is_about(case, capsys):
    image = neuroproc.load_image(case.image)
    for arguments in (("count", case.image), ("classify", case.image, case.frames)):
        lines = call(capsys, *arguments).out.splitlines()
        assert lines[0] == headline_of(image)
    assert f"footprint: {static_metrics(image)['Footprint']:,} bytes" in call(capsys, "count", case.image).out


def test_machines_get_the_same_names(case, capsys):
    image = neuroproc.load_image(case.image)
    counted = json.loads(call(capsys, "count", case.image, "--json").out)
    assert counted["image"] == graph_digest(image)
    assert counted["neurobench"] == static_metrics(image)
    found = json.loads(call(capsys, "classify", case.image, case.frames, "--labels", case.labels, "--json").out)
    labels = np.load(case.labels)
    assert found["neurobench"] == neurobench(image, neuroproc.classify(image, np.load(case.frames), labels))
    assert found["neurobench"].keys() > counted["neurobench"].keys()
    assert "energy" not in found


def test_a_bill_needs_a_table(case, prices, capsys):
    arguments = ("classify", case.image, case.frames, "--labels", case.labels)
    plain = call(capsys, *arguments).out
    assert "joule" not in plain
    assert "J" not in plain
    priced = call(capsys, *arguments, "--cost-table", prices).out.splitlines()
    assert priced[-2:] == ["prices: a chip", "source: a paper"]
    assert priced[:5] == plain.splitlines()[:5]
    found = json.loads(call(capsys, *arguments, "--cost-table", prices, "--json").out)
    energy, image = found["energy"], neuroproc.load_image(case.image)
    assert (energy["table"], energy["source"], energy["frames"]) == ("a chip", "a paper", 12)
    charges = {charge["operation"]: (charge["count"], charge["joules"]) for charge in energy["charges"]}
    operations, updates = found["synaptic_operations"], image.n_neurons * found["cycles"]
    assert charges == {
        "synaptic_operation": (operations, operations * 2e-12),
        "neuron_update": (updates, updates * 3.0),
    }
    assert energy["joules"] == pytest.approx(operations * 2e-12 + updates * 3, rel=1e-15)
    assert energy["seconds"] == found["cycles"] * 1e-3
    assert energy["without_price"] == ["spike", "cycle"]


@pytest.mark.error
def test_a_wrong_table_is_refused_before_anything_runs(case, prices, capsys):
    prices.write_text(TABLE.replace("3", "-3"))
    words = "prices.toml: joules.neuron_update = -3, allowed: a number of joules"
    refused(call(capsys, "classify", "no.npi", case.frames, "--cost-table", prices), words)
    refused(call(capsys, "classify", case.image, case.frames, "--cost-table", "none.toml"), "none.toml: cannot be read")
