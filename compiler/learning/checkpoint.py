"""Checkpoints: everything a training needs to go on as if it had never stopped, in one .npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from compiler.learning.units import Unit
from isa_spec.arrays import decode_npz, encode_npz
from isa_spec.errors import FormatError
from isa_spec.files import read_bytes, write_atomically

State = TypeVar("State")


def save_checkpoint(path: Path, state: Any, epochs_done: int, identity: str) -> None:
    """Write a training's state, whole or not at all; the same state gives the same bytes.

    Parameters
    ----------
    path : Path
    state : tree of arrays and numbers
    epochs_done : int
    identity : str
        What was trained, on what and how: `load_checkpoint` refuses another.
    """
    leaves = {f"state{name}": np.asarray(leaf) for name, leaf in _named(state)}
    with write_atomically(path) as file:
        file.write(encode_npz({"identity": np.array(identity), "epochs": np.array(epochs_done), **leaves}))


def load_checkpoint(path: Path, like: State, identity: str) -> tuple[State, int]:
    """State and number of epochs that are done.

    Parameters
    ----------
    path : Path
    like : tree of arrays and numbers
        A state of the same form, as before the first epoch.
    identity : str

    Raises
    ------
    FormatError
        If the file is no checkpoint, is damaged, or is one of another training.
    """
    arrays = decode_npz(read_bytes(path), str(path))
    if "identity" not in arrays or "epochs" not in arrays:
        raise FormatError(f"{path}: not a checkpoint of a training")
    if str(arrays["identity"]) != identity:
        raise FormatError(
            f"{path}: checkpoint of another training (method, network, options or data differ); give the same as then, "
            "or another file"
        )
    leaves = []
    for name, leaf in _named(like):
        found, wanted = arrays.get(f"state{name}"), np.asarray(leaf)
        if found is None or (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
            raise FormatError(f"{path}: state{name} is missing or has another form; the file was altered")
        leaves.append(found if isinstance(leaf, np.ndarray | jax.Array) else type(leaf)(found))
    return jax.tree.unflatten(jax.tree.structure(like), leaves), int(arrays["epochs"])


def load_weights(path: Path, like: list[Unit]) -> list[Unit]:
    """Weights and shifts of a checkpoint of 0/1 units, whatever else it is a checkpoint of.

    Parameters
    ----------
    path : Path
    like : list of Unit
        Of the same form.

    Raises
    ------
    FormatError
        If the file is no checkpoint, is damaged, or its network has other layers.
    """
    arrays = decode_npz(read_bytes(path), str(path))
    found = []
    for i, unit in enumerate(like):
        parts = [arrays.get(f"state.units[{i}].{name}") for name in unit._fields]
        if any(part is None or part.shape != own.shape for part, own in zip(parts, unit, strict=True)):
            raise FormatError(f"{path}: has no weights for layer {i} of this network; start from one of the same kind")
        found.append(Unit(*(jnp.asarray(part) for part in parts)))
    return found


def _named(state: Any) -> list[tuple[str, Any]]:
    """Leaves of a tree with their places as text."""
    return [(jax.tree_util.keystr(place), leaf) for place, leaf in jax.tree_util.tree_flatten_with_path(state)[0]]
