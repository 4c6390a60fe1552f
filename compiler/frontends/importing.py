"""Foreign files to layered networks, by suffix."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from compiler.frontends.float_run import float_frames, run_floats
from compiler.frontends.imported import Assumptions, Imported
from compiler.frontends.model import FloatModel
from compiler.frontends.nir.file import read_nir
from compiler.frontends.onnx.file import evaluate_onnx, read_onnx
from compiler.frontends.quantising.quantise import quantise
from compiler.frontends.weights.file import read_dump
from isa_spec.errors import FormatError, NetworkError

READERS: Mapping[str, Callable[[Path, Assumptions], FloatModel]] = {
    ".nir": read_nir,
    ".npz": lambda path, _: read_dump(path),
    ".onnx": lambda path, _: read_onnx(path),
}
"""Suffixes of foreign files, and what reads them."""


TIMED = (".nir",)
"""Suffixes of files that give times."""
EVALUATORS: Mapping[str, Callable[[Path, np.ndarray, Sequence[str]], dict[str, np.ndarray]]] = {".onnx": evaluate_onnx}
"""Formats whose own package can say what a file answers; of the others it is `run_floats`."""


def is_foreign(path: str | Path) -> bool:
    """Whether a file is a foreign network, by its suffix."""
    return Path(path).suffix in READERS


def read_model(path: str | Path, assumptions: Assumptions) -> FloatModel:
    """What a foreign file says, in real numbers.

    Parameters
    ----------
    path : str or Path
    assumptions : Assumptions

    Raises
    ------
    FormatError
        If the suffix is none of `READERS`, or the file cannot be read as what it says it is.
    """
    path = Path(path)
    if path.suffix not in READERS:
        raise FormatError(f"{path}: suffix '{path.suffix}', allowed for foreign networks: {', '.join(READERS)}")
    return READERS[path.suffix](path, assumptions)


def import_network(path: str | Path, assumptions: Assumptions) -> Imported:
    """A foreign network in integers, with what each layer kept of its numbers.

    Parameters
    ----------
    path : str or Path
        ``.nir``, ``.onnx``, or ``.npz`` with a weight dump.
    assumptions : Assumptions
        What the file does not say.

    Raises
    ------
    FormatError
        If the suffix is none of these, the file cannot be read as what it says it is, or the encoding is none.
    NetworkError
        If the file contradicts itself; if a layer is not exact and not allowed, or something has to be known that the
        file does not say (one message names all of them); or if dt is given for a file without times.
    """
    path = Path(path)
    if assumptions.dt is not None and path.suffix in READERS and path.suffix not in TIMED:
        raise NetworkError(f"{path}: --dt says something about times, and such files give none; leave it out")
    imported = quantise(read_model(path, assumptions), assumptions)
    origin = {**(imported.network.origin or {}), "source": path.name, "file_digest": file_digest(path)}
    return replace(imported, network=replace(imported.network, origin=origin))


def float_values(path: Path, imported: Imported, assumptions: Assumptions, frames: np.ndarray) -> dict[str, np.ndarray]:
    """What a foreign network answers in floats, by layer, as `run_floats`; by its own package where there is one.

    Parameters
    ----------
    path : Path
    imported : Imported
        From this file.
    assumptions : Assumptions
    frames : int[n_frames, C, H, W]
    """
    fed = float_frames(imported.model, imported.network, assumptions, frames)
    values = run_floats(imported.model, fed, assumptions)
    evaluator = EVALUATORS.get(path.suffix)
    if evaluator is not None:
        tensors = imported.model.tensors
        theirs = evaluator(path, fed, list(tensors.values()))
        values |= {name: theirs[tensor].reshape(values[name].shape) for name, tensor in tensors.items()}
    return values


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    try:
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from None
