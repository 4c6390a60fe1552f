"""NIR files on the command line: compiled, verified, or refused in one sentence that says what to do."""

from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import call, refused
from nir_helpers import graph_tree, node, row, stored, units, write_tree

import neuroproc
from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import import_network
from isa_spec.trains import step_values

pytest.importorskip("h5py")

OUTSIDE = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "nir"
LEAK = "and this processor has no leak"
CYCLE = "and only what feeds forward is compiled"
RECURRENT = "is part of the cycle lif1.lif -> lif1.w_rec -> lif1.lif"
REFUSALS = {
    "lif_norse": f"layer '1' (LIF) is unsupported: leaks (tau = 0.0025), {LEAK}",
    "braille_noDelay_bias_zero": (
        f"layer 'lif1.lif' (CubaLIF) is unsupported: leaks (tau_mem = 0.001, tau_syn = 0.000222222), {LEAK}; "
        f"layer 'lif1.w_rec' (Affine) is unsupported: {RECURRENT}, {CYCLE}; "
        f"layer 'lif2' (CubaLIF) is unsupported: leaks (tau_mem = 0.000222222, tau_syn = 0.0002), {LEAK}"
    ),
    "braille_noDelay_noBias_subtract_subgraph": (
        f"layer 'lif1.lif1' (CubaLIF) is unsupported: leaks (tau_mem = 0.000666667, tau_syn = 0.0004), {LEAK}; "
        f"layer 'lif1.lin' (Linear) is unsupported: is part of the cycle lif1.lif1 -> lif1.lin -> lif1.lif1, {CYCLE}; "
        f"layer 'lif2' (CubaLIF) is unsupported: leaks (tau_mem = 0.000333333, tau_syn = 0.000181818), {LEAK}"
    ),
}
OPTIONS = [[], ["--encoding", "rate,steps=20", "--reset", "zero", "--comparison", "above", "--dt", "1e-4"]]


@pytest.mark.error
@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "with options"])
def test_outside_files_are_refused_in_one_sentence(name, options, tmp_path, capsys):
    path = OUTSIDE / f"{name}.nir"
    if not path.exists():
        pytest.skip(f"needs {path}, which is not part of the project")
    message = refused(call(capsys, "compile", path, "-o", tmp_path / "x.npi", *options))
    assert message == f"neuroproc: error: network '{name}' (NIR): {REFUSALS[name]}"
    assert not list(tmp_path.iterdir())


def shortened(tmp_path, *layers, **more):
    return write_tree(tmp_path / "net.nir", graph_tree(row(*layers, **more)))


@pytest.mark.error
def test_what_a_file_leaves_open_is_asked_for_by_option(tmp_path, capsys):
    path = shortened(tmp_path, node("Linear", weight=np.array([[1.0, 2.0]])), units([2.0]))
    compiling = ["compile", path, "-o", tmp_path / "x.npi"]
    message = refused(call(capsys, *compiling))
    assert message.startswith("neuroproc: error: network 'net' (NIR): the file does not say all that has to be known")
    for option in ("--encoding", "--comparison at-least or above"):
        assert option in message
    message = refused(call(capsys, *compiling, "--encoding", "rate,steps=5"))
    assert "--reset zero or subtract" in message
    assert "'n1'" in message
    steps = ["--encoding", "rate,steps=5,levels=1"]
    assert call(capsys, *compiling, *steps, "--reset", "zero", "--comparison", "above").status == 0
    apart = shortened(tmp_path, node("Linear", weight=np.eye(2)), units([1.0, 1.0], r=np.array([1.0, 2.0])))
    message = refused(call(capsys, "compile", apart, "-o", tmp_path / "x.npi", *steps))
    assert message.endswith("say the one that the network was trained with: --dt")


def test_what_was_assumed_is_told_and_kept(tmp_path, capsys):
    path = stored("chain-1.0.4.nir.gz", tmp_path)
    image = tmp_path / "x.npi"
    told = call(capsys, "compile", path, "-o", image, "--encoding", "binary", "--comparison", "above")
    assert told.status == 0, told
    taken = "the file does not say dt: taken to be 1 / r = 1, so that each step adds its input once"
    assert taken in told.out + told.err
    origin = neuroproc.load_image(image).options["origin"]
    assert (origin["format"], origin["source"]) == ("NIR", "chain-1.0.4.nir")
    assert origin["assumptions"]["comparison"] == "above"
    assert taken in origin["assumptions"]["notes"]


@pytest.mark.parametrize("graph", ["chain", "maps", "line"])
def test_revisions_give_one_image(graph, tmp_path):
    """Files of 1.0.4 and of the newest library: networks of one digest, images that are verified."""
    given = Assumptions(encoding={"kind": "binary"}, strict=True)
    networks = [
        import_network(stored(f"{graph}-{revision}.nir.gz", tmp_path), given).network for revision in ("1.0.4", "1.0.8")
    ]
    assert networks[0].digest == networks[1].digest
    check_on_processor(networks[0], "np16", frames_of(networks[0], 30))


