"""An image with one synapse per ordered pair does what the image with parallel ones does, spike for spike."""

from dataclasses import replace

import numpy as np
import pytest
from emulator_helpers import FAMILIES, family_spec, make_spec, random_events, random_image

import neuroproc
from compiler.passes.single_synapses import single_synapses
from isa_spec.building import build_image, check_image
from isa_spec.errors import ResourceError
from isa_spec.image import ROLES, Port
from neuroproc.probe import SpikeProbe
from neuroproc.processor import Processor

CYCLES = 150


def with_longer_delays(image):
    """The same image, every synapse a cycle later: then a proxy can come before any of them."""
    return replace(image, delay=image.delay + 1)


def run(image, events):
    probe = SpikeProbe()
    processor = Processor(image, engine="reference", probes=[probe])
    processor.inject(events)
    spikes = processor.run(CYCLES)
    cycle, neuron = probe.events()
    return spikes, cycle, neuron


@pytest.mark.differential
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_every_neuron_fires_as_before(family, seed):
    rng = np.random.default_rng(seed)
    image = with_longer_delays(random_image(rng, family_spec(family), n_neurons=6, n_synapses=70, max_delay=12))
    single = single_synapses(image)
    pairs = list(zip(single.source().tolist(), single.target.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert single.n_neurons > image.n_neurons
    check_image(replace(single, spec=replace(single.spec, parallel_synapses=False)))
    assert np.all(single.role[image.n_neurons :] == ROLES.index("proxy"))
    events = random_events(rng, image, 0, 100, 200)
    spikes, cycle, neuron = run(image, events)
    spikes_too, cycle_too, neuron_too = run(single, events)
    old = neuron_too < image.n_neurons
    assert np.array_equal(cycle_too[old], cycle)
    assert np.array_equal(neuron_too[old], neuron)
    assert len(cycle) > 9, "too quiet to tell"
    for name in ("cycle", "port", "value"):
        assert np.array_equal(getattr(spikes, name), getattr(spikes_too, name))


def test_an_image_without_parallel_synapses_stays_what_it_is():
    image = build_image(make_spec(), [1, 2], [0, 1], [1, 0], [3, 4], [1, 1], [Port("a", 0)], [])
    assert single_synapses(image) is image


def test_everything_else_is_kept():
    network = neuroproc.load_network("neuroproc/data/digits.json")
    image = neuroproc.compile_network(network, neuroproc.load_profile("np16"), neuroproc.FoldPlan((2, 2)))
    single = single_synapses(image)
    assert single.n_neurons > image.n_neurons
    for name in (
        "inputs",
        "outputs",
        "layers",
        "encoding",
        "decode",
        "latency",
        "interval",
        "source_digest",
        "options",
    ):
        assert getattr(single, name) == getattr(image, name)
    frames = neuroproc.read_frames("neuroproc/data/digits_frames.npz")[:20]
    one, other = (neuroproc.classify(some, frames).predictions for some in (image, single))
    assert np.array_equal(one, other)
    assert neuroproc.verify(network, single, frames[:5]).exact


def test_two_of_delay_1_are_refused():
    image = build_image(make_spec(), [1, 2], [0, 0], [1, 1], [3, 4], [1, 1], [Port("a", 0)], [])
    with pytest.raises(
        ResourceError, match="2 synapses between one ordered pair of neurons are to deliver after 1 cycle"
    ):
        single_synapses(image)
