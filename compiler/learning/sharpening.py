"""When which layer is sharpened, bottom-up: the three schedules of Whetstone, as functions of time and loss.

Sharpness is a number in 0..1 for each layer: 0 leaves the bounded ReLU as it is, 1 makes it a step. A schedule is data;
what the adaptive one remembers is a `SharpeningState`, which the other two leave as it is.

Source: Severa et al. 2019, "Training deep neural networks for binary communication with the Whetstone method"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from isa_spec.errors import NetworkError

SCHEDULES = ("scheduled", "simple", "adaptive")
"""How sharpening is dealt out: `Scheduled`, `Simple`, `Adaptive`, to end with the training."""
BLUNT = 0.3
"""Part of the epochs before any sharpening."""


@dataclass(frozen=True)
class Simple:
    """From epoch ``start`` on, at the end of each epoch one of ``steps`` equal increments, layer after layer."""

    start: int
    steps: int


@dataclass(frozen=True)
class Scheduled:
    """Each layer from its ``(start, stop)``, in epochs from 0 and their fractions, linearly with every batch."""

    spans: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if any(not 1 <= start < stop for start, stop in self.spans):
            raise NetworkError(f"spans {list(self.spans)}, allowed: (start, stop) with 1 <= start < stop")


@dataclass(frozen=True)
class Adaptive:
    """Sharpens while the training loss allows it.

    A loss above the reference by ``tolerance`` stops the sharpening, and becomes the reference. While nothing is
    sharpened, a loss below it by as much is an improvement, and the new reference; after ``patience`` epochs without
    one, sharpening goes on. When a layer is finished, the next one waits for the next epoch.

    Parameters
    ----------
    start : int
        Epochs before anything is sharpened.
    rate, critical_rate : float
        Sharpness gained in an epoch; the second from ``critical`` on.
    critical : float
    tolerance : float
    patience : int
    """

    start: int = 10
    rate: float = 0.25
    critical_rate: float = 0.126
    critical: float = 0.75
    tolerance: float = 0.15
    patience: int = 1


Schedule = Simple | Scheduled | Adaptive


class SharpeningState(NamedTuple):
    """What a schedule remembers between epochs.

    Parameters
    ----------
    sharpness : float64[n_layers]
        At the beginning of the epoch.
    sharpening : bool
    reference : float
        Loss that new ones are held against; infinite before there is one.
    waited : int
        Epochs without an improvement, in a row.
    """

    sharpness: np.ndarray
    sharpening: bool
    reference: float
    waited: int


def begin(n_layers: int) -> SharpeningState:
    """State before the first epoch."""
    return SharpeningState(np.zeros(n_layers), False, float("inf"), 0)


def spread(start: float, stop: float, n_layers: int) -> Scheduled:
    """Layers one after the other over the epochs from ``start`` to ``stop``, with pauses of half a layer's time."""
    part = (stop - start) / (1.5 * n_layers - 0.5)
    return Scheduled(tuple((start + 1.5 * part * i, start + 1.5 * part * i + part) for i in range(n_layers)))


def sharpness(schedule: Schedule, state: SharpeningState, epoch: int, fraction: float) -> np.ndarray:
    """Sharpness of each layer: float64[n_layers].

    Parameters
    ----------
    schedule : Schedule
    state : SharpeningState
    epoch : int
        From 0.
    fraction : float
        How much of the epoch is over, 0..1.
    """
    n_layers = len(state.sharpness)
    match schedule:
        case Simple():
            done = max(0, epoch - schedule.start) / schedule.steps
            return np.clip(done - np.arange(n_layers), 0.0, 1.0)
        case Scheduled():
            starts, stops = np.array(schedule.spans).T
            return np.clip((epoch + fraction - starts) / (stops - starts), 0.0, 1.0)
        case Adaptive():
            return _gained(schedule, state, fraction)


def after_epoch(schedule: Schedule, state: SharpeningState, epoch: int, loss: float) -> SharpeningState:
    """State for the next epoch.

    Parameters
    ----------
    schedule, state, epoch
        As for `sharpness`: of the epoch that is over.
    loss : float
        Mean training loss of the epoch.
    """
    if not isinstance(schedule, Adaptive):
        return state
    now = _gained(schedule, state, 1.0)
    if epoch + 1 < schedule.start:
        return SharpeningState(now, False, loss, 0)
    if epoch + 1 == schedule.start:
        return SharpeningState(now, True, loss, 0)
    change = loss / state.reference - 1 if state.reference > 0 else 0.0
    if state.sharpening:
        if change >= schedule.tolerance:
            return SharpeningState(now, False, loss, 0)
        return SharpeningState(now, True, loss if change <= -schedule.tolerance else state.reference, 0)
    if change <= -schedule.tolerance:
        return SharpeningState(now, False, loss, 0)
    if state.waited + 1 >= schedule.patience:
        return SharpeningState(now, True, loss, 0)
    return SharpeningState(now, False, state.reference, state.waited + 1)


def _gained(schedule: Adaptive, state: SharpeningState, fraction: float) -> np.ndarray:
    """Sharpness after a part of the epoch: only the first layer that is not a step yet gains."""
    now = state.sharpness.copy()
    open_layers = np.flatnonzero(now < 1)
    if not state.sharpening or not len(open_layers):
        return now
    layer, left = open_layers[0], fraction
    if now[layer] < schedule.critical:
        slow_from = (schedule.critical - now[layer]) / schedule.rate
        now[layer] += schedule.rate * min(left, slow_from)
        left = max(0.0, left - slow_from)
    if left > 0:
        now[layer] = min(1.0, now[layer] + schedule.critical_rate * left)
    return now


def schedule_of(name: str, epochs: int, n_layers: int) -> Schedule:
    """A schedule by name, one of `SCHEDULES`, dealt out over the epochs.

    Raises
    ------
    NetworkError
        If there is none of that name, or there are too few epochs for it.
    """
    if name not in SCHEDULES:
        raise NetworkError(f"schedule {name!r}, allowed: {', '.join(SCHEDULES)}")
    fewest = {"scheduled": 2, "simple": n_layers + 2, "adaptive": n_layers + 2}[name]
    if epochs < fewest:
        training, layers = (f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((epochs, "epoch"), (n_layers, "layer")))
        raise NetworkError(
            f"{training} of training: too short for the schedule '{name}', which needs at least {fewest} epochs to "
            f"sharpen {layers} to steps; train for more epochs"
        )
    if name == "scheduled":
        return spread(max(1.0, BLUNT * epochs), epochs - 0.5, n_layers)
    if name == "simple":
        steps = max(1, int((1 - BLUNT) * (epochs - 1) / n_layers))
        return Simple(epochs - 1 - steps * n_layers, steps)
    return Adaptive(start=max(1, min(10, round(BLUNT * epochs))))
