"""The processor of a session: plain Python at first, and the event engine once there is enough work for it.

A session starts without compiled kernels, and changes over, in the middle of a run if need be, when plain Python has
taken about as long as loading them would. With 5,000 nodes and 100,000 edges, on one core of a shared Intel Xeon
(`python benchmarks/shell.py`):

    plain Python, a charge                                 1.1 microseconds
    the event engine, a charge                             0.014 microseconds
    the change, kernels loaded                             2.5 seconds
    the change, kernels compiled for the first time        11.5 seconds
"""

from __future__ import annotations

from isa_spec.image import ProcessorImage
from neuroproc.tennlab.event_machine import EventMachine, taken_over
from neuroproc.tennlab.plain import PlainMachine

PATIENCE = 3_000_000
"""Charges that plain Python delivers before it hands over."""


class Machine:
    """A processor with an image loaded, after a reset.

    Parameters
    ----------
    image : ProcessorImage
        Of a network of TENNLab.
    patience : int
        Charges after which the event engine takes over.
    """

    def __init__(self, image: ProcessorImage, patience: int = PATIENCE) -> None:
        self._patience = patience
        self._engine: PlainMachine | EventMachine = PlainMachine(image)

    @property
    def engine(self) -> str:
        """``plain`` or ``event``."""
        return "plain" if isinstance(self._engine, PlainMachine) else "event"

    @property
    def cycle(self) -> int:
        """Number of the next cycle."""
        return self._engine.cycle

    @property
    def fires(self) -> list[list[int]]:
        """Cycles of the last run in which each neuron fired."""
        return self._engine.fires

    @property
    def accumulated(self) -> int:
        """Charges that reached neurons in the last run, over synapses and from outside."""
        return self._engine.accumulated

    def potentials(self) -> list[int]:
        """Potentials after the last cycle, by neuron, in potential units."""
        return self._engine.potentials()

    def reset(self) -> None:
        """Clear potentials, records and everything under way; the clock goes back to 0."""
        self._engine.reset()

    def inject(self, cycle: int, port: int, charge: int) -> None:
        """Give charge to an input port for the next cycle or a later one; charges add."""
        self._engine.inject(cycle, port, charge)

    def run(self, cycles: int) -> None:
        """Run some cycles, and record them alone."""
        self._engine.forget()
        end = self._engine.cycle + cycles
        if isinstance(self._engine, PlainMachine):
            self._engine.run(end, self._patience)
            self._patience -= self._engine.accumulated
            if self._engine.cycle < end:
                self._engine = taken_over(self._engine)
        if isinstance(self._engine, EventMachine):
            self._engine.run(end)

    def refine(self, image: ProcessorImage, times: int) -> None:
        """Go on with an image whose potential unit is so many times finer."""
        self._engine = self._engine.refined(image, times)
