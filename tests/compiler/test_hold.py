"""Dense layers after a stream, held: charges, timing, cost, and what cannot be held."""

from dataclasses import replace

import numpy as np
import pytest

import neuroproc
from compiler.charging.hold import hold_charges
from compiler.costing.cost import cost_of
from compiler.emit import emit
from compiler.networks.drive import Window
from compiler.networks.layers import Conv2d, Dense, Flatten
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from compiler.schedule import make_schedule
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.image import ROLES
from isa_spec.spec import load_profile

RESEARCH = load_profile("research")


def network(seed=0):
    rng = np.random.default_rng(seed)
    layers = (
        Conv2d("conv", ("input",), rng.integers(-3, 4, (4, 1, 3, 3)), np.full(4, 2), padding=((1, 1), (1, 1))),
        Flatten("flatten", ("conv",)),
        Dense("dense", ("flatten",), rng.integers(-7, 8, (6, 4 * 36)), rng.integers(-30, 40, 6)),
        Dense("last", ("dense",), rng.integers(-3, 4, (5, 6)), np.full(5, 1)),
    )
    return LayeredNetwork("held", (1, 6, 6), layers, {"kind": "binary"}, {"kind": "spikes"})


def frames(n=8, seed=1):
    return (np.random.default_rng(seed).random((n, 1, 6, 6)) < 0.5).astype(np.uint8)


@pytest.mark.oracle
@pytest.mark.parametrize("floor", [0, -5])
@pytest.mark.parametrize("unroll", [(1, 1), (6, 1), (2, 3)])
@pytest.mark.parametrize("max_delay", [None, 15, 3])
def test_held_layers_are_exact(floor, unroll, max_delay):
    spec = replace(RESEARCH, potential_floor=floor, max_delay=max_delay)
    schedule = make_schedule(network(), spec, FoldPlan(unroll, dense="held"))
    image = emit(schedule, cost_of(schedule))
    assert [stage.name for stage in schedule.stages if stage.held] == ["dense"]
    assert neuroproc.verify(network(), image, frames()).exact


@pytest.mark.parametrize("floor", [0, -4])
def test_no_partial_sum_fires_or_meets_the_floor_and_every_full_one_is_decided(floor):
    """Whatever arrives, in whatever order."""
    rng = np.random.default_rng(0)
    spec = replace(RESEARCH, potential_floor=floor)
    for _ in range(200):
        weight = rng.integers(-5, 6, (1, 8, 1, 1))
        wanted = rng.integers(-30, 31, 1)
        charges = hold_charges([Window(weight, (1, 1), (0, 0), 1)], wanted, spec, "floor", "l")
        potential = max(int(charges.threshold[0]) - 1 + int(charges.clear[0]), floor)
        assert potential == floor
        potential += int(charges.preload[0])
        for value in rng.permutation(weight.ravel() * rng.integers(0, 2, 8)):
            potential += int(value)
            assert floor <= potential < charges.threshold[0]
        total = potential - floor - int(charges.preload[0])
        assert (potential + charges.release[0] >= charges.threshold[0]) == (total >= wanted[0])


def test_held_units_speak_once_a_frame():
    schedule = make_schedule(network(), RESEARCH, FoldPlan((1, 1), dense="held"))
    image = emit(schedule, cost_of(schedule))
    record = next(record for record in image.layers if record.name == "dense")
    probe = neuroproc.SpikeProbe(np.arange(record.first_neuron, record.first_neuron + 6))
    processor = neuroproc.Processor(image, probes=[probe])
    processor.inject(image.start)
    processor.inject(neuroproc.encode_frames(image, frames()))
    processor.run(image.latency + 7 * image.interval)
    cycle, _ = probe.events()
    assert len(cycle)
    assert set((cycle - record.contract.start) % image.interval) == {0}


def test_auto_holds_where_relays_would_cost_more():
    for max_delay, held in ((None, False), (127, False), (7, False), (1, True)):
        spec = replace(RESEARCH, max_delay=max_delay)
        found = make_schedule(network(), spec, FoldPlan((1, 1)))
        assert any(stage.held for stage in found.stages) == held
        costs = {dense: cost_of(make_schedule(network(), spec, FoldPlan((1, 1), dense=dense))).neurons
                 for dense in ("auto", "aligned", "held")}  # fmt: skip
        assert costs["auto"] == min(costs["aligned"], costs["held"])


def test_roles_are_counted():
    schedule = make_schedule(network(), RESEARCH, FoldPlan((1, 1), dense="held"))
    image = emit(schedule, cost_of(schedule))
    roles = np.bincount(image.role, minlength=len(ROLES))
    assert roles[ROLES.index("demux")] == 4 * 36
    assert roles[ROLES.index("select")] == 36


@pytest.mark.error
def test_what_cannot_be_held_says_why():
    leaking = load_profile("np16-leak")
    with pytest.raises(ResourceError, match=r"layer .dense. cannot be held with clearing .leak.*align it by delay"):
        make_schedule(network(), leaking, FoldPlan((1, 1), dense="held"))
    narrow = replace(RESEARCH, threshold_max=200)
    with pytest.raises(ResourceError, match=r"layer 'dense', threshold.*threshold_max"):
        make_schedule(network(), narrow, FoldPlan((1, 1), dense="held"))
    assert not any(stage.held for stage in make_schedule(network(), narrow, FoldPlan((1, 1))).stages)
    with pytest.raises(ScheduleError, match="dense 'sideways' is unknown, allowed: auto, aligned, held"):
        make_schedule(network(), RESEARCH, FoldPlan((1, 1), dense="sideways"))
