"""Every extension over threads and lanes: frames of a network that was not made for them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neuroproc
from isa_spec.building import check_image
from isa_spec.errors import EmulationError
from isa_spec.image import ROLES, ProcessorImage
from isa_spec.kinds import CLEAR, SLOPE
from neuroproc.classifying.frame_stream import FrameStream
from neuroproc.classifying.lane_stretches import lane_jobs

DATA = Path(neuroproc.__file__).parent / "data"
WAYS = (("event", 1), ("event", 3), ("batch", 1), ("batch", 2))
SWITCHES = ("one_shot", "clear_synapses", "slope_synapses", "pooling_groups")


def shipped(unroll: tuple[int, int]) -> tuple[ProcessorImage, np.ndarray]:
    """The shipped network for np16, and some of its frames."""
    network, spec = neuroproc.load_network(DATA / "digits.json"), neuroproc.load_profile("np16")
    image = neuroproc.compile_network(network, spec, neuroproc.FoldPlan(unroll))
    return image, neuroproc.read_frames(DATA / "digits_frames.npz")[:150]


def strange(image: ProcessorImage, clears: bool, **changes: Any) -> ProcessorImage:
    """The same graph with units that fire once, slopes, groups, and clears where a clock inhibits.

    Without clears slopes go on for ever, and spent units stay it.
    """
    rng = np.random.default_rng(4)
    switches = dict.fromkeys(SWITCHES, True) | {"clear_synapses": clears}
    spec = dataclasses.replace(image.spec, **{"potential_floor": -32767, **switches, **changes})
    source = image.source()
    cleans = (image.role[source] == ROLES.index("clock")) & (image.weight < 0)
    cleaned = np.isin(np.arange(image.n_neurons), image.target[cleans])
    weight, kind = image.weight.copy(), np.zeros_like(image.kind)
    if clears:
        weight[cleans], kind[cleans] = 1, CLEAR
    if spec.slope_synapses:
        kind[cleaned[image.target] & ~cleans & (rng.random(image.n_synapses) < 0.1)] = SLOPE
    once = cleaned & (rng.random(image.n_neurons) < 0.5) & spec.one_shot
    group = np.full(image.n_neurons, -1)
    units = rng.permutation(np.flatnonzero(cleaned))
    if spec.pooling_groups:
        group[units[20:]] = rng.choice(units[:20], len(units) - 20)
    order = np.lexsort((kind, weight, image.target, image.delay, source))
    arrays = {"target": image.target, "weight": weight, "delay": image.delay, "kind": kind}
    other = dataclasses.replace(
        image,
        spec=spec,
        once=once.astype(np.uint8),
        group=group.astype(np.int32),
        **{name: array[order] for name, array in arrays.items()},
    )
    check_image(other)
    return other


@pytest.mark.differential
@pytest.mark.parametrize("unroll", [(8, 8), (2, 2)])
@pytest.mark.parametrize("clears", [True, False])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_frames_over_threads_and_lanes(unroll: tuple[int, int], clears: bool, reset: str) -> None:
    image, frames = shipped(unroll)
    other = strange(image, clears, reset=reset)
    usual, right = (
        neuroproc.classify(one, frames[: 150 if unroll == (8, 8) else 70], engine="reference", threads=1)
        for one in (image, other)
    )
    assert right.spikes != usual.spikes
    for engine, threads in WAYS:
        found = neuroproc.classify(other, frames[: len(right.outputs)], engine=engine, threads=threads)
        assert np.array_equal(found.outputs, right.outputs)
        counts = (found.cycles, found.spikes, found.synaptic_operations)
        assert counts == (right.cycles, right.spikes, right.synaptic_operations)


@pytest.mark.differential
@pytest.mark.parametrize("switch", SWITCHES)
def test_one_at_a_time(switch: str) -> None:
    image, frames = shipped((8, 8))
    changes = {name: name == switch for name in SWITCHES}
    other = strange(image, switch == "clear_synapses", **changes)
    assert len(other.spec.extensions) == 1
    right = neuroproc.classify(other, frames, engine="reference", threads=1)
    for engine, threads in WAYS:
        found = neuroproc.classify(other, frames, engine=engine, threads=threads)
        assert np.array_equal(found.outputs, right.outputs)
        assert (found.spikes, found.synaptic_operations) == (right.spikes, right.synaptic_operations)


@pytest.mark.differential
@pytest.mark.parametrize("unroll", [(8, 8), (2, 2)])
@pytest.mark.parametrize(
    "changes", [{"leak": "per-neuron"}, {"delayed_fire": True}, {"leak": "per-neuron", "delayed_fire": True}]
)
def test_leaks_of_their_own_and_late_spikes(unroll: tuple[int, int], changes: dict[str, Any]) -> None:
    image, frames = shipped(unroll)
    # What is left of one value meets the next, unless it leaks.
    image = dataclasses.replace(image, spec=dataclasses.replace(image.spec, potential_floor=-32767))
    leaks = (np.random.default_rng(5).random(image.n_neurons) < 0.5) & ("leak" in changes)
    spec = dataclasses.replace(image.spec, **changes)
    other = dataclasses.replace(image, spec=spec, leaks=leaks.astype(np.uint8))
    check_image(other)
    frames = frames[: 150 if unroll == (8, 8) else 70]
    usual, right = (neuroproc.classify(one, frames, engine="reference", threads=1) for one in (image, other))
    # With delayed spikes hosts look for what is not there yet.
    assert not np.array_equal(right.outputs, usual.outputs)
    for engine, threads in WAYS:
        found = neuroproc.classify(other, frames, engine=engine, threads=threads)
        assert np.array_equal(found.outputs, right.outputs)
        counts = (found.cycles, found.spikes, found.synaptic_operations)
        assert counts == (right.cycles, right.spikes, right.synaptic_operations)


def run(image: ProcessorImage, frames: np.ndarray, engine: str) -> None:
    """Frames on an engine, or in lanes alone, without what is done where their stretches do not join."""
    if engine == "lanes":
        (job,) = lane_jobs(FrameStream(image, frames), 1)
        job(lambda intervals: None)
    else:
        neuroproc.classify(image, frames, engine=engine)


@pytest.mark.error
@pytest.mark.parametrize("engine", ["reference", "event", "batch", "lanes"])
def test_frames_whose_slopes_might_not_fit_are_refused(engine: str) -> None:
    image, frames = shipped((8, 8))
    limits = {"threshold_max": 255, "input_min": 0, "input_max": 127, "potential_floor": -100, "potential_bits": 11}
    narrow = strange(image, clears=False, one_shot=False, **limits)
    with pytest.raises(EmulationError, match=r"could reach -?\d+\.\.\d+, allowed -1024..1023 \(potential_bits of"):
        run(narrow, np.tile(frames, (20, 1, 1, 1)), engine)
