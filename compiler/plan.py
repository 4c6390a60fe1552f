"""The fold plan: how a network is laid out in space and time. It changes cost and time, never the answer."""

from __future__ import annotations

from dataclasses import dataclass

from isa_spec.errors import ScheduleError


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
    """

    unroll: tuple[int, int]
    gate: bool = False


def divisors(size: int) -> list[int]:
    """Every tile length that divides an axis of the frame."""
    return [factor for factor in range(1, size + 1) if size % factor == 0]


def legal_unrolls(height: int, width: int) -> list[tuple[int, int]]:
    """Every tile (rows, columns) that divides the frame."""
    return [(rows, cols) for rows in divisors(height) for cols in divisors(width)]


def check_plan(plan: FoldPlan, height: int, width: int) -> None:
    """Refuse a tile that does not divide the frame.

    Raises
    ------
    ScheduleError
        With the factors that do.
    """
    for name, size, factor in (("height", height, plan.unroll[0]), ("width", width, plan.unroll[1])):
        legal = divisors(size)
        if factor not in legal:
            raise ScheduleError(
                f"unroll {plan.unroll[0]}x{plan.unroll[1]}: {factor} does not divide the {name} {size} of the frame, "
                f"allowed: {', '.join(map(str, legal))}"
            )
