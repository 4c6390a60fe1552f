"""Input that waits and spikes that leave: the short ways against the long ones."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from emulator_helpers import as_rows, make_spec

from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc.ports import FEW, InputQueue, OutputPorts, sorted_within


def image_of(outputs: tuple[int, ...] = (), **changes: Any) -> ProcessorImage:
    inputs = [Port("a", 3), Port("b", 1), Port("c", 1)]
    ports = [Port(f"out{k}", neuron) for k, neuron in enumerate(outputs)]
    return build_image(make_spec(**changes), np.ones(5, int), [], [], [], [], inputs, ports)


@pytest.mark.differential
@pytest.mark.parametrize("keeps_zero", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_few_events_are_queued_like_many(seed: int, keeps_zero: bool) -> None:
    rng = np.random.default_rng(seed)
    queue = InputQueue(image_of(), keeps_zero)
    long = queue.joined(SpikeEvents.none(), SpikeEvents.none(), 0)
    for now in range(0, 50, 5):
        n_events = int(rng.integers(0, 5)) if rng.random() < 0.9 else 2 * FEW
        events = SpikeEvents.of(now + rng.integers(0, 9, n_events), rng.integers(0, 3, n_events), rng.integers(-2, 3))
        queue.add(events, now)
        long = queue.joined(long, events, now)
        assert as_rows(queue.waiting()) == as_rows(long)
        # Whoever gave the events may write over them.
        events.value[:] = 99
        cycle, neuron, charge = queue.take(now + 5)
        due, long = long.window(0, now + 5), long.window(now + 5, 10**6)
        assert cycle.tolist() == due.cycle.tolist()
        assert neuron.tolist() == np.array([3, 1, 1])[due.port].tolist()
        assert charge.tolist() == due.value.tolist()
        assert as_rows(queue.waiting()) == as_rows(long)


@pytest.mark.error
@pytest.mark.parametrize(
    ("cycle", "port", "value", "message"),
    [(6, 0, 1, "in the past"), (7, 3, 1, "port 3 is unknown"), (7, 0, 11, "gets charge 11"), (7, 1, -1, "charge -1")],
)
def test_what_is_refused_changes_nothing(cycle: int, port: int, value: int, message: str) -> None:
    image = image_of(input_min=0, input_max=10)
    for before in ([], [8]):
        queue = InputQueue(image, False)
        queue.add(SpikeEvents.of(before, 0, 5), 7)
        with pytest.raises(EmulationError, match=message):
            queue.add(SpikeEvents.of([cycle, 9], [port, 0], [value, 1]), 7)
        assert as_rows(queue.waiting()) == [(8, 0, 5)] * len(before)


@pytest.mark.differential
@pytest.mark.parametrize("outputs", [(), (1, 2, 4), (4, 0, 2), (3, 1, 3, 0), (2, 2)])
def test_output_ports(outputs: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    ports = OutputPorts(image_of(outputs))
    fired = rng.random((40, 5)) < 0.4
    expected = [(cycle, port, 1) for cycle in range(40) for port, neuron in enumerate(outputs) if fired[cycle, neuron]]
    for cuts in ([0, 40], [0, 7, 8, 30, 40]):
        logs = []
        for begin, end in itertools.pairwise(cuts):
            cycle, neuron = np.nonzero(fired[begin:end])
            logs.append((cycle + begin, neuron.astype(np.int32)))
        events = ports.events(logs)
        assert as_rows(events) == expected
        assert (events.cycle.dtype, events.port.dtype, events.value.dtype) == (np.int64, np.int32, np.int64)
    assert as_rows(ports.events([])) == []


@pytest.mark.differential
@pytest.mark.parametrize("n_numbers", [1, 7, 2**31 - 1])
@pytest.mark.parametrize("length", [0, 1, 300])
def test_sorting_within_cycles(n_numbers: int, length: int) -> None:
    rng = np.random.default_rng(length)
    cycle = np.sort(rng.integers(0, 2**62, 40))[np.sort(rng.integers(0, 40, length))]
    number = rng.integers(0, n_numbers, length).astype(np.int32)
    found = sorted_within(cycle, number, n_numbers)
    assert np.array_equal(found, number[np.lexsort((number, cycle))])
    assert found.dtype == np.int32
