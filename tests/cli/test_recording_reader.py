"""Recordings are read as they were written; what is damaged, or of another image, is refused in one line."""

import numpy as np
import pytest
from cli_helpers import call

import neuroproc
from isa_spec.arrays import encode_npz
from isa_spec.image import ROLES, graph_digest
from neuroproc.formats.recording_reader import holds_recording, read_recording

CYCLES = 60


@pytest.fixture
def recorded(case, capsys):
    """The image, what probes see of its run, and a function that records and gives the file's place."""
    image = neuroproc.load_image(case.image)
    probes = neuroproc.SpikeProbe(), neuroproc.PotentialProbe()
    processor = neuroproc.Processor(image, "reference", probes)
    processor.inject(image.start)
    processor.inject(neuroproc.read_spikes(case.spikes, image.inputs))
    processor.run(CYCLES)

    def record(suffix, option="--record", *more):
        place = case.folder / f"all{suffix}"
        run = ("run", case.image, case.spikes, "-o", case.folder / "out.csv", "--cycles", CYCLES)
        assert call(capsys, *run, option, place, *more).status == 0
        return place

    return image, probes[0].events(), probes[1].samples(), record


def words_of(image):
    return {
        neuron: (image.layers[layer].name, ROLES[role])
        for neuron, (layer, role) in enumerate(zip(image.layer, image.role, strict=True))
    }


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_spikes(recorded, suffix):
    image, (cycle, neuron), _, record = recorded
    found = read_recording(record(suffix), image)
    assert (found.cycle.dtype, found.neuron.dtype) == (np.int64, np.int32)
    assert (found.cycle.tolist(), found.neuron.tolist()) == (cycle.tolist(), neuron.tolist())
    assert found.potential is None
    counts = np.bincount(neuron, minlength=image.n_neurons)
    assert found.spike_count(image.n_neurons).tolist() == counts.tolist()
    if suffix == ".npz":
        assert (found.n_cycles, found.image_digest) == (CYCLES, graph_digest(image))
        assert found.observed.tolist() == list(range(image.n_neurons))
        assert found.words == words_of(image)
    else:
        assert (found.n_cycles, found.image_digest, found.observed) == (int(cycle[-1]) + 1, None, None)
        assert found.words == {neuron: words_of(image)[neuron] for neuron in neuron.tolist()}


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_potentials(recorded, suffix):
    image, _, (cycle, potential), record = recorded
    found = read_recording(record(suffix, "--record-potentials"), image)
    assert (found.cycle.tolist(), found.potential.tolist()) == (cycle.tolist(), potential.tolist())
    assert found.neuron.tolist() == found.observed.tolist() == list(range(image.n_neurons))
    assert found.n_cycles == CYCLES
    with pytest.raises(neuroproc.NeuroprocError, match="holds potentials, which do not say who fired; record spikes"):
        found.spike_count(image.n_neurons)


def test_of_one_layer(recorded):
    image, (cycle, neuron), (_, potential), record = recorded
    mine = np.flatnonzero([name == "conv1" for name, _ in words_of(image).values()])
    for suffix in (".csv", ".npz"):
        spikes = read_recording(record(suffix, "--record", "--record-layer", "conv1"), image)
        assert spikes.cycle.tolist() == cycle[np.isin(neuron, mine)].tolist()
        assert spikes.observed is None if suffix == ".csv" else spikes.observed.tolist() == mine.tolist()
        potentials = read_recording(record(suffix, "--record-potentials", "--record-layer", "conv1"), image)
        assert potentials.neuron.tolist() == mine.tolist()
        assert potentials.potential.tolist() == potential[:, mine].tolist()


def test_older_recordings_do_not_say_how_long_the_run_was(recorded):
    image, (cycle, _), _, record = recorded
    arrays = dict(np.load(record(".npz")))
    del arrays["cycles"], arrays["observed"]
    found = read_recording(encode_npz(arrays), image)
    assert (found.n_cycles, found.observed) == (int(cycle[-1]) + 1, None)


def test_a_run_without_spikes(recorded, capsys, case):
    image, _, _, record = recorded
    case.spikes.write_text("cycle,port\n")
    plain = neuroproc.build_image(
        image.spec, [1], [], [], [], [], [neuroproc.Port("in", 0)], [neuroproc.Port("out", 0)]
    )
    neuroproc.save_image(case.image, plain)
    for suffix in (".csv", ".npz"):
        found = read_recording(record(suffix), plain)
        assert (len(found.cycle), found.n_cycles) == (0, CYCLES if suffix == ".npz" else 0)
    for suffix in (".csv", ".npz"):
        assert read_recording(record(suffix, "--record-potentials"), plain).potential.tolist() == [[0]] * CYCLES


def test_what_is_a_recording(recorded, case):
    *_, record = recorded
    assert all(holds_recording(record(suffix).read_bytes()) for suffix in (".csv", ".npz"))
    for other in (case.spikes, case.image, case.frames, case.network):
        assert not holds_recording(other.read_bytes())
        with pytest.raises(neuroproc.NeuroprocError, match="no recording, allowed: what neuroproc run --record or"):
            read_recording(other)


