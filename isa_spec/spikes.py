"""Spike events: the only thing that crosses the border of a processor at run time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.errors import EmulationError


@dataclass(frozen=True)
class SpikeEvents:
    """Spikes (or input charges) at ports, sorted by cycle, then port.

    Parameters
    ----------
    cycle : int64[n_events], cycles
    port : int32[n_events]
        Number of the port in the image's list of inputs (or outputs).
    value : int64[n_events], potential units
        Charge for an input; 1 for an output spike.
    """

    cycle: np.ndarray
    port: np.ndarray
    value: np.ndarray

    def __len__(self) -> int:
        return len(self.cycle)

    @classmethod
    def of(cls, cycle: object, port: object, value: object = 1) -> SpikeEvents:
        """Sorted events from anything numpy can broadcast to integers.

        Raises
        ------
        EmulationError
            If a field is not an integer, or a cycle or port is negative or does not fit 64 or 32 bits.
        """
        arrays = [np.asarray(field) for field in (cycle, port, value)]
        for name, array in zip(("cycle", "port", "value"), arrays, strict=True):
            if array.size and array.dtype.kind not in "iu":
                raise EmulationError(f"spike events: {name} has type {array.dtype}, allowed: integers")
        cycles, ports, values = (a.ravel() for a in np.broadcast_arrays(*arrays))
        for name, array, most in (("cycle", cycles, np.iinfo(np.int64).max), ("port", ports, np.iinfo(np.int32).max)):
            for extreme in (array.min(), array.max()) if array.size else ():
                if not 0 <= extreme <= most:
                    raise EmulationError(f"spike events: {name} {extreme}, allowed: 0..{most}")
        if not _is_sorted(cycles, ports):
            order = np.lexsort((ports, cycles))
            cycles, ports, values = cycles[order], ports[order], values[order]
        return cls(cycles.astype(np.int64), ports.astype(np.int32), values.astype(np.int64))

    @classmethod
    def none(cls) -> SpikeEvents:
        """No events."""
        return cls.of(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def window(self, begin: int, end: int) -> SpikeEvents:
        """The events of cycles ``begin`` .. ``end - 1``, cycles unchanged."""
        lo, hi = np.searchsorted(self.cycle, [begin, end])
        return SpikeEvents(self.cycle[lo:hi], self.port[lo:hi], self.value[lo:hi])

    def shifted(self, cycles: int) -> SpikeEvents:
        """The same events, later by ``cycles``."""
        return SpikeEvents(self.cycle + cycles, self.port, self.value)


def _is_sorted(cycle: np.ndarray, port: np.ndarray) -> bool:
    """Whether events are in order already, as most are: that is seen faster than they are sorted."""
    later = cycle[1:] > cycle[:-1]
    return bool((later | ((cycle[1:] == cycle[:-1]) & (port[1:] >= port[:-1]))).all())
