"""Where neurons are, for people: found by what they are called, told by layer, role, and the value of a cycle."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from isa_spec.errors import EmulationError
from isa_spec.image import ROLES, Port, ProcessorImage
from isa_spec.names import neuron_names, node_names
from isa_spec.stream import StreamContract

_VALUE = re.compile(r"^(.+)\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]$")


@dataclass(frozen=True)
class Place:
    """A neuron in a cycle.

    Parameters
    ----------
    neuron : int
    name : str
        As `isa_spec.names.neuron_names` has it.
    layer, role : str
        The layer's name is empty where the image has no layers.
    channel, row, column, frame, step : int or None
        Value of the layer's map that the neuron carries in this cycle, by its stream contract; None where it carries
        none. The step is None where a value takes one cycle.
    """

    neuron: int
    name: str
    layer: str
    role: str
    channel: int | None = None
    row: int | None = None
    column: int | None = None
    frame: int | None = None
    step: int | None = None

    def __str__(self) -> str:
        if self.channel is None:
            return self.name
        step = "" if self.step is None else f", step {self.step}"
        return f"{self.layer}[{self.channel},{self.row},{self.column}] of frame {self.frame}{step}"


class Places:
    """Names and places of an image's neurons.

    Parameters
    ----------
    image : ProcessorImage
    """

    def __init__(self, image: ProcessorImage) -> None:
        self._image = image
        self._names = neuron_names(image)
        self._nodes = node_names(image)
        self._maps: dict[int, _Map | None] = {}

    def at(self, neuron: int, cycle: int) -> Place:
        """Place of a neuron in a cycle."""
        image, layer = self._image, int(self._image.layer[neuron])
        name = image.layers[layer].name if image.layers else ""
        place = Place(neuron, self._names[neuron], name, ROLES[image.role[neuron]])
        if layer not in self._maps:
            self._maps[layer] = _map_of(image, layer)
        values = self._maps[layer]
        found = None if values is None else values.value(neuron, cycle)
        return place if found is None else Place(place.neuron, place.name, place.layer, place.role, *found)

    def find(self, text: str) -> int:
        """Number of the neuron that is called ``text``.

        Parameters
        ----------
        text : str
            A number, the name of a port or of a neuron, the id or the name of a node, or ``LAYER[channel,row,column]``;
            ``neuron:`` or ``port:`` before it says which of the first two is meant.

        Raises
        ------
        EmulationError
            If there is no such neuron, or there are several.
        """
        image = self._image
        kind, _, rest = text.partition(":")
        if kind == "neuron" and rest.isdecimal():
            return self._number(rest)
        doors: tuple[Port, ...] = (*image.inputs, *image.outputs)
        ports = {port.neuron for port in doors if port.name == (rest if kind == "port" else text)}
        found = ports | {neuron for neuron, (node, _) in enumerate(self._nodes) if node == text}
        if kind != "port" and text.isdecimal() and (int(text) < image.n_neurons or not found):
            found.add(self._number(text))
        if not found:
            found = {neuron for neuron, name in enumerate(self._names) if name == text}
            found |= {neuron for neuron, (_, name) in enumerate(self._nodes) if name == text}
        value = _VALUE.match(text)
        if not found and value:
            found = {self._lane(value[1], *map(int, value.groups()[1:]))}
        if not found:
            known = f"a node ({_some(self._names)})" if self._nodes else f"a port ({_some([p.name for p in doors])})"
            raise EmulationError(
                f"'{text}' is no neuron of the image, allowed: a number 0..{image.n_neurons - 1}, {known}, or "
                f"{self._values()}"
            )
        if len(found) > 1:
            several = ", ".join(map(str, sorted(found)))
            raise EmulationError(
                f"'{text}' may be any of the neurons {several}; write neuron:{min(found)} for one of these numbers, or "
                f"port:{text} where one port has the name"
            )
        return found.pop()

    def cycles_of(self, text: str) -> tuple[range, int] | None:
        """Cycles of ``LAYER[channel,row,column]`` in frame 0, one for each step, and the interval.

        None of any other text.
        """
        value = _VALUE.match(text)
        for record in self._image.layers if value else ():
            if value and record.name == value[1] and record.contract is not None:
                contract = record.contract
                first = int(contract.cycles()[tuple(map(int, value.groups()[1:]))])
                return range(first, first + contract.levels * contract.beat, contract.beat), contract.interval
        return None

    def _number(self, text: str) -> int:
        if int(text) >= self._image.n_neurons:
            raise EmulationError(f"neuron {text} is unknown, allowed 0..{self._image.n_neurons - 1}")
        return int(text)

    def _lane(self, layer: str, channel: int, row: int, column: int) -> int:
        """Neuron that carries a value of a layer's map."""
        for record in self._image.layers:
            contract, first = record.contract, record.first_neuron
            if record.name != layer or contract is None or first is None:
                continue
            shape = (contract.channels, contract.height, contract.width)
            if channel >= shape[0] or row >= shape[1] or column >= shape[2]:
                raise EmulationError(
                    f"{layer}[{channel},{row},{column}] is outside the layer's map, allowed: channel "
                    f"0..{shape[0] - 1}, row 0..{shape[1] - 1}, column 0..{shape[2] - 1}"
                )
            return first + int(contract.lanes()[channel, row, column])
        raise EmulationError(f"'{layer}' is no layer with a map, allowed: {self._values()}")

    def _values(self) -> str:
        names = [layer.name for layer in self._image.layers if layer.contract is not None]
        return (
            f"LAYER[channel,row,column] with a layer of {_some(names)}" if names else "nothing else: it has no layers"
        )


