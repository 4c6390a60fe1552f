"""The flat neuron graph: structure of arrays, with the layer and the role of every neuron."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.image import ROLES
from isa_spec.kinds import CHARGE


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
    once : bool[n_neurons]
        Whether it fires once at most until it is cleared.
    group : int64[n_neurons]
        The neuron that is the output of its pooling group; -1 for none.
    source, target : int64[n_synapses]
    weight : int64[n_synapses], potential units
    delay : int64[n_synapses], cycles
    kind : uint8[n_synapses]
        Index into `isa_spec.kinds.KINDS`.
    """

    threshold: np.ndarray
    role: np.ndarray
    layer: np.ndarray
    once: np.ndarray
    group: np.ndarray
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    kind: np.ndarray

    def with_helpers(
        self,
        role: str,
        owner: np.ndarray,
        source: np.ndarray,
        target: np.ndarray,
        weight: np.ndarray,
        delay: np.ndarray,
        kind: np.ndarray,
    ) -> NeuronGraph:
        """The same neurons, one more of threshold 1 for each owner, in its layer, and these synapses between them all.

        Parameters
        ----------
        role : str
            Of the new neurons.
        owner : int64[n_new]
            The neuron that each helps.
        source, target, weight, delay, kind
            Of every synapse, as in the class.
        """
        count = len(owner)
        return NeuronGraph(
            threshold=np.concatenate([self.threshold, np.ones(count, np.int64)]),
            role=np.concatenate([self.role, np.full(count, ROLES.index(role), np.uint8)]),
            layer=np.concatenate([self.layer, self.layer[owner]]),
            once=np.concatenate([self.once, np.zeros(count, bool)]),
            group=np.concatenate([self.group, np.full(count, -1)]),
            source=source,
            target=target,
            weight=weight,
            delay=delay,
            kind=kind,
        )


class GraphBuilder:
    """Collects blocks of neurons and synapses."""

    def __init__(self) -> None:
        self._n_neurons = 0
        self._neurons: list[tuple[np.ndarray, ...]] = []
        self._synapses: list[tuple[np.ndarray, ...]] = []
        self._groups: list[tuple[np.ndarray, np.ndarray]] = []

    def neurons(self, layer: int, role: str, threshold: np.ndarray, once: bool = False) -> np.ndarray:
        """New neurons, which may be such that fire once: their numbers, int64[len(threshold)]."""
        first, count = self._n_neurons, len(threshold)
        self._n_neurons += count
        self._neurons.append((
            np.asarray(threshold, np.int64),
            np.full(count, ROLES.index(role), np.uint8),
            np.full(count, layer, np.int16),
            np.full(count, once),
        ))  # fmt: skip
        return np.arange(first, first + count)

    def synapses(self, source: object, target: object, weight: object, delay: object, kind: int = CHARGE) -> None:
        """New synapses from arrays of integers that broadcast together; a weight of 0 makes none."""
        arrays = np.broadcast_arrays(*(np.asarray(part, np.int64) for part in (source, target, weight, delay, kind)))
        used = arrays[2] != 0
        self._synapses.append(tuple(array[used] for array in arrays))

    def group(self, members: np.ndarray, output: np.ndarray) -> None:
        """Make neurons members of pooling groups, by numbers that broadcast together."""
        self._groups.append((members, output))

    def graph(self) -> NeuronGraph:
        """All that was collected."""
        threshold, role, layer, once = (np.concatenate(part) for part in zip(*self._neurons, strict=True))
        empty = (np.zeros(0, np.int64),) * 5
        parts = zip(empty, *self._synapses, strict=True)
        source, target, weight, delay, kind = (np.concatenate(part) for part in parts)
        group = np.full(len(threshold), -1)
        for members, output in self._groups:
            group[members] = output
        return NeuronGraph(
            threshold=threshold,
            role=role,
            layer=layer,
            once=once,
            group=group,
            source=source,
            target=target,
            weight=weight,
            delay=delay,
            kind=kind.astype(np.uint8),
        )
