"""Latched networks where neurons fire once and synapses are slopes: a single spike says what a latch repeats.

A processor that has neurons that fire once, slope synapses and clear synapses needs no latch. Slots are those of
`rate`: T cycles for the T steps of a frame and one for the clearing, and what leaves a neuron in step s arrives at its
readers in theirs.

*One spike.* Input lanes, units that are latched in the network, and maxima of such fire once: in the step in which the
network's train begins. A synapse onto a unit is a slope, and counts from the step of its one spike on in each step of
the slot, as it would if the train came. So potential and slope are the network's potential and the sum of its step, as
long as the unit has not fired; and so they are in the units that answer, which fire more than once: a spike leaves the
slope as it is. A maximum has charges: it fires with the first of its window, and once.

*The clearing.* In the cycle after step T - 1 the phase clock's clear synapse makes potential and slope 0 and lets the
neuron fire again, before anything of that cycle counts. Nothing else arrives then, for nobody fires in the cycle of the
clearing: by induction from layer to layer, what arrives is nothing, and 0 is below every threshold. The host is silent.
So a slot starts at 0 whatever came before it. The first one does by itself, and starts so late that its own clearing
comes in time for the second (`schedule.make_schedule`).

*Floors* do what they do in `rate`: the chip's is either out of reach or the network's.

*Inhibition* in a blank slot is a charge of -P in every step, P >= 0 being the sum of a unit's positive weights. Sources
fire once in a slot, so no slope is above P; the potential stays at 0 or below, and nothing fires.

A serialiser repeats what it reads, each spike once and at once. It keeps nothing, and is not cleared.
"""

from __future__ import annotations

from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from isa_spec.errors import ScheduleError
from isa_spec.spec import ProcessorSpec


def has_slopes(network: LayeredNetwork, spec: ProcessorSpec, plan: FoldPlan) -> bool:
    """Whether a latched network is laid out with slopes: where the processor has all of it, and nothing else is wanted.

    Raises
    ------
    ScheduleError
        If a layer reads the units that answer, which fire more than once.
    """
    whole = spec.one_shot and spec.slope_synapses and spec.clear_synapses
    if not (network.latched and whole and plan.clearing == "auto"):
        return False
    answer = network.answering
    for layer in network.layers:
        if answer.name in layer.sources and layer.kind != "flatten":
            raise ScheduleError(
                f"layer '{layer.name}' reads '{answer.name}', whose units answer and so may fire more than once: no "
                "slope tells such a train; leave the layer out, or clear by floor or force, which latches use"
            )
    return True
