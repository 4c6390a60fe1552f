"""What a place of a layer's map is computed from, back to the frame: followed along the synapses of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.errors import FormatError
from isa_spec.image import ROLES, ProcessorImage
from neuroproc.pictures.timetable import Band, Timetable

_PASSED = np.array([role in ("relay", "proxy", "serialiser", "demux") for role in ROLES])
"""Neurons that only hand on what others say."""
_DEMUX = ROLES.index("demux")


@dataclass(frozen=True, eq=False)
class Reads:
    """What places of one band read in another.

    Parameters
    ----------
    reader, read : int
        Numbers of the two bands.
    places : int64[n_pairs, 4]
        Row and column of a place that reads, row and column of what it reads; each pair once, whatever its channels.
    """

    reader: int
    read: int
    places: np.ndarray


@dataclass(frozen=True, eq=False)
class Trace:
    """Where a place comes from.

    Parameters
    ----------
    band : int
        Number of its band.
    row, column : int
    reads : tuple of Reads
        From the place's own band on, down to the input's.
    fields : tuple of bool[height, width]
        For each band the places that it depends on; its own is the place alone.
    """

    band: int
    row: int
    column: int
    reads: tuple[Reads, ...]
    fields: tuple[np.ndarray, ...]


def trace(image: ProcessorImage, table: Timetable, layer: str, row: int, column: int) -> Trace:
    """Trace of a place, in all its channels.

    Parameters
    ----------
    image : ProcessorImage
    table : Timetable
        Of the image.
    layer : str
    row, column : int

    Raises
    ------
    FormatError
        If the layer has no band, or its map no such place.
    """
    band = table.band(layer)
    if not (0 <= row < band.height and 0 <= column < band.width):
        raise FormatError(
            f"{layer}[{row},{column}] is outside the layer's map, allowed: row 0..{band.height - 1}, column "
            f"0..{band.width - 1}"
        )
    return _Ways(image, table).back(table.bands.index(band), row, column)


def telling_trace(image: ProcessorImage, table: Timetable) -> Trace | None:
    """Trace of the place that tells most, if any does: deep in the network, and yet from a part of the frame only.

    It is in the middle of its map. Where no place is from a part of the frame, that from the fewest places is taken;
    None where all maps are of one place.
    """
    ways = _Ways(image, table)
    found: list[tuple[int, Trace]] = []
    for number in reversed(range(1, len(table.bands))):
        band = table.bands[number]
        if band.height * band.width == 1:
            continue
        one = ways.back(number, (band.height - 1) // 2, (band.width - 1) // 2)
        size = int(one.fields[0].sum())
        if size < one.fields[0].size:
            return one
        found.append((size, one))
    return min(found, key=lambda pair: pair[0])[1] if found else None


class _Ways:
    """Synapses of an image by target, and which values its neurons carry in the cycles of frame 0."""

    def __init__(self, image: ProcessorImage, table: Timetable) -> None:
        self._image, self._table = image, table
        self._by_target = np.argsort(image.target, kind="stable")
        self._start = np.searchsorted(image.target[self._by_target], np.arange(image.n_neurons + 1))
        self._source = image.source()
        self._carried = [self._lanes(band) for band in table.bands]
        keys = [np.ravel(cycle * image.n_neurons + neuron) for neuron, cycle in self._carried]
        self._band = np.repeat(np.arange(len(keys)), [len(part) for part in keys])
        self._value = np.concatenate([np.arange(len(part)) for part in keys])
        order = np.argsort(np.concatenate(keys), kind="stable")
        self._keys = np.concatenate(keys)[order]
        self._band, self._value = self._band[order], self._value[order]

    def back(self, number: int, row: int, column: int) -> Trace:
        """Trace of a place of a band."""
        bands = self._table.bands
        needed = [np.zeros((band.channels, band.height, band.width), bool) for band in bands]
        needed[number][:, row, column] = True
        reads = []
        # A layer reads earlier ones only.
        for reader in range(number, 0, -1):
            value = np.flatnonzero(needed[reader])
            if not len(value):
                continue
            by, band, read = self._step(reader, value)
            for other in np.unique(band[band < reader])[::-1].tolist():
                here = band == other
                needed[other].ravel()[read[here]] = True
                pairs = np.stack([*_place(bands[reader], by[here]), *_place(bands[other], read[here])], axis=1)
                reads.append(Reads(reader, other, np.unique(pairs, axis=0)))
        return Trace(number, row, column, tuple(reads), tuple(np.any(values, axis=0) for values in needed))

    def _lanes(self, band: Band) -> tuple[np.ndarray, np.ndarray]:
        """Neuron of every value of a band, and its cycle in frame 0: int64[channels, height, width] each."""
        record = self._image.layers[band.layer]
        assert record.contract is not None
        assert record.first_neuron is not None
        return record.first_neuron + record.contract.lanes(), record.contract.cycles()

    def _step(self, reader: int, value: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values that read, and the bands and values that they read: int64[n_pairs] each."""
        image = self._image
        neuron, cycle = (array.ravel()[value] for array in self._carried[reader])
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        if (image.group >= 0).any():
            members, of = _members(image, neuron)
            found.append(self._told(value[of], members, cycle[of])[0])
        by = value
        while len(by):
            synapse, of = self._arriving(neuron)
            neuron, cycle, by = self._source[synapse], cycle[of] - image.delay[synapse], by[of]
            told, rest = self._told(by, neuron, cycle)
            found.append(told)
            held = rest & (image.role[neuron] == _DEMUX)
            found.append(self._held(by[held], neuron[held]))
            rest &= _PASSED[image.role[neuron]] & ~held
            ways = np.unique(np.stack([by[rest], neuron[rest], cycle[rest]]), axis=1)
            by, neuron, cycle = ways
        together = [np.concatenate(column) for column in zip(*found, strict=True)]
        return together[0], together[1], together[2]

    def _arriving(self, neuron: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Synapses that reach some neurons, and which of these each reaches: int64[n] both."""
        first, n_synapses = self._start[neuron], self._start[neuron + 1] - self._start[neuron]
        of = np.repeat(np.arange(len(neuron)), n_synapses)
        within = np.arange(len(of)) - np.repeat(np.cumsum(n_synapses) - n_synapses, n_synapses)
        return self._by_target[first[of] + within], of

    def _told(
        self, by: np.ndarray, neuron: np.ndarray, cycle: np.ndarray
    ) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
        """What neurons carry in cycles, by whom it is read; and which of them carry nothing."""
        key = cycle * self._image.n_neurons + neuron
        at = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        real = self._keys[at] == key
        return (by[real], self._band[at[real]], self._value[at[real]]), ~real

    def _held(self, by: np.ndarray, demux: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What demultiplexers pick out of a stream: they stand in the order of its values, whenever those come."""
        image, number = self._image, len(self._table.bands)
        band, value = np.full(len(demux), number), np.zeros(len(demux), np.int64)
        for layer in np.unique(image.layer[demux]).tolist():
            all_of = np.flatnonzero((image.layer == layer) & (image.role == _DEMUX))
            synapse, of = self._arriving(all_of)
            for other, (lanes, _) in enumerate(self._carried):
                block = np.unique(all_of[of[np.isin(self._source[synapse], lanes)]])
                here = np.isin(demux, block)
                band[here], value[here] = other, np.searchsorted(block, demux[here])
        known = band < number
        return by[known], band[known], value[known]


def _members(image: ProcessorImage, neuron: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Members of the groups that some neurons are outputs of, and which of these: int64[n] both."""
    order = np.argsort(image.group, kind="stable")
    first, end = (np.searchsorted(image.group[order], neuron, side) for side in ("left", "right"))
    of = np.repeat(np.arange(len(neuron)), end - first)
    within = np.arange(len(of)) - np.repeat(np.cumsum(end - first) - (end - first), end - first)
    return order[first[of] + within], of


def _place(band: Band, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of values: int64[n] each."""
    row, column = np.divmod(value % (band.height * band.width), band.width)
    return row, column