def frames_of(network, count):
    return np.random.default_rng(4).integers(0, 2, (count, *network.input_shape))


def check_on_processor(network, profile, frames):
    image = neuroproc.compile_network(network, neuroproc.load_profile(profile), neuroproc.FoldPlan((1, 1)))
    assert neuroproc.verify(network, image, frames).exact


def rate_graph(seed):
    """Linear nodes and units of several habits: weights of eighths, thresholds that sums can meet."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, 3)
    resistance = float(rng.choice([1.0, 0.5, 1e4]))
    layers = []
    for before, after in pairwise(sizes):
        layers.append(node("Linear", weight=rng.integers(-4, 9, (after, before)) / 8))
        threshold = rng.integers(1, 13, after) / 8
        layers.append(units(threshold, r=np.full(after, resistance)))
    return row(*layers, shape=(int(sizes[0]),))


def simulated(nodes, trains, subtract, strict):
    """Spikes of every layer of units by the equations of NIR, r * dt being 1: trains float[n_steps, N]."""
    spikes, found = trains, {}
    for name, layer in nodes.items():
        if layer["type"] == "Linear":
            current = spikes @ layer["weight"].T
        elif layer["type"] == "IF":
            potential, fired = np.zeros(current.shape[1]), []
            for arriving in current:
                potential = potential + arriving
                fires = potential > layer["v_threshold"] if strict else potential >= layer["v_threshold"]
                potential = np.where(fires, potential - layer["v_threshold"] if subtract else 0.0, potential)
                fired.append(fires.astype(float))
            spikes = found[name] = np.array(fired)
    return found


@pytest.mark.oracle
@pytest.mark.parametrize(("subtract", "strict"), list(product([False, True], repeat=2)))
def test_rate_networks_run_as_the_equations_say(subtract, strict, tmp_path):
    """Every spike of every unit in every step, also on the processor."""
    fired = 0
    for seed in range(8):
        nodes = rate_graph(seed)
        path = write_tree(tmp_path / "net.nir", graph_tree(nodes))
        encoding = {"kind": "rate", "steps": 7, "levels": 5, "source": "even"}
        reset = "subtract" if subtract else "zero"
        given = Assumptions(encoding=encoding, reset=reset, strict=strict, weight_bits=12)
        network = import_network(path, given).network
        frames = np.random.default_rng(seed).integers(0, 6, (6, *network.input_shape))
        decided = neuroproc.evaluate(network, frames)
        shown = step_values(network.encoding, frames).reshape(6, 7, -1).astype(float)
        for index in range(len(frames)):
            found = simulated(nodes, shown[index], subtract, strict)
            for unit, linear in (("n1", "n0"), ("n3", "n2")):
                assert np.array_equal(decided[linear][index].reshape(7, -1), found[unit]), (seed, index, unit)
                fired += found[unit].sum()
        check_on_processor(network, "np16-subtract" if subtract else "np16-deep", frames)
    assert fired > 100


def windows(seed):
    """Maps: convolutions that are padded and moved, pools of spikes, a dense end."""
    rng = np.random.default_rng(seed)
    numbers = {"dilation": 1, "groups": 1, "bias": np.zeros(2)}
    return {
        "input": node("Input", shape=[1, 6, 5]),
        "c": node("Conv2d", weight=rng.integers(-2, 5, (2, 1, 3, 2)) / 4, stride=1, padding=[1, 0], **numbers),
        "cf": units(np.full((2, 6, 4), 0.75)),
        "p": node(["SumPool2d", "AvgPool2d"][seed % 2], kernel_size=[2, 2], stride=[2, 2], padding=0),
        "d": node("Conv2d", weight=rng.integers(-2, 5, (2, 2, 2, 2)) / 4, stride=[2, 1], padding=0, **numbers),
        "df": units(np.broadcast_to(np.array([0.5, 1.25])[:, None, None], (2, 1, 1))),
        "flat": node("Flatten", start_dim=0, end_dim=-1),
        "e": node("Linear", weight=np.array([[1.0, -0.5], [0.25, 1.0]])),
        "ef": units([1.0, 1.0]),
        "output": node("Output"),
    }


def slid(maps, weight, stride, padding):
    """A convolution, position by position: maps float[C, H, W]."""
    maps = np.pad(maps, ((0, 0), (padding[0],) * 2, (padding[1],) * 2))
    reach = weight.shape[2:]
    rows, columns = ((size - own) // step + 1 for size, own, step in zip(maps.shape[1:], reach, stride, strict=True))
    made = np.zeros((len(weight), rows, columns))
    for row_at, column in product(range(rows), range(columns)):
        top, left = row_at * stride[0], column * stride[1]
        made[:, row_at, column] = np.tensordot(weight, maps[:, top : top + reach[0], left : left + reach[1]], 3)
    return made


def gathered(currents, threshold, subtract, strict):
    """Spikes of units in every step."""
    potential, fired = np.zeros_like(currents[0]), []
    for arriving in currents:
        potential = potential + arriving
        fires = potential > threshold if strict else potential >= threshold
        potential = np.where(fires, potential - threshold if subtract else 0.0, potential)
        fired.append(fires.astype(float))
    return np.array(fired)


@pytest.mark.oracle
@pytest.mark.parametrize(("subtract", "strict"), list(product([False, True], repeat=2)))
def test_rate_networks_of_maps_run_as_the_equations_say(subtract, strict, tmp_path):
    fired = 0
    for seed in range(4):
        nodes = windows(seed)
        path = write_tree(tmp_path / "net.nir", graph_tree(nodes))
        encoding = {"kind": "rate", "steps": 6, "levels": 4, "source": "even"}
        reset = "subtract" if subtract else "zero"
        network = import_network(path, Assumptions(encoding, reset=reset, strict=strict, weight_bits=12)).network
        frames = np.random.default_rng(seed).integers(0, 5, (5, 1, 6, 5))
        decided = neuroproc.evaluate(network, frames)
        shown = step_values(network.encoding, frames).reshape(5, 6, 1, 6, 5).astype(float)
        share = 0.25 if nodes["p"]["type"] == "AvgPool2d" else 1.0
        pool = np.eye(2)[:, :, None, None] * np.full((2, 2), share)
        for index in range(5):
            how = (subtract, strict)
            c = gathered([slid(x, nodes["c"]["weight"], (1, 1), (1, 0)) for x in shown[index]], 0.75, *how)
            pooled = [slid(x, pool, (2, 2), (0, 0)) for x in c]
            currents = [slid(x, nodes["d"]["weight"], (2, 1), (0, 0)) for x in pooled]
            d = gathered(currents, np.array([0.5, 1.25])[:, None, None], *how)
            e = gathered([nodes["e"]["weight"] @ x.ravel() for x in d], 1.0, *how)
            assert np.array_equal(decided["c"][index], c), (seed, index)
            assert np.array_equal(decided["d"][index], d), (seed, index)
            assert np.array_equal(decided["e"][index].reshape(6, 2), e), (seed, index)
            fired += e.sum()
        check_on_processor(network, "np16-subtract" if subtract else "np16-deep", frames)
    assert fired > 20


def test_dt_scales_what_a_step_adds(tmp_path):
    nodes = row(node("Linear", weight=np.array([[1.0, 0.0], [0.0, 1.0]])), units([1.0, 2.0], r=np.full(2, 2.0)))
    path = write_tree(tmp_path / "net.nir", graph_tree(nodes))
    rate = {"kind": "rate", "steps": 4, "levels": 1, "source": "even"}
    frames = np.ones((1, 2, 1, 1), int)
    for dt, times in ((None, [4, 2]), ("1/2", [4, 2]), ("1", [4, 4]), ("1/4", [2, 1])):
        given = Assumptions(encoding=rate, reset="zero", strict=False, dt=dt and Fraction(dt))
        decided = neuroproc.evaluate(import_network(path, given).network, frames)["n0"]
        assert decided[0].sum(axis=0).ravel().tolist() == times, dt


def habits():
    """The same two units as three tools write them."""
    weight = np.array([[1.0, 0.5], [0.25, 1.0]])
    ones, infinite = np.ones(2), np.full(2, np.inf)
    linear = node("Linear", weight=weight)
    yield "sinabs", row(linear, node("IF", r=ones, v_threshold=ones))
    yield "SpikingJelly", row(linear, node("IF", r=ones * 1e4, v_threshold=ones, v_reset=0 * ones))
    lif = node("LIF", tau=infinite, r=infinite, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)
    yield "snnTorch", row(node("Affine", weight=weight, bias=np.zeros(2)), lif)


def test_tools_that_write_the_same_units_differently_are_read_alike(tmp_path):
    given = Assumptions(encoding={"kind": "rate", "steps": 5}, reset="subtract", strict=False)
    digests = {}
    for tool, nodes in habits():
        path = write_tree(tmp_path / "net.nir", graph_tree(nodes))
        digests[tool] = import_network(path, given).network.digest
    assert len(set(digests.values())) == 1, digests


@pytest.mark.error
def test_a_bias_in_every_step_is_refused(tmp_path, capsys):
    path = shortened(tmp_path, node("Affine", weight=np.ones((1, 2)), bias=np.ones(1)), units([2.0]))
    steps = ["--encoding", "rate,steps=5", "--reset", "zero", "--comparison", "above"]
    refused(call(capsys, "compile", path, "-o", tmp_path / "x.npi", *steps), "'n1'", "use no biases")
