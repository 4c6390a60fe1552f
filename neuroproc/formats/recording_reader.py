"""Recordings, read: what `neuroproc run --record` and `--record-potentials` wrote, as CSV or ``.npz``."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isa_spec.arrays import ZIP_MAGIC, decode_npz, unzip
from isa_spec.errors import FormatError
from isa_spec.files import read_bytes
from isa_spec.image import ROLES, ProcessorImage, graph_digest

HEAD = "cycle,neuron,layer,role"
HEADS = (HEAD, f"{HEAD},potential")
SPIKES = frozenset({"cycle", "neuron", "cycles", "observed", "layer", "role", "name", "image"})
POTENTIALS = frozenset({"cycle", "neuron", "potential", "layer", "role", "name", "image"})
RUN = frozenset({"cycles", "observed"})
"""Arrays that recordings of older versions lack."""
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_POTENTIAL = re.compile(r"-?\d{1,19}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

Words = tuple[str, str]
"""Layer and role of a neuron."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes, or potentials, of some neurons of an image.

    Parameters
    ----------
    image_digest : str or None
        Of the image that was run; None where the file does not say (CSV).
    cycle : int64[n_spikes] or int64[n_samples], cycles
        Ascending.
    neuron : int32[n_spikes] or int32[n_observed]
        Of each spike; or of each column of `potential`.
    potential : int64[n_samples, n_observed] or None, potential units
        At the end of each sampled cycle.
    n_cycles : int
        How long the run was; where the file does not say, up to the last cycle that it has.
    observed : int32[n_observed] or None
        Ascending: all others may have fired, too. None where the file does not say.
    words : dict
        Layer and role of neurons, as far as the file says.
    """

    image_digest: str | None
    cycle: np.ndarray
    neuron: np.ndarray
    potential: np.ndarray | None
    n_cycles: int
    observed: np.ndarray | None
    words: Mapping[int, Words]

    def spike_count(self, n_neurons: int) -> np.ndarray:
        """Spikes of each neuron of the image: int64[n_neurons].

        Raises
        ------
        FormatError
            If potentials were recorded, which do not say who fired.
        """
        if self.potential is not None:
            raise FormatError("holds potentials, which do not say who fired; record spikes (run --record)")
        return np.bincount(self.neuron, minlength=n_neurons).astype(np.int64)


def holds_recording(data: bytes) -> bool:
    """Whether the content of a file is, or begins as, that of a recording."""
    if data.startswith(ZIP_MAGIC):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = {name.removesuffix(".npy") for name in archive.namelist()}
        except zipfile.BadZipFile:
            return False
        return {"cycle", "neuron"} <= names
    return data.startswith(HEAD.encode())


def read_recording(source: str | Path | bytes, image: ProcessorImage | None = None, where: str = "") -> Recording:
    """What a recording holds.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or its content.
    image : ProcessorImage, optional
        Whose neurons these have to be.
    where : str
        Name of the content, for messages.

    Raises
    ------
    FormatError
        If the file is no recording, truncated, altered or contradicts itself, or is of another image.
    """
    data = source if isinstance(source, bytes) else read_bytes(source)
    where = where or ("<recording>" if isinstance(source, bytes) else str(source))
    if not holds_recording(data):
        if data.startswith(ZIP_MAGIC):
            unzip(data, where, "numpy archive")  # says so if it is truncated
        raise FormatError(
            f"{where}: no recording, allowed: what neuroproc run --record or --record-potentials wrote, .npz or CSV "
            f"with the header {HEAD}"
        )
    found = _from_npz(decode_npz(data, where), where) if data.startswith(ZIP_MAGIC) else _from_csv(data, where)
    if image is not None:
        _hold_against(found, image, where)
    return found


def _hold_against(found: Recording, image: ProcessorImage, where: str) -> None:
    """Refuse what was recorded of another image."""
    digest = graph_digest(image)
    if found.image_digest not in (None, digest):
        raise FormatError(f"{where}: recorded of image {found.image_digest}, this image is {digest}; use that image")
    names = [record.name for record in image.layers] or [""]
    for neuron, words in found.words.items():
        if neuron >= image.n_neurons:
            raise FormatError(
                f"{where}: neuron {neuron} is unknown, allowed 0..{image.n_neurons - 1}; this is of another image"
            )
        own = (names[image.layer[neuron]], ROLES[image.role[neuron]])
        if words != own:
            raise FormatError(
                f"{where}: neuron {neuron} is a {words[1]} of layer '{words[0]}', in this image a {own[1]} of layer "
                f"'{own[0]}'; this is of another image"
            )


def _from_npz(arrays: Mapping[str, np.ndarray], where: str) -> Recording:
    allowed = POTENTIALS if "potential" in arrays else SPIKES
    for name in sorted(allowed - RUN - set(arrays)):
        raise FormatError(f"{where}: array '{name}' is missing, allowed: {', '.join(sorted(allowed))}")
    for name in sorted(set(arrays) - allowed):
        raise FormatError(f"{where}: array '{name}' is unknown, allowed: {', '.join(sorted(allowed))}")
    cycle, neuron = (_integers(arrays[name], name, 1, where) for name in ("cycle", "neuron"))
    layer, role, names = (arrays[name] for name in ("layer", "role", "name"))
    if not len(layer) == len(role) == len(names) or any(words.dtype.kind != "U" for words in (layer, role, names)):
        raise FormatError(f"{where}: layer, role and name have to be the words for each neuron; altered")
    digest = str(arrays["image"])
    if not _DIGEST.fullmatch(digest):
        raise FormatError(f"{where}: image '{digest[:80]}', allowed: sha256: and 64 hexadecimal digits")
    words = dict(enumerate(zip(layer.tolist(), role.tolist(), strict=True)))
    if "potential" in arrays:
        potential = _integers(arrays["potential"], "potential", 2, where)
        found = Recording(digest, cycle, neuron.astype(np.int32), potential, len(cycle), neuron, words)
    else:
        last = int(cycle.max(initial=-1)) + 1
        n_cycles = int(_integers(arrays["cycles"], "cycles", 0, where)) if "cycles" in arrays else last
        observed = _integers(arrays["observed"], "observed", 1, where) if "observed" in arrays else None
        found = Recording(digest, cycle, neuron.astype(np.int32), None, n_cycles, observed, words)
    _check(found, len(layer), where)
    return found


def _integers(array: np.ndarray, name: str, n_axes: int, where: str) -> np.ndarray:
    """An array of 64 bits, if it is one of integers."""
    if array.ndim != n_axes or array.dtype.kind not in "iu" or array.dtype == np.uint64:
        shape = ", ".join("nm"[:n_axes])
        raise FormatError(f"{where}: array {name} is {array.dtype}{list(array.shape)}, allowed: integers, [{shape}]")
    return array.astype(np.int64)


def _check(found: Recording, n_neurons: int, where: str) -> None:
    """Refuse what no run gives."""
    cycle, neuron, observed = found.cycle, found.neuron.astype(np.int64), found.observed
    numbers = neuron if observed is None else np.append(neuron, observed)
    wrong = numbers[(numbers < 0) | (numbers >= n_neurons)]
    if len(wrong):
        raise FormatError(f"{where}: neuron {wrong[0]} is unknown, allowed 0..{n_neurons - 1}")
    if len(cycle) and not 0 <= cycle.min() <= cycle.max() < found.n_cycles:
        raise FormatError(
            f"{where}: cycles {cycle.min()}..{cycle.max()} of a run of {found.n_cycles} cycles; altered or truncated"
        )
    if observed is not None and np.any(np.diff(observed) <= 0):
        raise FormatError(f"{where}: observed neurons do not ascend; altered")
    if found.potential is not None:
        if found.potential.shape != (len(cycle), len(neuron)):
            shape = list(found.potential.shape)
            raise FormatError(f"{where}: potential is {shape}, expected [{len(cycle)}, {len(neuron)}]; altered")
        if np.any(np.diff(cycle) <= 0):
            raise FormatError(f"{where}: sampled cycles do not ascend; altered")
        return
    if len(neuron) != len(cycle):
        raise FormatError(f"{where}: array neuron has {len(neuron)} entries, cycle has {len(cycle)}")
    steps, neurons = np.diff(cycle), np.diff(neuron)
    if np.any((steps < 0) | ((steps == 0) & (neurons <= 0))):
        raise FormatError(f"{where}: spikes are not in the order of cycles and neurons, each once; altered")
    strange = np.setdiff1d(neuron, observed) if observed is not None else neuron[:0]
    if len(strange):
        raise FormatError(f"{where}: neuron {strange[0]} has spikes, but was not observed; altered")


def _from_csv(data: bytes, where: str) -> Recording:
    try:
        head, *lines = data.decode().replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise FormatError(f"{where}: not a text (byte {error.start}); altered") from None
    if head not in HEADS:
        raise FormatError(f"{where} line 1: header '{head[:60]}', allowed: {' or '.join(HEADS)}")
    if not data.endswith(b"\n"):
        raise FormatError(f"{where} line {len(lines) + 1}: ends in its middle; truncated")
    of_potentials = head == HEADS[1]
    known: dict[str, int] = {}
    words: dict[int, Words] = {}
    cycles: list[int] = []
    neurons: list[int] = []
    values: list[int] = []
    for number, line in enumerate(lines, 2):
        when, _, label = line.partition(",")
        if of_potentials:
            label, _, value = label.rpartition(",")
            if not _POTENTIAL.fullmatch(value):
                raise FormatError(f"{where} line {number}: potential '{value[:40]}', allowed: an integer of 64 bits")
            values.append(int(value))
        if label not in known:
            known[label] = _label(label, words, f"{where} line {number}")
        if not _NUMBER.fullmatch(when):
            raise FormatError(f"{where} line {number}: cycle '{when[:40]}', allowed: a number of 0 or above")
        cycles.append(int(when))
        neurons.append(known[label])
    cycle, neuron = np.array(cycles, np.int64), np.array(neurons, np.int32)
    if of_potentials:
        found = _table(cycle, neuron, values, words, where)
    else:
        found = Recording(None, cycle, neuron, None, int(cycle.max(initial=-1)) + 1, None, words)
    _check(found, int(neuron.max(initial=-1)) + 1, where)
    return found


def _label(label: str, words: dict[int, Words], where: str) -> int:
    """Neuron of a label ``number,layer,role``; its words are noted."""
    try:
        cells = next(csv.reader([label]), [])
    except csv.Error:
        cells = []
    if len(cells) != 3 or not _NUMBER.fullmatch(cells[0]) or int(cells[0]) >= 2**31 or cells[2] not in ROLES:
        raise FormatError(f"{where}: '{label[:60]}', expected neuron,layer,role with a role of {', '.join(ROLES)}")
    neuron, found = int(cells[0]), (cells[1], cells[2])
    if words.setdefault(neuron, found) != found:
        raise FormatError(f"{where}: neuron {neuron} is {found}, it was {words[neuron]} before; altered")
    return neuron


def _table(
    cycle: np.ndarray, neuron: np.ndarray, values: list[int], words: Mapping[int, Words], where: str
) -> Recording:
    """Lines of potentials as a table: in every cycle the same neurons."""
    observed = neuron[cycle == cycle[0]] if len(cycle) else neuron
    n_samples, rest = divmod(len(cycle), max(len(observed), 1))
    whole = cycle[: len(cycle) - rest].reshape(n_samples, -1)
    same = not rest and np.array_equal(neuron, np.tile(observed, n_samples)) and not np.any(whole - whole[:, :1])
    if not same:
        raise FormatError(f"{where}: not every cycle has the same {len(observed)} neurons; truncated or altered")
    try:
        potential = np.array(values, np.int64).reshape(n_samples, len(observed))
    except OverflowError:
        raise FormatError(f"{where}: a potential does not fit 64 bits; altered") from None
    sampled = whole[:, 0] if n_samples else cycle
    return Recording(None, sampled, observed, potential, int(cycle.max(initial=-1)) + 1, observed, words)
