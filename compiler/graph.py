"""The flat neuron graph: structure of arrays, with the layer and the role of every neuron."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.image import ROLES


@dataclass(frozen=True, eq=False)
class NeuronGraph:
    """Neurons and synapses in any order; delays and weights may still exceed the processor.

    Parameters
    ----------
    threshold : int64[n_neurons], potential units
    role : uint8[n_neurons]
        Index into `isa_spec.image.ROLES`.
    layer : int16[n_neurons]
        Index into the image's layers.
    source, target : int64[n_synapses]
    weight : int64[n_synapses], potential units
    delay : int64[n_synapses], cycles
    """

    threshold: np.ndarray
    role: np.ndarray
    layer: np.ndarray
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray


class GraphBuilder:
    """Collects blocks of neurons and synapses."""

    def __init__(self) -> None:
        self._n_neurons = 0
        self._neurons: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._synapses: list[tuple[np.ndarray, ...]] = []

    def neurons(self, layer: int, role: str, threshold: np.ndarray) -> np.ndarray:
        """New neurons: their numbers, int64[len(threshold)]."""
        first, count = self._n_neurons, len(threshold)
        self._n_neurons += count
        self._neurons.append((
            np.asarray(threshold, np.int64),
            np.full(count, ROLES.index(role), np.uint8),
            np.full(count, layer, np.int16),
        ))  # fmt: skip
        return np.arange(first, first + count)

    def synapses(self, source: object, target: object, weight: object, delay: object) -> None:
        """New synapses from arrays of integers that broadcast together; a weight of 0 makes none."""
        arrays = np.broadcast_arrays(*(np.asarray(part, np.int64) for part in (source, target, weight, delay)))
        used = arrays[2] != 0
        self._synapses.append(tuple(array[used] for array in arrays))

    def graph(self) -> NeuronGraph:
        """All that was collected."""
        threshold, role, layer = (np.concatenate(part) for part in zip(*self._neurons, strict=True))
        empty = (np.zeros(0, np.int64),) * 4
        parts = zip(empty, *self._synapses, strict=True)
        source, target, weight, delay = (np.concatenate(part) for part in parts)
        return NeuronGraph(threshold, role, layer, source, target, weight, delay)
