"""The fold plan: how a network is laid out in space and time. It changes cost and time, never the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import index

from isa_spec.errors import ScheduleError

Tile = tuple[int, int]

CLEARINGS = ("auto", "floor", "leak", "force")
"""How units are kept from remembering one slot in the next."""

DENSE = ("auto", "aligned", "held")
"""How a layer of one position gathers the values of a stream."""


@dataclass(frozen=True)
class FoldPlan:
    """What the user decides about a fold.

    Parameters
    ----------
    unroll : (rows, columns)
        Tile of the frame that is processed at once; both must divide the frame.
    gate : bool
        Keep every layer silent in all slots that carry none of its values, not only where a later layer reads them:
        a few neurons and one synapse per unit, for fewer spikes.
    tiles : dict of str to (rows, columns)
        Tile of a layer's map (or of ``"input"``) as later layers read it, where it is not the one that follows from
        the layers before. Smaller: a serialiser puts the rest of each tile into idle slots. Larger: a multiple of the
        natural tile, read from several slots at once.
    clearing : str
        One of `CLEARINGS`. ``floor``: a negative charge after every evaluation drives potentials to the floor.
        ``force``: a positive one makes every unit fire, and so reset. ``leak``: the processor's neurons forget by
        themselves, and a slot takes one cycle. ``auto``: leak if the processor has it, else floor if it has one and
        negative weights, else force; a latched network is cleared by synapses that do, where it can be laid out with
        slopes (`compiler.charging.slopes`).
    dense : str
        One of `DENSE`, for layers of one position after a stream. ``aligned``: delays bring all values to one cycle.
        ``held``: units gather values as they come, and are released after the last. ``auto``: held where that takes
        fewer neurons than the relays of long delays would, one stream is read, and thresholds and processor allow it,
        else aligned.
    channels : dict of str to int
        Channels that share a neuron, by layer; each takes its turn in cycles that would be idle. 1 for all others;
        pooling keeps the turns of its source.
    slot : int or None, cycles
        Cycles per slot, more than are needed to leave room for more turns; None for as few as are needed.

    Raises
    ------
    ScheduleError
        If the unroll is no pair of integers, or channels are no dictionary.
    """

    unroll: Tile
    gate: bool = False
    tiles: Mapping[str, Tile] = field(default_factory=dict)
    clearing: str = "auto"
    dense: str = "auto"
    channels: Mapping[str, int] = field(default_factory=dict)
    slot: int | None = None

    def __post_init__(self) -> None:
        try:
            rows, columns = map(index, self.unroll)
        except (TypeError, ValueError):
            raise ScheduleError(
                f"unroll = {self.unroll!r}, allowed: two integers (rows, columns); `explore` has the folds that there "
                "are, and `best_option` the best of them"
            ) from None
        if not isinstance(self.channels, Mapping):
            raise ScheduleError(
                f"channels = {self.channels!r}, allowed: a number of channels by layer, as {{'conv1': 2}}; "
                "`fill_channels` finds them"
            )
        object.__setattr__(self, "unroll", (rows, columns))

    @property
    def words(self) -> str:
        """The tile of the frame, and what layers have of their own: ``28x1 pool1=6x1 slot=4 conv1:2 conv2:8``."""
        tiles = (f"{name}={rows}x{cols}" for name, (rows, cols) in self.tiles.items())
        slot = () if self.slot is None else (f"slot={self.slot}",)
        turns = (f"{name}:{count}" for name, count in self.channels.items())
        return " ".join([f"{self.unroll[0]}x{self.unroll[1]}", *tiles, *slot, *turns])


def divisors(size: int) -> list[int]:
    """Every tile length that divides an axis of the frame."""
    return [factor for factor in range(1, size + 1) if size % factor == 0]


def legal_unrolls(height: int, width: int) -> list[Tile]:
    """Every tile (rows, columns) that divides the frame.

    Parameters
    ----------
    height, width : int
        Of the frame.
    """
    return [(rows, cols) for rows in divisors(height) for cols in divisors(width)]


def legal_tiles(natural: int, size: int) -> list[int]:
    """Every tile length to which an axis of a layer's map can be cut or widened.

    Parameters
    ----------
    natural : int
        Tile length that follows from the layers before.
    size : int
        Length of the map.
    """
    if natural >= size:
        return list(range(1, size + 1))
    return [*divisors(natural), *(min(natural * k, size) for k in range(2, -(-size // natural) + 1))]


def check_plan(plan: FoldPlan, height: int, width: int) -> None:
    """Refuse a tile that does not divide the frame, and a way of clearing that does not exist.

    Raises
    ------
    ScheduleError
        With what is allowed.
    """
    if plan.clearing not in CLEARINGS:
        raise ScheduleError(f"clearing '{plan.clearing}' is unknown, allowed: {', '.join(CLEARINGS)}")
    if plan.dense not in DENSE:
        raise ScheduleError(f"dense '{plan.dense}' is unknown, allowed: {', '.join(DENSE)}")
    for name, size, factor in (("height", height, plan.unroll[0]), ("width", width, plan.unroll[1])):
        if factor < 1 or size % factor:
            raise ScheduleError(
                f"unroll {plan.unroll[0]}x{plan.unroll[1]}: {factor} does not divide the {name} {size} of the frame, "
                f"allowed: {', '.join(map(str, divisors(size)))}"
            )
