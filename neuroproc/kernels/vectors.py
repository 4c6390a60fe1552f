"""A block of neurons at once: what the cycle kernel does with vectors, each operation beside its plain twin.

The functions with bodies are the twins: numpy, run where the kernel runs uncompiled. Compiled, each becomes a few
vector instructions of whatever the machine has. Nothing here checks an index.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

BLOCK = 32
"""Neurons that are swept, or reached by one row of weights, in one go."""

FLAGS = 64
"""Blocks whose flags are looked at in one go."""


def sweep_block(
    potential: Any, threshold: Any, ring: Any, at: int, place: int, floor: int, keep: int, surplus: int
) -> int:
    """Integrate, compare and reset the block of neurons from `at` on; mask of those that fire.

    Parameters
    ----------
    potential, threshold : int[n_neurons], potential units
    ring : as potential[n_places], potential units
    at : int
    place : int
        Where the ring has what arrives at the first of them; left at 0.
    floor : int, potential units
    keep : int
        -1, or 0 where potentials start from 0.
    surplus : int
        -1 where a spike leaves what was above the threshold, 0 where it leaves nothing.
    """
    block, arrived = slice(at, at + BLOCK), slice(place, place + BLOCK)
    total = (potential[block] & keep) + ring[arrived]
    fires = total >= threshold[block]
    potential[block] = np.where(fires, (total - threshold[block]) & surplus, np.maximum(total, floor))
    ring[arrived] = 0
    return int.from_bytes(np.packbits(fires, bitorder="little").tobytes(), "little")


def add_row(ring: Any, place: int, weights: Any, first: int) -> None:
    """Add a row of weights, from `first` on, to the block of the ring at `place`."""
    ring[place : place + BLOCK] += weights[first : first + BLOCK]


def add_rows(
    ring: Any, place: int, n_blocks: int, weights: Any, first: int, stride: int, sources: Any, begin: int, end: int
) -> int:
    """Add the rows of several sources to blocks of the ring from `place` on; number of blocks that were done.

    Parameters
    ----------
    ring : int[n_places], potential units
    place : int
    n_blocks : int
        How many lie next to each other; at most 16 of them are done at once.
    weights : int8[n_weights], potential units
        Any sum of rows must fit 8 bits.
    first, stride : int
        The row of source ``s`` begins at ``first + s * stride``.
    sources : int32[n_sources]
    begin, end : int
        Those of them that are added.
    """
    done = 16 if n_blocks >= 16 else 4 if n_blocks >= 4 else 2 if n_blocks >= 2 else 1
    for source in sources[begin:end]:
        row = first + int(source) * stride
        ring[place : place + done * BLOCK] += weights[row : row + done * BLOCK]
    return done


def scatter(ring: Any, base: int, mask: int, synapses: Any, begin: int, end: int) -> None:
    """Add single weights to the ring.

    Parameters
    ----------
    ring : int[n_places], potential units
    base, mask : int
        A weight goes to ``(base + its place) & mask``.
    synapses : uint32[n_synapses] or int64[n_synapses]
        Place and weight in one number: 24 and 8 bits, or 32 and 32.
    begin, end : int
        Those of them that are added.
    """
    places, weights = unpacked(synapses[begin:end])
    np.add.at(ring, (base + places) & mask, weights.astype(ring.dtype))


def mark_places(flags: Any, size: int, base: int, mask: int, synapses: Any, begin: int, end: int) -> None:
    """Raise the flags of the places that single weights go to, `size` places to a flag; the rest as in `scatter`."""
    places, _ = unpacked(synapses[begin:end])
    flags[((base + places) & mask) // size] = 1


def packed(places: Any, weights: Any) -> np.ndarray:
    """Places and weights in one number each, in 32 bits if all of them fit, else in 64.

    Parameters
    ----------
    places : int64[n_synapses]
        In 0 .. 2**31 - 1.
    weights : int64[n_synapses], potential units
        Of 32 bits.
    """
    if places.max(initial=0) < 2**24 and weights.min(initial=0) >= -(2**7) and weights.max(initial=0) < 2**7:
        return (places << 8 | weights & 0xFF).astype(np.uint32)
    return places << 32 | weights & 0xFFFF_FFFF


def unpacked(synapses: Any) -> tuple[np.ndarray, np.ndarray]:
    """Places and weights of packed synapses: int64[n_synapses], twice."""
    if synapses.dtype == np.uint32:
        return (synapses >> 8).astype(np.int64), synapses.astype(np.int8).astype(np.int64)
    return synapses >> 32, synapses.astype(np.int32).astype(np.int64)


def flagged(flags: Any, at: int) -> int:
    """Mask of the flags from `at` on that are up."""
    up = flags[at : at + FLAGS] != 0
    return int.from_bytes(np.packbits(up, bitorder="little").tobytes(), "little")


def first_of(mask: int) -> int:
    """Number of the lowest bit in a mask that is not 0."""
    return (int(mask) & -int(mask)).bit_length() - 1


def without_first(mask: int) -> int:
    """A mask without its lowest bit."""
    return int(mask) & (int(mask) - 1)


def get(array: Any, at: int) -> Any:
    """An entry; what numba makes of ``array[at]`` also asks whether the place counts from the end."""
    return array[at]


def put(array: Any, at: int, value: Any) -> None:
    """Write an entry; see `get`."""
    array[at] = value


def prefetch(array: Any, at: int) -> None:
    """Have the machine fetch an entry that is needed soon; no result depends on it, and it need not exist."""


# --- the same, compiled -----------------------------------------------------------------------------------------------

# numba's types for mypy say less than what these take.
instruction: Callable[..., Any] = intrinsic
compiled: Callable[..., Any] = partial(overload, strict=False, jit_options={"forceinline": True})
code: Any = cgutils

_BYTE, _WORD = ir.IntType(8), ir.IntType(64)


def _entry(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> tuple[Any, Any, int]:
    """Address of an entry, its type, and its bytes."""
    data = code.create_struct_proxy(array_type)(context, builder, array).data
    number = ir.IntType(array_type.dtype.bitwidth)
    return builder.gep(data, [at], source_etype=number), number, array_type.dtype.bitwidth // 8


def _store(builder: Any, value: Any, address: Any, align: int) -> None:
    builder.store(value, builder.bitcast(address, value.type.as_pointer()), align=align)


def _fetch(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> None:
    address, _, _ = _entry(context, builder, array_type, array, at)
    number, anything = ir.IntType(32), _BYTE.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [anything, number, number, number])
    fetch = code.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(fetch, [builder.bitcast(address, anything), number(0), number(3), number(1)])


def _spread(builder: Any, value: Any, count: int) -> Any:
    """A number in every place of a vector."""
    vector = ir.VectorType(value.type, count)
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), count), None)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), places)


@instruction
def _sweep_block(
    typing: Any, potential: Any, threshold: Any, ring: Any, at: Any, place: Any, floor: Any, keep: Any, surplus: Any
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, theta, q, index, where, low, kept, left = arguments
        v_at, number, align = _entry(context, builder, potential, v, index)
        q_at, _, _ = _entry(context, builder, ring, q, where)
        theta_at, _, _ = _entry(context, builder, threshold, theta, index)
        if number != _WORD:
            low, kept, left = (builder.trunc(value, number) for value in (low, kept, left))
        vector = ir.VectorType(number, BLOCK)
        resting = builder.and_(builder.load(v_at, align=align, typ=vector), _spread(builder, kept, BLOCK))
        total = builder.add(resting, builder.load(q_at, align=align, typ=vector))
        level = builder.load(theta_at, align=align, typ=vector)
        fires = builder.icmp_signed(">=", total, level)
        above = builder.and_(builder.sub(total, level), _spread(builder, left, BLOCK))
        least, none = _spread(builder, low, BLOCK), ir.Constant(vector, None)
        raised = builder.select(builder.icmp_signed(">", total, least), total, least)
        _store(builder, builder.select(fires, above, raised), v_at, align)
        _store(builder, none, q_at, align)
        return builder.zext(builder.bitcast(fires, ir.IntType(BLOCK)), _WORD)

    long = types.int64
    return types.uint64(potential, threshold, ring, long, long, long, long, long), generate


@instruction
def _add_row(typing: Any, ring: Any, place: Any, weights: Any, first: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        q, where, w, row = arguments
        q_at, number, align = _entry(context, builder, ring, q, where)
        w_at, narrow, w_align = _entry(context, builder, weights, w, row)
        vector = ir.VectorType(number, BLOCK)
        charge = builder.load(w_at, align=w_align, typ=ir.VectorType(narrow, BLOCK))
        if narrow != number:
            charge = builder.sext(charge, vector)
        _store(builder, builder.add(builder.load(q_at, align=align, typ=vector), charge), q_at, align)
        return context.get_dummy_value()

    return types.void(ring, types.int64, weights, types.int64), generate


def _sum_of_rows(n_blocks: int) -> Any:
    """`add_rows` for a fixed number of blocks: the sum is kept in registers, 64 bytes each, and added in the end."""

    @instruction
    def rows(
        typing: Any, ring: Any, place: Any, weights: Any, first: Any, stride: Any, sources: Any, begin: Any, end: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            q, where, w, row, step, fired, low, high = arguments
            lanes = min(64, n_blocks * BLOCK)
            part = ir.VectorType(_BYTE, lanes)
            none = ir.Constant(part, None)
            sums = [code.alloca_once_value(builder, none) for _ in range(n_blocks * BLOCK // lanes)]
            for total in sums:
                builder.store(none, total)
            with code.for_range_slice(builder, low, high, ir.Constant(_WORD, 1), intp=_WORD) as (which, _):
                source_at, number, _ = _entry(context, builder, sources, fired, which)
                source = builder.sext(builder.load(source_at, typ=number), _WORD)
                start = builder.add(row, builder.mul(source, step))
                for k, total in enumerate(sums):
                    at, _, _ = _entry(context, builder, weights, w, builder.add(start, ir.Constant(_WORD, k * lanes)))
                    builder.store(
                        builder.add(builder.load(total, typ=part), builder.load(at, align=1, typ=part)), total
                    )
            for k, total in enumerate(sums):
                q_at, number, align = _entry(
                    context, builder, ring, q, builder.add(where, ir.Constant(_WORD, k * lanes))
                )
                vector = ir.VectorType(number, lanes)
                charge = builder.sext(builder.load(total, typ=part), vector)
                _store(builder, builder.add(builder.load(q_at, align=align, typ=vector), charge), q_at, align)
            return context.get_dummy_value()

        long = types.int64
        return types.void(ring, long, weights, long, long, sources, long, long), generate

    return rows


_add_rows_16, _add_rows_4, _add_rows_2, _add_rows_1 = (_sum_of_rows(n_blocks) for n_blocks in (16, 4, 2, 1))


@instruction
def _flagged(typing: Any, flags: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, number, _ = _entry(context, builder, flags, *arguments)
        vector = ir.VectorType(number, FLAGS)
        up = builder.icmp_unsigned("!=", builder.load(address, align=1, typ=vector), ir.Constant(vector, None))
        return builder.bitcast(up, _WORD)

    return types.uint64(flags, types.int64), generate


@instruction
def _first_of(typing: Any, mask: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@instruction
def _get(typing: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, number, align = _entry(context, builder, array, *arguments)
        return builder.load(address, align=align, typ=number)

    return array.dtype(array, types.int64), generate


@instruction
def _put(typing: Any, array: Any, at: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, _, align = _entry(context, builder, array, *arguments[:2])
        _store(builder, arguments[2], address, align)
        return context.get_dummy_value()

    return types.void(array, types.int64, array.dtype), generate


@instruction
def _prefetch(typing: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _fetch(context, builder, array, *arguments)
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _add_rows_code(
    ring: Any, place: Any, n_blocks: Any, weights: Any, first: Any, stride: Any, sources: Any, begin: Any, end: Any
) -> Any:
    def chosen(ring, place, n_blocks, weights, first, stride, sources, begin, end):  # type: ignore[no-untyped-def]
        if n_blocks >= 16:
            _add_rows_16(ring, place, weights, first, stride, sources, begin, end)
            return 16
        if n_blocks >= 4:
            _add_rows_4(ring, place, weights, first, stride, sources, begin, end)
            return 4
        if n_blocks >= 2:
            _add_rows_2(ring, place, weights, first, stride, sources, begin, end)
            return 2
        _add_rows_1(ring, place, weights, first, stride, sources, begin, end)
        return 1

    return chosen


def _halves(synapses: Any) -> tuple[np.uint64, Any]:
    """Bits below the place in a packed synapse, and the type of its weight."""
    return (np.uint64(8), np.int8) if synapses.dtype == types.uint32 else (np.uint64(32), np.int32)


def _scatter_code(ring: Any, base: Any, mask: Any, synapses: Any, begin: Any, end: Any) -> Any:
    bits, weight = _halves(synapses)

    def add_singly(ring, base, mask, synapses, begin, end):  # type: ignore[no-untyped-def]
        # Unsigned numbers throughout: numba then leaves out what lets an index count from the end.
        start, wrap = np.uint64(base), np.uint64(mask)
        for synapse in range(np.uint64(begin), np.uint64(end)):
            both = np.uint64(synapses[synapse])
            ring[(start + (both >> bits)) & wrap] += weight(both)

    return add_singly


def _mark_places_code(flags: Any, size: Any, base: Any, mask: Any, synapses: Any, begin: Any, end: Any) -> Any:
    bits, _ = _halves(synapses)

    def mark(flags, size, base, mask, synapses, begin, end):  # type: ignore[no-untyped-def]
        start, wrap, places = np.uint64(base), np.uint64(mask), np.uint64(size)
        for synapse in range(np.uint64(begin), np.uint64(end)):
            flags[((start + (np.uint64(synapses[synapse]) >> bits)) & wrap) // places] = 1

    return mark


# numba takes no instruction for the compiled form of a function, only a Python function around it.
# ruff: noqa: PLW0108
compiled(sweep_block)(
    lambda *_: lambda v, theta, q, at, place, low, keep, left: _sweep_block(v, theta, q, at, place, low, keep, left)
)
compiled(add_rows)(_add_rows_code)
compiled(scatter)(_scatter_code)
compiled(mark_places)(_mark_places_code)
compiled(add_row)(lambda *_: lambda ring, place, weights, first: _add_row(ring, place, weights, first))
compiled(flagged)(lambda *_: lambda flags, at: _flagged(flags, at))
compiled(first_of)(lambda *_: lambda mask: _first_of(mask))
compiled(without_first)(lambda *_: lambda mask: mask & (mask - np.uint64(1)))
compiled(get)(lambda *_: lambda array, at: _get(array, at))
compiled(put)(lambda *_: lambda array, at, value: _put(array, at, value))
compiled(prefetch)(lambda *_: lambda array, at: _prefetch(array, at))