@pytest.mark.malformed
@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_another_image(recorded, suffix, tmp_path, capsys, case, monkeypatch):
    image, *_, record = recorded
    place = record(suffix)
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "compile", case.network, "-o", "other.npi", "--profile", "np8").status == 0
    other = neuroproc.load_image("other.npi")
    message = f"recorded of image {graph_digest(image)}, this image is {graph_digest(other)}; use that image"
    if suffix == ".csv":
        message = "; this is of another image"
    with pytest.raises(neuroproc.NeuroprocError) as refused:
        read_recording(place, other)
    assert str(refused.value).startswith(f"{place}: ")
    assert message in str(refused.value)


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": None}, "array 'layer' is missing, allowed: cycle, cycles, image"),
        ({"more": np.zeros(1)}, "array 'more' is unknown, allowed: cycle, cycles, image"),
        ({"cycle": np.zeros(3)}, "array cycle is float64[3], allowed: integers, [n]"),
        ({"cycles": np.array([1])}, "array cycles is int64[1], allowed: integers, []"),
        ({"cycles": np.array(5)}, "of a run of 5 cycles; altered or truncated"),
        ({"cycle": np.array([-1, 2]), "neuron": np.array([0, 0])}, "cycles -1..2 of a run of 60 cycles; altered"),
        ({"cycle": np.array([3, 2]), "neuron": np.array([0, 0])}, "not in the order of cycles and neurons, each once"),
        ({"cycle": np.array([2, 2]), "neuron": np.array([4, 4])}, "not in the order of cycles and neurons, each once"),
        ({"cycle": np.array([2])}, "entries, cycle has 1"),
        ({"cycle": np.array([2]), "neuron": np.array([999])}, "neuron 999 is unknown, allowed 0.."),
        ({"observed": np.array([2, 1])}, "observed neurons do not ascend; altered"),
        ({"observed": np.array([1])}, "has spikes, but was not observed; altered"),
        ({"role": np.array(["unit"])}, "layer, role and name have to be the words for each neuron; altered"),
        ({"image": np.array("nobody")}, "image 'nobody', allowed: sha256: and 64 hexadecimal digits"),
        (
            {"potential": np.zeros((2, 2), int), "neuron": np.arange(3), "cycles": None, "observed": None},
            "potential is [2, 2], expected [",
        ),
        (
            {"potential": np.zeros(2, int), "cycles": None, "observed": None},
            "potential is int64[2], allowed: integers, [n, m]",
        ),
    ],
)  # fmt: skip
def test_contradictions_of_arrays(recorded, change, message):
    *_, record = recorded
    arrays = {**np.load(record(".npz")), **change}
    data = encode_npz({name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(neuroproc.NeuroprocError) as refused:
        read_recording(data, where="all.npz")
    assert str(refused.value).startswith("all.npz: ")
    assert message in str(refused.value)


SPIKES, POTENTIALS = "cycle,neuron,layer,role\n", "cycle,neuron,layer,role,potential\n"


@pytest.mark.malformed
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SPIKES + "1,0,a,unit", "line 2: ends in its middle; truncated"),
        (SPIKES.replace("role", "roles"), "line 1: header 'cycle,neuron,layer,roles', allowed: cycle,neuron,layer"),
        (SPIKES + "x,0,a,unit\n", "line 2: cycle 'x', allowed: a number of 0 or above"),
        (SPIKES + "1,0,a\n", "line 2: '0,a', expected neuron,layer,role with a role of input, unit"),
        (SPIKES + "1,0,a,king\n", "line 2: '0,a,king', expected neuron,layer,role with a role of input, unit"),
        (SPIKES + "1,0,a,unit\n2,0,b,unit\n", "line 3: neuron 0 is ('b', 'unit'), it was ('a', 'unit') before"),
        (SPIKES + "2,0,a,unit\n1,0,a,unit\n", "not in the order of cycles and neurons, each once; altered"),
        (SPIKES + "2,0,a,unit\n\n", "line 3: '', expected neuron,layer,role"),
        (POTENTIALS + "0,0,a,unit,high\n", "line 2: potential 'high', allowed: an integer of 64 bits"),
        (POTENTIALS + "0,0,a,unit,9999999999999999999\n", "a potential does not fit 64 bits; altered"),
        (POTENTIALS + "0,0,a,unit,1\n0,1,a,unit,1\n1,0,a,unit,1\n", "not every cycle has the same 2 neurons; trunc"),
        (POTENTIALS + "0,0,a,unit,1\n1,1,a,unit,1\n", "not every cycle has the same 1 neurons; truncated or altered"),
        (POTENTIALS + "1,0,a,unit,1\n0,0,a,unit,1\n", "sampled cycles do not ascend; altered"),
    ],
)  # fmt: skip
def test_contradictions_of_lines(text, message):
    with pytest.raises(neuroproc.NeuroprocError) as refused:
        read_recording(text.encode(), where="all.csv")
    assert str(refused.value).startswith("all.csv")
    assert message in str(refused.value)


def test_names_of_layers_are_anybodys():
    text = SPIKES + '1,0,"a, ""b""",unit\r\n1,1,"a, ""b""",gate\r\n'
    assert read_recording(text.encode()).words == {0: ('a, "b"', "unit"), 1: ('a, "b"', "gate")}


@pytest.mark.malformed
def test_damaged_files_are_refused(recorded):
    """Every cut and many a changed byte: refused, or no difference in what is read."""
    *_, record = recorded
    whole = record(".npz").read_bytes()
    wanted = read_recording(whole)
    rng = np.random.default_rng(3)
    cuts = [whole[:length] for length in rng.integers(0, len(whole), 60)]
    flips = [
        whole[:place] + bytes([whole[place] ^ int(bit)]) + whole[place + 1 :]
        for place, bit in zip(rng.integers(0, len(whole), 200), 2 ** rng.integers(0, 8, 200), strict=True)
    ]
    for data in cuts + flips:
        try:
            found = read_recording(data)
        except neuroproc.NeuroprocError:
            pass
        else:
            assert data in flips
            assert (found.cycle.tolist(), found.neuron.tolist()) == (wanted.cycle.tolist(), wanted.neuron.tolist())
    with pytest.raises(neuroproc.NeuroprocError, match="x: not a numpy archive, or truncated or altered"):
        read_recording(whole[:-1], where="x")
