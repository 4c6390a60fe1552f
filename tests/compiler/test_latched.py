"""Latched networks in plain integers: once fired, a unit fires to the end of the frame; what cannot be is refused."""

from dataclasses import replace

import numpy as np
import pytest

from compiler.networks.evaluate import classes, evaluate, final_potentials
from compiler.networks.layers import Conv2d, Dense, Flatten, Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.networks.network_file import load_network
from compiler.networks.network_writer import save_network
from isa_spec.errors import NetworkError
from isa_spec.trains import latency_trains

STEPS = 7


def classifier(floor=None, encoding="latency", **decode):
    rng = np.random.default_rng(5)
    layers = (
        Conv2d("conv", ("input",), rng.integers(-3, 4, (4, 1, 3, 3)), np.full(4, 9), padding=((1, 1), (1, 1))),
        Pool2d("pool", ("conv",), "maxpool2d", (2, 2), (2, 2)),
        Flatten("flatten", ("pool",)),
        Dense("fc", ("flatten",), rng.integers(-4, 6, (6, 36)), np.full(6, 11)),
    )
    told = {"kind": encoding, "steps": STEPS, "levels": 9}
    return LayeredNetwork(
        "classifier", (1, 6, 6), layers, told, {"kind": "argmax", "classes": 6, **decode}, floor=floor
    )


def frames_of(n_frames):
    return np.random.default_rng(n_frames).integers(0, 10, (n_frames, 1, 6, 6))


def ramps(weight, first, threshold, floor):
    """Step in which a unit fires that hears each input from a step on, and its potential in every step until then."""
    potential, potentials = 0, []
    for step in range(STEPS):
        potential += int((weight * (first <= step)).sum())
        potentials.append(potential)
        if potential >= threshold:
            return step, potentials
        potential = potential if floor is None else max(potential, floor)
    return STEPS, potentials


@pytest.mark.oracle
@pytest.mark.parametrize("floor", [None, -4])
def test_evaluation_is_one_time_for_each_unit(floor):
    """Times of first spikes, one by one, against the trains of `evaluate`; without a floor synapses are ramps."""
    network, frames = classifier(floor), frames_of(4)
    conv, _, _, fc = network.layers
    found = evaluate(network, frames)
    assert np.array_equal(found["input"], latency_trains(network.encoding, frames))
    times = {name: STEPS - train.astype(int).sum(axis=1) for name, train in found.items()}
    for name in ("input", "conv", "pool"):
        assert np.all(np.diff(found[name].astype(int), axis=1) >= 0), name
    heard = np.pad(times["input"], ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=STEPS)
    for n, unit, row, col in np.ndindex(4, 4, 6, 6):
        first = heard[n, 0, row : row + 3, col : col + 3]
        when, potentials = ramps(conv.weight[unit, 0], first, 9, floor)
        assert when == times["conv"][n, unit, row, col]
        if floor is None:
            assert potentials == [
                int((conv.weight[unit, 0] * np.maximum(step - first + 1, 0)).sum()) for step in range(len(potentials))
            ]
    by_window = times["conv"].reshape(4, 4, 3, 2, 3, 2)
    assert np.array_equal(times["pool"], by_window.min(axis=(3, 5)))
    # Who answers is not latched: it integrates again after each spike.
    for n, unit in np.ndindex(4, 6):
        potential, train = 0, []
        for step in range(STEPS):
            potential += int((fc.weight[unit] * (times["pool"][n].ravel() <= step)).sum())
            train.append(int(potential >= 11))
            potential = 0 if train[-1] else potential if floor is None else max(potential, floor)
        assert train == found["fc"][n, :, unit, 0, 0].tolist()
        assert potential == final_potentials(network, found)[n, unit]
    assert 0.05 < found["conv"].mean() < 0.95
    assert np.any(np.diff(found["fc"].astype(int), axis=1) < 0)


def test_a_latch_makes_a_difference_and_ties_are_decided():
    frames = frames_of(300)
    network = classifier(by="first", ties="next")
    values = evaluate(network, frames)
    loose = replace(network, encoding={"kind": "rate", "steps": STEPS, "levels": 9, "source": "even"})
    assert np.any(np.diff(evaluate(loose, frames)["conv"].astype(int), axis=1) < 0)
    found = {ties: classes(classifier(by="first", ties=ties), values) for ties in ("lowest", "potential", "next")}
    assert all((found["next"] != found[ties]).any() for ties in ("lowest", "potential"))


@pytest.mark.parametrize("floor", [None, -7])
def test_what_is_written_is_read_back(tmp_path, floor):
    network = classifier(floor, by="first", ties="next")
    save_network(network, tmp_path / "net.json")
    read = load_network(tmp_path / "net.json")
    assert (read.digest, read.latched, read.rate, read.steps) == (network.digest, True, True, STEPS)
    assert read.encoding == {"kind": "latency", "steps": STEPS, "levels": 9}


@pytest.mark.error
def test_what_a_single_time_cannot_tell():
    network = classifier()
    conv, pool, *rest = network.layers
    for kind in ("sumpool2d", "avgpool2d"):
        summed = replace(pool, kind=kind, threshold=np.full(4, 2))
        with pytest.raises(
            NetworkError, match=rf"layer 'pool': a {kind} with thresholds, .* use maxpool2d, the earlie"
        ):
            replace(network, layers=(conv, summed, *rest))
    with pytest.raises(NetworkError, match="reset = 'subtract', allowed with the encoding 'latency': zero"):
        replace(network, reset="subtract")
    eager = replace(conv, threshold=np.array([1, 0, 1, 1]))
    with pytest.raises(
        NetworkError, match=r"threshold\[1\] = 0, .* encoding 'latency' such a unit would fire in every"
    ):
        replace(network, layers=(eager, pool, *rest))
    with pytest.raises(NetworkError, match="use the encoding 'rate', or one with steps"):
        replace(network, encoding={"kind": "binary"}, floor=-3)


@pytest.mark.error
def test_values_of_two_signs_have_no_times(tmp_path):
    save_network(classifier(), tmp_path / "net.json")
    text = (tmp_path / "net.json").read_text().replace('"name": "classifier"', '"name": "n", "values": "bipolar"')
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(NetworkError, match="values 'bipolar' with an encoding of several steps"):
        load_network(tmp_path / "net.json")
