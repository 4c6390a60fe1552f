"""Whole trainings, small: what is written decides as what was trained, and a cut training is as good as whole."""

import contextlib
from itertools import pairwise

import jax
import numpy as np
import pytest
from learning_helpers import DEEPER, TINY, digits

from compiler.learning.architectures import parse_architecture
from compiler.learning.augment import channels_last
from compiler.learning.binary_conversion import BinaryConversion
from compiler.learning.checkpoint import load_checkpoint
from compiler.learning.conversion import Conversion
from compiler.learning.course import Course, Jitter
from compiler.learning.data import hold_out
from compiler.learning.export import to_network
from compiler.learning.grid import largest
from compiler.learning.integers import to_grid
from compiler.learning.loop import fit
from compiler.learning.sharpening import Adaptive, Scheduled, Simple
from compiler.learning.straight_through import StraightThrough
from compiler.learning.thermometer import seen
from compiler.learning.train import (
    train_binary,
    train_rate,
    train_single_spike,
    train_straight_through,
    train_whetstone,
)
from compiler.learning.units import EPSILON, sums
from compiler.learning.whetstone import Whetstone
from compiler.networks.evaluate import classes, evaluate
from compiler.networks.network_writer import save_network
from isa_spec.errors import FormatError, NetworkError

pytestmark = pytest.mark.training

COURSE = Course(epochs=4, seed=3)
METHODS = {
    "whetstone": lambda **options: train_whetstone(digits(), TINY, **options),
    "straight-through": lambda **options: train_straight_through(digits(), TINY, **options),
    "rate": lambda **options: train_rate(digits(), "4C3p1-P2-10", **options),
    "single-spike": lambda **options: train_single_spike(digits(), "4C3p1-P2-10", **options),
    "rate, maximum": lambda **options: train_rate(
        digits(), "4C3p1-P2-10", conversion=Conversion(pooling="membrane"), **options
    ),
    "binary": lambda **options: train_binary(digits(), "8C3p1-P2-16C3-10", **options),
    "binary, full": lambda **options: train_binary(
        digits(), "8C3p1-P2-16C3-10", conversion=BinaryConversion(weights="full"), **options
    ),
}


class Stop(Exception):
    """Cuts a training."""


def fields(trained_by, network=TINY):
    """Fields of 0/1 units."""
    return {
        "architecture": parse_architecture(network, (1, 8, 8)),
        "course": COURSE,
        "classes": 10,
        "steps": (4, 8, 12),
        "integers_from": 1,
        **trained_by,
    }


@pytest.fixture(
    scope="module",
    params=[(4, "filter", DEEPER), (2, "layer", TINY), (8, "filter", TINY)],
    ids=["4 bits", "2 bits, by layer", "8 bits"],
)
def trained(request):
    bits, scale, network = request.param
    method = Whetstone(**fields({"bits": bits, "scale": scale, "schedule": Simple(1, 1)}, network))
    train, held = hold_out(digits(), COURSE.held, COURSE.seed)
    return method, fit(method, COURSE, train, held, method.begin(), None, None)


@contextlib.contextmanager
def floats_of_64_bits():
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", False)


@pytest.mark.oracle
def test_the_written_network_decides_as_the_trained_one(trained):
    """Layer by layer, each from its own inputs, in floats of 64 bits: normalised sums of rounded weights, a step."""
    method, state = trained
    network, frames = to_network(method, state, "n"), digits().frames
    decided = evaluate(network, frames)
    x = np.asarray(seen(method.steps, channels_last(frames)), np.float64)
    shown = [layer.name for layer in network.layers if layer.kind in ("maxpool2d", "dense")]
    parts = zip(method.architecture.blocks, state.units, state.moments, state.scales, shown, strict=True)
    with floats_of_64_bits():
        for block, unit, moments, scale, name in parts:
            grid = np.asarray(to_grid(unit.weight, scale, largest(method.bits)), np.float64)
            z = np.asarray(sums(block, jax.numpy.asarray(grid), jax.numpy.asarray(x)))
            mean, variance, beta = (np.asarray(v, np.float64) for v in (*moments, unit.beta))
            x = ((z - mean) / np.sqrt(variance + EPSILON) + beta >= 0.5).astype(np.float64)
            assert np.array_equal(x.transpose(0, 3, 1, 2), decided[name]), name
            assert 0 < x.mean() < 1
    assert np.array_equal(classes(network, decided), method.classes_of(state, frames))


def test_weights_are_as_wide_as_asked(trained):
    method, state = trained
    network = to_network(method, state, "n")
    reach = {np.abs(layer.weight).max() for layer in network.layers if layer.kind in ("conv2d", "dense")}
    assert max(reach) == largest(method.bits)
    if method.scale == "layer":
        assert all(len(set(np.asarray(scale).tolist())) == 1 for scale in state.scales)


def test_sharp_layers_do_not_change_any_more():
    method = Whetstone(**fields({"bits": 4, "scale": "filter", "schedule": Simple(1, 1)}))
    train, _ = hold_out(digits(), COURSE.held, COURSE.seed)
    states = []
    state, x = method.begin(), channels_last(train.frames[:64])
    for epoch in range(4):
        state = method.before_epoch(state, epoch, train)
        state, _ = method.step(state, epoch, 0.0, jax.random.key(epoch), x, train.labels[:64])
        states.append(state)
    for epoch, (before, after) in enumerate(pairwise(states), 1):
        same = [np.array_equal(*(state.units[layer].weight for state in (before, after))) for layer in range(2)]
        assert same == [epoch >= 2, epoch >= 3]


