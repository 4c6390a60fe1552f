"""Reset by subtraction over threads and lanes: frames of a network that was not made for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neuroproc
from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from neuroproc.bounds import rising
from neuroproc.classifying.frame_stream import FrameStream
from neuroproc.classifying.lane_stretches import lane_jobs

DATA = Path(neuroproc.__file__).parent / "data"


def shipped() -> tuple[ProcessorImage, np.ndarray]:
    """The shipped network for np16, and some of its frames."""
    network, spec = neuroproc.load_network(DATA / "digits.json"), neuroproc.load_profile("np16")
    image = neuroproc.compile_network(network, spec, neuroproc.FoldPlan((8, 8)))
    return image, neuroproc.read_frames(DATA / "digits_frames.npz")[:150]


def subtracting(image: ProcessorImage, **changes: Any) -> ProcessorImage:
    """The same graph on a processor that resets by subtraction."""
    return dataclasses.replace(image, spec=dataclasses.replace(image.spec, reset="subtract", **changes))


def run(image: ProcessorImage, frames: np.ndarray, engine: str) -> None:
    """Frames on an engine, or in lanes alone, without what is done where their stretches do not join."""
    if engine == "lanes":
        (job,) = lane_jobs(FrameStream(image, frames), 1)
        job(lambda intervals: None)
    else:
        neuroproc.classify(image, frames, engine=engine)


@pytest.mark.differential
@pytest.mark.parametrize("change", [{}, {"potential_floor": -32767}])
def test_frames_over_threads_and_lanes(change: dict[str, Any]) -> None:
    """Surpluses outlive their frame, so stretches have to be run again."""
    image, frames = shipped()
    other = subtracting(image, **change)
    assert rising(other).any()
    usual, right = (neuroproc.classify(one, frames, engine="reference", threads=1) for one in (image, other))
    assert right.spikes != usual.spikes
    for engine, threads in (("event", 1), ("event", 3), ("batch", 1), ("batch", 2)):
        found = neuroproc.classify(other, frames, engine=engine, threads=threads)
        assert np.array_equal(found.outputs, right.outputs)
        counts = (found.cycles, found.spikes, found.synaptic_operations)
        assert counts == (right.cycles, right.spikes, right.synaptic_operations)


@pytest.mark.error
@pytest.mark.parametrize("engine", ["reference", "event", "batch", "lanes"])
def test_frames_whose_sums_might_not_fit_are_refused(engine: str) -> None:
    image, frames = shipped()
    narrow = subtracting(image, threshold_max=255, input_min=0, input_max=127, potential_bits=11)
    with pytest.raises(EmulationError, match=r"could reach \d+, allowed up to 1023 \(potential_bits of profile np16\)"):
        run(narrow, np.tile(frames, (20, 1, 1, 1)), engine)


@pytest.mark.error
@pytest.mark.parametrize("engine", ["reference", "event", "batch", "lanes"])
def test_a_start_out_of_range_is_refused(engine: str) -> None:
    """Or it would be cut down to what a narrow type holds."""
    image, frames = shipped()
    image = subtracting(image)
    strange = dataclasses.replace(image, start=dataclasses.replace(image.start, value=image.start.value + 2**40))
    with pytest.raises(EmulationError, match=r"gets charge 1099511627777 in cycle \d+, allowed -32768..32767"):
        run(strange, frames, engine)
