"""What must not matter does not: names of neurons, the hour, how a run is cut, and who goes on with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from emulator_helpers import ALL_FAMILIES, as_rows, family_spec, random_events, random_image

from isa_spec.building import build_image
from isa_spec.image import Port
from isa_spec.spikes import SpikeEvents
from neuroproc.probe import PotentialProbe, SpikeProbe
from neuroproc.processor import Processor
from neuroproc.state import load_state, save_state

pytestmark = pytest.mark.metamorphic
families = pytest.mark.parametrize("family", ALL_FAMILIES)


@families
def test_neurons_in_another_order(family: str, engine: Callable[..., Processor]) -> None:
    rng = np.random.default_rng(1)
    image = random_image(rng, family_spec(family), 30, 200)
    name = rng.permutation(image.n_neurons)
    threshold = np.zeros_like(image.threshold)
    threshold[name] = image.threshold
    leaks, once, group = np.zeros_like(image.leaks), np.zeros_like(image.once), np.full_like(image.group, -1)
    leaks[name], once[name], group[name] = image.leaks, image.once, np.where(image.group < 0, -1, name[image.group])
    other = build_image(
        image.spec, threshold, name[image.source()], name[image.target], image.weight, image.delay,
        [Port(port.name, int(name[port.neuron])) for port in image.inputs],
        [Port(port.name, int(name[port.neuron])) for port in image.outputs],
        leaks=leaks, once=once, group=group, kind=image.kind,
    )  # fmt: skip
    events = random_events(rng, image, 0, 80, 200)
    one, two = engine(image), engine(other)
    one.inject(events)
    two.inject(events)
    assert as_rows(one.run(100)) == as_rows(two.run(100))
    assert np.array_equal(one.potentials, two.potentials[name])
    assert np.array_equal(one.spike_counts, two.spike_counts[name])
    assert one.counters == two.counters


@pytest.mark.parametrize("family", [name for name in ALL_FAMILIES if name != "every cycle, any threshold"])
def test_later(family: str, engine: Callable[..., Processor]) -> None:
    rng = np.random.default_rng(2)
    image = random_image(rng, family_spec(family), 30, 200)
    events = random_events(rng, image, 0, 80, 200)
    for shift in (1, 17, 64):
        one, two = engine(image), engine(image)
        one.inject(events)
        two.inject(events.shifted(shift))
        assert as_rows(one.run(100).shifted(shift)) == as_rows(two.run(100 + shift))
        assert np.array_equal(one.potentials, two.potentials)
        first, second = one.state().pending, two.state().pending
        assert np.array_equal(first.ahead, second.ahead)
        assert np.array_equal(first.charge, second.charge)


@families
def test_cut_into_runs(family: str, engine: Callable[..., Processor]) -> None:
    rng = np.random.default_rng(3)
    image = random_image(rng, family_spec(family), 30, 200)
    events = random_events(rng, image, 0, 120, 300)
    potentials, spikes = PotentialProbe(every=7), SpikeProbe()
    whole = engine(image, probes=[potentials, spikes])
    whole.inject(events)
    expected = as_rows(whole.run(120))
    for _ in range(3):
        other_potentials, other_spikes = PotentialProbe(every=7), SpikeProbe()
        parts = engine(image, probes=[other_potentials, other_spikes])
        found = []
        cuts = sorted(rng.integers(0, 121, 6).tolist())
        for begin, end in zip([0, *cuts], [*cuts, 120], strict=True):
            # Input may come just in time.
            parts.inject(events.window(begin, end))
            found += as_rows(parts.run(end - begin))
        assert found == expected
        assert parts.state() == whole.state()
        assert parts.counters == whole.counters
        observed = zip(
            potentials.samples() + spikes.events(), other_potentials.samples() + other_spikes.events(), strict=True
        )
        assert all(np.array_equal(mine, others) for mine, others in observed)


@families
@pytest.mark.parametrize("engines", [("reference", "event"), ("event", "reference"), ("event", "event")])
def test_go_on_elsewhere(family: str, engines: tuple[str, str], tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    image = random_image(rng, family_spec(family), 30, 200)
    events = random_events(rng, image, 0, 150, 300)
    whole = Processor(image, "reference")
    whole.inject(events)
    expected = as_rows(whole.run(100))
    first, second = (Processor(image, name) for name in engines)
    first.inject(events)
    found = as_rows(first.run(33))
    save_state(tmp_path / "state.npz", first.state())
    # What the second one did before does not matter.
    second.inject(random_events(rng, image, 0, 50, 100))
    second.run(21)
    second.restore(load_state(tmp_path / "state.npz"))
    assert second.state() == first.state()
    found += as_rows(second.run(67))
    assert found == expected
    assert second.state() == whole.state()
    assert second.counters.cycles == 67


@families
def test_reset_forgets(family: str, engine: Callable[..., Processor]) -> None:
    rng = np.random.default_rng(5)
    image = random_image(rng, family_spec(family), 30, 200)
    probe = SpikeProbe()
    processor, fresh = engine(image, probes=[probe]), engine(image)
    processor.inject(random_events(rng, image, 0, 100, 300))
    processor.run(50)
    assert len(processor.state().pending)
    assert len(processor.state().inputs)
    assert len(probe)
    processor.reset()
    assert processor.state() == fresh.state()
    assert processor.counters == fresh.counters
    assert processor.cycle == 0
    assert len(probe) == 0
    events = random_events(rng, image, 0, 60, 100)
    processor.inject(events)
    fresh.inject(events)
    assert as_rows(processor.run(80)) == as_rows(fresh.run(80))
    assert processor.state() == fresh.state()


def test_charge_may_come_in_parts_and_any_order(engine: Callable[..., Processor]) -> None:
    rng = np.random.default_rng(6)
    image = random_image(rng, family_spec("on delivery, any threshold"), 20, 100)
    events = random_events(rng, image, 0, 30, 120)
    together, apart = engine(image), engine(image)
    together.inject(events)
    for i in rng.permutation(len(events)).tolist():
        apart.inject(SpikeEvents.of(events.cycle[i], events.port[i], events.value[i]))
    assert together.state() == apart.state()
    assert as_rows(together.run(50)) == as_rows(apart.run(50))
