"""The host of the chip: frames in as spikes, decisions out, both by the stream contracts of the image."""

from __future__ import annotations

import numpy as np

from isa_spec.coding import plane_weights
from isa_spec.errors import EmulationError
from isa_spec.frames import as_frames
from isa_spec.image import ProcessorImage
from isa_spec.spikes import SpikeEvents
from isa_spec.stream import StreamContract
from isa_spec.trains import spike_trains


def input_contract(image: ProcessorImage) -> StreamContract:
    """Contract of the frame.

    Raises
    ------
    EmulationError
        If the image was not compiled from a layered network.
    """
    contract = image.layers[0].contract if image.layers else None
    if contract is None or image.interval is None or image.encoding is None:
        raise EmulationError("the image has no stream contracts: it was not compiled from a layered network; use 'run'")
    return contract


def input_shape(image: ProcessorImage) -> tuple[int, int, int]:
    """Channels, rows and columns of a frame.

    Raises
    ------
    EmulationError
        If the image was not compiled from a layered network.
    """
    contract = input_contract(image)
    return contract.channels // len(plane_weights(image.encoding or {})), contract.height, contract.width


def encode_frames(image: ProcessorImage, frames: np.ndarray, first: int = 0) -> SpikeEvents:
    """Input spikes of frames that follow each other at the initiation interval.

    Parameters
    ----------
    image : ProcessorImage
    frames : int[n_frames, C, H, W]; C and W may be missing where they are 1
    first : int
        Number of the first of them in the stream.

    Raises
    ------
    EmulationError
        If the image was not compiled from a layered network.
    FormatError
        If the shape is not that of the network's input, or the encoding cannot carry their values.
    """
    contract = input_contract(image)
    frame, number, c, y, x = np.nonzero(sent_trains(image, as_frames(frames, input_shape(image))))
    cycle = contract.cycles()[c, y, x] + (frame + first) * contract.interval + number * contract.beat
    return SpikeEvents.of(cycle, contract.lanes()[c, y, x])


def sent_trains(image: ProcessorImage, frames: np.ndarray) -> np.ndarray:
    """Spikes by which the host tells frames, of each plane in each cycle of its slot; of a lane that fires once, one.

    Parameters
    ----------
    image : ProcessorImage
        Compiled from a layered network.
    frames : int[n_frames, C, H, W]

    Returns
    -------
    uint8[n_frames, levels, C * n_planes, H, W]
    """
    trains = spike_trains(image.encoding or {}, frames)
    # A train that tells a time does not end before the frame does.
    return np.diff(trains, axis=1, prepend=0) if image.once[image.inputs[0].neuron] else trains


class MapReader:
    """Collects a map's values from the spikes of its lanes; spikes between those of values are nobody's.

    Parameters
    ----------
    contract : StreamContract
    n_frames : int

    Attributes
    ----------
    trains : uint8[n_frames, levels, C, H, W]
        Whether each value has had its spike in each of its cycles.
    """

    def __init__(self, contract: StreamContract, n_frames: int) -> None:
        self._contract = contract
        # A map may take longer than an interval: the next frame's first values then come before its last ones.
        cycles = contract.cycles().ravel() + contract.beat * np.arange(contract.levels)[:, None] - contract.start
        behind, offset = np.divmod(cycles, contract.interval)
        keys = (offset * contract.n_lanes + contract.lanes().ravel()).ravel()
        self._spike = np.argsort(keys)
        self._keys = keys[self._spike]
        self._behind = behind.ravel()[self._spike]
        shape = (contract.levels, contract.channels, contract.height, contract.width)
        self.trains = np.zeros((n_frames, *shape), np.uint8)

    def read(self, cycle: np.ndarray, lane: np.ndarray) -> None:
        """Take in spikes.

        Parameters
        ----------
        cycle : int64[n_spikes], cycles
            Since reset.
        lane : int64[n_spikes]
        """
        contract, n_frames = self._contract, len(self.trains)
        frame, offset = np.divmod(np.asarray(cycle, np.int64) - contract.start, contract.interval)
        key = offset * contract.n_lanes + lane
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        frame -= self._behind[place]
        real = (self._keys[place] == key) & (frame >= 0) & (frame < n_frames)
        self.trains.reshape(n_frames, -1)[frame[real], self._spike[place[real]]] = 1


def told_trains(image: ProcessorImage, neuron: int, trains: np.ndarray) -> np.ndarray:
    """Trains of a map as its network has them: what fires once says with its spike that it fires from then on.

    Parameters
    ----------
    image : ProcessorImage
    neuron : int
        Any of those that carry the map.
    trains : uint8[n_frames, levels, C, H, W]
        As `MapReader` collects them.
    """
    return np.maximum.accumulate(trains, axis=1) if image.once[neuron] else trains


class PotentialReader:
    """Collects what the neurons of a map hold after the last cycle of each value, before they are cleared.

    Parameters
    ----------
    contract : StreamContract
    n_frames : int

    Attributes
    ----------
    potentials : int64[n_frames, n_values], potential units
        Values in C, H, W order.
    """

    def __init__(self, contract: StreamContract, n_frames: int) -> None:
        self._contract = contract
        after = contract.cycles().ravel() + contract.span - 1 - contract.start
        self._behind, self._offset = np.divmod(after, contract.interval)
        self._lane = contract.lanes().ravel()
        self._looks = np.unique(self._offset)
        self.potentials = np.zeros((n_frames, contract.n_values), np.int64)

    def next_look(self, cycle: int) -> int:
        """First cycle from ``cycle`` (since reset) on after which some value is complete."""
        interval, offset = divmod(cycle - self._contract.start, self._contract.interval)
        number = int(np.searchsorted(self._looks, offset))
        later, number = divmod(number, len(self._looks))
        return self._contract.start + (interval + later) * self._contract.interval + int(self._looks[number])

    def read(self, cycle: int, potential: np.ndarray) -> None:
        """Take in what the lanes hold after a cycle (since reset): int64[n_lanes], potential units."""
        interval, offset = divmod(cycle - self._contract.start, self._contract.interval)
        complete = np.flatnonzero(self._offset == offset)
        frame = interval - self._behind[complete]
        real = (frame >= 0) & (frame < len(self.potentials))
        self.potentials[frame[real], complete[real]] = potential[self._lane[complete[real]]]
