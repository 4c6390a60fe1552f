"""Neurons and synapses of two images side by side, and what was changed of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isa_spec.image import ProcessorImage
from isa_spec.kinds import KINDS
from isa_spec.names import neuron_names
from neuroproc.explaining.matching import DELAY, KIND, SOURCE, TARGET, WEIGHT, match_synapses

NO_GROUP, NO_PARTNER = -1, -2
Value = int | str | None


@dataclass(frozen=True)
class Changes:
    """How many neurons or synapses of a layer were changed in one way, and the first of them.

    Parameters
    ----------
    what : str
        ``thresholds``, ``fire once``, ``groups``, ``weights``, ``delays``, ``synapses removed``, ``synapses added``.
    number : int
    first : str
        Name of the neuron, or of source and target.
    a, b : int, str or None
        What the two images have there; of a group its output, of a synapse added or removed its weight and delay; None
        where there is none.
    """

    what: str
    number: int
    first: str
    a: Value
    b: Value


class _Side:
    """One image, with an identity for each of its neurons that has a partner in the other image."""

    def __init__(self, image: ProcessorImage, layers: Sequence[int]) -> None:
        self.image = image
        members = [np.flatnonzero(image.layer == layer) for layer in layers]
        # As many of each role in both images: in the order of roles, then numbers, partners meet.
        ordered = [part[np.argsort(image.role[part], kind="stable")] for part in members]
        self.neuron = np.concatenate([np.zeros(0, np.int64), *ordered])
        self.layer = np.repeat(np.arange(len(layers)), [len(part) for part in members])
        self.identity = np.full(image.n_neurons, -1)
        self.identity[self.neuron] = np.arange(len(self.neuron))

    def groups(self) -> np.ndarray:
        """Identity of the output of each neuron's group, `NO_GROUP`, or `NO_PARTNER` where it has no identity."""
        group = self.image.group[self.neuron]
        output = np.where(self.identity >= 0, self.identity, NO_PARTNER)
        return np.where(group >= 0, output[group], NO_GROUP)

    def synapses(self) -> np.ndarray:
        """Synapses whose ends both have partners: int64[n, 5]."""
        image = self.image
        source, target = self.identity[image.source()], self.identity[image.target]
        table = np.column_stack([source, target, image.kind, image.delay, image.weight])
        return table[(source >= 0) & (target >= 0)]


def changes_by_layer(
    a: ProcessorImage, b: ProcessorImage, alike: Sequence[tuple[int, int]]
) -> list[tuple[Changes, ...]]:
    """Changes in each of some layers.

    Parameters
    ----------
    a, b : ProcessorImage
    alike : sequence of (int, int)
        Layers that have the same neurons in both images, by their numbers there; only those, and synapses between
        them, are compared.
    """
    one, other = _Side(a, [left for left, _ in alike]), _Side(b, [right for _, right in alike])
    every = neuron_names(a)
    names = [every[neuron] for neuron in one.neuron]
    found: list[list[Changes]] = [[] for _ in alike]

    def collect(what: str, neurons: np.ndarray, first: Callable[[int], tuple[str, Value, Value]]) -> None:
        """Keep changes, in the order of the neurons that they are at, by layer; `first` describes one of them."""
        layers, begins, numbers = np.unique(one.layer[neurons], return_index=True, return_counts=True)
        for layer, begin, number in zip(layers.tolist(), begins.tolist(), numbers.tolist(), strict=True):
            found[layer].append(Changes(what, number, *first(begin)))

    def compare(what: str, left: np.ndarray, right: np.ndarray, show: Callable[[int], Value] = int) -> None:
        at = np.flatnonzero(left != right)
        collect(what, at, lambda i: (names[at[i]], show(left[at[i]]), show(right[at[i]])))

    compare("thresholds", a.threshold[one.neuron], b.threshold[other.neuron])
    compare("leak", a.leaks[one.neuron], b.leaks[other.neuron])
    compare("fire once", a.once[one.neuron], b.once[other.neuron])
    compare("groups", one.groups(), other.groups(), lambda output: _output(names, output))

    def ends(row: np.ndarray) -> str:
        return f"{names[row[SOURCE]]} -> {names[row[TARGET]]}"

    def compare_synapses(what: str, column: int) -> None:
        at = np.flatnonzero(before[:, column] != after[:, column])
        was, now = before[at], after[at]
        collect(what, was[:, TARGET], lambda i: (ends(was[i]), int(was[i, column]), int(now[i, column])))

    removed, added, before, after = match_synapses(one.synapses(), other.synapses())
    compare_synapses("weights", WEIGHT)
    compare_synapses("delays", DELAY)
    collect("synapses removed", removed[:, TARGET], lambda i: (ends(removed[i]), _words(removed[i]), None))
    collect("synapses added", added[:, TARGET], lambda i: (ends(added[i]), None, _words(added[i])))
    return [tuple(changes) for changes in found]


def _output(names: Sequence[str], identity: int) -> str | None:
    """Name of the output of a group."""
    if identity == NO_GROUP:
        return None
    return "a neuron of another layer" if identity == NO_PARTNER else names[identity]


def _words(row: np.ndarray) -> str:
    """One synapse without its ends."""
    kind = "" if row[KIND] == 0 else f", {KINDS[row[KIND]]}"
    return f"weight {row[WEIGHT]}, delay {row[DELAY]}{kind}"
