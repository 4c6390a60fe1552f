"""A session: what was made, loaded, applied and run. It knows no command and prints nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from isa_spec.names import neuron_names
from isa_spec.potentials import leaking
from neuroproc.tennlab.image import network_to_image, weights_of
from neuroproc.tennlab.machine import Machine
from neuroproc.tennlab.network import Network
from neuroproc.tennlab.numbers import common_unit, exact
from neuroproc.tennlab.parameters import RispParameters, scaled

LATEST = 2**53
"""Times beyond this are no longer exact in the tools that speak this language."""


@dataclass(frozen=True)
class Loaded:
    """A network on a processor, and how its nodes are called; neurons are nodes by ascending id.

    Parameters
    ----------
    network : Network
    where : str
        Name of its file, for messages.
    params : RispParameters
    unit : Fraction
        What a potential unit is worth.
    image : ProcessorImage
    ids : tuple of int
    names : tuple of str
        ``3(Out)``, or ``3`` of a node without a name.
    width : int
        Of the longest name.
    kinds : tuple of str
        INPUT, HIDDEN or OUTPUT, in six letters.
    neurons, inputs, outputs : dict of int
        Neuron by the id of a node, input port likewise, and the neurons of outputs, in the order of the file.
    forgets : tuple of bool
        Whose charge does not outlive a cycle.
    """

    network: Network
    where: str
    params: RispParameters
    unit: Fraction
    image: ProcessorImage
    ids: tuple[int, ...]
    names: tuple[str, ...]
    width: int
    kinds: tuple[str, ...]
    neurons: dict[int, int]
    inputs: dict[int, int]
    outputs: dict[int, int]
    forgets: tuple[bool, ...]

    def weights(self) -> dict[tuple[int, int], float]:
        """Weight of each synapse by the ids of its nodes, sources ascending, as in the file otherwise."""
        weights = weights_of(self.network, self.params, self.where)
        rows = sorted(zip(self.network.edges, weights, strict=True), key=lambda row: row[0].source)
        return {(edge.source, edge.target): float(weight) for edge, weight in rows}


class Spike(NamedTuple):
    """Input that was applied: node, time on the clock, value as it was given."""

    node: int
    time: int
    value: float


def loaded(network: Network, params: RispParameters, where: str) -> Loaded:
    """A network for a processor, ready to be run.

    Raises
    ------
    NeuroprocError
        If it does not fit.
    """
    image = network_to_image(network, params, where=where)
    nodes = sorted(network.nodes)
    neurons = {node.id: number for number, node in enumerate(nodes)}
    names = tuple(neuron_names(image))
    kinds = dict.fromkeys(network.outputs, "OUTPUT") | dict.fromkeys(network.inputs, "INPUT ")
    return Loaded(
        network=network,
        where=where,
        params=params,
        unit=Fraction(image.options["tennlab"]["unit"]),
        image=image,
        ids=tuple(neurons),
        names=names,
        width=max(map(len, names), default=0),
        kinds=tuple(kinds.get(node.id, "HIDDEN") for node in nodes),
        neurons=neurons,
        inputs={node: port for port, node in enumerate(network.inputs)},
        outputs={node: neurons[node] for node in network.outputs},
        forgets=tuple(leaking(image).tolist()),
    )


@dataclass
class Session:
    """What a session remembers.

    Attributes
    ----------
    params : RispParameters or None
        Of the processor that was made.
    begin : int, cycles
        When the last run began; times are told from there.
    tracked : list of bool
        Whose times are told.
    waiting : list of Spike
        Input that has not arrived yet.
    """

    params: RispParameters | None = None
    begin: int = 0
    tracked: list[bool] = field(default_factory=list)
    waiting: list[Spike] = field(default_factory=list)
    _charges: dict[tuple[str, bool], int] = field(default_factory=dict)
    _chip: Loaded | None = None
    _machine: Machine | None = None

    def make(self, params: RispParameters) -> None:
        """Make a processor; it has no network yet."""
        self.unload()
        self.params = params

    def load(self, chip: Loaded) -> None:
        """Load a network; it starts after a reset, and every node is tracked."""
        self.params, self._chip, self._machine = chip.params, chip, Machine(chip.image)
        self.tracked = [True] * len(chip.ids)
        self._start_over()

    def unload(self) -> None:
        """Forget the network."""
        self._chip = self._machine = None
        self.tracked = []
        self._start_over()

    def _start_over(self) -> None:
        self.begin = 0
        self.waiting = []
        self._charges.clear()

    @property
    def made(self) -> RispParameters:
        """Parameters of the processor.

        Raises
        ------
        EmulationError
            If none was made.
        """
        if self.params is None:
            raise EmulationError("there is no processor yet; make one (MAKE), or make and load (ML)")
        return self.params

    @property
    def chip(self) -> Loaded:
        """What is loaded.

        Raises
        ------
        EmulationError
            If nothing is.
        """
        if self._chip is None:
            raise EmulationError("there is no network yet; load one (LOAD), or make and load (ML)")
        return self._chip

    @property
    def machine(self) -> Machine:
        """The processor at work.

        Raises
        ------
        EmulationError
            If nothing is loaded.
        """
        if self._machine is None:
            raise EmulationError("there is no network yet; load one (LOAD), or make and load (ML)")
        return self._machine

    def apply(self, spikes: list[tuple[int, int, str]], normalised: bool) -> None:
        """Apply input spikes: node, time from now, value. Nothing is applied if one of them is refused.

        A value that is finer than the potential unit makes the unit finer, and everything goes on as it was.

        Raises
        ------
        NeuroprocError
            If a value is no number, or is too large or too fine.
        """
        texts = {text for _, _, text in spikes}
        if not all((text, normalised) in self._charges for text in texts):
            values = {text: self._value(text, normalised) for text in texts}
            self._refine(values)
            for text, value in values.items():
                self._charges[text, normalised] = scaled(value, self.chip.unit, f"value {text}")
        now, machine, ports = self.machine.cycle, self.machine, self.chip.inputs
        for node, time, text in spikes:
            machine.inject(now + time, ports[node], self._charges[text, normalised])
            self.waiting.append(Spike(node, now + time, float(text)))

    def _value(self, text: str, normalised: bool) -> Fraction:
        """What a value is worth, in the file's numbers."""
        params, value = self.made, exact(text)
        if params.inputs_from_weights:
            if normalised:
                raise EmulationError(
                    "inputs are places in the table of weights (inputs_from_weights), and cannot be normalised; use ASV"
                )
            if value.denominator != 1 or not 0 <= value < len(params.weights):
                raise EmulationError(
                    f"value {text}, allowed: 0..{len(params.weights) - 1}, a place in the table of weights "
                    "(inputs_from_weights)"
                )
            return params.weights[int(value)]
        if normalised:
            if abs(value) > 1:
                raise EmulationError(
                    f"value {text}, allowed: -1..1, for it is normalised; ASV takes charges as they are"
                )
            value *= params.spike_value_factor
        return Fraction(math.floor(value)) if params.discrete else value

    def _refine(self, values: dict[str, Fraction]) -> None:
        chip = self.chip
        unit = common_unit([chip.unit, *values.values()])
        if unit == chip.unit:
            return
        for text, value in values.items():
            scaled(value, unit, f"value {text}")
        image = network_to_image(chip.network, chip.params, unit=unit, where=chip.where)
        self.machine.refine(image, int(chip.unit / unit))
        self._chip = replace(chip, unit=unit, image=image)
        self._charges.clear()

    def run(self, time: int) -> None:
        """Run so long; one cycle more where run times are inclusive. What is told of spikes is told of this run.

        Raises
        ------
        EmulationError
            If that is too long.
        """
        self._run(self._cycles(time))

    def run_by_cycles(self, time: int) -> Iterator[list[bool]]:
        """Run as `run` does, but each cycle by itself; whether each neuron fired, cycle by cycle.

        Raises
        ------
        EmulationError
            If that is too long.
        """
        for _ in range(self._cycles(time)):
            self._run(1)
            yield [bool(cycles) for cycles in self.machine.fires]

    def _cycles(self, time: int) -> int:
        cycles = time + self.chip.params.run_time_inclusive
        if self.machine.cycle + cycles > LATEST:
            raise EmulationError(
                f"time {time} ends after {LATEST}, allowed: up to there; clear the activity first (CA)"
            )
        return cycles

    def _run(self, cycles: int) -> None:
        self.begin = self.machine.cycle
        self.machine.run(cycles)
        if self.waiting:
            self.waiting = [spike for spike in self.waiting if spike.time >= self.machine.cycle]

    def clear_activity(self) -> None:
        """Clear charges, spikes and records; the clock goes back to 0."""
        self.machine.reset()
        self.begin = 0
        self.waiting = []

    def fires(self, neuron: int) -> list[int]:
        """Times in the last run at which a neuron fired, from its begin."""
        return [cycle - self.begin for cycle in self.machine.fires[neuron]]

    def told(self, neuron: int) -> list[int]:
        """The same of a neuron that is tracked; nothing of any other."""
        return self.fires(neuron) if self.tracked[neuron] else []

    def charges(self) -> list[float]:
        """Potentials in the file's numbers, by neuron; nothing is left of those that do not outlive a cycle."""
        many, forgets = self.chip.unit.denominator, self.chip.forgets
        levels = self.machine.potentials()
        return [0.0 if gone else level / many for level, gone in zip(levels, forgets, strict=True)]
