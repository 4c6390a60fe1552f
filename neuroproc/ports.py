"""The doors of a processor: input that waits for its cycle, and spikes as events at output ports."""

from __future__ import annotations

import itertools

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ProcessorImage
from isa_spec.spikes import SpikeEvents

FEW = 64
"""Events that are checked one by one; more of them, all at once: numpy takes a microsecond for anything."""

_EVENT_TYPES = (np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.int64))
_NEVER = 2**63 - 1
_NONE = (np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))

Charges = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Cycle, neuron and charge: int64[n], int32[n], int64[n]."""


class InputQueue:
    """Input charge for cycles to come.

    Parameters
    ----------
    image : ProcessorImage
    keeps_zero : bool
        Whether a charge of 0 can be felt.
    """

    def __init__(self, image: ProcessorImage, keeps_zero: bool) -> None:
        self._image = image
        self._keeps_zero = keeps_zero
        self._neuron = np.array([port.neuron for port in image.inputs], np.int32)
        self.replace(SpikeEvents(*_NONE))

    def replace(self, events: SpikeEvents) -> None:
        """Put events that were made by `joined` in the place of all that wait."""
        self._events = events
        self._target = self._neuron[events.port]
        self._taken = 0
        self._first = int(events.cycle[0]) if len(events) else _NEVER

    def waiting(self) -> SpikeEvents:
        """What was not taken yet, one event per cycle and port, sorted."""
        events, begin = self._events, self._taken
        return SpikeEvents(events.cycle[begin:], events.port[begin:], events.value[begin:]) if begin else events

    def take(self, end: int) -> Charges:
        """Take out what is for the cycles before `end`."""
        if self._first >= end:
            return _NONE
        events, begin = self._events, self._taken
        cycle = events.cycle
        taken = int(cycle.searchsorted(end))
        self._taken = taken
        self._first = int(cycle[taken]) if taken < len(cycle) else _NEVER
        return cycle[begin:taken], self._target[begin:taken], events.value[begin:taken]

    def add(self, events: SpikeEvents, now: int) -> None:
        """Add events; nothing is added if one of them is refused, as by `joined`."""
        if self._first == _NEVER and len(events) <= FEW and self._is_plain(events, now):
            self.replace(SpikeEvents(events.cycle.copy(), events.port.copy(), events.value.copy()))
        else:
            self.replace(self.joined(self.waiting(), events, now))

    def _is_plain(self, events: SpikeEvents, now: int) -> bool:
        """Whether events are what a queue holds already: in range, sorted, one per cycle and port, none of charge 0."""
        columns = (events.cycle, events.port, events.value)
        if tuple(getattr(column, "dtype", None) for column in columns) != _EVENT_TYPES:
            return False
        spec, n_ports = self._image.spec, len(self._neuron)
        least, most = spec.input_min, spec.input_max
        last_cycle, last_port = now, -1
        for cycle, port, value in zip(*(column.tolist() for column in columns), strict=True):
            if cycle < last_cycle or (cycle == last_cycle and port <= last_port):
                return False
            if not (0 <= port < n_ports and least <= value <= most and (value or self._keeps_zero)):
                return False
            last_cycle, last_port = cycle, port
        return True

    def joined(self, queue: SpikeEvents, events: SpikeEvents, now: int) -> SpikeEvents:
        """A queue of input with events added: one event per cycle and port, sorted.

        Raises
        ------
        EmulationError
            If a port is unknown, a cycle is in the past, or a charge out of range.
        """
        if not len(events):
            return queue
        columns = (events.cycle, events.port, events.value)
        if tuple(getattr(column, "dtype", None) for column in columns) != _EVENT_TYPES:
            # Not made by SpikeEvents.of, which has the words for what is wrong.
            events = SpikeEvents.of(*columns)
        n_ports, spec = len(self._neuron), self._image.spec
        first, ports = events.cycle.min(), (events.port.min(), events.port.max())
        if first < now:
            raise EmulationError(f"input for cycle {first} is in the past, allowed: {now} (the next cycle) and above")
        if ports[0] < 0 or ports[1] >= n_ports:
            port = ports[0] if ports[0] < 0 else ports[1]
            raise EmulationError(f"input port {port} is unknown, allowed: 0..{n_ports - 1} of the image's inputs")
        # A sum that wrapped around could look like an innocent one.
        if np.abs(events.value.astype(float)).sum() > 2.0**62:
            raise EmulationError(
                f"input charges up to {events.value.max()}, allowed {spec.input_min}..{spec.input_max}"
            )
        cycle = np.concatenate([queue.cycle, events.cycle])
        port = np.concatenate([queue.port, events.port])
        value = np.concatenate([queue.value, events.value])
        if len(cycle) > 1:
            order = np.lexsort((port, cycle))
            cycle, port, value = cycle[order], port[order], value[order]
            fresh = np.ones(len(cycle), bool)
            fresh[1:] = (cycle[1:] != cycle[:-1]) | (port[1:] != port[:-1])
            begins = fresh.nonzero()[0]
            cycle, port, value = cycle[begins], port[begins], np.add.reduceat(value, begins)
        wrong = ((value < spec.input_min) | (value > spec.input_max)).nonzero()[0]
        if len(wrong):
            one = wrong[0]
            limit = "input_min" if value[one] < spec.input_min else "input_max"
            raise EmulationError(
                f"input port {port[one]} ('{self._image.inputs[port[one]].name}') gets charge {value[one]} "
                f"in cycle {cycle[one]}, allowed {spec.input_min}..{spec.input_max} "
                f"({limit} of profile {spec.name}); spread it over cycles or ports"
            )
        if not self._keeps_zero:
            # A sum of 0 says nothing, except where being reached is enough to be compared.
            keep = value != 0
            cycle, port, value = cycle[keep], port[keep], value[keep]
        return SpikeEvents(cycle, port, value)


class OutputPorts:
    """Which ports the spikes of a neuron leave by.

    Parameters
    ----------
    image : ProcessorImage
    """

    def __init__(self, image: ProcessorImage) -> None:
        self._tables = _port_tables(image)
        # Spikes come in the order of neurons. If that is the order of ports, events need no sorting.
        neurons = [port.neuron for port in image.outputs]
        self._n_ports = len(neurons)
        self._in_order = all(one < other for one, other in itertools.pairwise(neurons))

    def events(self, logs: list[tuple[np.ndarray, np.ndarray]]) -> SpikeEvents:
        """Output events of logged spikes: cycle and neuron, ascending."""
        parts = []
        for cycle, neuron in logs:
            for table in self._tables:
                port = table[neuron]
                seen = port >= 0
                parts.append((cycle, port) if seen.all() else (cycle[seen], port[seen]))
        if len(self._tables) == 1 and not self._in_order:
            # No cycle lies in two logs.
            parts = [(cycle, sorted_within(cycle, port, self._n_ports)) for cycle, port in parts]
        if not parts:
            return _NO_EVENTS
        cycle, port = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        if len(self._tables) > 1:
            order = np.lexsort((port, cycle))
            cycle, port = cycle[order], port[order]
        return SpikeEvents(cycle, port, np.ones(len(cycle), np.int64))


def sorted_within(cycle: np.ndarray, number: np.ndarray, n_numbers: int) -> np.ndarray:
    """Numbers sorted within each cycle: as `number`; cycles ascend already. Far faster than sorting by two columns.

    Parameters
    ----------
    cycle : int64[n], cycles
    number : int32[n]
        In 0 .. n_numbers - 1.
    n_numbers : int
    """
    turn: np.ndarray = np.zeros(len(cycle), np.int32 if len(cycle) * n_numbers < 2**31 else np.int64)
    np.cumsum(cycle[1:] != cycle[:-1], out=turn[1:])
    turn *= n_numbers
    keys = turn + number
    # The stable kind is good at what is nearly sorted.
    keys.sort(kind="stable")
    keys -= turn
    return keys.astype(number.dtype, copy=False)


_NO_EVENTS = SpikeEvents(*_NONE)
"""A run of one cycle gives this most of the time."""


def _port_tables(image: ProcessorImage) -> list[np.ndarray]:
    """Output port of each neuron, or -1: int32[n_neurons], one table more for each further port of one neuron."""
    tables: list[np.ndarray] = []
    uses = [0] * image.n_neurons
    for number, port in enumerate(image.outputs):
        turn = uses[port.neuron]
        uses[port.neuron] += 1
        if turn == len(tables):
            tables.append(np.full(image.n_neurons, -1, np.int32))
        tables[turn][port.neuron] = number
    return tables
