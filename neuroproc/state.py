"""`ProcessorState`: everything needed to resume a run, on any engine, and nothing else."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isa_spec.arrays import decode_npz, encode_npz
from isa_spec.errors import EmulationError, FormatError
from isa_spec.files import read_bytes, write_atomically
from isa_spec.image import ProcessorImage
from isa_spec.kinds import CHARGE, CLEAR, KINDS, SLOPE
from isa_spec.potentials import (
    charge_range,
    highest_rest,
    leaking,
    potential_bounds,
    slope_range,
    synaptic_range,
)
from isa_spec.showing import brief
from isa_spec.spikes import SpikeEvents
from neuroproc.bounds import LOWEST, endless_rise, falls_without_end, rising, steepest_fall
from neuroproc.slopes import adder_range, endless_slopes

FORMAT = "neuroproc-state"
VERSION = 1
_ARRAYS = {
    "potential": np.int64,
    "slope": np.int64,
    "spent": np.bool_,
    "due": np.bool_,
    "ahead": np.int64,
    "neuron": np.int32,
    "charge": np.int64,
    "kind": np.uint8,
    "input_cycle": np.int64,
    "input_port": np.int32,
    "input_value": np.int64,
}
_OPTIONAL = {"slope": "potential", "spent": "potential", "due": "potential", "kind": "charge"}
"""Arrays that are left out of a file where they are 0 everywhere, and the array that has their length."""


@dataclass(frozen=True, eq=False)
class PendingCharge:
    """What is under way over synapses, one entry per cycle, neuron and kind, sorted by cycle, then neuron, then kind.

    Parameters
    ----------
    ahead : int64[n_entries], cycles
        0 arrives in the next cycle.
    neuron : int32[n_entries]
    charge : int64[n_entries], potential units
        Sum of the weights; 1 for any number of clear synapses. An entry of 0 exists only where a delivery of 0 matters
        (`tracks_touch`).
    kind : uint8[n_entries]
        Index into `isa_spec.kinds.KINDS`.
    """

    ahead: np.ndarray
    neuron: np.ndarray
    charge: np.ndarray
    kind: np.ndarray

    def __repr__(self) -> str:
        return brief(self)

    @classmethod
    def none(cls) -> PendingCharge:
        """Nothing under way."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.uint8))

    def __len__(self) -> int:
        return len(self.ahead)


@dataclass(frozen=True, eq=False)
class ProcessorState:
    """A processor between two cycles; the same for every engine, and comparable with ``==``.

    Parameters
    ----------
    image : str
        Digest of the image (`isa_spec.image.graph_digest`).
    cycle : int
        Number of the next cycle.
    potential : int64[n_neurons], potential units
    slope : int64[n_neurons], potential units per cycle
    spent : bool[n_neurons]
    due : bool[n_neurons]
        Whose spikes are seen in the next cycle, where they are delayed.
    pending : PendingCharge
        What spikes of the past will still deliver.
    inputs : SpikeEvents
        Input charge given for the next cycle or later, one event per cycle and port.
    """

    image: str
    cycle: int
    potential: np.ndarray
    slope: np.ndarray
    spent: np.ndarray
    due: np.ndarray
    pending: PendingCharge
    inputs: SpikeEvents

    def __repr__(self) -> str:
        return brief(self)

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProcessorState):
            return NotImplemented
        same = (self.image, self.cycle) == (other.image, other.cycle)
        mine, theirs = _arrays(self), _arrays(other)
        return same and all(np.array_equal(mine[name], theirs[name]) for name in mine)


def tracks_touch(image: ProcessorImage) -> bool:
    """Whether a delivery of 0 can change what happens: only on delivery, and where a neuron may rest at its threshold.

    Elsewhere a neuron that nothing reached rests below its threshold, so comparing it or not is the same.
    """
    return image.spec.evaluation == "on-delivery" and bool(np.any((image.threshold <= 0) | rising(image)))


