"""64 lanes as one vector: what the lane kernel does with them, each operation beside its plain twin.

The functions with bodies are the twins: numpy, one row of 64 numbers, run where the kernel runs uncompiled. Compiled,
each becomes a few vector instructions; a mask is one `uint64`, bit ``b`` is lane ``b``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 64


def lanes_of(mask: Any) -> np.ndarray:
    """Lanes in a mask: bool[64]."""
    return (np.uint64(mask) >> np.arange(LANES, dtype=np.uint64)) & np.uint64(1) != 0


def mask_of(lanes: np.ndarray) -> np.uint64:
    """Mask of bool[64]."""
    return np.uint64(int.from_bytes(np.packbits(lanes, bitorder="little").tobytes(), "little"))


def load_row(rows: np.ndarray, n: Any) -> np.ndarray:
    """Row `n` of ``rows[n_rows, 64]``."""
    return rows[n].copy()


def store_row(rows: np.ndarray, n: Any, vector: np.ndarray) -> None:
    """Write row `n` of ``rows[n_rows, 64]``."""
    rows[n] = vector


def no_charge() -> np.ndarray:
    """A sum of bytes that is 0 in every lane: int8[64]."""
    return np.zeros(LANES, np.int8)


def add_bytes(vector: np.ndarray, mask: Any, weights: Any) -> np.ndarray:
    """A sum of bytes with a weight added in the lanes of a mask; `weights` holds it four times, a byte each."""
    weight = np.uint32(weights).astype(np.uint8).astype(np.int8)
    return np.where(lanes_of(mask), vector + weight, vector)


def add_where(vector: np.ndarray, mask: Any, weight: Any) -> np.ndarray:
    """A vector with a weight added in the lanes of a mask."""
    return np.where(lanes_of(mask), vector + vector.dtype.type(weight), vector)


def add_sum(vector: np.ndarray, part: np.ndarray) -> np.ndarray:
    """A vector with a sum of bytes added."""
    return vector + part


def lanes_at_least(vector: np.ndarray, threshold: Any) -> np.uint64:
    """Mask of the lanes at or above a threshold."""
    return mask_of(vector >= threshold)


def clear_or_raise(vector: np.ndarray, fired: Any, floor: Any) -> np.ndarray:
    """0 in the lanes of a mask, at least the floor in the others."""
    return np.where(lanes_of(fired), vector.dtype.type(0), np.maximum(vector, floor))


def lower_or_raise(vector: np.ndarray, fired: Any, threshold: Any, floor: Any) -> np.ndarray:
    """A threshold less in the lanes of a mask, at least the floor in the others."""
    return np.where(lanes_of(fired), vector - threshold, np.maximum(vector, floor))


def keep_where(vector: np.ndarray, mask: Any) -> np.ndarray:
    """A vector with 0 outside the lanes of a mask."""
    return np.where(lanes_of(mask), vector, vector.dtype.type(0))


def choose(mask: Any, vector: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A vector in the lanes of a mask, another one outside."""
    return np.where(lanes_of(mask), vector, other)


def lanes_nonzero(vector: np.ndarray) -> np.uint64:
    """Mask of the lanes that are not 0."""
    return mask_of(vector != 0)


def count_lanes(mask: Any) -> int:
    """Lanes in a mask."""
    return int(mask).bit_count()


# --- the same, compiled -----------------------------------------------------------------------------------------------

_BYTE, _MASK = ir.IntType(8), ir.IntType(LANES)
_BOOLS = ir.VectorType(ir.IntType(1), LANES)


def instruction(typed: Callable[..., Any]) -> Callable[..., Any]:
    """`intrinsic`, for type checkers: what it makes is called with other arguments than what it is made from."""
    return intrinsic(typed)


