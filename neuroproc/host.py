"""The host of the chip: frames in as spikes, decisions out, both by the stream contracts of the image."""

from __future__ import annotations

import numpy as np

from isa_spec.coding import plane_weights, to_planes
from isa_spec.errors import EmulationError
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


def encode_frames(image: ProcessorImage, frames: np.ndarray, first: int = 0) -> SpikeEvents:
    """Input spikes of frames that follow each other at the initiation interval.

    Parameters
    ----------
    image : ProcessorImage
    frames : int[n_frames, C, H, W]
    first : int
        Number of the first of them in the stream.

    Raises
    ------
    EmulationError
        If the shape is not that of the network's input.
    FormatError
        If the encoding cannot carry their values.
    """
    contract = input_contract(image)
    encoding = image.encoding or {}
    shape = (contract.channels // len(plane_weights(encoding)), contract.height, contract.width)
    if frames.ndim != 4 or frames.shape[1:] != shape:
        raise EmulationError(f"frames of shape {list(frames.shape)}, allowed: [n_frames, {', '.join(map(str, shape))}]")
    frame, c, y, x = np.nonzero(to_planes(encoding, frames))
    cycle = contract.cycles()[y, x] + (frame + first) * contract.interval
    return SpikeEvents.of(cycle, contract.lanes()[c, y, x])


class MapReader:
    """Collects a map's decisions from the spikes of its lanes; spikes between the slots of values are nobody's.

    Parameters
    ----------
    contract : StreamContract
    n_frames : int
    """

    def __init__(self, contract: StreamContract, n_frames: int) -> None:
        self._contract = contract
        # A map may take longer than an interval: the next frame's first values then come before its last ones.
        behind, offset = np.divmod(contract.cycles() - contract.start, contract.interval)
        keys = (offset[None] * contract.n_lanes + contract.lanes()).ravel()
        self._value = np.argsort(keys)
        self._keys = keys[self._value]
        self._behind = np.broadcast_to(behind, contract.lanes().shape).ravel()[self._value]
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
        self.decisions.reshape(n_frames, -1)[frame[real], self._value[place[real]]] = 1
