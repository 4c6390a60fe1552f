"""Which processors and tiles can have maxima by membrane potential (`compiler.folding.rivals` has how they work)."""

from __future__ import annotations

from compiler.charging.charges import clearing_way
from compiler.folding.axis import Axis
from compiler.networks.layers import Pool2d
from compiler.networks.network import LayeredNetwork
from compiler.plan import FoldPlan, legal_tiles
from isa_spec.errors import ResourceError, ScheduleError
from isa_spec.spec import ProcessorSpec, load_profile, profile_names


def check_pools(network: LayeredNetwork, spec: ProcessorSpec, plan: FoldPlan) -> None:
    """Refuse processors on which the units of a window cannot be reset together, neither by groups nor by a circuit.

    Raises
    ------
    ResourceError
        With what is missing.
    ScheduleError
        If the plan clears in a way that the circuit cannot have.
    """
    if not network.pools or spec.pooling_groups:
        return
    where = f"layer '{network.pools[0].name}', rule 'membrane'"
    missing = _missing(spec)
    if missing:
        fitting = [name for name in profile_names() if _fits(network, load_profile(name))]
        raise ResourceError(
            f"{where}: needs pooling groups, or as a circuit reset = zero and potential_floor = 0; profile {spec.name} "
            f"has pooling_groups = false and {missing}; choose a profile that fits ({', '.join(fitting)}), or the "
            "rule 'or'",
            limit="pooling_groups",
            used=1,
            allowed=0,
        )
    if clearing_way(plan.clearing, spec) != "floor":
        raise ScheduleError(
            f"{where}: clearing '{plan.clearing}' makes every unit fire, and units of a window would reset each other "
            "after that; allowed without pooling groups: floor"
        )


def _missing(spec: ProcessorSpec) -> str:
    """Why a processor cannot have the circuit, if it cannot."""
    if spec.reset != "zero":
        return f"reset = {spec.reset}"
    if spec.potential_floor != 0:
        return f"potential_floor = {'none' if spec.potential_floor is None else spec.potential_floor}"
    return ""


def _fits(network: LayeredNetwork, spec: ProcessorSpec) -> bool:
    same = spec.reset == network.reset and spec.leak == "none"
    return same and (spec.pooling_groups or (not _missing(spec) and spec.weight_min < 0))


def check_windows(pool: Pool2d, size: int, tile: int, axis: int, taps: Axis) -> None:
    """Refuse a tile of what a pool reads that does not hold whole windows.

    Parameters
    ----------
    pool : Pool2d
    size, tile : int
        Of the map that it reads, along the axis.
    axis : int
        0 for rows, 1 for columns.
    taps : Axis
        Of the pool.

    Raises
    ------
    ScheduleError
        With the tiles that are possible.
    """
    if tile >= size:
        return
    stride, line = pool.stride[axis], ("rows", "columns")[axis]
    beyond = size - taps.size * stride
    if beyond <= 0 and tile % stride == 0 and taps.pitch == 1:
        return
    wider = sorted({*(one for one in legal_tiles(tile, size) if one >= tile), size})
    allowed = [one for one in wider if one == size or (beyond <= 0 and one % stride == 0)]
    why = f"moved by {stride} do not lie within it"
    if beyond > 0:
        why = f"leave {beyond} of them over, which would be on the lanes of a window"
    elif tile % stride == 0:
        why = f"are read from {taps.pitch} tiles at once"
    raise ScheduleError(
        f"layer '{pool.name}', rule 'membrane': '{pool.sources[0]}' comes in tiles of {tile} of its {size} {line}, and "
        f"windows {why}; a tile has to hold whole windows; allowed: {', '.join(map(str, allowed))} (choose another "
        f"unroll, or a larger tile for '{pool.sources[0]}'), or the rule 'or'"
    )
