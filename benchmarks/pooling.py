"""What a pool of rate-coded neurons answers: five rules, the rates that they give and the accuracy that is left.

    python benchmarks/pooling.py errors --data DIR
    python benchmarks/pooling.py steps --data DIR
    python benchmarks/pooling.py processor --data DIR

DIR holds the IDX files of MNIST. The network of examples/pooling/ was trained with the maximum, that of examples/rate/
with the mean. `errors` holds the rate of each pool against what it stands for, the maximum (or mean) of the ReLU
network's activations, and `steps` counts classes: both by a plain simulation in NumPy, because two of the rules, a gate
by the number of spikes and one by the first spike, are not for the chip. Where a network of this project has the rule,
the simulation's classes are held against it, frame by frame, and a difference is an error. `processor` runs these
networks on the emulated processor.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from methods import Different, Set, percent, predicted, read_set

import neuroproc
from compiler.networks.layers import Conv2d, Dense, Pool2d
from isa_spec.decoding import to_classes
from isa_spec.trains import step_values
from neuroproc.cli.classify import positive
from neuroproc.cli.watching import progress

ROOT = Path(__file__).resolve().parents[1]
MAXIMUM, MEAN = (ROOT / "examples" / name for name in ("pooling/or.json", "rate/rate8.json"))
SPANS = (20, 100)
"""Steps of the table of errors."""
STEPS = (5, 10, 15, 20, 30, 40)
"""Columns of the table of steps."""
HEARD = 0.05
"""Windows count in the table of errors where the ReLU network answers more than this; 1 is a spike in every step."""
AT_ONCE = 50
"""Frames that are simulated at once."""
COMPARED = 100
"""Frames on which a simulation is held against the network of its rule."""
FLOORS = {"zero": 0, "subtract": -32767}
"""Potential floors: those of np16 and np16-subtract."""
PROFILES = (
    ("or.json", "np16"),
    ("membrane.json", "np16-pool"),
    ("membrane.json", "np16"),
    ("membrane_subtract.json", "np16-subtract-pool"),
)
FOLDS = ((28, 28), (28, 4))
"""Lines of the table of the processor: network of examples/pooling/ and profile, each at all folds."""


@dataclass
class Window:
    """Units of pooling windows, and what a rule remembers of them.

    Parameters
    ----------
    potential : int64[n, C, H, W, K], potential units
    memory : int64[n, C, H, W, K]
        Spikes of each unit; of the gate by the first spike, 1 for the unit that may speak.
    carried : int64[n, C, H, W]
        Of mean pools: spikes that are not passed on yet.
    """

    potential: np.ndarray
    memory: np.ndarray
    carried: np.ndarray


def any_spike(window: Window, fires: np.ndarray) -> np.ndarray:
    """A spike wherever a unit of the window fires."""
    return fires.any(axis=4)


def most_spikes(window: Window, fires: np.ndarray) -> np.ndarray:
    """Spikes of the unit that has fired most often so far; the first of them where some are alike."""
    window.memory += fires
    return _spoken(fires, window.memory.argmax(axis=4))


def first_spike(window: Window, fires: np.ndarray) -> np.ndarray:
    """Spikes of the unit that was the first to fire, with the largest potential where some were."""
    undecided = ~window.memory.any(axis=4) & fires.any(axis=4)
    best = np.where(fires, window.potential, np.iinfo(np.int64).min).argmax(axis=4)
    chosen = np.arange(fires.shape[4]) == best[..., None]
    window.memory += chosen & undecided[..., None]
    return (fires & (window.memory > 0)).any(axis=4)


def mean_rate(window: Window, fires: np.ndarray) -> np.ndarray:
    """A spike for every so many spikes as the window has units, once in a step at most."""
    window.carried += fires.sum(axis=4)
    passes: np.ndarray = window.carried >= fires.shape[4]
    return passes


@dataclass(frozen=True)
class Rule:
    """How pools work.

    Parameters
    ----------
    words : str
    pooled : callable
        Windows and the units that fire to spikes of the pools; looks at potentials before they are reset.
    together : bool
        Whether a spike resets all units of its window.
    mean : bool
        Whether the network was trained with the mean.
    """

    words: str
    pooled: Callable[[Window, np.ndarray], np.ndarray]
    together: bool = False
    mean: bool = False


RULES = (
    Rule("any spike (OR)", any_spike),
    Rule("membrane: reset together", any_spike, together=True),
    Rule("gate: most spikes so far", most_spikes),
    Rule("gate: first spike", first_spike),
    Rule("mean, trained with it", mean_rate, mean=True),
)


@dataclass(frozen=True, eq=False)
class Course:
    """What a simulation saw: spikes of each pool, uint8[n, T, C, H, W] each, and of the output, with its potentials."""

    pools: tuple[np.ndarray, ...]
    output: np.ndarray
    potentials: np.ndarray


def simulate(network: neuroproc.LayeredNetwork, rule: Rule, reset: str, frames: np.ndarray) -> Course:
    """Steps of a network of convolutions, each with a pool, and a dense layer; potentials of all output units in each.

    Parameters
    ----------
    network : LayeredNetwork
        Rate-coded; its pools count only by their windows.
    rule : Rule
    reset : "zero" or "subtract"
    frames : int[n, 1, H, W]
    """
    values = step_values(network.encoding, frames)
    layers = [layer for layer in network.layers if isinstance(layer, Conv2d | Dense)]
    sizes = {layer.sources[0]: layer.kernel[0] for layer in network.layers if isinstance(layer, Pool2d)}
    windows: list[Window | None] = [None] * len(layers)
    pools: list[list[np.ndarray]] = [[] for _ in layers]
    outputs, potentials = [], []
    for step in range(network.steps):
        x = values[:, step]
        for i, layer in enumerate(layers):
            drive = _by_window(_drive(layer, x), sizes.get(layer.name, 1))
            window = windows[i] = windows[i] or _quiet(drive)
            x = _stepped(window, drive, layer, rule if layer.name in sizes else RULES[0], reset)
            pools[i].append(x.astype(np.uint8))
        outputs.append(x.reshape(len(x), -1).astype(np.uint8))
        last = windows[-1]
        assert last is not None  # there is a step
        potentials.append(last.potential.reshape(len(x), -1).copy())
    found = tuple(np.stack(pool, axis=1) for layer, pool in zip(layers, pools, strict=True) if layer.name in sizes)
    return Course(found, np.stack(outputs, axis=1), np.stack(potentials, axis=1))


def activations(network: neuroproc.LayeredNetwork, mean: bool, frames: np.ndarray) -> tuple[np.ndarray, ...]:
    """What the pools of the ReLU network answer, 1 for a spike in every step: float64[n, C, H, W] each.

    Parameters
    ----------
    network : LayeredNetwork
        Its weights, over its thresholds, are those of the ReLU network as they were rounded.
    mean : bool
        Whether it takes the mean of windows, not the maximum.
    frames : int[n, 1, H, W]
    """
    sizes = {layer.sources[0]: layer.kernel[0] for layer in network.layers if isinstance(layer, Pool2d)}
    x, answers = frames / network.encoding["levels"], []
    for layer in network.layers:
        if isinstance(layer, Conv2d):
            assert layer.threshold is not None  # as trained
            z = np.maximum(_drive(layer, x) / layer.threshold[:, None, None], 0.0)
            parts = _by_window(z, sizes[layer.name])
            x = parts.mean(axis=4) if mean else parts.max(axis=4)
            answers.append(x)
    return tuple(answers)


def _stepped(window: Window, drive: np.ndarray, layer: Conv2d | Dense, rule: Rule, reset: str) -> np.ndarray:
    """Spikes of the pools (or of the units, where windows are single units) in one step."""
    assert layer.threshold is not None  # as trained
    threshold, v = layer.threshold[:, None, None, None], window.potential
    v += drive
    fires = v >= threshold
    spikes = rule.pooled(window, fires)
    if rule.mean:
        window.carried = _after(window.carried, spikes, fires.shape[4], reset)
    over = fires | spikes[..., None] if rule.together else fires
    window.potential = _after(v, over, threshold, reset)
    return spikes


def _after(potential: np.ndarray, fires: np.ndarray, threshold: np.ndarray | int, reset: str) -> np.ndarray:
    """Potentials after reset and floor."""
    left = potential - threshold if reset == "subtract" else np.zeros_like(potential)
    return np.maximum(np.where(fires, left, potential), FLOORS[reset])


def _drive(layer: Conv2d | Dense, x: np.ndarray) -> np.ndarray:
    """Weighted sums: int64 (of spikes) or float64[n, O, H, W]."""
    real = np.float32 if x.dtype.kind in "uib" else np.float64
    if isinstance(layer, Dense):
        sums = (x.reshape(len(x), -1).astype(real) @ layer.weight.T.astype(real))[:, :, None, None]
    else:
        seen = np.lib.stride_tricks.sliding_window_view(x, layer.weight.shape[2:], (2, 3)).transpose(0, 2, 3, 1, 4, 5)
        flat = seen.reshape(*seen.shape[:3], -1).astype(real)
        sums = (flat @ layer.weight.reshape(len(layer.weight), -1).T.astype(real)).transpose(0, 3, 1, 2)
    return sums.astype(np.int64) if real is np.float32 else sums


def _by_window(x: np.ndarray, size: int) -> np.ndarray:
    """Values by window: [n, C, H, W] to [n, C, H / size, W / size, size * size]."""
    n, c, h, w = x.shape
    parts = x.reshape(n, c, h // size, size, w // size, size).transpose(0, 1, 2, 4, 3, 5)
    return parts.reshape(n, c, h // size, w // size, size * size)


def _quiet(drive: np.ndarray) -> Window:
    zeros = np.zeros(drive.shape, np.int64)
    return Window(zeros, zeros.copy(), np.zeros(drive.shape[:4], np.int64))


def _spoken(fires: np.ndarray, winner: np.ndarray) -> np.ndarray:
    spoken: np.ndarray = np.take_along_axis(fires, winner[..., None], axis=4)[..., 0]
    return spoken


def shown_for(path: Path, steps: int) -> neuroproc.LayeredNetwork:
    """Network of an example whose frames are shown for so many steps."""
    network = neuroproc.load_network(path)
    return replace(network, encoding={**network.encoding, "steps": steps})


def error_lines(test: Set) -> Iterator[str]:
    """The table of errors: mean absolute error and correlation of the rates of each layer's pools."""
    names = [f"{reset}, {steps}" for reset in FLOORS for steps in SPANS]
    cells = [f"pool{layer} ({name})" for layer in (1, 2) for name in names]
    yield f"| rule | {' | '.join(cells)} |\n|---|{'---:|' * len(cells)}"
    for rule in RULES:
        network = shown_for(MEAN if rule.mean else MAXIMUM, max(SPANS))
        wanted = activations(network, rule.mean, test.frames)
        found: list[list[str]] = [[], []]
        for reset in FLOORS:
            rates = _rates(network, rule, reset, test.frames)
            for i in range(len(SPANS)):
                for layer, cells in enumerate(found):
                    cells.append(_error(rates[layer][i], wanted[layer]))
        yield f"| {rule.words} | {' | '.join(found[0] + found[1])} |"


