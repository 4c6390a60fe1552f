"""All folds of a network by their closed-form cost: the Pareto front, and the best plan within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from compiler.costing.cost import Cost, cost_of
from compiler.folding.geometry import Geometry, make_geometry
from compiler.folding.pitches import find_pitches
from compiler.networks.drive import spiking_layers
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan, Tile, legal_tiles, legal_unrolls
from compiler.schedule import fill_channels, make_schedule
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.spec import ProcessorSpec

MEASURES = ("neurons", "synapses", "interval", "delay_storage")
"""What a fold trades; less is better in each."""

WORDS = {
    "neurons": "neurons",
    "synapses": "synapses",
    "interval": "cycles per frame",
    "delay_storage": "bits of delay storage",
}
"""The measures in words."""


STRETCHES = (1, 2, 4, 8, 16, 32)
"""How many times as many cycles as it needs a slot may take, to leave idle time for channels that share neurons."""


@dataclass(frozen=True)
class Option:
    """A plan and what it costs."""

    plan: FoldPlan
    cost: Cost

    def measure(self, name: str) -> int:
        """One of `MEASURES`, or ``latency``."""
        return int(getattr(self.cost, name))


@dataclass(frozen=True)
class Bounds:
    """Most neurons, synapses and cycles per frame (initiation interval); None is no bound."""

    neurons: int | None = None
    synapses: int | None = None
    interval: int | None = None

    def given(self) -> dict[str, int]:
        """The bounds that there are, by measure."""
        return {name: bound for name, bound in vars(self).items() if bound is not None}


@dataclass(frozen=True)
class Choice:
    """The best plan within bounds, and the bounds without which a better one would be possible."""

    option: Option
    minimised: str
    binding: tuple[str, ...]


def explore(
    network: LayeredNetwork,
    spec: ProcessorSpec,
    like: FoldPlan | None = None,
    progress: Callable[[int, int], None] | None = None,
    refused: Callable[[FoldPlan], None] | None = None,
) -> tuple[Option, ...]:
    """Every unroll that the processor can hold, each with every way to serialise layers into slots that it leaves idle.

    And each of these with as many channels on a neuron as idle time has room for; unrolls alone with longer slots, too.

    Parameters
    ----------
    network : LayeredNetwork
    spec : ProcessorSpec
    like : FoldPlan, optional
        Everything else of the plans; as it is by default, if not given. Tiles that it has stay as they are, and so do
        slot and channels if it has any.
    progress : callable, optional
        Called with the unrolls done and all unrolls.
    refused : callable, optional
        Called with each plan that the processor cannot hold.

    Raises
    ------
    ResourceError
        If it can hold none: the reason of the last one.
    ScheduleError
        If there is none, as where joined maps never come in one tile.
    """
    like = FoldPlan((1, 1)) if like is None else like
    options = []
    refusal: ResourceError | ScheduleError | None = None
    unrolls = legal_unrolls(*network.input_shape[1:])
    for number, unroll in enumerate(unrolls):
        if progress:
            progress(number, len(unrolls))
        try:
            plans = list(_serialised(network, replace(like, unroll=unroll)))
        except ScheduleError as error:
            refusal = error
            continue
        turning = (
            [] if like.channels or like.slot else [other for plan in plans for other in _turning(network, spec, plan)]
        )
        for plan in [*plans, *turning]:
            try:
                option = Option(plan, cost_of(make_schedule(network, spec, plan)))
                _check_capacity(option, spec)
            except (ResourceError, ScheduleError) as error:
                refusal = error
                if refused and isinstance(error, ResourceError):
                    refused(plan)
            else:
                options.append(option)
    if progress:
        progress(len(unrolls), len(unrolls))
    if not options and refusal is not None:
        raise refusal
    return tuple(options)


def _serialised(network: LayeredNetwork, plan: FoldPlan) -> Iterator[FoldPlan]:
    """A plan, and all that add serialisers to it without a longer interval."""
    names = [spiking.layer.name for spiking in spiking_layers(network)]
    free = [name for name in names if name != network.answering.name and name not in plan.tiles]
    slots = find_pitches(make_geometry(network, plan))[1]
    yield from _with_cuts(network, plan, free, slots)


def _with_cuts(network: LayeredNetwork, plan: FoldPlan, names: list[str], slots: int) -> Iterator[FoldPlan]:
    if not names:
        yield plan
        return
    first, *rest = names
    yield from _with_cuts(network, plan, rest, slots)
    for tile in _smaller_tiles(make_geometry(network, plan), first, slots):
        cut = replace(plan, tiles={**plan.tiles, first: tile})
        try:
            same = find_pitches(make_geometry(network, cut))[1] == slots
        except ScheduleError:
            continue
        if same:
            yield from _with_cuts(network, cut, rest, slots)


def _smaller_tiles(geometry: Geometry, name: str, slots: int) -> Iterator[Tile]:
    """Tiles of a layer's map, cut along one axis into parts that have idle slots; for each number the smallest."""
    carrier = geometry.carriers[geometry.home[name]]
    idle = slots // (carrier.tiles[0] * carrier.tiles[1])
    for axis in range(2):
        natural = carrier.tile[axis]
        smallest = {-(-natural // tile): tile for tile in sorted(legal_tiles(natural, carrier.shape[1 + axis]))[::-1]}
        for parts, tile in smallest.items():
            if 1 < parts <= idle:
                yield (tile, carrier.tile[1]) if axis == 0 else (carrier.tile[0], tile)


def _turning(network: LayeredNetwork, spec: ProcessorSpec, plan: FoldPlan) -> Iterator[FoldPlan]:
    """A plan with channels that share neurons in its idle time, and in that of longer slots unless it has tiles."""
    before: FoldPlan | None = None
    for stretch in STRETCHES[: 1 if plan.tiles else None]:
        try:
            filled = fill_channels(network, spec, plan, stretch)
        except (ResourceError, ScheduleError):
            return
        if filled.channels and (before is None or filled.channels != before.channels):
            yield filled
        before = filled


def _check_capacity(option: Option, spec: ProcessorSpec) -> None:
    for measure, limit in (("neurons", "max_neurons"), ("synapses", "max_synapses")):
        used, allowed = option.measure(measure), getattr(spec, limit)
        if allowed is not None and used > allowed:
            rows, cols = option.plan.unroll
            raise ResourceError(
                f"even unroll {rows}x{cols} needs {used} {measure}, allowed {allowed} ({limit} of profile "
                f"{spec.name}); choose a larger profile",
                limit=limit,
                used=used,
                allowed=allowed,
            )


def pareto_front(options: Iterable[Option]) -> tuple[Option, ...]:
    """Options that no other beats or equals in every measure, fastest first; of equals, the first stays."""
    front: list[Option] = []
    for option in sorted(options, key=lambda option: (option.cost.interval, option.cost.synapses, option.cost.neurons)):
        mine = [option.measure(name) for name in MEASURES]
        beaten = any(
            all(other.measure(name) <= value for name, value in zip(MEASURES, mine, strict=True)) for other in front
        )
        if not beaten:
            front = [
                other
                for other in front
                if not all(value <= other.measure(name) for name, value in zip(MEASURES, mine, strict=True))
            ]
            front.append(option)
    return tuple(front)


def best_option(options: Iterable[Option], bounds: Bounds) -> Choice:
    """Option within bounds that is least in what is not bounded: in cycles per frame, then synapses, then neurons.

    Of those that are equal in all three, the one of less delay storage, then of less latency: no option beats it in
    every measure, so it is as good as one on the `pareto_front`.

    Raises
    ------
    ResourceError
        If none is within bounds: which is nearest, and which single bound to raise how far.
    """
    options = tuple(options)
    limits = bounds.given()
    order = [name for name in ("interval", "synapses", "neurons") if name not in limits]
    order += [name for name in ("interval", "synapses", "neurons") if name in limits]
    order += ["delay_storage", "latency"]

    def rank(option: Option) -> tuple[int, ...]:
        return tuple(option.measure(name) for name in order)

    fitting = [option for option in options if _within(option, limits)]
    if not fitting:
        raise _nothing_fits(options, limits)
    best = min(fitting, key=rank)
    binding = []
    for name in limits:
        others = {other: bound for other, bound in limits.items() if other != name}
        without = min((option for option in options if _within(option, others)), key=rank)
        if without.measure(order[0]) < best.measure(order[0]):
            binding.append(name)
    return Choice(best, order[0], tuple(binding))


def _within(option: Option, limits: dict[str, int]) -> bool:
    return all(option.measure(name) <= bound for name, bound in limits.items())


def _nothing_fits(options: tuple[Option, ...], limits: dict[str, int]) -> ResourceError:
    def excess(option: Option) -> float:
        return max(option.measure(name) / max(bound, 1) for name, bound in limits.items())

    nearest = min(options, key=excess)
    worst = max(limits, key=lambda name: nearest.measure(name) / max(limits[name], 1))
    needs = ", ".join(f"{nearest.measure(name):,} {WORDS[name]} (allowed {bound:,})" for name, bound in limits.items())
    remedies = []
    for name in limits:
        others = {other: bound for other, bound in limits.items() if other != name}
        enough = min((option.measure(name) for option in options if _within(option, others)), default=None)
        if enough is not None:
            remedies.append(f"allow {enough:,} {WORDS[name]}")
    helps = " or ".join(remedies) if remedies else "raise more than one bound"
    return ResourceError(
        f"no fold is within the bounds: the nearest, unroll {nearest.plan.words}, needs {needs}; {helps}",
        limit=worst,
        used=nearest.measure(worst),
        allowed=limits[worst],
    )