def check_state(image: ProcessorImage, digest: str, state: ProcessorState) -> None:
    """Refuse a state that this image cannot have: engines rely on its bounds.

    Parameters
    ----------
    image : ProcessorImage
    digest : str
        Its `graph_digest`.
    state : ProcessorState

    Raises
    ------
    EmulationError
        If the state belongs to another image or holds a value that no run leads to.
    """
    if state.image != digest:
        raise EmulationError(f"the state belongs to image {state.image}, this processor runs {digest}; load that image")
    n_neurons, pending, inputs = image.n_neurons, state.pending, state.inputs
    for name in ("potential", "slope", "spent", "due"):
        found = len(getattr(state, name))
        if found != n_neurons:
            raise EmulationError(f"state, {name}: {found} entries, expected {n_neurons}")
    if not 0 <= state.cycle <= 2**62:
        raise EmulationError(f"state, cycle: {state.cycle}, allowed 0 and above")
    _refuse("due", state.due, state.due & ~(image.spec.delayed_fire & (state.potential >= image.threshold)))
    floor, highest = _lowest_rest(image, state.cycle), _highest_rest(image, state.cycle)
    highest = np.where(state.due, potential_bounds(image)[1], highest)
    _refuse("potential", state.potential, (state.potential < floor) | (state.potential > highest))
    _refuse("ahead", pending.ahead, (pending.ahead < 0) | (pending.ahead >= image.max_delay))
    _refuse("neuron", pending.neuron, (pending.neuron < 0) | (pending.neuron >= n_neurons))
    lowest, highest = _slope_limits(image, state.cycle)
    _refuse("slope", state.slope, (state.slope < lowest) | (state.slope > highest))
    _refuse("spent", state.spent, state.spent & (image.once == 0))
    _refuse("kind", pending.kind, pending.kind >= len(KINDS))
    clears = np.zeros(n_neurons, np.int64)
    clears[image.target[image.kind == CLEAR]] = 1
    limits = {CHARGE: synaptic_range(image), SLOPE: slope_range(image), CLEAR: (clears, clears)}
    least, most = (np.stack([limits[kind][end] for kind in range(len(KINDS))]) for end in (0, 1))
    charge, to = pending.charge, (pending.kind, pending.neuron)
    none = (pending.kind == CLEAR) & (charge == 0)
    _refuse("charge", charge, (charge < least[to]) | (charge > most[to]) | none)
    place = list(zip(pending.ahead.tolist(), pending.neuron.tolist(), pending.kind.tolist(), strict=True))
    if any(a >= b for a, b in itertools.pairwise(place)):
        raise EmulationError("state, pending: entries are not sorted by cycle, neuron and kind, or one occurs twice")
    _refuse("input_cycle", inputs.cycle, inputs.cycle < state.cycle)


