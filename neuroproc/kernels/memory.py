"""The memory of the cycle kernel: named numbers and named arrays, handed over as one array of addresses.

A kernel that takes each of its arrays as an argument spends a tenth of a microsecond on every one in every call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, overload, register_model
from numba.np.arrayobj import populate_array


class _Numbers(NamedTuple):
    """Places of the numbers that the kernel works with, in one array; behind them come addresses and lengths."""

    CYCLE: int = 0
    LAST_ARRIVAL: int = 1  # nothing is in the ring for later cycles
    SWEEP_UNTIL: int = 2  # up to here all blocks have to be swept, flagged or not
    N_FAR: int = 3
    FAR_FIRST: int = 4
    N_LOGGED: int = 5
    WORK_LIMIT: int = 6
    N_WATCHED: int = 7
    N_SLOTS: int = 8
    STRIDE: int = 9
    REACH: int = 10  # longest delay within the ring
    N_FAR_SYNAPSES: int = 11
    FLOOR: int = 12
    KEEP: int = 13  # -1, or 0 where potentials leak
    ALWAYS: int = 14  # no cycle is idle
    TRACKS_TOUCH: int = 15
    TRACKS_BLOCKS: int = 16
    FEW_SPIKES: int = 17  # up to here the blocks that scattered charge reaches are flagged
    LOWEST: int = 18  # of the type of potentials
    SLOPE_AT: int = 19  # how far behind a neuron's charge its slope arrives; 0 where none does
    CLEAR_AT: int = 20  # and its clears
    DELAYS: int = 21  # spikes are seen a cycle later
    N_DUE: int = 22  # so many of the neurons in `fired` are, in the next one


# No enumeration: numba takes the members of one as indices only in its newest versions.
Number = _Numbers()


class Arrays(NamedTuple):
    """What the kernel runs on, first the tables, then the state.

    Parameters
    ----------
    numbers : int64[]
        By `Number`; then the address and the length of every array.
    potential, threshold : int16, int32 or int64[n_numbers], potential units
        The type is that of pending charge, too: wide enough for every reachable sum.
    ring : as potential[n_slots * stride], potential units
    pool : int32[n_numbers]
        Pool of each neuron: neighbours whose synapses that are kept as rows go to the same places.
    pool_first, pool_end : int32[n_pools]
    row_first : int64[n_pools + 1]
        Blocks ``row_first[p] .. row_first[p + 1] - 1`` are reached from pool ``p``.
    row_place : int64[n_rows]
        Where in the ring, from the present slot on.
    row_run : int32[n_rows]
        How many blocks lie next to each other, from this one on.
    weight_first : int64[n_pools]
        Weights of a pool: source by source, block by block.
    most_rows : int64[n_pools]
        How many rows may be summed in 8 bits; 0 where weights take 16.
    bytes : int8[], potential units
    words : int16[], potential units
    scatter_row : int64[n_numbers + 1]
        Single synapses of each neuron, in one of the next two.
    packed : uint32[]
        Place and weight of each: 24 and 8 bits.
    packed_wide : int64[]
        32 and 32 bits.
    far_row : int64[n_numbers + 1]
        Synapses with a delay beyond the ring.
    far_delay : int64[n_far_synapses], cycles
    far_target : int32[n_far_synapses]
    far_weight : int64[n_far_synapses], potential units
    flags : uint8[n_slots * stride / BLOCK]
        1 where something arrives in a block.
    touched : uint8[n_slots * stride] or [0]
        1 where something arrives, be it a charge of 0; empty where that makes no difference.
    charge : int64[n_numbers], potential units
        Input of a cycle; 0 between cycles.
    spike_count : int64[n_numbers]
    fired : int32[n_numbers]
        Ascending. Where spikes are seen a cycle later, those of the last cycle are kept from one call to the next.
    watched : uint32[n_numbers / BLOCK]
        A bit for each neuron whose spikes are logged.
    log_cycle : int64[n_log], cycles
    log_neuron : int32[n_log]
    far_cycle : int64[n_far], cycles
        Charge that arrives beyond the ring, in any order. It moves into the ring in time.
    far_neuron : int32[n_far]
    far_charge : int64[n_far], potential units
    slope : as potential[n_numbers] or [0], potential units per cycle
        Empty where there are no slopes.
    takes : as potential[n_numbers] or [0]
        -1, or 0 for spent neurons, which have a threshold out of reach; empty where there are neither those nor slopes.
    level : as potential[n_numbers] or [0], potential units
        Thresholds of neurons that are not spent; empty where nobody fires once.
    once : uint8[n_numbers] or [0]
    group : int32[n_numbers] or [0]
        Group that each neuron is a member of, or -1; empty where there are no groups.
    group_first : int64[n_groups + 1]
        Members ``group_first[g] .. group_first[g + 1] - 1`` are those of group ``g``.
    group_member : int32[n_members]
    group_output : int32[n_groups]
        Ascending.
    group_hit : uint8[n_groups]
        Scratch; 0 between cycles.
    fires : uint8[n_numbers] or [0]
        Scratch, too.
    more : int32[n_groups]
        Outputs that their groups made fire; scratch.
    leaky : int32[n_leaky]
        Neurons that leak, where each has a leak of its own.
    """

    numbers: np.ndarray
    potential: np.ndarray
    threshold: np.ndarray
    ring: np.ndarray
    pool: np.ndarray
    pool_first: np.ndarray
    pool_end: np.ndarray
    row_first: np.ndarray
    row_place: np.ndarray
    row_run: np.ndarray
    weight_first: np.ndarray
    most_rows: np.ndarray
    bytes: np.ndarray
    words: np.ndarray
    scatter_row: np.ndarray
    packed: np.ndarray
    packed_wide: np.ndarray
    far_row: np.ndarray
    far_delay: np.ndarray
    far_target: np.ndarray
    far_weight: np.ndarray
    flags: np.ndarray
    touched: np.ndarray
    charge: np.ndarray
    spike_count: np.ndarray
    fired: np.ndarray
    watched: np.ndarray
    log_cycle: np.ndarray
    log_neuron: np.ndarray
    far_cycle: np.ndarray
    far_neuron: np.ndarray
    far_charge: np.ndarray
    slope: np.ndarray
    takes: np.ndarray
    level: np.ndarray
    once: np.ndarray
    group: np.ndarray
    group_first: np.ndarray
    group_member: np.ndarray
    group_output: np.ndarray
    group_hit: np.ndarray
    fires: np.ndarray
    more: np.ndarray
    leaky: np.ndarray


LINE = 64
"""Bytes of a cache line."""

_TYPES = """
    int64 potential potential potential int32 int32 int32 int64 int64 int32 int64 int64 int8 int16 int64 uint32 int64
    int64 int64 int32 int64 uint8 uint8 int64 int64 int32 uint32 int64 int32 int64 int32 int64
    potential potential potential uint8 int32 int64 int32 int32 uint8 uint8 int32 int32