def _rates(
    network: neuroproc.LayeredNetwork, rule: Rule, reset: str, frames: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Rates of the pools of both layers after each of `SPANS`."""
    parts: list[list[list[np.ndarray]]] = [[[] for _ in SPANS] for _ in range(2)]
    for first in range(0, len(frames), AT_ONCE):
        course = simulate(network, rule, reset, frames[first : first + AT_ONCE])
        for layer, pool in enumerate(course.pools):
            for i, steps in enumerate(SPANS):
                parts[layer][i].append(pool[:, :steps].mean(axis=1))
    first_layer, second_layer = ([np.concatenate(some) for some in layer] for layer in parts)
    return first_layer, second_layer


def _error(rate: np.ndarray, wanted: np.ndarray) -> str:
    heard = wanted > HEARD
    r, w = rate[heard], np.minimum(wanted[heard], 1.0)
    return f"{np.abs(r - w).mean():.3f} / {np.corrcoef(r, w)[0, 1]:.3f}"


def step_lines(test: Set) -> Iterator[str]:
    """The table of steps: accuracies, by rule and reset."""
    yield f"| rule | reset | {' | '.join(map(str, STEPS))} |\n|---|---|{'---:|' * len(STEPS)}"
    for rule in RULES:
        for reset in FLOORS:
            network = shown_for(MEAN if rule.mean else MAXIMUM, max(STEPS))
            right = np.zeros(len(STEPS), np.int64)
            for first in range(0, len(test.frames), AT_ONCE):
                some, labels = (part[first : first + AT_ONCE] for part in (test.frames, test.labels))
                course = simulate(network, rule, reset, some)
                classes = [_classes(network, course, steps) for steps in STEPS]
                right += [int((found == labels).sum()) for found in classes]
                if first < COMPARED:
                    _compare(network, rule, reset, some, classes[-1])
            cells = [percent(float(count) / len(test.frames)) for count in right]
            yield f"| {rule.words} | {reset} | {' | '.join(cells)} |"


def _classes(network: neuroproc.LayeredNetwork, course: Course, steps: int) -> np.ndarray:
    found = to_classes(network.decode, course.output[:, :steps], course.potentials[:, steps - 1])
    assert found is not None  # all networks here have classes
    return found


def _compare(
    network: neuroproc.LayeredNetwork, rule: Rule, reset: str, frames: np.ndarray, classes: np.ndarray
) -> None:
    """Hold a simulation against the network that has its rule, where there is one."""
    if rule.pooled in (most_spikes, first_spike) or (reset == "subtract" and not rule.together and not rule.mean):
        return
    own = tuple(
        replace(layer, rule="membrane") if rule.together and isinstance(layer, Pool2d) else layer
        for layer in network.layers
    )
    plain = predicted(replace(network, layers=own, reset=reset, floor=FLOORS[reset]), frames)
    if not np.array_equal(plain, classes):
        raise Different(f"{rule.words}, {reset}: {int((plain != classes).sum())} of {len(classes)} classes differ")


def processor_lines(test: Set) -> Iterator[str]:
    """The table of the processor."""
    yield "| network | profile | fold | neurons | synapses | spikes | synaptic operations | accuracy |"
    yield "|---|---|---|" + "---:|" * 5
    for (name, profile), unroll in product(PROFILES, FOLDS):
        network = neuroproc.load_network(ROOT / "examples" / "pooling" / name)
        plan = neuroproc.FoldPlan(unroll, gate=unroll != tuple(network.input_shape[1:]))
        image = neuroproc.compile_network(network, neuroproc.load_profile(profile), plan)
        with progress(f"{name} {profile}") as show:
            found = neuroproc.classify(image, test.frames, test.labels, progress=show)
        differ = int((found.predictions != predicted(network, test.frames)).sum())
        if differ:
            raise Different(f"{name}, {profile}: {differ} of {len(test.frames)} classes differ")
        n_frames = len(test.frames)
        cells = (
            f"`pooling/{name}`", profile, "x".join(map(str, unroll)), f"{image.n_neurons:,}", f"{image.n_synapses:,}",
            f"{found.spikes // n_frames:,}", f"{found.synaptic_operations // n_frames:,}", percent(found.accuracy),
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table; exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=("errors", "steps", "processor"))
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="folder of the IDX files")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N test frames")
    args = parser.parse_args(arguments)
    try:
        test = read_set(args.data, "t10k", args.limit)
        lines = {"errors": error_lines, "steps": step_lines, "processor": processor_lines}[args.table]
        for line in lines(test):
            print(line, flush=True)
    except neuroproc.NeuroprocError as error:
        print(f"pooling.py: error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