class LaneVector(types.Type):
    """64 integers of one width, in registers."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        super().__init__(name=f"LaneVector({bits})")


@register_model(LaneVector)
class _LaneVectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: LaneVector) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(kind.bits), LANES))  # type: ignore[no-untyped-call]


def _spread(builder: Any, value: Any, count: int) -> Any:
    """A number in every place of a vector."""
    vector = ir.VectorType(value.type, count)
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), count), None)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), places)


def _row_address(context: Any, builder: Any, rows_type: Any, rows: Any, n: Any) -> tuple[Any, Any, int]:
    """Address of a row, the type of its vector, and the bytes that numbers are aligned to."""
    array = context.make_array(rows_type)(context, builder, rows)
    number = ir.IntType(rows_type.dtype.bitwidth)
    first = builder.mul(n, ir.Constant(n.type, LANES))
    address = builder.gep(array.data, [first], source_etype=number)
    vector = ir.VectorType(number, LANES)
    return builder.bitcast(address, vector.as_pointer()), vector, rows_type.dtype.bitwidth // 8


@instruction
def _load_row(typing: Any, rows: Any, n: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, vector, align = _row_address(context, builder, rows, *arguments)
        return builder.load(address, align=align, typ=vector)

    return LaneVector(rows.dtype.bitwidth)(rows, n), generate


@instruction
def _store_row(typing: Any, rows: Any, n: Any, vector: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, _, align = _row_address(context, builder, rows, *arguments[:2])
        builder.store(arguments[2], address, align=align)
        return context.get_dummy_value()

    return types.void(rows, n, vector), generate


@instruction
def _no_charge(typing: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(ir.VectorType(_BYTE, LANES), None)

    return LaneVector(8)(), generate


@instruction
def _add_bytes(typing: Any, vector: Any, mask: Any, weights: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        part, lanes, four = arguments
        weight = builder.bitcast(_spread(builder, four, LANES // 4), part.type)
        none = ir.Constant(part.type, None)
        return builder.add(part, builder.select(builder.bitcast(lanes, _BOOLS), weight, none))

    return vector(vector, types.uint64, types.uint32), generate


@instruction
def _add_where(typing: Any, vector: Any, mask: Any, weight: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, lanes, value = arguments
        none = ir.Constant(total.type, None)
        charge = _spread(builder, value, LANES)
        return builder.add(total, builder.select(builder.bitcast(lanes, _BOOLS), charge, none))

    return vector(vector, types.uint64, _number(vector)), generate


@instruction
def _add_sum(typing: Any, vector: Any, part: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.add(arguments[0], builder.sext(arguments[1], arguments[0].type))

    return vector(vector, part), generate


@instruction
def _lanes_at_least(typing: Any, vector: Any, threshold: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        reached = builder.icmp_signed(">=", arguments[0], _spread(builder, arguments[1], LANES))
        return builder.bitcast(reached, _MASK)

    return types.uint64(vector, _number(vector)), generate


@instruction
def _clear_or_raise(typing: Any, vector: Any, fired: Any, floor: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, lanes, least = arguments
        low = _spread(builder, least, LANES)
        raised = builder.select(builder.icmp_signed(">", value, low), value, low)
        return builder.select(builder.bitcast(lanes, _BOOLS), ir.Constant(value.type, None), raised)

    return vector(vector, types.uint64, _number(vector)), generate


@instruction
def _lower_or_raise(typing: Any, vector: Any, mask: Any, threshold: Any, floor: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, lanes, level, least = arguments
        low = _spread(builder, least, LANES)
        raised = builder.select(builder.icmp_signed(">", value, low), value, low)
        lowered = builder.sub(value, _spread(builder, level, LANES))
        return builder.select(builder.bitcast(lanes, _BOOLS), lowered, raised)

    return vector(vector, types.uint64, _number(vector), _number(vector)), generate


@instruction
def _keep_where(typing: Any, vector: Any, mask: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, lanes = arguments
        return builder.select(builder.bitcast(lanes, _BOOLS), value, ir.Constant(value.type, None))

    return vector(vector, types.uint64), generate


@instruction
def _choose(typing: Any, mask: Any, vector: Any, other: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes, value, otherwise = arguments
        return builder.select(builder.bitcast(lanes, _BOOLS), value, otherwise)

    return vector(types.uint64, vector, other), generate


@instruction
def _lanes_nonzero(typing: Any, vector: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        other = builder.icmp_signed("!=", arguments[0], ir.Constant(arguments[0].type, None))
        return builder.bitcast(other, _MASK)

    return types.uint64(vector), generate


@instruction
def _count_lanes(typing: Any, mask: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


def _number(vector: LaneVector) -> Any:
    return types.Integer.from_bitwidth(vector.bits, signed=True)


# numba takes no intrinsic for a function's compiled form, only a Python function around it.
# ruff: noqa: PLW0108
overload(load_row)(lambda rows, n: lambda rows, n: _load_row(rows, n))
overload(store_row)(lambda rows, n, vector: lambda rows, n, vector: _store_row(rows, n, vector))
overload(no_charge)(lambda: lambda: _no_charge())
overload(add_bytes)(lambda vector, mask, weights: lambda vector, mask, weights: _add_bytes(vector, mask, weights))
overload(add_where)(lambda vector, mask, weight: lambda vector, mask, weight: _add_where(vector, mask, weight))
overload(add_sum)(lambda vector, part: lambda vector, part: _add_sum(vector, part))
overload(lanes_at_least)(lambda vector, threshold: lambda vector, threshold: _lanes_at_least(vector, threshold))
overload(clear_or_raise)(
    lambda vector, fired, floor: lambda vector, fired, floor: _clear_or_raise(vector, fired, floor)
)
overload(lower_or_raise)(
    lambda vector, fired, threshold, floor: (
        lambda vector, fired, threshold, floor: _lower_or_raise(vector, fired, threshold, floor)
    )
)
overload(keep_where)(lambda vector, mask: lambda vector, mask: _keep_where(vector, mask))
overload(choose)(lambda mask, vector, other: lambda mask, vector, other: _choose(mask, vector, other))
overload(lanes_nonzero)(lambda vector: lambda vector: _lanes_nonzero(vector))
overload(count_lanes)(lambda mask: lambda mask: _count_lanes(mask))
