"""The program that measures speed: it checks before it measures, and says what it found."""

import json
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest
from docs_examples import ROOT

import neuroproc
from benchmarks import machine, startup
from benchmarks.peers import running
from benchmarks.workloads import workload_e
from neuroproc.kernels.event import EventEngine
from neuroproc.kernels.lanes import LaneBatch

pytestmark = pytest.mark.docs


@pytest.fixture(autouse=True)
def few_limits(monkeypatch):
    """Limits with hardly any work: what is tested here is not the machine."""
    monkeypatch.setattr(machine, "cache_sizes", lambda: {"L1": 2**11, "L2": 2**12, "L3": 2**13})


def speed(monkeypatch, capsys, *arguments):
    """Exit status, output and messages of ``benchmarks/speed.py``."""
    monkeypatch.setattr(sys, "argv", ["speed.py", "--quick", "--rounds", "1", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(ROOT / "benchmarks" / "speed.py"), run_name="__main__")
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


def test_figures_for_machines(monkeypatch, capsys):
    status, out, err = speed(monkeypatch, capsys, "b", "e", "e50", "e64", "--json")
    assert (status, err) == (0, "")
    result = json.loads(out)
    rows = {row["workload"]: row for row in result["workloads"]}
    assert list(rows) == ["b", "e", "e50", "e64"]
    assert [row["engine"] for row in rows.values()] == ["event", "event", "event", "batch"]
    assert rows["b"]["frames_per_second"] > 0
    assert rows["e"]["frames_per_second"] is None
    for row in rows.values():
        assert row["limit"] in result["limits"]
        assert row["share_of_limit"] > 0
        assert row["peak_memory_mib"] > 10
        assert "are those of the reference engine" in row["checked"]
        assert int(row["checked"].split()[0].replace(",", "")) > 1000
    # The same spikes, one way or the other.
    assert rows["e"]["checked"] == rows["e50"]["checked"]


def test_numbers_of_neurons_make_no_difference(monkeypatch, capsys):
    status, out, _ = speed(monkeypatch, capsys, "e", "--shuffled", "--json")
    other, same, _ = speed(monkeypatch, capsys, "e", "--json")
    assert (status, other) == (0, 0)
    assert json.loads(out)["workloads"][0]["checked"] == json.loads(same)["workloads"][0]["checked"]


def test_frames_and_threads(monkeypatch, capsys, tmp_path):
    rng = np.random.default_rng(1)
    np.save(tmp_path / "frames.npy", (rng.random((3, 1, 28, 28)) < 0.2).astype(np.uint8) * 255)
    monkeypatch.setattr("benchmarks.rows.FOLDS", {"f-1x1-gated": neuroproc.FoldPlan((1, 1), gate=True)})
    status, out, err = speed(monkeypatch, capsys, "f", "--frames", tmp_path / "frames.npy")
    assert (status, err) == (0, "")
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines()]
    rows = [line for line in lines if line[0].startswith("f-1x1-gated") and len(line) > 2]
    assert [row[:3] for row in rows] == [["f-1x1-gated", "event", "1"], ["f-1x1-gated, 2 threads", "event", "2"]]
    assert "decisions of 3 frames equal plain evaluation" in out


