"""Single spikes: fast times against slow ones, errors against the rule written out, and whole small trainings."""

import numpy as np
import pytest
from learning_helpers import digits

from compiler.learning.architectures import parse_architecture
from compiler.learning.course import Course
from compiler.learning.data import hold_out
from compiler.learning.integer_run import answers
from compiler.learning.loop import fit
from compiler.learning.single_spike import SingleSpike, to_single_spike_network
from compiler.learning.spike_times import DELAY, PULL, RARE, Answers, Layer, corrections, heard_times, judge, run
from compiler.learning.train import train_single_spike
from compiler.networks.evaluate import classes, evaluate, final_potentials
from isa_spec.errors import FormatError, NetworkError
from isa_spec.trains import latency_trains

pytestmark = pytest.mark.training

STEPS = 7
NETWORK = "3C3p1-P2-4C2-P2-6-5"
"""Over [2, 8, 7]: padding, pools that leave something over, a dense layer that is latched."""


def case(seed, integers):
    """An architecture, layers and times as training has them."""
    rng = np.random.default_rng(seed)
    architecture = parse_architecture(NETWORK, (2, 8, 7))
    layers = []
    for shape in architecture.weight_shapes:
        weight = rng.integers(-2, 5, shape) if integers else rng.normal(0.5, 1, shape)
        high = 3 + np.prod(shape[:3])
        threshold = rng.integers(2, high, shape[3]) if integers else rng.uniform(1, high, shape[3])
        layers.append(Layer(weight.astype(np.float32), threshold.astype(np.float32)))
    return architecture, layers, heard_times(rng.integers(0, 10, (6, 8, 7, 2)), STEPS, 9)


