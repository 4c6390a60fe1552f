"""A run in pieces is a run, and no piece is long."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from emulator_helpers import as_rows, make_spec, random_events, random_image

from isa_spec.building import build_image
from isa_spec.errors import EmulationError
from isa_spec.image import Port, ProcessorImage
from isa_spec.spikes import SpikeEvents
from neuroproc import reference
from neuroproc.probe import PotentialProbe, SpikeProbe
from neuroproc.processor import Processor

Engine = Callable[..., Processor]
SEED = 61


def busy(n_neurons: int) -> ProcessorImage:
    """Neurons that all fire in every cycle from the first on."""
    numbers = np.arange(n_neurons)
    ones = np.ones(n_neurons, int)
    ports = [Port(f"{number}", number) for number in range(n_neurons)]
    return build_image(make_spec(), ones, numbers, numbers, ones, ones, ports, ports)


@pytest.mark.metamorphic
def test_pieces_are_the_run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "LOG_ENTRIES", 5)
    for trial in range(5):
        rng = np.random.default_rng((SEED, trial))
        image = random_image(rng, make_spec(potential_floor=-9), 30, 250)
        events = random_events(rng, image, 0, 60, 150)
        every = 1 + trial
        probes, others = ([SpikeProbe(), PotentialProbe(every=every)] for _ in range(2))
        whole, parts = engine(image, probes=probes), engine(image, probes=others)
        whole.inject(events)
        parts.inject(events)
        expected = as_rows(whole.run(70))
        found, cycles, seen = [], [], []
        for piece in parts.run_in_pieces(70):
            found += as_rows(piece)
            cycles.append(parts.cycle)
            seen.append(others[0].drain())
        assert found == expected
        assert cycles == sorted(set(cycles))
        assert cycles[-1] == 70
        assert len(cycles) >= 70 // every
        for part, column in zip(zip(*seen, strict=True), probes[0].events(), strict=True):
            assert np.array_equal(np.concatenate(part), column)
        assert np.array_equal(others[1].samples()[1], probes[1].samples()[1])
        assert parts.state() == whole.state()
        assert as_rows(parts.run(30)) == as_rows(whole.run(30))


def test_no_piece_is_long(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "LOG_ENTRIES", 2**10)
    processor = engine(busy(300))
    processor.inject(SpikeEvents.of(0, np.arange(300)))
    lengths = [len(piece) for piece in processor.run_in_pieces(500)]
    assert sum(lengths) == 300 * 500
    assert max(lengths) <= 2**16 + 300
    assert len(lengths) >= 3


@pytest.mark.error
def test_a_run_that_is_left_is_broken_off(engine: Engine) -> None:
    processor = engine(busy(3), probes=[PotentialProbe()])
    pieces = processor.run_in_pieces(10)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    with pytest.raises(EmulationError, match="the last run was broken off in its middle"):
        processor.run(1)
    processor.reset()
    assert list(processor.run_in_pieces(0)) == []
    with pytest.raises(EmulationError, match="run: cycles = -1, allowed: 0 and above"):
        next(processor.run_in_pieces(-1))
