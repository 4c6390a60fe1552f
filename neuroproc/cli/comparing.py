"""Decisions of an image's layers, read from a run, and what they have to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.networks.evaluate import evaluate
from compiler.networks.layers import Flatten
from compiler.networks.network import INPUT, LayeredNetwork
from isa_spec.image import LayerRecord, ProcessorImage
from isa_spec.trains import spike_trains
from neuroproc.classifying.host import MapReader, encode_frames, input_contract, told_trains
from neuroproc.probe import SpikeProbe
from neuroproc.processor import Processor

BATCH = 50
"""Frames that are held in memory at once, every layer of them."""


@dataclass(frozen=True)
class Divergence:
    """One decision that differs: where and when, what was found and what is right."""

    layer: str
    frame: int
    channel: int
    row: int
    column: int
    cycle: int
    found: int
    expected: int


class Reader:
    """An image at work, every layer of it listened to.

    Parameters
    ----------
    image : ProcessorImage
    engine : str
        As for `Processor`.

    Attributes
    ----------
    records : list of LayerRecord
        Layers that have a map.

    Raises
    ------
    EmulationError
        If the image was not compiled from a layered network.
    """

    def __init__(self, image: ProcessorImage, engine: str) -> None:
        input_contract(image)
        self.records = [record for record in image.layers if record.contract is not None]
        self._image, self._probe = image, SpikeProbe()
        self._processor = Processor(image, engine=engine, probes=[self._probe])

    def run(self, frames: np.ndarray) -> dict[str, np.ndarray]:
        """Spikes of every layer, frames back to back: uint8[n_frames, levels, C, H, W] by name."""
        image, processor = self._image, self._processor
        processor.reset()
        processor.inject(image.start)
        processor.inject(encode_frames(image, frames))
        readers = {r.name: MapReader(r.contract, len(frames)) for r in self.records if r.contract}
        interval = input_contract(image).interval
        last = max(r.contract.last_cycle for r in self.records if r.contract)
        end = last + 1 + (len(frames) - 1) * interval
        while processor.cycle < end:
            processor.run(min(interval, end - processor.cycle))
            cycle, neuron = self._probe.drain()
            for record in self.records:
                if record.first_neuron is None or record.contract is None:
                    continue
                lane = neuron - record.first_neuron
                mine = (lane >= 0) & (lane < record.contract.n_lanes)
                readers[record.name].read(cycle[mine], lane[mine])
        return {
            record.name: told_trains(image, record.first_neuron, readers[record.name].trains)
            for record in self.records
            if record.first_neuron is not None
        }


def expected_trains(network: LayeredNetwork, frames: np.ndarray) -> dict[str, np.ndarray]:
    """What every layer's lanes must say: the oracle's decisions, and spikes where it sees the frame's values."""
    expected = {**evaluate(network, frames), INPUT: spike_trains(network.encoding, frames)}
    for layer in network.layers:
        if isinstance(layer, Flatten):
            expected[layer.name] = expected[layer.sources[0]]
    return expected


def divergence(record: LayerRecord, right: np.ndarray, found: np.ndarray, begin: int) -> Divergence:
    """The first place in which a layer's spikes differ, of frames that begin with this one."""
    contract = record.contract
    assert contract is not None  # records without one are not compared
    place = frame, step, channel, row, column = tuple(int(axis[0]) for axis in np.nonzero(found != right))
    cycle = int(contract.cycles()[channel, row, column]) + step * contract.beat + frame * contract.interval
    return Divergence(record.name, begin + frame, channel, row, column, cycle, int(found[place]), int(right[place]))
