"""Labelled frames to layered networks: one function for each method, the same for Python and the command line.

JAX, and for single spikes numba, is loaded when one of them is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.learning.architectures import Architecture, parse_architecture
from compiler.learning.binary_conversion import BinaryConversion, to_binary_network
from compiler.learning.conversion import Conversion, ReluWeights, to_rate_network
from compiler.learning.course import Course, Progress
from compiler.learning.data import Examples, hold_out
from compiler.learning.grid import BITS, largest
from compiler.learning.sharpening import Schedule, Scheduled, schedule_of
from compiler.networks.network import LayeredNetwork
from isa_spec.coding import check_encoding
from isa_spec.errors import NetworkError, NeuroprocError

if TYPE_CHECKING:
    from compiler.learning.rate import ReluNetwork
    from compiler.learning.spiking_units import SpikingUnits

FLOATS, SETTLED = 0.2, 0.7
"""Parts of the epochs: with float weights, until the straight-through moments settle."""
UNROUNDED, FEW = 0.6, 64
"""Of single spikes: part of the epochs with float weights, and frames in a batch, which learn better by small steps."""
STEPS = 32
"""Of a frame of single spikes, unless asked for."""
STATISTICS = 2000
"""Training frames whose activations scales are taken from."""
Watch = Callable[[Progress], None]


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, and the float network that it was.

    Parameters
    ----------
    network : LayeredNetwork
    architecture : Architecture
    held : Examples
        Not trained on.
    float_classes : callable
        Frames to classes of the float network, int64[n_frames]; of 0/1 units, just before weights became integers.
    """

    network: LayeredNetwork
    architecture: Architecture
    held: Examples
    float_classes: Callable[[np.ndarray], np.ndarray]

    def float_accuracy(self, examples: Examples) -> float:
        """Part of the examples that the float network gets right."""
        return float((self.float_classes(examples.frames) == examples.labels).mean())

    def accuracy(self, examples: Examples) -> float:
        """Part of the examples that the network gets right, in integers.

        Raises
        ------
        NetworkError
            If its sums are beyond what can be run fast; see `compiler.networks.evaluate`.
        FormatError
            If the frames do not fit it.
        """
        from compiler.learning.integer_run import classes_of

        return float((classes_of(self.network, examples.frames) == examples.labels).mean())


