"""The tables of the event kernel, taken apart again."""

from __future__ import annotations

from typing import Any

from isa_spec.image import ProcessorImage
from neuroproc.kernels.memory import Number
from neuroproc.kernels.prepare import KernelTables, prepare
from neuroproc.kernels.vectors import BLOCK, unpacked

Sums = dict[tuple[int, int, int, int], int]
"""Weight by source, delay, target and kind."""


def sums_by_loops(image: ProcessorImage) -> Sums:
    """Parallel synapses of equal delay added up."""
    sums: Sums = {}
    for source in range(image.n_neurons):
        for synapse in range(image.row_start[source], image.row_start[source + 1]):
            place = source, int(image.delay[synapse]), int(image.target[synapse]), int(image.kind[synapse])
            sums[place] = sums.get(place, 0) + int(image.weight[synapse])
    return sums


def sums_in_tables(tables: KernelTables) -> Sums:
    """The same, put together from rows, single synapses and far ones; every entry comes once."""
    arrays, stride = tables.arrays, tables.settings[Number.STRIDE]
    sums: Sums = {}

    def take(source: int, delay: int, target: int, weight: int) -> None:
        if weight == 0 and (source >= len(tables.neuron) or target % tables.room >= len(tables.neuron)):
            return  # padding between kinds
        which, target = divmod(target, tables.room)
        neurons = int(tables.neuron[source]), int(tables.neuron[target])
        if weight == 0 and -1 in neurons:
            return  # padding
        assert -1 not in neurons
        place = neurons[0], delay, neurons[1], tables.kinds[which]
        assert place not in sums or sums[place] == 0 or weight == 0
        sums[place] = sums.get(place, 0) + weight

    for pool, first in enumerate(arrays["pool_first"].tolist()):
        rows = range(arrays["row_first"][pool], arrays["row_first"][pool + 1])
        most = int(arrays["most_rows"][pool])
        weights = arrays["bytes"] if most else arrays["words"]
        at = int(arrays["weight_first"][pool])
        for source in range(first, arrays["pool_end"][pool]):
            assert arrays["pool"][source] == pool
            for row in rows:
                delay, target = divmod(int(arrays["row_place"][row]), stride)
                assert target % BLOCK == 0
                for lane, weight in enumerate(weights[at : at + BLOCK].tolist()):
                    assert not most or most * abs(weight) <= 127
                    take(source, delay, target + lane, weight)
                at += BLOCK
        for row in rows:
            run = int(arrays["row_run"][row])
            places = arrays["row_place"][row : row + run].tolist()
            assert places == [places[0] + k * BLOCK for k in range(run)]
            assert row + run <= rows.stop
    synapses = arrays["packed"] if len(arrays["packed"]) else arrays["packed_wide"]
    # The kernel asks for the end of the last pool.
    assert arrays["pool_end"].max() < len(arrays["scatter_row"])
    for source in range(len(tables.neuron)):
        which = slice(arrays["scatter_row"][source], arrays["scatter_row"][source + 1])
        for place, weight in zip(*(column.tolist() for column in unpacked(synapses[which])), strict=True):
            take(source, *divmod(place, stride), weight)
        for far in range(arrays["far_row"][source], arrays["far_row"][source + 1]):
            take(source, *(int(arrays[f"far_{name}"][far]) for name in ("delay", "target", "weight")))
    return sums


def check_tables(image: ProcessorImage, **options: Any) -> KernelTables:
    """Tables of an image, after a look at all that is in them."""
    tables = prepare(image, **options)
    assert tables.neuron[tables.number].tolist() == list(range(image.n_neurons))
    assert (tables.neuron >= 0).sum() == image.n_neurons
    found, expected = sums_in_tables(tables), sums_by_loops(image)
    if tables.settings[Number.TRACKS_TOUCH]:
        assert found == expected
    assert {place: weight for place, weight in found.items() if weight} == {
        place: weight for place, weight in expected.items() if weight
    }
    assert tables.arrays["threshold"][tables.number].tolist() == image.threshold.tolist()
    return tables