def windows(values, size):
    """Values of each pooling window on a new last axis."""
    n_frames, rows, columns, n_out = values.shape
    kept = values[:, : rows // size * size, : columns // size * size]
    parts = kept.reshape(n_frames, rows // size, size, columns // size, size, n_out)
    return parts.transpose(0, 1, 3, 5, 2, 4).reshape(*parts.shape[:2], columns // size, n_out, size * size)


def slow_run(architecture, layers, times, floor):
    """What `run` does, unit by unit and step by step."""
    heard = []
    for block, layer in zip(architecture.blocks, layers, strict=True):
        pad = block.padding
        times = np.pad(times, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=STEPS + 1)
        k_h, k_w, _, n_out = layer.weight.shape
        rows, columns = times.shape[1] - k_h + 1, times.shape[2] - k_w + 1
        fired = np.full((len(times), rows, columns, n_out), STEPS)
        slope = np.zeros(fired.shape)
        trains = np.zeros((len(times), STEPS, n_out), int)
        left, between = np.zeros((len(times), n_out)), np.full((len(times), n_out), float(STEPS))
        for f, y, x, o in np.ndindex(*fired.shape):
            window, v = times[f, y : y + k_h, x : x + k_w], 0.0
            for t in range(STEPS):
                rise = layer.weight[..., o][window <= t].sum(dtype=np.float64)
                v = max(v + rise, floor)
                if v < layer.threshold[o]:
                    continue
                if fired[f, y, x, o] == STEPS:
                    fired[f, y, x, o], slope[f, y, x, o] = t, rise
                    between[f, o] = t - min((v - layer.threshold[o]) / rise, 1)
                trains[f, t, o] = 1
                v = 0.0
            left[f, o] = v
        if block is architecture.blocks[-1]:
            heard.append((times, fired, np.zeros_like(fired), slope))
            return heard, Answers(trains, left, between)
        fired, slope = (windows(values, block.pool) for values in (fired, slope))
        place = fired.argmin(axis=-1)
        heard.append((times, fired.min(axis=-1), place, np.take_along_axis(slope, place[..., None], axis=-1)[..., 0]))
        times = fired.min(axis=-1)
    raise AssertionError


@pytest.mark.differential
@pytest.mark.parametrize("floor", [-3e38, -5.0])
@pytest.mark.parametrize("seed", range(4))
def test_fast_times_are_slow_ones(seed, floor):
    """Of integers to the last spike; of floats, where no potential is near a threshold, times as well."""
    for integers in (True, False):
        architecture, layers, times = case(seed, integers)
        heard, found = run(architecture, layers, times, STEPS, floor)
        slow, wanted = slow_run(architecture, layers, times, floor)
        for fast, (before, fired, place, slope) in zip(heard, slow, strict=True):
            assert np.array_equal(fast.times, before)
            assert np.array_equal(fast.fired, fired)
            assert np.array_equal(fast.place[fired < STEPS], place[fired < STEPS])
            np.testing.assert_allclose(fast.slope, slope, atol=1e-4)
            assert len(np.unique(fired)) > 1
        assert found.trains.sum(axis=1).max() > 1, "nobody fires twice"
        assert np.array_equal(found.trains, wanted.trains)
        exact = {"rtol": 0, "atol": 0 if integers else 1e-4}
        np.testing.assert_allclose(found.potential, wanted.potential, **exact)
        np.testing.assert_allclose(found.time, wanted.time, atol=1e-4)


@pytest.mark.differential
@pytest.mark.parametrize("seed", range(4))
def test_corrections_are_the_rule_written_out(seed):
    """A weight grows by the error of its unit times what it had brought by then; an error passes the weights back."""
    architecture, layers, times = case(seed, False)
    heard, _ = run(architecture, layers, times, STEPS, -3e38)
    rng = np.random.default_rng(seed)
    error = rng.normal(0, 1, (len(times), 5)).astype(np.float32)
    growth, fall = corrections(architecture, layers, heard, error, STEPS)
    later = error[:, None, None].astype(np.float64)
    for i in reversed(range(len(layers))):
        weight, (before, fired, place, slope), size = layers[i].weight, heard[i], architecture.blocks[i].pool
        grown, fell = np.zeros(weight.shape), np.zeros(weight.shape[3])
        earlier = np.zeros(before.shape)
        for f, y, x, o in np.ndindex(*fired.shape):
            t, e = fired[f, y, x, o], later[f, y, x, o]
            if t == STEPS:
                rarely = max(0, 1 - (fired[..., o] < STEPS).mean() / RARE)
                e = max(e, 0) * (rarely if i < len(layers) - 1 else 1)
            # By how many steps a potential unit moves the spike.
            flattest = layers[i].threshold[o] / STEPS
            e /= flattest if t == STEPS else max(slope[f, y, x, o], flattest / DELAY)
            top, left = y * size + place[f, y, x, o] // size, x * size + place[f, y, x, o] % size
            fell[o] += e
            for k, j, c in np.ndindex(*weight.shape[:3]):
                since = t - before[f, top + k, left + j, c] + 1
                if since > 0:
                    grown[k, j, c, o] += e * since
                    earlier[f, top + k, left + j, c] += e * weight[k, j, c, o]
        np.testing.assert_allclose(growth[i], grown, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(fall[i], fell, rtol=1e-3, atol=1e-3)
        pad = architecture.blocks[i].padding
        inner = earlier[:, pad : earlier.shape[1] - pad, pad : earlier.shape[2] - pad]
        later = inner if i == 0 else inner.reshape(heard[i - 1].fired.shape)
    assert all(np.abs(part).max() > 0 for part in growth)


def test_a_correction_moves_the_spikes_that_were_asked_for():
    """Down a small step the answer's unit comes earlier, between steps, and others stay or move as their errors say."""
    architecture, layers, times = case(1, False)
    heard, found = run(architecture, layers, times, STEPS, -3e38)
    frame = int(np.argmax((heard[-1].fired[:, 0, 0] < STEPS).sum(axis=1)))
    unit = int(np.argmin(found.time[frame]))
    for sign in (1, -1):
        error = np.zeros((len(times), 5), np.float32)
        error[frame, unit] = sign
        growth, _ = corrections(architecture, layers, heard, error, STEPS)
        moved = [*layers[:-1], layers[-1]._replace(weight=layers[-1].weight + 1e-4 * growth[-1])]
        _, after = run(architecture, moved, times, STEPS, -3e38)
        assert sign * (after.time[frame, unit] - found.time[frame, unit]) < 0
        others = [o for o in range(5) if o != unit]
        assert np.array_equal(after.time[frame, others], found.time[frame, others])


def test_errors_pull_the_label_forward_and_the_others_back():
    time = np.array([[3.0, 2.0, 7.0], [4.0, 7.0, 7.0]], np.float32)
    trains = np.zeros((2, 8, 3), np.uint8)
    loss, error = judge(Answers(trains, np.zeros((2, 3), np.float32), time), np.array([0, 0]))
    share = np.exp(-time) / np.exp(-time).sum(axis=1, keepdims=True)
    assert loss == pytest.approx(-np.log(share[:, 0]).sum(), rel=1e-5)
    np.testing.assert_allclose(error[:, 1:], -share[:, 1:], rtol=1e-5)
    np.testing.assert_allclose(error[:, 0], 1 - share[:, 0] + PULL * (time[:, 0] - 4), rtol=1e-5)


def test_values_are_heard_when_the_encoding_says():
    """Of rounded values; what is never heard is later than a silent unit."""
    values = np.arange(10).reshape(1, 1, 2, 5)
    trains = latency_trains({"kind": "latency", "steps": STEPS, "levels": 9}, values)
    silent = ~trains.any(axis=1)
    wanted = np.where(silent, STEPS + 1, trains.argmax(axis=1))
    for blur in (0, 0.4, -0.4):
        assert np.array_equal(heard_times(values.astype(np.float32) + blur, STEPS, 9), wanted)
    assert silent.sum() == 1


COURSE = Course(epochs=4, seed=3, batch=32, rate=0.01)


@pytest.fixture(scope="module", params=[8, 3, 1], ids=["8 bits", "3 bits", "signs"])
def trained(request):
    architecture = parse_architecture("4C3p1-P2-6C3-10-10", (1, 8, 8))
    method = SingleSpike(architecture, COURSE, request.param, 9, 16, -200, 1)
    train, held = hold_out(digits(), COURSE.held, COURSE.seed)
    return method, fit(method, COURSE, train, held, method.begin(), None, None)


@pytest.mark.oracle
def test_the_written_network_decides_as_the_trained_one(trained):
    """Spikes of every step of the answers, potentials, classes: as trained, as evaluated, and as run fast."""
    method, state = trained
    network, frames = to_single_spike_network(method, state, "n"), digits().frames
    assert (network.floor, network.latched, network.steps) == (-200, True, 9)
    values = evaluate(network, frames)
    layers, floor = method.layers(state.units, True)
    _, own = run(method.architecture, layers, heard_times(frames.transpose(0, 2, 3, 1), 9, 16), 9, floor)
    trains, potentials = answers(network, frames)
    last = values[network.layers[-1].name].reshape(len(frames), 9, -1)
    for other in (own.trains, trains):
        assert np.array_equal(last, other)
    for other in (own.potential, potentials):
        assert np.array_equal(final_potentials(network, values), other)
    assert np.array_equal(classes(network, values), method.classes_of(state, frames))


def test_weights_are_as_wide_as_asked(trained):
    method, state = trained
    network = to_single_spike_network(method, state, "n")
    found = np.unique(np.concatenate([layer.weight.ravel() for layer in network.layers if hasattr(layer, "weight")]))
    most = 2 ** (method.bits - 1) - 1
    assert found.tolist() == [-1, 1] if method.bits == 1 else (found.min() >= -most and found.max() <= most)


def test_signs_learn():
    """Far better than chance on frames that were held out, as all methods with weights of several bits do."""
    course = Course(epochs=12, batch=16, rate=0.01, jitter=None)
    trained = train_single_spike(digits(), "8C3p1-P2-10", course=course, bits=1, steps=8)
    assert trained.accuracy(trained.held) >= 0.6


@pytest.mark.parametrize("bits", [8, 1])
def test_a_training_may_start_from_the_weights_of_another(bits, tmp_path):
    path, network = tmp_path / "c.npz", "4C3p1-P2-10"
    course = Course(epochs=1, batch=32)
    train_single_spike(digits(), network, course=course, checkpoint=path)
    fresh, started = (
        train_single_spike(digits(), network, course=course, bits=bits, start=start).network.digest
        for start in (None, path)
    )
    assert fresh != started
    with pytest.raises(FormatError, match="layer 0"):
        train_single_spike(digits(), "5C3p1-P2-10", course=course, start=path)


@pytest.mark.parametrize("number", [1, 3])
def test_threads_change_nothing(number, monkeypatch):
    """A batch is cut the same way for any number of them."""
    course, digests = Course(epochs=1, batch=32), []
    for threads in (2, number):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, threads=threads: range(threads), raising=False)
        digests.append(train_single_spike(digits(), "4C3p1-P2-10", course=course).network.digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bits": 9}, "9 bits"),
        ({"network": "4C3-P2-9"}, "9 outputs for 10 classes"),
        ({"network": "4C3-P9-10"}, "too small"),
    ],
)
def test_what_cannot_be_trained_is_refused(options, words):
    arguments = {"network": "4C3p1-P2-10", "course": Course(epochs=2), **options}
    with pytest.raises(NetworkError, match=words):
        train_single_spike(digits(), **arguments)


def test_more_steps_than_an_encoding_has_are_refused():
    with pytest.raises((FormatError, NetworkError), match="steps = 300"):
        train_single_spike(digits(), "4C3p1-P2-10", course=Course(epochs=1), steps=300)
