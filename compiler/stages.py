"""What a schedule says: for the input and every layer a contract, taps, charges. Passive data; `schedule` makes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.charging.charges import Charges, clearing_way, least_delay
from compiler.charging.hold import HoldCharges
from compiler.folding.rivals import Rivals
from compiler.folding.turns import TurnCharges
from compiler.networks.drive import Window
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan
from isa_spec.spec import ProcessorSpec
from isa_spec.stream import StreamContract


@dataclass(frozen=True, eq=False)
class Taps:
    """Connections along one axis, each between a lane that is read and a lane that reads.

    Parameters
    ----------
    lane_in, lane_out : int64[n_taps]
    tap : int64[n_taps]
        Index into the kernel.
    age : int64[n_taps], slots
        How much later the value that is read comes than one in the source's first tile.
    """

    lane_in: np.ndarray
    lane_out: np.ndarray
    tap: np.ndarray
    age: np.ndarray

    def lanes_per_tap(self, kernel: int) -> np.ndarray:
        """Connections through each place of the kernel: int64[kernel]."""
        return np.bincount(self.tap, minlength=kernel)


@dataclass(frozen=True, eq=False)
class Part:
    """One window of a stage over one carrier: 0 is the input, ``i + 1`` stage ``i``.

    ``levels`` is the most spikes of a value that are gathered before one is compared: above 1 where values are counted.
    ``together`` says that channels which share a neuron share its
    synapses, too, and keep their source's turns. ``slope`` says that a spike counts in every step from its own on.
    """

    source: int
    window: Window
    rows: Taps
    cols: Taps
    levels: int = 1
    together: bool = False
    slope: bool = False


@dataclass(frozen=True, eq=False)
class Stage:
    """Units of a layer, or the serialiser behind one.

    Parameters
    ----------
    name : str
        Layer, or ``"input"``.
    role : str
        ``"unit"`` or ``"serialiser"``.
    parts : tuple of Part
    charges : Charges
    gated : bool
        Whether it is kept silent in blank slots.
    contract : StreamContract
    hold : HoldCharges or None
        For a layer that gathers a stream by hold and release; its parts are then read through demultiplexers.
    turn : TurnCharges or None
        For units that are silent but in the turns of their channels.
    once, wiped : bool
        Whether its neurons fire once in a slot; whether a synapse of the phase clock clears them, instead of charges.
    group : int64[n_windows, area] or None
        For a pool whose units are outputs of groups: lanes of a channel that each is the output of, in the stage that
        its part reads. It has no synapses then.
    rivals : Rivals or None
        For units that reset each other by synapses.
    """

    name: str
    role: str
    parts: tuple[Part, ...]
    charges: Charges
    gated: bool
    contract: StreamContract
    hold: HoldCharges | None = None
    turn: TurnCharges | None = None
    once: bool = False
    wiped: bool = False
    group: np.ndarray | None = None
    rivals: Rivals | None = None

    @property
    def levels(self) -> int:
        """Most spikes of a value that its units gather before they compare."""
        return max(part.levels for part in self.parts)

    @property
    def aligned(self) -> tuple[Part, ...]:
        """Parts that are read by delay."""
        return () if self.hold or self.group is not None else self.parts

    @property
    def held(self) -> tuple[Part, ...]:
        """Parts that are read through demultiplexers."""
        return self.parts if self.hold else ()


@dataclass(frozen=True, eq=False)
class Schedule:
    """Everything that is decided before a neuron exists.

    Parameters
    ----------
    network : LayeredNetwork
    spec : ProcessorSpec
    plan : FoldPlan
    input : StreamContract
    stages : tuple of Stage
    read, home : dict of str to int
        As in `Geometry`.
    lead : int, cycles
        How much longer all delays are than they need be, so that fan-outs can be split.
    slopes : bool
        Whether it is the schedule of a latched network whose input lanes and units fire once
        (`compiler.charging.slopes`).
    """

    network: LayeredNetwork
    spec: ProcessorSpec
    plan: FoldPlan
    input: StreamContract
    stages: tuple[Stage, ...]
    read: dict[str, int]
    home: dict[str, int]
    lead: int = 0
    slopes: bool = False

    def contract(self, carrier: int) -> StreamContract:
        """Contract of the input (0) or of stage ``carrier - 1``."""
        return self.stages[carrier - 1].contract if carrier else self.input

    @property
    def output(self) -> int:
        """Carrier of the network's answers."""
        return self.home[self.network.answering.name]

    @property
    def clearing(self) -> str:
        """How potentials are cleared: ``floor``, ``leak``, ``force``, or ``clear`` by synapses that do."""
        return "clear" if self.slopes else clearing_way(self.plan.clearing, self.spec)

    @property
    def hop(self) -> int:
        """Shortest delay, in cycles."""
        return 1 + self.lead

    @property
    def least(self) -> int:
        """Shortest delay from clocks and gates to units, in cycles."""
        return least_delay(self.spec) + self.lead

    @property
    def slot(self) -> int:
        """Cycles per slot: 2 where potentials are cleared, else 1; more for counted values, or by the plan."""
        return self.input.slot

    @property
    def interval(self) -> int:
        """Initiation interval, in cycles."""
        return self.input.interval

    @property
    def latency(self) -> int:
        """Cycles from reset until frame 0 is decided."""
        return self.contract(self.output).last_cycle + 1