"""

FIRST_ADDRESS = len(Number)
"""Behind the numbers: address and length of every array, in the order of `Arrays`."""

N_NUMBERS = FIRST_ADDRESS + 2 * len(Arrays._fields)

TYPES = dict(zip(Arrays._fields, _TYPES.split(), strict=True))
"""Type of the entries of each array; `potential` for that of potentials."""


def zeros(length: int, dtype: Any) -> np.ndarray:
    """Array of zeros that begins with a cache line, so that no block of neurons lies in more lines than it has to."""
    itemsize = np.dtype(dtype).itemsize
    room = np.zeros(length * itemsize + LINE, np.uint8)
    first = -room.__array_interface__["data"][0] % LINE
    return room[first : first + length * itemsize].view(dtype)


def note_addresses(arrays: Arrays) -> None:
    """Write addresses and lengths of arrays, which have to outlive them, behind the numbers."""
    for k, (name, array) in enumerate(zip(Arrays._fields, arrays, strict=True)):
        expected = arrays.potential.dtype if TYPES[name] == "potential" else np.dtype(TYPES[name])
        if array.dtype != expected or array.ndim != 1 or not array.flags.c_contiguous:
            raise TypeError(f"array {name} is {array.dtype}, {array.ndim} dimensions; the kernel expects {expected}")
        place = FIRST_ADDRESS + 2 * k
        arrays.numbers[place : place + 2] = array.__array_interface__["data"][0], len(array)


def arrays_at(numbers: Any, dtype: Any) -> Arrays:
    """The arrays whose addresses are behind the numbers.

    Parameters
    ----------
    numbers : int64[]
    dtype : numpy type
        Of potentials.
    """
    arrays = {}
    for k, (name, kind) in enumerate(TYPES.items()):
        address, length = numbers[FIRST_ADDRESS + 2 * k : FIRST_ADDRESS + 2 * k + 2].tolist()
        entries = np.dtype(dtype if kind == "potential" else kind)
        memory = (ctypes.c_char * (length * entries.itemsize)).from_address(address)
        arrays[name] = np.frombuffer(memory, entries)
    return Arrays(**arrays)


# --- compiled: attributes of the arrays are read where `note_addresses` wrote them ------------------------------------


# numba's types for mypy say less than what these take, and nothing of the last ones.
instruction: Callable[..., Any] = intrinsic
compiled: Callable[..., Any] = overload
code: Any = cgutils
fill_array: Any = populate_array
template: Any = AttributeTemplate
attribute_of: Any = lower_getattr_generic


class ArraysType(types.Type):
    """`Arrays` in a kernel: the address of the numbers."""

    def __init__(self, potential: Any) -> None:
        self.potential = potential
        super().__init__(name=f"Arrays({potential})")


@register_model(ArraysType)
class _ArraysModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: ArraysType) -> None:
        super().__init__(manager, kind, ir.IntType(64).as_pointer())  # type: ignore[no-untyped-call]


@instruction
def _arrays_at(typing: Any, numbers: Any, dtype: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return code.create_struct_proxy(signature.args[0])(context, builder, arguments[0]).data

    return ArraysType(dtype.dtype)(numbers, dtype), generate


# numba takes no instruction for the compiled form of a function, only a Python function around it.
# ruff: noqa: PLW0108
compiled(arrays_at, strict=False)(lambda *_: lambda numbers, dtype: _arrays_at(numbers, dtype))


def _type_of(arrays: ArraysType, name: str) -> Any:
    kind = TYPES[name]
    return types.Array(arrays.potential if kind == "potential" else getattr(types, kind), 1, "C")


@infer_getattr
class _ArraysAttributes(template):  # type: ignore[misc]
    key = ArraysType

    def generic_resolve(self, value: Any, attr: str) -> Any:
        return _type_of(value, attr)


def _array_attribute(context: Any, builder: Any, arrays: ArraysType, value: Any, name: str) -> Any:
    kind = _type_of(arrays, name)
    place = FIRST_ADDRESS + 2 * Arrays._fields.index(name)
    word = ir.IntType(64)
    address, length = (
        builder.load(builder.gep(value, [ir.Constant(word, place + k)], source_etype=word), typ=word) for k in (0, 1)
    )
    array = context.make_array(kind)(context, builder)
    # The numbers are where they are; all else is looked up.
    data = value if name == "numbers" else builder.inttoptr(address, context.get_data_type(kind.dtype).as_pointer())
    size = ir.Constant(word, kind.dtype.bitwidth // 8)
    fill_array(array, data=data, shape=[length], strides=[size], itemsize=size, meminfo=None)
    return array._getvalue()


attribute_of(ArraysType)(_array_attribute)