def train_whetstone(
    examples: Examples,
    network: str = "lenet-small",
    *,
    course: Course | None = None,
    bits: int = 4,
    planes: int = 4,
    schedule: str | Schedule = "scheduled",
    scale: str = "filter",
    start: Path | None = None,
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train bounded ReLUs that are sharpened to steps, layer by layer.

    Parameters
    ----------
    examples : Examples
        Some of them are held out.
    network : str
        Name, or parts joined by hyphens: ``32C5`` is a convolution of 32 channels and 5x5 kernels (``32C5p2``: with two
        zeros on each side), ``P2`` a 2x2 pool, ``128`` a dense layer. Names: docs/trained.md.
    course : Course, optional
    bits : int
        Of the weights, 2 to 8.
    planes : int
        Spikes that tell the largest value of the input.
    schedule : str or Schedule
        One of `SCHEDULES`, dealt out over the epochs, or one of your own.
    scale : "filter" or "layer"
        What shares the scale of its weights.
    start : Path, optional
        Checkpoint of a training of the same network whose weights this one starts from.
    checkpoint : Path, optional
        Written after each epoch; where it exists, the training goes on from it.
    watch : callable, optional
        Called with `Progress` after each epoch.

    Raises
    ------
    NeuroprocError
        If JAX is missing.
    NetworkError, FormatError
        If network, options, examples or checkpoint do not fit.
    """
    require_jax()
    from compiler.learning.whetstone import Whetstone

    course = course or Course(epochs=12)
    architecture = parse_architecture(network, _shape(examples))
    common = _common(architecture, examples, course, bits, planes, scale)
    chosen = schedule_of(schedule, course.epochs, len(architecture.blocks)) if isinstance(schedule, str) else schedule
    if isinstance(chosen, Scheduled) and len(chosen.spans) != len(architecture.blocks):
        raise NetworkError(f"{len(chosen.spans)} spans for the {len(architecture.blocks)} layers of '{network}'")
    return _train_units(Whetstone(**common, schedule=chosen), examples, start, checkpoint, watch)


def train_straight_through(
    examples: Examples,
    network: str = "lenet-small",
    *,
    course: Course | None = None,
    bits: int = 4,
    planes: int = 4,
    scale: str = "filter",
    start: Path | None = None,
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train steps from the beginning, with the gradient of ramps.

    Parameters, Raises
    ------------------
    As `train_whetstone`.
    """
    require_jax()
    from compiler.learning.straight_through import StraightThrough

    course = course or Course(epochs=12)
    architecture = parse_architecture(network, _shape(examples))
    common = _common(architecture, examples, course, bits, planes, scale)
    method = StraightThrough(**common, settle_from=round(SETTLED * course.epochs))
    return _train_units(method, examples, start, checkpoint, watch)


def train_rate(
    examples: Examples,
    network: str = "lenet-rate",
    *,
    course: Course | None = None,
    conversion: Conversion | None = None,
    dropout: float = 0.25,
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train a ReLU network and convert it to a rate-coded one.

    A checkpoint of a finished training is only converted: any conversion of it takes no training.

    Parameters
    ----------
    examples, network, course, checkpoint, watch
        As for `train_whetstone`.
    conversion : Conversion, optional
        Its pooling decides what is trained: with any but ``average``, the maximum.
    dropout : float
        Part of the values that a layer does not see in a training step.

    Raises
    ------
    NeuroprocError, NetworkError, FormatError
        As `train_whetstone`.
    """
    require_jax()
    from compiler.learning.rate import MaxPooledRelu, ReluNetwork

    conversion = conversion or Conversion()
    method = ReluNetwork if conversion.pooling == "average" else MaxPooledRelu
    relu, trained = _train_relu(method, examples, network, course, dropout, checkpoint, watch)
    return trained(to_rate_network(relu, conversion, network))


def train_binary(
    examples: Examples,
    network: str = "vgg-small",
    *,
    course: Course | None = None,
    conversion: BinaryConversion | None = None,
    dropout: float = 0.1,
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train a ReLU network that pools before its ReLUs, with signs as inner weights, and convert it to several steps.

    Parameters
    ----------
    examples, network, course, dropout, checkpoint, watch
        As for `train_rate`.
    conversion : BinaryConversion, optional
        Its weights decide what is trained: signs, or weights of full precision side by side with them.

    Raises
    ------
    NeuroprocError, NetworkError, FormatError
        As `train_whetstone`.
    """
    require_jax()
    from compiler.learning.binary import BinaryRelu, PooledRelu

    conversion = conversion or BinaryConversion()
    method = BinaryRelu if conversion.weights == "binary" else PooledRelu
    relu, trained = _train_relu(method, examples, network, course, dropout, checkpoint, watch)
    return trained(to_binary_network(relu, conversion, network))


def train_single_spike(
    examples: Examples,
    network: str = "lenet-single-spike",
    *,
    course: Course | None = None,
    bits: int = 8,
    steps: int = STEPS,
    floor: int | None = None,
    start: Path | None = None,
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train units that fire once or never, and say what they say by when: the first to fire decides.

    Parameters
    ----------
    examples, network, checkpoint, watch
        As for `train_whetstone`.
    course : Course, optional
    bits : int
        Of the weights, 1 to 8; 1: signs.
    steps : int
        Of a frame: in how many different ones a unit may fire.
    floor : int, optional
        Least potential of a neuron; None: there is none.
    start : Path, optional
        Checkpoint of a training of the same network, with weights of several bits, that this one starts from; one of
        signs then has them at once.

    Raises
    ------
    NeuroprocError, NetworkError, FormatError
        As `train_whetstone`.
    """
    require_jax()
    from compiler.learning.checkpoint import load_weights
    from compiler.learning.loop import fit
    from compiler.learning.single_spike import SingleSpike, to_single_spike_network

    course = course or Course(epochs=12, batch=FEW)
    if bits not in (1, *BITS):
        raise NetworkError(f"weights of {bits} bits, allowed: {BITS[0]}..{BITS[-1]}, or 1: signs")
    architecture = parse_architecture(network, _shape(examples))
    _require_unit_per_class(architecture, examples)
    highest = max(1, int(examples.frames.max()))
    check_encoding({"kind": "latency", "steps": steps, "levels": highest}, "train")
    from_epoch = min(round(UNROUNDED * course.epochs), course.epochs - 1) if start is None or bits > 1 else 0
    train, held = hold_out(examples, course.held, course.seed)
    method = SingleSpike(architecture, course, bits, steps, highest, floor, from_epoch)
    first = method.begin()
    if start is not None:
        first = first._replace(units=load_weights(start, first.units))
    state = fit(method, course, train, held, first, checkpoint, watch)
    written = to_single_spike_network(method, state, network)
    return Trained(written, architecture, held, partial(method.float_classes_of, state))


def require_jax() -> None:
    """Refuse to go on without what the extra ``train`` installs.

    Raises
    ------
    NeuroprocError
        If JAX or optax is missing.
    """
    try:
        import jax  # noqa: F401
        import optax  # noqa: F401
    except ImportError as error:
        raise NeuroprocError(
            f"training needs JAX and optax ({error.name} is missing); install the extra: pip install 'neuroproc[train]'"
        ) from None


def _train_units(
    method: SpikingUnits, examples: Examples, start: Path | None, checkpoint: Path | None, watch: Watch | None
) -> Trained:
    from compiler.learning.checkpoint import load_weights
    from compiler.learning.export import to_network
    from compiler.learning.loop import fit

    course = method.course
    train, held = hold_out(examples, course.held, course.seed)
    first = method.begin()
    if start is not None:
        first = first._replace(units=load_weights(start, first.units))
    state = fit(method, course, train, held, first, checkpoint, watch)
    network = to_network(method, state, method.architecture.name)
    return Trained(network, method.architecture, held, partial(method.float_classes_of, state))


def _train_relu(
    method_of: type[ReluNetwork],
    examples: Examples,
    network: str,
    course: Course | None,
    dropout: float,
    checkpoint: Path | None,
    watch: Watch | None,
) -> tuple[ReluWeights, Callable[[LayeredNetwork], Trained]]:
    """A trained ReLU network, and what makes of its conversion what a training gives."""
    from compiler.learning.loop import fit
    from compiler.learning.units import output_first

    course = course or Course(epochs=12)
    architecture = parse_architecture(network, _shape(examples))
    _require_unit_per_class(architecture, examples)
    train, held = hold_out(examples, course.held, course.seed)
    highest = max(1, int(examples.frames.max()))
    method = method_of(architecture, course, highest, dropout)
    state = fit(method, course, train, held, method.begin(), checkpoint, watch)
    weights = tuple(output_first(np.asarray(weight, np.float64)) for weight in state.weights)
    seen = method.activations(state.weights, train.frames[:STATISTICS])
    relu = ReluWeights(architecture, weights, tuple(np.asarray(values) for values in seen), highest)
    return relu, lambda written: Trained(written, architecture, held, partial(method.classes_of, state))


def _common(
    architecture: Architecture, examples: Examples, course: Course, bits: int, planes: int, scale: str
) -> dict[str, Any]:
    """Fields of `SpikingUnits`."""
    from compiler.learning.thermometer import even_steps

    largest(bits)  # refuses what is no width
    if scale not in ("filter", "layer"):
        raise NetworkError(f"scale = {scale!r}, allowed: 'filter' or 'layer'")
    steps = even_steps(planes, max(1, int(examples.frames.max())))
    integers_from = min(max(1, round(FLOATS * course.epochs)), course.epochs - 1)
    return {
        "architecture": architecture,
        "course": course,
        "classes": examples.classes,
        "bits": bits,
        "steps": steps,
        "integers_from": integers_from,
        "scale": scale,
    }


def _require_unit_per_class(architecture: Architecture, examples: Examples) -> None:
    if architecture.blocks[-1].units != examples.classes:
        raise NetworkError(
            f"network '{architecture.name}' has {architecture.blocks[-1].units} outputs for {examples.classes} "
            "classes, allowed: as many; give the last layer so many units"
        )


def _shape(examples: Examples) -> tuple[int, int, int]:
    channels, height, width = examples.frames.shape[1:]
    return channels, height, width