def is_value(text: str) -> bool:
    """Whether a text has the form ``LAYER[channel,row,column]``."""
    return _VALUE.match(text) is not None


def carries_value(image: ProcessorImage, cycle: np.ndarray, neuron: np.ndarray, n_frames: int | None) -> np.ndarray:
    """Which spikes carry a value of their layer's map, as `Places.at` has it: bool[n_spikes].

    All others are nobody's: those of clocks, gates and relays, and those between values.

    Parameters
    ----------
    image : ProcessorImage
    cycle : int64[n_spikes], cycles
    neuron : int64[n_spikes]
    n_frames : int or None
        How many frames there are; None: any number.
    """
    found = np.zeros(len(cycle), bool)
    for layer in np.unique(image.layer).tolist():
        values = _map_of(image, layer)
        if values is not None:
            mine = np.flatnonzero(image.layer[neuron] == layer)
            frame = values.frames(neuron[mine], cycle[mine])
            found[mine] = (frame >= 0) & (n_frames is None or frame < n_frames)
    return found


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "none"


class _Map:
    """Which value each lane of a layer has in each cycle of an interval."""

    def __init__(self, contract: StreamContract, first: int) -> None:
        self._contract, self._first = contract, first
        cycles = contract.cycles().ravel() + contract.beat * np.arange(contract.levels)[:, None] - contract.start
        behind, offset = np.divmod(cycles, contract.interval)
        keys = (offset * contract.n_lanes + contract.lanes().ravel()).ravel()
        self._spike = np.argsort(keys, kind="stable")
        self._keys, self._behind = keys[self._spike], behind.ravel()[self._spike]

    def value(self, neuron: int, cycle: int) -> tuple[int, int, int, int, int | None] | None:
        """Channel, row, column, frame and step of what a neuron says in a cycle, if it is any value."""
        contract = self._contract
        lane = neuron - self._first
        frame, offset = divmod(cycle - contract.start, contract.interval)
        key = offset * contract.n_lanes + lane
        at = int(np.searchsorted(self._keys, key))
        if not 0 <= lane < contract.n_lanes or at == len(self._keys) or self._keys[at] != key:
            return None
        step, value = divmod(int(self._spike[at]), contract.n_values)
        channel, place = divmod(value, contract.height * contract.width)
        frame -= int(self._behind[at])
        row, column = divmod(place, contract.width)
        return (channel, row, column, frame, step if contract.levels > 1 else None) if frame >= 0 else None

    def frames(self, neuron: np.ndarray, cycle: np.ndarray) -> np.ndarray:
        """Frame of the value that each spike carries, -1 where it carries none: int64[n_spikes]."""
        contract = self._contract
        lane = neuron - self._first
        frame, offset = np.divmod(cycle - contract.start, contract.interval)
        key = offset * contract.n_lanes + lane
        at = np.minimum(self._keys.searchsorted(key), len(self._keys) - 1)
        real = (lane >= 0) & (lane < contract.n_lanes) & (self._keys[at] == key)
        return np.where(real, np.maximum(frame - self._behind[at], -1), -1)


def _map_of(image: ProcessorImage, layer: int) -> _Map | None:
    record = image.layers[layer] if image.layers else None
    if record is None or record.contract is None or record.first_neuron is None:
        return None
    return _Map(record.contract, record.first_neuron)