def _slope_limits(image: ProcessorImage, cycle: int) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest slope that a run of so many cycles can leave: int64[n_neurons], twice."""
    # No more cycles than lead to the adder's end: so many steps fit 64 bits.
    lowest, highest = adder_range(image)
    down, up = slope_range(image)
    low = down * np.minimum(cycle, lowest // np.minimum(down, -1) + 1)
    high = up * np.minimum(cycle, highest // np.maximum(up, 1) + 1)
    return np.maximum(low, lowest), np.minimum(high, highest)


def _lowest_rest(image: ProcessorImage, cycle: int) -> np.ndarray:
    """Lowest potential of each neuron that a run of so many cycles can leave: int64[n_neurons], potential units."""
    floor, steepest = image.spec.potential_floor, steepest_fall(image)
    # Where potentials leak, that of one cycle, from 0; a slope can be anything.
    fall = -steepest if endless_slopes(image) is None else adder_range(image)[0]
    fall = fall if floor is None else max(floor, fall)
    # No run goes on below.
    rest = max(-cycle * steepest, LOWEST) if floor is None or falls_without_end(image) else floor
    return np.where(leaking(image), fall, rest)


def _highest_rest(image: ProcessorImage, cycle: int) -> np.ndarray:
    """Highest potential of each neuron that a run of so many cycles can leave: int64[n_neurons], potential units."""
    threshold, highest = image.threshold.astype(np.int64), highest_rest(image)
    slopes = endless_slopes(image)
    if image.spec.reset == "subtract" and slopes is not None:
        highest[slopes.neuron] = np.maximum(slopes.highest - threshold[slopes.neuron], highest[slopes.neuron])
    if image.spec.reset == "subtract":
        left = np.maximum(highest, charge_range(image)[1] - threshold)
        highest = np.where(leaking(image), left, highest)
    rise = endless_rise(image)
    if rise is not None:
        # No more cycles than lead to the adder's end: so many steps fit 64 bits.
        cycles = np.minimum(cycle, rise.highest // rise.steps + 1)
        highest[rise.neuron] = np.minimum(rise.threshold - 1 + cycles * rise.steps, rise.highest - rise.threshold)
    return highest


def _refuse(name: str, values: np.ndarray, wrong: np.ndarray) -> None:
    if np.any(wrong):
        entry = int(np.flatnonzero(wrong)[0])
        raise EmulationError(
            f"state, {name}[{entry}] = {values[entry]}: no run of this image leads there; the state was altered"
        )


def save_state(path: str | Path, state: ProcessorState) -> None:
    """Write a state to a file; it appears whole or not at all.

    Raises
    ------
    NeuroprocError
        If the file cannot be written.
    """
    with write_atomically(path) as file:
        file.write(encode_state(state))


def encode_state(state: ProcessorState) -> bytes:
    """A state as its file has it."""
    arrays = _arrays(state)
    arrays = {name: array for name, array in arrays.items() if name not in _OPTIONAL or np.any(array)}
    header = {"format": FORMAT, "version": VERSION, "image": state.image, "cycle": state.cycle}
    return encode_npz({**{key: np.array(value) for key, value in header.items()}, **arrays})


def load_state(path: str | Path) -> ProcessorState:
    """State from a file. Whether it fits an image is checked by `Processor.restore`.

    Raises
    ------
    FormatError
        If the file is no state, is truncated, or from a newer version.
    """
    return decode_state(read_bytes(path), str(path))


def decode_state(data: bytes, where: str) -> ProcessorState:
    """State from the bytes of a file; for errors, see `load_state`."""
    content = decode_npz(data, where)
    header = {key: content.pop(key, np.zeros(0)) for key in ("format", "version", "image", "cycle")}
    if header["format"].shape != () or str(header["format"]) != FORMAT:
        raise FormatError(f"{where}: not a processor state (format is not '{FORMAT}')")
    if header["version"].dtype.kind != "i" or header["version"].shape != () or header["version"] > VERSION:
        raise FormatError(f"{where}: state version {header['version']}, this program reads up to {VERSION}")
    if header["cycle"].dtype != np.int64 or header["cycle"].shape != () or header["image"].dtype.kind != "U":
        raise FormatError(f"{where}: the header is damaged; save the state again")
    for name, dtype in _ARRAYS.items():
        array = content.get(name)
        if array is None and name in _OPTIONAL:
            array = content[name] = np.zeros(content[_OPTIONAL[name]].shape, dtype)
        if array is None or array.dtype != dtype or array.ndim != 1:
            raise FormatError(f"{where}: section {name} is missing or not {np.dtype(dtype)}[n]; save the state again")
    for names in (
        ("ahead", "neuron", "charge", "kind"),
        ("potential", "slope", "spent", "due"),
        ("input_cycle", "input_port", "input_value"),
    ):
        if len({len(content[name]) for name in names}) > 1:
            raise FormatError(f"{where}: sections {', '.join(names)} differ in length; save the state again")
    return ProcessorState(
        image=str(header["image"]),
        cycle=int(header["cycle"]),
        potential=content["potential"],
        slope=content["slope"],
        spent=content["spent"],
        due=content["due"],
        pending=PendingCharge(content["ahead"], content["neuron"], content["charge"], content["kind"]),
        inputs=SpikeEvents(content["input_cycle"], content["input_port"], content["input_value"]),
    )


def _arrays(state: ProcessorState) -> dict[str, np.ndarray]:
    pending, inputs = state.pending, state.inputs
    neurons = (state.potential, state.slope, state.spent, state.due)
    charges = (pending.ahead, pending.neuron, pending.charge, pending.kind)
    columns = (*neurons, *charges, inputs.cycle, inputs.port, inputs.value)
    return dict(zip(_ARRAYS, columns, strict=True))
