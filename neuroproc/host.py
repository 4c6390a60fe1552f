"""The host of the chip: frames in as spikes, decisions out, both by the stream contracts of the image."""

from __future__ import annotations

import numpy as np

from isa_spec.coding import plane_weights, to_planes
from isa_spec.errors import EmulationError
from isa_spec.frames import as_frames
from isa_spec.image import ProcessorImage
from isa_spec.spikes import SpikeEvents
from isa_spec.stream import StreamContract


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
    frames : int[n_frames, C, H, W], or as `as_frames` has it
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
    planes = to_planes(image.encoding or {}, as_frames(frames, input_shape(image)))
    spoken = [np.nonzero(planes > spike) for spike in range(contract.levels)]
    number = np.repeat(np.arange(contract.levels), [len(found[0]) for found in spoken])
    frame, c, y, x = (np.concatenate(axis) for axis in zip(*spoken, strict=True))
    cycle = contract.cycles()[c, y, x] + (frame + first) * contract.interval + number
    return SpikeEvents.of(cycle, contract.lanes()[c, y, x])


class MapReader:
    """Collects a map's values from the spikes of its lanes; spikes between those of values are nobody's.

    Parameters
    ----------
    contract : StreamContract
    n_frames : int
    """

    def __init__(self, contract: StreamContract, n_frames: int) -> None:
        self._contract = contract
        # A map may take longer than an interval: the next frame's first values then come before its last ones.
        cycles = contract.cycles().ravel()[:, None] + np.arange(contract.levels) - contract.start
        behind, offset = np.divmod(cycles, contract.interval)
        keys = (offset * contract.n_lanes + contract.lanes().reshape(-1, 1)).ravel()
        order = np.argsort(keys)
        self._value = order // contract.levels
        self._keys = keys[order]
        self._behind = behind.ravel()[order]
        self.decisions = np.zeros((n_frames, contract.channels, contract.height, contract.width), np.uint8)

    def read(self, cycle: np.ndarray, lane: np.ndarray) -> None:
        """Take in spikes.

        Parameters
        ----------
        cycle : int64[n_spikes], cycles
            Since reset.
        lane : int64[n_spikes]
        """
        contract, n_frames = self._contract, len(self.decisions)
        frame, offset = np.divmod(np.asarray(cycle, np.int64) - contract.start, contract.interval)
        key = offset * contract.n_lanes + lane
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        frame -= self._behind[place]
        real = (self._keys[place] == key) & (frame >= 0) & (frame < n_frames)
        np.add.at(self.decisions.reshape(n_frames, -1), (frame[real], self._value[place[real]]), 1)
