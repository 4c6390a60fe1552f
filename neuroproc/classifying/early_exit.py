"""Early exit: frames one after the other, each stopped in the step in which its class is clear enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from isa_spec.decoding import class_potentials, to_classes
from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from isa_spec.stream import StreamContract
from neuroproc.classifying.classification import Classification, check_request
from neuroproc.classifying.host import encode_frames, input_contract
from neuroproc.classifying.stretches import Report, run_side_by_side
from neuroproc.processor import Processor


@dataclass(frozen=True, eq=False)
class EarlyExit:
    """What a set of frames gave that were stopped by a margin.

    Parameters
    ----------
    classification : Classification
        Its counts are sums over all frames, each from its own reset to its stop.
    margin : int, potential units
    n_steps : int
        Of the last layer in a frame that nothing stops.
    steps : int64[n_frames]
        Of the last layer until each frame's stop, from 1 on.
    reached : bool[n_frames]
        Whether the margin was reached; if not, the class is that of the last step.
    """

    classification: Classification
    margin: int
    n_steps: int
    steps: np.ndarray
    reached: np.ndarray


def classify_by_margin(
    image: ProcessorImage,
    frames: np.ndarray,
    margin: int,
    labels: np.ndarray | None = None,
    engine: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> EarlyExit:
    """Decisions of single frames, each of which ends when the best class leads by a margin.

    After each step of the last layer the host reads its potentials. As soon as those of one class sum to at least
    `margin` more than those of any other, the frame is decided, and the processor is reset for the next one.

    Parameters
    ----------
    image : ProcessorImage
        Decides by potential; its last layer has the whole map in one slot.
    frames : int[n_frames, C, H, W]; C and W may be missing where they are 1
    margin : int, potential units
        1 and above.
    labels : int[n_frames], optional
    engine : str
        As for `Processor`.
    progress : callable, optional
        Called with the frames done so far and all frames.
    threads : int, optional
        Processors that share the frames; as many as there are cores by default.

    Raises
    ------
    EmulationError
        If the image decides otherwise, has one class, or has its last map in several slots; if the margin is below 1;
        or as `classify`.
    FormatError
        As `classify`.

    Source: Lu and Sengupta 2020 (stopping a frame at run time).
    """
    frames, threads = check_request(image, frames, labels, threads)
    contract = _output_contract(image)
    if margin < 1:
        raise EmulationError(f"margin = {margin}, allowed: 1 and above")
    pieces = 1 if engine == "reference" else min(threads, len(frames))
    processors = [Processor(image, engine) for _ in range(pieces)]
    begin = time.perf_counter()

    def show(done: int) -> None:
        if progress and done < len(frames):  # the last is reported below, once
            progress(done, len(frames))

    jobs = [
        partial(_run, processor, contract, part, margin)
        for processor, part in zip(processors, np.array_split(frames, pieces), strict=True)
    ]
    stops = [stop for part in run_side_by_side(jobs, show) for stop in part]
    if progress:
        progress(len(frames), len(frames))
    potential = np.array([stop.potential for stop in stops])
    outputs = np.array([stop.output for stop in stops], np.uint8)
    counts = np.array([stop.spike_count for stop in stops]).sum(axis=0)
    classification = Classification(
        outputs=outputs.reshape(-1, contract.channels, contract.height, contract.width),
        predictions=to_classes(image.decode or {}, outputs[:, None], potential),
        labels=None if labels is None else np.asarray(labels, np.int64),
        cycles=sum(stop.cycles for stop in stops),
        spikes=int(counts.sum()),
        synaptic_operations=int(counts @ np.diff(image.row_start)),
        spike_count=counts,
        seconds=time.perf_counter() - begin,
        engine=processors[0].engine,
        threads=pieces,
    )
    steps = np.array([stop.steps for stop in stops], np.int64)
    reached = np.array([stop.reached for stop in stops])
    return EarlyExit(classification, margin, contract.levels, steps, reached)


@dataclass(frozen=True, eq=False)
class _Stop:
    """How one frame ended: potentials and spike counts of the last layer, in C, H, W order, and what it all took."""

    potential: np.ndarray
    output: np.ndarray
    steps: int
    reached: bool
    cycles: int
    spike_count: np.ndarray


def _output_contract(image: ProcessorImage) -> StreamContract:
    """Contract of the last layer, if its potentials can be read step by step, and classes told apart by them.

    Raises
    ------
    EmulationError
    """
    input_contract(image)
    contract, decode = image.layers[-1].contract, image.decode or {"kind": "spikes"}
    assert contract is not None  # an image with an input contract has one for every layer
    if decode.get("by") != "potential":
        by = f" by {decode.get('by', 'count')}" if decode["kind"] == "argmax" else ""
        raise EmulationError(
            f"early exit: the image decides by kind '{decode['kind']}'{by}, allowed: kind 'argmax' by potential; "
            "compile a network whose decode says so"
        )
    if decode["classes"] < 2:
        raise EmulationError("early exit: the image has 1 class, allowed: 2 and more, or none can lead")
    if contract.tile_rows * contract.tile_cols * contract.n_turns > 1:
        raise EmulationError(
            f"early exit: layer '{image.layers[-1].name}' has its {contract.height}x{contract.width} map in "
            f"{contract.tile_rows * contract.tile_cols * contract.n_turns} slots, allowed: one; a slot has all of its "
            "steps before the next one begins, so no step of the whole map is there before the last slot; unroll more"
        )
    return contract


def _run(
    processor: Processor, contract: StreamContract, frames: np.ndarray, margin: int, report: Report
) -> Sequence[_Stop]:
    """Stops of frames that have a processor for themselves, one after the other."""
    image = processor.image
    lanes = contract.lanes().ravel()
    neurons = np.array([port.neuron for port in image.outputs])[lanes]
    value_of = np.argsort(lanes)
    stops = []
    for frame in frames:
        processor.reset()
        processor.inject(image.start)
        processor.inject(encode_frames(image, frame[None]))
        output = np.zeros(contract.n_values, np.uint8)
        steps, reached = 0, False
        while not reached and steps < contract.levels:
            processor.run(contract.start + steps * contract.beat - processor.cycle)
            fired = processor.step()
            output[value_of[fired.port]] += 1
            potential = processor.potentials[neurons]
            second, best = np.partition(class_potentials(image.decode or {}, potential[None])[0], -2)[-2:]
            steps, reached = steps + 1, int(best - second) >= margin
        stops.append(_Stop(potential, output, steps, reached, processor.cycle, processor.spike_counts))
        report(1)
    return stops