@pytest.mark.parametrize("method", METHODS)
def test_a_cut_training_gives_the_same_bytes(method, tmp_path):
    def write(name, trained):
        save_network(trained.network, tmp_path / f"{name}.json")
        return [(tmp_path / f"{name}{suffix}").read_bytes().replace(name.encode(), b"") for suffix in (".json", ".npz")]

    def cut(progress):
        if progress.epoch == 2:
            raise Stop

    train = METHODS[method]
    unbroken = write("unbroken", train(course=COURSE, checkpoint=tmp_path / "a.npz"))
    with pytest.raises(Stop):
        train(course=COURSE, checkpoint=tmp_path / "b.npz", watch=cut)
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "b.npz").read_bytes()
    seen = []
    resumed = write("resumed", train(course=COURSE, checkpoint=tmp_path / "b.npz", watch=seen.append))
    assert [progress.epoch for progress in seen] == [3, 4]
    assert resumed == unbroken
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert not list(tmp_path.glob(".*")), "something was left behind"


def test_seeds_decide():
    first, same, other = (
        train_straight_through(digits(), TINY, course=Course(epochs=1, seed=seed)).network.digest for seed in (1, 1, 2)
    )
    assert first == same != other


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "c.npz"
    train_straight_through(digits(), TINY, course=Course(epochs=1), checkpoint=path)
    for options in ({"course": Course(epochs=2)}, {"bits": 3, "course": Course(epochs=1)}):
        with pytest.raises(FormatError, match="another training"):
            train_straight_through(digits(), TINY, checkpoint=path, **options)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FormatError, match="truncated"):
        train_straight_through(digits(), TINY, course=Course(epochs=1), checkpoint=path)
    path.write_bytes(b"")
    with pytest.raises(FormatError):
        load_checkpoint(path, {"x": np.zeros(1)}, "")


def test_a_training_may_start_from_the_weights_of_another(tmp_path):
    path = tmp_path / "c.npz"
    train_straight_through(digits(), TINY, course=Course(epochs=1), checkpoint=path)
    fresh, started = (
        train_whetstone(digits(), TINY, course=Course(epochs=2), bits=2, start=start).network.digest
        for start in (None, path)
    )
    assert fresh != started
    with pytest.raises(FormatError, match="layer 0"):
        train_whetstone(digits(), "5C3p1-P2-20", course=Course(epochs=2), start=path)


def test_an_adaptive_training_ends_when_all_is_sharp():
    seen = []
    schedule = Adaptive(start=1, rate=1.0, critical_rate=1.0, tolerance=9.0)
    train_whetstone(digits(), TINY, course=Course(epochs=30), schedule=schedule, watch=seen.append)
    assert [progress.note.partition(",")[0] for progress in seen[-1:]] == ["sharpness 1.00"]
    assert len(seen) == 3


@pytest.mark.parametrize("method", METHODS)
def test_networks_learn(method):
    """Far better than chance on frames that were held out, in integers."""
    trained = METHODS[method](course=Course(epochs=12, jitter=Jitter(0.03, 0.1, 0.05), rate=0.01))
    assert len(trained.held) == 30
    assert trained.float_accuracy(trained.held) >= 0.3, "floats had two epochs"
    assert trained.accuracy(trained.held) >= 0.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bits": 1}, "allowed: 2"),
        ({"planes": 17}, "planes"),
        ({"scale": "unit"}, "scale"),
        ({"network": "4C3-P2-9"}, "9 output units for 10 classes"),
        ({"schedule": "gradual"}, "scheduled, simple"),
        ({"schedule": "simple"}, "needs at least 4 epochs"),
        ({"schedule": Scheduled(((1.0, 2.0),))}, "1 spans for the 2 layers"),
    ],
)
def test_what_cannot_be_trained_is_refused(options, words):
    arguments = {"network": TINY, "course": Course(epochs=2), **options}
    with pytest.raises(NetworkError, match=words):
        train_whetstone(digits(), **arguments)


def test_a_rate_network_has_an_output_for_each_class():
    with pytest.raises(NetworkError, match="20 outputs for 10 classes"):
        train_rate(digits(), TINY, course=Course(epochs=1))


def test_no_epochs_are_refused():
    with pytest.raises(NetworkError, match="0 epochs"):
        Course(epochs=0)


def test_straight_through_moments_settle_for_the_last_epochs():
    method = StraightThrough(**fields({"bits": 4, "scale": "filter", "settle_from": 2}))
    train, _ = hold_out(digits(), COURSE.held, COURSE.seed)
    state, means, x = method.begin(), [], channels_last(train.frames[:64])
    for epoch in range(4):
        state = method.before_epoch(state, epoch, train)
        state, _ = method.step(state, epoch, 0.0, jax.random.key(epoch), x, train.labels[:64])
        means.append(np.asarray(state.moments[0].mean))
    assert not np.array_equal(means[0], means[1])
    assert np.array_equal(means[1], means[2])
    assert np.array_equal(means[2], means[3])
