"""`neuroproc convert` between processor images and TENNLab's networks, and between profiles and RISP's parameters."""

import json
import math

import numpy as np
import pytest
from cli_helpers import ROOT, call, refused, write_json
from convert_helpers import Standard, lost, silent
from emulator_helpers import make_spec
from tennlab_helpers import random_network, random_params

import neuroproc
from isa_spec.building import build_image
from neuroproc.cli.kinds import PARAMETERS, PROFILE, TENNLAB, kind_of
from neuroproc.tennlab.parameters import check_params

DATA = ROOT / "neuroproc" / "data"


def run(capsys, image, spikes, cycles=400):
    """Output spikes of an image, cycle and port number."""
    result = call(capsys, "run", image, spikes, "--cycles", cycles)
    assert result.status == 0, result
    return [line for line in result.out.splitlines() if not line.startswith("#")]


def test_an_image_there_and_back_decides_alike(tmp_path, capsys):
    """Parallel synapses become proxies, and every output spike stays where it was."""
    image, text, back = (tmp_path / name for name in ("digits.npi", "digits.json", "back.npi"))
    assert call(capsys, "compile", DATA / "digits.json", "-o", image, "--profile", "np8", "--unroll", "2x2").status == 0
    given = neuroproc.load_image(image)
    events = neuroproc.encode_frames(given, neuroproc.read_frames(DATA / "digits_frames.npz")[:4])
    neuroproc.write_spikes(tmp_path / "spikes.csv", events, None)
    words = ("proxy neurons stand for parallel synapses", "layers, roles, encoding and decoding are left out")
    lost(call(capsys, "convert", image, text), *words)
    assert kind_of(text) == TENNLAB
    silent(call(capsys, "convert", text, back))
    assert neuroproc.load_image(back).n_neurons > given.n_neurons
    spikes = run(capsys, image, tmp_path / "spikes.csv")
    assert len(spikes) > 40
    assert run(capsys, back, tmp_path / "spikes.csv") == spikes


def test_a_tennlab_network_there_and_back(tmp_path, capsys):
    """From one of its files nothing is lost, whatever the order in it."""
    for seed in range(20):
        source = write_json(tmp_path / "a.json", random_network(np.random.default_rng(seed)))
        silent(call(capsys, "convert", source, tmp_path / "a.npi"))
        silent(call(capsys, "convert", tmp_path / "a.npi", tmp_path / "b.json"))
        silent(call(capsys, "convert", tmp_path / "b.json", tmp_path / "c.json"))
        assert (tmp_path / "b.json").read_bytes() == (tmp_path / "c.json").read_bytes()
        result = call(capsys, "diff", tmp_path / "a.npi", tmp_path / "a.npi")
        assert result.status == 0
        silent(call(capsys, "convert", tmp_path / "b.json", tmp_path / "b.npi"))
        assert (tmp_path / "b.npi").read_bytes() == (tmp_path / "a.npi").read_bytes(), seed


def test_views_of_a_tennlab_network(tmp_path, capsys, monkeypatch):
    entry = random_network(np.random.default_rng(1))
    source = write_json(tmp_path / "a.json", entry)
    lost(call(capsys, "convert", source, tmp_path / "a.dot"), "lost: a view")
    assert (tmp_path / "a.dot").read_text().count("shape=circle") + (tmp_path / "a.dot").read_text().count(
        "shape=invtriangle"
    ) == len(entry["Nodes"])
    monkeypatch.setattr("sys.stdin", Standard(json.dumps(entry).encode()))
    assert call(capsys, "convert", "-", "-", "--to", "dot").out == (tmp_path / "a.dot").read_text()


@pytest.mark.error
def test_parallel_synapses_of_delay_1(tmp_path, capsys):
    spec = make_spec(max_delay=9)
    image = build_image(spec, [1, 2], [0, 0], [1, 1], [3, 4], [1, 1], [neuroproc.Port("a", 0)], [])
    neuroproc.save_image(tmp_path / "a.npi", image)
    words = (
        "a.npi: TENNLab's networks have one synapse for a pair of neurons: ",
        "2 synapses between one ordered pair of neurons are to deliver after 1 cycle",
    )
    refused(call(capsys, "convert", tmp_path / "a.npi", tmp_path / "a.json"), *words, status=4)
    assert not (tmp_path / "a.json").exists()


@pytest.mark.error
def test_what_risp_does_not_have(tmp_path, capsys):
    spec = make_spec(reset="subtract", max_delay=9)
    image = build_image(spec, [1, 2], [0, 1], [1, 1], [3, 4], [1, 1], [neuroproc.Port("a", 0)], [])
    neuroproc.save_image(tmp_path / "a.npi", image)
    words = "has the extension reset-subtract, and RISP has no such thing"
    refused(call(capsys, "convert", tmp_path / "a.npi", tmp_path / "a.json"), words)
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize("name", ["risp1", "risp1+", "risp127", "np16", "np16-leak"])
def test_a_profile_there_and_back(tmp_path, capsys, name):
    """All that RISP has a parameter for is the same; the rest is named."""
    source = tmp_path / f"{name}.toml"
    source.write_text((ROOT / "isa_spec" / "profiles" / f"{name}.toml").read_text())
    assert kind_of(source) == PROFILE
    result = call(capsys, "convert", source, tmp_path / "params.json")
    assert (result.status, result.out) == (0, "")
    assert kind_of(tmp_path / "params.json") == PARAMETERS
    lost(
        call(capsys, "convert", tmp_path / "params.json", tmp_path / "back.toml"), "belong to the host and are left out"
    )
    one, other = neuroproc.load_profile(source), neuroproc.load_profile(tmp_path / "back.toml")
    differ = [
        key for key in one.to_dict() if key not in ("name", "description") and getattr(one, key) != getattr(other, key)
    ]
    assert result.err == f"neuroproc: {source}: RISP's parameters have no place for {', '.join(differ)}\n"
    assert other.name == "back"


@pytest.mark.parametrize("seed", range(20))
def test_parameters_to_a_profile(tmp_path, capsys, seed):
    given = random_params(np.random.default_rng(seed))
    source = write_json(tmp_path / "p.json", given)
    result = call(capsys, "convert", source, tmp_path / "p.toml")
    assert (result.status, result.out) == (0, "")
    spec = neuroproc.load_profile(tmp_path / "p.toml")
    params = check_params(given, "p")
    step = math.lcm(*(value.denominator for value in (*params.limits.values(), *params.weights)))
    assert (f"a potential unit is 1/{step} of the file's numbers" in result.err) == (step > 1)
    assert spec.weight_max == max(given.get("weights", [given.get("max_weight")])) * step
    assert spec.threshold_max == given["max_threshold"] * step + (not given["threshold_inclusive"])
    assert ("thresholds are one higher" in result.err) == (not given["threshold_inclusive"])
    assert spec.potential_floor == given["min_potential"] * step
    assert spec.max_delay == given["max_delay"]


@pytest.mark.error
def test_a_profile_without_limits(tmp_path, capsys):
    for name, limit in (("research", "max_delay"), ("np16-subtract", "")):
        source = tmp_path / f"{name}.toml"
        source.write_text((ROOT / "isa_spec" / "profiles" / f"{name}.toml").read_text())
        words = f"{limit} of profile {name} is unlimited, and RISP has a limit; give one" if limit else "no such thing"
        refused(call(capsys, "convert", source, tmp_path / "p.json"), words)
    assert not (tmp_path / "p.json").exists()
