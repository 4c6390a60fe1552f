"""What resets the units of a window together: a group of the processor, or synapses from each to all others."""

from __future__ import annotations

import numpy as np

from compiler.folding.rivals import Rivals
from compiler.graph import GraphBuilder
from compiler.stages import Stage


def emit_group(builder: GraphBuilder, stage: Stage, sources: np.ndarray, units: np.ndarray) -> None:
    """Make the units of a pool outputs of groups.

    Parameters
    ----------
    builder : GraphBuilder
    stage : Stage
        The pool's.
    sources, units : int64[n_lanes]
        Neurons of the lanes that it reads, and its own.
    """
    channels = stage.contract.channels
    builder.group(sources.reshape(channels, -1)[:, stage.group], units.reshape(channels, -1, 1))


def emit_rivals(builder: GraphBuilder, rivals: Rivals, units: np.ndarray) -> None:
    """Emit what units send each other, to arrive a cycle after they have fired."""
    windows = units.reshape(len(rivals.charge), -1)[:, rivals.members]
    others = rivals.charge[:, None, None, None] * (1 - np.eye(windows.shape[2], dtype=np.int64))
    builder.synapses(windows[:, :, :, None], windows[:, :, None, :], others, 1)
