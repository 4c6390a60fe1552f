"""The latch: what makes a unit that has fired fire to the end of its slot."""

from __future__ import annotations

import numpy as np

from compiler.graph import GraphBuilder
from compiler.stages import Stage


def emit_latch(builder: GraphBuilder, stage: Stage, units: np.ndarray) -> None:
    """Emit the synapse of every latched unit of a layer onto itself."""
    by_channel = units.reshape(stage.contract.lane_channels, -1)
    builder.synapses(by_channel, by_channel, stage.charges.latch[:, None], 1)