@pytest.mark.parametrize("name", ["e", "e50"])
def test_a_wrong_engine_is_found(monkeypatch, capsys, name):
    honest = EventEngine.advance

    def late(self, end, *inputs):
        cycle, neuron = honest(self, end, *inputs)
        # As many spikes of every neuron, but for one that is a cycle late.
        cycle[len(cycle) // 2 :][:1] += 1
        return cycle, neuron

    monkeypatch.setattr(EventEngine, "advance", late)
    status, out, err = speed(monkeypatch, capsys, name)
    assert (status, out) == (5, "")
    assert err.startswith(f"speed.py: {name}, engine event: spikes of the first 400 cycles")


def test_a_wrong_lane_is_found(monkeypatch, capsys):
    honest = LaneBatch.run

    def deaf(self, end, cycle, neuron, charge, lanes, *counted):
        return honest(self, end, cycle, neuron, charge, lanes & ~np.uint64(1 << 63), *counted)

    monkeypatch.setattr(LaneBatch, "run", deaf)
    status, _, err = speed(monkeypatch, capsys, "e64")
    assert status == 5
    assert err.startswith("speed.py: e64, lane 63: ")


def test_start_up(capsys, monkeypatch):
    monkeypatch.setattr(startup, "programs", lambda place: [("nothing", [sys.executable, "-c", "pass"], place)])
    monkeypatch.setattr(startup, "COMMANDS", ["count"])
    status, out, err = speed(monkeypatch, capsys, "start")
    assert (status, err) == (0, "")
    for words in ("nothing", "compile LeNet 1x1", "load the image of LeNet 28x28", "run(1)", "run(50)"):
        assert f"| {words}" in out


def test_programs_start():
    """Those whose start is measured do what they are started for."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        found = startup.programs(Path(folder))
        for _, command, cache in found[3:5]:
            startup.start(command, cache)
            with pytest.raises(subprocess.CalledProcessError):
                startup.start([*command, "--no-such-option"], cache)


@pytest.mark.parametrize("spoilt", [False, True])
def test_spikes_of_a_peer_are_compared(monkeypatch, tmp_path, spoilt):
    """The peer is the reference engine, behind the same protocol."""
    program = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "benchmarks" / "peers")!r}]
import numpy as np
from serving import serve
from isa_spec.building import build_image
from isa_spec.image import Port
from isa_spec.spec import load_profile
import neuroproc

def prepare(network):
    ports = [Port(f"in{{n}}", n) for n in range(len(network.threshold))]
    spec = load_profile("risp7")
    columns = (network.threshold, network.source, network.target, network.weight, network.delay)
    image = build_image(spec, *columns, ports, ports)

    def run(record):
        print("greetings")
        probe = neuroproc.SpikeProbe()
        processor = neuroproc.Processor(image, "reference", [probe])
        columns = (network.input_cycle, network.input_neuron, network.input_charge)
        processor.inject(neuroproc.SpikeEvents.of(*columns))
        processor.run(network.cycles)
        cycle, neuron = probe.events()
        return 1.5, (cycle[{int(spoilt)}:], neuron[{int(spoilt)}:]) if record else None

    return run

serve(prepare)
"""
    (tmp_path / "twin.py").write_text(program)
    monkeypatch.setitem(running.PEERS, "twin", (str(tmp_path / "twin.py"), "Twin", {"e": 50}))
    assert running.start_peer("twin", sys.executable, "d", workload_e(), tmp_path) == []
    [peer] = running.start_peer("twin", sys.executable, "e", workload_e(), tmp_path)
    assert peer.play() == 1.5
    peer.stop()
    assert peer.spikes.startswith("others, " if spoilt else "all ")
    assert peer.operations > 0


@pytest.mark.parametrize("python", [sys.executable, "/no/such/python"])
def test_a_peer_that_ends_is_an_error(monkeypatch, capsys, tmp_path, python):
    (tmp_path / "gone.py").write_text("")
    monkeypatch.setitem(running.PEERS, "gone", (str(tmp_path / "gone.py"), "Gone", {"e": 50}))
    status, out, err = speed(monkeypatch, capsys, "e", "--peer", f"gone={python}")
    assert (status, out, len(err.splitlines())) == (3, "", 1)
    assert ("ended with status 0" if python == sys.executable else "No such file") in err


@pytest.mark.parametrize("name", ["brian2", "nest", "superneuromat"])
def test_peers_are_programs_of_their_own(name):
    program, _, names = running.PEERS[name]
    text = (ROOT / "benchmarks" / "peers" / program).read_text()
    assert "import neuroproc" not in text
    assert "serve(prepare)" in text
    assert set(names) <= set("abcde")


def test_wrong_usage(monkeypatch, capsys):
    for arguments in (["z"], ["e", "--peer", "brian2"]):
        status, out, err = speed(monkeypatch, capsys, *arguments)
        assert (status, out) == (2, "")
        assert "allowed" in err


def test_limits_of_the_machine():
    found = machine.limits()
    names = [limit.name for limit in found]
    assert len(set(names)) == len(names)
    for limit in found:
        limit.play()
        assert limit.operations > 0
    assert "cores" in machine.machine_name()


def test_the_page_says_how_to_measure_again():
    """Every name in its commands is one that the program knows."""
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    [commands] = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    peers = set(re.findall(r"(\w+)=PYTHON", commands))
    assert peers == set(running.PEERS)
    for program in re.findall(r"python (\S+)", commands):
        assert (ROOT / program).exists()
