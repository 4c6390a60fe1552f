"""Probes: what an observer keeps of a run. Attached to a `Processor`, they change nothing in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from isa_spec.errors import EmulationError

SPIKE_CAPACITY = 10_000_000
POTENTIAL_CAPACITY = 50_000_000


class Probe:
    """What a `Processor` asks of a probe; this one keeps nothing.

    Parameters
    ----------
    neurons : sequence of int, or None
        Neurons to observe; None is all.
    """

    def __init__(self, neurons: Any = None) -> None:
        self._wanted = neurons
        self._neurons: np.ndarray | None = None

    @property
    def neurons(self) -> np.ndarray:
        """Observed neurons: int64[n_observed].

        Raises
        ------
        EmulationError
            If the probe is not attached.
        """
        if self._neurons is None:
            raise EmulationError("the probe is not attached to a processor; call attach first")
        return self._neurons

    def bind(self, n_neurons: int) -> None:
        """Prepare for a processor of so many neurons.

        Raises
        ------
        EmulationError
            If the probe is in use, or one of its neurons does not exist.
        """
        if self._neurons is not None:
            raise EmulationError("the probe is attached to a processor already; make another one")
        chosen = np.arange(n_neurons) if self._wanted is None else np.atleast_1d(np.asarray(self._wanted))
        if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
            raise EmulationError(f"probe: neurons are {chosen.dtype}{list(chosen.shape)}, allowed: a list of integers")
        wrong = chosen[(chosen < 0) | (chosen >= n_neurons)]
        if len(wrong):
            raise EmulationError(f"probe: neuron {wrong[0]} is unknown, allowed 0..{n_neurons - 1}")
        self._neurons = chosen.astype(np.int64)

    def watched(self, n_neurons: int) -> np.ndarray:
        """Neurons whose spikes the probe wants: bool[n_neurons]."""
        return np.zeros(n_neurons, bool)

    def next_sample(self, cycle: int) -> int | None:
        """First cycle from `cycle` on after which the probe wants the potentials, or None."""
        return None

    def take_spikes(self, cycle: np.ndarray, neuron: np.ndarray) -> None:
        """Take the spikes of a stretch of cycles, sorted; of watched neurons, perhaps of others."""

    def take_potentials(self, cycle: int, potential: np.ndarray) -> None:
        """Take the potentials after a cycle: int64[n_neurons]."""

    def clear(self) -> None:
        """Forget everything."""


class SpikeProbe(Probe):
    """Keeps the spikes of some neurons, or of all.

    Parameters
    ----------
    neurons : sequence of int, or None
    capacity : int
        Most spikes kept; one more is an error. `drain` makes room.
    """

    def __init__(self, neurons: Any = None, capacity: int = SPIKE_CAPACITY) -> None:
        super().__init__(neurons)
        self._capacity = capacity
        self._wants: np.ndarray | None = None
        self.clear()

    def __len__(self) -> int:
        return self._n_kept

    def clear(self) -> None:
        """Forget everything."""
        self._n_kept = 0
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []

    def watched(self, n_neurons: int) -> np.ndarray:
        """Neurons whose spikes the probe wants: bool[n_neurons]."""
        wants = np.zeros(n_neurons, bool)
        wants[self.neurons] = True
        self._wants = wants
        return wants

    def take_spikes(self, cycle: np.ndarray, neuron: np.ndarray) -> None:
        """Keep the spikes of the observed neurons.

        Raises
        ------
        EmulationError
            If there are more than the probe may keep.
        """
        assert self._wants is not None  # bound before any run
        mine = self._wants[neuron]
        found = int(np.count_nonzero(mine))
        if not found:
            return
        if self._n_kept + found > self._capacity:
            raise EmulationError(
                f"spike probe: more than {self._capacity} spikes by cycle {cycle[-1]}, allowed {self._capacity} "
                "(capacity); drain it more often, observe fewer neurons, or give it a larger capacity"
            )
        self._n_kept += found
        self._parts.append((cycle[mine], neuron[mine]))

    def events(self) -> tuple[np.ndarray, np.ndarray]:
        """Kept spikes, sorted by cycle, then neuron.

        Returns
        -------
        cycle : int64[n_spikes], cycles
        neuron : int32[n_spikes]
        """
        if len(self._parts) != 1:
            empty = (np.zeros(0, np.int64), np.zeros(0, np.int32))
            columns = zip(empty, *self._parts, strict=True)
            self._parts = [tuple(np.concatenate(column) for column in columns)]  # type: ignore[list-item]
        cycle, neuron = self._parts[0]
        return cycle.copy(), neuron.copy()

    def drain(self) -> tuple[np.ndarray, np.ndarray]:
        """Kept spikes as `events` gives them; the probe is empty afterwards."""
        events = self.events()
        self.clear()
        return events


class PotentialProbe(Probe):
    """Keeps the potentials of some neurons, or of all, as they are at the end of a cycle.

    Parameters
    ----------
    neurons : sequence of int, or None
    every : int, cycles
        Sample the cycles that are multiples of it.
    capacity : int
        Most values kept; one more is an error. `drain` makes room.

    Raises
    ------
    EmulationError
        If `every` is below 1.
    """

    def __init__(self, neurons: Any = None, every: int = 1, capacity: int = POTENTIAL_CAPACITY) -> None:
        super().__init__(neurons)
        if every < 1:
            raise EmulationError(f"potential probe: every = {every}, allowed 1 and above")
        self._every = every
        self._capacity = capacity
        self.clear()

    def __len__(self) -> int:
        return len(self._cycles)

    def clear(self) -> None:
        """Forget everything."""
        self._cycles: list[int] = []
        self._rows: list[np.ndarray] = []

    def next_sample(self, cycle: int) -> int | None:
        """First cycle from `cycle` on after which the probe wants the potentials."""
        return -(-cycle // self._every) * self._every

    def take_potentials(self, cycle: int, potential: np.ndarray) -> None:
        """Keep the potentials of the observed neurons.

        Raises
        ------
        EmulationError
            If there are more than the probe may keep.
        """
        if (len(self._rows) + 1) * len(self.neurons) > self._capacity:
            raise EmulationError(
                f"potential probe: more than {self._capacity} values by cycle {cycle}, allowed {self._capacity} "
                "(capacity); drain it more often, observe fewer neurons or cycles, or give it a larger capacity"
            )
        self._cycles.append(cycle)
        self._rows.append(potential[self.neurons])

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Kept potentials.

        Returns
        -------
        cycle : int64[n_samples], cycles
        potential : int64[n_samples, n_observed], potential units
            At the end of that cycle; neurons in the order they were asked for.
        """
        table = np.array(self._rows, np.int64).reshape(len(self._rows), len(self.neurons))
        return np.array(self._cycles, np.int64), table

    def drain(self) -> tuple[np.ndarray, np.ndarray]:
        """Kept potentials as `samples` gives them; the probe is empty afterwards."""
        samples = self.samples()
        self.clear()
        return samples
