"""The cycles of the event engine, compiled for every type of potentials, every way of reset, and what is `extended`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit, types

from neuroproc.kernels.cache import kept_kernels
from neuroproc.kernels.cycle import run_cycles
from neuroproc.kernels.memory import arrays_at


def _run_16(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int16), end, input_cycle, input_neuron, input_charge, 0, 0)


def _run_32(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int32), end, input_cycle, input_neuron, input_charge, 0, 0)


def _run_64(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int64), end, input_cycle, input_neuron, input_charge, 0, 0)


def _run_subtract_16(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int16), end, input_cycle, input_neuron, input_charge, -1, 0)


def _run_subtract_32(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int32), end, input_cycle, input_neuron, input_charge, -1, 0)


def _run_subtract_64(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int64), end, input_cycle, input_neuron, input_charge, -1, 0)


def _run_more_16(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int16), end, input_cycle, input_neuron, input_charge, 0, 1)


def _run_more_32(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int32), end, input_cycle, input_neuron, input_charge, 0, 1)


def _run_more_64(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int64), end, input_cycle, input_neuron, input_charge, 0, 1)


def _run_subtract_more_16(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int16), end, input_cycle, input_neuron, input_charge, -1, 1)


def _run_subtract_more_32(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int32), end, input_cycle, input_neuron, input_charge, -1, 1)


def _run_subtract_more_64(numbers: Any, end: int, input_cycle: Any, input_neuron: Any, input_charge: Any) -> None:
    run_cycles(arrays_at(numbers, np.int64), end, input_cycle, input_neuron, input_charge, -1, 1)


_ENTRIES = {
    ("zero", False): {2: _run_16, 4: _run_32, 8: _run_64},
    ("subtract", False): {2: _run_subtract_16, 4: _run_subtract_32, 8: _run_subtract_64},
    ("zero", True): {2: _run_more_16, 4: _run_more_32, 8: _run_more_64},
    ("subtract", True): {2: _run_subtract_more_16, 4: _run_subtract_more_32, 8: _run_subtract_more_64},
}


@cache
def kernel(dtype: np.dtype, reset: str, has_more: bool) -> Any:
    """`run_cycles` compiled for a type of potentials, a way of reset, and with or without what `extended` has.

    The arrays are those whose addresses are behind the numbers.
    """
    i4s, i8s = (types.Array(kind, 1, "C") for kind in (types.int32, types.int64))
    entry = _ENTRIES[reset, has_more][dtype.itemsize]
    with kept_kernels():
        return njit([types.void(i8s, types.int64, i8s, i4s, i8s)], cache=True, nogil=True)(entry)
