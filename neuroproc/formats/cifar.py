"""CIFAR-10 as it is published: binary batches of records, and Python batches, which are pickles."""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any

import numpy as np

from isa_spec.errors import FormatError

SHAPE = (3, 32, 32)
VALUES = 3 * 32 * 32
RECORD = 1 + VALUES
"""Bytes of a record: the label, then the planes of red, green and blue, row by row."""
CLASSES = 10
PICKLE_MAGIC = tuple(bytes([0x80, protocol]) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1))
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
}
"""What a Python batch may call, beside plain data: what makes its one array of bytes."""
_PICKLE_ERRORS = (
    pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ValueError, ImportError,
    OverflowError, RecursionError, MemoryError, struct.error,
)  # fmt: skip
"""What Python raises on a pickle that is none."""


def decode_records(data: bytes, where: str) -> dict[str, np.ndarray]:
    """Arrays ``frames`` (uint8[n_frames, 3, 32, 32]) and ``labels`` (int64[n_frames]) of a binary batch.

    Parameters
    ----------
    data : bytes
        Whole records.
    where : str
        For messages.

    Raises
    ------
    FormatError
        If a label is no class.
    """
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    return _checked(records[:, 1:], records[:, 0].astype(np.int64), where)


def decode_pickle(data: bytes, where: str) -> dict[str, np.ndarray]:
    """Arrays of a Python batch, as `decode_records` gives them. Nothing that the file names is imported or called.

    Parameters
    ----------
    data : bytes
        Pickle of a dictionary with ``b"data"`` (bytes in [n_frames, 3072]) and ``b"labels"`` (a list of integers).
    where : str
        For messages.

    Raises
    ------
    FormatError
        If it is no such file, is truncated or altered, or asks for more than plain data and one array of bytes.
    """
    stream = io.BytesIO(data)
    try:
        batch = _Reader(stream, encoding="bytes").load()
    except _Refused as refused:
        allowed = ", ".join(f"{module}.{name}" for module, name in _NAMES)
        raise FormatError(
            f"{where}: a pickle that asks for {refused}, allowed: plain data and {allowed}; nothing of it was run"
        ) from None
    except _PICKLE_ERRORS as error:
        raise FormatError(f"{where}: not a pickle, or truncated or altered ({type(error).__name__})") from None
    if stream.tell() != len(data):
        raise FormatError(f"{where}: {len(data) - stream.tell()} bytes after the end of the pickle; altered")
    if not isinstance(batch, dict) or not {b"data", b"labels"} <= set(batch):
        found = ", ".join(sorted(map(str, batch))) if isinstance(batch, dict) else type(batch).__name__
        raise FormatError(
            f"{where}: a pickle of {found or 'nothing'}, allowed: a dictionary with b'data' and b'labels'"
        )
    labels = batch[b"labels"]
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise FormatError(f"{where}: b'labels' is not a list of integers")
    values = _bytes_of(batch[b"data"], where)
    if len(labels) != len(values):
        raise FormatError(f"{where}: {len(labels)} labels for {len(values)} frames, allowed: one each")
    return _checked(values, np.array(labels, object), where)


def _checked(values: np.ndarray, labels: np.ndarray, where: str) -> dict[str, np.ndarray]:
    wrong = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if len(wrong):
        raise FormatError(
            f"{where}: frame {wrong[0]} has label {labels[wrong[0]]}, allowed: 0..{CLASSES - 1} (CIFAR-10); altered?"
        )
    return {"frames": values.reshape(-1, *SHAPE).copy(), "labels": labels.astype(np.int64)}


class _Refused(Exception):
    """A pickle asks for something that no such file needs."""


class _Call:
    """What a pickle would call, with which arguments, and the state it would set: kept, never done."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, *arguments: Any) -> None:
        self.name, self.arguments = name, arguments
        self.state: Any = None

    def __call__(self, *arguments: Any) -> _Call:
        return _Call(self.name, *arguments)

    def __setstate__(self, state: Any) -> None:
        self.state = state


# The reader written in Python keeps its memory in a dictionary; the one written in C makes room for whatever number an
# altered byte says, which can be all memory there is.
class _Reader(pickle._Unpickler):
    """Reads a pickle as plain data and `_Call`."""

    def find_class(self, module: str, name: str) -> _Call:
        """What stands in the place of a class or function."""
        if (module, name) not in _NAMES:
            raise _Refused(f"{module}.{name}")
        return _Call(_NAMES[module, name])


def _bytes_of(array: Any, where: str) -> np.ndarray:
    """Rows of the array that a pickle would make: uint8[n_frames, 3072]."""
    if isinstance(array, _Call) and array.name == "array" and isinstance(array.state, tuple) and len(array.state) == 5:
        _, shape, kind, by_columns, data = array.state
        if _is_plain(shape, kind, data):
            return np.frombuffer(data, np.uint8).reshape(shape, order="F" if by_columns else "C")
    raise FormatError(f"{where}: b'data' is not an array of bytes in [n_frames, {VALUES}], or truncated or altered")


def _is_plain(shape: Any, kind: Any, data: Any) -> bool:
    """Whether what a pickle says of an array is right for bytes in [n_frames, 3072]."""
    if not isinstance(shape, tuple) or len(shape) != 2 or not all(type(length) is int for length in shape):
        return False
    is_bytes = isinstance(kind, _Call) and kind.name == "dtype" and kind.arguments[:1] in ((b"u1",), ("u1",))
    return is_bytes and shape[1] == VALUES and isinstance(data, bytes) and len(data) == shape[0] * VALUES
